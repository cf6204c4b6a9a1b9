#include "moe.h"

#include <stdarg.h>
#include <stdio.h>

viv_status moe_fail(const viv_host *host, viv_status status, const char *format, ...)
{
    char sentence[768];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    host->set_error(host, status, sentence);
    return status;
}

viv_status matrix_init(struct matrix *m, const viv_host *host, const viv_tensor *kind)
{
    const viv_kernels *kernels = host->get_service(host, VIV_SERVICE_KERNELS);
    m->product = kernels->product(kernels, kind->dtype);
    if (!m->product)
        return moe_fail(host, VIV_EUNSUPPORTED, "tensor '%s' has a type that this version cannot compute with",
                        kind->name);
    m->n_out = (uint64_t)kind->dl.shape[0];
    m->n_in = (uint64_t)kind->dl.shape[1];
    m->row_bytes = kind->row_bytes;
    m->tile = larger(m->product->tile, 64);
    return VIV_OK;
}

uint64_t matrix_tiles(const struct matrix *m)
{
    return (m->n_out + m->tile - 1) / m->tile;
}

uint64_t matrix_tile(const struct matrix *m, const void *data, uint64_t tile, const void *x, uint64_t x_stride,
                     uint64_t n_rows, float *y, uint64_t y_stride, void *scratch)
{
    uint64_t first = tile * m->tile, left = m->n_out - first, n = left < m->tile ? left : m->tile;
    const viv_matmul product = {.struct_size = sizeof product,
                                .n_rows = n_rows,
                                .k = m->n_in,
                                .x = x,
                                .x_stride = x_stride,
                                .w = (const char *)data + first * m->row_bytes,
                                .w_stride = m->row_bytes,
                                .y = y,
                                .y_stride = y_stride,
                                .scratch = scratch};
    m->product->multiply(&product, 0, n);
    return n;
}

uint64_t matrix_scratch(const struct matrix *m)
{
    return align_64(m->product->scratch_bytes(m->n_in));
}
