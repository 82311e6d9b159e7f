// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/store.h"

#include "base/alloc.h"
#include "base/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME ".lock"
#define SUFFIX    ".json"
#define TEMPORARY ".tmp"
#define PATH_SIZE (KC_STORE_NAME_MAX + 16)

struct kc_store {
    char *folder;
    int folder_fd;
    int lock_fd;
};

bool kc_store_name_is_valid(struct kc_text name)
{
    if (name.len == 0 || name.len > KC_STORE_NAME_MAX || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.p[i]) && !strchr("._-", name.p[i]))
            return false;
    }
    return true;
}

static bool failed(struct kc_error *err, enum kc_code code, const char *what, const char *name)
{
    kc_error_set(err, code, errno, "%s '%s': %s", what, name, strerror(errno));
    return false;
}

/* --- life --- */

static bool lock(struct kc_store *s, struct kc_error *err)
{
    s->lock_fd =
        openat(s->folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0)
        return failed(err, KC_CONFIG, "lock", s->folder);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return failed(err, KC_CONFIG, "lock", s->folder);
    kc_error_set(
        err, KC_CONFIG, errno,
        "the state folder '%s' is in use by another process: each server needs its own",
        s->folder);
    return false;
}

/* What a crash left of a file that was being written. */
static void remove_leftovers(struct kc_store *s, DIR *dir)
{
    const struct dirent *entry;
    rewinddir(dir);
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);
        if (entry->d_name[0] == '.' && len > strlen(SUFFIX TEMPORARY) &&
            strcmp(entry->d_name + len - strlen(SUFFIX TEMPORARY), SUFFIX TEMPORARY) == 0)
            (void)unlinkat(s->folder_fd, entry->d_name, 0);
    }
}

static DIR *list(struct kc_store *s)
{
    int fd = openat(s->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

bool kc_store_open(struct kc_store **out, const char *folder, struct kc_error *err)
{
    struct kc_store *s = kc_new0(struct kc_store);
    DIR *dir = NULL;
    s->folder = kc_strdup(folder);
    s->lock_fd = -1;
    if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
        failed(err, KC_CONFIG, "make the state folder", folder);
        s->folder_fd = -1;
        goto fail;
    }
    s->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder_fd < 0) {
        failed(err, KC_CONFIG, "open the state folder", folder);
        goto fail;
    }
    if (!lock(s, err))
        goto fail;
    dir = list(s);
    if (!dir) {
        failed(err, KC_CONFIG, "read the state folder", folder);
        goto fail;
    }
    remove_leftovers(s, dir);
    closedir(dir);
    *out = s;
    return true;
fail:
    kc_store_close(s);
    return false;
}

void kc_store_close(struct kc_store *s)
{
    if (!s)
        return;
    if (s->lock_fd >= 0)
        close(s->lock_fd); /* which unlocks */
    if (s->folder_fd >= 0)
        close(s->folder_fd);
    free(s->folder);
    free(s);
}

/* --- reading --- */

/* The name within NAME.json; false for anything else. */
static bool name_of(const char *file, char name[KC_STORE_NAME_MAX + 1])
{
    size_t len = strlen(file), suffix = strlen(SUFFIX);
    if (len <= suffix || strcmp(file + len - suffix, SUFFIX) != 0 ||
        !kc_store_name_is_valid((struct kc_text){ file, len - suffix }))
        return false;
    memcpy(name, file, len - suffix);
    name[len - suffix] = '\0';
    return true;
}

static bool load_one(int fd, const char *name,
                     bool (*take)(void *arg, const char *name, struct kc_text text,
                                  struct kc_error *err),
                     void *arg, struct kc_error *err)
{
    char *text = kc_alloc0(KC_STORE_FILE_MAX + 1, 1);
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && len <= KC_STORE_FILE_MAX) {
        n = read(fd, text + len, KC_STORE_FILE_MAX + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    bool ok = false;
    if (n < 0)
        kc_error_set(err, KC_CONFIG, errno, "%s", strerror(errno));
    else if (len > KC_STORE_FILE_MAX)
        kc_error_set(err, KC_CONFIG, 0, "larger than %d bytes", KC_STORE_FILE_MAX);
    else
        ok = take(arg, name, (struct kc_text){ text, len }, err);
    explicit_bzero(text, len);
    free(text);
    return ok;
}

static bool load_entry(struct kc_store *s, const char *file,
                       bool (*take)(void *arg, const char *name, struct kc_text text,
                                    struct kc_error *err),
                       void *arg, struct kc_error *err)
{
    char name[KC_STORE_NAME_MAX + 1];
    struct stat st;
    bool ok = false;
    if (file[0] == '.' ||
        (fstatat(s->folder_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)))
        return true;
    int fd = name_of(file, name) ? openat(s->folder_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
                                 : -1;
    if (fd >= 0) {
        ok = load_one(fd, name, take, arg, err);
        close(fd);
    } else {
        kc_error_set(err, KC_CONFIG, 0, "not a file that this server has written");
    }
    if (!ok)
        kc_error_wrap(err, "state file '%s/%s': left as it is; repair it or move it away",
                      s->folder, file);
    return ok;
}

bool kc_store_load(struct kc_store *s,
                   bool (*take)(void *arg, const char *name, struct kc_text text,
                                struct kc_error *err),
                   void *arg, struct kc_error *err)
{
    DIR *dir = list(s);
    if (!dir)
        return failed(err, KC_CONFIG, "read the state folder", s->folder);
    const struct dirent *entry;
    bool ok = true;
    while (ok && (entry = readdir(dir)))
        ok = load_entry(s, entry->d_name, take, arg, err);
    closedir(dir);
    return ok;
}

/* --- writing --- */

static bool write_all(int fd, struct kc_text text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.p, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text.p += n;
        text.len -= (size_t)n;
    }
    return true;
}

static bool sync_folder(struct kc_store *s, struct kc_error *err)
{
    if (fsync(s->folder_fd) == 0 || errno == EINVAL) /* file systems that need no sync say so */
        return true;
    return failed(err, KC_STORAGE, "sync the state folder", s->folder);
}

bool kc_store_put(struct kc_store *s, const char *name, struct kc_text text,
                  struct kc_error *err)
{
    char path[PATH_SIZE], temporary[PATH_SIZE];
    snprintf(path, sizeof(path), "%s" SUFFIX, name);
    snprintf(temporary, sizeof(temporary), ".%s" SUFFIX TEMPORARY, name);
    int fd = openat(s->folder_fd, temporary,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(err, KC_STORAGE, "write to the state folder", s->folder);
    bool ok = fchmod(fd, 0600) == 0 && write_all(fd, text) && fsync(fd) == 0;
    int why = ok ? 0 : errno;
    if (close(fd) < 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && renameat(s->folder_fd, temporary, s->folder_fd, path) == 0)
        return sync_folder(s, err);
    errno = ok ? errno : why;
    failed(err, KC_STORAGE, "write to the state folder", s->folder);
    (void)unlinkat(s->folder_fd, temporary, 0);
    return false;
}

bool kc_store_remove(struct kc_store *s, const char *name, struct kc_error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s" SUFFIX, name);
    if (unlinkat(s->folder_fd, path, 0) < 0 && errno != ENOENT)
        return failed(err, KC_STORAGE, "remove from the state folder", s->folder);
    return sync_folder(s, err);
}
