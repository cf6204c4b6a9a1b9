/* softcap.c - y = cap * tanh(x / cap)            (Gemma 2, for logits)
 *
 *   x, y:  [n_rows, dim]                                                                                  */
#include "layers/layer.h"

struct softcap {
    const viv_kernels *kernels;
    uint64_t dim;
    float cap;
};

static const viv_attr *const attrs[] = {VIV_ATTR(VIV_ATTR_FLOAT, VIV_ATTR_REQUIRED, "cap",
                                                 .doc = "the bound that outputs approach", .min = 1e-3, .max = 1e9),
                                        NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct softcap *l = layer;
    l->cap = (float)b->get_float(b, "cap");
    l->dim = b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct softcap *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct softcap *l = layer;
    (void)phase;
    l->kernels->softcap(e->out + first * l->dim, e->in[0] + first * l->dim, l->cap, (end - first) * l->dim);
    return VIV_OK;
}

const viv_layer_class layer_softcap = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "softcap",
    .summary = "Limits large features smoothly to a bound.",
    .attrs = attrs,
    .instance_size = sizeof(struct softcap),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
