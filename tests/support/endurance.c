// SPDX-License-Identifier: Apache-2.0
#include "endurance.h"

#include "fail.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS   30000
#define STALL_MS  5000  /* without progress: a step of Node.js hangs, and is started again */
#define STUCK_MS  60000 /* still without: the test fails */
#define LOOK_MS   1000  /* between two looks at the steps of Node.js */
#define LINE_SIZE 65536

enum {
    SOURCE,
    OURS,
    SINK
};
static const char *const names[] = { "source", "ours", "sink" };

/* --- The steps --- */

void endurance_declare(struct mq *mq, struct mq_step *step)
{
    mq_step_declare(mq, step);
    mq_step_limit_data(mq, step,
                       MQ_TABLE(mq_i32("x-max-length", ENDURANCE_QUEUE),
                                mq_text("x-overflow", "reject-publish")));
}

static const char *const *env_of(struct endurance *e, int which)
{
    static const struct {
        const char *function, *id;
    } node[] = { [SOURCE] = { "echo", "step_1" }, [SINK] = { "sink", "step_3" } };
    char listen[80], function[64], id[64], sink[80];
    bool is_ours = which == OURS;
    const struct mq_step *queues = which == SOURCE ? e->source : e->ours;
    snprintf(listen, sizeof(listen), "ELASTICIO_LISTEN_MESSAGES_ON=%s",
             which == SINK ? e->ours->data : queues->input);
    snprintf(function, sizeof(function), "ELASTICIO_FUNCTION=%s",
             is_ours ? e->function : node[which].function);
    snprintf(id, sizeof(id), "ELASTICIO_STEP_ID=%s", is_ours ? e->step_id : node[which].id);
    snprintf(sink, sizeof(sink), "KC_SINK=%s", e->sink_path);
    return platform_env(e->platform, rabbit, queues,
                        ARGS(listen, function, id, sink, "ELASTICIO_PROTOCOL_VERSION=2",
                             "ELASTICIO_RABBITMQ_PREFETCH_SAILOR=100",
                             "ELASTICIO_AMQP_PERSISTENT_MESSAGES=true",
                             "ELASTICIO_DATA_RATE_LIMIT=1000000",
                             is_ours ? "LOG_LEVEL=info" : "LOG_LEVEL=warn"));
}

static char *quoted_file(const char *path)
{
    char *text = read_text_file(path);
    json_t *string = json_string(text);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    json_decref(string);
    free(text);
    return quoted;
}

void endurance_describe(struct endurance *e, const struct kafka_server *kafka,
                        const char *topic, const char *members)
{
    char *ca = quoted_file(kafka->certs.ca), *text = NULL;
    assert_true(asprintf(&text,
                         "{'config':{'brokers':'%s','securityProtocol':'SASL_SSL',"
                         "'mechanism':'scram-sha-512','username':'" KAFKA_USER "',"
                         "'password':'" KAFKA_PASSWORD "','caCertificate':%s,"
                         "'topic':'%s'%s},'is_passthrough':true}",
                         kafka->sasl_ssl, ca, topic, members) > 0);
    platform_set_step(e->platform, NULL, text);
    free(text);
    free(ca);
}

static const char *queue_of(const struct endurance *e, int which)
{
    return which == SOURCE ? e->source->input : which == OURS ? e->ours->input : e->ours->data;
}

static bool has(const struct endurance *e, int which)
{
    return which != SOURCE || e->source;
}

static void tick(struct endurance *e)
{
    struct mq *mq = mq_connect(rabbit->uri);
    platform_send(mq, e->ours, "{'body':{}}", 1, MQ_TABLE(mq_text("messageId", "tick")));
    mq_close(mq);
}

static void start(struct endurance *e, int which)
{
    e->steps[which] = step_start(which == OURS ? STEP_OURS : STEP_NODE, env_of(e, which));
    if (which == OURS)
        e->starts++;
    else
        e->node_starts++;
}

