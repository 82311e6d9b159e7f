// SPDX-License-Identifier: Apache-2.0
/* Files that survive a crash: written whole, locked, and never mistaken. */
#include "transport/webhook/store.h"

#include "unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/kc-store-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char path[400];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int teardown(void **state)
{
    (void)state;
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    if (!dir)
        return -1;
    while ((entry = readdir(dir))) {
        (void)unlink(path_of(entry->d_name));
        (void)rmdir(path_of(entry->d_name));
    }
    closedir(dir);
    return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "we");
    if (!file) {
        fail_msg("cannot write %s", name);
        return;
    }
    fputs(text, file);
    fclose(file);
}

static struct kc_store *open_store(void)
{
    struct kc_error err = { 0 };
    struct kc_store *s = NULL;
    if (!kc_store_open(&s, folder, &err))
        fail_msg("%s", err.text);
    return s;
}

/* Everything in the store as "NAME=TEXT;" in order of names. */
static bool note(void *arg, const char *name, struct kc_text text, struct kc_error *err)
{
    (void)err;
    char *all = arg;
    size_t used = strlen(all);
    snprintf(all + used, 1000 - used, "%s=%.*s;", name, (int)text.len, text.p);
    return true;
}

static void assert_stored(struct kc_store *s, const char *first, const char *second)
{
    struct kc_error err = { 0 };
    char all[1000] = "";
    if (!kc_store_load(s, note, all, &err))
        fail_msg("%s", err.text);
    assert_holds(all, first);
    assert_holds(all, second);
    assert_int_equal(strlen(all), strlen(first) + strlen(second));
}

static void put(struct kc_store *s, const char *name, const char *text)
{
    struct kc_error err = { 0 };
    if (!kc_store_put(s, name, kc_text(text), &err))
        fail_msg("%s", err.text);
}

static void what_is_put_is_there_replaced_and_removed(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_store *s = open_store();
    put(s, "a", "one");
    put(s, "b.c-d_e", "two");
    assert_stored(s, "a=one;", "b.c-d_e=two;");
    put(s, "a", "");
    assert_stored(s, "a=;", "b.c-d_e=two;");
    assert_true(kc_store_remove(s, "a", &err));
    assert_true(kc_store_remove(s, "a", &err)); /* twice is fine */
    kc_store_close(s);
    s = open_store();
    assert_stored(s, "b.c-d_e=two;", "");
    kc_store_close(s);
}

