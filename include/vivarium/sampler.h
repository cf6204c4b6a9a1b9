/* sampler.h - choosing a token from logits, as a service: VIV_SERVICE_SAMPLER. */
#ifndef VIVARIUM_SAMPLER_H
#define VIVARIUM_SAMPLER_H

#include <vivarium/request.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_SAMPLER "viv.sampler/0"

typedef struct viv_sampler viv_sampler;

typedef struct viv_samplers {
    uint32_t struct_size, flags;
    /* Copies what it needs of `sampling`; refuses values out of range. [setup: always] */
    viv_status (*create)(const viv_sampling *sampling, uint64_t vocab_size, viv_sampler **sampler);
    /* Makes tokens known to the penalties: those of the prompt. [setup: after create] */
    viv_status (*see)(viv_sampler *sampler, const int32_t *tokens, uint64_t n);
    /* Chooses from logits [vocab_size], and remembers the choice. *logprob: of the untouched logits.
     * [setup: after create] */
    viv_status (*choose)(viv_sampler *sampler, const float *logits, int32_t *token, float *logprob);
    void (*destroy)(viv_sampler *sampler); /* accepts NULL. [setup: after create, last] */
    /* Goes on from where a sampler like this one stood once it had chosen these tokens.
     * [setup: after create, before choose] */
    viv_status (*resume)(viv_sampler *sampler, const int32_t *tokens, uint64_t n);
    /* From now on, chooses among tokens that the grammar allows, before everything else is done to the logits; end-of-text tokens
     * where the text may end. Compiles the grammar for the vocabulary of the model, or finds it compiled. `choose` gives token
     * -1 where the text is whole and nothing may follow it, and fails where no token of the vocabulary can go on with it.
     * [setup: after create, before resume and choose] */
    viv_status (*constrain)(viv_sampler *sampler, viv_model *model, const viv_grammar *grammar);
} viv_samplers;

#ifdef __cplusplus
}
#endif
#endif
