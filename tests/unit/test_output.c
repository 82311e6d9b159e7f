// SPDX-License-Identifier: Apache-2.0
/* What is written to stdout, when it counts as accepted, and in which order lines are answered.
 */
#include "transport/output.h"

#include "base/clock.h"
#include "transport/answers.h"
#include "unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIPE_BYTES 65536 /* of an empty pipe */

struct fixture {
    int pipe[2]; /* -1 where it is closed */
    struct kc_output *output;
    struct kc_tally tally;
    struct kc_answers *answers;
    atomic_int gone, final;
    atomic_size_t accepted;
    uint64_t tags[64];
    struct kc_ack ack;
};

static void on_gone(void *arg)
{
    ((struct fixture *)arg)->gone++;
}

static void on_final(void *arg)
{
    ((struct fixture *)arg)->final++;
}

static void on_settled(void *arg, const uint64_t *tags, size_t count, bool is_accepted)
{
    struct fixture *f = arg;
    assert_true(is_accepted);
    for (size_t i = 0; i < count; i++)
        f->tags[(f->accepted + i) % COUNT_OF(f->tags)] = tags[i];
    f->accepted += count;
}

static int setup(void **state)
{
    struct fixture *f = kc_new0(struct fixture);
    signal(SIGPIPE, SIG_IGN);
    if (pipe(f->pipe) != 0)
        return -1;
    f->output = kc_output_new(f->pipe[1], on_gone, f);
    f->answers = kc_answers_new(kc_output_sink(f->output), &f->tally, on_final, f);
    f->ack = (struct kc_ack){ .settle = on_settled, .arg = f };
    *state = f;
    return 0;
}

static void close_end(struct fixture *f, int end)
{
    if (f->pipe[end] >= 0)
        close(f->pipe[end]);
    f->pipe[end] = -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_end(f, 0);
    kc_answers_free(f->answers);
    kc_output_free(f->output);
    close_end(f, 1);
    free(f);
    return 0;
}

/* Ends the output and gives all that was written; the caller's. */
static char *all_written(struct fixture *f)
{
    struct kc_buf all;
    char *room;
    ssize_t n;
    kc_output_free(f->output);
    f->output = NULL;
    close_end(f, 1);
    kc_buf_init(&all, KC_BUF_UNBOUNDED);
    while ((room = kc_buf_reserve(&all, 4096)) && (n = read(f->pipe[0], room, 4096)) > 0)
        all.len += (size_t)n;
    return kc_buf_take(&all);
}

static void say(struct fixture *f, const char *line, uint64_t tag)
{
    kc_buf_puts(kc_output_begin(f->output), line);
    if (tag)
        kc_output_end_with(f->output, &f->ack, tag);
    else
        kc_output_end(f->output);
}

/* --- output --- */

static void lines_are_written_in_their_order(void **state)
{
    struct fixture *f = *state;
    say(f, "one\n", 0);
    say(f, "two\n", 1);
    say(f, "three\n", 0);
    char *all = all_written(f);
    assert_string_equal(all, "one\ntwo\nthree\n");
    free(all);
}

static void a_line_is_accepted_when_it_was_written_and_in_order(void **state)
{
    struct fixture *f = *state;
    for (uint64_t tag = 1; tag <= 10; tag++)
        say(f, "line\n", tag);
    kc_output_drain(f->output);
    free(all_written(f)); /* its thread has answered, and ended */
    assert_int_equal(f->accepted, 10);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(f->tags[i], i + 1);
}

static void what_cannot_be_written_is_not_accepted(void **state)
{
    struct fixture *f = *state;
    char *line = repeated("x", 2 * PIPE_BYTES);
    say(f, line, 7); /* nobody reads: its end stays outside the pipe */
    assert_true(kc_output_has_room(f->output, 0));
    assert_int_equal(f->accepted, 0);
    close_end(f, 0);
    kc_output_drain(f->output);
    kc_output_free(f->output);
    f->output = NULL;
    assert_int_equal(f->accepted, 0);
    assert_int_equal(f->gone, 1);
    free(line);
}

static void a_reader_that_goes_is_told_once_and_nothing_grows(void **state)
{
    struct fixture *f = *state;
    close_end(f, 0);
    say(f, "line\n", 0);
    kc_output_drain(f->output);
    assert_true(kc_output_is_gone(f->output));
    char *line = repeated("x", 100000);
    for (uint64_t i = 0; i < 100; i++) {
        say(f, line, i % 2);
        assert_in_range(kc_output_begin(f->output)->cap, 0, 1000000);
        kc_output_end(f->output);
        assert_true(kc_output_has_room(f->output, 0)); /* who writes is not held up */
    }
    kc_output_free(f->output);
    f->output = NULL;
    assert_int_equal(f->gone, 1);
    assert_int_equal(f->accepted, 0);
    free(line);
}

/* It has a block of its own in hand that does not fit into the pipe. */
static void wait_until_the_writer_is_stuck(struct fixture *f)
{
    int64_t deadline = kc_now_ms() + 10000;
    int bytes = 0;
    while (bytes < PIPE_BYTES && kc_now_ms() < deadline)
        assert_int_equal(ioctl(f->pipe[0], FIONREAD, &bytes), 0);
    assert_int_equal(bytes, PIPE_BYTES);
}

