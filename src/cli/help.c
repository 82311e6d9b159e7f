// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include "conf/doc.h"
#include "kafka/credentials.h"
#include "kafka/library.h"
#include "net/http.h"
#include "runtime/json.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 26
#define WIDTH  92

/* A name in the left column, a text wrapped in the right one. */
static void print_row(const char *name, const char *text)
{
    int used = printf("  %-*s ", COLUMN - 3, name);
    if (used > COLUMN)
        printf("\n%*s", COLUMN, "");
    int at = COLUMN;
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (at + len > WIDTH && at > COLUMN) {
            printf("\n%*s", COLUMN, "");
            at = COLUMN;
        }
        printf("%.*s ", len, text);
        at += len + 1;
        text += len;
        text += strspn(text, " ");
    }
    printf("\n");
}

static void print_options(const char *command)
{
    printf("\nOptions:\n");
    for (const struct kc_option *o = kc_options_table; o->name; o++) {
        char name[64];
        if (!kc_option_belongs(o, command))
            continue;
        snprintf(name, sizeof(name), "%s%s%s", o->name, o->argument ? " " : "",
                 o->argument ? o->argument : "");
        print_row(name, o->help);
    }
}

static void append_choices(char *text, size_t size, const struct kc_field *f)
{
    for (int i = 0; f->choices[i].name; i++) {
        size_t len = strlen(text);
        snprintf(text + len, size - len, "%s%s", i ? ", " : " One of ", f->choices[i].name);
    }
    size_t len = strlen(text);
    snprintf(text + len, size - len, ".");
}

static void print_fields(const char *title, const struct kc_field *fields)
{
    printf("\n%s\n", title);
    for (const struct kc_field *f = fields; f->name; f++) {
        char text[1024];
        snprintf(text, sizeof(text), "%s", f->help);
        if (f->type == KC_CHOICE)
            append_choices(text, sizeof(text), f);
        size_t len = strlen(text);
        if (f->type == KC_INT)
            len += (size_t)snprintf(text + len, sizeof(text) - len, " From %d to %d.", f->min,
                                    f->max);
        if (f->fallback)
            snprintf(text + len, sizeof(text) - len, " Default: %s.", f->fallback);
        if (f->required)
            snprintf(text + len, sizeof(text) - len, " Required.");
        if (f->secret)
            snprintf(text + len, sizeof(text) - len, " Not with --set.");
        print_row(f->name, text);
    }
}

static const char settings_text[] = "\nSettings come from the environment, then from files, "
                                    "then from --set; what comes later wins,\n"
                                    "field by field. KAFKA_COMPONENT_CREDENTIALS and "
                                    "KAFKA_COMPONENT_CONFIG hold JSON, or @FILE.\n";

static const char exit_text[] = "\nExit codes: 0 all was stored and answered; 64 wrong command "
                                "line; 65 some input was refused;\n"
                                "69 something failed for want of a broker, or was left at the "
                                "end; 70 a bug; 77 sign-in refused;\n"
                                "78 wrong settings.\n";

void kc_help_program(void)
{
    printf("kafka-component: Kafka for low-code flows\n\n"
           "Usage: kafka-component COMMAND [OPTIONS]\n\nCommands:\n");
    for (const struct kc_command *c = kc_commands; c->name; c++) {
        char name[64];
        snprintf(name, sizeof(name), "%s %s", c->name, c->arguments);
        print_row(name, c->summary);
    }
    print_options("");
    printf(
        "\nExamples:\n"
        "  kafka-component demo\n"
        "  echo '{\"value\":\"hello\"}' | kafka-component run produce --embedded-broker --set "
        "topic=cars\n"
        "  kafka-component run consume --help\n");
    printf("%s", exit_text);
}

void kc_help_command(const struct kc_command *c)
{
    printf("%s\n\nUsage: kafka-component %s %s%s[OPTIONS]\n\n%s\n", c->summary, c->name,
           c->arguments, *c->arguments ? " " : "", c->details);
    print_options(c->name);
    printf("\nExamples:\n%s", c->examples);
    if (kc_option_belongs(&kc_options_table[2], c->name))
        printf("%s%s", settings_text, exit_text);
}

void kc_help_entry(const struct kc_command *c, const struct kc_entry *entry)
{
    printf("%s\n\nUsage: kafka-component %s %s [OPTIONS]\n", entry->help, c->name, entry->name);
    print_fields("Fields, for --set and --config:", entry->fields);
    print_fields("Credentials, for --credentials (and, but for secrets, --set):",
                 kc_credentials_fields);
    print_options(c->name);
    printf("\nExamples:\n%s%s%s", c->examples, settings_text, exit_text);
}

void kc_help_version(void)
{
    printf("kafka-component %s\n%s\n%s\n%s\n%s\n", KC_VERSION, kc_kafka_library(),
           kc_json_library(), kc_doc_library(), kc_http_library());
}
