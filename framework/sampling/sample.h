/* sample.h - choosing a token from logits: what is behind viv_samplers (vivarium/sampler.h).
 *
 * In the order in which transformers' generate() applies its processors and warpers (5.x):
 *
 *   bias               logit + bias; a bias of -inf forbids the token
 *   repetition penalty logit > 0 ? logit / penalty : logit * penalty, for every token seen (prompt and answer)
 *   frequency penalty  logit - penalty * times chosen (OpenAI; not in transformers)
 *   presence penalty   logit - penalty, if chosen before (likewise)
 *   temperature        logit / temperature; at 0 the highest logit is chosen here, the lowest id among equals
 *   top_k              the k highest
 *   top_p              the most probable, until their sum reaches top_p
 *   min_p              those at least min_p times as probable as the most probable
 *   typical_p          those whose information is nearest to the expected one, until their sum reaches typical_p
 *
 * Each filter works on the probabilities that the one before it has left, and leaves one token at least. What is
 * left is drawn from by one number of a counter-based generator per token. Only additions, multiplications,
 * divisions and comparisons of IEEE 754 decide, in a fixed order: a seed gives the same text on every machine. */
#ifndef SAMPLING_SAMPLE_H
#define SAMPLING_SAMPLE_H

#include "base/error.h"

#include <vivarium/sampler.h>

/* Refuses parameters out of range. */
viv_status sampler_create(const viv_sampling *sampling, uint64_t vocab_size, viv_sampler **out, struct error *err);
/* Tokens of the prompt, for the repetition penalty. Ids outside the vocabulary are never chosen: ignored. */
void sampler_see(viv_sampler *s, const int32_t *tokens, uint64_t n);
/* Goes on from where a sampler like this one stood once it had chosen these tokens. */
void sampler_resume(viv_sampler *s, const int32_t *tokens, uint64_t n);
/* Chooses from logits [vocab_size] and remembers the choice. A logit of -inf is a token that cannot be; refuses NaN
 * and +inf. *logprob, unless NULL: the logarithm of the token's probability by the untouched logits. */
viv_status sampler_choose(viv_sampler *s, const float *logits, int32_t *token, float *logprob, struct error *err);
void sampler_destroy(viv_sampler *s); /* accepts NULL */

#endif
