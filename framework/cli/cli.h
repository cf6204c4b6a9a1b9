/* cli.h - the program: one file per subcommand, each ending in its `const struct command command_x`. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

struct command {
    const char *name;                   /* "run" */
    const char *summary;                /* one line of `viv --help` */
    const char *usage;                  /* "MODEL [options]" */
    const char *help;                   /* options and examples, as `viv run --help` prints them */
    int (*main)(int argc, char **argv); /* argv[0] is the command's name; returns an exit status */
};

#endif
