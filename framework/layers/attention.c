/* attention.c - y = softmax(scale Q K^T + mask) V W_o            (Vaswani et al. 2017)
 *
 *   Q = rope(norm(x W_q)), K = rope(norm(x W_k)), V = norm(x W_v), by heads of head_dim features; query head h
 *   reads key/value head h / (n_heads / n_kv_heads): multi-head, grouped (Ainslie et al. 2023) and multi-query
 *   (Shazeer 2019) attention. Positions: rotary embedding; ALiBi (Press et al. 2022), a bias of the scores that
 *   grows with the distance, with a slope for each head; or a learned bias (relative.h).
 *
 *   x, y:      [n_rows, dim]
 *   q:         [n_heads * head_dim, dim]
 *   k, v:      [n_kv_heads * head_dim, dim]; or all three in one, qkv: rows of q, then of k, then of v
 *   gate:      [n_heads * head_dim, dim]: with it, out gets heads * sigmoid(x W_gate)   (Qiu et al. 2025)
 *   out:       [dim, n_heads * head_dim]
 *   q_bounds, k_bounds, v_bounds, out_bounds: inputs and outputs of these products are clamped
 *   cache:     k and v, n_kv_heads * head_dim elements each per token (kv_cache.h). Without k and v, those that an
 *              earlier layer has computed: layers share them (Brandon et al. 2024)
 *
 * Phases: 0 prepare x, 1 q, k, v and gate, 2 normalise, rotate and write to the KV cache, 3 attend, 4 gate and
 * prepare the heads' outputs, 5 out. */
#include "layers/description.h"
#include "layers/kv_cache.h"
#include "layers/relative.h"
#include "layers/rope.h"
#include "layers/within.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum norm_kind { NORM_RMS, NORM_LAYER };
enum norm_over { OVER_HEAD, OVER_ROW };

/* A norm of queries or keys before the rotary embedding. */
struct qk_norm {
    const float *weight, *bias; /* NULL: none */
    uint64_t n; /* elements of the weight: head_dim if it is shared by all heads, else those of all heads */
};

