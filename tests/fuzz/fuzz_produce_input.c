// SPDX-License-Identifier: Apache-2.0
/* fuzz_produce_input.c - a body becomes a batch whose texts live as long as they have to, or
 * faults with JSON pointers; and an error of any text is one line of JSON. */
#include "component/produce_input.h"
#include "runtime/event.h"

#include "fuzz.h"

/* The sanitizer watches. */
static void touch(const char *p, size_t len)
{
    static volatile char last;
    for (size_t i = 0; i < len; i++)
        last = p[i];
    (void)last;
}

static void check_batch(const struct kc_batch *b, const struct kc_input_rules *rules)
{
    CHECK(b->count > 0);
    for (size_t i = 0; i < b->count; i++) {
        const struct kc_record *r = &b->records[i];
        CHECK(r->topic || rules->topic);
        CHECK(!r->topic || (rules->topic_from_message && *r->topic && strlen(r->topic) < 250));
        CHECK(r->key || r->key_len == 0);
        CHECK(r->value || r->value_len == 0);
        CHECK(r->partition >= KC_ANY_PARTITION && r->timestamp >= 0);
        touch(r->key, r->key_len);
        touch(r->value, r->value_len);
        for (size_t k = 0; r->headers && k < r->headers->count; k++) {
            const struct kc_header *h = &r->headers->list[k];
            CHECK(h->name.p && !memchr(h->name.p, '\0', h->name.len));
            touch(h->name.p, h->name.len + 1); /* librdkafka may be given it as a C string */
            touch(h->value.p, h->value.len);
        }
    }
}

static void check_event(const struct kc_error *err, struct kc_text details)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_event_error(&out, KC_LIT("\"line\":1,"), err, details);
    CHECK((const char *)memchr(out.data, '\n', out.len) == out.data + out.len - 1);
    check_json(kc_buf_peek(&out));
    kc_buf_deinit(&out);
}

static void check_faults(const struct kc_faults *faults, const char *prefix)
{
    struct kc_error err = { 0 };
    struct kc_buf details;
    CHECK(faults->count > 0 && !kc_faults_none(faults, KC_INPUT, &err) && *err.text);
    for (size_t i = 0; i < faults->count; i++) {
        const char *p = faults->list[i].pointer;
        CHECK_SAY(strncmp(p, prefix, strlen(prefix)) == 0, p);
        CHECK_SAY(!p[strlen(prefix)] || p[strlen(prefix)] == '/', p);
        CHECK_SAY(*faults->list[i].text, p);
        for (const char *tilde = strchr(p, '~'); tilde; tilde = strchr(tilde + 1, '~'))
            CHECK_SAY(tilde[1] == '0' || tilde[1] == '1', p);
    }
    kc_buf_init(&details, KC_BUF_UNBOUNDED);
    kc_faults_print(faults, &details);
    check_event(&err, kc_buf_peek(&details));
    kc_buf_deinit(&details);
}

static void run(struct kc_text text, const struct kc_input_rules *rules)
{
    struct kc_error err = { 0 };
    struct kc_message m;
    struct kc_json_reader *reader = kc_json_reader_new();
    bool ok = kc_message_read(&m, reader, copy_of(text, KC_JSON_PADDING), text.len, &err);
    if (!ok) {
        check_event(&err, KC_NO_TEXT);
        kc_json_reader_free(reader);
        kc_message_deinit(&m);
        return;
    }
    struct kc_arena arena = { 0 };
    struct kc_faults faults;
    kc_faults_init(&faults);
    struct kc_batch *b = kc_produce_input(&m, rules, &arena, &faults);
    kc_json_reader_free(reader); /* a batch outlives the tree, not the text and the arena */
    CHECK(!b == (faults.count > 0));
    if (b)
        check_batch(b, rules);
    else
        check_faults(&faults, m.is_bare ? "" : "/body");
    kc_batch_free(b);
    kc_faults_deinit(&faults);
    kc_arena_deinit(&arena);
    kc_message_deinit(&m);
}

/* Whatever a broker or a library may say. */
static void say_anything(struct kc_text text)
{
    struct kc_error err = { 0 };
    char *copy = copy_of(text, 1);
    kc_error_set(&err, KC_REJECTED, 0, "%s", copy);
    kc_error_wrap(&err, "write to '%s'", copy);
    check_event(&err, KC_NO_TEXT);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_text text = { (const char *)data, size };
    run(text, &(struct kc_input_rules){ .topic = "cars" });
    run(text, &(struct kc_input_rules){ .topic = "cars", .topic_from_message = true });
    run(text, &(struct kc_input_rules){ .topic = NULL, .topic_from_message = true });
    say_anything(text);
    return 0;
}
