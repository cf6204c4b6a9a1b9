/* divergence.h - how far a model's next-token probabilities q are from a reference's, p, over one text.
 *
 *   KL(p || q) = sum over the vocabulary of p log(p / q)         nats, for each predicted token
 *   same top   = share of the tokens for which the most likely one is the same
 *   dp         = q - p of the token that came */
#ifndef QUALITY_DIVERGENCE_H
#define QUALITY_DIVERGENCE_H

#include "quality/pass.h"

enum { DIVERGENCE_QUANTILES = 6 }; /* 0.5, 0.9, 0.95, 0.99, 0.999, 1 */

struct divergence {
    uint64_t n_tokens, n_predicted, window, stride; /* as of struct perplexity */
    double kl, kl_error;                            /* mean, and its standard error */
    double kl_quantiles[DIVERGENCE_QUANTILES];      /* the last is the largest */
    double same_top;                                /* 0 to 1 */
    double mean_abs_dp, rms_dp;
    double nats_per_token[2], perplexity[2]; /* of the reference, of the other */
    double seconds;
    bool complete; /* false: interrupted */
};

/* Both loaded. Refuses vocabularies that differ. When interrupted (VIV_ECANCELLED) *out has what was counted. */
viv_status divergence_measure(viv_model *reference, viv_model *other, const struct quality_text *text,
                              const struct quality_options *options, struct divergence *out, struct error *err);

#endif
