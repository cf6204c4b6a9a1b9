#include "text/pipeline.h"
#include "text/unicode.h"

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
    template_release(&t->template);
    vocab_release(&t->vocab);
    free(t->added);
    free(t->raw.v);
    free(t->normalized.v);
    free(t->special);
    arena_release(&t->arena);
    free(t);
}

viv_status tokenizer_add_token(struct tokenizer *t, const struct added_token *token, struct error *err)
{
    struct added_token copy = *token;
    uint32_t known;
    if (token->n == 0)
        return error_set(err, VIV_EFORMAT, "the added token %" PRId32 " is empty", token->id);
    copy.content = arena_strndup(&t->arena, token->content, token->n);
    if (!copy.content || !VEC_RESERVE(t->added, t->n_added, t->added_capacity))
        return error_nomem(err);
    if (copy.id < 0)
        return error_set(err, VIV_EFORMAT, "the added token '%.100s' has the id %" PRId32, copy.content, copy.id);
    if (vocab_find(&t->vocab, copy.content, copy.n, &known)) {
        copy.id = (int32_t)known;
    } else if (!((uint32_t)copy.id < t->vocab.n && t->vocab.pieces[copy.id])) {
        viv_status status = vocab_add(&t->vocab, copy.content, copy.n, (uint32_t)copy.id, err);
        if (status != VIV_OK)
            return status;
    }
    t->added[t->n_added++] = copy;
    return VIV_OK;
}

struct token_model tokenizer_model_base(const struct tokenizer *t, int32_t unk)
{
    struct token_model m = {.vocab = &t->vocab, .unk = unk};
    model_find_bytes(&m);
    return m;
}

static viv_status nomem_unless(bool ok, struct error *err)
{
    return ok ? VIV_OK : error_nomem(err);
}

viv_status tokenizer_add_metaspace(struct tokenizer *t, bool dummy, struct error *err)
{
    static const char space[] = "\xE2\x96\x81";
    struct normalizer *prepend = dummy ? normalizers_add(&t->normalizers, NORMALIZE_PREPEND) : NULL;
    if (dummy && (!prepend || !(prepend->text = strdup(" "))))
        return error_nomem(err);
    struct normalizer *z = normalizers_add(&t->normalizers, NORMALIZE_REPLACE);
    if (!z || !(z->text = strdup(space)) || !(z->pattern.literal = strdup(" ")))
        return error_nomem(err);
    z->pattern.n = 1;
    struct decoder *d = decoders_add(&t->decoders, DECODE_REPLACE);
    if (!d || !(d->text = strdup(" ")) || !(d->pattern.literal = strdup(space)))
        return error_nomem(err);
    d->pattern.n = 3;
    if (!decoders_add(&t->decoders, DECODE_BYTE_FALLBACK) || !decoders_add(&t->decoders, DECODE_FUSE))
        return error_nomem(err);
    d = dummy ? decoders_add(&t->decoders, DECODE_STRIP) : NULL;
    if (dummy && (!d || !(d->text = strdup(" "))))
        return error_nomem(err);
    if (dummy)
        d->left = 1;
    return VIV_OK;
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

static int by_text(const void *a, const void *b)
{
    const struct added_entry *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static viv_status index_added(struct tokenizer *t, struct error *err)
{
    for (size_t i = 0; i < t->n_added; i++) {
        const struct added_token *a = &t->added[i];
        struct added_index *index = (a->normalized || a->as_is) && t->normalizers.n ? &t->normalized : &t->raw;
        struct added_entry entry = {a->content, a->n, (uint32_t)i};
        if (index == &t->normalized && !a->as_is) {
            struct buf b = {0};
            viv_status status = normalize(&t->normalizers, a->content, a->n, &b, err);
            entry.text = status == VIV_OK ? arena_strndup(&t->arena, buf_text(&b), b.size) : NULL;
            entry.n = b.size;
            buf_release(&b);
            if (!entry.text)
                return status != VIV_OK ? status : error_nomem(err);
            if (entry.n == 0)
                continue;
        }
        if (!VEC_RESERVE(index->v, index->n, index->capacity))
            return error_nomem(err);
        index->v[index->n++] = entry;
    }
    if (t->raw.n)
        qsort(t->raw.v, t->raw.n, sizeof *t->raw.v, by_text);
    if (t->normalized.n)
        qsort(t->normalized.v, t->normalized.n, sizeof *t->normalized.v, by_text);
    return VIV_OK;
}

static viv_status check_template(const struct tokenizer *t, struct error *err)
{
    for (size_t i = 0; i < t->template.n_before + t->template.n_after; i++) {
        int32_t id = i < t->template.n_before ? t->template.before[i] : t->template.after[i - t->template.n_before];
        if (id < 0 || (uint32_t)id >= t->vocab.n)
            return error_set(err, VIV_EFORMAT,
                             "the token %" PRId32 " put around a text is outside the vocabulary of %" PRIu32, id,
                             t->vocab.n);
    }
    for (size_t i = 0; i < t->template.n_pair; i++)
        if (t->template.pair[i].id >= 0 && (uint32_t)t->template.pair[i].id >= t->vocab.n)
            return error_set(err, VIV_EFORMAT,
                             "the token %" PRId32 " put around a pair is outside the vocabulary of %" PRIu32,
                             t->template.pair[i].id, t->vocab.n);
    return VIV_OK;
}

viv_status tokenizer_finish(struct tokenizer *t, const char *origin, struct error *err)
{
    t->n_special = t->vocab.n;
    t->special = calloc(t->n_special ? t->n_special : 1, 1);
    t->summary = arena_printf(&t->arena, "%s, %" PRIu32 " tokens, from %s", t->model->name, t->vocab.n, origin);
    if (!t->special || !t->summary)
        return error_nomem(err);
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].special)
            t->special[t->added[i].id] = 1;
    viv_status status = index_added(t, err);
    if (status == VIV_OK && t->template.n_pair == 0) /* GGUF files do not say: BERT's are WordPiece */
        status = template_pair(&t->template, strcmp(t->model->name, "WordPiece") != 0, err);
    return status == VIV_OK ? check_template(t, err) : status;
}

