/* embedding.c - y[r] = weight[token[r]]
 *
 *   weight:  [vocab_size, dim]  any type
 *   y:       [n_rows, dim]      a row given as a vector (such as an image patch) is copied                    */
#include "layers/lookup.h"

#include <inttypes.h>
#include <string.h>

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "a row for each token: [vocab_size, dim]"), NULL};

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct lookup *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        int64_t token = e->tokens[r];
        if (e->vectors && e->vectors[r]) {
            memcpy(e->out + r * l->dim, e->vectors[r], l->dim * sizeof(float));
            continue;
        }
        if (token < 0 || (uint64_t)token >= l->n_rows)
            return viv_fail(e->host, VIV_EINVAL, "token %" PRId64 " is outside the vocabulary of %" PRIu64, token,
                            l->n_rows);
        lookup_read(l, (uint64_t)token, e->out + r * l->dim);
    }
    return VIV_OK;
}

static viv_status infer(void *layer, viv_infer *b)
{
    const viv_status status = lookup_infer(layer, b);
    b->vector_dim = b->out_dim;
    return status;
}

const viv_layer_class layer_embedding = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_TOKENS,
    .name = "embedding",
    .summary = "Token embedding: looks up the row of each token.",
    .attrs = attrs,
    .instance_size = sizeof(struct lookup),
    .infer = infer,
    .cost = lookup_cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = lookup_prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
