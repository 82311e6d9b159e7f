// SPDX-License-Identifier: Apache-2.0
#include "component/describe.h"

#include "base/alloc.h"
#include "component/entries.h"
#include "component/shapes.h"
#include "kafka/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE       "Kafka"
#define DESCRIPTION "Start flows from Apache Kafka and write to it"
#define HELP_PAGE   "/components/kafka/index.html"

#define NOTE_SIZE   1024
#define NOTES_MAX   64

/* Texts that a JSON writer borrows until its document is printed. */
struct notes {
    char text[NOTES_MAX][NOTE_SIZE];
    size_t count;
};

static char *note(struct notes *n)
{
    if (n->count == NOTES_MAX)
        abort(); /* more fields than this page has room for: raise NOTES_MAX */
    n->text[n->count][0] = '\0';
    return n->text[n->count++];
}

static void put(struct kc_json_writer *w, const char *key, const char *value)
{
    if (value)
        kc_json_text(w, kc_text(key), kc_text(value));
}

/* --- component.json --- */

static const char *view_class(const struct kc_field *f)
{
    switch (f->type) {
    case KC_BOOL:
        return "CheckBoxView";
    case KC_CHOICE:
        return "SelectView";
    case KC_TEXT:
        return f->secret      ? "PasswordFieldView"
               : f->multiline ? "TextAreaView"
                              : "TextFieldView";
    case KC_INT:
        break;
    }
    return "TextFieldView";
}

static const char *choice_label(const struct kc_field *f, const char *name)
{
    for (const struct kc_choice *c = f->choices; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c->label;
    }
    return name;
}

/* What the form says behind its "?": the help, the range, and the default, which the platform
 * does not know otherwise. */
static const char *form_note(const struct kc_field *f, struct notes *notes)
{
    char *text = note(notes);
    int len = snprintf(text, NOTE_SIZE, "%s", f->help);
    if (f->type == KC_INT)
        len += snprintf(text + len, NOTE_SIZE - (size_t)len, " From %d to %d.", f->min, f->max);
    if (f->fallback && f->type != KC_BOOL)
        snprintf(text + len, NOTE_SIZE - (size_t)len, " Default: %s.",
                 f->type == KC_CHOICE ? choice_label(f, f->fallback) : f->fallback);
    return text;
}

static void add_form_field(struct kc_json_writer *w, const struct kc_field *f, int order,
                           struct notes *notes)
{
    kc_json_object(w, kc_text(f->name));
    put(w, "label", f->label);
    put(w, "viewClass", view_class(f));
    kc_json_bool(w, KC_LIT("required"), f->required);
    kc_json_int(w, KC_LIT("order"), order);
    if (f->type == KC_CHOICE) {
        kc_json_object(w, KC_LIT("model"));
        for (const struct kc_choice *c = f->choices; c->name; c++)
            put(w, c->name, c->label);
        kc_json_end(w);
        put(w, "prompt", f->fallback ? choice_label(f, f->fallback) : "By mechanism");
    } else if (f->type != KC_BOOL && !f->secret) {
        put(w, "placeholder", f->example ? f->example : f->fallback);
    }
    put(w, "note", form_note(f, notes));
    kc_json_end(w);
}

static void add_form(struct kc_json_writer *w, const struct kc_field *fields,
                     struct notes *notes)
{
    int order = 990;
    kc_json_object(w, KC_LIT("fields"));
    for (const struct kc_field *f = fields; f->name; f++, order -= 10) {
        if (!f->operator_only)
            add_form_field(w, f, order, notes);
    }
    kc_json_end(w);
}

static void add_members(struct kc_json_writer *w, const struct kc_member *members)
{
    put(w, "type", "object");
    kc_json_object(w, KC_LIT("properties"));
    for (const struct kc_member *m = members; m->name; m++) {
        kc_json_object(w, kc_text(m->name));
        put(w, "type", m->type);
        kc_json_bool(w, KC_LIT("required"), m->required);
        put(w, "title", m->title);
        put(w, "description", m->help);
        if (m->items) {
            kc_json_object(w, KC_LIT("items"));
            add_members(w, m->items);
            kc_json_end(w);
        }
        kc_json_end(w);
    }
    kc_json_end(w);
}

