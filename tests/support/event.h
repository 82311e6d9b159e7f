// SPDX-License-Identifier: Apache-2.0
/* event.h - reads the lines that the component prints, by way of jansson.
 *
 * A path is member names and array indexes with dots: "body.results.0.baseOffset". What is
 * missing or of another type fails the running test with the whole event in the text. */
#ifndef TESTS_SUPPORT_EVENT_H
#define TESTS_SUPPORT_EVENT_H

#include "process.h"

#include <jansson.h>

/* Parses one line, which must be one JSON object. The caller's, until json_decref(). */
json_t *event_parse(const char *line);

/* The next line of a child's stdout, parsed; fails at the deadline. NULL at the end of stdout.
 */
json_t *event_next(struct process *p, int wait_ms);

/* The next line, which must be an event of this kind. */
json_t *event_expect(struct process *p, const char *kind, int wait_ms);

/* All lines of a text, which must each be an event, as one array. */
json_t *events_parse(const char *text);

/* The events of one kind, in their order, as a new array that shares them. */
json_t *events_of(json_t *events, const char *kind);

/* A loan of what the path names; NULL where there is nothing. */
json_t *event_at(json_t *event, const char *path);

const char *event_str(json_t *event, const char *path); /* a loan */
int64_t event_int(json_t *event, const char *path);

/* What the path names is, as compact JSON with sorted members, exactly this text. */
void assert_json(json_t *event, const char *path, const char *expected);

void assert_event_str(json_t *event, const char *path, const char *expected);

#endif
