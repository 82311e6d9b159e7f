// SPDX-License-Identifier: Apache-2.0
#include "platform/storage.h"

#include "base/alloc.h"
#include "platform/cipher.h"
#include "platform/rest.h"
#include "runtime/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RETRIES          2 /* where the environment does not say */
#define RETRIES_MAX      4
#define TIMEOUT_MS       10000
#define TIMEOUT_MIN_MS   500
#define TIMEOUT_MAX_MS   20000
#define PAUSE_MS         100
#define PAUSE_MAX_MS     15000
#define ID_MAX           256
#define ANSWER_MAX_BYTES ((size_t)64 * 1024)        /* of an upload */
#define OBJECT_MAX_BYTES ((size_t)32 * 1024 * 1024) /* it stands in memory some times over */

struct kc_storage {
    struct kc_storage_conf conf;
    char *authorization, *request_id; /* headers; NULL without a token */
    const char *secrets[2];           /* ends with NULL */
    struct kc_rest_rules rules;
};

/* As the platform's runtime reads these two: what is out of range counts as not said. */
static int from_env(const char *name, int min, int max, int fallback)
{
    int64_t n = fallback;
    return kc_text_int(kc_text(getenv(name)), min, max, &n) ? (int)n : fallback;
}

static char *join(const char *a, const char *b)
{
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_puts(&text, a);
    kc_buf_puts(&text, b);
    return kc_buf_take(&text);
}

static char *print_request_id(const struct kc_storage_conf *conf)
{
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_printf(&text, "x-request-id: f:%s;s:%s;m:", conf->flow_id, conf->step_id);
    return kc_buf_take(&text);
}

struct kc_storage *kc_storage_new(const struct kc_storage_conf *conf)
{
    struct kc_storage *s = kc_new0(struct kc_storage);
    s->conf = *conf;
    s->secrets[0] = conf->token;
    s->request_id = print_request_id(conf);
    if (conf->token)
        s->authorization = join("Authorization: Bearer ", conf->token);
    s->rules = (struct kc_rest_rules){
        .tries = 1 + from_env("REQUEST_MAX_RETRY", 0, RETRIES_MAX, RETRIES),
        .timeout_ms = from_env("REQUEST_TIMEOUT", TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, TIMEOUT_MS),
        .pause_ms = PAUSE_MS,
        .pause_max_ms = PAUSE_MAX_MS,
        .secrets = s->secrets,
    };
    return s;
}

void kc_storage_free(struct kc_storage *s)
{
    if (!s)
        return;
    if (s->authorization)
        explicit_bzero(s->authorization, strlen(s->authorization));
    free(s->authorization);
    free(s->request_id);
    free(s);
}

static bool is_there(const struct kc_storage *s, struct kc_error *err)
{
    const char *missing = !s->conf.uri ? "URI" : !s->conf.token ? "TOKEN" : NULL;
    if (missing)
        kc_error_set(err, KC_CONFIG, 0,
                     "there is no object storage: ELASTICIO_OBJECT_STORAGE_%s is missing",
                     missing);
    return !missing;
}

/* sealed: KC_NO_TEXT for a GET. */
static bool call(struct kc_storage *s, const char *url, struct kc_text sealed,
                 size_t answer_max_bytes, struct kc_buf *answer, struct kc_error *err)
{
    const char *const headers[] = { s->authorization, s->request_id,
                                    sealed.p ? "Content-Type: application/json" : NULL, NULL };
    struct kc_rest_rules rules = s->rules;
    rules.answer_max_bytes = answer_max_bytes;
    return kc_rest_call(
        s->conf.http,
        &(struct kc_http_request){ .url = url, .headers = headers, .body = sealed }, &rules,
        answer, err);
}

/* --- put --- */

static bool read_id(struct kc_buf *answer, struct kc_buf *id, struct kc_error *err)
{
    static const char padding[KC_JSON_PADDING];
    struct kc_error why = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    size_t len = answer->len;
    kc_buf_append(answer, padding, sizeof(padding));
    const struct kc_value *root =
        len > 0 ? kc_json_read(reader, answer->data, len, &why) : NULL;
    const struct kc_value *found = root ? kc_value_get(root, "objectId") : NULL;
    bool is_good = found && kc_value_type(found) == KC_IS_STRING &&
                   kc_value_text(found).len > 0 && kc_buf_text(id, kc_value_text(found));
    kc_json_reader_free(reader);
    if (!is_good)
        kc_error_set(err, KC_BAD_ANSWER, 0, "the object storage answered without an objectId");
    return is_good;
}

bool kc_storage_put(struct kc_storage *s, struct kc_text json, struct kc_buf *id,
                    struct kc_error *err)
{
    struct kc_buf sealed, answer;
    if (!is_there(s, err))
        return false;
    char *url = join(s->conf.uri, "/objects");
    kc_buf_init(&sealed, KC_BUF_UNBOUNDED);
    kc_buf_init(&answer, KC_BUF_UNBOUNDED);
    kc_cipher_encrypt(s->conf.cipher, json, &sealed);
    bool ok = call(s, url, kc_buf_peek(&sealed), ANSWER_MAX_BYTES, &answer, err) &&
              read_id(&answer, id, err);
    kc_buf_deinit(&sealed);
    kc_buf_deinit(&answer);
    free(url);
    return ok;
}

/* --- get --- */

/* An id comes in a message: it must not lead anywhere else. */
static bool print_url(const struct kc_storage *s, struct kc_text id, struct kc_buf *url,
                      struct kc_error *err)
{
    size_t dots = 0;
    while (dots < id.len && id.p[dots] == '.')
        dots++;
    if (dots == id.len || id.len > ID_MAX) { /* "" and ".." too */
        kc_error_set(err, KC_INPUT, 0, "this cannot be an object's id");
        return false;
    }
    kc_buf_printf(url, "%s/objects/", s->conf.uri);
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.p[i];
        if (c < 0x80 && (isalnum(c) || strchr("-._~", c)) && c != '\0')
            kc_buf_append(url, &c, 1);
        else
            kc_buf_printf(url, "%%%02X", c);
    }
    kc_buf_append(url, "", 1);
    return true;
}

static bool open_object(const struct kc_storage *s, struct kc_text sealed, struct kc_buf *json,
                        struct kc_error *err)
{
    if (!kc_cipher_decrypt(s->conf.cipher, sealed, json, err))
        return false;
    if (json->is_full)
        kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "the object is larger than we take");
    return !json->is_full;
}

bool kc_storage_get(struct kc_storage *s, struct kc_text id, struct kc_buf *json,
                    struct kc_error *err)
{
    struct kc_buf url, answer;
    if (!is_there(s, err))
        return false;
    kc_buf_init(&url, KC_BUF_UNBOUNDED);
    kc_buf_init(&answer, KC_BUF_UNBOUNDED);
    bool ok = print_url(s, id, &url, err) &&
              call(s, url.data, KC_NO_TEXT, OBJECT_MAX_BYTES, &answer, err) &&
              open_object(s, kc_buf_peek(&answer), json, err);
    kc_buf_deinit(&url);
    kc_buf_deinit(&answer);
    return ok;
}