static void await_consumer(struct endurance *e, int which)
{
    int64_t deadline = now_ms() + WAIT_MS;
    while (rabbit_queue(rabbit, queue_of(e, which)).consumers == 0) {
        if (now_ms() > deadline)
            fail_test("%s: no %s consumes:\n%.3000s", e->name, names[which],
                      step_log(e->steps[which]));
        usleep(20000);
    }
}

/* Of Node.js only warnings are logged: a line for each message costs it a sixth of its time. */
static void await_ready(struct endurance *e, int which)
{
    if (which == OURS)
        step_wait_ready(e->steps[which], WAIT_MS);
    else
        await_consumer(e, which);
    if (which == OURS && e->wants_ticks)
        tick(e);
}

/* Its largest size until now; 0 when it is gone. */
static long peak_kb(const struct step *s)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(s->process));
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

static void look_at_size(struct endurance *e)
{
    long kb = peak_kb(e->steps[OURS]);
    e->rss_kb = kb > e->rss_kb ? kb : e->rss_kb;
}

static struct process_end end(struct endurance *e, int which, int signal)
{
    struct step *s = e->steps[which];
    if (which == OURS)
        look_at_size(e);
    process_signal(s->process, signal);
    struct process_end how = step_wait(s, WAIT_MS);
    if (which == OURS)
        e->cpu_s += how.cpu_s;
    e->steps[which] = NULL;
    step_free(s);
    return how;
}

static void replace_node(struct endurance *e, int which)
{
    (void)end(e, which, SIGKILL);
    start(e, which);
    await_ready(e, which);
}

static void replace_both_of_node(struct endurance *e)
{
    for (int i = SOURCE; i <= SINK; i++) {
        if (i == OURS || !has(e, i))
            continue;
        (void)end(e, i, SIGKILL);
        start(e, i);
    }
    for (int i = SOURCE; i <= SINK; i++)
        if (i != OURS && has(e, i))
            await_ready(e, i);
}

/* --- What happens --- */

static void kill_us(struct endurance *e)
{
    e->kills++;
    (void)end(e, OURS, SIGKILL);
    start(e, OURS);
    await_ready(e, OURS);
}

static void restart_rabbit(struct endurance *e)
{
    rabbit_stop(rabbit);
    rabbit_restart(rabbit);
    e->restarts++;
    replace_both_of_node(e);
}

static void kill_rabbit(struct endurance *e)
{
    rabbit_kill(rabbit);
    rabbit_restart(rabbit);
    e->restarts++;
    replace_both_of_node(e);
}

static void close_connections(struct endurance *e)
{
    rabbit_close_connections(rabbit, NULL);
    e->closings++;
}

static void break_connections(struct endurance *e)
{
    rabbit_break_connections(rabbit, NULL);
    e->closings++;
}

/* Until we were refused; while it is full, something else may happen. */
static void fill(struct endurance *e)
{
    process_signal(e->steps[SINK]->process, SIGSTOP);
    int64_t deadline = now_ms() + WAIT_MS;
    while (rabbit_queue(rabbit, e->ours->data).ready < ENDURANCE_QUEUE) {
        if (now_ms() > deadline)
            fail_test("queue %s does not get full", e->ours->data);
        usleep(10000);
    }
    step_expect_log(e->steps[OURS], "publish_refused", WAIT_MS);
    e->fillings++;
}

static void drain(struct endurance *e)
{
    process_signal(e->steps[SINK]->process, SIGCONT);
}

static void fill_queue(struct endurance *e)
{
    fill(e);
    drain(e);
}

static void kill_us_while_it_is_full(struct endurance *e)
{
    fill(e);
    kill_us(e);
    drain(e);
}

static void close_connections_while_it_is_full(struct endurance *e)
{
    fill(e);
    close_connections(e);
    await_consumer(e, OURS);
    drain(e);
}