static void files_are_for_the_owner_alone(void **state)
{
    (void)state;
    struct stat st;
    mode_t before = umask(0);
    struct kc_store *s = open_store();
    put(s, "a", "secret");
    umask(before);
    assert_int_equal(stat(path_of("a.json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    kc_store_close(s);
}

static void a_folder_that_is_missing_is_made(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_store *s = NULL;
    struct stat st;
    char inner[100];
    snprintf(inner, sizeof(inner), "%s/inner", folder);
    assert_true(kc_store_open(&s, inner, &err));
    assert_int_equal(stat(inner, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    kc_store_close(s);
    snprintf(inner, sizeof(inner), "%s/inner/.lock", folder);
    assert_false(kc_store_open(&s, inner, &err)); /* a file */
    assert_error(&err, KC_CONFIG, "Not a directory");
    unlink(inner);
    snprintf(inner, sizeof(inner), "%s/no/such", folder);
    assert_false(kc_store_open(&s, inner, &err));
    assert_error(&err, KC_CONFIG, "No such file");
}

static void it_is_locked_until_it_is_closed(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_store *s = open_store(), *second = NULL;
    assert_false(kc_store_open(&second, folder, &err));
    assert_error(&err, KC_CONFIG, "in use by another process");
    kc_store_close(s);
    kc_store_close(open_store());
}

static void what_is_not_ours_is_named_and_left(void **state)
{
    (void)state;
    static const char *const names[] = { "notes.txt", "a b.json", ".json.x.bak", "x.json.bak" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct kc_error err = { 0 };
        char all[1000] = "";
        bool is_hidden = names[i][0] == '.';
        struct kc_store *s = open_store();
        write_file(names[i], "mine");
        assert_int_equal(kc_store_load(s, note, all, &err), is_hidden);
        if (!is_hidden)
            assert_error(&err, KC_CONFIG, names[i]);
        kc_store_close(s);
        assert_int_equal(unlink(path_of(names[i])), 0);
    }
    struct kc_error err = { 0 };
    char all[1000] = "";
    struct kc_store *s = open_store();
    assert_int_equal(symlink("/etc/passwd", path_of("a.json")), 0); /* nor followed */
    assert_false(kc_store_load(s, note, all, &err));
    assert_error(&err, KC_CONFIG, "a.json");
    kc_store_close(s);
}

static bool refuse(void *arg, const char *name, struct kc_text text, struct kc_error *err)
{
    (void)arg;
    (void)name;
    (void)text;
    kc_error_set(err, KC_CONFIG, 0, "torn");
    return false;
}

static void what_is_refused_ends_the_reading_with_its_name(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_store *s = open_store();
    put(s, "a", "x");
    assert_false(kc_store_load(s, refuse, NULL, &err));
    assert_holds(err.text, folder);
    assert_holds(err.text, "a.json");
    assert_error(&err, KC_CONFIG, "left as it is; repair it or move it away: torn");
    kc_store_close(s);
}

static void a_half_written_file_of_a_crash_goes(void **state)
{
    (void)state;
    write_file(".a.json.tmp", "{\"half");
    struct kc_store *s = open_store();
    assert_stored(s, "", "");
    assert_int_not_equal(access(path_of(".a.json.tmp"), F_OK), 0);
    kc_store_close(s);
}

static void what_cannot_be_written_changes_nothing(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_store *s = open_store();
    put(s, "a", "old");
    assert_int_equal(mkdir(path_of(".a.json.tmp"), 0700), 0); /* stands in its way */
    assert_false(kc_store_put(s, "a", KC_LIT("new"), &err));
    assert_error(&err, KC_STORAGE, folder);
    assert_int_equal(rmdir(path_of(".a.json.tmp")), 0);
    assert_stored(s, "a=old;", "");
    kc_store_close(s);
}

/* A limit on the size of files stands for a full disk: write() fails in the middle. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct kc_store *s = open_store();
    put(s, "a", "old");
    kc_store_close(s);
    s = open_store();
    struct rlimit before, small = { 1000, 1000 };
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    char *large = repeated("x", 100000);
    struct kc_error err = { 0 };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool ok = kc_store_put(s, "a", kc_text(large), &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    free(large);
    assert_false(ok);
    assert_error(&err, KC_STORAGE, "File too large");
    assert_int_not_equal(access(path_of(".a.json.tmp"), F_OK), 0);
    kc_store_close(s);
    s = open_store();
    assert_stored(s, "a=old;", "");
    kc_store_close(s);
}

static void names_are_plain(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "A-b_c.9", "0..", "-", "_" };
    static const char *const bad[] = { "", ".a", "a/b", "a b", "..", "\xc3\xa4", "a%" };
    char *longest = repeated("x", KC_STORE_NAME_MAX), *longer = repeated("x", 65);
    assert_true(kc_store_name_is_valid(kc_text(longest)));
    assert_false(kc_store_name_is_valid(kc_text(longer)));
    free(longest);
    free(longer);
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(kc_store_name_is_valid(kc_text(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(kc_store_name_is_valid(kc_text(bad[i])));
}

#define store_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(what_is_put_is_there_replaced_and_removed),
        store_test(files_are_for_the_owner_alone),
        store_test(a_folder_that_is_missing_is_made),
        store_test(it_is_locked_until_it_is_closed),
        store_test(what_is_not_ours_is_named_and_left),
        store_test(what_is_refused_ends_the_reading_with_its_name),
        store_test(a_half_written_file_of_a_crash_goes),
        store_test(what_cannot_be_written_changes_nothing),
        store_test(a_full_disk_leaves_the_old_file),
        store_test(names_are_plain),
    };
    return cmocka_run_group_tests_name("unit/store", tests, NULL, NULL);
}
