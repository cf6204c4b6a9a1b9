/* experts.c - y[r] = sum over j of w[r][j] * f(x[r], expert e[r][j])
 *
 *   f(x, e) = down_e(act(gate_e x) * (up_e x + up_offset))          gated; without gate: down_e(act(up_e x))
 *
 *   in[0]:     [n_rows, 2k]   e and w: k experts, then how much each counts (router.c)
 *   x, y:      [n_rows, dim]
 *   gate, up:  [n_experts, n_hidden, dim], biases [n_experts, n_hidden]
 *   down:      [n_experts, dim, n_hidden], bias [n_experts, dim]
 *
 * Each pair of a row and one of its experts is a slot; slots stand sorted by expert, so that an expert that was
 * chosen is computed once, as one product over its slots. A row's sum runs over its experts in the order of the
 * router, so that nothing depends on who else is in the step, on threads, or on which experts were in memory.
 *
 * Phases: 0 sort, 1 prepare x for the slots, 2 gate and up, 3 prepare the hidden rows, 4 down, 5 sum. */
#include "moe.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vivarium/description.h>

enum weigh { WEIGH_OUTPUT, WEIGH_INPUT };

struct experts {
    const viv_kernels *kernels;
    const viv_expert_cache *cache;
    viv_expert_set *hidden_set, *down_set; /* gate and up; down */
    viv_projection gate, up, down;
    const float *gate_bias, *up_bias, *down_bias;
    uint64_t dim, n_out, n_hidden, n_experts, k;
    uint64_t row_bytes, gate_offset, hidden_bytes, hidden_row_bytes, out_bytes; /* of a slot */
    uint64_t scratch, max_slots;
    uint32_t act;
    int32_t gated;
    enum weigh weigh;
    float limit, up_offset;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_VALUE, VIV_ATTR_REQUIRED, "of",
             .doc = "the rows that experts work on; what runs in are their routes"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "gate", .doc = "with it, the activation's output is multiplied by up(x)"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "up", .doc = "[n_experts, n_hidden, dim]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "down", .doc = "[n_experts, dim, n_hidden]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "gate_bias", .doc = "[n_experts, n_hidden]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "up_bias", .doc = "[n_experts, n_hidden]"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "down_bias", .doc = "[n_experts, dim]"),
    VIV_ATTR(VIV_ATTR_CHOICE, VIV_ATTR_REQUIRED, "activation", .doc = "the nonlinearity",
             .choices = VIV_ACT_CHOICES),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "limit", .doc = "gate(x) at most this, up(x) within it on both sides; 0: none",
             .min = 0, .max = 1e9),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "up_offset", .doc = "added to up(x), where there is a gate", .min = -1e9,
             .max = 1e9),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "weigh", .doc = "what the router's numbers multiply: what experts give, or get",
             .choices = "output|input"),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct experts *l = layer;
    uint64_t up[4] = {0, 0, b->in_dims[1]}, down[4] = {0}, bias[2];
    uint32_t ndim;
    l->cache = viv_need_service(b->host, VIV_SERVICE_EXPERT_CACHE, sizeof *l->cache);
    if (!l->cache)
        return VIV_EABI;
    l->k = b->in_dims[0] / 2;
    l->dim = b->in_dims[1];
    l->act = (uint32_t)b->get_int(b, "activation");
    l->gated = b->is_set(b, "gate");
    l->limit = (float)b->get_float(b, "limit");
    l->up_offset = (float)b->get_float(b, "up_offset");
    l->weigh = (enum weigh)b->get_int(b, "weigh");
    if (b->in_dims[0] == 0 || b->in_dims[0] % 2)
        return viv_fail(b->host, VIV_ESHAPE,
                        "experts follow a router, which gives two numbers for each expert; found %" PRIu64
                        " features",
                        b->in_dims[0]);
    viv_status status = l->cache->want_weight(b, "up", 3, up);
    if (status == VIV_OK)
        status = b->weight_dims(b, "up", 4, up, &ndim);
    if (status == VIV_OK)
        status = l->cache->want_weight(b, "gate", 3, up);
    l->n_experts = bias[0] = down[0] = up[0];
    l->n_hidden = down[2] = up[1];
    if (status == VIV_OK)
        status = l->cache->want_weight(b, "down", 3, down);
    if (status == VIV_OK)
        status = b->weight_dims(b, "down", 4, down, &ndim);
    l->n_out = b->out_dim = down[1];
    bias[1] = l->n_hidden;
    if (status == VIV_OK)
        status = b->want_weight(b, "gate_bias", 2, bias);
    if (status == VIV_OK)
        status = b->want_weight(b, "up_bias", 2, bias);
    bias[1] = l->n_out;
    if (status == VIV_OK)
        status = b->want_weight(b, "down_bias", 2, bias);
    if (status == VIV_OK && l->k > l->n_experts)
        return viv_fail(b->host, VIV_ESHAPE, "%" PRIu64 " experts for each row, but there are only %" PRIu64, l->k,
                        l->n_experts);
    b->n_phases = 6;
    return status;
}

