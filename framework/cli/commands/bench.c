/* viv bench - how fast a model reads and answers here, and how near that comes to what the machine can do at most.
 */
#include "cli/acting.h"
#include "cli/acting_bench.h"
#include "cli/compare/device.h"
#include "cli/compare/energy.h"
#include "cli/compare/memory.h"
#include "cli/expert_report.h"
#include "cli/grammar_bench.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/shared.h"

#include "base/size.h"
#include "kernels/kernels.h"
#include "run/run.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPETITIONS = 1000, MAX_SEQUENCES = 4096, USUAL_ROWS = 512, USUAL_PROMPT = 512, USUAL_ANSWER = 128 };

struct bench_options {
    struct common common;
    int64_t prompt, answer, sequences, repetitions;
    const char *grammar, *workspace;
    bool json, no_limits, lam;
};
static const struct bench_options defaults = {.sequences = 1, .repetitions = 5}; /* lengths: 0 is not given */

#define OPT(field) offsetof(struct bench_options, field)
static const struct option table[] = {
    {"prompt-tokens", 0, OPTION_INT, OPT(prompt), "N",
     .help = "tokens of the prompt; default 512, or what the context has room for", .min = 1, .max = 1e7,
     .aliases = "n-prompt"},
    MAX_TOKENS_OPTION(OPT(answer), "default 128, or what the context has room for", 1, 1e7),
    SEQUENCES_OPTION(
        OPT(sequences),
        "each has its prompt and its answer, a token of each in every step; speeds are of all together",
        MAX_SEQUENCES),
    ROUNDS_OPTION(OPT(repetitions), "default 5"),
    {"no-limits", 0, OPTION_FLAG, OPT(no_limits),
     .help = "do not measure what the machine can do (a second or two)"},
    GRAMMAR_OPTION(OPT(grammar), "measured are its masks and its compiling alone; a tokenizer will do for MODEL"),
    {"lam", 0, OPTION_FLAG, OPT(lam),
     .help = "measure what acting costs: journal, perception of a page, masks of an action; a tokenizer will do "
             "for MODEL, without one it is llm's"},
    WORKSPACE_OPTION(OPT(workspace), "with --lam, on whose file system it is measured; default: this one"),
    JSON_OPTION(OPT(json), "one object"),
    {0}};

/* A figure over the rounds, sorted. */
struct samples {
    double *v;
    size_t n;
};

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_sample(struct samples *s, double value)
{
    s->v[s->n++] = value;
}

static double median(const struct samples *s)
{
    return s->n % 2 ? s->v[s->n / 2] : (s->v[s->n / 2 - 1] + s->v[s->n / 2]) / 2;
}

struct bench {
    struct opened o;
    const struct bench_options *options;
    uint64_t prompt, answer; /* tokens of each sequence */
    bool shortened;          /* they are less than the usual lengths, since the context has no room for those */
    double open_seconds, load_seconds, first_token_seconds;
    struct samples prefill, decode;               /* tokens per second */
    struct samples prefill_joules, decode_joules; /* per token */
    struct energy energy;
    struct device device; /* what it can do at most */
    struct model_stats stats;
    uint64_t bytes_per_token; /* weights read for one token of an answer, shared by all sequences, and the KV cache
                                 it looks at */
    uint64_t peak;            /* bytes of memory, before limits are measured */
    double prefill_flops, decode_flops; /* per token */
    const char *products;               /* type of most weights */
};

enum { N_SAMPLES = 4 };
#define SAMPLES_OF(b)                                                                                              \
    {                                                                                                              \
        &(b)->prefill, &(b)->decode, &(b)->prefill_joules, &(b)->decode_joules                                     \
    }

/* The sequences of a round, and the rows of theirs that go into a step. */
struct texts {
    uint64_t n;
    viv_sequence **sequences; /* [n] */
    uint64_t *done;           /* [n] tokens that have gone through, of those that feed was asked for */
    viv_rows *rows;           /* [n] */
    const viv_rows **list;    /* [n] */
};

