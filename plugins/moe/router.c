/* router.c - which experts work on a row, and how much each counts        (Shazeer et al. 2017)
 *
 *   z = x W^T + bias                          [n_experts]
 *   s = score(z)                              softmax, sigmoid, or z itself, of which a softmax is taken at the end
 *   chosen = the experts_per_token highest of s + correction, among the experts of the groups that are kept
 *   w = s[chosen] / (normalize ? sum of s[chosen] + 1e-20 : 1) * scale * expert_scale[chosen]
 *
 * With groups (DeepSeek-AI 2024), the experts stand in groups.n groups of neighbours, of which the groups.keep best
 * take part; a group is as good as its best expert, or as its two best together. The correction (Wang et al. 2024)
 * balances the load: it has a say in who is chosen, none in how much they count.
 * sparse_mixer (Liu et al. 2023) chooses one expert after the other, each by a softmax over those not chosen yet
 * whose score is within 2 jitter of the best one's, in proportion to it.
 *
 *   x:       [n_rows, dim]
 *   weight:  [n_experts, dim]
 *   y:       [n_rows, 2 * experts_per_token]   experts, the best first; then how much each counts
 *
 * Phases: 0 prepare x, 1 z, 2 choose. */
#include "moe.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vivarium/description.h>

enum score { SCORE_SOFTMAX, SCORE_SIGMOID, SCORE_CHOSEN, SCORE_SPARSE_MIXER };
enum group_by { BY_BEST, BY_BEST_TWO };

struct router {
    const viv_kernels *kernels;
    viv_projection projection;
    const float *correction, *expert_scale; /* each or NULL */
    uint64_t dim, n_experts, k, n_groups, keep;
    uint64_t row_bytes, scratch;
    enum score score;
    enum group_by group_by;
    int32_t normalize;
    float scale, jitter;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", .doc = "[n_experts, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "bias", .doc = "[n_experts]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "correction", .doc = "added to the scores while choosing: [n_experts]"),
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "experts_per_token", .doc = "how many experts work on a row",
             .min = 1, .max = 1024),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "score",
             .doc = "softmax or sigmoid of all; chosen: softmax of those chosen; or as SparseMixer does",
             .choices = "softmax|sigmoid|chosen|sparse_mixer"),
    VIV_ATTR(VIV_ATTR_BOOL, 0, "normalize", .doc = "what the chosen count sums to 1"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "scale", .doc = "of what they count", .default_value = 1, .min = 1e-6, .max = 1e6),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "expert_scale", .doc = "of what each expert counts: [n_experts]"),
    VIV_ATTR(VIV_ATTR_INT, 0, "groups.n", .doc = "groups of neighbouring experts", .default_value = 1, .min = 1,
             .max = 1024),
    VIV_ATTR(VIV_ATTR_INT, 0, "groups.keep", .doc = "groups that take part", .default_value = 1, .min = 1,
             .max = 1024),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "groups.by", .doc = "how good a group is: as its best expert, or its two best",
             .choices = "best|best_two"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "jitter", .doc = "of sparse_mixer", .default_value = 0.01, .min = 0, .max = 1),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct router *l = layer;
    uint64_t dims[2] = {0, b->in_dims[0]};
    viv_status status = viv_want_weight(b, "weight", 2, dims);
    if (status != VIV_OK)
        return status;
    l->n_experts = dims[0];
    l->dim = dims[1];
    l->k = (uint64_t)b->get_int(b, "experts_per_token");
    l->score = (enum score)b->get_int(b, "score");
    l->normalize = (int32_t)b->get_int(b, "normalize");
    l->scale = (float)b->get_float(b, "scale");
    l->n_groups = (uint64_t)b->get_int(b, "groups.n");
    l->keep = (uint64_t)b->get_int(b, "groups.keep");
    l->group_by = (enum group_by)b->get_int(b, "groups.by");
    l->jitter = (float)b->get_float(b, "jitter");
    if (l->n_experts % l->n_groups != 0 || l->keep > l->n_groups)
        return viv_fail(b->host, VIV_ESHAPE,
                        "%" PRIu64 " experts in %" PRIu64 " groups, of which %" PRIu64
                        " are kept, do not come out even",
                        l->n_experts, l->n_groups, l->keep);
    if (l->score == SCORE_SPARSE_MIXER && b->is_set(b, "expert_scale"))
        return viv_fail(b->host, VIV_EINVAL, "expert_scale is for the other scores: sparse_mixer has none");
    if (l->k > l->n_experts / l->n_groups * l->keep)
        return viv_fail(b->host, VIV_ESHAPE,
                        "experts_per_token is %" PRIu64 ", but there are only %" PRIu64 " to choose from", l->k,
                        l->n_experts / l->n_groups * l->keep);
    if (l->n_experts > 1 << 20)
        return viv_fail(b->host, VIV_ELIMIT, "%" PRIu64 " experts, at most %d", l->n_experts, 1 << 20);
    status = b->want_weight(b, "bias", 1, &l->n_experts);
    if (status == VIV_OK)
        status = b->want_weight(b, "correction", 1, &l->n_experts);
    if (status == VIV_OK)
        status = b->want_weight(b, "expert_scale", 1, &l->n_experts);
    b->out_dim = 2 * l->k;
    b->n_phases = 3;
    return status;
}

