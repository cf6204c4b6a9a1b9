/* unigram.c - the unigram language model (Kudo 2018): finds the split of a word into pieces with the highest sum
 * of log-probabilities, by Viterbi. A character that no piece begins with is the unknown token, with a penalty. */
#include "tokenizer/model.h"

#include "base/utf8.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double UNKNOWN_PENALTY = 10;

struct unigram {
    struct token_model base;
    double *scores, unknown_score;
    bool single;    /* sums are rounded to single precision */
    size_t longest; /* bytes of the longest piece */
};

/* The best split up to a place in the word. */
struct place {
    double score;
    size_t from; /* where the last piece begins */
    int32_t id;  /* -1: unknown */
};

static double sum(const struct unigram *u, double a, double b)
{
    return u->single ? (double)((float)a + (float)b) : a + b;
}

static bool viterbi(const struct unigram *u, const char *word, size_t n, struct place *best)
{
    for (size_t i = 1; i <= n; i++)
        best[i] = (struct place){-DBL_MAX, 0, -1};
    best[0] = (struct place){0, 0, -1};
    for (size_t at = 0, length; at < n; at += length) {
        uint32_t c;
        bool single = false;
        length = utf8_decode(word + at, n - at, &c);
        length = length ? length : 1;
        size_t most = n - at < u->longest ? n - at : u->longest;
        for (size_t m = 1; m <= most; m++) {
            uint32_t id;
            if (at + m < n && ((unsigned char)word[at + m] & 0xC0) == 0x80)
                continue;
            if (!vocab_find(u->base.vocab, word + at, m, &id) || u->scores[id] == -INFINITY)
                continue;
            single = single || m == length;
            const double score = sum(u, best[at].score, u->scores[id]);
            if (score > best[at + m].score || best[at + m].score == -DBL_MAX)
                best[at + m] = (struct place){score, at, (int32_t)id == u->base.unk ? -1 : (int32_t)id};
        }
        const double unknown = sum(u, best[at].score, u->unknown_score);
        if (!single && unknown > best[at + length].score)
            best[at + length] = (struct place){unknown, at, -1};
    }
    return true;
}

static viv_status encode(const struct token_model *m, const char *word, size_t n, struct token_ids *out,
                         struct error *err)
{
    const struct unigram *u = (const struct unigram *)m;
    if (n > SIZE_MAX / 2 / sizeof(struct place))
        return error_nomem(err);
    struct place *best = malloc((n + 1) * sizeof *best);
    size_t *ends = malloc((n + 1) * sizeof *ends);
    bool ok = best && ends && viterbi(u, word, n, best), after_unk = false;
    size_t n_pieces = 0;
    for (size_t at = n; ok && at > 0; at = best[at].from)
        ends[n_pieces++] = at;
    while (ok && n_pieces > 0) {
        size_t end = ends[--n_pieces], from = best[end].from;
        if (best[end].id >= 0) {
            ok = token_ids_add(out, best[end].id);
            after_unk = false;
            continue;
        }
        /* consecutive unknown characters are one unknown piece */
        while (n_pieces > 0 && best[ends[n_pieces - 1]].id < 0)
            end = ends[--n_pieces];
        uint32_t id; /* "<unk>" written out is the unknown token, not its bytes */
        ok = vocab_find(m->vocab, word + from, end - from, &id) && u->scores[id] != -INFINITY
                 ? token_ids_add(out, (int32_t)id)
                 : token_model_add_unknown(m, word + from, end - from, &after_unk, out);
    }
    free(best);
    free(ends);
    return ok ? VIV_OK : error_nomem(err);
}

static void destroy(struct token_model *m)
{
    struct unigram *u = (struct unigram *)m;
    free(u->scores);
    free(u);
}

viv_status unigram_create(const struct token_model *base, const double *scores, bool single,
                          struct token_model **out, struct error *err)
{
    struct unigram *u = calloc(1, sizeof *u);
    double *copy = malloc((base->vocab->n + 1) * sizeof *copy), least = DBL_MAX;
    if (!u || !copy) {
        free(u);
        free(copy);
        return error_nomem(err);
    }
    u->base = *base;
    u->base.name = "Unigram";
    u->base.encode = encode;
    u->base.destroy = destroy;
    u->scores = copy;
    u->single = single;
    for (uint32_t i = 0; i < base->vocab->n; i++) {
        copy[i] = scores[i];
        if (base->vocab->pieces[i] && base->vocab->sizes[i] > u->longest)
            u->longest = base->vocab->sizes[i];
        if (base->vocab->pieces[i] && scores[i] < least && scores[i] != -INFINITY)
            least = scores[i];
    }
    u->unknown_score = least - UNKNOWN_PENALTY;
    *out = &u->base;
    return VIV_OK;
}
