/* difference.c - see difference.h. */
#include "quality/difference.h"

#include "base/size.h"
#include "graph/align.h"
#include "quality/logits.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- tolerance ----------------------------------------------------------------------------------------------- */

double difference_tolerance(uint32_t dtype)
{
    const struct dtype *t = dtype_get(dtype);
    return dtype == VIV_F32             ? 1e-4
           : dtype == VIV_F16           ? 5e-3
           : dtype == VIV_BF16          ? 2e-2
           : t->block_bytes >= t->block ? 5e-2
                                        : 3e-1;
}

viv_status difference_coarsest(viv_model *m, uint32_t *dtype, struct error *err)
{
    const struct binding *bindings;
    viv_status status = model_bindings(m, &bindings, err);
    if (status != VIV_OK)
        return status;
    *dtype = VIV_F32;
    for (uint32_t i = 0; i < model_expansion(m)->n_weights; i++) {
        const viv_tensor *t = bindings[i].tensor;
        if (t && t->dl.ndim >= 2 && difference_tolerance(t->dtype) > difference_tolerance(*dtype))
            *dtype = t->dtype;
    }
    return VIV_OK;
}

/* --- which layers are compared ------------------------------------------------------------------------------- */

static viv_status begin_layer(struct difference *d, struct layer_difference *l, const struct align_pair *pair,
                              const uint64_t n_rows[N_STACKS], struct error *err)
{
    const struct graph_node *a = pair->a == ALIGN_NONE ? NULL : &d->a->nodes[pair->a];
    const struct graph_node *b = pair->b == ALIGN_NONE ? NULL : &d->b->nodes[pair->b];
    const struct stack *stacks = d->b->expansion->stacks, *encoder = &stacks[STACK_ENCODER];
    if (a) {
        d->of_a[pair->a] = l;
        l->a_dim = a->out_dim;
        l->a = arena_strdup(&d->arena, a->spec->path);
    }
    if (b) {
        d->of_b[pair->b] = l;
        l->b_dim = b->out_dim;
        l->b = arena_strdup(&d->arena, b->spec->path);
    }
    if ((a && !l->a) || (b && !l->b))
        return error_nomem(err);
    if (!a || !b) {
        d->alone = d->alone ? d->alone : l;
        return VIV_OK;
    }
    l->dim = l->a_dim;
    l->routes = graph_routes(a) ? graph_routes(b) : NULL;
    if (l->routes)
        l->dim = size_max(graph_routes(a)->n_experts(a->layer), l->routes->n_experts(b->layer));
    l->n_rows = n_rows[pair->b >= encoder->begin && pair->b < encoder->end ? STACK_ENCODER : STACK_GRAPH];
    if (b->spec->output == stacks[STACK_GRAPH].output)
        d->result = l;
    return VIV_OK;
}

static viv_status begin_layers(struct difference *d, const uint64_t n_rows[N_STACKS], struct error *err)
{
    struct align_pair *pairs;
    uint64_t most = 1;
    viv_status status = graph_align(d->a, d->b, &pairs, &d->n_layers, err);
    if (status != VIV_OK)
        return status;
    d->layers = arena_array(&d->arena, d->n_layers, sizeof *d->layers);
    d->of_a = arena_array(&d->arena, d->a->n_nodes, sizeof *d->of_a);
    d->of_b = arena_array(&d->arena, d->b->n_nodes, sizeof *d->of_b);
    if (!d->layers || !d->of_a || !d->of_b)
        status = error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < d->n_layers; i++) {
        status = begin_layer(d, &d->layers[i], &pairs[i], n_rows, err);
        most = size_max(most, d->layers[i].dim);
    }
    free(pairs);
    d->x = arena_array(&d->arena, most, sizeof *d->x);
    d->y = arena_array(&d->arena, most, sizeof *d->y);
    return status != VIV_OK || (d->x && d->y) ? status : error_nomem(err);
}

viv_status difference_begin(struct difference *d, const struct graph *a, const struct graph *b,
                            const uint64_t n_rows[N_STACKS], struct error *err)
{
    bool any = false;
    d->a = a;
    d->b = b;
    viv_status status = begin_layers(d, n_rows, err);
    if (status != VIV_OK)
        return status;
    for (struct layer_difference *l = d->layers; l < d->layers + d->n_layers; l++) {
        if (!l->a || !l->b)
            continue;
        any = true;
        l->kept = arena_array(&d->arena, l->n_rows, l->a_dim * sizeof *l->kept);
        if (!l->kept)
            return error_nomem(err);
    }
    if (any)
        return VIV_OK;
    return error_set(err, VIV_ESHAPE, "no layer of one model corresponds to one of the other: %s",
                     difference_mismatch(d).text);
}

void difference_release(struct difference *d)
{
    arena_release(&d->arena);
}

/* --- looking on ---------------------------------------------------------------------------------------------- */

