/* positions.c - y[r] = x[r] + weight[position[r] + offset]                    (learned positions, Vaswani et al.
 * 2017)
 *
 *   x, y:    [n_rows, dim]
 *   weight:  [n_positions + offset, dim]  any type                                                             */
#include "layers/description.h"

#include <inttypes.h>

struct positions {
    const viv_kernels *kernels;
    const viv_tensor *weight;
    void (*to_f32)(float *y, const void *x, uint64_t n);
    uint64_t dim, n_positions, offset;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight",
             .doc = "a row for each position: [n_positions + offset, dim]"),
    VIV_ATTR(VIV_ATTR_INT, 0, "offset", .doc = "rows before the one of position 0", .min = 0, .max = 1 << 20),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct positions *l = layer;
    uint64_t dims[4] = {0, b->in_dims[0]};
    uint32_t ndim;
    viv_status status = b->want_weight(b, "weight", 2, dims);
    if (status == VIV_OK)
        status = b->weight_dims(b, "weight", 4, dims, &ndim);
    if (status != VIV_OK)
        return status;
    l->offset = (uint64_t)b->get_int(b, "offset");
    if (dims[0] <= l->offset)
        return viv_fail(b->host, VIV_ESHAPE, "%" PRIu64 " rows, but %" PRIu64 " are before position 0", dims[0],
                        l->offset);
    l->n_positions = dims[0] - l->offset;
    l->dim = b->out_dim = dims[1];
    return VIV_OK;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct positions *l = layer;
    c->weight_elems = c->n_rows * l->dim;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct positions *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->weight = p->weight(p, "weight");
    l->to_f32 = l->weight ? l->kernels->to_f32(l->weight->dtype) : NULL;
    if (!l->to_f32)
        return viv_fail(p->host, VIV_EUNSUPPORTED, "tensor '%s' has a type that cannot be read as numbers",
                        l->weight ? l->weight->name : "weight");
    p->worker_workspace = l->dim * sizeof(float);
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return e->n_rows;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct positions *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        int64_t position = e->positions[r];
        if (position < 0 || (uint64_t)position >= l->n_positions)
            return viv_fail(e->host, VIV_ELIMIT, "position %" PRId64 " is beyond the %" PRIu64 " that were learned",
                            position, l->n_positions);
        const char *row =
            (const char *)l->weight->dl.data + ((uint64_t)position + l->offset) * l->weight->row_bytes;
        l->to_f32(e->scratch, row, l->dim);
        l->kernels->add(e->out + r * l->dim, e->in[0] + r * l->dim, e->scratch, l->dim);
    }
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    (void)layer;
    return i == 0 && description_put(attribute, text, "positions", "learned, added to the embedding");
}

static const void *get_ext(const char *id)
{
    static const viv_layer_description description = {.struct_size = sizeof description, .describe = describe};
    return strcmp(id, VIV_LAYER_DESCRIPTION) == 0 ? &description : NULL;
}

const viv_layer_class layer_positions = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "positions",
    .summary = "Learned position embedding: adds a vector for each row's position.",
    .attrs = attrs,
    .instance_size = sizeof(struct positions),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_EMBEDDING,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .get_ext = get_ext,
};
