/* llm.h - what the two pipelines share: generate (llm.c, read.c) and encode (encode.c). */
#ifndef LLM_H
#define LLM_H

#include <vivarium/vivarium.h>

struct llm {
    const viv_host *host;
    const viv_params *params;
    const viv_text *text;
    const viv_sequences *sequences;
    const viv_samplers *samplers;
    viv_model *model;
};

/* Whether the model has an encoder: then a prompt is read by it, and the answer is a text of its own. */
int llm_reads(const struct llm *l);
/* The token that such an answer begins after. */
int32_t llm_start(const struct llm *l);
/* The prompt through the encoder, then that token through the graph; *logits after it. */
viv_status llm_read(const struct llm *l, viv_sequence *sequence, const int32_t *prompt, uint64_t n,
                    const uint32_t *cancel, const float **logits);

/* Tokens that the sequence has at the end of the answer, at most; where the request sets no limit, likely. */
uint64_t llm_most_tokens(const struct llm *l, const viv_request *request, uint64_t n_prompt);

/* What the answer keeps to; or NULL. */
const viv_grammar *llm_grammar(const viv_request *request);

/* Whether an answer ends before this token. A grammar ends where it is whole, whatever the flags say. */
int llm_ends(const struct llm *l, const viv_request *request, int32_t token);

/* VIV_TASK_EMBED and VIV_TASK_SCORE: a vector event for each message, in order; then done. */
viv_status llm_encode(const struct llm *l, const viv_request *request, const viv_sink *sink);

#endif