struct attention {
    const viv_kernels *kernels;
    viv_projection q, k, v, gate, out; /* q: of q, k and v if they are one matrix */
    int32_t fused, gated;
    int32_t borrows; /* the keys and values of an earlier layer */
    struct prepared_rows rows, head_rows;
    uint64_t q_offset, k_offset, v_offset, gate_offset, out_offset;
    uint64_t dim, out_dim, n_heads, n_kv_heads, head_dim;
    struct kv_cache kv_cache;
    struct relative relative;
    uint64_t window, chunk;
    struct within within;
    struct qk_norm q_norm, k_norm;
    enum norm_kind norm_kind;
    enum norm_over norm_over;
    int32_t plain_norm, plain_v;
    struct rope rope;
    const float *sinks;
    float *slopes; /* [n_heads] of ALiBi, or NULL */
    double alibi;
    uint64_t scratch;                           /* bytes for products or attend, before the angles */
    uint64_t q_stride, kv_stride, heads_stride; /* floats */
    int32_t causal, both_ways, has_sinks;
    float scale, softcap, clip, norm_eps, alibi_scale;
    float temper; /* queries grow with log(1 + position / temper_length) */
    uint64_t temper_length, temper_offset;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "q", .doc = "queries: [n_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "k", .doc = "keys: [n_kv_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "v", .doc = "values: [n_kv_heads * head_dim, dim]"),
    VIV_ATTR(
        VIV_ATTR_WEIGHT, 0, "qkv",
        .doc =
            "in place of q, k and v, their rows one after the other: [(n_heads + 2 n_kv_heads) * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "qkv_bias", .doc = "[(n_heads + 2 n_kv_heads) * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "gate",
             .doc = "output gate: the heads' output is multiplied by its sigmoid: [n_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "gate_bias", .doc = "[n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "out", .doc = "output: [dim, n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "q_bias", .doc = "[n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "k_bias", .doc = "[n_kv_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "v_bias", .doc = "[n_kv_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "out_bias", .doc = "[dim]"),
    BOUNDS_ATTR("q_bounds"),
    BOUNDS_ATTR("k_bounds"),
    BOUNDS_ATTR("v_bounds"),
    BOUNDS_ATTR("out_bounds"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "sinks",
             .doc = "attention sinks: a score for each head, without a value: [n_heads]"),
    VIV_ATTR(VIV_ATTR_TEXT, 0, "cache",
             .doc =
                 "a name of the KV cache, by which later layers use it, too: those that have this name but neither "
                 "k nor v; the last layer that has filled a cache of the name counts"),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_heads", .doc = "query heads", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_kv_heads", .doc = "key/value heads, a divisor of n_heads",
             .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "head_dim", .doc = "features of a head", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "causal", .doc = "causal mask: a token sees only itself and earlier ones",
             .default_value = 1),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "both_ways",
             .doc = "causal: rows that see each other both ways, as those of a picture may, do so here",
             .default_value = 1),
    VIV_ATTR(VIV_ATTR_INT, 0, "window", .doc = "sliding window: a token sees only this many; 0: all", .min = 0,
             .max = 1 << 30),
    VIV_ATTR(VIV_ATTR_INT, 0, "chunk",
             .doc = "chunked attention: a token sees only its chunk of this many; 0: no chunks", .min = 0,
             .max = 1 << 30),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "scale", .doc = "of the scores; default 1 / sqrt(head_dim)"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "softcap", .doc = "soft cap of the scores; 0: none", .min = 0, .max = 1e9),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "clip", .doc = "q, k and v are clipped to this before the rotary embedding; 0: not",
             .min = 0, .max = 1e9),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "norm.q",
             .doc = "normalises queries: [head_dim], or [n_heads * head_dim] for a factor of each head's own"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "norm.k", .doc = "normalises keys: [head_dim] or [n_kv_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "norm.q_bias", .doc = "as long as norm.q"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "norm.k_bias", .doc = "as long as norm.k"),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "norm.plain", .doc = "queries and keys are normalised without factors"),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "norm.plain_v", .doc = "values are normalised, without factors"),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "norm.kind", .doc = "by the root mean square, or by mean and variance",
             .choices = "rms|layer"),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "norm.over", .doc = "each head by itself, or all heads as one row",
             .choices = "head|row"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "norm.eps", .doc = "added to the mean square or variance", .default_value = 1e-6,
             .min = 1e-30, .max = 1),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "alibi.max",
             .doc = "ALiBi: head h of n has slope 2^(-max h / n), h from 1; 0: none", .min = 0, .max = 64),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "alibi.scale", .doc = "of the slopes", .default_value = 1, .min = 1e-9, .max = 1e9),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "temper.beta",
             .doc = "queries are multiplied by 1 + beta ln(1 + floor((position + offset) / length))", .min = 0,
             .max = 1e3),
    VIV_ATTR(VIV_ATTR_INT, 0, "temper.offset", .doc = "see temper.beta", .min = 0, .max = 1 << 30),
    VIV_ATTR(VIV_ATTR_INT, 0, "temper.length", .doc = "see temper.beta", .default_value = 8192, .min = 1,
             .max = 1 << 30),
    WITHIN_ATTRS,
    RELATIVE_ATTRS,
    ROPE_ATTRS,
    NULL};

/* The weight of a norm and its bias: as long as a head, or as all heads. */
static viv_status want_norm(viv_infer *b, const struct attention *l, const char *weight, const char *bias,
                            uint64_t width, uint64_t *n)
{
    const viv_status status = viv_want_weight(b, weight, 1, n);
    if (status != VIV_OK || !b->is_set(b, weight))
        return status;
    if (*n != width && (*n != l->head_dim || l->norm_over == OVER_ROW))
        return viv_fail(b->host, VIV_ESHAPE, "%s has %" PRIu64 " elements, expected %" PRIu64 "%s", weight, *n,
                        l->norm_over == OVER_ROW ? width : l->head_dim,
                        l->norm_over == OVER_ROW ? "" : ", or as many for each head");
    return b->want_weight(b, bias, 1, n);
}

/* Its own cache, under a name if it has one, or that of an earlier layer. */
static viv_status want_cache(struct attention *l, viv_infer *b)
{
    uint64_t size;
    const char *name = b->is_set(b, "cache") ? b->get_text(b, "cache", &size) : NULL;
    if (l->borrows)
        return kv_cache_borrow(&l->kv_cache, b, name);
    const viv_status status = kv_cache_infer(&l->kv_cache, b, b->want_cache);
    return status == VIV_OK && name ? b->lend_caches(b, name) : status;
}

