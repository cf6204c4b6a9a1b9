#include "layers/layer.h"

#include "base/size.h"
#include "tensor/dtype.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

viv_status layer_fail(const viv_host *host, viv_status status, const char *format, ...)
{
    char sentence[768];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    host->set_error(host, status, sentence);
    return status;
}

viv_status projection_prepare(struct projection *p, const viv_prepare *prepare, const char *weight,
                              const char *bias)
{
    const viv_kernels *kernels = prepare->host->get_service(prepare->host, VIV_SERVICE_KERNELS);
    p->weight = prepare->weight_in_order(prepare, weight, &p->order);
    p->bias = bias ? prepare->weight_f32(prepare, bias) : NULL;
    if (!p->weight)
        return layer_fail(prepare->host, VIV_EINVAL, "the weight '%s' is needed", weight);
    p->product = kernels->product(kernels, p->weight->dtype);
    if (!p->product)
        return layer_fail(prepare->host, VIV_EUNSUPPORTED,
                          "tensor '%s' is of type %s, which this version does not compute with", p->weight->name,
                          dtype_get(p->weight->dtype)->name);
    p->n_out = (uint64_t)p->weight->dl.shape[0];
    p->n_in = (uint64_t)p->weight->dl.shape[1];
    return VIV_OK;
}

uint64_t projection_tile(const struct projection *p)
{
    return size_max(p->product->tile, 64);
}

uint64_t projection_tasks(const struct projection *p)
{
    uint64_t tile = projection_tile(p);
    return (p->n_out + tile - 1) / tile;
}

uint64_t projection_scratch(const struct projection *p)
{
    return size_align(p->product->scratch_bytes(p->n_in), 64);
}

uint64_t projection_run(const struct projection *p, uint64_t task, const void *x, uint64_t x_stride,
                        uint64_t n_rows, float *y, uint64_t y_stride, void *scratch)
{
    uint64_t tile = projection_tile(p), first = task * tile;
    uint64_t n = size_min(tile, p->n_out - first);
    const viv_matmul m = {.struct_size = sizeof m,
                          .n_rows = n_rows,
                          .k = p->n_in,
                          .x = x,
                          .x_stride = x_stride,
                          .w = (const char *)p->weight->dl.data + first * p->weight->row_bytes,
                          .w_stride = p->weight->row_bytes,
                          .y = y,
                          .y_stride = y_stride,
                          .scratch = scratch};
    p->product->multiply(&m, 0, n);
    for (uint64_t r = 0; p->bias && r < n_rows; r++)
        for (uint64_t j = 0; j < n; j++)
            y[r * y_stride + j] += p->bias[first + j];
    return n;
}

static uint64_t blocks_of(const viv_span *span, uint64_t size)
{
    return (span->n_rows + size - 1) / size;
}

uint64_t span_tasks(const viv_exec *e, uint64_t size, uint64_t per_block)
{
    uint64_t n = 0;
    for (uint32_t s = 0; s < e->n_spans; s++)
        n += blocks_of(e->spans[s], size) * per_block;
    return n;
}

const viv_span *span_of_task(const viv_exec *e, uint64_t size, uint64_t per_block, uint64_t *task)
{
    uint32_t s = 0;
    for (uint64_t n; *task >= (n = blocks_of(e->spans[s], size) * per_block); s++)
        *task -= n;
    return e->spans[s];
}

void projection_prepare_row(const struct projection *p, void *row, const float *x, float *spare)
{
    for (uint64_t k = 0; p->order && k < p->n_in; k++)
        spare[k] = x[p->order[k]];
    p->product->prepare(row, p->order ? spare : x, p->n_in);
}

static bool same_rows(const struct projection *a, const struct projection *b)
{
    return strcmp(a->product->row_format, b->product->row_format) == 0 &&
           (a->order == b->order ||
            (a->order && b->order && memcmp(a->order, b->order, a->n_in * sizeof *a->order) == 0));
}

void prepared_rows_add(struct prepared_rows *rows, const struct projection *p, uint64_t *offset)
{
    rows->n_in = p->n_in;
    for (uint32_t i = 0; i < rows->n; i++)
        if (same_rows(&rows->projections[i], p)) {
            *offset = rows->offsets[i];
            return;
        }
    if (p->order && !rows->has_order) {
        rows->has_order = true;
        rows->spare = rows->row_bytes;
        rows->row_bytes += size_align(p->n_in * sizeof(float), 64);
    }
    rows->projections[rows->n] = *p;
    rows->offsets[rows->n] = *offset = rows->row_bytes;
    rows->row_bytes += p->product->row_bytes(p->n_in);
    rows->n++;
}

void prepared_rows_fill(const struct prepared_rows *rows, void *row, const float *x)
{
    for (uint32_t i = 0; i < rows->n; i++)
        projection_prepare_row(&rows->projections[i], (char *)row + rows->offsets[i], x,
                               (float *)(void *)((char *)row + rows->spare));
}
