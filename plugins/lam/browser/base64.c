/* base64.c - RFC 4648, with padding. */
#include "browser.h"

#include <stdlib.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_write(const char *bytes, size_t n)
{
    const unsigned char *in = (const unsigned char *)bytes;
    char *out = n <= SIZE_MAX / 2 ? malloc((n + 2) / 3 * 4 + 1) : NULL, *at = out;
    for (size_t i = 0; out && i < n; i += 3) {
        const unsigned v =
            (unsigned)in[i] << 16 | (i + 1 < n ? (unsigned)in[i + 1] << 8 : 0) | (i + 2 < n ? in[i + 2] : 0);
        *at++ = digits[v >> 18];
        *at++ = digits[v >> 12 & 63];
        *at++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
        *at++ = i + 2 < n ? digits[v & 63] : '=';
    }
    if (out)
        *at = '\0';
    return out;
}

bool base64_read(const char *text, struct text *out)
{
    unsigned v = 0, n = 0;
    for (; *text && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit)
            return false;
        v = v << 6 | (unsigned)(digit - digits);
        if (++n % 4 == 0) {
            const char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
            text_add(out, bytes, 3);
            v = 0;
        }
    }
    v <<= n % 4 ? 6 * (4 - n % 4) : 0;
    const char rest[2] = {(char)(v >> 16), (char)(v >> 8)};
    if (n % 4 > 1)
        text_add(out, rest, n % 4 - 1);
    return n % 4 != 1 && !out->failed;
}
