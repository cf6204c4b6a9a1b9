/* drafter.c - proposals of a draft model, greedily: its most likely tokens, each with its probability. */
#include "draft.h"

#include <math.h>
#include <stdlib.h>

struct drafter {
    const struct llm *l;
    viv_model *model;
    viv_sequence *sequence;
    viv_sampler *sampler; /* greedy: it also tells the probability */
    const viv_request *request;
    uint8_t *no_output; /* [max_rows] zeros */
    uint64_t n_prompt, max_rows, context, vocab_size, most_tokens;
    bool owned; /* the sequence */
    bool lost;  /* the text has what the draft cannot read: more tokens than its context, or others; or its logits
                   are not numbers, which is no reason to end an answer */
};

const double drafter_accepted[N_CLASSES] = {0.2, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 0.95};

static uint8_t class_of(double probability)
{
    static const double from[N_CLASSES] = {0, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 0.97};
    uint8_t class = 0;
    while (class + 1 < N_CLASSES && probability >= from[class + 1])
        class ++;
    return class;
}

viv_status drafter_create(const struct llm *l, const viv_request *request, uint64_t n_prompt, struct drafter **out)
{
    static const viv_sampling greedy = {
        .struct_size = sizeof greedy, .top_p = 1, .typical_p = 1, .repetition_penalty = 1};
    const viv_sequences *sequences = l->sequences;
    struct drafter *d = calloc(1, sizeof *d);
    if (!d)
        return viv_fail(l->host, VIV_ENOMEM, "out of memory");
    d->l = l;
    d->model = request->draft;
    d->request = request;
    d->n_prompt = n_prompt;
    d->max_rows = sequences->max_rows(d->model);
    d->context = sequences->context_length(d->model);
    d->vocab_size = sequences->output_dim(d->model);
    d->most_tokens = viv_min(d->vocab_size, sequences->output_dim(l->model));
    d->sequence = request->draft_sequence;
    d->owned = !d->sequence;
    d->no_output = calloc((size_t)d->max_rows, 1);
    viv_status status = d->no_output ? VIV_OK : viv_fail(l->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK && d->owned)
        status = sequences->create(d->model, &d->sequence);
    if (status == VIV_OK)
        status = sequences->reserve(d->sequence, llm_most_tokens(l, request, n_prompt) + MAX_DRAFT,
                                    viv_max(viv_min(n_prompt, d->max_rows), MAX_ROWS), 1);
    if (status == VIV_OK)
        status = l->samplers->create(&greedy, d->vocab_size, &d->sampler);
    if (status == VIV_OK)
        *out = d;
    else
        drafter_destroy(d);
    return status;
}

void drafter_destroy(struct drafter *d)
{
    if (!d)
        return;
    if (d->owned)
        d->l->sequences->destroy(d->sequence);
    d->l->samplers->destroy(d->sampler);
    free(d->no_output);
    free(d);
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* Feeds n tokens; the logits after the last. */
static viv_status feed(const struct drafter *d, const int32_t *tokens, uint64_t n, const float **logits,
                       const viv_sink *sink)
{
    viv_status status = VIV_OK;
    for (uint64_t done = 0, now; status == VIV_OK && done < n; done += now) {
        const float *outputs;
        uint64_t n_outputs;
        now = viv_min(n - done, d->max_rows);
        const viv_rows rows = {.struct_size = sizeof rows,
                               .sequence = d->sequence,
                               .n_rows = now,
                               .tokens = tokens + done,
                               .output_rows = done + now == n ? NULL : d->no_output,
                               .length = d->n_prompt};
        const viv_rows *const list[] = {&rows};
        if (sink)
            status = viv_emit_progress(sink, "prompt, by the draft", done, n);
        if (status == VIV_OK)
            status = d->l->sequences->step(d->model, list, 1, d->request->cancel, &outputs, &n_outputs);
        if (status == VIV_OK)
            *logits = outputs;
    }
    return status;
}

/* Feeds what the sequence lacks of the text. */
static viv_status follow(struct drafter *d, const int32_t *text, uint64_t n, const float **logits,
                         struct gain *gain, const viv_sink *sink)
{
    const double begin = llm_now();
    uint64_t held = 0;
    if (d->lost || n >= d->context) {
        d->lost = true;
        return VIV_OK;
    }
    viv_status status = d->l->sequences->reuse_prefix(d->sequence, text, n - 1, d->n_prompt, &held);
    for (uint64_t i = held; status == VIV_OK && i < n; i++)
        d->lost = d->lost || text[i] < 0 || (uint64_t)text[i] >= d->vocab_size;
    if (status != VIV_OK || d->lost)
        return status;
    status = feed(d, text + held, n - held, logits, sink);
    gain_measure_draft(gain, n - held, llm_now() - begin);
    return status;
}

viv_status drafter_read(struct drafter *d, const int32_t *text, uint64_t n, struct gain *gain, const viv_sink *sink)
{
    const float *logits; /* for nothing but to have the head's weights in memory before times are measured */
    return follow(d, text, n, &logits, gain, sink);
}

uint64_t drafter_behind(const struct drafter *d, uint64_t n)
{
    const uint64_t held = d->l->sequences->length(d->sequence);
    return n > held ? n - held : 0;
}

/* --- proposals ------------------------------------------------------------------------------------------------ */

/* The logits after one more drafted token. A sequence with recurrent state goes back to the text first, and reads
 * all drafted tokens in one step: so it can go back to the text again. */
static viv_status feed_drafted(const struct drafter *d, uint64_t n_text, const struct proposal *p,
                               struct gain *gain, const float **logits)
{
    const viv_sequences *sequences = d->l->sequences;
    const double begin = llm_now();
    const bool again = sequences->is_recurrent(d->model) != 0;
    const uint64_t n = again ? p->n : 1;
    viv_status status = again ? sequences->truncate(d->sequence, n_text) : VIV_OK;
    if (status == VIV_OK)
        status = feed(d, p->tokens + p->n - n, n, logits, NULL);
    gain_measure_draft(gain, 1, llm_now() - begin);
    return status;
}

viv_status drafter_propose(struct drafter *d, const int32_t *text, uint64_t n, uint64_t max, bool all,
                           struct gain *gain, struct proposal *out)
{
    const float *logits = NULL;
    double likely = 1;
    out->n = 0;
    max = viv_min(viv_min(max, MAX_DRAFT), viv_min(d->max_rows, d->context > n ? d->context - n : 0));
    if (max == 0)
        return VIV_OK;
    viv_status status = follow(d, text, n, &logits, gain, NULL);
    while (status == VIV_OK && logits && out->n < max) {
        int32_t token;
        float logprob;
        if (out->n > 0 && !all && !gain_wants_more(gain, likely))
            break;
        if (out->n > 0)
            status = feed_drafted(d, n, out, gain, &logits);
        if (status != VIV_OK)
            break;
        d->lost = d->l->samplers->choose(d->sampler, logits, &token, &logprob) != VIV_OK;
        if (d->lost || (uint64_t)token >= d->most_tokens || llm_ends(d->l, d->request, token))
            break;
        const uint8_t class = class_of(exp((double)logprob));
        out->classes[out->n] = class;
        out->tokens[out->n++] = token;
        likely *= gain->accepted[class];
    }
    return status;
}
