/* stages.h - the stages around a tokenizer's model: normalizers, pre-tokenizers, post-processors, decoders. Each is
 * a list of steps from tokenizer.json, GGUF metadata or a SentencePiece model, and immutable. */
#ifndef TOKENIZER_STAGES_H
#define TOKENIZER_STAGES_H

#include "base/json.h"
#include "tokenizer/pretokens.h"
#include "tokenizer/tokenizer.h"

struct regex;

/* A pattern: a literal text or a regular expression. */
struct pattern {
    char *literal;
    size_t n;
    struct regex *regex;
};
void pattern_release(struct pattern *p);
viv_status pattern_ranges(const struct pattern *p, const char *s, size_t n, struct ranges *out, struct error *err);
/* {"String": ...} or {"Regex": ...} */
viv_status pattern_from_json(json_t *j, struct pattern *out, struct error *err);

/* --- normalizers: text to text ------------------------------------------------------------------------------- */

enum normalizer_kind {
    NORMALIZE_NFC,
    NORMALIZE_NFD,
    NORMALIZE_NFKC,
    NORMALIZE_NFKD,
    NORMALIZE_LOWERCASE,
    NORMALIZE_STRIP, /* left, right */
    NORMALIZE_STRIP_ACCENTS,
    NORMALIZE_REPLACE, /* pattern, text */
    NORMALIZE_PREPEND, /* text */
    NORMALIZE_BERT,    /* clean, chinese, accents, lowercase */
    NORMALIZE_NMT,
    NORMALIZE_CHARSMAP, /* charsmap: by grapheme, as in the tokenizers library; by_prefix: as in SentencePiece */
    NORMALIZE_BYTES,    /* bytes to GPT-2's letters */
    NORMALIZE_SQUEEZE   /* SentencePiece: runs of spaces become one, none at the ends */
};
struct normalizer {
    enum normalizer_kind kind;
    bool left, right, clean, chinese, accents, lowercase, by_prefix;
    struct pattern pattern;
    char *text;
    struct charsmap *charsmap;
};
struct normalizers {
    struct normalizer *v;
    size_t n, capacity;
};
viv_status normalizers_add_json(struct normalizers *list, json_t *j, struct error *err);
struct normalizer *normalizers_add(struct normalizers *list, enum normalizer_kind kind); /* NULL: memory is out */
viv_status normalizers_apply(const struct normalizers *list, const char *s, size_t n, struct buf *out,
                             struct error *err);
void normalizers_release(struct normalizers *list);

/* SentencePiece's precompiled map: u32 size of a double array (Aoe 1989, in the layout of darts-clone), the array,
 * then the replacement texts. */
viv_status charsmap_create(const void *bytes, size_t n, struct charsmap **out, struct error *err);
void charsmap_destroy(struct charsmap *c);
/* Finds the longest (or shortest) prefix of s in the map. Returns its length, or 0. *to: its replacement. */
size_t charsmap_find(const struct charsmap *c, const char *s, size_t n, bool longest, const char **to);

/* --- pre-tokenizers: split pre-tokens into smaller ones ------------------------------------------------------- */

enum pretokenizer_kind {
    PRETOKENIZE_BYTE_LEVEL, /* prefix_space, use_regex */
    PRETOKENIZE_SPLIT,      /* pattern, behavior, invert */
    PRETOKENIZE_CHARS,      /* behavior; test: which characters are delimiters */
    PRETOKENIZE_METASPACE,  /* text: the replacement; scheme; split */
    PRETOKENIZE_WORDS,      /* runs of \w, and of what is neither \w nor white space */
    PRETOKENIZE_SCRIPTS,    /* split where the script changes */
    PRETOKENIZE_LENGTH      /* length: characters of a pre-token */
};
enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER };
struct pretokenizer {
    enum pretokenizer_kind kind;
    bool prefix_space, use_regex, invert, split;
    enum split_behavior behavior;
    enum prepend_scheme scheme;
    bool (*test)(uint32_t c);
    size_t length;
    struct pattern pattern;
    char *text;
};
struct pretokenizers {
    struct pretokenizer *v;
    size_t n, capacity;
};
viv_status pretokenizers_add_json(struct pretokenizers *list, json_t *j, struct error *err);
struct pretokenizer *pretokenizers_add(struct pretokenizers *list, enum pretokenizer_kind kind);
viv_status pretokenizers_add_regex(struct pretokenizers *list, const char *pattern, enum split_behavior behavior,
                                   struct error *err);
