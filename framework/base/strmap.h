/* strmap.h - from strings to numbers: names to indices, pieces to ids. Open addressing, never deletes. */
#ifndef BASE_STRMAP_H
#define BASE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strmap_slot;
struct strmap {
    struct strmap_slot *slots;
    size_t count, capacity; /* capacity is a power of two */
};

enum { STRMAP_ADDED = 0, STRMAP_EXISTS = 1, STRMAP_NOMEM = -1 };

/* A zeroed struct strmap is an empty one. Keys are borrowed: they must outlive the map. */
void strmap_release(struct strmap *m);
bool strmap_reserve(struct strmap *m, size_t count); /* room for this many without growing */
/* Adds; an existing key keeps its value. */
int strmap_add(struct strmap *m, const char *key, size_t size, uint32_t value);
bool strmap_get(const struct strmap *m, const char *key, size_t size, uint32_t *value);

/* Not for secrets: every caller caps the number of keys that a file may bring. */
uint64_t strmap_hash(const void *bytes, size_t n);

#endif
