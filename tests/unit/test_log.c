// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "platform/log_fields.h"

#include "unit/unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

/* A pipe takes the log; what was written is read back whole. */
struct sink {
    int pipe[2];
};

static int setup(void **state)
{
    struct sink *s = kc_new0(struct sink);
    /* the longest line has to fit: nobody reads while it is written */
    if (pipe(s->pipe) != 0 || fcntl(s->pipe[1], F_SETPIPE_SZ, 1 << 18) < 0)
        return -1;
    kc_log_init(KC_DEBUG, s->pipe[1]);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct sink *s = *state;
    kc_log_set_wiper(NULL);
    kc_log_set_platform(NULL);
    kc_log_set_context(NULL);
    kc_log_init(KC_INFO, STDERR_FILENO);
    close(s->pipe[0]);
    close(s->pipe[1]);
    free(s);
    return 0;
}

static void read_text(struct sink *s, char *out, size_t size)
{
    kc_log(KC_ERROR, "the_end");
    size_t len = 0;
    char *end = NULL;
    while (!end) {
        ssize_t n = read(s->pipe[0], out + len, size - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        out[len] = '\0';
        end = strstr(out, "the_end");
    }
    while (end > out && *end != '\n')
        end--;
    *end = '\0';
}

/* The only line, as a JSON object. */
static json_t *read_line(struct sink *s)
{
    static char text[140000];
    read_text(s, text, sizeof(text));
    assert_null(strchr(text, '\n'));
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fail_msg("a control character in %s", text);
    }
    json_error_t why;
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!line)
        fail_msg("%s: %s", why.text, text);
    return line;
}

static const char *member(json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    assert_non_null(text);
    return text;
}

static void a_line_has_bunyans_fields(void **state)
{
    kc_log(KC_WARN, "delivery_retry", KC_S("topic", "cars"), KC_I("attempt", -3));
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "name"), "kafka-component");
    assert_string_equal(member(line, "msg"), "delivery_retry");
    assert_string_equal(member(line, "topic"), "cars");
    assert_true(strlen(member(line, "hostname")) > 0);
    assert_int_equal(strlen(member(line, "time")), strlen("2026-01-31T12:00:00.000Z"));
    assert_int_equal(json_integer_value(json_object_get(line, "level")), 40);
    assert_int_equal(json_integer_value(json_object_get(line, "pid")), getpid());
    assert_int_equal(json_integer_value(json_object_get(line, "attempt")), -3);
    assert_int_equal(json_integer_value(json_object_get(line, "v")), 0);
    json_decref(line);
}

static void an_error_is_logged_by_its_text(void **state)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_TIMEOUT, 0, "no answer");
    kc_log(KC_ERROR, "failed", KC_E(&err));
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "error"), "no answer");
    json_decref(line);
}

static void whatever_a_text_holds_the_line_is_json_without_control_characters(void **state)
{
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    kc_log(KC_INFO, "odd", KC_T("text", ((struct kc_text){ all, sizeof(all) })),
           KC_S("escape", "\x1b[31mred\x07"), KC_S("cut", "\xe2\x82"), KC_S("quotes", "\"\\\n"),
           KC_S("absent", NULL), KC_S("fine", "\xe2\x82\xac"));
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "escape"), " [31mred ");
    assert_string_equal(member(line, "cut"), "??");
    assert_string_equal(member(line, "quotes"), "\"\\\n");
    assert_string_equal(member(line, "absent"), "");
    assert_string_equal(member(line, "fine"), "\xe2\x82\xac");
    json_decref(line);
}

static void a_long_text_is_cut(void **state)
{
    char *text = repeated("\xe2\x82\xac", 100000);
    kc_log(KC_INFO, "long", KC_S("text", text));
    json_t *line = read_line(*state);
    assert_in_range(strlen(member(line, "text")), 4000, 4100);
    json_decref(line);
    free(text);
}

static void many_long_texts_still_make_a_line_that_is_json(void **state)
{
    char *text = repeated("\"", 4096); /* twice as long once it is escaped */
    kc_log(KC_INFO, "full", KC_S("a", text), KC_S("b", text), KC_S("c", text), KC_S("d", text),
           KC_S("e", text), KC_S("f", text), KC_S("g", text));
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "msg"), "full");
    json_decref(line);
    free(text);
}

static void what_is_below_the_level_is_not_written(void **state)
{
    kc_log(KC_TRACE, "unseen");
    assert_false(kc_log_enabled(KC_TRACE));
    assert_true(kc_log_enabled(KC_DEBUG));
    kc_log(KC_DEBUG, "seen");
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "msg"), "seen");
    json_decref(line);
}

