/* conv.c - y[t] = act(bias + sum over j of w[:, j] * x[t - (n_taps - 1) + j])          j in [0, n_taps)
 *
 * A causal depthwise convolution over the tokens: each feature by itself, with zeros before the first token.
 *
 *   x, y:    [n_rows, dim]
 *   weight:  w, [dim, n_taps]
 *   bias:    [dim]
 *   state:   the last n_taps - 1 inputs, the oldest first: [n_taps - 1, dim], recurrent                          */
#include "layers/layer.h"

#include <stdlib.h>
#include <string.h>

enum { CONV_ROWS = 16 /* of a task */ };

struct conv {
    const viv_kernels *kernels;
    const float *bias;
    float *taps; /* [n_taps, dim]: w, transposed */
    uint64_t dim, n_taps;
    uint32_t act, state;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight",
             .doc = "w: [dim, n_taps], the last one for the token itself"),
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "bias", .doc = "[dim]"),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "activation", .doc = "the nonlinearity, if any", .choices = VIV_ACT_CHOICES),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct conv *l = layer;
    uint64_t dims[2] = {b->in_dims[0]};
    viv_status status = viv_want_weight(b, "weight", 2, dims);
    if (status != VIV_OK)
        return status;
    l->dim = b->out_dim = dims[0];
    l->n_taps = dims[1];
    l->act = (uint32_t)b->get_int(b, "activation");
    status = b->want_weight(b, "bias", 1, &l->dim);
    uint64_t elems;
    if (status == VIV_OK && l->n_taps == 0)
        return viv_fail(b->host, VIV_ESHAPE, "a convolution of no taps");
    if (status == VIV_OK && !viv_size_mul(l->n_taps - 1, l->dim, &elems))
        return viv_fail(b->host, VIV_ELIMIT, "too many taps");
    if (status == VIV_OK && elems)
        status = b->want_recurrent_state(b, "inputs", elems, &l->state);
    return status;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct conv *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->bias = p->weight_f32(p, "bias");
    const viv_tensor *weight = p->weight(p, "weight");
    void (*to_f32)(float *, const void *, uint64_t) = weight ? l->kernels->to_f32(weight->dtype) : NULL;
    if (!to_f32)
        return viv_fail(p->host, VIV_EUNSUPPORTED,
                        "the weight of a convolution has a type that cannot be read as numbers");
    float *w = malloc(l->n_taps * l->dim * sizeof *w);
    l->taps = malloc(l->n_taps * l->dim * sizeof *l->taps);
    if (!w || !l->taps) {
        free(w);
        return viv_fail(p->host, VIV_ENOMEM, "out of memory");
    }
    to_f32(w, weight->dl.data, l->n_taps * l->dim);
    for (uint64_t c = 0; c < l->dim; c++)
        for (uint64_t j = 0; j < l->n_taps; j++)
            l->taps[j * l->dim + c] = w[c * l->n_taps + j];
    free(w);
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return span_tasks(e, CONV_ROWS, 1);
}

/* Row `row` of the inputs: first the `past` rows of the recurrent state, then those of the span. */
static const float *input(const struct conv *l, const viv_exec *e, const viv_span *span, uint64_t row)
{
    const uint64_t past = l->n_taps - 1;
    return row < past ? span->recurrent_state[l->state]->before + row * l->dim
                      : e->in[0] + (span->first_row + row - past) * l->dim;
}

static void convolve(const struct conv *l, const viv_exec *e, const viv_span *span, uint64_t row)
{
    float *y = e->out + (span->first_row + row) * l->dim;
    for (uint64_t c = 0; c < l->dim; c++)
        y[c] = l->bias ? l->bias[c] : 0;
    for (uint64_t j = 0; j < l->n_taps; j++) {
        const float *x = input(l, e, span, row + j), *w = l->taps + j * l->dim;
        for (uint64_t c = 0; c < l->dim; c++)
            y[c] += w[c] * x[c];
    }
    if (l->act != VIV_ACT_NONE)
        l->kernels->activate(l->act, y, y, l->dim);
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct conv *l = layer;
    (void)phase;
    for (uint64_t t = first; t < end; t++) {
        uint64_t block = t;
        const viv_span *span = span_of_task(e, CONV_ROWS, 1, &block);
        const uint64_t begin = block * CONV_ROWS, until = viv_min(begin + CONV_ROWS, span->n_rows);
        for (uint64_t r = begin; r < until; r++)
            convolve(l, e, span, r);
        for (uint64_t j = 0; until == span->n_rows && j + 1 < l->n_taps; j++)
            memcpy(span->recurrent_state[l->state]->after + j * l->dim, input(l, e, span, span->n_rows + j),
                   l->dim * sizeof(float));
    }
    return VIV_OK;
}

static void release(void *layer)
{
    struct conv *l = layer;
    free(l->taps);
}

const viv_layer_class layer_conv = {
    .struct_size = sizeof(viv_layer_class),
    .name = "conv",
    .summary = "A short causal depthwise convolution over the tokens.",
    .attrs = attrs,
    .instance_size = sizeof(struct conv),
    .infer = infer,
    .part = VIV_MODEL_PART_ATTENTION,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .release = release,
};
