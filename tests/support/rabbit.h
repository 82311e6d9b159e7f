// SPDX-License-Identifier: Apache-2.0
/* rabbit.h - a real RabbitMQ for one test program, on free loopback ports, with its data in a
 * temporary folder and a port mapper of its own. It is up in about four seconds.
 *
 *     rabbit = rabbit_start(NULL);
 *     rabbit_block(rabbit);
 *     ...
 *     rabbit_close_connections(rabbit, "-write"); // of clients whose name holds this
 *
 * RABBIT_GUEST may do everything in vhost "/", RABBIT_USER in vhost RABBIT_VHOST only; the
 * password and that vhost need percent-encoding in a URI. No plugin is on. */
#ifndef TESTS_SUPPORT_RABBIT_H
#define TESTS_SUPPORT_RABBIT_H

#include "certs.h"
#include "process.h"

#define RABBIT_GUEST    "guest"
#define RABBIT_USER     "alice"
#define RABBIT_PASSWORD "rabbit:Secret/4e8b" /* nowhere in any output: the harness looks */
#define RABBIT_VHOST    "second/host"

struct rabbit_options {
    const char *settings;           /* Erlang, more of application rabbit: "{heartbeat, 2}" */
    const char *server_certificate; /* NULL: the right one; else "wrong_name" or "expired" */
    bool is_for_bench;              /* all cores, data in memory */
};

struct rabbit {
    char folder[64];
    char uri[64];       /* amqp://guest:guest@127.0.0.1:PORT, vhost "/" */
    char tls_uri[64];   /* amqps://guest:guest@localhost:PORT; certs.ca has signed */
    char alice_uri[96]; /* amqp://alice:…@127.0.0.1:PORT/second%2Fhost */
    int port, tls_port;
    struct certs certs;
    /* private */
    struct process *process, *epmd;
    int epmd_port, dist_port;
    bool is_for_bench;
    char *env[24];
};

/* Ready for clients when it returns; fails the test with the server's log otherwise. options
 * may be NULL. */
struct rabbit *rabbit_start(const struct rabbit_options *options);

void rabbit_stop(struct rabbit *r);    /* as an operator would; then by force */
void rabbit_kill(struct rabbit *r);    /* kill -9 */
void rabbit_restart(struct rabbit *r); /* after either: same ports, same data */
void rabbit_freeze(struct rabbit *r);  /* connections stay up, nothing answers */
void rabbit_thaw(struct rabbit *r);
void rabbit_free(struct rabbit *r); /* kills it, removes its folder; NULL is fine */

/* --- What an operator does; each takes some milliseconds --- */

/* Publishers are blocked as if memory were short, until rabbit_unblock(): whatever is written
 * to a connection after this call finds it so. A connection's next
 * message still passes and brings it connection.blocked; after it the server reads no more from
 * that connection, neither acks nor anything else: the test's own client is one of them. */
void rabbit_block(struct rabbit *r);
void rabbit_unblock(struct rabbit *r);

/* Open connections whose connection_name holds this text; NULL: all. */
int rabbit_connections(struct rabbit *r, const char *name);
void rabbit_wait_connections(struct rabbit *r, const char *name, int count, int wait_ms);

/* Closes those (connection.close, 320), or breaks them without a word. */
void rabbit_close_connections(struct rabbit *r, const char *name);
void rabbit_break_connections(struct rabbit *r, const char *name);

/* What no client is told: how a queue of vhost "/" stands now. */
struct rabbit_queue {
    int ready, unacked, consumers;
};
struct rabbit_queue rabbit_queue(struct rabbit *r, const char *name);

/* Waits until it holds so many, ready and unacked; -1: any. */
void rabbit_wait_queue(struct rabbit *r, const char *name, int ready, int unacked, int wait_ms);
void rabbit_wait_consumers(struct rabbit *r, const char *name, int count, int wait_ms);

/* Evaluates Erlang in the server ("rabbit:is_running().") and returns what it printed of the
 * result: a loan until the next call. Fails the test when it throws. */
const char *rabbit_eval(struct rabbit *r, const char *expression);

/* Runs rabbitmqctl with these arguments, half a second each. Its output is the caller's. */
char *rabbit_ctl(struct rabbit *r, const char *const args[]);

/* --- A test program's own server --- */

extern struct rabbit *rabbit;   /* set by rabbit_setup() */
int rabbit_setup(void **state); /* a group's setup: without options */
int rabbit_setup_with(const struct rabbit_options *options);
int rabbit_teardown(void **state);

/* A test's teardown: ends processes, thaws, unblocks and restarts what a failed test left. */
int rabbit_tidy(void **state);

#endif
