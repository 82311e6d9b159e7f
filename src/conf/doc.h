// SPDX-License-Identifier: Apache-2.0
/* doc.h - a JSON object of settings, as it came: a file, the environment, --set, a request.
 *
 * A document belongs to whoever made it and to one thread at a time. Duplicate keys, NUL bytes,
 * and more than DOC_MAX_BYTES are refused. */
#ifndef KC_CONF_DOC_H
#define KC_CONF_DOC_H

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"

#define KC_DOC_MAX_BYTES (1024 * 1024) /* certificates fit many times */

struct kc_doc; /* opaque */

struct kc_doc *kc_doc_new(void);      /* empty */
void kc_doc_free(struct kc_doc *doc); /* wipes what no other document shares; NULL is fine */

/* NULL and err, which never quotes the text: it may hold a password. */
struct kc_doc *kc_doc_parse(struct kc_text text, struct kc_error *err) KC_MUST_CHECK;
struct kc_doc *kc_doc_load(const char *path, struct kc_error *err) KC_MUST_CHECK;

/* What an environment variable holds: the JSON itself, or "@" and a file's name. */
struct kc_doc *kc_doc_from_env(const char *value, struct kc_error *err) KC_MUST_CHECK;

void kc_doc_put(struct kc_doc *doc, const char *key, const char *text); /* replaces */
bool kc_doc_has(const struct kc_doc *doc, const char *key);
bool kc_doc_is_empty(const struct kc_doc *doc);

/* Whether both say the same, or are both NULL. */
bool kc_doc_is_equal(const struct kc_doc *a, const struct kc_doc *b);

/* Every member of `over` replaces the one of the same name in doc; over stays its owner's. */
void kc_doc_overlay(struct kc_doc *doc, const struct kc_doc *over);

/* Removes the object under key and gives it to the caller; NULL where there is none. */
struct kc_doc *kc_doc_take_object(struct kc_doc *doc, const char *key);

bool kc_doc_is_null(const struct kc_doc *doc, const char *key); /* or not there */
bool kc_doc_is_text(const struct kc_doc *doc, const char *key);
void kc_doc_remove(struct kc_doc *doc, const char *key);

/* Appends the document as compact JSON with its members sorted: equal documents give equal
 * texts. Secrets are in it. */
void kc_doc_print(const struct kc_doc *doc, struct kc_buf *out);

/* Of the JSON library that reads documents. */
const char *kc_doc_library(void); /* "jansson 2.14" */

#endif
