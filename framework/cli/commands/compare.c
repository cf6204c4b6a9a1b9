/* viv compare - architectures side by side: from their specs alone, measured, and by what they say. */
#include "cli/evaluate.h"
#include "cli/interrupt.h"
#include "cli/measure.h"
#include "cli/open.h"
#include "cli/report.h"
#include "cli/shared.h"

#include "base/size.h"
#include "cli/compare/comparison.h"
#include "cli/compare/history.h"
#include "cli/compare/sight.h"
#include "cli/compare/table.h"
#include "engine/load.h"
#include "kernels/block_types.h"
#include "kernels/kernels.h"
#include "model/precision.h"
#include "sched/cpus.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vivarium/kernels.h>

enum { MAX_MODELS = 64, MAX_DEVICES = 8, MAX_CONTEXTS = 16, MOST_TEXTS = 1 << 20 };

struct compare_options {
    struct common common;
    struct id_list at;
    int64_t texts, rounds, runs;
    struct string_list on, types;
    const char *type, *html, *history_file;
    uint64_t memory;
    bool measure, chat, save, history, json, csv, markdown, devices;
    struct string_list prompts, tasks;
    const char *text;
    int64_t answer;
};
static const struct compare_options defaults = {.texts = 1, .rounds = 3, .runs = 6, .answer = 64};

#define OPT(field)            offsetof(struct compare_options, field)
#define OR_NAME(name, number) "|" #name
static const struct option table[] = {
    {"at", 0, OPTION_IDS, OPT(at), "N,N",
     .help = "tokens that a text has so far, where that matters; default 512,4096, or less where models that are "
             "measured have less room"},
    SEQUENCES_OPTION(OPT(texts), NULL, MOST_TEXTS),
    {"type", 0, OPTION_CHOICE, OPT(type), "TYPE", .help = "the type of the weights",
     .here = "where speed is predicted: f32, f16, bf16, or a type of blocks such as q4_k; default as in the "
             "checkpoint, or f16 without one",
     .choices = "f32|f16|bf16" GGML_BLOCK_TYPES(OR_NAME), .any_case = true},
    {"types", 0, OPTION_STRINGS, OPT(types), "TYPE",
     .help = "each model once more with its weights made of TYPE at load, as by --weight-type; several are "
             "separated by commas"},
    {"on", 0, OPTION_STRINGS, OPT(on), "DEVICE", .help = ON_HELP,
     .here = "that ceilings are of; repeated: a column for each model on each machine"},
    MEMORY_OPTION(OPT(memory), "default what the machine has"),
    {"measure", 0, OPTION_FLAG, OPT(measure), .help = "measure those that have weights, too"},
    ROUNDS_OPTION(OPT(rounds), "over all models; default 3"),
    PROMPT_OPTION(OPTION_STRINGS, OPT(prompts), "each model answers it, greedily; may be repeated"),
    FILE_OPTION(OPT(text), "how well each model predicts it, and how far it is from the first"),
    {"tasks", 0, OPTION_STRINGS, OPT(tasks), "FILE",
     .help = "how many of these tasks each does: JSON lines of question and answers, or question, choices and "
             "answer; may be repeated"},
    {"chat", 0, OPTION_FLAG, OPT(chat),
     .help = "ask prompts and tasks as turns of a conversation, in each model's own chat template; without, a text "
             "is continued"},
    MAX_TOKENS_OPTION(OPT(answer), "default 64", 1, 1 << 20),
    {"save", 0, OPTION_FLAG, OPT(save), .help = "keep all figures, to see later how they drift"},
    {"history", 0, OPTION_FLAG, OPT(history), .help = "show what was kept, of these models or of all"},
    {"runs", 0, OPTION_INT, OPT(runs), "N", .help = "of the history, the last N; default 6", .min = 1, .max = 1000},
    {"history-file", 0, OPTION_STRING, OPT(history_file), "FILE",
     .help = "where it is kept; default $XDG_STATE_HOME/vivarium/history.db"},
    {"devices", 0, OPTION_FLAG, OPT(devices), .help = "list the machines that have names"},
    JSON_OPTION(OPT(json), "one object"),
    {"csv", 0, OPTION_FLAG, OPT(csv), .help = "print comma-separated values"},
    {"markdown", 0, OPTION_FLAG, OPT(markdown), .help = "print a table in Markdown"},
    {"html", 0, OPTION_STRING, OPT(html), "FILE", .help = "write a page as well: one file that needs no other",
     .here = "drawings, charts and tables"},
    {0}};

