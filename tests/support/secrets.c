// SPDX-License-Identifier: Apache-2.0
#include "secrets.h"

#include "kafka_server.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/buf.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEEDLES_MAX 128
#define SHORTEST    8 /* less is found anywhere */

static char *needles[NEEDLES_MAX];
static size_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of both */

/* Takes text over. */
static void add_needle(char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(needles[i], text) == 0) {
            free(text);
            return;
        }
    }
    if (count == NEEDLES_MAX || strlen(text) < SHORTEST)
        abort(); /* a fault of the harness */
    needles[count++] = text;
}

/* In base64 with `before` bytes in front (modulo 3): only the letters that those before and
 * those behind have no part in. */
static void add_base64(const char *secret, size_t before)
{
    struct kc_buf bytes, text;
    size_t size = strlen(secret), skip = before == 0 ? 0 : before + 1;
    kc_buf_init(&bytes, KC_BUF_UNBOUNDED);
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_append(&bytes, "\0\0", before);
    kc_buf_puts(&bytes, secret);
    kc_base64_encode(&text, bytes.data, bytes.len);
    size_t whole = (before + size) * 8 / 6;
    add_needle(kc_strndup(text.data + skip, whole - skip)); /* text has no NUL at its end */
    kc_buf_deinit(&bytes);
    kc_buf_deinit(&text);
}

static void add_url_encoded(const char *secret)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~";
    char *text = calloc(3, strlen(secret) + 1), *to = text;
    for (const char *c = secret; *c; c++)
        to += strchr(plain, *c) ? snprintf(to, 2, "%c", *c)
                                : snprintf(to, 4, "%%%02X", (unsigned char)*c);
    add_needle(text);
}

static void add(const char *secret)
{
    add_needle(strdup(secret));
    add_url_encoded(secret);
    for (size_t before = 0; before < 3; before++)
        add_base64(secret, before);
}

static void know(void) /* needs lock */
{
    if (count > 0)
        return;
    add(KAFKA_PASSWORD);
    add(KAFKA_GUEST_PASSWORD);
}

void secrets_add(const char *secret)
{
    pthread_mutex_lock(&lock);
    know();
    add(secret);
    pthread_mutex_unlock(&lock);
}

/* cmocka's failures can be caught by a test that expects one, so it is not one. */
static _Noreturn void end(const char *where, const char *needle, const char *at, size_t left)
{
    fprintf(stderr, "\na secret is in %s: '%s'… in: %.*s\n", where, needle,
            (int)(left < 200 ? left : 200), at);
    exit(99);
}

void secrets_check(const void *bytes, size_t size, const char *where)
{
    pthread_mutex_lock(&lock); /* stubs look too, on threads of their own */
    know();
    for (size_t i = 0; i < count; i++) {
        const char *at = size ? memmem(bytes, size, needles[i], strlen(needles[i])) : NULL;
        if (at) {
            size_t before = (size_t)(at - (const char *)bytes);
            size_t back = before < 100 ? before : 100;
            end(where, needles[i], at - back, size - before + back);
        }
    }
    pthread_mutex_unlock(&lock);
}

void secrets_check_file(const char *path)
{
    char *text = read_text_file(path);
    secrets_check(text, strlen(text), path);
    free(text);
}

void secrets_check_command_line(pid_t pid)
{
    char path[64], text[65536];
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    size_t size = fread(text, 1, sizeof(text), f);
    fclose(f);
    secrets_check(text, size, path);
}
