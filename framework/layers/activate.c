/* activate.c - y = act(x)
 *
 *   x, y:  [n_rows, dim]                                                                                  */
#include "layers/layer.h"

struct activate {
    const viv_kernels *kernels;
    uint64_t dim;
    uint32_t act;
};

static const viv_attr *const attrs[] = {VIV_ATTR(VIV_ATTR_CHOICE, VIV_ATTR_REQUIRED, "activation",
                                                 .doc = "the nonlinearity", .choices = VIV_ACT_CHOICES),
                                        NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct activate *l = layer;
    l->act = (uint32_t)b->get_int(b, "activation");
    l->dim = b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct activate *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct activate *l = layer;
    (void)phase;
    l->kernels->activate(l->act, e->out + first * l->dim, e->in[0] + first * l->dim, (end - first) * l->dim);
    return VIV_OK;
}

const viv_layer_class layer_activate = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "activate",
    .summary = "Applies a nonlinearity to each feature.",
    .attrs = attrs,
    .instance_size = sizeof(struct activate),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
