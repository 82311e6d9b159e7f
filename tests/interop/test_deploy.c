// SPDX-License-Identifier: Apache-2.0
/* test_deploy.c - compose.yaml and deploy/kubernetes.yaml, read by tools that know the formats,
 * and started as they say.
 *
 * Docker Compose reads its file without an engine; kubernetes-validate holds the other against
 * the schemas of Kubernetes' own releases. What neither of them looks at, such as whether one
 * document's name is the one that another asks for, stands here. */
#include "support/event.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/kafka_server.h"
#include "support/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS   30000
#define TOKEN     "a-token-of-the-tests-8c1f"
#define FORCE_MS  1500 /* after --drain-ms it ends by force */

#define DOCUMENTS 5 /* in deploy/kubernetes.yaml */

static const char *const kubernetes_releases[] = { "1.30", "1.33", "1.37" };

/* --- Files --- */

static char folder[] = "/tmp/kc-deploy-XXXXXX";

static const char *path_in(const char *in, const char *name)
{
    static char paths[8][400];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", in, name);
    return path;
}

static const char *ours(const char *name)
{
    return path_in(need_env("KC_TEST_ROOT"), name);
}

/* A file in the folder of the tests with this text; its path. */
static const char *written(const char *name, const char *text)
{
    const char *path = path_in(folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        fail_test("cannot write %s", path);
    return path;
}

/* The text with one part of it replaced, which is there once; the caller frees. */
static char *replaced(const char *text, const char *part, const char *by)
{
    const char *at = strstr(text, part);
    size_t size = strlen(text) + strlen(by) + 1;
    char *copy = malloc(size);
    assert_non_null(copy);
    if (!at)
        fail_test("'%s' is not in:\n%s", part, text);
    snprintf(copy, size, "%.*s%s%s", (int)(at - text), text, by, at + strlen(part));
    return copy;
}

/* --- The tools --- */

static struct run compose(const char *file)
{
    return run_process(ARGS(need_env("KC_TEST_COMPOSE"), "--file", file, "--project-directory",
                            need_env("KC_TEST_ROOT"), "config", "--format", "json"),
                       NULL, "", WAIT_MS);
}

/* Whether every document of the file holds to its schema. Of a kind that the release does not
 * know the tool says so, and takes it. */
static bool kubernetes_takes(const char *file, const char *release)
{
    size_t passed = 0;
    struct run run = run_process(ARGS(need_env("KC_TEST_KUBERNETES_VALIDATE"), "--strict",
                                      "--kubernetes-version", release, file),
                                 NULL, "", WAIT_MS);
    for (const char *at = run.out; (at = strstr(at, " passed for resource ")); at++)
        passed++;
    bool ok = run.end.exit_code == 0 && passed == DOCUMENTS;
    run_free(&run);
    return ok;
}

static json_t *read_compose(void)
{
    struct run run = compose(ours("compose.yaml"));
    assert_exit(&run, 0);
    assert_string_equal(run.err, ""); /* a warning is one too many */
    json_t *file = json_loads(run.out, 0, NULL);
    assert_non_null(file);
    run_free(&run);
    return file;
}

/* The documents of a YAML file as an array, read by the validator's own parser. */
static json_t *read_kubernetes(void)
{
    char python[400];
    const char *tool = need_env("KC_TEST_KUBERNETES_VALIDATE");
    snprintf(python, sizeof(python), "%.*s/python", (int)(strrchr(tool, '/') - tool), tool);
    static const char program[] =
        "import json, sys, yaml\n"
        "print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))\n";
    struct run run = run_process(ARGS(python, "-c", program, ours("deploy/kubernetes.yaml")),
                                 NULL, "", WAIT_MS);
    assert_exit(&run, 0);
    json_t *documents = json_loads(run.out, 0, NULL);
    assert_non_null(documents);
    run_free(&run);
    return documents;
}

static json_t *document(json_t *documents, const char *kind)
{
    size_t i;
    json_t *one;
    json_array_foreach(documents, i, one)
    {
        if (strcmp(event_str(one, "kind"), kind) == 0)
            return one;
    }
    fail_test("there is no %s", kind);
}

/* --- Command lines --- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The number in an argument, such as --drain-ms=8000. */
static long number_of(json_t *args, const char *option)
{
    size_t i;
    json_t *arg;
    json_array_foreach(args, i, arg)
    {
        const char *text = json_string_value(arg);
        if (begins(text, option) && text[strlen(option)] == '=')
            return strtol(text + strlen(option) + 1, NULL, 10);
    }
    fail_test("there is no %s", option);
}

/* Where a container's path is on this machine. */
struct mount {
    const char *there, *here;
};

/* Starts the server as a container would be, but on a loopback port and with the files that are
 * mounted there; asks what the probes ask; and ends it in the time that it is given. */
static void starts(json_t *args, const struct mount mounts[], const char *credentials,
                   const char *const probes[], long grace_ms)
{
    const char *argv[16] = { "--listen=127.0.0.1:0" };
    char *own[16] = { NULL };
    size_t i, n = 1;
    json_t *arg;
    assert_string_equal(json_string_value(json_array_get(args, 0)), "serve");
    assert_string_equal(json_string_value(json_array_get(args, 1)), "--listen=0.0.0.0:8080");
    json_array_foreach(args, i, arg)
    {
        const char *text = json_string_value(arg);
        const struct mount *m = mounts;
        while (m->there && !strstr(text, m->there))
            m++;
        assert_true(m->there || !strchr(text, '/')); /* no path that nobody mounts */
        if (i < 2)
            continue;
        own[n] = m->there ? replaced(text, m->there, m->here) : strdup(text);
        argv[n] = own[n];
        n++;
        assert_true(n < 15);
    }
    struct serve *server = serve_start(ARGS(credentials, "KAFKA_COMPONENT_API_TOKEN"), argv);
    for (; *probes; probes++) {
        char url[200];
        assert_http(http_get(server->base, *probes, NULL), 200);
        snprintf(url, sizeof(url), "%s%s", server->base, *probes);
        struct run run = run_component(ARGS("probe", url), NULL, "", WAIT_MS);
        assert_exit(&run, 0);
        run_free(&run);
    }
    assert_http(http_get(server->base, "/v1/component", NULL), 401);
    assert_http(http_get(server->base, "/v1/component", ARGS("Authorization: Bearer " TOKEN)),
                200);
    assert_true(grace_ms >= number_of(args, "--drain-ms") + FORCE_MS);
    serve_stop(server, 0, (int)grace_ms);
    for (i = 0; i < 16; i++)
        free(own[i]);
}

/* --- compose.yaml --- */

static const char *const replicas[] = { "component-1", "component-2", NULL };

static void compose_reads_our_file(void **state)
{
    (void)state;
    char image[64];
    json_t *file = read_compose();
    char *version = read_text_file(ours("VERSION"));
    snprintf(image, sizeof(image), "kafka-component:%.*s", (int)strcspn(version, "\n"),
             version);
    version[strcspn(version, "\n")] = '\0';
    for (int i = 0; replicas[i]; i++) {
        json_t *r = event_at(event_at(file, "services"), replicas[i]);
        assert_non_null(r);
        assert_event_str(r, "image", image);
        assert_event_str(r, "build.args.VERSION", version);
        assert_json(r, "read_only", "true");
        assert_json(r, "cap_drop", "[\"ALL\"]");
        assert_json(r, "security_opt", "[\"no-new-privileges:true\"]");
        assert_event_str(r, "ports.0.host_ip", "127.0.0.1");
        assert_event_str(r, "depends_on.topics.condition", "service_completed_successfully");
        assert_event_str(r, "healthcheck.test.1", "kafka-component");
        assert_event_str(r, "healthcheck.test.2", "probe");
        assert_non_null(event_at(r, "deploy.resources.limits.memory"));
        assert_event_str(r, "volumes.0.target", "/var/lib/kafka-component");
        assert_event_str(r, "volumes.0.type", "volume");
    }
    assert_string_not_equal(event_str(file, "services.component-1.volumes.0.source"),
                            event_str(file, "services.component-2.volumes.0.source"));
    free(version);
    assert_event_str(file, "services.topics.depends_on.kafka.condition", "service_healthy");
    json_decref(file);
}

static void the_replicas_of_compose_start(void **state)
{
    (void)state;
    json_t *file = read_compose();
    const struct mount mounts[] = {
        { "/run/secrets/api-token", written("api-token", TOKEN "\n") },
        { "/etc/kafka-component", ours("deploy/subscriptions") },
        { "/var/lib/kafka-component", path_in(folder, "state") },
        { NULL, NULL },
    };
    for (int i = 0; replicas[i]; i++) {
        json_t *r = event_at(event_at(file, "services"), replicas[i]);
        char credentials[300], *there, *end;
        snprintf(credentials, sizeof(credentials), "KAFKA_COMPONENT_CREDENTIALS=%s",
                 event_str(r, "environment.KAFKA_COMPONENT_CREDENTIALS"));
        there = replaced(credentials, "kafka:9092", "127.0.0.1:1");
        const char *probe = strstr(event_str(r, "healthcheck.test.3"), ":8080");
        assert_non_null(probe);
        long grace_s = strtol(event_str(r, "stop_grace_period"), &end, 10);
        assert_string_equal(end, "s");
        starts(event_at(r, "command"), mounts, there, ARGS(probe + strlen(":8080")),
               grace_s * 1000);
        free(there);
    }
    json_decref(file);
}

/* --- deploy/kubernetes.yaml --- */

static void kubernetes_takes_our_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kubernetes_releases) / sizeof(kubernetes_releases[0]); i++) {
        assert_true(kubernetes_takes(ours("deploy/kubernetes.yaml"), kubernetes_releases[i]));
    }
}

