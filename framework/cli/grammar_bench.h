/* grammar_bench.h - what a grammar costs: viv bench --grammar. */
#ifndef CLI_GRAMMAR_BENCH_H
#define CLI_GRAMMAR_BENCH_H

#include "cli/options.h"

#include <stdint.h>

/* Compiles the grammar of a file `rounds` times, and asks for masks along random texts of it, over the vocabulary
 * of a model or a tokenizer alone. Prints; returns an exit status. */
int grammar_bench(const struct common *common, const char *model, const char *path, int64_t rounds, bool json);

#endif
