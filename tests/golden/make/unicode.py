#!/usr/bin/env python3
"""Writes framework/tokenizer/unicode_age.c: characters that the reference library does not know as what they are, its tables
being older than utf8proc's.

    python unicode.py        # needs tokenizers, and libutf8proc.so
"""
import ctypes
import ctypes.util
import pathlib

from tokenizers import normalizers, pre_tokenizers

OUT = pathlib.Path(__file__).resolve().parents[3] / "framework/tokenizer/unicode_age.c"
PUNCTUATION, MARKS, NONSPACING, FORMAT = range(12, 19), (6, 7, 8), (6,), (27,)


def ranges(codes):
    out = []
    for c in sorted(codes):
        if out and c == out[-1][1] + 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def table(name, comment, codes):
    text, line = "", "   "
    for a, b in ranges(codes):
        item = f" {{0x{a:X}, 0x{b:X}}},"
        if len(line) + len(item) > 110:
            text, line = text + line + "\n", "   "
        line += item
    return f"/* {comment} */\nstatic const struct range {name}[] = {{\n{text}{line}\n}};\n\n"


def main():
    category = ctypes.CDLL(ctypes.util.find_library("utf8proc")).utf8proc_category
    words, marks = pre_tokenizers.BertPreTokenizer(), normalizers.StripAccents()
    accents = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    bert, strip = set(), set()
    for c in range(0x80, 0x110000):
        if 0xD800 <= c <= 0xDFFF:
            continue
        text, kind = f"a{chr(c)}b", category(c)
        if (kind in PUNCTUATION and len(words.pre_tokenize_str(text)) == 1 or kind in NONSPACING and accents.normalize_str(text) != "ab"
                or kind in FORMAT and clean.normalize_str(text) != "ab"):
            bert.add(c)
        if kind in MARKS and marks.normalize_str(text) != "ab":
            strip.add(c)
    OUT.write_text("""/* unicode_age.c - characters of which the reference's tables do not know, being older than utf8proc's. Made by
 * tests/golden/make/unicode.py. */
#include "text/unicode.h"

#include <stddef.h>

struct range {
    uint32_t first, last;
};

""" + table("newer", "neither punctuation nor nonspacing marks nor format characters", bert) + table("newer_marks", "no marks", strip) +
                   """static bool find(const struct range *v, size_t n, uint32_t c)
{
    while (n > 0) {
        const struct range *middle = v + n / 2;
        if (c > middle->last) {
            v = middle + 1;
            n -= n / 2 + 1;
        } else if (c < middle->first) {
            n /= 2;
        } else {
            return true;
        }
    }
    return false;
}

bool unicode_is_newer(uint32_t c)
{
    return find(newer, sizeof newer / sizeof *newer, c);
}

bool unicode_is_newer_mark(uint32_t c)
{
    return find(newer_marks, sizeof newer_marks / sizeof *newer_marks, c);
}
""")


if __name__ == "__main__":
    main()