#define POD       "spec.template.spec."
#define CONTAINER POD "containers.0."

static void the_pods_may_do_no_more_than_they_need(void **state)
{
    (void)state;
    json_t *documents = read_kubernetes();
    json_t *d = document(documents, "Deployment");
    assert_json(d, POD "automountServiceAccountToken", "false");
    assert_json(d, POD "securityContext.runAsNonRoot", "true");
    assert_json(d, POD "securityContext.runAsUser", "65532"); /* as in the Dockerfile */
    assert_event_str(d, POD "securityContext.seccompProfile.type", "RuntimeDefault");
    assert_json(d, CONTAINER "securityContext",
                "{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"]},"
                "\"readOnlyRootFilesystem\":true}");
    assert_non_null(event_at(d, CONTAINER "resources.limits.memory"));
    assert_non_null(event_at(d, CONTAINER "resources.requests.cpu"));
    json_decref(documents);
}

static void what_one_document_names_is_in_another(void **state)
{
    (void)state;
    json_t *documents = read_kubernetes();
    json_t *d = document(documents, "Deployment"), *service = document(documents, "Service");
    json_t *budget = document(documents, "PodDisruptionBudget");
    json_t *labels = event_at(d, "spec.template.metadata.labels");
    assert_true(json_equal(labels, event_at(d, "spec.selector.matchLabels")));
    assert_true(json_equal(labels, event_at(service, "spec.selector")));
    assert_true(json_equal(labels, event_at(budget, "spec.selector.matchLabels")));
    assert_event_str(d, CONTAINER "ports.0.name",
                     event_str(service, "spec.ports.0.targetPort"));
    assert_event_str(d, POD "volumes.0.secret.secretName",
                     event_str(document(documents, "Secret"), "metadata.name"));
    assert_event_str(d, POD "volumes.1.configMap.name",
                     event_str(document(documents, "ConfigMap"), "metadata.name"));
    for (int i = 0; i < 3; i++) {
        char mount[64], volume[64];
        snprintf(mount, sizeof(mount), CONTAINER "volumeMounts.%d.name", i);
        snprintf(volume, sizeof(volume), POD "volumes.%d.name", i);
        assert_event_str(d, mount, event_str(d, volume));
    }
    json_decref(documents);
}

