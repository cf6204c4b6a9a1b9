/* wordpiece.c - WordPiece (Schuster and Nakajima 2012, as in BERT): takes the longest piece at each place; a word
 * that cannot be split is one unknown token. Also WordLevel, which looks up whole words. */
#include "tokenizer/model.h"

#include <stdlib.h>
#include <string.h>

struct wordpiece {
    struct token_model base;
    char *prefix; /* of pieces that continue a word: "##" */
    uint32_t max_chars;
};

static size_t count_chars(const char *s, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)s[i] & 0xC0) != 0x80;
    return chars;
}

static viv_status unknown_word(const struct token_model *m, struct token_ids *out, struct error *err)
{
    if (m->unk < 0)
        return error_set(err, VIV_EINVAL, "a word is not in the vocabulary, which has no unknown token");
    return token_ids_add(out, m->unk) ? VIV_OK : error_nomem(err);
}

static viv_status encode(const struct token_model *m, const char *word, size_t n, struct token_ids *out,
                         struct error *err)
{
    const struct wordpiece *w = (const struct wordpiece *)m;
    size_t n_before = out->n, n_prefix = strlen(w->prefix);
    if (count_chars(word, n) > w->max_chars)
        return unknown_word(m, out, err);
    char *piece = malloc(n_prefix + n + 1);
    if (!piece)
        return error_nomem(err);
    memcpy(piece, w->prefix, n_prefix);
    viv_status status = VIV_OK;
    for (size_t at = 0; status == VIV_OK && at < n;) {
        size_t end = n, skip = at ? n_prefix : 0;
        uint32_t id;
        memcpy(piece + n_prefix, word + at, n - at);
        while (end > at && !vocab_find(m->vocab, piece + n_prefix - skip, skip + end - at, &id))
            for (end--; end > at && ((unsigned char)word[end] & 0xC0) == 0x80; end--) {
            }
        if (end == at) {
            out->n = n_before;
            status = unknown_word(m, out, err);
            break;
        }
        if (!token_ids_add(out, (int32_t)id))
            status = error_nomem(err);
        at = end;
    }
    free(piece);
    return status;
}

static viv_status encode_whole(const struct token_model *m, const char *word, size_t n, struct token_ids *out,
                               struct error *err)
{
    uint32_t id;
    if (!vocab_find(m->vocab, word, n, &id))
        return unknown_word(m, out, err);
    return token_ids_add(out, (int32_t)id) ? VIV_OK : error_nomem(err);
}

static void destroy(struct token_model *m)
{
    struct wordpiece *w = (struct wordpiece *)m;
    free(w->prefix);
    free(w);
}

viv_status wordpiece_create(const struct token_model *base, const char *prefix, uint32_t max_chars,
                            struct token_model **out, struct error *err)
{
    struct wordpiece *w = calloc(1, sizeof *w);
    char *copy = strdup(prefix);
    if (!w || !copy) {
        free(w);
        free(copy);
        return error_nomem(err);
    }
    w->base = *base;
    w->base.name = "WordPiece";
    w->base.encode = encode;
    w->base.destroy = destroy;
    w->prefix = copy;
    w->max_chars = max_chars;
    *out = &w->base;
    return VIV_OK;
}

viv_status wordlevel_create(const struct token_model *base, struct token_model **out, struct error *err)
{
    struct token_model *made;
    viv_status status = wordpiece_create(base, "", UINT32_MAX, &made, err);
    if (status != VIV_OK)
        return status;
    made->name = "WordLevel";
    made->encode = encode_whole;
    *out = made;
    return VIV_OK;
}

const char *wordpiece_prefix(const struct token_model *m)
{
    return m->encode == encode ? ((const struct wordpiece *)m)->prefix : NULL;
}
