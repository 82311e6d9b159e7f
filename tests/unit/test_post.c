// SPDX-License-Identifier: Apache-2.0
/* The messages in a body, and the answer that is made of what an action says to each. The
 * exchange and the action are stand-ins. */
#include "runtime/tally.h"
#include "transport/http/post.h"
#include "unit/unit.h"

#include <stdatomic.h>

struct kc_exchange {
    int status;
    enum kc_code code; /* of a problem */
    char *text;        /* the reply, or the problem's details */
};

void kc_exchange_reply(struct kc_exchange *x, int status, const char *media_type,
                       struct kc_buf *body)
{
    assert_string_equal(media_type, "application/json");
    assert_int_equal(x->status, 0);
    x->status = status;
    x->text = kc_buf_take(body);
}

void kc_exchange_problem(struct kc_exchange *x, int status, const struct kc_error *err,
                         struct kc_text details)
{
    assert_int_equal(status, 0);
    assert_int_equal(x->status, 0);
    x->status = kc_code_http(err->code);
    x->code = err->code;
    x->text = details.p ? kc_strndup(details.p, details.len) : NULL;
}

/* --- an action that does what the body says --- */

#define HELD_MAX 8

static struct {
    struct kc_outlet *held[HELD_MAX]; /* not ended yet */
    size_t count;
    char pointers[256]; /* where each message stood */
    size_t bytes;
} action;

static void process(void *self, struct kc_message *m, struct kc_outlet *o)
{
    struct kc_error err = { 0 };
    (void)self;
    size_t len = strlen(action.pointers);
    snprintf(action.pointers + len, sizeof(action.pointers) - len, "%s;",
             m->is_bare && m->beside ? "bare" : m->at);
    action.bytes += m->text_len;
    assert_null(m->text);
    if (kc_value_get(m->body, "written"))
        kc_outlet_data(o, &(struct kc_data){ .body = KC_LIT("{\"w\":1}") });
    if (kc_value_get(m->body, "failed"))
        kc_outlet_data(o, &(struct kc_data){ .body = KC_LIT("{\"f\":1}"), .is_failure = true });
    if (kc_value_get(m->body, "failed")) {
        kc_error_set(&err, KC_UNAVAILABLE, 0, "gone");
        kc_outlet_error(o, &err, KC_LIT("[{\"indexes\":[3,1]},{\"indexes\":[2]}]"));
    }
    if (kc_value_get(m->body, "wrong")) {
        kc_error_set(&err, KC_INPUT, 0, "wrong");
        kc_outlet_error(o, &err, KC_LIT("[{\"pointer\":\"/p\"}]"));
    }
    if (kc_value_get(m->body, "held")) {
        assert_true(action.count < HELD_MAX);
        action.held[action.count++] = o;
    } else {
        kc_outlet_end(o);
    }
}

static const struct kc_entry entry = { .name = "stand-in", .process = process };

struct fixture {
    struct kc_exchange x;
    struct kc_tally tally;
    struct kc_json_reader *reader;
    struct kc_http_envelope envelope;
    struct kc_faults faults;
    char *text;
    int answered;
    enum kc_code failed[4]; /* while others were written */
    size_t failures;
};

static int setup(void **state)
{
    struct fixture *f = kc_new0(struct fixture);
    memset(&action, 0, sizeof(action));
    f->reader = kc_json_reader_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->answered, f->x.status != 0);
    kc_faults_deinit(&f->faults);
    kc_json_reader_free(f->reader);
    free(f->text);
    free(f->x.text);
    free(f);
    return 0;
}

static void on_answered(void *arg)
{
    ((struct fixture *)arg)->answered++;
}

static void on_failed(void *arg, enum kc_code code)
{
    struct fixture *f = arg;
    assert_int_equal(f->answered, 0);
    f->failed[f->failures++ % COUNT_OF(f->failed)] = code;
}

static bool read_envelope(struct fixture *f, const char *body)
{
    struct kc_error err = { 0 };
    f->text = json(body);
    const struct kc_value *root = kc_json_read(f->reader, f->text, strlen(body), &err);
    assert_non_null(root);
    return kc_http_envelope_read(&f->envelope, root, &f->faults);
}

static void post(struct fixture *f, const char *body)
{
    const struct kc_post_conf conf = { .exchange = &f->x,
                                       .tally = &f->tally,
                                       .failed = on_failed,
                                       .answered = on_answered,
                                       .arg = f };
    assert_true(read_envelope(f, body));
    kc_post_run(&conf, &f->envelope, strlen(body), &entry, NULL);
}

static void assert_answer(const struct fixture *f, int status, const char *like)
{
    assert_int_equal(f->x.status, status);
    char *wanted = json(like), *from = f->x.text;
    for (const char *piece = wanted; from && *piece; piece += strcspn(piece, "*") + 1) {
        size_t len = strcspn(piece, "*");
        char *part = kc_strndup(piece, len);
        from = strstr(from, part);
        if (!from)
            fail_msg("'%s' is not in: %s", part, f->x.text);
        free(part);
        if (!piece[len])
            break;
    }
    free(wanted);
}

static void a_message_that_was_written_is_200(void **state)
{
    struct fixture *f = *state;
    post(f, "{'written': 1}");
    assert_answer(f, 200, "{'messages':[{'id':'*','headers':{},'body':{'w':1}}],'errors':[]}");
    assert_string_equal(action.pointers, "bare;");
}

