// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t kc_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t kc_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t kc_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int kc_ms_until(int64_t deadline_ms, int max_ms)
{
    int64_t left = deadline_ms - kc_now_ms();
    if (left <= 0)
        return 0;
    return left < max_ms ? (int)left : max_ms;
}

struct timespec kc_deadline(int wait_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += wait_ms / 1000;
    t.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

void kc_iso_format(int64_t wall_ms, char out[KC_ISO_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, KC_ISO_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, KC_ISO_SIZE - n, ".%03dZ", (int)(wall_ms % 1000));
}

/* Reads exactly `count` digits; false leaves *rest alone. */
static bool digits(const char **rest, int count, int *out)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char c = (*rest)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *rest += count;
    *out = value;
    return true;
}

static bool literal(const char **rest, char c)
{
    if (**rest != c)
        return false;
    (*rest)++;
    return true;
}

static bool read_date(const char **s, struct tm *tm)
{
    if (!digits(s, 4, &tm->tm_year) || !literal(s, '-') || !digits(s, 2, &tm->tm_mon) ||
        !literal(s, '-') || !digits(s, 2, &tm->tm_mday))
        return false;
    static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year = tm->tm_year;
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (tm->tm_mon < 1 || tm->tm_mon > 12 || tm->tm_mday < 1 ||
        tm->tm_mday > days[tm->tm_mon - 1] ||
        (tm->tm_mon == 2 && tm->tm_mday == 29 && !is_leap))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

static bool read_time(const char **s, struct tm *tm, int *ms)
{
    if (!digits(s, 2, &tm->tm_hour) || !literal(s, ':') || !digits(s, 2, &tm->tm_min))
        return false;
    if (literal(s, ':') && !digits(s, 2, &tm->tm_sec))
        return false;
    if (literal(s, '.')) {
        int scale = 100, digit;
        if (!digits(s, 1, &digit))
            return false;
        do {
            *ms += digit * scale;
            scale /= 10;
        } while (digits(s, 1, &digit));
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

/* "Z", "+02:00", "+0200" or nothing. */
static bool read_offset(const char **s, int *minutes)
{
    if (**s == '\0' || literal(s, 'Z'))
        return true;
    int sign = literal(s, '-') ? -1 : literal(s, '+') ? 1 : 0;
    int h, m;
    if (sign == 0 || !digits(s, 2, &h))
        return false;
    literal(s, ':');
    if (!digits(s, 2, &m) || h > 23 || m > 59)
        return false;
    *minutes = sign * (h * 60 + m);
    return true;
}

bool kc_iso_parse(struct kc_text text, int64_t *wall_ms)
{
    char copy[40];
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';

    const char *s = copy;
    struct tm tm = { 0 };
    int ms = 0, offset_minutes = 0;
    if (!read_date(&s, &tm))
        return false;
    if ((literal(&s, 'T') || literal(&s, ' ')) &&
        (!read_time(&s, &tm, &ms) || !read_offset(&s, &offset_minutes)))
        return false;
    if (*s != '\0')
        return false;
    *wall_ms = ((int64_t)timegm(&tm) - (int64_t)offset_minutes * 60) * 1000 + ms;
    return true;
}