/* `first`: this is the begin of the text (no special token came before). */
viv_status pretokenizers_apply(const struct pretokenizers *list, const char *s, size_t n, bool first,
                               struct pretokens *out, struct error *err);
void pretokenizers_release(struct pretokenizers *list);

/* GPT-2's letters for bytes, in UTF-8, and back. */
const char *byte_level_letter(unsigned char byte, size_t *n);
bool byte_level_encode(const char *s, size_t n, struct buf *out);
bool byte_level_decode(const char *s, size_t n, struct buf *out); /* other characters are unchanged */

/* --- post-processors: special tokens around the text --------------------------------------------------------- */

struct template
{
    int32_t *before, *after; /* of a text alone */
    size_t n_before, n_after;
    struct pair_item { /* of two texts, in order */
        int32_t id;    /* a special token; -1: a text */
        uint8_t text;  /* which one: 0 or 1 */
        int32_t type;
    } * pair;
    size_t n_pair; /* 0: not given */
};
viv_status postprocessor_from_json(json_t *j, struct template *out, struct error *err);
/* Derives the template of a pair from that of a text: as in BERT, [CLS] A [SEP] B [SEP], or RoBERTa,
 * <s> A </s> </s> B </s>. */
viv_status postprocessor_set_pair(struct template *t, bool roberta, struct error *err);
void postprocessor_release(struct template *t);

/* --- decoders: pieces back to text --------------------------------------------------------------------------- */

enum decoder_kind {
    DECODE_BYTE_LEVEL,
    DECODE_METASPACE, /* text: the replacement; flag: removes the space that was added before the text */
    DECODE_WORDPIECE, /* text: the prefix; flag: clean up */
    DECODE_BPE,       /* text: the suffix */
    DECODE_BYTE_FALLBACK,
    DECODE_FUSE,
    DECODE_STRIP,   /* text: a character; left, right: how many */
    DECODE_REPLACE, /* pattern, text */
    DECODE_CTC      /* text: the padding token; pattern.literal: the word delimiter; flag: clean up */
};
struct decoder {
    enum decoder_kind kind;
    bool flag;
    uint32_t left, right;
    struct pattern pattern;
    char *text;
};
struct decoders {
    struct decoder *v;
    size_t n, capacity;
    bool present; /* without a decoder, pieces are joined by spaces */
};
viv_status decoders_add_json(struct decoders *list, json_t *j, struct error *err);
struct decoder *decoders_add(struct decoders *list, enum decoder_kind kind);
void decoders_release(struct decoders *list);

/* A streaming run of the decoders over pieces. Text is returned as soon as no later piece can change it, in whole
 * characters. `list` must outlive it. */
struct decoding;
enum {
    LIKELY_TEXT = 1024
}; /* bytes that each buffer has room for from the beginning: more than nearly any token's */
viv_status decoding_create(const struct decoders *list, struct decoding **out, struct error *err);
/* Appends to *out the text that this piece completes. An empty piece is a piece too. */
viv_status decoding_push(struct decoding *d, const char *piece, size_t n, struct buf *out, struct error *err);
/* Appends the text that is still held back. More pieces may be pushed afterwards. */
viv_status decoding_finish(struct decoding *d, struct buf *out, struct error *err);
void decoding_destroy(struct decoding *d);

#endif
