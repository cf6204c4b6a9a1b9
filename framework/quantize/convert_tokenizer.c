/* convert_tokenizer.c - a tokenizer in the words of GGUF: tokenizer.ggml.model says which kind, and with it most of
 * the stages around the model, which in tokenizer.json are written out.
 *
 *   gpt2    byte-level BPE: merges, and how text is split into words, by a name (tokenizer.ggml.pre)
 *   llama   SentencePiece's BPE: scores in place of merges, bytes for unknown characters
 *   bert    WordPiece
 *
 * What cannot be said so is found in the end: both tokenizers must give the same ids for a text that has something
 * of everything. */
#include "quantize/convert.h"

#include "base/buf.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/pipeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, TYPE_UNUSED = 5, TYPE_BYTE = 6 };

/* Where ways to split text differ: digits in a row, contractions in both cases, spaces and newlines before words
 * and at ends, signs in a row, marks on letters, scripts without spaces, paths, emoji. In NFC, since GGUF names no
 * normalizer. */
static const char probe[] =
    "Hello, World! It's 'em who'll say I'VE, he'D and WE'RE; don't \"quote\" (this)...\n\n\n  Indented\t\ttabs   "
    "and "
    "spaces \n 1 22 333 4444 55555 666666 7777777 3.14 1,000,000 0x1F 12ab34 \n\t\n camelCaseWords HTTPServer "
    "x=y+z; "
    "a/b/c //path\\n #!$%^&*~`|<>= [[]] {{}} --__-- ?!?! @user $5 50% \u00e9t\u00e9 na\u00efve Stra\u00dfe "
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440 \u03b5\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac "
    "\u4f60\u597d\uff0c\u4e16\u754c\u30021234\u5e74 \u3053\u3093\u306b\u3061\u306f\u4e16\u754c "
    "\ud55c\uad6d\uc5b4 \ubb38\uc7a5 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947 "
    "\u0645\u0631\u062d\u0628\u0627 \U0001F600\U0001F680 \u2764\ufe0f \u2026 \u2013 \u201cquoted\u201d \u00a3 "
    "ends with spaces   ";

/* --- the vocabulary ------------------------------------------------------------------------------------------ */

struct words {
    const char **texts; /* [n] */
    int32_t *types;
    float *scores;
    uint64_t n;
    struct arena arena;
};

static viv_status read_words(struct words *v, const struct tokenizer *t, uint64_t n, struct error *err)
{
    v->n = n;
    v->texts = calloc(n + 1, sizeof *v->texts);
    v->types = calloc(n + 1, sizeof *v->types);
    v->scores = calloc(n + 1, sizeof *v->scores);
    if (!v->texts || !v->types || !v->scores)
        return error_nomem(err);
    for (uint64_t i = 0; i < n; i++) {
        const struct added_token *added = i < INT32_MAX ? added_of(&t->added, (int32_t)i) : NULL;
        const char *piece = i < tokenizer_vocab_size(t) ? tokenizer_piece(t, (int32_t)i) : NULL;
        v->texts[i] = piece ? piece : arena_printf(&v->arena, "[PAD%" PRIu64 "]", i);
        v->types[i] = !piece                                    ? TYPE_UNUSED
                      : added && added->special                 ? TYPE_CONTROL
                      : t->model && (int64_t)i == t->model->unk ? TYPE_UNKNOWN
                      : added                                   ? TYPE_USER_DEFINED
                                                                : TYPE_NORMAL;
        if (!v->texts[i])
            return error_nomem(err);
    }
    return VIV_OK;
}

static void release_words(struct words *v)
{
    free(v->texts);
    free(v->types);
    free(v->scores);
    arena_release(&v->arena);
}

/* --- gpt2 ---------------------------------------------------------------------------------------------------- */

static bool same_words(const struct pretokens *a, const struct pretokens *b)
{
    bool same = a->n == b->n && a->text.size == b->text.size;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->v[i].n == b->v[i].n;
    return same && memcmp(buf_text(&a->text), buf_text(&b->text), a->text.size) == 0;
}

