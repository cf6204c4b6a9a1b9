/* drop_rows.c - y = x without the first or the last n rows of each span: what `prefix` added, once it has served
 *
 *   x:  [n_rows, dim]
 *   y:  [n_rows - n for each span, dim] */
#include "layers/grid.h"

#include <inttypes.h>
#include <string.h>

enum drop_at { AT_FIRST, AT_LAST };

struct drop_rows {
    const viv_host *host;
    uint64_t n, dim;
    enum drop_at at;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n", .doc = "rows of each picture to drop", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "at", .doc = "the first rows, or the last", .choices = "first|last"), NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct drop_rows *l = layer;
    l->host = b->host;
    l->n = (uint64_t)b->get_int(b, "n");
    l->at = (enum drop_at)b->get_int(b, "at");
    l->dim = b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    (void)layer, (void)p;
    return VIV_OK;
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct drop_rows *l = layer;
    uint64_t *there = l->at == AT_FIRST ? &grid->before : &grid->after;
    if (*there < l->n)
        return viv_fail(l->host, VIV_ESHAPE, "drops %" PRIu64 " rows %s a grid, where there are %" PRIu64, l->n,
                        l->at == AT_FIRST ? "before" : "behind", *there);
    *there -= l->n;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct drop_rows *l = layer;
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t row = t;
        const viv_span *span = grid_span_of(e, &row);
        const uint64_t from = span->first_row + row + (l->at == AT_FIRST ? l->n : 0);
        memcpy(e->out + t * l->dim, e->in[0] + from * l->dim, l->dim * sizeof *e->out);
    }
    return VIV_OK;
}

const viv_layer_class layer_drop_rows = {
    .struct_size = sizeof(viv_layer_class),
    .name = "drop_rows",
    .summary = "Drops the first or the last rows of each picture.",
    .attrs = attrs,
    .instance_size = sizeof(struct drop_rows),
    .infer = infer,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .reshape = reshape,
};
