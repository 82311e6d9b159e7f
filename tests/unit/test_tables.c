// SPDX-License-Identifier: Apache-2.0
/* The tables of fields, choices and entry points hold together, and with the linked
 * librdkafka. */
#include "component/entries.h"
#include "component/poll.h"
#include "kafka/credentials.h"
#include "kafka/library.h"
#include "unit/unit.h"

#include <librdkafka/rdkafka.h>

#define FIELDS_MAX 64 /* what conf/field.c can name as nearest */

/* Calls `check` for each field of each table, with the table's name. */
static void for_each_field(void (*check)(const char *table, const struct kc_field *f))
{
    for (const struct kc_field *f = kc_credentials_fields; f->name; f++)
        check("credentials", f);
    for (size_t i = 0; kc_entries[i]; i++) {
        for (const struct kc_field *f = kc_entries[i]->fields; f->name; f++)
            check(kc_entries[i]->name, f);
    }
    for (const struct kc_field *f = kc_poll_fields; f->name; f++)
        check("poll", f);
    for (const struct kc_field *f = kc_poll_ask_fields; f->name; f++)
        check("poll's ask", f);
}

#define CHECK(f, what)                                                                         \
    do {                                                                                       \
        if (!(what))                                                                           \
            fail_msg("%s.%s: %s", table, (f)->name, #what);                                    \
    } while (0)

static void check_words(const char *table, const struct kc_field *f)
{
    CHECK(f, f->label && strlen(f->label) > 0);
    CHECK(f, f->help && f->help[strlen(f->help) - 1] == '.');
    CHECK(f, strspn(f->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
                 strlen(f->name));
}

static void every_field_has_a_name_a_label_and_a_sentence_of_help(void **state)
{
    (void)state;
    for_each_field(check_words);
}

static void check_range(const char *table, const struct kc_field *f)
{
    int64_t n;
    if (f->type == KC_INT) {
        CHECK(f, f->min < f->max);
        CHECK(f, f->required || f->fallback);
        CHECK(f, !f->fallback || kc_text_int(kc_text(f->fallback), f->min, f->max, &n));
    }
    if (f->type == KC_BOOL)
        CHECK(f, f->fallback &&
                     (strcmp(f->fallback, "true") == 0 || strcmp(f->fallback, "false") == 0));
    CHECK(f, !(f->required && f->fallback));
}

static void every_default_is_a_value_that_the_field_takes(void **state)
{
    (void)state;
    for_each_field(check_range);
}

static void check_choices(const char *table, const struct kc_field *f)
{
    bool has_fallback = !f->fallback;
    CHECK(f, (f->type == KC_CHOICE) == (f->choices != NULL));
    for (const struct kc_choice *c = f->choices; c && c->name; c++) {
        CHECK(f, c->label && strlen(c->label) > 0);
        CHECK(f, !strchr(c->name, '|'));
        has_fallback |= f->fallback && strcmp(c->name, f->fallback) == 0;
        for (const struct kc_choice *other = f->choices; other != c; other++)
            CHECK(f, strcasecmp(other->name, c->name) != 0);
    }
    CHECK(f, f->type != KC_CHOICE || has_fallback);
}

static void every_choice_has_a_label_and_the_default_is_one_of_them(void **state)
{
    (void)state;
    for_each_field(check_choices);
}

static void check_secret(const char *table, const struct kc_field *f)
{
    CHECK(f, !f->secret || (f->type == KC_TEXT && !f->fallback && !f->example));
    CHECK(f,
          f->secret == (strcasestr(f->name, "password") || strcmp(f->name, "clientKey") == 0));
    CHECK(f, f->operator_only == (strstr(f->name, "File") || strstr(f->name, "Keytab")));
}

static void what_is_secret_has_no_default_and_what_names_a_file_is_the_operators(void **state)
{
    (void)state;
    for_each_field(check_secret);
}

static void no_table_has_a_name_twice_or_shares_one_with_the_credentials(void **state)
{
    (void)state;
    for (size_t i = 0; kc_entries[i]; i++) {
        size_t count = 0;
        for (const struct kc_field *f = kc_entries[i]->fields; f->name; f++, count++) {
            assert_ptr_equal(kc_field_find(kc_entries[i]->fields, kc_text(f->name)), f);
            assert_null(kc_field_find(kc_credentials_fields, kc_text(f->name)));
        }
        assert_in_range(count, 1, FIELDS_MAX);
    }
    for (const struct kc_field *f = kc_credentials_fields; f->name; f++)
        assert_ptr_equal(kc_field_find(kc_credentials_fields, kc_text(f->name)), f);
}

/* --- librdkafka --- */

static bool takes(const char *property, const char *value)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = rd_kafka_conf_set(conf, property, value, NULL, 0) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return ok;
}

static void check_property(const char *table, const struct kc_field *f)
{
    char text[16];
    if (!f->kafka)
        return;
    for (const struct kc_choice *c = f->choices; c && c->name; c++) {
        if (!takes(f->kafka, c->name))
            fail_msg("%s.%s: librdkafka does not take %s=%s", table, f->name, f->kafka,
                     c->name);
    }
    if (f->type == KC_INT) {
        snprintf(text, sizeof(text), "%d", f->min);
        CHECK(f, takes(f->kafka, text));
        snprintf(text, sizeof(text), "%d", f->max);
        CHECK(f, takes(f->kafka, text));
    }
    if (f->type == KC_TEXT)
        CHECK(f, takes(f->kafka, "text"));
}

static void every_kafka_property_is_known_to_librdkafka_with_all_its_values(void **state)
{
    (void)state;
    assert_false(takes("no.such.property", "1"));
    for_each_field(check_property);
}

static void librdkafka_is_new_enough_and_can_do_what_we_promise(void **state)
{
    (void)state;
    static const char *const features[] = { "ssl", "sasl_scram", "sasl_gssapi", "zstd",
                                            "lz4", "snappy",     "gzip",        "sasl_plain" };
    const char *library = kc_kafka_library();
    assert_true(rd_kafka_version() >= 0x020d02ff); /* 2.13.2 */
    for (size_t i = 0; i < COUNT_OF(features); i++)
        assert_holds(library, features[i]);
}

/* --- entry points --- */

static void check_members(const struct kc_member *members)
{
    for (const struct kc_member *m = members; m->name; m++) {
        assert_true(strlen(m->name) > 0 && strlen(m->title) > 0 && strlen(m->help) > 0);
        assert_non_null(m->type);
        if (m->items)
            assert_string_equal(m->type, "array");
        if (m->items)
            check_members(m->items);
    }
}

static void every_entry_point_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; kc_entries[i]; i++) {
        const struct kc_entry *e = kc_entries[i];
        assert_ptr_equal(kc_entry_find(e->name), e); /* so its name is its own */
        assert_true(strlen(e->title) > 0 && strlen(e->help) > 0);
        assert_true(e->open && e->process && e->stop && e->close);
        assert_int_equal(e->in == NULL, e->kind == KC_TRIGGER);
        check_members(e->out);
        if (e->in)
            check_members(e->in);
        e->close(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_name_a_label_and_a_sentence_of_help),
        cmocka_unit_test(every_default_is_a_value_that_the_field_takes),
        cmocka_unit_test(every_choice_has_a_label_and_the_default_is_one_of_them),
        cmocka_unit_test(what_is_secret_has_no_default_and_what_names_a_file_is_the_operators),
        cmocka_unit_test(no_table_has_a_name_twice_or_shares_one_with_the_credentials),
        cmocka_unit_test(every_kafka_property_is_known_to_librdkafka_with_all_its_values),
        cmocka_unit_test(librdkafka_is_new_enough_and_can_do_what_we_promise),
        cmocka_unit_test(every_entry_point_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
