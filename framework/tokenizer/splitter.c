/* splitter.c - one scanner for the patterns of most tokenizers. It tries in order: a contraction, a word, digits,
 * symbols, white space. A row of the table lists how a pattern differs. */
#include "tokenizer/splitter.h"

#include "tokenizer/patterns.h"
#include "tokenizer/unicode.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    FOLDED = 1,    /* contractions in any case; the long s is an s, too */
    ASCII = 2,     /* only A-Z and a-z have a case */
    AFTER = 4,     /* a contraction may follow a word, rather than stand alone */
    SPACED = 8,    /* only a space stands before a word; one may stand before digits, too */
    MARKED = 16,   /* marks are parts of words, not symbols */
    CASED = 32,    /* small letters end a word before a capital */
    LINES = 64,    /* newlines end white space, and follow symbols */
    SLASH = 128,   /* a slash may follow symbols, too */
    NO_SHORT = 256 /* no contractions at all */
};
struct splitter {
    const char *pattern;
    unsigned flags, digits; /* digits: at most so many in a piece; 0: any number */
};

static const struct splitter splitters[] = {
    {GPT2_PATTERN, SPACED, 0},
    {LLAMA3_PATTERN, FOLDED | LINES, 3},
    {LLAMA3_ASCII, FOLDED | ASCII | LINES, 3},
    {QWEN2_PATTERN, FOLDED | LINES, 1},
    {QWEN2_ASCII, FOLDED | ASCII | LINES, 1},
    {CL100K_PATTERN, FOLDED | LINES, 3},
    {QWEN35_PATTERN, FOLDED | LINES | MARKED, 1},
    {QWEN35_ASCII, FOLDED | ASCII | LINES | MARKED, 1},
    {O200K_PATTERN, FOLDED | LINES | AFTER | CASED | SLASH, 3},
    {O200K_ASCII, FOLDED | ASCII | LINES | AFTER | CASED | SLASH, 3},
    {TEKKEN_PATTERN, LINES | NO_SHORT | CASED | SLASH, 1},
    {TEKKEN_ASCII, ASCII | LINES | NO_SHORT | CASED | SLASH, 1},
};
enum { N = sizeof splitters / sizeof *splitters };

const struct splitter *splitter_find(const char *pattern)
{
    for (size_t i = 0; i < N; i++)
        if (strcmp(splitters[i].pattern, pattern) == 0)
            return &splitters[i];
    return NULL;
}

const char *splitter_pattern(size_t i)
{
    return i < N ? splitters[i].pattern : NULL;
}

/* --- characters ---------------------------------------------------------------------------------------------- */

enum { SPACE = 1, NEWLINE = 2, LETTER = 4, NUMBER = 8, MARK = 16, CAPITAL = 32, SMALL_LETTER = 64, SYMBOL = 128 };

static unsigned class_of_ascii(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return LETTER | (c >= 'a' ? SMALL_LETTER : CAPITAL);
    if (c >= '0' && c <= '9')
        return NUMBER;
    if (c == '\r' || c == '\n')
        return SPACE | NEWLINE;
    return c == ' ' || (c >= '\t' && c <= '\r') ? SPACE : SYMBOL;
}

/* A letter that is neither CAPITAL nor SMALL_LETTER counts as both. */
static unsigned class_of(const struct splitter *p, const char *s, size_t n, size_t at, size_t *length)
{
    uint32_t c;
    *length = at < n ? 1 : 0;
    if (at >= n)
        return 0;
    if ((unsigned char)s[at] < 0x80)
        return class_of_ascii((unsigned char)s[at]);
    *length = utf8_decode(s + at, n - at, &c);
    c = unicode_stand_in(c);
    const char *category = unicode_category(c); /* "Lu" */
    switch (category[0]) {
    case 'L':
        if (!(p->flags & CASED) || p->flags & ASCII)
            return LETTER;
        return LETTER | (category[1] == 'l'                         ? SMALL_LETTER
                         : category[1] == 'u' || category[1] == 't' ? CAPITAL
                                                                    : 0);
    case 'N':
        return NUMBER;
    case 'M':
        return MARK | SYMBOL;
    default:
        return unicode_is_space(c) ? SPACE : SYMBOL;
    }
}

/* --- parts of a text: each function takes a place, and returns the end of the part there, or the place ------- */

static size_t run_of(const struct splitter *p, const char *s, size_t n, size_t at, unsigned classes)
{
    size_t length;
    while (class_of(p, s, n, at, &length) & classes)
        at += length;
    return at;
}

