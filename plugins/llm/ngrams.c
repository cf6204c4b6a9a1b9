/* ngrams.c - proposals from the text itself, without a model: prompt lookup decoding (Saxena 2023). What follows
 * when the last tokens have occurred before is likely what followed then: names, code, quotations, corrections of a
 * text. */
#include "draft.h"

enum { MIN_NGRAM = 2, MAX_NGRAM = 16 };

const double ngrams_accepted[N_CLASSES] = {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95};

/* The longer the n-gram, the surer. */
static uint8_t class_of(uint64_t n)
{
    static const uint64_t from[N_CLASSES] = {2, 3, 4, 5, 7, 9, 13, 16};
    uint8_t class = 0;
    while (class + 1 < N_CLASSES && n >= from[class + 1])
        class ++;
    return class;
}

/* How many tokens before `a` and before `b` are the same; a < b. */
static uint64_t shared_before(const int32_t *text, uint64_t a, uint64_t b)
{
    uint64_t n = 0;
    while (n < MAX_NGRAM && n < a && text[a - 1 - n] == text[b - 1 - n])
        n++;
    return n;
}

void ngrams_propose(const int32_t *text, uint64_t n, uint64_t max, struct proposal *out)
{
    uint64_t longest = 0, at = 0;
    for (uint64_t i = n; i-- > 1 && longest < MAX_NGRAM;) {
        if (text[i - 1] != text[n - 1])
            continue;
        const uint64_t length = shared_before(text, i, n);
        if (length > longest) {
            longest = length;
            at = i;
        }
    }
    out->n = 0;
    if (longest < MIN_NGRAM)
        return;
    for (; out->n < max && out->n < MAX_DRAFT; out->n++, at++) { /* what repeats itself goes on into the proposal */
        out->tokens[out->n] = at < n ? text[at] : out->tokens[at - n];
        out->classes[out->n] = class_of(longest + out->n);
    }
}
