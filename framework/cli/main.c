/* viv - the program. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define ENTRY(symbol) extern const struct command symbol;
#include "registry/commands.inc"
#undef ENTRY

static const struct command *const commands[] = {
#define ENTRY(symbol) &symbol,
#include "registry/commands.inc"
#undef ENTRY
};
static const size_t n_commands = sizeof commands / sizeof *commands;

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < n_commands; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->main(argc - 1, argv + 1);
    for (size_t i = 0; i < n_commands; i++)
        printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
    return argc > 1 ? EXIT_USAGE : EXIT_DONE;
}
