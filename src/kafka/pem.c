// SPDX-License-Identifier: Apache-2.0
#include "kafka/pem.h"

#include <stdbool.h>
#include <string.h>

/* "\n" and "\r\n" spelled out become what they stand for. */
static void unescape(char *pem)
{
    char *to = pem;
    for (const char *from = pem; *from;) {
        if (from[0] == '\\' && (from[1] == 'n' || from[1] == 'r')) {
            *to++ = from[1] == 'n' ? '\n' : '\r';
            from += 2;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* Blanks between the BEGIN and END lines were line ends once; the words within those lines keep
 * theirs. */
static void break_lines(char *pem)
{
    bool is_label = false;
    for (char *p = pem; *p; p++) {
        if (strncmp(p, "-----", 5) == 0) {
            is_label = !is_label;
            p += 4;
        } else if (*p == ' ' && !is_label) {
            *p = '\n';
        }
    }
}

void kc_pem_mend(char *pem)
{
    if (!pem || strchr(pem, '\n'))
        return;
    unescape(pem);
    if (!strchr(pem, '\n'))
        break_lines(pem);
}

void kc_pem_check_certificate(const char *pem, const char *pointer, struct kc_faults *faults)
{
    if (pem && !strstr(pem, "-----BEGIN CERTIFICATE-----"))
        kc_faults_add(faults, pointer,
                      "is not a PEM certificate (-----BEGIN CERTIFICATE-----)");
}

void kc_pem_check_key(const char *pem, const char *password, struct kc_faults *faults)
{
    if (!pem)
        return;
    bool is_encrypted = strstr(pem, "ENCRYPTED") != NULL;
    if (!strstr(pem, "PRIVATE KEY-----"))
        kc_faults_add(faults, "/clientKey",
                      "is not a PEM private key (-----BEGIN PRIVATE "
                      "KEY-----)");
    else if (is_encrypted && !password)
        kc_faults_add(faults, "/clientKeyPassword",
                      "required, since the client key is encrypted");
}
