// SPDX-License-Identifier: Apache-2.0
#include "conf/field.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "conf/doc_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX 64 /* rows of one table */
#define TABLES_MAX 4  /* that share a document */

const struct kc_field *kc_field_find(const struct kc_field *fields, struct kc_text name)
{
    for (; fields->name; fields++) {
        if (kc_text_is(name, fields->name))
            return fields;
    }
    return NULL;
}

const char *kc_field_nearest(const struct kc_field *fields, struct kc_text name)
{
    const char *names[FIELDS_MAX + 1] = { NULL };
    for (size_t i = 0; fields[i].name && i < FIELDS_MAX; i++)
        names[i] = fields[i].name;
    return kc_text_nearest(name, names);
}

static bool matches(const char *spelling, size_t len, struct kc_text value)
{
    return len == value.len && strncasecmp(spelling, value.p, len) == 0;
}

static bool has_alias(const char *aliases, struct kc_text value)
{
    for (const char *a = aliases; a && *a;) {
        size_t len = strcspn(a, "|");
        if (matches(a, len, value))
            return true;
        a += len + (a[len] == '|');
    }
    return false;
}

static int find_choice(const struct kc_choice *choices, struct kc_text value)
{
    for (int i = 0; choices[i].name; i++) {
        if (matches(choices[i].name, strlen(choices[i].name), value) ||
            has_alias(choices[i].aliases, value))
            return i;
    }
    return -1;
}

/* What a form or a person may mean by a ticked box. */
static bool parse_bool(struct kc_text t, bool *out)
{
    static const char *const yes[] = { "true", "on", "1", "yes" };
    static const char *const no[] = { "false", "off", "0", "no" };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (matches(yes[i], strlen(yes[i]), t) || matches(no[i], strlen(no[i]), t)) {
            *out = matches(yes[i], strlen(yes[i]), t);
            return true;
        }
    }
    return false;
}

static void fault(struct kc_faults *faults, const struct kc_field *f, const char *text)
{
    char pointer[128] = "/";
    strncat(pointer, f->name, sizeof(pointer) - 2);
    kc_faults_add(faults, pointer, "%s", text);
}

static void fault_choice(struct kc_faults *faults, const struct kc_field *f)
{
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_puts(&text, "must be one of ");
    for (int i = 0; f->choices[i].name; i++)
        kc_buf_printf(&text, "%s%s", i ? ", " : "", f->choices[i].name);
    char *s = kc_buf_take(&text);
    fault(faults, f, s);
    free(s);
}

static void set_int(const struct kc_field *f, void *at, struct kc_text value,
                    struct kc_faults *faults)
{
    int64_t n;
    char text[160];
    if (!kc_text_int(value, INT64_MIN, INT64_MAX, &n)) {
        snprintf(text, sizeof(text), "must be a whole number from %d to %d", f->min, f->max);
        fault(faults, f, text);
    } else if (n < f->min || n > f->max) {
        snprintf(text, sizeof(text), "%lld is %s %d", (long long)n,
                 n < f->min ? "below" : "above", n < f->min ? f->min : f->max);
        fault(faults, f, text);
    } else {
        *(int *)at = (int)n;
    }
}

static void set_from_text(const struct kc_field *f, void *conf, struct kc_text value,
                          struct kc_faults *faults)
{
    void *at = (char *)conf + f->offset;
    switch (f->type) {
    case KC_TEXT:
        *(char **)at = kc_strndup(value.p, value.len);
        break;
    case KC_INT:
        set_int(f, at, value, faults);
        break;
    case KC_BOOL:
        if (!parse_bool(value, at))
            fault(faults, f, "must be true or false");
        break;
    case KC_CHOICE: {
        int i = find_choice(f->choices, value);
        if (i < 0)
            fault_choice(faults, f);
        else
            *(int *)at = i;
        break;
    }
    }
}

/* Numbers and booleans are taken where a text is wanted, and the other way round: forms and
 * --set know only text. */
static void set_from_json(const struct kc_field *f, void *conf, const json_t *value,
                          struct kc_faults *faults)
{
    char number[32];
    if (json_is_string(value)) {
        set_from_text(f, conf,
                      (struct kc_text){ json_string_value(value), json_string_length(value) },
                      faults);
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        set_from_text(f, conf, kc_text(number), faults);
    } else if (json_is_boolean(value) && (f->type == KC_BOOL || f->type == KC_TEXT)) {
        set_from_text(f, conf, kc_text(json_is_true(value) ? "true" : "false"), faults);
    } else {
        static const char *const wanted[] = {
            [KC_TEXT] = "must be a text",
            [KC_INT] = "must be a whole number",
            [KC_BOOL] = "must be true or false",
            [KC_CHOICE] = "must be a text",
        };
        fault(faults, f, wanted[f->type]);
    }
}

/* Forms leave what was not filled in as null or "". */
static bool is_absent(const json_t *value)
{
    return !value || json_is_null(value) ||
           (json_is_string(value) && !*json_string_value(value));
}

static void fault_unknown(const struct kc_field *fields, const char *key,
                          enum kc_unknown unknown, struct kc_faults *faults)
{
    const char *nearest = kc_field_nearest(fields, kc_text(key));
    if (unknown == KC_UNKNOWN_IS_WARNING) {
        kc_log(KC_WARN, "unknown_field", KC_S("field", key), KC_S("nearest", nearest));
        return;
    }
    char pointer[128];
    snprintf(pointer, sizeof(pointer), "/%s", key);
    if (nearest)
        kc_faults_add(faults, pointer, "unknown; did you mean '%s'?", nearest);
    else
        kc_faults_add(faults, pointer, "unknown; --help lists the fields");
}

