/* scale.c - y = factor * x
 *
 *   x, y:  [n_rows, dim]                                                                                  */
#include "layers/layer.h"

struct scale {
    const viv_kernels *kernels;
    uint64_t dim;
    float factor;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_FLOAT, VIV_ATTR_REQUIRED, "factor", .doc = "what every feature is multiplied by"), NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct scale *l = layer;
    l->factor = (float)b->get_float(b, "factor");
    l->dim = b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct scale *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct scale *l = layer;
    (void)phase;
    l->kernels->scale(e->out + first * l->dim, e->in[0] + first * l->dim, l->factor, (end - first) * l->dim);
    return VIV_OK;
}

const viv_layer_class layer_scale = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "scale",
    .summary = "Multiplies every feature by a constant.",
    .attrs = attrs,
    .instance_size = sizeof(struct scale),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
