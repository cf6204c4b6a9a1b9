/* tokenizer.c - see tokenizer.h. */
#include "tokenizer/pipeline.h"
#include "tokenizer/unicode.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- making one ---------------------------------------------------------------------------------------------- */

struct tokenizer *tokenizer_new(void)
{
    struct tokenizer *t = calloc(1, sizeof *t);
    if (t) {
        t->bos = -1;
        t->eos = -1;
    }
    return t;
}

void tokenizer_destroy(struct tokenizer *t)
{
    if (!t)
        return;
    if (t->model)
        t->model->destroy(t->model);
    normalizers_release(&t->normalizers);
    pretokenizers_release(&t->pretokenizers);
    decoders_release(&t->decoders);
    postprocessor_release(&t->template);
    vocab_release(&t->vocab);
    added_release(&t->added);
    token_ids_release(&t->ends);
    arena_release(&t->arena);
    free(t);
}

struct token_model tokenizer_model_base(const struct tokenizer *t, int32_t unk)
{
    struct token_model m = {.vocab = &t->vocab, .unk = unk};
    token_model_find_bytes(&m);
    return m;
}

static viv_status nomem_unless(bool ok, struct error *err)
{
    return ok ? VIV_OK : error_nomem(err);
}

static const char metaspace[] = "\xE2\x96\x81";

static viv_status add_prefix(struct tokenizer *t, enum dummy_prefix prefix, struct error *err)
{
    struct pretokenizer *p = pretokenizers_add(&t->pretokenizers, PRETOKENIZE_METASPACE);
    if (!p || !(p->text = strdup(metaspace)))
        return error_nomem(err);
    p->scheme = prefix == PREFIX_EVERY ? PREPEND_ALWAYS : PREPEND_FIRST;
    return VIV_OK;
}

viv_status tokenizer_add_metaspace(struct tokenizer *t, enum dummy_prefix prefix, struct error *err)
{
    const bool doubled = prefix == PREFIX_DOUBLED, prefixed = prefix != PREFIX_NONE;
    struct normalizer *prepend = doubled ? normalizers_add(&t->normalizers, NORMALIZE_PREPEND) : NULL;
    if (doubled && (!prepend || !(prepend->text = strdup(" "))))
        return error_nomem(err);
    struct normalizer *z = normalizers_add(&t->normalizers, NORMALIZE_REPLACE);
    if (!z || !(z->text = strdup(metaspace)) || !(z->pattern.literal = strdup(" ")))
        return error_nomem(err);
    z->pattern.n = 1;
    struct decoder *d = decoders_add(&t->decoders, DECODE_REPLACE);
    if (!d || !(d->text = strdup(" ")) || !(d->pattern.literal = strdup(metaspace)))
        return error_nomem(err);
    d->pattern.n = 3;
    if (!decoders_add(&t->decoders, DECODE_BYTE_FALLBACK) || !decoders_add(&t->decoders, DECODE_FUSE))
        return error_nomem(err);
    d = prefixed ? decoders_add(&t->decoders, DECODE_STRIP) : NULL;
    if (prefixed && (!d || !(d->text = strdup(" "))))
        return error_nomem(err);
    if (prefixed)
        d->left = 1;
    return prefix == PREFIX_EVERY || prefix == PREFIX_FIRST ? add_prefix(t, prefix, err) : VIV_OK;
}

viv_status tokenizer_merge_by_id(struct tokenizer *t, struct error *err)
{
    float *scores = calloc(t->vocab.n + 1, sizeof *scores);
    if (!scores)
        return error_nomem(err);
    for (uint32_t i = 0; i < t->vocab.n; i++)
        scores[i] = -(float)i;
    const struct token_model base = tokenizer_model_base(t, -1);
    viv_status status =
        bpe_create(&base, &(struct bpe_options){.scores = scores, .ignore_merges = true}, &t->model, err);
    free(scores);
    return status;
}

