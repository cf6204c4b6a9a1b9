/* cli.h - the program: one file per subcommand, each ending in its `const struct command command_x`. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/error.h"
#include "cli/options.h"

#include <stdbool.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* The groups of `viv --help`, in its order. */
enum command_group { GROUP_RUN, GROUP_LOOK, GROUP_MEASURE, GROUP_MAKE, GROUP_FRAMEWORK, N_GROUPS };

struct command {
    const char *name;    /* "run" */
    const char *summary; /* one line of `viv --help` */
    const char *words; /* "MODEL [TEXT]": what goes without dashes; checked against this, "..." being any number */
    const char *text;  /* what the verb does, in a paragraph or two; or NULL */
    const struct option *options; /* ends with an entry without a name; or NULL */
    const struct option *also;    /* a further such table, that several verbs share; or NULL */
    const void *defaults; /* what the options write to, before they do: a struct that starts with `struct common` */
    size_t options_size;  /* its size */
    const char *examples; /* lines: "viv run ...", perhaps with a comment behind it */
    enum command_group group;
    bool hidden;                            /* not in lists: for ourselves */
    bool models;                            /* takes a MODEL: its help shows the common options */
    int (*main)(const struct arguments *a); /* returns an exit status */
};

extern const struct command *const commands[];
extern const size_t cli_n_commands;

/* "viv: <sentence>" to standard error; returns EXIT_FAILED, EXIT_INTERRUPTED for VIV_ECANCELLED. */
int cli_fail(const struct error *err);
/* "viv run: <sentence>" and where to find help; returns EXIT_USAGE. */
int cli_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
