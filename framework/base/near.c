/* near.c - see near.h. */
#include "base/near.h"

#include <string.h>

enum { LONGEST = 64 };

/* Edit distance with swaps of neighbours, or `limit` + 1 if it is larger. Words over 64 bytes never match. */
static size_t distance_of(const char *a, const char *b, size_t limit)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return limit + 1;
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[m] <= limit ? last[m] : limit + 1;
}

const char *near_word(const char *word, const char *const *candidates, size_t n)
{
    size_t n_letters = strlen(word), best = (n_letters + 2) / 3 + 1;
    if (best > n_letters)
        best = n_letters; /* who shares no letter is not near */
    size_t nearest = n;
    /* num_attention_heads for n_head: abbreviations share their first letters and contain the rest in order */
    for (size_t i = 0; i < n; i++) {
        size_t d = distance_of(word, candidates[i], best - 1);
        if (d < best) {
            best = d;
            nearest = i;
        }
    }
    if (nearest < n || n_letters < 4)
        return nearest < n ? candidates[nearest] : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *w = word, *c = candidates[i];
        if (*w != *c)
            continue;
        while (*w && *c) {
            if (*w == *c)
                w++;
            c++;
        }
        if (!*w && (nearest == n || strlen(candidates[i]) < strlen(candidates[nearest])))
            nearest = i;
    }
    return nearest < n ? candidates[nearest] : NULL;
}

size_t near_words(const char *word, const char *const *candidates, size_t n, const char **out, size_t most)
{
    const size_t limit = strlen(word) / 2;
    size_t n_out = 0;
    for (size_t d = 0; d <= limit; d++)
        for (size_t i = 0; i < n && n_out < most; i++) {
            size_t seen = 0;
            while (seen < n_out && strcmp(out[seen], candidates[i]) != 0)
                seen++;
            if (seen == n_out && distance_of(word, candidates[i], limit) == d)
                out[n_out++] = candidates[i];
        }
    return n_out;
}
