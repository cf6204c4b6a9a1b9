/* latent_attention.c - multi-head latent attention                     (DeepSeek-AI 2024, arXiv 2405.04434, 2.1)
 *
 *   c = norm(x W_c), k_pe = rope(x W_kr)                        cached for each token, shared by all heads
 *   q_nope, q_pe = x W_q, or norm(x W_qa) W_q                   by heads; q_pe rotates
 *   k_nope = W_uk c, v = W_uv c                                 by heads
 *   y = softmax(scale (q_nope . k_nope + q_pe . k_pe)) v W_o
 *
 * The keys and values of the heads are never computed. Because q_nope . (W_uk c) = (W_uk^T q_nope) . c and
 * sum p (W_uv c) = W_uv (sum p c), each query is projected to the latent space, [W_uk^T q_nope, q_pe]; all heads
 * attend over the same cached rows [c, k_pe], whose values are their first kv_rank features; the result is
 * projected back by W_uv. In decode this reads less. In prefill, keys and values computed once would need fewer
 * operations, but a row's result must not depend on the number of rows in its step, so there is only one way.
 *
 *   x, y:    [n_rows, dim]
 *   kv_a:    [kv_rank + rope_dim, dim]                     W_c, then W_kr
 *   q_a:     [q_rank, dim]                                 W_qa
 *   q:       [n_heads * (nope_dim + rope_dim), q_rank]     W_q, or without q_a [..., dim]
 *   k_b:     [n_heads, kv_rank, nope_dim]                  W_uk^T
 *   v_b:     [n_heads, v_dim, kv_rank]                     W_uv
 *   out:     [dim, n_heads * v_dim]                        W_o
 *   cache:   [c, k_pe], kv_rank + rope_dim elements per token: a page is [page_rows][kv_rank + rope_dim] */
#include "layers/cache.h"
#include "layers/description.h"
#include "layers/hadamard.h"
#include "layers/rope.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    CACHE_ROWS = 16,  /* rows of a task that writes to the cache */
    ATTEND_ROWS = 32, /* queries of a task, and their heads: */
    ATTEND_HEADS = 8
};

enum phase {
    PREPARE,      /* x */
    PROJECT,      /* kv_a, and q_a or q */
    NORM_QUERIES, /* from here */
    PROJECT_Q,    /* to here only with q_a */
    WRITE,        /* normalise and rotate, write c and k_pe to the cache, prepare q_nope */
    ABSORB,       /* q_nope becomes W_uk^T q_nope */
    ATTEND,
    PREPARE_LATENT,
    RETURN, /* the output of attention through W_uv */
    PREPARE_HEADS,
    PROJECT_OUT,
    N_PHASES
};

/* Bytes, per row, of the parts of a step's workspace. */
struct areas {
    uint64_t rows;      /* prepared x */
    uint64_t kv;        /* c, k_pe */
    uint64_t q_a;       /* compressed queries */
    uint64_t q_rows;    /* these prepared */
    uint64_t q;         /* queries; then outputs of the heads */
    uint64_t nope_rows; /* q_nope of each head, prepared */
    uint64_t absorbed;  /* queries in the latent space; then latent outputs of each head, prepared */
    uint64_t latent;    /* outputs of attention */
    uint64_t head_rows; /* prepared outputs of the heads */
};

