/* pipeline.h - a tokenizer from the inside: what the readers (tokenizer_json.c, tokenizer_gguf.c, sentencepiece.c,
 * tiktoken.c) fill in, and tokenizer.c runs. */
#ifndef TEXT_PIPELINE_H
#define TEXT_PIPELINE_H

#include "text/model.h"
#include "text/stages.h"

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

struct tokenizer {
    struct arena arena; /* texts of pieces and tokens */
    struct vocab vocab;
    struct normalizers normalizers;
    struct pretokenizers pretokenizers;
    struct token_model *model;
    struct template template;
    struct decoders decoders;
    struct added_token *added;
    size_t n_added, added_capacity;
    struct added_index raw, normalized;
    uint8_t *special; /* [n_special] by id */
    uint32_t n_special;
    int32_t bos, eos;
    int32_t unk;             /* decodes to unk_surface, if there is one */
    const char *unk_surface; /* or NULL */
    const char *summary;
};

struct tokenizer *tokenizer_new(void); /* NULL: memory is out */
/* Takes a copy of content. A token that the vocabulary lacks is added to it. */
viv_status tokenizer_add_token(struct tokenizer *t, const struct added_token *token, struct error *err);
/* To be called last: builds the indices, checks ids, writes the summary. `origin`: "tokenizer.json". */
viv_status tokenizer_finish(struct tokenizer *t, const char *origin, struct error *err);
/* The base of a model: its vocabulary and byte tokens. */
struct token_model tokenizer_model_base(const struct tokenizer *t, int32_t unk);
/* The decoder and normalizer of SentencePiece: spaces are U+2581, one of which stands before the text when dummy.
 */
viv_status tokenizer_add_metaspace(struct tokenizer *t, bool dummy, struct error *err);
/* Byte-level words by these regular expressions, one after the other; NULL ends the list. */
viv_status tokenizer_add_byte_level(struct tokenizer *t, const char *const *patterns, struct error *err);
viv_status tokenizer_put_before(struct tokenizer *t, int32_t id, struct error *err);
viv_status tokenizer_put_after(struct tokenizer *t, int32_t id, struct error *err);

viv_status tokenizer_read_json(struct tokenizer *t, const char *path, struct error *err);
viv_status tokenizer_read_gguf(struct tokenizer *t, const struct checkpoint *c, struct error *err);
viv_status tokenizer_read_sentencepiece(struct tokenizer *t, const char *path, const unsigned char *bytes, size_t n,
                                        struct error *err);
viv_status tokenizer_read_tiktoken(struct tokenizer *t, const char *path, const char *text, size_t n,
                                   struct error *err);
/* vocab.json and merges.txt in a directory */
viv_status tokenizer_read_vocab_merges(struct tokenizer *t, const char *directory, const char *class,
                                       struct error *err);
/* vocab.txt of BERT; config: tokenizer_config.json, or NULL */
viv_status tokenizer_read_vocab_txt(struct tokenizer *t, const char *path, json_t *config, struct error *err);

#define LLAMA3_PATTERN                                                                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "                                     \
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"                                                                 \
    "\\s+(?!\\S)|\\s+"
#define QWEN2_PATTERN                                                                                              \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "                                          \
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"                                                                 \
    "\\s+(?!\\S)|\\s+"
#define GPT2_PATTERN "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

#endif
