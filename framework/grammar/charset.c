/* charset.c - see charset.h. */
#include "grammar/charset.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SURROGATE = 0xD800, LAST_SURROGATE = 0xDFFF };

void charset_release(struct charset *s)
{
    free(s->v);
    *s = (struct charset){0};
}

void charset_add(struct charset *s, uint32_t lo, uint32_t hi)
{
    if (lo > hi)
        return;
    if (!VEC_RESERVE(s->v, s->n, s->capacity)) {
        s->failed = true;
        return;
    }
    s->v[s->n++] = (struct range){lo, hi};
}

void charset_add_all(struct charset *s, const struct charset *from)
{
    for (size_t i = 0; i < from->n; i++)
        charset_add(s, from->v[i].lo, from->v[i].hi);
}

static int by_lo(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

static void split_surrogates(struct charset *s)
{
    const size_t n = s->n;
    for (size_t i = 0; i < n; i++) {
        const struct range r = s->v[i];
        if (r.hi < FIRST_SURROGATE || r.lo > LAST_SURROGATE)
            continue;
        s->v[i] = r.lo < FIRST_SURROGATE ? (struct range){r.lo, FIRST_SURROGATE - 1} : (struct range){1, 0};
        if (r.hi > LAST_SURROGATE)
            charset_add(s, LAST_SURROGATE + 1, r.hi);
    }
}

static bool is_sorted(const struct charset *s)
{
    for (size_t i = 1; i < s->n; i++)
        if (s->v[i].lo < s->v[i - 1].lo)
            return false;
    return true;
}

void charset_normalize(struct charset *s)
{
    size_t n = 0;
    split_surrogates(s);
    if (!is_sorted(s))
        qsort(s->v, s->n, sizeof *s->v, by_lo);
    for (size_t i = 0; i < s->n; i++) {
        const struct range r = s->v[i];
        if (r.lo > r.hi)
            continue;
        if (n && r.lo <= s->v[n - 1].hi + 1)
            s->v[n - 1].hi = r.hi > s->v[n - 1].hi ? r.hi : s->v[n - 1].hi;
        else
            s->v[n++] = r;
    }
    s->n = n;
}

void charset_complement(struct charset *s)
{
    const size_t n = s->n;
    uint32_t next = 0;
    for (size_t i = 0; i < n; i++) {
        const struct range r = s->v[i];
        if (r.lo > next)
            charset_add(s, next, r.lo - 1);
        next = r.hi + 1;
    }
    charset_add(s, next, MAX_CODE_POINT);
    if (n)
        memmove(s->v, s->v + n, (s->n - n) * sizeof *s->v);
    s->n -= n;
    charset_normalize(s);
}

void charset_fold(struct charset *s)
{
    const size_t n = s->n;
    for (size_t i = 0; i < n; i++) {
        const struct range r = s->v[i];
        const uint32_t lo = r.lo > 'a' ? r.lo : 'a', hi = r.hi < 'z' ? r.hi : 'z';
        const uint32_t up_lo = r.lo > 'A' ? r.lo : 'A', up_hi = r.hi < 'Z' ? r.hi : 'Z';
        if (lo <= hi)
            charset_add(s, lo - 32, hi - 32);
        if (up_lo <= up_hi)
            charset_add(s, up_lo + 32, up_hi + 32);
    }
    charset_normalize(s);
}

bool charset_has(const struct charset *s, uint32_t c)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        const size_t mid = (lo + hi) / 2;
        if (s->v[mid].hi < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n && s->v[lo].lo <= c;
}

bool charset_covers(const struct charset *s, const struct charset *part)
{
    size_t at = 0;
    for (size_t i = 0; i < part->n; i++) {
        while (at < s->n && s->v[at].hi < part->v[i].lo)
            at++;
        if (at == s->n || s->v[at].lo > part->v[i].lo || s->v[at].hi < part->v[i].hi)
            return false;
    }
    return true;
}

const struct charset *charset_plain(void)
{
    static const struct range ranges[] = {
        {' ', '!'}, {'#', '['}, {']', FIRST_SURROGATE - 1}, {LAST_SURROGATE + 1, MAX_CODE_POINT}};
    static const struct charset plain = {.v = (struct range *)ranges, .n = sizeof ranges / sizeof *ranges};
    return &plain;
}

/* Characters of one length, lo to hi: where a leading byte differs, all continuations of lo, then whole blocks,
 * then those of hi. */
static bool same_length(const unsigned char *lo, const unsigned char *hi, size_t n, size_t at,
                        struct byte_range *path, bool (*take)(void *, const struct byte_range *, size_t), void *ctx)
{
    if (at == n)
        return take(ctx, path, n);
    if (lo[at] == hi[at]) {
        path[at] = (struct byte_range){lo[at], hi[at]};
        return same_length(lo, hi, n, at + 1, path, take, ctx);
    }
    static const unsigned char least[4] = {0x80, 0x80, 0x80, 0x80}, most[4] = {0xBF, 0xBF, 0xBF, 0xBF};
    const bool lo_whole = memcmp(lo + at + 1, least, n - at - 1) == 0;
    const bool hi_whole = memcmp(hi + at + 1, most, n - at - 1) == 0;
    unsigned char end[4], begin[4];
    memcpy(end, most, sizeof end);
    memcpy(begin, least, sizeof begin);
    if (!lo_whole) {
        path[at] = (struct byte_range){lo[at], lo[at]};
        if (!same_length(lo, end, n, at + 1, path, take, ctx))
            return false;
    }
    const unsigned first = lo[at] + (lo_whole ? 0u : 1u), last = hi[at] - (hi_whole ? 0u : 1u);
    if (first <= last) {
        path[at] = (struct byte_range){(uint8_t)first, (uint8_t)last};
        for (size_t i = at + 1; i < n; i++)
            path[i] = (struct byte_range){0x80, 0xBF};
        if (!take(ctx, path, n))
            return false;
    }
    if (hi_whole)
        return true;
    path[at] = (struct byte_range){hi[at], hi[at]};
    return same_length(begin, hi, n, at + 1, path, take, ctx);
}

bool utf8_ranges(uint32_t lo, uint32_t hi, bool (*take)(void *, const struct byte_range *, size_t), void *ctx)
{
    static const struct range lengths[] = {{0, 0x7F},
                                           {0x80, 0x7FF},
                                           {0x800, FIRST_SURROGATE - 1},
                                           {LAST_SURROGATE + 1, 0xFFFF},
                                           {0x10000, MAX_CODE_POINT}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const uint32_t from = lo > lengths[i].lo ? lo : lengths[i].lo, to = hi < lengths[i].hi ? hi : lengths[i].hi;
        char low[4], high[4];
        struct byte_range path[4];
        if (from > to)
            continue;
        const size_t n = utf8_put(from, low);
        utf8_put(to, high);
        if (!same_length((unsigned char *)low, (unsigned char *)high, n, 0, path, take, ctx))
            return false;
    }
    return true;
}
