// SPDX-License-Identifier: Apache-2.0
/* streams.c - opens streams, finds them again, ends them.
 *
 * Threads    loop      the routes' functions, which never wait
 *            streams   one each: opens, serves and closes its consumer
 * Queue      KC_STREAMS_MAX streams; full: 429
 * Shutdown   stop() asks each to end within the drain time; close() joins their threads */
#include "transport/http/streams.h"

#include "base/alloc.h"
#include "base/sync.h"
#include "component/entries.h"
#include "transport/http/stream.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SERVER_SIZE 320 /* a host's name, and a port */

/* A stream with its thread. */
struct running {
    struct running *next;
    struct kc_streams *all;
    struct kc_stream *stream;
    pthread_t thread;
    bool is_done; /* needs all->lock */
};

struct kc_streams {
    char server[SERVER_SIZE];
    pthread_mutex_t lock;
    struct running *first; /* needs lock */
    size_t count;          /* of them; needs lock */
    uint64_t opened;       /* ever; needs lock */
};

/* --- threads --- */

static void *run(void *arg)
{
    struct running *r = arg;
    kc_stream_run(r->stream);
    kc_trim(); /* some megabytes of records that were read ahead */
    pthread_mutex_lock(&r->all->lock);
    r->is_done = true;
    pthread_mutex_unlock(&r->all->lock);
    return NULL;
}

/* Those that ended, or all of them, no longer listed. */
static struct running *take_out(struct kc_streams *all, bool everyone)
{
    struct running *out = NULL;
    pthread_mutex_lock(&all->lock);
    for (struct running **at = &all->first; *at;) {
        struct running *r = *at;
        if (!everyone && !r->is_done) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        all->count--;
        r->next = out;
        out = r;
    }
    pthread_mutex_unlock(&all->lock);
    return out;
}

static void join(struct kc_streams *all, bool everyone)
{
    for (struct running *r = take_out(all, everyone), *next; r; r = next) {
        next = r->next;
        pthread_join(r->thread, NULL);
        kc_stream_free(r->stream);
        free(r);
    }
}

static void start(struct kc_service *s, struct kc_exchange *x, struct kc_stream_ask *ask)
{
    struct kc_streams *all = s->streams;
    struct running *r = kc_new0(struct running);
    r->all = all;
    r->stream = kc_stream_new(x, ask);
    pthread_mutex_lock(&all->lock);
    r->next = all->first;
    all->first = r;
    all->count++;
    all->opened++;
    kc_thread_start(&r->thread, "kc-stream", run, r);
    pthread_mutex_unlock(&all->lock);
    if (atomic_load(&s->is_stopping))
        kc_stream_stop(r->stream, 0);
}

/* --- what a client asks for --- */

/* As the entry point reads them, so that numbers are texts too; what is wrong is said when it
 * opens. */
static void read_names(const struct kc_doc *config, char **topic, char **group_id)
{
    struct names {
        char *topic, *group_id;
    } names = { NULL, NULL };
    static const struct kc_field fields[] = {
        { .name = "topic", .type = KC_TEXT, KC_AT(names, topic) },
        { .name = "groupId", .type = KC_TEXT, KC_AT(names, group_id) },
        { 0 },
    };
    struct kc_faults faults;
    kc_faults_init(&faults);
    struct kc_doc *picked = kc_fields_pick(fields, config);
    if (kc_fields_read(fields, &names, picked, KC_UNKNOWN_IS_ERROR, &faults)) {
        *topic = names.topic;
        *group_id = names.group_id;
    } else {
        kc_fields_free(fields, &names);
    }
    kc_doc_free(picked);
    kc_faults_deinit(&faults);
}

static void read_options(struct kc_stream_ask *ask, struct kc_exchange *x)
{
    struct kc_request *r = &ask->request;
    struct kc_text ack = kc_request_text(r, x, "ack");
    struct kc_text until = kc_request_text(r, x, "until");
    ask->acks_by_client = kc_text_is(ack, "client");
    ask->until_end = kc_text_is(until, "end");
    if (ack.p && !ask->acks_by_client && !kc_text_is(ack, "written"))
        kc_faults_add(&r->faults, "/ack", "must be one of written, client");
    if (until.p && !ask->until_end)
        kc_faults_add(&r->faults, "/until", "must be end");
    ask->count = kc_request_int(r, x, "count", 1, INT64_MAX, 0);
    ask->heartbeat_ms = (int)kc_request_int(r, x, "heartbeatMs", KC_HEARTBEAT_MIN_MS,
                                            KC_HEARTBEAT_MAX_MS, KC_HEARTBEAT_MS);
    ask->is_sse = kc_exchange_prefers(x, "text/event-stream");
    (void)kc_request_text(r, x, "cursor"); /* a fault where it is none */
}

