// SPDX-License-Identifier: Apache-2.0
/* alloc.h - memory that is there, or a process that is not.
 *
 * When memory is out the process ends: what was not acknowledged comes back after the restart,
 * and no path needs code for it. Sizes from outside are bounded before they get here. */
#ifndef KC_BASE_ALLOC_H
#define KC_BASE_ALLOC_H

#include <stddef.h>

void *kc_alloc0(size_t count, size_t size);           /* zeroed; free() it */
void *kc_realloc(void *p, size_t count, size_t size); /* like realloc() */
char *kc_strdup(const char *s);                       /* NULL gives NULL */
char *kc_strndup(const char *s, size_t len);          /* NUL-terminated copy */

#define kc_new0(type)              ((type *)kc_alloc0(1, sizeof(type)))
#define kc_new0_array(type, count) ((type *)kc_alloc0((count), sizeof(type)))

/* Gives what was freed back to the system, where the C library keeps it. Takes milliseconds. */
void kc_trim(void);

#endif
