/* lookup.h - a weight whose rows are looked up: what embeddings of tokens, positions and token types share. A layer
 * has it as its first member. */
#ifndef LAYERS_LOOKUP_H
#define LAYERS_LOOKUP_H

#include "layers/layer.h"

struct lookup {
    const viv_tensor *weight; /* [n_rows, dim] */
    void (*to_f32)(float *y, const void *x, uint64_t n);
    const viv_kernels *kernels;
    uint64_t n_rows, dim;
};

/* Requests the attribute "weight", as wide as the input unless that is tokens, and sets out_dim. */
viv_status lookup_infer(void *layer, viv_infer *b);
viv_status lookup_cost(const void *layer, viv_cost *c);
viv_status lookup_prepare(void *layer, viv_prepare *p);
/* y [dim] = weight[row] */
void lookup_read(const struct lookup *l, uint64_t row, float *y);
/* out[r] = in[0][r] + weight[row] */
void lookup_add(const struct lookup *l, const viv_exec *e, uint64_t r, uint64_t row);

#endif
