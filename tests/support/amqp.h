// SPDX-License-Identifier: Apache-2.0
/* amqp.h - a RabbitMQ client for tests, on rabbitmq-c: one connection with one channel in
 * confirm mode, which sees all that comes, and the queues as the platform lays them out.
 *
 *     struct mq *mq = mq_connect(rabbit->uri);
 *     struct mq_step step;
 *     mq_step_declare(mq, &step);
 *     mq_publish(mq, &(struct mq_publish){ .exchange = step.exchange, .key = step.input_key,
 *         .body = "…", .headers = MQ_TABLE(mq_text("messageId", "m1"), mq_i64("start", 5)) });
 *     struct mq_message *m = mq_take(mq, step.data, WAIT_MS);
 *     assert_json(m->headers, "stepId", "\"step_2\"");
 *     assert_json(m->kinds, "start", "\"l\"");
 *
 * Every wait has a deadline, where the running test fails. Messages belong to their client,
 * and live until mq_close(). One thread. */
#ifndef TESTS_SUPPORT_AMQP_H
#define TESTS_SUPPORT_AMQP_H

#include "event.h"

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#else
#include <amqp.h>
#endif

struct mq; /* opaque */

/* A delivery, or a message that came back. JSON as event_at() and assert_json() take it. */
struct mq_message {
    char *exchange, *key;
    bool is_redelivered;
    uint64_t tag;
    char *body; /* NUL-terminated */
    size_t body_len;
    bool has_headers;        /* a table, be it empty */
    json_t *headers;         /* values: texts, numbers, booleans, objects, arrays, null */
    json_t *kinds;           /* their field types in the same shape: "S", "l", ["F", {…}] … */
    json_t *properties;      /* those that are set, but for headers: "content_type", … */
    struct mq_message *next; /* private */
};

/* amqp:// in any form that rabbitmq-c reads; mq_connect_tls() takes amqps:// too. */
struct mq *mq_connect(const char *uri);
struct mq *mq_connect_tls(const char *uri, const char *ca_path);
void mq_close(struct mq *mq);   /* what is unacked goes back to its queue; NULL is fine */
int mq_close_all(void **state); /* a test's teardown */

/* --- Tables: of a message's headers, of a queue's arguments --- */

/* Both end by themselves, and live as long as the block they stand in. */
#define MQ_TABLE(...) ((const amqp_table_entry_t[]){ __VA_ARGS__, mq_end() })
#define MQ_VALUES(...)                                                                         \
    ((const amqp_table_entry_t[]){ __VA_ARGS__, mq_end() }) /* "" as names                     \
                                                             */

amqp_table_entry_t mq_end(void);
amqp_table_entry_t mq_text(const char *name, const char *value);  /* S */
amqp_table_entry_t mq_bytes(const char *name, const char *value); /* x */
amqp_table_entry_t mq_bool(const char *name, bool value);         /* t */
amqp_table_entry_t mq_i8(const char *name, int8_t value);         /* b */
amqp_table_entry_t mq_u8(const char *name, uint8_t value);        /* B */
amqp_table_entry_t mq_i16(const char *name, int16_t value);       /* s */
amqp_table_entry_t mq_u16(const char *name, uint16_t value);      /* u */
amqp_table_entry_t mq_i32(const char *name, int32_t value);       /* I */
amqp_table_entry_t mq_u32(const char *name, uint32_t value);      /* i */
amqp_table_entry_t mq_i64(const char *name, int64_t value);       /* l */
amqp_table_entry_t mq_u64(const char *name, uint64_t value); /* L: RabbitMQ takes it for l */
amqp_table_entry_t mq_f32(const char *name, float value);    /* f */
amqp_table_entry_t mq_f64(const char *name, double value);   /* d */
amqp_table_entry_t mq_decimal(const char *name, uint8_t decimals, uint32_t value); /* D */
amqp_table_entry_t mq_time(const char *name, uint64_t value_s);                    /* T */
amqp_table_entry_t mq_void(const char *name);                                      /* V */
amqp_table_entry_t mq_table(const char *name, const amqp_table_entry_t *entries);  /* F */
amqp_table_entry_t mq_array(const char *name, const amqp_table_entry_t *values);   /* A */