struct latent_attention {
    const viv_kernels *kernels;
    viv_projection q_a, q, kv_a, k_b, v_b, out; /* k_b, v_b: of one head */
    struct prepared_rows rows, q_rows, head_rows;
    uint64_t q_offset, kv_offset, q_b_offset, out_offset; /* into prepared rows */
    uint64_t dim, out_dim, n_heads, q_rank, kv_rank, nope_dim, rope_dim, v_dim;
    uint64_t scratch; /* bytes for products or attend, before the angles */
    struct areas at;
    struct rope rope;
    const float *q_norm, *kv_norm;
    struct cache_writer writer;
    uint32_t c; /* index of the cache */
    int32_t has_q_a;
    float scale, norm_eps;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "kv_a",
             .doc = "compressed keys and values, then the rotary key: [kv_rank + rope_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "kv_a_bias", .doc = "[kv_rank + rope_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "q_a", .doc = "compresses queries: [q_rank, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "q_a_bias", .doc = "[q_rank]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "q",
             .doc =
                 "queries, each head's part that rotates last: [n_heads * (nope_dim + rope_dim), dim, or q_rank]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "k_b",
             .doc = "keys from the compressed vector, transposed: [n_heads, kv_rank, nope_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "v_b",
             .doc = "values from the compressed vector: [n_heads, v_dim, kv_rank]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "out", .doc = "output: [dim, n_heads * v_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "out_bias", .doc = "[dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "norm.q", .doc = "normalises compressed queries: [q_rank]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "norm.kv", .doc = "normalises the compressed vector: [kv_rank]"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "norm.eps", .doc = "added to the mean square", .default_value = 1e-6, .min = 1e-30,
             .max = 1),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "scale", .doc = "of the scores; default 1 / sqrt(nope_dim + rope_dim)"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "score_mscale",
             .doc = "where positions are stretched by a factor above 1, scores are multiplied by (0.1 score_mscale "
                    "ln(factor) + 1)^2",
             .min = 0, .max = 1e3),
    ROPE_ATTRS,
    NULL};

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    for (uint64_t rest; b; a = b, b = rest)
        rest = a % b;
    return a;
}

static viv_status infer(void *layer, viv_infer *b)
{
    struct latent_attention *l = layer;
    uint64_t k_b[3] = {0}, v_b[3] = {0}, kv_a[2] = {0}, q_a[2] = {0}, out[2] = {0};
    l->dim = b->in_dims[0];
    l->has_q_a = b->is_set(b, "q_a");
    kv_a[1] = q_a[1] = l->dim;
    viv_status status = viv_want_weight(b, "k_b", 3, k_b);
    l->n_heads = v_b[0] = k_b[0];
    l->kv_rank = v_b[2] = k_b[1];
    l->nope_dim = k_b[2];
    if (status == VIV_OK)
        status = viv_want_weight(b, "v_b", 3, v_b);
    l->v_dim = v_b[1];
    if (status == VIV_OK)
        status = viv_want_weight(b, "kv_a", 2, kv_a);
    if (status == VIV_OK && l->has_q_a)
        status = viv_want_weight(b, "q_a", 2, q_a);
    l->q_rank = q_a[0];
    if (status != VIV_OK)
        return status;
    if (l->n_heads == 0 || l->kv_rank == 0 || l->nope_dim == 0 || l->v_dim == 0 || l->n_heads > 65536 ||
        l->nope_dim > 65536 || l->v_dim > 65536 || kv_a[0] > 65536)
        return viv_fail(b->host, VIV_ELIMIT,
                        "%" PRIu64 " heads of %" PRIu64 " and %" PRIu64 " features, %" PRIu64
                        " cached per token: expected each from 1 to 65536",
                        l->n_heads, l->nope_dim, l->v_dim, kv_a[0]);
    if (kv_a[0] < l->kv_rank)
        return viv_fail(b->host, VIV_ESHAPE,
                        "kv_a makes %" PRIu64 " features, expected at least kv_rank, which is %" PRIu64, kv_a[0],
                        l->kv_rank);
    if (l->has_q_a != b->is_set(b, "norm.q"))
        return viv_fail(b->host, VIV_EINVAL, "latent_attention needs q_a and norm.q, or neither");
    l->rope_dim = kv_a[0] - l->kv_rank;
    if (b->is_set(b, "rope.theta") != (l->rope_dim > 0))
        return viv_fail(b->host, VIV_EINVAL,
                        "kv_a has %" PRIu64 " features beyond kv_rank, and rope.theta is %s: the features rotate",
                        l->rope_dim, l->rope_dim ? "not set" : "set");
    const struct {
        const char *attr;
        uint32_t ndim;
        uint64_t dims[2];
    } weights[] = {
        {"kv_a_bias", 1, {kv_a[0]}},
        {"q_a_bias", 1, {l->q_rank}},
        {"q", 2, {l->n_heads * (l->nope_dim + l->rope_dim), l->has_q_a ? l->q_rank : l->dim}},
        {"norm.q", 1, {l->q_rank}},
        {"norm.kv", 1, {l->kv_rank}},
    };
    for (size_t i = 0; i < sizeof weights / sizeof *weights && status == VIV_OK; i++)
        status = b->want_weight(b, weights[i].attr, weights[i].ndim, weights[i].dims);
    out[1] = l->n_heads * l->v_dim;
    if (status == VIV_OK)
        status = viv_want_weight(b, "out", 2, out);
    if (status == VIV_OK)
        status = b->want_weight(b, "out_bias", 1, out);
    if (status == VIV_OK)
        status = rope_infer(&l->rope, b, l->rope_dim);
    if (status == VIV_OK)
        status = b->want_cache(b, "c", kv_a[0], &l->c);
    if (status == VIV_OK) /* the types of keys, of which the values are a part */
        status = b->set_cache_content(b, l->c, VIV_CACHE_KEYS, common_divisor(l->kv_rank, l->rope_dim));
    l->norm_eps = (float)b->get_float(b, "norm.eps");
    double scale = b->is_set(b, "scale") ? b->get_float(b, "scale") : 1 / sqrt((double)(l->nope_dim + l->rope_dim));
    if (l->rope.scaling != ROPE_NONE && l->rope.factor > 1) {
        double mscale = 0.1 * b->get_float(b, "score_mscale") * log(l->rope.factor) + 1;
        scale *= mscale * mscale;
    }
    l->scale = (float)scale;
    b->out_dim = l->out_dim = out[0];
    b->n_phases = l->has_q_a ? N_PHASES : N_PHASES - 2;
    return status;
}

