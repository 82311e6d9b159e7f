// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/table.h"

#include "unit/unit.h"

static amqp_bytes_t bytes(const char *text)
{
    return amqp_cstring_bytes(text);
}

static void assert_printed(const struct kc_table *t, const char *quoted)
{
    char *wanted = json(quoted);
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_table_print(t, &b);
    assert_text(kc_buf_peek(&b), wanted);
    kc_buf_deinit(&b);
    free(wanted);
}

static void a_header_replaces_one_of_the_same_name(void **state)
{
    (void)state;
    struct kc_table *t = kc_table_new();
    kc_table_text(t, "a", KC_LIT("one"));
    kc_table_int(t, "b", INT64_MIN);
    kc_table_bool(t, "c", true);
    kc_table_text(t, "a", KC_LIT("two"));
    assert_int_equal(kc_table_native(t)->num_entries, 3);
    assert_printed(t, "{'a':'two','b':-9223372036854775808,'c':true}");

    kc_table_int(t, "a", 7);
    kc_table_remove(t, "b");
    kc_table_remove(t, "none");
    assert_printed(t, "{'a':7,'c':true}");
    kc_table_free(t);
}

static void only_signed_kinds_are_made(void **state)
{
    (void)state;
    struct kc_table *t = kc_table_new();
    kc_table_text(t, "text", KC_LIT("x"));
    kc_table_int(t, "int", 1);
    kc_table_bool(t, "bool", false);
    assert_int_equal(kc_table_get(t, "text")->kind, AMQP_FIELD_KIND_UTF8);
    assert_int_equal(kc_table_get(t, "int")->kind, AMQP_FIELD_KIND_I64);
    assert_int_equal(kc_table_get(t, "bool")->kind, AMQP_FIELD_KIND_BOOLEAN);
    kc_table_free(t);
}

static void many_headers_keep_their_order(void **state)
{
    (void)state;
    struct kc_table *t = kc_table_new();
    char name[16];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "h%d", i);
        kc_table_int(t, name, i);
    }
    struct kc_table *copy = kc_table_copy(t);
    kc_table_free(t);
    assert_int_equal(kc_table_native(copy)->num_entries, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(kc_table_native(copy)->entries[i].value.value.i64, i);
    kc_table_free(copy);
}

/* One entry of each kind; nested ones hold texts, so that a shallow copy is seen. */
struct all_kinds {
    char text[8];
    amqp_table_entry_t inner[1];
    amqp_field_value_t list[2];
    amqp_table_entry_t entries[20];
    amqp_table_t table;
};

static amqp_field_value_t *add(struct all_kinds *all, const char *name, int kind)
{
    amqp_table_entry_t *e = &all->entries[all->table.num_entries++];
    e->key = bytes(name);
    e->value.kind = (uint8_t)kind;
    return &e->value;
}