static void the_pods_of_kubernetes_start(void **state)
{
    (void)state;
    json_t *documents = read_kubernetes();
    json_t *d = document(documents, "Deployment");
    json_t *secret = event_at(document(documents, "Secret"), "stringData");
    json_t *map = event_at(document(documents, "ConfigMap"), "data");
    /* What the file has is a form to be filled in; it has the members that ours have. */
    json_t *form =
        json_loads(json_string_value(json_object_get(secret, "credentials.json")), 0, NULL);
    assert_non_null(event_str(form, "brokers"));
    assert_non_null(event_str(form, "password"));
    json_decref(form);
    assert_non_null(json_object_get(secret, "api-token"));
    written("api-token", TOKEN);
    written("credentials.json", "{\"brokers\":\"127.0.0.1:1\",\"mechanism\":\"none\","
                                "\"securityProtocol\":\"PLAINTEXT\"}");
    written("subscriptions.json",
            json_string_value(json_object_get(map, "subscriptions.json")));
    const struct mount mounts[] = {
        { event_str(d, CONTAINER "volumeMounts.0.mountPath"), folder },
        { event_str(d, CONTAINER "volumeMounts.1.mountPath"), folder },
        { NULL, NULL },
    };
    long grace_s = (long)(event_int(d, POD "terminationGracePeriodSeconds") -
                          event_int(d, CONTAINER "lifecycle.preStop.sleep.seconds"));
    starts(event_at(d, CONTAINER "args"), mounts, "KAFKA_COMPONENT_CREDENTIALS",
           ARGS(event_str(d, CONTAINER "startupProbe.httpGet.path"),
                event_str(d, CONTAINER "livenessProbe.httpGet.path"),
                event_str(d, CONTAINER "readinessProbe.httpGet.path")),
           grace_s * 1000);
    json_decref(documents);
}

