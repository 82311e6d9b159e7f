// SPDX-License-Identifier: Apache-2.0
#include "platform/environment.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/cipher.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX            "ELASTICIO_"
#define OWN_PREFIX        "KAFKA_COMPONENT_"
#define MESSAGE_MAX_BYTES 134217728 /* what RabbitMQ itself takes at most */
#define NAME_MAX_BYTES    255       /* of a header in AMQP */
#define NUMBER_MAX        (INT64_C(1) << 53)
#define DAY_MS            86400000
#define PREFETCH_MAX      1000 /* as many messages may stand in memory */
#define TRIES_MAX         1000
#define RATE_MAX          1000000
#define SIZE_MAX_BYTES    (INT64_C(1) << 40)
#define PROTOCOL_UP_TO    INT32_MAX
#define VARIABLE_MAX      64 /* bytes of our longest name with its prefix */

#define AT(member)        offsetof(struct kc_environment, member)

struct text_row {
    const char *name;
    size_t at;
};

static const struct text_row always[] = {
    { "FLOW_ID", AT(flow_id) },           { "EXEC_ID", AT(exec_id) },
    { "STEP_ID", AT(step_id) },           { "CONTAINER_ID", AT(container_id) },
    { "WORKSPACE_ID", AT(workspace_id) }, { "USER_ID", AT(user_id) },
    { "COMP_ID", AT(comp_id) },           { "FUNCTION", AT(function) },
    { "API_URI", AT(api_uri) },           { "API_USERNAME", AT(api_username) },
    { "API_KEY", AT(api_key) },           { NULL, 0 },
};

static const struct text_row for_messages[] = {
    { "AMQP_URI", AT(amqp_uri) },
    { "LISTEN_MESSAGES_ON", AT(listen_messages_on) },
    { "PUBLISH_MESSAGES_TO", AT(publish_messages_to) },
    { "DATA_ROUTING_KEY", AT(data_routing_key) },
    { "ERROR_ROUTING_KEY", AT(error_routing_key) },
    { "REBOUND_ROUTING_KEY", AT(rebound_routing_key) },
    { "SNAPSHOT_ROUTING_KEY", AT(snapshot_routing_key) },
    { "MESSAGE_CRYPTO_IV", AT(crypto_iv) },
    { "MESSAGE_CRYPTO_PASSWORD", AT(crypto_password) },
    { NULL, 0 },
};

/* What lies outside the range is moved to its end: a step that runs is worth more than an order
 * that cannot be followed to the letter. */
struct number_row {
    const char *name;
    size_t at;
    bool is_wide; /* int64_t, not int */
    int64_t fallback, min, max;
};

#define INT(member)  AT(member), false
#define WIDE(member) AT(member), true

// clang-format off
static const struct number_row numbers[] = {
    { "REBOUND_INITIAL_EXPIRATION",    WIDE(rebound_initial_expiration_ms), 15000,    0, NUMBER_MAX },
    { "REBOUND_LIMIT",                 WIDE(rebound_limit),                 20,       0, NUMBER_MAX },
    { "RABBITMQ_PREFETCH_SAILOR",      INT(prefetch),                       1,        1, PREFETCH_MAX },
    { "API_REQUEST_RETRY_ATTEMPTS",    INT(api_retry_attempts),             3,        1, TRIES_MAX },
    { "API_REQUEST_RETRY_DELAY",       INT(api_retry_delay_ms),             100,      0, DAY_MS },
    { "DATA_RATE_LIMIT",               INT(data_rate_limit),                10,       1, RATE_MAX },
    { "ERROR_RATE_LIMIT",              INT(error_rate_limit),               2,        1, RATE_MAX },
    { "SNAPSHOT_RATE_LIMIT",           INT(snapshot_rate_limit),            2,        1, RATE_MAX },
    { "RATE_INTERVAL",                 INT(rate_interval_ms),               100,      1, DAY_MS },
    { "AMQP_PUBLISH_RETRY_DELAY",      INT(publish_retry_delay_ms),         100,      1, DAY_MS },
    { "AMQP_PUBLISH_RETRY_ATTEMPTS",   WIDE(publish_retry_attempts),        0,        1, NUMBER_MAX },
    { "AMQP_PUBLISH_MAX_RETRY_DELAY",  INT(publish_max_retry_delay_ms),     300000,   1, DAY_MS },
    { "OUTGOING_MESSAGE_SIZE_LIMIT",   WIDE(outgoing_size_limit),           10485760, 1, SIZE_MAX_BYTES },
    { "PROTOCOL_VERSION",              INT(protocol_version),               1,        1, PROTOCOL_UP_TO },
    { "OBJECT_STORAGE_SIZE_THRESHOLD", WIDE(storage_threshold),             1048576,  0, SIZE_MAX_BYTES },
    { "AMQP_RECONNECT_ATTEMPTS",       INT(reconnect_attempts),             3,        0, TRIES_MAX },
    { "AMQP_RECONNECT_TIMEOUT",        INT(reconnect_timeout_ms),           100,      0, DAY_MS },
};
// clang-format on

