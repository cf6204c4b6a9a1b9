/* unicode.c - see unicode.h. */
#include "tokenizer/unicode.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool unicode_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

const char *unicode_category(uint32_t c)
{
    return utf8proc_category_string((utf8proc_int32_t)c);
}

bool unicode_is_control(uint32_t c)
{
    if (c == '\t' || c == '\n' || c == '\r')
        return false;
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_CC || (k == UTF8PROC_CATEGORY_CF && !unicode_is_newer(c)) ||
           k == UTF8PROC_CATEGORY_CS || k == UTF8PROC_CATEGORY_CO;
}

bool unicode_is_punctuation(uint32_t c)
{
    if ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126))
        return true;
    utf8proc_category_t k = category(c);
    const bool once = c == 0x166D || c == 0x111C9; /* later versions of Unicode classify them differently */
    return once || (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO && !unicode_is_newer(c));
}

bool unicode_is_numeric(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool unicode_is_mark(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return (k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME && !unicode_is_newer_mark(c)) || c == 0x1CF2 ||
           c == 0x1CF3;
}

bool unicode_is_nonspacing_mark(uint32_t c)
{
    return (category(c) == UTF8PROC_CATEGORY_MN && !unicode_is_newer(c)) || c == 0x1734;
}

bool unicode_is_chinese(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool unicode_is_word(uint32_t c)
{
    utf8proc_category_t k = category(c);
    const bool circled = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                         (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) || k == UTF8PROC_CATEGORY_PC || c == 0x200C ||
           c == 0x200D || circled;
}

viv_status unicode_normalize(enum normal_form form, const char *s, size_t n, struct buf *out, struct error *err)
{
    static const int options[] = {UTF8PROC_STABLE | UTF8PROC_COMPOSE, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                  UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                  UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t length = utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &made, options[form]);
    if (length < 0)
        return length == UTF8PROC_ERROR_NOMEM ? error_nomem(err)
                                              : error_set(err, VIV_EINVAL, "%s", utf8proc_errmsg(length));
    bool ok = buf_append(out, made, (size_t)length);
    free(made);
    return ok ? VIV_OK : error_nomem(err);
}

static bool put(uint32_t c, struct buf *out)
{
    char s[4];
    return buf_append(out, s, utf8_put(c, s));
}

bool unicode_put_lower(uint32_t c, struct buf *out)
{
    if (c == 0x130) /* the only letter whose lower case is two characters */
        return buf_puts(out, "i\xCC\x87");
    return put((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), out);
}

/* Bytes at the begin of s that are not a character. A truncated character counts as one, as in the reference.
 * *cut: s ends inside a possible character. */
static size_t invalid_length(const char *s, size_t n, bool *cut)
{
    const unsigned char lead = (unsigned char)s[0];
    const size_t wanted = lead < 0xC2 || lead > 0xF4 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    size_t bad = 1;
    while (bad < wanted && bad < n) {
        unsigned char b = (unsigned char)s[bad];
        unsigned char least = bad == 1 && lead == 0xE0 ? 0xA0 : bad == 1 && lead == 0xF0 ? 0x90 : 0x80;
        unsigned char most = bad == 1 && lead == 0xED ? 0x9F : bad == 1 && lead == 0xF4 ? 0x8F : 0xBF;
        if (b < least || b > most)
            break;
        bad++;
    }
    *cut = bad < wanted && bad == n;
    return bad;
}

bool unicode_clean_part(const char *s, size_t n, struct buf *out, size_t *used)
{
    size_t at = 0, begin = 0;
    bool ok = true, cut = false;
    while (ok && at < n) {
        uint32_t c;
        size_t length = utf8_decode(s + at, n - at, &c);
        if (length) {
            at += length;
            continue;
        }
        length = invalid_length(s + at, n - at, &cut);
        if (cut)
            break;
        ok = buf_append(out, s + begin, at - begin) && buf_puts(out, "\xEF\xBF\xBD");
        at += length;
        begin = at;
    }
    *used = at;
    return ok && buf_append(out, s + begin, at - begin);
}

bool unicode_clean(const char *s, size_t n, struct buf *out)
{
    size_t used;
    return unicode_clean_part(s, n, out, &used) && (used == n || buf_puts(out, "\xEF\xBF\xBD"));
}

size_t unicode_grapheme_length(const char *s, size_t n)
{
    uint32_t before, c;
    utf8proc_int32_t state = 0;
    size_t at = utf8_decode(s, n, &before);
    while (at && at < n) {
        size_t length = utf8_decode(s + at, n - at, &c);
        if (!length || utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c, &state))
            break;
        at += length;
        before = c;
    }
    return at ? at : 1;
}