static viv_status infer(void *layer, viv_infer *b)
{
    struct attention *l = layer;
    l->dim = b->in_dims[0];
    l->n_heads = (uint64_t)b->get_int(b, "n_heads");
    l->n_kv_heads = (uint64_t)b->get_int(b, "n_kv_heads");
    l->head_dim = (uint64_t)b->get_int(b, "head_dim");
    l->causal = (int32_t)b->get_int(b, "causal");
    l->both_ways = (int32_t)b->get_int(b, "both_ways");
    l->window = (uint64_t)b->get_int(b, "window");
    l->chunk = (uint64_t)b->get_int(b, "chunk");
    l->scale = b->is_set(b, "scale") ? (float)b->get_float(b, "scale") : 1 / sqrtf((float)l->head_dim);
    l->softcap = (float)b->get_float(b, "softcap");
    l->clip = (float)b->get_float(b, "clip");
    l->norm_kind = (enum norm_kind)b->get_int(b, "norm.kind");
    l->norm_over = (enum norm_over)b->get_int(b, "norm.over");
    l->plain_norm = (int32_t)b->get_int(b, "norm.plain");
    l->plain_v = (int32_t)b->get_int(b, "norm.plain_v");
    l->norm_eps = (float)b->get_float(b, "norm.eps");
    l->alibi = b->get_float(b, "alibi.max");
    l->alibi_scale = (float)b->get_float(b, "alibi.scale");
    l->temper = (float)b->get_float(b, "temper.beta");
    l->temper_length = (uint64_t)b->get_int(b, "temper.length");
    l->temper_offset = (uint64_t)b->get_int(b, "temper.offset");
    l->kv_cache = (struct kv_cache){.n_heads = l->n_heads, .n_kv_heads = l->n_kv_heads, .head_dim = l->head_dim};
    if (l->n_heads % l->n_kv_heads != 0)
        return viv_fail(b->host, VIV_ESHAPE, "n_kv_heads %" PRIu64 " does not divide n_heads %" PRIu64,
                        l->n_kv_heads, l->n_heads);

    l->has_sinks = b->is_set(b, "sinks");
    l->fused = b->is_set(b, "qkv");
    l->gated = b->is_set(b, "gate");
    bool q = b->is_set(b, "q"), k = b->is_set(b, "k"), v = b->is_set(b, "v");
    l->borrows = !l->fused && !k && !v && b->is_set(b, "cache");
    if (l->fused ? q || k || v : !(q && (l->borrows || (k && v))))
        return viv_fail(
            b->host, VIV_EINVAL,
            "attention needs q, k and v, or all of them as qkv, or q and the cache of an earlier layer");
    if (l->borrows && !l->causal)
        return viv_fail(b->host, VIV_EINVAL, "attention with the cache of an earlier layer must be causal");
    const uint64_t q_dim = l->n_heads * l->head_dim, kv_dim = l->n_kv_heads * l->head_dim;
    const struct {
        const char *attr;
        uint32_t ndim;
        uint64_t dims[2];
    } weights[] = {
        {"q", 2, {q_dim, l->dim}},
        {"k", 2, {kv_dim, l->dim}},
        {"v", 2, {kv_dim, l->dim}},
        {"q_bias", 1, {q_dim}},
        {"k_bias", 1, {kv_dim}},
        {"v_bias", 1, {kv_dim}},
        {"q_bounds", 1, {VIV_N_BOUNDS}},
        {"k_bounds", 1, {VIV_N_BOUNDS}},
        {"v_bounds", 1, {VIV_N_BOUNDS}},
        {"out_bounds", 1, {VIV_N_BOUNDS}},
        {"qkv", 2, {q_dim + 2 * kv_dim, l->dim}},
        {"qkv_bias", 1, {q_dim + 2 * kv_dim}},
        {"gate", 2, {q_dim, l->dim}},
        {"gate_bias", 1, {q_dim}},
        {"sinks", 1, {l->n_heads}},
    };
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        viv_status status = b->want_weight(b, weights[i].attr, weights[i].ndim, weights[i].dims);
        if (status != VIV_OK)
            return status;
    }
    uint64_t out[2] = {0, q_dim};
    viv_status status = viv_want_weight(b, "out", 2, out);
    if (status == VIV_OK)
        status = b->want_weight(b, "out_bias", 1, &out[0]);
    if (status == VIV_OK)
        status = want_norm(b, l, "norm.q", "norm.q_bias", q_dim, &l->q_norm.n);
    if (status == VIV_OK && !l->borrows)
        status = want_norm(b, l, "norm.k", "norm.k_bias", kv_dim, &l->k_norm.n);
    if (status == VIV_OK)
        status = within_infer(&l->within, b, l->causal);
    if (status == VIV_OK)
        status = rope_infer(&l->rope, b, l->head_dim);
    if (status == VIV_OK)
        status = relative_infer(&l->relative, b, l->n_heads, l->causal);
    if (status == VIV_OK)
        status = want_cache(l, b);
    b->out_dim = l->out_dim = out[0];
    b->n_phases = 6;
    b->whole_sequences = !l->causal;
    return status;
}

