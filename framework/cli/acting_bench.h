/* acting_bench.h - what acting costs without a model: viv bench --lam. */
#ifndef CLI_ACTING_BENCH_H
#define CLI_ACTING_BENCH_H

#include "cli/options.h"

#include <stdint.h>

/* The journal of actions and the perception of a page, in a new folder in `workspace`; the masks of the next action
 * over the vocabulary of a model, or of a tokenizer alone. Prints; returns an exit status. */
int acting_bench_run(const struct common *common, const char *model, const char *workspace, int64_t rounds,
                     bool json);

#endif