static void fill(struct all_kinds *all)
{
    *all = (struct all_kinds){ .text = "text" };
    all->table.entries = all->entries;
    all->inner[0].key = bytes(all->text);
    all->inner[0].value.kind = AMQP_FIELD_KIND_UTF8;
    all->inner[0].value.value.bytes = bytes(all->text);
    all->list[0] = all->inner[0].value;
    all->list[1].kind = AMQP_FIELD_KIND_TABLE;
    all->list[1].value.table = (amqp_table_t){ 1, all->inner };

    add(all, "boolean", AMQP_FIELD_KIND_BOOLEAN)->value.boolean = 1;
    add(all, "i8", AMQP_FIELD_KIND_I8)->value.i8 = -8;
    add(all, "u8", AMQP_FIELD_KIND_U8)->value.u8 = 200;
    add(all, "i16", AMQP_FIELD_KIND_I16)->value.i16 = -16;
    add(all, "u16", AMQP_FIELD_KIND_U16)->value.u16 = 60000;
    add(all, "i32", AMQP_FIELD_KIND_I32)->value.i32 = -32;
    add(all, "u32", AMQP_FIELD_KIND_U32)->value.u32 = 4000000000U;
    add(all, "i64", AMQP_FIELD_KIND_I64)->value.i64 = -64;
    add(all, "u64", AMQP_FIELD_KIND_U64)->value.u64 = UINT64_MAX;
    add(all, "f32", AMQP_FIELD_KIND_F32)->value.f32 = 0.5F;
    add(all, "f64", AMQP_FIELD_KIND_F64)->value.f64 = 0.1;
    add(all, "decimal", AMQP_FIELD_KIND_DECIMAL)->value.decimal =
        (amqp_decimal_t){ .decimals = 2, .value = 314 };
    add(all, "utf8", AMQP_FIELD_KIND_UTF8)->value.bytes = bytes(all->text);
    add(all, "bytes", AMQP_FIELD_KIND_BYTES)->value.bytes = (amqp_bytes_t){ 4, all->text };
    add(all, "timestamp", AMQP_FIELD_KIND_TIMESTAMP)->value.u64 = 1700000000;
    add(all, "table", AMQP_FIELD_KIND_TABLE)->value.table = (amqp_table_t){ 1, all->inner };
    add(all, "array", AMQP_FIELD_KIND_ARRAY)->value.array = (amqp_array_t){ 2, all->list };
    (void)add(all, "void", AMQP_FIELD_KIND_VOID);
}

static const char all_printed[] =
    "{'boolean':true,'i8':-8,'u8':200,'i16':-16,'u16':60000,'i32':-32,'u32':4000000000,"
    "'i64':-64,'u64':18446744073709551615,'f32':0.5,'f64':0.1,"
    "'decimal':{'!':'decimal','value':{'places':2,'digits':314}},'utf8':'text','bytes':'text',"
    "'timestamp':{'!':'timestamp','value':1700000000},'table':{'text':'text'},"
    "'array':['text',{'text':'text'}],'void':null}";

static void every_kind_is_copied_deep_and_stays_what_it_is(void **state)
{
    (void)state;
    struct all_kinds all;
    fill(&all);
    struct kc_table *t = kc_table_of(&all.table);
    struct kc_table *copy = kc_table_copy(t);
    for (int i = 0; i < all.table.num_entries; i++)
        assert_int_equal(kc_table_native(copy)->entries[i].value.kind,
                         all.entries[i].value.kind);
    memset(&all, 'x', sizeof(all));
    assert_printed(t, all_printed);
    kc_table_free(t);
    assert_printed(copy, all_printed);
    kc_table_free(copy);
}

static void a_single_value_is_copied_deep_too(void **state)
{
    (void)state;
    struct all_kinds all;
    fill(&all);
    struct kc_table *t = kc_table_new();
    kc_table_value(t, "table", &all.list[1]);
    kc_table_value(t, "again", kc_table_get(t, "table"));
    memset(&all, 'x', sizeof(all));
    assert_printed(t, "{'table':{'text':'text'},'again':{'text':'text'}}");
    kc_table_free(t);
}

static void the_wire_form_is_taken_by_rabbitmq_c(void **state)
{
    (void)state;
    struct all_kinds all;
    char wire[1024];
    amqp_pool_t pool;
    amqp_table_t decoded;
    size_t written = 0, read = 0;
    fill(&all);
    struct kc_table *t = kc_table_of(&all.table);
    kc_table_text(t, "empty", KC_LIT(""));
    assert_int_equal(amqp_encode_table((amqp_bytes_t){ sizeof(wire), wire },
                                       (amqp_table_t *)(uintptr_t)kc_table_native(t), &written),
                     AMQP_STATUS_OK);
    init_amqp_pool(&pool, 4096);
    assert_int_equal(amqp_decode_table((amqp_bytes_t){ written, wire }, &pool, &decoded, &read),
                     AMQP_STATUS_OK);
    struct kc_table *back = kc_table_of(&decoded);
    empty_amqp_pool(&pool);
    kc_table_remove(back, "empty");
    assert_printed(back, all_printed);
    kc_table_free(back);
    kc_table_free(t);
}

