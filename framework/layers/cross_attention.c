/* cross_attention.c - y = softmax(scale Q K^T) V W_o, over the encoder output               (Vaswani et al. 2017)
 *
 *   Q = x W_q, K = m W_k, V = m W_v, by heads of head_dim features, where m is the encoder output of the sequence.
 * Each row sees all of it.
 *
 *   x, y:   [n_rows, dim]
 *   m:      [n_encoder_rows, encoder_dim]
 *   q:      [n_heads * head_dim, dim]
 *   k, v:   [n_kv_heads * head_dim, encoder_dim]
 *   out:    [dim, n_heads * head_dim]
 *   cache:  k and v, n_kv_heads * head_dim elements each per row of encoder output (kv_cache.h), written in the
 * first step after the encoder ran
 *
 * Phases: 0 prepare x, and compute keys and values of new encoder output (a task computes some features of all
 * rows, so that each weight is read once), 1 q, 2 attend, 3 prepare the heads' outputs, 4 out. */
#include "layers/description.h"
#include "layers/kv_cache.h"

#include <inttypes.h>
#include <math.h>

enum { ENCODER_ROWS = 64 }; /* rows of encoder output projected at once */

struct cross_attention {
    viv_projection q, k, v, out;
    struct prepared_rows rows, head_rows;
    uint64_t q_offset, out_offset;
    uint64_t dim, out_dim, encoder_dim, n_heads, n_kv_heads, head_dim;
    struct kv_cache kv_cache;
    uint64_t scratch; /* bytes for products or attend, before ENCODER_ROWS prepared rows of encoder output and their
                         features */
    uint64_t encoder_row_bytes; /* of a prepared row */
    uint64_t heads_stride;      /* floats */
    float scale;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "q", .doc = "queries: [n_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "k", .doc = "keys: [n_kv_heads * head_dim, encoder_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "v", .doc = "values: [n_kv_heads * head_dim, encoder_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "out", .doc = "output: [dim, n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "q_bias", .doc = "[n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "k_bias", .doc = "[n_kv_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "v_bias", .doc = "[n_kv_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "out_bias", .doc = "[dim]"),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_heads", .doc = "query heads", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_kv_heads", .doc = "key/value heads, a divisor of n_heads",
             .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "head_dim", .doc = "features of a head", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "scale", .doc = "of the scores; default 1 / sqrt(head_dim)"),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct cross_attention *l = layer;
    l->dim = b->in_dims[0];
    l->encoder_dim = b->encoder_dim;
    l->n_heads = (uint64_t)b->get_int(b, "n_heads");
    l->n_kv_heads = (uint64_t)b->get_int(b, "n_kv_heads");
    l->head_dim = (uint64_t)b->get_int(b, "head_dim");
    l->scale = b->is_set(b, "scale") ? (float)b->get_float(b, "scale") : 1 / sqrtf((float)l->head_dim);
    if (l->encoder_dim == 0)
        return viv_fail(b->host, VIV_EINVAL,
                        "reads the output of an encoder: it belongs in the graph of a spec that has one");
    l->kv_cache = (struct kv_cache){.n_heads = l->n_heads, .n_kv_heads = l->n_kv_heads, .head_dim = l->head_dim};
    if (l->n_heads % l->n_kv_heads != 0)
        return viv_fail(b->host, VIV_ESHAPE, "n_kv_heads %" PRIu64 " does not divide n_heads %" PRIu64,
                        l->n_kv_heads, l->n_heads);
    const uint64_t q_dim = l->n_heads * l->head_dim, kv_dim = l->n_kv_heads * l->head_dim;
    const struct {
        const char *attr;
        uint32_t ndim;
        uint64_t dims[2];
    } weights[] = {{"q", 2, {q_dim, l->dim}},
                   {"k", 2, {kv_dim, l->encoder_dim}},
                   {"v", 2, {kv_dim, l->encoder_dim}},
                   {"q_bias", 1, {q_dim}},
                   {"k_bias", 1, {kv_dim}},
                   {"v_bias", 1, {kv_dim}}};
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < sizeof weights / sizeof *weights; i++)
        status = b->want_weight(b, weights[i].attr, weights[i].ndim, weights[i].dims);
    uint64_t out[2] = {0, q_dim};
    if (status == VIV_OK)
        status = viv_want_weight(b, "out", 2, out);
    if (status == VIV_OK)
        status = b->want_weight(b, "out_bias", 1, out);
    if (status == VIV_OK)
        status = kv_cache_infer(&l->kv_cache, b, b->want_encoder_cache);
    b->out_dim = l->out_dim = out[0];
    b->n_phases = 5;
    return status;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct cross_attention *l = layer;
    uint64_t q_dim = l->n_heads * l->head_dim, kv_dim = l->n_kv_heads * l->head_dim;
    c->flops = c->n_rows * (2 * (l->dim + l->out_dim) * q_dim + 4 * c->n_encoder_rows * q_dim) +
               c->n_new_encoder_rows * 4 * l->encoder_dim * kv_dim;
    c->cache_elems = c->n_rows * 2 * c->n_encoder_rows * kv_dim;
    if (c->n_new_encoder_rows == 0)
        c->weight_elems -= viv_min(c->weight_elems, 2 * l->encoder_dim * kv_dim);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct cross_attention *l = layer;
    viv_status status = kv_cache_prepare(&l->kv_cache, p);
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->q, p, "q", "q_bias");
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->k, p, "k", "k_bias");
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->v, p, "v", "v_bias");
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->out, p, "out", "out_bias");
    if (status != VIV_OK)
        return status;
    /* a task takes whole heads of keys and values, as the cache does */
    l->k.tile = ((l->k.tile - 1) / l->head_dim + 1) * l->head_dim;
    l->v.tile = ((l->v.tile - 1) / l->head_dim + 1) * l->head_dim;
    prepared_rows_add(&l->rows, &l->q, &l->q_offset);
    prepared_rows_add(&l->head_rows, &l->out, &l->out_offset);
    l->scratch = viv_max(viv_max(viv_projection_scratch_bytes(&l->q), viv_projection_scratch_bytes(&l->out)),
                         viv_max(viv_projection_scratch_bytes(&l->k), viv_projection_scratch_bytes(&l->v)));
    l->scratch = viv_align_64(viv_max(l->scratch, kv_cache_scratch(&l->kv_cache, p)));
    l->encoder_row_bytes = viv_max(viv_projection_row_bytes(&l->k), viv_projection_row_bytes(&l->v));
    l->heads_stride = viv_align(l->n_heads * l->head_dim, 16);
    uint64_t features = viv_max(l->k.tile, l->v.tile);
    p->worker_workspace = l->scratch + ENCODER_ROWS * (l->encoder_row_bytes + features * sizeof(float));
    p->row_workspace = l->rows.row_bytes + l->head_rows.row_bytes + 2 * l->heads_stride * sizeof(float);
    return VIV_OK;
}