/* With our own prefix, as the platform knows nothing of them. */
static const struct number_row own_numbers[] = {
    { "BROKER_LOST_MS", WIDE(broker_lost_ms), 0, 0, NUMBER_MAX },
    { "QUEUE_LOST_MS", WIDE(queue_lost_ms), 300000, 1, NUMBER_MAX },
    { "MESSAGE_MAX_BYTES", WIDE(message_max_bytes), MESSAGE_MAX_BYTES, 1, MESSAGE_MAX_BYTES },
};

static const struct text_row booleans[] = {
    /* all false where nothing is said */
    { "STARTUP_REQUIRED", AT(startup_required) },
    { "HOOK_SHUTDOWN", AT(hook_shutdown) },
    { "AMQP_PERSISTENT_MESSAGES", AT(persistent_messages) },
    { "NO_SELF_PASSTRHOUGH", AT(no_self_passthrough) }, /* that is its name */
    { "NO_ERROR_REPLIES", AT(no_error_replies) },
    { "EMIT_LIGHTWEIGHT_MESSAGE", AT(emit_lightweight) },
    { NULL, 0 },
};

static const struct text_row texts[] = {
    /* NULL where nothing is said */
    { "COMPONENT_PATH", AT(component_path) },
    { "OBJECT_STORAGE_URI", AT(storage_uri) },
    { "OBJECT_STORAGE_TOKEN", AT(storage_token) },
    { NULL, 0 },
};

static void *place(struct kc_environment *env, size_t at)
{
    return (char *)env + at;
}

static const char *variable(const char *prefix, const char *name)
{
    char full[VARIABLE_MAX];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    return getenv(full);
}

/* NULL where it is unset or empty. */
static const char *text(const char *name)
{
    const char *value = variable(PREFIX, name);
    return value && *value ? value : NULL;
}

/* --- numbers and booleans, as JavaScript's parseInt() and the platform read them --- */

static int digit_of(char c, int base)
{
    int digit = c >= '0' && c <= '9'        ? c - '0'
                : isalpha((unsigned char)c) ? (c | 32) - 'a' + 10
                                            : 99;
    return digit < base ? digit : -1;
}

/* 0 where there is no digit. */
static int64_t leading_integer(const char *s)
{
    int64_t value = 0;
    int base = 10;
    while (isspace((unsigned char)*s))
        s++;
    bool is_negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (s[0] == '0' && (s[1] | 32) == 'x') {
        base = 16;
        s += 2;
    }
    for (; digit_of(*s, base) >= 0; s++)
        value = value > NUMBER_MAX / base ? NUMBER_MAX : value * base + digit_of(*s, base);
    return is_negative ? -value : value;
}

static int64_t number(const struct number_row *row, const char *prefix)
{
    const char *value = variable(prefix, row->name);
    int64_t n = value ? leading_integer(value) : 0;
    if (n == 0)
        return row->fallback;
    return n < row->min ? row->min : n > row->max ? row->max : n;
}

static bool is_true(const char *value)
{
    return value && *value && strcmp(value, "false") != 0;
}

static bool boolean(const char *name)
{
    return is_true(variable(PREFIX, name));
}

/* --- the headers that an operator adds --- */

static bool is_separator(char c)
{
    return !isascii((unsigned char)c) || !isalnum((unsigned char)c);
}

/* How many bytes at s are a number with its ending, as 1ST or 22nd; 0 when they are none. */
static size_t ordinal_length(const char *s)
{
    static const char *const endings[] = { "th", "st", "nd", "rd" };
    size_t digits = strspn(s, "0123456789");
    if (digits == 0 || !s[digits] || !s[digits + 1])
        return 0;
    int last = s[digits - 1] - '0';
    const char *ending = endings[last <= 3 ? last : 0];
    char a = s[digits], b = s[digits + 1], next = s[digits + 2];
    if ((a | 32) != ending[0] || (b | 32) != ending[1] ||
        !isupper((unsigned char)a) != !isupper((unsigned char)b))
        return 0;
    bool is_end =
        is_separator(next) || (isalpha((unsigned char)next) &&
                               !isupper((unsigned char)next) == !!isupper((unsigned char)a));
    return is_end ? digits + 2 : 0;
}

/* The first word at s: a run of digits, of capitals, or of small letters with one capital in
 * front. Of capitals that are followed by a small letter the last begins the next word. */
static size_t word_length(const char *s)
{
    size_t len = strspn(s, "0123456789");
    if (len)
        return ordinal_length(s) ? ordinal_length(s) : len;
    while (isupper((unsigned char)s[len]))
        len++;
    if (!islower((unsigned char)s[len]))
        return len;
    if (len > 1)
        return len - 1;
    while (islower((unsigned char)s[len]))
        len++;
    return len;
}