viv_status tokenizer_add_byte_level(struct tokenizer *t, const char *const *patterns, struct error *err)
{
    for (; *patterns; patterns++) {
        viv_status status = pretokenizers_add_regex(&t->pretokenizers, *patterns, SPLIT_ISOLATED, err);
        if (status != VIV_OK)
            return status;
    }
    return nomem_unless(pretokenizers_add(&t->pretokenizers, PRETOKENIZE_BYTE_LEVEL) &&
                            decoders_add(&t->decoders, DECODE_BYTE_LEVEL),
                        err);
}

viv_status tokenizer_add_end(struct tokenizer *t, int32_t id, struct error *err)
{
    return nomem_unless(token_ids_add(&t->ends, id), err);
}

static viv_status append_id(int32_t **ids, size_t *n, int32_t id, struct error *err)
{
    int32_t *grown = realloc(*ids, (*n + 1) * sizeof *grown);
    if (!grown)
        return error_nomem(err);
    *ids = grown;
    grown[(*n)++] = id;
    return VIV_OK;
}

viv_status tokenizer_put_before(struct tokenizer *t, int32_t id, struct error *err)
{
    return append_id(&t->template.before, &t->template.n_before, id, err);
}

viv_status tokenizer_put_after(struct tokenizer *t, int32_t id, struct error *err)
{
    return append_id(&t->template.after, &t->template.n_after, id, err);
}

static viv_status check_template(const struct tokenizer *t, struct error *err)
{
    const uint32_t n = tokenizer_vocab_size(t);
    for (size_t i = 0; i < t->template.n_before + t->template.n_after; i++) {
        int32_t id = i < t->template.n_before ? t->template.before[i] : t->template.after[i - t->template.n_before];
        if (id < 0 || (uint32_t)id >= n)
            return error_set(err, VIV_EFORMAT,
                             "the token %" PRId32 " put around a text is outside the vocabulary of %" PRIu32, id,
                             n);
    }
    for (size_t i = 0; i < t->template.n_pair; i++)
        if (t->template.pair[i].id >= 0 && (uint32_t)t->template.pair[i].id >= n)
            return error_set(err, VIV_EFORMAT,
                             "the token %" PRId32 " put around a pair is outside the vocabulary of %" PRIu32,
                             t->template.pair[i].id, n);
    return VIV_OK;
}

viv_status tokenizer_finish(struct tokenizer *t, const char *origin, struct error *err)
{
    t->summary =
        arena_printf(&t->arena, "%s, %" PRIu32 " tokens, from %s", t->model->name, tokenizer_vocab_size(t), origin);
    if (!t->summary)
        return error_nomem(err);
    viv_status status = tokenizer_index_added(t, err);
    if (status == VIV_OK && t->template.n_pair == 0) /* GGUF files do not have it: those of BERT are WordPiece */
        status = postprocessor_set_pair(&t->template, strcmp(t->model->name, "WordPiece") != 0, err);
    return status == VIV_OK ? check_template(t, err) : status;
}

/* --- encoding ------------------------------------------------------------------------------------------------ */

/* A part of the normalized text without added tokens. */
static viv_status encode_plain(const struct tokenizer *t, const char *s, size_t n, bool first,
                               struct token_ids *out, struct error *err)
{
    struct pretokens words = {0};
    viv_status status = VIV_OK;
    if (n == 0)
        return VIV_OK;
    if (t->pretokenizers.n == 0)
        return t->model->encode(t->model, s, n, out, err);
    status = pretokenizers_apply(&t->pretokenizers, s, n, first, &words, err);
    for (size_t i = 0; status == VIV_OK && i < words.n; i++)
        status = t->model->encode(t->model, words.text.data + words.v[i].at, words.v[i].n, out, err);
    pretokens_release(&words);
    return status;
}