/* Whether the cursor is of this topic and group; NULL: of any. */
static bool is_of(const struct kc_cursor *cursor, const char *topic, const char *group_id,
                  struct kc_error *err)
{
    if (topic && !kc_cursor_check(cursor, KC_CURSOR_STREAM, topic, err))
        return false;
    if (group_id && cursor->group_id && strcmp(cursor->group_id, group_id) != 0) {
        kc_error_set(err, KC_BAD_CURSOR, 0,
                     "the cursor is of group '%s', not of '%s'; start again without a cursor",
                     cursor->group_id, group_id);
        return false;
    }
    return true;
}

/* A client that reconnects by itself sends the request that it began with, and the last id
 * beside it: that one counts. */
static bool read_cursor(struct kc_stream_ask *ask, struct kc_exchange *x, struct kc_error *err)
{
    struct kc_text token = kc_text(kc_exchange_header(x, "Last-Event-ID"));
    if (token.len == 0) /* a browser's that has seen no event */
        token = kc_request_text(&ask->request, x, "cursor");
    return !token.p || (kc_cursor_decode(&ask->from, token, err) &&
                        is_of(&ask->from, ask->topic, ask->group_id, err));
}

/* With what the entry point itself would have found. */
static void refuse_all(struct kc_stream_ask *ask, struct kc_exchange *x)
{
    struct kc_faults found;
    kc_faults_init(&found);
    found.at = "/config";
    if (ask->request.config &&
        !kc_consume_check(ask->request.config, KC_UNKNOWN_IS_ERROR, &found))
        kc_request_add_faults(&ask->request, &found);
    kc_request_refuse(&ask->request, x);
    kc_faults_deinit(&found);
}

/* False when it was answered. */
static bool read_ask(struct kc_stream_ask *ask, struct kc_service *s, struct kc_exchange *x)
{
    static const char *const members[] = { "cursor", "ack",         "count",
                                           "until",  "heartbeatMs", NULL };
    struct kc_error err = { 0 };
    if (kc_request_read(&ask->request, s, x, kc_consume.fields, members) || ask->request.config)
        read_options(ask, x);
    if (ask->request.faults.count > 0) {
        refuse_all(ask, x);
        return false;
    }
    read_names(ask->request.config, &ask->topic, &ask->group_id);
    if (!read_cursor(ask, x, &err)) {
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
        return false;
    }
    ask->credentials = kc_request_credentials(&ask->request, s);
    ask->service = s;
    ask->server = s->streams->server;
    if (getrandom(&ask->number, sizeof(ask->number), 0) != sizeof(ask->number))
        abort(); /* there is no system that we run on without it */
    return true;
}

static bool has_place(struct kc_streams *all)
{
    pthread_mutex_lock(&all->lock);
    bool has_place = all->count < KC_STREAMS_MAX;
    pthread_mutex_unlock(&all->lock);
    return has_place;
}

/* Whether one more stream may be opened; otherwise x was answered. */
static bool may_open(struct kc_service *s, struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    join(s->streams, false);
    if (atomic_load(&s->is_stopping))
        kc_error_set(&err, KC_STOPPED, 0, "the server is stopping");
    else if (!has_place(s->streams))
        kc_error_set(&err, KC_TOO_MANY, 0,
                     "%d streams are open already, as many as one server takes: close one, or "
                     "ask another server",
                     KC_STREAMS_MAX);
    if (err.code)
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    return err.code == KC_NONE;
}

static void ignore_taken(void *arg, uint64_t bytes)
{
    (void)arg;
    (void)bytes;
}

static void ignore_gone(void *arg)
{
    (void)arg;
}

/* As the stream would be, of which nobody would read anything. libmicrohttpd ends even that
 * with an empty chunk, which would be taken for the next answer. */
static void answer_head(struct kc_exchange *x, bool is_sse)
{
    const struct kc_flow_listener nobody = { ignore_taken, ignore_gone, NULL };
    kc_exchange_set_header(x, "Connection", "close");
    kc_exchange_begin(x, kc_stream_media_type(is_sse), &nobody);
    kc_exchange_finish(x);
}

void kc_route_consume(struct kc_service *s, struct kc_exchange *x)
{
    struct kc_stream_ask ask = { .count = 0 };
    bool is_head = strcmp(kc_exchange_method(x), "HEAD") == 0;
    if (!may_open(s, x) || !read_ask(&ask, s, x)) {
        /* it was answered */
    } else if (is_head) {
        answer_head(x, ask.is_sse);
    } else {
        start(s, x, &ask);
    }
    kc_stream_ask_deinit(&ask);
}

