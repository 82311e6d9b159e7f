// SPDX-License-Identifier: Apache-2.0
#include "transport/http/subscriptions_private.h"

#include "base/alloc.h"
#include "base/log.h"
#include "runtime/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (KC_SUBSCRIPTIONS_MAX * 64 * 1024)

void kc_spec_list_deinit(struct kc_spec_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        kc_spec_deinit(&list->specs[i]);
    free(list->specs);
    *list = (struct kc_spec_list){ NULL, 0 };
}

/* The list owns what is in spec from here on. */
static void add(struct kc_spec_list *list, struct kc_spec *spec)
{
    list->specs = kc_realloc(list->specs, list->count + 1, sizeof(*list->specs));
    list->specs[list->count++] = *spec;
    *spec = (struct kc_spec){ 0 };
}

static bool has(const struct kc_spec_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->specs[i].id, id) == 0)
            return true;
    }
    return false;
}

/* --- the operator's file --- */

static char *read_text(const char *path, size_t *len, struct kc_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        kc_error_set(err, KC_CONFIG, errno, "%s", strerror(errno));
        return NULL;
    }
    char *text = kc_alloc0(FILE_MAX + KC_JSON_PADDING, 1);
    *len = fread(text, 1, FILE_MAX, file);
    if (ferror(file))
        kc_error_set(err, KC_CONFIG, errno, "%s", strerror(errno));
    else if (*len == FILE_MAX)
        kc_error_set(err, KC_CONFIG, 0, "larger than %d bytes", FILE_MAX);
    fclose(file);
    if (err->code == KC_NONE)
        return text;
    free(text);
    return NULL;
}

/* One entry; where the file is an object, its key is the id. */
static void read_entry(struct kc_subscriptions *r, const char *at, const char *id,
                       const struct kc_value *v, struct kc_spec_list *list,
                       struct kc_faults *faults)
{
    const struct kc_spec_rules rules = {
        .start_config = r->start_config,
        .allow = r->service->env->http->allow_callback,
        .is_from_operator = true,
    };
    char pointer[512];
    struct kc_buf text;
    struct kc_faults inner;
    struct kc_spec spec = { 0 };
    struct kc_error err = { 0 };
    kc_faults_init(&inner);
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_value_print(v, &text);
    struct kc_doc *doc = kc_doc_parse(kc_buf_peek(&text), &err);
    if (!doc) {
        kc_faults_add(&inner, "", "%s", err.text);
    } else {
        if (id && !kc_doc_has(doc, "id"))
            kc_doc_put(doc, "id", id);
        bool ok = kc_spec_read(&spec, doc, &rules, &inner);
        if (!spec.id)
            kc_faults_add(&inner, "/id", "required");
        else if (id && strcmp(spec.id, id) != 0)
            kc_faults_add(&inner, "/id", "must be '%s', as its key is, or be left out", id);
        else if (has(list, spec.id))
            kc_faults_add(&inner, "/id", "'%s' is there already", spec.id);
        if (ok && inner.count == 0)
            add(list, &spec);
    }
    for (size_t i = 0; i < inner.count; i++) {
        snprintf(pointer, sizeof(pointer), "/%s%s", at, inner.list[i].pointer);
        kc_faults_add(faults, pointer, "%s", inner.list[i].text);
    }
    kc_spec_deinit(&spec);
    kc_doc_free(doc);
    kc_buf_deinit(&text);
    kc_faults_deinit(&inner);
}

static void read_entries(struct kc_subscriptions *r, const struct kc_value *root,
                         struct kc_spec_list *list, struct kc_faults *faults)
{
    bool is_object = kc_value_type(root) == KC_IS_OBJECT;
    const struct kc_value *v = kc_value_first(root);
    for (size_t i = 0; i < kc_value_count(root); i++) {
        char at[KC_STORE_NAME_MAX + 16];
        struct kc_text key = is_object ? kc_value_text(v) : KC_NO_TEXT;
        if (is_object) {
            snprintf(at, sizeof(at), "%.*s", (int)(key.len < 70 ? key.len : 70), key.p);
            v = kc_value_of(v);
        } else {
            snprintf(at, sizeof(at), "%zu", i);
        }
        read_entry(r, at, is_object ? key.p : NULL, v, list, faults);
        v = kc_value_next(v);
    }
}

