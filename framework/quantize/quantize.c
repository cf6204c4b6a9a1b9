/* quantize.c - see quantize.h. A tensor goes by in bands of rows: workers take its rows in chunks, each decodes a
 * row to f32, weighs it and encodes it into the band; then the band is written. */
#include "quantize/quantize.h"

#include "base/size.h"
#include "formats/gguf/writer.h"
#include "kernels/kernels.h"
#include "sched/cpus.h"
#include "sched/workers.h"
#include "tensor/dtype.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BAND_BYTES = 8 << 20, CHUNK_ROWS = 8, QUANTIZATION_VERSION = 2 };

static const float LARGEST_HALF = 65504.0f;

/* One worker's rows. */
struct desk {
    float *x, *w; /* [longest row] */
};

struct band {
    const struct planned *t;
    const struct encoders *encoders;
    const struct encoder *encoder; /* NULL: the type is a plain one */
    void (*to_f32)(float *, const void *, uint64_t);
    void (*from_f32)(void *, const float *, uint64_t);
    uint64_t n_in, rows_per_expert, row_bytes;
    uint64_t first, n_rows; /* of the tensor */
    uint8_t *out;           /* [n_rows, row_bytes] */
    struct desk *desks;
    _Atomic uint64_t next;    /* row of the band that nobody has taken */
    _Atomic uint64_t bad_row; /* of the tensor: the first that cannot be written */
};

/* The largest number that the type holds. */
static float largest_of(uint32_t dtype)
{
    return dtype == VIV_F32 || dtype == VIV_BF16 ? FLT_MAX : LARGEST_HALF;
}

/* Whether a row has a number that is none, or too large. */
static bool is_bad(const struct band *b, const float *x)
{
    const float most = largest_of(b->t->dtype);
    int bad = 0;
    for (uint64_t i = 0; i < b->n_in; i++)
        bad |= !(fabsf(x[i]) <= most);
    return bad;
}

static void note_bad_row(struct band *b, uint64_t row)
{
    uint64_t other = atomic_load(&b->bad_row);
    while (row < other && !atomic_compare_exchange_weak(&b->bad_row, &other, row))
        ;
}

static void encode_row(struct band *b, struct desk *desk, uint64_t r)
{
    const uint64_t row = b->first + r;
    const struct imatrix_entry *importance = b->t->importance;
    uint8_t *out = b->out + r * b->row_bytes;
    b->to_f32(desk->x, (const char *)b->t->from->dl.data + row * b->t->from->row_bytes, b->n_in);
    if (is_bad(b, desk->x)) {
        note_bad_row(b, row);
        return;
    }
    if (!b->encoder) {
        b->from_f32(out, desk->x, b->n_in);
        return;
    }
    b->encoders->weights(desk->w, desk->x,
                         importance ? importance->values + row / b->rows_per_expert * b->n_in : NULL, b->n_in);
    b->encoder->encode(out, desk->x, desk->w, b->n_in);
}

static void work(void *ctx, uint32_t worker)
{
    struct band *b = ctx;
    for (;;) {
        const uint64_t first = atomic_fetch_add(&b->next, CHUNK_ROWS);
        if (first >= b->n_rows)
            return;
        for (uint64_t r = first; r < size_min(first + CHUNK_ROWS, b->n_rows); r++)
            encode_row(b, &b->desks[worker], r);
    }
}

/* Sets the error for the row that could not be written. */
static viv_status bad_number(const struct band *b, struct error *err)
{
    const struct planned *t = b->t;
    const uint64_t row = b->bad_row;
    float *x = b->desks[0].x;
    b->to_f32(x, (const char *)t->from->dl.data + row * t->from->row_bytes, b->n_in);
    uint64_t i = 0;
    while (i + 1 < b->n_in && fabsf(x[i]) <= largest_of(t->dtype))
        i++;
    if (isfinite(x[i]))
        return error_set(err, VIV_ERANGE,
                         "tensor '%s', row %" PRIu64 ", column %" PRIu64
                         " is %g: %s holds numbers up to %g (bf16 and f32 hold larger ones: --rule '%s=bf16')",
                         t->from->name, row, i, (double)x[i], dtype_get(t->dtype)->name, (double)LARGEST_HALF,
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
    struct desk *desks;
    uint8_t *out;
    uint64_t out_bytes;
};

static bool cancelled(const struct quantizer *q)
{
    return q->options->cancel && __atomic_load_n(q->options->cancel, __ATOMIC_RELAXED);
}

static viv_status write_changed(struct quantizer *q, const struct planned *t, struct error *err)
{
    const viv_kernels *kernels = kernels_choose(kernels_cpu(), 0);
    const viv_tensor *from = t->from;
    const uint64_t n_rows = from->nbytes / from->row_bytes;
    struct band b = {.t = t,
                     .encoders = kernels_chosen(kernels_cpu(), 0, KERNEL_ENCODERS, 0)->encoders,
                     .encoder = kernels_encoder(kernels_cpu(), t->dtype),
                     .to_f32 = kernels->to_f32(from->dtype),
                     .from_f32 = kernels->from_f32(t->dtype),
                     .n_in = (uint64_t)from->dl.shape[from->dl.ndim - 1],
                     .rows_per_expert = (uint64_t)from->dl.shape[from->dl.ndim - 2],
                     .row_bytes = t->bytes / n_rows,
                     .out = q->out,
                     .desks = q->desks,
                     .bad_row = UINT64_MAX};
    if (!b.to_f32)
        return error_set(err, VIV_EUNSUPPORTED, "tensor '%s' is %s, which cannot be decoded", from->name,
                         dtype_get(from->dtype)->name);
    const uint64_t band_rows = size_max(q->out_bytes / b.row_bytes, 1);
    viv_status status = VIV_OK;
    for (b.first = 0; status == VIV_OK && b.first < n_rows; b.first += band_rows) {
        b.n_rows = size_min(band_rows, n_rows - b.first);
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
        status = t->dtype == t->from->dtype ? gguf_write_data(&q->writer, t->from->dl.data, t->from->nbytes, err)
                                            : write_changed(q, t, err);
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
    q->desks = calloc(q->n_workers, sizeof *q->desks);
    for (uint32_t i = 0; q->desks && i < q->n_workers; i++) {
        q->desks[i].x = calloc(2 * longest, sizeof(float));
        q->desks[i].w = q->desks[i].x ? q->desks[i].x + longest : NULL;
        if (!q->desks[i].x)
            return error_nomem(err);
    }
    return q->out && q->desks ? VIV_OK : error_nomem(err);
}

viv_status quantize_write(const struct quantize_plan *p, const char *path, const struct quantize_options *options,
                          struct error *err)
{
    struct quantizer q = {
        .plan = p, .options = options, .n_workers = options->n_threads ? options->n_threads : cpus_usable()};
    viv_status status = make_room(&q, err);
    if (status == VIV_OK)
        status = workers_create(q.n_workers, &q.pool, err);
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
    for (uint32_t i = 0; q.desks && i < q.n_workers; i++)
        free(q.desks[i].x);
    free(q.desks);
    free(q.out);
    return status;
}
