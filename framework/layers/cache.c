/* cache.c - see cache.h. */
#include "layers/cache.h"

#include "layers/hadamard.h"
#include "tensor/dtype.h"

#include <math.h>
#include <string.h>

static const struct cache_type {
    uint32_t dtype;
    bool rotates;
    float largest, end; /* from `end` on, the nearest number is infinity, or the scale of a block is */
} types[N_CACHE_TYPES] = {
    {VIV_F32, false, INFINITY, INFINITY},         {VIV_F16, false, 65504, 65520},
    {VIV_BF16, false, 0x1.fep127f, 0x1.ffp127f},  {VIV_Q8_0, true, 127 * 65504.0f, 127 * 65520.0f},
    {VIV_Q4_0, true, 8 * 65504.0f, 8 * 65520.0f},
};
static const uint16_t F16_NAN = 0x7e00;

static uint32_t index_of(uint32_t dtype)
{
    uint32_t i = 0;
    while (i + 1 < N_CACHE_TYPES && types[i].dtype != dtype)
        i++;
    return i;
}

viv_status cache_writer_init(struct cache_writer *s, const viv_host *host)
{
    const viv_kernels *kernels = host->get_service(host, VIV_SERVICE_KERNELS);
    for (uint32_t i = 0; i < N_CACHE_TYPES; i++) {
        s->from_f32[i] = kernels->from_f32(types[i].dtype);
        if (!s->from_f32[i])
            return viv_fail(host, VIV_EUNSUPPORTED, "the kernels cannot convert a cache to %s",
                            dtype_get(types[i].dtype)->name);
    }
    return VIV_OK;
}

uint64_t cache_bytes(uint32_t dtype, uint64_t n)
{
    const struct dtype *d = dtype_get(dtype);
    return n / d->block * d->block_bytes;
}

bool cache_has_blocks(uint32_t dtype)
{
    return dtype_get(dtype)->block > 1;
}

bool cache_rotates(uint32_t dtype)
{
    return types[index_of(dtype)].rotates;
}

void cache_write(const struct cache_writer *s, uint32_t dtype, void *page, uint64_t at, const float *x, uint64_t n)
{
    s->from_f32[index_of(dtype)]((char *)page + cache_bytes(dtype, at), x, n);
}

/* The largest |x|. Floats of one sign compare as their bits do. */
static float largest(const float *x, uint64_t stride, uint64_t n_rows, uint64_t n)
{
    uint32_t most = 0;
    float result;
    for (uint64_t r = 0; r < n_rows; r++)
        for (uint64_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &x[r * stride + i], sizeof bits);
            bits &= 0x7fffffff;
            most = bits > most ? bits : most;
        }
    memcpy(&result, &most, sizeof result);
    return result;
}

/* Infinity and NaN are not too large: they do not depend on the type. */
static viv_status check_range(const viv_exec *e, uint32_t dtype, const char *what, float most)
{
    const struct cache_type *type = &types[index_of(dtype)];
    if (!(most >= type->end) || isinf(most))
        return VIV_OK;
    return viv_fail(e->host, VIV_ERANGE, "%s reach %.4g, but a cache of type %s holds numbers up to %.6g", what,
                    (double)most, dtype_get(dtype)->name, (double)type->largest);
}

viv_status cache_check(const viv_exec *e, uint32_t dtype, const char *what, const float *x, uint64_t stride,
                       uint64_t n_rows, uint64_t n)
{
    return dtype == VIV_F32 ? VIV_OK : check_range(e, dtype, what, largest(x, stride, n_rows, n));
}

viv_status cache_write_blocks(const struct cache_writer *s, const viv_exec *e, uint32_t dtype, const char *what,
                              void *blocks, const float *x, uint64_t n)
{
    float rotated[HADAMARD_MOST];
    const uint32_t type = index_of(dtype);
    const uint64_t part = hadamard_order(n), bytes = cache_bytes(dtype, CACHE_BLOCK);
    char *to = blocks;
    for (uint64_t i = 0; i < n; i += part) {
        memcpy(rotated, x + i, part * sizeof *rotated);
        if (types[type].rotates)
            hadamard_rotate(rotated, part);
        const float most = largest(rotated, 0, 1, part);
        const viv_status status = check_range(e, dtype, what, most);
        if (status != VIV_OK)
            return status;
        s->from_f32[type](to, rotated, part);
        for (uint64_t b = 0; b < part / CACHE_BLOCK; b++, to += bytes)
            if (!isfinite(most))
                memcpy(to, &F16_NAN, sizeof F16_NAN);
    }
    return VIV_OK;
}
