// SPDX-License-Identifier: Apache-2.0
/* test_http_client.c - net/http.h against a server that answers as badly as it is told to. */
#include "support/certs.h"
#include "support/fail.h"
#include "support/process.h"
#include "support/stub.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "net/http.h"

#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS  15000
#define SHORT_MS 1500 /* a time-out that is to strike */
#define SOON_MS  6000 /* what takes no time may take so long on a busy machine */

/* --- Names: libcurl's getaddrinfo() is this one, which knows a few of its own --- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_hanging;
    int waiting;
} names = { .lock = PTHREAD_MUTEX_INITIALIZER };

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int look_up(const char *name, const char *service, const struct addrinfo *hints,
                   struct addrinfo **found)
{
    union {
        void *in;
        lookup *out;
    } real = { .in = dlsym(RTLD_NEXT, "getaddrinfo") };
    return real.out(name, service, hints, found);
}

static int hang(void)
{
    pthread_mutex_lock(&names.lock);
    names.waiting++;
    pthread_cond_broadcast(&names.changed);
    while (names.is_hanging)
        kc_cond_wait(&names.changed, &names.lock, WAIT_MS);
    names.waiting--;
    pthread_cond_broadcast(&names.changed);
    pthread_mutex_unlock(&names.lock);
    return EAI_AGAIN;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    const char *inwards = "169.254.169.254", *home = "127.0.0.1";
    if (strcmp(name, "hangs.test") == 0)
        return hang();
    if (strcmp(name, "nobody.invalid") == 0)
        return EAI_NONAME; /* as name servers say, where there are any */
    if (strcmp(name, "home.test") == 0)
        return look_up(home, service, hints, found);
    if (strcmp(name, "inwards.test") == 0)
        return look_up(inwards, service, hints, found);
    if (strcmp(name, "both.test") == 0) { /* the refused address first */
        int failed = look_up(inwards, service, hints, found);
        return failed ? failed : look_up(home, service, hints, &(*found)->ai_next);
    }
    return look_up(name, service, hints, found);
}

static void let_names_hang(bool hangs)
{
    pthread_mutex_lock(&names.lock);
    names.is_hanging = hangs;
    pthread_cond_broadcast(&names.changed);
    while (!hangs && names.waiting > 0)
        kc_cond_wait(&names.changed, &names.lock, WAIT_MS);
    pthread_mutex_unlock(&names.lock);
}

static void wait_for_hanging_names(int count)
{
    int64_t until = now_ms() + WAIT_MS;
    pthread_mutex_lock(&names.lock);
    while (names.waiting < count && now_ms() < until)
        kc_cond_wait(&names.changed, &names.lock, kc_ms_until(until, WAIT_MS));
    int waiting = names.waiting;
    pthread_mutex_unlock(&names.lock);
    if (waiting < count)
        fail_test("%d of %d names are looked up", waiting, count);
}

/* --- One client and one stub for each test --- */

static struct kc_http *client;
static struct stub *stub;
static struct kc_buf memory; /* of the answers to calls */
static char folder[] = "/tmp/kc-http-XXXXXX";
static struct certs certs;

static void open_client(const struct kc_http_conf *conf)
{
    struct kc_error err = { 0 };
    kc_http_close(client);
    if (!kc_http_open(&client, conf, &err))
        fail_test("%s", err.text);
}

static int set_up(void **state)
{
    (void)state;
    kc_buf_init(&memory, KC_BUF_UNBOUNDED);
    open_client(&(struct kc_http_conf){ 0 });
    stub = stub_start(NULL);
    return 0;
}

static int tear_down(void **state)
{
    let_names_hang(false);
    kc_http_close(client);
    client = NULL;
    kc_buf_deinit(&memory);
    return stub_stop_all(state);
}

static int make_certs(void **state)
{
    (void)state;
    kc_cond_init(&names.changed);
    assert_non_null(mkdtemp(folder));
    certs_make(&certs, folder);
    return 0;
}

static int remove_certs(void **state)
{
    (void)state;
    struct run run = run_process(ARGS("rm", "-rf", folder), NULL, "", WAIT_MS);
    run_free(&run);
    return 0;
}

/* --- Calls --- */

static struct kc_http_answer call(const struct kc_http_request *request)
{
    struct kc_http_answer answer;
    struct kc_error err = { 0 };
    bool is_there = kc_http_call(client, request, &answer, &memory, &err);
    assert_int_equal(is_there, err.code == KC_NONE);
    assert_int_equal(answer.error.code, err.code);
    assert_string_equal(answer.error.text, err.text);
    return answer;
}

static struct kc_http_answer get(const char *url)
{
    return call(&(struct kc_http_request){ .url = url, .timeout_ms = WAIT_MS });
}

static struct kc_http_answer get_in(const char *url, int timeout_ms)
{
    return call(&(struct kc_http_request){ .url = url, .timeout_ms = timeout_ms });
}

static void assert_status(const struct kc_http_answer *a, int status)
{
    if (a->error.code != KC_NONE)
        fail_test("%s", a->error.text);
    assert_int_equal(a->status, status);
}

static void assert_body(const struct kc_http_answer *a, const char *body)
{
    assert_int_equal(a->body.len, strlen(body));
    assert_memory_equal(a->body.p, body, a->body.len);
}

