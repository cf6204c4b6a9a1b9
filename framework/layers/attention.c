/* attention.c - y = softmax(scale Q K^T + mask) V W_o            (Vaswani et al. 2017)
 *
 *   Q = rope(x W_q), K = rope(x W_k), V = x W_v, by heads of head_dim features; query head h reads key/value head
 *   h / (n_heads / n_kv_heads): multi-head, grouped (Ainslie et al. 2023) and multi-query (Shazeer 2019) attention
 *
 *   x, y:      [n_rows, dim]
 *   q:         [n_heads * head_dim, dim]
 *   k, v:      [n_kv_heads * head_dim, dim]
 *   out:       [dim, n_heads * head_dim]
 *   state:     k and v, n_kv_heads * head_dim elements each per token. A page holds, for each key/value head, its
 * keys as [head_dim][page_rows] and its values as [page_rows][head_dim]: what kernels.h calls for.
 *
 * Phases: 0 prepare x, 1 q, k and v, 2 rotate and store keys and values, 3 attend, 4 prepare the heads' outputs, 5
 * out. */
#include "layers/rope.h"

#include "base/size.h"

#include <inttypes.h>
#include <math.h>

enum { STORE_ROWS = 16, ATTEND_ROWS = 32 };

struct attention {
    const viv_kernels *kernels;
    struct projection q, k, v, out;
    struct prepared_rows rows, head_rows;
    uint64_t q_offset, k_offset, v_offset, out_offset;
    uint64_t dim, n_heads, n_kv_heads, head_dim;
    uint64_t window;
    struct rope rope;
    const float *sinks;
    uint64_t scratch;             /* bytes for products or attend, before the angles */
    uint64_t q_stride, kv_stride; /* floats */
    uint32_t k_state, v_state;
    uint32_t state_dtype;
    int32_t causal;
    float scale, softcap;
    void (*store)(void *y, const float *x, uint64_t n);
    uint64_t state_bytes; /* of an element */
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "q", .doc = "queries: [n_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "k", .doc = "keys: [n_kv_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "v", .doc = "values: [n_kv_heads * head_dim, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "out", .doc = "output: [dim, n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "q_bias", .doc = "[n_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "k_bias", .doc = "[n_kv_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "v_bias", .doc = "[n_kv_heads * head_dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "out_bias", .doc = "[dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "sinks",
             .doc = "a score for each head that takes part without a value: [n_heads]"),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_heads", .doc = "query heads", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_kv_heads", .doc = "key/value heads, a divisor of n_heads",
             .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "head_dim", .doc = "features of a head", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "causal", .doc = "a token sees only those before it and itself", .default_value = 1),
    VIV_ATTR(VIV_ATTR_INT, 0, "window", .doc = "a token sees only this many; 0: all", .min = 0, .max = 1 << 30),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "scale", .doc = "of the scores; default 1 / sqrt(head_dim)"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "softcap", .doc = "bound that the scores approach; 0: none", .min = 0, .max = 1e9),
    ROPE_ATTRS,
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct attention *l = layer;
    l->dim = b->in_dims[0];
    l->n_heads = (uint64_t)b->get_int(b, "n_heads");
    l->n_kv_heads = (uint64_t)b->get_int(b, "n_kv_heads");
    l->head_dim = (uint64_t)b->get_int(b, "head_dim");
    l->causal = (int32_t)b->get_int(b, "causal");
    l->window = (uint64_t)b->get_int(b, "window");
    l->scale = b->is_set(b, "scale") ? (float)b->get_float(b, "scale") : 1 / sqrtf((float)l->head_dim);
    l->softcap = (float)b->get_float(b, "softcap");
    if (l->n_heads % l->n_kv_heads != 0)
        return layer_fail(b->host, VIV_ESHAPE, "n_kv_heads %" PRIu64 " does not divide n_heads %" PRIu64,
                          l->n_kv_heads, l->n_heads);

    const uint64_t q_dim = l->n_heads * l->head_dim, kv_dim = l->n_kv_heads * l->head_dim;
    const struct {
        const char *attr;
        uint32_t ndim;
        uint64_t dims[2];
    } weights[] = {
        {"q", 2, {q_dim, l->dim}}, {"k", 2, {kv_dim, l->dim}}, {"v", 2, {kv_dim, l->dim}},
        {"out", 2, {0, q_dim}},    {"q_bias", 1, {q_dim}},     {"k_bias", 1, {kv_dim}},
        {"v_bias", 1, {kv_dim}},   {"sinks", 1, {l->n_heads}},
    };
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        viv_status status = b->want_weight(b, weights[i].attr, weights[i].ndim, weights[i].dims);
        if (status != VIV_OK)
            return status;
    }
    uint64_t out[4];
    uint32_t ndim;
    viv_status status = b->weight_dims(b, "out", &ndim, out);
    if (status == VIV_OK)
        status = b->want_weight(b, "out_bias", 1, &out[0]);
    if (status == VIV_OK)
        status = rope_infer(&l->rope, b, l->head_dim);
    if (status == VIV_OK)
        status = b->want_state(b, "k", kv_dim, &l->k_state);
    if (status == VIV_OK)
        status = b->want_state(b, "v", kv_dim, &l->v_state);
    b->out_dim = out[0];
    b->n_phases = 6;
    return status;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct attention *l = layer;
    uint64_t q_dim = l->n_heads * l->head_dim, kv_dim = l->n_kv_heads * l->head_dim;
    uint64_t seen = l->window ? size_min(c->context, l->window) : c->context;
    c->flops = c->n_rows * (2 * l->dim * (2 * q_dim + 2 * kv_dim) + 4 * seen * q_dim);
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct attention *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    const struct {
        struct projection *projection;
        const char *weight, *bias;
    } projections[] = {
        {&l->q, "q", "q_bias"}, {&l->k, "k", "k_bias"}, {&l->v, "v", "v_bias"}, {&l->out, "out", "out_bias"}};
    l->scratch =
        l->kernels->attend_scratch_bytes(l->head_dim, l->head_dim, p->page_rows, l->n_heads / l->n_kv_heads);
    for (size_t i = 0; i < 4; i++) {
        viv_status status =
            projection_prepare(projections[i].projection, p, projections[i].weight, projections[i].bias);
        if (status != VIV_OK)
            return status;
        l->scratch = size_max(l->scratch, projection_scratch(projections[i].projection));
    }
    prepared_rows_add(&l->rows, &l->q, &l->q_offset);
    prepared_rows_add(&l->rows, &l->k, &l->k_offset);
    prepared_rows_add(&l->rows, &l->v, &l->v_offset);
    prepared_rows_add(&l->head_rows, &l->out, &l->out_offset);
    viv_status status = rope_prepare(&l->rope, p);
    if (status != VIV_OK)
        return status;
    l->sinks = p->weight_f32(p, "sinks");
    l->state_dtype = p->state_dtype;
    l->state_bytes = p->state_dtype == VIV_F32 ? sizeof(float) : sizeof(uint16_t);
    l->store = l->kernels->from_f32(p->state_dtype);
    if (!l->store)
        return layer_fail(p->host, VIV_EUNSUPPORTED, "keys and values cannot be kept in this type");

