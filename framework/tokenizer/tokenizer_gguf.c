/* tokenizer_gguf.c - reads the tokenizer of a GGUF file from its metadata: tokenizer.ggml.*
 * (docs/gguf.md of ggml). */
#include "tokenizer/gguf_pre.h"
#include "tokenizer/pipeline.h"

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
                         checkpoint_meta_kind_name(out->kind));
    return VIV_OK;
}

static int64_t type_of(const struct reader *r, uint64_t i)
{
    const struct meta m = checkpoint_meta_element(r->c, &r->types, i);
    int64_t type;
    return checkpoint_meta_int(&m, &type) ? type : TYPE_NORMAL;
}

/* Tokens that end a text or a turn because of their name, as in llama.cpp: many files lack the keys. */
static const char *const end_names[] = {"<|eot_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "<|flush|>",
                                        "<|calls|>",
                                        "<end_of_turn>",
                                        "<|endoftext|>",
                                        "</s>",
                                        "<|eom_id|>",
                                        "<EOT>",
                                        "_<EOT>",
                                        "[EOT]",
                                        "[EOS]",
                                        "<|end_of_text|>",
                                        "<end_of_utterance>",
                                        "<eos>",
                                        "<turn|>",
                                        "<|tool_response>",
                                        "<｜end▁of▁sentence｜>",
                                        "[e~["};

static bool is_end_name(const char *s, size_t n)
{
    for (size_t i = 0; i < sizeof end_names / sizeof *end_names; i++)
        if (strlen(end_names[i]) == n && memcmp(s, end_names[i], n) == 0)
            return true;
    return false;
}

/* Whether a token is only found in a text if it is written out and special tokens are parsed. */
static bool is_control(const struct reader *r, uint64_t i, const char *s, size_t n)
{
    const int64_t type = type_of(r, i);
    return type == TYPE_CONTROL || type == TYPE_UNKNOWN || is_end_name(s, n);
}

/* Some vocabularies have a text twice; texts are encoded to the first one. */
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
        const bool hidden = is_control(r, i, m.s, m.n) || vocab_find(&r->t->vocab, m.s, m.n, &known);
        char *piece = arena_strndup(&r->t->arena, m.s, m.n);
        if (!piece)
            return error_nomem(r->err);
        status = (hidden ? vocab_add_hidden : vocab_add)(&r->t->vocab, piece, m.n, (uint32_t)i, r->err);
    }
    return status;
}

