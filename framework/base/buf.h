/* buf.h - bytes that grow: text being built, lists being read.
 *
 * A failed append sets `failed` and leaves the rest alone, so that a long run of appends needs one check. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* always terminated once anything was appended */
    size_t size, capacity;
    bool failed;
};

/* A zeroed struct buf is an empty one. */
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* empties it, keeps the memory and the failure */
/* Room for n bytes more, which can then be appended without an allocation. */
bool buf_reserve(struct buf *b, size_t n);

bool buf_append(struct buf *b, const void *bytes, size_t n);
bool buf_puts(struct buf *b, const char *s);
bool buf_putc(struct buf *b, char c);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* n more bytes, not yet written; NULL on failure. Valid until the next append. */
void *buf_grow(struct buf *b, size_t n);
/* The text, or "" while there is none; never NULL. */
const char *buf_text(const struct buf *b);

/* Makes room for one more element behind `count` of them in a malloc'ed array. False when memory is out.
 *   if (!VEC_RESERVE(items, n_items, capacity)) return error_nomem(err);
 *   items[n_items++] = x;                                                                                  */
#define VEC_RESERVE(items, count, capacity)                                                                        \
    ((count) < (capacity) || vec_grow((void **)&(items), &(capacity), sizeof *(items)))
bool vec_grow(void **items, size_t *capacity, size_t item_size);

#endif