/* By thousandths of the messages. */
static const struct {
    int at;
    const char *what;
    void (*happens)(struct endurance *e);
} faults[] = {
    { 50, "kill -9", kill_us },
    { 100, "connections closed", close_connections },
    { 140, "kill -9", kill_us },
    { 190, "queue full", fill_queue },
    { 230, "kill -9", kill_us },
    { 280, "RabbitMQ restarted", restart_rabbit },
    { 320, "kill -9", kill_us },
    { 360, "connections broken", break_connections },
    { 410, "kill -9", kill_us },
    { 460, "kill -9, queue full", kill_us_while_it_is_full },
    { 500, "kill -9", kill_us },
    { 540, "connections closed, queue full", close_connections_while_it_is_full },
    { 590, "kill -9", kill_us },
    { 640, "RabbitMQ killed", kill_rabbit },
    { 680, "kill -9", kill_us },
    { 720, "connections broken", break_connections },
    { 770, "kill -9", kill_us },
};
#define FAULTS (sizeof(faults) / sizeof(*faults))

static void let_happen(struct endurance *e)
{
    if (e->next_fault == FAULTS ||
        e->tally.different * 1000 < faults[e->next_fault].at * e->tally.count)
        return;
    int64_t began = now_ms();
    const char *what = faults[e->next_fault].what;
    faults[e->next_fault++].happens(e);
    print_message("%6.1f s  %6lld  %s, %lld ms; %lld came twice\n",
                  (double)(began - e->began_ms) / 1000, (long long)e->tally.different, what,
                  (long long)(now_ms() - began), (long long)e->tally.again);
    e->progress_ms = now_ms();
}

/* --- What arrives --- */

static void count_line(struct endurance *e, const char *line)
{
    json_t *message = json_loads(line, 0, NULL);
    assert_non_null(message);
    tally_add(&e->tally, strtoll(event_str(message, e->path), NULL, 10));
    json_decref(message);
    e->progress_ms = now_ms();
}

/* Reads on where it stopped; a line may be there in part. */
static bool read_some(struct endurance *e)
{
    ssize_t n = read(e->sink_fd, e->line + e->line_len, e->line_size - e->line_len);
    assert_true(n >= 0);
    e->line_len += (size_t)n;
    char *at = e->line, *newline;
    while ((newline = memchr(at, '\n', e->line_len - (size_t)(at - e->line)))) {
        *newline = '\0';
        count_line(e, at);
        at = newline + 1;
    }
    e->line_len -= (size_t)(at - e->line);
    memmove(e->line, at, e->line_len);
    assert_true(e->line_len < e->line_size);
    return n > 0;
}

/* A step of Node.js that ended, or lost its consumer without ending. */
static void look_after_node(struct endurance *e)
{
    if (now_ms() - e->looked_ms < LOOK_MS)
        return;
    for (int i = SOURCE; i <= SINK; i++) {
        if (i == OURS || !has(e, i))
            continue;
        if (!process_is_running(e->steps[i]->process) ||
            rabbit_queue(rabbit, queue_of(e, i)).consumers == 0)
            replace_node(e, i);
    }
    e->looked_ms = now_ms();
}

static void say_where_it_is(struct endurance *e)
{
    for (int i = SOURCE; i <= SINK; i++) {
        if (!has(e, i))
            continue;
        struct rabbit_queue q = rabbit_queue(rabbit, queue_of(e, i));
        print_message("%s: %d ready, %d unacked, %d consumers\n", names[i], q.ready, q.unacked,
                      q.consumers);
    }
}

static _Noreturn void fail_stuck(struct endurance *e)
{
    say_where_it_is(e);
    const char *log = step_log(e->steps[OURS]);
    size_t len = strlen(log);
    int shown = 0;
    for (int64_t n = 0; n < e->tally.count && shown < 20; n++)
        if (!e->tally.seen[n] && ++shown)
            print_message("%lld is missing\n", (long long)n);
    fail_test("%s: %lld of %lld arrived, and no more; our log ends\n%s", e->name,
              (long long)e->tally.different, (long long)e->tally.count,
              log + (len > 3000 ? len - 3000 : 0));
}

/* One that gets two messages of one id side by side, which is what happens when ours publishes
 * again what was not confirmed, answers the later one alone; and one that reconnected may keep
 * some too. When its prefetch is full of them it hangs. They come again once it is gone. It is
 * not to blame for what stands in our queue, nor while it has nothing to do. */
