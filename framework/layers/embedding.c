/* embedding.c - y[r] = weight[token[r]]
 *
 *   weight:  [vocab_size, dim]  any type
 *   y:       [n_rows, dim]      a row given as a vector (such as an image patch) is copied                    */
#include "layers/layer.h"

#include <inttypes.h>
#include <string.h>

struct embedding {
    const viv_tensor *weight;
    void (*to_f32)(float *y, const void *x, uint64_t n);
    uint64_t vocab_size, dim;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "a row for each token: [vocab_size, dim]"), NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct embedding *l = layer;
    uint64_t dims[4] = {0};
    uint32_t ndim;
    viv_status status = b->want_weight(b, "weight", 2, dims);
    if (status == VIV_OK)
        status = b->weight_dims(b, "weight", 4, dims, &ndim);
    if (status != VIV_OK)
        return status;
    l->vocab_size = dims[0];
    l->dim = b->out_dim = dims[1];
    return VIV_OK;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct embedding *l = layer;
    c->weight_elems = c->n_rows * l->dim;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct embedding *l = layer;
    const viv_kernels *kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->weight = p->weight(p, "weight");
    l->to_f32 = l->weight ? kernels->to_f32(l->weight->dtype) : NULL;
    if (!l->to_f32)
        return viv_fail(p->host, VIV_EUNSUPPORTED, "tensor '%s' has a type that cannot be read as numbers",
                        l->weight ? l->weight->name : "weight");
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return e->n_rows;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct embedding *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        int64_t token = e->tokens[r];
        if (e->vectors && e->vectors[r]) {
            memcpy(e->out + r * l->dim, e->vectors[r], l->dim * sizeof(float));
            continue;
        }
        if (token < 0 || (uint64_t)token >= l->vocab_size)
            return viv_fail(e->host, VIV_EINVAL, "token %" PRId64 " is outside the vocabulary of %" PRIu64, token,
                            l->vocab_size);
        l->to_f32(e->out + r * l->dim, (const char *)l->weight->dl.data + (uint64_t)token * l->weight->row_bytes,
                  l->dim);
    }
    return VIV_OK;
}

const viv_layer_class layer_embedding = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_TOKENS,
    .name = "embedding",
    .summary = "Token embedding: looks up the row of each token.",
    .attrs = attrs,
    .instance_size = sizeof(struct embedding),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
};
