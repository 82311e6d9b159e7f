// SPDX-License-Identifier: Apache-2.0
#include "support/push.h"

#include "support/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct push push_prepare(int partitions)
{
    struct push p = { .stub = stub_start(NULL) };
    p.topic = witness_new_topic(witness, partitions, NULL);
    p.group = witness_fresh_name(witness, "pushing");
    snprintf(p.id, sizeof(p.id), "%.60s", p.topic);
    snprintf(p.path, sizeof(p.path), SUBSCRIPTIONS "/%s", p.id);
    return p;
}

int push_tidy(void **state)
{
    http_free_all(state);
    stub_stop_all(state);
    return live_tidy(state);
}

void push_subscribe(struct push *p, struct serve *s, const char *config, const char *more)
{
    char body[2048];
    snprintf(body, sizeof(body),
             "{\"id\":\"%s\",\"config\":{\"topic\":\"%s\",\"groupId\":\"%s\","
             "\"startFrom\":\"earliest\"%s},\"callbackUrl\":\"%s\"%s}",
             p->id, p->topic, p->group, config, stub_url(p->stub, "/hook"), more);
    struct http_answer *a = http_post(s->base, SUBSCRIPTIONS, NULL, json(body));
    assert_http(a, 201);
    assert_header(a, "Location", p->path);
    http_answer_free(a);
    if (!p->server)
        p->server = s;
}

json_t *push_show(const struct push *p)
{
    struct http_answer *a = http_get(p->server->base, p->path, NULL);
    assert_http(a, 200);
    json_t *shown = json_incref(a->json);
    http_answer_free(a);
    return shown;
}

void push_unsubscribe(const struct push *p)
{
    struct http_answer *a = http_delete(p->server->base, p->path, NULL);
    assert_http(a, 204);
    http_answer_free(a);
}