static void numbers_and_texts_are_found_by_exact_name(void **state)
{
    (void)state;
    struct all_kinds all;
    fill(&all);
    struct kc_table *t = kc_table_of(&all.table);
    assert_text(kc_table_get_text(t, "utf8"), "text");
    assert_text(kc_table_get_text(t, "bytes"), "text");
    assert_text(kc_table_get_text(t, "UTF8"), NULL);
    assert_text(kc_table_get_text(t, "i8"), NULL);
    assert_null(kc_table_get(t, "utf"));

    assert_int_equal(kc_table_get_int(t, "i8", 1), -8);
    assert_int_equal(kc_table_get_int(t, "u32", 1), 4000000000);
    assert_int_equal(kc_table_get_int(t, "u64", 1), 1);
    assert_int_equal(kc_table_get_int(t, "f64", 1), 1);
    assert_int_equal(kc_table_get_int(t, "utf8", 1), 1);
    assert_int_equal(kc_table_get_int(t, "boolean", 5), 5);
    assert_int_equal(kc_table_get_int(t, "absent", 5), 5);
    kc_table_text(t, "number", KC_LIT("-12"));
    assert_int_equal(kc_table_get_int(t, "number", 1), -12);
    kc_table_value(
        t, "whole",
        &(amqp_field_value_t){ .kind = AMQP_FIELD_KIND_F64, .value = { .f64 = 3.0 } });
    assert_int_equal(kc_table_get_int(t, "whole", 1), 3);
    kc_table_free(t);
}

static void texts_are_escaped_and_other_bytes_are_base64(void **state)
{
    (void)state;
    struct kc_table *t = kc_table_new();
    kc_table_text(t, "q", KC_LIT("a\"b\\c\n\x01\x7f/\xc3\xa9"));
    kc_table_text(t, "raw", BYTES("\xff\x00\x01"));
    kc_table_text(t, "nul", BYTES("a\0b"));
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_table_print(t, &b);
    assert_text(kc_buf_peek(&b),
                "{\"q\":\"a\\\"b\\\\c\\u000a\\u0001\x7f/\xc3\xa9\",\"raw\":\"/wAB\","
                "\"nul\":\"a\\u0000b\"}");
    kc_buf_deinit(&b);
    kc_table_free(t);
}

static void numbers_that_json_lacks_are_null(void **state)
{
    (void)state;
    struct kc_table *t = kc_table_new();
    const amqp_field_value_t inf = { .kind = AMQP_FIELD_KIND_F64,
                                     .value = { .f64 = __builtin_inf() } };
    kc_table_value(t, "inf", &inf);
    assert_printed(t, "{'inf':null}");
    kc_table_free(t);
}

static void what_is_nested_without_end_is_cut(void **state)
{
    (void)state;
    static amqp_table_entry_t levels[5000];
    for (int i = 0; i < 5000; i++) {
        levels[i].key = bytes("x");
        levels[i].value.kind = AMQP_FIELD_KIND_TABLE;
        levels[i].value.value.table = (amqp_table_t){ i > 0, i > 0 ? &levels[i - 1] : NULL };
    }
    struct kc_table *t = kc_table_of(&(amqp_table_t){ 1, &levels[4999] });
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_table_print(t, &b);
    assert_true(b.len > 300 && b.len < 600);
    kc_buf_deinit(&b);
    kc_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_replaces_one_of_the_same_name),
        cmocka_unit_test(only_signed_kinds_are_made),
        cmocka_unit_test(many_headers_keep_their_order),
        cmocka_unit_test(every_kind_is_copied_deep_and_stays_what_it_is),
        cmocka_unit_test(a_single_value_is_copied_deep_too),
        cmocka_unit_test(the_wire_form_is_taken_by_rabbitmq_c),
        cmocka_unit_test(numbers_and_texts_are_found_by_exact_name),
        cmocka_unit_test(texts_are_escaped_and_other_bytes_are_base64),
        cmocka_unit_test(numbers_that_json_lacks_are_null),
        cmocka_unit_test(what_is_nested_without_end_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
