// SPDX-License-Identifier: Apache-2.0
#include "kafka/trial.h"

#include "kafka/consumer.h"
#include "kafka/writer.h"

/* Nobody is reached, so nothing comes of it. */
static void no_report(struct kc_record *record)
{
    (void)record;
}

static void no_round(void *arg)
{
    (void)arg;
}

static void no_trouble(void *arg, const struct kc_error *err, bool is_final)
{
    (void)arg, (void)err, (void)is_final;
}

static bool try_producer(const struct kc_credentials *c, struct kc_error *err)
{
    const struct kc_writer_conf conf = {
        .credentials = c, .timeout_ms = 30000, .reported = no_report, .rounded = no_round
    };
    struct kc_writer *w;
    if (!kc_writer_open(&w, &conf, err))
        return false;
    kc_writer_close(w);
    return true;
}

static bool try_consumer(const struct kc_credentials *c, struct kc_error *err)
{
    static const struct kc_consumer_listener listener = { .trouble = no_trouble };
    const struct kc_consumer_conf conf = { .credentials = c,
                                           .topic = "trial",
                                           .group_id = "trial",
                                           .isolation = "read_committed",
                                           .session_timeout_ms = 10000,
                                           .listener = &listener };
    struct kc_consumer *consumer;
    if (!kc_consumer_open(&consumer, &conf, err))
        return false;
    kc_consumer_close(consumer);
    return true;
}

bool kc_trial(const struct kc_credentials *c, struct kc_faults *faults)
{
    struct kc_error err = { 0 };
    struct kc_credentials nobody = *c; /* a loan */
    if (!c->properties)
        return true;
    nobody.brokers = NULL;
    nobody.mechanism = KC_NO_SIGN_IN;
    nobody.security = kc_credentials_has_tls(c) ? KC_SSL : KC_PLAINTEXT;
    nobody.kerberos_keytab = NULL;
    if (try_producer(&nobody, &err) && try_consumer(&nobody, &err))
        return true;
    kc_faults_add(faults, "/properties", "%s", err.text);
    return false;
}
