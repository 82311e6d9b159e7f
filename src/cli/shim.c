// SPDX-License-Identifier: Apache-2.0
#include "cli/shim.h"

#include "platform/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHELL     "/bin/dash" /* /bin/sh is us, in the image */
#define WORDS_MAX 15

static bool is_named(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash ? slash + 1 : path, name) == 0;
}

/* `kafka-component NAME ARGUMENT`; argument may be NULL. */
static bool means(struct kc_shim *s, const char *name, char *argument)
{
    snprintf(s->program, sizeof(s->program), "%s", "kafka-component");
    snprintf(s->command, sizeof(s->command), "%s", name);
    s->words[0] = s->program;
    s->words[1] = s->command;
    s->words[2] = argument;
    s->argv = s->words;
    s->argc = argument ? 3 : 2;
    return true;
}

/* argv begins with the script. What follows run.js is not read, as that does not read it. */
static bool is_script(struct kc_shim *s, char **argv)
{
    if (is_named(argv[0], "run.js"))
        return means(s, "sailor", NULL);
    return is_named(argv[0], "runService.js") && means(s, "service", argv[1]);
}

static bool as_node(struct kc_shim *s, char **argv, struct kc_error *err)
{
    if (argv[1] && is_script(s, argv + 1))
        return true;
    kc_error_set(err, KC_CONFIG, 0,
                 "there is no Node.js here: 'node' starts elasticio-sailor-nodejs/run.js and "
                 "runService.js METHOD, which this program stands for, and %s%s%s",
                 argv[1] ? "not '" : "nothing else", argv[1] ? argv[1] : "",
                 argv[1] ? "'" : "");
    return false;
}

static bool as_npm(struct kc_shim *s, char **argv, struct kc_error *err)
{
    if (argv[1] && strcmp(argv[1], "start") == 0)
        return means(s, "sailor", NULL);
    kc_error_set(
        err, KC_CONFIG, 0,
        "there is no Node.js here: of npm's commands only 'npm start' means something");
    return false;
}

static bool read_words(struct kc_shim *s, int argc, char **argv, struct kc_error *err);

/* Words that mean to a shell what they say, into s; 0: there are none such. */
static int split(struct kc_shim *s, const char *line)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:,@%+= ";
    int count = 0;
    if (strlen(line) >= sizeof(s->line) || line[strspn(line, plain)])
        return 0;
    snprintf(s->line, sizeof(s->line), "%s", line);
    for (char *word = s->line; *(word += strspn(word, " "));) {
        if (count == WORDS_MAX)
            return 0;
        s->words[count++] = word;
        word += strcspn(word, " ");
        if (*word)
            *word++ = '\0';
    }
    s->words[count] = NULL;
    return count;
}

/* argv begins with sh. */
static bool as_shell(struct kc_shim *s, char **argv, struct kc_error *err)
{
    bool has_line = argv[1] && strcmp(argv[1], "-c") == 0 && argv[2] && !argv[3];
    int count = has_line ? split(s, argv[2]) : 0;
    if (count > 0 && (is_named(s->words[0], "node") || is_named(s->words[0], "npm") ||
                      is_named(s->words[0], "kafka-component")))
        return read_words(s, count, s->words, err);
    execv(SHELL, argv);
    kc_error_set(err, KC_CONFIG, errno, "%s: %s", SHELL, strerror(errno));
    return false;
}

/* A step has a dozen of them: with any, a step is meant, and it says which ones are missing. */
static bool has_variables_of_the_platform(void)
{
    static const char prefix[] = "ELASTICIO_";
    for (char **variable = environ; *variable; variable++) {
        if (strncmp(*variable, prefix, sizeof(prefix) - 1) == 0)
            return true;
    }
    return false;
}

static bool is_method(const char *word)
{
    const char *url = getenv("ELASTICIO_POST_RESULT_URL");
    for (const char *const *name = kc_service_methods; url && *url && *name; name++) {
        if (strcmp(word, *name) == 0)
            return true;
    }
    return false;
}

/* What follows our own name; there is at least one word. */
static bool as_ourselves(struct kc_shim *s, char **argv, struct kc_error *err)
{
    if (is_named(argv[0], "node"))
        return as_node(s, argv, err);
    if (is_named(argv[0], "npm"))
        return as_npm(s, argv, err);
    if (is_named(argv[0], "sh") && argv[1] && strcmp(argv[1], "-c") == 0)
        return as_shell(s, argv, err);
    if (is_script(s, argv))
        return true;
    if (is_method(argv[0]))
        return means(s, "service", argv[0]);
    if (strcmp(argv[0], "step") == 0) {
        snprintf(s->command, sizeof(s->command), "%s", "sailor");
        argv[0] = s->command; /* options may follow */
    }
    return true;
}

static bool read_words(struct kc_shim *s, int argc, char **argv, struct kc_error *err)
{
    s->argc = argc;
    s->argv = argv;
    if (argc > 0 && is_named(argv[0], "node"))
        return as_node(s, argv, err);
    if (argc > 0 && is_named(argv[0], "npm"))
        return as_npm(s, argv, err);
    if (argc > 1)
        return as_ourselves(s, argv + 1, err);
    return argc == 0 || !has_variables_of_the_platform() || means(s, "sailor", NULL);
}

bool kc_shim_read(struct kc_shim *s, int argc, char **argv, struct kc_error *err)
{
    *s = (struct kc_shim){ .argc = 0 };
    if (argc > 0 && is_named(argv[0], "sh"))
        return as_shell(s, argv, err);
    return read_words(s, argc, argv, err);
}