/* 's 't 're 've 'm 'll 'd */
static size_t contraction(const struct splitter *p, const char *s, size_t n, size_t at)
{
    const bool folded = p->flags & FOLDED;
    if (at + 1 >= n || s[at] != '\'')
        return at;
    const char first = (char)(folded ? s[at + 1] | 0x20 : s[at + 1]);
    const char second = at + 2 >= n ? 0 : (char)(folded ? s[at + 2] | 0x20 : s[at + 2]);
    if (first == 's' || first == 't' || first == 'm' || first == 'd')
        return at + 2;
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
        return at + 3;
    const bool long_s = folded && !(p->flags & ASCII) && at + 2 < n && memcmp(s + at + 1, "\xC5\xBF", 2) == 0;
    return long_s ? at + 3 : at;
}

/* U*L+, where U is a capital, L a small letter, and most letters are both. */
static size_t small_letters(const struct splitter *p, const char *s, size_t n, size_t at)
{
    const unsigned letters = p->flags & ASCII ? LETTER : LETTER | MARK;
    size_t end = at, both = at, length;
    unsigned class;
    while ((class = class_of(p, s, n, end, &length)) & letters && !(class & SMALL_LETTER)) {
        end += length;
        both = class & CAPITAL ? both : end;
    }
    if (!(class & letters))
        return both; /* the last letter of U* that may stand for L+ */
    while ((class = class_of(p, s, n, end, &length)) & letters && !(class & CAPITAL))
        end += length;
    return end;
}

/* U+, where U*L+ does not match. */
static size_t capitals(const struct splitter *p, const char *s, size_t n, size_t at)
{
    return run_of(p, s, n, at, p->flags & ASCII ? LETTER : LETTER | MARK);
}

static size_t letters(const struct splitter *p, const char *s, size_t n, size_t at)
{
    return run_of(p, s, n, at, p->flags & MARKED ? LETTER | MARK : LETTER);
}

/* A word whose letters begin at s[at], or behind the character there. */
static size_t word(const struct splitter *p, const char *s, size_t n, size_t at)
{
    size_t (*const ways[])(const struct splitter *, const char *, size_t,
                           size_t) = {p->flags & CASED ? small_letters : letters, capitals};
    size_t length;
    const unsigned class = class_of(p, s, n, at, &length);
    const bool leads = p->flags & SPACED ? s[at] == ' ' : !(class & (LETTER | NUMBER | NEWLINE));
    for (size_t way = 0; way < (p->flags & CASED ? 2 : 1); way++)
        for (size_t lead = leads ? length : 0;; lead = 0) {
            size_t end = ways[way](p, s, n, at + lead);
            if (end > at + lead)
                return p->flags & AFTER ? contraction(p, s, n, end) : end;
            if (lead == 0)
                break;
        }
    return at;
}

static size_t digits(const struct splitter *p, const char *s, size_t n, size_t at)
{
    size_t length, end = at;
    if (p->flags & SPACED && s[at] == ' ')
        end++;
    if (p->digits == 0) {
        size_t begin = end;
        end = run_of(p, s, n, begin, NUMBER);
        return end > begin ? end : at;
    }
    for (unsigned i = 0; i < p->digits && class_of(p, s, n, end, &length) & NUMBER; i++)
        end += length;
    return end;
}

static size_t symbols(const struct splitter *p, const char *s, size_t n, size_t at)
{
    size_t begin = s[at] == ' ' ? at + 1 : at, end = begin, length;
    unsigned class;
    while ((class = class_of(p, s, n, end, &length)) & SYMBOL && !(p->flags & MARKED && class & MARK))
        end += length;
    if (end == begin)
        return at;
    while (end < n &&
           ((p->flags & LINES && (s[end] == '\r' || s[end] == '\n')) || (p->flags & SLASH && s[end] == '/')))
        end++;
    return end;
}

/* White space: up to its last newline, else all but the last character if a word follows, else all. */
static size_t space(const struct splitter *p, const char *s, size_t n, size_t at)
{
    size_t end = at, last = at, line = at, length;
    unsigned class;
    while ((class = class_of(p, s, n, end, &length)) & SPACE) {
        last = end;
        end += length;
        line = class & NEWLINE ? end : line;
    }
    if (p->flags & LINES && line > at)
        return line;
    return end < n && last > at ? last : end;
}

size_t splitter_next(const struct splitter *p, const char *s, size_t n, size_t at)
{
    size_t end = at;
    if (!(p->flags & (NO_SHORT | AFTER)))
        end = contraction(p, s, n, at);
    if (end == at)
        end = word(p, s, n, at);
    if (end == at)
        end = digits(p, s, n, at);
    if (end == at)
        end = symbols(p, s, n, at);
    return end == at ? space(p, s, n, at) : end;
}
