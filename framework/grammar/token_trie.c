/* token_trie.c - see token_trie.h. */
#include "grammar/token_trie.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "grammar/charset.h"
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* A token to be sorted. */
struct entry {
    const unsigned char *bytes;
    uint32_t n, id;
    uint8_t plain; /* characters, if all are plain text and no more than MAX_PLAIN; else 0 */
};

static int by_bytes(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int order = memcmp(x->bytes, y->bytes, x->n < y->n ? x->n : y->n);
    if (order)
        return order;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* plain[k]: characters of the bytes from k on, if all are plain text; else NOT_PLAIN. [n + 1] */
static void count_plain(const unsigned char *s, uint32_t n, uint8_t *plain)
{
    plain[n] = 0;
    for (uint32_t k = n; k-- > 0;) {
        uint32_t c = s[k];
        const size_t step = c < 0x80 ? 1 : utf8_decode((const char *)s + k, n - k, &c);
        const uint8_t after = step ? plain[k + step] : NOT_PLAIN;
        plain[k] = after < NOT_PLAIN - 1 && charset_has(charset_plain(), c) ? (uint8_t)(after + 1) : NOT_PLAIN;
    }
}

/* before[k]: whole characters of the first k bytes, if these are plain text; else NOT_PLAIN. [n + 1] */
static void count_before(const unsigned char *s, uint32_t n, uint8_t *before)
{
    uint32_t k = 0;
    memset(before, NOT_PLAIN, n + 1);
    for (int chars = 0; chars < NOT_PLAIN; chars++) {
        uint32_t c = k < n ? s[k] : 0;
        const size_t step = c < 0x80 ? k < n : utf8_decode((const char *)s + k, n - k, &c);
        memset(before + k, chars, step ? step : 1);
        if (!step || !charset_has(charset_plain(), c))
            return;
        k += (uint32_t)step;
    }
}

static uint32_t shared(const struct entry *a, const struct entry *b)
{
    uint32_t n = 0;
    while (n < a->n && n < b->n && a->bytes[n] == b->bytes[n])
        n++;
    return n;
}

/* Entries are sorted: each adds the nodes that it does not share with the one before. */
static bool build(struct trie *t, const struct entry *v, size_t n, bool rest)
{
    size_t nodes_capacity = 0, bytes_capacity = 0, chars_capacity = 0, tokens_capacity = 0;
    uint32_t open[MAX_TOKEN_BYTES]; /* the node of each byte */
    uint8_t plain[MAX_TOKEN_BYTES + 1], before[MAX_TOKEN_BYTES + 1];
    const struct entry *last = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct entry *e = &v[i];
        if (rest && e->plain)
            continue;
        const uint32_t from = last ? shared(last, e) : 0;
        for (uint32_t k = last ? last->n : 0; k-- > from;)
            t->nodes[open[k]].end = (uint32_t)t->n_nodes;
        count_plain(e->bytes, e->n, plain);
        count_before(e->bytes, e->n, before);
        for (uint32_t k = from; k < e->n; k++) {
            if (!VEC_RESERVE(t->nodes, t->n_nodes, nodes_capacity) ||
                !VEC_RESERVE(t->bytes, t->n_nodes, bytes_capacity) ||
                !VEC_RESERVE(t->chars, t->n_nodes, chars_capacity))
                return false;
            t->bytes[t->n_nodes] = 0;
            t->chars[t->n_nodes] = before[k + 1];
            open[k] = (uint32_t)t->n_nodes;
            t->nodes[t->n_nodes++] = (struct trie_node){
                .tokens = (uint32_t)t->n_tokens, .depth = (uint16_t)(k + 1), .byte = e->bytes[k]};
        }
        uint64_t bytes = 0;
        for (uint32_t k = e->n; k-- > 0;) {
            struct trie_node *node = &t->nodes[open[k]];
            node->below = node->below < plain[k + 1] ? plain[k + 1] : node->below;
            bytes |= byte_bit(e->bytes[k]);
            t->bytes[open[k]] |= plain[k] == NOT_PLAIN ? bytes | NOT_PLAIN_BIT : bytes;
        }
        if (!VEC_RESERVE(t->tokens, t->n_tokens, tokens_capacity))
            return false;
        t->tokens[t->n_tokens++] = e->id;
        last = e;
    }
    for (uint32_t k = last ? last->n : 0; k-- > 0;)
        t->nodes[open[k]].end = (uint32_t)t->n_nodes;
    if (!VEC_RESERVE(t->nodes, t->n_nodes, nodes_capacity))
        return false;
    t->nodes[t->n_nodes] = (struct trie_node){.tokens = (uint32_t)t->n_tokens};
    return true;
}