static void add_metadata(struct kc_json_writer *w, const struct kc_entry *e)
{
    if (e->in) {
        kc_json_object(w, KC_LIT("in"));
        add_members(w, e->in);
        kc_json_end(w);
    }
    kc_json_object(w, KC_LIT("out"));
    add_members(w, e->out);
    kc_json_end(w);
}

static void add_entry(struct kc_json_writer *w, const struct kc_entry *e, int order,
                      struct notes *notes)
{
    char *main = note(notes), *link = note(notes);
    snprintf(main, NOTE_SIZE, "./lib/%s/%s.js", e->kind == KC_TRIGGER ? "triggers" : "actions",
             e->name);
    snprintf(link, NOTE_SIZE, "%s#%s", HELP_PAGE, e->name);
    kc_json_object(w, kc_text(e->name));
    put(w, "title", e->title);
    put(w, "main", main);
    if (e->kind == KC_TRIGGER)
        put(w, "type", "polling");
    kc_json_int(w, KC_LIT("order"), order);
    kc_json_object(w, KC_LIT("help"));
    put(w, "description", e->help);
    put(w, "link", link);
    kc_json_end(w);
    add_form(w, e->fields, notes);
    kc_json_object(w, KC_LIT("metadata"));
    add_metadata(w, e);
    kc_json_end(w);
    kc_json_end(w);
}

static void add_entries(struct kc_json_writer *w, const char *key, enum kc_kind kind,
                        struct notes *notes)
{
    kc_json_object(w, kc_text(key));
    for (int i = 0; kc_entries[i]; i++) {
        if (kc_entries[i]->kind == kind)
            add_entry(w, kc_entries[i], 99 - i, notes);
    }
    kc_json_end(w);
}

static void write_component(struct kc_json_writer *w, struct notes *notes)
{
    put(w, "title", TITLE);
    put(w, "description", DESCRIPTION);
    put(w, "version", KC_VERSION);
    put(w, "buildType", "docker");
    kc_json_object(w, KC_LIT("credentials"));
    add_form(w, kc_credentials_fields, notes);
    kc_json_end(w);
    add_entries(w, "triggers", KC_TRIGGER, notes);
    add_entries(w, "actions", KC_ACTION, notes);
}

/* --- JSON Schema --- */

static void add_default(struct kc_json_writer *w, const struct kc_field *f)
{
    int64_t number;
    if (!f->fallback)
        return;
    if (f->type == KC_INT && kc_text_int(kc_text(f->fallback), f->min, f->max, &number))
        kc_json_int(w, KC_LIT("default"), number);
    else if (f->type == KC_BOOL)
        kc_json_bool(w, KC_LIT("default"), strcmp(f->fallback, "true") == 0);
    else
        put(w, "default", f->fallback);
}

static void add_schema_property(struct kc_json_writer *w, const struct kc_field *f)
{
    kc_json_object(w, kc_text(f->name));
    put(w, "title", f->label);
    put(w, "description", f->help);
    put(w, "type", f->type == KC_INT ? "integer" : f->type == KC_BOOL ? "boolean" : "string");
    if (f->type == KC_INT) {
        kc_json_int(w, KC_LIT("minimum"), f->min);
        kc_json_int(w, KC_LIT("maximum"), f->max);
    }
    if (f->type == KC_CHOICE) {
        kc_json_array(w, KC_LIT("enum"));
        for (const struct kc_choice *c = f->choices; c->name; c++)
            kc_json_text(w, KC_NO_TEXT, kc_text(c->name));
        kc_json_end(w);
    }
    add_default(w, f);
    if (f->secret)
        kc_json_bool(w, KC_LIT("writeOnly"), true);
    kc_json_end(w);
}

static void add_required(struct kc_json_writer *w, const struct kc_field *fields)
{
    kc_json_array(w, KC_LIT("required"));
    for (const struct kc_field *f = fields; f->name; f++) {
        if (f->required)
            kc_json_text(w, KC_NO_TEXT, kc_text(f->name));
    }
    kc_json_end(w);
}

void kc_describe_properties(struct kc_json_writer *w, const struct kc_field *fields,
                            bool of_request)
{
    for (const struct kc_field *f = fields; f->name; f++) {
        if (!of_request || !f->operator_only)
            add_schema_property(w, f);
    }
}

