/* prefix.c - y = [weight; x], or [x; weight]: rows of its own before or behind those of each span (the class token
 * of Dosovitskiy et al. 2021, registers)
 *
 *   x:       [n_rows, dim]
 *   weight:  [n, dim] or [dim]
 *   y:       [n_rows + n for each span, dim] */
#include "layers/grid.h"

#include <string.h>

enum prefix_at { AT_FIRST, AT_LAST };

struct prefix {
    const float *weight;
    uint64_t n, dim;
    enum prefix_at at;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "the rows: [n, dim], or [dim] for one"),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "at", .doc = "before the first row, or behind the last", .choices = "first|last"),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct prefix *l = layer;
    uint64_t dims[2] = {0, 0};
    uint32_t n_dims = 0;
    l->dim = b->out_dim = b->in_dims[0];
    l->at = (enum prefix_at)b->get_int(b, "at");
    viv_status status = b->weight_dims(b, "weight", 2, dims, &n_dims);
    l->n = n_dims == 1 ? 1 : dims[0];
    dims[n_dims == 1 ? 0 : 1] = l->dim;
    return status == VIV_OK ? b->want_weight(b, "weight", n_dims, dims) : status;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct prefix *l = layer;
    l->weight = p->weight_f32(p, "weight");
    return VIV_OK;
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct prefix *l = layer;
    *(l->at == AT_FIRST ? &grid->before : &grid->after) += l->n;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct prefix *l = layer;
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t row = t;
        const viv_span *span = grid_span_of(e, &row);
        const uint64_t own = l->at == AT_FIRST ? 0 : span->n_rows; /* where its rows begin */
        const float *x = row >= own && row < own + l->n
                             ? l->weight + (row - own) * l->dim
                             : e->in[0] + (span->first_row + row - (row < own ? 0 : l->n)) * l->dim;
        memcpy(e->out + t * l->dim, x, l->dim * sizeof *x);
    }
    return VIV_OK;
}

const viv_layer_class layer_prefix = {
    .struct_size = sizeof(viv_layer_class),
    .name = "prefix",
    .summary = "Adds learned rows before or behind those of each picture: a class token, registers.",
    .attrs = attrs,
    .instance_size = sizeof(struct prefix),
    .infer = infer,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .reshape = reshape,
};
