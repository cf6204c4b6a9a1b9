/* within.h - blocks of a grid of rows: a row sees those of its block alone. The frames of a video, or windows.
 *
 * In a cache the blocks come one after the other, each line by line as a grid of its own. They are counted from the
 * first corner, so that those at the ends are smaller, and none is larger than the first. */
#ifndef LAYERS_WITHIN_H
#define LAYERS_WITHIN_H

#include "layers/grid.h"

#include <stdbool.h>

struct within {
    uint64_t frames, height, width; /* of a block; 0: all */
};

/* The attributes, for a layer's table. */
#define WITHIN_ATTRS                                                                                               \
    VIV_ATTR(VIV_ATTR_INT, 0, "within.frames",                                                                     \
             .doc = "rows of a grid see only their block of so many frames, 1: their frame; 0: all", .min = 0,     \
             .max = 1 << 30),                                                                                      \
        VIV_ATTR(VIV_ATTR_INT, 0, "within.height", .doc = "lines of the block; 0: all", .min = 0, .max = 1 << 30), \
        VIV_ATTR(VIV_ATTR_INT, 0, "within.width", .doc = "columns of the block; 0: all", .min = 0, .max = 1 << 30)

viv_status within_infer(struct within *w, const viv_infer *b, bool causal);

/* Rows of a span that are neighbours in a cache and see the same. */
struct within_run {
    uint64_t n;          /* rows */
    uint64_t at;         /* where the first is in the cache */
    uint64_t begin, end; /* their block in the cache */
};
/* The run of row `row`, of rows up to `end`. */
struct within_run within_run(const struct within *w, const viv_span *span, uint64_t row, uint64_t end);
/* Whether the span's rows can be divided. */
viv_status within_check(const struct within *w, const viv_host *host, const viv_span *span);

#endif