/* --- added tokens in a text ---------------------------------------------------------------------------------- */

/* The longest entry that s begins with, or NULL. */
static const struct added_entry *longest_at(const struct added_index *index, const char *s, size_t n)
{
    const struct added_entry *found = NULL;
    size_t low = 0, high = index->n;
    for (size_t k = 0; low < high; k++) {
        if (index->v[low].n == k)
            found = &index->v[low++];
        if (k == n)
            break;
        unsigned char c = (unsigned char)s[k];
        size_t a = low, b = high;
        while (a < b) { /* first entry whose byte k is not below c */
            size_t middle = (a + b) / 2;
            if ((unsigned char)index->v[middle].text[k] < c)
                a = middle + 1;
            else
                b = middle;
        }
        low = a;
        b = high;
        while (a < b) { /* first entry whose byte k is above c */
            size_t middle = (a + b) / 2;
            if ((unsigned char)index->v[middle].text[k] <= c)
                a = middle + 1;
            else
                b = middle;
        }
        high = a;
    }
    return found;
}

static bool word_before(const char *s, size_t at)
{
    size_t begin = at;
    uint32_t c;
    while (begin > 0 && ((unsigned char)s[--begin] & 0xC0) == 0x80) {
    }
    return at > 0 && utf8_decode(s + begin, at - begin, &c) && is_word(c);
}

static bool word_after(const char *s, size_t at, size_t n)
{
    uint32_t c;
    return at < n && utf8_decode(s + at, n - at, &c) && is_word(c);
}

struct match {
    size_t begin, end;
    const struct added_token *token;
};

/* The first added token at or after `from`. `text_begin`: spaces before it may not be stripped beyond this. */
static bool next_match(const struct tokenizer *t, const struct added_index *index, const char *s, size_t n,
                       size_t from, int flags, struct match *m)
{
    for (size_t at = from; at < n; at++) {
        const struct added_entry *e = longest_at(index, s + at, n - at);
        if (!e)
            continue;
        const struct added_token *token = &t->added[e->token];
        if (token->special && !(flags & TOKENIZER_PARSE_SPECIAL))
            continue;
        if (token->single_word && (word_before(s, at) || word_after(s, at + e->n, n)))
            continue;
        *m = (struct match){at, at + e->n, token};
        uint32_t c;
        size_t length;
        while (token->lstrip && m->begin > from) {
            size_t k = m->begin - 1;
            while (k > from && ((unsigned char)s[k] & 0xC0) == 0x80)
                k--;
            if (!utf8_decode(s + k, m->begin - k, &c) || !is_space(c))
                break;
            m->begin = k;
        }
        while (token->rstrip && m->end < n && (length = utf8_decode(s + m->end, n - m->end, &c)) && is_space(c))
            m->end += length;
        return true;
    }
    return false;
}