static viv_status encode_normalized(const struct tokenizer *t, const char *s, size_t n, bool first, int flags,
                                    const unsigned char *from_data, struct token_ids *out, struct error *err)
{
    struct added_match m = {.from_data = from_data};
    while (added_next(&t->added, &t->added.normalized, s, n, flags, &m)) {
        viv_status status = VIV_OK;
        if (m.done < m.begin)
            status = encode_plain(t, s + m.done, m.begin - m.done, first && m.done == 0, out, err);
        if (status == VIV_OK && !token_ids_add(out, m.token->id))
            status = error_nomem(err);
        if (status != VIV_OK)
            return status;
    }
    return encode_plain(t, s + m.done, n - m.done, first && m.done == 0, out, err);
}

/* Whether special tokens are searched for in the normalized text. */
static bool has_normalized_special(const struct tokenizer *t)
{
    for (size_t i = 0; i < t->added.normalized.n; i++)
        if (t->added.v[t->added.normalized.v[i].token].special)
            return true;
    return false;
}

static viv_status encode_raw(const struct tokenizer *t, const char *s, size_t n, bool first, int flags,
                             const unsigned char *from_data, struct token_ids *out, struct error *err);

/* Encodes text from the data and text from elsewhere separately, because normalizing loses where
 * bytes came from. */
static viv_status encode_apart(const struct tokenizer *t, const char *s, size_t n, bool first, int flags,
                               const unsigned char *from_data, struct token_ids *out, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t at = 0, end; status == VIV_OK && at < n; at = end) {
        for (end = at + 1; end < n && from_data[end] == from_data[at]; end++)
            ;
        status = encode_raw(t, s + at, end - at, first && at == 0,
                            from_data[at] ? flags & ~TOKENIZER_PARSE_SPECIAL : flags, NULL, out, err);
    }
    return status;
}

static viv_status encode_raw(const struct tokenizer *t, const char *s, size_t n, bool first, int flags,
                             const unsigned char *from_data, struct token_ids *out, struct error *err)
{
    struct buf normal = {0};
    if (n == 0)
        return VIV_OK;
    if (from_data && (!memchr(from_data, 1, n) || !has_normalized_special(t)))
        from_data = NULL;
    viv_status status = normalizers_apply(&t->normalizers, s, n, &normal, err);
    if (status == VIV_OK && from_data && (normal.size != n || memcmp(buf_text(&normal), s, n) != 0))
        status = encode_apart(t, s, n, first, flags, from_data, out, err);
    else if (status == VIV_OK)
        status = encode_normalized(t, buf_text(&normal), normal.size, first, flags, from_data, out, err);
    buf_release(&normal);
    return status;
}

static viv_status encode_valid(const struct tokenizer *t, const char *s, size_t n, int flags,
                               const unsigned char *from_data, struct token_ids *out, struct error *err)
{
#define DATA_AT(at) (from_data ? from_data + (at) : NULL)
    struct added_match m = {.from_data = from_data};
    while (added_next(&t->added, &t->added.raw, s, n, flags, &m)) {
        viv_status status = VIV_OK;
        if (m.done < m.begin)
            status = encode_raw(t, s + m.done, m.begin - m.done, m.done == 0, flags, DATA_AT(m.done), out, err);
        if (status == VIV_OK && !token_ids_add(out, m.token->id))
            status = error_nomem(err);
        if (status != VIV_OK)
            return status;
    }
    return encode_raw(t, s + m.done, n - m.done, m.done == 0, flags, DATA_AT(m.done), out, err);
#undef DATA_AT
}

viv_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t size, int flags,
                            struct token_ids *out, struct error *err)
{
    struct buf clean = {0};
    bool ok = true;
    for (size_t i = 0; (flags & TOKENIZER_ADD_SPECIAL) && ok && i < t->template.n_before; i++)
        ok = token_ids_add(out, t->template.before[i]);
    bool valid = utf8_valid(text, size);
    if (!valid)
        ok = ok && unicode_clean(text, size, &clean);
    viv_status status =
        ok ? encode_valid(t, valid ? text : buf_text(&clean), valid ? size : clean.size, flags, NULL, out, err)
           : error_nomem(err);
    buf_release(&clean);
    for (size_t i = 0; status == VIV_OK && (flags & TOKENIZER_ADD_SPECIAL) && i < t->template.n_after; i++)
        if (!token_ids_add(out, t->template.after[i]))
            status = error_nomem(err);
    return status;
}

