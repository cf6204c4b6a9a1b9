/* linear.c - y = act(x W^T + bias), with inputs and outputs of the product clamped where there are bounds
 *
 *   x:     [n_rows, n_in]
 *   W:     [n_out, n_in]
 *   bias:  [n_out]
 *   y:     [n_rows, n_out]
 *
 * Phase 0 prepares the rows for the product (such as quantizing them), phase 1 multiplies.                  */
#include "layers/layer.h"

struct linear {
    const viv_kernels *kernels;
    viv_projection projection;
    struct prepared_rows rows;
    uint64_t offset;
    uint64_t n_in, n_out;
    uint32_t act;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "W: [n_out, n_in]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "bias", .doc = "added to each output: [n_out]"), BOUNDS_ATTR("bounds"),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "activation", .doc = "the nonlinearity, if any", .choices = VIV_ACT_CHOICES),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct linear *l = layer;
    uint64_t dims[2] = {0, b->in_dims[0]};
    viv_status status = viv_want_weight(b, "weight", 2, dims);
    if (status != VIV_OK)
        return status;
    l->n_out = b->out_dim = dims[0];
    l->n_in = dims[1];
    l->act = (uint32_t)b->get_int(b, "activation");
    b->n_phases = 2;
    status = b->want_weight(b, "bias", 1, &l->n_out);
    return status == VIV_OK ? want_bounds(b, "bounds") : status;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct linear *l = layer;
    c->flops = 2 * c->n_rows * l->n_in * l->n_out;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct linear *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    viv_status status = viv_projection_prepare(&l->projection, p, "weight", "bias");
    if (status != VIV_OK)
        return status;
    viv_projection_bound(&l->projection, p, "bounds");
    prepared_rows_add(&l->rows, &l->projection, &l->offset);
    p->row_workspace = l->rows.row_bytes;
    p->worker_workspace = viv_projection_scratch_bytes(&l->projection);
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct linear *l = layer;
    return phase == 0 ? e->n_rows : viv_projection_tiles(&l->projection);
}

/* Computes y[:, tile], one tile of outputs. */
static void output_tile(const struct linear *l, const viv_exec *e, uint64_t task)
{
    float *y = e->out + task * l->projection.tile;
    uint64_t n = viv_projection_run_tile(&l->projection, task, (char *)e->workspace + l->offset, l->rows.row_bytes,
                                         e->n_rows, y, l->n_out, e->scratch);
    for (uint64_t r = 0; l->act != VIV_ACT_NONE && r < e->n_rows; r++)
        l->kernels->activate(l->act, y + r * l->n_out, y + r * l->n_out, n);
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct linear *l = layer;
    for (uint64_t t = first; t < end; t++) {
        if (phase == 0)
            prepared_rows_fill(&l->rows, (char *)e->workspace + t * l->rows.row_bytes, e->in[0] + t * l->n_in);
        else
            output_tile(l, e, t);
    }
    return VIV_OK;
}

const viv_layer_class layer_linear = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE,
    .name = "linear",
    .summary = "Multiplies each row by a matrix.",
    .attrs = attrs,
    .instance_size = sizeof(struct linear),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_HEAD,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
};
