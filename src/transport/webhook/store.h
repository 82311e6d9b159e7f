// SPDX-License-Identifier: Apache-2.0
/* store.h - small JSON files in a folder of our own that survive a crash at any moment.
 *
 * A file is written whole under another name, synced, and renamed; then the folder is synced.
 * So a file is there as it was or as it is to be, never in between. The folder is locked: a
 * second process is refused. Files are 0600, since secrets are in them. One thread. */
#ifndef KC_TRANSPORT_WEBHOOK_STORE_H
#define KC_TRANSPORT_WEBHOOK_STORE_H

#include "base/error.h"
#include "base/text.h"

struct kc_store; /* opaque */

#define KC_STORE_NAME_MAX 64 /* of a name, which is letters, digits, '.', '_', '-' */
#define KC_STORE_FILE_MAX (2 * 1024 * 1024)

/* Makes the folder where it is missing (0700), and locks it. */
bool kc_store_open(struct kc_store **out, const char *folder,
                   struct kc_error *err) KC_MUST_CHECK;
void kc_store_close(struct kc_store *s); /* NULL is fine */

/* Gives each file's name (without .json) and text, loans for the call, in no order, until one
 * is not taken. A file in the folder that is none of ours is an error that names it; hidden
 * files and folders are passed over. */
bool kc_store_load(struct kc_store *s,
                   bool (*take)(void *arg, const char *name, struct kc_text text,
                                struct kc_error *err),
                   void *arg, struct kc_error *err) KC_MUST_CHECK;

/* When these fail, nothing has changed, but for a failed sync of the folder: then a crash
 * decides. */
bool kc_store_put(struct kc_store *s, const char *name, struct kc_text text,
                  struct kc_error *err) KC_MUST_CHECK;
bool kc_store_remove(struct kc_store *s, const char *name, struct kc_error *err) KC_MUST_CHECK;

/* Whether a text can be a name. */
bool kc_store_name_is_valid(struct kc_text name);

#endif