static enum phase phase_of(const struct latent_attention *l, uint32_t number)
{
    return (enum phase)(number + (!l->has_q_a && number >= NORM_QUERIES ? 2 : 0));
}

static uint64_t width_of(const struct latent_attention *l)
{
    return l->kv_rank + l->rope_dim;
}

static uint64_t head_of(const struct latent_attention *l)
{
    return l->nope_dim + l->rope_dim;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct latent_attention *l = layer;
    const uint64_t queries = l->n_heads * head_of(l);
    const uint64_t elems = l->dim * width_of(l) + (l->has_q_a ? l->q_rank * (l->dim + queries) : l->dim * queries) +
                           l->n_heads * (l->nope_dim + l->v_dim) * l->kv_rank + l->n_heads * l->v_dim * l->out_dim;
    c->flops = c->n_rows * 2 * (elems + l->n_heads * c->context * (width_of(l) + l->kv_rank));
    c->cache_elems = c->n_rows * c->context * width_of(l);
    return VIV_OK;
}

static uint64_t add_area(uint64_t *total, uint64_t bytes)
{
    uint64_t at = *total;
    *total += viv_align_64(bytes);
    return at;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct latent_attention *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    viv_status status = cache_writer_init(&l->writer, p->host);
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->kv_a, p, "kv_a", "kv_a_bias");
    if (status == VIV_OK && l->has_q_a)
        status = viv_projection_prepare(&l->q_a, p, "q_a", "q_a_bias");
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->q, p, "q", NULL);
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->k_b, p, "k_b", NULL);
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->v_b, p, "v_b", NULL);
    if (status == VIV_OK)
        status = viv_projection_prepare(&l->out, p, "out", "out_bias");
    if (status == VIV_OK)
        status = rope_prepare(&l->rope, p);
    if (status != VIV_OK)
        return status;
    l->q_norm = p->weight_f32(p, "norm.q");
    l->kv_norm = p->weight_f32(p, "norm.kv");
    prepared_rows_add(&l->rows, &l->kv_a, &l->kv_offset);
    prepared_rows_add(&l->rows, l->has_q_a ? &l->q_a : &l->q, &l->q_offset);
    if (l->has_q_a)
        prepared_rows_add(&l->q_rows, &l->q, &l->q_b_offset);
    prepared_rows_add(&l->head_rows, &l->out, &l->out_offset);

    const viv_projection *const all[] = {&l->kv_a, &l->q, &l->k_b, &l->v_b, &l->out};
    l->scratch = l->kernels->attend_scratch_bytes(width_of(l), l->kv_rank, p->page_rows, ATTEND_HEADS);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        l->scratch = viv_max(l->scratch, viv_projection_scratch_bytes(all[i]));
    if (l->has_q_a)
        l->scratch = viv_max(l->scratch, viv_projection_scratch_bytes(&l->q_a));
    l->scratch = viv_align_64(l->scratch);
    p->worker_workspace = l->scratch + 3 * l->rope_dim * sizeof(float); /* cos, sin, frequency of a row's pairs */

    const uint64_t heads = l->n_heads, f = sizeof(float);
    uint64_t total = 0;
    l->at.rows = add_area(&total, l->rows.row_bytes);
    l->at.kv = add_area(&total, width_of(l) * f);
    l->at.q_a = add_area(&total, l->q_rank * f);
    l->at.q_rows = add_area(&total, l->q_rows.row_bytes);
    l->at.q = add_area(&total, heads * viv_max(head_of(l), l->v_dim) * f);
    l->at.nope_rows = add_area(&total, heads * viv_projection_row_bytes(&l->k_b));
    l->at.absorbed = add_area(&total, heads * viv_max(width_of(l) * f, viv_projection_row_bytes(&l->v_b)));
    l->at.latent = add_area(&total, heads * l->kv_rank * f);
    l->at.head_rows = add_area(&total, l->head_rows.row_bytes);
    p->row_workspace = total;
    return VIV_OK;
}

