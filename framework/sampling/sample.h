/* sample.h - samples a token from logits; implements viv_samplers (vivarium/sampler.h).
 *
 * The steps, in the order of transformers' generate() (5.x):
 *
 *   grammar            logit of a token that the grammar does not allow: -inf
 *   bias               logit + bias; a bias of -inf forbids the token
 *   repetition penalty logit > 0 ? logit / penalty : logit * penalty, for every token of prompt and answer
 *   frequency penalty  logit - penalty * times chosen (OpenAI; not in transformers)
 *   presence penalty   logit - penalty, if chosen before (likewise)
 *   temperature        logit / temperature; 0: greedy, the highest logit, of equals the lowest id
 *   top_k              the k highest
 *   top_p              the most probable, until their sum reaches top_p
 *   min_p              those at least min_p times as probable as the most probable
 *   typical_p          those whose information is nearest to the entropy, until their sum reaches typical_p
 *
 * Each filter works on the probabilities that the one before has left, and leaves at least one token. One random
 * number of a counter-based generator per token then draws from the rest. Only additions, multiplications,
 * divisions and comparisons of IEEE 754 are used, in a fixed order: a seed gives the same text on every machine. */
#ifndef SAMPLING_SAMPLE_H
#define SAMPLING_SAMPLE_H

#include "base/error.h"
#include "grammar/recogniser.h"

#include <vivarium/sampler.h>

/* Fails if a parameter is out of range. */
viv_status sampler_create(const viv_sampling *sampling, uint64_t vocab_size, viv_sampler **out, struct error *err);
/* Adds tokens of the prompt, for the repetition penalty. Ids outside the vocabulary are ignored. */
void sampler_see(viv_sampler *s, const int32_t *tokens, uint64_t n);
/* Puts the sampler in the state after it has chosen these tokens. Fails if its grammar does not allow them. */
viv_status sampler_resume(viv_sampler *s, const int32_t *tokens, uint64_t n, struct error *err);
/* Chooses a token from logits [vocab_size] and records it. A token with logit -inf is never chosen; NaN and +inf
 * are errors. *token is -1 where the grammar's text is whole and no token may follow. *logprob, unless NULL: the
 * log-probability of the token by the original logits. */
viv_status sampler_choose(viv_sampler *s, const float *logits, int32_t *token, float *logprob, struct error *err);
/* Chooses among the tokens of a grammar from now on. `release` is called with `ctx` when the sampler no longer
 * needs the recogniser. `name` is what errors call the grammar. */
viv_status sampler_constrain(viv_sampler *s, struct recogniser *r, const char *name, void (*release)(void *ctx),
                             void *ctx, struct error *err);
void sampler_destroy(viv_sampler *s); /* accepts NULL */

#endif
