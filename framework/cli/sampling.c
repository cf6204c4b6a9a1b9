/* sampling.c - see sampling.h. */
#include "cli/sampling.h"

#include "cli/out.h"
#include "cli/shared.h"

#include <stdlib.h>
#include <sys/random.h>

#define OPT(field) offsetof(struct speaking, field)
const struct option speaking_options[] = {
    MAX_TOKENS_OPTION(OPT(n), "-1: until the model ends or its context is full", -1, 1e15),
    {"temp", 0, OPTION_FLOAT, OPT(temperature), "T", .help = "temperature; 0: always the most likely token",
     .min = 0, .max = 100, .aliases = "temperature"},
    {"top-k", 0, OPTION_INT, OPT(top_k), "K", .help = "choose among the K most likely tokens; 0: off", .min = 0,
     .max = INT32_MAX},
    {"top-p", 0, OPTION_FLOAT, OPT(top_p), "P",
     .help = "among the fewest tokens that together have probability P; 1: off", .min = 0, .max = 1},
    {"min-p", 0, OPTION_FLOAT, OPT(min_p), "P",
     .help = "not among tokens below P times the probability of the best; 0: off", .min = 0, .max = 1},
    {"typical-p", 0, OPTION_FLOAT, OPT(typical_p), "P",
     .help = "among the most typical tokens that have probability P; 1: off", .min = 0, .max = 1,
     .aliases = "typical"},
    {"repeat-penalty", 0, OPTION_FLOAT, OPT(repeat_penalty), "X",
     .help = "divide the logits of tokens that were there by X; 1: off", .min = 1e-3, .max = 1e3,
     .aliases = "repetition-penalty"},
    {"presence-penalty", 0, OPTION_FLOAT, OPT(presence_penalty), "X",
     .help = "subtract X from the logits of tokens that the answer has; 0: off", .min = -100, .max = 100},
    {"frequency-penalty", 0, OPTION_FLOAT, OPT(frequency_penalty), "X",
     .help = "subtract X for each time that the answer has the token; 0: off", .min = -100, .max = 100},
    {"logit-bias", 0, OPTION_BIAS, OPT(bias), "ID=X", .help = "add X to the logit of token ID; may be repeated"},
    {"seed", 's', OPTION_INT, OPT(seed), "N",
     .help = "the same seed gives the same text; without it, or with -1, each run differs", .min = -1,
     .max = 9.2e18},
    {"stop", 0, OPTION_STRINGS, OPT(stop), "TEXT", .help = "end before this text; may be repeated",
     .aliases = "stop-sequence|stop-string|reverse-prompt"},
    {"ignore-eos", 0, OPTION_FLAG, OPT(ignore_eos), .help = "go on when the model says that it has ended"},
    {0}};

/* A number of generation_config.json, or `otherwise`. */
static double generation_number(const viv_model *m, const char *key, double otherwise)
{
    const struct checkpoint *c = model_checkpoint(m);
    const json_t *value = c && c->generation ? json_object_get(c->generation, key) : NULL;
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static viv_status copy_bias(const struct speaking *o, viv_sampling *s, struct error *err)
{
    int32_t *tokens = calloc(o->bias.n + 1, sizeof *tokens);
    float *values = calloc(o->bias.n + 1, sizeof *values);
    s->bias_tokens = tokens;
    s->bias_values = values;
    if (!tokens || !values)
        return error_nomem(err);
    for (size_t i = 0; i < o->bias.n; i++) {
        tokens[i] = o->bias.items[i].id;
        values[i] = o->bias.items[i].value;
    }
    return VIV_OK;
}

viv_status sampling_choose(const struct speaking *o, const viv_model *m, int64_t seed, viv_sampling *s,
                           struct error *err)
{
    const struct checkpoint *c = model_checkpoint(m);
    const json_t *sample = c && c->generation ? json_object_get(c->generation, "do_sample") : NULL;
    bool advised = c && c->generation && (sample || json_object_get(c->generation, "temperature"));
    const struct spec_settings *set = spec_settings(model_spec(m));
    double temperature = json_is_false(sample) ? 0 : generation_number(m, "temperature", advised ? 1 : 0.8);
    double top_p = generation_number(m, "top_p", advised ? 1 : 0.95);
    double top_k = generation_number(m, "top_k", advised ? 50 : 0); /* transformers' own default is 50 */
    const int64_t given_seed = o->seed != SETTING_NONE ? o->seed : seed >= 0 ? seed : set->seed;
    const int64_t given_k = o->top_k != SETTING_NONE ? o->top_k : set->top_k;
/* Of what is given and what is set, the first that is a number; else a third. */
#define FIRST(given, set, otherwise) (float)(!isnan(given) ? (given) : !isnan(set) ? (set) : (otherwise))
    *s = (viv_sampling){.struct_size = sizeof *s,
                        .seed = given_seed >= 0 ? (uint64_t)given_seed : 0,
                        .temperature = FIRST(o->temperature, set->temperature, temperature),
                        .top_p = FIRST(o->top_p, set->top_p, top_p),
                        .min_p = FIRST(o->min_p, set->min_p, generation_number(m, "min_p", 0)),
                        .typical_p = FIRST(o->typical_p, set->typical_p, generation_number(m, "typical_p", 1)),
                        .top_k = given_k >= 0 ? (int32_t)given_k : (int32_t)fmin(fmax(top_k, 0), INT32_MAX),
                        .repetition_penalty = FIRST(o->repeat_penalty, set->repetition_penalty,
                                                    generation_number(m, "repetition_penalty", 1)),
                        .presence_penalty = FIRST(o->presence_penalty, set->presence_penalty, 0),
                        .frequency_penalty = FIRST(o->frequency_penalty, set->frequency_penalty, 0),
                        .n_bias = o->bias.n};
#undef FIRST
    const bool any = given_seed < 0;
    if (any && getrandom(&s->seed, sizeof s->seed, 0) != (ssize_t)sizeof s->seed)
        s->seed = (uint64_t)(seconds_now() * 1e9);
    if (any)
        s->seed &= 0x7FFFFFFF; /* short enough to be typed again */
    return copy_bias(o, s, err);
}

void sampling_limits(const struct speaking *o, const viv_model *m, viv_request *request)
{
    const struct spec_settings *set = spec_settings(model_spec(m));
    const int64_t n = o->n != SETTING_NONE ? o->n : set->max_tokens;
    request->max_tokens = n >= 0 ? n : -1;
    request->stop = o->stop.n ? o->stop.items : set->stop;
    request->n_stop = o->stop.n ? (uint32_t)o->stop.n : set->n_stop;
}

void sampling_release(viv_sampling *s)
{
    free((void *)s->bias_tokens);
    free((void *)s->bias_values);
    s->bias_tokens = NULL;
    s->bias_values = NULL;
}
