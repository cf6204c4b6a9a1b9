/* residual.c - y = x + f(x)            (He et al. 2015)
 *
 *   in[0]:  x, [n_rows, dim]
 *   in[1]:  f(x), the output of the layers inside                                                         */
#include "layers/layer.h"

#include <inttypes.h>

struct residual {
    const viv_kernels *kernels;
    uint64_t dim;
};

static const viv_attr *const attrs[] = {NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct residual *l = layer;
    for (uint32_t i = 1; i < b->n_in; i++)
        if (b->in_dims[i] != b->in_dims[0])
            return viv_fail(b->host, VIV_ESHAPE, "rows of %" PRIu64 " and of %" PRIu64 " features cannot be added",
                            b->in_dims[0], b->in_dims[i]);
    l->dim = b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct residual *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return e->n_rows;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct residual *l = layer;
    (void)phase;
    l->kernels->add(e->out + first * l->dim, e->in[0] + first * l->dim, e->in[1] + first * l->dim,
                    (end - first) * l->dim);
    return VIV_OK;
}

const viv_layer_class layer_residual = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "residual",
    .summary = "Residual connection: adds the input to the output of the layers inside.",
    .attrs = attrs,
    .instance_size = sizeof(struct residual),
    .infer = infer,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
};
