/* insert_rows.c - y[i] = [x[i]; weight]: a learned row behind each line of a grid, as a text has line ends
 *
 *   x:       [n_rows, dim]
 *   weight:  [dim]
 *   y:       [n_rows + a row for each line, dim] */
#include "layers/grid.h"

#include <inttypes.h>
#include <string.h>

struct insert_rows {
    const viv_host *host;
    const float *weight;
    uint64_t dim;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "the row that ends each line: [dim]"), NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct insert_rows *l = layer;
    l->host = b->host;
    l->dim = b->out_dim = b->in_dims[0];
    return b->want_weight(b, "weight", 1, &l->dim);
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct insert_rows *l = layer;
    l->weight = p->weight_f32(p, "weight");
    return VIV_OK;
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct insert_rows *l = layer;
    if (grid->before || grid->after)
        return viv_fail(l->host, VIV_ESHAPE,
                        "ends the lines of a grid that has %" PRIu64 " rows besides: drop_rows comes first",
                        grid->before + grid->after);
    grid->width++;
    grid->block = 1;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct insert_rows *l = layer;
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t row = t;
        const viv_span *span = grid_span_of(e, &row);
        const struct place at = grid_place(span->out_grid, row);
        const float *x =
            at.x < span->grid->width ? e->in[0] + (span->first_row + grid_row(span->grid, at)) * l->dim : l->weight;
        memcpy(e->out + t * l->dim, x, l->dim * sizeof *x);
    }
    return VIV_OK;
}

const viv_layer_class layer_insert_rows = {
    .struct_size = sizeof(viv_layer_class),
    .name = "insert_rows",
    .summary = "Adds a learned row behind each line of a grid of rows.",
    .attrs = attrs,
    .instance_size = sizeof(struct insert_rows),
    .infer = infer,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .reshape = reshape,
};
