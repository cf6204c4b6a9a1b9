/* tokenizer.h - encodes text to token ids and decodes them, with the pipeline of Hugging Face's tokenizers library:
 * a normalizer, a pre-tokenizer, a model (BPE, Unigram, WordPiece), a post-processor, a decoder, and added tokens.
 * They are read from tokenizer.json, or derived from the metadata of a GGUF file or from a SentencePiece
 * tokenizer.model.
 *
 * A tokenizer is immutable: any thread may encode and decode. */
#ifndef TOKENIZER_TOKENIZER_H
#define TOKENIZER_TOKENIZER_H

#include "base/buf.h"
#include "base/error.h"
#include "formats/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>
#include <vivarium/text.h>

struct tokenizer;

/* Opens a file: tokenizer.json, tekken.json or tokenizer.model (SentencePiece or tiktoken). */
viv_status tokenizer_open_file(const char *path, struct tokenizer **out, struct error *err);
/* From tokenizer.json, else tekken.json, tokenizer.model, spiece.model, vocab.json + merges.txt or
 * vocab.txt of a directory, with what its small files declare besides: tokenizer_config.json,
 * special_tokens_map.json and others. */
viv_status tokenizer_open_directory(const char *directory, struct tokenizer **out, struct error *err);
/* Opens the tokenizer of a checkpoint: tokenizer.ggml.* of a GGUF file, else from its directory. */
viv_status tokenizer_open(const struct checkpoint *c, struct tokenizer **out, struct error *err);
void tokenizer_destroy(struct tokenizer *t);

enum {
    TOKENIZER_ADD_SPECIAL = 1,   /* run the post-processor: beginning-of-text and the like */
    TOKENIZER_PARSE_SPECIAL = 2, /* the text of a special token becomes that token */
    TOKENIZER_SKIP_SPECIAL = 4   /* decode: leave special tokens out */
};

struct token_ids {
    int32_t *ids; /* malloc'ed */
    size_t n, capacity;
};
bool token_ids_add(struct token_ids *ids, int32_t id);   /* false: memory is out */
bool token_ids_reserve(struct token_ids *ids, size_t n); /* room for n more */
void token_ids_release(struct token_ids *ids);

/* Appends the ids of a text to *out. */
viv_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t size, int flags,
                            struct token_ids *out, struct error *err);
/* The same with TOKENIZER_PARSE_SPECIAL, but special tokens are not found on bytes whose from_data is not 0.
 * from_data: [size], or NULL if it is 0 everywhere. */
viv_status tokenizer_encode_prompt(const struct tokenizer *t, const char *text, size_t size,
                                   const unsigned char *from_data, struct token_ids *out, struct error *err);
/* Appends the ids of one text or a pair, with special tokens, truncated to `limit` ids (0: not truncated), and the
 * token types to *types. */
viv_status tokenizer_encode_texts(const struct tokenizer *t, uint32_t n, const char *const *texts,
                                  const uint64_t *sizes, uint64_t limit, struct token_ids *ids,
                                  struct token_ids *types, struct error *err);
/* Appends the text of ids to *out. */
viv_status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, int flags, struct buf *out,
                            struct error *err);

uint32_t tokenizer_vocab_size(const struct tokenizer *t); /* highest id + 1 */
/* The piece of an id, as in the vocabulary, terminated; NULL if there is none. */
const char *tokenizer_piece(const struct tokenizer *t, int32_t id);
/* Appends the bytes that a token has inside a text, which need not be whole characters. False: it has none (it is
 * special, unused, padding, or no token), or memory is out. */
bool tokenizer_token_bytes(const struct tokenizer *t, int32_t id, struct buf *out);
bool tokenizer_id(const struct tokenizer *t, const char *piece, int32_t *id);
bool tokenizer_is_special(const struct tokenizer *t, int32_t id);
/* Ids that a checkpoint's files declare; -1: not declared. */
int32_t tokenizer_bos(const struct tokenizer *t);
int32_t tokenizer_eos(const struct tokenizer *t);
/* The i-th further end-of-text token, or -1. */
int32_t tokenizer_end(const struct tokenizer *t, size_t i);
/* "byte-level BPE, 50257 tokens, from tokenizer.json": for `viv inspect`. Borrowed. */
const char *tokenizer_summary(const struct tokenizer *t);

/* Streaming decoder: returns text in whole characters as ids arrive; all of it together is the result of
 * tokenizer_decode. Text that later ids may change is held back: byte tokens until the end of their run, because
 * one invalid byte changes all of it. */
viv_status stream_decoder_create(const struct tokenizer *t, int flags, viv_decoder **out, struct error *err);
/* With TOKENIZER_SKIP_SPECIAL: special tokens that are not left out are those for which shows(ctx, id) is true. */
void stream_decoder_show(viv_decoder *d, bool (*shows)(const void *ctx, int32_t id), const void *ctx);
/* *text: the text that `id` completes, valid until the next call. */
viv_status stream_decoder_push(viv_decoder *d, int32_t id, const char **text, size_t *size, struct error *err);
/* Returns the text that is still held back. More ids may be pushed afterwards. */
viv_status stream_decoder_finish(viv_decoder *d, const char **text, size_t *size, struct error *err);
void stream_decoder_destroy(viv_decoder *d);

#endif
