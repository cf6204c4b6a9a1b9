/* viv fit - how much memory a model needs, and whether this machine has it. */
#include "cli/compare/device.h"
#include "cli/compare/memory.h"
#include "cli/compare/sight.h"
#include "cli/open.h"
#include "cli/shared.h"

#include "kernels/block_types.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_USERS = 65536 };

struct fit_options {
    struct common common;
    int64_t users;
    uint64_t memory;
    const char *on, *type;
    bool json;
};
static const struct fit_options defaults = {.users = 1};

#define OPT(field)            offsetof(struct fit_options, field)
#define OR_NAME(name, number) "|" #name
static const struct option table[] = {
    {"users", 'u', OPTION_INT, OPT(users), "N",
     .help = "sequences at once, each with a context of its own; default 1", .min = 1, .max = MOST_USERS,
     .aliases = "parallel"},
    MEMORY_OPTION(OPT(memory), "default what programs may still take of this machine's"),
    {"on", 0, OPTION_STRING, OPT(on), "DEVICE", .help = ON_HELP, .here = "its memory counts"},
    {"type", 0, OPTION_CHOICE, OPT(type), "TYPE", .help = "the type of the weights",
     .here = "f32, f16, bf16, or a type of blocks such as q4_k; default as in the checkpoint, or f16 without one",
     .choices = "f32|f16|bf16" GGML_BLOCK_TYPES(OR_NAME), .any_case = true},
    JSON_OPTION(OPT(json), "a list, an object for each model"),
    {0}};

/* What is said of one model. */
struct answer {
    const char *name;
    struct memory_query query;
    struct memory_use use;
    uint64_t largest_context, largest_users; /* that fit; 0: none */
    char cache_type[CACHE_TYPES_TEXT];
};

struct fit {
    const struct fit_options *options;
    uint64_t memory, machine; /* to fit into; of the machine, 0: not known or not asked about */
    struct answer *answers;
    size_t n;
};

static bool fits(const struct fit *fit, const struct answer *a)
{
    return a->use.total <= fit->memory;
}

static viv_status find_memory(struct fit *fit, struct error *err)
{
    const struct fit_options *o = fit->options;
    struct device device;
    if (o->on && o->memory)
        return error_set(err, VIV_EINVAL, "--on and --memory both say how much memory there is: give one of them");
    if (o->on) {
        viv_status status = device_parse(o->on, &device, err);
        if (status == VIV_OK && !device.memory)
            status = error_set(err, VIV_EINVAL, "--on '%s' says nothing of memory: add it, as in ',16GiB'", o->on);
        fit->memory = status == VIV_OK ? device.memory : 0;
        return status;
    }
    fit->machine = memory_of_machine();
    fit->memory = o->memory ? o->memory : memory_available();
    return fit->memory
               ? VIV_OK
               : error_set(err, VIV_ENOTFOUND,
                           "/proc/meminfo does not say how much memory is available: give it with --memory SIZE");
}

static viv_status answer_for(const struct fit *fit, const struct facts *f, struct answer *a, struct error *err)
{
    uint32_t type = 0;
    const int64_t context = fit->options->common.context;
    a->query = (struct memory_query){
        .context = context ? (uint64_t)context : f->context,
        .n_texts = (uint64_t)fit->options->users,
        .type = fit->options->type && dtype_by_name(fit->options->type, &type) ? (int64_t)type : -1,
        .expert_budget = fit->options->common.expert_memory};
    cache_types_text(&f->cache_types, a->cache_type);
    viv_status status = memory_predict(f, &a->query, &a->use, err);
    if (status == VIV_OK)
        status = memory_most_context(f, &a->query, fit->memory, &a->largest_context, err);
    if (status == VIV_OK)
        status = memory_most_texts(f, &a->query, fit->memory, MOST_USERS, &a->largest_users, err);
    return status;
}

static viv_status look_at(const struct fit *fit, struct opened *o, struct answer *a, struct error *err)
{
    struct facts f;
    struct common common = fit->options->common;
    common.context = 0; /* the largest that fits is sought up to what the model was made for */
    viv_status status = cli_open_model(o, &common, a->name, err);
    if (status == VIV_OK)
        status = facts_of(o->model, &f, err);
    if (status == VIV_OK)
        status = sight_of(o->engine, o->model, &f, err);
    if (status == VIV_OK)
        status = answer_for(fit, &f, a, err);
    model_close(o->model);
    o->model = NULL;
    return status;
}

/* --- what is printed ----------------------------------------------------------------------------------------- */