    l->q_stride = size_align(l->n_heads * l->head_dim, 16);
    l->kv_stride = size_align(l->n_kv_heads * l->head_dim, 16);
    l->scratch = size_align(l->scratch, 64);
    /* cos, sin and frequency of one row's pairs, and STORE_ROWS tokens of one feature or one value row */
    p->worker_workspace =
        l->scratch + (3 * l->head_dim + 64 + 2 * size_max(STORE_ROWS, l->head_dim)) * sizeof(float);
    p->row_workspace =
        l->rows.row_bytes + (2 * l->q_stride + 2 * l->kv_stride) * sizeof(float) + l->head_rows.row_bytes;
    return VIV_OK;
}

/* How the workspace of a step is divided. */
struct parts {
    char *rows;       /* prepared x */
    float *q, *k, *v; /* [n_rows, q_stride], [n_rows, kv_stride] */
    float *heads;     /* [n_rows, q_stride]: outputs of the heads */
    char *head_rows;  /* prepared heads */
};

static struct parts divide(const struct attention *l, const viv_exec *e)
{
    struct parts w;
    w.rows = e->workspace;
    w.q = (float *)(w.rows + e->n_rows * l->rows.row_bytes);
    w.k = w.q + e->n_rows * l->q_stride;
    w.v = w.k + e->n_rows * l->kv_stride;
    w.heads = w.v + e->n_rows * l->kv_stride;
    w.head_rows = (char *)(w.heads + e->n_rows * l->q_stride);
    return w;
}

