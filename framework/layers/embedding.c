/* embedding.c - y[r] = weight[token[r]]
 *
 *   weight:  [vocab_size, dim]  any type
 *   y:       [n_rows, dim]      a row given as a vector (such as an image patch) is copied, or is that of the token
 *                               which stands in for all vectors                                               */
#include "layers/lookup.h"

#include <inttypes.h>
#include <string.h>

struct embedding {
    struct lookup lookup;
    int64_t stand_in; /* -1: none */
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "a row for each token: [vocab_size, dim]"),
    VIV_ATTR(VIV_ATTR_INT, 0, "stand_in",
             .doc = "the token whose row is taken where a vector is in place of a token; without it, the vector",
             .min = 0, .max = INT32_MAX),
    NULL};

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct embedding *l = layer;
    const uint64_t dim = l->lookup.dim;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        const float *vector = e->vectors ? e->vectors[r] : NULL;
        const int64_t token = vector ? l->stand_in : e->tokens[r];
        if (vector && l->stand_in < 0) {
            memcpy(e->out + r * dim, vector, dim * sizeof *vector);
            continue;
        }
        if (token < 0 || (uint64_t)token >= l->lookup.n_rows)
            return viv_fail(e->host, VIV_EINVAL, "token %" PRId64 " is outside the vocabulary of %" PRIu64, token,
                            l->lookup.n_rows);
        lookup_read(&l->lookup, (uint64_t)token, e->out + r * dim);
    }
    return VIV_OK;
}

static viv_status infer(void *layer, viv_infer *b)
{
    struct embedding *l = layer;
    const viv_status status = lookup_infer(layer, b);
    l->stand_in = b->is_set(b, "stand_in") ? b->get_int(b, "stand_in") : -1;
    b->vector_dim = l->stand_in < 0 ? b->out_dim : 0;
    return status;
}

const viv_layer_class layer_embedding = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_TOKENS,
    .name = "embedding",
    .summary = "Token embedding: looks up the row of each token.",
    .attrs = attrs,
    .instance_size = sizeof(struct embedding),
    .infer = infer,
    .cost = lookup_cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = lookup_prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
