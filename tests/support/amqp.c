// SPDX-License-Identifier: Apache-2.0
/* amqp.c
 *
 * All that comes passes take_frame(), in whatever order the server sends it: deliveries wait in
 * a list, confirms are noted by their number, and what a call waits for is a condition on that.
 * Calls with an answer (declare, bind ...) are rabbitmq-c's, which keeps other frames for us.
 */
#include "amqp.h"

#include "fail.h"

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHANNEL     1
#define FRAME_MAX   131072
#define HEARTBEAT_S 600 /* tests may leave a client alone for a while */
#define WAIT_MS     30000

enum state {
    OUTSTANDING,
    ACKED,
    NACKED
};

struct mq {
    amqp_connection_state_t conn;
    bool is_blocked, is_closed;
    int close_code;

    struct mq_message *all;           /* every message given out, for mq_close() */
    struct mq_message *incoming;      /* its body is still coming */
    bool is_returned;                 /* the incoming one */
    uint64_t left;                    /* bytes of its body */
    struct mq_message *first, **last; /* deliveries not yet given out */
    struct mq_message *got;           /* of a basic.get */
    bool was_empty;                   /* the answer to it */
    struct mq_message *returned;      /* the last one */
    int return_count;

    unsigned char *states; /* of what was published: states[number - 1] */
    uint64_t published, outstanding;
    uint64_t settled; /* all up to this number are */
    int refused;
    struct mq *next;
};

static struct mq *clients;

/* --- What came, as JSON --- */

static json_t *text_of(amqp_bytes_t bytes)
{
    json_t *text = json_stringn(bytes.len ? bytes.bytes : "", bytes.len);
    if (text)
        return text;
    char *hex = calloc(2, bytes.len + 1); /* no UTF-8 */
    for (size_t i = 0; hex && i < bytes.len; i++)
        snprintf(hex + 2 * i, 3, "%02x", ((const unsigned char *)bytes.bytes)[i]);
    text = json_string(hex);
    free(hex);
    return text;
}

static json_t *values_of(const amqp_table_t *table);
static json_t *kinds_of(const amqp_table_t *table);

static json_t *value_of(const amqp_field_value_t *v)
{
    json_t *array;
    switch (v->kind) {
    case AMQP_FIELD_KIND_BOOLEAN:
        return json_boolean(v->value.boolean);
    case AMQP_FIELD_KIND_I8:
        return json_integer(v->value.i8);
    case AMQP_FIELD_KIND_U8:
        return json_integer(v->value.u8);
    case AMQP_FIELD_KIND_I16:
        return json_integer(v->value.i16);
    case AMQP_FIELD_KIND_U16:
        return json_integer(v->value.u16);
    case AMQP_FIELD_KIND_I32:
        return json_integer(v->value.i32);
    case AMQP_FIELD_KIND_U32:
        return json_integer(v->value.u32);
    case AMQP_FIELD_KIND_I64:
        return json_integer(v->value.i64);
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        return json_integer((json_int_t)v->value.u64);
    case AMQP_FIELD_KIND_F32:
        return json_real((double)v->value.f32);
    case AMQP_FIELD_KIND_F64:
        return json_real(v->value.f64);
    case AMQP_FIELD_KIND_DECIMAL:
        return json_pack("[I, I]", (json_int_t)v->value.decimal.decimals,
                         (json_int_t)v->value.decimal.value);
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES:
        return text_of(v->value.bytes);
    case AMQP_FIELD_KIND_TABLE:
        return values_of(&v->value.table);
    case AMQP_FIELD_KIND_ARRAY:
        array = json_array();
        for (int i = 0; i < v->value.array.num_entries; i++)
            json_array_append_new(array, value_of(&v->value.array.entries[i]));
        return array;
    default:
        return json_null();
    }
}

static json_t *kind_of(const amqp_field_value_t *v)
{
    char letter[2] = { (char)v->kind, '\0' };
    if (v->kind == AMQP_FIELD_KIND_TABLE)
        return kinds_of(&v->value.table);
    if (v->kind != AMQP_FIELD_KIND_ARRAY)
        return json_string(letter);
    json_t *array = json_array();
    for (int i = 0; i < v->value.array.num_entries; i++)
        json_array_append_new(array, kind_of(&v->value.array.entries[i]));
    return array;
}