static uint64_t blocks_of(const viv_span *span, uint64_t size)
{
    return (span->n_rows + size - 1) / size;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct attention *l = layer;
    uint64_t n = 0;
    switch (phase) {
    case 1:
        return projection_tasks(&l->q) + projection_tasks(&l->k) + projection_tasks(&l->v);
    case 2:
        for (uint32_t s = 0; s < e->n_spans; s++)
            n += blocks_of(e->spans[s], STORE_ROWS);
        return n;
    case 3:
        for (uint32_t s = 0; s < e->n_spans; s++)
            n += blocks_of(e->spans[s], ATTEND_ROWS) * l->n_kv_heads;
        return n;
    case 5:
        return projection_tasks(&l->out);
    default:
        return e->n_rows;
    }
}

/* Finds the span and the block of `size` rows that a task of phase 2 or 3 stands for. */
static const viv_span *span_of_task(const viv_exec *e, uint64_t size, uint64_t per_block, uint64_t *task)
{
    uint32_t s = 0;
    for (uint64_t n; *task >= (n = blocks_of(e->spans[s], size) * per_block); s++)
        *task -= n;
    return e->spans[s];
}

static void project_qkv(const struct attention *l, const viv_exec *e, const struct parts *w, uint64_t task)
{
    const struct {
        const struct projection *projection;
        float *y;
        uint64_t stride, offset;
    } parts[] = {{&l->q, w->q, l->q_stride, l->q_offset},
                 {&l->k, w->k, l->kv_stride, l->k_offset},
                 {&l->v, w->v, l->kv_stride, l->v_offset}};
    uint32_t i = 0;
    for (uint64_t n; task >= (n = projection_tasks(parts[i].projection)); i++)
        task -= n;
    projection_run(parts[i].projection, task, w->rows + parts[i].offset, l->rows.row_bytes, e->n_rows,
                   parts[i].y + task * projection_tile(parts[i].projection), parts[i].stride, e->scratch);
}

/* Rotates queries and keys of one row in place. */
static void rotate_row(const struct attention *l, const viv_exec *e, const struct parts *w, uint64_t row,
                       const float *frequency, float *cos)
{
    uint64_t n_pairs = l->rope.dim / 2;
    float *sin = cos + n_pairs;
    l->kernels->angles(cos, sin, frequency, e->positions[row], n_pairs);
    for (uint64_t p = 0; l->rope.magnitude != 1 && p < n_pairs; p++) {
        cos[p] *= l->rope.magnitude;
        sin[p] *= l->rope.magnitude;
    }
    for (uint64_t h = 0; h < l->n_heads; h++)
        l->kernels->rotate(w->q + row * l->q_stride + h * l->head_dim, cos, sin, n_pairs, l->rope.interleaved);
    for (uint64_t h = 0; h < l->n_kv_heads; h++)
        l->kernels->rotate(w->k + row * l->kv_stride + h * l->head_dim, cos, sin, n_pairs, l->rope.interleaved);
}

/* Writes keys (transposed) and values of n rows, all within one page, at row `at` of the page. */
static void store_page(const struct attention *l, const struct parts *w, const viv_span *span, uint64_t row,
                       uint64_t n, uint64_t token, float *lane)
{
    const viv_state *k_state = span->state[l->k_state], *v_state = span->state[l->v_state];
    uint64_t page_rows = k_state->page_rows, at = token % page_rows;
    char *k_page = k_state->pages[token / page_rows], *v_page = v_state->pages[token / page_rows];
    for (uint64_t h = 0; h < l->n_kv_heads; h++) {
        char *k = k_page + h * l->head_dim * page_rows * l->state_bytes;
        for (uint64_t d = 0; d < l->head_dim; d++) {
            for (uint64_t r = 0; r < n; r++)
                lane[r] = w->k[(row + r) * l->kv_stride + h * l->head_dim + d];
            l->store(k + (d * page_rows + at) * l->state_bytes, lane, n);
        }
        char *v = v_page + h * page_rows * l->head_dim * l->state_bytes;
        for (uint64_t r = 0; r < n; r++)
            l->store(v + (at + r) * l->head_dim * l->state_bytes, w->v + (row + r) * l->kv_stride + h * l->head_dim,
                     l->head_dim);
    }
}

