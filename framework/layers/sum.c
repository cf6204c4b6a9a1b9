/* sum.c - y = in[0] + in[1] + ...            the sum of branches
 *
 *   in[i], y:  [n_rows, dim]                                                                              */
#include "layers/sum.h"

#include <inttypes.h>
#include <string.h>

static const viv_attr *const attrs[] = {NULL};

viv_status sum_infer(void *layer, viv_infer *b)
{
    struct sum *l = layer;
    for (uint32_t i = 1; i < b->n_in; i++)
        if (b->in_dims[i] != b->in_dims[0])
            return viv_fail(b->host, VIV_ESHAPE, "rows of %" PRIu64 " and of %" PRIu64 " features cannot be added",
                            b->in_dims[0], b->in_dims[i]);
    l->dim = b->out_dim = b->in_dims[0];
    return VIV_OK;
}

viv_status sum_prepare(void *layer, viv_prepare *p)
{
    struct sum *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

viv_status sum_forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct sum *l = layer;
    (void)phase;
    for (uint32_t i = 1; i < e->n_in; i++)
        l->kernels->add(e->out + first * l->dim, (i == 1 ? e->in[0] : e->out) + first * l->dim,
                        e->in[i] + first * l->dim, (end - first) * l->dim);
    if (e->n_in == 1 && e->out != e->in[0])
        memcpy(e->out + first * l->dim, e->in[0] + first * l->dim, (end - first) * l->dim * sizeof(float));
    return VIV_OK;
}

const viv_layer_class layer_sum = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "sum",
    .summary = "Adds the outputs of branches.",
    .attrs = attrs,
    .instance_size = sizeof(struct sum),
    .infer = sum_infer,
    .prepare = sum_prepare,
    .tasks = viv_row_tasks,
    .forward = sum_forward,
};