static int list_devices(void)
{
    struct error err;
    struct columns c = {.align = "lrrrrr"};
    const char *const head[] = {"device", "memory", "GB/s", "f32 TFLOP/s", "16 bits", "int8"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        columns_add(&c, "%s", head[i]);
    const struct device *d;
    for (size_t i = 0; (d = device_listed(i)); i++) {
        columns_add(&c, "%s", d->name);
        columns_add(&c, "%s", human_bytes(d->memory).text);
        columns_add(&c, "%s", human_number(d->limits.read * 1e-9, 4).text);
        columns_add(&c, "%s", human_number(d->limits.f32 * 1e-12, 3).text);
        columns_add(&c, "%s", human_number(device_arithmetic(d, VIV_F16) * 1e-12, 4).text);
        columns_add(&c, "%s", human_number(device_arithmetic(d, VIV_Q8_0) * 1e-12, 4).text);
    }
    return columns_print(&c, 0, &err) == VIV_OK ? EXIT_DONE : cli_fail(&err);
}

/* --- what is asked ------------------------------------------------------------------------------------------- */

static uint32_t count_devices(const struct compare_options *options)
{
    return options->on.n ? (uint32_t)options->on.n : 1;
}

static viv_status find_devices(const struct compare_options *options, struct device *out, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < options->on.n; i++)
        status = device_parse(options->on.items[i], &out[i], err);
    if (options->on.n)
        return status;
    uint32_t n = options->common.threads ? (uint32_t)options->common.threads : cpus_usable();
    return device_here(n, kernels_cpu(), options->measure, out, err);
}

static viv_status check_contexts(const struct id_list *at, struct error *err)
{
    if (at->n > MAX_CONTEXTS)
        return error_set(err, VIV_ELIMIT, "--at takes at most %d lengths, not %zu", MAX_CONTEXTS, at->n);
    for (size_t i = 0; i < at->n; i++)
        if (at->ids[i] < 1 || at->ids[i] > 1 << 24)
            return error_set(err, VIV_EINVAL, "--at %" PRId32 ": a text has 1 to %d tokens", at->ids[i], 1 << 24);
    return VIV_OK;
}

/* The lengths of text that are asked about, unless --at gives them: 512 and 4096. Where models are measured, 4096
 * is left out if no context has room for it and an answer, and 512 becomes what they all have room for. */
static size_t choose_lengths(const struct compare_options *options, const struct comparison *c, int32_t lengths[2])
{
    uint64_t least = UINT64_MAX, most = 0;
    lengths[0] = 512;
    lengths[1] = 4096;
    for (uint32_t i = 0; options->measure && i < c->n_models; i++) {
        const struct facts *f = &c->models[i].facts;
        if (c->models[i].why || !f->bindings)
            continue;
        least = size_min(least, f->context);
        most = size_max(most, f->context);
    }
    if (least < 512 + MEASURED_ANSWER && least > MEASURED_ANSWER) {
        lengths[0] = (int32_t)(least - MEASURED_ANSWER);
        fprintf(stderr,
                "viv: texts of %" PRId32 " tokens are measured: a context of %" PRIu64
                " has room for them and an answer of %d\n",
                lengths[0], least, MEASURED_ANSWER);
    }
    return most && most < 4096 + MEASURED_ANSWER ? 1 : 2;
}

