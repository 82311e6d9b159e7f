// SPDX-License-Identifier: Apache-2.0
/* route.h - what can be called: a table of methods and paths.
 *
 * A route's functions run on the server's loop: they never wait. What takes time goes to a
 * thread, which answers the exchange later. */
#ifndef KC_TRANSPORT_HTTP_ROUTE_H
#define KC_TRANSPORT_HTTP_ROUTE_H

#include "transport/http/exchange.h"

struct kc_service;

/* A body that is not kept but taken as it comes, for one media type. */
struct kc_upload {
    const char *media_type;

    /* The headers are there. Gives what the other two get; NULL when it has already answered,
     * for instance with a problem. */
    void *(*begin)(struct kc_service *s, struct kc_exchange *x);

    /* Takes at most len bytes and says how many. Less than all: nothing more is read from the
     * client until kc_exchange_resume(). */
    size_t (*take)(void *self, const char *bytes, size_t len);

    /* The body is complete, or was broken off: then nobody is left to be answered, and the
     * exchange must be given up with kc_exchange_reply() all the same. */
    void (*end)(void *self, bool is_complete);
};

struct kc_route {
    const char *method; /* "GET" answers HEAD too; NULL ends the table */
    const char *path;   /* "/v1/schemas/{name}" */
    bool is_public;     /* goes without the API token: probes */
    bool has_body;
    const struct kc_upload *upload; /* NULL: none */

    /* The request is complete. */
    void (*handle)(struct kc_service *s, struct kc_exchange *x);
};

extern const struct kc_route kc_routes[];

/* The longest value of Allow. */
#define KC_ALLOW_SIZE 64

/* The route for a method and a path; *words are where its {words} begin and end. NULL and the
 * methods that the path knows, as Allow lists them ("" when the path is unknown), otherwise. */
#define KC_WORDS_MAX_IN_PATH 2
const struct kc_route *kc_route_find(const struct kc_route *routes, const char *method,
                                     const char *path,
                                     struct kc_text words[KC_WORDS_MAX_IN_PATH],
                                     char allow[KC_ALLOW_SIZE]);

#endif
