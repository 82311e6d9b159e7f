// SPDX-License-Identifier: Apache-2.0
/* fetched.c - the headers of a record that was read. */
#include "kafka/consumer.h"

#include <librdkafka/rdkafka.h>

bool kc_fetched_header(const struct kc_fetched *r, size_t i, struct kc_header *out)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;
    if (rd_kafka_message_headers(r->native, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_all(headers, i, &name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    out->name = kc_text(name);
    out->value = (struct kc_text){ value, len };
    return true;
}
