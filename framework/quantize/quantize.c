/* quantize.c - see quantize.h. A tensor goes by in bands of rows: workers take its rows in chunks, each decodes a
 * row to f32, weighs it and encodes it into the band; then the band is written. */
#include "quantize/quantize.h"

#include "base/size.h"
#include "formats/gguf/writer.h"
#include "kernels/requantize.h"
#include "sched/cpus.h"
#include "sched/workers.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BAND_BYTES = 8 << 20, CHUNK_ROWS = 8, QUANTIZATION_VERSION = 2 };

struct band {
    const struct planned *t;
    struct requantizer rows;
    uint64_t rows_per_expert, row_bytes;
    uint64_t first, n_rows;   /* of the tensor */
    const char *rows_in;      /* [n_rows] of the source */
    uint8_t *out;             /* [n_rows, row_bytes] */
    float **x;                /* [n_workers][2 * longest row] */
    _Atomic uint64_t next;    /* row of the band that nobody has taken */
    _Atomic uint64_t bad_row; /* of the tensor: the first that cannot be written */
};

static void note_bad_row(struct band *b, uint64_t row)
{
    uint64_t other = atomic_load(&b->bad_row);
    while (row < other && !atomic_compare_exchange_weak(&b->bad_row, &other, row))
        ;
}

static const void *source_row(const struct band *b, uint64_t row)
{
    return b->rows_in + (row - b->first) * b->t->from->row_bytes;
}

static void encode_row(struct band *b, float *x, uint64_t r)
{
    const uint64_t row = b->first + r, n = b->rows.n;
    const struct imatrix_entry *importance = b->t->importance;
    if (requantize_row(&b->rows, source_row(b, row),
                       importance ? importance->values + row / b->rows_per_expert * n : NULL,
                       b->out + r * b->row_bytes, x) < n)
        note_bad_row(b, row);
}

static void work(void *ctx, uint32_t worker)
{
    struct band *b = ctx;
    for (;;) {
        const uint64_t first = atomic_fetch_add(&b->next, CHUNK_ROWS);
        if (first >= b->n_rows)
            return;
        for (uint64_t r = first; r < size_min(first + CHUNK_ROWS, b->n_rows); r++)
            encode_row(b, b->x[worker], r);
    }
}

/* Sets the error for the row that could not be written. */
static viv_status bad_number(const struct band *b, struct error *err)
{
    const struct planned *t = b->t;
    const uint64_t row = b->bad_row;
    float *x = b->x[0];
    const uint64_t i = requantize_row(&b->rows, source_row(b, row), NULL, b->out, x);
    if (isfinite(x[i]))
        return error_set(err, VIV_ERANGE,
                         "tensor '%s', row %" PRIu64 ", column %" PRIu64
                         " is %g: %s holds numbers up to %g (bf16 and f32 hold larger ones: --rule '%s=bf16')",
                         t->from->name, row, i, (double)x[i], dtype_get(t->dtype)->name, (double)b->rows.largest,
                         t->from->name);
    return error_set(err, VIV_ERANGE,
                     "tensor '%s', row %" PRIu64 ", column %" PRIu64
                     " is %g: the file is damaged, or its training has failed",
                     t->from->name, row, i, (double)x[i]);
}

struct quantizer {
    const struct quantize_plan *plan;
    const struct quantize_options *options;
    struct gguf_writer writer;
    viv_worker_pool *pool;
    uint32_t n_workers;
    float **x; /* [n_workers][2 * longest row] */
    uint8_t *out;
    uint64_t out_bytes;
};

static bool cancelled(const struct quantizer *q)
{
    return q->options->cancel && __atomic_load_n(q->options->cancel, __ATOMIC_RELAXED);
}

static viv_status write_changed(struct quantizer *q, const struct planned *t, struct error *err)
{
    const uint32_t tensor = (uint32_t)(t - q->plan->tensors);
    const viv_tensor *from = t->from;
    const uint64_t n_rows = from->nbytes / from->row_bytes, n_in = (uint64_t)from->dl.shape[from->dl.ndim - 1];
    struct band b = {.t = t,
                     .rows_per_expert = (uint64_t)from->dl.shape[from->dl.ndim - 2],
                     .row_bytes = t->bytes / n_rows,
                     .out = q->out,
                     .x = q->x,
                     .bad_row = UINT64_MAX};
    if (!requantizer_init(&b.rows, from->dtype, t->dtype, n_in))
        return error_set(err, VIV_EUNSUPPORTED, "tensor '%s' is %s, which cannot be decoded", from->name,
                         dtype_get(from->dtype)->name);
    const uint64_t band_rows = size_max(q->out_bytes / b.row_bytes, 1);
    viv_status status = VIV_OK;
    for (b.first = 0; status == VIV_OK && b.first < n_rows; b.first += b.n_rows) {
        const void *rows = NULL;
        b.n_rows = size_min(band_rows, n_rows - b.first);
        status = source_rows(q->plan->weights, tensor, b.first, &b.n_rows, &rows, err);
        if (status != VIV_OK)
            return status;
        b.rows_in = rows;
        b.next = 0;
        workers_run(q->pool, work, &b);
        if (b.bad_row != UINT64_MAX)
            return bad_number(&b, err);
        if (cancelled(q))
            return error_set(err, VIV_ECANCELLED, "interrupted: nothing was written");
        status = gguf_write_data(&q->writer, b.out, b.n_rows * b.row_bytes, err);
    }
    return status;
}

