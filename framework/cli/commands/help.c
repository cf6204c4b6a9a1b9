/* viv help - what there is, and how it hangs together. */
#include "base/near.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/shared.h"

#include <stdio.h>
#include <string.h>

struct help_options {
    struct common common;
    bool json;
};
#define OPT(field) offsetof(struct help_options, field)
static const struct option table[] = {JSON_OPTION(OPT(json), "every verb with its options, or one verb"), {0}};

static void print_overview(void)
{
    static const char *const titles[N_GROUPS] = {
        [GROUP_RUN] = "Use a model",
        [GROUP_LOOK] = "Look inside, without running it",
        [GROUP_MEASURE] = "See its numbers",
        [GROUP_MAKE] = "Make another of it",
        [GROUP_FRAMEWORK] = "The framework itself",
    };
    printf("viv - a model zoo whose every exhibit is a file\n\n"
           "Usage: viv VERB MODEL [options]\n\n"
           "MODEL is the same everywhere: the name of a spec (viv spec list), the path of a\n"
           "spec, a directory with safetensors and config.json, or a .gguf file.\n");
    for (int group = 0; group < N_GROUPS; group++) {
        printf("\n%s:\n", titles[group]);
        for (size_t i = 0; i < cli_n_commands; i++)
            if ((int)commands[i]->group == group && !commands[i]->hidden)
                printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    printf("\nFirst steps:\n"
           "  viv run llm -p \"ROMEO:\" -n 100            # a small model that viv provides\n"
           "  viv inspect llm                           # what it is made of\n"
           "  viv run ./my-checkpoint -p \"Once upon\"    # a checkpoint of yours\n"
           "  viv VERB --help                           # options and examples of a verb\n"
           "\nResults go to standard output, progress and messages to standard error; --json\n"
           "is for scripts. Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n"
           "More: man viv.\n");
}

/* --- of one verb ---------------------------------------------------------------------------------------------- */

enum { HELP_COLUMN = 26, HELP_WIDTH = 80 };

/* Text in lines of HELP_WIDTH, those after the first indented. */
static void print_wrapped(const char *text, int indent, int column)
{
    while (*text) {
        int n = (int)strcspn(text, " \n");
        printf("%.*s", n, text);
        column += n;
        text += n;
        if (!*text)
            break;
        bool ends = *text++ == '\n' || column + 1 + (int)strcspn(text, " \n") > HELP_WIDTH;
        if (ends)
            printf("\n%*s", indent, "");
        else
            putchar(' ');
        column = ends ? indent : column + 1;
    }
}

static void print_option(const struct option *o)
{
    char left[64], right[1024];
    char letter[5] = {'-', o->letter, ',', ' ', 0};
    int n = snprintf(left, sizeof left, "  %s--%s%s%s", o->letter ? letter : "    ", o->name, o->value ? " " : "",
                     o->value ? o->value : "");
    if (n + 1 < HELP_COLUMN)
        printf("%-*s", HELP_COLUMN, left);
    else
        printf("%s\n%*s", left, HELP_COLUMN, "");
    snprintf(right, sizeof right, "%s%s%s", o->help, o->here ? "; " : "", o->here ? o->here : "");
    print_wrapped(right, HELP_COLUMN, HELP_COLUMN);
    putchar('\n');
}
static bool is_common(const struct option *option)
{
    for (const struct option *o = common_options; o->name; o++)
        if (o == option)
            return true;
    return false;
}

void command_print_help(const struct command *command)
{
    const struct option *o;
    bool in_common = false;
    printf("viv %s - %s\n\nUsage: viv %s%s%s [options]\n", command->name, command->summary, command->name,
           *command->words ? " " : "", command->words);
    if (command->text) {
        putchar('\n');
        print_wrapped(command->text, 0, 0);
        putchar('\n');
    }
    printf("\nOptions:\n");
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++) {
        if (!in_common && is_common(o)) {
            printf("%-*s%s\n\nCommon options:\n", HELP_COLUMN, "  -h, --help", "print this");
            in_common = true;
        }
        print_option(o);
    }
    if (!command->examples)
        return;
    printf("\nExamples:\n");
    for (const char *line = command->examples; *line; line += strcspn(line, "\n"), line += *line == '\n')
        printf("  %.*s\n", (int)strcspn(line, "\n"), line);
}

