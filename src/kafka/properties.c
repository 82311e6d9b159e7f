// SPDX-License-Identifier: Apache-2.0
#include "kafka/properties.h"

#include "base/log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX  100
#define NAME_SIZE  80
#define VALUE_SIZE 1024

#define ALGORITHM  "ssl.endpoint.identification.algorithm"

enum role {
    BOTH,
    PRODUCER,
    CONSUMER
};

/* What may be set: nothing here loads code, runs a command, touches a file, signs in, or makes
 * a promise of ours untrue. */
static const struct allowed {
    const char *name;
    enum role role;
    const char *java; /* the same thing in Java's words; NULL where the name is the same */
} allowed[] = {
    { "api.version.request.timeout.ms", BOTH, NULL },
    { "broker.address.family", BOTH, NULL },
    { "broker.address.ttl", BOTH, NULL },
    { "client.dns.lookup", BOTH, NULL },
    { "client.rack", BOTH, NULL },
    { "connections.max.idle.ms", BOTH, NULL },
    { "enable.ssl.certificate.verification", BOTH, NULL },
    { "max.in.flight.requests.per.connection", BOTH, NULL },
    { "metadata.max.age.ms", BOTH, NULL },
    { "metadata.recovery.rebootstrap.trigger.ms", BOTH, NULL },
    { "metadata.recovery.strategy", BOTH, NULL },
    { "receive.message.max.bytes", BOTH, NULL },
    { "reconnect.backoff.max.ms", BOTH, NULL },
    { "reconnect.backoff.ms", BOTH, NULL },
    { "retry.backoff.max.ms", BOTH, NULL },
    { "retry.backoff.ms", BOTH, NULL },
    { "socket.connection.setup.timeout.ms", BOTH, NULL },
    { "socket.keepalive.enable", BOTH, NULL },
    { "socket.max.fails", BOTH, NULL },
    { "socket.nagle.disable", BOTH, NULL },
    { "socket.receive.buffer.bytes", BOTH, "receive.buffer.bytes" },
    { "socket.send.buffer.bytes", BOTH, "send.buffer.bytes" },
    { "socket.timeout.ms", BOTH, NULL },
    { "ssl.cipher.suites", BOTH, NULL },
    { "ssl.curves.list", BOTH, NULL },
    { ALGORITHM, BOTH, NULL },
    { "ssl.sigalgs.list", BOTH, NULL },
    { "topic.metadata.refresh.fast.interval.ms", BOTH, NULL },
    { "topic.metadata.refresh.interval.ms", BOTH, NULL },
    { "topic.metadata.refresh.sparse", BOTH, NULL },
    { "batch.num.messages", PRODUCER, NULL },
    { "batch.size", PRODUCER, NULL },
    { "compression.level", PRODUCER, NULL },
    { "linger.ms", PRODUCER, "queue.buffering.max.ms" },
    { "message.max.bytes", PRODUCER, "max.request.size" }, /* a consumer's would bind fetches */
    { "partitioner", PRODUCER, NULL },
    { "queue.buffering.max.kbytes", PRODUCER, NULL },
    { "queue.buffering.max.messages", PRODUCER, NULL },
    { "request.timeout.ms", PRODUCER, NULL },
    { "sticky.partitioning.linger.ms", PRODUCER, NULL },
    { "topic.metadata.propagation.max.ms", PRODUCER, NULL },
    { "check.crcs", CONSUMER, NULL },
    { "fetch.error.backoff.ms", CONSUMER, NULL },
    { "fetch.max.bytes", CONSUMER, NULL },
    { "fetch.min.bytes", CONSUMER, NULL },
    { "fetch.queue.backoff.ms", CONSUMER, NULL },
    { "fetch.wait.max.ms", CONSUMER, "fetch.max.wait.ms" },
    { "heartbeat.interval.ms", CONSUMER, NULL },
    { "max.partition.fetch.bytes", CONSUMER, "fetch.message.max.bytes" },
    { "max.poll.interval.ms", CONSUMER, NULL },
    { "partition.assignment.strategy", CONSUMER, NULL },
    { "queued.max.messages.kbytes", CONSUMER, NULL },
    { "queued.min.messages", CONSUMER, NULL },
    { NULL, BOTH, NULL },
};

