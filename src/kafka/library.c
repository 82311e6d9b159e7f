// SPDX-License-Identifier: Apache-2.0
#include "kafka/library.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

const char *kc_kafka_library(void)
{
    static char text[512];
    char features[400] = "";
    size_t size = sizeof(features);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_get(conf, "builtin.features", features, &size);
    rd_kafka_conf_destroy(conf);
    snprintf(text, sizeof(text), "librdkafka %s (%s)", rd_kafka_version_str(), features);
    return text;
}