bool kc_subscriptions_read_file(struct kc_subscriptions *r, struct kc_spec_list *list,
                                struct kc_faults *faults, struct kc_error *err)
{
    const char *path = r->service->env->http->subscriptions_file;
    struct kc_json_reader *reader = kc_json_reader_new();
    size_t len = 0, before = faults->count + faults->dropped;
    char *text = read_text(path, &len, err);
    const struct kc_value *root = text ? kc_json_read(reader, text, len, err) : NULL;
    if (root && kc_value_type(root) != KC_IS_ARRAY && kc_value_type(root) != KC_IS_OBJECT)
        kc_error_set(err, KC_CONFIG, 0,
                     "must be an array of subscriptions, or an object of them by their ids");
    else if (root && kc_value_count(root) > KC_SUBSCRIPTIONS_MAX)
        kc_error_set(err, KC_CONFIG, 0, "has more than %d subscriptions", KC_SUBSCRIPTIONS_MAX);
    else if (root)
        read_entries(r, root, list, faults);
    kc_json_reader_free(reader);
    free(text);
    if (err->code != KC_NONE) {
        struct kc_error why = *err;
        kc_error_clear(err);
        kc_error_set(err, KC_CONFIG, why.native, "read '%s': %s", path, why.text);
    }
    return err->code == KC_NONE && faults->count + faults->dropped == before;
}

/* --- the state folder --- */

static bool take_stored(void *arg, const char *name, struct kc_text text, struct kc_error *err)
{
    struct kc_spec spec = { 0 };
    bool ok = kc_spec_parse(&spec, text, err);
    if (ok && (!spec.id || strcmp(spec.id, name) != 0)) {
        kc_error_set(err, KC_CONFIG, 0, "it is the state of '%s'", spec.id ? spec.id : "");
        ok = false;
    }
    if (ok)
        add(arg, &spec);
    kc_spec_deinit(&spec);
    return ok;
}

bool kc_subscriptions_read_store(struct kc_subscriptions *r, struct kc_spec_list *list,
                                 struct kc_error *err)
{
    return kc_store_load(r->store, take_stored, list, err);
}

/* --- the file again --- */

const struct kc_spec *kc_spec_list_find(const struct kc_spec_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->specs[i].id && strcmp(list->specs[i].id, id) == 0)
            return &list->specs[i];
    }
    return NULL;
}

/* Those of the file that are not in it any more, or not so, go first: a member that takes the
 * place of one that is still there would only get its records twice. */
static void remove_changed(struct kc_subscriptions *r, const struct kc_spec_list *list)
{
    struct kc_held *next;
    for (struct kc_held *h = r->held; h; h = h->next) {
        const struct kc_spec *old = kc_subscription_spec(h->subscription);
        const struct kc_spec *new = kc_spec_list_find(list, old->id);
        if (h->is_from_file && !h->is_leaving && (!new || !kc_spec_is_same(old, new)))
            kc_held_send_away(r, h, KC_SUBSCRIPTION_LEAVE_MS);
    }
    for (struct kc_held *h = r->held; h; h = next) {
        next = h->next;
        if (h->is_from_file && h->is_leaving)
            kc_held_let_go(r, h);
    }
}

static void check_against_others(struct kc_subscriptions *r, const struct kc_spec_list *list,
                                 struct kc_faults *faults)
{
    size_t others = 0;
    for (const struct kc_held *h = r->held; h; h = h->next) {
        const struct kc_spec *spec = kc_subscription_spec(h->subscription);
        if (h->is_from_file || h->is_leaving)
            continue;
        others++;
        if (kc_spec_list_find(list, spec->id))
            kc_faults_add(faults, "", "'%s' was created by a request: delete it there first",
                          spec->id);
    }
    if (others + list->count > KC_SUBSCRIPTIONS_MAX)
        kc_faults_add(faults, "", "more than %d subscriptions in all", KC_SUBSCRIPTIONS_MAX);
}

void kc_subscriptions_start_all(struct kc_subscriptions *r, struct kc_spec_list *list,
                                bool is_from_file)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!kc_subscriptions_find(r, list->specs[i].id))
            kc_held_start(r, &list->specs[i], is_from_file);
    }
}

static void log_faults(const struct kc_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++)
        kc_log(KC_ERROR, "subscriptions_fault", KC_S("pointer", faults->list[i].pointer),
               KC_S("fault", faults->list[i].text));
}

void kc_subscriptions_reload(struct kc_subscriptions *r)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_spec_list list = { NULL, 0 };
    kc_faults_init(&faults);
    if (kc_subscriptions_read_file(r, &list, &faults, &err))
        check_against_others(r, &list, &faults);
    if (err.code == KC_NONE)
        (void)kc_faults_none(&faults, KC_CONFIG, &err);
    if (err.code != KC_NONE) {
        log_faults(&faults);
        kc_log(KC_ERROR, "reload_failed",
               KC_S("file", r->service->env->http->subscriptions_file), KC_E(&err));
    } else {
        remove_changed(r, &list);
        kc_subscriptions_start_all(r, &list, true);
        kc_log(KC_INFO, "reloaded", KC_S("file", r->service->env->http->subscriptions_file),
               KC_I("subscriptions", list.count));
    }
    kc_spec_list_deinit(&list);
    kc_faults_deinit(&faults);
}
