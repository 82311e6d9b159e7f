// SPDX-License-Identifier: Apache-2.0
/* field.h - a setting is described once, in a row of a table.
 *
 * The rows drive parsing, checks, defaults, --help, component.json, the schemas and the docs
 * page. A table is const and ends with an empty row; it fills a plain struct of the module that
 * owns it. */
#ifndef KC_CONF_FIELD_H
#define KC_CONF_FIELD_H

#include "base/faults.h"
#include "conf/doc.h"

#include <stddef.h>

enum kc_type {
    KC_TEXT,   /* char *, owned by the struct; NULL when absent */
    KC_INT,    /* int */
    KC_BOOL,   /* bool */
    KC_CHOICE, /* int: the index in choices */
};

struct kc_choice {
    const char *name;    /* "scram-sha-512": what we write and document */
    const char *label;   /* "SCRAM-SHA-512": what a form shows */
    const char *aliases; /* other spellings taken, separated by '|'; NULL for none */
};

struct kc_field {
    const char *name; /* NULL ends the table */
    enum kc_type type;
    size_t offset; /* KC_AT() */
    bool required;
    bool secret;        /* never logged, never in argv */
    bool multiline;     /* PEM and the like */
    bool operator_only; /* names a file: never from a flow or a request */
    int min, max;       /* KC_INT */
    const char *fallback;
    const struct kc_choice *choices;
    const char *kafka; /* librdkafka's property, where there is exactly one */
    const char *label;
    const char *help;
    const char *example;
};

#define KC_AT(type, member) .offset = offsetof(struct type, member)

enum kc_unknown {
    KC_UNKNOWN_IS_ERROR,
    KC_UNKNOWN_IS_WARNING
};

/* Fills conf, which the caller zeroed, from doc and the rows' defaults. Every wrong field
 * becomes a fault with its pointer; false when any was added. kc_fields_free(conf) is due
 * either way. */
bool kc_fields_read(const struct kc_field *fields, void *conf, const struct kc_doc *doc,
                    enum kc_unknown unknown, struct kc_faults *faults) KC_MUST_CHECK;

/* Checks a document that serves several tables (ended by NULL), such as the settings of a
 * server for all entry points: every member must stand in one of them, and be right there. None
 * is required. */
bool kc_fields_check(const struct kc_field *const *tables, const struct kc_doc *doc,
                     struct kc_faults *faults) KC_MUST_CHECK;

/* Frees the texts, wiping the secret ones. */
void kc_fields_free(const struct kc_field *fields, void *conf);

/* What a number's field would hold; its fallback where doc says nothing that can be used. */
int kc_fields_int(const struct kc_field *fields, const char *name, const struct kc_doc *doc);

/* A copy of a struct of that size, with texts of its own. */
void kc_fields_copy(const struct kc_field *fields, void *to, const void *from, size_t size);
bool kc_fields_equal(const struct kc_field *fields, const void *a, const void *b);

/* The members of doc that the table knows: the caller's. */
struct kc_doc *kc_fields_pick(const struct kc_field *fields, const struct kc_doc *doc);

const struct kc_field *kc_field_find(const struct kc_field *fields, struct kc_text name);

/* The field of the table nearest to a name that it does not have; NULL when none is near. */
const char *kc_field_nearest(const struct kc_field *fields, struct kc_text name);

#endif
