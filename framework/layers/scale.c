/* scale.c - y = factor * weight * x + shift + add, feature by feature (layer scale: Touvron et al. 2021); of all
 * rows, or of those that came as tokens
 *
 *   x, y:    [n_rows, dim]
 *   weight:  [dim], or [1]
 *   shift:   [dim]                                                                                        */
#include "layers/layer.h"

#include <inttypes.h>
#include <stdbool.h>

struct scale {
    const viv_kernels *kernels;
    const float *weight, *shift; /* each or NULL */
    uint64_t dim, n;             /* n: factors of the weight */
    float factor, add;
    int32_t tokens;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "factor", .doc = "what every feature is multiplied by", .default_value = 1),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "weight", .doc = "a factor for each feature, or one for all"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "shift", .doc = "an addend for each feature"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "add", .doc = "added to every feature"),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "tokens",
             .doc = "rows that came as vectors, such as those of pictures, stay as they are"),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct scale *l = layer;
    l->factor = (float)b->get_float(b, "factor");
    l->add = (float)b->get_float(b, "add");
    l->tokens = (int32_t)b->get_int(b, "tokens");
    l->dim = b->out_dim = b->in_dims[0];
    if (!b->is_set(b, "factor") && !b->is_set(b, "weight") && !b->is_set(b, "shift") && !b->is_set(b, "add"))
        return viv_fail(b->host, VIV_EINVAL, "expected at least one of 'factor', 'weight', 'shift' and 'add'");
    viv_status status = viv_want_weight(b, "weight", 1, &l->n);
    if (status == VIV_OK && b->is_set(b, "weight") && l->n != l->dim && l->n != 1)
        status = viv_fail(b->host, VIV_ESHAPE, "weight has %" PRIu64 " elements, expected %" PRIu64 ", or one",
                          l->n, l->dim);
    return status == VIV_OK ? b->want_weight(b, "shift", 1, &l->dim) : status;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct scale *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->weight = p->weight_f32(p, "weight");
    l->shift = p->weight_f32(p, "shift");
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct scale *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        const bool stays = l->tokens && e->vectors && e->vectors[r];
        float *y = e->out + r * l->dim;
        l->kernels->scale(y, e->in[0] + r * l->dim, stays ? 1 : l->factor, l->dim);
        for (uint64_t j = 0; !stays && l->weight && j < l->dim; j++)
            y[j] *= l->weight[l->n == 1 ? 0 : j];
        if (!stays && l->shift)
            l->kernels->add(y, y, l->shift, l->dim);
        for (uint64_t j = 0; !stays && l->add != 0 && j < l->dim; j++)
            y[j] += l->add;
    }
    return VIV_OK;
}

const viv_layer_class layer_scale = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "scale",
    .summary = "Multiplies features by a constant or by learned factors, and may add learned addends.",
    .attrs = attrs,
    .instance_size = sizeof(struct scale),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
