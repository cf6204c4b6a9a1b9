/* cache.c - see cache.h. */
#include "layers/cache.h"

#include <math.h>
#include <string.h>

static const float F16_END = 65520; /* from here on the nearest number of f16 is infinity */

viv_status cache_writer_init(struct cache_writer *s, const viv_host *host)
{
    const viv_kernels *kernels = host->get_service(host, VIV_SERVICE_KERNELS);
    s->f32 = kernels->from_f32(VIV_F32);
    s->f16 = kernels->from_f32(VIV_F16);
    return s->f32 && s->f16 ? VIV_OK
                            : viv_fail(host, VIV_EUNSUPPORTED, "the kernels cannot convert a cache to f32 and f16");
}

uint64_t cache_element_bytes(const viv_exec *e)
{
    return e->cache_dtype == VIV_F32 ? sizeof(float) : sizeof(uint16_t);
}

void cache_write(const struct cache_writer *s, const viv_exec *e, void *page, uint64_t at, const float *x,
                 uint64_t n)
{
    (e->cache_dtype == VIV_F32 ? s->f32 : s->f16)((char *)page + at * cache_element_bytes(e), x, n);
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

viv_status cache_check(const viv_exec *e, const char *what, const float *x, uint64_t stride, uint64_t n_rows,
                       uint64_t n)
{
    const float most = e->cache_dtype == VIV_F16 ? largest(x, stride, n_rows, n) : 0;
    if (!(most >= F16_END) || isinf(most)) /* infinity and NaN do not depend on the type */
        return VIV_OK;
    return viv_fail(e->host, VIV_ERANGE, "%s reach %.4g, but a cache of type f16 holds numbers up to 65504", what,
                    (double)most);
}
