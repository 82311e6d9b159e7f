// SPDX-License-Identifier: Apache-2.0
/* certs.h - certificates of the tests' own, new in every run.
 *
 * A server file and a client file hold the private key (PKCS#8) and the certificate, PEM, in
 * one file, as Kafka's PEM key stores and most other readers take them. */
#ifndef TESTS_SUPPORT_CERTS_H
#define TESTS_SUPPORT_CERTS_H

struct certs {
    char ca[160];          /* signed what follows, but for the last */
    char server[160];      /* localhost, 127.0.0.1 and ::1 */
    char wrong_name[160];  /* a server certificate for elsewhere.example */
    char expired[160];     /* localhost, until yesterday */
    char client[160];      /* CN=client */
    char locked_key[160];  /* its key, encrypted, without a certificate */
    char for_clients[160]; /* localhost, but not for servers */
    char other_ca[160];    /* an authority that signed nothing here */
};

/* Writes all files to the folder, which must exist; fails the test when it cannot. */
void certs_make(struct certs *certs, const char *folder);

/* The server's certificate that a test names: NULL is the right one, else "expired" or
 * "wrong_name". */
const char *certs_of_server(const struct certs *certs, const char *name);

#endif
