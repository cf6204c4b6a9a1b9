/* perplexity.c - see perplexity.h. */
#include "quality/perplexity.h"

#include "base/clock.h"
#include "quality/logits.h"
#include "quality/moments.h"

#include <inttypes.h>
#include <math.h>

/* Adds the nats of each token. */
static viv_status count(const struct pass *p, const struct pass_rows *rows, struct moments *nats, struct error *err)
{
    for (uint64_t r = 0; r < rows->n; r++) {
        const float *logits = rows->logits[0] + r * p->vocab;
        const double total = logits_log_sum_exp(logits, p->vocab);
        if (!isfinite(total))
            return error_set(err, VIV_EFORMAT,
                             "the logits before token %" PRIu64 " of the text are no numbers: are the weights?",
                             nats->n);
        moments_add(nats, total - (double)logits[rows->targets[r]]);
    }
    return VIV_OK;
}

static viv_status summarize(struct perplexity *out, const struct pass *p, const struct moments *nats,
                            struct error *err)
{
    const uint64_t n_free = p->text->start.n ? 0 : 1; /* tokens that nothing predicts */
    out->n_tokens = p->text->ids.n;
    out->n_predicted = nats->n;
    out->window = p->window;
    out->stride = p->stride;
    out->nll = nats->sum;
    out->nats_per_token = moments_mean(nats);
    out->nats_error = moments_error(nats);
    out->perplexity = exp(out->nats_per_token);
    out->exact = p->text->exact;
    out->bits_per_byte = NAN;
    viv_status status = VIV_OK;
    if (nats->n > 0)
        status = quality_text_bytes(p->text, p->models[0], nats->n + n_free, &out->n_bytes, err);
    if (status == VIV_OK && out->n_bytes > 0)
        out->bits_per_byte = (nats->sum / log(2) + (double)n_free * log2((double)p->vocab)) / (double)out->n_bytes;
    return status;
}

viv_status perplexity_measure(viv_model *m, const struct quality_text *text, const struct quality_options *options,
                              struct perplexity *out, struct error *err)
{
    struct pass p;
    struct pass_rows rows;
    struct moments nats = {0};
    struct error ignored;
    struct perplexity result = {0};
    const double begin = seconds_now();
    viv_status status = pass_begin(&p, &m, 1, text, options, err);
    while (status == VIV_OK && (status = pass_next(&p, &rows, err)) == VIV_OK && rows.n > 0)
        status = count(&p, &rows, &nats, err);
    result.complete = status == VIV_OK;
    result.seconds = seconds_now() - begin;
    if (status == VIV_OK)
        status = summarize(&result, &p, &nats, err);
    else if (status == VIV_ECANCELLED && summarize(&result, &p, &nats, &ignored) != VIV_OK)
        result.n_bytes = 0;
    if (status == VIV_OK || status == VIV_ECANCELLED)
        *out = result;
    pass_end(&p);
    return status;
}
