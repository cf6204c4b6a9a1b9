/* buf.c - see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    if (b->data)
        b->data[0] = '\0';
}

void *buf_grow(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n >= b->capacity - b->size || !b->data) {
        size_t wanted;
        if (__builtin_add_overflow(b->size, n, &wanted) || wanted > SIZE_MAX / 4) {
            b->failed = true;
            return NULL;
        }
        size_t capacity = b->capacity ? b->capacity : 64;
        while (capacity <= wanted)
            capacity *= 2;
        char *data = realloc(b->data, capacity);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->capacity = capacity;
    }
    void *p = b->data + b->size;
    b->size += n;
    b->data[b->size] = '\0';
    return p;
}

bool buf_reserve(struct buf *b, size_t n)
{
    const size_t size = b->size;
    if (!buf_grow(b, n))
        return false;
    b->size = size;
    b->data[size] = '\0';
    return true;
}

bool buf_append(struct buf *b, const void *bytes, size_t n)
{
    void *p = buf_grow(b, n);
    if (p && n)
        memcpy(p, bytes, n);
    return p != NULL;
}

bool buf_puts(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

bool buf_putc(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : buf_grow(b, (size_t)n);
    if (!p)
        return false;
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return true;
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

bool vec_grow(void **items, size_t *capacity, size_t item_size)
{
    size_t wanted = *capacity ? *capacity * 2 : 16, bytes;
    if (wanted < *capacity || __builtin_mul_overflow(wanted, item_size, &bytes))
        return false;
    void *grown = realloc(*items, bytes);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}
