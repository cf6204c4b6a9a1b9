/* bpe.c - byte pair encoding (Sennrich, Haddow and Birch 2016): merges the neighbours whose pair is first in the
 * list of merges, the leftmost ones first, until no pair is in the list.
 *
 * Pairs are in a heap, so a word of n symbols takes n log n steps. */
#include "tokenizer/model.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct merge {
    uint64_t pair; /* left id << 32 | right id; UINT64_MAX: free */
    uint32_t rank, id;
};

struct bpe {
    struct token_model base;
    struct bpe_options options;
    char *prefix, *suffix;
    struct merge *merges; /* open addressing */
    size_t n_merges, capacity;
};

/* --- the list of merges -------------------------------------------------------------------------------------- */

static struct merge *merge_slot(struct merge *merges, size_t capacity, uint64_t pair)
{
    uint64_t h = pair * 0x9E3779B97F4A7C15u;
    size_t i = (h ^ h >> 32) & (capacity - 1);
    while (merges[i].pair != UINT64_MAX && merges[i].pair != pair)
        i = (i + 1) & (capacity - 1);
    return &merges[i];
}

static bool grow(struct bpe *b)
{
    size_t capacity = b->capacity ? 2 * b->capacity : 1024;
    struct merge *merges = malloc(capacity * sizeof *merges);
    if (!merges)
        return false;
    for (size_t i = 0; i < capacity; i++)
        merges[i].pair = UINT64_MAX;
    for (size_t i = 0; i < b->capacity; i++)
        if (b->merges[i].pair != UINT64_MAX)
            *merge_slot(merges, capacity, b->merges[i].pair) = b->merges[i];
    free(b->merges);
    b->merges = merges;
    b->capacity = capacity;
    return true;
}

viv_status bpe_add_merge(struct token_model *m, const char *left, size_t n_left, const char *right, size_t n_right,
                         struct error *err)
{
    struct bpe *b = (struct bpe *)m;
    uint32_t l, r, id;
    char joined[4096];
    size_t skip = b->prefix && n_right >= strlen(b->prefix) ? strlen(b->prefix) : 0;
    if (!vocab_find(m->vocab, left, n_left, &l) || !vocab_find(m->vocab, right, n_right, &r))
        return error_set(err, VIV_EFORMAT, "merge %zu, '%.*s' and '%.*s': not both are in the vocabulary",
                         b->n_merges, (int)(n_left < 100 ? n_left : 100), left,
                         (int)(n_right < 100 ? n_right : 100), right);
    if (n_left + n_right > sizeof joined)
        return error_set(err, VIV_ELIMIT, "merge %zu makes a piece of more than %zu bytes", b->n_merges,
                         sizeof joined);
    memcpy(joined, left, n_left);
    memcpy(joined + n_left, right + skip, n_right - skip);
    if (!vocab_find(m->vocab, joined, n_left + n_right - skip, &id))
        return error_set(err, VIV_EFORMAT, "merge %zu makes '%.*s', which is not in the vocabulary", b->n_merges,
                         (int)(n_left + n_right - skip < 100 ? n_left + n_right - skip : 100), joined);
    if (b->n_merges >= b->capacity / 2 && !grow(b))
        return error_nomem(err);
    uint64_t pair = (uint64_t)l << 32 | r;
    struct merge *slot = merge_slot(b->merges, b->capacity, pair);
    *slot = (struct merge){pair, (uint32_t)b->n_merges,
                           id}; /* the last of two equal ones counts, as in the reference */
    b->n_merges++;
    return VIV_OK;
}

/* --- one word ------------------------------------------------------------------------------------------------ */

struct symbol {
    uint32_t id;
    int32_t before, after; /* -1: none */
    size_t at, n;          /* bytes of the word; n 0: merged away */
};

struct candidate {
    double order; /* lower goes first: rank, or minus the score */
    uint32_t id, left_id, right_id;
    int32_t left;
    size_t n; /* bytes of both: shows whether a pair has changed since */
};

struct work {
    struct symbol *symbols;
    size_t n, capacity;
    struct candidate *heap;
    size_t n_heap, heap_capacity;
};

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    return a->order < b->order || (a->order == b->order && a->left < b->left);
}

