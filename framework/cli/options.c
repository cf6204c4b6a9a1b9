/* options.c - parsing by table.
 *
 *   --name VALUE   --name=VALUE   -n VALUE   -nVALUE   --flag   -f   --   (what follows has no dashes) */
#include "cli/options.h"

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMON(field) offsetof(struct common, field)

const struct option common_options[] = {
    {"threads", 't', OPTION_INT, COMMON(threads), "N",
     .help = "work on N threads; 0: as many as there are processors", .min = 0, .max = 1024,
     .aliases = "num-threads|n-threads|num-thread"},
    {"scheduler", 0, OPTION_STRING, COMMON(scheduler), "NAME",
     .help = "who decides what runs when: parallel; sleeping (as parallel, but threads that wait sleep instead of "
             "spinning: less power, less speed); serial; or a plugin's"},
    {"cpu-share", 0, OPTION_FLOAT, COMMON(cpu_share), "PERCENT",
     .help =
         "after each step, such as a token, rest until no more than PERCENT of the time of the threads was used",
     .min = 1, .max = 100},
    {"nice", 0, OPTION_INT, COMMON(nice), "N",
     .help = "let other programs go first: the niceness of the process, as of nice(1)", .min = 0, .max = 19},
    {"context", 'c', OPTION_INT, COMMON(context), "N",
     .help = "room for N tokens (8k: 8192); 0: as many as the model was made for", .min = 0, .max = 1 << 30,
     .aliases = "ctx-size|n-ctx|num-ctx|max-model-len|context-length|context-size|max-context"},
    {"cache-type", 0, OPTION_CACHE, COMMON(cache_type), "TYPE",
     .help = "type of the KV cache: f32, f16, bf16, q8_0 or q4_0, or of keys and values apart, k=q8_0,v=q4_0; "
             "default f32 "
             "if the weights are f32, else f16",
     .choices = "f32|f16|bf16|q8_0|q4_0", .aliases = "kv-cache-dtype|kv-cache-type"},
    {"weight-type", 0, OPTION_STRING, COMMON(weight_type), "TYPE",
     .help =
         "make the weights of matrices TYPE (such as q8_0 or q4_0) while the model is loaded; the file stays as it "
         "is"},
    {"expert-memory", 0, OPTION_SIZE, COMMON(expert_memory), "SIZE",
     .help = "keep at most SIZE (such as 4GiB) of the weights of experts in memory, and read others from the file "
             "when they are chosen"},
    {"expert-profile", 0, OPTION_STRING, COMMON(expert_profile), "FILE",
     .help = "with --expert-memory: keep those in memory that were chosen most, as `viv experts --profile` has "
             "written"},
    {"kernels", 0, OPTION_CHOICE, COMMON(kernels), "KIND",
     .help = "exact: the same numbers in any batch; fastest: OpenBLAS for f32 products of many rows, where it is "
             "faster; generic, avx2, avx512: exact, with no more of the processor than that",
     .choices = "exact|fastest|generic|avx2|avx512"},
    {"activations", 0, OPTION_CHOICE, COMMON(activations), "TYPE",
     .help =
         "what is multiplied with weights: auto rounds it to what is fastest for the weight's type, such as 8 bits "
         "for blocks of integers; f32 does not round it, and is slower",
     .choices = "auto|f32"},
    {"lora", 0, OPTION_STRINGS, COMMON(lora), "DIR[:SCALE]",
     .help = "merge a LoRA adapter into the weights: a directory of PEFT, or a .gguf file; may be repeated"},
    {"mmproj", 0, OPTION_STRING, COMMON(mmproj), "FILE",
     .help = "the second GGUF file of a model that sees; none: not the one that lies beside the first"},
    {"plugin-path", 0, OPTION_STRINGS, COMMON(plugin_path), "DIR",
     .help = "look for plugins in DIR first; may be repeated"},
    {"allow-threads", 0, OPTION_STRINGS, COMMON(allow_threads), "LIBRARY",
     .help = "a plugin may need LIBRARY (such as libopenblas) although it starts threads; may be repeated"},
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

/* Whether the n bytes of a typed name are this one; n_predict and n-predict are the same. */
static bool is_name(const char *typed, size_t n, const char *name, size_t length)
{
    for (size_t i = 0; n == length && i < n; i++)
        if ((typed[i] == '_' ? '-' : typed[i]) != name[i])
            return false;
    return n == length;
}

static bool has_name(const struct option *o, const char *typed, size_t n)
{
    if (is_name(typed, n, o->name, strlen(o->name)))
        return true;
    for (const char *a = o->aliases; a && *a; a += strcspn(a, "|"), a += *a == '|')
        if (is_name(typed, n, a, strcspn(a, "|")))
            return true;
    return false;
}

static const struct option *find_in(const struct option *table, const char *name, size_t n, char letter)
{
    for (; table->name; table++)
        if (name ? has_name(table, name, n) : letter && table->letter == letter)
            return table;
    return NULL;
}

const struct option *option_find(const struct option *table, const char *name, size_t n)
{
    return find_in(table, name, n, 0);
}

/* By long name of n bytes, or by letter when name is NULL. A verb's own option hides a common one. */
static const struct option *find_option(const struct command *command, const char *name, size_t n, char letter)
{
    const struct option *option = NULL;
    for (int i = 0; !option && i < N_TABLES; i++)
        option = find_in(table_of(command, i), name, n, letter);
    return option;
}

const struct option *command_option(const struct command *command, size_t i)
{
    for (int k = 0; k < N_TABLES; k++)
        for (const struct option *o = table_of(command, k); o->name; o++) {
            const bool shown = k < 2 || command->models || strcmp(o->name, "plugin-path") == 0;
            if (shown && find_option(command, o->name, strlen(o->name), 0) == o && i-- == 0)
                return o;
        }
    return NULL;
}

/* Options of other programs and of other verbs that are not taken here, since they would mean something else, or
 * nothing. */
static const struct stranger {
    const char *verbs; /* "bench|run"; NULL: all */
    const char *names; /* letters among them */
    const char *advice;
} strangers[] = {
    {"bench", "p|prompt", "the length of the prompt is --prompt-tokens N"},
    {"compare", "text", "--file FILE reads a text from a file, --prompt TEXT is a prompt"},
    {"embed", "p|prompt", "--prompt-name NAME is one of the model's prompts; texts go without an option"},
    {"chat", "p|prompt", "turns are typed, or read with --file FILE; `viv run` answers one prompt"},
    {"run", "cnv|conversation|i|interactive|jinja",
     "`viv chat` is for conversations; `viv run` continues a text, or answers one turn with --system or "
     "--messages"},
    {NULL, "m|model|hf|hf-repo", "the model goes without an option, as in: viv run MODEL"},
    {NULL, "n-gpu-layers|gpu-layers|ngl|main-gpu|tensor-split|split-mode|flash-attn|fa|numa",
     "viv computes on the processor"},
    {NULL, "b|batch-size|ub|ubatch-size|threads-batch|tb", "viv chooses how many tokens a step reads"},
    {NULL, "mlock|no-mmap|mmap|gpu-memory-utilization",
     "weights are mapped; --expert-memory SIZE limits those of experts"},
    {NULL, "cache-type-k|cache-type-v|ctk|ctv", "use --cache-type k=TYPE,v=TYPE"},
    {NULL, "chat-template", "--template FILE is a template, --template-name NAME one of the model's"},
    {NULL, "chat-template-kwargs", "--var NAME=VALUE sets one variable of the template"},
    {NULL, "format", "--json-schema FILE holds an answer to a schema; --json is the form of the output"},
};

static bool is_among(const char *list, const char *word, size_t n)
{
    for (const char *a = list; *a; a += strcspn(a, "|"), a += *a == '|')
        if (is_name(word, n, a, strcspn(a, "|")))
            return true;
    return false;
}

/* Why it is not taken, or NULL. */
static const char *advice_on(const struct command *command, const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        const struct stranger *s = &strangers[i];
        const bool is_meant = s->verbs ? is_among(s->verbs, command->name, strlen(command->name))
                                       : !find_in(table_of(command, 0), name, n, 0);
        if (is_meant && is_among(s->names, name, n))
            return s->advice;
    }
    return NULL;
}

