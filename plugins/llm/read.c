/* read.c - prompts of models with an encoder: read as a whole, in one step, before an answer begins. */
#include "llm.h"

int llm_reads(const struct llm *l)
{
    return l->sequences->encoder_dim(l->model) > 0;
}

int32_t llm_start(const struct llm *l)
{
    return (int32_t)l->params->get_int(l->model, "decoder_start_token", -1);
}

static viv_status step(const struct llm *l, const viv_rows *rows, const uint32_t *cancel, const float **outputs)
{
    const viv_rows *const list[] = {rows};
    uint64_t n_outputs;
    return l->sequences->step(l->model, list, 1, cancel, outputs, &n_outputs);
}

viv_status llm_read(const struct llm *l, viv_sequence *sequence, const int32_t *prompt, uint64_t n,
                    const uint32_t *cancel, const float **logits)
{
    const int32_t start = llm_start(l);
    const viv_rows read = {
        .struct_size = sizeof read, .flags = VIV_ROWS_ENCODER, .sequence = sequence, .n_rows = n, .tokens = prompt};
    const viv_rows begin = {.struct_size = sizeof begin, .sequence = sequence, .n_rows = 1, .tokens = &start};
    viv_status status = step(l, &read, cancel, logits);
    return status == VIV_OK ? step(l, &begin, cancel, logits) : status;
}
