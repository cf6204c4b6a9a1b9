/* options.c - parsing by table.
 *
 *   --name VALUE   --name=VALUE   -n VALUE   -nVALUE   --flag   -f   --   (what follows has no dashes) */
#include "cli/options.h"

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMON(field) offsetof(struct common, field)

const struct option common_options[] = {
    {"threads", 't', OPTION_INT, COMMON(threads), "N", "work on N threads; 0: as many as there are processors", 0,
     1024, NULL},
    {"scheduler", 0, OPTION_STRING, COMMON(scheduler), "NAME",
     "who decides what runs when: parallel, serial, or a plugin's", 0, 0, NULL},
    {"context", 0, OPTION_INT, COMMON(context), "N", "room for N tokens; 0: as many as the model was made for", 0,
     1 << 30, NULL},
    {"state-type", 0, OPTION_CHOICE, COMMON(state_type), "TYPE",
     "f32 or f16: what is kept of each token; f32 where the weights are f32, else f16", 0, 0, "f32|f16"},
    {"expert-memory", 0, OPTION_SIZE, COMMON(expert_memory), "SIZE",
     "keep at most SIZE (such as 4GiB) of the weights of experts in memory, and read others from the file when "
     "they are chosen",
     0, 0, NULL},
    {"expert-profile", 0, OPTION_STRING, COMMON(expert_profile), "FILE",
     "with --expert-memory: keep those in memory that were chosen most, as `viv experts --profile` has written", 0,
     0, NULL},
    {"kernels", 0, OPTION_CHOICE, COMMON(kernels), "KIND",
     "exact: the same numbers in any batch; fastest: OpenBLAS for f32 products of many rows, where it is faster; "
     "generic, avx2, avx512: exact, with no more of the processor than that",
     0, 0, "exact|fastest|generic|avx2|avx512"},
    {"lora", 0, OPTION_STRINGS, COMMON(lora), "DIR[:SCALE]",
     "merge a LoRA adapter into the weights: a directory of PEFT, or a .gguf file; may be repeated", 0, 0, NULL},
    {"plugin-path", 0, OPTION_STRINGS, COMMON(plugin_path), "DIR", "look for plugins in DIR first; may be repeated",
     0, 0, NULL},
    {0}};

static const struct option no_options[] = {{0}};

/* The verb's own, those that it shares with some others, those of all. */
enum { N_TABLES = 3 };
static const struct option *table_of(const struct command *command, int i)
{
    const struct option *const tables[N_TABLES] = {command->options, command->also, common_options};
    return tables[i] ? tables[i] : no_options;
}

/* --- finding ------------------------------------------------------------------------------------------- */

static const struct option *find_in(const struct option *table, const char *name, size_t n, char letter)
{
    for (; table->name; table++)
        if (name ? strlen(table->name) == n && strncmp(table->name, name, n) == 0
                 : letter && table->letter == letter)
            return table;
    return NULL;
}

/* By long name of n bytes, or by letter when name is NULL. A verb's own option hides a common one. */
static const struct option *find_option(const struct command *command, const char *name, size_t n, char letter)
{
    const struct option *option = NULL;
    for (int i = 0; !option && i < N_TABLES; i++)
        option = find_in(table_of(command, i), name, n, letter);
    return option;
}

static int unknown_option(const struct command *command, const char *name, size_t n)
{
    const char *candidates[64];
    char word[64];
    size_t count = 0;
    candidates[count++] = "help";
    for (int i = 0; i < N_TABLES; i++)
        for (const struct option *o = table_of(command, i); o->name && count < 64; o++)
            candidates[count++] = o->name;
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), name);
    const char *near = near_word(word, candidates, count);
    if (near)
        return usage_error(command->name, "there is no option --%.*s; did you mean --%s?", (int)n, name, near);
    return usage_error(command->name, "there is no option --%.*s", (int)n, name);
}

/* --- values -------------------------------------------------------------------------------------------- */

static bool read_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return false;
    *out = value;
    return true;
}

static bool read_float(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return false;
    *out = value;
    return true;
}

static bool is_choice(const char *choices, const char *word)
{
    size_t n = strlen(word);
    for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
        if (strcspn(c, "|") == n && strncmp(c, word, n) == 0)
            return true;
    return false;
}

static int out_of_memory(void)
{
    struct error err;
    error_nomem(&err);
    return fail(&err);
}

static int set_int(const struct command *command, const struct option *o, const char *text, int64_t *out)
{
    int64_t value;
    if (!read_int(text, &value) || (double)value < o->min || (double)value > o->max)
        return usage_error(command->name, "--%s takes an integer from %.0f to %.0f, not '%s'", o->name, o->min,
                           o->max, text);
    *out = value;
    return ARGUMENTS_OK;
}

static int set_float(const struct command *command, const struct option *o, const char *text, double *out)
{
    double value;
    if (!read_float(text, &value) || value < o->min || value > o->max)
        return usage_error(command->name, "--%s takes a number from %g to %g, not '%s'", o->name, o->min, o->max,
                           text);
    *out = value;
    return ARGUMENTS_OK;
}

