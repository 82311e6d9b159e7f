// SPDX-License-Identifier: Apache-2.0
/* fuzz_settings.c - settings end as faults with pointers, or as values within their rows'
 * range.
 *
 * Each text is read as credentials and by the table of each entry point. */
#include "base/log.h"
#include "component/entries.h"
#include "kafka/credentials.h"
#include "runtime/json.h"

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    kc_log_init(KC_ERROR, 2); /* names that are not known would be warnings */
    return 0;
}

static void check_faults(const struct kc_faults *faults)
{
    struct kc_error err = { 0 };
    struct kc_buf printed;
    CHECK(faults->count > 0 && !kc_faults_none(faults, KC_CONFIG, &err) && *err.text);
    for (size_t i = 0; i < faults->count; i++)
        CHECK_SAY(faults->list[i].pointer[0] == '/' && *faults->list[i].text,
                  faults->list[i].pointer);
    kc_buf_init(&printed, KC_BUF_UNBOUNDED);
    kc_faults_print(faults, &printed);
    check_json(kc_buf_peek(&printed));
    kc_buf_deinit(&printed);
}

static void check_choice(const struct kc_field *f, int chosen)
{
    int count = 0;
    while (f->choices[count].name)
        count++;
    CHECK_SAY(chosen >= 0 && chosen < count, f->name);
}

static void check_values(const struct kc_field *fields, const char *conf)
{
    for (const struct kc_field *f = fields; f->name; f++) {
        const void *at = conf + f->offset;
        unsigned char flag;
        char *text;
        int n;
        switch (f->type) {
        case KC_TEXT:
            memcpy(&text, at, sizeof(text));
            CHECK_SAY(text ? *text : !f->required && !f->fallback, f->name);
            break;
        case KC_INT:
            memcpy(&n, at, sizeof(n));
            CHECK_SAY(n >= f->min && n <= f->max, f->name);
            break;
        case KC_BOOL:
            memcpy(&flag, at, 1);
            CHECK_SAY(flag <= 1, f->name);
            break;
        case KC_CHOICE:
            memcpy(&n, at, sizeof(n));
            check_choice(f, n);
            break;
        }
    }
}

/* "host:port" or "[address]:port" */
static void check_broker(struct kc_text b, const char *list)
{
    const char *colon = b.len ? memrchr(b.p, ':', b.len) : NULL;
    int64_t port;
    CHECK_SAY(colon, list);
    struct kc_text host = { b.p, (size_t)(colon - b.p) };
    CHECK_SAY(kc_text_int((struct kc_text){ colon + 1, b.len - host.len - 1 }, 1, 65535, &port),
              list);
    if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
        host = (struct kc_text){ host.p + 1, host.len - 2 };
    else
        CHECK_SAY(host.len && !memchr(host.p, ':', host.len), list);
    for (size_t i = 0; i < host.len; i++)
        CHECK_SAY(host.p[i] && !strchr(", \t\r\n;[]", host.p[i]), list);
}

static void check_brokers(const char *brokers)
{
    for (const char *p = brokers;;) {
        size_t len = strcspn(p, ",");
        check_broker((struct kc_text){ p, len }, brokers);
        if (!p[len])
            return;
        p += len + 1;
    }
}

static void read_credentials(const struct kc_doc *doc, enum kc_unknown unknown)
{
    struct kc_faults faults;
    struct kc_credentials c = { 0 };
    kc_faults_init(&faults);
    if (kc_credentials_read(&c, doc, unknown, &faults)) {
        CHECK(faults.count == 0);
        check_values(kc_credentials_fields, (const char *)&c);
        check_brokers(c.brokers);
        CHECK(!c.ca_certificate || !c.ca_certificate_file);
    } else {
        check_faults(&faults);
    }
    kc_credentials_free(&c);
    kc_faults_deinit(&faults);
}

/* The table's struct is its owner's: its size is that of its last member. */
static void read_table(const struct kc_field *fields, const struct kc_doc *doc,
                       enum kc_unknown unknown)
{
    struct kc_faults faults;
    size_t size = 0;
    for (const struct kc_field *f = fields; f->name; f++)
        size = f->offset + sizeof(void *) > size ? f->offset + sizeof(void *) : size;
    char *conf = kc_alloc0(size, 1);
    kc_faults_init(&faults);
    if (kc_fields_read(fields, conf, doc, unknown, &faults)) {
        CHECK(faults.count == 0);
        check_values(fields, conf);
    } else {
        check_faults(&faults);
    }
    kc_fields_free(fields, conf);
    kc_faults_deinit(&faults);
    free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_error err = { 0 };
    char *text = copy_of((struct kc_text){ (const char *)data, size }, 0);
    struct kc_doc *doc = kc_doc_parse((struct kc_text){ text, size }, &err);
    free(text);
    if (!doc) {
        CHECK(err.code == KC_CONFIG && *err.text && !strstr(err.text, " near '"));
        return 0;
    }
    CHECK(!memchr(data, '\0', size));
    for (int unknown = KC_UNKNOWN_IS_ERROR; unknown <= KC_UNKNOWN_IS_WARNING; unknown++) {
        read_credentials(doc, (enum kc_unknown)unknown);
        for (size_t i = 0; kc_entries[i]; i++)
            read_table(kc_entries[i]->fields, doc, (enum kc_unknown)unknown);
    }
    kc_doc_free(doc);
    return 0;
}