static viv_status texts_create(viv_model *m, uint64_t n, struct texts *t, struct error *err)
{
    viv_status status = VIV_OK;
    *t = (struct texts){.n = n,
                        .sequences = calloc(n, sizeof *t->sequences),
                        .done = calloc(n, sizeof *t->done),
                        .rows = calloc(n, sizeof *t->rows),
                        .list = calloc(n, sizeof *t->list)};
    if (!t->sequences || !t->done || !t->rows || !t->list)
        return error_nomem(err);
    for (uint64_t i = 0; status == VIV_OK && i < n; i++)
        status = sequence_create(m, &t->sequences[i], err);
    return status;
}

static void texts_release(struct texts *t)
{
    for (uint64_t i = 0; t->sequences && i < t->n; i++)
        sequence_destroy(t->sequences[i]);
    free(t->sequences);
    free(t->done);
    free(t->rows);
    free(t->list);
}

/* The rows of the next step: up to `each` of every sequence that has not had its n yet, and no more than `room`. */
static uint32_t next_rows(struct texts *t, uint32_t flags, uint64_t n, uint64_t each, uint64_t room,
                          const int32_t *tokens, const uint8_t *none)
{
    uint32_t count = 0;
    for (uint64_t i = 0; i < t->n && room > 0; i++) {
        const uint64_t now = size_min(size_min(n - t->done[i], each), room);
        if (now == 0)
            continue;
        room -= now;
        t->rows[count] = (viv_rows){.struct_size = sizeof *t->rows,
                                    .flags = flags,
                                    .sequence = t->sequences[i],
                                    .n_rows = now,
                                    .tokens = tokens + t->done[i] + i,
                                    .output_rows = each > 1 && t->done[i] + now < n ? none : NULL,
                                    .length = each > 1 ? n : 0};
        t->list[count] = &t->rows[count];
        count++;
        t->done[i] += now;
    }
    return count;
}

/* Runs n tokens of every sequence through a stack, in steps of up to `each` of one and `room` of all; only the last
 * row's output of each is wanted. */
static viv_status feed(viv_model *m, struct texts *t, enum stack_id stack, uint64_t n, uint64_t each, uint64_t room,
                       const uint32_t *cancel, struct error *err)
{
    const uint64_t vocab = model_graph(m)->stacks[stack].vocab_size;
    int32_t *tokens = calloc(n + t->n, sizeof *tokens); /* every text begins one later than the one before */
    uint8_t *none = calloc(room, 1);
    viv_status status = tokens && none ? VIV_OK : error_nomem(err);
    for (uint64_t i = 0; status == VIV_OK && i < n + t->n; i++)
        tokens[i] = (int32_t)(i * 7919 % vocab);
    memset(t->done, 0, t->n * sizeof *t->done);
    while (status == VIV_OK) {
        const float *logits;
        uint64_t n_outputs;
        const uint32_t flags = stack == STACK_ENCODER ? VIV_ROWS_ENCODER : 0;
        const uint32_t count = next_rows(t, flags, n, each, room, tokens, none);
        if (count == 0)
            break;
        status = model_step(m, t->list, count, cancel, &logits, &n_outputs, err);
    }
    free(tokens);
    free(none);
    return status;
}

/* Reads the prompts, up to the logits of each answer's first token. */
static viv_status read_prompts(viv_model *m, struct texts *t, uint64_t n, const uint32_t *cancel, struct error *err)
{
    if (!model_encoder_dim(m))
        return feed(m, t, STACK_GRAPH, n, n, model_max_rows(m), cancel, err);
    viv_status status = feed(m, t, STACK_ENCODER, n, n, n, cancel, err); /* one after the other */
    return status == VIV_OK ? feed(m, t, STACK_GRAPH, 1, 1, model_max_rows(m), cancel, err) : status;
}