static void *area(const viv_exec *e, uint64_t at)
{
    return (char *)e->workspace + e->n_rows * at;
}

static uint64_t head_blocks(const struct latent_attention *l)
{
    return (l->n_heads - 1) / ATTEND_HEADS + 1;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t number)
{
    const struct latent_attention *l = layer;
    switch (phase_of(l, number)) {
    case PROJECT:
        return viv_projection_tiles(&l->kv_a) + viv_projection_tiles(l->has_q_a ? &l->q_a : &l->q);
    case PROJECT_Q:
        return viv_projection_tiles(&l->q);
    case WRITE:
        return span_tasks(e, CACHE_ROWS, 1);
    case ABSORB:
        return l->n_heads * viv_projection_tiles(&l->k_b);
    case ATTEND:
        return span_tasks(e, ATTEND_ROWS, head_blocks(l));
    case RETURN:
        return l->n_heads * viv_projection_tiles(&l->v_b);
    case PROJECT_OUT:
        return viv_projection_tiles(&l->out);
    default:
        return e->n_rows;
    }
}

/* Computes the outputs of a task of a projection. */
static void project(const viv_exec *e, const viv_projection *p, uint64_t task, const char *x, uint64_t x_stride,
                    float *y, uint64_t y_stride)
{
    viv_projection_run_tile(p, task, x, x_stride, e->n_rows, y + task * p->tile, y_stride, e->scratch);
}

/* The same for a projection per head: rows of x and y hold one part for each head. */
static void project_head(const viv_exec *e, const viv_projection *p, uint64_t task, const char *x, float *y,
                         uint64_t n_heads, uint64_t y_head)
{
    const uint64_t head = task / viv_projection_tiles(p), part = viv_projection_row_bytes(p);
    const char *weight = (const char *)p->weight + head * p->n_out * p->weight_stride;
    const viv_projection own = viv_projection_with(p, weight, NULL);
    project(e, &own, task % viv_projection_tiles(p), x + head * part, n_heads * part, y + head * y_head,
            n_heads * y_head);
}

static void prepare_heads(const viv_projection *p, char *rows, const float *x, uint64_t n_heads, uint64_t x_head)
{
    for (uint64_t h = 0; h < n_heads; h++)
        viv_projection_prepare_row(p, rows + h * viv_projection_row_bytes(p), x + h * x_head);
}

/* Normalises and rotates the projected rows: the cached vector of one row, and its queries. */
static void settle_row(const struct latent_attention *l, const viv_exec *e, uint64_t row, const float *frequency,
                       float *cos)
{
    const uint64_t n_pairs = l->rope.dim / 2, width = width_of(l), head = head_of(l);
    float *sin = cos + n_pairs, *kv = (float *)area(e, l->at.kv) + row * width;
    float *q = (float *)area(e, l->at.q) + row * l->n_heads * head;
    float *absorbed = (float *)area(e, l->at.absorbed) + row * l->n_heads * width;
    char *nope_rows = (char *)area(e, l->at.nope_rows) + row * l->n_heads * viv_projection_row_bytes(&l->k_b);
    l->kernels->rms_norm(kv, kv, l->kv_norm, l->kv_rank, l->norm_eps);
    prepare_heads(&l->k_b, nope_rows, q, l->n_heads, head);
    if (!l->rope.used)
        return;
    rope_angles(&l->rope, l->kernels, e, NULL, frequency, row, cos, sin);
    rope_rotate(&l->rope, l->kernels, kv + l->kv_rank, cos, sin);
    for (uint64_t h = 0; h < l->n_heads; h++) {
        float *pe = absorbed + h * width + l->kv_rank;
        memcpy(pe, q + h * head + l->nope_dim, l->rope_dim * sizeof *pe);
        rope_rotate(&l->rope, l->kernels, pe, cos, sin);
    }
}