/* Why not; a name that ends with '*' stands for all that begin so. */
#define LOADS_CODE "it loads code"
#define RUNS       "it runs a command"
#define FILES      "it names a file of this machine"
#define NOT_OURS   "only Java's tools know it: delete the line"
#define PROMISE    "what is written and read could be lost without a word"
static const struct refused {
    const char *name;
    const char *reason; /* NULL: that of the field */
    const char *field;  /* what to use instead */
} refused[] = {
    { "bootstrap.servers", NULL, "brokers" },
    { "metadata.broker.list", NULL, "brokers" },
    { "sasl.username", NULL, "username" },
    { "sasl.password", NULL, "password" },
    { "sasl.jaas.config", NULL, "username and password" },
    { "client.id", NULL, "clientId" },
    { "group.id", NULL, "groupId" },
    { "group.instance.id", NULL, "groupInstanceId" },
    { "session.timeout.ms", NULL, "sessionTimeoutMs" },
    { "isolation.level", NULL, "isolation" },
    { "compression.type", NULL, "compression" },
    { "compression.codec", NULL, "compression" },
    { "message.timeout.ms", NULL, "timeoutMs" },
    { "delivery.timeout.ms", NULL, "timeoutMs" },
    { "max.poll.records", NULL, "batchSize" },
    { "auto.offset.reset", NULL, "startFrom" },
    { "ssl.ca.pem", NULL, "caCertificate" },
    { "ssl.truststore.certificates", NULL, "caCertificate" },
    { "ssl.certificate.pem", NULL, "clientCertificate" },
    { "ssl.keystore.certificate.chain", NULL, "clientCertificate" },
    { "ssl.key.pem", NULL, "clientKey" },
    { "ssl.keystore.key", NULL, "clientKey" },
    { "ssl.key.password", NULL, "clientKeyPassword" },
    { "ssl.keystore.password", NULL, "clientKeyPassword" },
    { "ssl.truststore.*", FILES, "caCertificate" },
    { "ssl.keystore.*", FILES, "clientCertificate and clientKey" },
    { "ssl.ca.*", FILES, "caCertificate" },
    { "ssl.certificate.*", FILES, "clientCertificate" },
    { "ssl.key.*", FILES, "clientKey" },
    { "ssl.crl.*", FILES, NULL },
    { "https.ca.*", FILES, NULL },
    { "offset.store.*", FILES, NULL },
    { "sasl.kerberos.kinit.cmd", RUNS, NULL },
    { "sasl.kerberos.min.time.before.relogin", RUNS, NULL },
    { "sasl.kerberos.keytab", FILES, NULL },
    { "sasl.kerberos.principal", NULL, "kerberosPrincipal" },
    { "sasl.kerberos.service.name", NULL, "kerberosServiceName" },
    { "sasl.oauthbearer.token.endpoint.url", NULL, "tokenUrl" },
    { "sasl.oauthbearer.scope", NULL, "scope" },
    { "sasl.oauthbearer.extensions", NULL, "oauthExtensions" },
    { "sasl.oauthbearer.client.*", NULL, "username and password" },
    { "sasl.oauthbearer.*", NULL, "tokenUrl, username, password, scope and oauthExtensions" },
    { "sasl.login.*", LOADS_CODE, NULL },
    { "sasl.client.*", LOADS_CODE, NULL },
    { "plugin.library.paths", LOADS_CODE, NULL },
    { "ssl.engine.*", LOADS_CODE, NULL },
    { "ssl.providers", LOADS_CODE, NULL },
    { "security.providers", LOADS_CODE, NULL },
    { "interceptor.classes", LOADS_CODE, NULL },
    { "metric.reporters", LOADS_CODE, NULL },
    { "key.serializer", LOADS_CODE, NULL },
    { "value.serializer", LOADS_CODE, NULL },
    { "key.deserializer", LOADS_CODE, NULL },
    { "value.deserializer", LOADS_CODE, NULL },
    { "partitioner.class", LOADS_CODE, NULL },
    { "enable.auto.offset.store", PROMISE, NULL },
    { "auto.commit.*", PROMISE, NULL },
    { "enable.gapless.guarantee", PROMISE, NULL },
    { "delivery.report.only.error", PROMISE, NULL },
    { "message.send.max.retries", PROMISE, NULL },
    { "retries", PROMISE, NULL },
    { "transactional.id", "transactions are not used here", NULL },
    { "transaction.timeout.ms", "transactions are not used here", NULL },
    { "ssl.protocol", NOT_OURS, NULL },
    { "ssl.enabled.protocols", NOT_OURS, NULL },
    { "buffer.memory", NOT_OURS, NULL },
    { "max.block.ms", NOT_OURS, NULL },
    { "schema.registry.*", NOT_OURS, NULL },
    { "basic.auth.*", NOT_OURS, NULL },
    { "debug", "it would log what was sent, secrets too", NULL },
    { NULL, NULL, NULL },
};

