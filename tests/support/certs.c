// SPDX-License-Identifier: Apache-2.0
#include "certs.h"

#include "fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

struct signer {
    EVP_PKEY *key;
    X509 *cert;
};

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

/* ca == NULL: an authority, signed by itself. names is a subjectAltName, or NULL; use an
 * extendedKeyUsage, or NULL. */
static struct signer make_for(const char *common_name, const char *names, const char *use,
                              long until_s, const struct signer *ca)
{
    struct signer made = { EVP_EC_gen("P-256"), X509_new() };
    assert_non_null(made.key);
    assert_non_null(made.cert);
    const struct signer *by = ca ? ca : &made;

    uint64_t serial = 0;
    assert_int_equal(RAND_bytes((unsigned char *)&serial, sizeof(serial)), 1);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.cert), serial >> 1);
    X509_set_version(made.cert, 2); /* X.509 v3 */
    X509_gmtime_adj(X509_getm_notBefore(made.cert), -2 * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), until_s);
    X509_set_pubkey(made.cert, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(made.cert, X509_get_subject_name(by->cert));
    extend(made.cert, by->cert, NID_basic_constraints, ca ? "CA:FALSE" : "critical,CA:TRUE");
    extend(made.cert, by->cert, NID_subject_key_identifier, "hash");
    if (names)
        extend(made.cert, by->cert, NID_subject_alt_name, names);
    if (use)
        extend(made.cert, by->cert, NID_ext_key_usage, use);
    assert_true(X509_sign(made.cert, by->key, EVP_sha256()) > 0);
    return made;
}

static struct signer make(const char *common_name, const char *names, long until_s,
                          const struct signer *ca)
{
    return make_for(common_name, names, NULL, until_s, ca);
}

static void save(const struct signer *signer, bool with_key, const char *folder,
                 const char *name, char path[160])
{
    assert_true(snprintf(path, 160, "%s/%s.pem", folder, name) < 160);
    FILE *file = fopen(path, "w");
    if (!file)
        fail_test("cannot write %s", path);
    if (with_key)
        assert_int_equal(
            PEM_write_PKCS8PrivateKey(file, signer->key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_X509(file, signer->cert), 1);
    assert_int_equal(fclose(file), 0);
}

static void save_locked(const struct signer *signer, const char *folder, char path[160])
{
    static char password[] = "locked-Secret";
    assert_true(snprintf(path, 160, "%s/locked.pem", folder) < 160);
    FILE *file = fopen(path, "w");
    if (!file)
        fail_test("cannot write %s", path);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, signer->key, EVP_aes_256_cbc(), password,
                                               sizeof(password) - 1, NULL, NULL),
                     1);
    assert_int_equal(fclose(file), 0);
}

static void drop(struct signer *signer)
{
    EVP_PKEY_free(signer->key);
    X509_free(signer->cert);
}

static void make_and_save(const char *common_name, const char *names, long until_s,
                          const struct signer *ca, const char *folder, const char *file,
                          char path[160])
{
    struct signer made = make(common_name, names, until_s, ca);
    save(&made, true, folder, file, path);
    drop(&made);
}

void certs_make(struct certs *certs, const char *folder)
{
    static const char here[] = "DNS:localhost,IP:127.0.0.1,IP:::1";
    struct signer ca = make("kafka-component tests", NULL, DAY_S, NULL);
    struct signer other_ca = make("somebody else", NULL, DAY_S, NULL);

    save(&ca, false, folder, "ca", certs->ca);
    save(&other_ca, false, folder, "other-ca", certs->other_ca);
    make_and_save("localhost", here, DAY_S, &ca, folder, "server", certs->server);
    make_and_save("elsewhere.example", "DNS:elsewhere.example", DAY_S, &ca, folder,
                  "wrong-name", certs->wrong_name);
    make_and_save("localhost", here, -DAY_S, &ca, folder, "expired", certs->expired);
    struct signer client = make("client", NULL, DAY_S, &ca);
    struct signer for_clients = make_for("localhost", here, "clientAuth", DAY_S, &ca);
    save(&client, true, folder, "client", certs->client);
    save_locked(&client, folder, certs->locked_key);
    save(&for_clients, true, folder, "for-clients", certs->for_clients);
    drop(&client);
    drop(&for_clients);
    drop(&ca);
    drop(&other_ca);
}

const char *certs_of_server(const struct certs *certs, const char *name)
{
    if (!name)
        return certs->server;
    return strcmp(name, "expired") == 0 ? certs->expired : certs->wrong_name;
}
