// SPDX-License-Identifier: Apache-2.0
#include "conf/doc.h"

#include "base/alloc.h"
#include "conf/doc_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kc_doc *wrap(json_t *object)
{
    struct kc_doc *doc = kc_new0(struct kc_doc);
    doc->object = object;
    return doc;
}

struct kc_doc *kc_doc_new(void)
{
    return wrap(json_object());
}

/* Texts may be passwords. What another document holds too is still needed there. */
static void wipe(json_t *value)
{
    const char *key;
    json_t *child;
    size_t i;
    union {
        const char *theirs;
        char *ours; /* jansson's own copy */
    } text = { .theirs = json_string_value(value) };
    if (__atomic_load_n(&value->refcount, __ATOMIC_ACQUIRE) > 1)
        return;
    if (text.theirs)
        explicit_bzero(text.ours, json_string_length(value));
    json_object_foreach(value, key, child) wipe(child);
    json_array_foreach(value, i, child) wipe(child);
}

void kc_doc_free(struct kc_doc *doc)
{
    if (!doc)
        return;
    wipe(doc->object);
    json_decref(doc->object);
    free(doc);
}

/* What some editors put in front of a file. */
static struct kc_text without_mark(struct kc_text t)
{
    bool has_mark = t.len >= 3 && memcmp(t.p, "\xef\xbb\xbf", 3) == 0;
    return has_mark ? (struct kc_text){ t.p + 3, t.len - 3 } : t;
}

struct kc_doc *kc_doc_parse(struct kc_text text, struct kc_error *err)
{
    text = without_mark(text);
    if (text.len > KC_DOC_MAX_BYTES) {
        kc_error_set(err, KC_CONFIG, 0, "larger than %d bytes", KC_DOC_MAX_BYTES);
        return NULL;
    }
    if (text.len > 0 && memchr(text.p, '\0', text.len)) { /* jansson overlooks some */
        kc_error_set(err, KC_CONFIG, 0, "not valid JSON: it holds a NUL byte");
        return NULL;
    }
    json_error_t why;
    json_t *root = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!root) {
        /* jansson's text quotes what stands near the error; that may be half a password */
        char *near_quote = strstr(why.text, " near '");
        if (near_quote)
            *near_quote = '\0';
        kc_error_set(err, KC_CONFIG, 0, "not valid JSON: line %d, column %d: %s", why.line,
                     why.column, why.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        kc_error_set(err, KC_CONFIG, 0, "must be a JSON object, {\"field\": value}");
        return NULL;
    }
    return wrap(root);
}

struct kc_doc *kc_doc_load(const char *path, struct kc_error *err)
{
    struct kc_doc *doc = NULL;
    if (path[strspn(path, " \t\r\n")] == '{') { /* with a password in it, perhaps */
        kc_error_set(err, KC_CONFIG, 0,
                     "the name of a file is wanted, not the JSON itself, which goes into an "
                     "environment variable: KAFKA_COMPONENT_CREDENTIALS");
        return NULL;
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        kc_error_set(err, KC_CONFIG, errno, "%s", strerror(errno));
        kc_error_wrap(err, "read '%s'", path);
        return NULL;
    }
    char *text = kc_alloc0(KC_DOC_MAX_BYTES + 1, 1);
    size_t len = fread(text, 1, KC_DOC_MAX_BYTES + 1, file);
    if (ferror(file))
        kc_error_set(err, KC_CONFIG, errno, "%s", strerror(errno));
    else
        doc = kc_doc_parse((struct kc_text){ text, len }, err);
    if (!doc)
        kc_error_wrap(err, "read '%s'", path);
    explicit_bzero(text, len);
    free(text);
    fclose(file);
    return doc;
}

struct kc_doc *kc_doc_from_env(const char *value, struct kc_error *err)
{
    if (value[0] == '@')
        return kc_doc_load(value + 1, err);
    if (value[0] != '/' && value[0] != '.')
        return kc_doc_parse(kc_text(value), err);
    kc_error_set(err, KC_CONFIG, 0, "not valid JSON: a file is named with @ in front");
    return NULL;
}

void kc_doc_put(struct kc_doc *doc, const char *key, const char *text)
{
    json_object_set_new_nocheck(doc->object, key, json_string_nocheck(text));
}

bool kc_doc_has(const struct kc_doc *doc, const char *key)
{
    return json_object_get(doc->object, key) != NULL;
}

bool kc_doc_is_empty(const struct kc_doc *doc)
{
    return json_object_size(doc->object) == 0;
}

bool kc_doc_is_equal(const struct kc_doc *a, const struct kc_doc *b)
{
    return a && b ? json_equal(a->object, b->object) : !a && !b;
}

void kc_doc_overlay(struct kc_doc *doc, const struct kc_doc *over)
{
    json_object_update(doc->object, over->object);
}

struct kc_doc *kc_doc_take_object(struct kc_doc *doc, const char *key)
{
    json_t *child = json_object_get(doc->object, key);
    if (!json_is_object(child))
        return NULL;
    json_incref(child);
    json_object_del(doc->object, key);
    return wrap(child);
}

bool kc_doc_is_null(const struct kc_doc *doc, const char *key)
{
    const json_t *value = json_object_get(doc->object, key);
    return !value || json_is_null(value);
}

bool kc_doc_is_text(const struct kc_doc *doc, const char *key)
{
    return json_is_string(json_object_get(doc->object, key));
}

void kc_doc_remove(struct kc_doc *doc, const char *key)
{
    (void)json_object_del(doc->object, key);
}

static int append(const char *text, size_t len, void *out)
{
    return kc_buf_append(out, text, len) ? 0 : -1;
}

void kc_doc_print(const struct kc_doc *doc, struct kc_buf *out)
{
    (void)json_dump_callback(doc->object, append, out, JSON_COMPACT | JSON_SORT_KEYS);
}

const char *kc_doc_library(void)
{
    static char text[64];
    snprintf(text, sizeof(text), "jansson %s", jansson_version_str());
    return text;
}
