/* measure.h - models measured side by side: `viv bench` runs as a process of its own for each, in turn, so that a
 * machine that is busy for a while is so for all, and no model finds memory that another has left. */
#ifndef CLI_MEASURE_H
#define CLI_MEASURE_H

#include "cli/compare/comparison.h"
#include "cli/options.h"
#include "cli/out.h"

enum { MEASURED_ANSWER = 32 }; /* tokens that are written after each text */

struct measuring {
    const struct common *common; /* handed on */
    const int32_t *contexts;
    size_t n_contexts;
    int64_t n_texts, rounds;
};

/* Adds the rows of section "measured", medians over the rounds with their spread, and how near they came to what
 * was predicted. A model that cannot be measured has its reason in the cells. Interrupted: what was measured until
 * then is there, and the status VIV_ECANCELLED. */
viv_status measure_models(struct comparison *c, const struct measuring *m, struct error *err);

#endif