static void assert_failed(const struct kc_http_answer *a, enum kc_code code, const char *part)
{
    if (strcmp(kc_code_name(a->error.code), kc_code_name(code)) != 0 ||
        !strstr(a->error.text, part))
        fail_test("wanted %s '%s', got %s '%s'", kc_code_name(code), part,
                  kc_code_name(a->error.code), a->error.text);
}

static const char *at_host(const char *host, const char *path)
{
    static char url[300];
    snprintf(url, sizeof(url), "http://%s:%d%s", host, stub_port(stub), path);
    return url;
}

/* --- Many requests: what done() was told --- */

#define SINK_MAX 1000

struct sink {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int total;
    int times[SINK_MAX]; /* how often each request was answered */
    enum kc_code codes[SINK_MAX];
    int statuses[SINK_MAX];
    char text[KC_ERROR_TEXT_SIZE]; /* of the last error */
};

struct ticket {
    struct sink *sink;
    int number;
};

static void sink_init(struct sink *s)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->changed);
}

static void sink_deinit(struct sink *s)
{
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

static void note_answer(void *arg, const struct kc_http_answer *answer)
{
    struct ticket *ticket = arg;
    struct sink *s = ticket->sink;
    pthread_mutex_lock(&s->lock);
    s->times[ticket->number]++;
    s->codes[ticket->number] = answer->error.code;
    s->statuses[ticket->number] = answer->status;
    if (answer->error.code != KC_NONE)
        snprintf(s->text, sizeof(s->text), "%s", answer->error.text);
    s->total++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void send_one(struct ticket *ticket, struct sink *sink, int number, const char *url,
                     int timeout_ms)
{
    struct kc_error err = { 0 };
    *ticket = (struct ticket){ sink, number };
    if (!kc_http_send(
            client,
            &(struct kc_http_request){
                .url = url, .timeout_ms = timeout_ms, .done = note_answer, .arg = ticket },
            &err))
        fail_test("%s", err.text);
}

static void wait_for_answers(struct sink *s, int total)
{
    int64_t until = now_ms() + WAIT_MS;
    pthread_mutex_lock(&s->lock);
    while (s->total < total && now_ms() < until)
        kc_cond_wait(&s->changed, &s->lock, kc_ms_until(until, WAIT_MS));
    int came = s->total;
    pthread_mutex_unlock(&s->lock);
    if (came < total)
        fail_test("%d of %d answers came", came, total);
}

static void assert_answers(const struct sink *s, int from, int to, enum kc_code code)
{
    for (int i = from; i < to; i++) {
        assert_int_equal(s->times[i], 1);
        assert_string_equal(kc_code_name(s->codes[i]), kc_code_name(code));
        assert_int_equal(s->statuses[i], code == KC_NONE ? 200 : 0);
    }
}

/* --- What is sent and what comes back --- */

static void a_request_arrives_as_it_was_given(void **state)
{
    (void)state;
    struct kc_http_answer a = call(&(struct kc_http_request){
        .method = "PUT",
        .url = stub_url(stub, "/a/b%20c?d=e&f"),
        .headers = ARGS("Content-Type: application/json", "webhook-id: 7"),
        .body = { "{\0}", 3 },
    });
    assert_status(&a, 200);
    const struct stub_request *r = stub_wait(stub, 0, WAIT_MS);
    assert_string_equal(r->method, "PUT");
    assert_string_equal(r->path, "/a/b%20c?d=e&f");
    assert_int_equal(r->body_len, 3);
    assert_memory_equal(r->body, "{\0}", 3);
    assert_string_equal(stub_header(r, "Content-Type"), "application/json");
    assert_string_equal(stub_header(r, "Content-Length"), "3");
    assert_string_equal(stub_header(r, "webhook-id"), "7");
    assert_true(strncmp(stub_header(r, "User-Agent"), "kafka-component/", 16) == 0);
}

static void libcurl_adds_nothing_of_its_own(void **state)
{
    (void)state;
    char *body = kc_alloc0((size_t)3 << 20, 1); /* where curl would ask first: 1 MiB */
    struct kc_http_answer a = call(&(struct kc_http_request){
        .url = stub_url(stub, "/"), .body = { body, (size_t)3 << 20 } });
    assert_status(&a, 200);
    const struct stub_request *r = stub_wait(stub, 0, WAIT_MS);
    assert_string_equal(r->method, "POST");
    assert_int_equal(r->body_len, 3 << 20);
    assert_null(stub_header(r, "Content-Type"));
    assert_null(stub_header(r, "Expect"));
    assert_null(stub_header(r, "Accept-Encoding"));
    free(body);
}

static void the_method_follows_from_the_body(void **state)
{
    (void)state;
    const char *url = stub_url(stub, "/");
    (void)get(url);
    (void)call(&(struct kc_http_request){ .url = url, .body = KC_LIT("") });
    (void)call(&(struct kc_http_request){ .url = url, .method = "HEAD" });
    (void)call(&(struct kc_http_request){ .url = url, .method = "DELETE" });
    (void)call(&(struct kc_http_request){ .url = url, .method = "POST" });
    assert_string_equal(stub_wait(stub, 0, WAIT_MS)->method, "GET");
    assert_string_equal(stub_wait(stub, 1, WAIT_MS)->method, "POST");
    assert_string_equal(stub_header(stub_get(stub, 1), "Content-Length"), "0");
    assert_string_equal(stub_wait(stub, 2, WAIT_MS)->method, "HEAD");
    assert_string_equal(stub_wait(stub, 3, WAIT_MS)->method, "DELETE");
    assert_string_equal(stub_wait(stub, 4, WAIT_MS)->method, "POST");
}

static void an_answer_comes_whole(void **state)
{
    (void)state;
    stub_next(stub, &(struct stub_answer){ .headers = ARGS("Content-Type: text/x; a=b"),
                                           .body = "o\0k",
                                           .body_len = 3 });
    struct kc_http_answer a = get(stub_url(stub, "/"));
    assert_status(&a, 200);
    assert_string_equal(a.content_type, "text/x; a=b");
    assert_int_equal(a.body.len, 3);
    assert_memory_equal(a.body.p, "o\0k", 3);
    assert_true(a.retry_after_ms == -1);
    assert_true(a.took_ms >= 0 && a.took_ms < WAIT_MS);
}

static void each_status_is_an_answer(void **state)
{
    (void)state;
    static const int statuses[] = { 201, 204, 304, 400, 401, 404, 410, 429, 500, 503, 599 };
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        stub_next(stub, &(struct stub_answer){ .status = statuses[i] });
        struct kc_http_answer a = get(stub_url(stub, "/"));
        assert_status(&a, statuses[i]);
        assert_string_equal(a.content_type, "");
    }
}

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    (void)state;
    char location[200];
    snprintf(location, sizeof(location), "Location: %s", stub_url(stub, "/elsewhere"));
    static const int statuses[] = { 301, 302, 303, 307, 308 };
    for (size_t i = 0; i < 5; i++) {
        stub_next(stub,
                  &(struct stub_answer){ .status = statuses[i], .headers = ARGS(location) });
        struct kc_http_answer a = get(stub_url(stub, "/hook"));
        assert_status(&a, statuses[i]);
        assert_string_equal(a.redirect, stub_url(stub, "/elsewhere"));
    }
    assert_int_equal(stub_count(stub), 5);
    stub_next(stub, &(struct stub_answer){ .status = 302,
                                           .headers = ARGS("Location: ../there?a=b") });
    struct kc_http_answer a = get(stub_url(stub, "/here/and/now"));
    assert_string_equal(a.redirect, stub_url(stub, "/here/there?a=b"));
    a = get(stub_url(stub, "/"));
    assert_string_equal(a.redirect, "");
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    char date[80], past[80];
    time_t later = time(NULL) + 60, before = time(NULL) - 60;
    struct tm tm;
    strftime(date, sizeof(date), "Retry-After: %a, %d %b %Y %H:%M:%S GMT",
             gmtime_r(&later, &tm));
    strftime(past, sizeof(past), "Retry-After: %a, %d %b %Y %H:%M:%S GMT",
             gmtime_r(&before, &tm));
    const struct {
        const char *header;
        int64_t least_ms, most_ms;
    } cases[] = {
        { "Retry-After: 3", 3000, 3000 },
        { "Retry-After: 0", 0, 0 },
        { "retry-after:   120", 120000, 120000 },
        { date, 57000, 61000 },
        { past, 0, 0 },
        { "Retry-After: 99999999", 86400000, 86400000 },
        { "Retry-After: soon", -1, -1 },
        { "Retry-After: -5", -1, -1 },
        { "Retry-After: 1.5", -1, -1 },
        { "Retry-After:", -1, -1 },
        { "X-Retry-After: 3", -1, -1 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        stub_next(stub,
                  &(struct stub_answer){ .status = 503, .headers = ARGS(cases[i].header) });
        struct kc_http_answer a = get(stub_url(stub, "/"));
        assert_status(&a, 503);
        if (a.retry_after_ms < cases[i].least_ms || a.retry_after_ms > cases[i].most_ms)
            fail_test("%s: %lld ms", cases[i].header, (long long)a.retry_after_ms);
    }
}

/* --- Connections --- */

static void a_connection_is_used_again(void **state)
{
    (void)state;
    stub_always(stub, &(struct stub_answer){ .body = "again" });
    for (int i = 0; i < 5; i++) {
        struct kc_http_answer a =
            call(&(struct kc_http_request){ .url = stub_url(stub, "/"), .body = KC_LIT("x") });
        assert_status(&a, 200);
        assert_body(&a, "again");
    }
    assert_int_equal(stub_count(stub), 5);
    assert_int_equal(stub_connections(stub), 1);
}

static void a_kept_connection_that_was_closed_is_replaced(void **state)
{
    (void)state;
    struct kc_http_answer a = get(stub_url(stub, "/"));
    assert_status(&a, 200);
    struct stub_options same = { .port = stub_port(stub) };
    stub_stop(stub);
    stub = stub_start(&same);
    a = call(&(struct kc_http_request){ .url = stub_url(stub, "/"), .body = KC_LIT("x") });
    assert_status(&a, 200);
    assert_int_equal(stub_count(stub), 1);
}

static void what_cannot_be_reached_says_why(void **state)
{
    (void)state;
    char url[100];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook", stub_port(stub));
    stub_next(stub, &(struct stub_answer){ .closes_first = true });
    struct kc_http_answer a = get(url);
    assert_failed(&a, KC_UNREACHABLE, "Empty reply");
    assert_int_equal(a.status, 0);

    stub_next(stub, &(struct stub_answer){ .body = "half of it", .cut_after = 4 });
    a = get(url);
    assert_failed(&a, KC_UNREACHABLE, "6 bytes remaining");
    assert_int_equal(a.status, 200);

    stub_next(stub, &(struct stub_answer){ .raw = "HTTP/1.1 100 Continue\r\n\r\n" });
    a = get(url);
    assert_failed(&a, KC_UNREACHABLE, "");
    assert_int_equal(a.status, 0);

    stub_stop(stub);
    stub = NULL;
    a = get(url);
    assert_failed(&a, KC_UNREACHABLE, "GET http://127.0.0.1:");
    assert_failed(&a, KC_UNREACHABLE, "/hook: ");
    assert_int_equal(a.status, 0);

    a = get("http://nobody.invalid/");
    assert_failed(&a, KC_UNREACHABLE, "resolve host");
}

static void what_is_not_http_is_a_bad_answer(void **state)
{
    (void)state;
    stub_next(stub, &(struct stub_answer){ .raw = "220 mail.example ESMTP\r\n" });
    struct kc_http_answer a = get(stub_url(stub, "/"));
    assert_failed(&a, KC_BAD_ANSWER, "");
    stub_next(stub, &(struct stub_answer){ .raw = "HTTP/9 200 OK\r\n\r\n" });
    a = get(stub_url(stub, "/"));
    assert_failed(&a, KC_BAD_ANSWER, "");
}

/* --- Time and size --- */

static void no_answer_in_time_is_a_time_out(void **state)
{
    (void)state;
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    int64_t began = now_ms();
    struct kc_http_answer a = get_in(stub_url(stub, "/slow"), SHORT_MS);
    assert_failed(&a, KC_TIMEOUT, "/slow: Operation timed out");
    assert_int_equal(a.status, 0);
    assert_true(now_ms() - began >= SHORT_MS - 10 && now_ms() - began < SHORT_MS + SOON_MS);
}

static void a_body_that_comes_in_drips_does_not_buy_time(void **state)
{
    (void)state;
    stub_always(stub, &(struct stub_answer){ .body = "drip drip drip drip drip drip drip",
                                             .drip_ms = 500 });
    int64_t began = now_ms();
    struct kc_http_answer a = get_in(stub_url(stub, "/"), SHORT_MS);
    assert_failed(&a, KC_TIMEOUT, "");
    assert_int_equal(a.status, 200);
    assert_true(now_ms() - began < SHORT_MS + SOON_MS);
}

static void an_answer_that_is_too_large_is_cut_off(void **state)
{
    (void)state;
    struct kc_http_request request = { .url = stub_url(stub, "/"),
                                       .timeout_ms = WAIT_MS,
                                       .answer_max_bytes = 10 };
    stub_next(stub, &(struct stub_answer){ .body = "0123456789" });
    struct kc_http_answer a = call(&request);
    assert_status(&a, 200);
    assert_body(&a, "0123456789");

    stub_next(stub, &(struct stub_answer){ .body = "0123456789+" });
    a = call(&request);
    assert_failed(&a, KC_BAD_ANSWER, "larger than 10 bytes");
    assert_int_equal(a.status, 200);

    request.answer_max_bytes = 0; /* the default */
    stub_next(stub, &(struct stub_answer){ .is_endless = true });
    int64_t began = now_ms();
    a = call(&request);
    assert_failed(&a, KC_BAD_ANSWER, "larger than 65536 bytes");
    assert_int_equal(a.status, 200);
    assert_true(now_ms() - began < SOON_MS);
}

static void an_answer_s_header_is_bounded_too(void **state)
{
    (void)state;
    struct kc_buf raw;
    kc_buf_init(&raw, KC_BUF_UNBOUNDED);
    kc_buf_puts(&raw, "HTTP/1.1 200 OK\r\n");
    while (raw.len < 1000000)
        kc_buf_puts(&raw, "X: y\r\n");
    kc_buf_append(&raw, "", 1);
    stub_next(stub, &(struct stub_answer){ .raw = raw.data });
    struct kc_http_answer a = get(stub_url(stub, "/"));
    assert_failed(&a, KC_BAD_ANSWER, "larger than 262144 bytes");
    kc_buf_deinit(&raw);
}

static void no_room_for_an_answer_is_an_error(void **state)
{
    (void)state;
    kc_buf_deinit(&memory);
    kc_buf_init(&memory, 3);
    stub_always(stub, &(struct stub_answer){ .body = "four" });
    struct kc_http_answer a = get(stub_url(stub, "/"));
    assert_failed(&a, KC_BAD_ANSWER, "no room");
}

/* --- What is refused before it is sent --- */

static void what_cannot_be_sent_is_refused_at_once(void **state)
{
    (void)state;
    const char *url = stub_url(stub, "/");
    const struct {
        struct kc_http_request request;
        enum kc_code code;
        const char *part;
    } cases[] = {
        { { .url = "ftp://127.0.0.1/" }, KC_CONFIG, "neither http://" },
        { { .url = "http://u:p@127.0.0.1/" }, KC_CONFIG, "no place in a URL" },
        { { .url = "http://169.254.169.254/" }, KC_ADDRESS_REFUSED, "not allowed" },
        { { .url = url, .method = "GET / HTTP/1.1\r\nX:" }, KC_CONFIG, "no such HTTP method" },
        { { .url = url, .method = "" }, KC_CONFIG, "no such HTTP method" },
        { { .url = url, .headers = ARGS("X: secret\r\nY: z") }, KC_CONFIG, "header 'X'" },
        { { .url = url, .headers = ARGS("X: secret\n") }, KC_CONFIG, "header 'X'" },
        { { .url = url, .headers = ARGS("no name, secret") }, KC_CONFIG, "header 'no'" },
        { { .url = url, .headers = ARGS(": secret") }, KC_CONFIG, "header ''" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kc_http_answer a = call(&cases[i].request);
        assert_failed(&a, cases[i].code, cases[i].part);
        assert_null(strstr(a.error.text, "secret"));
    }
    assert_int_equal(stub_connections(stub), 0);
}

static void no_error_shows_what_a_url_keeps_secret(void **state)
{
    (void)state;
    char url[200], long_url[1000];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook?token=hunter2#hunter2",
             stub_port(stub));
    snprintf(long_url, sizeof(long_url), "http://127.0.0.1:%d/%0500d", stub_port(stub), 7);
    stub_next(stub, &(struct stub_answer){ .never_answers = true });
    struct kc_http_answer a = get_in(url, SHORT_MS);
    assert_failed(&a, KC_TIMEOUT, "/hook: ");
    assert_null(strstr(a.error.text, "hunter2"));

    stub_next(stub, &(struct stub_answer){ .raw = "garbage\r\n\r\n" });
    a = get(url);
    assert_failed(&a, KC_BAD_ANSWER, "/hook: ");
    assert_null(strstr(a.error.text, "hunter2"));

    stub_next(stub, &(struct stub_answer){ .closes_first = true });
    a = get(long_url);
    assert_failed(&a, KC_UNREACHABLE, "000...: Empty");

    stub_stop(stub);
    stub = NULL;
    a = get(url);
    assert_failed(&a, KC_UNREACHABLE, "/hook: ");
    assert_null(strstr(a.error.text, "hunter2"));
}

/* --- The address guard --- */

static void a_name_that_resolves_inwards_is_not_called(void **state)
{
    (void)state;
    struct kc_http_answer a = get(at_host("inwards.test", "/latest/meta-data"));
    assert_failed(&a, KC_ADDRESS_REFUSED, "this host is at 169.254.169.254");
    a = get("http://inwards.test/");
    assert_failed(&a, KC_ADDRESS_REFUSED, "GET http://inwards.test:80/: this host");
    a = get(at_host("home.test", "/"));
    assert_status(&a, 200);
}

static void of_two_addresses_the_allowed_one_is_called(void **state)
{
    (void)state;
    struct kc_http_answer a = get(at_host("both.test", "/"));
    assert_status(&a, 200);
    assert_int_equal(stub_count(stub), 1);
}

static void the_allow_list_opens_the_guard(void **state)
{
    (void)state;
    /* Nothing answers there: that it is tried is what is to be seen. */
    open_client(&(struct kc_http_conf){ .allow = ARGS("inwards.test") });
    struct kc_http_answer a = get_in(at_host("inwards.test", "/"), SHORT_MS);
    assert_failed(&a, KC_UNREACHABLE, "");
    a = get(at_host("169.254.169.254", "/"));
    assert_failed(&a, KC_ADDRESS_REFUSED, "");

    open_client(&(struct kc_http_conf){ .allow = ARGS("169.254.0.0/16") });
    a = get_in(at_host("inwards.test", "/"), SHORT_MS);
    assert_failed(&a, KC_UNREACHABLE, "");
}

static void a_wrong_allow_list_opens_no_client(void **state)
{
    (void)state;
    struct kc_http *none = NULL;
    struct kc_error err = { 0 };
    struct kc_http_conf conf = { .allow = ARGS("hook.example", "http://hook.example/") };
    assert_false(kc_http_open(&none, &conf, &err));
    assert_int_equal(err.code, KC_CONFIG);
    assert_string_equal(err.text, "open the HTTP client: 'http://hook.example/' is not a host "
                                  "name, an address or an address/prefix");
}

/* --- TLS --- */

static char *read_pem(const char *path)
{
    static char text[20000];
    FILE *file = fopen(path, "r");
    if (!file)
        fail_test("cannot read %s", path);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static struct kc_http_answer call_over_tls(const char *server, const char *ca,
                                           const char *ca_file)
{
    struct stub *tls = stub_start(&(struct stub_options){ .tls_pem = server });
    struct kc_http_answer a = call(&(struct kc_http_request){
        .url = stub_url(tls, "/hook"), .ca = kc_text(ca), .ca_file = ca_file });
    stub_stop(tls);
    return a;
}

static void a_certificate_of_the_given_authority_is_trusted(void **state)
{
    (void)state;
    struct kc_http_answer a = call_over_tls(certs.server, read_pem(certs.ca), NULL);
    assert_status(&a, 200);
    a = call_over_tls(certs.server, NULL, certs.ca);
    assert_status(&a, 200);
}

static void any_other_certificate_is_not(void **state)
{
    (void)state;
    struct kc_http_answer a = call_over_tls(certs.server, NULL, NULL); /* the system's */
    assert_failed(&a, KC_UNTRUSTED, "https://127.0.0.1:");
    assert_failed(&a, KC_UNTRUSTED, "certificate");
    a = call_over_tls(certs.server, read_pem(certs.other_ca), NULL);
    assert_failed(&a, KC_UNTRUSTED, "certificate");
    a = call_over_tls(certs.server, NULL, certs.other_ca);
    assert_failed(&a, KC_UNTRUSTED, "certificate");
    a = call_over_tls(certs.wrong_name, NULL, certs.ca);
    assert_failed(&a, KC_UNTRUSTED, "");
    a = call_over_tls(certs.expired, NULL, certs.ca);
    assert_failed(&a, KC_UNTRUSTED, "expired");
}

static void a_connection_s_trust_is_not_lent_to_another_request(void **state)
{
    (void)state;
    struct stub *tls = stub_start(&(struct stub_options){ .tls_pem = certs.server });
    struct kc_http_request request = { .url = stub_url(tls, "/"), .ca_file = certs.ca };
    struct kc_http_answer a = call(&request);
    assert_status(&a, 200);
    request.ca_file = certs.other_ca;
    a = call(&request);
    assert_failed(&a, KC_UNTRUSTED, "");
    request.ca_file = NULL;
    request.ca = kc_text(read_pem(certs.ca));
    a = call(&request);
    assert_status(&a, 200);
    request.ca = kc_text(read_pem(certs.other_ca));
    a = call(&request);
    assert_failed(&a, KC_UNTRUSTED, "");
    assert_int_equal(stub_count(tls), 2);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file)
        fail_test("cannot write %s", path);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void an_authority_s_file_is_read_anew(void **state)
{
    (void)state;
    char path[100];
    snprintf(path, sizeof(path), "%s/changing.pem", folder);
    write_file(path, read_pem(certs.ca));
    struct kc_http_answer a = call_over_tls(certs.server, NULL, path);
    assert_status(&a, 200);
    write_file(path, read_pem(certs.other_ca));
    a = call_over_tls(certs.server, NULL, path);
    assert_failed(&a, KC_UNTRUSTED, "");
}

static void an_authority_that_cannot_be_read_is_a_wrong_setting(void **state)
{
    (void)state;
    struct kc_http_answer a = call_over_tls(certs.server, NULL, "/nowhere/ca.pem");
    assert_failed(&a, KC_CONFIG, "");
    a = call_over_tls(certs.server, "no certificate", NULL);
    assert_failed(&a, KC_CONFIG, "");
}

/* --- Proxies --- */

static void a_proxy_of_the_environment_is_used_only_where_asked(void **state)
{
    (void)state;
    char proxy[100];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", stub_port(stub));
    setenv("http_proxy", proxy, 1);
    struct kc_http_answer direct = get("http://home.test:1/");
    open_client(&(struct kc_http_conf){ .uses_proxy = true });
    struct kc_http_answer through = get("http://home.test:1/x");
    unsetenv("http_proxy");
    assert_failed(&direct, KC_UNREACHABLE, "");
    assert_status(&through, 200);
    assert_int_equal(stub_count(stub), 1);
    assert_string_equal(stub_get(stub, 0)->path, "http://home.test:1/x");
}

/* --- Many at once --- */

struct sender {
    pthread_t thread;
    struct sink *sink;
    struct ticket *tickets;
    const char *url;
    int from, to;
};

static void *send_many(void *arg)
{
    struct sender *s = arg;
    for (int i = s->from; i < s->to; i++) {
        struct kc_error err = { 0 };
        s->tickets[i] = (struct ticket){ s->sink, i };
        struct kc_http_request request = { .url = s->url,
                                           .body = KC_LIT("body"),
                                           .timeout_ms = WAIT_MS,
                                           .done = note_answer,
                                           .arg = &s->tickets[i] };
        if (!kc_http_send(client, &request, &err))
            return NULL; /* an answer will be missing */
    }
    return NULL;
}

static void two_hundred_at_once_are_each_answered_once(void **state)
{
    (void)state;
    enum {
        SENDERS = 4,
        TOTAL = 200
    };
    struct sink sink;
    struct ticket tickets[TOTAL];
    struct sender senders[SENDERS];
    sink_init(&sink);
    stub_always(stub, &(struct stub_answer){ .body = "ok", .delay_ms = 5 });
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ .sink = &sink,
                                      .tickets = tickets,
                                      .url = stub_url(stub, "/"),
                                      .from = i * TOTAL / SENDERS,
                                      .to = (i + 1) * TOTAL / SENDERS };
        kc_thread_start(&senders[i].thread, "sender", send_many, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    wait_for_answers(&sink, TOTAL);
    assert_answers(&sink, 0, TOTAL, KC_NONE);
    assert_int_equal(stub_count(stub), TOTAL);
    assert_in_range(stub_connections(stub), 2, 32); /* max_per_origin */
    sink_deinit(&sink);
}

static void a_receiver_that_hangs_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct sink sink;
    struct ticket tickets[20];
    struct stub *quick = stub_start(NULL);
    sink_init(&sink);
    open_client(&(struct kc_http_conf){ .max_parallel = 8, .max_per_origin = 4 });
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    for (int i = 0; i < 20; i++)
        send_one(&tickets[i], &sink, i, stub_url(stub, "/"), WAIT_MS);
    (void)stub_wait(stub, 3, WAIT_MS);
    struct kc_http_answer a = get_in(stub_url(quick, "/"), SOON_MS);
    assert_status(&a, 200);
    assert_int_equal(stub_count(stub), 4);
    kc_http_close(client);
    client = NULL;
    assert_answers(&sink, 0, 20, KC_STOPPED);
    sink_deinit(&sink);
}

static void one_more_than_the_client_holds_is_refused(void **state)
{
    (void)state;
    struct sink sink;
    struct ticket tickets[3];
    struct kc_error err = { 0 };
    sink_init(&sink);
    open_client(&(struct kc_http_conf){ .max_per_origin = 1, .max_open = 3 });
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    for (int i = 0; i < 3; i++)
        send_one(&tickets[i], &sink, i, stub_url(stub, "/"), WAIT_MS);
    struct kc_http_request request = { .url = stub_url(stub, "/x?y"), .done = note_answer };
    assert_false(kc_http_send(client, &request, &err));
    assert_int_equal(err.code, KC_BUSY);
    assert_non_null(strstr(err.text, "/x: 3 requests are on the way already"));
    kc_http_close(client);
    client = NULL;
    assert_answers(&sink, 0, 3, KC_STOPPED);
    sink_deinit(&sink);
}

static void the_wait_for_a_turn_counts(void **state)
{
    (void)state;
    struct sink sink;
    struct ticket tickets[2];
    sink_init(&sink);
    open_client(&(struct kc_http_conf){ .max_parallel = 1 });
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    send_one(&tickets[0], &sink, 0, stub_url(stub, "/first"), WAIT_MS);
    (void)stub_wait(stub, 0, WAIT_MS);
    int64_t began = now_ms();
    send_one(&tickets[1], &sink, 1, stub_url(stub, "/second"), SHORT_MS);
    wait_for_answers(&sink, 1);
    assert_answers(&sink, 1, 2, KC_TIMEOUT);
    assert_non_null(strstr(sink.text, "/second: its turn did not come in time"));
    assert_true(now_ms() - began >= SHORT_MS - 10 && now_ms() - began < SHORT_MS + SOON_MS);
    assert_int_equal(stub_count(stub), 1);
    kc_http_close(client);
    client = NULL;
    sink_deinit(&sink);
}

static void a_turn_that_comes_late_leaves_the_rest_of_the_time(void **state)
{
    (void)state;
    struct sink sink;
    struct ticket tickets[2];
    sink_init(&sink);
    open_client(&(struct kc_http_conf){ .max_parallel = 1 });
    stub_next(stub, &(struct stub_answer){ .delay_ms = 5000 });
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    int64_t began = now_ms();
    send_one(&tickets[0], &sink, 0, stub_url(stub, "/first"), WAIT_MS);
    send_one(&tickets[1], &sink, 1, stub_url(stub, "/second"), 8000);
    wait_for_answers(&sink, 2);
    assert_answers(&sink, 0, 1, KC_NONE);
    assert_answers(&sink, 1, 2, KC_TIMEOUT);
    assert_int_equal(stub_count(stub), 2);
    assert_true(now_ms() - began < 5000 + 8000 - 100); /* it did not begin anew */
    sink_deinit(&sink);
}

struct chain {
    struct sink *sink;
    struct ticket last;
    const char *url;
    int left;
    bool is_refused;
};

static void send_next(void *arg, const struct kc_http_answer *answer)
{
    struct chain *c = arg;
    struct kc_error err = { 0 };
    struct kc_http_request request = { .url = c->url, .done = send_next, .arg = c };
    if (--c->left == 0)
        note_answer(&c->last, answer);
    else if (!kc_http_send(client, &request, &err))
        c->is_refused = true;
}

static void an_answer_may_be_followed_by_the_next_request(void **state)
{
    (void)state;
    struct sink sink;
    struct chain chain = { .sink = &sink, .url = stub_url(stub, "/"), .left = 50 };
    struct kc_error err = { 0 };
    sink_init(&sink);
    chain.last.sink = &sink;
    open_client(&(struct kc_http_conf){ .max_open = 1 });
    struct kc_http_request request = { .url = chain.url, .done = send_next, .arg = &chain };
    assert_true(kc_http_send(client, &request, &err));
    wait_for_answers(&sink, 1);
    assert_false(chain.is_refused);
    assert_int_equal(stub_count(stub), 50);
    assert_int_equal(stub_connections(stub), 1);
    sink_deinit(&sink);
}

/* --- Ending --- */

static void what_is_under_way_is_answered_when_the_client_closes(void **state)
{
    (void)state;
    struct sink sink;
    struct ticket tickets[100];
    sink_init(&sink);
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    for (int i = 0; i < 100; i++) /* 32 on the wire, the others wait */
        send_one(&tickets[i], &sink, i, stub_url(stub, "/"), WAIT_MS);
    (void)stub_wait(stub, 31, WAIT_MS);
    int64_t began = now_ms();
    kc_http_close(client);
    client = NULL;
    assert_true(now_ms() - began < SOON_MS);
    assert_int_equal(sink.total, 100);
    assert_answers(&sink, 0, 100, KC_STOPPED);
    assert_non_null(strstr(sink.text, "stopped before the answer came"));
    sink_deinit(&sink);
}

static void a_stopped_client_takes_no_more(void **state)
{
    (void)state;
    kc_http_stop(client);
    kc_http_stop(client);
    struct kc_http_answer a = get(stub_url(stub, "/x?y=secret"));
    assert_failed(&a, KC_STOPPED, "/x: the HTTP client was stopped");
    assert_int_equal(stub_count(stub), 0);
}

static void cancelled_are_those_with_the_same_arg(void **state)
{
    (void)state;
    struct sink sink;
    struct ticket kept, cancelled;
    sink_init(&sink);
    open_client(&(struct kc_http_conf){ .max_parallel = 2 });
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    send_one(&cancelled, &sink, 1, stub_url(stub, "/"), WAIT_MS);
    send_one(&kept, &sink, 2, stub_url(stub, "/"), WAIT_MS);
    (void)stub_wait(stub, 1, WAIT_MS);
    send_one(&cancelled, &sink, 1, stub_url(stub, "/"), WAIT_MS); /* waits for its turn */
    kc_http_cancel(client, &cancelled);
    wait_for_answers(&sink, 2);
    assert_int_equal(sink.times[1], 2);
    assert_int_equal(sink.codes[1], KC_STOPPED);
    assert_int_equal(sink.times[2], 0);
    stub_always(stub, &(struct stub_answer){ 0 });
    struct kc_http_answer a = get(stub_url(stub, "/")); /* its place is free again */
    assert_status(&a, 200);
    kc_http_close(client);
    client = NULL;
    assert_answers(&sink, 2, 3, KC_STOPPED);
    sink_deinit(&sink);
}

static void a_name_server_that_hangs_holds_up_nobody(void **state)
{
    (void)state;
    struct sink sink;
    struct ticket tickets[3];
    sink_init(&sink);
    let_names_hang(true);
    for (int i = 0; i < 2; i++)
        send_one(&tickets[i], &sink, i, at_host("hangs.test", "/"), SHORT_MS);
    wait_for_hanging_names(1);
    struct kc_http_answer a = get_in(stub_url(stub, "/"), SOON_MS);
    assert_status(&a, 200);
    wait_for_answers(&sink, 2);
    assert_answers(&sink, 0, 2, KC_UNREACHABLE);
    a = get_in(stub_url(stub, "/"), SOON_MS);
    assert_status(&a, 200);

    send_one(&tickets[2], &sink, 2, at_host("hangs.test", "/"), WAIT_MS);
    wait_for_hanging_names(2);
    int64_t began = now_ms();
    kc_http_close(client);
    client = NULL;
    assert_true(now_ms() - began < SOON_MS);
    assert_answers(&sink, 2, 3, KC_STOPPED);
    let_names_hang(false);
    sink_deinit(&sink);
}

#define a_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        a_test(a_request_arrives_as_it_was_given),
        a_test(libcurl_adds_nothing_of_its_own),
        a_test(the_method_follows_from_the_body),
        a_test(an_answer_comes_whole),
        a_test(each_status_is_an_answer),
        a_test(a_redirect_is_an_answer_and_is_not_followed),
        a_test(retry_after_is_seconds_or_a_date),
        a_test(a_connection_is_used_again),
        a_test(a_kept_connection_that_was_closed_is_replaced),
        a_test(what_cannot_be_reached_says_why),
        a_test(what_is_not_http_is_a_bad_answer),
        a_test(no_answer_in_time_is_a_time_out),
        a_test(a_body_that_comes_in_drips_does_not_buy_time),
        a_test(an_answer_that_is_too_large_is_cut_off),
        a_test(an_answer_s_header_is_bounded_too),
        a_test(no_room_for_an_answer_is_an_error),
        a_test(what_cannot_be_sent_is_refused_at_once),
        a_test(no_error_shows_what_a_url_keeps_secret),
        a_test(a_name_that_resolves_inwards_is_not_called),
        a_test(of_two_addresses_the_allowed_one_is_called),
        a_test(the_allow_list_opens_the_guard),
        a_test(a_wrong_allow_list_opens_no_client),
        a_test(a_certificate_of_the_given_authority_is_trusted),
        a_test(any_other_certificate_is_not),
        a_test(a_connection_s_trust_is_not_lent_to_another_request),
        a_test(an_authority_s_file_is_read_anew),
        a_test(an_authority_that_cannot_be_read_is_a_wrong_setting),
        a_test(a_proxy_of_the_environment_is_used_only_where_asked),
        a_test(two_hundred_at_once_are_each_answered_once),
        a_test(a_receiver_that_hangs_does_not_hold_up_the_others),
        a_test(one_more_than_the_client_holds_is_refused),
        a_test(the_wait_for_a_turn_counts),
        a_test(a_turn_that_comes_late_leaves_the_rest_of_the_time),
        a_test(an_answer_may_be_followed_by_the_next_request),
        a_test(what_is_under_way_is_answered_when_the_client_closes),
        a_test(a_stopped_client_takes_no_more),
        a_test(cancelled_are_those_with_the_same_arg),
        a_test(a_name_server_that_hangs_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
