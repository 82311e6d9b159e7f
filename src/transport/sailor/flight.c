// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/flight.h"

#include <assert.h>
#include <string.h>

void kc_publish_list_push(struct kc_publish_list *list, struct kc_publishing *publishing)
{
    publishing->next = NULL;
    if (list->last)
        list->last->next = publishing;
    else
        list->first = publishing;
    list->last = publishing;
}

struct kc_publishing *kc_publish_list_take(struct kc_publish_list *list)
{
    struct kc_publishing *first = list->first;
    if (!first)
        return NULL;
    list->first = first->next;
    if (!list->first)
        list->last = NULL;
    first->next = NULL;
    return first;
}

/* --- Tags --------------------------------------------------------------------------------- */

static struct kc_publishing **slot(struct kc_flight *f, uint64_t tag)
{
    return &f->ring[tag % KC_FLIGHT_RING];
}

void kc_flight_init(struct kc_flight *f)
{
    memset(f, 0, sizeof(*f));
    f->oldest = f->next = 1;
}

bool kc_flight_is_full(const struct kc_flight *f)
{
    return f->count >= KC_FLIGHT_MAX || f->next - f->oldest >= KC_FLIGHT_RING;
}

void kc_flight_add(struct kc_flight *f, struct kc_publishing *publishing)
{
    assert(!kc_flight_is_full(f));
    publishing->is_returned = false;
    *slot(f, f->next++) = publishing;
    f->count++;
}

struct kc_publishing *kc_flight_take(struct kc_flight *f, uint64_t tag, bool is_multiple)
{
    if (is_multiple && tag == 0) /* "all of them" */
        tag = f->next - 1;
    if (tag < f->oldest || tag >= f->next)
        return NULL;
    struct kc_publishing **at = slot(f, is_multiple ? f->oldest : tag);
    struct kc_publishing *taken = *at;
    if (!taken)
        return NULL;
    *at = NULL;
    f->count--;
    if (f->returned == taken)
        f->returned = NULL;
    while (f->oldest < f->next && !*slot(f, f->oldest))
        f->oldest++;
    return taken;
}

struct kc_publish_list kc_flight_lost(struct kc_flight *f)
{
    struct kc_publish_list lost = { NULL, NULL };
    struct kc_publishing *publishing;
    while ((publishing = kc_flight_take(f, 0, true)))
        kc_publish_list_push(&lost, publishing);
    kc_flight_init(f);
    return lost;
}

/* --- Returns ------------------------------------------------------------------------------ */

static bool same(amqp_bytes_t a, struct kc_text b)
{
    return a.len == b.len && (!a.len || memcmp(a.bytes, b.p, b.len) == 0);
}

static struct kc_text id_of(const amqp_basic_properties_t *properties)
{
    if (!(properties->_flags & AMQP_BASIC_HEADERS_FLAG))
        return KC_NO_TEXT;
    for (int i = 0; i < properties->headers.num_entries; i++) {
        const amqp_table_entry_t *e = &properties->headers.entries[i];
        if (same(e->key, KC_LIT("messageId")) && e->value.kind == AMQP_FIELD_KIND_UTF8)
            return (struct kc_text){ e->value.value.bytes.bytes, e->value.value.bytes.len };
    }
    return KC_NO_TEXT;
}

static bool same_text(struct kc_text a, struct kc_text b)
{
    return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

void kc_flight_return_begin(struct kc_flight *f, const amqp_basic_return_t *method)
{
    size_t len = method->routing_key.len;
    if (len >= sizeof(f->routing_key))
        len = sizeof(f->routing_key) - 1; /* the protocol's bound is 255 */
    if (len)
        memcpy(f->routing_key, method->routing_key.bytes, len);
    f->routing_key[len] = 0;
    f->returned = NULL;
    f->is_returning = true;
}

/* Reads as far as the end: what the message turned out to be is marked. */
static bool end_return(struct kc_flight *f)
{
    if (f->body_read < f->body_len)
        return false;
    if (f->returned)
        f->returned->is_returned = true;
    f->is_returning = false;
    return true;
}

static bool may_be(const struct kc_flight *f, const struct kc_publishing *p, struct kc_text id)
{
    return p && p->is_mandatory && !p->is_returned && p->body_len == f->body_len &&
           strcmp(p->routing_key, f->routing_key) == 0 &&
           same_text(kc_table_get_text(p->headers, "messageId"), id);
}

bool kc_flight_return_header(struct kc_flight *f, const amqp_basic_properties_t *properties,
                             uint64_t body_len)
{
    if (!f->is_returning)
        return false;
    struct kc_text id = id_of(properties);
    f->body_len = (size_t)body_len;
    f->body_read = 0;
    for (uint64_t tag = f->oldest; tag < f->next && !f->returned; tag++) {
        if (may_be(f, *slot(f, tag), id))
            f->returned = *slot(f, tag);
    }
    return end_return(f);
}

/* Looks for another message of the same key, id and length, whose body begins with what was
 * read so far and this fragment. */
static struct kc_publishing *other_candidate(struct kc_flight *f, amqp_bytes_t fragment)
{
    const struct kc_publishing *was = f->returned;
    struct kc_text id = kc_table_get_text(was->headers, "messageId");
    for (uint64_t tag = f->oldest; tag < f->next; tag++) {
        struct kc_publishing *p = *slot(f, tag);
        if (may_be(f, p, id) && p != was && memcmp(p->body, was->body, f->body_read) == 0 &&
            memcmp(p->body + f->body_read, fragment.bytes, fragment.len) == 0)
            return p;
    }
    return NULL;
}

bool kc_flight_return_body(struct kc_flight *f, amqp_bytes_t fragment)
{
    if (!f->is_returning)
        return false;
    if (fragment.len > f->body_len - f->body_read)
        f->returned = NULL; /* not what the header said */
    else if (f->returned &&
             memcmp(f->returned->body + f->body_read, fragment.bytes, fragment.len) != 0)
        f->returned = other_candidate(f, fragment);
    f->body_read += fragment.len;
    return end_return(f);
}
