/* kept.h - keys and values that a layer keeps in its state, and attention over them.
 *
 * A page holds, for each key/value head, its keys as [head_dim][page_rows] and its values as [page_rows][head_dim]:
 * what kernels.h calls for. A row of theirs is a token, or whatever else the state grows with. */
#ifndef LAYERS_KEPT_H
#define LAYERS_KEPT_H

#include "layers/state.h"

enum {
    KEEP_ROWS = 16,  /* rows of a task that writes them */
    ATTEND_ROWS = 32 /* queries of a task */
};

struct kept {
    const viv_kernels *kernels;
    uint64_t n_heads, n_kv_heads, head_dim;
    uint32_t k, v; /* indices of the states */
    struct state_store store;
};

viv_status kept_prepare(struct kept *s, const viv_prepare *p);
uint64_t kept_scratch(const struct kept *s, const viv_prepare *p); /* bytes that kept_attend wants */

/* Writes features [first, end) of the keys, or values, of n rows, the first being row `row` of the state: feature f
 * of the r-th is x[r * stride + f - first]. VIV_ERANGE where a number is too large for the state. */
viv_status kept_write_keys(const struct kept *s, const viv_exec *e, const viv_span *span, uint64_t row, uint64_t n,
                           const float *x, uint64_t stride, uint64_t first, uint64_t end);
viv_status kept_write_values(const struct kept *s, const viv_exec *e, const viv_span *span, uint64_t row,
                             uint64_t n, const float *x, uint64_t stride, uint64_t first, uint64_t end);

/* Completes *a, which says what queries there are and what they see, for one key/value head, and runs it: q and out
 * are those of all heads. */
void kept_attend(const struct kept *s, const viv_exec *e, const viv_span *span, uint64_t head, viv_attend *a);

#endif