/* --- encoding ------------------------------------------------------------------------------------------------ */

/* A stretch of normalized text without added tokens. */
static viv_status encode_plain(const struct tokenizer *t, const char *s, size_t n, bool first,
                               struct token_ids *out, struct error *err)
{
    struct pieces words = {0};
    viv_status status = VIV_OK;
    if (n == 0)
        return VIV_OK;
    if (t->pretokenizers.n == 0)
        return t->model->encode(t->model, s, n, out, err);
    status = pretokenize(&t->pretokenizers, s, n, first, &words, err);
    for (size_t i = 0; status == VIV_OK && i < words.n; i++)
        status = t->model->encode(t->model, words.text.data + words.v[i].at, words.v[i].n, out, err);
    pieces_release(&words);
    return status;
}

static viv_status encode_normalized(const struct tokenizer *t, const char *s, size_t n, bool first, int flags,
                                    struct token_ids *out, struct error *err)
{
    struct match m;
    size_t at = 0;
    while (t->normalized.n && next_match(t, &t->normalized, s, n, at, flags, &m)) {
        viv_status status = encode_plain(t, s + at, m.begin - at, first && at == 0, out, err);
        if (status != VIV_OK)
            return status;
        if (!token_ids_add(out, m.token->id))
            return error_nomem(err);
        at = m.end;
    }
    return encode_plain(t, s + at, n - at, first && at == 0, out, err);
}

static viv_status encode_raw(const struct tokenizer *t, const char *s, size_t n, bool first, int flags,
                             struct token_ids *out, struct error *err)
{
    struct buf normal = {0};
    if (n == 0)
        return VIV_OK;
    viv_status status = normalize(&t->normalizers, s, n, &normal, err);
    if (status == VIV_OK)
        status = encode_normalized(t, buf_text(&normal), normal.size, first, flags, out, err);
    buf_release(&normal);
    return status;
}

static viv_status encode_valid(const struct tokenizer *t, const char *s, size_t n, int flags, struct token_ids *out,
                               struct error *err)
{
    struct match m;
    size_t at = 0;
    while (t->raw.n && next_match(t, &t->raw, s, n, at, flags, &m)) {
        viv_status status = encode_raw(t, s + at, m.begin - at, at == 0, flags, out, err);
        if (status != VIV_OK)
            return status;
        if (!token_ids_add(out, m.token->id))
            return error_nomem(err);
        at = m.end;
    }
    return encode_raw(t, s + at, n - at, at == 0, flags, out, err);
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
        ok = ok && clean_utf8(text, size, &clean);
    viv_status status =
        ok ? encode_valid(t, valid ? text : buf_text(&clean), valid ? size : clean.size, flags, out, err)
           : error_nomem(err);
    buf_release(&clean);
    for (size_t i = 0; status == VIV_OK && (flags & TOKENIZER_ADD_SPECIAL) && i < t->template.n_after; i++)
        if (!token_ids_add(out, t->template.after[i]))
            status = error_nomem(err);
    return status;
}

/* Cuts texts at their ends, the longer one first, until all fits in `limit`. */
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

viv_status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, int flags, struct buf *out,
                            struct error *err)
{
    struct strings pieces = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        const char *piece = tokenizer_piece(t, ids[i]);
        if (!piece || ((flags & TOKENIZER_SKIP_SPECIAL) && tokenizer_is_special(t, ids[i])))
            continue;
        bool unknown = t->unk_surface && ids[i] == t->unk;
        ok = strings_add(&pieces, unknown ? t->unk_surface : piece,
                         unknown ? strlen(t->unk_surface) : t->vocab.sizes[ids[i]]);
    }
    viv_status status = ok ? decode_pieces(&t->decoders, &pieces, out, err) : error_nomem(err);
    strings_release(&pieces);
    return status;
}

