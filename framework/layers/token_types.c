/* token_types.c - y[r] = x[r] + weight[type[r]]            (segment embeddings, Devlin et al. 2019)
 *
 *   x, y:    [n_rows, dim]
 *   weight:  [n_types, dim]  a row for the first text of a pair (or a single text), one for the second          */
#include "layers/lookup.h"

#include <inttypes.h>

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "a row for each token type: [n_types, dim]"),
    NULL};

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct lookup *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        int64_t type = e->types[r];
        if (type < 0 || (uint64_t)type >= l->n_rows)
            return viv_fail(e->host, VIV_ELIMIT, "text %" PRId64 " of a pair, but the model has %" PRIu64 " type%s",
                            type + 1, l->n_rows, l->n_rows == 1 ? "" : "s");
        lookup_add(l, e, r, (uint64_t)type);
    }
    return VIV_OK;
}

const viv_layer_class layer_token_types = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_IN_PLACE,
    .name = "token_types",
    .summary = "Token type embedding: adds a learned vector for the first or second text of a pair.",
    .attrs = attrs,
    .instance_size = sizeof(struct lookup),
    .infer = lookup_infer,
    .cost = lookup_cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = lookup_prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