static viv_status cost(const void *layer, viv_cost *c)
{
    const struct router *l = layer;
    c->flops = 2 * c->n_rows * l->n_experts * l->dim;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct router *l = layer;
    l->kernels = viv_need_service(p->host, VIV_SERVICE_KERNELS, sizeof *l->kernels);
    if (!l->kernels)
        return VIV_EABI;
    l->correction = p->weight_f32(p, "correction");
    l->expert_scale = p->weight_f32(p, "expert_scale");
    viv_status status = viv_projection_prepare(&l->projection, p, "weight", "bias");
    if (status != VIV_OK)
        return status;
    l->row_bytes = viv_projection_row_bytes(&l->projection);
    l->scratch = viv_projection_scratch_bytes(&l->projection);
    p->row_workspace = l->row_bytes + viv_align_64(l->n_experts * sizeof(float));
    p->worker_workspace =
        viv_max(l->scratch, 2 * viv_align_64(l->n_experts * sizeof(float)) + l->n_groups * sizeof(float));
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct router *l = layer;
    return phase == 1 ? viv_projection_tiles(&l->projection) : e->n_rows;
}

/* The highest of x among those that are not -inf. */
static uint64_t best_of(const float *x, uint64_t n)
{
    uint64_t best = 0;
    for (uint64_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* Rules out the experts of all groups but the best: their scores become -inf. */
static void keep_groups(const struct router *l, float *x, float *good)
{
    const uint64_t n = l->n_experts / l->n_groups;
    for (uint64_t g = 0; g < l->n_groups; g++) {
        const float *of = x + g * n;
        uint64_t best = best_of(of, n);
        good[g] = of[best];
        float second = -INFINITY;
        for (uint64_t i = 0; l->group_by == BY_BEST_TWO && i < n; i++)
            if (i != best && of[i] > second)
                second = of[i];
        if (l->group_by == BY_BEST_TWO && n > 1)
            good[g] += second;
    }
    for (uint64_t kept = 0; kept < l->keep; kept++)
        good[best_of(good, l->n_groups)] = -INFINITY;
    for (uint64_t g = 0; g < l->n_groups; g++)
        for (uint64_t i = 0; good[g] > -INFINITY && i < n; i++)
            x[g * n + i] = -INFINITY;
}

/* SparseMixer's choice of one: z of those chosen before is -inf. */
static void mix_one(const struct router *l, const float *z, float *expert, float *weight)
{
    uint64_t best = best_of(z, l->n_experts);
    float sum = 0;
    for (uint64_t i = 0; i < l->n_experts; i++) {
        float factor = fmaxf(fabsf(z[i]), z[best]);
        if (z[i] > -INFINITY && !((z[best] - z[i]) / factor > 2 * l->jitter))
            sum += expf(z[i] - z[best]);
    }
    *expert = (float)best;
    *weight = 1 / sum;
}

/* Chooses by x, counts by s, both [n_experts]; x is used up. */
static void choose(const struct router *l, float *x, const float *s, float *experts, float *weights)
{
    float sum = 0;
    for (uint64_t j = 0; j < l->k; j++) {
        uint64_t best = best_of(x, l->n_experts);
        x[best] = -INFINITY;
        experts[j] = (float)best;
        weights[j] = s[best];
        sum += s[best];
    }
    if (l->score == SCORE_CHOSEN)
        l->kernels->softmax(weights, weights, l->k);
    for (uint64_t j = 0; j < l->k; j++)
        weights[j] = (l->normalize ? weights[j] / (sum + 1e-20f) : weights[j]) * l->scale; /* sums may be 0 */
    for (uint64_t j = 0; l->expert_scale && j < l->k; j++)
        weights[j] *= l->expert_scale[(uint64_t)experts[j]];
}

static viv_status route(const struct router *l, const viv_exec *e, uint64_t r, float *z)
{
    const uint64_t n = l->n_experts;
    float *experts = e->out + r * 2 * l->k, *weights = experts + l->k;
    float *s = e->scratch, *x = (float *)((char *)e->scratch + viv_align_64(n * sizeof *s));
    float *good = (float *)((char *)x + viv_align_64(n * sizeof *x));
    for (uint64_t i = 0; i < n; i++) {
        if (!isfinite(z[i]))
            return viv_fail(e->host, VIV_EINVAL,
                            "the router gives expert %" PRIu64 " no finite score for token %" PRId32
                            " at position %" PRId32 ": the weights, or what came before, are broken",
                            i, e->tokens[r], e->positions[r]);
    }
    if (l->score == SCORE_SPARSE_MIXER) {
        for (uint64_t j = 0; j < l->k; j++) {
            mix_one(l, z, &experts[j], &weights[j]);
            z[(uint64_t)experts[j]] = -INFINITY;
        }
        return VIV_OK;
    }
    if (l->score == SCORE_SOFTMAX)
        l->kernels->softmax(s, z, n);
    else if (l->score == SCORE_SIGMOID)
        l->kernels->activate(VIV_ACT_SIGMOID, s, z, n);
    else
        memcpy(s, z, n * sizeof *s);
    for (uint64_t i = 0; i < n; i++)
        x[i] = s[i] + (l->correction ? l->correction[i] : 0);
    if (l->n_groups > 1)
        keep_groups(l, x, good);
    choose(l, x, s, experts, weights);
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct router *l = layer;
    char *rows = e->workspace;
    float *z = (float *)(rows + e->n_rows * l->row_bytes);
    const uint64_t stride = viv_align_64(l->n_experts * sizeof *z) / sizeof *z;
    viv_status status = VIV_OK;
    for (uint64_t t = first; status == VIV_OK && t < end; t++) {
        switch (phase) {
        case 0:
            viv_projection_prepare_row(&l->projection, rows + t * l->row_bytes, e->in[0] + t * l->dim);
            break;
        case 1:
            viv_projection_run_tile(&l->projection, t, rows, l->row_bytes, e->n_rows, z + t * l->projection.tile,
                                    stride, e->scratch);
            break;
        default:
            status = route(l, e, t, z + t * stride);
        }
    }
    return status;
}

static uint64_t n_experts(const void *layer)
{
    return ((const struct router *)layer)->n_experts;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    static const char *const by[] = {"softmax", "sigmoid", "softmax of those chosen", "SparseMixer"};
    const struct router *l = layer;
    char groups[64] = "";
    if (i > 0)
        return 0;
    if (l->n_groups > 1)
        snprintf(groups, sizeof groups, " in %" PRIu64 " of %" PRIu64 " groups", l->keep, l->n_groups);
    snprintf(attribute, VIV_DESCRIPTION_ATTRIBUTE, "routing");
    snprintf(text, VIV_DESCRIPTION_TEXT, "the best %" PRIu64 " of %" PRIu64 "%s, %s", l->k, l->n_experts, groups,
             by[l->score]);
    return 1;
}

static const void *get_ext(const char *id)
{
    static const viv_routes routes = {.struct_size = sizeof routes, .n_experts = n_experts};
    static const viv_layer_description description = {.struct_size = sizeof description, .describe = describe};
    if (strcmp(id, VIV_LAYER_ROUTES) == 0)
        return &routes;
    return strcmp(id, VIV_LAYER_DESCRIPTION) == 0 ? &description : NULL;
}

const viv_layer_class moe_router = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE,
    .name = "router",
    .summary = "Chooses the experts that work on each row.",
    .attrs = attrs,
    .instance_size = sizeof(struct router),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_EXPERTS,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .get_ext = get_ext,
};