static viv_status one_round(struct bench *b, bool counted, struct error *err)
{
    viv_model *m = b->o.model;
    const uint32_t *cancel = interrupt_watch();
    const uint64_t n_prompt = b->prompt, n_answer = b->answer;
    struct texts t;
    viv_status status = texts_create(m, (uint64_t)b->options->sequences, &t, err);
    const double full = energy_now(&b->energy), begin = seconds_now();
    if (status == VIV_OK)
        status = read_prompts(m, &t, n_prompt, cancel, err);
    const double middle = seconds_now(), less = energy_now(&b->energy);
    if (status == VIV_OK)
        status = feed(m, &t, STACK_GRAPH, n_answer, 1, model_max_rows(m), cancel, err);
    const double end = seconds_now(), least = energy_now(&b->energy);
    if (status == VIV_OK && counted) {
        const double n_read = (double)(t.n * n_prompt), n_written = (double)(t.n * n_answer);
        add_sample(&b->prefill, n_read / (middle - begin));
        add_sample(&b->decode, n_written / (end - middle));
        add_sample(&b->prefill_joules, (less - full) / n_read);
        add_sample(&b->decode_joules, (least - less) / n_written);
    }
    texts_release(&t);
    return status;
}

/* Operations of reading the prompt. */
static viv_status count_prefill(const struct bench *b, const struct graph *g, struct graph_cost *out,
                                struct error *err)
{
    const uint64_t n = b->prompt;
    const struct graph_step prompt = {.n_rows = n, .n_output_rows = 1, .context = n / 2},
                            whole = {.n_rows = n, .n_output_rows = n, .context = n},
                            first = {.n_rows = 1,
                                     .n_output_rows = 1,
                                     .context = 1,
                                     .n_encoder_rows = n,
                                     .n_new_encoder_rows = n};
    struct graph_cost begun;
    if (!graph_encoder_dim(g))
        return graph_cost(g, STACK_GRAPH, &prompt, out, err);
    viv_status status = graph_cost(g, STACK_ENCODER, &whole, out, err);
    if (status == VIV_OK)
        status = graph_cost(g, STACK_GRAPH, &first, &begun, err);
    if (status == VIV_OK)
        out->flops += begun.flops;
    return status;
}

/* Bytes and operations that a token costs, from the graph and the tensors' types. */
static viv_status count_costs(struct bench *b, struct error *err)
{
    const struct graph *g = model_graph(b->o.model);
    const struct stack *stack = &g->expansion->stacks[STACK_GRAPH];
    const struct binding *bindings;
    const bool reads = model_encoder_dim(b->o.model) > 0; /* by an encoder */
    const uint64_t n_prompt = b->prompt, half = b->answer / 2;
    const uint64_t n_rows = (uint64_t)b->options->sequences;
    const struct graph_step step = {.n_rows = n_rows,
                                    .n_output_rows = n_rows,
                                    .context = reads ? half : n_prompt + half,
                                    .n_encoder_rows = reads ? n_prompt : 0};
    uint64_t best = 0, of_type[128] = {0};
    struct graph_cost prefill, decode;
    viv_status status = model_bindings(b->o.model, &bindings, err);
    if (status == VIV_OK)
        status = count_prefill(b, g, &prefill, err);
    if (status == VIV_OK)
        status = graph_cost(g, STACK_GRAPH, &step, &decode, err);
    for (uint32_t i = stack->begin; status == VIV_OK && i < stack->end; i++) {
        const struct graph_node *n = &g->nodes[i];
        struct graph_cost cost;
        uint64_t elems = 0, bytes = 0;
        status = graph_node_cost(g, i, &step, &cost);
        for (uint32_t w = 0; w < n->n_weights; w++) {
            const struct binding *binding = &bindings[n->weights[w].weight];
            const viv_tensor *t = binding->tensor;
            elems += n->weights[w].elems;
            bytes += t ? binding->bytes : 0;
            if (t && t->dtype < 128 && (of_type[t->dtype] += n->weights[w].elems) > best) {
                best = of_type[t->dtype];
                b->products = dtype_get(t->dtype)->name;
            }
        }
        b->bytes_per_token +=
            elems ? (uint64_t)((double)bytes * (double)cost.weight_elems / (double)elems / (double)n_rows) : 0;
    }
    if (status != VIV_OK)
        return status;
    b->bytes_per_token += b->stats.cache_bytes_per_token * step.context +
                          b->stats.encoder_cache_bytes_per_row * step.n_encoder_rows +
                          b->stats.recurrent_bytes_per_sequence;
    b->prefill_flops = (double)prefill.flops / (double)n_prompt;
    b->decode_flops = (double)decode.flops / (double)n_rows;
    return VIV_OK;
}