/* The number of tokens that all rows of a step see together. Without a causal mask, a row sees tokens on both
 * sides, fewer at the ends of the sequence. */
static uint64_t tokens_seen(const struct attention *l, uint64_t n_rows, uint64_t context)
{
    if (!l->causal && l->window && context > 0) {
        uint64_t side = viv_min(l->window, context) - 1;
        return n_rows * (context * (2 * side + 1) - side * (side + 1)) / context;
    }
    const uint64_t block = l->within.frames * l->within.height * l->within.width;
    uint64_t seen = l->window ? viv_min(context, l->window) : block ? viv_min(context, block) : context;
    return n_rows * (l->chunk && seen ? viv_min(seen, (context - 1) % l->chunk + 1) : seen);
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct attention *l = layer;
    const uint64_t q_dim = l->n_heads * l->head_dim, kv_dim = l->n_kv_heads * l->head_dim;
    const uint64_t seen = tokens_seen(l, c->n_rows, c->context);
    c->flops = c->n_rows * 2 * l->dim * ((l->gated ? 2 : 1) * q_dim + (l->borrows ? 0 : 2 * kv_dim)) +
               c->n_rows * 2 * q_dim * l->out_dim + 4 * seen * q_dim;
    c->cache_elems = seen * 2 * kv_dim;
    return VIV_OK;
}

/* The slopes for the largest power of two up to n_heads; heads beyond it have slopes halfway between. */
static viv_status make_slopes(struct attention *l, const viv_host *host)
{
    uint64_t power = 1;
    if (l->alibi <= 0)
        return VIV_OK;
    l->slopes = malloc(l->n_heads * sizeof *l->slopes);
    if (!l->slopes)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    while (2 * power <= l->n_heads)
        power *= 2;
    for (uint64_t h = 0; h < l->n_heads; h++) {
        double step = h < power ? (double)(h + 1) : (double)(h - power) + 0.5;
        l->slopes[h] = (float)exp2(-l->alibi * step / (double)power) * l->alibi_scale;
    }
    return VIV_OK;
}