/* Whether words that differ are still the same tokens, as where no token crosses the end of a word. */
static viv_status same_tokens(const struct token_model *m, const struct pretokens *a, const struct pretokens *b,
                              bool *out, struct error *err)
{
    const struct pretokens *words[] = {a, b};
    struct token_ids ids[2] = {{0}};
    viv_status status = VIV_OK;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; status == VIV_OK && i < words[k]->n; i++)
            status = m->encode(m, words[k]->text.data + words[k]->v[i].at, words[k]->v[i].n, &ids[k], err);
    *out = status == VIV_OK && ids[0].n == ids[1].n &&
           (!ids[0].n || memcmp(ids[0].ids, ids[1].ids, ids[0].n * sizeof *ids[0].ids) == 0);
    token_ids_release(&ids[0]);
    token_ids_release(&ids[1]);
    return status;
}

/* How well a pre-tokenizer of GGUF fits: by the words that it makes of the probe, or only by their tokens. */
enum fit { FITS_NOT, FITS_TOKENS, FITS_WORDS };

static viv_status fit_of(const struct tokenizer *t, const struct gguf_pre *pre, const struct pretokens *wanted,
                         enum fit *out, struct error *err)
{
    struct tokenizer *other = tokenizer_new();
    struct pretokens words = {0};
    bool tokens = false;
    viv_status status = other ? tokenizer_add_byte_level(other, pre->patterns, err) : error_nomem(err);
    if (status == VIV_OK)
        status = pretokenizers_apply(&other->pretokenizers, probe, sizeof probe - 1, true, &words, err);
    const bool same = status == VIV_OK && same_words(&words, wanted);
    if (status == VIV_OK && !same)
        status = same_tokens(t->model, &words, wanted, &tokens, err);
    *out = same ? FITS_WORDS : tokens ? FITS_TOKENS : FITS_NOT;
    pretokens_release(&words);
    tokenizer_destroy(other);
    return status;
}

/* The pre-tokenizer of GGUF that splits text as the tokenizer does. Of several that fit equally well, one of the
 * same name as the architecture, else the first. */
static viv_status find_pre(const struct tokenizer *t, bool whole, const char *architecture, const char **out,
                           struct error *err)
{
    struct pretokens wanted = {0};
    const struct gguf_pre *pre;
    enum fit best = FITS_NOT, fit = FITS_NOT;
    *out = NULL;
    viv_status status = pretokenizers_apply(&t->pretokenizers, probe, sizeof probe - 1, true, &wanted, err);
    for (size_t i = 0; status == VIV_OK && (pre = gguf_pre_at(i)); i++) {
        if (pre->flags & GGUF_RAW || !(pre->flags & GGUF_WHOLE) != !whole)
            continue;
        status = fit_of(t, pre, &wanted, &fit, err);
        if (fit > best || (fit != FITS_NOT && fit == best && strcmp(pre->name, architecture) == 0)) {
            *out = pre->name;
            best = fit;
        }
    }
    pretokens_release(&wanted);
    if (status == VIV_OK && !*out)
        status =
            error_set(err, VIV_EUNSUPPORTED,
                      "the tokenizer splits text into words as none of the pre-tokenizers does that GGUF files "
                      "name (tokenizer.ggml.pre)");
    return status;
}

/* The merge that a piece is made by where the neighbours with the lowest id merge first (tiktoken): what is left of
 * it before the last merge. False: it is not made of two. */
static bool last_merge(const struct tokenizer *t, uint32_t id, struct bpe_merge *out)
{
    enum { MOST = 512 };
    const char *piece = t->vocab.pieces[id];
    size_t ends[MOST], n = 0;
    for (size_t i = 1; i <= t->vocab.sizes[id] && n < MOST; i++)
        if (((unsigned char)piece[i] & 0xC0) != 0x80)
            ends[n++] = i;
    while (n > 2) {
        uint32_t lowest = id, found;
        size_t at = n;
        for (size_t i = 0; i + 1 < n; i++) {
            const size_t begin = i ? ends[i - 1] : 0;
            if (vocab_find(&t->vocab, piece + begin, ends[i + 1] - begin, &found) && found < lowest) {
                lowest = found;
                at = i;
            }
        }
        if (at == n)
            return false;
        memmove(&ends[at], &ends[at + 1], (n - at - 1) * sizeof *ends);
        n--;
    }
    out->id = id;
    return n == 2 && vocab_find(&t->vocab, piece, ends[0], &out->left) &&
           vocab_find(&t->vocab, piece + ends[0], ends[1] - ends[0], &out->right);
}

