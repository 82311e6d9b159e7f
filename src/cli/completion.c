// SPDX-License-Identifier: Apache-2.0
/* completion.c - completion scripts, made from the tables of commands, options and fields. */
#include "cli/commands.h"

#include "component/entries.h"
#include "kafka/credentials.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void print_commands(void)
{
    for (const struct kc_command *c = kc_commands; c->name; c++)
        printf("%s%s", c == kc_commands ? "" : " ", c->name);
}

static void print_options_of(const char *command)
{
    const char *gap = "";
    for (const struct kc_option *o = kc_options_table; o->name; o++) {
        if (!kc_option_belongs(o, command))
            continue;
        printf("%s%s", gap, o->name);
        gap = " ";
    }
}

static void print_words(const char *separated_by_bars)
{
    if (*separated_by_bars == '[')
        return; /* the user's own */
    for (const char *p = separated_by_bars; *p; p++)
        putchar(*p == '|' ? ' ' : *p);
}

static void print_credential_keys(void)
{
    for (const struct kc_field *f = kc_credentials_fields; f->name; f++) {
        if (!f->secret)
            printf("%s= ", f->name);
    }
}

static void print_keys(const struct kc_entry *entry)
{
    for (const struct kc_field *f = entry->fields; f->name; f++)
        printf("%s= ", f->name);
}

static void print_set_keys(const struct kc_entry *entry)
{
    print_keys(entry);
    print_credential_keys();
}

static void print_all_set_keys(void)
{
    for (size_t i = 0; kc_entries[i]; i++)
        print_keys(kc_entries[i]);
    print_credential_keys();
}

static void print_bash(void)
{
    printf("# bash completion for kafka-component\n_kafka_component() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local command=${COMP_WORDS[1]} entry=${COMP_WORDS[2]} words=\n"
           "    if [[ $COMP_CWORD -eq 1 ]]; then\n        words='");
    print_commands();
    printf(" ");
    print_options_of("");
    printf("'\n    else case $prev in\n");
    for (const struct kc_option *o = kc_options_table; o->name; o++) {
        if (o->choices)
            printf("        %s) words='%s' ;;\n", o->name, o->choices);
        else if (o->argument && strcmp(o->argument, "FILE") == 0)
            printf("        %s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", o->name);
        else if (o->argument && strcmp(o->argument, "DIR") == 0)
            printf("        %s) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n", o->name);
    }
    printf(
        "        --set)\n            [[ $command =~ ^(serve|verify|models)$ ]] && entry=serve\n"
        "            case $entry in\n");
    for (size_t i = 0; kc_entries[i]; i++) {
        printf("                %s) words='", kc_entries[i]->name);
        print_set_keys(kc_entries[i]);
        printf("' ;;\n");
    }
    printf("                serve) words='");
    print_all_set_keys();
    printf("' ;;\n");
    printf(
        "            esac\n            compopt -o nospace ;;\n        *) case $command in\n");
    for (const struct kc_command *c = kc_commands; c->name; c++) {
        printf("            %s) words='", c->name);
        print_words(c->arguments);
        printf(" ");
        print_options_of(c->name);
        printf("' ;;\n");
    }
    printf("        esac ;;\n    esac; fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
           "complete -F _kafka_component kafka-component\n");
}

static void print_fish_option(const struct kc_option *o, const char *condition)
{
    printf("complete -c kafka-component %s -l %s %s-d '%s'", condition, o->name + 2,
           o->argument ? "-r " : "", o->help);
    if (o->choices)
        printf(" -a '%s'", o->choices);
    else if (o->argument &&
             (strcmp(o->argument, "FILE") == 0 || strcmp(o->argument, "DIR") == 0))
        printf(" -F");
    printf("\n");
}

static void print_fish(void)
{
    printf("# fish completion for kafka-component\ncomplete -c kafka-component -f\n");
    for (const struct kc_command *c = kc_commands; c->name; c++) {
        printf("complete -c kafka-component -n __fish_use_subcommand -a %s -d '%s'\n", c->name,
               c->summary);
        if (*c->arguments) {
            printf("complete -c kafka-component -n '__fish_seen_subcommand_from %s' -a '",
                   c->name);
            print_words(c->arguments);
            printf("'\n");
        }
        for (const struct kc_option *o = kc_options_table; o->name; o++) {
            char condition[128];
            snprintf(condition, sizeof(condition), "-n '__fish_seen_subcommand_from %s'",
                     c->name);
            if (kc_option_belongs(o, c->name))
                print_fish_option(o, condition);
        }
    }
    for (size_t i = 0; kc_entries[i]; i++) {
        printf("complete -c kafka-component -n '__fish_seen_subcommand_from %s' -l set -r -a '",
               kc_entries[i]->name);
        print_set_keys(kc_entries[i]);
        printf("'\n");
    }
    printf("complete -c kafka-component -n '__fish_seen_subcommand_from serve verify models' "
           "-l set -r -a '");
    print_all_set_keys();
    printf("'\n");
}

/* zsh runs bash's script. */
static void print_zsh(void)
{
    printf("#compdef kafka-component\nautoload -U +X bashcompinit && bashcompinit\n");
    print_bash();
}

int kc_command_completion(const struct kc_options *o)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };
    for (size_t i = 0; o->words[1] && i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shells[i].shell, o->words[1]) == 0) {
            shells[i].print();
            return EX_OK;
        }
    }
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_CONFIG, 0, "completion for which shell: bash, zsh or fish?");
    return kc_usage_error(o, &err);
}
