/* sampling.h - how an answer is drawn, and when it ends: the options of the verbs that let a model speak. */
#ifndef CLI_SAMPLING_H
#define CLI_SAMPLING_H

#include "cli/options.h"
#include "model/model.h"

#include <math.h>

/* What the options of such a verb begin with. */
struct speaking {
    struct common common;
    int64_t n, top_k, seed;                                      /* SETTING_NONE: not given */
    double temperature, top_p, min_p, typical_p, repeat_penalty; /* NAN: not given */
    double presence_penalty, frequency_penalty;
    struct bias_list bias;
    struct string_list stop;
    bool ignore_eos;
};
#define SPEAKING_DEFAULTS                                                                                          \
    {                                                                                                              \
        .n = SETTING_NONE, .top_k = SETTING_NONE, .seed = SETTING_NONE, .temperature = NAN, .top_p = NAN,          \
        .min_p = NAN, .typical_p = NAN, .repeat_penalty = NAN, .presence_penalty = NAN, .frequency_penalty = NAN   \
    }
extern const struct option speaking_options[];

/* What the options give, else what the spec or the user's defaults.yaml sets, else what the checkpoint's makers
 * advise (which is greedy unless they say `do_sample`), else what suits most models. The seed, if none is given:
 * `seed`, or any when that is -1. */
viv_status sampling_choose(const struct speaking *o, const viv_model *m, int64_t seed, viv_sampling *out,
                           struct error *err);
/* Tokens of an answer, at most, and the texts that end it, chosen likewise; both into the request. */
void sampling_limits(const struct speaking *o, const viv_model *m, viv_request *request);
void sampling_release(viv_sampling *s); /* its arrays; accepts a zeroed struct */

#endif