static viv_status read_added(struct reader *r)
{
    const struct vocab *v = &r->t->vocab;
    for (uint32_t i = 0; i < v->n; i++) {
        const bool control = is_control(r, i, v->pieces[i], v->sizes[i]);
        if ((!control && type_of(r, i) != TYPE_USER_DEFINED) || v->sizes[i] == 0)
            continue;
        const struct added_token token = {
            .content = v->pieces[i], .n = v->sizes[i], .id = (int32_t)i, .special = control};
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
    if (!checkpoint_meta_int(&m, &id) || id < -1 || (id >= 0 && id >= r->t->vocab.n)) {
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

/* Whether a merge involves a control token, to which no text is encoded. */
static bool merges_control(const struct reader *r, const char *left, size_t n_left, const char *right,
                           size_t n_right)
{
    const struct added_tokens *a = &r->t->added;
    struct buf joined = {0};
    const bool found = added_find(a, left, n_left) || added_find(a, right, n_right) ||
                       (buf_append(&joined, left, n_left) && buf_append(&joined, right, n_right) &&
                        added_find(a, joined.data, joined.size));
    buf_release(&joined);
    return found;
}

/* Words of characters, not of bytes: looked up as characters, then as bytes, <0x00> to <0xFF>. */
static viv_status add_raw_words(struct reader *r, const struct gguf_pre *pre)
{
    viv_status status = VIV_OK;
    if (pre->flags & GGUF_METASPACE)
        status = tokenizer_add_metaspace(r->t, false, r->err);
    else if (!decoders_add(&r->t->decoders, DECODE_BYTE_FALLBACK) || !decoders_add(&r->t->decoders, DECODE_FUSE))
        return error_nomem(r->err);
    for (const char *const *p = pre->patterns; status == VIV_OK && *p; p++)
        status = pretokenizers_add_regex(&r->t->pretokenizers, *p, SPLIT_ISOLATED, r->err);
    return status;
}

static viv_status make_gpt2(struct reader *r, const struct gguf_pre *pre)
{
    struct meta merges = {0};
    viv_status status =
        pre->flags & GGUF_RAW ? add_raw_words(r, pre) : tokenizer_add_byte_level(r->t, pre->patterns, r->err);
    if (status == VIV_OK)
        status = list_of(r, "tokenizer.ggml.merges", META_STRING, true, &merges);
    if (status != VIV_OK)
        return status;
    struct token_model base = tokenizer_model_base(r->t, -1);
    base.byte_fallback = pre->flags & GGUF_RAW;
    const struct bpe_options options = {.ignore_merges = pre->flags & GGUF_WHOLE,
                                        .newlines_whole = pre->flags & GGUF_NEWLINES_WHOLE};
    status = bpe_create(&base, &options, &r->t->model, r->err);
    for (uint64_t i = 0; status == VIV_OK && i < merges.n; i++) {
        const struct meta m = checkpoint_meta_element(r->c, &merges, i);
        const char *space = m.n > 1 ? memchr(m.s + 1, ' ', m.n - 1) : NULL;
        if (!space)
            return error_set(r->err, VIV_EFORMAT,
                             "tokenizer.ggml.merges[%" PRIu64
                             "] is '%.*s', expected two pieces with a space between",
                             i, (int)(m.n < 100 ? m.n : 100), m.s);
        const size_t n_left = (size_t)(space - m.s), n_right = m.n - n_left - 1;
        status = bpe_add_merge(r->t->model, m.s, n_left, space + 1, n_right, r->err);
        if (status == VIV_EFORMAT && merges_control(r, m.s, n_left, space + 1, n_right))
            status = VIV_OK;
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

static enum dummy_prefix dummy_prefix(const struct reader *r)
{
    return flag_of(r, "tokenizer.ggml.add_space_prefix", true) ? PREFIX_DOUBLED : PREFIX_NONE;
}

static viv_status make_llama(struct reader *r, int32_t unk)
{
    float *scores;
    viv_status status = check_byte_tokens(r);
    if (status == VIV_OK)
        status = tokenizer_add_metaspace(r->t, dummy_prefix(r), r->err);
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
    z->clean = z->chinese = true;
    z->lowercase = flag_of(r, "tokenizer.ggml.normalizer.lowercase", true);
    z->accents = flag_of(r, "tokenizer.ggml.normalizer.strip_accents", z->lowercase);
    static const char bert[] = "{\"type\": \"BertPreTokenizer\"}";
    /* pieces have U+2581 where a word begins; WordPiece marks those that continue a word instead */
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
        status = tokenizer_add_metaspace(r->t, dummy_prefix(r), r->err);
    if (status == VIV_OK)
        status = read_scores(r, &scores);
    if (status != VIV_OK)
        return status;
    double *doubles = calloc(r->t->vocab.n, sizeof *doubles);
    for (uint32_t i = 0; doubles && i < r->t->vocab.n; i++)
        doubles[i] = (double)scores[i];
    struct token_model base = tokenizer_model_base(r->t, unk);
    base.fuse_unk = true;
    status = doubles ? unigram_create(&base, doubles, false, &r->t->model, r->err) : error_nomem(r->err);
    free(doubles);
    free(scores);
    return status;
}

/* --- special tokens ------------------------------------------------------------------------------------------ */

/* Defaults for keys that the file lacks, as in llama.cpp. */
static const struct kind {
    const char *name;
    int32_t bos, eos, unk;
    bool add_bos, add_eos;
} kinds[] = {{"gpt2", 11, 11, -1, false, false},      {"llama", 1, 2, 0, true, false},
             {"bert", 101, 102, 100, true, true}, /* [CLS], [SEP], [UNK] */
             {"t5", -1, 1, 2, false, true},           {"gemma4", -1, -1, -1, false, false},
             {"whitespace", 11, 11, -1, false, false}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static viv_status find_kind(const struct reader *r, const struct kind **out)
{
    const struct meta m = checkpoint_meta(r->c, "tokenizer.ggml.model");
    const char *names[N_KINDS];
    if (m.kind != META_STRING)
        return error_set(r->err, m.kind == META_NONE ? VIV_ENOTFOUND : VIV_EFORMAT,
                         "the file has no tokenizer (tokenizer.ggml.model)");
    for (size_t i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(m.s, kinds[i].name) == 0) {
            *out = &kinds[i];
            return VIV_OK;
        }
    }
    const char *nearest = near_word(m.s, names, N_KINDS);
    return error_set(r->err, VIV_EUNSUPPORTED,
                     "tokenizer.ggml.model is '%.100s', expected gpt2, llama, bert, t5, gemma4 or whitespace%s%s",
                     m.s, nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static int32_t if_there(const struct reader *r, int32_t id)
{
    return id >= 0 && (uint32_t)id < r->t->vocab.n ? id : -1;
}

/* A special token of BERT: by its key, else by the other key, else by its name. */
static viv_status bert_id(const struct reader *r, const char *key, const char *other, const char *name,
                          int32_t otherwise, int32_t *out)
{
    int32_t id = if_there(r, otherwise);
    tokenizer_id(r->t, name, &id);
    viv_status status = id_of(r, other, id, &id);
    return status == VIV_OK ? id_of(r, key, id, out) : status;
}

static viv_status read_special_ids(const struct reader *r, const struct kind *kind, int32_t *unk)
{
    static const char bos[] = "tokenizer.ggml.bos_token_id", eos[] = "tokenizer.ggml.eos_token_id";
    struct tokenizer *t = r->t;
    const bool bert = strcmp(kind->name, "bert") == 0;
    viv_status status = bert ? bert_id(r, "tokenizer.ggml.cls_token_id", bos, "[CLS]", kind->bos, &t->bos)
                             : id_of(r, bos, if_there(r, kind->bos), &t->bos);
    if (status == VIV_OK)
        status = bert ? bert_id(r, "tokenizer.ggml.seperator_token_id", eos, "[SEP]", kind->eos, &t->eos)
                      : id_of(r, eos, if_there(r, kind->eos), &t->eos);
    *unk = if_there(r, kind->unk);
    if (bert)
        tokenizer_id(t, "[UNK]", unk);
    return status == VIV_OK ? id_of(r, "tokenizer.ggml.unknown_token_id", *unk, unk) : status;
}

/* Some tokens only end an answer if certain others are missing: "<|end|>" ends a message of Harmony, not the
 * answer. */
static bool ends_nothing(const struct tokenizer *t, const char *name)
{
    int32_t id;
    if (strcmp(name, "<|end|>") == 0)
        return (tokenizer_id(t, "<|call|>", &id) &&
                (tokenizer_id(t, "<|return|>", &id) || tokenizer_id(t, "<|flush|>", &id))) ||
               (tokenizer_id(t, "<|calls|>", &id) && tokenizer_id(t, "<|flush|>", &id));
    return strcmp(name, "</s>") == 0 && tokenizer_id(t, "<|tool_response>", &id);
}

static viv_status read_ends(const struct reader *r)
{
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
    viv_status status = VIV_OK;
    int32_t id = -1;
    for (size_t i = 0; status == VIV_OK && i < sizeof keys / sizeof *keys; i++) {
        status = id_of(r, keys[i], -1, &id);
        if (status == VIV_OK && id >= 0)
            status = tokenizer_add_end(r->t, id, r->err);
    }
    for (size_t i = 0; status == VIV_OK && i < sizeof end_names / sizeof *end_names; i++)
        if (tokenizer_id(r->t, end_names[i], &id) && !ends_nothing(r->t, end_names[i]))
            status = tokenizer_add_end(r->t, id, r->err);
    return status;
}

static viv_status find_pre(const struct reader *r, const struct kind *kind, const struct gguf_pre **out)
{
    const struct meta name = checkpoint_meta(r->c, "tokenizer.ggml.pre");
    if (name.kind != META_NONE && name.kind != META_STRING)
        return error_set(r->err, VIV_EFORMAT, "tokenizer.ggml.pre: expected a text, found %s",
                         checkpoint_meta_kind_name(name.kind));
    return gguf_pre_find(strcmp(kind->name, "gemma4") == 0 ? kind->name
                         : name.kind == META_STRING        ? name.s
                                                           : NULL,
                         out, r->err);
}

viv_status tokenizer_read_gguf(struct tokenizer *t, const struct checkpoint *c, struct error *err)
{
    const struct gguf_pre *pre = NULL;
    struct reader r = {.t = t, .c = c, .err = err};
    const struct kind *kind = NULL;
    int32_t unk = -1;
    viv_status status = find_kind(&r, &kind);
    if (status == VIV_OK)
        status = read_vocab(&r);
    if (status == VIV_OK)
        status = read_added(&r);
    if (status == VIV_OK)
        status = read_special_ids(&r, kind, &unk);
    if (status == VIV_OK)
        status = read_ends(&r);
    if (status != VIV_OK)
        return status;
    bool add_bos = kind->add_bos, add_eos = kind->add_eos;
    switch (kind - kinds) {
    case 1:
        status = make_llama(&r, unk);
        break;
    case 2:
        status = make_bert(&r, unk);
        break;
    case 3:
        status = make_t5(&r, unk);
        break;
    default: /* BPE with a list of merges */
        status = find_pre(&r, kind, &pre);
        if (status == VIV_OK)
            status = make_gpt2(&r, pre);
        add_bos = pre && pre->flags & GGUF_BOS;
    }
    if (strcmp(kind->name, "bert") != 0) { /* BERT always has them */
        add_bos = flag_of(&r, "tokenizer.ggml.add_bos_token", add_bos);
        add_eos = flag_of(&r, "tokenizer.ggml.add_eos_token", add_eos);
    }
    add_bos = add_bos || (pre && pre->flags & GGUF_BOS_ALWAYS);
    if (status == VIV_OK && add_bos && t->bos >= 0)
        status = tokenizer_put_before(t, t->bos, err);
    if (status == VIV_OK && add_eos && t->eos >= 0)
        status = tokenizer_put_after(t, t->eos, err);
    return status;
}
