/* viv help - what there is, and how it hangs together. */
#include "base/near.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void print_overview(void)
{
    static const char *const titles[N_GROUPS] = {
        [GROUP_RUN] = "Use a model",
        [GROUP_LOOK] = "Look inside, without running it",
        [GROUP_MEASURE] = "See its numbers",
        [GROUP_FRAMEWORK] = "The framework itself",
    };
    printf("viv - a model zoo whose every exhibit is a file\n\n"
           "Usage: viv VERB MODEL [options]\n\n"
           "MODEL is the same everywhere: the name of a spec (viv spec list), the path of a spec,\n"
           "a directory with safetensors and config.json, or a .gguf file.\n");
    for (int group = 0; group < N_GROUPS; group++) {
        printf("\n%s:\n", titles[group]);
        for (size_t i = 0; i < n_commands; i++)
            if ((int)commands[i]->group == group && !commands[i]->hidden)
                printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    printf("\nFirst steps:\n"
           "  viv run shakespeare -p \"ROMEO:\" -n 100        # a small model that ships with viv\n"
           "  viv inspect shakespeare                       # what it is made of\n"
           "  viv run ./my-checkpoint -p \"Once upon a time\" # a checkpoint that you have\n"
           "  viv VERB --help                               # options and examples of a verb\n"
           "\nResults go to standard output, progress and messages to standard error; --json is for scripts.\n"
           "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted. More: man viv.\n");
}

static int help(const struct arguments *a)
{
    if (a->n_words == 0) {
        print_overview();
        return EXIT_DONE;
    }
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < n_commands; i++) {
        if (strcmp(commands[i]->name, a->words[0]) == 0) {
            print_command_help(commands[i]);
            return EXIT_DONE;
        }
        if (!commands[i]->hidden && n < 64)
            names[n++] = commands[i]->name;
    }
    const char *near = near_word(a->words[0], names, n);
    if (near)
        return usage_error("help", "there is no verb '%s'; did you mean '%s'?", a->words[0], near);
    return usage_error("help", "there is no verb '%s'", a->words[0]);
}

const struct command command_help = {
    .name = "help",
    .summary = "this overview, or what a verb does",
    .words = "[VERB]",
    .examples = "viv help\n"
                "viv help run",
    .group = GROUP_FRAMEWORK,
    .main = help,
};
