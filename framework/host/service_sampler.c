/* service_sampler.c - viv.sampler: samples tokens, for architectures. */
#include "host/service.h"
#include "model/grammars.h"
#include "model/model.h"
#include "sampling/sample.h"

#include <vivarium/sampler.h>

static viv_status create(const viv_sampling *sampling, uint64_t vocab_size, viv_sampler **sampler)
{
    viv_sampler *s;
    struct error err;
    viv_status status = sampling && sampler ? sampler_create(sampling, vocab_size, &s, &err)
                                            : error_set(&err, VIV_EABI, VIV_SERVICE_SAMPLER ".create: NULL");
    if (status == VIV_OK)
        *sampler = s;
    return leave(&err, status);
}

static viv_status see(viv_sampler *sampler, const int32_t *tokens, uint64_t n)
{
    sampler_see(sampler, tokens, n);
    return VIV_OK;
}

static viv_status choose(viv_sampler *sampler, const float *logits, int32_t *token, float *logprob)
{
    struct error err;
    return leave(&err, sampler_choose(sampler, logits, token, logprob, &err));
}

static void destroy(viv_sampler *sampler)
{
    sampler_destroy(sampler);
}

static viv_status resume(viv_sampler *sampler, const int32_t *tokens, uint64_t n)
{
    struct error err;
    return leave(&err, sampler_resume(sampler, tokens, n, &err));
}

static void release(void *ctx)
{
    model_grammar_release(ctx);
}

static viv_status constrain(viv_sampler *sampler, viv_model *model, const viv_grammar *grammar)
{
    struct grammar_entry *e = NULL;
    struct error err;
    viv_status status = sampler && model && grammar
                            ? model_grammar(model, grammar, &e, &err)
                            : error_set(&err, VIV_EABI, VIV_SERVICE_SAMPLER ".constrain: NULL");
    if (status == VIV_OK)
        status = sampler_constrain(sampler, grammar_recogniser(e), grammar_name(e), release, e, &err);
    if (status != VIV_OK)
        model_grammar_release(e);
    return leave(&err, status);
}

static const viv_samplers sampler = {.struct_size = sizeof(viv_samplers),
                                     .create = create,
                                     .see = see,
                                     .choose = choose,
                                     .destroy = destroy,
                                     .resume = resume,
                                     .constrain = constrain};

const struct service service_sampler = {.id = VIV_SERVICE_SAMPLER, .table = &sampler};
