// SPDX-License-Identifier: Apache-2.0
#include "kdc.h"

#include "fail.h"
#include "kafka_server.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define STEP_WAIT_MS 20000

/* Debian keeps the KDC's programs where only root's PATH looks. */
#define PATH_SETTING "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void write_config(const struct kdc *kdc, int port)
{
    FILE *f = create(kdc->config);
    fprintf(f,
            "[libdefaults]\n"
            "  default_realm = " KDC_REALM "\n"
            "  dns_lookup_kdc = false\n"
            "  dns_lookup_realm = false\n"
            "  dns_canonicalize_hostname = false\n"
            "  rdns = false\n"
            "  udp_preference_limit = 1\n"
            "[realms]\n"
            "  " KDC_REALM " = {\n"
            "    kdc = 127.0.0.1:%d\n"
            "  }\n",
            port);
    fclose(f);
}

static void write_profile(const struct kdc *kdc, int port, int life_s)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/kdc.conf", kdc->folder);
    FILE *f = create(path);
    fprintf(f,
            "[kdcdefaults]\n"
            "  kdc_listen = 127.0.0.1:%d\n"
            "  kdc_tcp_listen = 127.0.0.1:%d\n"
            "[realms]\n"
            "  " KDC_REALM " = {\n"
            "    database_name = %s/principal\n"
            "    key_stash_file = %s/stash\n"
            "    acl_file = %s/acl\n"
            "    max_life = %ds\n"
            "  }\n"
            "[logging]\n"
            "  kdc = FILE:%s/kdc.log\n",
            port, port, kdc->folder, kdc->folder, kdc->folder, life_s, kdc->folder);
    fclose(f);
}

static void run(const struct kdc *kdc, const char *const argv[], const char *input)
{
    struct run run =
        run_process(argv,
                    &(struct process_options){
                        .env = ARGS(PATH_SETTING, kdc->config_setting, kdc->profile_setting) },
                    input, STEP_WAIT_MS);
    assert_exit(&run, 0);
    run_free(&run);
}

void kdc_admin(struct kdc *kdc, const char *line)
{
    run(kdc, ARGS("kadmin.local", "-r", KDC_REALM, "-q", line), "");
}

void kdc_tickets(struct kdc *kdc, const char *cache_path)
{
    run(kdc, ARGS("kinit", "-k", "-t", kdc->client_keytab, "-c", cache_path, KDC_CLIENT), "");
}

static void make_database(struct kdc *kdc)
{
    char line[256];
    run(kdc, ARGS("kdb5_util", "-r", KDC_REALM, "create", "-s", "-P", KDC_PASSWORD), "");
    kdc_admin(kdc, "addprinc -randkey " KDC_SERVICE);
    kdc_admin(kdc, "addprinc -randkey " KDC_CLIENT);
    snprintf(line, sizeof(line), "ktadd -k %s " KDC_SERVICE, kdc->service_keytab);
    kdc_admin(kdc, line);
    snprintf(line, sizeof(line), "ktadd -k %s " KDC_CLIENT, kdc->client_keytab);
    kdc_admin(kdc, line);
}

static int port_of(const struct kdc *kdc)
{
    char path[128];
    int port = 0;
    snprintf(path, sizeof(path), "%s", kdc->config);
    char *text = read_text_file(path), *at = strstr(text, "kdc = 127.0.0.1:");
    if (at)
        port = atoi(strchr(at, ':') + 1);
    free(text);
    return port;
}

static bool answers(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        fail_test("no socket");
    bool is_up = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return is_up;
}

void kdc_restart(struct kdc *kdc)
{
    char log[96];
    int port = port_of(kdc);
    snprintf(log, sizeof(log), "%s/out.log", kdc->folder);
    kdc->process =
        process_start(ARGS("krb5kdc", "-n", "-r", KDC_REALM),
                      &(struct process_options){
                          .env = ARGS(PATH_SETTING, kdc->config_setting, kdc->profile_setting),
                          .out_path = log,
                          .err_path = log });
    process_keep(kdc->process);
    int64_t deadline = now_ms() + STEP_WAIT_MS;
    while (!answers(port)) {
        if (now_ms() > deadline || !process_is_running(kdc->process)) {
            char *text = read_text_file(log);
            fail_test("krb5kdc does not answer: %s", text);
        }
        usleep(20000);
    }
}

struct kdc *kdc_start(int life_s)
{
    struct kdc *kdc = calloc(1, sizeof(*kdc));
    assert_non_null(kdc);
    snprintf(kdc->folder, sizeof(kdc->folder), "/tmp/kc-kdc.XXXXXX");
    assert_non_null(mkdtemp(kdc->folder));
    snprintf(kdc->config, sizeof(kdc->config), "%s/krb5.conf", kdc->folder);
    snprintf(kdc->config_setting, sizeof(kdc->config_setting), "KRB5_CONFIG=%s", kdc->config);
    snprintf(kdc->profile_setting, sizeof(kdc->profile_setting), "KRB5_KDC_PROFILE=%s/kdc.conf",
             kdc->folder);
    snprintf(kdc->service_keytab, sizeof(kdc->service_keytab), "%s/service.keytab",
             kdc->folder);
    snprintf(kdc->client_keytab, sizeof(kdc->client_keytab), "%s/client.keytab", kdc->folder);
    int port = free_port();
    write_config(kdc, port);
    write_profile(kdc, port, life_s);
    make_database(kdc);
    kdc_restart(kdc);
    return kdc;
}

void kdc_stop(struct kdc *kdc)
{
    process_free(kdc->process);
    kdc->process = NULL;
}

static int remove_one(const char *path, const struct stat *what, int flag, struct FTW *at)
{
    (void)what, (void)flag, (void)at;
    return remove(path);
}

void kdc_free(struct kdc *kdc)
{
    if (!kdc)
        return;
    kdc_stop(kdc);
    nftw(kdc->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(kdc);
}
