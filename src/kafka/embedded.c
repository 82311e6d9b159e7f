// SPDX-License-Identifier: Apache-2.0
#include "kafka/embedded.h"

#include "base/alloc.h"
#include "kafka/client.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

struct kc_embedded {
    rd_kafka_t
        *rk; /* librdkafka wants a client to hang the cluster on; it is used for nothing else */
    rd_kafka_mock_cluster_t *cluster;
};

bool kc_embedded_open(struct kc_embedded **out, struct kc_error *err)
{
    char why[512];
    struct kc_embedded *e = kc_new0(struct kc_embedded);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    e->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!e->rk) {
        rd_kafka_conf_destroy(conf);
        kc_error_set(err, KC_UNAVAILABLE, 0, "start the embedded broker: %s", why);
        goto fail;
    }
    e->cluster = rd_kafka_mock_cluster_new(e->rk, 1);
    if (!e->cluster) {
        kc_error_set(err, KC_UNAVAILABLE, 0, "start the embedded broker: no loopback port");
        goto fail;
    }
    rd_kafka_mock_group_initial_rebalance_delay_ms(e->cluster, 0);
    *out = e;
    return true;
fail:
    kc_embedded_close(e);
    return false;
}

bool kc_embedded_topic(struct kc_embedded *e, const char *topic, int partitions,
                       struct kc_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(e->cluster, topic, partitions, 1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return true;
    kc_kafka_error(err, code, "make topic '%s' on the embedded broker", topic);
    return false;
}

const char *kc_embedded_brokers(const struct kc_embedded *e)
{
    return rd_kafka_mock_cluster_bootstraps(e->cluster);
}

void kc_embedded_close(struct kc_embedded *e)
{
    if (!e)
        return;
    if (e->cluster)
        rd_kafka_mock_cluster_destroy(e->cluster);
    if (e->rk)
        rd_kafka_destroy(e->rk);
    free(e);
}
