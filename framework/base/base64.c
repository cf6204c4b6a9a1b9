/* base64.c - see base64.h. */
#include "base/base64.h"

#include <stdint.h>

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *s, size_t n, struct buf *out)
{
    uint32_t bits = 0, n_bits = 0;
    for (size_t i = 0; i < n && s[i] != '='; i++) {
        const int value = digit(s[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (!buf_putc(out, (char)(bits >> n_bits)))
            return false;
    }
    return true;
}

bool base64_encode(const void *bytes, size_t n, struct buf *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;
    if (n > SIZE_MAX / 4 * 3 - 3)
        return false;
    char *to = buf_grow(out, (n + 2) / 3 * 4);
    for (size_t i = 0; to && i < n; i += 3) {
        const uint32_t a = p[i], b = i + 1 < n ? p[i + 1] : 0, c = i + 2 < n ? p[i + 2] : 0;
        const uint32_t bits = a << 16 | b << 8 | c;
        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 63];
        *to++ = (char)(i + 1 < n ? letters[bits >> 6 & 63] : '=');
        *to++ = (char)(i + 2 < n ? letters[bits & 63] : '=');
    }
    return to != NULL;
}
