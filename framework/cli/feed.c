/* feed.c - see feed.h. */
#include "cli/feed.h"

#include "base/size.h"
#include "cli/interrupt.h"
#include "run/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Ids that the model has no row for would be read from beyond its embedding. */
static viv_status check_tokens(const struct opened *o, enum stack_id stack, const struct ids *t, struct error *err)
{
    const uint64_t vocab = model_graph(o->model)->stacks[stack].vocab_size, n = t->n;
    const int32_t *tokens = t->ids;
    if (n == 0)
        return error_set(err, VIV_EINVAL, "there are no tokens to run");
    if (n > model_context(o->model))
        return error_set(err, VIV_ELIMIT,
                         "%" PRIu64 " tokens, but the context has room for %" PRIu64 " (--context N)", n,
                         model_context(o->model));
    for (uint64_t i = 0; i < n; i++)
        if ((uint64_t)tokens[i] >= vocab)
            return error_set(err, VIV_EINVAL,
                             "token %d at position %" PRIu64 ": the model has tokens 0 to %" PRIu64, tokens[i], i,
                             vocab - 1);
    return VIV_OK;
}

viv_status feed_arrange(const struct opened *o, const struct ids *given, const struct ids *written,
                        struct input *in, struct error *err)
{
    *in = (struct input){.tokens = *given};
    if (!model_encoder_dim(o->model)) {
        if (written->n)
            return error_set(err, VIV_EINVAL,
                             "%s has no encoder: --decoder-tokens are of models that read one text "
                             "and write another",
                             spec_name(model_spec(o->model)));
        return check_tokens(o, STACK_GRAPH, &in->tokens, err);
    }
    const struct value *start = expansion_param(model_expansion(o->model), "decoder_start_token");
    in->read = *given;
    in->tokens = *written;
    if (in->tokens.n == 0 && start && start->kind == VALUE_INT && start->i >= 0 && start->i <= INT32_MAX) {
        in->start = (int32_t)start->i;
        in->tokens = (struct ids){&in->start, 1};
    }
    viv_status status = check_tokens(o, STACK_ENCODER, &in->read, err);
    return status == VIV_OK ? check_tokens(o, STACK_GRAPH, &in->tokens, err) : status;
}

static viv_status encode(viv_model *m, viv_sequence *s, const struct ids *read, struct error *err)
{
    const float *rows;
    uint64_t n;
    const viv_rows span = {.struct_size = sizeof span,
                           .flags = VIV_ROWS_ENCODER,
                           .sequence = s,
                           .n_rows = read->n,
                           .tokens = read->ids};
    const viv_rows *const spans[] = {&span};
    return model_step(m, spans, 1, interrupt_watch(), &rows, &n, err);
}

viv_status cli_feed(struct opened *o, const struct input *in, uint64_t rows_at_once, float *out, struct error *err)
{
    const int32_t *tokens = in->tokens.ids;
    const uint64_t n = in->tokens.n, dim = model_output_dim(o->model);
    const uint64_t most = size_min(rows_at_once ? rows_at_once : UINT64_MAX, model_max_rows(o->model));
    const uint32_t *cancel = interrupt_watch();
    viv_sequence *own = NULL, *sequence = in->sequence;
    uint8_t *output_rows = malloc(most);
    viv_status status = output_rows ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && !sequence)
        status = sequence_create(o->model, &own, err);
    sequence = sequence ? sequence : own;
    if (output_rows)
        memset(output_rows, 1, most);
    if (status == VIV_OK && in->read.n)
        status = encode(o->model, sequence, &in->read, err);
    for (uint64_t at = 0; status == VIV_OK && at < n;) {
        const float *rows;
        uint64_t n_rows = sequence_next_rows(sequence, n - at, most), n_out;
        const viv_rows span = {.struct_size = sizeof span,
                               .sequence = sequence,
                               .n_rows = n_rows,
                               .tokens = tokens + at,
                               .output_rows = output_rows,
                               .length = n};
        const viv_rows *const spans[] = {&span};
        progress_show(&o->progress, "tokens", at, n);
        status = model_step(o->model, spans, 1, cancel, &rows, &n_out, err);
        if (status != VIV_OK)
            break;
        if (out)
            memcpy(out + at * dim, rows, n_rows * dim * sizeof *out);
        at += n_rows;
    }
    progress_clear(&o->progress);
    sequence_destroy(own);
    free(output_rows);
    return status;
}
