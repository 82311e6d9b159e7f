// SPDX-License-Identifier: Apache-2.0
/* Bytes that wait in memory, then in a file, come back as they went in. */
#include "transport/http/spill.h"
#include "unit/unit.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static int setup(void **state)
{
    char *folder = kc_strdup("/tmp/spill-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    setenv("TMPDIR", folder, 1);
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    rmdir(*state);
    free(*state);
    unsetenv("TMPDIR");
    return 0;
}

static void put(struct kc_spill *s, const char *text)
{
    struct kc_error err = { 0 };
    if (!kc_spill_put(s, kc_text(text), &err))
        fail_msg("%s", err.text);
}

/* All of it, in reads of at most `max`. */
static char *read_all(struct kc_spill *s, size_t max)
{
    struct kc_buf all;
    char block[64];
    size_t n;
    kc_buf_init(&all, KC_BUF_UNBOUNDED);
    while ((n = kc_spill_read(s, block, max)) > 0)
        kc_buf_append(&all, block, n);
    return kc_buf_take(&all);
}

static size_t files_in(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; dir && (e = readdir(dir));)
        count += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static void what_fits_stays_in_memory(void **state)
{
    (void)state;
    struct kc_spill *s = kc_spill_new(16);
    setenv("TMPDIR", "/nowhere", 1);
    put(s, "0123456789");
    put(s, "abcdef");
    char *all = read_all(s, 3);
    assert_string_equal(all, "0123456789abcdef");
    free(all);
    kc_spill_free(s);
}

static void the_rest_comes_from_a_file_without_a_name_in_order(void **state)
{
    struct kc_spill *s = kc_spill_new(8);
    char wanted[2048] = "", piece[16];
    for (int i = 0; i < 100; i++) {
        snprintf(piece, sizeof(piece), "%.*d,", i % 12 + 1, i);
        strncat(wanted, piece, sizeof(wanted) - strlen(wanted) - 1);
        put(s, piece);
    }
    assert_int_equal(files_in(*state), 0);
    char *all = read_all(s, 64);
    assert_string_equal(all, wanted);
    free(all);
    kc_spill_free(s);
}

static void nothing_is_read_from_nothing(void **state)
{
    (void)state;
    struct kc_spill *s = kc_spill_new(8);
    char block[8];
    assert_int_equal(kc_spill_read(s, block, sizeof(block)), 0);
    kc_spill_free(s);
    kc_spill_free(NULL);
}

static void a_file_that_cannot_be_made_is_told_and_what_was_kept_stays(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_spill *s = kc_spill_new(8);
    setenv("TMPDIR", "/nowhere", 1);
    put(s, "kept");
    assert_false(kc_spill_put(s, KC_LIT("too much"), &err));
    assert_int_equal(err.code, KC_STORAGE);
    kc_error_clear(&err);
    assert_false(kc_spill_put(s, KC_LIT("x"), &err)); /* no hole in the middle */
    char *all = read_all(s, 64);
    assert_string_equal(all, "kept");
    free(all);
    kc_spill_free(s);
}

static void a_full_disk_is_told_and_whole_pieces_stay(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_spill *s = kc_spill_new(4);
    const struct rlimit small = { 10, RLIM_INFINITY };
    signal(SIGXFSZ, SIG_IGN);
    put(s, "0123");
    put(s, "4567");
    put(s, "89ab"); /* the file has 8 bytes now */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_false(kc_spill_put(s, KC_LIT("cdef"), &err));
    const struct rlimit all_of_it = { RLIM_INFINITY, RLIM_INFINITY };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all_of_it), 0);
    assert_int_equal(err.code, KC_STORAGE);
    char *all = read_all(s, 64);
    assert_string_equal(all, "0123456789ab");
    free(all);
    kc_spill_free(s);
}

#define spill_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        spill_test(what_fits_stays_in_memory),
        spill_test(the_rest_comes_from_a_file_without_a_name_in_order),
        spill_test(nothing_is_read_from_nothing),
        spill_test(a_file_that_cannot_be_made_is_told_and_what_was_kept_stays),
        spill_test(a_full_disk_is_told_and_whole_pieces_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