/* --- Queues --- */

void mq_declare_exchange(struct mq *mq, const char *name, const char *type); /* durable */
/* Durable. arguments: a table, or NULL. */
void mq_declare_queue(struct mq *mq, const char *name, const amqp_table_entry_t *arguments);
void mq_bind(struct mq *mq, const char *queue, const char *exchange, const char *key);
void mq_unbind(struct mq *mq, const char *queue, const char *exchange, const char *key);
void mq_delete_queue(struct mq *mq, const char *name);
void mq_purge(struct mq *mq, const char *name);
int mq_count(struct mq *mq, const char *queue); /* ready messages */
void mq_wait_count(struct mq *mq, const char *queue, int count, int wait_ms);

/* --- Publishing --- */

struct mq_publish {
    const char *exchange, *key; /* NULL: "" */
    const char *body;           /* NULL: empty */
    size_t body_len;            /* 0: strlen(body) */
    const amqp_table_entry_t *headers;
    bool has_no_headers; /* no table at all, where headers is NULL */
    bool is_mandatory;
    bool needs_no_confirm; /* returns at once; mq_settle() waits for all of them */
    uint8_t delivery_mode; /* 0: none */
    const char *content_type, *content_encoding, *expiration; /* NULL: none */
    const amqp_basic_properties_t *more;                      /* any others, with their flags */
};

enum mq_outcome {
    MQ_ACKED,
    MQ_NACKED,   /* the queue refused it */
    MQ_RETURNED, /* nobody wanted it: see mq_returned() */
    MQ_SENT      /* needs_no_confirm */
};
enum mq_outcome mq_publish(struct mq *mq, const struct mq_publish *publish);

/* Waits until all is confirmed; returns how many were refused since the last call. */
int mq_settle(struct mq *mq, int wait_ms);

const struct mq_message *mq_returned(struct mq *mq); /* the last that came back; or NULL */

/* --- Taking --- */

/* By basic.get, acked at once. The second is NULL when the queue is still empty after wait_ms.
 */
struct mq_message *mq_take(struct mq *mq, const char *queue, int wait_ms);
struct mq_message *mq_take_if_any(struct mq *mq, const char *queue, int wait_ms);

/* By basic.get, unacked; NULL when the queue is empty. */
struct mq_message *mq_get(struct mq *mq, const char *queue);

void mq_consume(struct mq *mq, const char *queue, int prefetch);
struct mq_message *mq_next(struct mq *mq, int wait_ms); /* the next delivery */
struct mq_message *mq_next_if_any(struct mq *mq, int wait_ms);

void mq_ack(struct mq *mq, const struct mq_message *m);
void mq_reject(struct mq *mq, const struct mq_message *m, bool requeues);
void mq_drop(struct mq *mq, struct mq_message *m); /* frees it now: for tests of very many */

/* --- What the server says --- */

void mq_wait_blocked(struct mq *mq, bool is_blocked, int wait_ms);

/* Waits until the server ends the connection; its reply code (320), or 0 when it just broke.
 * Then mq_close() is all that works. */
int mq_wait_closed(struct mq *mq, int wait_ms);

/* --- The queues of one step, as the platform makes them --- */

/* Names and routing keys are fresh, and differ from each other. */
struct mq_step {
    char exchange[48]; /* of type direct; for ELASTICIO_PUBLISH_MESSAGES_TO */
    char input[48], data[48], error[48], rebound[48], snapshot[48], reply[48];
    char rejected[48]; /* dead letters of input, with x-death */
    /* The routing keys of those queues. That of a reply is a message's header `reply_to`. */
    char input_key[48], data_key[48], error_key[48], rebound_key[48], snapshot_key[48],
        reply_key[48];
};

/* What expires in `rebound` comes back to `input`, with x-death. */
void mq_step_declare(struct mq *mq, struct mq_step *step);

/* Declares its data queue anew, with these arguments:
 * MQ_TABLE(mq_i32("x-max-length", 1), mq_text("x-overflow", "reject-publish")). */
void mq_step_limit_data(struct mq *mq, const struct mq_step *step,
                        const amqp_table_entry_t *arguments);
void mq_step_delete(struct mq *mq, const struct mq_step *step);

#endif