static void find_questions(const struct compare_options *options, const int32_t *lengths, size_t n_lengths,
                           struct comparison_query *q)
{
    static const uint32_t types[] = {VIV_F16, VIV_Q8_0, VIV_Q4_0};
    static uint32_t type;
    *q = (struct comparison_query){.contexts = options->at.n ? options->at.ids : lengths,
                                   .n_contexts = options->at.n ? options->at.n : n_lengths,
                                   .n_texts = (uint64_t)options->texts,
                                   .types = types,
                                   .n_types = sizeof types / sizeof *types,
                                   .type = -1,
                                   .memory = options->memory};
    if (options->type && dtype_by_name(options->type, &type)) {
        q->type = type;
        q->types = &type;
        q->n_types = 1;
    }
}

static viv_status measure(struct comparison *c, const struct compare_options *options,
                          const struct comparison_query *q, struct error *err)
{
    const struct measuring m = {.common = &options->common,
                                .contexts = q->contexts,
                                .n_contexts = q->n_contexts,
                                .n_texts = options->texts,
                                .rounds = options->rounds};
    return measure_models(c, &m, err);
}

/* --- the models ---------------------------------------------------------------------------------------------- */

static viv_status look_at(struct engine *e, viv_model *m, const char *given, struct looked looked,
                          const char *weight_type, struct compared *out, struct error *err)
{
    const struct spec *s = model_spec(m);
    *out = (struct compared){.given = given,
                             .name = looked.name,
                             .family = spec_family(s),
                             .architecture = looked.architecture,
                             .weight_type = weight_type};
    viv_status status = facts_of(m, &out->facts, err);
    if (status == VIV_OK)
        status = sight_of(e, m, &out->facts, err);
    return status == VIV_OK ? structure_of(out->facts.graph, &out->structure, err) : status;
}

/* The last two parts of a path. */
static const char *last_parts(const char *path)
{
    const char *at = path + strlen(path);
    for (int n = 0; at > path; at--)
        if (at[-1] == '/' && at[0] && ++n == 2)
            break;
    return at;
}

/* Directories of one name are told apart by where they lie. */
static void name_apart(struct comparison *c)
{
    bool same[MAX_MODELS] = {false};
    for (uint32_t i = 0; i < c->n_models; i++)
        for (uint32_t k = 0; k < i; k++)
            if (c->models[i].device == c->models[k].device &&
                c->models[i].weight_type == c->models[k].weight_type &&
                strcmp(c->models[i].name, c->models[k].name) == 0)
                same[i] = same[k] = true;
    for (uint32_t i = 0; i < c->n_models; i++)
        if (same[i])
            c->models[i].name = last_parts(c->models[i].given);
}

/* "llama-3.2-1b on h100-sxm", where there are several machines; "llama-3.2-1b as q4_0". */
static viv_status name_devices(struct comparison *c, struct error *err)
{
    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct compared *m = &c->models[i];
        struct buf name = {0};
        if (c->n_devices == 1 && !m->weight_type)
            continue;
        if (m->weight_type)
            buf_printf(&name, "%s as %s", m->name, m->weight_type);
        else
            buf_printf(&name, "%s on %s", m->name, m->device->name);
        c->models[i].name = name.failed ? NULL : arena_strdup(&c->arena, buf_text(&name));
        buf_release(&name);
        if (!c->models[i].name)
            return error_nomem(err);
    }
    return VIV_OK;
}

/* What the columns are of: each model on each machine, or each model as it is and with each of the types. */
struct columns_of {
    char *types[MAX_MODELS]; /* [n_types]; the first is NULL: as it is */
    uint32_t n_types, n_devices;
};

/* "q8_0,q4_0"; checked here, before anything is opened. */
static viv_status read_types(const struct string_list *list, struct columns_of *out, struct error *err)
{
    viv_status status = VIV_OK;
    out->n_types = 1;
    for (size_t i = 0; status == VIV_OK && i < list->n; i++)
        for (const char *at = list->items[i]; status == VIV_OK && at; at = strchr(at, ',')) {
            uint32_t type;
            at += *at == ',';
            if (out->n_types == MAX_MODELS)
                return error_set(err, VIV_ELIMIT, "--types: at most %d types", MAX_MODELS - 1);
            char *name = strndup(at, strcspn(at, ","));
            status = name ? precision_parse(name, &type, err) : error_nomem(err);
            if (status != VIV_OK) {
                free(name);
                return status == VIV_ENOMEM ? status : error_prefix(err, "--types");
            }
            out->types[out->n_types++] = name;
        }
    return status;
}

