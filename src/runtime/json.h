// SPDX-License-Identifier: Apache-2.0
/* json.h - messages as JSON: read in place, written without detours.
 *
 * Reading keeps numbers as they were typed. Strings are loans into the text that was given, so
 * they live as long as that text; the tree lives until the reader's next read. A reader and a
 * writer belong to one thread at a time and keep their memory between documents. */
#ifndef KC_RUNTIME_JSON_H
#define KC_RUNTIME_JSON_H

#include "base/buf.h"
#include "base/faults.h"
#include "base/text.h"

#define KC_JSON_PADDING   4   /* zero bytes that must stand behind a text to be read */
#define KC_JSON_DEPTH_MAX 512 /* deeper nesting is refused */

struct kc_json_reader; /* opaque */
struct kc_json_writer; /* opaque */
struct kc_value;       /* opaque; a loan */

enum kc_value_type {
    KC_IS_NULL,
    KC_IS_BOOL,
    KC_IS_NUMBER,
    KC_IS_STRING,
    KC_IS_ARRAY,
    KC_IS_OBJECT
};

/* --- reading --- */

struct kc_json_reader *kc_json_reader_new(void);
void kc_json_reader_free(struct kc_json_reader *r); /* NULL is fine */

/* Parses text in place, which changes it. NULL and an INPUT error that says where it fails. */
const struct kc_value *kc_json_read(struct kc_json_reader *r, char *text, size_t len,
                                    struct kc_error *err) KC_MUST_CHECK;

enum kc_value_type kc_value_type(const struct kc_value *v);
const char *kc_value_type_name(const struct kc_value *v); /* "an array" */

/* A string's bytes (NUL-terminated, may hold NULs), a number or boolean as typed; otherwise
 * absent. */
struct kc_text kc_value_text(const struct kc_value *v);

/* An integer within [min, max], as a number or, where may_be_text, as its decimal string. */
bool kc_value_int(const struct kc_value *v, bool may_be_text, int64_t min, int64_t max,
                  int64_t *out);

/* Decodes a base64 string where it stands, which changes v too. False when it is none. */
bool kc_value_decode(const struct kc_value *v, struct kc_text *bytes);

/* How many elements or members. */
size_t kc_value_count(const struct kc_value *container);

/* Elements: for (v = kc_value_first(a), i = 0; i < kc_value_count(a); v = kc_value_next(v),
 * i++). Members: the same gives each key, followed by its value as kc_value_of(key); step with
 * kc_value_next(kc_value_of(key)). */
const struct kc_value *kc_value_first(const struct kc_value *container);
const struct kc_value *kc_value_next(const struct kc_value *v);
const struct kc_value *kc_value_of(const struct kc_value *key);

/* The member of that name, the last where there are several; NULL when absent or no object. */
const struct kc_value *kc_value_get(const struct kc_value *object, const char *name);

/* Whether arrays and objects are nested in v deeper than that, KC_JSON_DEPTH_MAX at most. */
bool kc_value_is_deeper(const struct kc_value *v, size_t levels);

/* Appends v as compact JSON. */
void kc_value_print(const struct kc_value *v, struct kc_buf *out);

/* --- writing --- */

struct kc_json_writer *kc_json_writer_new(void);
void kc_json_writer_free(struct kc_json_writer *w); /* NULL is fine */

/* Forgets what was there and opens the root object. Texts given from here on are borrowed until
 * kc_json_finish(). Inside arrays the key is KC_NO_TEXT. */
void kc_json_begin(struct kc_json_writer *w);
void kc_json_object(struct kc_json_writer *w, struct kc_text key);
void kc_json_array(struct kc_json_writer *w, struct kc_text key);
void kc_json_end(struct kc_json_writer *w); /* of the innermost object or array */
void kc_json_text(struct kc_json_writer *w, struct kc_text key, struct kc_text value);
void kc_json_int(struct kc_json_writer *w, struct kc_text key, int64_t value);
void kc_json_bool(struct kc_json_writer *w, struct kc_text key, bool value);
void kc_json_null(struct kc_json_writer *w, struct kc_text key);
void kc_json_raw(struct kc_json_writer *w, struct kc_text key,
                 struct kc_text json); /* valid JSON */

/* Closes what is open and appends the document to out. False, and nothing appended, when a text
 * was not UTF-8. The pretty form is for files that people read. */
bool kc_json_finish(struct kc_json_writer *w, struct kc_buf *out) KC_MUST_CHECK;
bool kc_json_finish_pretty(struct kc_json_writer *w, struct kc_buf *out) KC_MUST_CHECK;

/* Appends the faults as a JSON array of {"pointer", "message"}. */
void kc_faults_print(const struct kc_faults *faults, struct kc_buf *out);

/* Appends s as a JSON string; bytes that are not UTF-8 become '?'. For errors, not for hot
 * paths. */
void kc_json_print_text(const char *s, struct kc_buf *out);

const char *kc_json_library(void); /* "yyjson 0.10.0" */

#endif
