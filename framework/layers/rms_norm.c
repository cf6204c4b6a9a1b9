/* rms_norm.c - y = x / sqrt(mean(x^2) + eps) * weight            (Zhang and Sennrich 2019)
 *
 *   x, y:    [n_rows, dim]
 *   weight:  none; [dim]; or [n], where n divides dim: each n features (such as a head) are a row of their own */
#include "layers/description.h"

struct rms_norm {
    const viv_kernels *kernels;
    const float *weight;
    uint64_t dim, n;
    float eps;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "weight",
             .doc =
                 "one factor for each feature, or for each of the n that are normalised together; without it, 1"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "eps", .doc = "added to the mean square", .default_value = 1e-6, .min = 1e-30,
             .max = 1),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct rms_norm *l = layer;
    l->eps = (float)b->get_float(b, "eps");
    l->dim = b->out_dim = b->in_dims[0];
    viv_status status = viv_want_weight(b, "weight", 1, &l->n);
    if (status != VIV_OK)
        return status;
    if (!b->is_set(b, "weight"))
        l->n = l->dim;
    else if (l->n == 0 || l->dim % l->n != 0)
        return viv_fail(b->host, VIV_ESHAPE,
                        "weight has %" PRIu64 " elements, expected %" PRIu64 ", or a divisor of it", l->n, l->dim);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct rms_norm *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->weight = p->weight_f32(p, "weight");
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct rms_norm *l = layer;
    (void)phase;
    for (uint64_t i = first * l->dim; i < end * l->dim; i += l->n)
        l->kernels->rms_norm(e->out + i, e->in[0] + i, l->weight, l->n, l->eps);
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    const struct rms_norm *l = layer; /* a norm of parts of a row is not a norm of the residual stream */
    return i == 0 && l->n == l->dim && description_put(attribute, text, "norm", "root mean square");
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_rms_norm = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "rms_norm",
    .summary = "RMSNorm: divides each row by its root mean square.",
    .attrs = attrs,
    .instance_size = sizeof(struct rms_norm),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
    .get_ext = get_ext,
};
