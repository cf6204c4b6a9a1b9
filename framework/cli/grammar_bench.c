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
static viv_status compile(const viv_grammar *g, int64_t rounds, struct program **p, double *seconds,
                          struct error *err)
{
    const struct grammar_source source = {.kind = g->kind, .name = g->name, .text = g->text, .size = g->size};
    viv_status status = VIV_OK;
    *seconds = INFINITY;
    for (int64_t i = 0; status == VIV_OK && i < rounds; i++) {
        program_destroy(*p);
        *p = NULL;
        const double begin = seconds_now();
        status = grammar_compile(&source, p, NULL, err);
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

static viv_status measure(const struct program *p, const struct token_trie *t, int64_t rounds, struct times *times,
                          struct recogniser_stats *stats, struct error *err)
{
    viv_status status = VIV_OK;
    for (int64_t i = 0; status == VIV_OK && i < rounds; i++)
        status = measure_round(p, t, times, stats, err);
    qsort(times->v, times->n, sizeof *times->v, ascending);
    return status;
}

static viv_status print(const struct token_trie *t, double vocabulary, double compiling, const struct times *times,
                        const struct recogniser_stats *stats, bool json, struct error *err)
{
    const double p50 = quantile(times, 0.5), p99 = quantile(times, 0.99), most = quantile(times, 1);
    if (json)
        return cli_print_json(json_pack("{s:I, s:f, s:f, s:I, s:I, s:f, s:f, s:f, s:I, s:I}", "tokens",
                                        (json_int_t)t->n_ids, "vocabulary_seconds", vocabulary, "compile_seconds",
                                        compiling, "masks", (json_int_t)times->n, "walked",
                                        (json_int_t)stats->walked, "mask_p50", p50, "mask_p99", p99, "mask_max",
                                        most, "configurations", (json_int_t)stats->configurations, "collections",
                                        (json_int_t)stats->collections),
                              false, err);
    printf("vocabulary   %" PRIu32 " tokens, %zu nodes, made in %.0f ms\n", t->n_ids, t->all.n_nodes,
           vocabulary * 1e3);
    printf("compile      %.2f ms\n", compiling * 1e3);
    printf("masks        %zu, of which %" PRIu64 " were not in the cache\n", times->n, stats->walked);
    printf("p50          %.1f us%s\n", p50 * 1e6, p50 > MOST_P50 ? "   above the 20 us that are aimed at" : "");
    printf("p99          %.1f us%s\n", p99 * 1e6, p99 > MOST_P99 ? "   above the 200 us that are aimed at" : "");
    printf("max          %.0f us%s\n", most * 1e6,
           most > MOST_EVER ? "   above the 3000 us that are aimed at" : "");
    printf("tables       %" PRIu64 " configurations, %" PRIu64 " frames, collected %" PRIu64 " times\n",
           stats->configurations, stats->frames, stats->collections);
    return VIV_OK;
}

int grammar_bench(const struct common *common, const char *model, const char *path, int64_t rounds, bool json)
{
    struct token_source source = {0};
    struct grammar_file file = {0};
    struct token_trie *trie = NULL;
    struct program *p = NULL;
    struct recogniser_stats stats = {0};
    struct times *times = calloc(1, sizeof *times);
    double compiling = 0, vocabulary = 0;
    struct error err = {0};
    viv_status status = times ? grammar_file_read(&file, path, NULL, false, &err) : error_nomem(&err);
    if (status == VIV_OK)
        status = compile(&file.grammar, rounds, &p, &compiling, &err);
    if (status == VIV_OK)
        status = token_source_open(&source, common, model, &err);
    const double begin = seconds_now();
    if (status == VIV_OK)
        status = grammar_vocabulary(source.tokenizer, &trie, &err);
    vocabulary = seconds_now() - begin;
    if (status == VIV_OK)
        status = measure(p, trie, rounds, times, &stats, &err);
    if (status == VIV_OK)
        status = print(trie, vocabulary, compiling, times, &stats, json, &err);
    token_trie_destroy(trie);
    program_destroy(p);
    grammar_file_release(&file);
    free(times);
    return token_source_close(&source, status, &err);
}