/* --- commits --- */

static bool is_same_server(const struct kc_streams *all, const struct kc_cursor *cursor,
                           struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    struct kc_buf details;
    if (cursor->server && strcmp(cursor->server, all->server) == 0)
        return true;
    kc_error_set(&err, KC_CONFLICT, 0,
                 "this cursor is of a stream of the server %s: commit it there, over the "
                 "address that reaches that server",
                 cursor->server);
    kc_buf_init(&details, KC_BUF_UNBOUNDED);
    kc_buf_puts(&details,
                "[{\"pointer\":\"/cursor\",\"message\":\"of another server\",\"server\":");
    kc_json_print_text(cursor->server ? cursor->server : "", &details);
    kc_buf_puts(&details, "}]");
    kc_exchange_problem(x, 0, &err, kc_buf_peek(&details));
    kc_buf_deinit(&details);
    return false;
}

static struct kc_stream *find(struct kc_streams *all, uint64_t number) /* needs lock */
{
    for (struct running *r = all->first; r; r = r->next) {
        if (kc_stream_number(r->stream) == number)
            return r->stream;
    }
    return NULL;
}

/* What the request says of topic and group itself; the start's do not count. */
static bool is_meant(const struct kc_cursor *cursor, const struct kc_request *request,
                     struct kc_error *err)
{
    char *topic = NULL, *group_id = NULL;
    read_names(request->given, &topic, &group_id);
    bool ok = is_of(cursor, topic, group_id, err);
    free(topic);
    free(group_id);
    return ok;
}

void kc_streams_commit(struct kc_service *s, const struct kc_cursor *cursor,
                       const struct kc_request *request, struct kc_exchange *x)
{
    struct kc_streams *all = s->streams;
    struct kc_error err = { 0 };
    if (!is_meant(cursor, request, &err)) {
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
        return;
    }
    if (!is_same_server(all, cursor, x))
        return;
    pthread_mutex_lock(&all->lock);
    struct kc_stream *stream = find(all, cursor->number);
    if (stream && !kc_doc_is_equal(kc_stream_credentials(stream), request->credentials))
        kc_error_set(&err, KC_FORBIDDEN, 0,
                     "this stream was opened with other credentials than this request has");
    else if (!stream || !kc_stream_commit(stream, cursor, x))
        kc_error_set(
            &err, KC_STREAM_GONE, 0,
            "the stream of this cursor has ended, and its group's members read on from "
            "what was committed; open a stream with this cursor to go on after it, and "
            "commit the cursors that come then");
    pthread_mutex_unlock(&all->lock);
    if (err.code)
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
}

/* --- the room --- */

void kc_streams_measure(struct kc_service *s, struct kc_streams_figures *out)
{
    struct kc_streams *all = s->streams;
    pthread_mutex_lock(&all->lock);
    *out = (struct kc_streams_figures){ 0, all->opened };
    for (const struct running *r = all->first; r; r = r->next)
        out->open += !r->is_done;
    pthread_mutex_unlock(&all->lock);
}

/* Who listens on all addresses is known to others by the machine's name at best. */
static void name_server(struct kc_streams *all, const char *address)
{
    char host[256] = "localhost";
    const char *port = strrchr(address, ':');
    bool is_any = strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
    if (is_any)
        (void)gethostname(host, sizeof(host) - 1);
    if (is_any && port)
        snprintf(all->server, sizeof(all->server), "%s%s", host, port);
    else
        snprintf(all->server, sizeof(all->server), "%s", address);
}

static bool open_(struct kc_service *s, struct kc_error *err)
{
    (void)err;
    s->streams = kc_new0(struct kc_streams);
    pthread_mutex_init(&s->streams->lock, NULL);
    name_server(s->streams, kc_server_address(s->server));
    return true;
}

static void stop(struct kc_service *s, int drain_ms)
{
    pthread_mutex_lock(&s->streams->lock);
    for (struct running *r = s->streams->first; r; r = r->next)
        kc_stream_stop(r->stream, drain_ms);
    pthread_mutex_unlock(&s->streams->lock);
}

static void close_(struct kc_service *s)
{
    if (!s->streams)
        return;
    stop(s, 0);
    join(s->streams, true);
    pthread_mutex_destroy(&s->streams->lock);
    free(s->streams);
    s->streams = NULL;
}

const struct kc_room kc_streams_room = { open_, stop, close_ };
