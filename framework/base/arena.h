/* arena.h - memory that is freed all at once. What is read from one file lives in one arena. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* of the newest */
};

/* A zeroed struct arena is an empty one. */
void arena_release(struct arena *a);

/* Zeroed memory, aligned for any type; NULL when there is none. */
void *arena_alloc(struct arena *a, size_t size);
/* n * size bytes; NULL also when the product wraps. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* Copies n bytes and terminates them. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