/* These repeat what a field or a default of ours says: the same value is fine. */
static const struct repeated {
    const char *name;
    const char *field;
    const char *(*value)(const struct kc_credentials *c);
} repeated[] = {
    { "security.protocol", "securityProtocol", kc_credentials_protocol },
    { "sasl.mechanism", "mechanism", kc_credentials_mechanism },
    { "sasl.mechanisms", "mechanism", kc_credentials_mechanism },
    { NULL, NULL, NULL },
};

/* These can only say what we do anyway. */
static const struct fixed {
    const char *name;
    const char *value, *other; /* the same in two spellings; NULL */
    const char *reason;
} fixed[] = {
    { "acks", "all", "-1", PROMISE },
    { "request.required.acks", "all", "-1", PROMISE },
    { "enable.idempotence", "true", NULL, "a retry would write twice" },
    { "enable.auto.commit", "false", NULL, PROMISE },
    { NULL, NULL, NULL, NULL },
};

/* --- lines --- */

struct line {
    char name[NAME_SIZE];
    char value[VALUE_SIZE];
    size_t number, next; /* from 1; of the line after it */
};

static bool copy_trimmed(char *out, size_t size, const char *from, const char *to)
{
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    if ((size_t)(to - from) >= size)
        return false;
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    return true;
}

static bool is_comment(const char *line)
{
    line += strspn(line, " \t\r");
    return *line == '#' || *line == '!';
}

/* Whether the line that ends here goes on in the next, as Java's files have it: an even number
 * of backslashes stands for half as many. */
static bool goes_on(const char *text, const char *newline)
{
    size_t slashes = 0;
    while (newline > text && newline[-1] == '\r')
        newline--;
    while (newline > text && newline[-1] == '\\') {
        newline--;
        slashes++;
    }
    return slashes % 2 == 1;
}

/* Where a line ends: also at a "\n" that a one-line form spelled out. */
static const char *line_end(const char *text, const char **next, size_t *lines)
{
    const char *newline = strchr(text, '\n'), *spelled = strstr(text, "\\n");
    bool is_one = is_comment(text);
    for (*lines = 1; newline && !is_one && goes_on(text, newline); ++*lines)
        newline = strchr(newline + 1, '\n');
    if (spelled && (!newline || spelled < newline)) {
        *next = spelled + 2;
        return spelled;
    }
    *next = newline ? newline + 1 : text + strlen(text);
    return newline ? newline : *next;
}

enum found {
    AT_END,
    GOOD,
    BAD
};

/* The next line that says something. */
static enum found next_line(const char **text, struct line *line)
{
    while (**text) {
        size_t lines;
        const char *next, *start = *text, *end = line_end(start, &next, &lines);
        *text = next;
        line->number = line->next;
        line->next += lines;
        const char *equals = memchr(start, '=', (size_t)(end - start));
        start += strspn(start, " \t\r");
        if (start >= end || is_comment(start))
            continue;
        bool ok = equals && copy_trimmed(line->name, NAME_SIZE, start, equals) &&
                  copy_trimmed(line->value, VALUE_SIZE, equals + 1, end);
        if (ok && strcmp(line->name, ALGORITHM) == 0 && !line->value[0])
            memcpy(line->value, "none", sizeof("none")); /* Java's way to say so */
        return ok && line->name[0] ? GOOD : BAD;
    }
    return AT_END;
}

/* --- checks --- */

static const struct allowed *find_allowed(const char *name)
{
    for (const struct allowed *a = allowed; a->name; a++) {
        if (strcmp(a->name, name) == 0 || (a->java && strcmp(a->java, name) == 0))
            return a;
    }
    return NULL;
}

static const struct refused *find_refused(const char *name)
{
    for (const struct refused *r = refused; r->name; r++) {
        size_t len = strlen(r->name);
        bool is_family = r->name[len - 1] == '*';
        if (is_family ? strncmp(r->name, name, len - 1) == 0 : strcmp(r->name, name) == 0)
            return r;
    }
    return NULL;
}

static void refuse(const struct refused *r, const char *name, struct kc_faults *faults)
{
    if (!r->reason)
        kc_faults_add(faults, "/properties", "%s is what the field %s says: set it there", name,
                      r->field);
    else if (r->field)
        kc_faults_add(faults, "/properties", "%s is refused, since %s; use %s", name, r->reason,
                      r->field);
    else
        kc_faults_add(faults, "/properties", "%s is refused, since %s", name, r->reason);
}