static void release_types(struct columns_of *of)
{
    for (uint32_t i = 0; i < of->n_types; i++)
        free(of->types[i]);
}

/* Column i is of the i / (n_devices n_types)-th model; a machine's column is of the model that the first has
 * opened.
 */
static viv_status open_models(struct opened *o, const struct arguments *a, const struct columns_of *of,
                              viv_model **models, struct comparison *c, struct error *err)
{
    const struct compare_options *options = a->options;
    const uint32_t n_each = of->n_devices * of->n_types;
    struct looked looked = {0}; /* of the model that was opened last, which is the column's */
    for (uint32_t i = 0; i < c->n_models; i++) {
        const uint32_t word = i / n_each, first = i - i % of->n_devices;
        const char *type = of->types[i / of->n_devices % of->n_types];
        viv_status status = VIV_OK;
        if (i == first) {
            struct common with = options->common;
            with.weight_type = type ? type : with.weight_type;
            o->model = NULL;
            status = cli_look_at_model(o, &with, a->words[word], &looked, err);
            models[i] = o->model;
            o->model = NULL;
        }
        if (status == VIV_OK)
            status = look_at(o->engine, models[first], a->words[word], looked,
                             type ? type : options->common.weight_type, &c->models[i], err);
        if (status == VIV_OK && options->type && !options->common.cache_type) /* as model_cache_types has it */
            c->models[i].facts.cache_types = strcmp(options->type, "f32") == 0
                                                 ? (struct cache_types){VIV_F32, VIV_F32}
                                                 : (struct cache_types){VIV_F16, VIV_F16};
        if (status == VIV_OK && options->save) /* of all that is looked at, the slowest to make */
            status = expansion_hash(model_expansion(models[first]), c->models[i].spec_hash, err);
        if (status != VIV_OK)
            return status;
        c->models[i].device = &c->devices[i % of->n_devices];
    }
    name_apart(c);
    return name_devices(c, err);
}

/* --- what they say ------------------------------------------------------------------------------------------- */

static struct evaluation evaluation_of(const struct compare_options *options)
{
    return (struct evaluation){.common = &options->common,
                               .prompts = &options->prompts,
                               .task_files = &options->tasks,
                               .text_file = options->text,
                               .answer = options->answer,
                               .chat = options->chat};
}

/* --- what is shown ------------------------------------------------------------------------------------------- */

static uint32_t terminal_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    long n = columns ? strtol(columns, NULL, 10) : 0;
    return n >= 40 && n <= 1000 ? (uint32_t)n : 100;
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static viv_status show(const struct comparison *c, const struct compare_options *options, struct error *err)
{
    struct buf text = {0};
    if (options->json)
        return cli_print_json(table_json(c), false, err);
    if (options->csv)
        table_csv(c, &text);
    else if (options->markdown)
        table_markdown(c, &text);
    else
        table_terminal(c, terminal_width(), wants_colour(), &text);
    bool failed = text.failed;
    fwrite(buf_text(&text), 1, text.size, stdout);
    buf_release(&text);
    return failed ? error_nomem(err) : VIV_OK;
}

/* --- history ------------------------------------------------------------------------------------------------- */

static viv_status find_history(const struct compare_options *options, struct history **out, struct error *err)
{
    char path[4096];
    if (options->history_file)
        return history_open(options->history_file, out, err);
    if (!history_path(path, sizeof path))
        return error_set(err, VIV_ENOTFOUND,
                         "neither $XDG_STATE_HOME nor $HOME is a place for a history: --history-file FILE");
    return history_open(path, out, err);
}

