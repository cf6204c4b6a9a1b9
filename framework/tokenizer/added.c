/* added.c - added tokens: found in the text before the model encodes it, as in the tokenizers library
 * (added_vocabulary.rs). They have a table of their own; the model never finds one among its pieces. */
#include "tokenizer/pipeline.h"
#include "tokenizer/unicode.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct added_token *added_find(const struct added_tokens *a, const char *text, size_t n)
{
    uint32_t i;
    return strmap_get(&a->by_text, text, n, &i) ? &a->v[i] : NULL;
}

const struct added_token *added_of(const struct added_tokens *a, int32_t id)
{
    return id >= 0 && (uint32_t)id < a->n_ids && a->by_id[id] ? &a->v[a->by_id[id] - 1] : NULL;
}

void added_release(struct added_tokens *a)
{
    free(a->v);
    free(a->by_id);
    free(a->raw.v);
    free(a->normalized.v);
    strmap_release(&a->by_text);
    *a = (struct added_tokens){0};
}

static bool put_id(struct added_tokens *a, uint32_t id, uint32_t index)
{
    while (a->n_ids <= id) {
        if (!VEC_RESERVE(a->by_id, a->n_ids, a->ids_capacity))
            return false;
        a->by_id[a->n_ids++] = 0;
    }
    a->by_id[id] = index + 1;
    return true;
}

/* The id of the next added token in the tokenizers library, which counts them, whatever a file says. */
static int32_t next_id(const struct tokenizer *t)
{
    return (int32_t)(t->added.n_ids > t->vocab.n_pieces ? t->added.n_ids : t->vocab.n_pieces);
}

viv_status tokenizer_add_token(struct tokenizer *t, const struct added_token *token, struct error *err)
{
    struct added_tokens *a = &t->added;
    struct added_token copy = *token;
    uint32_t i, known;
    if (token->n == 0)
        return error_set(err, VIV_EFORMAT, "the added token is empty");
    if (strmap_get(&a->by_text, token->content, token->n, &i)) {
        copy.content = a->v[i].content;
        copy.id = a->v[i].id;
        copy.special = token->special || a->v[i].special;
        a->v[i] = copy;
        return VIV_OK;
    }
    copy.content = arena_strndup(&t->arena, token->content, token->n);
    if (!copy.content || !VEC_RESERVE(a->v, a->n, a->capacity))
        return error_nomem(err);
    if (vocab_find(&t->vocab, copy.content, copy.n, &known))
        copy.id = (int32_t)known;
    else if (copy.id < 0)
        copy.id = next_id(t);
    if (copy.id >= MAX_VOCAB)
        return error_set(err, VIV_ELIMIT, "the added token '%.100s' has the id %" PRId32 ", at most %d are taken",
                         copy.content, copy.id, MAX_VOCAB - 1);
    if (!put_id(a, (uint32_t)copy.id, (uint32_t)a->n) ||
        strmap_add(&a->by_text, copy.content, copy.n, (uint32_t)a->n) != STRMAP_ADDED)
        return error_nomem(err);
    a->v[a->n++] = copy;
    return VIV_OK;
}

/* --- finding them in a text ---------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    const struct added_entry *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

viv_status tokenizer_index_added(struct tokenizer *t, struct error *err)
{
    struct added_tokens *a = &t->added;
    for (size_t i = 0; i < a->n; i++) {
        const struct added_token *token = &a->v[i];
        struct added_index *index = token->normalized || token->as_is ? &a->normalized : &a->raw;
        struct added_entry entry = {token->content, token->n, (uint32_t)i};
        if (token->normalized && !token->as_is) {
            struct buf b = {0};
            viv_status status = normalizers_apply(&t->normalizers, token->content, token->n, &b, err);
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
    if (a->raw.n)
        qsort(a->raw.v, a->raw.n, sizeof *a->raw.v, by_text);
    if (a->normalized.n)
        qsort(a->normalized.v, a->normalized.n, sizeof *a->normalized.v, by_text);
    return VIV_OK;
}

/* The longest entry that s begins with, or NULL. */
static const struct added_entry *longest_at(const struct added_index *index, const char *s, size_t n)
{
    const struct added_entry *found = NULL;
    size_t low = 0, high = index->n;
    for (size_t k = 0; low < high; k++) {
        while (low < high && index->v[low].n == k)
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
    return at > 0 && utf8_decode(s + begin, at - begin, &c) && unicode_is_word(c);
}

static bool word_after(const char *s, size_t at, size_t n)
{
    uint32_t c;
    return at < n && utf8_decode(s + at, n - at, &c) && unicode_is_word(c);
}

static size_t spaces_before(const char *s, size_t at)
{
    uint32_t c;
    while (at > 0) {
        size_t k = at - 1;
        while (k > 0 && ((unsigned char)s[k] & 0xC0) == 0x80)
            k--;
        if (!utf8_decode(s + k, at - k, &c) || !unicode_is_space(c))
            break;
        at = k;
    }
    return at;
}

static size_t spaces_after(const char *s, size_t at, size_t n)
{
    uint32_t c;
    size_t length;
    while (at < n && (length = utf8_decode(s + at, n - at, &c)) && unicode_is_space(c))
        at += length;
    return at;
}

/* A token that is found uses up its text even if it is not counted, as in the reference. The spaces that belong to
 * it are searched again. */
bool added_next(const struct added_tokens *a, const struct added_index *index, const char *s, size_t n, int flags,
                struct added_match *m)
{
    while (m->searched < n) {
        const size_t at = m->searched;
        const struct added_entry *e = longest_at(index, s + at, n - at);
        if (!e) {
            m->searched++;
            continue;
        }
        const struct added_token *token = &a->v[e->token];
        const size_t end = at + e->n;
        m->searched = end;
        if (token->special && m->from_data && memchr(m->from_data + at, 1, e->n)) {
            m->searched = at + 1; /* a token that the template wrote may begin inside this one */
            continue;
        }
        if (token->special && !(flags & TOKENIZER_PARSE_SPECIAL))
            continue;
        if (token->single_word && (word_before(s, at) || word_after(s, end, n)))
            continue;
        const size_t begin = token->lstrip ? spaces_before(s, at) : at;
        m->done = m->end;
        m->begin = token->lstrip && begin < m->done ? m->done : begin;
        m->end = token->rstrip ? spaces_after(s, end, n) : end;
        m->token = token;
        return true;
    }
    m->done = m->end;
    return false;
}
