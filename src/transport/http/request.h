// SPDX-License-Identifier: Apache-2.0
/* request.h - what a request says beside its messages: settings, credentials, options.
 *
 * A body is one JSON object. `config` and `credentials` are objects in it; any field of the
 * step may be a query parameter too, a credential never. What is left out comes from the start,
 * field by field; credentials replace the start's as a whole. */
#ifndef KC_TRANSPORT_HTTP_REQUEST_H
#define KC_TRANSPORT_HTTP_REQUEST_H

#include "base/faults.h"
#include "conf/field.h"
#include "runtime/json.h"
#include "transport/http/service.h"

/* Fill it with zeros; kc_request_deinit() is due either way. */
struct kc_request {
    char *text; /* the body; root lies in it */
    size_t text_len;
    struct kc_json_reader *reader;
    const struct kc_value *root; /* an object; NULL when there was no body */
    struct kc_doc *config; /* complete: start's, then body's, then query's; NULL where there
                              was nothing to be read */
    struct kc_doc *given;  /* the request's own part of it */
    struct kc_doc *credentials; /* the request's own; NULL: the start's count */
    struct kc_faults faults;    /* what is wrong, by pointers into the body; of a parameter by
                                   its name in the text */
    enum kc_code code;          /* what it amounts to */
};

/* Reads body and query for an entry point with these fields. `members` are the body's other
 * members that the route knows, ended by NULL; one that nobody knows is a fault that names the
 * nearest. False when there are faults; unless config is NULL then, options and the entry
 * point's own checks may add theirs, so that all are told at once. */
bool kc_request_read(struct kc_request *r, const struct kc_service *s, struct kc_exchange *x,
                     const struct kc_field *fields, const char *const *members) KC_MUST_CHECK;
void kc_request_deinit(struct kc_request *r);

/* The parts of it, for whom the body alone may do: take the body, and read it (with a reader
 * that may be somebody else's, then root is good until its next read); then the settings.
 * members NULL: the body's other members are not looked at. */
bool kc_request_read_body(struct kc_request *r, struct kc_exchange *x) KC_MUST_CHECK;
bool kc_request_parse(struct kc_request *r, struct kc_json_reader *reader) KC_MUST_CHECK;
bool kc_request_read_settings(struct kc_request *r, const struct kc_service *s,
                              const struct kc_exchange *x, const struct kc_field *fields,
                              const char *const *members) KC_MUST_CHECK;

/* The credentials that count. A loan. */
const struct kc_doc *kc_request_credentials(const struct kc_request *r,
                                            const struct kc_service *s);

/* Options of a route, from the body or the query (`maxMessages`); faults are added. */
int64_t kc_request_int(struct kc_request *r, struct kc_exchange *x, const char *name,
                       int64_t min, int64_t max, int64_t fallback);
struct kc_text kc_request_text(struct kc_request *r, struct kc_exchange *x, const char *name);

/* Adds faults that an entry point has found in config, but for members of which one is told. */
void kc_request_add_faults(struct kc_request *r, const struct kc_faults *found);

/* Answers with all that is wrong. */
void kc_request_refuse(struct kc_request *r, struct kc_exchange *x);

/* The part of the start's settings that an entry point with these fields knows: the caller's.
 */
struct kc_doc *kc_start_config(const struct kc_service *s, const struct kc_field *fields);

#endif
