/* text.c - names of files as text, and text that grows. */
#include "lam.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the character at s, by RFC 3629: 0 if there is none. */
static size_t character(const unsigned char *s, size_t n)
{
    if (n == 0 || s[0] == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    const size_t length = s[0] >= 0xC2 && s[0] < 0xE0   ? 2
                          : s[0] >= 0xE0 && s[0] < 0xF0 ? 3
                          : s[0] >= 0xF0 && s[0] < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
        (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return length;
}

bool text_is_utf8(const char *text, size_t n)
{
    for (size_t i = 0, length; i < n; i += length)
        if ((length = character((const unsigned char *)text + i, n - i)) == 0)
            return false;
    return true;
}

size_t text_cut(const char *text, size_t size, size_t n)
{
    if (size <= n)
        return size;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

/* What cannot be seen, or changes how other things are: controls, marks of direction, spaces without width, and
 * tags, which are letters that only models read. */
static bool is_hidden(const unsigned char *s, size_t length)
{
    const uint32_t c = length == 1   ? s[0]
                       : length == 2 ? (s[0] & 31u) << 6 | (s[1] & 63u)
                       : length == 3 ? (s[0] & 15u) << 12 | (s[1] & 63u) << 6 | (s[2] & 63u)
                                     : (s[0] & 7u) << 18 | (s[1] & 63u) << 12 | (s[2] & 63u) << 6 | (s[3] & 63u);
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C || c == 0x200B || c == 0x200E ||
           c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xE0000 && c <= 0xE0FFF);
}

char *text_of_name(const char *name)
{
    const size_t size = strlen(name);
    char *out = calloc(4 * size + 1, 1), *at = out;
    for (size_t i = 0; out && i < size;) {
        const unsigned char c = (unsigned char)name[i];
        const size_t length = character((const unsigned char *)name + i, size - i);
        if (c == '\\') {
            *at++ = '\\', *at++ = '\\';
            i++;
        } else if (length == 0 || is_hidden((const unsigned char *)name + i, length)) {
            for (const size_t end = i + (length ? length : 1); i < end; i++)
                at += sprintf(at, "\\x%02x", (unsigned char)name[i]);
        } else {
            memcpy(at, name + i, length);
            at += length;
            i += length;
        }
    }
    if (out)
        *at = '\0';
    return out;
}

char *short_text_of_name(const char *name)
{
    enum { MOST_SHOWN = 300 };
    char *text = text_of_name(name);
    if (text)
        text[text_cut(text, strlen(text), MOST_SHOWN)] = '\0';
    return text;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *name_of_text(const char *text)
{
    char *out = malloc(strlen(text) + 1), *at = out;
    for (const char *s = text; out && *s;) {
        if (*s != '\\') {
            *at++ = *s++;
        } else if (s[1] == '\\') {
            *at++ = '\\';
            s += 2;
        } else if (s[1] == 'x' && hex(s[2]) >= 0 && hex(s[3]) >= 0 && (s[2] != '0' || s[3] != '0')) {
            *at++ = (char)(16 * hex(s[2]) + hex(s[3]));
            s += 4;
        } else {
            free(out);
            return NULL;
        }
    }
    if (out)
        *at = '\0';
    return out;
}

static bool reserve(struct text *t, size_t n)
{
    if (t->failed || n >= SIZE_MAX / 2 - t->size)
        return false;
    if (t->size + n + 1 <= t->capacity)
        return true;
    const size_t capacity = 2 * t->capacity > t->size + n + 1 ? 2 * t->capacity : t->size + n + 64;
    char *data = realloc(t->data, capacity);
    if (!data)
        return false;
    t->data = data;
    t->capacity = capacity;
    return true;
}

void text_add(struct text *t, const char *bytes, size_t n)
{
    if (!reserve(t, n)) {
        t->failed = true;
        return;
    }
    if (n)
        memcpy(t->data + t->size, bytes, n);
    t->size += n;
    t->data[t->size] = '\0';
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;
    char *line = NULL;
    va_start(args, format);
    const int n = vasprintf(&line, format, args);
    va_end(args);
    if (n < 0)
        t->failed = true;
    else
        text_add(t, line, (size_t)n);
    if (n >= 0)
        free(line);
}

void text_release(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

const char *text_or_empty(const struct text *t)
{
    return t->data ? t->data : "";
}