static viv_status merges_by_id(const struct tokenizer *t, struct bpe_merge **out, size_t *n, struct error *err)
{
    struct bpe_merge *merges = calloc((size_t)t->vocab.n + 1, sizeof *merges);
    *n = 0;
    *out = merges;
    for (uint32_t i = 0; merges && i < t->vocab.n; i++)
        if (t->vocab.pieces[i] && last_merge(t, i, &merges[*n]))
            (*n)++;
    return merges ? VIV_OK : error_nomem(err);
}

static viv_status put_merges(const struct tokenizer *t, bool by_id, const struct words *v, struct gguf_writer *w,
                             struct error *err)
{
    struct bpe_merge *merges = NULL;
    struct arena arena = {0};
    size_t n = 0;
    viv_status status = by_id ? merges_by_id(t, &merges, &n, err) : bpe_merges(t->model, &merges, &n, err);
    const char **texts = status == VIV_OK ? calloc(n + 1, sizeof *texts) : NULL;
    if (status == VIV_OK && !texts)
        status = error_nomem(err);
    size_t kept = 0;
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        if (merges[i].left >= v->n || merges[i].right >= v->n || merges[i].id >= v->n)
            continue;
        texts[kept] =
            arena_printf(&arena, "%s %s", t->vocab.pieces[merges[i].left], t->vocab.pieces[merges[i].right]);
        status = texts[kept++] ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK)
        gguf_put_strings(w, "tokenizer.ggml.merges", texts, kept);
    free(texts);
    free(merges);
    arena_release(&arena);
    return status;
}

/* --- llama --------------------------------------------------------------------------------------------------- */

/* Of pieces: what a list of merges has as ranks. A piece may be made of several pairs, which then follow each other
 * in the list. */
static viv_status score_by_merges(const struct tokenizer *t, struct words *v, struct error *err)
{
    struct bpe_merge *merges = NULL;
    size_t n = 0;
    viv_status status = bpe_merges(t->model, &merges, &n, err);
    float score = 0;
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        const uint32_t id = merges[i].id;
        if (id >= v->n || (i && merges[i - 1].id == id))
            continue;
        if (v->scores[id] != 0)
            status =
                error_set(err, VIV_EUNSUPPORTED,
                          "the merges of the tokenizer are not in the order of its pieces ('%s' is made at two "
                          "places), which GGUF files of this kind want",
                          v->texts[id]);
        v->scores[id] = score -= 1;
    }
    free(merges);
    return status;
}

static viv_status score_words(const struct tokenizer *t, const struct bpe_options *options, struct words *v,
                              struct error *err)
{
    for (uint64_t i = 0; options->scores && i < v->n && i < t->vocab.n; i++)
        v->scores[i] = isfinite(options->scores[i]) ? options->scores[i] : 0; /* of what is in no text */
    for (int b = 0; b < 256; b++)
        if (t->model->byte_ids[b] >= 0 && (uint64_t)t->model->byte_ids[b] < v->n)
            v->types[t->model->byte_ids[b]] = TYPE_BYTE;
    return options->scores ? VIV_OK : score_by_merges(t, v, err);
}

/* Whether a space is put before a text. */
static viv_status adds_space(const struct tokenizer *t, bool *out, struct error *err)
{
    struct token_ids ids = {0};
    viv_status status = tokenizer_encode(t, "a", 1, 0, &ids, err);
    const char *first = status == VIV_OK && ids.n ? tokenizer_piece(t, ids.ids[0]) : NULL;
    *out = first && strncmp(first, "\xE2\x96\x81", 3) == 0;
    token_ids_release(&ids);
    return status;
}

/* --- bert ---------------------------------------------------------------------------------------------------- */

