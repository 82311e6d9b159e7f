// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PAGE 512

/* --- properties --- */

/* Those that are bytes, each with its flag; the headers are a table of their own, and user_id
 * is never taken over: a broker closes the channel of who publishes under another's. */
static const struct {
    amqp_flags_t flag;
    size_t at;
} byte_properties[] = {
    { AMQP_BASIC_CONTENT_TYPE_FLAG, offsetof(amqp_basic_properties_t, content_type) },
    { AMQP_BASIC_CONTENT_ENCODING_FLAG, offsetof(amqp_basic_properties_t, content_encoding) },
    { AMQP_BASIC_CORRELATION_ID_FLAG, offsetof(amqp_basic_properties_t, correlation_id) },
    { AMQP_BASIC_REPLY_TO_FLAG, offsetof(amqp_basic_properties_t, reply_to) },
    { AMQP_BASIC_EXPIRATION_FLAG, offsetof(amqp_basic_properties_t, expiration) },
    { AMQP_BASIC_MESSAGE_ID_FLAG, offsetof(amqp_basic_properties_t, message_id) },
    { AMQP_BASIC_TYPE_FLAG, offsetof(amqp_basic_properties_t, type) },
    { AMQP_BASIC_APP_ID_FLAG, offsetof(amqp_basic_properties_t, app_id) },
    { AMQP_BASIC_CLUSTER_ID_FLAG, offsetof(amqp_basic_properties_t, cluster_id) },
};

static struct kc_properties *copy_of(const amqp_basic_properties_t *native)
{
    struct kc_properties *p = kc_new0(struct kc_properties);
    init_amqp_pool(&p->pool, POOL_PAGE);
    p->native = *native;
    p->native._flags &= ~(amqp_flags_t)(AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_USER_ID_FLAG);
    p->native.headers = amqp_empty_table;
    p->native.user_id = amqp_empty_bytes;
    for (size_t i = 0; i < sizeof(byte_properties) / sizeof(*byte_properties); i++) {
        amqp_bytes_t *bytes = (void *)((char *)&p->native + byte_properties[i].at);
        amqp_bytes_t from = *bytes;
        *bytes = amqp_empty_bytes;
        if (!(native->_flags & byte_properties[i].flag) || from.len == 0)
            continue;
        amqp_pool_alloc_bytes(&p->pool, from.len, bytes);
        if (!bytes->bytes)
            abort(); /* no memory: as kc_alloc0() */
        memcpy(bytes->bytes, from.bytes, from.len);
    }
    return p;
}

struct kc_properties *kc_properties_copy(const struct kc_properties *p)
{
    return copy_of(&p->native);
}

void kc_properties_free(struct kc_properties *p)
{
    if (!p)
        return;
    empty_amqp_pool(&p->pool);
    free(p);
}

/* --- a delivery --- */

void kc_inbox_delivery_empty(struct kc_delivery *d)
{
    free(d->body);
    kc_table_free(d->headers);
    kc_properties_free(d->properties);
    d->body = NULL;
    d->headers = NULL;
    d->properties = NULL;
}

void kc_inbox_delivery_free(struct kc_delivery *d)
{
    if (!d)
        return;
    kc_inbox_delivery_empty(d);
    free(d);
}

static enum kc_delivery_step begin(struct kc_delivery_parts *parts,
                                   const amqp_basic_deliver_t *deliver)
{
    if (parts->d)
        return KC_DELIVERY_BROKEN;
    parts->d = kc_new0(struct kc_delivery);
    parts->d->tag = deliver->delivery_tag;
    parts->d->at_ms = kc_wall_ms();
    parts->is_redelivered = deliver->redelivered;
    parts->has_header = false;
    return KC_DELIVERY_UNFINISHED;
}

static enum kc_delivery_step step_of(const struct kc_delivery_parts *parts)
{
    return parts->missing > 0 ? KC_DELIVERY_UNFINISHED : KC_DELIVERY_WHOLE;
}

static enum kc_delivery_step add_header(struct kc_delivery_parts *parts, uint64_t body_size,
                                        const amqp_basic_properties_t *native, size_t body_max)
{
    struct kc_delivery *d = parts->d;
    if (!d || parts->has_header)
        return KC_DELIVERY_BROKEN;
    parts->has_header = true;
    parts->missing = body_size;
    d->has_headers = native->_flags & AMQP_BASIC_HEADERS_FLAG;
    d->headers = d->has_headers ? kc_table_of(&native->headers) : kc_table_new();
    d->properties = copy_of(native);
    if (body_size <= body_max)
        d->body = kc_alloc0(body_size + 1, 1);
    return step_of(parts);
}

static enum kc_delivery_step add_body(struct kc_delivery_parts *parts, amqp_bytes_t piece)
{
    struct kc_delivery *d = parts->d;
    if (!d || !parts->has_header || piece.len > parts->missing)
        return KC_DELIVERY_BROKEN;
    if (d->body && piece.len > 0)
        memcpy(d->body + d->body_len, piece.bytes, piece.len);
    d->body_len += piece.len;
    parts->missing -= piece.len;
    return step_of(parts);
}

enum kc_delivery_step kc_inbox_parts_add(struct kc_delivery_parts *parts,
                                         const amqp_frame_t *frame, size_t body_max)
{
    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD:
        return begin(parts, frame->payload.method.decoded);
    case AMQP_FRAME_HEADER:
        if (frame->payload.properties.class_id != AMQP_BASIC_CLASS)
            return KC_DELIVERY_BROKEN;
        return add_header(parts, frame->payload.properties.body_size,
                          frame->payload.properties.decoded, body_max);
    case AMQP_FRAME_BODY:
        return add_body(parts, frame->payload.body_fragment);
    default:
        return KC_DELIVERY_BROKEN;
    }
}

struct kc_delivery *kc_inbox_parts_take(struct kc_delivery_parts *parts)
{
    struct kc_delivery *d = parts->d;
    parts->d = NULL;
    return d;
}

void kc_inbox_parts_clear(struct kc_delivery_parts *parts)
{
    kc_inbox_delivery_free(parts->d);
    *parts = (struct kc_delivery_parts){ 0 };
}