/* Writes the cached vector of one token. Its two parts rotate apart, so that the values are the first of them. */
static viv_status write_vector(const struct latent_attention *l, const viv_exec *e, const viv_cache *cache,
                               uint64_t token, const float *kv)
{
    const uint64_t width = width_of(l), at = token % cache->page_rows * width;
    char *page = cache->pages[token / cache->page_rows];
    viv_status status;
    if (!cache_has_blocks(cache->dtype)) {
        status = cache_check(e, cache->dtype, "keys and values", kv, width, 1, width);
        if (status == VIV_OK)
            cache_write(&l->writer, cache->dtype, page, at, kv, width);
        return status;
    }
    status = cache_write_blocks(&l->writer, e, cache->dtype, "keys and values",
                                page + cache_bytes(cache->dtype, at), kv, l->kv_rank);
    return status == VIV_OK && l->rope_dim
               ? cache_write_blocks(&l->writer, e, cache->dtype, "keys",
                                    page + cache_bytes(cache->dtype, at + l->kv_rank), kv + l->kv_rank, l->rope_dim)
               : status;
}

static viv_status write_cache(const struct latent_attention *l, const viv_exec *e, uint64_t task)
{
    const viv_span *span = span_of_task(e, CACHE_ROWS, 1, &task);
    const viv_cache *cache = span->cache[l->c];
    const uint64_t width = width_of(l), end = viv_min((task + 1) * CACHE_ROWS, span->n_rows);
    float *angles = (float *)((char *)e->scratch + l->scratch);
    uint64_t known = 0;
    viv_status status = VIV_OK;
    for (uint64_t r = task * CACHE_ROWS; status == VIV_OK && r < end; r++) {
        const uint64_t row = span->first_row + r, token = span->position + r;
        const float *kv = (const float *)area(e, l->at.kv) + row * width;
        settle_row(l, e, row, rope_frequency(&l->rope, span, r, angles, &known), angles + l->rope.dim / 2);
        status = write_vector(l, e, cache, token, kv);
    }
    return status;
}

