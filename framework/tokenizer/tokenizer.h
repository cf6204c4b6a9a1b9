/* tokenizer.h - between text and token ids, as the reference library has it: a normalizer, a pre-tokenizer, a model
 * (BPE, Unigram, WordPiece), a post-processor, a decoder, and added tokens, each executed as written in
 * tokenizer.json, or made from the metadata of a GGUF file or from a SentencePiece tokenizer.model.
 *
 * A tokenizer is immutable once made: encode and decode may be called from any thread. */
#ifndef TOKENIZER_TOKENIZER_H
#define TOKENIZER_TOKENIZER_H

#include "base/buf.h"
#include "base/error.h"
#include "formats/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>
#include <vivarium/text.h>

struct tokenizer;

/* From whichever of these the path is: tokenizer.json, tekken.json, tokenizer.model (SentencePiece or tiktoken). */
viv_status tokenizer_open_file(const char *path, struct tokenizer **out, struct error *err);
/* From tokenizer.json, else tekken.json, tokenizer.model, spiece.model, vocab.json + merges.txt or vocab.txt of a
 * directory, with what its small files declare besides: tokenizer_config.json, special_tokens_map.json and others.
 */
viv_status tokenizer_open_directory(const char *directory, struct tokenizer **out, struct error *err);
/* From what accompanies a checkpoint: tokenizer.ggml.* of a GGUF file; else its directory. */
viv_status tokenizer_open(const struct checkpoint *c, struct tokenizer **out, struct error *err);
void tokenizer_destroy(struct tokenizer *t);

enum {
    TOKENIZER_ADD_SPECIAL = 1,   /* run the post-processor: beginning-of-text and the like */
    TOKENIZER_PARSE_SPECIAL = 2, /* special tokens written out in the text become those tokens */
    TOKENIZER_SKIP_SPECIAL = 4   /* decode: leave special tokens out */
};

struct token_ids {
    int32_t *ids; /* malloc'ed */
    size_t n, capacity;
};
bool token_ids_add(struct token_ids *ids, int32_t id); /* false: memory is out */
void token_ids_release(struct token_ids *ids);

/* Offsets of a text, ascending, at which no special token begins, though the text of one stands there. */
struct plain_places {
    const size_t *at; /* [n] */
    size_t n;
};

/* Appends the ids of a text to *out. */
viv_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t size, int flags,
                            struct token_ids *out, struct error *err);
/* The same with TOKENIZER_PARSE_SPECIAL, except at these places. */
viv_status tokenizer_encode_prompt(const struct tokenizer *t, const char *text, size_t size,
                                   const struct plain_places *plain, struct token_ids *out, struct error *err);
/* The first offset from `from` on where the text of a special token stands, or where the rest of the text could
 * begin one; `size` if there is none. *id: the token, or -1 for a beginning. */
size_t tokenizer_find_special(const struct tokenizer *t, const char *text, size_t size, size_t from, int32_t *id);
/* Appends the ids of one text or of two, with what stands around them, cut to `limit` ids (0: as they are), and to
 * *types of which text each is as the model counts them. */
viv_status tokenizer_encode_texts(const struct tokenizer *t, uint32_t n, const char *const *texts,
                                  const uint64_t *sizes, uint64_t limit, struct token_ids *ids,
                                  struct token_ids *types, struct error *err);
/* Appends the text of ids to *out. */
viv_status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, int flags, struct buf *out,
                            struct error *err);

uint32_t tokenizer_vocab_size(const struct tokenizer *t); /* highest id + 1 */
/* The piece behind an id as the vocabulary spells it, terminated; NULL when there is none. */
const char *tokenizer_piece(const struct tokenizer *t, int32_t id);
bool tokenizer_id(const struct tokenizer *t, const char *piece, int32_t *id);
bool tokenizer_is_special(const struct tokenizer *t, int32_t id);
/* Ids that a checkpoint's own files declare; -1 when they do not. */
int32_t tokenizer_bos(const struct tokenizer *t);
int32_t tokenizer_eos(const struct tokenizer *t);
/* Further tokens that end a text: the i-th one, or -1. */
int32_t tokenizer_end(const struct tokenizer *t, size_t i);
/* "byte-level BPE, 50257 tokens, from tokenizer.json": for `viv inspect`. Borrowed. */
const char *tokenizer_summary(const struct tokenizer *t);

/* Decoding as ids come in: text is given out in whole characters, exactly that of tokenizer_decode in the end. What
 * later ids may change is held back: byte tokens to the end of their run, since one wrong byte spoils all of it. */
viv_status stream_decoder_create(const struct tokenizer *t, int flags, viv_decoder **out, struct error *err);
/* What `id` completes: *text lives until the next call. */
viv_status stream_decoder_push(viv_decoder *d, int32_t id, const char **text, size_t *size, struct error *err);
/* What is still held back. Ids pushed later follow those pushed before. */
viv_status stream_decoder_finish(viv_decoder *d, const char **text, size_t *size, struct error *err);
void stream_decoder_destroy(viv_decoder *d);

#endif
