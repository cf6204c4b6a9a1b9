/* generation.c - see generation.h. */
#include "engine/generation.h"

#include "base/clock.h"

#include <math.h>
#include <sys/random.h>

/* A number of generation_config.json, or `otherwise`. */
static double advised(const viv_model *m, const char *key, double otherwise)
{
    const struct checkpoint *c = model_checkpoint(m);
    const json_t *value = c && c->generation ? json_object_get(c->generation, key) : NULL;
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static float first(double set, double otherwise)
{
    return (float)(isnan(set) ? otherwise : set);
}

int64_t generation_any_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint64_t)(seconds_now() * 1e9);
    return (int64_t)(seed & 0x7FFFFFFF);
}

void generation_sampling(const viv_model *m, enum generation_use use, viv_sampling *out)
{
    const struct checkpoint *c = model_checkpoint(m);
    const json_t *sample = c && c->generation ? json_object_get(c->generation, "do_sample") : NULL;
    const bool advises = c && c->generation && (sample || json_object_get(c->generation, "temperature"));
    const struct spec_settings *set = spec_settings(model_spec(m));
    const double temperature = advises ? 1 : use == GENERATION_ACTION ? 0 : 0.8;
    const double top_k = set->top_k >= 0 ? (double)set->top_k
                                         : advised(m, "top_k", advises ? 50 : 0); /* transformers' default is 50 */
    *out = (viv_sampling){
        .struct_size = sizeof *out,
        .seed = (uint64_t)(set->seed >= 0 ? set->seed : generation_any_seed()),
        .temperature = first(set->temperature, json_is_false(sample) ? 0 : advised(m, "temperature", temperature)),
        .top_p = first(set->top_p, advised(m, "top_p", advises ? 1 : 0.95)),
        .min_p = first(set->min_p, advised(m, "min_p", 0)),
        .typical_p = first(set->typical_p, advised(m, "typical_p", 1)),
        .top_k = (int32_t)fmin(fmax(top_k, 0), INT32_MAX),
        .repetition_penalty = first(set->repetition_penalty, advised(m, "repetition_penalty", 1)),
        .presence_penalty = first(set->presence_penalty, 0),
        .frequency_penalty = first(set->frequency_penalty, 0),
    };
}

void generation_limits(const viv_model *m, viv_request *out)
{
    const struct spec_settings *set = spec_settings(model_spec(m));
    out->max_tokens = set->max_tokens >= 0 ? set->max_tokens : -1;
    out->stop = set->stop;
    out->n_stop = set->n_stop;
    out->grammar = model_answer_grammar(m);
}
