/* positions.c - y[r] = x[r] + weight[position[r] + offset]           (learned positions, Vaswani et al. 2017)
 *
 * The position is that of the row in its sequence, or on an axis: then rows that are nowhere on it stay.
 *
 *   x, y:    [n_rows, dim]
 *   weight:  [n_positions + offset, dim]  any type                                                             */
#include "layers/description.h"
#include "layers/lookup.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

struct positions {
    struct lookup table; /* first, as the functions of lookup.h expect */
    uint64_t n_positions, offset;
    int32_t on_axis;
    uint32_t axis;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight",
             .doc = "a row for each position: [n_positions + offset, dim]"),
    VIV_ATTR(VIV_ATTR_INT, 0, "axis", .doc = "positions are those on it: 0 time, 1 line, 2 column", .min = 0,
             .max = VIV_N_AXES - 1),
    VIV_ATTR(VIV_ATTR_INT, 0, "offset", .doc = "rows before the one of position 0", .min = 0, .max = 1 << 20),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct positions *l = layer;
    const viv_status status = lookup_infer(l, b);
    if (status != VIV_OK)
        return status;
    l->offset = (uint64_t)b->get_int(b, "offset");
    l->on_axis = b->is_set(b, "axis");
    l->axis = (uint32_t)b->get_int(b, "axis");
    if (l->table.n_rows <= l->offset)
        return viv_fail(b->host, VIV_ESHAPE, "%" PRIu64 " rows, but %" PRIu64 " are before position 0",
                        l->table.n_rows, l->offset);
    l->n_positions = l->table.n_rows - l->offset;
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct positions *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        const bool axes = l->on_axis && e->axes;
        const int64_t position = axes ? e->axes[r * VIV_N_AXES + l->axis] : e->positions[r];
        if (axes && position < 0) {
            memmove(e->out + r * l->table.dim, e->in[0] + r * l->table.dim, l->table.dim * sizeof *e->out);
            continue;
        }
        if (position < 0 || (uint64_t)position >= l->n_positions)
            return viv_fail(e->host, VIV_ELIMIT, "position %" PRId64 " is beyond the %" PRIu64 " that were learned",
                            position, l->n_positions);
        lookup_add(&l->table, e, r, (uint64_t)position + l->offset);
    }
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    (void)layer;
    return i == 0 && description_put(attribute, text, "positions", "learned, added to the embedding");
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_positions = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "positions",
    .summary = "Learned position embedding: adds a vector for each row's position.",
    .attrs = attrs,
    .instance_size = sizeof(struct positions),
    .infer = infer,
    .cost = lookup_cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = lookup_prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
    .get_ext = get_ext,
};
