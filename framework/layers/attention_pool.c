/* attention_pool.c - y = softmax(scale Q K^T) V W_o: learned queries look at all rows of a picture, and these are
 * what is left of them (multihead attention pooling: Lee et al. 2019, Zhai et al. 2022)
 *
 *   Q = p W_q, K = x W_k, V = x W_v, by heads of head_dim features
 *
 *   x:        [n_rows, dim]
 *   query p:  [n, dim]
 *   q, k, v:  [n_heads * head_dim, dim]
 *   out:      [dim, n_heads * head_dim]
 *   y:        [n for each span, dim]
 *
 * Phases: 0 prepare x, 1 k and v, 2 each head of each output row, 3 out. Q is known once the weights are. */
#include "layers/description.h"
#include "layers/grid.h"

#include <math.h>

struct attention_pool {
    const viv_kernels *kernels;
    viv_projection k, v, out;
    struct prepared_rows rows;
    uint64_t k_offset, v_offset, dim, out_dim, n, n_heads, head_dim, stride, scratch;
    float *q; /* [n, n_heads * head_dim], scaled */
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "query", .doc = "the learned queries: [n, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "q", .doc = "of the queries: [n_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "k", .doc = "keys: [n_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "v", .doc = "values: [n_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "out", .doc = "output: [dim, n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "q_bias", .doc = "[n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "k_bias", .doc = "[n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "v_bias", .doc = "[n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "out_bias", .doc = "[dim]"),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_heads", .doc = "heads", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "head_dim", .doc = "features of a head", .min = 1, .max = 65536),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct attention_pool *l = layer;
    l->dim = b->in_dims[0];
    l->n_heads = (uint64_t)b->get_int(b, "n_heads");
    l->head_dim = (uint64_t)b->get_int(b, "head_dim");
    const uint64_t width = l->n_heads * l->head_dim;
    const struct {
        const char *attr;
        uint32_t ndim;
        uint64_t dims[2];
    } weights[] = {{"q", 2, {width, l->dim}}, {"k", 2, {width, l->dim}}, {"v", 2, {width, l->dim}},
                   {"q_bias", 1, {width}},    {"k_bias", 1, {width}},    {"v_bias", 1, {width}}};
    uint64_t query[2] = {0, l->dim}, out[2] = {0, width};
    viv_status status = viv_want_weight(b, "query", 2, query);
    for (size_t i = 0; status == VIV_OK && i < sizeof weights / sizeof *weights; i++)
        status = b->want_weight(b, weights[i].attr, weights[i].ndim, weights[i].dims);
    if (status == VIV_OK)
        status = viv_want_weight(b, "out", 2, out);
    if (status == VIV_OK)
        status = b->want_weight(b, "out_bias", 1, out);
    l->n = query[0];
    b->out_dim = l->out_dim = out[0];
    b->n_phases = 4;
    b->whole_sequences = 1;
    return status;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct attention_pool *l = layer;
    c->flops = c->n_rows * 4 * l->dim * l->n_heads * l->head_dim;
    return VIV_OK;
}

/* Q, which depends on weights alone. */
static viv_status compute_queries(struct attention_pool *l, const viv_prepare *p)
{
    viv_projection q;
    const float scale = 1 / sqrtf((float)l->head_dim);
    const viv_tensor *weight = p->weight(p, "query");
    void (*to_f32)(float *, const void *, uint64_t) = weight ? l->kernels->to_f32(weight->dtype) : NULL;
    viv_status status = viv_projection_prepare(&q, p, "q", "q_bias");
    if (status == VIV_OK && !to_f32)
        status = viv_fail(p->host, VIV_EUNSUPPORTED, "the queries have a type that cannot be read as numbers");
    if (status != VIV_OK)
        return status;
    const uint64_t width = l->n_heads * l->head_dim, row = viv_projection_row_bytes(&q);
    char *room = aligned_alloc(64, row + viv_projection_scratch_bytes(&q) + viv_align_64(l->dim * sizeof(float)));
    l->q = malloc(l->n * width * sizeof *l->q);
    if (!room || !l->q) {
        free(room);
        return viv_fail(p->host, VIV_ENOMEM, "out of memory");
    }
    float *x = (float *)(room + row + viv_projection_scratch_bytes(&q));
    for (uint64_t i = 0; i < l->n; i++) {
        to_f32(x, (const char *)weight->dl.data + i * weight->row_bytes, l->dim);
        viv_projection_run_row(&q, x, l->q + i * width, room, room + row);
    }
    l->kernels->scale(l->q, l->q, scale, l->n * width);
    free(room);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct attention_pool *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    viv_status status = viv_projection_prepare(&l->k, p, "k", "k_bias");
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->v, p, "v", "v_bias");
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->out, p, "out", "out_bias");
    if (status == VIV_OK)
        status = compute_queries(l, p);
    if (status != VIV_OK)
        return status;
    prepared_rows_add(&l->rows, &l->k, &l->k_offset);
    prepared_rows_add(&l->rows, &l->v, &l->v_offset);
    l->stride = viv_align(l->n_heads * l->head_dim, 16);
    l->scratch = viv_max(viv_projection_scratch_bytes(&l->k),
                         viv_max(viv_projection_scratch_bytes(&l->v), viv_projection_scratch_bytes(&l->out)));
    p->worker_workspace = l->scratch + viv_projection_row_bytes(&l->out);
    p->row_workspace = l->rows.row_bytes + (2 + l->n) * l->stride * sizeof(float);
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct attention_pool *l = layer;
    switch (phase) {
    case 0:
        return e->n_rows;
    case 1:
        return viv_projection_tiles(&l->k) + viv_projection_tiles(&l->v);
    case 2:
        return e->n_out_rows * l->n_heads;
    default:
        return e->n_out_rows;
    }
}

/* y [head_dim] = the values of a head of all rows of a span, by the softmax of their scores, which are those of one
 * pass: with a larger score, what was summed up before counts less. */
static void attend(const struct attention_pool *l, const viv_span *span, const float *q, const float *k,
                   const float *v, float *y)
{
    float most = -INFINITY, sum = 0;
    memset(y, 0, l->head_dim * sizeof *y);
    for (uint64_t r = span->first_row; r < span->first_row + span->n_rows; r++) {
        float score = 0;
        for (uint64_t j = 0; j < l->head_dim; j++)
            score += q[j] * k[r * l->stride + j];
        if (score > most) {
            const float less = expf(most - score);
            sum *= less;
            for (uint64_t j = 0; j < l->head_dim; j++)
                y[j] *= less;
            most = score;
        }
        const float weight = expf(score - most);
        sum += weight;
        for (uint64_t j = 0; j < l->head_dim; j++)
            y[j] += weight * v[r * l->stride + j];
    }
    for (uint64_t j = 0; j < l->head_dim; j++)
        y[j] /= sum;
}

static viv_status reshape(const void *layer, viv_grid *grid)
{
    const struct attention_pool *l = layer;
    *grid = (viv_grid){.struct_size = sizeof *grid, .frames = 1, .height = 1, .width = l->n, .block = 1};
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct attention_pool *l = layer;
    const uint64_t k_tiles = viv_projection_tiles(&l->k);
    char *rows = e->workspace;
    float *k = (float *)(rows + e->n_rows * l->rows.row_bytes), *v = k + e->n_rows * l->stride;
    float *heads = v + e->n_rows * l->stride;
    for (uint64_t t = first; t < end; t++) {
        uint64_t row = phase == 2 ? t / l->n_heads : t;
        const uint64_t out_row = row, head = t % l->n_heads * l->head_dim;
        switch (phase) {
        case 0:
            prepared_rows_fill(&l->rows, rows + t * l->rows.row_bytes, e->in[0] + t * l->dim);
            break;
        case 1:
            if (t < k_tiles)
                viv_projection_run_tile(&l->k, t, rows + l->k_offset, l->rows.row_bytes, e->n_rows,
                                        k + t * l->k.tile, l->stride, e->scratch);
            else
                viv_projection_run_tile(&l->v, t - k_tiles, rows + l->v_offset, l->rows.row_bytes, e->n_rows,
                                        v + (t - k_tiles) * l->v.tile, l->stride, e->scratch);
            break;
        case 2: {
            const viv_span *span = grid_span_of(e, &row);
            attend(l, span, l->q + row * l->n_heads * l->head_dim + head, k + head, v + head,
                   heads + out_row * l->stride + head);
            break;
        }
        default:
            viv_projection_run_row(&l->out, heads + t * l->stride, e->out + t * l->out_dim,
                                   (char *)e->scratch + l->scratch, e->scratch);
        }
    }
    return VIV_OK;
}

static void release(void *layer)
{
    struct attention_pool *l = layer;
    free(l->q);
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    const struct attention_pool *l = layer;
    return i == 0 && description_put(attribute, text, "pooling",
                                     "attention of %" PRIu64 " learned quer%s, %" PRIu64 " heads of %" PRIu64, l->n,
                                     l->n == 1 ? "y" : "ies", l->n_heads, l->head_dim);
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_attention_pool = {
    .struct_size = sizeof(viv_layer_class),
    .name = "attention_pool",
    .summary = "Attention pooling: learned queries look at all rows of each picture, and take their place.",
    .attrs = attrs,
    .instance_size = sizeof(struct attention_pool),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_ATTENTION,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .release = release,
    .get_ext = get_ext,
    .reshape = reshape,
};
