// SPDX-License-Identifier: Apache-2.0
#include "runtime/json.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

/* A tree takes 16 bytes a value; the densest text has a value every second byte. */
#define TREE_FREE_BYTES ((size_t)8 * 1024 * 1024) /* any text may have such a tree … */
#define TREE_PER_BYTE   4                         /* … and a large one this much a byte */
#define TREE_KEEP_BYTES ((size_t)4 * 1024 * 1024) /* kept for the next text */
#define NESTING_MAX     16                        /* of what we write ourselves */

struct kc_json_reader {
    char *tree; /* owned; holds the last document */
    size_t tree_size;
};

struct kc_json_writer {
    yyjson_alc *alc;
    yyjson_mut_doc *doc;
    yyjson_mut_val *open[NESTING_MAX]; /* open[0] is the root */
    size_t depth;
};

static_assert(KC_JSON_PADDING == YYJSON_PADDING_SIZE, "the padding is yyjson's");

/* yyjson_val is what kc_value stands for, outside this file unseen. */
static yyjson_val *in(const struct kc_value *v)
{
    union {
        const struct kc_value *ours;
        yyjson_val *theirs;
    } u = { .ours = v };
    return u.theirs;
}

static const struct kc_value *ours(const yyjson_val *v)
{
    return (const struct kc_value *)v;
}

/* --- reading --- */

struct kc_json_reader *kc_json_reader_new(void)
{
    return kc_new0(struct kc_json_reader);
}

void kc_json_reader_free(struct kc_json_reader *r)
{
    if (!r)
        return;
    free(r->tree);
    free(r);
}

static size_t tree_size_for(size_t text_len)
{
    size_t most = yyjson_read_max_memory_usage(text_len, YYJSON_READ_INSITU);
    size_t ceiling = text_len * TREE_PER_BYTE;
    if (ceiling < TREE_FREE_BYTES)
        ceiling = TREE_FREE_BYTES;
    return most < ceiling ? most : ceiling;
}

/* Room for the tree: pages that are not needed are never touched. */
static void make_room(struct kc_json_reader *r, size_t text_len)
{
    size_t wanted = tree_size_for(text_len);
    if (r->tree && r->tree_size >= wanted && r->tree_size <= TREE_KEEP_BYTES)
        return;
    free(r->tree);
    r->tree = kc_realloc(NULL, wanted, 1);
    r->tree_size = wanted;
}

/* One pass over the values, which stand in memory in the order of the text. */
static bool is_deeper(yyjson_val *root, size_t levels)
{
    size_t left[KC_JSON_DEPTH_MAX]; /* values still to come in each open container */
    size_t depth = 0;
    assert(levels <= KC_JSON_DEPTH_MAX);
    for (yyjson_val *v = root;; v++) {
        if (unsafe_yyjson_is_ctn(v) && depth == levels)
            return true;
        if (unsafe_yyjson_is_ctn(v) && unsafe_yyjson_get_len(v) > 0) {
            left[depth++] = unsafe_yyjson_get_len(v) * (yyjson_is_obj(v) ? 2 : 1);
            continue;
        }
        while (depth > 0 && --left[depth - 1] == 0)
            depth--;
        if (depth == 0)
            return false;
    }
}