/* Of n_rows rows whose choices do not depend on each other, the experts that some row chooses are
 * n_experts (1 - (1 - k / n_experts)^n_rows) on average. */
static viv_status cost(const void *layer, viv_cost *c)
{
    const struct experts *l = layer;
    const double share = (double)l->k / (double)l->n_experts, elems = (double)c->weight_elems;
    c->flops = 2 * c->n_rows * l->k * l->n_hidden * ((l->gated ? 2 : 1) * l->dim + l->n_out);
    c->active_elems = (uint64_t)llround(elems * share);
    c->weight_elems = (uint64_t)llround(elems * (1 - pow(1 - share, (double)c->n_rows)));
    return VIV_OK;
}

static viv_status make_sets(struct experts *l, const viv_prepare *p)
{
    static const char *const hidden[] = {"up", "gate"}, *const down[] = {"down"};
    viv_status status = l->cache->create(p, hidden, l->gated ? 2 : 1, l->k, &l->hidden_set);
    if (status == VIV_OK)
        status = l->cache->create(p, down, 1, l->k, &l->down_set);
    if (status == VIV_OK)
        status = viv_projection_init(&l->up, p->host, l->cache->format(l->hidden_set, 0), NULL);
    if (status == VIV_OK && l->gated)
        status = viv_projection_init(&l->gate, p->host, l->cache->format(l->hidden_set, 1), NULL);
    if (status == VIV_OK)
        status = viv_projection_init(&l->down, p->host, l->cache->format(l->down_set, 0), NULL);
    if (status == VIV_OK && l->gated && l->gate.tile != l->up.tile)
        return viv_fail(p->host, VIV_EUNSUPPORTED, "gate and up have types that cannot be computed together");
    return status;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct experts *l = layer;
    l->kernels = viv_need_service(p->host, VIV_SERVICE_KERNELS, sizeof *l->kernels);
    if (!l->kernels)
        return VIV_EABI;
    viv_status status = make_sets(l, p);
    if (status != VIV_OK)
        return status;
    l->gate_bias = p->weight_f32(p, "gate_bias");
    l->up_bias = p->weight_f32(p, "up_bias");
    l->down_bias = p->weight_f32(p, "down_bias");
    l->row_bytes = viv_projection_row_bytes(&l->up);
    if (l->gated && strcmp(l->gate.product->row_format, l->up.product->row_format) != 0) {
        l->gate_offset = l->row_bytes;
        l->row_bytes += viv_projection_row_bytes(&l->gate);
    }
    l->hidden_bytes = viv_align_64(l->n_hidden * sizeof(float));
    l->hidden_row_bytes = viv_projection_row_bytes(&l->down);
    l->out_bytes = viv_align_64(l->n_out * sizeof(float));
    l->scratch = viv_max(viv_projection_scratch_bytes(&l->up), viv_projection_scratch_bytes(&l->down));
    if (l->gated)
        l->scratch = viv_max(l->scratch, viv_projection_scratch_bytes(&l->gate));
    l->max_slots = p->max_rows; /* an expert is chosen by a row once at most */
    p->worker_workspace = l->scratch + viv_max(2 * l->max_slots * l->up.tile, l->dim) * sizeof(float);
    p->row_workspace =
        l->k * (l->row_bytes + l->hidden_bytes + l->hidden_row_bytes + l->out_bytes + 2 * sizeof(uint32_t));
    p->shared_workspace = viv_align_64(sizeof(uint64_t)) + viv_align_64((l->n_experts + 1) * sizeof(uint32_t)) +
                          viv_align_64(l->n_experts * sizeof(uint32_t)) + 128;
    return VIV_OK;
}

/* How the workspace of a step is divided. */
struct parts {
    uint64_t *n_active;
    uint32_t *begin;  /* [n_experts + 1] first slot of each expert */
    uint32_t *active; /* [n_active] experts that were chosen, those in memory first */
    uint32_t *row;    /* [n_slots] whose slot it is */
    uint32_t *slot;   /* [n_rows][k] slot of a row's choice */
    char *rows;       /* [n_slots] prepared x */
    float *hidden;    /* [n_slots] rows of hidden_bytes */
    char *hidden_rows;
    float *out; /* [n_slots] rows of out_bytes */
};