/* The word nearest to a misspelt one; to one near an alias, the name of the option. */
static const char *near_option(const struct command *command, const char *word)
{
    enum { MOST = 256 };
    const char *names[MOST], *candidates[MOST];
    char aliases[MOST][32];
    size_t n = 0;
    names[n] = candidates[n] = "help";
    n++;
    for (int i = 0; i < N_TABLES; i++)
        for (const struct option *o = table_of(command, i); o->name && n < MOST; o++) {
            names[n] = candidates[n] = o->name;
            n++;
            for (const char *a = o->aliases; a && *a && n < MOST; a += strcspn(a, "|"), a += *a == '|') {
                snprintf(aliases[n], sizeof aliases[n], "%.*s", (int)strcspn(a, "|"), a);
                names[n] = o->name;
                candidates[n] = aliases[n];
                n++;
            }
        }
    const char *near = near_word(word, candidates, n);
    for (size_t i = 0; near && i < n; i++)
        if (candidates[i] == near)
            return names[i];
    return NULL;
}

static int unknown_option(const struct command *command, const char *dashes, const char *name, size_t n)
{
    const char *advice = advice_on(command, name, n);
    char word[64];
    if (advice)
        return cli_usage_error(command->name, "there is no option %s%.*s: %s", dashes, (int)n, name, advice);
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), name);
    const char *near = n > 1 ? near_option(command, word) : NULL;
    if (near)
        return cli_usage_error(command->name, "there is no option %s%.*s; did you mean --%s?", dashes, (int)n, name,
                               near);
    return cli_usage_error(command->name, "there is no option %s%.*s", dashes, (int)n, name);
}

