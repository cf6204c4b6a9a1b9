/* grammar_bench.c - see grammar_bench.h. */
#include "cli/grammar_bench.h"

#include "base/clock.h"
#include "cli/grammar_sample.h"
#include "cli/token_source.h"
#include "engine/grammar_file.h"
#include "grammar/grammar.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { N_MASKS = 20000, LONGEST = 300 };

/* What masks and compiling may take, in seconds: the bars of the design (framework/grammar/grammar.h). */
static const double MOST_P50 = 20e-6, MOST_P99 = 200e-6, MOST_EVER = 3e-3;

/* The least time of each mask, of all rounds: what else runs on the machine is no cost of a mask. */
struct times {
    double v[N_MASKS];
    size_t n, at; /* at: of this round */
};

static void note(void *ctx, double seconds)
{
    struct times *t = ctx;
    if (t->at == N_MASKS)
        return;
    t->v[t->at] = t->at < t->n ? fmin(t->v[t->at], seconds) : seconds;
    t->n = ++t->at > t->n ? t->at : t->n;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct times *t, double q)
{
    return t->n ? t->v[(size_t)(q * (double)(t->n - 1))] : NAN;
}

/* Compiles it `rounds` times; *seconds: the least that it took. */
static viv_status compile(const struct grammar_source *source, int64_t rounds, struct program **p, double *seconds,
                          struct error *err)
{
    viv_status status = VIV_OK;
    *seconds = INFINITY;
    for (int64_t i = 0; status == VIV_OK && i < rounds; i++) {
        program_destroy(*p);
        *p = NULL;
        const double begin = seconds_now();
        status = grammar_compile(source, p, NULL, err);
        *seconds = fmin(*seconds, seconds_now() - begin);
    }
    return status;
}

/* The same texts in each round, from empty tables. */
static viv_status measure_round(const struct program *p, const struct token_trie *t, struct times *times,
                                struct recogniser_stats *stats, struct error *err)
{
    struct recogniser *m = NULL;
    struct buf text = {0};
    struct grammar_sampler sampler = {.seed = 1, .longest = LONGEST, .masked = note, .ctx = times};
    viv_status status = recogniser_create(p, t, &m, err);
    times->at = 0;
    for (int i = 0; status == VIV_OK && times->at < N_MASKS && i < N_MASKS; i++)
        status = grammar_sample(&sampler, m, &text, err);
    if (status == VIV_OK)
        recogniser_stats(m, stats);
    recogniser_destroy(m);
    buf_release(&text);
    return status;
}

static viv_status measure(const struct program *p, const struct token_trie *t, int64_t rounds,
                          struct grammar_cost *out, struct error *err)
{
    struct times *times = calloc(1, sizeof *times);
    viv_status status = times ? VIV_OK : error_nomem(err);
    struct recogniser_stats stats = {0};
    for (int64_t i = 0; status == VIV_OK && i < rounds; i++)
        status = measure_round(p, t, times, &stats, err);
    if (status == VIV_OK) {
        out->walked = stats.walked;
        out->configurations = stats.configurations;
        out->frames = stats.frames;
        out->collections = stats.collections;
        qsort(times->v, times->n, sizeof *times->v, ascending);
        out->masks = times->n;
        out->p50 = quantile(times, 0.5);
        out->p99 = quantile(times, 0.99);
        out->most = quantile(times, 1);
    }
    free(times);
    return status;
}

viv_status grammar_cost(const struct grammar_source *source, const struct tokenizer *tokenizer, int64_t rounds,
                        struct grammar_cost *out, struct error *err)
{
    struct token_trie *trie = NULL;
    struct program *p = NULL;
    struct grammar_cost cost = {0};
    viv_status status = compile(source, rounds, &p, &cost.compiling, err);
    const double begin = seconds_now();
    if (status == VIV_OK)
        status = grammar_vocabulary(tokenizer, &trie, err);
    cost.vocabulary = seconds_now() - begin;
    if (status == VIV_OK) {
        cost.n_tokens = trie->n_ids;
        cost.n_nodes = trie->all.n_nodes;
        status = measure(p, trie, rounds, &cost, err);
    }
    if (status == VIV_OK)
        *out = cost;
    token_trie_destroy(trie);
    program_destroy(p);
    return status;
}

json_t *grammar_cost_json(const struct grammar_cost *c)
{
    return json_pack("{s:I, s:f, s:f, s:I, s:I, s:f, s:f, s:f, s:I, s:I}", "tokens", (json_int_t)c->n_tokens,
                     "vocabulary_seconds", c->vocabulary, "compile_seconds", c->compiling, "masks",
                     (json_int_t)c->masks, "walked", (json_int_t)c->walked, "mask_p50", c->p50, "mask_p99", c->p99,
                     "mask_max", c->most, "configurations", (json_int_t)c->configurations, "collections",
                     (json_int_t)c->collections);
}

void grammar_cost_print(const struct grammar_cost *c)
{
    printf("vocabulary   %" PRIu32 " tokens, %zu nodes, made in %.0f ms\n", c->n_tokens, c->n_nodes,
           c->vocabulary * 1e3);
    printf("compile      %.2f ms\n", c->compiling * 1e3);
    printf("masks        %zu, of which %" PRIu64 " were not in the cache\n", c->masks, c->walked);
    printf("p50          %.1f us%s\n", c->p50 * 1e6,
           c->p50 > MOST_P50 ? "   above the 20 us that are aimed at" : "");
    printf("p99          %.1f us%s\n", c->p99 * 1e6,
           c->p99 > MOST_P99 ? "   above the 200 us that are aimed at" : "");
    printf("max          %.0f us%s\n", c->most * 1e6,
           c->most > MOST_EVER ? "   above the 3000 us that are aimed at" : "");
    printf("tables       %" PRIu64 " configurations, %" PRIu64 " frames, collected %" PRIu64 " times\n",
           c->configurations, c->frames, c->collections);
}

int grammar_bench(const struct common *common, const char *model, const char *path, int64_t rounds, bool json)
{
    struct token_source source = {0};
    struct grammar_file file = {0};
    struct grammar_cost cost;
    struct error err = {0};
    viv_status status = grammar_file_read(&file, path, NULL, false, &err);
    const viv_grammar *g = &file.grammar;
    if (status == VIV_OK)
        status = token_source_open(&source, common, model, &err);
    if (status == VIV_OK)
        status = grammar_cost(
            &(struct grammar_source){.kind = g->kind, .name = g->name, .text = g->text, .size = g->size},
            source.tokenizer, rounds, &cost, &err);
    if (status == VIV_OK && json)
        status = cli_print_json(grammar_cost_json(&cost), false, &err);
    else if (status == VIV_OK)
        grammar_cost_print(&cost);
    grammar_file_release(&file);
    return token_source_close(&source, status, &err);
}
