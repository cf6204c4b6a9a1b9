/* pool_rows.c - y[i, j] = the mean of x over s x t neighbours in a grid, or over as many as leave `to` rows
 *
 *   x:  [n_rows, dim]
 *   y:  [n_rows / (s t), dim] */
#include "layers/grid.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Lines and columns. */
struct sides {
    uint64_t height, width;
};

struct pool_rows {
    const viv_host *host;
    const viv_kernels *kernels;
    struct sides by; /* neighbours that become one; 0: as many as leave `to` */
    uint64_t to, dim;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_INTS, 0, "by", .doc = "lines and columns that become one: [4, 4]", .min = 1, .max = 1024),
    VIV_ATTR(VIV_ATTR_INT, 0, "to", .doc = "instead: rows that are left of a square grid, a square number",
             .min = 1, .max = 1 << 20),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct pool_rows *l = layer;
    uint64_t n = 0;
    const int64_t *by = b->get_ints(b, "by", &n);
    l->host = b->host;
    l->to = (uint64_t)b->get_int(b, "to");
    l->dim = b->out_dim = b->in_dims[0];
    if (n ? n != 2 || l->to : !l->to)
        return viv_fail(b->host, VIV_EINVAL, "expected either 'by', lines and columns, or 'to'");
    if (n)
        l->by = (struct sides){(uint64_t)by[0], (uint64_t)by[1]};
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct pool_rows *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

/* Of the neighbours in this grid; 0: no square of them leaves `to` rows. */
static struct sides neighbours(const struct pool_rows *l, const viv_grid *grid)
{
    uint64_t side = 1;
    if (!l->to)
        return l->by;
    while (side * side < l->to)
        side++;
    const bool square = side * side == l->to && grid->height == grid->width && grid->height % side == 0;
    return square ? (struct sides){grid->height / side, grid->width / side} : (struct sides){0, 0};
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct pool_rows *l = layer;
    const struct sides by = neighbours(l, grid);
    if (!by.height)
        return viv_fail(l->host, VIV_ESHAPE,
                        "no square of neighbours leaves %" PRIu64 " rows of a grid of %" PRIu64 " x %" PRIu64,
                        l->to, grid->height, grid->width);
    if (grid->before || grid->after || grid->height % by.height || grid->width % by.width)
        return viv_fail(l->host, VIV_ESHAPE,
                        "pools by %" PRIu64 " x %" PRIu64 " a grid of %" PRIu64 " x %" PRIu64 " and %" PRIu64
                        " rows besides: expected multiples, and none",
                        by.height, by.width, grid->height, grid->width, grid->before + grid->after);
    grid->height /= by.height;
    grid->width /= by.width;
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
        const struct sides by = neighbours(l, span->grid);
        float *y = e->out + t * l->dim;
        memset(y, 0, l->dim * sizeof *y);
        for (uint64_t i = 0; i < by.height; i++)
            for (uint64_t j = 0; j < by.width; j++) {
                const struct place from = {to.frame, to.y * by.height + i, to.x * by.width + j};
                const uint64_t at = span->first_row + grid_row(span->grid, from);
                l->kernels->add(y, y, e->in[0] + at * l->dim, l->dim);
            }
        l->kernels->scale(y, y, 1 / (float)(by.height * by.width), l->dim);
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