static char *camel_case(const char *s)
{
    char *out = kc_alloc0(strlen(s) + 1, 1);
    size_t len = 0;
    while (*s) {
        if (is_separator(*s)) {
            s++;
            continue;
        }
        size_t word = word_length(s);
        for (size_t i = 0; i < word; i++) {
            bool is_capital = i == 0 && len > 0;
            out[len + i] = (char)(is_capital ? toupper((unsigned char)s[i])
                                             : tolower((unsigned char)s[i]));
        }
        len += word;
        s += word;
    }
    return out;
}

/* Of two variables that give the same name the later counts. */
static void put_header(struct kc_environment *env, char *name, const char *value)
{
    for (size_t i = 0; i < env->extra_header_count; i++) {
        if (strcmp(env->extra_headers[i].name, name) == 0) {
            env->extra_headers[i].value = value;
            free(name);
            return;
        }
    }
    env->extra_headers = kc_realloc(env->extra_headers, env->extra_header_count + 1,
                                    sizeof(*env->extra_headers));
    env->extra_headers[env->extra_header_count++] = (struct kc_extra_header){ name, value };
}

static void add_header(struct kc_environment *env, const char *variable_name)
{
    const char *value = getenv(variable_name);
    size_t prefix = strlen(PREFIX);
    if (!value)
        return;
    char *name = camel_case(strncmp(variable_name, PREFIX, prefix) == 0 ? variable_name + prefix
                                                                        : variable_name);
    if (*name && strlen(name) <= NAME_MAX_BYTES) {
        put_header(env, name, value);
        return;
    }
    kc_log(KC_WARN, "setting_ignored", KC_S("setting", PREFIX "ADDITIONAL_VARS_FOR_HEADERS"),
           KC_S("variable", variable_name));
    free(name);
}

static void read_extra_headers(struct kc_environment *env)
{
    const char *at = text("ADDITIONAL_VARS_FOR_HEADERS");
    while (at) {
        const char *comma = strchr(at, ',');
        const char *end = comma ? comma : at + strlen(at);
        while (at < end && isspace((unsigned char)*at))
            at++;
        while (end > at && isspace((unsigned char)end[-1]))
            end--;
        char *name = kc_strndup(at, (size_t)(end - at));
        add_header(env, name);
        free(name);
        at = comma ? comma + 1 : NULL;
    }
}

/* --- all of it --- */

static bool read_mandatory(struct kc_environment *env, const struct text_row *row,
                           struct kc_error *err)
{
    for (; row->name; row++) {
        const char *value = text(row->name);
        if (!value) {
            kc_error_set(err, KC_CONFIG, 0, PREFIX "%s is missing", row->name);
            return false;
        }
        *(const char **)place(env, row->at) = value;
    }
    return true;
}

static bool check_iv(const struct kc_environment *env, struct kc_error *err)
{
    size_t len = kc_text(env->crypto_iv).len;
    if (len == KC_CIPHER_IV_SIZE)
        return true;
    kc_error_set(err, KC_CONFIG, 0, PREFIX "MESSAGE_CRYPTO_IV has %zu bytes, it must have %d",
                 len, KC_CIPHER_IV_SIZE);
    return false;
}

static enum kc_flow_type flow_type(void)
{
    const char *type = text("FLOW_TYPE");
    if (!type)
        type = getenv("FLOW_TYPE");
    struct kc_text t = kc_text(type);
    return kc_text_is(t, "ordinary") ? KC_FLOW_ORDINARY
           : kc_text_is(t, "debug")  ? KC_FLOW_SAMPLE
                                     : KC_FLOW_REALTIME;
}

static void read_optional(struct kc_environment *env)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        void *to = place(env, numbers[i].at);
        if (numbers[i].is_wide)
            *(int64_t *)to = number(&numbers[i], PREFIX);
        else
            *(int *)to = (int)number(&numbers[i], PREFIX);
    }
    for (size_t i = 0; i < sizeof(own_numbers) / sizeof(own_numbers[0]); i++)
        *(int64_t *)place(env, own_numbers[i].at) = number(&own_numbers[i], OWN_PREFIX);
    for (const struct text_row *row = booleans; row->name; row++)
        *(bool *)place(env, row->at) = boolean(row->name);
    for (const struct text_row *row = texts; row->name; row++)
        *(const char **)place(env, row->at) = text(row->name);
    if (is_true(variable(OWN_PREFIX, "PERSISTENT_MESSAGES")))
        env->persistent_messages = true;
    if (!env->component_path)
        env->component_path = "";
    env->input_is_error = kc_text_is(kc_text(text("INPUT_FORMAT")), "error");
    env->flow_type = flow_type();
    read_extra_headers(env);
}

bool kc_environment_read(struct kc_environment *env, struct kc_error *err)
{
    *env = (struct kc_environment){ 0 };
    if (!read_mandatory(env, always, err))
        return false;
    if (!boolean("HOOK_SHUTDOWN") &&
        (!read_mandatory(env, for_messages, err) || !check_iv(env, err)))
        return false;
    read_optional(env);
    return true;
}

void kc_environment_deinit(struct kc_environment *env)
{
    for (size_t i = 0; i < env->extra_header_count; i++)
        free(env->extra_headers[i].name);
    free(env->extra_headers);
    *env = (struct kc_environment){ 0 };
}
