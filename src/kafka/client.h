// SPDX-License-Identifier: Apache-2.0
/* client.h - what every librdkafka client of ours has in common: its configuration, its log,
 * its errors in our words, and how it is doing. Only kafka/ includes this. */
#ifndef KC_KAFKA_CLIENT_H
#define KC_KAFKA_CLIENT_H

#include "base/error.h"
#include "kafka/credentials.h"
#include "kafka/scrub.h"
#include "net/names.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

/* What the client last complained of. Any thread. */
struct kc_health {
    atomic_bool is_refused; /* the broker refused the sign-in, and never accepted one before */
    atomic_bool is_down;    /* every broker went; true until somebody finds one */
    bool is_brief;   /* a client for one question: a refusal is its answer; set after init */
    bool has_ticket; /* it signs in with Kerberos; set before there is a client */
    struct kc_until names; /* when look-ups of names are given up: as the client closes */
    pthread_mutex_t lock;
    char looked_up[300];       /* "host:port" whose name nobody has told yet; needs lock */
    bool was_ok;               /* something has succeeded; needs lock */
    char trouble[512];         /* "" when all is well; needs lock */
    bool is_noted;             /* it is what kc_health_note() was told; needs lock */
    struct kc_secrets secrets; /* that the other side may repeat; needs lock */
};

void kc_health_init(struct kc_health *h);
void kc_health_deinit(struct kc_health *h);
void kc_health_ok(struct kc_health *h);
void kc_health_refused(struct kc_health *h, struct kc_error *err); /* says it as AUTH */

/* Something else than librdkafka has found why nobody gets in, in words that may hold what is
 * hidden. AUTH, before anything was accepted, counts as a refused sign-in. */
void kc_health_note(struct kc_health *h, const struct kc_error *err);

/* From here on no trouble and no line of librdkafka's log holds this secret; NULL is fine. */
void kc_health_hide(struct kc_health *h, enum kc_secret kind, const char *secret);

/* Appends ": cause" of the last trouble; false where there is none. */
bool kc_health_explain(struct kc_health *h, struct kc_error *err);

/* Says the last trouble as UNAVAILABLE; false where there is none. */
bool kc_health_trouble(struct kc_health *h, struct kc_error *err);

/* librdkafka's trouble says where it was: "PROTOCOL://HOST:PORT/WHICH: it went wrong", without
 * "PROTOCOL://" for PLAINTEXT. WHICH is the number of a broker that was heard of from another,
 * and "bootstrap" for one that was given. All of it points into `text`. */
struct kc_trouble {
    struct kc_text address; /* "HOST:PORT" */
    const char *what;       /* ": it went wrong" */
    bool was_heard_of;
};

/* False for trouble that is no single broker's. */
bool kc_trouble_read(const char *text, struct kc_trouble *out);

struct kc_property {
    const char *name; /* NULL ends a list */
    const char *value;
};

/* A configuration with our defaults, the credentials, `own`, and then the credentials' extra
 * properties for this type of client (later ones win). `health`
 * is kept up to date by librdkafka's error callback; it becomes the client's opaque and must
 * outlive it. NULL and err, which names the property, when a value is refused. */
rd_kafka_conf_t *kc_client_conf(rd_kafka_type_t type, const struct kc_credentials *credentials,
                                const struct kc_property *own, struct kc_health *health,
                                struct kc_error *err) KC_MUST_CHECK;

/* A client of that configuration, which is taken over in any case, and whatever it needs to
 * sign in. credentials and health are borrowed until kc_client_free(). */
rd_kafka_t *kc_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf,
                          const struct kc_credentials *credentials, struct kc_health *health,
                          struct kc_error *err) KC_MUST_CHECK;
void kc_client_free(rd_kafka_t *rk, int destroy_flags); /* NULL is fine */

/* librdkafka's code in our words: "<context>: <librdkafka's sentence>". */
void kc_kafka_error(struct kc_error *err, rd_kafka_resp_err_t code, const char *fmt, ...)
    KC_PRINTF(3, 4);

enum kc_code kc_kafka_code(rd_kafka_resp_err_t code);

/* The Kafka protocol's error code: the broker's own, or the one that fits librdkafka's best. */
int kc_kafka_protocol_code(rd_kafka_resp_err_t code);

#endif
