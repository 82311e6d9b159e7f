// SPDX-License-Identifier: Apache-2.0
/* shim.h - the ways in which the elastic.io platform starts a component, read as commands of
 * ours.
 *
 * The platform takes every component for a Node.js one, and how it starts an image is not
 * written down. So our image has this program under the names `node`, `npm` and `sh` too, and
 * all of these lead to where they are meant to:
 *
 *     node …/run.js                    npm start      step       the command `sailor`
 *     node …/runService.js METHOD …                              the command `service METHOD`
 *     METHOD, where ELASTICIO_POST_RESULT_URL is set             the same
 *     nothing, where the platform's variables are set            the command `sailor`
 *     sh -c "one of these"                                       what that is
 *
 * Each may also follow our own name, for the case that an image's entry point stays and the
 * platform's command is added to it. As node and npm nothing else is understood: no script is
 * ever run. What is more than that to sh goes to a real one, which is dash: that does not make
 * way for the program it starts, and as process 1 keeps SIGTERM to itself, so we are the shell
 * where a line has nothing but us. */
#ifndef KC_CLI_SHIM_H
#define KC_CLI_SHIM_H

#include "base/error.h"

/* A command line as kc_options_parse() takes it: what came, or what it means. */
struct kc_shim {
    int argc;
    char **argv;
    char *words[16]; /* private, as all below; ended by NULL */
    char program[16], command[16], line[512];
};

/* Reads how this program was called; what it gives are loans of s and of argv, of which words
 * may be replaced. False: it was called as node or npm for something that they cannot do here,
 * and err says so. Where a real shell is to read its line it does not return. */
bool kc_shim_read(struct kc_shim *s, int argc, char **argv, struct kc_error *err) KC_MUST_CHECK;

#endif
