/* model.h - a tokenizer's model: encodes a pre-token to ids. One file each: bpe.c, unigram.c, wordpiece.c. */
#ifndef TOKENIZER_MODEL_H
#define TOKENIZER_MODEL_H

#include "base/arena.h"
#include "base/strmap.h"
#include "tokenizer/tokenizer.h"

/* The vocabulary: pieces by id and back. Ids may have gaps. */
struct vocab {
    const char **pieces; /* [n] terminated, NULL where there is none */
    uint32_t *sizes;
    uint32_t n, n_pieces; /* highest id + 1; how many there are */
    size_t capacity, sizes_capacity;
    struct strmap ids;
};
enum { MAX_VOCAB = 1 << 21 };

/* `piece` must outlive the vocabulary. A piece or an id that is there already is an error. */
viv_status vocab_add(struct vocab *v, const char *piece, size_t size, uint32_t id, struct error *err);
/* Adds a control token, to which no text is encoded. Its text may occur twice. */
viv_status vocab_add_hidden(struct vocab *v, const char *piece, size_t size, uint32_t id, struct error *err);
void vocab_release(struct vocab *v);
bool vocab_find(const struct vocab *v, const char *piece, size_t size, uint32_t *id);

struct token_model {
    const char *name; /* "BPE" */
    viv_status (*encode)(const struct token_model *m, const char *word, size_t n, struct token_ids *out,
                         struct error *err);
    void (*destroy)(struct token_model *m);
    const struct vocab *vocab; /* the tokenizer's */
    int32_t unk;               /* -1: none */
    bool fuse_unk;
    bool byte_fallback;
    int32_t byte_ids[256]; /* of "<0x00>" ... "<0xFF>"; -1 */
};

/* Finds the ids of byte tokens. */
void token_model_find_bytes(struct token_model *m);
/* Adds the ids for characters that are in no piece: their bytes, else the unknown token, else none. `after_unk`:
 * the last id was such an unknown token too. */
bool token_model_add_unknown(const struct token_model *m, const char *s, size_t n, bool *after_unk,
                             struct token_ids *out);

/* --- BPE ----------------------------------------------------------------------------------------------------- */

struct bpe_options {
    const char *continuing_prefix, *end_suffix; /* or NULL */
    bool ignore_merges;                         /* a pre-token that is a piece becomes that piece */
    bool newlines_whole;                        /* the same for pre-tokens of newlines only */
    const float *scores; /* SentencePiece has no list of merges: the neighbours whose concatenation is the piece
                          * with the highest score merge first; -inf: never; [vocab->n] or NULL */
};
/* `base` is copied: its vocab, unk, fuse_unk, byte_fallback. */
viv_status bpe_create(const struct token_model *base, const struct bpe_options *options, struct token_model **out,
                      struct error *err);
/* Adds merges in order of rank. Pieces that are not in the vocabulary are an error. */
viv_status bpe_add_merge(struct token_model *m, const char *left, size_t n_left, const char *right, size_t n_right,
                         struct error *err);

/* A merge: the ids of two pieces, and of what they become. */
struct bpe_merge {
    uint32_t left, right, id;
};
/* Whether a model is a BPE. *options: borrowed. */
bool bpe_is(const struct token_model *m, struct bpe_options *options);
/* Its merges in order of rank, malloc'ed. */
viv_status bpe_merges(const struct token_model *m, struct bpe_merge **out, size_t *n, struct error *err);

/* --- Unigram, WordPiece, WordLevel --------------------------------------------------------------------------- */

/* scores: [vocab->n], copied; -inf: never chosen. single: sums are rounded to single precision, as SentencePiece
 * does; of sums that are equal, the rounding decides. */
viv_status unigram_create(const struct token_model *base, const double *scores, bool single,
                          struct token_model **out, struct error *err);
viv_status wordpiece_create(const struct token_model *base, const char *prefix, uint32_t max_chars,
                            struct token_model **out, struct error *err);
/* The prefix of pieces that continue a word; NULL: another kind of model. */
const char *wordpiece_prefix(const struct token_model *m);
viv_status wordlevel_create(const struct token_model *base, struct token_model **out, struct error *err);

#endif
