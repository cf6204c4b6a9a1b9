/* token_types.c - y[r] = x[r] + weight[type[r]]            (segment embeddings, Devlin et al. 2019)
 *
 *   x, y:    [n_rows, dim]
 *   weight:  [n_types, dim]  a row for the first text of a pair (or a single text), one for the second          */
#include "layers/layer.h"

#include <inttypes.h>

struct token_types {
    const viv_kernels *kernels;
    const viv_tensor *weight;
    void (*to_f32)(float *y, const void *x, uint64_t n);
    uint64_t dim, n_types;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "a row for each token type: [n_types, dim]"),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct token_types *l = layer;
    uint64_t dims[4] = {0, b->in_dims[0]};
    uint32_t ndim;
    viv_status status = b->want_weight(b, "weight", 2, dims);
    if (status == VIV_OK)
        status = b->weight_dims(b, "weight", 4, dims, &ndim);
    if (status != VIV_OK)
        return status;
    l->n_types = dims[0];
    l->dim = b->out_dim = dims[1];
    return VIV_OK;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct token_types *l = layer;
    c->weight_elems = c->n_rows * l->dim;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct token_types *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->weight = p->weight(p, "weight");
    l->to_f32 = l->weight ? l->kernels->to_f32(l->weight->dtype) : NULL;
    if (!l->to_f32)
        return viv_fail(p->host, VIV_EUNSUPPORTED, "tensor '%s' has a type that cannot be read as numbers",
                        l->weight ? l->weight->name : "weight");
    p->worker_workspace = l->dim * sizeof(float);
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return e->n_rows;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct token_types *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        int64_t type = e->types[r];
        if (type < 0 || (uint64_t)type >= l->n_types)
            return viv_fail(e->host, VIV_ELIMIT, "text %" PRId64 " of a pair, but the model has %" PRIu64 " type%s",
                            type + 1, l->n_types, l->n_types == 1 ? "" : "s");
        l->to_f32(e->scratch, (const char *)l->weight->dl.data + (uint64_t)type * l->weight->row_bytes, l->dim);
        l->kernels->add(e->out + r * l->dim, e->in[0] + r * l->dim, e->scratch, l->dim);
    }
    return VIV_OK;
}

const viv_layer_class layer_token_types = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_IN_PLACE,
    .name = "token_types",
    .summary = "Token type embedding: adds a learned vector for the first or second text of a pair.",
    .attrs = attrs,
    .instance_size = sizeof(struct token_types),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
};
