/* delta_net.c - linear attention by the gated delta rule, with a recurrent state of fixed size
 *                                          (Yang, Kautz and Hatamizadeh 2024, "Gated Delta Networks")
 *
 *   S_t = alpha_t S_{t-1} + k_t d_t^T,   d_t = beta_t (v_t - alpha_t S_{t-1}^T k_t),   y_t = S_t^T q_t
 *
 *   alpha = exp(A softplus(a + dt_bias)), beta = sigmoid(b), for each head; k of length 1; q of length
 *   1 / sqrt(key_dim); head h has query and key h / (n_heads / n_key_heads).
 *
 *   x:           [n_rows, 2 n_key_heads * key_dim + n_heads * value_dim]   q, k and v of all heads
 *   y:           [n_rows, n_heads * value_dim]
 *   gates:       b and a, [n_rows, 2, n_heads]
 *   A, dt_bias:  [n_heads]
 *   state:       S, [key_dim, value_dim] for each head: recurrent
 *
 * Phases: 0 normalise q and k, compute alpha and beta; 1 the rule, one head of one sequence per task.           */
#include "layers/description.h"

#include <math.h>
#include <vivarium/delta_rule.h>

struct delta_net {
    const viv_kernels *kernels;
    const viv_delta_rules *rules;
    const float *A, *dt_bias;
    uint64_t n_heads, n_key_heads, key_dim, value_dim;
    uint64_t keys;        /* floats of the queries, or keys, of a row */
    uint64_t in_dim, row; /* floats of a row of x, and of the workspace: q, k, alpha, beta */
    float eps;
    uint32_t state;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_VALUE, VIV_ATTR_REQUIRED, "gates",
             .doc = "the gates: b of each head, how much is corrected, then a of each head, how much stays"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "A", .doc = "decay rate of the state, below 0: [n_heads]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "dt_bias", .doc = "added to a: [n_heads]"),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_heads", .doc = "value heads", .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "n_key_heads", .doc = "query and key heads, a divisor of n_heads",
             .min = 1, .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "key_dim", .doc = "features of a query or key head", .min = 1,
             .max = 65536),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "value_dim", .doc = "features of a value head", .min = 1,
             .max = 65536),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "eps", .doc = "added to the squared length of queries and keys",
             .default_value = 1e-6, .min = 1e-30, .max = 1),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct delta_net *l = layer;
    l->n_heads = (uint64_t)b->get_int(b, "n_heads");
    l->n_key_heads = (uint64_t)b->get_int(b, "n_key_heads");
    l->key_dim = (uint64_t)b->get_int(b, "key_dim");
    l->value_dim = (uint64_t)b->get_int(b, "value_dim");
    l->eps = (float)b->get_float(b, "eps");
    l->keys = l->n_key_heads * l->key_dim;
    l->in_dim = 2 * l->keys + l->n_heads * l->value_dim;
    l->row = 2 * (l->keys + l->n_heads);
    if (l->n_heads % l->n_key_heads != 0)
        return viv_fail(b->host, VIV_ESHAPE, "n_key_heads %" PRIu64 " does not divide n_heads %" PRIu64,
                        l->n_key_heads, l->n_heads);
    if (b->in_dims[0] != l->in_dim)
        return viv_fail(b->host, VIV_ESHAPE,
                        "%" PRIu64 " features, expected queries, keys and values of all heads: %" PRIu64,
                        b->in_dims[0], l->in_dim);
    if (b->in_dims[1] != 2 * l->n_heads)
        return viv_fail(b->host, VIV_ESHAPE,
                        "gates have %" PRIu64 " features, expected two for each head: %" PRIu64, b->in_dims[1],
                        2 * l->n_heads);
    viv_status status = b->want_weight(b, "A", 1, &l->n_heads);
    if (status == VIV_OK)
        status = b->want_weight(b, "dt_bias", 1, &l->n_heads);
    if (status == VIV_OK)
        status = b->want_recurrent_state(b, "S", l->n_heads * l->key_dim * l->value_dim, &l->state);
    b->out_dim = l->n_heads * l->value_dim;
    b->n_phases = 2;
    b->row_workspace = l->row * sizeof(float);
    b->worker_workspace = l->value_dim * sizeof(float);
    return status;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct delta_net *l = layer;
    c->flops = 2 * c->n_rows * l->n_heads * 3 * l->key_dim * l->value_dim; /* S^T k, k d^T, S^T q */
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct delta_net *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->rules = p->host->get_service(p->host, VIV_SERVICE_DELTA_RULE);
    l->A = p->weight_f32(p, "A");
    l->dt_bias = p->weight_f32(p, "dt_bias");
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct delta_net *l = layer;
    return phase == 0 ? e->n_rows : e->n_spans * l->n_heads;
}