bool kc_fields_read(const struct kc_field *fields, void *conf, const struct kc_doc *doc,
                    enum kc_unknown unknown, struct kc_faults *faults)
{
    size_t before = faults->count + faults->dropped;
    for (const struct kc_field *f = fields; f->name; f++) {
        const json_t *value = json_object_get(doc->object, f->name);
        if (!is_absent(value))
            set_from_json(f, conf, value, faults);
        else if (f->required)
            fault(faults, f, "required");
        else if (f->fallback)
            set_from_text(f, conf, kc_text(f->fallback), faults);
    }
    const char *key;
    json_t *value;
    json_object_foreach(doc->object, key, value)
    {
        if (!kc_field_find(fields, kc_text(key)))
            fault_unknown(fields, key, unknown, faults);
    }
    return faults->count + faults->dropped == before;
}

/* Reads one value as the table does, into a struct that is thrown away. */
static void check_value(const struct kc_field *fields, const struct kc_field *f,
                        const json_t *value, struct kc_faults *faults)
{
    size_t size = 0;
    for (const struct kc_field *other = fields; other->name; other++) {
        if (other->offset + sizeof(void *) > size)
            size = other->offset + sizeof(void *);
    }
    void *scratch = kc_alloc0(1, size);
    if (!is_absent(value))
        set_from_json(f, scratch, value, faults);
    kc_fields_free(fields, scratch);
    free(scratch);
}

static void fault_unknown_to_all(const struct kc_field *const *tables, const char *key,
                                 struct kc_faults *faults)
{
    const char *names[TABLES_MAX * FIELDS_MAX + 1] = { NULL };
    size_t count = 0;
    for (; *tables; tables++) {
        for (const struct kc_field *f = *tables; f->name && count < TABLES_MAX * FIELDS_MAX;
             f++)
            names[count++] = f->name;
    }
    const char *nearest = kc_text_nearest(kc_text(key), names);
    char pointer[128];
    snprintf(pointer, sizeof(pointer), "/%s", key);
    kc_faults_add(faults, pointer, nearest ? "unknown; did you mean '%s'?" : "unknown%s",
                  nearest ? nearest : "");
}

bool kc_fields_check(const struct kc_field *const *tables, const struct kc_doc *doc,
                     struct kc_faults *faults)
{
    size_t before = faults->count + faults->dropped;
    const char *key;
    json_t *value;
    json_object_foreach(doc->object, key, value)
    {
        const struct kc_field *f = NULL;
        for (size_t i = 0; tables[i] && !f; i++) {
            f = kc_field_find(tables[i], kc_text(key));
            if (f)
                check_value(tables[i], f, value, faults);
        }
        if (!f)
            fault_unknown_to_all(tables, key, faults);
    }
    return faults->count + faults->dropped == before;
}

void kc_fields_free(const struct kc_field *fields, void *conf)
{
    for (const struct kc_field *f = fields; f->name; f++) {
        if (f->type != KC_TEXT)
            continue;
        char **text = (char **)((char *)conf + f->offset);
        if (*text && f->secret)
            explicit_bzero(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}

/* --- without the struct that a table was made for --- */

static size_t size_of(const struct kc_field *f)
{
    switch (f->type) {
    case KC_TEXT:
        return sizeof(char *);
    case KC_BOOL:
        return sizeof(bool);
    default:
        return sizeof(int);
    }
}

int kc_fields_int(const struct kc_field *fields, const char *name, const struct kc_doc *doc)
{
    int n = 0;
    struct kc_faults faults;
    const struct kc_field *f = kc_field_find(fields, kc_text(name));
    const json_t *value = json_object_get(doc->object, name);
    struct kc_field row = *f;
    row.offset = 0;
    kc_faults_init(&faults);
    if (f->fallback)
        set_from_text(&row, &n, kc_text(f->fallback), &faults);
    if (!is_absent(value))
        set_from_json(&row, &n, value, &faults);
    kc_faults_deinit(&faults);
    return n;
}

void kc_fields_copy(const struct kc_field *fields, void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    for (const struct kc_field *f = fields; f->name; f++) {
        char **text = (char **)((char *)to + f->offset);
        if (f->type == KC_TEXT)
            *text = kc_strdup(*text);
    }
}

bool kc_fields_equal(const struct kc_field *fields, const void *a, const void *b)
{
    for (const struct kc_field *f = fields; f->name; f++) {
        const void *one = (const char *)a + f->offset, *other = (const char *)b + f->offset;
        if (f->type != KC_TEXT) {
            if (memcmp(one, other, size_of(f)) != 0)
                return false;
            continue;
        }
        const char *text = *(char *const *)one, *other_text = *(char *const *)other;
        if (!text != !other_text || (text && strcmp(text, other_text) != 0))
            return false;
    }
    return true;
}

struct kc_doc *kc_fields_pick(const struct kc_field *fields, const struct kc_doc *doc)
{
    struct kc_doc *picked = kc_doc_new();
    for (const struct kc_field *f = fields; f->name; f++) {
        json_t *value = json_object_get(doc->object, f->name);
        if (value)
            json_object_set(picked->object, f->name, value);
    }
    return picked;
}