static json_t *answer_json(const struct fit *fit, const struct answer *a)
{
    json_t *parts = json_object();
    for (int i = 0; i < N_MEMORY_PARTS; i++)
        json_object_set_new(parts, memory_part_names[i], json_integer((json_int_t)a->use.parts[i]));
    return json_pack("{s:o, s:I, s:I, s:s, s:o, s:I, s:I, s:o, s:I, s:b, s:I, s:I}", "model",
                     cli_json_word(a->name), "context", (json_int_t)a->query.context, "users",
                     (json_int_t)a->query.n_texts, "cache_type", a->cache_type, "parts", parts, "total_bytes",
                     (json_int_t)a->use.total, "memory_bytes", (json_int_t)fit->memory, "machine_bytes",
                     fit->machine ? json_integer((json_int_t)fit->machine) : json_null(), "left_bytes",
                     (json_int_t)fit->memory - (json_int_t)a->use.total, "fits", fits(fit, a), "largest_context",
                     (json_int_t)a->largest_context, "largest_users", (json_int_t)a->largest_users);
}

static viv_status print_as_json(const struct fit *fit, struct error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < fit->n; i++)
        json_array_append_new(list, answer_json(fit, &fit->answers[i]));
    return cli_print_json(list, false, err);
}

static void print_verdict(const struct fit *fit, const struct answer *a)
{
    const uint64_t needed = a->use.total, memory = fit->memory;
    if (fits(fit, a))
        printf("fits in %s, %s are left", human_bytes(memory).text, human_bytes(memory - needed).text);
    else
        printf("does not fit in %s, %s are missing", human_bytes(memory).text, human_bytes(needed - memory).text);
    if (a->largest_context)
        printf("; with %" PRIu64 " user%s up to %" PRIu64 " tokens of context", a->query.n_texts,
               a->query.n_texts == 1 ? "" : "s", a->largest_context);
    if (a->largest_users)
        printf("; at %" PRIu64 " tokens up to %" PRIu64 " user%s", a->query.context, a->largest_users,
               a->largest_users == 1 ? "" : "s");
    if (!a->largest_context && !a->largest_users)
        printf("; no context of any length fits");
    putchar('\n');
}

static viv_status print_for_people(const struct fit *fit, struct error *err)
{
    for (size_t i = 0; i < fit->n; i++) {
        const struct answer *a = &fit->answers[i];
        struct columns c = {.align = "lr"};
        cli_print_safe(stdout, a->name, strlen(a->name));
        printf(": %" PRIu64 " token%s of context, %" PRIu64 " user%s, KV cache of %s\n", a->query.context,
               a->query.context == 1 ? "" : "s", a->query.n_texts, a->query.n_texts == 1 ? "" : "s", a->cache_type);
        for (int p = 0; p < N_MEMORY_PARTS; p++)
            if (a->use.parts[p]) {
                columns_add(&c, "%s", memory_part_labels[p]);
                columns_add(&c, "%s", human_bytes(a->use.parts[p]).text);
            }
        columns_add(&c, "peak of resident memory");
        columns_add(&c, "%s", human_bytes(a->use.total).text);
        const viv_status status = columns_print(&c, 2, err);
        if (status != VIV_OK)
            return status;
        print_verdict(fit, a);
    }
    return VIV_OK;
}

/* --- the verb ------------------------------------------------------------------------------------------------ */

static int fit(const struct arguments *a)
{
    struct fit fit = {.options = a->options, .n = a->n_words, .answers = calloc(a->n_words, sizeof *fit.answers)};
    struct opened o = {0};
    struct error err = {0};
    viv_status status = fit.answers ? find_memory(&fit, &err) : error_nomem(&err);
    for (size_t i = 0; status == VIV_OK && i < fit.n; i++) {
        fit.answers[i].name = a->words[i];
        status = look_at(&fit, &o, &fit.answers[i], &err);
    }
    if (status == VIV_OK)
        status = fit.options->json ? print_as_json(&fit, &err) : print_for_people(&fit, &err);
    bool all = true;
    for (size_t i = 0; status == VIV_OK && i < fit.n; i++)
        all = all && fits(&fit, &fit.answers[i]);
    free(fit.answers);
    const int exit_status = cli_close_opened(&o, status, &err);
    return exit_status == EXIT_DONE && !all ? EXIT_FAILED : exit_status;
}

const struct command command_fit = {
    .name = "fit",
    .summary = "how much memory a model needs, and whether it fits",
    .words = "MODEL...",
    .text =
        "Predicts the peak of resident memory of `viv run`, by parts, without reading weights: each user's context "
        "is full. Says whether it fits into what this machine has available, and the largest context and the most "
        "users that do. A spec without weights is enough.\n"
        "Exit status 0 if all models fit, 1 if one does not.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct fit_options),
    .examples = "viv fit model.gguf --context 8k --users 4\n"
                "viv fit qwen3-8b --type q4_k --context 32k --cache-type q8_0 --memory 8GiB\n"
                "viv fit llama-3.2-1b llama-3.2-3b --on raspberry-pi-5 --json",
    .group = GROUP_MEASURE,
    .models = true,
    .main = fit,
};
