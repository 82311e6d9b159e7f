// SPDX-License-Identifier: Apache-2.0
/* kafka_server.h - a real Apache Kafka for one test program: one KRaft process, broker and
 * controller, on free loopback ports, with its data in a temporary folder.
 *
 * Whoever comes over PLAINTEXT or SSL is ANONYMOUS; ANONYMOUS and KAFKA_USER may do everything.
 * KAFKA_GUEST has no rights where the server was started with rights. Topics are never created
 * by themselves. The jars come from KC_TEST_KAFKA_JARS. */
#ifndef TESTS_SUPPORT_KAFKA_SERVER_H
#define TESTS_SUPPORT_KAFKA_SERVER_H

#include "certs.h"
#include "daemon.h"

#define KAFKA_USER           "alice"
#define KAFKA_PASSWORD       "alice-Secret-7f3a" /* nowhere else in any output: tests look for it */
#define KAFKA_GUEST          "guest"
#define KAFKA_GUEST_PASSWORD "guest-Secret-91bc"

struct kafka_options {
    bool has_rights;                /* StandardAuthorizer: what is not allowed is refused */
    bool is_for_bench;              /* compiled to the full, data in memory; starts slower */
    const char *const *properties;  /* "name=value": on top of server.properties */
    const char *java_option;        /* one more argument of java's; may be NULL */
    const char *server_certificate; /* NULL: the right one; else "wrong_name" or "expired" */
};

struct kafka_server {
    char folder[64];
    char plaintext[32], ssl[32], sasl_plaintext[32], sasl_ssl[32]; /* HOST:PORT */
    struct certs certs;
    /* private */
    struct process *process;
    int ports[5];
    bool is_for_bench;
    char *java_option;
};

/* Ready for requests when it returns; fails the test with the server's log otherwise. options
 * may be NULL. */
struct kafka_server *kafka_start(const struct kafka_options *options);

void kafka_stop(struct kafka_server *server);    /* as an operator would; then by force */
void kafka_kill(struct kafka_server *server);    /* kill -9 */
void kafka_restart(struct kafka_server *server); /* after either: same ports, same data */
void kafka_freeze(struct kafka_server *server);  /* connections stay up, nothing answers */
void kafka_thaw(struct kafka_server *server);
void kafka_free(struct kafka_server *server); /* kills it, removes its folder; NULL is fine */

#endif
