/* perplexity.h - how well a model predicts a text.
 *
 *   nll            = - sum over tokens t of log p(t | the tokens before it in its window)
 *   perplexity     = exp(nll / tokens predicted)
 *   bits per byte  = (nll / log 2 + log2(vocabulary) * tokens not predicted) / bytes of the text
 *
 * Bits per byte is what the text is long in, coded by the model; it compares models whose tokens are not the same
 * ones, which perplexity does not. A first token that nothing predicts is coded as one of the vocabulary. */
#ifndef QUALITY_PERPLEXITY_H
#define QUALITY_PERPLEXITY_H

#include "quality/pass.h"

struct perplexity {
    uint64_t n_tokens;                 /* of the text */
    uint64_t n_predicted;              /* all of them, or all but the first, unless it was interrupted */
    uint64_t n_bytes;                  /* of the text up to there; 0: not known */
    uint64_t window, stride;           /* as they were */
    double nll;                        /* nats */
    double nats_per_token, nats_error; /* mean, and its standard error as of independent tokens */
    double perplexity;                 /* inf where a token has probability 0 */
    double bits_per_byte;              /* NAN: the bytes are not known */
    double seconds;
    bool exact;    /* the tokens hold the whole text: else bits per byte are of what they hold, per byte of all */
    bool complete; /* false: interrupted */
};

/* Of a model that is loaded. When interrupted (VIV_ECANCELLED) *out has what was counted; n_predicted may be 0. */
viv_status perplexity_measure(viv_model *m, const struct quality_text *text, const struct quality_options *options,
                              struct perplexity *out, struct error *err);

#endif
