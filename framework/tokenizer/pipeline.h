/* pipeline.h - a tokenizer from the inside: what the readers (tokenizer_json.c, tokenizer_gguf.c, sentencepiece.c,
 * tiktoken.c) fill in, and tokenizer.c runs. */
#ifndef TOKENIZER_PIPELINE_H
#define TOKENIZER_PIPELINE_H

#include "tokenizer/model.h"
#include "tokenizer/stages.h"

/* A token that is found in the text itself, before anything else happens to it. */
struct added_token {
    const char *content; /* in the tokenizer's arena */
    size_t n;
    int32_t id;
    bool special, single_word, lstrip, rstrip;
    bool normalized; /* searched for in the normalized text, in its normalized form */
    bool as_is;      /* searched for in the normalized text, as it stands */
};

/* Contents in order, so that the longest one at a place is found by narrowing a range. */
struct added_index {
    struct added_entry {
        const char *text;
        size_t n;
        uint32_t token;
    } * v;
    size_t n, capacity;
};

struct added_tokens {
    struct added_token *v;
    size_t n, capacity;
    struct strmap by_text; /* to the place in v */
    uint32_t *by_id;       /* [n_ids] the place in v + 1, or 0 */
    uint32_t n_ids;        /* the highest id + 1 */
    size_t ids_capacity;
    struct added_index raw, normalized;
};
void added_release(struct added_tokens *a);
const struct added_token *added_find(const struct added_tokens *a, const char *text, size_t n); /* or NULL */
const struct added_token *added_of(const struct added_tokens *a, int32_t id);                   /* or NULL */

/* Where a search for added tokens stands; zeroed at the beginning of a text. */
struct added_match {
    size_t done;       /* of the text, before this match */
    size_t begin, end; /* of the match, with the spaces that belong to it */
    size_t searched;
    const struct added_token *token;
    const struct plain_places *plain; /* where no special token begins; or NULL */
};
/* The longest token that s begins with, or NULL. */
const struct added_token *added_at(const struct added_tokens *a, const char *s, size_t n);
/* The next token in s. False: there is none; the text from m->done on is without. */
bool added_next(const struct added_tokens *a, const struct added_index *index, const char *s, size_t n, int flags,
                struct added_match *m);

struct tokenizer {
    struct arena arena;        /* texts of pieces and tokens */
    struct vocab vocab;        /* the model's: no text becomes a piece that is not here */
    struct added_tokens added; /* decoded by their own text, though the model may have a piece of that id */
    struct normalizers normalizers;
    struct pretokenizers pretokenizers;
    struct token_model *model;
    struct template template;
    struct decoders decoders;
    int32_t bos, eos;
    struct token_ids ends;   /* besides eos */
    int32_t unk;             /* decodes to unk_surface, if there is one */
    const char *unk_surface; /* or NULL */
    const char *summary;
};

struct tokenizer *tokenizer_new(void); /* NULL: memory is out */
/* Takes a copy of content. What the model has a piece of, or what was added before, keeps its id; others have
 * token->id, or, where that is -1, the next free one. */
viv_status tokenizer_add_token(struct tokenizer *t, const struct added_token *token, struct error *err);
/* The id that the reference library gives to the next token that is added: it counts, whatever a file may say. */
int32_t tokenizer_next_id(const struct tokenizer *t);
/* A token that ends a text. */
viv_status tokenizer_add_end(struct tokenizer *t, int32_t id, struct error *err);
viv_status tokenizer_index_added(struct tokenizer *t, struct error *err);
/* To be called last: builds the indices, checks ids, writes the summary. `origin`: "tokenizer.json". */
viv_status tokenizer_finish(struct tokenizer *t, const char *origin, struct error *err);
/* The base of a model: its vocabulary and byte tokens. */
struct token_model tokenizer_model_base(const struct tokenizer *t, int32_t unk);
/* The space that SentencePiece puts before a text. */
enum dummy_prefix {
    PREFIX_NONE,
    PREFIX_DOUBLED, /* before every stretch between added tokens, though it may begin with one */
    PREFIX_EVERY,   /* before every stretch that begins with none */
    PREFIX_FIRST    /* before the first one, if it begins with none */
};
/* The stages of SentencePiece: spaces are U+2581. */
viv_status tokenizer_add_metaspace(struct tokenizer *t, enum dummy_prefix prefix, struct error *err);
/* A byte-level BPE without a list of merges: of two neighbours that are a piece the one with the lowest id merges.
 */
viv_status tokenizer_merge_by_id(struct tokenizer *t, struct error *err);
/* Byte-level words by these regular expressions, one after the other; NULL ends the list. */
viv_status tokenizer_add_byte_level(struct tokenizer *t, const char *const *patterns, struct error *err);
viv_status tokenizer_put_before(struct tokenizer *t, int32_t id, struct error *err);
viv_status tokenizer_put_after(struct tokenizer *t, int32_t id, struct error *err);

/* --- readers, a file each ------------------------------------------------------------------------------------- */

/* What a checkpoint's small files say beside the vocabulary; each may be NULL. */
struct tokenizer_words {
    json_t *config, *model_config; /* tokenizer_config.json, config.json */
    json_t *map, *added;           /* special_tokens_map.json, added_tokens.json */
    const struct tokenizer_class *class;
};

/* A class of transformers: what it does that no file says. */
struct tokenizer_class {
    const char *names[6];       /* tokenizer_class, without "Fast" */
    const char *model_types[8]; /* config.json's model_type, where tokenizer_class is not there */
    const char *pattern;        /* of byte-level words */
    bool nfc, llama, t5;
    bool around; /* bos and eos stand around a text, whatever add_... may say */
    const char *eos, *bos, *unk, *pad, *sep, *cls, *mask;
};
/* NULL: none is named, or an unknown one (*name is what is named, else NULL). */
const struct tokenizer_class *tokenizer_class_of(const struct tokenizer_words *w, const char **name);

viv_status tokenizer_read_json(struct tokenizer *t, const char *path, struct error *err);
viv_status tokenizer_read_tekken(struct tokenizer *t, const char *path, struct error *err);
viv_status tokenizer_read_gguf(struct tokenizer *t, const struct checkpoint *c, struct error *err);
/* w: NULL for the file alone */
viv_status tokenizer_read_sentencepiece(struct tokenizer *t, const struct tokenizer_words *w,
                                        const unsigned char *bytes, size_t n, struct error *err);
viv_status tokenizer_read_tiktoken(struct tokenizer *t, const char *path, const char *text, size_t n,
                                   struct error *err);
/* vocab.json and merges.txt in a directory */
viv_status tokenizer_read_vocab_merges(struct tokenizer *t, const char *directory, const struct tokenizer_words *w,
                                       struct error *err);
/* vocab.txt of BERT */
viv_status tokenizer_read_vocab_txt(struct tokenizer *t, const char *path, json_t *config, struct error *err);
/* Parts of tokenizer.json: {"piece": id, ...}; all but the file. */
viv_status tokenizer_read_pieces(struct tokenizer *t, json_t *vocab, struct error *err);
viv_status tokenizer_read_components(struct tokenizer *t, json_t *root, struct error *err);
/* Tokens that these files declare beside the vocabulary's file, and which of them begin and end a text. */
viv_status tokenizer_declare(struct tokenizer *t, const struct tokenizer_words *w, struct error *err);

#endif
