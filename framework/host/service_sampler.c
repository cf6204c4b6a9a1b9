/* service_sampler.c - viv.sampler: samples tokens, for architectures. */
#include "host/service.h"
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
    sampler_resume(sampler, tokens, n);
    return VIV_OK;
}

static const viv_samplers sampler = {.struct_size = sizeof(viv_samplers),
                                     .create = create,
                                     .see = see,
                                     .choose = choose,
                                     .destroy = destroy,
                                     .resume = resume};

const struct service service_sampler = {.id = VIV_SERVICE_SAMPLER, .table = &sampler};
