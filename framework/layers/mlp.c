/* mlp.c - y = down(act(gate(x)) * up(x))          gated (Shazeer 2020)
 *         y = down(act(up(x)))                    without a gate
 *
 *   x, y:      [n_rows, dim]
 *   gate, up:  [n_hidden, dim], biases [n_hidden]
 *   down:      [dim, n_hidden], bias [dim]
 *
 * Each matrix may have bounds, to which its inputs and outputs are clamped.
 *
 * Phases: 0 prepare x, 1 gate, up and activation (a task computes some hidden features for all rows, so that gate
 * and up stay in the processor's cache), 2 prepare the hidden rows, 3 down. */
#include "layers/description.h"

struct mlp {
    const viv_kernels *kernels;
    viv_projection gate, up, down;
    struct prepared_rows rows, hidden_rows;
    uint64_t gate_offset, up_offset, down_offset;
    uint64_t dim, n_hidden, n_out;
    uint64_t scratch; /* bytes for the products, before the two tiles */
    uint64_t max_rows;
    uint32_t act;
    int32_t gated;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "gate", .doc = "gated: the output is act(gate(x)) * up(x)"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "up", .doc = "[n_hidden, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "down", .doc = "[dim, n_hidden]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "gate_bias", .doc = "[n_hidden]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "up_bias", .doc = "[n_hidden]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "down_bias", .doc = "[dim]"),
    BOUNDS_ATTR("gate_bounds"),
    BOUNDS_ATTR("up_bounds"),
    BOUNDS_ATTR("down_bounds"),
    VIV_ATTR(VIV_ATTR_CHOICE, VIV_ATTR_REQUIRED, "activation", .doc = "the nonlinearity",
             .choices = VIV_ACT_CHOICES),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct mlp *l = layer;
    uint64_t in[2] = {0, b->in_dims[0]}, out[2] = {0};
    l->act = (uint32_t)b->get_int(b, "activation");
    l->gated = b->is_set(b, "gate");
    l->dim = in[1];
    viv_status status = viv_want_weight(b, "up", 2, in);
    if (status == VIV_OK)
        status = b->want_weight(b, "gate", 2, in);
    l->n_hidden = out[1] = in[0];
    if (status == VIV_OK)
        status = viv_want_weight(b, "down", 2, out);
    l->n_out = b->out_dim = out[0];
    if (status == VIV_OK)
        status = b->want_weight(b, "gate_bias", 1, &l->n_hidden);
    if (status == VIV_OK)
        status = b->want_weight(b, "up_bias", 1, &l->n_hidden);
    if (status == VIV_OK)
        status = b->want_weight(b, "down_bias", 1, &l->n_out);
    if (status == VIV_OK)
        status = want_bounds(b, "gate_bounds");
    if (status == VIV_OK)
        status = want_bounds(b, "up_bounds");
    if (status == VIV_OK)
        status = want_bounds(b, "down_bounds");
    b->n_phases = 4;
    return status;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct mlp *l = layer;
    uint64_t matrices = l->gated ? 2 : 1;
    c->flops = 2 * c->n_rows * l->n_hidden * (matrices * l->dim + l->n_out);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct mlp *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    viv_status status = viv_projection_prepare(&l->up, p, "up", "up_bias");
    if (status == VIV_OK && l->gated)
        status = viv_projection_prepare(&l->gate, p, "gate", "gate_bias");
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->down, p, "down", "down_bias");
    if (status != VIV_OK)
        return status;
    viv_projection_bound(&l->up, p, "up_bounds");
    viv_projection_bound(&l->gate, p, "gate_bounds");
    viv_projection_bound(&l->down, p, "down_bounds");
    prepared_rows_add(&l->rows, &l->up, &l->up_offset);
    if (l->gated)
        prepared_rows_add(&l->rows, &l->gate, &l->gate_offset);
    prepared_rows_add(&l->hidden_rows, &l->down, &l->down_offset);
    l->scratch = viv_max(viv_projection_scratch_bytes(&l->up), viv_projection_scratch_bytes(&l->down));
    if (l->gated) {
        if (l->gate.tile != l->up.tile)
            return viv_fail(p->host, VIV_EUNSUPPORTED, "gate and up have types that cannot be computed together");
        l->scratch = viv_max(l->scratch, viv_projection_scratch_bytes(&l->gate));
    }
    l->max_rows = p->max_rows;
    p->worker_workspace = l->scratch + 2 * l->max_rows * l->up.tile * sizeof(float);
    p->row_workspace = l->rows.row_bytes + viv_align_64(l->n_hidden * sizeof(float)) + l->hidden_rows.row_bytes;
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct mlp *l = layer;
    switch (phase) {
    case 1:
        return viv_projection_tiles(&l->up);
    case 3:
        return viv_projection_tiles(&l->down);
    default:
        return e->n_rows;
    }
}

/* Computes hidden[:, tile] = act(gate(x)) * up(x), one tile of hidden features. */
static void hidden_tile(const struct mlp *l, const viv_exec *e, uint64_t task, const char *rows, float *hidden,
                        uint64_t hidden_stride)
{
    uint64_t tile = l->up.tile;
    float *up = (float *)((char *)e->scratch + l->scratch);
    float *gate = up + e->n_rows * tile;
    uint64_t n = viv_projection_run_tile(&l->up, task, rows + l->up_offset, l->rows.row_bytes, e->n_rows, up, tile,
                                         e->scratch);
    if (l->gated)
        viv_projection_run_tile(&l->gate, task, rows + l->gate_offset, l->rows.row_bytes, e->n_rows, gate, tile,
                                e->scratch);
    for (uint64_t r = 0; r < e->n_rows; r++) {
        float *y = hidden + r * hidden_stride + task * tile;
        if (l->gated)
            l->kernels->gate(l->act, y, gate + r * tile, up + r * tile, n);
        else
            l->kernels->activate(l->act, y, up + r * tile, n);
    }
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct mlp *l = layer;
    uint64_t hidden_stride = viv_align_64(l->n_hidden * sizeof(float)) / sizeof(float);
    char *rows = e->workspace;
    float *hidden = (float *)(rows + e->n_rows * l->rows.row_bytes);
    char *hidden_rows = (char *)(hidden + e->n_rows * hidden_stride);
    for (uint64_t t = first; t < end; t++) {
        switch (phase) {
        case 0:
            prepared_rows_fill(&l->rows, rows + t * l->rows.row_bytes, e->in[0] + t * l->dim);
            break;
        case 1:
            hidden_tile(l, e, t, rows, hidden, hidden_stride);
            break;
        case 2:
            prepared_rows_fill(&l->hidden_rows, hidden_rows + t * l->hidden_rows.row_bytes,
                               hidden + t * hidden_stride);
            break;
        default:
            viv_projection_run_tile(&l->down, t, hidden_rows + l->down_offset, l->hidden_rows.row_bytes, e->n_rows,
                                    e->out + t * l->down.tile, l->n_out, e->scratch);
        }
    }
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    const struct mlp *l = layer;
    char act[32];
    return i == 0 &&
           description_put(attribute, text, "feed-forward", "%s%s, %" PRIu64 " wide", l->gated ? "gated " : "",
                           description_choice(VIV_ACT_CHOICES, l->act, act), l->n_hidden);
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_mlp = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE,
    .name = "mlp",
    .summary = "A feed-forward block with one hidden layer, gated or not.",
    .attrs = attrs,
    .instance_size = sizeof(struct mlp),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_FEED_FORWARD,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .get_ext = get_ext,
};
