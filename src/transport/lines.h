// SPDX-License-Identifier: Apache-2.0
/* lines.h - cuts a stream of bytes into lines, however they arrive.
 *
 * A line that is longer than allowed is reported once, when its end is seen, and never kept. */
#ifndef KC_TRANSPORT_LINES_H
#define KC_TRANSPORT_LINES_H

#include "base/buf.h"

struct kc_lines {
    struct kc_buf buf;
    size_t start;   /* of the line that is being looked for */
    size_t scanned; /* bytes of it that hold no newline */
    size_t max;     /* bytes of a line */
    bool is_long;   /* its head was thrown away */
    uint64_t number;
};

struct kc_line {
    struct kc_text text; /* without its newline; a loan until the next kc_lines_room() */
    uint64_t number;     /* from 1 */
    bool is_too_long;    /* then there is no text */
};

void kc_lines_init(struct kc_lines *l, size_t line_max_bytes);
void kc_lines_deinit(struct kc_lines *l);

/* Where to put at most *len more bytes; say with kc_lines_add() how many there are. */
char *kc_lines_room(struct kc_lines *l, size_t *len);
void kc_lines_add(struct kc_lines *l, size_t len);

/* The next line; false when its end is not there yet. At the end of the stream, what has no
 * newline is the last line. */
bool kc_lines_next(struct kc_lines *l, bool is_end, struct kc_line *line);

bool kc_line_is_blank(struct kc_text line);

/* A copy of its own, with the padding that reading it in place as JSON needs. The caller's. */
char *kc_line_copy(struct kc_text line);

#endif
