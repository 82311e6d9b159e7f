// SPDX-License-Identifier: Apache-2.0
#include "conf/doc.h"

#include "unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

static void assert_refused(const char *text, const char *reason)
{
    struct kc_error err = { 0 };
    char *copy = json(text);
    assert_null(kc_doc_parse(kc_text(copy), &err));
    assert_error(&err, KC_CONFIG, reason);
    free(copy);
}

static struct kc_doc *parse(const char *text)
{
    struct kc_error err = { 0 };
    char *copy = json(text);
    struct kc_doc *doc = kc_doc_parse(kc_text(copy), &err);
    if (!doc)
        fail_msg("%s: %s", text, err.text);
    free(copy);
    return doc;
}

static void an_object_is_taken_and_anything_else_refused(void **state)
{
    (void)state;
    kc_doc_free(parse("{}"));
    kc_doc_free(parse("{'a': 1}"));
    assert_refused("[]", "must be a JSON object");
    assert_refused("'text'", "must be a JSON object");
    assert_refused("null", "must be a JSON object");
    assert_refused("", "not valid JSON");
    assert_refused("{'a': 1,}", "not valid JSON: line 1, column 9");
    assert_refused("{} {}", "not valid JSON");
}

static void duplicate_keys_are_refused(void **state)
{
    (void)state;
    assert_refused("{'topic': 'a', 'topic': 'b'}", "duplicate");
}

static void nul_characters_are_refused(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    assert_refused("{'topic': 'a\\u0000b'}", "not valid JSON");
    assert_null(kc_doc_parse(BYTES("{}\0{}"), &err));
    assert_error(&err, KC_CONFIG, "not valid JSON");
}

static void an_error_never_quotes_the_text(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "{'password': 'hunter2",
        "{'password': hunter2}",
        "{'password': 'hunter2' 'x'}",
        "{'password': 'x', hunter2: 1}",
        "{'password': 'x'} hunter2",
        "{'hunter2': 1, 'hunter2': 2}",
        "{'password': 'hunter2\\q'}",
        "{'password': 'hunter2\n'}",
        "{'password': 'hunter2\xff'}",
        "{'password': 'hunter2\\ud800'}",
        "{'hunter2': 99999999999999999999}",
        "{'hunter2': 1e999}",
        "'hunter2'",
    };
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct kc_error err = { 0 };
        char *text = json(broken[i]);
        assert_null(kc_doc_parse(kc_text(text), &err));
        assert_int_equal(err.code, KC_CONFIG);
        assert_lacks(err.text, "hunter2");
        free(text);
    }
}

static void more_than_a_megabyte_is_refused_unread(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char *text = repeated(" ", KC_DOC_MAX_BYTES + 1);
    text[KC_DOC_MAX_BYTES - 2] = '{';
    text[KC_DOC_MAX_BYTES - 1] = '}';
    kc_doc_free(kc_doc_parse((struct kc_text){ text, KC_DOC_MAX_BYTES }, &err));
    assert_int_equal(err.code, KC_NONE);
    assert_null(kc_doc_parse((struct kc_text){ text, KC_DOC_MAX_BYTES + 1 }, &err));
    assert_error(&err, KC_CONFIG, "larger than 1048576 bytes");
    free(text);
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char *text = repeated("{\"a\":", 100000);
    assert_null(kc_doc_parse(kc_text(text), &err));
    assert_error(&err, KC_CONFIG, "not valid JSON");
    free(text);
}

static void what_is_laid_over_replaces_member_by_member(void **state)
{
    (void)state;
    struct kc_doc *below = parse("{'a': 1, 'b': 1}"), *over = parse("{'b': 2, 'c': 2}");
    kc_doc_overlay(below, over);
    kc_doc_free(over);
    assert_true(kc_doc_has(below, "a"));
    assert_true(kc_doc_has(below, "c"));
    kc_doc_put(below, "d", "text");
    assert_true(kc_doc_has(below, "d"));
    assert_false(kc_doc_has(below, "e"));
    kc_doc_free(below);
}

