/* size.h - arithmetic on sizes that come from files: false, and the result untouched, when it would wrap. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of T up to the end of its field f: the size of a growable struct in the version whose last field f was. */
#define SIZE_TO(T, f) (offsetof(T, f) + sizeof(((const T *)0)->f))
/* No struct that crosses the ABI grows beyond this: a struct_size above it is garbage. */
enum { MAX_STRUCT = 65536 };

static inline bool size_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    uint64_t s;
    if (__builtin_add_overflow(a, b, &s))
        return false;
    *sum = s;
    return true;
}

static inline bool size_mul(uint64_t a, uint64_t b, uint64_t *product)
{
    uint64_t p;
    if (__builtin_mul_overflow(a, b, &p))
        return false;
    *product = p;
    return true;
}

/* n rounded up to a multiple of `unit`, which is a power of two; for sizes of our own making. */
static inline uint64_t size_align(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) & ~(unit - 1);
}

static inline uint64_t size_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t size_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
