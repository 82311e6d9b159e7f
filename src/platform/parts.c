// SPDX-License-Identifier: Apache-2.0
/* parts.c
 *
 * Threads    the caller's  works like the others, and waits for them
 *            kc-body       up to 7 more for the time of one call */
#include "platform/parts.h"

#include "base/alloc.h"
#include "base/sync.h"
#include "platform/slices.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORKERS_MAX 8 /* calls of the storage at once */
#define ID_MAX      1024

static const char routing_key_header[] = "x-eio-routing-key";

/* --- parts --- */

static void read_id(struct kc_part *part)
{
    struct kc_text id = kc_slice_get(part->headers, KC_LIT(KC_STORAGE_ID_HEADER));
    if (kc_slice_is_string(id))
        kc_slice_decode(id, &part->id);
}

struct kc_part *kc_parts_add(struct kc_parts *p, struct kc_text name, struct kc_text body,
                             struct kc_text headers)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 4;
        p->list = kc_realloc(p->list, p->capacity, sizeof(*p->list));
    }
    struct kc_part *part = &p->list[p->count++];
    *part = (struct kc_part){ .name = name, .body = body, .headers = headers };
    kc_buf_init(&part->id, ID_MAX);
    kc_buf_init(&part->fetched, KC_SLICE_MAX_BYTES);
    read_id(part);
    return part;
}

struct kc_part *kc_parts_add_object(struct kc_parts *p, struct kc_text name,
                                    struct kc_text object)
{
    struct kc_text body = KC_NO_TEXT, headers = KC_NO_TEXT;
    struct kc_members m;
    if (kc_slice_is_object(object)) {
        kc_members_walk(&m, object);
        while (kc_members_next(&m)) {
            if (kc_slice_says(m.name, KC_LIT("body")))
                body = m.value;
            else if (kc_slice_says(m.name, KC_LIT("headers")))
                headers = m.value;
        }
    }
    struct kc_part *part = kc_parts_add(p, name, body, headers);
    part->object = object;
    return part;
}

void kc_parts_add_passthrough(struct kc_parts *p, struct kc_text passthrough,
                              struct kc_text except)
{
    struct kc_members m;
    if (!kc_slice_is_object(passthrough))
        return;
    kc_members_walk(&m, passthrough);
    while (kc_members_next(&m)) {
        if (!except.p || !kc_slice_says(m.name, except))
            kc_parts_add_object(p, m.name, m.value);
    }
}

void kc_parts_deinit(struct kc_parts *p)
{
    for (size_t i = 0; i < p->count; i++) {
        kc_buf_deinit(&p->list[i].id);
        kc_buf_deinit(&p->list[i].fetched);
    }
    free(p->list);
    *p = (struct kc_parts){ 0 };
}

/* --- to the storage and back --- */

/* Bodies on their way, and who carries them. */
struct crew {
    struct kc_storage *storage;
    struct kc_part **todo;
    size_t count;
    bool is_upload;
    _Atomic size_t next; /* of todo, that nobody has taken */
    pthread_mutex_t lock;
    struct kc_error *err; /* needs lock; holds the first failure */
};

static bool fetch(struct kc_storage *storage, struct kc_part *part, struct kc_error *err)
{
    struct kc_text id = kc_buf_peek(&part->id), value;
    if (part->id.is_full)
        kc_error_set(err, KC_INPUT, 0, "no id is as long");
    else if (kc_storage_get(storage, id, &part->fetched, err) &&
             kc_slice_value(kc_buf_peek(&part->fetched), &value, err))
        return true;
    kc_error_wrap(err, "Failed to get message body with id=%.*s",
                  (int)(id.len < ID_MAX ? id.len : ID_MAX), id.p);
    return false;
}

