/* gate.c - y = x * act(g)
 *
 *   x, y:  [n_rows, dim]
 *   by:    g, [n_rows, dim], or [n_rows, 1]: one number for the whole row                                   */
#include "layers/layer.h"

#include <inttypes.h>

struct gate {
    const viv_kernels *kernels;
    uint64_t dim;
    uint32_t act;
    int32_t whole_row;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_VALUE, VIV_ATTR_REQUIRED, "by", .doc = "g: as many features as x, or one"),
    VIV_ATTR(VIV_ATTR_CHOICE, VIV_ATTR_REQUIRED, "activation", .doc = "applied to g", .choices = VIV_ACT_CHOICES),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct gate *l = layer;
    l->act = (uint32_t)b->get_int(b, "activation");
    l->dim = b->out_dim = b->in_dims[0];
    l->whole_row = b->in_dims[1] == 1;
    if (!l->whole_row && b->in_dims[1] != l->dim)
        return viv_fail(b->host, VIV_ESHAPE,
                        "%" PRIu64 " features are gated by %" PRIu64 ", expected as many, or 1", l->dim,
                        b->in_dims[1]);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct gate *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct gate *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        const float *x = e->in[0] + r * l->dim;
        float *y = e->out + r * l->dim, factor;
        if (l->whole_row) {
            l->kernels->activate(l->act, &factor, e->in[1] + r, 1);
            l->kernels->scale(y, x, factor, l->dim);
        } else {
            l->kernels->gate(l->act, y, e->in[1] + r * l->dim, x, l->dim);
        }
    }
    return VIV_OK;
}

const viv_layer_class layer_gate = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "gate",
    .summary = "Multiplies each feature by the activation of another value.",
    .attrs = attrs,
    .instance_size = sizeof(struct gate),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