/* y = x / sqrt(sum x^2 + eps) * length, computed by the RMSNorm kernel, whose mean is that sum / n. */
static void set_length(const struct delta_net *l, float *y, const float *x, float length)
{
    l->kernels->rms_norm(y, x, NULL, l->key_dim, l->eps / (float)l->key_dim);
    l->kernels->scale(y, y, length / sqrtf((float)l->key_dim), l->key_dim);
}

static float softplus(float x)
{
    return x > 20 ? x : log1pf(expf(x));
}

static void settle_row(const struct delta_net *l, const viv_exec *e, uint64_t r)
{
    const float *x = e->in[0] + r * l->in_dim, *b = e->in[1] + r * 2 * l->n_heads, *a = b + l->n_heads;
    float *q = (float *)e->workspace + r * l->row, *k = q + l->keys, *alpha = k + l->keys,
          *beta = alpha + l->n_heads;
    for (uint64_t h = 0; h < l->n_key_heads; h++) {
        set_length(l, q + h * l->key_dim, x + h * l->key_dim, 1 / sqrtf((float)l->key_dim));
        set_length(l, k + h * l->key_dim, x + l->keys + h * l->key_dim, 1);
    }
    for (uint64_t h = 0; h < l->n_heads; h++)
        alpha[h] = expf(l->A[h] * softplus(a[h] + l->dt_bias[h]));
    l->kernels->activate(VIV_ACT_SIGMOID, beta, b, l->n_heads);
}

/* Runs one head over the rows of one sequence. */
static void run_head(const struct delta_net *l, const viv_exec *e, const viv_span *span, uint64_t head)
{
    const float *row = (const float *)e->workspace + span->first_row * l->row;
    const uint64_t key = head / (l->n_heads / l->n_key_heads) * l->key_dim, size = l->key_dim * l->value_dim;
    const viv_recurrent_state *state = span->recurrent_state[l->state];
    l->rules->run(&(viv_delta_rule){
        .struct_size = sizeof(viv_delta_rule),
        .n_rows = span->n_rows,
        .key_dim = l->key_dim,
        .value_dim = l->value_dim,
        .q = row + key,
        .k = row + l->keys + key,
        .alpha = row + 2 * l->keys + head,
        .beta = row + 2 * l->keys + l->n_heads + head,
        .stride = l->row,
        .v = e->in[0] + span->first_row * l->in_dim + 2 * l->keys + head * l->value_dim,
        .v_stride = l->in_dim,
        .out = e->out + (span->first_row * l->n_heads + head) * l->value_dim,
        .out_stride = l->n_heads * l->value_dim,
        .before = state->before + head * size,
        .after = state->after + head * size,
        .scratch = e->scratch,
    });
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct delta_net *l = layer;
    for (uint64_t t = first; t < end; t++) {
        if (phase == 0)
            settle_row(l, e, t);
        else
            run_head(l, e, e->spans[t / l->n_heads], t % l->n_heads);
    }
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    const struct delta_net *l = layer;
    return i == 0 && description_put(attribute, text, "attention",
                                     "gated delta rule, %" PRIu64 " heads of %" PRIu64 " x %" PRIu64, l->n_heads,
                                     l->key_dim, l->value_dim);
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_delta_net = {
    .struct_size = sizeof(viv_layer_class),
    .name = "delta_net",
    .summary = "Linear attention by the gated delta rule: each key corrects a recurrent state of fixed size "
               "towards its value.",
    .attrs = attrs,
    .instance_size = sizeof(struct delta_net),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_ATTENTION,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .get_ext = get_ext,
};