/* "4GiB", "512M", "1.5g", "4096": K, M, G and T are powers of 1024. */
static int set_size(const struct command *command, const struct option *o, const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    bool fits = end != text && !errno && value > 0;
    if (fits && unit) {
        value = ldexp(value, 10 * (int)(unit - units + 1));
        end += 1 + (end[1] == 'i');
    }
    end += *end == 'B';
    if (!fits || *end || value < 1 || value > 0x1p60)
        return usage_error(command->name, "--%s takes a size such as 4GiB or 512M, not '%s'", o->name, text);
    *out = (uint64_t)value;
    return ARGUMENTS_OK;
}

static int add_ids(const struct command *command, const struct option *o, const char *text, struct id_list *list)
{
    for (const char *at = text;; at++) {
        char *end;
        errno = 0;
        long long id = strtoll(at, &end, 10);
        if (end == at || (*end && *end != ',') || errno || id < 0 || id > INT32_MAX)
            return usage_error(command->name, "--%s takes token ids such as 1,2,3, not '%s'", o->name, text);
        if (!VEC_RESERVE(list->ids, list->n, list->capacity))
            return out_of_memory();
        list->ids[list->n++] = (int32_t)id;
        if (!*end)
            return ARGUMENTS_OK;
        at = end;
    }
}

static int add_bias(const struct command *command, const struct option *o, const char *text, struct bias_list *list)
{
    char *end;
    double value;
    errno = 0;
    long long id = strtoll(text, &end, 10);
    if (end == text || *end != '=' || errno || id < 0 || id > INT32_MAX || !read_float(end + 1, &value) ||
        fabs(value) > 1e30)
        return usage_error(command->name, "--%s takes a token id and a number such as 17=-2.5, not '%s'", o->name,
                           text);
    if (!VEC_RESERVE(list->items, list->n, list->capacity))
        return out_of_memory();
    list->items[list->n++] = (struct bias){(int32_t)id, (float)value};
    return ARGUMENTS_OK;
}

static int set_value(const struct command *command, const struct option *o, const char *text, void *options)
{
    void *field = (char *)options + o->offset;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return ARGUMENTS_OK;
    case OPTION_INT:
        return set_int(command, o, text, field);
    case OPTION_FLOAT:
        return set_float(command, o, text, field);
    case OPTION_SIZE:
        return set_size(command, o, text, field);
    case OPTION_CHOICE:
        if (!is_choice(o->choices, text))
            return usage_error(command->name, "--%s takes one of %s, not '%s'", o->name, o->choices, text);
        *(const char **)field = text;
        return ARGUMENTS_OK;
    case OPTION_STRING:
        *(const char **)field = text;
        return ARGUMENTS_OK;
    case OPTION_STRINGS: {
        struct string_list *list = field;
        if (!VEC_RESERVE(list->items, list->n, list->capacity))
            return out_of_memory();
        list->items[list->n++] = text;
        return ARGUMENTS_OK;
    }
    case OPTION_IDS:
        return add_ids(command, o, text, field);
    case OPTION_BIAS:
        return add_bias(command, o, text, field);
    }
    return ARGUMENTS_OK;
}

/* --- parsing ------------------------------------------------------------------------------------------- */

/* The option at argv[*i], whose value may be in argv[*i + 1]. */
static int parse_option(const struct command *command, int argc, char **argv, int *i, void *options)
{
    const char *arg = argv[*i], *value = NULL;
    bool is_long = arg[1] == '-';
    size_t n = is_long ? strcspn(arg + 2, "=") : 1;
    const struct option *o = find_option(command, is_long ? arg + 2 : NULL, n, arg[1]);
    if (!o)
        return is_long ? unknown_option(command, arg + 2, n)
                       : usage_error(command->name, "there is no option %s", arg);
    if (is_long && arg[2 + n] == '=')
        value = arg + 2 + n + 1;
    else if (!is_long && arg[2])
        value = arg + 2;
    if (o->kind == OPTION_FLAG) {
        if (value)
            return usage_error(command->name, "--%s takes no value, found '%s'", o->name, value);
    } else if (!value) {
        if (*i + 1 >= argc)
            return usage_error(command->name, "--%s needs a value: %s", o->name, o->value);
        value = argv[++*i];
    }
    return set_value(command, o, value, options);
}

/* How many words a usage such as "MODEL [TEXT]" or "MODEL..." asks for and admits; the name of the n-th into
 * `name`. */
static void count_words(const char *usage, size_t *least, size_t *most)
{
    *least = *most = 0;
    while (*usage) {
        size_t n = strcspn(usage, " ");
        *least += *usage != '[';
        *most = strstr(usage, "...") && strstr(usage, "...") < usage + n ? SIZE_MAX : *most + 1;
        usage += n + strspn(usage + n, " ");
    }
}

