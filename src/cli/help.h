// SPDX-License-Identifier: Apache-2.0
/* help.h - what --help and --version print, at each level of the command line. */
#ifndef KC_CLI_HELP_H
#define KC_CLI_HELP_H

#include "cli/commands.h"
#include "runtime/entry.h"

void kc_help_program(void);
void kc_help_command(const struct kc_command *c);
void kc_help_entry(const struct kc_command *c, const struct kc_entry *entry);
void kc_help_version(void);

#endif
