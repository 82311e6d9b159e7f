// SPDX-License-Identifier: Apache-2.0
#include "transport/http/spill.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written comes first from the file, then from the memory: a full memory is written out
 * as a whole, and begins anew. */
struct kc_spill {
    size_t memory_bytes;
    struct kc_buf memory;
    int fd;         /* -1: all is in memory */
    uint64_t kept;  /* bytes in the file that count */
    uint64_t given; /* of the file */
    size_t taken;   /* of the memory */
    bool is_broken;
};

struct kc_spill *kc_spill_new(size_t memory_bytes)
{
    struct kc_spill *s = kc_new0(struct kc_spill);
    s->memory_bytes = memory_bytes;
    s->fd = -1;
    kc_buf_init(&s->memory, KC_BUF_UNBOUNDED);
    return s;
}

void kc_spill_free(struct kc_spill *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    kc_buf_deinit(&s->memory);
    free(s);
}

static bool fail(struct kc_spill *s, const char *what, struct kc_error *err)
{
    s->is_broken = true;
    kc_error_set(err, KC_STORAGE, errno, "%s: %s", what, strerror(errno));
    return false;
}

/* 0600, and without a name as soon as it is there. */
static bool open_file(struct kc_spill *s, struct kc_error *err)
{
    char path[512];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/kafka-component-XXXXXX",
             folder && *folder ? folder : "/tmp");
    s->fd = mkostemp(path, O_CLOEXEC);
    if (s->fd < 0)
        return fail(s, "make a temporary file (TMPDIR)", err);
    if (unlink(path) != 0)
        return fail(s, "remove the name of a temporary file", err);
    return true;
}

static bool write_all(struct kc_spill *s, struct kc_text bytes, struct kc_error *err)
{
    uint64_t at = s->kept;
    while (bytes.len > 0) {
        ssize_t n = pwrite(s->fd, bytes.p, bytes.len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(s, "write to a temporary file", err);
        at += (uint64_t)n;
        bytes.p += n;
        bytes.len -= (size_t)n;
    }
    s->kept = at;
    return true;
}

bool kc_spill_put(struct kc_spill *s, struct kc_text piece, struct kc_error *err)
{
    if (s->is_broken) {
        kc_error_set(err, KC_STORAGE, 0, "it failed before");
        return false;
    }
    if (s->memory.len + piece.len > s->memory_bytes) {
        if ((s->fd < 0 && !open_file(s, err)) || !write_all(s, kc_buf_peek(&s->memory), err))
            return false;
        kc_buf_clear(&s->memory);
        if (piece.len > s->memory_bytes)
            return write_all(s, piece, err);
    }
    return kc_buf_text(&s->memory, piece);
}

size_t kc_spill_read(struct kc_spill *s, char *to, size_t max)
{
    while (s->given < s->kept) {
        uint64_t left = s->kept - s->given;
        ssize_t n = pread(s->fd, to, left < max ? (size_t)left : max, (off_t)s->given);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* what is lost of the file is lost; its reader misses the ends of lines */
        s->given += (uint64_t)n;
        return (size_t)n;
    }
    size_t n = s->memory.len - s->taken;
    n = n < max ? n : max;
    if (n > 0)
        memcpy(to, s->memory.data + s->taken, n);
    s->taken += n;
    return n;
}