static viv_status write_as_is(struct quantizer *q, const struct planned *t, struct error *err)
{
    const uint32_t tensor = (uint32_t)(t - q->plan->tensors);
    const uint64_t row_bytes = t->from->row_bytes, n_rows = t->from->nbytes / row_bytes;
    viv_status status = VIV_OK;
    for (uint64_t first = 0, n; status == VIV_OK && first < n_rows; first += n) {
        const void *rows = NULL;
        n = n_rows - first;
        status = source_rows(q->plan->weights, tensor, first, &n, &rows, err);
        if (status == VIV_OK)
            status = gguf_write_data(&q->writer, rows, n * row_bytes, err);
    }
    return status;
}

static viv_status write_tensors(struct quantizer *q, struct error *err)
{
    const struct quantize_plan *p = q->plan;
    const struct quantize_options *o = q->options;
    uint64_t done = 0;
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < p->source->n_tensors; i++) {
        const struct planned *t = &p->tensors[i];
        if (o->progress)
            o->progress(o->progress_ctx, t, done, p->bytes_before);
        if (cancelled(q))
            return error_set(err, VIV_ECANCELLED, "interrupted: nothing was written");
        status = t->dtype == t->from->dtype ? write_as_is(q, t, err) : write_changed(q, t, err);
        if (t->from->dl.data)
            file_map_forget(t->from->dl.data, t->from->nbytes);
        done += t->from->nbytes;
    }
    if (status == VIV_OK && o->progress)
        o->progress(o->progress_ctx, NULL, done, p->bytes_before);
    return status;
}

/* --- metadata ------------------------------------------------------------------------------------------------ */

/* Keys that say how a file was quantized or split. */
static bool is_of_the_source(const char *key)
{
    return strcmp(key, "general.file_type") == 0 || strcmp(key, "general.quantization_version") == 0 ||
           strncmp(key, "quantize.", 9) == 0 || strncmp(key, "split.", 6) == 0;
}

static void put_metadata(struct quantizer *q)
{
    const struct quantize_plan *p = q->plan;
    struct gguf_writer *w = &q->writer;
    gguf_copy_metadata(w, p->source, is_of_the_source);
    gguf_put_u32(w, "general.quantization_version", QUANTIZATION_VERSION);
    gguf_put_u32(w, "general.file_type", p->mix->file_type);
    if (p->imatrix) {
        gguf_put_string(w, "quantize.imatrix.file", path_base(p->imatrix->path));
        if (p->imatrix->dataset)
            gguf_put_string(w, "quantize.imatrix.dataset", p->imatrix->dataset);
        gguf_put_u32(w, "quantize.imatrix.entries_count", p->imatrix->n);
        if (p->imatrix->n_chunks)
            gguf_put_u32(w, "quantize.imatrix.chunks_count", (uint32_t)p->imatrix->n_chunks);
    }
    for (uint32_t i = 0; i < p->source->n_tensors; i++) {
        const viv_tensor *from = p->tensors[i].from;
        gguf_add_tensor(w, from->name, p->tensors[i].dtype, (uint32_t)from->dl.ndim, from->dl.shape);
    }
}

/* Room for the longest row, and for a band of them. */
static viv_status make_room(struct quantizer *q, struct error *err)
{
    uint64_t longest = 32;
    q->out_bytes = BAND_BYTES;
    for (uint32_t i = 0; i < q->plan->source->n_tensors; i++) {
        const viv_tensor *from = q->plan->tensors[i].from;
        const uint64_t n = (uint64_t)from->dl.shape[from->dl.ndim - 1];
        longest = size_max(longest, n);
        q->out_bytes = size_max(q->out_bytes, n * sizeof(float));
    }
    q->out = malloc(q->out_bytes);
    q->x = calloc(q->n_workers, sizeof *q->x);
    for (uint32_t i = 0; q->x && i < q->n_workers; i++) {
        q->x[i] = calloc(2 * longest, sizeof(float));
        if (!q->x[i])
            return error_nomem(err);
    }
    return q->out && q->x ? VIV_OK : error_nomem(err);
}

viv_status quantize_write(const struct quantize_plan *p, const char *path, const struct quantize_options *options,
                          struct error *err)
{
    struct quantizer q = {
        .plan = p, .options = options, .n_workers = options->n_threads ? options->n_threads : cpus_usable()};
    viv_status status = make_room(&q, err);
    if (status == VIV_OK)
        status = workers_create(q.n_workers, true, &q.pool, err);
    if (status == VIV_OK)
        status = gguf_writer_begin(&q.writer, path, err);
    if (status == VIV_OK) {
        put_metadata(&q);
        status = gguf_write_header(&q.writer, err);
    }
    if (status == VIV_OK)
        status = write_tensors(&q, err);
    if (status == VIV_OK)
        status = gguf_writer_keep(&q.writer, err);
    gguf_writer_drop(&q.writer);
    workers_destroy(q.pool);
    for (uint32_t i = 0; q.x && i < q.n_workers; i++)
        free(q.x[i]);
    free(q.x);
    free(q.out);
    return status;
}