static void a_message_may_be_whole_bare_or_wrapped(void **state)
{
    struct fixture *f = *state;
    static const char *const bodies[][2] = {
        { "{'body': {'written': 1}}", ";" },
        { "{'message': {'written': 1}}", "/message;" },
        { "{'message': {'body': {'written': 1}}}", "/message;" },
        { "{'config': {}, 'body': {'written': 1}}", ";" },
        { "{'config': {}, 'credentials': {}, 'written': 1}", "bare;" },
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        action.pointers[0] = '\0';
        post(f, bodies[i][0]);
        assert_int_equal(f->x.status, 200);
        assert_string_equal(action.pointers, bodies[i][1]);
        free(f->text);
        free(f->x.text);
        f->x = (struct kc_exchange){ 0 };
        f->answered = 0;
        f->text = NULL;
    }
}

static void some_written_and_some_not_is_207_with_the_failed_ones_sorted(void **state)
{
    struct fixture *f = *state;
    post(f, "{'written': 1, 'failed': 1}");
    assert_answer(f, 207,
                  "{'w':1}},{'id':*{'f':1}}],'errors':[{*'code':'unavailable'*'details':[*"
                  "'indexes':[1,2,3]}]}");
    assert_int_equal(f->tally.errors, 1);
    assert_int_equal(f->failures, 1);
    assert_int_equal(f->failed[0], KC_UNAVAILABLE);
}

static void nothing_written_is_a_problem_with_its_details(void **state)
{
    struct fixture *f = *state;
    post(f, "{'failed': 1}");
    assert_answer(f, 503, "[{'indexes':[3,1]},{'indexes':[2]}]");
    assert_int_equal(f->x.code, KC_UNAVAILABLE);
}

static void several_messages_are_answered_in_their_order_whoever_ends_first(void **state)
{
    struct fixture *f = *state;
    post(f, "{'messages': [{'body': {'written': 1, 'held': 1}}, {'body': {'wrong': 1}}, "
            "{'body': {'held': 1}}, {'body': {'written': 1}}]}");
    assert_int_equal(f->x.status, 0);
    kc_outlet_end(action.held[1]);
    assert_int_equal(f->x.status, 0);
    kc_outlet_end(action.held[0]);
    assert_answer(f, 207,
                  "{'messages':[{'id'*{'w':1}},{'id'*{'w':1}}],'errors':[{*'code':'input'*"
                  "'indexes':[1]}]}");
    assert_string_equal(action.pointers, "/messages/0;/messages/1;/messages/2;/messages/3;");
}

static void the_faults_of_several_messages_are_one_list(void **state)
{
    struct fixture *f = *state;
    post(f, "{'messages': [{'body': {'wrong': 1}}, {'body': {'wrong': 1}}]}");
    assert_answer(f, 422, "[{'pointer':'/p'},{'pointer':'/p'}]");
}

static void different_failures_of_several_messages_are_told_apart(void **state)
{
    struct fixture *f = *state;
    post(f, "{'messages': [{'body': {'failed': 1}}, {'body': {'wrong': 1}}]}");
    assert_answer(f, 503, "[{*'code':'unavailable'*'indexes':[0]},{*'input'*'indexes':[1]}]");
}

static void what_is_no_message_is_told_by_where_it_stands(void **state)
{
    struct fixture *f = *state;
    post(f, "{'message': 7}");
    assert_answer(f, 422, "[{'pointer':'/message','message':'a message is a JSON object*");
}

static void our_own_ends_are_passed_over(void **state)
{
    struct fixture *f = *state;
    post(f, "{'messages': [{'event': 'end', 'body': {'written': 1}}]}");
    assert_answer(f, 200, "{'messages':[],'errors':[]}");
}

/* --- what is no envelope --- */

static void assert_refused(struct fixture *f, const char *body, size_t faults,
                           const char *pointer)
{
    assert_false(read_envelope(f, body));
    assert_int_equal(f->faults.count, faults);
    assert_string_equal(f->faults.list[0].pointer, pointer);
    kc_faults_deinit(&f->faults);
    free(f->text);
    f->text = NULL;
}

static void a_mixture_and_strangers_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{'messages': [{'body': {}}, {'value': 1}, 7]}", 2, "/messages/1");
    assert_refused(f, "{'messages': [{'body': {}}], 'cursor': 1}", 1, "");
    assert_refused(f, "{'message': {}, 'messages': []}", 1, "");
}

static void settings_are_seen_wherever_they_may_stand(void **state)
{
    struct fixture *f = *state;
    assert_true(read_envelope(f, "{'\\u0063onfig': {}, 'value': 1}"));
    assert_true(f->envelope.has_settings);
    free(f->text);
    assert_true(read_envelope(f, "{'value': {'config': 1}}"));
    assert_false(f->envelope.has_settings);
    assert_true(kc_http_envelope_may_have_settings(KC_LIT("{\"config\":{}}")));
    assert_true(kc_http_envelope_may_have_settings(KC_LIT("{\"credentials\" :{}}")));
    assert_false(kc_http_envelope_may_have_settings(KC_LIT("{\"value\":\"config\\\"\"}")));
}

#define post_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        post_test(a_message_that_was_written_is_200),
        post_test(a_message_may_be_whole_bare_or_wrapped),
        post_test(some_written_and_some_not_is_207_with_the_failed_ones_sorted),
        post_test(nothing_written_is_a_problem_with_its_details),
        post_test(several_messages_are_answered_in_their_order_whoever_ends_first),
        post_test(the_faults_of_several_messages_are_one_list),
        post_test(different_failures_of_several_messages_are_told_apart),
        post_test(what_is_no_message_is_told_by_where_it_stands),
        post_test(our_own_ends_are_passed_over),
        post_test(a_mixture_and_strangers_are_refused),
        post_test(settings_are_seen_wherever_they_may_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