static void levels_are_known_by_name(void **state)
{
    (void)state;
    enum kc_level level;
    assert_true(kc_log_level_parse(KC_LIT("warn"), &level));
    assert_int_equal(level, KC_WARN);
    assert_true(kc_log_level_parse(KC_LIT("TRACE"), &level));
    assert_int_equal(level, KC_TRACE);
    assert_true(kc_log_level_parse(KC_LIT("fatal"), &level));
    assert_int_equal(level, KC_FATAL);
    assert_false(kc_log_level_parse(KC_LIT("loud"), &level));
    assert_false(kc_log_level_parse(KC_LIT(""), &level));
    assert_false(kc_log_level_parse(KC_LIT("warning"), &level));
}

static void levels_are_known_by_bunyan_s_number(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        enum kc_level level;
    } cases[] = {
        { "10", KC_TRACE }, { "11", KC_DEBUG }, { "20", KC_DEBUG }, { "30", KC_INFO },
        { "35", KC_WARN },  { "50", KC_ERROR }, { "51", KC_FATAL }, { "60", KC_FATAL }
    };
    enum kc_level level;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(kc_log_level_parse(kc_text(cases[i].number), &level));
        assert_int_equal(level, cases[i].level);
    }
    static const char *const wrong[] = { "9", "61", "0", "-30", "3x" };
    for (size_t i = 0; i < 5; i++)
        assert_false(kc_log_level_parse(kc_text(wrong[i]), &level));
}

static void the_end_of_a_step_is_fatal(void **state)
{
    kc_log_init(KC_FATAL, ((struct sink *)*state)->pipe[1]);
    kc_log(KC_ERROR, "unseen");
    kc_log(KC_FATAL, "over");
    kc_log_init(KC_DEBUG, ((struct sink *)*state)->pipe[1]);
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "msg"), "over");
    assert_int_equal(json_integer_value(json_object_get(line, "level")), 60);
    json_decref(line);
}

/* --- for elastic.io's platform --- */

static const struct kc_log_context about = { { "t\"1", 3 }, { "m1", 2 }, { NULL, 0 } };

static void a_line_for_the_platform_says_whose_it_is(void **state)
{
    char flow[] = "flow\n1";
    kc_log_set_platform((struct kc_log_field[]){
        KC_S("ELASTICIO_FLOW_ID", flow), KC_S("tag", "flow1"), { 0 } });
    flow[0] = 'x'; /* it is copied */
    kc_log(KC_INFO, "ready", KC_I("n", 1));
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "name"), "sailor");
    assert_string_equal(member(line, "ELASTICIO_FLOW_ID"), "flow\n1");
    assert_string_equal(member(line, "tag"), "flow1");
    assert_int_equal(json_integer_value(json_object_get(line, "n")), 1);
    assert_null(json_object_get(line, "messageId"));
    assert_true(strlen(member(line, "hostname")) > 0);
    json_decref(line);
}

static void a_line_about_a_message_is_the_component_s(void **state)
{
    kc_log_set_platform((struct kc_log_field[]){ { 0 } });
    kc_log_set_context(&about);
    kc_log(KC_INFO, "handled");
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "name"), "component");
    assert_string_equal(member(line, "threadId"), "t\"1");
    assert_string_equal(member(line, "messageId"), "m1");
    assert_null(json_object_get(line, "parentMessageId"));
    json_decref(line);
    kc_log_set_context(NULL);
    kc_log(KC_INFO, "idle");
    line = read_line(*state);
    assert_string_equal(member(line, "name"), "sailor");
    assert_null(json_object_get(line, "threadId"));
    json_decref(line);
}

static void without_the_platform_a_line_about_a_message_keeps_its_name(void **state)
{
    kc_log_set_context(&about);
    kc_log(KC_INFO, "handled");
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "name"), "kafka-component");
    assert_string_equal(member(line, "messageId"), "m1");
    json_decref(line);
}

static void *log_once(void *arg)
{
    kc_log(KC_INFO, "elsewhere");
    return arg;
}

static void another_thread_s_lines_are_about_something_else(void **state)
{
    pthread_t thread;
    kc_log_set_platform((struct kc_log_field[]){ { 0 } });
    kc_log_set_context(&about);
    pthread_create(&thread, NULL, log_once, NULL);
    pthread_join(thread, NULL);
    kc_log_set_context(NULL);
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "name"), "sailor");
    assert_null(json_object_get(line, "messageId"));
    json_decref(line);
}

static void an_error_is_an_object_for_the_platform(void **state)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_TIMEOUT, 0, "no \"answer\"");
    kc_log_set_platform((struct kc_log_field[]){ { 0 } });
    kc_log(KC_FATAL, "failed", KC_E(&err), KC_I("attempt", 3));
    json_t *line = read_line(*state);
    json_t *object = json_object_get(line, "err");
    assert_int_equal(json_object_size(object), 3);
    assert_string_equal(member(object, "message"), "no \"answer\"");
    assert_string_equal(member(object, "name"), "TransientError");
    assert_string_equal(member(object, "stack"), "TransientError: no \"answer\"");
    assert_null(json_object_get(line, "error"));
    assert_int_equal(json_integer_value(json_object_get(line, "attempt")), 3);
    json_decref(line);
}