static bool heap_push(struct work *w, const struct candidate *c)
{
    if (!VEC_RESERVE(w->heap, w->n_heap, w->heap_capacity))
        return false;
    size_t i = w->n_heap++;
    while (i > 0 && goes_before(c, &w->heap[(i - 1) / 2])) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = *c;
    return true;
}

static struct candidate heap_pop(struct work *w)
{
    struct candidate top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->n_heap; i = child) {
        if (child + 1 < w->n_heap && goes_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!goes_before(&w->heap[child], &last))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return top;
}

/* Whether two neighbours may merge, and into what. */
static bool find_merge(const struct bpe *b, const struct work *w, const char *word, int32_t left,
                       struct candidate *c)
{
    const struct symbol *l = &w->symbols[left];
    if (l->after < 0)
        return false;
    const struct symbol *r = &w->symbols[l->after];
    *c = (struct candidate){.left_id = l->id, .right_id = r->id, .left = left, .n = l->n + r->n};
    if (b->options.scores) {
        if (!vocab_find(b->base.vocab, word + l->at, l->n + r->n, &c->id) || b->options.scores[c->id] == -INFINITY)
            return false;
        c->order = -(double)b->options.scores[c->id];
        return true;
    }
    if (!b->capacity || l->id == UINT32_MAX || r->id == UINT32_MAX)
        return false;
    const struct merge *m = merge_slot(b->merges, b->capacity, (uint64_t)l->id << 32 | r->id);
    c->order = m->rank;
    c->id = m->id;
    return m->pair != UINT64_MAX;
}

/* The id of one character, which the affixes may change. */
static uint32_t char_id(const struct bpe *b, const char *s, size_t n, bool first, bool last)
{
    char piece[256];
    size_t m = 0;
    uint32_t id;
    if (b->prefix && !first) {
        m = strlen(b->prefix);
        memcpy(piece, b->prefix, m);
    }
    memcpy(piece + m, s, n);
    m += n;
    if (b->suffix && last) {
        memcpy(piece + m, b->suffix, strlen(b->suffix));
        m += strlen(b->suffix);
    }
    return vocab_find(b->base.vocab, piece, m, &id) ? id : UINT32_MAX;
}

static bool cut_into_chars(const struct bpe *b, const char *word, size_t n, struct work *w)
{
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t length = utf8_decode(word + at, n - at, &c);
        length = length ? length : 1;
        if (!VEC_RESERVE(w->symbols, w->n, w->capacity))
            return false;
        w->symbols[w->n] = (struct symbol){.id = char_id(b, word + at, length, at == 0, at + length == n),
                                           .before = (int32_t)w->n - 1,
                                           .after = at + length < n ? (int32_t)w->n + 1 : -1,
                                           .at = at,
                                           .n = length};
        w->n++;
        at += length;
    }
    return true;
}

static bool merge_all(const struct bpe *b, const char *word, struct work *w)
{
    struct candidate c;
    for (size_t i = 0; i < w->n; i++)
        if (find_merge(b, w, word, (int32_t)i, &c) && !heap_push(w, &c))
            return false;
    while (w->n_heap) {
        c = heap_pop(w);
        struct symbol *l = &w->symbols[c.left];
        if (l->n == 0 || l->id != c.left_id || l->after < 0 || w->symbols[l->after].id != c.right_id ||
            l->n + w->symbols[l->after].n != c.n)
            continue; /* one of the two was merged since */
        struct symbol *r = &w->symbols[l->after];
        l->id = c.id;
        l->n += r->n;
        r->n = 0;
        l->after = r->after;
        if (r->after >= 0)
            w->symbols[r->after].before = c.left;
        struct candidate next;
        if (find_merge(b, w, word, c.left, &next) && !heap_push(w, &next))
            return false;
        if (l->before >= 0 && find_merge(b, w, word, l->before, &next) && !heap_push(w, &next))
            return false;
    }
    return true;
}

static bool is_newlines(const char *word, size_t n)
{
    size_t i = 0;
    while (i < n && word[i] == '\n')
        i++;
    return i == n;
}

