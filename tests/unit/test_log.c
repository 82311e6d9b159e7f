// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "unit/unit.h"

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
    if (pipe(s->pipe) != 0)
        return -1;
    kc_log_init(KC_DEBUG, s->pipe[1]);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct sink *s = *state;
    kc_log_set_wiper(NULL);
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
    static char text[70000];
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
    assert_false(kc_log_level_parse(KC_LIT("loud"), &level));
    assert_false(kc_log_level_parse(KC_LIT(""), &level));
    assert_false(kc_log_level_parse(KC_LIT("warning"), &level));
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
        log_test(a_progress_line_is_wiped_first),
        log_test(lines_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
