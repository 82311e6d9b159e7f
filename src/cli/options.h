// SPDX-License-Identifier: Apache-2.0
/* options.h - the words of the command line, described once: parsing, help and completion walk
 * the same rows. */
#ifndef KC_CLI_OPTIONS_H
#define KC_CLI_OPTIONS_H

#include "base/error.h"
#include "base/log.h"
#include "transport/transport.h"

#define KC_SETS_MAX  64
#define KC_ALLOW_MAX 64
#define KC_WORDS_MAX 4

/* Everything is borrowed from argv. */
struct kc_options {
    const char *program;
    const char *words[KC_WORDS_MAX + 1]; /* command and what follows it, ended by NULL */
    bool wants_help;
    bool wants_version;
    const char *credentials_file;
    const char *config_file;
    const char *sets[KC_SETS_MAX + 1]; /* "key=value", ended by NULL */
    bool embedded_broker;
    bool has_log_level;
    enum kc_level log_level;
    bool acks_on_stdin;
    bool until_end;
    int64_t count;
    int64_t max_body;
    bool has_drain_ms;
    int64_t drain_ms;
    const char *schema;
    bool markdown;

    struct kc_http_options http; /* but for the token and allow_callback */
    const char *api_token_file;
    const char *allow_callback[KC_ALLOW_MAX + 1]; /* ended by NULL */
};

struct kc_option {
    const char *name;     /* "--count"; NULL ends the table */
    const char *argument; /* "N"; NULL when it takes none */
    const char *choices;  /* "written|stdin" for completion; NULL */
    const char *commands; /* "run demo": where it belongs; NULL: everywhere */
    const char *help;
};

extern const struct kc_option kc_options_table[];

bool kc_option_belongs(const struct kc_option *o, const char *command);

/* False when the command line is wrong: err says what, and which option may have been meant. */
bool kc_options_parse(struct kc_options *o, int argc, char **argv,
                      struct kc_error *err) KC_MUST_CHECK;

#endif
