/* tokenizer_gguf.c - the tokenizer in a GGUF file's metadata: tokenizer.ggml.* (docs/gguf.md of ggml). */
#include "text/pipeline.h"

#include "base/near.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, TYPE_UNUSED = 5, TYPE_BYTE = 6 };

struct reader {
    struct tokenizer *t;
    const struct checkpoint *c;
    struct meta types, scores;
    struct error *err;
};

/* --- regular expressions by name ----------------------------------------------------------------------------- */

#define PUNCTUATION_APART "[\\p{P}\\$\\+<=>\\^~\\|`]+"
#define DIGITS_APART      "\\p{N}"

static const struct pre {
    const char *names[8];
    const char *patterns[6];
    bool ignore_merges, bos; /* bos: put before a text unless the file says otherwise */
} pres[] = {
    {.names = {"llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral"},
     .patterns = {LLAMA3_PATTERN},
     .ignore_merges = true,
     .bos = true},
    {.names = {"default"}, .patterns = {PUNCTUATION_APART, GPT2_PATTERN, DIGITS_APART, "[0-9][0-9][0-9]"}},
    {.names = {"deepseek-llm"},
     .patterns = {"[\r\n]", "\\s?\\p{L&}+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+$", "[一-龥ࠀ-一가-퟿]+",
                  "\\p{N}+"}},
    {.names = {"deepseek-coder"},
     .patterns = {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-퟿]+", "\\p{N}"}},
    {.names = {"falcon"}, .patterns = {PUNCTUATION_APART, GPT2_PATTERN, "[0-9][0-9][0-9]"}},
    {.names = {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"},
     .patterns = {DIGITS_APART, GPT2_PATTERN}},
    {.names = {"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling"}, .patterns = {GPT2_PATTERN}},
    {.names = {"jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code", "roberta-bpe"},
     .patterns = {GPT2_PATTERN}},
    {.names = {"qwen2", "stablelm2", "hunyuan", "deepseek-r1-qwen", "megrez"}, .patterns = {QWEN2_PATTERN}},
    {.names = {"dbrx", "smaug-bpe"}, .patterns = {LLAMA3_PATTERN}},
    {.names = {"poro-chat", "bloom", "gpt3-finnish"}, .patterns = {" ?[^(\\s|.,!?…。，、।۔،)]+"}},
    {.names = {"viking"}, .patterns = {" ?[^(\\s|.,!?…。，、।۔،)]+", "\\p{N}"}},
    {.names = {"tekken"},
     .patterns = {"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^"
                  "\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}"
                  "\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| "
                  "?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
     .ignore_merges = true,
     .bos = true},
    {.names = {"gpt-4o", "llama4"},
     .patterns = {"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|"
                  "'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}"
                  "\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|"
                  "'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]"
                  "+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {.names = {"chatglm-bpe", "glm4"}, .patterns = {LLAMA3_PATTERN}},
};

static viv_status find_pre(const struct reader *r, const struct pre **out)
{
    const struct meta name = checkpoint_meta(r->c, "tokenizer.ggml.pre");
    const char *words[128], *wanted = name.kind == META_STRING ? name.s : "default";
    size_t n = 0;
    for (size_t i = 0; i < sizeof pres / sizeof *pres; i++)
        for (size_t k = 0; k < 8 && pres[i].names[k]; k++) {
            words[n++] = pres[i].names[k];
            if (strcmp(pres[i].names[k], wanted) == 0) {
                *out = &pres[i];
                return VIV_OK;
            }
        }
    const char *nearest = near_word(wanted, words, n);
    return error_set(r->err, VIV_EUNSUPPORTED,
                     "tokenizer.ggml.pre is '%.100s', which names no way of cutting words that we know%s%s%s",
                     wanted, nearest ? " (the nearest is '" : "", nearest ? nearest : "", nearest ? "')" : "");
}

/* --- the vocabulary ------------------------------------------------------------------------------------------ */

static viv_status list_of(const struct reader *r, const char *key, enum meta_kind kind, bool needed,
                          struct meta *out)
{
    *out = checkpoint_meta(r->c, key);
    bool numbers = kind == META_INT && (out->element == META_INT || out->element == META_UINT);
    if (out->kind == META_NONE && !needed)
        return VIV_OK;
    if (out->kind != META_ARRAY || (out->element != kind && !numbers))
        return error_set(r->err, VIV_EFORMAT, "%s: expected a list of %s, found %s", key,
                         kind == META_STRING  ? "texts"
                         : kind == META_FLOAT ? "floats"
                                              : "integers",
                         meta_kind_name(out->kind));
    return VIV_OK;
}

static int64_t type_of(const struct reader *r, uint64_t i)
{
    const struct meta m = checkpoint_meta_element(r->c, &r->types, i);
    int64_t type;
    return meta_int(&m, &type) ? type : TYPE_NORMAL;
}

/* Some vocabularies list a text twice; the first keeps the text, the other is known by its number alone. */
static viv_status read_vocab(struct reader *r)
{
    struct meta tokens = {0};
    viv_status status = list_of(r, "tokenizer.ggml.tokens", META_STRING, true, &tokens);
    if (status == VIV_OK)
        status = list_of(r, "tokenizer.ggml.token_type", META_INT, false, &r->types);
    if (status == VIV_OK)
        status = list_of(r, "tokenizer.ggml.scores", META_FLOAT, false, &r->scores);
    if (status != VIV_OK)
        return status;
    if (tokens.n == 0 || tokens.n > MAX_VOCAB)
        return error_set(r->err, VIV_ELIMIT, "tokenizer.ggml.tokens: %" PRIu64 " tokens, expected 1 to %d",
                         tokens.n, MAX_VOCAB);
    if ((r->types.n && r->types.n != tokens.n) || (r->scores.n && r->scores.n != tokens.n))
        return error_set(r->err, VIV_EFORMAT, "tokenizer.ggml.%s has %" PRIu64 " entries for %" PRIu64 " tokens",
                         r->types.n && r->types.n != tokens.n ? "token_type" : "scores",
                         r->types.n && r->types.n != tokens.n ? r->types.n : r->scores.n, tokens.n);
    if (!strmap_reserve(&r->t->vocab.ids, tokens.n))
        return error_nomem(r->err);
    for (uint64_t i = 0; status == VIV_OK && i < tokens.n; i++) {
        const struct meta m = checkpoint_meta_element(r->c, &tokens, i);
        uint32_t known;
        const bool twice = vocab_find(&r->t->vocab, m.s, m.n, &known);
        char *piece =
            twice ? arena_printf(&r->t->arena, "[token %" PRIu64 "]", i) : arena_strndup(&r->t->arena, m.s, m.n);
        status = piece ? vocab_add(&r->t->vocab, piece, twice ? strlen(piece) : m.n, (uint32_t)i, r->err)
                       : error_nomem(r->err);
    }
    return status;
}

static viv_status read_added(struct reader *r)
{
    for (uint32_t i = 0; i < r->t->vocab.n; i++) {
        int64_t type = type_of(r, i);
        if ((type != TYPE_CONTROL && type != TYPE_USER_DEFINED && type != TYPE_UNKNOWN) ||
            r->t->vocab.sizes[i] == 0)
            continue;
        const struct added_token token = {.content = r->t->vocab.pieces[i],
                                          .n = r->t->vocab.sizes[i],
                                          .id = (int32_t)i,
                                          .special = type != TYPE_USER_DEFINED};
        viv_status status = tokenizer_add_token(r->t, &token, r->err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

static viv_status id_of(const struct reader *r, const char *key, int32_t otherwise, int32_t *out)
{
    const struct meta m = checkpoint_meta(r->c, key);
    int64_t id;
    *out = otherwise;
    if (m.kind == META_NONE)
        return VIV_OK;
    if (!meta_int(&m, &id) || id < -1 || (id >= 0 && id >= r->t->vocab.n)) {
        if (m.kind == META_UINT && m.u == UINT32_MAX)
            return VIV_OK; /* how some writers say "none" */
        return error_set(r->err, VIV_EFORMAT, "%s is outside the vocabulary of %" PRIu32 " tokens", key,
                         r->t->vocab.n);
    }
    *out = (int32_t)id;
    return VIV_OK;
}

static bool flag_of(const struct reader *r, const char *key, bool otherwise)
{
    const struct meta m = checkpoint_meta(r->c, key);
    return m.kind == META_BOOL ? m.u != 0 : otherwise;
}

/* --- kinds --------------------------------------------------------------------------------------------------- */

static viv_status make_gpt2(struct reader *r, bool *bos)
{
    const struct pre *pre = NULL;
    struct meta merges = {0};
    viv_status status = find_pre(r, &pre);
    if (status == VIV_OK)
        status = tokenizer_add_byte_level(r->t, pre->patterns, r->err);
    if (status == VIV_OK)
        status = list_of(r, "tokenizer.ggml.merges", META_STRING, true, &merges);
    if (status != VIV_OK)
        return status;
    *bos = pre->bos;
    const struct token_model base = tokenizer_model_base(r->t, -1);
    status = bpe_create(&base, &(struct bpe_options){.ignore_merges = pre->ignore_merges}, &r->t->model, r->err);
    for (uint64_t i = 0; status == VIV_OK && i < merges.n; i++) {
        const struct meta m = checkpoint_meta_element(r->c, &merges, i);
        const char *space = m.n > 1 ? memchr(m.s + 1, ' ', m.n - 1) : NULL;
        if (!space)
            return error_set(r->err, VIV_EFORMAT,
                             "tokenizer.ggml.merges[%" PRIu64
                             "] is '%.*s', expected two pieces with a space between",
                             i, (int)(m.n < 100 ? m.n : 100), m.s);
        status = bpe_add_merge(r->t->model, m.s, (size_t)(space - m.s), space + 1, m.n - (size_t)(space + 1 - m.s),
                               r->err);
    }
    return status;
}

static viv_status read_scores(const struct reader *r, float **out)
{
    float *scores = calloc(r->t->vocab.n, sizeof *scores);
    if (!scores)
        return error_nomem(r->err);
    for (uint32_t i = 0; i < r->t->vocab.n && i < r->scores.n; i++)
        scores[i] = (float)checkpoint_meta_element(r->c, &r->scores, i).f;
    *out = scores;
    return VIV_OK;
}

static viv_status check_byte_tokens(const struct reader *r)
{
    for (uint32_t i = 0; i < r->t->vocab.n; i++) {
        const char *p = r->t->vocab.pieces[i];
        unsigned byte;
        char end;
        if (type_of(r, i) == TYPE_BYTE && (strlen(p) != 6 || sscanf(p, "<0x%2X%c", &byte, &end) != 2 || end != '>'))
            return error_set(r->err, VIV_EFORMAT,
                             "token %" PRIu32 " is of type byte, but called '%.100s', expected <0x00> to <0xFF>", i,
                             p);
    }
    return VIV_OK;
}

static viv_status make_llama(struct reader *r, int32_t unk)
{
    float *scores;
    viv_status status = check_byte_tokens(r);
    if (status == VIV_OK)
        status = tokenizer_add_metaspace(r->t, flag_of(r, "tokenizer.ggml.add_space_prefix", true), r->err);
    if (status == VIV_OK)
        status = read_scores(r, &scores);
    if (status != VIV_OK)
        return status;
    struct token_model base = tokenizer_model_base(r->t, unk);
    base.byte_fallback = true;
    status = bpe_create(&base, &(struct bpe_options){.scores = scores}, &r->t->model, r->err);
    free(scores);
    return status;
}

static viv_status make_bert(struct reader *r, int32_t unk)
{
    struct normalizer *z = normalizers_add(&r->t->normalizers, NORMALIZE_BERT);
    if (!z)
        return error_nomem(r->err);
    z->clean = z->chinese = z->lowercase = z->accents = true;
    static const char bert[] = "{\"type\": \"BertPreTokenizer\"}";
    /* pieces begin with U+2581 where a word begins, where WordPiece marks those that continue */
    json_t *j;
    viv_status status = json_parse("bert", bert, sizeof bert - 1, &j, r->err);
    if (status == VIV_OK) {
        status = pretokenizers_add_json(&r->t->pretokenizers, j, r->err);
        json_decref(j);
    }
    struct pretokenizer *p =
        status == VIV_OK ? pretokenizers_add(&r->t->pretokenizers, PRETOKENIZE_METASPACE) : NULL;
    if (status == VIV_OK && (!p || !(p->text = strdup("\xE2\x96\x81"))))
        return error_nomem(r->err);
    if (status != VIV_OK)
        return status;
    p->scheme = PREPEND_ALWAYS;
    struct decoder *d = decoders_add(&r->t->decoders, DECODE_METASPACE);
    if (!d || !(d->text = strdup("\xE2\x96\x81")))
        return error_nomem(r->err);
    d->flag = true;
    const struct token_model base = tokenizer_model_base(r->t, unk);
    return wordpiece_create(&base, "", 100, &r->t->model, r->err);
}

static viv_status add_charsmap(struct reader *r)
{
    const struct meta map = checkpoint_meta(r->c, "tokenizer.ggml.precompiled_charsmap");
    struct buf bytes = {0};
    if (map.kind != META_ARRAY || map.n == 0)
        return VIV_OK;
    for (uint64_t i = 0; i < map.n; i++) {
        const struct meta m = checkpoint_meta_element(r->c, &map, i);
        buf_putc(&bytes, (char)m.u);
    }
    struct normalizer *z = bytes.failed ? NULL : normalizers_add(&r->t->normalizers, NORMALIZE_CHARSMAP);
    viv_status status =
        z ? charsmap_create(buf_text(&bytes), bytes.size, &z->charsmap, r->err) : error_nomem(r->err);
    buf_release(&bytes);
    if (status == VIV_OK)
        z->by_prefix = true;
    return status;
}

static viv_status make_t5(struct reader *r, int32_t unk)
{
    float *scores;
    viv_status status = add_charsmap(r);
    if (status == VIV_OK && flag_of(r, "tokenizer.ggml.remove_extra_whitespaces", false) &&
        !normalizers_add(&r->t->normalizers, NORMALIZE_SQUEEZE))
        status = error_nomem(r->err);
    if (status == VIV_OK)
        status = tokenizer_add_metaspace(r->t, flag_of(r, "tokenizer.ggml.add_space_prefix", true), r->err);
    if (status == VIV_OK)
        status = read_scores(r, &scores);
    if (status != VIV_OK)
        return status;
    double *doubles = calloc(r->t->vocab.n, sizeof *doubles);
    for (uint32_t i = 0; doubles && i < r->t->vocab.n; i++)
        doubles[i] = (double)scores[i];
    struct token_model base = tokenizer_model_base(r->t, unk);
    base.fuse_unk = true;
    status = doubles ? unigram_create(&base, doubles, &r->t->model, r->err) : error_nomem(r->err);
    free(doubles);
    free(scores);
    return status;
}

viv_status tokenizer_read_gguf(struct tokenizer *t, const struct checkpoint *c, struct error *err)
{
    static const char *const kinds[] = {"gpt2", "llama", "bert", "t5"};
    struct reader r = {.t = t, .c = c, .err = err};
    const struct meta kind = checkpoint_meta(c, "tokenizer.ggml.model");
    int32_t unk = -1;
    bool bos = false, eos = false;
    if (kind.kind != META_STRING)
        return error_set(err, kind.kind == META_NONE ? VIV_ENOTFOUND : VIV_EFORMAT,
                         "the file has no tokenizer (tokenizer.ggml.model)");
    viv_status status = read_vocab(&r);
    if (status == VIV_OK)
        status = id_of(&r, "tokenizer.ggml.bos_token_id", -1, &t->bos);
    if (status == VIV_OK)
        status = id_of(&r, "tokenizer.ggml.eos_token_id", -1, &t->eos);
    if (status == VIV_OK)
        status = id_of(&r, "tokenizer.ggml.unknown_token_id", -1, &unk);
    if (status != VIV_OK)
        return status;
    if (strcmp(kind.s, "gpt2") == 0) {
        status = make_gpt2(&r, &bos);
    } else if (strcmp(kind.s, "llama") == 0) {
        bos = true;
        status = make_llama(&r, unk < 0 ? 0 : unk);
    } else if (strcmp(kind.s, "bert") == 0) {
        bos = eos = true;
        uint32_t found;
        status = id_of(&r, "tokenizer.ggml.cls_token_id",
                       vocab_find(&t->vocab, "[CLS]", 5, &found) ? (int32_t)found : t->bos, &t->bos);
        if (status == VIV_OK)
            status = id_of(&r, "tokenizer.ggml.seperator_token_id",
                           vocab_find(&t->vocab, "[SEP]", 5, &found) ? (int32_t)found : t->eos, &t->eos);
        if (unk < 0 && vocab_find(&t->vocab, "[UNK]", 5, &found))
            unk = (int32_t)found;
        if (status == VIV_OK)
            status = make_bert(&r, unk);
    } else if (strcmp(kind.s, "t5") == 0) {
        eos = true;
        status = make_t5(&r, unk < 0 ? 2 : unk);
    } else {
        const char *nearest = near_word(kind.s, kinds, 4);
        return error_set(err, VIV_EUNSUPPORTED,
                         "tokenizer.ggml.model is '%.100s', expected gpt2, llama, bert or t5%s%s", kind.s,
                         nearest ? "; did you mean " : "", nearest ? nearest : "");
    }
    if (status == VIV_OK)
        status = read_added(&r);
    if (status == VIV_OK && flag_of(&r, "tokenizer.ggml.add_bos_token", bos) && t->bos >= 0)
        status = tokenizer_put_before(t, t->bos, err);
    if (status == VIV_OK && flag_of(&r, "tokenizer.ggml.add_eos_token", eos) && t->eos >= 0)
        status = tokenizer_put_after(t, t->eos, err);
    return status;
}
