/* strmap.c - see strmap.h. */
#include "base/strmap.h"

#include <stdlib.h>
#include <string.h>

struct strmap_slot {
    const char *key; /* NULL: free */
    size_t size;
    uint32_t hash, value;
};

/* Eight bytes at a time by multiply and rotate, then mixed: fast on the short keys of a vocabulary. */
uint64_t strmap_hash(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t h = 0x9E3779B97F4A7C15u ^ n;
    while (n >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = (h ^ w) * 0xFF51AFD7ED558CCDu;
        h ^= h >> 32;
        p += 8;
        n -= 8;
    }
    uint64_t w = 0;
    for (size_t i = 0; i < n; i++)
        w |= (uint64_t)p[i] << (8 * i);
    h = (h ^ w) * 0xC4CEB9FE1A85EC53u;
    return h ^ (h >> 29);
}

void strmap_release(struct strmap *m)
{
    free(m->slots);
    *m = (struct strmap){0};
}

static struct strmap_slot *find(const struct strmap *m, const char *key, size_t size, uint32_t hash)
{
    size_t mask = m->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct strmap_slot *s = &m->slots[i];
        if (!s->key || (s->hash == hash && s->size == size && memcmp(s->key, key, size) == 0))
            return s;
    }
}

static bool resize(struct strmap *m, size_t capacity)
{
    struct strmap grown = {calloc(capacity, sizeof *grown.slots), m->count, capacity};
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < m->capacity; i++) {
        struct strmap_slot *s = &m->slots[i];
        if (s->key)
            *find(&grown, s->key, s->size, s->hash) = *s;
    }
    free(m->slots);
    *m = grown;
    return true;
}

bool strmap_reserve(struct strmap *m, size_t count)
{
    size_t capacity = 16;
    while (capacity / 2 < count) {
        if (capacity > SIZE_MAX / 4 / sizeof(struct strmap_slot))
            return false;
        capacity *= 2;
    }
    return capacity <= m->capacity || resize(m, capacity);
}

int strmap_add(struct strmap *m, const char *key, size_t size, uint32_t value)
{
    if (!strmap_reserve(m, m->count + 1))
        return STRMAP_NOMEM;
    uint32_t hash = (uint32_t)strmap_hash(key, size);
    struct strmap_slot *s = find(m, key, size, hash);
    if (s->key)
        return STRMAP_EXISTS;
    *s = (struct strmap_slot){key, size, hash, value};
    m->count++;
    return STRMAP_ADDED;
}

bool strmap_get(const struct strmap *m, const char *key, size_t size, uint32_t *value)
{
    if (!m->count)
        return false;
    const struct strmap_slot *s = find(m, key, size, (uint32_t)strmap_hash(key, size));
    if (!s->key)
        return false;
    *value = s->value;
    return true;
}