/* How far the last run is from the first, where that is more than what they vary by themselves. */
static void put_drift(const struct comparison *runs, struct buf *out)
{
    size_t before = out->size;
    for (size_t i = 0; i < runs->n_rows && runs->n_models > 1; i++) {
        const struct row *r = &runs->rows[i];
        const struct cell *first = &r->cells[0], *last = &r->cells[runs->n_models - 1];
        if (r->unit == UNIT_WORDS || !first->known || !last->known || first->value <= 0)
            continue;
        bool apart = last->low > first->high || last->high < first->low || first->high <= first->low;
        double drift = last->value / first->value - 1;
        if (apart && (drift > 0.01 || drift < -0.01))
            buf_printf(out, "%s  %s  %+.1f %%\n", out->size == before ? "drift since the first of these\n" : "",
                       r->label, 100 * drift);
    }
}

struct shown {
    const struct compare_options *options;
    json_t *json; /* {model: runs} */
    struct buf text;
    size_t n;
};

static viv_status show_runs(void *ctx, const char *model, const struct comparison *runs, struct error *err)
{
    struct shown *s = ctx;
    s->n++;
    if (s->options->json)
        return json_object_set_new(s->json, model, table_json(runs)) == 0 ? VIV_OK : error_nomem(err);
    buf_printf(&s->text, "%s%s\n\n", s->n > 1 ? "\n" : "", model);
    if (s->options->csv)
        table_csv(runs, &s->text);
    else if (s->options->markdown)
        table_markdown(runs, &s->text);
    else
        table_terminal(runs, terminal_width(), wants_colour(), &s->text);
    if (!s->options->csv)
        put_drift(runs, &s->text);
    return s->text.failed ? error_nomem(err) : VIV_OK;
}

static int show_history(const struct arguments *a)
{
    const struct compare_options *options = a->options;
    struct shown s = {.options = options, .json = json_object()};
    struct history *h = NULL;
    struct error err;
    viv_status status = s.json ? find_history(options, &h, &err) : error_nomem(&err);
    for (size_t i = 0; status == VIV_OK && i < (a->n_words ? a->n_words : 1); i++)
        status = history_show(h, a->n_words ? a->words[i] : NULL, (uint32_t)options->runs, show_runs, &s, &err);
    history_close(h);
    if (status == VIV_OK && options->json)
        status = cli_print_json(json_incref(s.json), false, &err);
    else if (status == VIV_OK && s.n == 0)
        printf("nothing was kept yet: viv compare MODEL... --measure --save\n");
    else if (status == VIV_OK)
        fwrite(buf_text(&s.text), 1, s.text.size, stdout);
    json_decref(s.json);
    buf_release(&s.text);
    return status == VIV_OK ? EXIT_DONE : cli_fail(&err);
}

/* "compare a b --at 512": what was asked, for whoever looks back. */
static viv_status save(struct history *h, const struct comparison *c, const struct arguments *a, struct error *err)
{
    struct buf command = {0};
    buf_puts(&command, "compare");
    for (size_t i = 0; i < a->n_words; i++)
        buf_printf(&command, " %s", a->words[i]);
    viv_status status = command.failed ? error_nomem(err) : history_save(h, c, buf_text(&command), err);
    buf_release(&command);
    return status;
}

