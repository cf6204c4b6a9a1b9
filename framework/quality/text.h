/* text.h - a text as a model reads it, to be measured by: its tokens, what the tokenizer puts before a text, and
 * how much of the text the tokens hold. */
#ifndef QUALITY_TEXT_H
#define QUALITY_TEXT_H

#include "model/model.h"

struct quality_text {
    struct token_ids start; /* a beginning-of-text token, where the tokenizer has one; often none */
    struct token_ids ids;
    uint64_t n_bytes; /* of the text; 0: only its tokens are known */
    bool exact;       /* the tokens decode to the text, byte for byte */
};

/* Special tokens that are written out in the text are read as the characters that they are. Refuses a text that is
 * empty, no UTF-8, or too short to have a token to predict. `name` is what errors call it. */
viv_status quality_text_read(struct quality_text *out, viv_model *m, const char *name, const char *text,
                             uint64_t size, struct error *err);
/* Tokens as they are, copied; nothing stands before them. */
viv_status quality_text_of_ids(struct quality_text *out, const int32_t *ids, uint64_t n, struct error *err);
void quality_text_release(struct quality_text *t);

/* Bytes of the text that its first n tokens hold; 0: that is not known, since the tokens are not exact. */
viv_status quality_text_bytes(const struct quality_text *t, viv_model *m, uint64_t n, uint64_t *out,
                              struct error *err);

/* What the tokenizer puts before a text; *out is empty before. */
viv_status quality_start(const struct tokenizer *t, struct token_ids *out, struct error *err);
/* Refuses tokens that the model has no row or no logit for. */
viv_status quality_check_ids(const viv_model *m, const struct token_ids *ids, struct error *err);

/* Refuses, by name, a model that has no next-token probabilities of a text. Needs no weights. */
viv_status quality_check_model(const viv_model *m, struct error *err);
/* Refuses two of which one has none, or whose tokens are not the same ones. */
viv_status quality_check_pair(viv_model *a, viv_model *b, struct error *err);

#endif
