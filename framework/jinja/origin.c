/* origin.c - which bytes of the output come from the data and not from the template.
 *
 * A run keeps its texts in a pool of its own. Each byte of the pool, and of a buffer that is being written, has a
 * flag: 1 if it comes from the data. Copying from the pool copies the flags. Bytes from elsewhere belong to the
 * template, unless a filter, method or function makes them and was given something of the data: then they count as
 * data. So a byte of the template may count as data, but never the other way round. */
#include "jinja/jinja.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef buf_append
#undef buf_puts
#undef buf_putc
#undef buf_printf

static _Thread_local struct run *current; /* whose buffers are watched; NULL: none are */

/* A part of the pool: `size` bytes of text, and their flags. */
struct pool {
    struct pool *next;
    size_t used, size;
    char *text;
    unsigned char *from_data;
};

/* A buffer that is being written, and the flags of its bytes. */
struct watched {
    const struct buf *buf;
    struct buf from_data;
};

void jinja_origin_begin(struct run *r)
{
    current = r->options->from_data ? r : NULL;
}

void jinja_origin_end(struct run *r)
{
    for (size_t i = 0; i < r->n_watched; i++)
        buf_release(&r->watched[i].from_data);
    free(r->watched);
    current = NULL;
}

char *jinja_origin_alloc(struct run *r, size_t n)
{
    enum { PART = 1 << 16, LARGEST = 1 << 24 };
    struct pool *p = r->pool;
    if (!p || p->size - p->used < n) {
        const size_t usual = !p                  ? PART
                             : p->size < LARGEST ? 2 * p->size
                                                 : LARGEST; /* few parts, because all are searched */
        const size_t size = n > usual ? n : usual;
        p = jinja_alloc(r, sizeof *p);
        if (!p || !(p->text = jinja_alloc(r, size)) || !(p->from_data = jinja_alloc(r, size)))
            return NULL;
        p->size = size;
        p->next = r->pool;
        r->pool = p;
    }
    p->used += n;
    return p->text + p->used - n;
}

/* The flags of the bytes at `text`; NULL if they are not in the pool. */
static unsigned char *origin_at(const struct run *r, const char *text)
{
    for (const struct pool *p = r->pool; p; p = p->next)
        if ((uintptr_t)text >= (uintptr_t)p->text && (uintptr_t)text < (uintptr_t)p->text + p->used)
            return p->from_data + ((uintptr_t)text - (uintptr_t)p->text);
    return NULL;
}

void jinja_origin_copy(struct run *r, char *to, const char *from, size_t n)
{
    const unsigned char *origin = n ? origin_at(r, from) : NULL;
    if (!n)
        return;
    if (origin)
        memcpy(origin_at(r, to), origin, n);
    else
        memset(origin_at(r, to), r->reads_data || r->from_data, n);
}

/* --- buffers ------------------------------------------------------------------------------------------------- */

/* Buffers are nested, so the one that is searched for is one of the last. */
static struct watched *find_watched(const struct run *r, const struct buf *b)
{
    size_t i = r->n_watched;
    while (i > 0 && r->watched[i - 1].buf != b)
        i--;
    return i ? &r->watched[i - 1] : NULL;
}

static struct watched *watch(struct run *r, const struct buf *b)
{
    struct watched *w = find_watched(r, b);
    if (w || !VEC_RESERVE(r->watched, r->n_watched, r->watched_capacity) || !r->watched)
        return w;
    r->watched[r->n_watched] = (struct watched){.buf = b};
    return &r->watched[r->n_watched++];
}

/* Sets the flags of the bytes from `begin` to the end, which were copied from `text`, or made anew if
 * it is NULL. */
