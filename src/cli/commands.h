// SPDX-License-Identifier: Apache-2.0
/* commands.h - the table of commands, and the file of each. */
#ifndef KC_CLI_COMMANDS_H
#define KC_CLI_COMMANDS_H

#include "cli/options.h"

struct kc_command {
    const char *name;
    const char *arguments; /* "produce|consume" */
    const char *summary;
    const char *details;                    /* a paragraph of help */
    const char *examples;                   /* lines of help */
    int (*run)(const struct kc_options *o); /* the exit code */
};

extern const struct kc_command kc_commands[]; /* ends with an empty row */

const struct kc_command *kc_command_find(const char *name); /* NULL when there is none */

int kc_command_run(const struct kc_options *o);
int kc_command_serve(const struct kc_options *o);
int kc_command_verify(const struct kc_options *o);
int kc_command_models(const struct kc_options *o);
int kc_command_sailor(const struct kc_options *o);
int kc_command_service(const struct kc_options *o);
int kc_command_probe(const struct kc_options *o);
int kc_command_describe(const struct kc_options *o);
int kc_command_demo(const struct kc_options *o);
int kc_command_completion(const struct kc_options *o);

/* Says on stderr what is wrong with the command line, and how to learn more. The exit code. */
int kc_usage_error(const struct kc_options *o, const struct kc_error *err);

#endif
