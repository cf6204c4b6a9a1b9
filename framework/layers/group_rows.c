/* group_rows.c - y[i, j] = [x[si, tj], x[si, tj + 1], ..., x[si + s - 1, tj + t - 1]]: the rows of s x t neighbours
 * in a grid become one row, line by line (pixel shuffle, patch merging)
 *
 *   x:  [n_rows, dim]
 *   y:  [n_rows / (s t), s t dim] */
#include "layers/grid.h"

#include <inttypes.h>
#include <string.h>

struct group_rows {
    const viv_host *host;
    uint64_t height, width, dim;
};

static const viv_attr *const attrs[] = {VIV_ATTR(VIV_ATTR_INTS, VIV_ATTR_REQUIRED, "by",
                                                 .doc = "lines and columns of a group: [2, 2]", .min = 1,
                                                 .max = 64),
                                        NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct group_rows *l = layer;
    uint64_t n = 0;
    const int64_t *by = b->get_ints(b, "by", &n);
    if (n != 2)
        return viv_fail(b->host, VIV_EINVAL, "'by' has %" PRIu64 " numbers, expected lines and columns", n);
    l->host = b->host;
    l->height = (uint64_t)by[0];
    l->width = (uint64_t)by[1];
    l->dim = b->in_dims[0];
    b->out_dim = l->height * l->width * l->dim;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    (void)layer, (void)p;
    return VIV_OK;
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct group_rows *l = layer;
    if (grid->before || grid->after)
        return viv_fail(l->host, VIV_ESHAPE,
                        "groups a grid that has %" PRIu64 " rows besides: drop_rows comes first",
                        grid->before + grid->after);
    if (grid->height % l->height || grid->width % l->width)
        return viv_fail(l->host, VIV_ESHAPE,
                        "groups by %" PRIu64 " x %" PRIu64 " do not divide a grid of %" PRIu64 " x %" PRIu64,
                        l->height, l->width, grid->height, grid->width);
    grid->height /= l->height;
    grid->width /= l->width;
    grid->block = 1;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct group_rows *l = layer;
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t row = t;
        const viv_span *span = grid_span_of(e, &row);
        const struct place to = grid_place(span->out_grid, row);
        float *y = e->out + t * l->height * l->width * l->dim;
        for (uint64_t i = 0; i < l->height; i++)
            for (uint64_t j = 0; j < l->width; j++, y += l->dim) {
                const struct place from = {to.frame, to.y * l->height + i, to.x * l->width + j};
                const uint64_t at = span->first_row + grid_row(span->grid, from);
                memcpy(y, e->in[0] + at * l->dim, l->dim * sizeof *y);
            }
    }
    return VIV_OK;
}

const viv_layer_class layer_group_rows = {
    .struct_size = sizeof(viv_layer_class),
    .name = "group_rows",
    .summary = "Joins neighbours in a grid of rows to one row: pixel shuffle, patch merging.",
    .attrs = attrs,
    .instance_size = sizeof(struct group_rows),
    .infer = infer,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .reshape = reshape,
};