viv_status tokenizer_encode_prompt(const struct tokenizer *t, const char *text, size_t size,
                                   const unsigned char *from_data, struct token_ids *out, struct error *err)
{
    if (!utf8_valid(text, size))
        return error_set(err, VIV_EFORMAT, "a prompt is not UTF-8");
    return encode_valid(t, text, size, TOKENIZER_PARSE_SPECIAL, from_data, out, err);
}

/* Truncates texts at their ends, the longer one first, until all fit in `limit`. */
static viv_status cut(struct token_ids *a, struct token_ids *b, size_t n_special, uint64_t limit, struct error *err)
{
    if (n_special > limit)
        return error_set(err, VIV_ELIMIT, "%" PRIu64 " tokens are too few for those that stand around a text",
                         limit);
    while (a->n + b->n + n_special > limit) {
        struct token_ids *longer = a->n > b->n ? a : b;
        longer->n--;
    }
    return VIV_OK;
}

static bool add_typed(struct token_ids *ids, struct token_ids *types, int32_t id, int32_t type)
{
    return token_ids_add(ids, id) && token_ids_add(types, type);
}

viv_status tokenizer_encode_texts(const struct tokenizer *t, uint32_t n, const char *const *texts,
                                  const uint64_t *sizes, uint64_t limit, struct token_ids *ids,
                                  struct token_ids *types, struct error *err)
{
    const struct template *around = &t->template;
    struct token_ids parts[2] = {0};
    size_t n_special = n == 1 ? around->n_before + around->n_after : 0;
    viv_status status = VIV_OK;
    bool ok = true;
    for (size_t i = 0; n == 2 && i < around->n_pair; i++)
        n_special += around->pair[i].id >= 0;
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = tokenizer_encode(t, texts[i], sizes[i], TOKENIZER_PARSE_SPECIAL, &parts[i], err);
    if (status == VIV_OK && limit)
        status = cut(&parts[0], &parts[1], n_special, limit, err);
    for (size_t i = 0; status == VIV_OK && n == 1 && i < around->n_before; i++)
        ok = ok && add_typed(ids, types, around->before[i], 0);
    for (size_t i = 0; status == VIV_OK && n == 1 && i < parts[0].n; i++)
        ok = ok && add_typed(ids, types, parts[0].ids[i], 0);
    for (size_t i = 0; status == VIV_OK && n == 1 && i < around->n_after; i++)
        ok = ok && add_typed(ids, types, around->after[i], 0);
    for (size_t i = 0; status == VIV_OK && n == 2 && i < around->n_pair; i++) {
        const struct pair_item *item = &around->pair[i];
        if (item->id >= 0)
            ok = ok && add_typed(ids, types, item->id, item->type);
        for (size_t k = 0; item->id < 0 && k < parts[item->text].n; k++)
            ok = ok && add_typed(ids, types, parts[item->text].ids[k], item->type);
    }
    token_ids_release(&parts[0]);
    token_ids_release(&parts[1]);
    return status == VIV_OK && !ok ? error_nomem(err) : status;
}

/* --- decoding ------------------------------------------------------------------------------------------------ */

/* Passes the piece of an id, as in the vocabulary, to the run. */
static viv_status push_id(const struct tokenizer *t, struct decoding *d, int32_t id, int flags, struct buf *out,
                          struct error *err)
{
    const char *piece = tokenizer_piece(t, id);
    if (!piece || ((flags & TOKENIZER_SKIP_SPECIAL) && tokenizer_is_special(t, id)))
        return VIV_OK;
    if (t->unk_surface && id == t->unk)
        return decoding_push(d, t->unk_surface, strlen(t->unk_surface), out, err);
    const struct added_token *token = added_of(&t->added, id);
    return decoding_push(d, piece, token ? token->n : t->vocab.sizes[id], out, err);
}