/* --- The tools look --- */

struct fault {
    const char *part, *by;
};

static void compose_refuses_what_is_wrong(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "  healthcheck:", "  healtcheck:" },
        { "secrets: [api-token]", "secrets: [api-tokn]" },
        { "- state-2:/var", "- state-3:/var" },
        { "      condition: service_healthy", "      condition: service_well" },
        { "    depends_on:\n      kafka:", "    depends_on:\n      kafak:" },
        { "cpus: \"2\"", "cpus: [2]" },
        { "    <<: *component", "    <<: *componnet" },
        { "127.0.0.1:8081:8080", "127.0.0.1:8081:eighty" },
        { "stop_grace_period: 15s", "stop_grace_period: soon" },
    };
    char *text = read_text_file(ours("compose.yaml"));
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        char *broken = replaced(text, faults[i].part, faults[i].by);
        struct run run = compose(written("compose.yaml", broken));
        if (run.end.exit_code == 0)
            fail_msg("'%s' is taken", faults[i].by);
        run_free(&run);
        free(broken);
    }
    free(text);
}

static void kubernetes_refuses_what_is_wrong(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "readinessProbe:", "readynessProbe:" },
        { "containerPort: 8080", "containerPort: eighty" },
        { "  replicas: 3", "  replicas: three" },
        { "runAsNonRoot: true", "runAsNonRoot: 1" },
        { "drop: [ALL]", "drop: ALL" },
        { "sleep: { seconds: 5 }", "sleep: { second: 5 }" },
        { "  selector:\n    matchLabels", "  selektor:\n    matchLabels" },
        { "apiVersion: policy/v1", "apiVersion: policy/v9" },
        { "terminationGracePeriodSeconds: 25", "terminationGracePeriod: 25s" },
    };
    char *text = read_text_file(ours("deploy/kubernetes.yaml"));
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        char *broken = replaced(text, faults[i].part, faults[i].by);
        if (kubernetes_takes(written("kubernetes.yaml", broken), kubernetes_releases[0]))
            fail_msg("'%s' is taken", faults[i].by);
        free(broken);
    }
    free(text);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct run run = run_process(ARGS("rm", "-rf", folder), NULL, "", WAIT_MS);
    run_free(&run);
    return process_free_all(state);
}

static int tidy(void **state)
{
    serve_free_all(state);
    http_free_all(state);
    return process_free_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(compose_reads_our_file, tidy),
        cmocka_unit_test_teardown(compose_refuses_what_is_wrong, tidy),
        cmocka_unit_test_teardown(the_replicas_of_compose_start, tidy),
        cmocka_unit_test_teardown(kubernetes_takes_our_file, tidy),
        cmocka_unit_test_teardown(kubernetes_refuses_what_is_wrong, tidy),
        cmocka_unit_test_teardown(the_pods_may_do_no_more_than_they_need, tidy),
        cmocka_unit_test_teardown(what_one_document_names_is_in_another, tidy),
        cmocka_unit_test_teardown(the_pods_of_kubernetes_start, tidy),
    };
    return cmocka_run_group_tests_name("interop/deploy", tests, make_folder, remove_folder);
}