static void an_object_inside_can_be_taken_out(void **state)
{
    (void)state;
    struct kc_doc *doc = parse("{'credentials': {'username': 'alice'}, 'topic': 'cars'}");
    struct kc_doc *inner = kc_doc_take_object(doc, "credentials");
    assert_true(kc_doc_has(inner, "username"));
    assert_false(kc_doc_has(doc, "credentials"));
    assert_null(kc_doc_take_object(doc, "topic"));
    assert_null(kc_doc_take_object(doc, "nothing"));
    kc_doc_free(doc);
    kc_doc_free(inner);
    kc_doc_free(NULL);
}

static void write_file(char path[], const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void the_environment_holds_json_or_names_a_file(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char path[] = "/tmp/kc-doc-XXXXXX", named[64];
    write_file(path, "{\"topic\": \"cars\"}");
    snprintf(named, sizeof(named), "@%s", path);
    struct kc_doc *doc = kc_doc_from_env(named, &err);
    assert_true(kc_doc_has(doc, "topic"));
    kc_doc_free(doc);
    doc = kc_doc_from_env("{\"groupId\": \"g\"}", &err);
    assert_true(kc_doc_has(doc, "groupId"));
    kc_doc_free(doc);
    unlink(path);
}

static void a_file_that_cannot_be_read_is_named_with_the_reason(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    assert_null(kc_doc_load("/nowhere/kafka.json", &err));
    assert_error(&err, KC_CONFIG, "read '/nowhere/kafka.json': No such file or directory");
    assert_null(kc_doc_load("/tmp", &err));
    assert_error(&err, KC_CONFIG, "read '/tmp': Is a directory");
    char path[] = "/tmp/kc-doc-XXXXXX";
    write_file(path, "{\"password\": hunter2}");
    assert_null(kc_doc_load(path, &err));
    assert_lacks(err.text, "hunter2");
    assert_holds(err.text, path);
    unlink(path);
}

static void what_is_mixed_up_is_told(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    assert_null(kc_doc_load(" {\"password\":\"hunter2\"}", &err));
    assert_lacks(err.text, "hunter2");
    assert_error(&err, KC_CONFIG, "the name of a file is wanted, not the JSON");
    assert_null(kc_doc_from_env("@{\"password\":\"hunter2\"}", &err));
    assert_lacks(err.text, "hunter2");
    assert_error(&err, KC_CONFIG, "the name of a file is wanted");
    assert_null(kc_doc_from_env("/etc/kafka.json", &err));
    assert_error(&err, KC_CONFIG, "a file is named with @ in front");
    assert_null(kc_doc_from_env("./kafka.json", &err));
    assert_error(&err, KC_CONFIG, "a file is named with @ in front");
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    (void)state;
    struct kc_doc *doc = parse("\xef\xbb\xbf{'a': '1'}");
    assert_true(kc_doc_has(doc, "a"));
    kc_doc_free(doc);
    assert_refused("\xef\xbb\xbf", "not valid JSON");
    assert_refused("\xef\xbb", "not valid JSON");
}

static void what_two_documents_share_is_not_wiped_with_one(void **state)
{
    (void)state;
    struct kc_buf text;
    struct kc_doc *below = parse("{'a': 1}"), *over = parse("{'b': 'text', 'c': {'d': ['e']}}");
    kc_doc_overlay(below, over);
    kc_doc_free(over);
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_doc_print(below, &text);
    kc_buf_append(&text, "", 1);
    assert_string_equal(text.data, "{\"a\":1,\"b\":\"text\",\"c\":{\"d\":[\"e\"]}}");
    kc_buf_deinit(&text);
    kc_doc_free(below);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_taken_and_anything_else_refused),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(nul_characters_are_refused),
        cmocka_unit_test(an_error_never_quotes_the_text),
        cmocka_unit_test(more_than_a_megabyte_is_refused_unread),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(what_is_laid_over_replaces_member_by_member),
        cmocka_unit_test(an_object_inside_can_be_taken_out),
        cmocka_unit_test(the_environment_holds_json_or_names_a_file),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named_with_the_reason),
        cmocka_unit_test(what_is_mixed_up_is_told),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(what_two_documents_share_is_not_wiped_with_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