/* Text is given out once it can no longer change: the window of ids since the last time is decoded with and without
 * the new one, and the difference is new. */
struct stream_decoder {
    const struct tokenizer *t;
    int flags;
    struct token_ids window;
    size_t n_given; /* ids of the window whose text is out */
    bool at_end;    /* a decoder by which the next piece changes the last one's text: all comes at the end */
    struct buf given, text;
};

enum {
    LONGEST_CHARACTER = 8
}; /* tokens that one character may take: after that many, what is there is given out */

viv_status stream_decoder_create(const struct tokenizer *t, int flags, struct stream_decoder **out,
                                 struct error *err)
{
    struct stream_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return error_nomem(err);
    d->t = t;
    d->flags = flags;
    for (size_t i = 0; i < t->decoders.n; i++)
        d->at_end = d->at_end || t->decoders.v[i].kind == DECODE_BPE || t->decoders.v[i].kind == DECODE_CTC;
    *out = d;
    return VIV_OK;
}

static bool ends_in_replacement(const struct buf *b)
{
    return b->size >= 3 && memcmp(b->data + b->size - 3, "\xEF\xBF\xBD", 3) == 0;
}

static viv_status decode_window(struct stream_decoder *d, size_t n, struct buf *out, struct error *err)
{
    buf_clear(out);
    return tokenizer_decode(d->t, d->window.ids, n, d->flags, out, err);
}

/* Gives out what is new; forgets the ids before the last ones given out. */
static viv_status give(struct stream_decoder *d, const char **text, size_t *size, struct error *err)
{
    size_t n = d->given.size <= d->text.size ? d->given.size : d->text.size;
    struct token_ids *w = &d->window;
    size_t kept = w->n - d->n_given;
    memmove(w->ids, w->ids + d->n_given, kept * sizeof *w->ids);
    w->n = kept;
    d->n_given = kept;
    viv_status status = decode_window(d, kept, &d->given, err);
    *text = buf_text(&d->text) + n;
    *size = d->text.size - n;
    return status;
}

viv_status stream_decoder_push(struct stream_decoder *d, int32_t id, const char **text, size_t *size,
                               struct error *err)
{
    *text = "";
    *size = 0;
    if (!tokenizer_piece(d->t, id) || ((d->flags & TOKENIZER_SKIP_SPECIAL) && tokenizer_is_special(d->t, id)))
        return VIV_OK;
    if (!token_ids_add(&d->window, id))
        return error_nomem(err);
    if (d->at_end)
        return VIV_OK;
    viv_status status = decode_window(d, d->window.n, &d->text, err);
    if (status != VIV_OK)
        return status;
    if (ends_in_replacement(&d->text) && d->window.n - d->n_given < LONGEST_CHARACTER)
        return VIV_OK;
    return give(d, text, size, err);
}

viv_status stream_decoder_finish(struct stream_decoder *d, const char **text, size_t *size, struct error *err)
{
    *text = "";
    *size = 0;
    if (d->window.n == d->n_given)
        return VIV_OK;
    viv_status status = decode_window(d, d->window.n, &d->text, err);
    return status == VIV_OK ? give(d, text, size, err) : status;
}

void stream_decoder_destroy(struct stream_decoder *d)
{
    if (!d)
        return;
    token_ids_release(&d->window);
    buf_release(&d->given);
    buf_release(&d->text);
    free(d);
}

/* --- looking at it ------------------------------------------------------------------------------------------- */

uint32_t tokenizer_vocab_size(const struct tokenizer *t)
{
    return t->vocab.n;
}

const char *tokenizer_piece(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && (uint32_t)id < t->vocab.n ? t->vocab.pieces[id] : NULL;
}

bool tokenizer_id(const struct tokenizer *t, const char *piece, int32_t *id)
{
    uint32_t found;
    if (!vocab_find(&t->vocab, piece, strlen(piece), &found))
        return false;
    *id = (int32_t)found;
    return true;
}

bool tokenizer_is_special(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && (uint32_t)id < t->n_special && t->special[id];
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

const char *tokenizer_summary(const struct tokenizer *t)
{
    return t->summary;
}
