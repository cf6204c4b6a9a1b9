/* charset.h - sets of code points, as sorted ranges. Surrogates are never in one. */
#ifndef GRAMMAR_CHARSET_H
#define GRAMMAR_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_CODE_POINT = 0x10FFFF };

struct range {
    uint32_t lo, hi; /* inclusive */
};
struct charset {
    struct range *v; /* malloc'ed */
    size_t n, capacity;
    bool failed;         /* memory is out */
    uint32_t categories; /* of Unicode, as bits, whose characters are still to be added (regex.c) */
};

/* A zeroed struct charset is an empty one. */
void charset_release(struct charset *s);
void charset_add(struct charset *s, uint32_t lo, uint32_t hi);
void charset_add_all(struct charset *s, const struct charset *from);
/* Sorts and joins ranges, and takes surrogates out: called before anything below. */
void charset_normalize(struct charset *s);
void charset_complement(struct charset *s);
/* Both cases of ASCII letters. */
void charset_fold(struct charset *s);
bool charset_has(const struct charset *s, uint32_t c);
/* Whether all of `part` is in it. */
bool charset_covers(const struct charset *s, const struct charset *part);

/* Calls `path` for sequences of byte ranges, 1 to 4 each, that are the UTF-8 of lo to hi. */
struct byte_range {
    uint8_t lo, hi;
};
bool utf8_ranges(uint32_t lo, uint32_t hi, bool (*path)(void *ctx, const struct byte_range *bytes, size_t n),
                 void *ctx);

/* Plain text: all characters but control characters, quotes and backslashes. Borrowed. */
const struct charset *charset_plain(void);

/* A set of bytes, in 64 bits: each byte has a bit, which others may have, too. NOT_PLAIN_BIT: bytes that are no
 * plain text. Bits of small letters are their own; bytes of longer characters share 8. */
#define NOT_PLAIN_BIT ((uint64_t)1)
static inline uint64_t byte_bit(uint8_t byte)
{
    if (byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0xF8)
        return NOT_PLAIN_BIT;
    return (uint64_t)1 << (byte < 0x60   ? 1 + (byte - 0x20) % 23
                           : byte < 0x80 ? 24 + (byte - 0x60)
                                         : 56 + (byte >> 4 & 7));
}

#endif