/* As matrices of their own. */
static bool has_k_and_v(const struct attention *l)
{
    return !l->fused && !l->borrows;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct attention *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    const struct {
        viv_projection *projection;
        const char *weight, *bias, *bounds;
        bool is_there;
    } projections[] = {
        {&l->out, "out", "out_bias", "out_bounds", true},   {&l->q, "q", "q_bias", "q_bounds", !l->fused},
        {&l->q, "qkv", "qkv_bias", NULL, l->fused},         {&l->k, "k", "k_bias", "k_bounds", has_k_and_v(l)},
        {&l->v, "v", "v_bias", "v_bounds", has_k_and_v(l)}, {&l->gate, "gate", "gate_bias", NULL, l->gated},
    };
    viv_status status = kv_cache_prepare(&l->kv_cache, p);
    if (status != VIV_OK)
        return status;
    l->scratch = kv_cache_scratch(&l->kv_cache, p);
    for (size_t i = 0; i < sizeof projections / sizeof *projections; i++) {
        if (!projections[i].is_there)
            continue;
        status = viv_projection_prepare(projections[i].projection, p, projections[i].weight, projections[i].bias);
        if (status != VIV_OK)
            return status;
        if (projections[i].bounds)
            viv_projection_bound(projections[i].projection, p, projections[i].bounds);
        l->scratch = viv_max(l->scratch, viv_projection_scratch_bytes(projections[i].projection));
    }
    prepared_rows_add(&l->rows, &l->q, &l->q_offset);
    if (has_k_and_v(l)) {
        prepared_rows_add(&l->rows, &l->k, &l->k_offset);
        prepared_rows_add(&l->rows, &l->v, &l->v_offset);
    }
    if (l->gated)
        prepared_rows_add(&l->rows, &l->gate, &l->gate_offset);
    prepared_rows_add(&l->head_rows, &l->out, &l->out_offset);
    status = rope_prepare(&l->rope, p);
    if (status == VIV_OK)
        status = relative_prepare(&l->relative, p);
    if (status == VIV_OK)
        status = make_slopes(l, p->host);
    if (status != VIV_OK)
        return status;
    l->q_norm.weight = p->weight_f32(p, "norm.q");
    l->q_norm.bias = p->weight_f32(p, "norm.q_bias");
    l->k_norm.weight = p->weight_f32(p, "norm.k");
    l->k_norm.bias = p->weight_f32(p, "norm.k_bias");
    l->sinks = p->weight_f32(p, "sinks");

    const uint64_t q_dim = l->n_heads * l->head_dim, kv_dim = l->n_kv_heads * l->head_dim;
    l->heads_stride = viv_align(q_dim, 16);
    l->q_stride = l->fused ? viv_align(q_dim + 2 * kv_dim, 16) : l->heads_stride;
    l->kv_stride = l->fused ? l->q_stride : l->borrows ? 0 : viv_align(kv_dim, 16);
    l->scratch = viv_align_64(l->scratch);
    p->worker_workspace = l->scratch + 3 * l->head_dim * sizeof(float); /* cos, sin, frequency of one row's pairs */
    p->row_workspace =
        l->rows.row_bytes + l->head_rows.row_bytes +
        (l->q_stride + (has_k_and_v(l) ? 2 * l->kv_stride : 0) + (l->gated ? 2 : 1) * l->heads_stride) *
            sizeof(float);
    return VIV_OK;
}

/* The parts of a step's workspace. */
struct parts {
    char *rows;       /* prepared x */
    float *q, *k, *v; /* [n_rows, q_stride], [n_rows, kv_stride] */
    float *heads;     /* [n_rows, heads_stride]: outputs of the heads */
    float *gate;      /* [n_rows, heads_stride] */
    char *head_rows;  /* prepared heads */
};

static struct parts divide(const struct attention *l, const viv_exec *e)
{
    struct parts w;
    w.rows = e->workspace;
    w.q = (float *)(w.rows + e->n_rows * l->rows.row_bytes);
    w.k = w.q + (l->fused ? l->n_heads * l->head_dim : e->n_rows * l->q_stride);
    w.v = w.k + (l->fused ? l->n_kv_heads * l->head_dim : e->n_rows * l->kv_stride);
    w.heads = l->fused ? w.q + e->n_rows * l->q_stride : w.v + e->n_rows * l->kv_stride;
    w.gate = w.heads + e->n_rows * l->heads_stride;
    w.head_rows = (char *)(w.gate + (l->gated ? e->n_rows * l->heads_stride : 0));
    return w;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct attention *l = layer;
    switch (phase) {
    case 1:
        return viv_projection_tiles(&l->q) +
               (has_k_and_v(l) ? viv_projection_tiles(&l->k) + viv_projection_tiles(&l->v) : 0) +
               (l->gated ? viv_projection_tiles(&l->gate) : 0);
    case 2:
        return span_tasks(e, CACHE_ROWS, 1);
    case 3:
        return span_tasks(e, ATTEND_ROWS, l->n_kv_heads);
    case 5:
        return viv_projection_tiles(&l->out);
    default:
        return e->n_rows;
    }
}

static void project(const struct attention *l, const viv_exec *e, const struct parts *w, uint64_t task)
{
    const struct {
        const viv_projection *projection;
        float *y;
        uint64_t stride, offset;
        bool is_there;
    } parts[] = {{&l->q, w->q, l->q_stride, l->q_offset, true},
                 {&l->k, w->k, l->kv_stride, l->k_offset, has_k_and_v(l)},
                 {&l->v, w->v, l->kv_stride, l->v_offset, has_k_and_v(l)},
                 {&l->gate, w->gate, l->heads_stride, l->gate_offset, l->gated}};
    uint32_t i = 0;
    for (uint64_t n; task >= (n = parts[i].is_there ? viv_projection_tiles(parts[i].projection) : 0); i++)
        task -= n;
    viv_projection_run_tile(parts[i].projection, task, w->rows + parts[i].offset, l->rows.row_bytes, e->n_rows,
                            parts[i].y + task * parts[i].projection->tile, parts[i].stride, e->scratch);
}