/* Tasks for a span with new encoder output. */
static uint64_t encoder_tasks(const struct cross_attention *l)
{
    return viv_projection_tiles(&l->k) + viv_projection_tiles(&l->v);
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct cross_attention *l = layer;
    uint64_t n = e->n_rows;
    switch (phase) {
    case 0:
        for (uint32_t s = 0; s < e->n_spans; s++)
            n += e->spans[s]->encoder_output ? encoder_tasks(l) : 0;
        return n;
    case 1:
        return viv_projection_tiles(&l->q);
    case 2:
        return span_tasks(e, ATTEND_ROWS, l->n_kv_heads);
    case 4:
        return viv_projection_tiles(&l->out);
    default:
        return n;
    }
}

/* Computes some features of the keys, or of the values, of all encoder rows of one span. */
static viv_status fill_encoder_cache(const struct cross_attention *l, const viv_exec *e, uint64_t task)
{
    uint32_t s = 0;
    for (uint64_t n; task >= (n = e->spans[s]->encoder_output ? encoder_tasks(l) : 0); s++)
        task -= n;
    const viv_span *span = e->spans[s];
    const int is_key = task < viv_projection_tiles(&l->k);
    const viv_projection *p = is_key ? &l->k : &l->v;
    task -= is_key ? 0 : viv_projection_tiles(&l->k);
    char *rows = (char *)e->scratch + l->scratch;
    float *y = (float *)(rows + ENCODER_ROWS * l->encoder_row_bytes);
    const uint64_t tile = p->tile;
    viv_status status = VIV_OK;
    for (uint64_t row = 0, n; status == VIV_OK && row < span->n_encoder_rows; row += n) {
        n = viv_min(ENCODER_ROWS, span->n_encoder_rows - row);
        for (uint64_t r = 0; r < n; r++)
            viv_projection_prepare_row(p, rows + r * l->encoder_row_bytes,
                                       span->encoder_output + (row + r) * l->encoder_dim);
        uint64_t width = viv_projection_run_tile(p, task, rows, l->encoder_row_bytes, n, y, tile, e->scratch);
        status = (is_key ? kv_cache_write_keys : kv_cache_write_values)(
            &l->kv_cache, e, span, row, n, y, tile, task * tile / l->head_dim, width / l->head_dim);
    }
    return status;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct cross_attention *l = layer;
    char *rows = e->workspace;
    float *q = (float *)(rows + e->n_rows * l->rows.row_bytes), *heads = q + e->n_rows * l->heads_stride;
    char *head_rows = (char *)(heads + e->n_rows * l->heads_stride);
    viv_status status = VIV_OK;
    for (uint64_t t = first; status == VIV_OK && t < end; t++) {
        uint64_t block = t;
        switch (phase) {
        case 0:
            if (t < e->n_rows)
                prepared_rows_fill(&l->rows, rows + t * l->rows.row_bytes, e->in[0] + t * l->dim);
            else
                status = fill_encoder_cache(l, e, t - e->n_rows);
            break;
        case 1:
            viv_projection_run_tile(&l->q, t, rows + l->q_offset, l->rows.row_bytes, e->n_rows, q + t * l->q.tile,
                                    l->heads_stride, e->scratch);
            break;
        case 2: {
            const viv_span *span = span_of_task(e, ATTEND_ROWS, l->n_kv_heads, &block);
            uint64_t begin = block / l->n_kv_heads * ATTEND_ROWS, row = span->first_row + begin;
            viv_attend a = {.n_rows = viv_min(ATTEND_ROWS, span->n_rows - begin),
                            .q_stride = l->heads_stride,
                            .out = heads + row * l->heads_stride,
                            .out_stride = l->heads_stride,
                            .n_keys = span->n_encoder_rows,
                            .scale = l->scale,
                            .scratch = e->scratch};
            kv_cache_attend(&l->kv_cache, span, block % l->n_kv_heads, q + row * l->heads_stride, &a);
            break;
        }
        case 3:
            prepared_rows_fill(&l->head_rows, head_rows + t * l->head_rows.row_bytes, heads + t * l->heads_stride);
            break;
        default:
            viv_projection_run_tile(&l->out, t, head_rows + l->out_offset, l->head_rows.row_bytes, e->n_rows,
                                    e->out + t * l->out.tile, l->out.n_out, e->scratch);
        }
    }
    return status;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    const struct cross_attention *l = layer;
    return i == 0 && description_put(attribute, text, "cross attention", "%" PRIu64 " heads of %" PRIu64,
                                     l->n_heads, l->head_dim);
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_cross_attention = {
    .struct_size = sizeof(viv_layer_class),
    .name = "cross_attention",
    .summary = "Cross-attention: each token attends to the output of the encoder.",
    .attrs = attrs,
    .instance_size = sizeof(struct cross_attention),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_ATTENTION,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .get_ext = get_ext,
};
