/* source.h - what is quantized: the header of a GGUF model, and the rows of its tensors when they are wanted.
 *
 *   source_of_gguf      a GGUF file; its rows are in the mapping
 *   source_convert      a model of safetensors, whose names, layouts and metadata become those of GGUF (convert.c)
 *   source_keep_vocab   another source with fewer tokens (keep_vocab.c)
 *
 * source_release in any case. A source belongs to one thread. */
#ifndef QUANTIZE_SOURCE_H
#define QUANTIZE_SOURCE_H

#include "formats/checkpoint.h"
#include "model/model.h"

struct weight_source {
    const struct checkpoint *header; /* names, shapes, types and metadata; its tensors may have no data */
    void *self;                      /* of the kind */
    uint64_t window; /* the width of a window that GGUF files leave out, to which the context was cut; 0: none */
    /* NULL: the header's tensors have data. See source_rows. */
    viv_status (*rows)(void *self, uint32_t tensor, uint64_t first, uint64_t *n, const void **out,
                       struct error *err);
    void (*release)(void *self);
};

/* Rows [first, first + *n) of a tensor of the header; *n becomes less where fewer are at hand, but not 0. Valid
 * until the next call. Memory: at most one tensor of the model; of stacked experts, one expert. */
viv_status source_rows(const struct weight_source *s, uint32_t tensor, uint64_t first, uint64_t *n,
                       const void **out, struct error *err);
void source_release(struct weight_source *s); /* accepts a zeroed one */

/* Fails for weights that cannot be read. The checkpoint is borrowed. */
viv_status source_of_gguf(const struct checkpoint *c, struct weight_source *out, struct error *err);

/* The model in GGUF. It is borrowed, and needs no model_load. Fails where GGUF has no words for it: for a family, a
 * weight, an option or a tokenizer; and where the result would not be the same model. Reads no weights. */
viv_status source_convert(viv_model *m, struct weight_source *out, struct error *err);

/* Tokens of a model's tokenizer; 0: it has none. */
uint64_t source_vocab_size(const struct weight_source *s);
/* Of a source with fewer tokens: [*n] the ids that they had. */
const uint32_t *source_kept_ids(const struct weight_source *s, uint64_t *n);
/* The model with only some of its tokens, which are numbered anew in their order. keep: [source_vocab_size] whether
 * a token stays; those that others need are added. `inner` is borrowed. */
viv_status source_keep_vocab(const struct weight_source *inner, bool *keep, struct weight_source *out,
                             struct error *err);

#endif