/* Pieces that begin a word are marked, not those that continue one. */
static viv_status mark_words(const struct tokenizer *t, struct words *v, struct error *err)
{
    const char *prefix = wordpiece_prefix(t->model);
    const size_t n = strlen(prefix);
    for (uint64_t i = 0; i < v->n; i++) {
        const char *text = v->texts[i];
        if (v->types[i] == TYPE_NORMAL)
            v->texts[i] =
                strncmp(text, prefix, n) == 0 ? text + n : arena_printf(&v->arena, "\xE2\x96\x81%s", text);
        if (!v->texts[i])
            return error_nomem(err);
    }
    return VIV_OK;
}

static void put_bert_flags(const struct tokenizer *t, struct gguf_writer *w)
{
    for (size_t i = 0; i < t->normalizers.n; i++)
        if (t->normalizers.v[i].kind == NORMALIZE_BERT) {
            gguf_put_bool(w, "tokenizer.ggml.normalizer.lowercase", t->normalizers.v[i].lowercase);
            gguf_put_bool(w, "tokenizer.ggml.normalizer.strip_accents", t->normalizers.v[i].accents);
        }
}

/* --- all ----------------------------------------------------------------------------------------------------- */

static bool is_byte_level(const struct tokenizer *t)
{
    for (size_t i = 0; i < t->pretokenizers.n; i++)
        if (t->pretokenizers.v[i].kind == PRETOKENIZE_BYTE_LEVEL)
            return true;
    return false;
}

/* Puts what each kind has of its own, and makes the words those of the kind. */
static viv_status put_kind(const struct tokenizer *t, const char *architecture, struct words *v,
                           struct gguf_writer *w, struct error *err)
{
    struct bpe_options options;
    const bool bpe = bpe_is(t->model, &options) && !options.continuing_prefix && !options.end_suffix;
    const char *pre = NULL;
    bool space = false;
    viv_status status = VIV_OK;
    if (bpe && is_byte_level(t)) {
        gguf_put_string(w, "tokenizer.ggml.model", "gpt2");
        status = find_pre(t, options.ignore_merges, architecture, &pre, err);
        if (status == VIV_OK)
            gguf_put_string(w, "tokenizer.ggml.pre", pre);
        return status == VIV_OK ? put_merges(t, options.scores != NULL, v, w, err) : status;
    }
    if (bpe && t->model->byte_fallback) {
        gguf_put_string(w, "tokenizer.ggml.model", "llama");
        gguf_put_string(w, "tokenizer.ggml.pre", "default");
        status = score_words(t, &options, v, err);
        if (status == VIV_OK)
            status = adds_space(t, &space, err);
        gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", space);
        gguf_put_f32s(w, "tokenizer.ggml.scores", v->scores, v->n);
        return status;
    }
    if (wordpiece_prefix(t->model)) {
        gguf_put_string(w, "tokenizer.ggml.model", "bert");
        put_bert_flags(t, w);
        return mark_words(t, v, err);
    }
    return error_set(
        err, VIV_EUNSUPPORTED,
        "the tokenizer is a kind of %s that cannot be written to GGUF files: byte-level BPE, SentencePiece's "
        "BPE with bytes, and WordPiece can",
        t->model->name);
}

static void put_id(struct gguf_writer *w, const char *key, int64_t id, uint64_t n)
{
    if (id >= 0 && (uint64_t)id < n)
        gguf_put_u32(w, key, (uint32_t)id);
}

