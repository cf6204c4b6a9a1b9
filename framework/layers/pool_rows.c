/* pool_rows.c - y[i, j] = the mean of x over s x t neighbours in a grid, of all its frames with `frames`, or over
 * as many as leave `to` rows; or, of a grid of h x w with r = sqrt(h w / most) above `slack`, x at the places of a
 * grid of floor(h / r) x floor(w / r), between its own by linear interpolation (resample.h)
 *
 *   x:  [n_rows, dim]
 *   y:  [n_rows / (s t), dim], or about `most` rows */
#include "layers/grid.h"
#include "layers/resample.h"

#include <inttypes.h>
#include <math.h>
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
    int32_t frames;  /* all become one, too */
    uint64_t to, most, dim;
    double slack;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_INTS, 0, "by", .doc = "lines and columns that become one: [4, 4]", .min = 1, .max = 1024),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "frames", .doc = "with by: all frames become one, too"),
    VIV_ATTR(VIV_ATTR_INT, 0, "to", .doc = "instead: rows that are left of a square grid, a square number",
             .min = 1, .max = 1 << 20),
    VIV_ATTR(VIV_ATTR_INT, 0, "most",
             .doc = "instead: about so many rows that are left of a grid of more, by linear interpolation",
             .min = 1, .max = 1 << 30),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "slack", .doc = "with most: sides that are less than this times too long stay",
             .default_value = 1, .min = 1, .max = 1024),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct pool_rows *l = layer;
    uint64_t n = 0;
    const int64_t *by = b->get_ints(b, "by", &n);
    l->host = b->host;
    l->to = (uint64_t)b->get_int(b, "to");
    l->most = (uint64_t)b->get_int(b, "most");
    l->slack = b->get_float(b, "slack");
    l->frames = (int32_t)b->get_int(b, "frames");
    l->dim = b->out_dim = b->in_dims[0];
    if ((n > 0) + (l->to > 0) + (l->most > 0) != 1 || (n && n != 2))
        return viv_fail(b->host, VIV_EINVAL, "expected one of 'by', lines and columns, 'to' and 'most'");
    if (l->frames && !n)
        return viv_fail(b->host, VIV_EINVAL, "'frames' is for 'by' alone");
    if (n)
        l->by = (struct sides){(uint64_t)by[0], (uint64_t)by[1]};
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct pool_rows *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    p->worker_workspace = l->most ? l->dim * sizeof(float) : 0;
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

/* a // b of Python */
static uint64_t floor_quotient(uint64_t a, double b)
{
    return (uint64_t)rint(((double)a - fmod((double)a, b)) / b);
}

static viv_status shrink(const struct pool_rows *l, viv_grid *grid)
{
    const double ratio = sqrt((double)grid->height * (double)grid->width / (double)l->most);
    if (grid->before || grid->after)
        return viv_fail(l->host, VIV_ESHAPE, "shrinks a grid that has %" PRIu64 " rows besides: expected none",
                        grid->before + grid->after);
    if (ratio > l->slack) {
        grid->height = viv_max(floor_quotient(grid->height, ratio), 1);
        grid->width = viv_max(floor_quotient(grid->width, ratio), 1);
    }
    grid->block = 1;
    return VIV_OK;
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct pool_rows *l = layer;
    if (l->most)
        return shrink(l, grid);
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
    grid->frames = l->frames ? 1 : grid->frames;
    grid->height /= by.height;
    grid->width /= by.width;
    grid->block = 1;
    return VIV_OK;
}

static const float *row_of(const struct pool_rows *l, const viv_exec *e, const viv_span *span, struct place at)
{
    return e->in[0] + (span->first_row + grid_row(span->grid, at)) * l->dim;
}

/* y, which is zero, becomes the mean of the neighbours of a place. */
static void take_mean(const struct pool_rows *l, const viv_exec *e, const viv_span *span, struct place to, float *y)
{
    const struct sides by = neighbours(l, span->grid);
    const uint64_t n_frames = l->frames ? span->grid->frames : 1;
    for (uint64_t f = 0; f < n_frames; f++)
        for (uint64_t i = 0; i < by.height; i++)
            for (uint64_t j = 0; j < by.width; j++) {
                const struct place from = {to.frame + f, to.y * by.height + i, to.x * by.width + j};
                l->kernels->add(y, y, row_of(l, e, span, from), l->dim);
            }
    l->kernels->scale(y, y, 1 / (float)(n_frames * by.height * by.width), l->dim);
}

/* y, which is zero, becomes what lies between the rows at a place. */
static void interpolate(const struct pool_rows *l, const viv_exec *e, const viv_span *span, struct place to,
                        float *y)
{
    static const struct resample how = {.method = RESAMPLE_LINEAR};
    struct tap lines[2], columns[2];
    float *part = e->scratch;
    resample_taps(&how, span->grid->height, span->out_grid->height, to.y, lines);
    resample_taps(&how, span->grid->width, span->out_grid->width, to.x, columns);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            const struct place from = {to.frame, lines[i].at, columns[j].at};
            l->kernels->scale(part, row_of(l, e, span, from), lines[i].weight * columns[j].weight, l->dim);
            l->kernels->add(y, y, part, l->dim);
        }
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
        (l->most ? interpolate : take_mean)(l, e, span, to, y);
    }
    return VIV_OK;
}

const viv_layer_class layer_pool_rows = {
    .struct_size = sizeof(viv_layer_class),
    .name = "pool_rows",
    .summary = "Makes fewer rows of a grid: means of neighbours, or interpolation.",
    .attrs = attrs,
    .instance_size = sizeof(struct pool_rows),
    .infer = infer,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .reshape = reshape,
};