/* Normalises the heads of one row in place. plain: without factors, too. */
static void normalise(const struct attention *l, const struct qk_norm *norm, bool plain, float *x, uint64_t n_heads)
{
    if (!norm->weight && !plain)
        return;
    uint64_t n = l->norm_over == OVER_ROW ? n_heads * l->head_dim : l->head_dim;
    uint64_t step = norm->n > l->head_dim ? l->head_dim : 0; /* from a head's factors to the next one's */
    for (uint64_t h = 0; h < (l->norm_over == OVER_ROW ? 1 : n_heads); h++, x += n) {
        const float *weight = norm->weight ? norm->weight + h * step : NULL,
                    *bias = norm->bias ? norm->bias + h * step : NULL;
        if (l->norm_kind == NORM_RMS)
            l->kernels->rms_norm(x, x, weight, n, l->norm_eps);
        else
            l->kernels->layer_norm(x, x, weight, bias, n, l->norm_eps);
    }
}

static void clip(float *x, uint64_t n, float bound)
{
    for (uint64_t i = 0; i < n; i++)
        x[i] = fminf(fmaxf(x[i], -bound), bound);
}

/* Clips and normalises queries, keys and values of one row, before the rotary embedding. */
static void settle_row(const struct attention *l, const viv_exec *e, const struct parts *w, uint64_t row)
{
    float *q = w->q + row * l->q_stride, *k = w->k + row * l->kv_stride, *v = w->v + row * l->kv_stride;
    normalise(l, &l->q_norm, l->plain_norm, q, l->n_heads);
    if (!l->borrows) {
        normalise(l, &l->k_norm, l->plain_norm, k, l->n_kv_heads);
        normalise(l, &(struct qk_norm){0}, l->plain_v, v, l->n_kv_heads);
    }
    if (l->clip > 0) {
        clip(q, l->n_heads * l->head_dim, l->clip);
        clip(k, l->borrows ? 0 : l->n_kv_heads * l->head_dim, l->clip);
        clip(v, l->borrows ? 0 : l->n_kv_heads * l->head_dim, l->clip);
    }
    if (l->temper > 0) {
        const uint64_t lengths = ((uint64_t)e->positions[row] + l->temper_offset) / l->temper_length;
        l->kernels->scale(q, q, 1 + l->temper * logf(1 + (float)lengths), l->n_heads * l->head_dim);
    }
}

/* Applies the rotary embedding to queries and keys of one row in place. */
static void rotate_row(const struct attention *l, const viv_exec *e, const struct parts *w, const viv_grid *grid,
                       uint64_t row, const float *frequency, float *cos)
{
    float *sin = cos + l->rope.dim / 2;
    rope_angles(&l->rope, l->kernels, e, grid, frequency, row, cos, sin);
    for (uint64_t h = 0; h < l->n_heads; h++)
        rope_rotate(&l->rope, l->kernels, w->q + row * l->q_stride + h * l->head_dim, cos, sin);
    for (uint64_t h = 0; !l->borrows && h < l->n_kv_heads; h++)
        rope_rotate(&l->rope, l->kernels, w->k + row * l->kv_stride + h * l->head_dim, cos, sin);
}

