/* concat.c - y = [in[0], in[1], ...]            the features of branches concatenated
 *
 *   in[i]:  [n_rows, dim_i]
 *   y:      [n_rows, sum of dim_i]                                                                        */
#include "layers/layer.h"

#include <string.h>

enum { MAX_BRANCHES = 16 };

struct concat {
    uint64_t dims[MAX_BRANCHES], dim;
    uint32_t n;
};

static const viv_attr *const attrs[] = {NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct concat *l = layer;
    if (b->n_in > MAX_BRANCHES)
        return viv_fail(b->host, VIV_ELIMIT, "%u branches, expected at most %d", b->n_in, MAX_BRANCHES);
    l->n = b->n_in;
    for (uint32_t i = 0; i < l->n; i++)
        l->dim += l->dims[i] = b->in_dims[i];
    b->out_dim = l->dim;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    (void)layer, (void)p;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct concat *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        float *y = e->out + r * l->dim;
        for (uint32_t i = 0; i < l->n; y += l->dims[i++])
            memcpy(y, e->in[i] + r * l->dims[i], l->dims[i] * sizeof(float));
    }
    return VIV_OK;
}

const viv_layer_class layer_concat = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE,
    .name = "concat",
    .summary = "Concatenates the features of branches.",
    .attrs = attrs,
    .instance_size = sizeof(struct concat),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