static viv_status put_special(viv_model *m, const struct tokenizer *t, uint64_t n, struct gguf_writer *w,
                              struct error *err)
{
    static const char *const more[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
    const struct template *around = &t->template;
    const bool bert = wordpiece_prefix(t->model) != NULL;
    const int32_t bos = around->n_before ? around->before[0] : t->bos;
    const int32_t eos = around->n_after && (bert || t->eos < 0) ? around->after[0] : t->eos;
    size_t n_more = 0;
    if (around->n_before > 1 || around->n_after > 1 || (around->n_after && around->after[0] != eos))
        return error_set(
            err, VIV_EUNSUPPORTED,
            "the tokenizer puts other tokens around a text than one that begins and one that ends it, which "
            "GGUF files cannot say");
    put_id(w, bert ? "tokenizer.ggml.cls_token_id" : "tokenizer.ggml.bos_token_id", bos, n);
    put_id(w, bert ? "tokenizer.ggml.seperator_token_id" : "tokenizer.ggml.eos_token_id", eos, n);
    put_id(w, "tokenizer.ggml.unknown_token_id", t->model->unk, n);
    for (uint64_t i = 0; i < n && i < INT32_MAX && n_more < 2; i++)
        if ((int32_t)i != t->eos && model_is_end(m, (int32_t)i))
            put_id(w, more[n_more++], (int64_t)i, n);
    gguf_put_bool(w, "tokenizer.ggml.add_bos_token", around->n_before > 0);
    gguf_put_bool(w, "tokenizer.ggml.add_eos_token", around->n_after > 0);
    return VIV_OK;
}

/* The template for conversations, and the one for those with tools if that is another. */
static viv_status put_templates(viv_model *m, struct gguf_writer *w, struct error *err)
{
    const struct chat_template *plain = NULL, *tools = NULL;
    viv_status status = model_chat_template(m, false, &plain, err);
    if (status == VIV_ENOTFOUND)
        return VIV_OK;
    if (status == VIV_OK)
        status = model_chat_template(m, true, &tools, err);
    if (status != VIV_OK)
        return status;
    gguf_put_string(w, "tokenizer.chat_template", buf_text(&plain->source));
    if (strcmp(buf_text(&plain->source), buf_text(&tools->source)) != 0)
        gguf_put_string(w, "tokenizer.chat_template.tool_use", buf_text(&tools->source));
    return VIV_OK;
}

viv_status convert_tokenizer(viv_model *m, uint64_t n_vocab, struct gguf_writer *w, struct error *err)
{
    const struct tokenizer *t = NULL;
    struct words v = {0};
    viv_status status = model_tokenizer(m, &t, err);
    if (status == VIV_ENOTFOUND) {
        gguf_put_string(w, "tokenizer.ggml.model", "none");
        return VIV_OK;
    }
    if (status == VIV_OK)
        status = read_words(&v, t, n_vocab ? n_vocab : tokenizer_vocab_size(t), err);
    if (status == VIV_OK)
        status = put_kind(t, spec_gguf_name(model_spec(m)), &v, w, err);
    if (status == VIV_OK) {
        gguf_put_strings(w, "tokenizer.ggml.tokens", v.texts, v.n);
        gguf_put_i32s(w, "tokenizer.ggml.token_type", v.types, v.n);
        status = put_special(m, t, v.n, w, err);
    }
    if (status == VIV_OK)
        status = put_templates(m, w, err);
    release_words(&v);
    return status;
}

/* --- the check ----------------------------------------------------------------------------------------------- */

static viv_status compare_ids(const struct tokenizer *a, const struct tokenizer *b, int flags, struct error *err)
{
    struct token_ids x = {0}, y = {0};
    viv_status status = tokenizer_encode(a, probe, sizeof probe - 1, flags, &x, err);
    if (status == VIV_OK)
        status = tokenizer_encode(b, probe, sizeof probe - 1, flags, &y, err);
    size_t i = 0;
    while (i < x.n && i < y.n && x.ids[i] == y.ids[i])
        i++;
    if (status == VIV_OK && (i < x.n || i < y.n)) {
        const char *theirs = i < x.n ? tokenizer_piece(a, x.ids[i]) : NULL,
                   *ours = i < y.n ? tokenizer_piece(b, y.ids[i]) : NULL;
        status =
            error_set(err, VIV_EUNSUPPORTED,
                      "the tokenizer cannot be said in the words of GGUF: of a text with something of everything, "
                      "token %zu would be '%s', but is '%s'",
                      i, ours ? ours : "none", theirs ? theirs : "none");
    }
    token_ids_release(&x);
    token_ids_release(&y);
    return status;
}

viv_status convert_check_tokenizer(viv_model *m, const struct checkpoint *header, struct error *err)
{
    const struct tokenizer *t = NULL;
    struct tokenizer *read = NULL;
    viv_status status = model_tokenizer(m, &t, err);
    if (status == VIV_ENOTFOUND)
        return VIV_OK;
    if (status == VIV_OK)
        status = tokenizer_open(header, &read, err);
    if (status == VIV_OK)
        status = compare_ids(t, read, 0, err);
    if (status == VIV_OK)
        status = compare_ids(t, read, TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL, err);
    tokenizer_destroy(read);
    return status;
}
