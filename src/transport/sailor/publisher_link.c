// SPDX-License-Identifier: Apache-2.0
/* publisher_link.c - the publisher's connection: what goes out, and what the broker says to it.
 * All of it runs on the publisher's thread. */
#include "transport/sailor/publisher_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/digest.h"
#include "transport/sailor/inbox.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS       5000 /* also what close() may have to wait for */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   30000
#define LOG_AGAIN_MS     60000 /* an outage that lasts is told once a minute */
#define ROUTING_KEY_MAX  255   /* of the protocol */

/* --- Answers ------------------------------------------------------------------------------ */

static void free_publishing(struct kc_publishing *publishing)
{
    free(publishing->routing_key);
    free(publishing->body);
    kc_table_free(publishing->headers);
    kc_properties_free(publishing->props_owner);
    free(publishing);
}

void kc_publisher_answer(struct kc_publisher *p, struct kc_publishing *publishing,
                         bool is_confirmed, enum kc_code code, const char *reason)
{
    p->answered_count++;
    p->answered_bytes += publishing->body_len;
    if (is_confirmed) {
        if (publishing->done)
            publishing->done(publishing->arg, true, NULL);
    } else {
        struct kc_error err = { 0 };
        struct kc_text id = kc_table_get_text(publishing->headers, "messageId");
        kc_error_set(&err, code, 0, "Failed on publishing %.*s message to MQ: %s", (int)id.len,
                     id.p ? id.p : "", reason);
        if (publishing->done)
            publishing->done(publishing->arg, false, &err);
    }
    free_publishing(publishing);
}

static void give_up(struct kc_publisher *p, struct kc_publishing *publishing, enum kc_code code,
                    const char *reason)
{
    kc_log(KC_ERROR, "publish_given_up", KC_S("routingKey", publishing->routing_key),
           KC_T("messageId", kc_table_get_text(publishing->headers, "messageId")),
           KC_S("error", reason), KC_I("tries", publishing->tries));
    kc_backlog_answered(&p->backlog, publishing, false);
    kc_publisher_answer(p, publishing, false, code, reason);
}

/* Counts the try; true: it was the last. */
static bool was_last_try(const struct kc_publisher *p, struct kc_publishing *publishing)
{
    publishing->tries++;
    return p->conf.retry_attempts > 0 && publishing->tries >= p->conf.retry_attempts;
}

static void refuse(struct kc_publisher *p, struct kc_publishing *publishing, const char *reason)
{
    int64_t now_ms = kc_now_ms();
    bool is_hopeless = was_last_try(p, publishing);
    if (publishing->is_returned && publishing->returned_ms == 0)
        publishing->returned_ms = now_ms;
    if (publishing->is_reply && publishing->returned_ms &&
        now_ms - publishing->returned_ms >= p->conf.reply_patience_ms)
        is_hopeless = true; /* nobody waits for it any more */
    if (is_hopeless)
        give_up(p, publishing, KC_REFUSED, reason);
    else
        kc_backlog_refused(&p->backlog, publishing, now_ms, reason);
}

static void confirm(struct kc_publisher *p, struct kc_publishing *publishing)
{
    if (publishing->is_returned && !publishing->is_snapshot) {
        refuse(p, publishing, p->return_reason);
        return;
    }
    if (publishing->is_returned)
        kc_log(KC_WARN, "snapshot_returned", KC_S("routingKey", publishing->routing_key),
               KC_S("reason", p->return_reason));
    if (p->window < KC_FLIGHT_MAX)
        p->window++;
    p->backoff_ms = 0;
    kc_backlog_answered(&p->backlog, publishing, true);
    kc_publisher_answer(p, publishing, true, KC_NONE, NULL);
}

/* --- Connecting --------------------------------------------------------------------------- */

bool kc_publisher_connect(struct kc_publisher *p, struct kc_error *err)
{
    struct kc_link_conf conf = {
        .uri = p->conf.uri,
        .role = "write",
        .timeout_ms = CONNECT_MS,
        .confirms = true,
    };
    if (!kc_link_open(&p->link, &conf, err))
        return false;
    kc_flight_init(&p->flight);
    p->is_blocked = false;
    p->up_since_ms = kc_now_ms();
    pthread_mutex_lock(&p->lock);
    p->open_link = p->link;
    kc_error_clear(&p->down);
    pthread_mutex_unlock(&p->lock);
    return true;
}

/* Half of the pause and a random part of the other half: what was cut off together does not
 * come back together. */
static int jittered(int pause_ms)
{
    uint32_t dice;
    kc_random_bytes(&dice, sizeof(dice));
    return pause_ms / 2 + (int)(dice % (uint32_t)(pause_ms / 2 + 1));
}