static bool store(struct kc_storage *storage, struct kc_part *part, struct kc_error *err)
{
    kc_buf_clear(&part->id);
    if (kc_storage_put(storage, part->body, &part->id, err) && part->id.len > 0 &&
        !part->id.is_full)
        return true;
    kc_error_set(err, KC_BAD_ANSWER, 0, "the object storage gave no id that can be used");
    kc_error_wrap(err, "Lightweight message/passthrough body upload error");
    return false;
}

static bool has_failed(struct crew *c)
{
    pthread_mutex_lock(&c->lock);
    bool has = c->err->code != KC_NONE;
    pthread_mutex_unlock(&c->lock);
    return has;
}

static void *work(void *arg)
{
    struct crew *c = arg;
    size_t i;
    while (!has_failed(c) && (i = atomic_fetch_add(&c->next, 1)) < c->count) {
        struct kc_error err = { 0 };
        if (c->is_upload ? store(c->storage, c->todo[i], &err)
                         : fetch(c->storage, c->todo[i], &err))
            continue;
        pthread_mutex_lock(&c->lock);
        if (c->err->code == KC_NONE)
            *c->err = err;
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

static bool carry(struct kc_part **todo, size_t count, bool is_upload,
                  struct kc_storage *storage, struct kc_error *err)
{
    pthread_t threads[WORKERS_MAX - 1];
    struct crew c = {
        .storage = storage, .todo = todo, .count = count, .is_upload = is_upload, .err = err
    };
    size_t helpers = count < WORKERS_MAX ? count : WORKERS_MAX;
    if (count == 0)
        return true;
    if (!storage) {
        kc_error_set(err, KC_CONFIG, 0, "ELASTICIO_OBJECT_STORAGE_URI is not set");
        kc_error_wrap(err, is_upload ? "Lightweight message/passthrough body upload error"
                                     : "Failed to get message body");
        return false;
    }
    pthread_mutex_init(&c.lock, NULL);
    for (size_t i = 0; i + 1 < helpers; i++)
        kc_thread_start(&threads[i], "kc-body", work, &c);
    work(&c);
    for (size_t i = 0; i + 1 < helpers; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&c.lock);
    return err->code == KC_NONE;
}

/* What lodash calls empty: nothing in it, or nothing that could be in anything. */
static bool is_empty(struct kc_text body)
{
    if (!body.p || !strchr("{[\"", *body.p))
        return true;
    size_t inside = 1;
    while (*body.p != '"' && inside + 1 < body.len && strchr(" \t\r\n", body.p[inside]))
        inside++;
    return inside + 1 == body.len;
}

bool kc_parts_fetch(struct kc_parts *p, bool only_empty, struct kc_storage *storage,
                    struct kc_error *err)
{
    if (p->count == 0)
        return true;
    struct kc_part **todo = kc_new0_array(struct kc_part *, p->count);
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        struct kc_part *part = &p->list[i];
        if ((part->id.len > 0 || part->id.is_full) && (!only_empty || is_empty(part->body))) {
            part->fate = KC_PART_FETCHED;
            todo[count++] = part;
        }
    }
    bool ok = carry(todo, count, false, storage, err);
    free(todo);
    return ok;
}

static int64_t size_of(const struct kc_parts *p)
{
    int64_t total = 0;
    for (size_t i = 0; i < p->count; i++)
        total += (int64_t)p->list[i].body.len;
    return total;
}

bool kc_parts_store(struct kc_parts *p, int64_t threshold, struct kc_storage *storage,
                    struct kc_error *err)
{
    if (size_of(p) <= threshold)
        return true;
    struct kc_part **todo = kc_new0_array(struct kc_part *, p->count);
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        struct kc_part *part = &p->list[i];
        if (!part->body.p)
            continue; /* an entry without a body has nothing to store */
        part->fate = KC_PART_STORED;
        if (part->id.len == 0 || !part->object.p)
            todo[count++] = part; /* of the emitted message the id is another body's */
    }
    bool ok = carry(todo, count, true, storage, err);
    free(todo);
    return ok;
}

/* --- printing --- */

struct change {
    struct kc_text name, value;
    bool is_dropped, is_written;
};