static bool hangs(struct endurance *e, int which)
{
    if (which == OURS || !has(e, which) ||
        rabbit_queue(rabbit, queue_of(e, which)).unacked == 0)
        return false;
    struct rabbit_queue ours = rabbit_queue(rabbit, queue_of(e, OURS));
    return which == SINK || ours.ready + ours.unacked == 0;
}

static void look_at_progress(struct endurance *e)
{
    int64_t still_ms = now_ms() - e->progress_ms;
    if (still_ms > STUCK_MS)
        fail_stuck(e);
    if (still_ms < STALL_MS || now_ms() - e->replaced_ms < STALL_MS)
        return;
    for (int i = SOURCE; i <= SINK; i++) {
        if (!hangs(e, i))
            continue;
        say_where_it_is(e);
        print_message("the %s hangs, and is started again\n", names[i]);
        replace_node(e, i);
        e->replaced_ms = now_ms();
    }
}

static void turn(struct endurance *e)
{
    if (!process_is_running(e->steps[OURS]->process))
        step_wait_ready(e->steps[OURS], 0); /* fails, and shows its log */
    look_after_node(e);
    look_at_progress(e);
    if (!read_some(e))
        usleep(10000);
}

/* --- From beginning to end --- */

static void begin(struct endurance *e)
{
    snprintf(e->sink_path, sizeof(e->sink_path), "/tmp/kc-sink-XXXXXX");
    e->sink_fd = mkostemp(e->sink_path, O_CLOEXEC);
    assert_true(e->sink_fd >= 0);
    e->line_size = LINE_SIZE;
    e->line = malloc(e->line_size);
    assert_non_null(e->line);
    tally_init(&e->tally, ENDURANCE_MESSAGES);
    for (int i = SOURCE; i <= SINK; i++)
        if (has(e, i))
            start(e, i);
    for (int i = SOURCE; i <= SINK; i++)
        if (has(e, i))
            await_ready(e, i);
}

static bool is_empty(struct endurance *e)
{
    for (int i = SOURCE; i <= SINK; i++) {
        if (!has(e, i))
            continue;
        struct rabbit_queue q = rabbit_queue(rabbit, queue_of(e, i));
        if (q.ready + q.unacked > 0)
            return false;
    }
    return true;
}

/* What came twice is behind what came once. */
static void finish(struct endurance *e)
{
    e->progress_ms = now_ms();
    while (!is_empty(e))
        turn(e);
    struct process_end how = end(e, OURS, SIGTERM);
    assert_int_equal(how.exit_code, 0);
    while (read_some(e))
        continue;
    assert_int_equal(rabbit_queue(rabbit, e->ours->error).ready, 0);
    assert_int_equal(rabbit_queue(rabbit, e->ours->rejected).ready, 0);
    close(e->sink_fd);
    unlink(e->sink_path);
    free(e->line);
}

void endurance_run(struct endurance *e, void (*feed)(struct endurance *e))
{
    e->began_ms = now_ms();
    begin(e);
    if (feed)
        feed(e);
    e->progress_ms = e->looked_ms = now_ms();
    while (e->tally.different < e->tally.count) {
        turn(e);
        let_happen(e);
    }
    e->seconds = (double)(now_ms() - e->began_ms) / 1000;
    finish(e);
}

void endurance_report(const struct endurance *e)
{
    int64_t lost = e->tally.count - e->tally.different;
    print_message("%s: %lld messages, %lld lost, %lld came twice; %d kills, %d "
                  "starts, RabbitMQ restarted %d times, connections ended %d times, queue full "
                  "%d times, %d starts of Node.js; %.0f s, %ld kB at most, %.0f us of CPU a "
                  "message\n",
                  e->name, (long long)e->tally.count, (long long)lost,
                  (long long)e->tally.again, e->kills, e->starts, e->restarts, e->closings,
                  e->fillings, e->node_starts, e->seconds, e->rss_kb,
                  e->cpu_s * 1e6 / (double)e->tally.count);
    assert_int_equal(lost, 0);
    assert_int_equal(e->kills, 10);
    assert_int_equal(e->starts, 11);
    assert_int_equal(e->restarts, 2);
    assert_in_range(e->rss_kb, 1, ENDURANCE_RSS_MAX_KB);
}