static void plan_connect(struct kc_publisher *p, const struct kc_error *why)
{
    p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (p->backoff_ms > BACKOFF_MAX_MS)
        p->backoff_ms = BACKOFF_MAX_MS;
    p->connect_at_ms = kc_now_ms() + jittered(p->backoff_ms);
    pthread_mutex_lock(&p->lock);
    p->down = *why;
    pthread_mutex_unlock(&p->lock);
}

void kc_publisher_reconnect(struct kc_publisher *p)
{
    struct kc_error err = { 0 };
    int64_t down_ms = kc_now_ms() - p->down_since_ms;
    if (kc_publisher_connect(p, &err)) {
        kc_log(KC_INFO, "publisher_connected", KC_I("afterMs", down_ms));
        return;
    }
    plan_connect(p, &err);
    if (kc_now_ms() - p->logged_ms < LOG_AGAIN_MS)
        return;
    p->logged_ms = kc_now_ms();
    kc_log(KC_WARN, "publisher_still_lost", KC_I("afterMs", down_ms), KC_E(&err));
}

/* Whether the broker objects to something that was published, and not just goes away. */
static bool is_objection(const struct kc_error *why)
{
    return why->native > 0 && why->native != AMQP_CONNECTION_FORCED &&
           why->code != KC_UNTRUSTED;
}

/* What was unconfirmed has used up a try each. The one that the broker surely objects to, as it
 * was alone under way, waits before it can do harm again. */
static void take_back(struct kc_publisher *p, const struct kc_error *why)
{
    bool is_culprit = is_objection(why) && p->flight.count == 1;
    struct kc_publish_list lost = kc_flight_lost(&p->flight), again = { NULL, NULL };
    struct kc_publishing *publishing;
    while ((publishing = kc_publish_list_take(&lost))) {
        publishing->is_returned = false;
        if (is_culprit)
            refuse(p, publishing, why->text);
        else if (was_last_try(p, publishing))
            give_up(p, publishing, why->code, why->text);
        else
            kc_publish_list_push(&again, publishing);
    }
    kc_backlog_lost(&p->backlog, &again);
}

void kc_publisher_lose(struct kc_publisher *p, const struct kc_error *why)
{
    int unconfirmed = p->flight.count;
    p->logged_ms = kc_now_ms();
    pthread_mutex_lock(&p->lock);
    p->open_link = NULL;
    p->down_since_ms = p->logged_ms;
    pthread_mutex_unlock(&p->lock);
    kc_link_close(p->link, false);
    p->link = NULL;

    if (p->down_since_ms - p->up_since_ms > BACKOFF_MAX_MS)
        p->backoff_ms = 0; /* it was of use, even if nothing was published */
    p->window = is_objection(why) ? 1 : KC_FLIGHT_MAX; /* then find out which one it was */
    plan_connect(p, why);
    kc_log(KC_WARN, "publisher_lost", KC_I("unconfirmed", unconfirmed), KC_E(why));
    take_back(p, why);
}

/* --- Publishing --------------------------------------------------------------------------- */

#define EXPIRATION_SIZE sizeof("-9223372036854775808")

static amqp_basic_properties_t properties_of(const struct kc_publisher *p,
                                             const struct kc_publishing *publishing,
                                             char expiration[EXPIRATION_SIZE])
{
    amqp_basic_properties_t props = { 0 };
    if (publishing->props)
        props = *publishing->props;
    if (!publishing->props && publishing->content_type) {
        props._flags |= AMQP_BASIC_CONTENT_TYPE_FLAG;
        props.content_type = amqp_cstring_bytes(publishing->content_type);
    }
    if (!publishing->props && publishing->content_encoding) {
        props._flags |= AMQP_BASIC_CONTENT_ENCODING_FLAG;
        props.content_encoding = amqp_cstring_bytes(publishing->content_encoding);
    }
    props._flags |= AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG;
    props.headers = *kc_table_native(publishing->headers);
    props.delivery_mode =
        p->conf.is_persistent ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT;
    if (publishing->expiration_ms >= 0) {
        (void)snprintf(expiration, EXPIRATION_SIZE, "%" PRId64, publishing->expiration_ms);
        props._flags |= AMQP_BASIC_EXPIRATION_FLAG;
        props.expiration = amqp_cstring_bytes(expiration);
    }
    return props;
}

/* After a write that failed, the broker's last words may still be there to be read: confirms,
 * and why it closed the connection. */
static void hear_out(struct kc_publisher *p, struct kc_error *err)
{
    struct kc_error said = { 0 };
    while (kc_publisher_hear(p, &said) && p->flight.count) {
        struct pollfd fd = { .fd = kc_link_fd(p->link), .events = POLLIN };
        if (!kc_publisher_has_heard(p) && poll(&fd, 1, 0) <= 0)
            break;
    }
    if (said.native > 0)
        *err = said;
}

