/* scale.c - y = factor * x, of all rows or of those that came as tokens
 *
 *   x, y:  [n_rows, dim]                                                                                  */
#include "layers/layer.h"

struct scale {
    const viv_kernels *kernels;
    uint64_t dim;
    float factor;
    int32_t tokens;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_FLOAT, VIV_ATTR_REQUIRED, "factor", .doc = "what every feature is multiplied by"),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "tokens",
             .doc = "rows that came as vectors, such as those of pictures, stay as they are"),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct scale *l = layer;
    l->factor = (float)b->get_float(b, "factor");
    l->tokens = (int32_t)b->get_int(b, "tokens");
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
    if (!l->tokens || !e->vectors) {
        l->kernels->scale(e->out + first * l->dim, e->in[0] + first * l->dim, l->factor, (end - first) * l->dim);
        return VIV_OK;
    }
    for (uint64_t r = first; r < end; r++)
        l->kernels->scale(e->out + r * l->dim, e->in[0] + r * l->dim, e->vectors[r] ? 1 : l->factor, l->dim);
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
