// SPDX-License-Identifier: Apache-2.0
#include "kdc.h"

#include "daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP_WAIT_MS 20000

/* Debian keeps the KDC's programs where only root's PATH looks. */
#define PATH_SETTING "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

static void write_config(const struct kdc *kdc)
{
    FILE *f = daemon_file(kdc->folder, "krb5.conf");
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
            kdc->port);
    fclose(f);
}

static void write_profile(const struct kdc *kdc, int life_s)
{
    FILE *f = daemon_file(kdc->folder, "kdc.conf");
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
            "  kdc = FILE:%s/server.log\n",
            kdc->port, kdc->port, kdc->folder, kdc->folder, kdc->folder, life_s, kdc->folder);
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

void kdc_restart(struct kdc *kdc)
{
    kdc->process = daemon_start(kdc->folder, ARGS("krb5kdc", "-n", "-r", KDC_REALM),
                                ARGS(PATH_SETTING, kdc->config_setting, kdc->profile_setting));
    daemon_wait_port(kdc->folder, kdc->process, kdc->port);
}

struct kdc *kdc_start(int life_s)
{
    struct kdc *kdc = calloc(1, sizeof(*kdc));
    assert_non_null(kdc);
    daemon_folder(kdc->folder, "kc-kdc", false);
    snprintf(kdc->config, sizeof(kdc->config), "%s/krb5.conf", kdc->folder);
    snprintf(kdc->config_setting, sizeof(kdc->config_setting), "KRB5_CONFIG=%s", kdc->config);
    snprintf(kdc->profile_setting, sizeof(kdc->profile_setting), "KRB5_KDC_PROFILE=%s/kdc.conf",
             kdc->folder);
    snprintf(kdc->service_keytab, sizeof(kdc->service_keytab), "%s/service.keytab",
             kdc->folder);
    snprintf(kdc->client_keytab, sizeof(kdc->client_keytab), "%s/client.keytab", kdc->folder);
    kdc->port = free_port();
    write_config(kdc);
    write_profile(kdc, life_s);
    make_database(kdc);
    kdc_restart(kdc);
    return kdc;
}

void kdc_stop(struct kdc *kdc)
{
    process_free(kdc->process);
    kdc->process = NULL;
}

void kdc_free(struct kdc *kdc)
{
    if (!kdc)
        return;
    kdc_stop(kdc);
    daemon_folder_remove(kdc->folder);
    free(kdc);
}