static void a_full_output_has_no_room_and_takes_lines_all_the_same(void **state)
{
    struct fixture *f = *state;
    char *line = repeated("x", 99999);
    line[99998] = '\n';
    say(f, line, 0);
    wait_until_the_writer_is_stuck(f);
    int lines = 0;
    while (kc_output_has_room(f->output, 0) && lines < 100) {
        say(f, line, 0);
        lines++;
    }
    assert_in_range(lines, 5, 20);
    say(f, "last\n", 0);
    assert_false(kc_output_has_room(f->output, 1));
    free(line);
}

/* --- answers --- */

static struct kc_outlet *open_line(struct fixture *f, uint64_t line)
{
    return kc_answers_open(f->answers, line, NULL);
}

static void assert_written(struct fixture *f, const char *wanted)
{
    char *all = all_written(f), *text = json(wanted);
    assert_string_equal(all, text);
    free(all);
    free(text);
}

#define END(line) "{'event':'end','line':" #line ",'inReplyTo':null}\n"

static void answers_keep_the_order_of_the_lines_in_whatever_order_they_come(void **state)
{
    struct fixture *f = *state;
    struct kc_outlet *one = open_line(f, 1), *two = open_line(f, 2), *three = open_line(f, 3);
    kc_outlet_end(three);
    kc_outlet_end(one);
    kc_outlet_end(two);
    kc_answers_wait(f->answers);
    assert_written(f, END(1) END(2) END(3));
}

static void what_is_said_of_a_line_stands_before_its_end_with_the_messages_id(void **state)
{
    struct fixture *f = *state;
    struct kc_error err = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    char *id = json("'m1'");
    struct kc_outlet *o =
        kc_answers_open(f->answers, 9, kc_json_read(reader, id, strlen("'m1'"), &err));
    kc_error_set(&err, KC_TIMEOUT, 7, "late");
    kc_outlet_error(o, &err, KC_NO_TEXT);
    kc_outlet_end(o);
    kc_answers_wait(f->answers);
    assert_written(f, "{'event':'error','line':9,'inReplyTo':'m1','error':{'name':"
                      "'TransientError','code':'timeout','message':'late','retriable':true}}\n"
                      "{'event':'end','line':9,'inReplyTo':'m1'}\n");
    kc_json_reader_free(reader);
    free(id);
}

static void an_error_counts_and_only_a_final_one_ends_the_run(void **state)
{
    struct fixture *f = *state;
    struct kc_error input = { 0 }, auth = { 0 };
    struct kc_outlet *o = open_line(f, 1);
    kc_error_set(&input, KC_INPUT, 0, "wrong");
    kc_error_set(&auth, KC_AUTH, 0, "refused");
    kc_outlet_error(o, &input, KC_NO_TEXT);
    assert_int_equal(f->final, 0);
    assert_int_equal(f->tally.exit_code, 65);
    kc_outlet_error(o, &auth, KC_NO_TEXT);
    assert_int_equal(f->final, 1);
    assert_int_equal(f->tally.exit_code, 77);
    assert_int_equal(f->tally.errors, 2);
    kc_outlet_end(o);
    kc_answers_wait(f->answers);
}

struct half {
    struct kc_outlet **outlets;
    size_t from, step;
};

#define LINES 2000

static void *end_half(void *arg)
{
    const struct half *h = arg;
    for (size_t i = h->from; i < LINES; i += h->step)
        kc_outlet_end(h->outlets[LINES - 1 - i]);
    return NULL;
}

static void *read_all(void *arg)
{
    struct fixture *f = arg;
    struct kc_buf *all = kc_new0(struct kc_buf);
    char *room;
    ssize_t n;
    kc_buf_init(all, KC_BUF_UNBOUNDED);
    while ((room = kc_buf_reserve(all, 4096)) && (n = read(f->pipe[0], room, 4096)) > 0)
        all->len += (size_t)n;
    return all;
}

static void lines_that_several_threads_end_stay_in_order(void **state)
{
    struct fixture *f = *state;
    struct kc_outlet *outlets[LINES];
    pthread_t threads[2], reader;
    struct half halves[2] = { { outlets, 0, 2 }, { outlets, 1, 2 } };
    for (size_t i = 0; i < LINES; i++)
        outlets[i] = open_line(f, i + 1);
    pthread_create(&reader, NULL, read_all, f);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, end_half, &halves[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    kc_answers_wait(f->answers);
    kc_output_free(f->output);
    f->output = NULL;
    close_end(f, 1);

    void *result;
    pthread_join(reader, &result);
    char *all = kc_buf_take(result), *at = all;
    for (size_t i = 1; i <= LINES; i++) {
        char wanted[80];
        snprintf(wanted, sizeof(wanted), "{\"event\":\"end\",\"line\":%zu,", i);
        assert_int_equal(strncmp(at, wanted, strlen(wanted)), 0);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(*at, '\0');
    free(all);
    free(result);
}

#define output_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        output_test(lines_are_written_in_their_order),
        output_test(a_line_is_accepted_when_it_was_written_and_in_order),
        output_test(what_cannot_be_written_is_not_accepted),
        output_test(a_reader_that_goes_is_told_once_and_nothing_grows),
        output_test(a_full_output_has_no_room_and_takes_lines_all_the_same),
        output_test(answers_keep_the_order_of_the_lines_in_whatever_order_they_come),
        output_test(what_is_said_of_a_line_stands_before_its_end_with_the_messages_id),
        output_test(an_error_counts_and_only_a_final_one_ends_the_run),
        output_test(lines_that_several_threads_end_stay_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
