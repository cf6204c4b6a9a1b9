/* unicode.h - properties of characters, as in the tokenizers library, by utf8proc. */
#ifndef TOKENIZER_UNICODE_H
#define TOKENIZER_UNICODE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

bool unicode_is_space(uint32_t c);        /* White_Space */
const char *unicode_category(uint32_t c); /* the general category: "Lu" */
bool unicode_is_control(
    uint32_t c); /* as in BERT: categories C*, except unassigned ones, tab, newline, carriage return */
bool unicode_is_punctuation(uint32_t c);     /* as in BERT: ASCII punctuation and symbols, categories P* */
bool unicode_is_numeric(uint32_t c);         /* categories N* */
bool unicode_is_mark(uint32_t c);            /* categories M* */
bool unicode_is_nonspacing_mark(uint32_t c); /* category Mn */
bool unicode_is_chinese(uint32_t c);         /* CJK ideographs, as in BERT */
bool unicode_is_word(uint32_t c);            /* letters, marks, numbers, connectors: \w */
unsigned unicode_script(uint32_t c);         /* a number for each script; 0: none */
uint32_t unicode_stand_in(uint32_t c); /* for a character newer than Oniguruma, one of the same class; else c */

/* Characters newer than the tables of the tokenizers library, which are not punctuation, nonspacing marks or format
 * characters there; or not marks. */
bool unicode_is_newer(uint32_t c);
bool unicode_is_newer_mark(uint32_t c);

enum normal_form { NFC, NFD, NFKC, NFKD };
viv_status unicode_normalize(enum normal_form form, const char *s, size_t n, struct buf *out, struct error *err);
/* Appends the lower case of one character, which may be two characters. */
bool unicode_put_lower(uint32_t c, struct buf *out);
/* Appends s with each invalid byte replaced by U+FFFD, as in the tokenizers library. */
bool unicode_clean(const char *s, size_t n, struct buf *out);
/* The same for the first part of a longer text: an incomplete character at the end is left out.
 * *used: bytes read. */
bool unicode_clean_part(const char *s, size_t n, struct buf *out, size_t *used);
/* Bytes of the first grapheme cluster of s. */
size_t unicode_grapheme_length(const char *s, size_t n);

#endif