static int check_words(const struct arguments *a)
{
    const char *usage = a->command->words, *word = usage;
    size_t least, most;
    count_words(usage, &least, &most);
    if (a->n_words > most)
        return usage_error(a->command->name, "nothing is expected where '%s' stands", a->words[most]);
    if (a->n_words >= least)
        return ARGUMENTS_OK;
    for (size_t i = 0; i < a->n_words; i++)
        word += strcspn(word, " "), word += strspn(word, " ");
    return usage_error(a->command->name, "%.*s is missing", (int)strcspn(word, " "), word);
}

int arguments_parse(struct arguments *a, const struct command *command, int argc, char **argv)
{
    const size_t size = command->options_size ? command->options_size : sizeof(struct common);
    void *options = calloc(1, size);
    *a = (struct arguments){.command = command, .options = options};
    a->words = calloc((size_t)argc + 1, sizeof *a->words);
    if (!options || !a->words)
        return out_of_memory();
    if (command->defaults)
        memcpy(options, command->defaults, size);
    bool dashes = true;
    for (int i = 1; i < argc; i++) {
        if (!dashes || argv[i][0] != '-' || !argv[i][1]) {
            a->words[a->n_words++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            dashes = false;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_command_help(command);
            return EXIT_DONE;
        } else {
            int status = parse_option(command, argc, argv, &i, options);
            if (status != ARGUMENTS_OK)
                return status;
        }
    }
    return check_words(a);
}

static void release_lists(const struct option *table, void *options)
{
    for (const struct option *o = table; o->name; o++) {
        void *field = (char *)options + o->offset;
        if (o->kind == OPTION_STRINGS)
            free(((struct string_list *)field)->items);
        else if (o->kind == OPTION_IDS)
            free(((struct id_list *)field)->ids);
        else if (o->kind == OPTION_BIAS)
            free(((struct bias_list *)field)->items);
    }
}

void arguments_release(struct arguments *a)
{
    for (int i = 0; a->options && i < N_TABLES; i++)
        release_lists(table_of(a->command, i), (void *)a->options);
    free((void *)a->options);
    free(a->words);
    *a = (struct arguments){0};
}

/* --- options of one of several models -------------------------------------------------------------------- */

static bool list_copy(const struct string_list *from, struct string_list *to)
{
    *to = (struct string_list){0};
    for (size_t i = 0; i < from->n; i++) {
        if (!VEC_RESERVE(to->items, to->n, to->capacity))
            return false;
        to->items[to->n++] = from->items[i];
    }
    return true;
}

bool common_copy(const struct common *from, struct common *to)
{
    *to = *from;
    to->lora = (struct string_list){0};
    return list_copy(&from->plugin_path, &to->plugin_path) && list_copy(&from->lora, &to->lora);
}

void common_release(struct common *c)
{
    release_lists(common_options, c);
}

int option_assign(const struct command *command, const struct option *own, const char *text, void *options)
{
    size_t n = strcspn(text, "=");
    const struct option *o = find_in(own, text, n, 0);
    if (!o)
        o = find_in(common_options, text, n, 0);
    if (!o)
        return unknown_option(command, text, n);
    if (!text[n])
        return usage_error(command->name, "expected %s=%s, found '%s'", o->name, o->value, text);
    return set_value(command, o, text + n + 1, options);
}

/* --- help ---------------------------------------------------------------------------------------------- */

enum { HELP_COLUMN = 28, HELP_WIDTH = 100 };

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
    putchar('\n');
}

static void print_options(const struct option *o)
{
    for (; o->name; o++) {
        char left[64];
        char letter[5] = {'-', o->letter, ',', ' ', 0};
        int n = snprintf(left, sizeof left, "  %s--%s%s%s", o->letter ? letter : "    ", o->name,
                         o->value ? " " : "", o->value ? o->value : "");
        if (n + 1 < HELP_COLUMN)
            printf("%-*s", HELP_COLUMN, left);
        else
            printf("%s\n%*s", left, HELP_COLUMN, "");
        print_wrapped(o->help, HELP_COLUMN, HELP_COLUMN);
    }
}

void print_command_help(const struct command *command)
{
    printf("viv %s - %s\n\nUsage: viv %s%s%s [options]\n", command->name, command->summary, command->name,
           *command->words ? " " : "", command->words);
    if (command->text) {
        putchar('\n');
        print_wrapped(command->text, 0, 0);
    }
    printf("\nOptions:\n");
    print_options(table_of(command, 0));
    print_options(table_of(command, 1));
    printf("%-*s%s\n", HELP_COLUMN, "  -h, --help", "print this");
    printf("\nCommon options:\n");
    print_options(command->models ? common_options : find_in(common_options, "plugin-path", 11, 0));
    if (!command->examples)
        return;
    printf("\nExamples:\n");
    for (const char *line = command->examples; *line; line += strcspn(line, "\n"), line += *line == '\n')
        printf("  %.*s\n", (int)strcspn(line, "\n"), line);
}