static viv_status rotate_and_store(const struct attention *l, const viv_exec *e, const struct parts *w,
                                   uint64_t task)
{
    const viv_span *span = span_of_task(e, CACHE_ROWS, 1, &task);
    uint64_t begin = task * CACHE_ROWS, end = viv_min(begin + CACHE_ROWS, span->n_rows);
    float *angles = (float *)((char *)e->scratch + l->scratch);
    for (uint64_t r = begin; r < end; r++)
        settle_row(l, e, w, span->first_row + r);
    if (l->rope.used) {
        uint64_t known = 0;
        for (uint64_t r = begin; r < end; r++)
            rotate_row(l, e, w, span->grid, span->first_row + r, rope_frequency(&l->rope, span, r, angles, &known),
                       angles + l->rope.dim / 2);
    }
    viv_status status = within_check(&l->within, e->host, span);
    for (struct within_run run; status == VIV_OK && !l->borrows && begin < end; begin += run.n) {
        const uint64_t first = (span->first_row + begin) * l->kv_stride;
        run = within_run(&l->within, span, begin, end);
        status =
            kv_cache_write_keys(&l->kv_cache, e, span, run.at, run.n, w->k + first, l->kv_stride, 0, l->n_kv_heads);
        if (status == VIV_OK)
            status = kv_cache_write_values(&l->kv_cache, e, span, run.at, run.n, w->v + first, l->kv_stride, 0,
                                           l->n_kv_heads);
    }
    return status;
}

/* How much each row of a step sees, where some see each other both ways; or NULL. */
static const uint64_t *sees_of(const struct attention *l, const viv_exec *e)
{
    return l->causal && l->both_ways ? e->sees : NULL;
}

/* Whether a row that sees `sees` tokens, more than those up to itself, sees some that are farther behind it than
 * its window reaches: that counts to the other side alone. */
static bool sees_beyond(const struct attention *l, uint64_t sees, uint64_t position)
{
    return l->window && sees > position + l->window;
}

/* Rows from `begin` on that see the same end, or each those up to itself; one where it sees beyond its window. */
static uint64_t rows_alike(const struct attention *l, const viv_exec *e, const viv_span *span, uint64_t begin,
                           uint64_t end)
{
    const uint64_t *sees = sees_of(l, e);
    uint64_t r = begin;
    if (!sees)
        return within_run(&l->within, span, begin, end).n;
    sees += span->first_row;
    const bool both_ways = sees[begin] > span->position + begin + 1;
    if (both_ways && sees_beyond(l, sees[begin], span->position + begin))
        return 1;
    for (; r < end && (both_ways ? sees[r] == sees[begin] : sees[r] == span->position + r + 1); r++) {
    }
    return r - begin;
}

/* Queries [begin, begin + n) of a span, which rows_alike has found. */
static void attend_rows(const struct attention *l, const viv_exec *e, const struct parts *w, const viv_span *span,
                        uint64_t head, uint64_t begin, uint64_t n)
{
    const uint64_t row = span->first_row + begin, n_group = l->n_heads / l->n_kv_heads;
    const uint64_t *sees = sees_of(l, e);
    const bool both_ways = sees && sees[row] > span->position + begin + 1;
    const struct within_run run = within_run(&l->within, span, begin, begin + 1);
    viv_attend a = {.flags = l->causal && !both_ways ? VIV_ATTEND_CAUSAL : 0,
                    .n_rows = n,
                    .q_stride = l->q_stride,
                    .out = w->heads + row * l->heads_stride,
                    .out_stride = l->heads_stride,
                    .position = run.at,
                    .n_keys = both_ways ? sees[row] : run.end,
                    .window = l->window,
                    .chunk =
                        run.begin ? run.begin : l->chunk, /* of which the block is the second: none is larger */
                    .scale = l->scale,
                    .softcap = l->softcap,
                    .sinks = l->sinks ? l->sinks + head * n_group : NULL,
                    .slopes = l->slopes ? l->slopes + head * n_group : NULL,
                    .bias = relative_bias(&l->relative, head * n_group),
                    .reach = l->relative.reach,
                    .scratch = e->scratch};
    if (both_ways && sees_beyond(l, sees[row], run.at)) { /* as the last of those it sees, with a longer window */
        a.flags = VIV_ATTEND_CAUSAL;
        a.position = sees[row] - 1;
        a.window = sees[row] - (run.at + 1 > l->window ? run.at + 1 - l->window : 0);
    }
    kv_cache_attend(&l->kv_cache, span, head, w->q + row * l->q_stride, &a);
}

