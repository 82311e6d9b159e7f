// SPDX-License-Identifier: Apache-2.0
/* envelope.h - finds the messages in the body of a request. */
#ifndef KC_TRANSPORT_HTTP_ENVELOPE_H
#define KC_TRANSPORT_HTTP_ENVELOPE_H

#include "base/faults.h"
#include "runtime/message.h"

/* What a body holds. All of it are loans from its values. */
struct kc_http_envelope {
    bool has_settings;            /* config or credentials stand in it */
    const struct kc_value *list;  /* the array of whole messages; NULL: there is one message */
    const struct kc_value *value; /* the one message */
    const char *at;               /* its pointer: "" or "/message" */
    size_t count;                 /* messages */
};

/* False when faults were added: a body that is none of the shapes. root is an object. */
bool kc_http_envelope_read(struct kc_http_envelope *e, const struct kc_value *root,
                           struct kc_faults *faults) KC_MUST_CHECK;

/* The text that holds, or might hold, settings: what is not told by a look at its bytes. */
bool kc_http_envelope_may_have_settings(struct kc_text body);

/* Members of the body that are no part of a bare message in it, ended by NULL. */
extern const char *const kc_http_envelope_beside[];

#endif