void difference_keep(void *ctx, const struct hook_call *t)
{
    struct difference *d = ctx;
    struct layer_difference *l = d->of_a[t->node - d->a->nodes];
    for (uint64_t r = 0; l->kept && r < t->n_rows; r++) {
        const uint64_t row = (uint64_t)t->positions[r]; /* by position: a step may be run again */
        if (row >= l->n_rows)
            continue;
        memcpy(l->kept + row * l->a_dim, t->out + r * l->a_dim, l->a_dim * sizeof *l->kept);
        l->n_kept = size_max(l->n_kept, row + 1);
    }
}

/* [experts, weights] of 2k numbers as a row of what each expert counts. */
static const float *spread(const struct layer_difference *l, const float *row, float *out)
{
    if (!l->routes)
        return row;
    memset(out, 0, l->dim * sizeof *out);
    for (uint64_t j = 0, k = l->a_dim / 2; j < k; j++)
        if (row[j] >= 0 && row[j] < (float)l->dim)
            out[(uint64_t)row[j]] = row[k + j];
    return out;
}

/* NaN is as far as can be from everything, NaN too: a model that gives it agrees with nobody. */
static double distance(float a, float b)
{
    if (a == b)
        return 0;
    double d = fabs((double)a - (double)b);
    return isnan(d) ? INFINITY : d;
}

static void compare_rows(struct layer_difference *l, const float *a, const float *b, uint64_t row)
{
    for (uint64_t i = 0; i < l->dim; i++) {
        const double x = (double)a[i], y = (double)b[i], error = distance(a[i], b[i]);
        if (error > l->error) {
            l->error = error;
            l->row = row;
            l->feature = i;
        }
        if (!isfinite(x) || !isfinite(y))
            continue;
        l->largest = fmax(l->largest, fabs(x));
        l->ab += x * y;
        l->aa += x * x;
        l->bb += y * y;
    }
}

static void compare_logits(struct difference *d, const float *a, const float *b, uint64_t n)
{
    const double kl = logits_kl_divergence(a, logits_log_sum_exp(a, n), b, logits_log_sum_exp(b, n), n);
    d->output.n_rows++;
    d->output.n_same_best += logits_most_likely(a, n) == logits_most_likely(b, n);
    d->output.kl_sum += kl;
    d->output.kl_most = fmax(d->output.kl_most, kl);
}

void difference_compare(void *ctx, const struct hook_call *t)
{
    struct difference *d = ctx;
    struct layer_difference *l = d->of_b[t->node - d->b->nodes];
    for (uint64_t r = 0; l->kept && r < t->n_rows; r++) {
        const uint64_t row = (uint64_t)t->positions[r];
        if (row >= l->n_kept)
            continue;
        const float *a = l->kept + row * l->a_dim;
        float *b = t->out + r * l->b_dim;
        compare_rows(l, spread(l, a, d->x), spread(l, b, d->y), row);
        l->n_compared = size_max(l->n_compared, row + 1);
        if (l == d->result && d->logits)
            compare_logits(d, a, b, l->dim);
        if (d->each)
            memcpy(b, a, l->b_dim * sizeof *b);
    }
}

/* --- what was found ------------------------------------------------------------------------------------------ */

double difference_relative(const struct layer_difference *l)
{
    return l->error == 0 ? 0 : l->largest > 0 ? l->error / l->largest : INFINITY;
}

double difference_cosine(const struct layer_difference *l)
{
    if (l->aa == 0 || l->bb == 0)
        return l->aa == l->bb;
    return fmin(1, fmax(-1, l->ab / (sqrt(l->aa) * sqrt(l->bb))));
}

bool difference_parts(const struct difference *d, const struct layer_difference *l)
{
    return l->n_compared > 0 && difference_relative(l) > d->tolerance;
}

const struct layer_difference *difference_first(const struct difference *d)
{
    for (uint32_t i = 0; i < d->n_layers; i++)
        if (difference_parts(d, &d->layers[i]))
            return &d->layers[i];
    return NULL;
}

bool difference_agrees(const struct difference *d)
{
    return d->result && !difference_first(d);
}

struct mismatch difference_mismatch(const struct difference *d)
{
    const struct layer_difference *a = NULL, *b = NULL;
    struct mismatch m = {""};
    for (const struct layer_difference *l = d->alone; l < d->layers + d->n_layers && !(l->a && l->b); l++) {
        a = !a && l->a ? l : a;
        b = !b && l->b ? l : b;
    }
    if (a && b)
        snprintf(m.text, sizeof m.text, "A has %.200s, [%" PRIu64 "], and B has %.200s, [%" PRIu64 "]", a->a,
                 a->a_dim, b->b, b->b_dim);
    else if (a)
        snprintf(m.text, sizeof m.text, "A has %.200s, [%" PRIu64 "], and B nothing like it", a->a, a->a_dim);
    else if (b)
        snprintf(m.text, sizeof m.text, "B has %.200s, [%" PRIu64 "], and A nothing like it", b->b, b->b_dim);
    return m;
}