static viv_status encode(const struct token_model *m, const char *word, size_t n, struct token_ids *out,
                         struct error *err)
{
    const struct bpe *b = (const struct bpe *)m;
    struct work w = {0};
    uint32_t id;
    if (n > INT32_MAX)
        return error_set(err, VIV_ELIMIT, "a word of more than 2^31 bytes");
    bool whole = b->options.ignore_merges || (b->options.newlines_whole && is_newlines(word, n));
    if (whole && vocab_find(m->vocab, word, n, &id))
        return token_ids_add(out, (int32_t)id) ? VIV_OK : error_nomem(err);
    bool ok = cut_into_chars(b, word, n, &w) && merge_all(b, word, &w), after_unk = false;
    for (int32_t i = w.n ? 0 : -1; ok && i >= 0; i = w.symbols[i].after) {
        const struct symbol *s = &w.symbols[i];
        if (s->id == UINT32_MAX) {
            ok = token_model_add_unknown(m, word + s->at, s->n, &after_unk, out);
        } else {
            ok = token_ids_add(out, (int32_t)s->id);
            after_unk = false;
        }
    }
    free(w.symbols);
    free(w.heap);
    return ok ? VIV_OK : error_nomem(err);
}

static void destroy(struct token_model *m)
{
    struct bpe *b = (struct bpe *)m;
    free(b->merges);
    free(b->prefix);
    free(b->suffix);
    free((float *)b->options.scores);
    free(b);
}

viv_status bpe_create(const struct token_model *base, const struct bpe_options *options, struct token_model **out,
                      struct error *err)
{
    struct bpe *b = calloc(1, sizeof *b);
    if (!b)
        return error_nomem(err);
    b->base = *base;
    b->base.name = "BPE";
    b->base.encode = encode;
    b->base.destroy = destroy;
    b->options.ignore_merges = options->ignore_merges;
    b->options.newlines_whole = options->newlines_whole;
    if (options->continuing_prefix && *options->continuing_prefix)
        b->prefix = strndup(options->continuing_prefix, 64);
    if (options->end_suffix && *options->end_suffix)
        b->suffix = strndup(options->end_suffix, 64);
    float *scores = options->scores ? malloc((base->vocab->n + 1) * sizeof *scores) : NULL;
    b->options.scores = scores;
    if ((options->continuing_prefix && *options->continuing_prefix && !b->prefix) ||
        (options->end_suffix && *options->end_suffix && !b->suffix) || (options->scores && !scores)) {
        destroy(&b->base);
        return error_nomem(err);
    }
    if (scores)
        memcpy(scores, options->scores, base->vocab->n * sizeof *scores);
    *out = &b->base;
    return VIV_OK;
}

bool bpe_is(const struct token_model *m, struct bpe_options *options)
{
    const struct bpe *b = (const struct bpe *)m;
    if (m->encode != encode)
        return false;
    *options = b->options;
    options->continuing_prefix = b->prefix;
    options->end_suffix = b->suffix;
    return true;
}

static int by_rank(const void *a, const void *b)
{
    const struct merge *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

viv_status bpe_merges(const struct token_model *m, struct bpe_merge **out, size_t *n, struct error *err)
{
    const struct bpe *b = (const struct bpe *)m;
    struct merge *sorted = calloc(b->n_merges + 1, sizeof *sorted);
    struct bpe_merge *merges = calloc(b->n_merges + 1, sizeof *merges);
    *n = 0;
    *out = merges;
    if (!sorted || !merges) {
        free(sorted);
        free(merges);
        return error_nomem(err);
    }
    for (size_t i = 0; i < b->capacity; i++)
        if (b->merges[i].pair != UINT64_MAX)
            sorted[(*n)++] = b->merges[i];
    qsort(sorted, *n, sizeof *sorted, by_rank);
    for (size_t i = 0; i < *n; i++)
        merges[i] = (struct bpe_merge){(uint32_t)(sorted[i].pair >> 32), (uint32_t)sorted[i].pair, sorted[i].id};
    free(sorted);
    return VIV_OK;
}
