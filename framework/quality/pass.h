/* pass.h - a pass over a text: the logits before each of its tokens, from one model or from several at once.
 *
 * The text goes by in windows of `window` tokens, each begun `stride` tokens after the one before. Of each only the
 * tokens that no window has had yet are predicted, so that every token is predicted once, from at least window -
 * stride tokens that stand before it, or all there are; as in transformers' guide to perplexity of models of fixed
 * length. What the tokenizer puts before a text stands before every window, and counts as part of it. Without such
 * a token the first of the text is predicted by nothing.                                                        */
#ifndef QUALITY_PASS_H
#define QUALITY_PASS_H

#include "quality/text.h"

enum { PASS_MODELS = 2 };

/* How a text is read, and by whom that is watched. */
struct quality_options {
    uint64_t window, stride; /* 0: 512 tokens, or the context if that is less; half of the window */
    const uint32_t *cancel;  /* may become non-zero at any time; or NULL */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total); /* or NULL */
    void *progress_ctx;
};

struct pass {
    uint32_t n_models;
    viv_model *models[PASS_MODELS];
    const struct quality_text *text;
    const struct quality_options *options;
    uint64_t window, stride;
    uint64_t vocab;
    /* inside */
    viv_sequence *sequences[PASS_MODELS];
    int32_t *tokens;      /* [window] of the window at hand */
    uint8_t *output_rows; /* [window] rows that predict a token */
    uint64_t max_rows;
    uint64_t begin, end; /* of the window, in the text */
    uint64_t n, at;      /* tokens of the window, and how many of them went through */
    uint64_t predicted;  /* tokens of the text that need it no more */
};

/* Rows of logits, [n, vocab] of each model, and the tokens that came: until the next call. */
struct pass_rows {
    const float *logits[PASS_MODELS];
    const int32_t *targets;
    uint64_t n;
};

/* Checks models (loaded, of one vocabulary), window and tokens. pass_end in any case. */
viv_status pass_begin(struct pass *p, viv_model *const *models, uint32_t n_models, const struct quality_text *text,
                      const struct quality_options *options, struct error *err);
/* The next few; n 0: that was all. */
viv_status pass_next(struct pass *p, struct pass_rows *out, struct error *err);
void pass_end(struct pass *p);

#endif