/* The arithmetic that products of this type are bound by. */
static double arithmetic_limit(const struct bench *b, const char **name)
{
    uint32_t dtype;
    bool quantized = dtype_by_name(b->products, &dtype) && dtype_get(dtype)->block > 1;
    *name = quantized && b->device.limits.int8 > 0 ? "int8" : "f32";
    if (strcmp(b->products, "bf16") == 0 && b->device.limits.bf16 > b->device.limits.f32) {
        *name = "bf16";
        return b->device.limits.bf16;
    }
    return quantized && b->device.limits.int8 > 0 ? b->device.limits.int8 : b->device.limits.f32;
}

/* The lengths of prompt and answer: those that were given must fit into the context, the usual ones are cut to it,
 * in the same proportion. An encoder's prompt and the answer, which begins with a token of its own, have each a
 * context. */
static viv_status choose_lengths(struct bench *b, struct error *err)
{
    const struct bench_options *given = b->options;
    const bool encoder = model_encoder_dim(b->o.model) > 0;
    const uint64_t context = model_context(b->o.model);
    b->prompt = given->prompt ? (uint64_t)given->prompt : USUAL_PROMPT;
    b->answer = given->answer ? (uint64_t)given->answer : USUAL_ANSWER;
    if (encoder) {
        if (!given->prompt)
            b->prompt = size_min(b->prompt, context);
        if (!given->answer)
            b->answer = size_max(1, size_min(b->answer, context - 1));
    } else if (b->prompt + b->answer > context) {
        if (!given->prompt && !given->answer)
            b->answer = size_max(1, context * USUAL_ANSWER / (USUAL_PROMPT + USUAL_ANSWER));
        if (!given->prompt && b->answer < context)
            b->prompt = context - b->answer;
        else if (!given->answer && b->prompt < context)
            b->answer = context - b->prompt;
    }
    if (encoder ? size_max(b->prompt, b->answer + 1) > context : b->prompt + b->answer > context)
        return error_set(err, VIV_ELIMIT,
                         "%" PRIu64 " tokens of prompt and %" PRIu64
                         " of answer, but the context has room for %" PRIu64 " (--context N)",
                         b->prompt, b->answer, context);
    b->shortened = (!given->prompt && b->prompt < USUAL_PROMPT) || (!given->answer && b->answer < USUAL_ANSWER);
    return VIV_OK;
}