static bool make_slices(struct token_trie *t, const struct entry *v, size_t n)
{
    for (int k = 0; k <= MAX_PLAIN; k++) {
        t->plain[k] = calloc(t->n_words, sizeof *t->plain[k]);
        if (!t->plain[k])
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (v[i].plain)
            t->plain[v[i].plain][v[i].id / 64] |= (uint64_t)1 << v[i].id % 64;
    for (int k = 1; k <= MAX_PLAIN; k++)
        for (uint32_t w = 0; w < t->n_words; w++)
            t->plain[k][w] |= t->plain[k - 1][w];
    return true;
}

bool token_trie_is_end(const struct token_trie *t, int32_t id)
{
    for (size_t i = 0; i < t->n_ends; i++)
        if (t->ends[i] == id)
            return true;
    return false;
}

void token_mark(uint32_t id, char out[MARK_BYTES])
{
    const unsigned char mark[MARK_BYTES] = {0xFF, id >> 24, id >> 16 & 0xFF, id >> 8 & 0xFF, id & 0xFF};
    memcpy(out, mark, sizeof mark);
}

/* Appends what a token has in the trie; nothing: no grammar allows it. */
static bool append_token(const struct token_trie *t, int32_t id, struct buf *text, struct buf *out)
{
    char mark[MARK_BYTES];
    buf_clear(text);
    if (token_trie_is_end(t, id))
        return true;
    if (tokenizer_is_special(t->tokenizer, id)) {
        token_mark((uint32_t)id, mark);
        return buf_append(out, mark, sizeof mark);
    }
    if (!tokenizer_token_bytes(t->tokenizer, id, text) || text->size > MAX_TOKEN_BYTES ||
        memchr(buf_text(text), 0xFF, text->size))
        return !text->failed;
    return buf_append(out, buf_text(text), text->size);
}

/* The bytes of all tokens, one after another. */
static viv_status collect(struct token_trie *t, struct error *err)
{
    struct buf bytes = {0}, one = {0};
    const uint32_t n = tokenizer_vocab_size(t->tokenizer);
    t->first = calloc((size_t)t->n_ids + 1, sizeof *t->first);
    bool ok = t->first != NULL;
    for (uint32_t id = 0; ok && id < t->n_ids; id++) {
        t->first[id] = (uint32_t)bytes.size;
        ok = (id >= n || append_token(t, (int32_t)id, &one, &bytes)) && bytes.size < UINT32_MAX;
    }
    if (ok)
        t->first[t->n_ids] = (uint32_t)bytes.size;
    buf_release(&one);
    if (!ok) {
        buf_release(&bytes);
        return error_nomem(err);
    }
    t->bytes = bytes.data;
    return VIV_OK;
}

static viv_status sort_tokens(struct token_trie *t, struct error *err)
{
    struct entry *v = calloc((size_t)t->n_ids + 1, sizeof *v);
    size_t n = 0;
    if (!v)
        return error_nomem(err);
    for (uint32_t id = 0; t->bytes && id < t->n_ids; id++) { /* no bytes: no token is text */
        const uint32_t size = t->first[id + 1] - t->first[id];
        if (size == 0)
            continue;
        const unsigned char *s = (const unsigned char *)t->bytes + t->first[id];
        uint8_t plain[MAX_TOKEN_BYTES + 1];
        count_plain(s, size, plain);
        v[n++] = (struct entry){s, size, id, plain[0] <= MAX_PLAIN ? plain[0] : 0};
        t->longest = size > t->longest ? size : t->longest;
    }
    qsort(v, n, sizeof *v, by_bytes);
    const bool ok = build(&t->all, v, n, false) && build(&t->rest, v, n, true) && make_slices(t, v, n);
    free(v);
    return ok ? VIV_OK : error_nomem(err);
}

viv_status token_trie_create(const struct tokenizer *tokenizer, uint32_t n_ids, const int32_t *ends, size_t n_ends,
                             struct token_trie **out, struct error *err)
{
    struct token_trie *t = calloc(1, sizeof *t);
    if (!t)
        return error_nomem(err);
    t->tokenizer = tokenizer;
    t->n_ids = n_ids;
    t->n_words = n_ids / 64 + 1;
    t->ends = calloc(n_ends + 1, sizeof *t->ends);
    for (size_t i = 0; t->ends && i < n_ends; i++)
        if (ends[i] >= 0 && (uint32_t)ends[i] < n_ids)
            t->ends[t->n_ends++] = ends[i];
    viv_status status = t->ends ? collect(t, err) : error_nomem(err);
    if (status == VIV_OK)
        status = sort_tokens(t, err);
    if (status == VIV_OK)
        *out = t;
    else
        token_trie_destroy(t);
    return status;
}

static void trie_release(struct trie *t)
{
    free(t->nodes);
    free(t->bytes);
    free(t->tokens);
    free(t->chars);
}

void token_trie_destroy(struct token_trie *t)
{
    if (!t)
        return;
    trie_release(&t->all);
    trie_release(&t->rest);
    for (int k = 0; k <= MAX_PLAIN; k++)
        free(t->plain[k]);
    free((char *)t->bytes);
    free(t->first);
    free(t->ends);
    free(t);
}
