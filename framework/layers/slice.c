/* slice.c - y = x[first .. first + features)          a part of each row
 *
 *   x:  [n_rows, dim]
 *   y:  [n_rows, features]                                                                                */
#include "layers/layer.h"

#include <inttypes.h>
#include <string.h>

struct slice {
    uint64_t dim, first, features;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_INT, 0, "first", .doc = "the first feature that is taken", .min = 0, .max = 1 << 30),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "features", .doc = "how many are taken", .min = 1, .max = 1 << 30),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct slice *l = layer;
    l->dim = b->in_dims[0];
    l->first = (uint64_t)b->get_int(b, "first");
    l->features = b->out_dim = (uint64_t)b->get_int(b, "features");
    if (l->first + l->features > l->dim)
        return viv_fail(b->host, VIV_ESHAPE,
                        "features %" PRIu64 " to %" PRIu64 " are taken, a row has only %" PRIu64, l->first,
                        l->first + l->features - 1, l->dim);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    (void)layer, (void)p;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct slice *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++)
        memcpy(e->out + r * l->features, e->in[0] + r * l->dim + l->first, l->features * sizeof *e->out);
    return VIV_OK;
}

const viv_layer_class layer_slice = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE,
    .name = "slice",
    .summary = "Takes a part of the features.",
    .attrs = attrs,
    .instance_size = sizeof(struct slice),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