static viv_status measure(struct bench *b, const char *name, struct error *err)
{
    double begin = seconds_now();
    b->o.max_rows = size_max((uint64_t)b->options->sequences, USUAL_ROWS);
    viv_status status = cli_open_model(&b->o, &b->options->common, name, err);
    if (status == VIV_OK)
        status = cli_want_logits(&b->o, err);
    b->open_seconds = seconds_now() - begin;
    if (status == VIV_OK)
        status = choose_lengths(b, err);
    double loading = seconds_now();
    if (status == VIV_OK)
        status = cli_load_model(&b->o, err);
    b->load_seconds = seconds_now() - loading;
    struct texts one = {0};
    if (status == VIV_OK)
        status = texts_create(b->o.model, 1, &one, err);
    if (status == VIV_OK)
        status = read_prompts(b->o.model, &one, 1, NULL, err);
    b->first_token_seconds = seconds_now() - begin;
    texts_release(&one);
    energy_begin(&b->energy, NULL);
    for (int64_t i = -1; status == VIV_OK && i < b->options->repetitions; i++) {
        progress_show(&b->o.progress, "rounds", (uint64_t)(i + 1), (uint64_t)b->options->repetitions + 1);
        status = one_round(b, i >= 0, err); /* the first only warms up */
    }
    progress_clear(&b->o.progress);
    if (status != VIV_OK)
        return status;
    struct samples *const all[N_SAMPLES] = SAMPLES_OF(b);
    for (int i = 0; i < N_SAMPLES; i++)
        qsort(all[i]->v, all[i]->n, sizeof *all[i]->v, ascending);
    model_stats(b->o.model, &b->stats);
    b->peak = memory_peak();
    status = count_costs(b, err);
    if (status == VIV_OK && !b->options->no_limits)
        status = device_here(b->stats.n_threads, kernels_cpu(), true, &b->device, err);
    return status;
}

static void print_figure(const char *what, const struct samples *s)
{
    printf("%-8s %9.1f tokens/s   (%.1f to %.1f over %zu rounds)", what, median(s), s->v[0], s->v[s->n - 1], s->n);
}

static void print_for_people(const struct bench *b)
{
    const char *kind;
    double arithmetic = arithmetic_limit(b, &kind);
    printf("%s, %" PRIu32 " threads, scheduler %s, weights %s", spec_name(model_spec(b->o.model)),
           b->stats.n_threads, b->stats.scheduler, b->products);
    if (b->options->sequences > 1)
        printf(", %" PRId64 " sequences together", b->options->sequences);
    printf("\n%" PRIu64 " tokens of prompt, %" PRIu64 " of answer", b->prompt, b->answer);
    if (b->shortened)
        printf(", since the context has room for %" PRIu64, model_context(b->o.model));
    putchar('\n');
    print_figure("prefill", &b->prefill);
    if (arithmetic > 0)
        printf("  %.0f %% of the %.0f GOP/s of %s arithmetic",
               100 * median(&b->prefill) * b->prefill_flops / arithmetic, arithmetic * 1e-9, kind);
    putchar('\n');
    print_figure("decode", &b->decode);
    if (b->device.limits.read > 0)
        printf("  %.0f %% of the %.1f GB/s of memory",
               100 * median(&b->decode) * (double)b->bytes_per_token / b->device.limits.read,
               b->device.limits.read * 1e-9);
    putchar('\n');
    printf("load     %9.1f ms, first token after %.1f ms; memory at most %s\n",
           1e3 * (b->open_seconds + b->load_seconds), 1e3 * b->first_token_seconds, human_bytes(b->peak).text);
    if (*b->energy.why)
        printf("energy   not known: %s\n", b->energy.why);
    else
        printf("energy   %9.4g J for each token read, %.4g J for each token written; of all that the machine did\n",
               median(&b->prefill_joules), median(&b->decode_joules));
    struct buf stored = {0};
    expert_report_line(b->o.model, &stored);
    if (stored.size)
        puts(buf_text(&stored));
    buf_release(&stored);
}

static json_t *samples_json(const struct samples *s)
{
    return json_pack("{s:f, s:f, s:f}", "median", median(s), "min", s->v[0], "max", s->v[s->n - 1]);
}

static json_t *energy_json(const struct bench *b)
{
    if (*b->energy.why)
        return json_pack("{s:n, s:n, s:o}", "prefill_joules_per_token", "decode_joules_per_token", "reason",
                         cli_json_word(b->energy.why));
    return json_pack("{s:o, s:o, s:n}", "prefill_joules_per_token", samples_json(&b->prefill_joules),
                     "decode_joules_per_token", samples_json(&b->decode_joules), "reason");
}

