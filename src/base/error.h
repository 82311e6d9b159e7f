// SPDX-License-Identifier: Apache-2.0
/* error.h - what went wrong, whose turn it is, and what they can do about it.
 *
 * An error is a value: no allocation, no globals, any thread. The code is stable and decides
 * the class, the HTTP status and whether a retry can help; the text reads "outer: inner:
 * cause". */
#ifndef KC_BASE_ERROR_H
#define KC_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define KC_MUST_CHECK        __attribute__((warn_unused_result))
#define KC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Who has to act. The class decides what a step does with the error. */
enum kc_class {
    KC_CLASS_NONE,
    KC_CLASS_CONFIG,    /* a wrong field: the step stops */
    KC_CLASS_INPUT,     /* a wrong message: it is answered, the next one is served */
    KC_CLASS_AUTH,      /* a refused sign-in: stops the step before its first success */
    KC_CLASS_TRANSIENT, /* may be tried again */
    KC_CLASS_PERMANENT, /* trying again will not help: the message is answered */
    KC_CLASS_INTERNAL,  /* a bug */
};

// clang-format off
/*    code               name                  class      HTTP  retry  what an operator reads */
#define KC_ERROR_CODES(X)                                                                                            \
    X(NONE,              "none",               NONE,      200, false, "no error")                                    \
    X(CONFIG,            "config",             CONFIG,    400, false, "the settings cannot work")                    \
    X(INPUT,             "input",              INPUT,     422, false, "this message cannot be handled")              \
    X(INPUT_TOO_LARGE,   "input_too_large",    INPUT,     413, false, "this message is larger than we take")         \
    X(BAD_REQUEST,       "bad_request",        INPUT,     400, false, "this is not a request that can be read")      \
    X(UNAUTHORIZED,      "unauthorized",       AUTH,      401, false, "the API token is missing or wrong")           \
    X(FOREIGN,           "foreign",            PERMANENT, 403, false, "requests of other sites are refused")         \
    X(NOT_FOUND,         "not_found",          INPUT,     404, false, "there is nothing of that name")               \
    X(METHOD,            "method_not_allowed", INPUT,     405, false, "this cannot be done with that method")        \
    X(CONFLICT,          "conflict",           PERMANENT, 409, false, "this does not fit what is there already")     \
    X(STREAM_GONE,       "stream_gone",        PERMANENT, 410, false, "this stream has ended")                       \
    X(MEDIA_TYPE,        "media_type",         INPUT,     415, false, "a body of this type or encoding is not taken")\
    X(TOO_MANY,          "too_many",           TRANSIENT, 429, true,  "there are too many of them at once")          \
    X(AUTH,              "auth",               AUTH,      403, false, "the broker refused the sign-in")              \
    X(FORBIDDEN,         "forbidden",          PERMANENT, 403, false, "this account may not do that")                \
    X(TOPIC_MISSING,     "topic_missing",      PERMANENT, 404, false, "there is no such topic")                      \
    X(PARTITION_MISSING, "partition_missing",  PERMANENT, 404, false, "the topic has no such partition")             \
    X(RECORD_TOO_LARGE,  "record_too_large",   PERMANENT, 413, false, "the topic takes no record of this size")      \
    X(REJECTED,          "rejected",           PERMANENT, 422, false, "the broker rejected the record")              \
    X(OFFSET_GONE,       "offset_gone",        PERMANENT, 410, false, "records were deleted before they were read")  \
    X(BAD_CURSOR,        "bad_cursor",         INPUT,     400, false, "this cursor cannot be used")                  \
    X(GROUP_ACTIVE,      "group_active",       PERMANENT, 409, false, "the group has active members")                \
    X(REFUSED,           "refused",            TRANSIENT, 503, true,  "the receiver refused the message")            \
    X(ADDRESS_REFUSED,   "address_refused",    PERMANENT, 403, false, "calls to this address are not allowed")       \
    X(UNTRUSTED,         "untrusted",          AUTH,      502, false, "their certificate was not accepted")          \
    X(UNAVAILABLE,       "unavailable",        TRANSIENT, 503, true,  "no broker can be reached")                    \
    X(UNREACHABLE,       "unreachable",        TRANSIENT, 502, true,  "the address cannot be reached")               \
    X(BAD_ANSWER,        "bad_answer",         TRANSIENT, 502, true,  "the answer was not one that can be used")     \
    X(TIMEOUT,           "timeout",            TRANSIENT, 504, true,  "there was no answer in time")                 \
    X(BUSY,              "busy",               TRANSIENT, 503, true,  "there is too much to do already")             \
    X(STORAGE,           "storage",            TRANSIENT, 503, true,  "the state could not be stored")               \
    X(STOPPED,           "stopped",            TRANSIENT, 503, true,  "we were stopped before this was done")        \
    X(INTERNAL,          "internal",           INTERNAL,  500, false, "this is a bug in kafka-component")
// clang-format on

enum kc_code {
#define X(code, ...) KC_##code,
    KC_ERROR_CODES(X)
#undef X
};

#define KC_ERROR_TEXT_SIZE 1024

struct kc_error {
    enum kc_code code;
    int native;                    /* librdkafka's number, curl's or errno; 0 when ours */
    char text[KC_ERROR_TEXT_SIZE]; /* "outer: inner: cause" */
};

/* Records the first cause; a later one is ignored until kc_error_clear(). */
void kc_error_set(struct kc_error *err, enum kc_code code, int native, const char *fmt, ...)
    KC_PRINTF(4, 5);

/* Puts context in front; when space runs out it is the context that is cut. */
void kc_error_wrap(struct kc_error *err, const char *fmt, ...) KC_PRINTF(2, 3);

void kc_error_clear(struct kc_error *err);

const char *kc_code_name(enum kc_code code);     /* "topic_missing" */
const char *kc_code_sentence(enum kc_code code); /* "there is no such topic" */
enum kc_class kc_code_class(enum kc_code code);
const char *kc_class_name(enum kc_class c); /* "PermanentError" */
int kc_code_http(enum kc_code code);
bool kc_code_retriable(enum kc_code code);

/* The exit code of a run whose worst error has this class; of several the highest wins. */
int kc_class_exit(enum kc_class c);

#endif