static int compare(const struct arguments *a)
{
    const struct compare_options *options = a->options;
    struct opened o = {0};
    struct error err = {0};
    struct comparison *c = NULL;
    struct history *history = NULL;
    int32_t lengths[2];
    struct comparison_query q;
    struct file_draft report = {0};
    viv_model *models[MAX_MODELS] = {0};
    struct device devices[MAX_DEVICES] = {0};
    const uint32_t n_devices = count_devices(options);
    struct columns_of of = {.n_devices = n_devices};
    struct evaluation evaluation = evaluation_of(options);
    bool complete = false; /* there is something to show */
    if (options->devices)
        return list_devices();
    if (options->history)
        return show_history(a);
    if (a->n_words == 0)
        return cli_usage_error("compare", "which models?");
    if (n_devices > MAX_DEVICES)
        return cli_usage_error("compare", "at most %d machines (--on), not %" PRIu32, MAX_DEVICES, n_devices);
    if (options->types.n && options->common.weight_type)
        return cli_usage_error("compare", "--types or --weight-type, not both");
    if (options->types.n && (n_devices > 1 || options->save))
        return cli_usage_error("compare", "--types takes at most one --on, and no --save");
    if (n_devices > 1 && (options->measure || options->save || evaluation_is_wanted(&evaluation)))
        return cli_usage_error("compare", "--measure, --save, --prompt, --file and --tasks take at most one --on");
    if (options->json + options->csv + options->markdown > 1)
        return cli_usage_error("compare", "one of --json, --csv and --markdown");
    if (read_types(&options->types, &of, &err) != VIV_OK) {
        release_types(&of);
        return cli_usage_error("compare", "%s", err.text);
    }
    if (a->n_words * n_devices * of.n_types > MAX_MODELS) {
        release_types(&of);
        return cli_usage_error("compare", "at most %d columns, not %zu", MAX_MODELS,
                               a->n_words * n_devices * of.n_types);
    }
    viv_status status = check_contexts(&options->at, &err);
    if (status == VIV_OK && options->save) /* a place that cannot be written is refused before the measuring */
        status = find_history(options, &history, &err);
    if (status == VIV_OK && options->html) {
        interrupt_watch(); /* a process that ended here would leave its draft */
        status = file_draft_begin(&report, options->html, &err);
    }
    if (status == VIV_OK)
        status = evaluation_read(&evaluation, &err);
    if (status == VIV_OK)
        status = comparison_create((uint32_t)a->n_words * n_devices * of.n_types, &c, &err);
    if (status == VIV_OK)
        status = find_devices(options, devices, &err);
    if (status == VIV_OK) {
        c->devices = devices;
        c->n_devices = n_devices;
        status = open_models(&o, a, &of, models, c, &err);
    }
    if (status == VIV_OK) {
        const size_t n_lengths = options->at.n ? 0 : choose_lengths(options, c, lengths);
        find_questions(options, lengths, n_lengths, &q);
        status = comparison_predict(c, &q, &err);
    }
    complete = status == VIV_OK;
    if (status == VIV_OK && report.stream && interrupt_happened())
        status = error_set(&err, VIV_ECANCELLED, "interrupted before anything was measured");
    if (status == VIV_OK && options->measure)
        status = measure(c, options, &q, &err);
    if (status == VIV_OK && evaluation_is_wanted(&evaluation))
        status = evaluate_models(c, &o, &evaluation, &err);
    if (complete) { /* what was measured, or asked, is kept */
        struct error late;
        viv_status shown = show(c, options, &late);
        if (shown == VIV_OK && history)
            shown = save(history, c, a, &late);
        if (shown == VIV_OK && report.stream)
            shown = report_keep(c, &q, &report, &late);
        if (shown != VIV_OK) {
            status = shown;
            err = late;
        }
    }
    evaluation_release(&evaluation);
    file_draft_drop(&report);
    history_close(history);
    comparison_destroy(c);
    for (size_t i = 0; i < MAX_MODELS; i++)
        model_close(models[i]);
    release_types(&of);
    return cli_close_opened(&o, status, &err);
}

const struct command command_compare = {
    .name = "compare",
    .summary = "architectures side by side; weights not needed",
    .words = "[MODEL...]",
    .text = "Puts any models next to each other: parameters and where they are, memory for weights and KV cache, "
            "work for each token, the speed that a machine's memory and arithmetic allow at most, and what they "
            "are built of. All of it comes from the specs; weights need not be there.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct compare_options),
    .examples = "viv compare mixtral-8x7b mistral-7b llama-3.2-1b\n"
                "viv compare qwen3-8b gemma-2-9b --at 1024,32768 --type q4_0 --memory 16GiB\n"
                "viv compare qwen3-8b qwen3-30b-a3b --on rtx-4090 --sequences 16\n"
                "viv compare qwen3-8b gemma-2-9b --html report.html\n"
                "viv compare llama-3.2-1b phi-3-mini --json\n"
                "viv compare f16.gguf --types q8_0,q4_k,q4_0 --file wiki.txt --measure\n"
                "viv compare f16.gguf q4_0.gguf --file wiki.txt --prompt \"The capital is\"",
    .group = GROUP_MEASURE,
    .models = true,
    .main = compare,
};
