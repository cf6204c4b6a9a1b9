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

viv_status want_bounds(viv_infer *b, const char *attr)
{
    const uint64_t n = VIV_N_BOUNDS;
    return b->want_weight(b, attr, 1, &n);
}

/* Both NULL, or of equal bytes. */
static int32_t same_or_none(const void *a, const void *b, uint64_t size)
{
    return a == b || (a && b && memcmp(a, b, size) == 0);
}

static int32_t same_rows(const viv_projection *a, const viv_projection *b)
{
    return strcmp(a->product->row_format, b->product->row_format) == 0 &&
           same_or_none(a->order, b->order, a->n_in * sizeof *a->order) &&
           same_or_none(a->bounds, b->bounds, 2 * sizeof *a->bounds); /* those of inputs */
}

void prepared_rows_add(struct prepared_rows *rows, const viv_projection *p, uint64_t *offset)
{
    for (uint32_t i = 0; i < rows->n; i++)
        if (same_rows(&rows->projections[i], p)) {
            *offset = rows->offsets[i];
            return;
        }
    rows->projections[rows->n] = *p;
    rows->offsets[rows->n] = *offset = rows->row_bytes;
    rows->row_bytes += viv_projection_row_bytes(p);
    rows->n++;
}

void prepared_rows_fill(const struct prepared_rows *rows, void *row, const float *x)
{
    for (uint32_t i = 0; i < rows->n; i++)
        viv_projection_prepare_row(&rows->projections[i], (char *)row + rows->offsets[i], x);
}