static void long_members_leave_room_for_the_line_s_own(void **state)
{
    char *text = repeated("\"", 4096);
    struct kc_log_field members[18] = { { 0 } };
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i",
                                         "j", "k", "l", "m", "n", "o", "p", "q" };
    for (size_t i = 0; i < 17; i++)
        members[i] = KC_S(names[i], text);
    kc_log_set_platform(members);
    kc_log_set_context(&(struct kc_log_context){ kc_text(text), kc_text(text), kc_text(text) });
    kc_log(KC_INFO, "full", KC_S("A", text), KC_S("B", text), KC_S("C", text), KC_S("D", text),
           KC_S("E", text), KC_S("F", text), KC_S("G", text));
    kc_log_set_context(NULL);
    kc_log_set_platform(NULL);
    json_t *line = read_line(*state);
    assert_int_equal(strlen(member(line, "q")), KC_LOG_MEMBER_MAX);
    assert_int_equal(strlen(member(line, "messageId")), KC_LOG_MEMBER_MAX);
    assert_int_equal(strlen(member(line, "G")), 4096);
    json_decref(line);
    free(text);
}

static void what_the_environment_says_of_a_step_is_in_its_lines(void **state)
{
    setenv("ELASTICIO_FLOW_ID", "flow1", 1);
    setenv("ELASTICIO_TENANT_ID", "tenant1", 1);
    setenv("ELASTICIO_COMP_NAME", "", 1);
    unsetenv("ELASTICIO_EXEC_ID");
    setenv("ELASTICIO_API_KEY", "sesame", 1);
    kc_log_fields_set();
    kc_log(KC_INFO, "ready");
    json_t *line = read_line(*state);
    assert_string_equal(member(line, "ELASTICIO_FLOW_ID"), "flow1");
    assert_string_equal(member(line, "ELASTICIO_TENANT_ID"), "tenant1");
    assert_string_equal(member(line, "tag"), "flow1");
    assert_null(json_object_get(line, "ELASTICIO_COMP_NAME"));
    assert_null(json_object_get(line, "ELASTICIO_EXEC_ID"));
    assert_null(json_object_get(line, "ELASTICIO_API_KEY"));
    json_decref(line);
    unsetenv("ELASTICIO_FLOW_ID");
    kc_log_fields_set();
    kc_log(KC_INFO, "ready");
    line = read_line(*state);
    assert_null(json_object_get(line, "tag"));
    json_decref(line);
}

static int wiped;

static void wipe(void)
{
    wiped++;
}

static void a_progress_line_is_wiped_first(void **state)
{
    wiped = 0;
    kc_log_set_wiper(wipe);
    kc_log(KC_INFO, "something");
    kc_log_set_wiper(NULL);
    assert_int_equal(wiped, 1);
    json_decref(read_line(*state));
}

static void *log_a_lot(void *arg)
{
    for (int i = 0; i < 50; i++)
        kc_log(KC_INFO, "line", KC_S("thread", arg), KC_I("i", i));
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    static char text[60000];
    pthread_t threads[2];
    char a[] = "a", b[] = "b";
    pthread_create(&threads[0], NULL, log_a_lot, a);
    pthread_create(&threads[1], NULL, log_a_lot, b);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    read_text(*state, text, sizeof(text));
    int lines = 0;
    for (char *line = text, *next; line; line = next, lines++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        json_t *parsed = json_loads(line, 0, NULL);
        assert_non_null(parsed);
        json_decref(parsed);
    }
    assert_int_equal(lines, 100);
}

#define log_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        log_test(a_line_has_bunyans_fields),
        log_test(an_error_is_logged_by_its_text),
        log_test(whatever_a_text_holds_the_line_is_json_without_control_characters),
        log_test(a_long_text_is_cut),
        log_test(many_long_texts_still_make_a_line_that_is_json),
        log_test(what_is_below_the_level_is_not_written),
        log_test(levels_are_known_by_name),
        log_test(levels_are_known_by_bunyan_s_number),
        log_test(the_end_of_a_step_is_fatal),
        log_test(a_line_for_the_platform_says_whose_it_is),
        log_test(a_line_about_a_message_is_the_component_s),
        log_test(without_the_platform_a_line_about_a_message_keeps_its_name),
        log_test(another_thread_s_lines_are_about_something_else),
        log_test(an_error_is_an_object_for_the_platform),
        log_test(long_members_leave_room_for_the_line_s_own),
        log_test(what_the_environment_says_of_a_step_is_in_its_lines),
        log_test(a_progress_line_is_wiped_first),
        log_test(lines_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