static void refuse_unknown(const char *name, struct kc_faults *faults)
{
    const char *names[sizeof(allowed) / sizeof(allowed[0])];
    size_t count = 0;
    for (const struct allowed *a = allowed; a->name; a++)
        names[count++] = a->name;
    names[count] = NULL;
    const char *nearest = kc_text_nearest(kc_text(name), names);
    kc_faults_add(faults, "/properties", "%s is not a property that can be set here%s%s%s",
                  name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'?" : "");
}

/* Only what is a choice of the field is quoted. */
static void refuse_repeated(const struct repeated *r, const struct line *line,
                            struct kc_faults *faults)
{
    const char *wanted = NULL;
    const struct kc_field *field = kc_field_find(kc_credentials_fields, kc_text(r->field));
    for (const struct kc_choice *c = field->choices; c->name && !wanted; c++) {
        if (strcasecmp(c->name, line->value) == 0 || strcasecmp(c->label, line->value) == 0)
            wanted = c->name;
    }
    kc_faults_add(faults, "/properties",
                  "%s says something else than the field %s: %s%s%sdelete the line", line->name,
                  r->field, wanted ? "set the field to " : "", wanted ? wanted : "",
                  wanted ? ", or " : "");
}

/* True when the line was one of these, right or wrong. */
static bool check_repeated(const struct kc_credentials *c, const struct line *line,
                           struct kc_faults *faults)
{
    for (const struct fixed *f = fixed; f->name; f++) {
        if (strcmp(f->name, line->name) != 0)
            continue;
        if (strcasecmp(line->value, f->value) != 0 &&
            (!f->other || strcmp(line->value, f->other) != 0))
            kc_faults_add(faults, "/properties", "%s can only be %s: %s", f->name, f->value,
                          f->reason);
        return true;
    }
    for (const struct repeated *r = repeated; r->name; r++) {
        if (strcmp(r->name, line->name) != 0)
            continue;
        if (strcasecmp(r->value(c), line->value) != 0)
            refuse_repeated(r, line, faults);
        return true;
    }
    return false;
}

static void check_value(rd_kafka_conf_t *conf, const struct allowed *a, const struct line *line,
                        struct kc_faults *faults)
{
    char why[256];
    if (rd_kafka_conf_set(conf, a->name, line->value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return;
    why[strcspn(why, "\n")] = '\0';
    bool is_number = line->value[strspn(line->value, "-0123456789")] == '\0';
    if (is_number || !strstr(why, line->value))
        kc_faults_add(faults, "/properties", "line %zu: %s", line->number, why);
    else
        kc_faults_add(faults, "/properties", "line %zu: %s does not take this value",
                      line->number, line->name);
}

static void check_line(const struct kc_credentials *c, const struct line *line,
                       rd_kafka_conf_t *conf, struct kc_faults *faults)
{
    const struct allowed *a = find_allowed(line->name);
    const struct refused *r = find_refused(line->name);
    if (check_repeated(c, line, faults))
        return;
    if (a && strncmp(a->name, "ssl.", 4) == 0 && !kc_credentials_has_tls(c))
        kc_faults_add(faults, "/properties", "%s means nothing with securityProtocol %s",
                      line->name, kc_credentials_protocol(c));
    else if (a)
        check_value(conf, a, line, faults);
    else if (r)
        refuse(r, line->name, faults);
    else
        refuse_unknown(line->name, faults);
}

void kc_properties_check(const struct kc_credentials *c, struct kc_faults *faults)
{
    const char *text = c->properties;
    struct line line = { .next = 1 };
    enum found found;
    size_t count = 0;
    if (!text)
        return;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    while ((found = next_line(&text, &line)) != AT_END && count++ < LINES_MAX) {
        if (found == BAD)
            kc_faults_add(faults, "/properties", "line %zu is not name=value", line.number);
        else
            check_line(c, &line, conf, faults);
    }
    if (found != AT_END)
        kc_faults_add(faults, "/properties", "has more than %d lines", LINES_MAX);
    rd_kafka_conf_destroy(conf);
}

/* --- use --- */

static void warn_if_open(const struct line *line)
{
    bool is_unchecked = strcmp(line->name, "enable.ssl.certificate.verification") == 0 &&
                        strcasecmp(line->value, "false") == 0;
    bool is_any_name =
        strcmp(line->name, ALGORITHM) == 0 && strcasecmp(line->value, "https") != 0;
    if (is_unchecked || is_any_name)
        kc_log(KC_WARN, "tls_check_off", KC_S("property", line->name));
}

void kc_properties_apply(const char *properties, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    struct line line = { .next = 1 };
    enum found found;
    while (properties && (found = next_line(&properties, &line)) != AT_END) {
        const struct allowed *a = found == GOOD ? find_allowed(line.name) : NULL;
        if (!a || (a->role != BOTH && (a->role == PRODUCER) != (type == RD_KAFKA_PRODUCER)))
            continue;
        warn_if_open(&line);
        (void)rd_kafka_conf_set(conf, a->name, line.value, NULL, 0);
    }
}

bool kc_property_is_allowed(const char *name)
{
    return find_allowed(name) != NULL;
}