/* --- as JSON ------------------------------------------------------------------------------------------------- */

static const char *kind_name(enum option_kind kind)
{
    static const char *const names[] = {
        [OPTION_FLAG] = "flag",     [OPTION_INT] = "integer",   [OPTION_FLOAT] = "number", [OPTION_SIZE] = "size",
        [OPTION_STRING] = "string", [OPTION_CHOICE] = "choice", [OPTION_STRINGS] = "list", [OPTION_IDS] = "ids",
        [OPTION_BIAS] = "bias",     [OPTION_CACHE] = "choice"};
    return names[kind];
}

/* "a|b" as a list. */
static json_t *words_json(const char *words)
{
    json_t *list = json_array();
    for (const char *w = words; w && *w; w += strcspn(w, "|"), w += *w == '|')
        json_array_append_new(list, cli_json_text(w, strcspn(w, "|")));
    return list;
}

static json_t *option_json(const struct option *o)
{
    return json_pack("{s:s, s:o, s:s, s:o, s:s, s:o, s:o, s:o}", "name", o->name, "letter",
                     o->letter ? cli_json_text(&o->letter, 1) : json_null(), "kind", kind_name(o->kind), "value",
                     cli_json_word(o->value), "meaning", o->help, "here", cli_json_word(o->here), "choices",
                     words_json(o->choices), "aliases", words_json(o->aliases));
}

static json_t *command_json(const struct command *command)
{
    const struct option *o;
    json_t *options = json_array();
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++)
        json_array_append_new(options, option_json(o));
    return json_pack("{s:s, s:s, s:s, s:o}", "name", command->name, "summary", command->summary, "words",
                     command->words, "options", options);
}

static json_t *verbs_json(void)
{
    json_t *verbs = json_array();
    for (size_t i = 0; i < cli_n_commands; i++)
        if (!commands[i]->hidden)
            json_array_append_new(verbs, command_json(commands[i]));
    return json_pack("{s:o}", "verbs", verbs);
}

static int print_help_json(json_t *value)
{
    struct error err;
    return cli_print_json(value, false, &err) == VIV_OK ? EXIT_DONE : cli_fail(&err);
}

/* --- the verb ------------------------------------------------------------------------------------------------ */

static int help(const struct arguments *a)
{
    const struct help_options *options = a->options;
    if (a->n_words == 0 && options->json)
        return print_help_json(verbs_json());
    if (a->n_words == 0) {
        print_overview();
        return EXIT_DONE;
    }
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < cli_n_commands; i++) {
        if (strcmp(commands[i]->name, a->words[0]) == 0 && options->json)
            return print_help_json(command_json(commands[i]));
        if (strcmp(commands[i]->name, a->words[0]) == 0) {
            command_print_help(commands[i]);
            return EXIT_DONE;
        }
        if (!commands[i]->hidden && n < 64)
            names[n++] = commands[i]->name;
    }
    const char *near = near_word(a->words[0], names, n);
    if (near)
        return cli_usage_error("help", "there is no verb '%s'; did you mean '%s'?", a->words[0], near);
    return cli_usage_error("help", "there is no verb '%s'", a->words[0]);
}

const struct command command_help = {
    .name = "help",
    .summary = "this overview, or what a verb does",
    .words = "[VERB]",
    .options = table,
    .options_size = sizeof(struct help_options),
    .examples = "viv help\n"
                "viv help run\n"
                "viv help --json    # every verb with its options",
    .group = GROUP_FRAMEWORK,
    .main = help,
};