void kc_describe_fields(struct kc_json_writer *w, const char *title,
                        const struct kc_field *fields, bool of_request)
{
    put(w, "title", title);
    put(w, "type", "object");
    kc_json_object(w, KC_LIT("properties"));
    kc_describe_properties(w, fields, of_request);
    kc_json_end(w);
    if (!of_request)
        add_required(w, fields);
    kc_json_bool(w, KC_LIT("additionalProperties"), false);
}

/* --- the documents --- */

void kc_describe_component(struct kc_buf *out)
{
    struct notes *notes = kc_new0(struct notes);
    struct kc_json_writer *w = kc_json_writer_new();
    kc_json_begin(w);
    write_component(w, notes);
    if (!kc_json_finish_pretty(w, out))
        abort(); /* our own texts are UTF-8 */
    kc_buf_puts(out, "\n");
    kc_json_writer_free(w);
    free(notes);
}

void kc_describe_metadata(const struct kc_entry *entry, struct kc_buf *out)
{
    struct kc_json_writer *w = kc_json_writer_new();
    kc_json_begin(w);
    add_metadata(w, entry);
    if (!kc_json_finish(w, out))
        abort(); /* our own texts are UTF-8 */
    kc_json_writer_free(w);
}

static void print_schema(struct kc_buf *out, const char *title, const struct kc_field *fields)
{
    struct kc_json_writer *w = kc_json_writer_new();
    kc_json_begin(w);
    put(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    kc_describe_fields(w, title, fields, false);
    if (!kc_json_finish_pretty(w, out))
        abort(); /* our own texts are UTF-8 */
    kc_buf_puts(out, "\n");
    kc_json_writer_free(w);
}

bool kc_describe_schema(const char *name, struct kc_buf *out)
{
    const struct kc_entry *entry = kc_entry_find(name);
    struct kc_text shape = kc_shape(name);
    if (entry)
        print_schema(out, entry->title, entry->fields);
    else if (strcmp(name, "credentials") == 0)
        print_schema(out, "How to reach Kafka", kc_credentials_fields);
    else if (shape.p)
        kc_buf_text(out, shape);
    else
        return false;
    return true;
}

/* --- documentation --- */

static void print_type(struct kc_buf *out, const struct kc_field *f)
{
    switch (f->type) {
    case KC_TEXT:
        kc_buf_printf(out, "%s",
                      f->secret      ? "secret text"
                      : f->multiline ? "text of several lines"
                                     : "text");
        break;
    case KC_INT:
        kc_buf_printf(out, "whole number, %d to %d", f->min, f->max);
        break;
    case KC_BOOL:
        kc_buf_printf(out, "boolean");
        break;
    case KC_CHOICE:
        for (const struct kc_choice *c = f->choices; c->name; c++)
            kc_buf_printf(out, "%s`%s`", c == f->choices ? "" : ", ", c->name);
        break;
    }
}

static void print_table(struct kc_buf *out, const char *title, const struct kc_field *fields)
{
    kc_buf_printf(
        out,
        "\n## %s\n\n| field | type | default | Kafka's property | |\n|---|---|---|---|---|\n",
        title);
    for (const struct kc_field *f = fields; f->name; f++) {
        kc_buf_printf(out, "| `%s` | ", f->name);
        print_type(out, f);
        kc_buf_printf(out, " | %s%s%s | %s%s%s | %s%s |\n", f->fallback ? "`" : "",
                      f->required   ? "required"
                      : f->fallback ? f->fallback
                                    : "",
                      f->fallback ? "`" : "", f->kafka ? "`" : "", f->kafka ? f->kafka : "",
                      f->kafka ? "`" : "", f->help, f->operator_only ? " (operator only)" : "");
    }
}

void kc_describe_markdown(struct kc_buf *out)
{
    kc_buf_printf(
        out,
        "<!-- made by `make docs` from the field tables in src/: do not edit -->\n# All "
        "fields\n\n"
        "Credentials say how to reach Kafka; the fields of a step say what it does there.\n"
        "`kafka-component run produce --help` shows the same on a terminal.\n");
    print_table(out, "Credentials", kc_credentials_fields);
    for (size_t i = 0; kc_entries[i]; i++)
        print_table(out, kc_entries[i]->name, kc_entries[i]->fields);
}
