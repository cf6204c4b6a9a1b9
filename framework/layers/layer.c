/* layer.c - see layer.h. */
#include "layers/layer.h"

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

void prepared_rows_add(struct prepared_rows *rows, const viv_projection *p, uint64_t *offset)
{
    rows->n_in = p->n_in;
    for (uint32_t i = 0; i < rows->n; i++)
        if (strcmp(rows->products[i]->row_format, p->product->row_format) == 0) {
            *offset = rows->offsets[i];
            return;
        }
    rows->products[rows->n] = p->product;
    rows->offsets[rows->n] = *offset = rows->row_bytes;
    rows->row_bytes += viv_projection_row_bytes(p);
    rows->n++;
}

void prepared_rows_fill(const struct prepared_rows *rows, void *row, const float *x)
{
    for (uint32_t i = 0; i < rows->n; i++)
        rows->products[i]->prepare((char *)row + rows->offsets[i], x, rows->n_in);
}