static struct parts divide(const struct experts *l, const viv_exec *e)
{
    const uint64_t n_slots = e->n_rows * l->k;
    struct parts w;
    char *at = e->workspace;
    w.n_active = (uint64_t *)(void *)at;
    at += viv_align_64(sizeof(uint64_t));
    w.begin = (uint32_t *)(void *)at;
    at += viv_align_64((l->n_experts + 1) * sizeof(uint32_t));
    w.active = (uint32_t *)(void *)at;
    at += viv_align_64(l->n_experts * sizeof(uint32_t));
    w.rows = at;
    at += n_slots * l->row_bytes;
    w.hidden = (float *)(void *)at;
    at += n_slots * l->hidden_bytes;
    w.hidden_rows = at;
    at += n_slots * l->hidden_row_bytes;
    w.out = (float *)(void *)at;
    at += n_slots * l->out_bytes;
    w.row = (uint32_t *)(void *)at;
    w.slot = w.row + n_slots;
    return w;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const struct experts *l = layer;
    switch (phase) {
    case 0:
        return 1;
    case 2:
        return *divide(l, e).n_active * viv_projection_tiles(&l->up);
    case 3:
        return e->n_rows * l->k;
    case 4:
        return *divide(l, e).n_active * viv_projection_tiles(&l->down);
    default:
        return e->n_rows;
    }
}

/* Counts each expert's slots, then gives every choice its own, rows in order within an expert. */
static viv_status sort(const struct experts *l, const viv_exec *e, const struct parts *w)
{
    const uint64_t k = l->k;
    uint32_t *next = w->begin + 1; /* one ahead, so that it ends as the slots' begins */
    memset(w->begin, 0, (l->n_experts + 1) * sizeof *w->begin);
    for (uint64_t r = 0; r < e->n_rows; r++)
        for (uint64_t j = 0; j < k; j++) {
            float expert = e->in[0][r * 2 * k + j];
            if (!(expert >= 0 && expert < (float)l->n_experts) || expert != floorf(expert))
                return viv_fail(e->host, VIV_EINVAL, "row %" PRIu64 " is routed to expert %g of %" PRIu64, r,
                                (double)expert, l->n_experts);
            next[(uint64_t)expert]++;
        }
    uint32_t sum = 0, n_active = 0;
    for (uint64_t x = 0; x < l->n_experts; x++) {
        uint32_t n = next[x];
        if (n && l->cache->is_resident(l->hidden_set, x))
            w->active[n_active++] = (uint32_t)x;
        next[x] = sum;
        sum += n;
    }
    for (uint64_t r = 0; r < e->n_rows; r++)
        for (uint64_t j = 0; j < k; j++) {
            uint32_t s = next[(uint64_t)e->in[0][r * 2 * k + j]]++;
            w->row[s] = (uint32_t)r;
            w->slot[r * k + j] = s;
        }
    /* begin[x] is now where x begins, begin[x + 1] where it ends */
    uint32_t n_resident = n_active;
    for (uint64_t x = 0, at = 0; x < l->n_experts; x++) {
        if (w->begin[x] == w->begin[x + 1])
            continue;
        if (at < n_resident && w->active[at] == x)
            at++;
        else
            w->active[n_active++] = (uint32_t)x;
    }
    *w->n_active = n_active;
    l->cache->prefetch(l->hidden_set, w->active, n_active);
    l->cache->prefetch(l->down_set, w->active, n_active);
    return VIV_OK;
}

static void prepare_row(const struct experts *l, char *row, const float *x)
{
    viv_projection_prepare_row(&l->up, row, x);
    if (l->gate_offset)
        viv_projection_prepare_row(&l->gate, row + l->gate_offset, x);
}

/* A row's x into each of its slots. */
static void fill_slots(const struct experts *l, const viv_exec *e, const struct parts *w, uint64_t r)
{
    const float *x = e->in[1] + r * l->dim, *weights = e->in[0] + (2 * r + 1) * l->k;
    const char *first = NULL;
    for (uint64_t j = 0; j < l->k; j++) {
        char *row = w->rows + w->slot[r * l->k + j] * l->row_bytes;
        if (l->weigh == WEIGH_INPUT) {
            float *scaled = (float *)(void *)((char *)e->scratch + l->scratch);
            l->kernels->scale(scaled, x, weights[j], l->dim);
            prepare_row(l, row, scaled);
        } else if (first) {
            memcpy(row, first, l->row_bytes);
        } else {
            prepare_row(l, row, x);
            first = row;
        }
    }
}

/* The projection of expert x, whose weight is `data`; `bias` has that of all experts. */
static viv_projection of_expert(const viv_projection *p, const void *data, const float *bias, uint64_t x)
{
    return viv_projection_with(p, data, bias ? bias + x * p->n_out : NULL);
}

static void bound(float *y, uint64_t n, float low, float high)
{
    for (uint64_t j = 0; j < n; j++)
        y[j] = fmaxf(low, fminf(high, y[j]));
}