viv_status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, int flags, struct buf *out,
                            struct error *err)
{
    struct decoding *d = NULL;
    viv_status status = decoding_create(&t->decoders, &d, err);
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        status = push_id(t, d, ids[i], flags, out, err);
    if (status == VIV_OK)
        status = decoding_finish(d, out, err);
    decoding_destroy(d);
    return status;
}

struct viv_decoder {
    const struct tokenizer *t;
    int flags;
    struct decoding *decoding;
    struct buf text;
    bool (*shows)(const void *ctx, int32_t id);
    const void *shows_ctx;
};

viv_status stream_decoder_create(const struct tokenizer *t, int flags, viv_decoder **out, struct error *err)
{
    viv_decoder *d = calloc(1, sizeof *d);
    viv_status status = d ? decoding_create(&t->decoders, &d->decoding, err) : error_nomem(err);
    if (status == VIV_OK && !buf_reserve(&d->text, LIKELY_TEXT))
        status = error_nomem(err);
    if (status != VIV_OK) {
        stream_decoder_destroy(d);
        return status;
    }
    d->t = t;
    d->flags = flags;
    *out = d;
    return VIV_OK;
}

void stream_decoder_show(viv_decoder *d, bool (*shows)(const void *ctx, int32_t id), const void *ctx)
{
    d->shows = shows;
    d->shows_ctx = ctx;
}

static void give(const viv_decoder *d, const char **text, size_t *size)
{
    *text = buf_text(&d->text);
    *size = d->text.size;
}

viv_status stream_decoder_push(viv_decoder *d, int32_t id, const char **text, size_t *size, struct error *err)
{
    buf_clear(&d->text);
    const bool shown = d->shows && tokenizer_is_special(d->t, id) && d->shows(d->shows_ctx, id);
    viv_status status =
        push_id(d->t, d->decoding, id, shown ? d->flags & ~TOKENIZER_SKIP_SPECIAL : d->flags, &d->text, err);
    give(d, text, size);
    return status;
}

viv_status stream_decoder_finish(viv_decoder *d, const char **text, size_t *size, struct error *err)
{
    buf_clear(&d->text);
    viv_status status = decoding_finish(d->decoding, &d->text, err);
    give(d, text, size);
    return status;
}

void stream_decoder_destroy(viv_decoder *d)
{
    if (!d)
        return;
    decoding_destroy(d->decoding);
    buf_release(&d->text);
    free(d);
}

/* --- looking at it ------------------------------------------------------------------------------------------- */

uint32_t tokenizer_vocab_size(const struct tokenizer *t)
{
    return t->vocab.n > t->added.n_ids ? t->vocab.n : t->added.n_ids;
}

const char *tokenizer_piece(const struct tokenizer *t, int32_t id)
{
    const struct added_token *token = added_of(&t->added, id);
    if (token)
        return token->content;
    return id >= 0 && (uint32_t)id < t->vocab.n ? t->vocab.pieces[id] : NULL;
}

bool tokenizer_id(const struct tokenizer *t, const char *piece, int32_t *id)
{
    const struct added_token *token = added_find(&t->added, piece, strlen(piece));
    uint32_t found;
    if (!token && !vocab_find(&t->vocab, piece, strlen(piece), &found))
        return false;
    *id = token ? token->id : (int32_t)found;
    return true;
}

bool tokenizer_is_special(const struct tokenizer *t, int32_t id)
{
    const struct added_token *token = added_of(&t->added, id);
    return token && token->special;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

int32_t tokenizer_end(const struct tokenizer *t, size_t i)
{
    return i < t->ends.n ? t->ends.ids[i] : -1;
}

const char *tokenizer_summary(const struct tokenizer *t)
{
    return t->summary;
}
