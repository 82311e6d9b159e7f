// SPDX-License-Identifier: Apache-2.0
/* record.h - Kafka's records, on their way in and out. */
#ifndef KC_KAFKA_RECORD_H
#define KC_KAFKA_RECORD_H

#include "base/text.h"

struct kc_header {
    struct kc_text name;
    struct kc_text value; /* p == NULL: a null value */
};

struct kc_headers {
    size_t count;
    struct kc_header list[];
};

#define KC_ANY_PARTITION (-1) /* the key decides, or chance where there is none */
#define KC_NO_OFFSET     (-1)
#define KC_NO_TIME       (-1)

enum kc_stored {
    KC_NOT_STORED,
    KC_MAYBE_STORED,
    KC_STORED
};

struct kc_batch;

/* A record to be written, and what became of it. All that it points to belongs to its batch. */
struct kc_record {
    struct kc_batch *batch;
    const char *topic;                /* NULL: the batch's */
    const char *key;                  /* NULL: none */
    const char *value;                /* NULL: a tombstone */
    const struct kc_headers *headers; /* NULL: none */
    uint32_t key_len, value_len;
    int64_t timestamp; /* ms; 0: now. Afterwards the broker's, where it stamps on append */
    int64_t offset;    /* afterwards; KC_NO_OFFSET when unknown */
    int32_t partition; /* afterwards the one that was written */
    int16_t error;     /* afterwards: librdkafka's code, 0 when stored */
    uint8_t stored;    /* afterwards: enum kc_stored */
    bool is_again;     /* chosen to be sent once more */
    bool was_alone;    /* it was sent in a request of its own */
    bool was_asked;    /* the brokers were asked about its topic after a refusal */
};

/* A record that was read: a loan until the consumer's next take. */
struct kc_fetched {
    const char *topic;
    struct kc_text key;   /* p == NULL: none */
    struct kc_text value; /* p == NULL: a tombstone */
    int64_t offset;
    int64_t timestamp; /* ms, or KC_NO_TIME */
    bool is_append_time;
    int32_t partition;
    uint32_t slot;      /* of its partition among the assigned ones */
    uint64_t again_tag; /* it was refused and comes again under this tag; 0: the first time */
    int64_t again_last; /* the last offset of the message that it was refused with */
    void *native;       /* the consumer's */
};

#endif