static viv_status print_for_scripts(const struct bench *b, struct error *err)
{
    const char *kind;
    double arithmetic = arithmetic_limit(b, &kind);
    json_t *limits =
        b->device.limits.read > 0
            ? json_pack("{s:f, s:f, s:f, s:f, s:s, s:f, s:f}", "read", b->device.limits.read, "f32",
                        b->device.limits.f32, "bf16", b->device.limits.bf16, "int8", b->device.limits.int8,
                        "arithmetic", kind, "prefill_share", median(&b->prefill) * b->prefill_flops / arithmetic,
                        "decode_share", median(&b->decode) * (double)b->bytes_per_token / b->device.limits.read)
            : json_null();
    return cli_print_json(
        json_pack("{s:o, s:s, s:i, s:s, s:I, s:I, s:I, s:o, s:o, s:f, s:f, s:I, s:I, s:f, s:f, s:o, s:o, s:o}",
                  "model", cli_json_word(spec_name(model_spec(b->o.model))), "weights", b->products, "threads",
                  (int)b->stats.n_threads, "scheduler", b->stats.scheduler, "prompt", (json_int_t)b->prompt,
                  "answer", (json_int_t)b->answer, "sequences", (json_int_t)b->options->sequences, "prefill",
                  samples_json(&b->prefill), "decode", samples_json(&b->decode), "load_seconds",
                  b->open_seconds + b->load_seconds, "first_token_seconds", b->first_token_seconds, "memory_peak",
                  (json_int_t)b->peak, "bytes_per_token", (json_int_t)b->bytes_per_token, "prefill_flops",
                  b->prefill_flops, "decode_flops", b->decode_flops, "limits", limits, "experts",
                  expert_report_json(b->o.model), "energy", energy_json(b)),
        false, err);
}

static int bench(const struct arguments *a)
{
    const struct bench_options *options = a->options;
    struct bench b = {.options = options};
    struct error err = {0};
    struct samples *const all[N_SAMPLES] = SAMPLES_OF(&b);
    viv_status status = VIV_OK;
    if (options->lam && options->grammar)
        return cli_usage_error("bench", "--lam and --grammar measure different things: one is wanted");
    if (options->workspace && !options->lam)
        return cli_usage_error("bench", "--workspace DIR is for --lam");
    if (options->lam)
        return acting_bench_run(&options->common, a->n_words ? a->words[0] : "llm",
                                options->workspace ? options->workspace : ".", options->repetitions, options->json);
    if (a->n_words == 0)
        return cli_usage_error("bench", "a MODEL is wanted");
    if (options->grammar)
        return grammar_bench(&options->common, a->words[0], options->grammar, options->repetitions, options->json);
    for (int i = 0; i < N_SAMPLES; i++)
        if (!(all[i]->v = calloc((size_t)options->repetitions, sizeof(double))))
            status = error_nomem(&err);
    if (status == VIV_OK)
        status = measure(&b, a->words[0], &err);
    if (status == VIV_OK && options->json)
        status = print_for_scripts(&b, &err);
    else if (status == VIV_OK)
        print_for_people(&b);
    for (int i = 0; i < N_SAMPLES; i++)
        free(all[i]->v);
    return cli_close_opened(&b.o, status, &err);
}

const struct command command_bench = {
    .name = "bench",
    .summary = "speed, and how near the machine's limit",
    .words = "[MODEL]",
    .text =
        "Reads a prompt and answers, several rounds after one that warms up; prints medians and spread of both "
        "speeds, time to load and to the first token, and peak memory. Then measures what the machine can do at "
        "most: prefill is bound by arithmetic, an answer by reading every weight from memory for each token.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct bench_options),
    .examples = "viv bench llm --prompt-tokens 128 -n 64\n"
                "viv bench model.gguf --threads 2 --json\n"
                "viv bench model.gguf --prompt-tokens 1 -r 3   # answers alone\n"
                "viv bench model.gguf --sequences 8      # eight texts at once\n"
                "viv bench model.gguf --grammar person.json # what its masks cost\n"
                "viv bench --lam -w ~                     # what acting costs",
    .group = GROUP_MEASURE,
    .models = true,
    .main = bench,
};
