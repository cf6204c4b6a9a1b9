/* pipeline.h - the structure of a tokenizer: filled in by the readers (tokenizer_json.c, tokenizer_gguf.c,
 * sentencepiece.c, tiktoken.c), used by tokenizer.c. */
#ifndef TOKENIZER_PIPELINE_H
#define TOKENIZER_PIPELINE_H

#include "tokenizer/model.h"
#include "tokenizer/stages.h"

/* An added token: found in the text itself, before any other stage. */
struct added_token {
    const char *content; /* in the tokenizer's arena */
    size_t n;
    int32_t id;
    bool special, single_word, lstrip, rstrip;
    bool normalized; /* searched for in the normalized text, in its normalized form */
    bool as_is;      /* searched for in the normalized text, unchanged */
};

/* Sorted by content, so that the longest match at a place is found by narrowing a range. */
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

/* The state of a search for added tokens; zeroed at the begin of a text. */
struct added_match {
    size_t done;       /* of the text, before this match */
    size_t begin, end; /* of the match, with the spaces that it includes */
    size_t searched;
    const struct added_token *token;
    const unsigned char *from_data; /* [n]: not 0 where no special token may be; or NULL */
};
/* Finds the next token in s. False: there is none after m->done. */
bool added_next(const struct added_tokens *a, const struct added_index *index, const char *s, size_t n, int flags,
                struct added_match *m);

struct tokenizer {
    struct arena arena;        /* texts of pieces and tokens */
    struct vocab vocab;        /* of the model: text is encoded only to these */
    struct added_tokens added; /* decoded to their own text, even if the vocabulary has a piece of that id */
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
/* Adds a token; copies its content. If the vocabulary or an earlier added token has this text, the id stays; else
 * it is token->id, or, if that is -1, the next free one. */
viv_status tokenizer_add_token(struct tokenizer *t, const struct added_token *token, struct error *err);
/* Adds an end-of-text token. */
viv_status tokenizer_add_end(struct tokenizer *t, int32_t id, struct error *err);
viv_status tokenizer_index_added(struct tokenizer *t, struct error *err);
/* Called last: builds the indices, checks ids, writes the summary. `origin`: "tokenizer.json". */
viv_status tokenizer_finish(struct tokenizer *t, const char *origin, struct error *err);
/* The fields that all models share: vocabulary and byte tokens. */
struct token_model tokenizer_model_base(const struct tokenizer *t, int32_t unk);
/* Where SentencePiece adds a space. */
enum dummy_prefix {
    PREFIX_NONE,
    PREFIX_DOUBLED, /* before every part between added tokens, even if it begins with one */
    PREFIX_EVERY,   /* before every part that does not begin with one */
    PREFIX_FIRST    /* before the first part, if it does not begin with one */
};
/* The stages of SentencePiece: spaces are U+2581. */
viv_status tokenizer_add_metaspace(struct tokenizer *t, enum dummy_prefix prefix, struct error *err);
/* A byte-level BPE without a list of merges: the neighbours that form the piece with the lowest id merge first. */
viv_status tokenizer_merge_by_id(struct tokenizer *t, struct error *err);
/* Adds a byte-level pre-tokenizer with these regular expressions, applied in order; NULL ends the list. */
viv_status tokenizer_add_byte_level(struct tokenizer *t, const char *const *patterns, struct error *err);
viv_status tokenizer_put_before(struct tokenizer *t, int32_t id, struct error *err);
viv_status tokenizer_put_after(struct tokenizer *t, int32_t id, struct error *err);

/* --- readers, a file each ------------------------------------------------------------------------------------- */

/* A checkpoint's files besides the vocabulary; each may be NULL. */
struct tokenizer_words {
    json_t *config, *model_config; /* tokenizer_config.json, config.json */
    json_t *map, *added;           /* special_tokens_map.json, added_tokens.json */
    const struct tokenizer_class *class;
};

/* Properties of a tokenizer class of transformers that are in no file. */
struct tokenizer_class {
    const char *names[6];       /* tokenizer_class, without "Fast" */
    const char *model_types[8]; /* config.json's model_type, if there is no tokenizer_class */
    const char *pattern;        /* of byte-level words */
    bool nfc, llama, t5;
    bool around; /* bos and eos are added around a text, whatever add_... says */
    const char *eos, *bos, *unk, *pad, *sep, *cls, *mask;
};
/* The tokenizer's class. NULL: none is named, or an unknown one. *name: what is named, or NULL. */
const struct tokenizer_class *tokenizer_class_of(const struct tokenizer_words *w, const char **name);

viv_status tokenizer_read_json(struct tokenizer *t, const char *path, struct error *err);
viv_status tokenizer_read_tekken(struct tokenizer *t, const char *path, struct error *err);
viv_status tokenizer_read_gguf(struct tokenizer *t, const struct checkpoint *c, struct error *err);
/* w: NULL for only the file */
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
/* Adds the tokens that these files declare besides the vocabulary, and finds bos and eos. */
viv_status tokenizer_declare(struct tokenizer *t, const struct tokenizer_words *w, struct error *err);

#endif
