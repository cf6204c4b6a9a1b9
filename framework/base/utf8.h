/* utf8.h - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads one character; its length, or 0 when the bytes are not one. */
size_t utf8_decode(const char *s, size_t n, uint32_t *codepoint);
/* Writes one character; its length, or 0 when it is not a scalar value. */
size_t utf8_put(uint32_t codepoint, char out[4]);
bool utf8_valid(const char *s, size_t n);
/* Length of the longest prefix that ends in a whole character, where the rest may become one with more bytes. */
size_t utf8_whole(const char *s, size_t n);

#endif
