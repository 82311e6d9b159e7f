// SPDX-License-Identifier: Apache-2.0
#include "platform/cipher.h"
#include "platform/envelope.h"
#include "platform/slices.h"

#include "unit/unit.h"

#include <pthread.h>

/* --- a storage that is not there: two calls, in place of those of storage.c --- */

#define OBJECTS_MAX 40

struct kc_storage {
    pthread_mutex_t lock;
    char *bodies[OBJECTS_MAX]; /* the id is obj-1, obj-2, … */
    int count;
    int puts, gets;
    const char *refused; /* a body or id that fails */
};

static bool is_refused(const struct kc_storage *s, struct kc_text t)
{
    return s->refused && kc_text_is(t, s->refused);
}

bool kc_storage_put(struct kc_storage *s, struct kc_text json_text, struct kc_buf *id,
                    struct kc_error *err)
{
    pthread_mutex_lock(&s->lock);
    bool ok = !is_refused(s, json_text) && s->count < OBJECTS_MAX;
    s->puts++;
    if (ok) {
        s->bodies[s->count++] = kc_strndup(json_text.p, json_text.len);
        kc_buf_printf(id, "obj-%d", s->count);
    } else {
        kc_error_set(err, KC_UNREACHABLE, 0, "the storage is not there");
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}

bool kc_storage_get(struct kc_storage *s, struct kc_text id, struct kc_buf *body,
                    struct kc_error *err)
{
    char name[20];
    pthread_mutex_lock(&s->lock);
    bool ok = false;
    s->gets++;
    for (int i = 0; i < s->count && !is_refused(s, id); i++) {
        snprintf(name, sizeof(name), "obj-%d", i + 1);
        if (kc_text_is(id, name))
            ok = kc_buf_puts(body, s->bodies[i]);
    }
    if (!ok)
        kc_error_set(err, KC_NOT_FOUND, 0, "there is no such object");
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static struct kc_storage *storage_with(const char *const *bodies)
{
    struct kc_storage *s = kc_new0(struct kc_storage);
    pthread_mutex_init(&s->lock, NULL);
    for (; bodies && *bodies; bodies++)
        s->bodies[s->count++] = json(*bodies);
    return s;
}

static void free_storage(struct kc_storage *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->bodies[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- what the tests share --- */

static struct kc_buf empty(void)
{
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    return b;
}

/* A message (in ' for ") and its text, which free_read() frees. */
static struct kc_envelope read_text(const char *text)
{
    struct kc_envelope e;
    struct kc_error err = { 0 };
    if (!kc_envelope_read(&e, kc_text(json(text)), &err))
        fail_msg("%s: %s", text, err.text);
    return e;
}

static void free_read(struct kc_envelope *e)
{
    free((char *)(uintptr_t)e->text.p);
}

static void assert_json(struct kc_text is, const char *wanted)
{
    char *text = json(wanted);
    assert_text(is, text);
    free(text);
}

/* --- what comes in --- */

static void members_are_taken_as_they_stand(void **state)
{
    (void)state;
    struct kc_envelope e =
        read_text(" {'id' : 'a', 'body':{ 'n': 1.0e2 },'x':[],'headers':{'h':1},"
                  "'passthrough':{'s':{'body':'\\ud800'}}} ");
    assert_json(e.id, "'a'");
    assert_json(e.body, "{ 'n': 1.0e2 }");
    assert_json(e.headers, "{'h':1}");
    assert_json(e.passthrough, "{'s':{'body':'\\ud800'}}");
    free_read(&e);
}

static void absent_members_are_absent_and_of_two_the_last_counts(void **state)
{
    (void)state;
    struct kc_envelope e = read_text("{'body':1,'b\\u006fdy':2}");
    assert_json(e.body, "2");
    assert_null(e.id.p);
    assert_null(e.headers.p);
    assert_null(e.passthrough.p);
    free_read(&e);
}

static void one_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    struct kc_envelope e;
    struct kc_error err = { 0 };
    assert_true(kc_envelope_read(&e, KC_LIT("\xef\xbb\xbf{\"body\":1}"), &err));
    assert_text(e.body, "1");
    assert_text(e.text, "{\"body\":1}");
    assert_false(kc_envelope_read(&e, KC_LIT("\xef\xbb\xbf\xef\xbb\xbf{}"), &err));
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "[]", "1", "null", "{", "{}x", "{'body':}", "x" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct kc_envelope e;
        struct kc_error err = { 0 };
        char *text = json(wrong[i]);
        assert_false(kc_envelope_read(&e, kc_text(text), &err));
        assert_error(&err, KC_INPUT, "not valid JSON");
        free(text);
    }
    struct kc_envelope e;
    struct kc_error err = { 0 };
    assert_false(kc_envelope_read(&e, KC_NO_TEXT, &err));
}

static void assert_message(const char *in, const char *reply_to, const char *wanted)
{
    struct kc_envelope e = read_text(in);
    struct kc_buf out = empty();
    kc_envelope_print_message(&e, kc_text(reply_to), &out);
    assert_json(kc_buf_peek(&out), wanted);
    kc_buf_deinit(&out);
    free_read(&e);
}

static void the_entry_point_gets_the_message_without_its_passthrough(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        /* comes                                  reply_to   goes */
        { "{'body':{'x':1},'headers':{}}", NULL, "{'body':{'x':1},'headers':{}}" },
        { "{'id':'a','body':1,'headers':{},'passthrough':{'s':{'body':'\\ud800'}}}", NULL,
          "{'id':'a','body':1,'headers':{}}" },
        { "{'passthrough':{},'body':1,'attachments':{'f':{}},'headers':{}}", NULL,
          "{'body':1,'attachments':{'f':{}},'headers':{}}" },
        { "{'passthrough':{},'passthrough':{},'body':1,'headers':{}}", NULL,
          "{'body':1,'headers':{}}" },
        { "{}", NULL, "{'body':{},'headers':{}}" },
        { "{'id':'a'}", NULL, "{'id':'a','body':{},'headers':{}}" },
        { "{'body':1,'headers':null}", NULL, "{'body':1,'headers':{}}" },
        { "{'body':1}", NULL, "{'body':1,'headers':{}}" },
        { "{'body':null,'headers':{}}", NULL, "{'body':null,'headers':{}}" },
        { "{'body':1,'headers':{}}", "rk", "{'body':1,'headers':{'reply_to':'rk'}}" },
        { "{'body':1,'headers':{'a':1,'reply_to':'old'}}", "rk",
          "{'body':1,'headers':{'a':1,'reply_to':'rk'}}" },
        { "{'body':1}", "r\nk", "{'body':1,'headers':{'reply_to':'r\\nk'}}" },
        { "{'body':1,'headers':[1]}", "rk", "{'body':1,'headers':[1]}" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_message(rows[i][0], rows[i][1], rows[i][2]);
}

static void numbers_of_any_size_reach_the_entry_point_as_they_were_typed(void **state)
{
    (void)state;
    assert_message("{'body':{'n':123456789012345678901234567890,'d':1.0,'e':1e2},"
                   "'headers':{},'passthrough':{}}",
                   NULL,
                   "{'body':{'n':123456789012345678901234567890,'d':1.0,'e':1e2},"
                   "'headers':{}}");
}

/* --- bodies in the storage --- */

static void assert_fetched(const char *in, const char *const *bodies, const char *wanted,
                           int gets)
{
    struct kc_storage *s = storage_with(bodies);
    struct kc_envelope e = read_text(in);
    char *text = (char *)(uintptr_t)e.text.p;
    struct kc_buf memory = empty();
    struct kc_error err = { 0 };
    if (!kc_envelope_fetch_bodies(&e, s, &memory, &err))
        fail_msg("%s: %s", in, err.text);
    assert_json(e.text, wanted);
    assert_int_equal(s->gets, gets);
    assert_same_bytes(gets ? kc_buf_peek(&memory) : e.text, e.text);
    assert_int_equal(e.text.p == text, gets == 0); /* nothing to do: nothing is changed */
    kc_buf_deinit(&memory);
    free(text);
    free_storage(s);
}

#define ID(n) "'headers':{'x-ipaas-object-storage-id':'obj-" #n "'}"

static void bodies_are_fetched_from_the_storage_and_the_id_stays(void **state)
{
    (void)state;
    static const char *const bodies[] = { "{'one':1}", " [2] ", "'three'", NULL };
    assert_fetched("{'body':{},'headers':{}}", bodies, "{'body':{},'headers':{}}", 0);
    assert_fetched("{'body':{}," ID(1) ",'z':0}", bodies, "{'body':{'one':1}," ID(1) ",'z':0}",
                   1);
    assert_fetched("{" ID(3) "}", bodies, "{" ID(3) ",'body':'three'}", 1);
    assert_fetched("{'body':1,'headers':{},'passthrough':{'a':{'body':{}," ID(
                       1) "},'b':{'body':'\\ud800'},'c':{" ID(3) ",'body':null},'d':null}}",
                   bodies,
                   "{'body':1,'headers':{},'passthrough':{'a':{'body':{'one':1}," ID(
                       1) "},'b':{'body':'\\ud800'},'c':{" ID(3) ",'body':'three'},'d':null}}",
                   2);
    assert_fetched(
        "{'body':7," ID(1) ",'passthrough':{'a':{'body':{}," ID(1) "}}}", bodies,
        "{'body':{'one':1}," ID(1) ",'passthrough':{'a':{'body':{'one':1}," ID(1) "}}}",
        2); /* whatever stands there: the id counts */
    assert_fetched("{'body':{},'headers':{'x-ipaas-object-storage-id':''}}", bodies,
                   "{'body':{},'headers':{'x-ipaas-object-storage-id':''}}", 0);
    assert_fetched("{'body':{},'headers':null,'passthrough':[1]}", bodies,
                   "{'body':{},'headers':null,'passthrough':[1]}", 0);
}

static void twenty_bodies_are_fetched_each_to_its_place(void **state)
{
    (void)state;
    struct kc_storage *s = storage_with(NULL);
    struct kc_buf in = empty(), wanted = empty(), memory = empty();
    struct kc_error err = { 0 };
    kc_buf_puts(&in, "{\"passthrough\":{");
    kc_buf_puts(&wanted, "{\"passthrough\":{");
    for (int i = 1; i <= 20; i++) {
        char body[20];
        const char *comma = i > 1 ? "," : "";
        snprintf(body, sizeof(body), "{\"n\":%d}", i);
        s->bodies[s->count++] = kc_strdup(body);
        kc_buf_printf(&in,
                      "%s\"s%d\":{\"body\":{},\"headers\":{\"x-ipaas-object-storage-id\":"
                      "\"obj-%d\"}}",
                      comma, i, i);
        kc_buf_printf(&wanted,
                      "%s\"s%d\":{\"body\":%s,\"headers\":{\"x-ipaas-object-storage-id\":"
                      "\"obj-%d\"}}",
                      comma, i, body, i);
    }
    kc_buf_puts(&in, "}}");
    kc_buf_puts(&wanted, "}}");
    struct kc_envelope e;
    assert_true(kc_envelope_read(&e, kc_buf_peek(&in), &err));
    assert_true(kc_envelope_fetch_bodies(&e, s, &memory, &err));
    assert_same_bytes(e.text, kc_buf_peek(&wanted));
    assert_int_equal(s->gets, 20);
    kc_buf_deinit(&in);
    kc_buf_deinit(&wanted);
    kc_buf_deinit(&memory);
    free_storage(s);
}

static void the_memory_may_be_what_the_message_stands_in(void **state)
{
    (void)state;
    static const char *const bodies[] = { "{'one':1}", NULL };
    struct kc_storage *s = storage_with(bodies);
    struct kc_buf memory = empty();
    struct kc_envelope e;
    struct kc_error err = { 0 };
    char *text = json("{'body':{}," ID(1) "}");
    kc_buf_puts(&memory, text);
    assert_true(kc_envelope_read(&e, kc_buf_peek(&memory), &err));
    assert_true(kc_envelope_fetch_bodies(&e, s, &memory, &err));
    assert_json(e.body, "{'one':1}");
    kc_buf_deinit(&memory);
    free(text);
    free_storage(s);
}

static void a_body_that_cannot_be_fetched_is_named(void **state)
{
    (void)state;
    static const char *const bodies[] = { "{'one':1}", "{'two':", "1},{'x':2", NULL };
    static const struct {
        const char *in, *refused, *text;
        enum kc_code code;
    } rows[] = {
        { "{" ID(9) "}", NULL,
          "Failed to get message body with id=obj-9: there is no such object", KC_NOT_FOUND },
        { "{'passthrough':{'a':{" ID(1) "},'b':{" ID(8) "}}}", NULL,
          "Failed to get message body with id=obj-8: ", KC_NOT_FOUND },
        { "{" ID(2) "}", NULL,
          "Failed to get message body with id=obj-2: not valid JSON: ", KC_INPUT },
        { "{" ID(3) "}", NULL,
          "Failed to get message body with id=obj-3: not valid JSON: ", KC_INPUT },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kc_storage *s = storage_with(bodies);
        struct kc_envelope e = read_text(rows[i].in), before = e;
        struct kc_buf memory = empty();
        struct kc_error err = { 0 };
        assert_false(kc_envelope_fetch_bodies(&e, s, &memory, &err));
        assert_error(&err, rows[i].code, rows[i].text);
        assert_ptr_equal(e.text.p, before.text.p);
        kc_buf_deinit(&memory);
        free_read(&before);
        free_storage(s);
    }
    struct kc_envelope e = read_text("{" ID(1) "}");
    struct kc_buf memory = empty();
    struct kc_error err = { 0 };
    assert_false(kc_envelope_fetch_bodies(&e, NULL, &memory, &err));
    assert_error(&err, KC_CONFIG, "ELASTICIO_OBJECT_STORAGE_URI");
    free_read(&e);
}

/* --- what goes out --- */

struct row {
    const char *in;         /* the incoming message */
    const char *in_step_id; /* AMQP header; NULL: none */
    const char *id, *body, *headers;
    const char *out, *routing_key;
};

static void assert_printed(const struct kc_envelope_rules *rules, const struct row *row)
{
    struct kc_envelope in = read_text(row->in);
    struct kc_buf out = empty(), key = empty();
    struct kc_error err = { 0 };
    char *body = json(row->body), *headers = row->headers ? json(row->headers) : NULL;
    const struct kc_emitted m = { kc_text(row->id), kc_text(body), kc_text(headers) };
    if (!kc_envelope_print(rules, &in, kc_text(row->in_step_id), &m, &out, &key, &err))
        fail_msg("%s: %s", row->out, err.text);
    assert_json(kc_buf_peek(&out), row->out);
    assert_text(kc_buf_peek(&key), row->routing_key ? row->routing_key : "");
    struct kc_text value;
    assert_true(kc_slice_value(kc_buf_peek(&out), &value, &err));
    free(body);
    free(headers);
    kc_buf_deinit(&out);
    kc_buf_deinit(&key);
    free_read(&in);
}

static void passthrough_off_is_the_message_alone(void **state)
{
    (void)state;
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_OFF,
                                             .step_id = "step_2" };
    static const struct row rows[] = {
        { "{'passthrough':{'step_1':{'body':1}}}", "step_1", "i", "{'y':2}", NULL,
          "{'id':'i','body':{'y':2},'headers':{}}", NULL },
        { "{}", NULL, NULL, "{'y':2}", "{'h':'v'}", "{'body':{'y':2},'headers':{'h':'v'}}",
          NULL },
        { "{}", NULL, "i", "[1e400]", NULL, "{'id':'i','body':[1e400],'headers':{}}", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_printed(&rules, &rows[i]);
}

static void passthrough_is_what_came_and_the_message_under_the_step_s_id(void **state)
{
    (void)state;
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_SELF,
                                             .step_id = "step_2" };
    static const struct row rows[] = {
        { "{'id':'3f9d','body':{'x':1},'headers':{},'passthrough':{'step_1':{'body':{'p':1},"
          "'headers':{}}}}",
          "step_1", "i", "{'y':2}", "{}",
          "{'id':'i','body':{'y':2},'headers':{},'passthrough':{'step_1':{'body':{'p':1},"
          "'headers':{}},'step_2':{'id':'i','body':{'y':2},'headers':{}}}}",
          NULL },
        { "{'passthrough':null}", NULL, "i", "1", NULL,
          "{'id':'i','body':1,'headers':{},'passthrough':{'step_2':{'id':'i','body':1,"
          "'headers':{}}}}",
          NULL },
        { "{'passthrough':{'step_2':{'body':'old'},'step\\u005f2':0,'s':{ 'body' : 1e400 }}}",
          NULL, "i", "1", NULL,
          "{'id':'i','body':1,'headers':{},'passthrough':{'s':{ 'body' : 1e400 },"
          "'step_2':{'id':'i','body':1,'headers':{}}}}",
          NULL }, /* an entry of our own is overwritten; of others every byte stays */
        { "{'passthrough':{'s':{'body':'\\udc00\\ud800','n':12345678901234567890123}}}", NULL,
          NULL, "1", NULL,
          "{'body':1,'headers':{},'passthrough':{'s':{'body':'\\udc00\\ud800',"
          "'n':12345678901234567890123},'step_2':{'body':1,'headers':{}}}}",
          NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_printed(&rules, &rows[i]);
}

static void no_self_passthrough_is_what_came_and_the_incoming_message(void **state)
{
    (void)state;
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_NO_SELF,
                                             .step_id = "step_2" };
    static const struct row rows[] = {
        { "{'id':'aaa','body':{'rk':'rk.custom'},'headers':{'h':1},'passthrough':{'step_1':{'b'"
          ":"
          "0}}}",
          "step_1", "i", "{}", "{'keep':'me','X-Eio-Routing-Key':'rk.custom'}",
          "{'id':'i','body':{},'headers':{'keep':'me'},'passthrough':{'step_1':{'id':'aaa',"
          "'body':{'rk':'rk.custom'},'headers':{'h':1}}}}",
          "rk.custom" },
        { "{'id':'aaa','body':1,'method':'POST','query':{'a':'\\ud800'},'passthrough':{'s':0}}",
          "step_1", NULL, "{}", NULL,
          "{'body':{},'headers':{},'passthrough':{'s':0,'step_1':{'id':'aaa','body':1,"
          "'method':'POST','query':{'a':'\\ud800'}}}}",
          NULL }, /* unknown members are preserved */
        { "{'id':'aaa','body':1,'passthrough':{'s':{'body':2}}}", NULL, NULL, "{}", NULL,
          "{'body':{},'headers':{},'passthrough':{'s':{'body':2}}}",
          NULL }, /* no stepId came */
        { "{'id':'aaa','body':1}", "", NULL, "{}", NULL,
          "{'body':{},'headers':{},'passthrough':{}}", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_printed(&rules, &rows[i]);
}

static void the_headers_may_ask_for_a_routing_key(void **state)
{
    (void)state;
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_OFF };
    static const struct row rows[] = {
        { "{}", NULL, NULL, "1", "{'x-eio-routing-key':'rk'}", "{'body':1,'headers':{}}",
          "rk" },
        { "{}", NULL, NULL, "1", "{'a':1,'X-EIO-Routing-KEY':'r\\u00e4k','b':2}",
          "{'body':1,'headers':{'a':1,'b':2}}", "räk" },
        { "{}", NULL, NULL, "1", "{'x-eio-routing-key':'a','X-Eio-Routing-Key':'b'}",
          "{'body':1,'headers':{}}", "b" },
        { "{}", NULL, NULL, "1", "{'x-eio-routing-key':''}", "{'body':1,'headers':{}}", NULL },
        { "{}", NULL, NULL, "1", "{'x-eio-routing-key':null}", "{'body':1,'headers':{}}",
          NULL },
        { "{}", NULL, NULL, "1", "{'x-eio-routing-keys':'a'}",
          "{'body':1,'headers':{'x-eio-routing-keys':'a'}}", NULL },
        { "{}", NULL, NULL, "1", "null", "{'body':1,'headers':null}", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_printed(&rules, &rows[i]);
}

static void the_copy_in_the_passthrough_keeps_the_routing_key(void **state)
{
    (void)state;
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_SELF,
                                             .step_id = "s" };
    static const struct row row = {
        "{}",
        NULL,
        NULL,
        "1",
        "{'x-eio-routing-key':'rk'}",
        "{'body':1,'headers':{},'passthrough':{'s':{'body':1,'headers':{'x-eio-routing-key':"
        "'rk'}}}}",
        "rk"
    };
    assert_printed(&rules, &row);
}

static bool print_with(const struct kc_envelope_rules *rules, const char *body,
                       const char *headers, struct kc_buf *out, struct kc_error *err)
{
    struct kc_envelope in = read_text("{'passthrough':{}}");
    struct kc_buf key = empty();
    char *body_json = json(body), *headers_json = json(headers);
    const struct kc_emitted m = { KC_NO_TEXT, kc_text(body_json), kc_text(headers_json) };
    bool ok = kc_envelope_print(rules, &in, KC_NO_TEXT, &m, out, &key, err);
    free(body_json);
    free(headers_json);
    kc_buf_deinit(&key);
    free_read(&in);
    return ok;
}

static void a_routing_key_that_amqp_cannot_carry_is_refused(void **state)
{
    (void)state;
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_OFF };
    char key[400] = "{'x-eio-routing-key':'";
    struct kc_error err = { 0 };
    struct kc_buf out = empty();
    size_t len = strlen(key);
    memset(key + len, 'k', 256);
    memcpy(key + len + 256, "'}", 3);
    assert_false(print_with(&rules, "1", key, &out, &err));
    assert_error(&err, KC_INPUT, "x-eio-routing-key");
    memcpy(key + len + 255, "'}", 3);
    assert_true(print_with(&rules, "1", key, &out, &err));
    assert_false(print_with(&rules, "1", "{'x-eio-routing-key':5}", &out, &err));
    assert_error(&err, KC_INPUT, "must be a text");
    assert_false(print_with(&rules, "1", "{'x-eio-routing-key':'a\\u0000b'}", &out, &err));
    assert_error(&err, KC_INPUT, "without NUL");
    kc_buf_deinit(&out);
}

static void a_message_that_has_no_room_is_too_large(void **state)
{
    (void)state;
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_OFF };
    struct kc_error err = { 0 };
    struct kc_buf out;
    kc_buf_init(&out, 20);
    assert_false(print_with(&rules, "'twenty bytes are too few'", "{}", &out, &err));
    assert_error(&err, KC_INPUT_TOO_LARGE, "20 bytes");
    kc_buf_deinit(&out);
}

/* --- lightweight --- */

static struct kc_envelope_rules lightweight(struct kc_storage *s, int64_t threshold,
                                            enum kc_passthrough passthrough)
{
    return (struct kc_envelope_rules){ .passthrough = passthrough,
                                       .step_id = "s",
                                       .is_lightweight = true,
                                       .storage_threshold = threshold,
                                       .storage = s };
}

static void a_large_body_goes_to_the_storage(void **state)
{
    (void)state;
    struct kc_storage *s = storage_with(NULL);
    struct kc_envelope_rules rules = lightweight(s, 10, KC_PASSTHROUGH_OFF);
    static const struct row alone = {
        "{}", NULL, NULL, "{'property1':'Hello world'}", NULL, "{'body':{}," ID(1) "}", NULL
    };
    assert_printed(&rules, &alone);
    assert_string_equal(s->bodies[0], "{\"property1\":\"Hello world\"}");

    rules.passthrough = KC_PASSTHROUGH_SELF; /* the copy refers to the same object */
    static const struct row self = {
        "{}",
        NULL,
        "i",
        "{'property1':'Hello world'}",
        "{'h':1}",
        "{'id':'i','body':{},'headers':{'h':1,'x-ipaas-object-storage-id':'obj-2'},"
        "'passthrough':{'s':{'id':'i','body':{},'headers':{'h':1,"
        "'x-ipaas-object-storage-id':'obj-2'}}}}",
        NULL
    };
    assert_printed(&rules, &self);
    assert_int_equal(s->puts, 2);
    free_storage(s);
}

static void a_total_of_just_the_threshold_is_not_stored(void **state)
{
    (void)state;
    struct kc_storage *s = storage_with(NULL);
    struct kc_envelope_rules rules = lightweight(s, 7, KC_PASSTHROUGH_SELF);
    static const struct row row = {
        "{'passthrough':{'a':{'body':[1]},'b':{'headers':{}}}}",
        NULL,
        NULL,
        "'22'",
        NULL,
        "{'body':'22','headers':{},'passthrough':{'a':{'body':[1]},'b':{'headers':{}},"
        "'s':{'body':'22','headers':{}}}}",
        NULL
    };
    assert_printed(&rules, &row); /* 4 + 3 bytes */
    assert_int_equal(s->puts, 0);
    rules.storage_threshold = 6;
    struct kc_envelope in = read_text(row.in);
    struct kc_buf out = empty(), key = empty();
    struct kc_error err = { 0 };
    const struct kc_emitted m = { .body = KC_LIT("\"22\"") };
    assert_true(kc_envelope_print(&rules, &in, KC_NO_TEXT, &m, &out, &key, &err));
    assert_int_equal(s->puts, 2); /* an entry without body has nothing to store */
    kc_buf_deinit(&out);
    free_read(&in);
    free_storage(s);
}

static void ids_that_are_there_are_used_again(void **state)
{
    (void)state;
    static const char *const bodies[] = { "0", NULL };
    struct kc_storage *s = storage_with(bodies);
    struct kc_envelope_rules rules = lightweight(s, 1, KC_PASSTHROUGH_SELF);
    static const struct row row = { "{'passthrough':{'a':{'body':{'full':1}," ID(7) ",'k':1}}}",
                                    NULL,
                                    NULL,
                                    "22",
                                    NULL,
                                    "{'body':{}," ID(2) ",'passthrough':{'a':{'body':{}," ID(
                                        7) ",'k':1},'s':{'body':{}," ID(2) "}}}",
                                    NULL };
    assert_printed(&rules, &row);
    assert_int_equal(s->puts, 1);
    assert_string_equal(s->bodies[1], "22");
    free_storage(s);
}

/* The id in the headers of what is emitted may be that of what came: it names another body. */
static void the_emitted_body_is_stored_even_where_its_headers_hold_an_id(void **state)
{
    (void)state;
    static const char *const bodies[] = { "0", NULL };
    struct kc_storage *s = storage_with(bodies);
    struct kc_envelope_rules rules = lightweight(s, 1, KC_PASSTHROUGH_OFF);
    static const struct row row = { "{}",
                                    NULL,
                                    NULL,
                                    "22",
                                    "{'x-ipaas-object-storage-id':'obj-1'}",
                                    "{'body':{}," ID(2) "}",
                                    NULL };
    assert_printed(&rules, &row);
    free_storage(s);
}

static void without_self_the_incoming_body_counts_and_is_stored(void **state)
{
    (void)state;
    struct kc_storage *s = storage_with(NULL);
    struct kc_envelope_rules rules = lightweight(s, 10, KC_PASSTHROUGH_NO_SELF);
    struct kc_envelope in = read_text("{'id':'x','body':'123456789','passthrough':{'a':0}}");
    struct kc_buf out = empty(), key = empty();
    struct kc_error err = { 0 };
    const struct kc_emitted m = { .body = KC_LIT("1") };
    assert_true(kc_envelope_print(&rules, &in, KC_LIT("step_1"), &m, &out, &key, &err));
    assert_int_equal(s->puts, 2);
    struct kc_envelope e;
    assert_true(kc_envelope_read(&e, kc_buf_peek(&out), &err));
    assert_json(e.body, "{}");
    struct kc_text entry = kc_slice_get(e.passthrough, KC_LIT("step_1"));
    assert_json(kc_slice_get(entry, KC_LIT("body")), "{}");
    assert_json(kc_slice_get(entry, KC_LIT("id")), "'x'");
    assert_null(kc_slice_get(entry, KC_LIT("passthrough")).p);
    assert_non_null(kc_slice_get(entry, KC_LIT("headers")).p);
    kc_buf_deinit(&out);
    free_read(&in);
    free_storage(s);
}

static void a_body_that_cannot_be_stored_fails_as_the_platform_says(void **state)
{
    (void)state;
    struct kc_storage *s = storage_with(NULL);
    struct kc_envelope_rules rules = lightweight(s, 1, KC_PASSTHROUGH_OFF);
    struct kc_error err = { 0 };
    struct kc_buf out = empty();
    s->refused = "22";
    assert_false(print_with(&rules, "22", "{}", &out, &err));
    assert_int_equal(out.len, 0);
    assert_error(&err, KC_UNREACHABLE, "Lightweight message/passthrough body upload error: ");
    rules.storage = NULL;
    assert_false(print_with(&rules, "22", "{}", &out, &err));
    assert_error(&err, KC_CONFIG, "Lightweight message/passthrough body upload error: ");
    kc_buf_deinit(&out);
    free_storage(s);
}

static void where_nothing_is_stored_empty_bodies_of_the_passthrough_are_fetched(void **state)
{
    (void)state;
    static const char *const bodies[] = { "{'one':1}", NULL };
    struct kc_storage *s = storage_with(bodies);
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_SELF,
                                             .step_id = "s",
                                             .storage = s };
    static const char *const empties[] = {
        "{}", "{ \n}", "[]", "[ ]", "''", "null", "7", "true"
    };
    static const char *const others[] = { "{'a':1}", "[0]", "'x'", "' '" };
    for (size_t i = 0; i < COUNT_OF(empties) + COUNT_OF(others); i++) {
        bool is_empty = i < COUNT_OF(empties);
        const char *body = is_empty ? empties[i] : others[i - COUNT_OF(empties)];
        char in[200], wanted[300];
        snprintf(in, sizeof(in), "{'passthrough':{'a':{'body':%s," ID(1) "},'b':{'body':{}}}}",
                 body);
        snprintf(wanted, sizeof(wanted),
                 "{'body':1,'headers':{},'passthrough':{'a':{'body':%s," ID(
                     1) "},'b':{'body':{}},'s':{'body':1,'headers':{}}}}",
                 is_empty ? bodies[0] : body);
        const struct row row = { in, NULL, NULL, "1", NULL, wanted, NULL };
        s->gets = 0;
        assert_printed(&rules, &row);
        assert_int_equal(s->gets, is_empty);
    }
    struct kc_envelope in = read_text("{'passthrough':{'a':{'body':{}," ID(5) "}}}");
    struct kc_buf out = empty(), key = empty();
    struct kc_error err = { 0 };
    const struct kc_emitted m = { .body = KC_LIT("1") };
    assert_false(kc_envelope_print(&rules, &in, KC_NO_TEXT, &m, &out, &key, &err));
    assert_error(&err, KC_NOT_FOUND, "Failed to get message body with id=obj-5");
    kc_buf_deinit(&out);
    free_read(&in);
    free_storage(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_taken_as_they_stand),
        cmocka_unit_test(absent_members_are_absent_and_of_two_the_last_counts),
        cmocka_unit_test(one_byte_order_mark_is_skipped),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(the_entry_point_gets_the_message_without_its_passthrough),
        cmocka_unit_test(numbers_of_any_size_reach_the_entry_point_as_they_were_typed),
        cmocka_unit_test(bodies_are_fetched_from_the_storage_and_the_id_stays),
        cmocka_unit_test(twenty_bodies_are_fetched_each_to_its_place),
        cmocka_unit_test(the_memory_may_be_what_the_message_stands_in),
        cmocka_unit_test(a_body_that_cannot_be_fetched_is_named),
        cmocka_unit_test(passthrough_off_is_the_message_alone),
        cmocka_unit_test(passthrough_is_what_came_and_the_message_under_the_step_s_id),
        cmocka_unit_test(no_self_passthrough_is_what_came_and_the_incoming_message),
        cmocka_unit_test(the_headers_may_ask_for_a_routing_key),
        cmocka_unit_test(the_copy_in_the_passthrough_keeps_the_routing_key),
        cmocka_unit_test(a_routing_key_that_amqp_cannot_carry_is_refused),
        cmocka_unit_test(a_message_that_has_no_room_is_too_large),
        cmocka_unit_test(a_large_body_goes_to_the_storage),
        cmocka_unit_test(a_total_of_just_the_threshold_is_not_stored),
        cmocka_unit_test(ids_that_are_there_are_used_again),
        cmocka_unit_test(the_emitted_body_is_stored_even_where_its_headers_hold_an_id),
        cmocka_unit_test(without_self_the_incoming_body_counts_and_is_stored),
        cmocka_unit_test(a_body_that_cannot_be_stored_fails_as_the_platform_says),
        cmocka_unit_test(where_nothing_is_stored_empty_bodies_of_the_passthrough_are_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
