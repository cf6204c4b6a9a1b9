/* pool_rows.c - y[i, j] = the mean of x over s x t neighbours in a grid
 *
 *   x:  [n_rows, dim]
 *   y:  [n_rows / (s t), dim] */
#include "layers/grid.h"

#include <inttypes.h>
#include <string.h>

struct pool_rows {
    const viv_host *host;
    const viv_kernels *kernels;
    uint64_t height, width, dim;
};

static const viv_attr *const attrs[] = {VIV_ATTR(VIV_ATTR_INTS, VIV_ATTR_REQUIRED, "by",
                                                 .doc = "lines and columns that become one: [4, 4]", .min = 1,
                                                 .max = 1024),
                                        NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct pool_rows *l = layer;
    uint64_t n = 0;
    const int64_t *by = b->get_ints(b, "by", &n);
    if (n != 2)
        return viv_fail(b->host, VIV_EINVAL, "'by' has %" PRIu64 " numbers, expected lines and columns", n);
    l->host = b->host;
    l->height = (uint64_t)by[0];
    l->width = (uint64_t)by[1];
    l->dim = b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct pool_rows *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct pool_rows *l = layer;
    if (grid->before || grid->after || grid->height % l->height || grid->width % l->width)
        return viv_fail(l->host, VIV_ESHAPE,
                        "pools by %" PRIu64 " x %" PRIu64 " a grid of %" PRIu64 " x %" PRIu64 " and %" PRIu64
                        " rows besides: expected multiples, and none",
                        l->height, l->width, grid->height, grid->width, grid->before + grid->after);
    grid->height /= l->height;
    grid->width /= l->width;
    grid->block = 1;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct pool_rows *l = layer;
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t row = t;
        const viv_span *span = grid_span_of(e, &row);
        const struct place to = grid_place(span->out_grid, row);
        float *y = e->out + t * l->dim;
        memset(y, 0, l->dim * sizeof *y);
        for (uint64_t i = 0; i < l->height; i++)
            for (uint64_t j = 0; j < l->width; j++) {
                const struct place from = {to.frame, to.y * l->height + i, to.x * l->width + j};
                const uint64_t at = span->first_row + grid_row(span->grid, from);
                l->kernels->add(y, y, e->in[0] + at * l->dim, l->dim);
            }
        l->kernels->scale(y, y, 1 / (float)(l->height * l->width), l->dim);
    }
    return VIV_OK;
}

const viv_layer_class layer_pool_rows = {
    .struct_size = sizeof(viv_layer_class),
    .name = "pool_rows",
    .summary = "Takes the mean of neighbours in a grid of rows.",
    .attrs = attrs,
    .instance_size = sizeof(struct pool_rows),
    .infer = infer,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .reshape = reshape,
};
