// SPDX-License-Identifier: Apache-2.0
#include "transport/http/subscriptions_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "runtime/json.h"

#include <stdlib.h>
#include <string.h>

static void put_time(struct kc_json_writer *w, struct kc_text key, int64_t wall_ms,
                     char text[KC_ISO_SIZE])
{
    if (wall_ms == 0) {
        kc_json_null(w, key);
        return;
    }
    kc_iso_format(wall_ms, text);
    kc_json_text(w, key, kc_text(text));
}

static void put_counts(struct kc_json_writer *w, const struct kc_delivery_status *d)
{
    kc_json_object(w, KC_LIT("counts"));
    kc_json_int(w, KC_LIT("records"), (int64_t)d->records);
    kc_json_int(w, KC_LIT("messages"), (int64_t)d->messages);
    kc_json_int(w, KC_LIT("attempts"), (int64_t)d->attempts);
    kc_json_int(w, KC_LIT("failures"), (int64_t)d->failures);
    kc_json_int(w, KC_LIT("waiting"), (int64_t)d->waiting);
    kc_json_end(w);
}

static void put_error(struct kc_json_writer *w, const struct kc_delivery_status *d,
                      char text[KC_ISO_SIZE])
{
    if (d->last_error.code == KC_NONE) {
        kc_json_null(w, KC_LIT("lastError"));
        return;
    }
    kc_json_object(w, KC_LIT("lastError"));
    kc_json_text(w, KC_LIT("code"), kc_text(kc_code_name(d->last_error.code)));
    kc_json_text(w, KC_LIT("message"), kc_text(d->last_error.text));
    if (d->last_error_status)
        kc_json_int(w, KC_LIT("status"), d->last_error_status);
    put_time(w, KC_LIT("at"), d->failed_at_ms, text);
    kc_json_end(w);
}

/* A query may hold a token. */
static struct kc_text without_query(const char *url, struct kc_buf *text)
{
    const char *query = strpbrk(url, "?#");
    if (!query)
        return kc_text(url);
    (void)kc_buf_append(text, url, (size_t)(query - url));
    (void)kc_buf_puts(text, "?***");
    return kc_buf_peek(text);
}

void kc_subscription_show(const struct kc_held *h, struct kc_buf *out)
{
    const struct kc_spec *spec = kc_subscription_spec(h->subscription);
    struct kc_subscription_status *st = kc_new0(struct kc_subscription_status);
    struct kc_json_writer *w = kc_json_writer_new();
    char delivered[KC_ISO_SIZE], failed[KC_ISO_SIZE];
    struct kc_buf config, url;
    kc_buf_init(&config, KC_BUF_UNBOUNDED);
    kc_buf_init(&url, KC_BUF_UNBOUNDED);
    kc_doc_print(spec->config, &config);
    kc_subscription_status(h->subscription, st);

    kc_json_begin(w);
    kc_json_text(w, KC_LIT("id"), kc_text(spec->id));
    kc_json_text(w, KC_LIT("state"), kc_text(st->state));
    if (st->delivery.is_paused)
        kc_json_text(w, KC_LIT("reason"), kc_text(st->delivery.reason));
    kc_json_text(w, KC_LIT("callbackUrl"), without_query(spec->callback_url, &url));
    kc_json_text(w, KC_LIT("format"), kc_text(kc_spec_format_name(spec)));
    kc_json_int(w, KC_LIT("timeoutMs"), spec->timeout_ms);
    kc_json_raw(w, KC_LIT("config"), kc_buf_peek(&config));
    kc_json_bool(w, KC_LIT("hasSecret"), spec->secret != NULL);
    kc_json_bool(w, KC_LIT("hasCredentials"), spec->credentials != NULL);
    kc_json_text(w, KC_LIT("source"), h->is_from_file ? KC_LIT("file") : KC_LIT("request"));
    if (st->lag >= 0)
        kc_json_int(w, KC_LIT("lag"), st->lag);
    else
        kc_json_null(w, KC_LIT("lag"));
    put_counts(w, &st->delivery);
    put_time(w, KC_LIT("lastDelivery"), st->delivery.accepted_at_ms, delivered);
    put_error(w, &st->delivery, failed);
    if (st->delivery.retry_in_ms >= 0)
        kc_json_int(w, KC_LIT("retryInMs"), st->delivery.retry_in_ms);
    if (!kc_json_finish(w, out))
        abort(); /* all of it came out of JSON or was mended */
    kc_json_writer_free(w);
    kc_buf_deinit(&config);
    kc_buf_deinit(&url);
    free(st);
}
