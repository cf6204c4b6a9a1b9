/* sampling.h - how an answer is drawn, and when it ends: the options of the verbs that let a model speak. */
#ifndef CLI_SAMPLING_H
#define CLI_SAMPLING_H

#include "cli/options.h"
#include "engine/request.h"

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
    const char *json_schema, *grammar, *regex; /* what the answer keeps to: one of these, or choices */
    const char *choice;
    const char *draft;    /* NULL: as the spec says */
    int64_t draft_tokens; /* 0: as many as save time */
};
#define SPEAKING_DEFAULTS                                                                                          \
    {                                                                                                              \
        .n = SETTING_NONE, .top_k = SETTING_NONE, .seed = SETTING_NONE, .temperature = NAN, .top_p = NAN,          \
        .min_p = NAN, .typical_p = NAN, .repeat_penalty = NAN, .presence_penalty = NAN, .frequency_penalty = NAN   \
    }
extern const struct option sampling_options[];

/* Puts what the options give into a request, over the model's defaults; all but the seed. */
viv_status sampling_apply(const struct speaking *o, struct request *r, struct error *err);
/* The seed: of the options, else `seed` (-1: none), else the model's default. */
void sampling_seed(const struct speaking *o, int64_t seed, struct request *r);

#endif
