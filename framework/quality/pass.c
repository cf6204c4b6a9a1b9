/* pass.c - see pass.h. */
#include "quality/pass.h"

#include "base/size.h"
#include "run/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_WINDOW = 512 };
static const uint64_t LOGITS_AT_ONCE = 64u << 20; /* bytes */

static viv_status choose_window(struct pass *p, struct error *err)
{
    const struct quality_options *o = p->options;
    uint64_t context = model_context(p->models[0]);
    for (uint32_t i = 1; i < p->n_models; i++)
        context = size_min(context, model_context(p->models[i]));
    p->window = o->window ? o->window : size_min(USUAL_WINDOW, context);
    p->stride = o->stride ? o->stride : p->window / 2;
    const uint64_t start = size_max(p->text->start.n, 1);
    if (p->window > context)
        return error_set(err, VIV_ELIMIT, "a window of %" PRIu64 " tokens, but the context has room for %" PRIu64,
                         p->window, context);
    if (p->window <= start)
        return error_set(err, VIV_EINVAL, "a window of %" PRIu64 " tokens has no room for one to predict",
                         p->window);
    if (p->stride == 0 || p->stride > p->window - start)
        return error_set(err, VIV_EINVAL,
                         "a stride of %" PRIu64 " tokens leaves tokens out: expected 1 to %" PRIu64
                         " with a window of %" PRIu64,
                         p->stride, p->window - start, p->window);
    return VIV_OK;
}

viv_status pass_begin(struct pass *p, viv_model *const *models, uint32_t n_models, const struct quality_text *text,
                      const struct quality_options *options, struct error *err)
{
    *p = (struct pass){.n_models = n_models, .text = text, .options = options};
    for (uint32_t i = 0; i < n_models; i++) {
        p->models[i] = models[i];
        viv_status status = quality_check_model(models[i], err);
        if (status != VIV_OK)
            return status;
    }
    p->vocab = model_output_dim(models[0]);
    viv_status status = choose_window(p, err);
    for (uint32_t i = 0; status == VIV_OK && i < n_models; i++) {
        status = quality_check_ids(models[i], &text->start, err);
        if (status == VIV_OK)
            status = quality_check_ids(models[i], &text->ids, err);
    }
    if (status != VIV_OK)
        return status;
    p->max_rows = size_max(1, LOGITS_AT_ONCE / (p->vocab * sizeof(float)));
    for (uint32_t i = 0; i < n_models; i++)
        p->max_rows = size_min(p->max_rows, model_max_rows(models[i]));
    p->tokens = malloc(p->window * sizeof *p->tokens);
    p->output_rows = malloc(p->window);
    if (!p->tokens || !p->output_rows)
        return error_nomem(err);
    p->predicted = text->start.n ? 0 : 1;
    return VIV_OK;
}

static void forget_sequences(struct pass *p)
{
    for (uint32_t i = 0; i < p->n_models; i++) {
        sequence_destroy(p->sequences[i]);
        p->sequences[i] = NULL;
    }
}

/* The window after the one at hand, ready to go through. */
static viv_status next_window(struct pass *p, struct error *err)
{
    const struct token_ids *start = &p->text->start, *ids = &p->text->ids;
    forget_sequences(p);
    for (uint32_t i = 0; i < p->n_models; i++) {
        viv_status status = sequence_create(p->models[i], &p->sequences[i], err);
        if (status != VIV_OK)
            return status;
    }
    p->begin = p->end ? p->begin + p->stride : 0;
    p->end = size_min(ids->n, p->begin + p->window - start->n);
    p->n = start->n + p->end - p->begin;
    p->at = 0;
    if (start->n)
        memcpy(p->tokens, start->ids, start->n * sizeof *p->tokens);
    memcpy(p->tokens + start->n, ids->ids + p->begin, (p->end - p->begin) * sizeof *p->tokens);
    for (uint64_t r = 0; r < p->n; r++) /* row r predicts token r + 1 */
        p->output_rows[r] = r + 1 >= start->n + p->predicted - p->begin;
    p->predicted = p->end;
    return VIV_OK;
}

viv_status pass_next(struct pass *p, struct pass_rows *out, struct error *err)
{
    uint64_t n_outputs = 0, n_rows = 0;
    while (n_outputs == 0) {
        if (p->at + 1 >= p->n) { /* the last token predicts nothing here */
            if (p->end == p->text->ids.n) {
                *out = (struct pass_rows){.n = 0};
                return VIV_OK;
            }
            viv_status status = next_window(p, err);
            if (status != VIV_OK)
                return status;
        }
        n_rows = size_min(p->max_rows, p->n - 1 - p->at);
        for (uint32_t i = 0; i < p->n_models; i++) {
            const viv_rows rows = {.struct_size = sizeof rows,
                                   .sequence = p->sequences[i],
                                   .n_rows = n_rows,
                                   .tokens = p->tokens + p->at,
                                   .output_rows = p->output_rows + p->at,
                                   .length = p->n};
            const viv_rows *const list[] = {&rows};
            viv_status status =
                model_step(p->models[i], list, 1, p->options->cancel, &out->logits[i], &n_outputs, err);
            if (status != VIV_OK)
                return status;
        }
        p->at += n_rows;
    }
    out->targets = p->tokens + p->at - n_outputs + 1; /* those that are wanted are the last ones */
    out->n = n_outputs;
    if (p->options->progress)
        p->options->progress(p->options->progress_ctx, "tokens", p->begin + p->at - p->text->start.n + 1,
                             p->text->ids.n);
    return VIV_OK;
}

void pass_end(struct pass *p)
{
    forget_sequences(p);
    free(p->tokens);
    free(p->output_rows);
    p->tokens = NULL;
    p->output_rows = NULL;
}
