/* grid_positions.c - y[i, j] = x[i, j] + P(i, j): a learned table of H x W positions, for a grid of any h x w
 *
 *   row            P(i, j) = T[i, j], where the grid is as large as the table                (Dosovitskiy et al.
 * 2021) bucket         P(i, j) = T[b(i, h), b(j, w)], b(i, n) the number of multiples of 1/H that are at most i / n
 *                                                                                          (Laurencon et al. 2024)
 *   linear, cubic  P = sum over lines and columns of the table by weights of each axis (resample.h)
 *
 *   x, y:    [n_rows, dim]
 *   weight:  [skip + H W, dim], H = W; its first `skip` rows are those of the first rows before the grid
 */
#include "layers/description.h"
#include "layers/grid.h"
#include "layers/lookup.h"
#include "layers/resample.h"

#include <math.h>

enum grid_method { BY_ROW, BY_BUCKET, BY_LINEAR, BY_CUBIC };

struct grid_positions {
    struct lookup table; /* first, as the functions of lookup.h expect */
    uint64_t skip, side;
    enum grid_method method;
    struct resample how;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight",
             .doc = "a row for each place of a square, line by line: [skip + H * H, dim]"),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "method",
             .doc = "how a grid finds its places in the table: it is as large as the table; by fractions of the "
                    "side; by linear or cubic interpolation",
             .choices = "row|bucket|linear|cubic"),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "aligned",
             .doc = "interpolation: the corners of grid and table coincide, not their edges"),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "antialias", .doc = "interpolation: a smaller grid takes means"),
    VIV_ATTR(VIV_ATTR_INT, 0, "skip", .doc = "first rows of the table, for rows before the grid (a class token)",
             .min = 0, .max = 65536),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct grid_positions *l = layer;
    const viv_status status = lookup_infer(l, b);
    if (status != VIV_OK)
        return status;
    l->skip = (uint64_t)b->get_int(b, "skip");
    l->method = (enum grid_method)b->get_int(b, "method");
    l->how = (struct resample){.method = l->method == BY_CUBIC ? RESAMPLE_CUBIC : RESAMPLE_LINEAR,
                               .aligned = b->get_int(b, "aligned") != 0,
                               .antialias = b->get_int(b, "antialias") != 0};
    if ((l->how.aligned || l->how.antialias) && (l->method < BY_LINEAR || (l->how.aligned && l->how.antialias)))
        return viv_fail(b->host, VIV_EINVAL,
                        "'aligned' or 'antialias' is for the methods linear and cubic, one of the two");
    const uint64_t n = l->table.n_rows > l->skip ? l->table.n_rows - l->skip : 0;
    while ((l->side + 1) * (l->side + 1) <= n)
        l->side++;
    if (n == 0 || l->side * l->side != n)
        return viv_fail(b->host, VIV_ESHAPE, "%" PRIu64 " rows, of which %" PRIu64 " are skipped, are no square",
                        l->table.n_rows, l->skip);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    const struct grid_positions *l = layer;
    const viv_status status = lookup_prepare(layer, p);
    p->worker_workspace = l->table.dim * sizeof(float) + 2 * (l->side + 4) * sizeof(struct tap);
    return status;
}

/* The number of boundaries at or below i / n, in the arithmetic of PyTorch: arange(1 / side, 1, 1 / side) makes
 * vectors of 8 floats from a start that is rounded first, two at a time, and the rest one by one. */
static uint64_t bucket(uint64_t side, uint64_t n, uint64_t i)
{
    const double d = 1 / (double)side;
    const uint64_t count = (uint64_t)ceil((1 - d) / d), whole = count / 16 * 16;
    const float at = fminf((float)i * (1 / (float)n), (float)(1 - 1e-6));
    uint64_t k = 0;
    for (; k < count; k++) {
        const uint64_t of_eight = k / 8 * 8;
        const float start = (float)(d + (double)of_eight * d);
        const float boundary =
            k < whole ? (float)((double)start + (double)(k - of_eight) * d) : (float)(d + (double)k * d);
        if (boundary > at)
            break;
    }
    return k;
}

/* The places along one axis of n that place i sums up. */
static uint64_t places(const struct grid_positions *l, uint64_t n, uint64_t i, struct tap *taps)
{
    if (l->method >= BY_LINEAR && n != l->side)
        return resample_taps(&l->how, l->side, n, i, taps);
    *taps = (struct tap){l->method == BY_BUCKET ? bucket(l->side, n, i) : i, 1};
    return 1;
}

static viv_status check(const struct grid_positions *l, const viv_exec *e, const viv_grid *g)
{
    if (l->method != BY_ROW || (g->height == l->side && g->width == l->side))
        return VIV_OK;
    return viv_fail(e->host, VIV_ESHAPE,
                    "a grid of %" PRIu64 " x %" PRIu64 ", and positions were learned for %" PRIu64 " x %" PRIu64,
                    g->height, g->width, l->side, l->side);
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct grid_positions *l = layer;
    const uint64_t dim = l->table.dim;
    float *row = e->scratch;
    struct tap *lines = (struct tap *)(row + dim + dim % 2), *columns = lines + l->side + 4;
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t r = t;
        const viv_grid *g = grid_span_of(e, &r)->grid;
        float *y = e->out + t * dim;
        viv_status status = check(l, e, g);
        if (status != VIV_OK)
            return status;
        if (y != e->in[0] + t * dim)
            memcpy(y, e->in[0] + t * dim, dim * sizeof *y);
        if (r < g->before && r < l->skip)
            lookup_add(&l->table, e, t, r);
        if (r < g->before || r - g->before >= grid_places(g))
            continue;
        const struct place at = grid_place(g, r - g->before);
        const uint64_t n_lines = places(l, g->height, at.y, lines), n_columns = places(l, g->width, at.x, columns);
        for (uint64_t a = 0; a < n_lines; a++)
            for (uint64_t b = 0; b < n_columns; b++) {
                lookup_read(&l->table, l->skip + lines[a].at * l->side + columns[b].at, row);
                l->table.kernels->scale(row, row, lines[a].weight * columns[b].weight, dim);
                l->table.kernels->add(y, y, row, dim);
            }
    }
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    static const char *const methods[] = {"as it is", "by fractions of the side", "linear interpolation",
                                          "cubic interpolation"};
    const struct grid_positions *l = layer;
    return i == 0 && description_put(attribute, text, "positions", "learned table of %" PRIu64 " x %" PRIu64 ", %s",
                                     l->side, l->side, methods[l->method]);
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_grid_positions = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_IN_PLACE,
    .name = "grid_positions",
    .summary = "Learned positions over a grid, for pictures of any size: adds a vector for each row's place.",
    .attrs = attrs,
    .instance_size = sizeof(struct grid_positions),
    .infer = infer,
    .cost = lookup_cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .get_ext = get_ext,
};
