/* divergence.c - see divergence.h. */
#include "quality/divergence.h"

#include "base/buf.h"
#include "base/clock.h"
#include "quality/logits.h"
#include "quality/moments.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const double quantiles[DIVERGENCE_QUANTILES] = {0.5, 0.9, 0.95, 0.99, 0.999, 1};

struct counts {
    struct moments kl, abs_dp, square_dp, nats[2];
    uint64_t n_same;
    double *all; /* [kl.n] */
    size_t capacity;
};

static viv_status count(const struct pass *p, const struct pass_rows *rows, struct counts *c, struct error *err)
{
    for (uint64_t r = 0; r < rows->n; r++) {
        const float *a = rows->logits[0] + r * p->vocab, *b = rows->logits[1] + r * p->vocab;
        const double total[] = {logits_log_sum_exp(a, p->vocab), logits_log_sum_exp(b, p->vocab)};
        const int32_t target = rows->targets[r];
        for (int i = 0; i < 2; i++)
            if (!isfinite(total[i]))
                return error_set(err, VIV_EFORMAT,
                                 "%s: the logits before token %" PRIu64
                                 " of the text are no numbers: are the weights?",
                                 spec_name(model_spec(p->models[i])), c->kl.n);
        if (!VEC_RESERVE(c->all, c->kl.n, c->capacity))
            return error_nomem(err);
        const double log_p = (double)a[target] - total[0], log_q = (double)b[target] - total[1];
        const double dp = exp(log_q) - exp(log_p);
        c->all[c->kl.n] = logits_kl_divergence(a, total[0], b, total[1], p->vocab);
        moments_add(&c->kl, c->all[c->kl.n]);
        moments_add(&c->abs_dp, fabs(dp));
        moments_add(&c->square_dp, dp * dp);
        moments_add(&c->nats[0], -log_p);
        moments_add(&c->nats[1], -log_q);
        c->n_same += logits_most_likely(a, p->vocab) == logits_most_likely(b, p->vocab);
    }
    return VIV_OK;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between neighbours in proportion, as numpy.quantile does unless told otherwise. */
static double quantile(const double *sorted, uint64_t n, double q)
{
    const double at = q * (double)(n - 1);
    const uint64_t i = (uint64_t)at;
    if (i + 1 == n || sorted[i + 1] <= sorted[i]) /* infinities have no difference */
        return sorted[i];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static void summarize(struct divergence *out, const struct pass *p, struct counts *c)
{
    const uint64_t n = c->kl.n;
    out->n_tokens = p->text->ids.n;
    out->n_predicted = n;
    out->window = p->window;
    out->stride = p->stride;
    out->kl = moments_mean(&c->kl);
    out->kl_error = moments_error(&c->kl);
    out->same_top = n ? (double)c->n_same / (double)n : NAN;
    out->mean_abs_dp = moments_mean(&c->abs_dp);
    out->rms_dp = sqrt(moments_mean(&c->square_dp));
    for (int i = 0; i < 2; i++) {
        out->nats_per_token[i] = moments_mean(&c->nats[i]);
        out->perplexity[i] = exp(out->nats_per_token[i]);
    }
    if (c->all)
        qsort(c->all, n, sizeof *c->all, ascending);
    for (int i = 0; i < DIVERGENCE_QUANTILES; i++)
        out->kl_quantiles[i] = c->all ? quantile(c->all, n, quantiles[i]) : NAN;
}

viv_status divergence_measure(viv_model *reference, viv_model *other, const struct quality_text *text,
                              const struct quality_options *options, struct divergence *out, struct error *err)
{
    viv_model *const models[] = {reference, other};
    struct pass p = {.text = text};
    struct pass_rows rows;
    struct counts c = {0};
    struct divergence result = {0};
    const double begin = seconds_now();
    viv_status status = quality_check_pair(reference, other, err);
    if (status == VIV_OK)
        status = pass_begin(&p, models, 2, text, options, err);
    while (status == VIV_OK && (status = pass_next(&p, &rows, err)) == VIV_OK && rows.n > 0)
        status = count(&p, &rows, &c, err);
    result.complete = status == VIV_OK;
    result.seconds = seconds_now() - begin;
    if (status == VIV_OK || status == VIV_ECANCELLED) {
        summarize(&result, &p, &c);
        *out = result;
    }
    pass_end(&p);
    free(c.all);
    return status;
}