static json_t *each_of(const amqp_table_t *table, json_t *(*of)(const amqp_field_value_t *))
{
    json_t *object = json_object();
    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *e = &table->entries[i];
        char *name = strndup(e->key.bytes, e->key.len);
        if (json_object_get(object, name))
            fail_test("the header %s came twice", name);
        json_object_set_new(object, name, of(&e->value));
        free(name);
    }
    return object;
}

static json_t *values_of(const amqp_table_t *table)
{
    return each_of(table, value_of);
}

static json_t *kinds_of(const amqp_table_t *table)
{
    return each_of(table, kind_of);
}

static json_t *properties_of(const amqp_basic_properties_t *p)
{
    json_t *object = json_object();
#define TEXT(flag, member)                                                                     \
    if (p->_flags & AMQP_BASIC_##flag##_FLAG)                                                  \
    json_object_set_new(object, #member, text_of(p->member))
#define NUMBER(flag, member)                                                                   \
    if (p->_flags & AMQP_BASIC_##flag##_FLAG)                                                  \
    json_object_set_new(object, #member, json_integer((json_int_t)p->member))
    TEXT(CONTENT_TYPE, content_type);
    TEXT(CONTENT_ENCODING, content_encoding);
    NUMBER(DELIVERY_MODE, delivery_mode);
    NUMBER(PRIORITY, priority);
    TEXT(CORRELATION_ID, correlation_id);
    TEXT(REPLY_TO, reply_to);
    TEXT(EXPIRATION, expiration);
    TEXT(MESSAGE_ID, message_id);
    NUMBER(TIMESTAMP, timestamp);
    TEXT(TYPE, type);
    TEXT(USER_ID, user_id);
    TEXT(APP_ID, app_id);
    TEXT(CLUSTER_ID, cluster_id);
#undef TEXT
#undef NUMBER
    return object;
}

/* --- Frames --- */

static void free_message(struct mq_message *m)
{
    if (!m)
        return;
    json_decref(m->headers);
    json_decref(m->kinds);
    json_decref(m->properties);
    free(m->exchange);
    free(m->key);
    free(m->body);
    free(m);
}

static void begin(struct mq *mq, amqp_bytes_t exchange, amqp_bytes_t key, bool is_redelivered,
                  uint64_t tag)
{
    struct mq_message *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    assert_null(mq->incoming);
    m->exchange = strndup(exchange.len ? exchange.bytes : "", exchange.len);
    m->key = strndup(key.len ? key.bytes : "", key.len);
    m->is_redelivered = is_redelivered;
    m->tag = tag;
    mq->incoming = m;
    mq->is_returned = tag == 0;
}

/* A message is whole: it goes to where it is waited for. */
static void finish(struct mq *mq)
{
    struct mq_message *m = mq->incoming;
    mq->incoming = NULL;
    m->body[m->body_len] = '\0';
    if (mq->is_returned) {
        free_message(mq->returned);
        mq->returned = m;
        mq->return_count++;
    } else if (mq->got == m) {
        mq->got = NULL;
        m->next = mq->all;
        mq->all = m;
    } else {
        *mq->last = m;
        mq->last = &m->next;
    }
}

static void take_head(struct mq *mq, const amqp_frame_t *frame)
{
    struct mq_message *m = mq->incoming;
    if (!m)
        fail_test("RabbitMQ sent a header that belongs to nothing");
    const amqp_basic_properties_t *p = frame->payload.properties.decoded;
    m->has_headers = p->_flags & AMQP_BASIC_HEADERS_FLAG;
    const amqp_table_t none = { 0 }, *headers = m->has_headers ? &p->headers : &none;
    m->headers = values_of(headers);
    m->kinds = kinds_of(headers);
    m->properties = properties_of(p);
    mq->left = frame->payload.properties.body_size;
    m->body = malloc(mq->left + 1);
    assert_non_null(m->body);
    if (mq->left == 0)
        finish(mq);
}

static void take_body(struct mq *mq, amqp_bytes_t part)
{
    struct mq_message *m = mq->incoming;
    if (!m || part.len > mq->left)
        fail_test("RabbitMQ sent a body that belongs to nothing");
    memcpy(m->body + m->body_len, part.bytes, part.len);
    m->body_len += part.len;
    mq->left -= part.len;
    if (mq->left == 0)
        finish(mq);
}

static void note(struct mq *mq, uint64_t number, bool is_multiple, enum state state)
{
    for (uint64_t n = is_multiple ? mq->settled + 1 : number; n <= number && n <= mq->published;
         n++) {
        if (mq->states[n - 1] != OUTSTANDING)
            continue;
        mq->states[n - 1] = (unsigned char)state;
        mq->outstanding--;
        mq->refused += state == NACKED;
    }
    while (mq->settled < mq->published && mq->states[mq->settled] != OUTSTANDING)
        mq->settled++;
}

static void take_method(struct mq *mq, const amqp_method_t *method)
{
    const void *decoded = method->decoded;
    const amqp_basic_deliver_t *deliver = decoded;
    const amqp_basic_get_ok_t *get_ok = decoded;
    const amqp_basic_return_t *returned = decoded;
    const amqp_basic_ack_t *ack = decoded;
    const amqp_basic_nack_t *nack = decoded;
    const amqp_channel_close_t *closed = decoded;
    switch (method->id) {
    case AMQP_BASIC_DELIVER_METHOD:
        begin(mq, deliver->exchange, deliver->routing_key, deliver->redelivered,
              deliver->delivery_tag);
        break;
    case AMQP_BASIC_GET_OK_METHOD:
        begin(mq, get_ok->exchange, get_ok->routing_key, get_ok->redelivered,
              get_ok->delivery_tag);
        mq->got = mq->incoming;
        break;
    case AMQP_BASIC_GET_EMPTY_METHOD:
        mq->was_empty = true;
        break;
    case AMQP_BASIC_RETURN_METHOD:
        begin(mq, returned->exchange, returned->routing_key, false, 0);
        break;
    case AMQP_BASIC_ACK_METHOD:
        note(mq, ack->delivery_tag, ack->multiple, ACKED);
        break;
    case AMQP_BASIC_NACK_METHOD:
        note(mq, nack->delivery_tag, nack->multiple, NACKED);
        break;
    case AMQP_CONNECTION_BLOCKED_METHOD:
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        mq->is_blocked = method->id == AMQP_CONNECTION_BLOCKED_METHOD;
        break;
    case AMQP_CHANNEL_CLOSE_METHOD:
        fail_test("RabbitMQ closed the channel: %d %.*s", closed->reply_code,
                  (int)closed->reply_text.len, (const char *)closed->reply_text.bytes);
    case AMQP_CONNECTION_CLOSE_METHOD:
        mq->is_closed = true;
        amqp_send_method(mq->conn, 0, AMQP_CONNECTION_CLOSE_OK_METHOD,
                         &(amqp_connection_close_ok_t){ 0 });
        mq->close_code = ((const amqp_connection_close_t *)decoded)->reply_code;
        break;
    case AMQP_BASIC_CANCEL_METHOD: /* its queue is gone */
        break;
    default:
        fail_test("RabbitMQ sent %s", amqp_method_name(method->id));
    }
}

/* Takes one frame, if one comes before the deadline. False: none, or the connection is gone. */
static bool take_frame(struct mq *mq, int64_t deadline)
{
    int64_t left = deadline - now_ms();
    if (left < 0 || mq->is_closed)
        left = 0;
    struct timeval wait = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
    amqp_frame_t frame;
    if (!mq->incoming)
        amqp_maybe_release_buffers(mq->conn);
    int status = amqp_simple_wait_frame_noblock(mq->conn, &frame, &wait);
    if (status == AMQP_STATUS_TIMEOUT)
        return false;
    if (status != AMQP_STATUS_OK) {
        mq->is_closed = true;
        return false;
    }
    if (frame.frame_type == AMQP_FRAME_METHOD)
        take_method(mq, &frame.payload.method);
    else if (frame.frame_type == AMQP_FRAME_HEADER)
        take_head(mq, &frame);
    else if (frame.frame_type == AMQP_FRAME_BODY)
        take_body(mq, frame.payload.body_fragment);
    return true;
}

/* The same for a call that cannot go on without: fails at the deadline. */
static void need_frame(struct mq *mq, int64_t deadline, const char *what)
{
    if (take_frame(mq, deadline) && !mq->is_closed)
        return;
    if (mq->is_closed)
        fail_test("the connection to RabbitMQ ended (%d) while the test waited for %s",
                  mq->close_code, what);
    if (now_ms() >= deadline)
        fail_test("RabbitMQ sent no %s before the deadline", what);
}

static void check_reply(struct mq *mq, const char *what)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(mq->conn);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
        const amqp_channel_close_t *why = reply.reply.decoded;
        fail_test("%s: RabbitMQ says %.*s", what, why ? (int)why->reply_text.len : 0,
                  why ? (const char *)why->reply_text.bytes : "");
    }
    fail_test("%s: %s", what, amqp_error_string2(reply.library_error));
}

static void check_status(int status, const char *what)
{
    if (status != AMQP_STATUS_OK)
        fail_test("%s: %s", what, amqp_error_string2(status));
}

/* --- Connecting --- */

static void sign_in(struct mq *mq, const struct amqp_connection_info *at)
{
    amqp_table_entry_t blocked = mq_bool("connection.blocked", true);
    amqp_table_entry_t client[] = { mq_text("connection_name", "the-test"), mq_end() };
    client[1].key = amqp_cstring_bytes("capabilities");
    client[1].value.kind = AMQP_FIELD_KIND_TABLE;
    client[1].value.value.table = (amqp_table_t){ 1, &blocked };
    const amqp_table_t properties = { 2, client };
    amqp_rpc_reply_t reply =
        amqp_login_with_properties(mq->conn, at->vhost, 0, FRAME_MAX, HEARTBEAT_S, &properties,
                                   AMQP_SASL_METHOD_PLAIN, at->user, at->password);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail_test("RabbitMQ does not let the test in: %s",
                  reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                      ? amqp_error_string2(reply.library_error)
                      : "it closed the connection");
    amqp_channel_open(mq->conn, CHANNEL);
    check_reply(mq, "open a channel");
    amqp_confirm_select(mq->conn, CHANNEL);
    check_reply(mq, "ask for confirms");
}

struct mq *mq_connect_tls(const char *uri, const char *ca_path)
{
    char *copy = strdup(uri);
    struct amqp_connection_info at;
    check_status(amqp_parse_url(copy, &at), uri);
    struct mq *mq = calloc(1, sizeof(*mq));
    assert_non_null(mq);
    mq->last = &mq->first;
    mq->conn = amqp_new_connection();
    amqp_socket_t *socket =
        at.ssl ? amqp_ssl_socket_new(mq->conn) : amqp_tcp_socket_new(mq->conn);
    assert_non_null(socket);
    if (at.ssl)
        check_status(amqp_ssl_socket_set_cacert(socket, ca_path), ca_path);
    struct timeval wait = { .tv_sec = WAIT_MS / 1000 };
    amqp_set_handshake_timeout(mq->conn, &wait);
    amqp_set_rpc_timeout(mq->conn, &wait);
    check_status(amqp_socket_open_noblock(socket, at.host, at.port, &wait), uri);
    sign_in(mq, &at);
    free(copy);
    mq->next = clients;
    clients = mq;
    return mq;
}

struct mq *mq_connect(const char *uri)
{
    return mq_connect_tls(uri, NULL);
}

void mq_close(struct mq *mq)
{
    if (!mq)
        return;
    for (struct mq **at = &clients; *at; at = &(*at)->next) {
        if (*at == mq) {
            *at = mq->next;
            break;
        }
    }
    /* Without a farewell: a blocked server would not answer it. */
    amqp_destroy_connection(mq->conn);
    struct mq_message *lists[] = { mq->all, mq->first }, *next;
    for (int i = 0; i < 2; i++) {
        for (struct mq_message *m = lists[i]; m; m = next) {
            next = m->next;
            free_message(m);
        }
    }
    free_message(mq->incoming);
    free_message(mq->returned);
    free(mq->states);
    free(mq);
}

int mq_close_all(void **state)
{
    (void)state;
    while (clients)
        mq_close(clients);
    return 0;
}

/* --- Tables --- */

static amqp_table_entry_t entry(const char *name, uint8_t kind)
{
    amqp_table_entry_t e = { .key = amqp_cstring_bytes(name) };
    e.value.kind = kind;
    return e;
}

amqp_table_entry_t mq_end(void)
{
    return entry("", 0);
}

#define MAKER(verb, type, kind, member)                                                        \
    amqp_table_entry_t mq_##verb(const char *name, type value)                                 \
    {                                                                                          \
        amqp_table_entry_t e = entry(name, AMQP_FIELD_KIND_##kind);                            \
        e.value.value.member = value;                                                          \
        return e;                                                                              \
    }

MAKER(bool, bool, BOOLEAN, boolean)
MAKER(i8, int8_t, I8, i8)
MAKER(u8, uint8_t, U8, u8)
MAKER(i16, int16_t, I16, i16)
MAKER(u16, uint16_t, U16, u16)
MAKER(i32, int32_t, I32, i32)
MAKER(u32, uint32_t, U32, u32)
MAKER(i64, int64_t, I64, i64)
MAKER(u64, uint64_t, U64, u64)
MAKER(f32, float, F32, f32)
MAKER(f64, double, F64, f64)
MAKER(time, uint64_t, TIMESTAMP, u64)

amqp_table_entry_t mq_text(const char *name, const char *value)
{
    amqp_table_entry_t e = entry(name, AMQP_FIELD_KIND_UTF8);
    e.value.value.bytes = amqp_cstring_bytes(value);
    return e;
}

amqp_table_entry_t mq_bytes(const char *name, const char *value)
{
    amqp_table_entry_t e = entry(name, AMQP_FIELD_KIND_BYTES);
    e.value.value.bytes = amqp_cstring_bytes(value);
    return e;
}

amqp_table_entry_t mq_decimal(const char *name, uint8_t decimals, uint32_t value)
{
    amqp_table_entry_t e = entry(name, AMQP_FIELD_KIND_DECIMAL);
    e.value.value.decimal = (amqp_decimal_t){ decimals, value };
    return e;
}

amqp_table_entry_t mq_void(const char *name)
{
    return entry(name, AMQP_FIELD_KIND_VOID);
}

/* Of both, the entries stand here until native() makes them what rabbitmq-c wants. */
amqp_table_entry_t mq_table(const char *name, const amqp_table_entry_t *entries)
{
    amqp_table_entry_t e = entry(name, AMQP_FIELD_KIND_TABLE);
    e.value.value.table.entries = (amqp_table_entry_t *)(uintptr_t)entries;
    return e;
}

amqp_table_entry_t mq_array(const char *name, const amqp_table_entry_t *values)
{
    amqp_table_entry_t e = mq_table(name, values);
    e.value.kind = AMQP_FIELD_KIND_ARRAY;
    return e;
}

static amqp_table_t native(const amqp_table_entry_t *entries, amqp_pool_t *pool)
{
    amqp_table_t table = { 0 };
    while (entries && entries[table.num_entries].value.kind != 0)
        table.num_entries++;
    size_t count = (size_t)table.num_entries;
    table.entries = amqp_pool_alloc(pool, (count + 1) * sizeof(*table.entries));
    for (size_t i = 0; i < count; i++) {
        amqp_field_value_t *v = &table.entries[i].value;
        table.entries[i] = entries[i];
        if (v->kind != AMQP_FIELD_KIND_TABLE && v->kind != AMQP_FIELD_KIND_ARRAY)
            continue;
        amqp_table_t inner = native(v->value.table.entries, pool);
        if (v->kind == AMQP_FIELD_KIND_TABLE) {
            v->value.table = inner;
            continue;
        }
        amqp_array_t array = { .num_entries = inner.num_entries };
        array.entries =
            amqp_pool_alloc(pool, ((size_t)inner.num_entries + 1) * sizeof(*array.entries));
        for (int k = 0; k < inner.num_entries; k++)
            array.entries[k] = inner.entries[k].value;
        v->value.array = array;
    }
    return table;
}

/* --- Queues --- */

void mq_declare_exchange(struct mq *mq, const char *name, const char *type)
{
    amqp_exchange_declare(mq->conn, CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes(type),
                          false, true, false, false, amqp_empty_table);
    check_reply(mq, name);
}

void mq_declare_queue(struct mq *mq, const char *name, const amqp_table_entry_t *arguments)
{
    amqp_pool_t pool;
    init_amqp_pool(&pool, 4096);
    amqp_queue_declare(mq->conn, CHANNEL, amqp_cstring_bytes(name), false, true, false, false,
                       native(arguments, &pool));
    check_reply(mq, name);
    empty_amqp_pool(&pool);
}

void mq_bind(struct mq *mq, const char *queue, const char *exchange, const char *key)
{
    amqp_queue_bind(mq->conn, CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
                    amqp_cstring_bytes(key), amqp_empty_table);
    check_reply(mq, queue);
}

void mq_unbind(struct mq *mq, const char *queue, const char *exchange, const char *key)
{
    amqp_queue_unbind(mq->conn, CHANNEL, amqp_cstring_bytes(queue),
                      amqp_cstring_bytes(exchange), amqp_cstring_bytes(key), amqp_empty_table);
    check_reply(mq, queue);
}

void mq_delete_queue(struct mq *mq, const char *name)
{
    amqp_queue_delete(mq->conn, CHANNEL, amqp_cstring_bytes(name), false, false);
    check_reply(mq, name);
}

void mq_purge(struct mq *mq, const char *name)
{
    amqp_queue_purge(mq->conn, CHANNEL, amqp_cstring_bytes(name));
    check_reply(mq, name);
}

int mq_count(struct mq *mq, const char *queue)
{
    const amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(mq->conn, CHANNEL, amqp_cstring_bytes(queue), true, false, false,
                           false, amqp_empty_table);
    check_reply(mq, queue);
    return (int)ok->message_count;
}

void mq_wait_count(struct mq *mq, const char *queue, int count, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    int have;
    while ((have = mq_count(mq, queue)) != count) {
        if (now_ms() >= deadline)
            fail_test("queue %s holds %d messages, not %d", queue, have, count);
        take_frame(mq, now_ms() + 10);
    }
}

/* --- Publishing --- */

static amqp_basic_properties_t properties(const struct mq_publish *publish, amqp_pool_t *pool)
{
    amqp_basic_properties_t p = { 0 };
    if (publish->more)
        p = *publish->more;
    if (publish->headers || !publish->has_no_headers) {
        p._flags |= AMQP_BASIC_HEADERS_FLAG;
        p.headers = native(publish->headers, pool);
    }
    if (publish->delivery_mode) {
        p._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
        p.delivery_mode = publish->delivery_mode;
    }
    if (publish->content_type) {
        p._flags |= AMQP_BASIC_CONTENT_TYPE_FLAG;
        p.content_type = amqp_cstring_bytes(publish->content_type);
    }
    if (publish->content_encoding) {
        p._flags |= AMQP_BASIC_CONTENT_ENCODING_FLAG;
        p.content_encoding = amqp_cstring_bytes(publish->content_encoding);
    }
    if (publish->expiration) {
        p._flags |= AMQP_BASIC_EXPIRATION_FLAG;
        p.expiration = amqp_cstring_bytes(publish->expiration);
    }
    return p;
}

static uint64_t send_one(struct mq *mq, const struct mq_publish *publish)
{
    amqp_pool_t pool;
    init_amqp_pool(&pool, 4096);
    amqp_basic_properties_t p = properties(publish, &pool);
    size_t len =
        publish->body_len || !publish->body ? publish->body_len : strlen(publish->body);
    amqp_bytes_t body = { len, (void *)(uintptr_t)publish->body };
    check_status(
        amqp_basic_publish(mq->conn, CHANNEL,
                           amqp_cstring_bytes(publish->exchange ? publish->exchange : ""),
                           amqp_cstring_bytes(publish->key ? publish->key : ""),
                           publish->is_mandatory, false, &p, body),
        "publish");
    empty_amqp_pool(&pool);
    if ((mq->published & (mq->published - 1)) == 0 || mq->published == 0) {
        size_t room = mq->published ? mq->published * 2 : 1;
        unsigned char *states = realloc(mq->states, room);
        assert_non_null(states);
        mq->states = states;
    }
    mq->states[mq->published] = OUTSTANDING;
    mq->outstanding++;
    return ++mq->published;
}

enum mq_outcome mq_publish(struct mq *mq, const struct mq_publish *publish)
{
    int64_t deadline = now_ms() + WAIT_MS;
    int returned = mq->return_count;
    uint64_t number = send_one(mq, publish);
    if (publish->needs_no_confirm)
        return MQ_SENT;
    while (mq->states[number - 1] == OUTSTANDING)
        need_frame(mq, deadline, "confirm");
    if (mq->states[number - 1] == NACKED) {
        mq->refused--; /* this one is told of already */
        return MQ_NACKED;
    }
    return mq->return_count > returned ? MQ_RETURNED : MQ_ACKED;
}

int mq_settle(struct mq *mq, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (mq->outstanding > 0)
        need_frame(mq, deadline, "confirm");
    int refused = mq->refused;
    mq->refused = 0;
    return refused;
}

const struct mq_message *mq_returned(struct mq *mq)
{
    return mq->returned;
}

/* --- Taking --- */

struct mq_message *mq_get(struct mq *mq, const char *queue)
{
    amqp_basic_get_t get = { .queue = amqp_cstring_bytes(queue) };
    int64_t deadline = now_ms() + WAIT_MS;
    struct mq_message *before = mq->all;
    mq->was_empty = false;
    check_status(amqp_send_method(mq->conn, CHANNEL, AMQP_BASIC_GET_METHOD, &get), "get");
    while (mq->all == before && !mq->was_empty)
        need_frame(mq, deadline, "answer to a get");
    return mq->was_empty ? NULL : mq->all;
}

struct mq_message *mq_take_if_any(struct mq *mq, const char *queue, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    struct mq_message *m;
    while (!(m = mq_get(mq, queue))) {
        if (now_ms() >= deadline)
            return NULL;
        take_frame(mq, now_ms() + 5);
    }
    mq_ack(mq, m);
    return m;
}

struct mq_message *mq_take(struct mq *mq, const char *queue, int wait_ms)
{
    struct mq_message *m = mq_take_if_any(mq, queue, wait_ms);
    if (!m)
        fail_test("no message came to queue %s within %d ms", queue, wait_ms);
    return m;
}

void mq_consume(struct mq *mq, const char *queue, int prefetch)
{
    amqp_basic_qos(mq->conn, CHANNEL, 0, (uint16_t)prefetch, false);
    check_reply(mq, "set the prefetch");
    amqp_basic_consume(mq->conn, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, false,
                       false, false, amqp_empty_table);
    check_reply(mq, queue);
}

struct mq_message *mq_next_if_any(struct mq *mq, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!mq->first) {
        if (!take_frame(mq, deadline) && (mq->is_closed || now_ms() >= deadline))
            return NULL;
    }
    struct mq_message *m = mq->first;
    mq->first = m->next;
    if (!mq->first)
        mq->last = &mq->first;
    m->next = mq->all;
    mq->all = m;
    return m;
}

struct mq_message *mq_next(struct mq *mq, int wait_ms)
{
    struct mq_message *m = mq_next_if_any(mq, wait_ms);
    if (!m)
        fail_test("no delivery came within %d ms", wait_ms);
    return m;
}

void mq_ack(struct mq *mq, const struct mq_message *m)
{
    check_status(amqp_basic_ack(mq->conn, CHANNEL, m->tag, false), "ack");
}

void mq_reject(struct mq *mq, const struct mq_message *m, bool requeues)
{
    check_status(amqp_basic_reject(mq->conn, CHANNEL, m->tag, requeues), "reject");
}

void mq_drop(struct mq *mq, struct mq_message *m)
{
    for (struct mq_message **at = &mq->all; *at; at = &(*at)->next) {
        if (*at == m) {
            *at = m->next;
            free_message(m);
            return;
        }
    }
}

/* --- What the server says --- */

void mq_wait_blocked(struct mq *mq, bool is_blocked, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (mq->is_blocked != is_blocked)
        need_frame(mq, deadline, is_blocked ? "connection.blocked" : "connection.unblocked");
}

int mq_wait_closed(struct mq *mq, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!mq->is_closed) {
        take_frame(mq, deadline);
        if (!mq->is_closed && now_ms() >= deadline)
            fail_test("RabbitMQ did not end the connection within %d ms", wait_ms);
    }
    return mq->close_code;
}

/* --- The queues of one step --- */

static void declare_bound(struct mq *mq, const struct mq_step *step, const char *queue,
                          const char *key, const amqp_table_entry_t *arguments)
{
    mq_declare_queue(mq, queue, arguments);
    mq_bind(mq, queue, step->exchange, key);
}

void mq_step_declare(struct mq *mq, struct mq_step *step)
{
    static unsigned int count;
    unsigned int n = ++count;
    *step = (struct mq_step){ 0 };
#define NAME(member, suffix) snprintf(step->member, sizeof(step->member), "step%u" suffix, n)
    NAME(exchange, ".exchange");
    NAME(input, ".input");
    NAME(data, ".data");
    NAME(error, ".error");
    NAME(rebound, ".rebound");
    NAME(snapshot, ".snapshot");
    NAME(reply, ".reply");
    NAME(rejected, ".rejected");
    NAME(input_key, ".key.input");
    NAME(data_key, ".key.message");
    NAME(error_key, ".key.error");
    NAME(rebound_key, ".key.rebound");
    NAME(snapshot_key, ".key.snapshot");
    NAME(reply_key, ".key.reply");
#undef NAME
    mq_declare_exchange(mq, step->exchange, "direct");
    mq_declare_queue(mq, step->rejected, NULL);
    declare_bound(mq, step, step->input, step->input_key,
                  MQ_TABLE(mq_text("x-dead-letter-exchange", ""),
                           mq_text("x-dead-letter-routing-key", step->rejected)));
    declare_bound(mq, step, step->data, step->data_key, NULL);
    declare_bound(mq, step, step->error, step->error_key, NULL);
    declare_bound(mq, step, step->rebound, step->rebound_key,
                  MQ_TABLE(mq_text("x-dead-letter-exchange", step->exchange),
                           mq_text("x-dead-letter-routing-key", step->input_key)));
    declare_bound(mq, step, step->snapshot, step->snapshot_key, NULL);
    declare_bound(mq, step, step->reply, step->reply_key, NULL);
}

void mq_step_limit_data(struct mq *mq, const struct mq_step *step,
                        const amqp_table_entry_t *arguments)
{
    mq_delete_queue(mq, step->data);
    declare_bound(mq, step, step->data, step->data_key, arguments);
}

void mq_step_delete(struct mq *mq, const struct mq_step *step)
{
    const char *queues[] = { step->input,    step->data,  step->error,   step->rebound,
                             step->snapshot, step->reply, step->rejected };
    for (size_t i = 0; i < sizeof(queues) / sizeof(*queues); i++)
        mq_delete_queue(mq, queues[i]);
    amqp_exchange_delete(mq->conn, CHANNEL, amqp_cstring_bytes(step->exchange), false);
    check_reply(mq, step->exchange);
}