static void say_why(const yyjson_read_err *why, size_t len, struct kc_error *err)
{
    if (why->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        kc_error_set(err, KC_INPUT_TOO_LARGE, 0,
                     "too many JSON values in %zu bytes: split the message", len);
    else
        kc_error_set(err, KC_INPUT, 0, "not valid JSON: %s at byte %zu", why->msg,
                     why->pos + 1);
}

const struct kc_value *kc_json_read(struct kc_json_reader *r, char *text, size_t len,
                                    struct kc_error *err)
{
    make_room(r, len);
    yyjson_alc alc;
    yyjson_alc_pool_init(&alc, r->tree, r->tree_size);
    yyjson_read_err why;
    yyjson_doc *doc =
        yyjson_read_opts(text, len, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, &why);
    if (!doc) {
        say_why(&why, len, err);
        return NULL;
    }
    yyjson_val *root =
        yyjson_doc_get_root(doc); /* the doc itself lies in r->tree: nothing to free */
    if (is_deeper(root, KC_JSON_DEPTH_MAX)) {
        kc_error_set(err, KC_INPUT, 0, "nested deeper than %d levels", KC_JSON_DEPTH_MAX);
        return NULL;
    }
    return ours(root);
}

enum kc_value_type kc_value_type(const struct kc_value *v)
{
    switch (unsafe_yyjson_get_type(in(v))) {
    case YYJSON_TYPE_BOOL:
        return KC_IS_BOOL;
    case YYJSON_TYPE_RAW:
    case YYJSON_TYPE_NUM:
        return KC_IS_NUMBER;
    case YYJSON_TYPE_STR:
        return KC_IS_STRING;
    case YYJSON_TYPE_ARR:
        return KC_IS_ARRAY;
    case YYJSON_TYPE_OBJ:
        return KC_IS_OBJECT;
    default:
        return KC_IS_NULL;
    }
}

const char *kc_value_type_name(const struct kc_value *v)
{
    static const char *const names[] = {
        [KC_IS_NULL] = "null",       [KC_IS_BOOL] = "a boolean", [KC_IS_NUMBER] = "a number",
        [KC_IS_STRING] = "a string", [KC_IS_ARRAY] = "an array", [KC_IS_OBJECT] = "an object",
    };
    return names[kc_value_type(v)];
}

struct kc_text kc_value_text(const struct kc_value *v)
{
    yyjson_val *val = in(v);
    switch (kc_value_type(v)) {
    case KC_IS_STRING:
    case KC_IS_NUMBER:
        return (struct kc_text){ val->uni.str, unsafe_yyjson_get_len(val) };
    case KC_IS_BOOL:
        return kc_text(unsafe_yyjson_get_bool(val) ? "true" : "false");
    default:
        return KC_NO_TEXT;
    }
}

bool kc_value_int(const struct kc_value *v, bool may_be_text, int64_t min, int64_t max,
                  int64_t *out)
{
    enum kc_value_type type = kc_value_type(v);
    if (type != KC_IS_NUMBER && !(may_be_text && type == KC_IS_STRING))
        return false;
    return kc_text_int(kc_value_text(v), min, max, out);
}

bool kc_value_decode(const struct kc_value *v, struct kc_text *bytes)
{
    yyjson_val *val = in(v);
    if (kc_value_type(v) != KC_IS_STRING)
        return false;
    union {
        const char *theirs;
        char *ours; /* it lies in the text that we were given to parse in place */
    } text = { .theirs = val->uni.str };
    if (!kc_base64_decode(text.ours, unsafe_yyjson_get_len(val), &bytes->len))
        return false;
    bytes->p = text.ours;
    return true;
}

size_t kc_value_count(const struct kc_value *container)
{
    return unsafe_yyjson_get_len(in(container));
}

const struct kc_value *kc_value_first(const struct kc_value *container)
{
    return ours(unsafe_yyjson_get_first(in(container)));
}

const struct kc_value *kc_value_next(const struct kc_value *v)
{
    return ours(unsafe_yyjson_get_next(in(v)));
}

const struct kc_value *kc_value_of(const struct kc_value *key)
{
    return ours(in(key) + 1);
}

const struct kc_value *kc_value_get(const struct kc_value *object, const char *name)
{
    const struct kc_value *found = NULL;
    if (!object || kc_value_type(object) != KC_IS_OBJECT)
        return NULL;
    const struct kc_value *key = kc_value_first(object);
    for (size_t i = kc_value_count(object); i > 0; i--) {
        if (kc_text_is(kc_value_text(key), name))
            found = kc_value_of(key);
        key = kc_value_next(kc_value_of(key));
    }
    return found;
}

bool kc_value_is_deeper(const struct kc_value *v, size_t levels)
{
    return is_deeper(in(v), levels);
}

void kc_value_print(const struct kc_value *v, struct kc_buf *out)
{
    size_t len;
    char *text = yyjson_val_write_opts(in(v), YYJSON_WRITE_NOFLAG, NULL, &len, NULL);
    assert(text); /* it was read by us: UTF-8 and finite */
    kc_buf_append(out, text, len);
    free(text);
}

/* --- writing --- */

struct kc_json_writer *kc_json_writer_new(void)
{
    struct kc_json_writer *w = kc_new0(struct kc_json_writer);
    w->alc = yyjson_alc_dyn_new();
    assert(w->alc);
    return w;
}

void kc_json_writer_free(struct kc_json_writer *w)
{
    if (!w)
        return;
    yyjson_mut_doc_free(w->doc);
    yyjson_alc_dyn_free(w->alc);
    free(w);
}

void kc_json_begin(struct kc_json_writer *w)
{
    yyjson_mut_doc_free(w->doc);
    w->doc = yyjson_mut_doc_new(w->alc);
    w->open[0] = yyjson_mut_obj(w->doc);
    w->depth = 1;
    yyjson_mut_doc_set_root(w->doc, w->open[0]);
}

static void add(struct kc_json_writer *w, struct kc_text key, yyjson_mut_val *value)
{
    yyjson_mut_val *parent = w->open[w->depth - 1];
    if (key.p)
        yyjson_mut_obj_add(parent, yyjson_mut_strn(w->doc, key.p, key.len), value);
    else
        yyjson_mut_arr_append(parent, value);
}

static void open_container(struct kc_json_writer *w, struct kc_text key,
                           yyjson_mut_val *container)
{
    assert(w->depth < NESTING_MAX);
    add(w, key, container);
    w->open[w->depth++] = container;
}

void kc_json_object(struct kc_json_writer *w, struct kc_text key)
{
    open_container(w, key, yyjson_mut_obj(w->doc));
}

void kc_json_array(struct kc_json_writer *w, struct kc_text key)
{
    open_container(w, key, yyjson_mut_arr(w->doc));
}

void kc_json_end(struct kc_json_writer *w)
{
    assert(w->depth > 1);
    w->depth--;
}

void kc_json_text(struct kc_json_writer *w, struct kc_text key, struct kc_text value)
{
    add(w, key, yyjson_mut_strn(w->doc, value.p ? value.p : "", value.len));
}

void kc_json_int(struct kc_json_writer *w, struct kc_text key, int64_t value)
{
    add(w, key, yyjson_mut_sint(w->doc, value));
}

void kc_json_bool(struct kc_json_writer *w, struct kc_text key, bool value)
{
    add(w, key, yyjson_mut_bool(w->doc, value));
}

void kc_json_null(struct kc_json_writer *w, struct kc_text key)
{
    add(w, key, yyjson_mut_null(w->doc));
}

void kc_json_raw(struct kc_json_writer *w, struct kc_text key, struct kc_text json)
{
    add(w, key, yyjson_mut_rawn(w->doc, json.p, json.len));
}

static bool finish(struct kc_json_writer *w, yyjson_write_flag flags, struct kc_buf *out)
{
    size_t len;
    char *text = yyjson_mut_write_opts(w->doc, flags, w->alc, &len, NULL);
    if (!text)
        return false; /* the only thing that can be wrong with what we build: bytes not UTF-8 */
    kc_buf_append(out, text, len);
    w->alc->free(w->alc->ctx, text);
    return true;
}

bool kc_json_finish(struct kc_json_writer *w, struct kc_buf *out)
{
    return finish(w, YYJSON_WRITE_NOFLAG, out);
}

bool kc_json_finish_pretty(struct kc_json_writer *w, struct kc_buf *out)
{
    return finish(w, YYJSON_WRITE_PRETTY_TWO_SPACES, out);
}

void kc_json_print_text(const char *s, struct kc_buf *out)
{
    char *mended = kc_strdup(s);
    kc_utf8_mend(mended);
    size_t len;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(doc, yyjson_mut_str(doc, mended));
    char *text = yyjson_mut_write_opts(doc, YYJSON_WRITE_NOFLAG, NULL, &len, NULL);
    assert(text);
    kc_buf_append(out, text, len);
    free(text);
    yyjson_mut_doc_free(doc);
    free(mended);
}

void kc_faults_print(const struct kc_faults *faults, struct kc_buf *out)
{
    kc_buf_puts(out, "[");
    for (size_t i = 0; i < faults->count; i++) {
        kc_buf_puts(out, i ? ",{\"pointer\":" : "{\"pointer\":");
        kc_json_print_text(faults->list[i].pointer, out);
        kc_buf_puts(out, ",\"message\":");
        kc_json_print_text(faults->list[i].text, out);
        kc_buf_puts(out, "}");
    }
    kc_buf_puts(out, "]");
}

const char *kc_json_library(void)
{
    static char text[64];
    uint32_t v = yyjson_version();
    snprintf(text, sizeof(text), "yyjson %u.%u.%u", v >> 16, v >> 8 & 0xff, v & 0xff);
    return text;
}