/* hidden[:, tile] of one expert's slots */
static viv_status hidden_tile(const struct experts *l, const viv_exec *e, const struct parts *w, uint64_t task)
{
    const uint64_t tiles = viv_projection_tiles(&l->up), x = w->active[task / tiles], tile = task % tiles,
                   width = l->up.tile;
    const uint64_t first = w->begin[x], n_rows = w->begin[x + 1] - first, stride = l->hidden_bytes / sizeof(float);
    const char *rows = w->rows + first * l->row_bytes;
    float *up = (float *)(void *)((char *)e->scratch + l->scratch), *gate = up + n_rows * width;
    const void *const *data;
    viv_status status = l->cache->acquire(l->hidden_set, x, &data);
    if (status != VIV_OK)
        return status;
    viv_projection p = of_expert(&l->up, data[0], l->up_bias, x);
    const uint64_t n = viv_projection_run_tile(&p, tile, rows, l->row_bytes, n_rows, up, width, e->scratch);
    if (l->gated) {
        p = of_expert(&l->gate, data[1], l->gate_bias, x);
        viv_projection_run_tile(&p, tile, rows + l->gate_offset, l->row_bytes, n_rows, gate, width, e->scratch);
    }
    l->cache->release(l->hidden_set, x);
    for (uint64_t r = 0; r < n_rows; r++) {
        float *y = w->hidden + (first + r) * stride + tile * width, *u = up + r * width, *g = gate + r * width;
        if (l->limit > 0) {
            bound(u, n, -l->limit, l->limit);
            bound(g, l->gated ? n : 0, -INFINITY, l->limit);
        }
        for (uint64_t j = 0; l->gated && l->up_offset != 0 && j < n; j++)
            u[j] += l->up_offset;
        if (l->gated)
            l->kernels->gate(l->act, y, g, u, n);
        else
            l->kernels->activate(l->act, y, u, n);
    }
    return VIV_OK;
}

/* out[:, tile] of one expert's slots */
static viv_status down_tile(const struct experts *l, const viv_exec *e, const struct parts *w, uint64_t task)
{
    const uint64_t tiles = viv_projection_tiles(&l->down), x = w->active[task / tiles], tile = task % tiles;
    const uint64_t first = w->begin[x], n_rows = w->begin[x + 1] - first, stride = l->out_bytes / sizeof(float);
    float *y = w->out + first * stride + tile * l->down.tile;
    const void *const *data;
    viv_status status = l->cache->acquire(l->down_set, x, &data);
    if (status != VIV_OK)
        return status;
    const viv_projection p = of_expert(&l->down, data[0], l->down_bias, x);
    viv_projection_run_tile(&p, tile, w->hidden_rows + first * l->hidden_row_bytes, l->hidden_row_bytes, n_rows, y,
                            stride, e->scratch);
    l->cache->release(l->down_set, x);
    return VIV_OK;
}

static void sum_row(const struct experts *l, const viv_exec *e, const struct parts *w, uint64_t r)
{
    const uint64_t stride = l->out_bytes / sizeof(float);
    const float *weights = e->in[0] + (2 * r + 1) * l->k;
    float *y = e->out + r * l->n_out;
    for (uint64_t j = 0; j < l->k; j++) {
        const float *of = w->out + w->slot[r * l->k + j] * stride;
        const float weight = l->weigh == WEIGH_OUTPUT ? weights[j] : 1;
        for (uint64_t i = 0; i < l->n_out; i++)
            y[i] = (j ? y[i] : 0) + weight * of[i];
    }
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct experts *l = layer;
    const struct parts w = divide(l, e);
    viv_status status = VIV_OK;
    for (uint64_t t = first; status == VIV_OK && t < end; t++) {
        switch (phase) {
        case 0:
            status = sort(l, e, &w);
            break;
        case 1:
            fill_slots(l, e, &w, t);
            break;
        case 2:
            status = hidden_tile(l, e, &w, t);
            break;
        case 3:
            viv_projection_prepare_row(&l->down, w.hidden_rows + t * l->hidden_row_bytes,
                                       w.hidden + t * l->hidden_bytes / sizeof(float));
            break;
        case 4:
            status = down_tile(l, e, &w, t);
            break;
        default:
            sum_row(l, e, &w, t);
        }
    }
    return status;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    const struct experts *l = layer;
    if (i > 0)
        return 0;
    snprintf(attribute, VIV_DESCRIPTION_ATTRIBUTE, "experts");
    snprintf(text, VIV_DESCRIPTION_TEXT, "%" PRIu64 " experts, %s%" PRIu64 " wide", l->n_experts,
             l->gated ? "gated, " : "", l->n_hidden);
    return 1;
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class moe_experts = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE,
    .name = "experts",
    .summary = "Lets the chosen experts, feed-forward blocks of their own, work on each row.",
    .attrs = attrs,
    .instance_size = sizeof(struct experts),
    .infer = infer,
    .cost = cost,
    .part = VIV_MODEL_PART_EXPERTS,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .get_ext = get_ext,
};
