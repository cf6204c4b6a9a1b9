/* layer_norm.c - y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias            (Ba, Kiros and Hinton 2016)
 *
 *   x, y:          [n_rows, dim]
 *   weight, bias:  [dim]                                                                                   */
#include "layers/description.h"

struct layer_norm {
    const viv_kernels *kernels;
    const float *weight, *bias;
    uint64_t dim;
    float eps;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "weight", .doc = "one factor for each feature"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "bias", .doc = "one addend for each feature"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "eps", .doc = "added to the variance", .default_value = 1e-5, .min = 1e-30,
             .max = 1),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct layer_norm *l = layer;
    l->eps = (float)b->get_float(b, "eps");
    l->dim = b->out_dim = b->in_dims[0];
    viv_status status = b->want_weight(b, "weight", 1, &l->dim);
    return status != VIV_OK ? status : b->want_weight(b, "bias", 1, &l->dim);
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct layer_norm *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->weight = p->weight_f32(p, "weight");
    l->bias = p->weight_f32(p, "bias");
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct layer_norm *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++)
        l->kernels->layer_norm(e->out + r * l->dim, e->in[0] + r * l->dim, l->weight, l->bias, l->dim, l->eps);
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    (void)layer;
    return i == 0 && description_put(attribute, text, "norm", "mean and variance");
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_layer_norm = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "layer_norm",
    .summary = "LayerNorm: scales each row to mean 0 and variance 1.",
    .attrs = attrs,
    .instance_size = sizeof(struct layer_norm),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
    .get_ext = get_ext,
};
