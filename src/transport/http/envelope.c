// SPDX-License-Identifier: Apache-2.0
#include "transport/http/envelope.h"

#include <stdio.h>
#include <string.h>

const char *const kc_http_envelope_beside[] = { "config", "credentials", NULL };

struct members {
    const struct kc_value *body, *message, *messages;
    size_t settings; /* how many of config and credentials */
    size_t all;
};

static struct members find_members(const struct kc_value *root)
{
    struct members m = { .all = kc_value_count(root) };
    const struct kc_value *key = kc_value_first(root);
    for (size_t i = m.all; i > 0; i--) {
        struct kc_text name = kc_value_text(key);
        const struct kc_value *value = kc_value_of(key);
        if (kc_text_is(name, "messages"))
            m.messages = value;
        else if (kc_text_is(name, "body"))
            m.body = value;
        else if (kc_text_is(name, "message"))
            m.message = value;
        else if (kc_text_is(name, "config") || kc_text_is(name, "credentials"))
            m.settings++;
        key = kc_value_next(value);
    }
    return m;
}

/* Whoever wraps messages puts nothing else beside them but settings. */
static void check_rest(const struct kc_value *root, const char *wrapped,
                       struct kc_faults *faults)
{
    const struct kc_value *key = kc_value_first(root);
    for (size_t i = kc_value_count(root); i > 0; i--) {
        struct kc_text name = kc_value_text(key);
        if (!kc_text_is(name, wrapped) && !kc_text_is(name, "config") &&
            !kc_text_is(name, "credentials"))
            kc_faults_add(faults, "",
                          "'%.*s' stands beside %s: only config and credentials may",
                          name.len > 64 ? 64 : (int)name.len, name.p, wrapped);
        key = kc_value_next(kc_value_of(key));
    }
}

static size_t count_whole(const struct kc_value *list)
{
    size_t whole = 0;
    const struct kc_value *v = kc_value_first(list);
    for (size_t i = kc_value_count(list); i > 0; i--, v = kc_value_next(v))
        whole += kc_value_get(v, "body") != NULL;
    return whole;
}

static void refuse_mixture(const struct kc_value *list, struct kc_faults *faults)
{
    char pointer[48];
    const struct kc_value *v = kc_value_first(list);
    size_t count = kc_value_count(list);
    for (size_t i = 0; i < count; i++, v = kc_value_next(v)) {
        snprintf(pointer, sizeof(pointer), "/messages/%zu", i);
        if (!kc_value_get(v, "body"))
            kc_faults_add(faults, pointer,
                          "has no body, while others here are whole messages with one");
    }
}

bool kc_http_envelope_read(struct kc_http_envelope *e, const struct kc_value *root,
                           struct kc_faults *faults)
{
    size_t before = faults->count + faults->dropped;
    struct members m = find_members(root);
    *e = (struct kc_http_envelope){
        .has_settings = m.settings > 0, .value = root, .at = "", .count = 1
    };
    if (m.body)
        return true;
    if (m.message) {
        e->value = m.message;
        e->at = "/message";
        check_rest(root, "message", faults);
    } else if (m.messages && kc_value_type(m.messages) == KC_IS_ARRAY) {
        size_t whole = count_whole(m.messages);
        if (whole == 0)
            return true; /* records */
        e->list = m.messages;
        e->count = kc_value_count(m.messages);
        check_rest(root, "messages", faults);
        if (whole < e->count)
            refuse_mixture(m.messages, faults);
    }
    return faults->count + faults->dropped == before;
}

bool kc_http_envelope_may_have_settings(struct kc_text body)
{
    return memmem(body.p, body.len, "\"config\"", 8) ||
           memmem(body.p, body.len, "\"credentials\"", 13);
}
