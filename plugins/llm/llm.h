/* llm.h - what the two pipelines share: generate (llm.c) and encode (encode.c). */
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

viv_status llm_fail(const struct llm *l, viv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* VIV_TASK_EMBED and VIV_TASK_SCORE: a vector event for each message, in order; then done. */
viv_status llm_encode(const struct llm *l, const viv_request *request, const viv_sink *sink);

#endif
