/* frame_positions.c - y[r] = x[r] + [sin(f w), cos(f w)], w_j = theta^(-2 j / dim)      (Vaswani et al. 2017)
 *
 * f is the frame of the row in its grid. A grid of one frame, as of a still picture, stays, and so do rows besides.
 *
 *   x, y:  [n_rows, dim] */
#include "layers/description.h"
#include "layers/grid.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct frame_positions {
    uint64_t dim;
    double theta;
};

static const viv_attr *const attrs[] = {VIV_ATTR(VIV_ATTR_FLOAT, 0, "theta", .doc = "base of the frequencies",
                                                 .default_value = 10000, .min = 1, .max = 1e9),
                                        NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct frame_positions *l = layer;
    l->theta = b->get_float(b, "theta");
    l->dim = b->out_dim = b->in_dims[0];
    if (l->dim % 2 == 0)
        return VIV_OK;
    return viv_fail(b->host, VIV_ESHAPE, "rows of %" PRIu64 " features, expected an even number", l->dim);
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    const struct frame_positions *l = layer;
    p->worker_workspace = viv_align_64(l->dim * sizeof(float));
    return VIV_OK;
}

/* What the rows of a frame get. */
static void positions_of(const struct frame_positions *l, uint64_t frame, float *out)
{
    const uint64_t half = l->dim / 2;
    for (uint64_t j = 0; j < half; j++) {
        const float frequency = (float)pow(l->theta, -2.0 * (double)j / (double)l->dim),
                    angle = (float)frame * frequency;
        out[j] = sinf(angle);
        out[half + j] = cosf(angle);
    }
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct frame_positions *l = layer;
    float *positions = e->scratch;
    uint64_t made = UINT64_MAX; /* the frame that positions are of: rows of one stand together */
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t r = t;
        const viv_grid *g = grid_span_of(e, &r)->grid;
        float *y = e->out + t * l->dim;
        if (y != e->in[0] + t * l->dim)
            memcpy(y, e->in[0] + t * l->dim, l->dim * sizeof *y);
        if (g->frames <= 1 || r < g->before || r - g->before >= grid_places(g))
            continue;
        const uint64_t frame = grid_place(g, r - g->before).frame;
        if (frame != made)
            positions_of(l, frame, positions);
        made = frame;
        for (uint64_t j = 0; j < l->dim; j++)
            y[j] += positions[j];
    }
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    (void)layer;
    return i == 0 && description_put(attribute, text, "positions", "sines and cosines of frames");
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_frame_positions = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_IN_PLACE,
    .name = "frame_positions",
    .summary = "Positions in time of a grid of several frames: adds sines and cosines of each row's frame.",
    .attrs = attrs,
    .instance_size = sizeof(struct frame_positions),
    .infer = infer,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = prepare,
    .tasks = grid_tasks,
    .forward = forward,
    .get_ext = get_ext,
};
