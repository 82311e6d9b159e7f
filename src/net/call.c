// SPDX-License-Identifier: Apache-2.0
/* call.c - kc_http_call(): a request that somebody waits for. */
#include "base/sync.h"
#include "net/http.h"

#define WAIT_MS 1000 /* looked at again even if nobody woke us */

struct call {
    struct kc_http_answer *answer;
    struct kc_buf *memory;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool is_over; /* needs lock */
};

static void end_call(void *arg, const struct kc_http_answer *answer)
{
    struct call *c = arg;
    *c->answer = *answer;
    c->answer->body = KC_NO_TEXT;
    kc_buf_clear(c->memory);
    if (answer->body.p && kc_buf_text(c->memory, answer->body))
        c->answer->body = kc_buf_peek(c->memory);
    else if (answer->body.p)
        kc_error_set(&c->answer->error, KC_BAD_ANSWER, 0, "there is no room for the answer");
    pthread_mutex_lock(&c->lock);
    c->is_over = true;
    pthread_cond_signal(&c->answered);
    pthread_mutex_unlock(&c->lock);
}

bool kc_http_call(struct kc_http *h, const struct kc_http_request *request,
                  struct kc_http_answer *answer, struct kc_buf *memory, struct kc_error *err)
{
    struct call c = { .answer = answer, .memory = memory };
    struct kc_http_request waited_for = *request;
    waited_for.done = end_call;
    waited_for.arg = &c;
    *answer = (struct kc_http_answer){ .retry_after_ms = -1 };
    pthread_mutex_init(&c.lock, NULL);
    kc_cond_init(&c.answered);

    bool is_sent = kc_http_send(h, &waited_for, err);
    pthread_mutex_lock(&c.lock);
    while (is_sent && !c.is_over)
        kc_cond_wait(&c.answered, &c.lock, WAIT_MS);
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.answered);
    pthread_mutex_destroy(&c.lock);
    if (is_sent && answer->error.code == KC_NONE)
        return true;
    if (is_sent)
        kc_error_set(err, answer->error.code, answer->error.native, "%s", answer->error.text);
    else
        answer->error = *err;
    return false;
}