bool kc_publisher_write(struct kc_publisher *p, struct kc_publishing *publishing)
{
    struct kc_error err = { 0 };
    char expiration[EXPIRATION_SIZE];
    if (strlen(publishing->routing_key) > ROUTING_KEY_MAX) { /* would garble the stream */
        give_up(p, publishing, KC_INPUT, "the routing key is longer than 255 bytes");
        return true;
    }
    if (publishing->tries)
        kc_table_int(publishing->headers, "retry", publishing->tries);
    amqp_basic_properties_t props = properties_of(p, publishing, expiration);
    kc_flight_add(&p->flight, publishing);
    int status = amqp_basic_publish(kc_link_state(p->link), KC_LINK_CHANNEL, p->exchange,
                                    amqp_cstring_bytes(publishing->routing_key),
                                    publishing->is_mandatory, false, &props,
                                    (amqp_bytes_t){ publishing->body_len, publishing->body });
    if (status == AMQP_STATUS_TABLE_TOO_BIG || status == AMQP_STATUS_BAD_AMQP_DATA) {
        /* Never to succeed; and half of it is on its way, so the connection is of no use. */
        (void)kc_flight_take(&p->flight, p->flight.next - 1, false);
        give_up(p, publishing, KC_INPUT, amqp_error_string2(status));
    }
    if (!kc_link_broke(p->link, NULL, status, &err))
        return true;
    hear_out(p, &err);
    kc_publisher_lose(p, &err);
    return false;
}

/* --- What the broker says ----------------------------------------------------------------- */

static void on_ack(struct kc_publisher *p, uint64_t tag, bool is_multiple, bool is_nack)
{
    struct kc_publishing *publishing;
    while ((publishing = kc_flight_take(&p->flight, tag, is_multiple))) {
        if (is_nack)
            refuse(p, publishing, "message nacked");
        else
            confirm(p, publishing);
    }
}

static void on_return(struct kc_publisher *p, const amqp_basic_return_t *method)
{
    (void)snprintf(p->return_reason, sizeof(p->return_reason), "message returned: %d %.*s",
                   (int)method->reply_code, (int)method->reply_text.len,
                   method->reply_text.bytes ? (const char *)method->reply_text.bytes : "");
    kc_flight_return_begin(&p->flight, method);
}

static void on_returned(struct kc_publisher *p)
{
    if (!p->flight.returned)
        kc_log(KC_ERROR, "return_unknown", KC_S("routingKey", p->flight.routing_key),
               KC_S("error", p->return_reason));
}

static void on_blocked(struct kc_publisher *p, amqp_bytes_t reason)
{
    p->is_blocked = true;
    p->blocked_since_ms = kc_now_ms();
    kc_log(KC_WARN, "publisher_blocked",
           KC_T("reason", ((struct kc_text){ reason.bytes, reason.len })));
}

static void on_unblocked(struct kc_publisher *p)
{
    if (!p->is_blocked)
        return;
    p->is_blocked = false;
    kc_log(KC_INFO, "publisher_unblocked", KC_I("afterMs", kc_now_ms() - p->blocked_since_ms));
}

static void on_method(struct kc_publisher *p, const amqp_method_t *method)
{
    switch (method->id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = method->decoded;
        on_ack(p, ack->delivery_tag, ack->multiple, false);
        break;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = method->decoded;
        on_ack(p, nack->delivery_tag, nack->multiple, true);
        break;
    }
    case AMQP_BASIC_RETURN_METHOD:
        on_return(p, method->decoded);
        break;
    case AMQP_CONNECTION_BLOCKED_METHOD: {
        const amqp_connection_blocked_t *blocked = method->decoded;
        on_blocked(p, blocked->reason);
        break;
    }
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        on_unblocked(p);
        break;
    default:
        break;
    }
}

static void on_frame(struct kc_publisher *p, const amqp_frame_t *frame)
{
    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD:
        on_method(p, &frame->payload.method);
        break;
    case AMQP_FRAME_HEADER:
        if (kc_flight_return_header(&p->flight, frame->payload.properties.decoded,
                                    frame->payload.properties.body_size))
            on_returned(p);
        break;
    case AMQP_FRAME_BODY:
        if (kc_flight_return_body(&p->flight, frame->payload.body_fragment))
            on_returned(p);
        break;
    default: /* heartbeats */
        break;
    }
}

bool kc_publisher_has_heard(const struct kc_publisher *p)
{
    amqp_connection_state_t state = kc_link_state(p->link);
    return amqp_frames_enqueued(state) || amqp_data_in_buffer(state);
}

bool kc_publisher_hear(struct kc_publisher *p, struct kc_error *err)
{
    amqp_frame_t frame;
    int got;
    p->heard_ms = kc_now_ms();
    do {
        got = kc_link_frame(p->link, 0, &frame, err);
        if (got > 0)
            on_frame(p, &frame);
        kc_link_release(p->link);
    } while (got > 0 && kc_publisher_has_heard(p));
    return got >= 0;
}
