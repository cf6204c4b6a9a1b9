/* viv version - which Vivarium this is. */
#include "cli/cli.h"
#include "config.h"

#include <stdio.h>

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("viv %s\n", PACKAGE_VERSION);
    return EXIT_DONE;
}

const struct command command_version = {
    .name = "version",
    .summary = "which Vivarium this is",
    .usage = "",
    .help = "",
    .main = version,
};