static void attend(const struct attention *l, const viv_exec *e, const struct parts *w, uint64_t task)
{
    const viv_span *span = span_of_task(e, ATTEND_ROWS, l->n_kv_heads, &task);
    const uint64_t head = task % l->n_kv_heads, begin = task / l->n_kv_heads * ATTEND_ROWS;
    const uint64_t end = viv_min(begin + ATTEND_ROWS, span->n_rows);
    for (uint64_t r = begin, n; r < end; r += n) {
        n = rows_alike(l, e, span, r, end);
        attend_rows(l, e, w, span, head, r, n);
    }
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct attention *l = layer;
    const struct parts w = divide(l, e);
    viv_status status = VIV_OK;
    for (uint64_t t = first; status == VIV_OK && t < end; t++) {
        switch (phase) {
        case 0:
            prepared_rows_fill(&l->rows, w.rows + t * l->rows.row_bytes, e->in[0] + t * l->dim);
            break;
        case 1:
            project(l, e, &w, t);
            break;
        case 2:
            status = rotate_and_store(l, e, &w, t);
            break;
        case 3:
            attend(l, e, &w, t);
            break;
        case 4:
            if (l->gated)
                l->kernels->gate(VIV_ACT_SIGMOID, w.heads + t * l->heads_stride, w.gate + t * l->heads_stride,
                                 w.heads + t * l->heads_stride, l->n_heads * l->head_dim);
            prepared_rows_fill(&l->head_rows, w.head_rows + t * l->head_rows.row_bytes,
                               w.heads + t * l->heads_stride);
            break;
        default:
            viv_projection_run_tile(&l->out, t, w.head_rows + l->out_offset, l->head_rows.row_bytes, e->n_rows,
                                    e->out + t * l->out.tile, l->out.n_out, e->scratch);
        }
    }
    return status;
}

static void release(void *layer)
{
    struct attention *l = layer;
    rope_release(&l->rope);
    relative_release(&l->relative);
    free(l->slopes);
}

static int32_t describe_heads(const struct attention *l, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                              char text[VIV_DESCRIPTION_TEXT])
{
    char heads[48], sees[48] = "";
    const char *both_ways = l->causal ? "" : ", both ways", *gated = l->gated ? ", gated" : "";
    if (l->n_kv_heads == l->n_heads)
        snprintf(heads, sizeof heads, "multi-head, %" PRIu64, l->n_heads);
    else if (l->n_kv_heads == 1)
        snprintf(heads, sizeof heads, "multi-query, %" PRIu64, l->n_heads);
    else
        snprintf(heads, sizeof heads, "grouped, %" PRIu64 " on %" PRIu64, l->n_heads, l->n_kv_heads);
    if (l->window)
        snprintf(sees, sizeof sees, ", window of %" PRIu64, l->window);
    else if (l->chunk)
        snprintf(sees, sizeof sees, ", chunks of %" PRIu64, l->chunk);
    return description_put(attribute, text, "attention", "%s heads of %" PRIu64 "%s%s%s%s", heads, l->head_dim,
                           both_ways, sees, gated, l->borrows ? ", keys and values of an earlier layer" : "");
}

static int32_t describe_positions(const struct attention *l, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                                  char text[VIV_DESCRIPTION_TEXT])
{
    if (l->alibi > 0)
        return description_put(attribute, text, "positions", "ALiBi");
    if (l->relative.used)
        return description_put(attribute, text, "positions", "learned, by distance");
    if (!l->rope.used)
        return 0;
    return rope_describe(&l->rope, l->head_dim, attribute, text);
}

static int32_t describe_extras(const struct attention *l, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                               char text[VIV_DESCRIPTION_TEXT])
{
    bool normed = l->plain_norm || l->q_norm.n || l->k_norm.n;
    if (!normed && l->softcap <= 0 && !l->has_sinks)
        return 0;
    return description_put(attribute, text, "scores", "%s%s%s", normed ? "of normed queries and keys" : "plain",
                           l->softcap > 0 ? ", capped" : "", l->has_sinks ? ", with sinks" : "");
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    static int32_t (*const parts[])(const struct attention *, char *, char *) = {describe_heads, describe_positions,
                                                                                 describe_extras};
    for (uint32_t at = 0; at < sizeof parts / sizeof *parts; at++)
        if (parts[at](layer, attribute, text) && i-- == 0)
            return 1;
    return 0;
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_attention = {
    .struct_size = sizeof(viv_layer_class),
    .name = "attention",
    .summary = "Self-attention with a KV cache: multi-head, grouped-query or multi-query.",
    .attrs = attrs,
    .instance_size = sizeof(struct attention),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_ATTENTION,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .release = release,
    .get_ext = get_ext,
};