static void rotate_and_store(const struct attention *l, const viv_exec *e, const struct parts *w, uint64_t task)
{
    const viv_span *span = span_of_task(e, STORE_ROWS, 1, &task);
    uint64_t begin = task * STORE_ROWS, end = size_min(begin + STORE_ROWS, span->n_rows);
    uint64_t page_rows = span->state[l->k_state]->page_rows;
    float *angles = (float *)((char *)e->scratch + l->scratch), *lane = angles + 3 * l->head_dim + 64;
    if (l->rope.used) {
        const float *frequency = rope_frequency(&l->rope, span->position + span->n_rows, angles);
        for (uint64_t r = begin; r < end; r++)
            rotate_row(l, e, w, span->first_row + r, frequency, angles + l->rope.dim / 2);
    }
    for (uint64_t r = begin, n; r < end; r += n) {
        uint64_t token = span->position + r;
        n = size_min(end - r, page_rows - token % page_rows);
        store_page(l, w, span, span->first_row + r, n, token, lane);
    }
}

static void attend(const struct attention *l, const viv_exec *e, const struct parts *w, uint64_t task)
{
    const viv_span *span = span_of_task(e, ATTEND_ROWS, l->n_kv_heads, &task);
    uint64_t head = task % l->n_kv_heads, begin = task / l->n_kv_heads * ATTEND_ROWS;
    uint64_t row = span->first_row + begin, n_group = l->n_heads / l->n_kv_heads;
    const viv_state *k = span->state[l->k_state], *v = span->state[l->v_state];
    const viv_attend a = {.struct_size = sizeof a,
                          .flags = l->causal ? VIV_ATTEND_CAUSAL : 0,
                          .n_rows = size_min(ATTEND_ROWS, span->n_rows - begin),
                          .n_group = n_group,
                          .head_dim = l->head_dim,
                          .v_dim = l->head_dim,
                          .q = w->q + row * l->q_stride + head * n_group * l->head_dim,
                          .q_stride = l->q_stride,
                          .out = w->heads + row * l->q_stride + head * n_group * l->head_dim,
                          .out_stride = l->q_stride,
                          .k_pages = (const void *const *)k->pages,
                          .v_pages = (const void *const *)v->pages,
                          .k_offset = head * l->head_dim * k->page_rows * l->state_bytes,
                          .v_offset = head * l->head_dim * v->page_rows * l->state_bytes,
                          .page_rows = k->page_rows,
                          .position = span->position + begin,
                          .n_keys = span->position + span->n_rows,
                          .window = l->window,
                          .dtype = l->state_dtype,
                          .scale = l->scale,
                          .softcap = l->softcap,
                          .sinks = l->sinks ? l->sinks + head * n_group : NULL,
                          .scratch = e->scratch};
    l->kernels->attend(&a);
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct attention *l = layer;
    const struct parts w = divide(l, e);
    for (uint64_t t = first; t < end; t++) {
        switch (phase) {
        case 0:
            prepared_rows_fill(&l->rows, w.rows + t * l->rows.row_bytes, e->in[0] + t * l->dim);
            break;
        case 1:
            project_qkv(l, e, &w, t);
            break;
        case 2:
            rotate_and_store(l, e, &w, t);
            break;
        case 3:
            attend(l, e, &w, t);
            break;
        case 4:
            prepared_rows_fill(&l->head_rows, w.head_rows + t * l->head_rows.row_bytes, w.heads + t * l->q_stride);
            break;
        default:
            projection_run(&l->out, t, w.head_rows + l->out_offset, l->head_rows.row_bytes, e->n_rows,
                           e->out + t * projection_tile(&l->out), l->out.n_out, e->scratch);
        }
    }
    return VIV_OK;
}

static void release(void *layer)
{
    struct attention *l = layer;
    rope_release(&l->rope);
}

const viv_layer_class layer_attention = {
    .struct_size = sizeof(viv_layer_class),
    .name = "attention",
    .summary = "Lets each token look at others through queries, keys and values.",
    .attrs = attrs,
    .instance_size = sizeof(struct attention),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .release = release,
};
