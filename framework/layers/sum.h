/* sum.h - the functions of the layer class that adds its inputs, for residual connections, too. */
#ifndef LAYERS_SUM_H
#define LAYERS_SUM_H

#include "layers/layer.h"

struct sum {
    const viv_kernels *kernels;
    uint64_t dim;
};

viv_status sum_infer(void *layer, viv_infer *b);
viv_status sum_prepare(void *layer, viv_prepare *p);
viv_status sum_forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end);

#endif