static void attend(const struct latent_attention *l, const viv_exec *e, uint64_t task)
{
    const viv_span *span = span_of_task(e, ATTEND_ROWS, head_blocks(l), &task);
    const viv_cache *cache = span->cache[l->c];
    const uint64_t width = width_of(l), head = task % head_blocks(l) * ATTEND_HEADS;
    const uint64_t begin = task / head_blocks(l) * ATTEND_ROWS, row = span->first_row + begin;
    const uint64_t n_rows = viv_min(ATTEND_ROWS, span->n_rows - begin);
    const uint64_t n_group = viv_min(ATTEND_HEADS, l->n_heads - head);
    float *q = (float *)area(e, l->at.absorbed) + (row * l->n_heads + head) * width;
    float *out = (float *)area(e, l->at.latent) + (row * l->n_heads + head) * l->kv_rank;
    const viv_attend a = {.struct_size = sizeof a,
                          .flags = VIV_ATTEND_CAUSAL,
                          .n_rows = n_rows,
                          .n_group = n_group,
                          .head_dim = width,
                          .v_dim = l->kv_rank,
                          .q = q,
                          .q_stride = l->n_heads * width,
                          .out = out,
                          .out_stride = l->n_heads * l->kv_rank,
                          .k_pages = (const void *const *)cache->pages,
                          .v_pages = (const void *const *)cache->pages,
                          .k_stride = width,
                          .v_stride = width,
                          .page_rows = cache->page_rows,
                          .position = span->position + begin,
                          .n_keys = span->position + span->n_rows,
                          .k_dtype = cache->dtype,
                          .v_dtype = cache->dtype,
                          .scale = l->scale,
                          .scratch = e->scratch};
    const bool rotates = cache_rotates(cache->dtype);
    for (uint64_t r = 0; rotates && r < n_rows; r++)
        for (uint64_t h = 0; h < n_group; h++) {
            float *one = q + r * a.q_stride + h * width;
            hadamard_rotate(one, l->kv_rank);
            hadamard_rotate(one + l->kv_rank, l->rope_dim);
        }
    l->kernels->attend(&a);
    for (uint64_t r = 0; rotates && r < n_rows; r++)
        for (uint64_t h = 0; h < n_group; h++)
            hadamard_rotate(out + r * a.out_stride + h * l->kv_rank, l->kv_rank);
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t number, uint64_t first, uint64_t end)
{
    const struct latent_attention *l = layer;
    const uint64_t head = head_of(l), latent_row = l->n_heads * viv_projection_row_bytes(&l->v_b);
    char *rows = area(e, l->at.rows), *q_rows = area(e, l->at.q_rows), *nope_rows = area(e, l->at.nope_rows);
    char *latent_rows = area(e, l->at.absorbed), *head_rows = area(e, l->at.head_rows);
    float *kv = area(e, l->at.kv), *q_a = area(e, l->at.q_a), *q = area(e, l->at.q), *heads = q;
    float *absorbed = area(e, l->at.absorbed), *latent = area(e, l->at.latent);
    viv_status status = VIV_OK;
    for (uint64_t t = first; status == VIV_OK && t < end; t++) {
        switch (phase_of(l, number)) {
        case PREPARE:
            prepared_rows_fill(&l->rows, rows + t * l->rows.row_bytes, e->in[0] + t * l->dim);
            break;
        case PROJECT: {
            const uint64_t n = viv_projection_tiles(&l->kv_a);
            if (t < n)
                project(e, &l->kv_a, t, rows + l->kv_offset, l->rows.row_bytes, kv, width_of(l));
            else if (l->has_q_a)
                project(e, &l->q_a, t - n, rows + l->q_offset, l->rows.row_bytes, q_a, l->q_rank);
            else
                project(e, &l->q, t - n, rows + l->q_offset, l->rows.row_bytes, q, l->n_heads * head);
            break;
        }
        case NORM_QUERIES:
            l->kernels->rms_norm(q_a + t * l->q_rank, q_a + t * l->q_rank, l->q_norm, l->q_rank, l->norm_eps);
            prepared_rows_fill(&l->q_rows, q_rows + t * l->q_rows.row_bytes, q_a + t * l->q_rank);
            break;
        case PROJECT_Q:
            project(e, &l->q, t, q_rows + l->q_b_offset, l->q_rows.row_bytes, q, l->n_heads * head);
            break;
        case WRITE:
            status = write_cache(l, e, t);
            break;
        case ABSORB:
            project_head(e, &l->k_b, t, nope_rows, absorbed, l->n_heads, width_of(l));
            break;
        case ATTEND:
            attend(l, e, t);
            break;
        case PREPARE_LATENT:
            prepare_heads(&l->v_b, latent_rows + t * latent_row, latent + t * l->n_heads * l->kv_rank, l->n_heads,
                          l->kv_rank);
            break;
        case RETURN:
            project_head(e, &l->v_b, t, latent_rows, heads, l->n_heads, l->v_dim);
            break;
        case PREPARE_HEADS:
            prepared_rows_fill(&l->head_rows, head_rows + t * l->head_rows.row_bytes,
                               heads + t * l->n_heads * l->v_dim);
            break;
        default:
            project(e, &l->out, t, head_rows + l->out_offset, l->head_rows.row_bytes, e->out, l->out.n_out);
        }
    }
    return status;
}

static void release(void *layer)
{
    struct latent_attention *l = layer;
    rope_release(&l->rope);
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    const struct latent_attention *l = layer;
    if (i == 0)
        return description_put(attribute, text, "attention",
                               "latent, %" PRIu64 " heads of %" PRIu64 ", %" PRIu64 " cached per token", l->n_heads,
                               head_of(l), width_of(l));
    return i == 1 && l->rope.used && rope_describe(&l->rope, head_of(l), attribute, text);
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_latent_attention = {
    .struct_size = sizeof(viv_layer_class),
    .name = "latent_attention",
    .summary = "Multi-head latent attention: the KV cache is one compressed vector per token, shared by all heads.",
    .attrs = attrs,
    .instance_size = sizeof(struct latent_attention),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_ATTENTION,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .release = release,
    .get_ext = get_ext,
};