static bool note(struct buf *b, size_t begin, const char *text)
{
    struct run *r = current;
    if (!r || b->failed || b->size == begin)
        return true;
    struct watched *w = watch(r, b);
    if (w && w->from_data.size > begin)
        w->from_data.size = begin; /* of another buffer that was at this address before */
    const unsigned char *origin = text ? origin_at(r, text) : NULL;
    unsigned char *flags = w ? buf_grow(&w->from_data, b->size - begin) : NULL;
    if (flags && origin)
        memcpy(flags, origin, b->size - begin);
    else if (flags)
        memset(flags, r->from_data, b->size - begin);
    b->failed = !flags;
    return flags != NULL;
}

bool jinja_buf_append(struct buf *b, const void *bytes, size_t n)
{
    const size_t begin = b->size;
    return buf_append(b, bytes, n) && note(b, begin, bytes);
}

bool jinja_buf_puts(struct buf *b, const char *s)
{
    return jinja_buf_append(b, s, strlen(s));
}

bool jinja_buf_putc(struct buf *b, char c)
{
    const size_t begin = b->size;
    return buf_putc(b, c) && note(b, begin, NULL);
}

bool jinja_buf_printf(struct buf *b, const char *format, ...)
{
    const size_t begin = b->size;
    char text[512];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text)
        return buf_append(b, text, (size_t)n) && note(b, begin, NULL);
    char *longer = NULL;
    va_start(args, format);
    const int size = vasprintf(&longer, format, args);
    va_end(args);
    const bool ok = size >= 0 && buf_append(b, longer, (size_t)size) && note(b, begin, NULL);
    if (size >= 0)
        free(longer);
    b->failed = b->failed || !ok;
    return ok;
}

void jinja_origin_take(struct run *r, const struct buf *b, char *to)
{
    struct watched *w = b->size ? find_watched(r, b) : NULL;
    if (!w)
        return;
    memcpy(origin_at(r, to), w->from_data.data, b->size);
    buf_release(&w->from_data);
    *w = r->watched[--r->n_watched];
}

bool jinja_origin_output(struct run *r, const struct buf *b, struct buf *from_data)
{
    const struct watched *w = b->size ? find_watched(r, b) : NULL;
    return !w || buf_append(from_data, w->from_data.data, b->size);
}

/* --- values -------------------------------------------------------------------------------------------------- */

static bool any_from_data(const struct run *r, const struct value *v, uint32_t depth)
{
    const struct list *l = jinja_is_list(v) ? v->list : v->kind == ITERABLE ? v->iterable->items : NULL;
    if (depth > MAX_DEPTH)
        return true;
    if (v->kind == STRING) {
        const unsigned char *origin = origin_at(r, v->s.text);
        return origin && memchr(origin, 1, v->s.size);
    }
    for (size_t i = 0; l && i < l->n; i++)
        if (any_from_data(r, &l->items[i], depth + 1))
            return true;
    for (size_t i = 0; (v->kind == DICT || v->kind == NAMESPACE) && i < v->dict->n; i++)
        if (any_from_data(r, &v->dict->entries[i].key, depth + 1) ||
            any_from_data(r, &v->dict->entries[i].value, depth + 1))
            return true;
    return false;
}

bool jinja_origin_of_call(const struct run *r, const struct value *self, const struct args *a)
{
    bool found = self && any_from_data(r, self, 0);
    for (size_t i = 0; !found && i < a->n; i++)
        found = any_from_data(r, &a->values[i], 0);
    for (size_t i = 0; !found && i < a->n_named; i++)
        found = any_from_data(r, &a->named[i].value, 0);
    return found;
}

/* A role that is a plain word counts as the template's, because templates write tokens around it. */
static bool is_word(const char *text, size_t n)
{
    return n > 0 && n <= 32 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

bool jinja_is_data(const char *key, const json_t *v, uint32_t depth)
{
    if (!json_is_string(v))
        return true;
    if (depth == 0)
        return !text_ends_in(key, "_token"); /* bos_token and the like belong to the model, not to the data */
    return strcmp(key, "role") != 0 || !is_word(json_string_value(v), json_string_length(v));
}
