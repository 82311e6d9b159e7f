// SPDX-License-Identifier: Apache-2.0
/* main.c - finds the command that was meant and runs it. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/settings.h"
#include "cli/shim.h"
#include "component/entries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

static int unknown_command(const struct kc_options *o)
{
    struct kc_error err = { 0 };
    const char *names[16] = { NULL };
    for (size_t i = 0; kc_commands[i].name && i < 15; i++)
        names[i] = kc_commands[i].name;
    const char *nearest = kc_text_nearest(kc_text(o->words[0]), names);
    kc_error_set(&err, KC_CONFIG, 0, "there is no command '%s'%s%s%s", o->words[0],
                 nearest ? "; did you mean '" : "", nearest ? nearest : "",
                 nearest ? "'?" : "");
    return kc_usage_error(o, &err);
}

static int help(const struct kc_command *command, const struct kc_entry *entry)
{
    if (!command)
        kc_help_program();
    else if (entry && kc_command_run == command->run)
        kc_help_entry(command, entry);
    else
        kc_help_command(command);
    return EX_OK;
}

/* librdkafka keeps the password in its heap, and a core dump would lay it on the disk. A
 * sanitizer's leak check has to look into the process, which this forbids too. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static void forbid_core_dumps(void) {}
#else
static void forbid_core_dumps(void)
{
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        kc_log(KC_WARN, "core_dumps_allowed", KC_S("reason", strerror(errno)));
}
#endif

int main(int argc, char **argv)
{
    struct kc_options o = { 0 };
    struct kc_shim line; /* o borrows from it */
    struct kc_error err = { 0 };
    enum kc_level level;
    if (!kc_shim_read(&line, argc, argv, &err) ||
        !kc_options_parse(&o, line.argc, line.argv, &err))
        return kc_usage_error(&o, &err);
    bool has_level = kc_settings_log_level(&o, &level, &err);
    kc_log_init(level, STDERR_FILENO);
    forbid_core_dumps();

    const struct kc_command *command = o.words[0] ? kc_command_find(o.words[0]) : NULL;
    const struct kc_entry *entry = o.words[0] && o.words[1] ? kc_entry_find(o.words[1]) : NULL;
    if (!has_level &&
        !(command && command->run == kc_command_verify)) /* which says it itself */
        return kc_usage_error(&o, &err);
    if (o.wants_version) {
        kc_help_version();
        return EX_OK;
    }
    if (o.words[0] && !command)
        return unknown_command(&o);
    if (o.wants_help || !command) {
        help(command, entry);
        return o.wants_help ? EX_OK : EX_USAGE;
    }
    return command->run(&o);
}