/* --- parsing ------------------------------------------------------------------------------------------- */

static int out_of_memory(void)
{
    struct error err;
    error_nomem(&err);
    return cli_fail(&err);
}

/* What parsing returns for a value that was or was not taken. */
static int set_value(const struct command *command, const struct option *o, const char *text, void *options)
{
    struct error err;
    const viv_status status = option_set(o, text, options, &err);
    if (status == VIV_OK)
        return ARGUMENTS_OK;
    return status == VIV_EINVAL ? cli_usage_error(command->name, "%s", err.text) : cli_fail(&err);
}

/* The option at argv[*i], whose value may be in argv[*i + 1]. */
static int parse_option(const struct command *command, int argc, char **argv, int *i, void *options)
{
    const char *arg = argv[*i], *value = NULL;
    bool is_long = arg[1] == '-';
    size_t n = strcspn(arg + 1 + is_long, "=");
    const bool is_word = !is_long && n > 1; /* -temp, or a letter with its value behind it */
    if (is_word && advice_on(command, arg + 1, n))
        return unknown_option(command, "-", arg + 1, n);
    if (is_word && find_option(command, arg + 1, n, 0))
        return cli_usage_error(command->name, "%.*s has two dashes when it is written out: -%.*s", (int)n + 1, arg,
                               (int)n + 1, arg);
    if (!is_long)
        n = 1;
    const struct option *o = NULL;
    if (!is_long || !advice_on(command, arg + 2, n))
        o = find_option(command, is_long ? arg + 2 : NULL, n, arg[1]);
    if (!o)
        return unknown_option(command, is_long ? "--" : "-", arg + 1 + is_long, n);
    if (is_long && arg[2 + n] == '=')
        value = arg + 2 + n + 1;
    else if (!is_long && arg[2])
        value = arg + 2;
    if (o->kind == OPTION_FLAG) {
        if (value)
            return cli_usage_error(command->name, "--%s takes no value, found '%s'", o->name, value);
    } else if (!value) {
        if (*i + 1 >= argc)
            return cli_usage_error(command->name, "--%s needs a value: %s", o->name, o->value);
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
        return cli_usage_error(a->command->name, "nothing is expected where '%s' stands", a->words[most]);
    if (a->n_words >= least)
        return ARGUMENTS_OK;
    for (size_t i = 0; i < a->n_words; i++)
        word += strcspn(word, " "), word += strspn(word, " ");
    return cli_usage_error(a->command->name, "%.*s is missing", (int)strcspn(word, " "), word);
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
            command_print_help(command);
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
    to->allow_threads = to->lora = (struct string_list){0};
    return list_copy(&from->plugin_path, &to->plugin_path) && list_copy(&from->allow_threads, &to->allow_threads) &&
           list_copy(&from->lora, &to->lora);
}

void common_release(struct common *c)
{
    release_lists(common_options, c);
}

int option_assign(const struct command *command, const struct option *own, const char *text, void *options)
{
    text += strspn(text, "-"); /* as it is written on a command line */
    size_t n = strcspn(text, "=");
    const struct option *o = find_in(own, text, n, 0);
    if (!o)
        o = find_in(common_options, text, n, 0);
    if (!o)
        return unknown_option(command, "", text, n);
    if (!text[n])
        return cli_usage_error(command->name, "expected %s=%s, found '%s'", o->name, o->value, text);
    return set_value(command, o, text + n + 1, options);
}
