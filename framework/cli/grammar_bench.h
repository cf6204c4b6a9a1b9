/* grammar_bench.h - what a grammar costs: viv bench --grammar. */
#ifndef CLI_GRAMMAR_BENCH_H
#define CLI_GRAMMAR_BENCH_H

#include "base/json.h"
#include "cli/options.h"

#include <stdint.h>

struct grammar_cost {
    uint32_t n_tokens; /* of the vocabulary */
    size_t n_nodes, masks;
    double vocabulary, compiling, p50, p99, most;         /* seconds */
    uint64_t walked, configurations, frames, collections; /* as recogniser_stats has them */
};
struct grammar_source;
struct tokenizer;
/* Compiles a grammar `rounds` times, and asks for masks along random texts of it. */
viv_status grammar_cost(const struct grammar_source *source, const struct tokenizer *tokenizer, int64_t rounds,
                        struct grammar_cost *out, struct error *err);
void grammar_cost_print(const struct grammar_cost *c);
json_t *grammar_cost_json(const struct grammar_cost *c); /* new */

/* The same of a file's grammar, over the vocabulary of a model or a tokenizer alone. Prints; returns an exit
 * status. */
int grammar_bench(const struct common *common, const char *model, const char *path, int64_t rounds, bool json);

#endif