static struct change *find(struct change list[3], struct kc_text name)
{
    for (int i = 0; i < 3; i++) {
        if (kc_slice_says(name, list[i].name))
            return &list[i];
    }
    return NULL;
}

/* "name":value, behind what is there. */
static void print_member(struct kc_text name, struct kc_text value, bool *is_first,
                         struct kc_buf *out)
{
    if (!*is_first)
        kc_buf_puts(out, ",");
    kc_buf_text(out, name);
    kc_buf_puts(out, ":");
    kc_buf_text(out, value);
    *is_first = false;
}

void kc_object_print(struct kc_text object, const struct kc_changes *changes,
                     struct kc_buf *out)
{
    struct change list[3] = {
        { KC_LIT("body"), changes->body, false, false },
        { KC_LIT("headers"), changes->headers, false, false },
        { KC_LIT("passthrough"), changes->passthrough, changes->drops_passthrough, false },
    };
    bool is_first = true;
    struct kc_members m;
    kc_buf_puts(out, "{");
    kc_members_walk(&m, object);
    while (kc_members_next(&m)) {
        struct change *c = find(list, m.name);
        if (!c || (!c->value.p && !c->is_dropped)) {
            print_member(m.name, m.value, &is_first, out);
        } else if (c->value.p && !c->is_written) {
            c->is_written = true;
            print_member(m.name, c->value, &is_first, out);
        }
    }
    for (int i = 0; i < 3; i++) {
        if (list[i].value.p && !list[i].is_written) {
            kc_buf_puts(out, is_first ? "\"" : ",\"");
            kc_buf_text(out, list[i].name);
            kc_buf_puts(out, "\":");
            kc_buf_text(out, list[i].value);
            is_first = false;
        }
    }
    kc_buf_puts(out, "}");
}

void kc_part_print(const struct kc_part *part, struct kc_buf *out)
{
    struct kc_buf headers;
    struct kc_changes changes = { .drops_passthrough = part->is_incoming };
    kc_buf_text(out, part->name);
    kc_buf_puts(out, ":");
    if (part->fate == KC_PART_STAYS && !part->is_incoming) {
        kc_buf_text(out, part->object);
        return;
    }
    kc_buf_init(&headers, KC_SLICE_MAX_BYTES);
    if (part->fate == KC_PART_FETCHED) {
        changes.body = kc_buf_peek(&part->fetched);
    } else if (part->fate == KC_PART_STORED) {
        kc_headers_print(part->headers, false, kc_buf_peek(&part->id), &headers);
        changes.body = KC_LIT("{}");
        changes.headers = kc_buf_peek(&headers);
    }
    kc_object_print(part->object, &changes, out);
    kc_buf_deinit(&headers);
}

bool kc_is_routing_key_header(struct kc_text name)
{
    size_t len = sizeof(routing_key_header) - 1;
    return name.len == len + 2 && strncasecmp(name.p + 1, routing_key_header, len) == 0;
}

void kc_headers_print(struct kc_text headers, bool drops_routing_key, struct kc_text id,
                      struct kc_buf *out)
{
    struct kc_members m;
    bool is_first = true;
    if (!drops_routing_key && !id.p) {
        kc_buf_text(out, headers);
        return;
    }
    kc_buf_puts(out, "{");
    kc_members_walk(&m, kc_slice_is_object(headers) ? headers : KC_LIT("{}"));
    while (kc_members_next(&m)) {
        if ((drops_routing_key && kc_is_routing_key_header(m.name)) ||
            (id.p && kc_slice_says(m.name, KC_LIT(KC_STORAGE_ID_HEADER))))
            continue;
        print_member(m.name, m.value, &is_first, out);
    }
    if (id.p) {
        kc_buf_puts(out, is_first ? "\"" KC_STORAGE_ID_HEADER "\":"
                                  : ",\"" KC_STORAGE_ID_HEADER "\":");
        kc_slice_print_text(id, out);
    }
    kc_buf_puts(out, "}");
}
