// SPDX-License-Identifier: Apache-2.0
#include "tally.h"

#include "event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void tally_init(struct tally *t, int64_t count)
{
    *t = (struct tally){ .count = count, .seen = calloc((size_t)count, 1) };
    assert_non_null(t->seen);
}

void tally_deinit(struct tally *t)
{
    free(t->seen);
    *t = (struct tally){ 0 };
}

void tally_add(struct tally *t, int64_t number)
{
    if (number < 0 || number >= t->count)
        fail_msg("%lld is none of the %lld numbers", (long long)number, (long long)t->count);
    if (t->seen[number])
        t->again++;
    else
        t->different++;
    t->seen[number] = 1;
}

int64_t tally_lines(struct tally *t, struct process *p, int64_t max, int wait_ms)
{
    int64_t taken = 0;
    const char *line;
    while (taken < max && (line = process_line_if_any(p, wait_ms)) != NULL) {
        json_t *event = event_parse(line);
        if (strcmp(event_str(event, "event"), "data") == 0) {
            tally_add(t, strtoll(event_str(event, "body.value"), NULL, 10));
            taken++;
        } else if (strcmp(event_str(event, "event"), "error") == 0) {
            print_message("said: %s\n", event_str(event, "error.message"));
        }
        json_decref(event);
    }
    return taken;
}
