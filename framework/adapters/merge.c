/* merge.c - computes the data of tensors that adapters change, each a private copy:
 *
 *   LoRA                W' = W + s B A                       (Hu et al. 2021)    s = scale * alpha / rank
 *   DoRA                W' = m (W + s B A) / ||W0 + s B A||  (Liu et al. 2024)   the norm of each output's weights
 *
 * Several adapters are merged in the order given; W0 is the weight before the first of them, as in PEFT. Sums are
 * f32 and rounded once, to the type that adapt.c chose. B A is computed for a few rows at a time with the f32
 * kernel; the scheduler's workers share the rows. Results do not depend on the number of workers. */
#include "adapters/adapter.h"
#include "adapters/adapters.h"
#include "model/instance.h"
#include "model/schedule.h"

#include "base/size.h"
#include "formats/packed/packed.h"
#include "tensor/dtype.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 16, NORM_COLUMNS = 64, NORM_ROWS = 64 };

/* A prepared low-rank change: its row n is  sum over k of left[n][k] right[c][k]  for all columns c. */
struct factors {
    const struct use *use;
    unsigned char *left; /* [rows] prepared rows of `rank`, times s */
    float *right;        /* [columns, rank] */
    float *vector; /* bias: [columns]; DoRA: magnitudes of the outputs, divided by the norms once these are known */
};

struct merge {
    const viv_model *m;
    const viv_kernels *kernels;
    const viv_product *product;
    struct adapted *t;
    viv_tensor base;        /* of t */
    unsigned char *reorder; /* the base with its rows in order, or NULL */
    struct factors *factors;
    uint64_t rows, columns, chunk, base_row, out_row; /* rows of a task; bytes of a row */
    void (*to_f32)(float *y, const void *x, uint64_t n);
    void (*from_f32)(void *y, const float *x, uint64_t n);
    float largest;                  /* of the output type */
    const struct factors *norms_of; /* while norms of columns are computed */
};

/* --- preparing ---------------------------------------------------------------------------------------------- */

/* The row of the change for row n of the tensor: rotary pairs are neighbours here and half a head apart there. */
static uint64_t source_row(uint64_t n, uint64_t rows, uint64_t heads)
{
    if (!heads)
        return n;
    const uint64_t head = rows / heads, in_head = n % head;
    return n - in_head + in_head % 2 * (head / 2) + in_head / 2;
}

/* The elements as f32, all finite; malloc'ed. */
static viv_status read_numbers(const struct merge *g, const viv_tensor *t, float **out, struct error *err)
{
    uint64_t n = 1;
    void (*to_f32)(float *, const void *, uint64_t) = g->kernels->to_f32(t->dtype);
    for (int32_t i = 0; i < t->dl.ndim; i++)
        n *= (uint64_t)t->dl.shape[i];
    if (!to_f32)
        return error_set(err, VIV_EUNSUPPORTED, "its '%s' is of type %s, which cannot be converted to numbers",
                         t->name, dtype_get(t->dtype)->name);
    float *y = n <= SIZE_MAX / sizeof *y ? malloc(n ? n * sizeof *y : 1) : NULL;
    if (!y)
        return error_nomem(err);
    to_f32(y, t->dl.data, n);
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(y[i])) {
            free(y);
            return error_set(err, VIV_EFORMAT, "its '%s' holds a number that is not finite", t->name);
        }
    *out = y;
    return VIV_OK;
}

/* left and right of B A, or of its transpose. A is [rank, in], or [in, rank] if by_rows; B is [out, rank]. */
static viv_status make_factors(const struct merge *g, struct factors *f, const float *a, const float *b,
                               struct error *err)
{
    const struct use *u = f->use;
    const uint64_t rank = u->change->rank, row_bytes = g->product->row_bytes(rank);
    const bool by_rows = u->change->form == FORM_EMBEDDING_GGUF;
    uint64_t left_bytes = 0, right_elems = 0;
    float *x = malloc(rank * sizeof *x);
    if (size_mul(g->rows, row_bytes, &left_bytes) && size_mul(g->columns, rank, &right_elems) &&
        right_elems <= SIZE_MAX / sizeof *f->right) {
        f->left = aligned_alloc(64, size_align(size_max(left_bytes, 1), 64));
        f->right = malloc(size_max(right_elems, 1) * sizeof *f->right);
    }
    if (!x || !f->left || !f->right) {
        free(x);
        return error_nomem(err);
    }
    for (uint64_t n = 0; n < g->rows; n++) {
        const uint64_t from = source_row(n, g->rows, u->heads);
        for (uint64_t k = 0; k < rank; k++) {
            float v = !u->transposed ? b[from * rank + k] : by_rows ? a[n * rank + k] : a[k * g->rows + n];
            x[k] = (float)u->change->scale * v;
        }
        g->product->prepare(f->left + n * row_bytes, x, rank);
    }
    for (uint64_t c = 0; c < g->columns; c++)
        for (uint64_t k = 0; k < rank; k++)
            f->right[c * rank + k] = u->transposed ? b[c * rank + k] : a[k * g->columns + c];
    free(x);
    return VIV_OK;
}

static viv_status ready_low_rank(const struct merge *g, struct factors *f, struct error *err)
{
    const struct change *c = f->use->change;
    float *a = NULL, *b = NULL;
    viv_status status = read_numbers(g, c->a, &a, err);
    if (status == VIV_OK)
        status = read_numbers(g, c->b, &b, err);
    if (status == VIV_OK)
        status = make_factors(g, f, a, b, err);
    if (status == VIV_OK && c->magnitude)
        status = read_numbers(g, c->magnitude, &f->vector, err);
    free(a);
    free(b);
    return status;
}

static viv_status ready(struct merge *g, struct factors *f, struct error *err)
{
    viv_status status = f->use->change->kind == CHANGE_LOW_RANK
                            ? ready_low_rank(g, f, err)
                            : read_numbers(g, f->use->change->b, &f->vector, err);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "adapter '%s'", f->use->adapter->path);
}

/* The base with its rows (or elements, if it is a vector) in the order of the tensor. */
static viv_status reorder_base(struct merge *g, struct error *err)
{
    const uint64_t n = (uint64_t)g->base.dl.shape[0], unit = g->base.nbytes / size_max(n, 1);
    g->reorder = aligned_alloc(64, size_align(size_max(g->base.nbytes, 1), 64));
    if (!g->reorder)
        return error_nomem(err);
    for (uint64_t i = 0; i < n; i++)
        memcpy(g->reorder + i * unit, (const unsigned char *)g->base.dl.data + source_row(i, n, g->t->heads) * unit,
               unit);
    g->base.dl.data = g->reorder;
    return VIV_OK;
}

/* --- rows --------------------------------------------------------------------------------------------------- */

/* Columns [from, end) of n rows of a change, to y[row * stride + column - from]. */
static void multiply(const struct merge *g, const struct factors *f, uint64_t first, uint64_t n, uint64_t from,
                     uint64_t end, float *y, uint64_t stride, void *scratch)
{
    const uint64_t rank = f->use->change->rank, row_bytes = g->product->row_bytes(rank);
    const viv_matmul m = {.struct_size = sizeof m,
                          .n_rows = n,
                          .k = rank,
                          .x = f->left + first * row_bytes,
                          .x_stride = row_bytes,
                          .w = f->right + from * rank,
                          .w_stride = rank * sizeof *f->right,
                          .y = y,
                          .y_stride = stride,
                          .scratch = scratch};
    g->product->multiply(&m, 0, end - from);
}

static void *kernel_scratch(const struct merge *g)
{
    uint64_t bytes = 64;
    for (size_t i = 0; i < g->t->n_uses; i++)
        if (g->t->uses[i].change->kind == CHANGE_LOW_RANK)
            bytes = size_max(bytes, g->product->scratch_bytes(g->t->uses[i].change->rank));
    return aligned_alloc(64, size_align(bytes, 64));
}

static const unsigned char *base_row(const struct merge *g, uint64_t n)
{
    return (const unsigned char *)g->base.dl.data + n * g->base_row;
}

/* Adds row n of a change with magnitudes; base: room for a row. */
static void add_dora(const struct merge *g, const struct factors *f, uint64_t n, float *sum, const float *change,
                     float *base)
{
    double squares = 0;
    if (f->use->transposed) {
        for (uint64_t c = 0; c < g->columns; c++)
            sum[c] = f->vector[c] * (sum[c] + change[c]);
        return;
    }
    g->to_f32(base, base_row(g, n), g->columns);
    for (uint64_t c = 0; c < g->columns; c++)
        squares += (double)(base[c] + change[c]) * (double)(base[c] + change[c]);
    const float factor = (float)((double)f->vector[source_row(n, g->rows, f->use->heads)] / sqrt(squares));
    for (uint64_t c = 0; c < g->columns; c++)
        sum[c] = factor * (sum[c] + change[c]);
}

/* Rows [first, first + n) of a use, added to `sum`. */
static void add_use(const struct merge *g, const struct factors *f, uint64_t first, uint64_t n, float *sum,
                    float *change, float *base, void *scratch)
{
    const struct change *c = f->use->change;
    const uint64_t columns = g->columns;
    if (c->kind == CHANGE_ROWS) {
        for (uint64_t i = 0; i < (uint64_t)c->b->dl.shape[0]; i++)
            if ((uint64_t)c->rows[i] >= first && (uint64_t)c->rows[i] < first + n)
                memcpy(sum + ((uint64_t)c->rows[i] - first) * columns, f->vector + i * columns,
                       columns * sizeof *sum);
        return;
    }
    if (c->kind == CHANGE_BIAS) {
        for (uint64_t i = 0; i < columns; i++)
            sum[i] += (float)c->scale * f->vector[source_row(i, columns, f->use->heads)];
        return;
    }
    multiply(g, f, first, n, 0, columns, change, columns, scratch);
    if (!c->magnitude)
        g->kernels->add(sum, sum, change, n * columns);
    for (uint64_t r = 0; c->magnitude && r < n; r++)
        add_dora(g, f, first + r, sum + r * columns, change + r * columns, base);
}

static viv_status merge_rows(void *ctx, uint64_t task)
{
    const struct merge *g = ctx;
    const uint64_t first = task * g->chunk, n = size_min(g->chunk, g->rows - first), columns = g->columns;
    float *sum = malloc((2 * n + 1) * columns * sizeof *sum);
    void *scratch = kernel_scratch(g);
    viv_status status = sum && scratch ? VIV_OK : VIV_ENOMEM;
    if (status == VIV_OK)
        g->to_f32(sum, base_row(g, first), n * columns);
    for (size_t i = 0; status == VIV_OK && i < g->t->n_uses; i++)
        add_use(g, &g->factors[i], first, n, sum, sum + n * columns, sum + 2 * n * columns, scratch);
    for (uint64_t i = 0; status == VIV_OK && i < n * columns; i++)
        if (!(fabsf(sum[i]) <= g->largest))
            status = VIV_EFORMAT;
    for (uint64_t r = 0; status == VIV_OK && r < n; r++)
        g->from_f32((unsigned char *)g->t->data + (first + r) * g->out_row, sum + r * columns, columns);
    free(sum);
    free(scratch);
    return status;
}

/* Turns the magnitudes of columns [64 task, ...) into factors of the columns. */
static viv_status norm_columns(void *ctx, uint64_t task)
{
    const struct merge *g = ctx;
    const struct factors *f = g->norms_of;
    const struct dtype *d = dtype_get(g->base.dtype);
    const uint64_t from = task * NORM_COLUMNS, n = size_min(NORM_COLUMNS, g->columns - from);
    double squares[NORM_COLUMNS] = {0};
    float change[NORM_ROWS * NORM_COLUMNS], base[NORM_COLUMNS];
    void *scratch = kernel_scratch(g);
    if (!scratch)
        return VIV_ENOMEM;
    for (uint64_t first = 0; first < g->rows; first += NORM_ROWS) {
        const uint64_t rows = size_min(NORM_ROWS, g->rows - first);
        multiply(g, f, first, rows, from, from + n, change, n, scratch);
        for (uint64_t r = 0; r < rows; r++) {
            g->to_f32(base, base_row(g, first + r) + from / d->block * d->block_bytes, n);
            for (uint64_t c = 0; c < n; c++)
                squares[c] += (double)(base[c] + change[r * n + c]) * (double)(base[c] + change[r * n + c]);
        }
    }
    for (uint64_t c = 0; c < n; c++)
        f->vector[from + c] = (float)((double)f->vector[from + c] / sqrt(squares[c]));
    free(scratch);
    return VIV_OK;
}

/* --- tensors ------------------------------------------------------------------------------------------------ */

static viv_status run_tasks(const struct merge *g, uint64_t n, viv_status (*task)(void *ctx, uint64_t i),
                            struct error *err)
{
    viv_status status = schedule_tasks(g->m, n, task, (void *)g, err);
    if (status == VIV_ENOMEM)
        return error_nomem(err);
    if (status == VIV_EFORMAT)
        return error_set(err, status, "a sum is too large for %s or not a number",
                         dtype_get(g->m->checkpoint.tensors[g->t->tensor].dtype)->name);
    return status;
}

static viv_status merge_uses(struct merge *g, struct error *err)
{
    const viv_tensor *t = &g->m->checkpoint.tensors[g->t->tensor];
    const bool matrix = t->dl.ndim == 2;
    g->rows = matrix ? (uint64_t)t->dl.shape[0] : 1;
    g->columns = (uint64_t)t->dl.shape[matrix ? 1 : 0];
    g->chunk = size_max(1, CHUNK / size_max(1, g->columns));
    g->base_row = g->base.row_bytes;
    g->out_row = t->row_bytes;
    g->to_f32 = g->kernels->to_f32(g->base.dtype);
    g->from_f32 = g->kernels->from_f32(t->dtype);
    g->largest = t->dtype == VIV_F16 ? 65504.0f : 3.0e38f;
    if (!g->to_f32 || !g->from_f32)
        return error_set(err, VIV_EUNSUPPORTED, "its type is %s, which cannot be converted to numbers",
                         dtype_get(g->base.dtype)->name);
    g->factors = calloc(g->t->n_uses, sizeof *g->factors);
    g->t->data = aligned_alloc(64, size_align(size_max(t->nbytes, 1), 64));
    viv_status status = g->factors && g->t->data ? VIV_OK : error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < g->t->n_uses; i++) {
        struct factors *f = &g->factors[i];
        f->use = &g->t->uses[i];
        status = ready(g, f, err);
        if (status != VIV_OK || !f->use->transposed || !f->use->change->magnitude)
            continue;
        g->norms_of = f;
        status = run_tasks(g, (g->columns + NORM_COLUMNS - 1) / NORM_COLUMNS, norm_columns, err);
    }
    if (status == VIV_OK)
        status = run_tasks(g, (g->rows + g->chunk - 1) / g->chunk, merge_rows, err);
    for (size_t i = 0; g->factors && i < g->t->n_uses; i++) {
        free(g->factors[i].left);
        free(g->factors[i].right);
        free(g->factors[i].vector);
    }
    free(g->factors);
    return status;
}

/* Makes a base that its file has in parts. */
static viv_status make_base(struct merge *g, void **made, struct error *err)
{
    const viv_tensor *t = &g->m->checkpoint.tensors[g->t->tensor];
    const uint32_t *order;
    if (g->base.dl.data || !packed_joined(&g->m->checkpoint, t, &order))
        return VIV_OK;
    if (order)
        return error_set(err, VIV_EUNSUPPORTED,
                         "its inputs are in another order (act-order), which adapters do not know");
    g->base.dl.data = *made = aligned_alloc(64, size_align(size_max(g->base.nbytes, 1), 64));
    return *made ? repack_to(g->m, t, &g->base, *made, err) : error_nomem(err);
}

static viv_status merge_tensor(struct merge *g, struct error *err)
{
    void *made = NULL;
    g->base = g->t->base;
    viv_status status = make_base(g, &made, err);
    if (status == VIV_OK && g->t->heads)
        status = reorder_base(g, err);
    if (status == VIV_OK && g->t->n_uses)
        status = merge_uses(g, err);
    else if (status == VIV_OK) {
        g->t->data = g->reorder;
        g->reorder = NULL;
    }
    free(g->reorder);
    free(made);
    return status;
}

viv_status adapters_merge(viv_model *m, struct error *err)
{
    const viv_kernels *kernels = m->options.host->get_service(m->options.host, VIV_SERVICE_KERNELS);
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < m->n_adapted; i++) {
        struct adapted *a = &m->adapted[i];
        viv_tensor *t = &m->checkpoint.tensors[a->tensor];
        struct merge g = {.m = m, .kernels = kernels, .product = kernels->product(kernels, VIV_F32), .t = a};
        if (m->options.progress)
            m->options.progress(m->options.progress_ctx, "adapters", i, m->n_adapted);
        if (!a->n_uses && !a->heads)
            continue;
        status = merge_tensor(&g, err);
        if (status != VIV_OK)
            return error_prefix(err, "tensor '%s' with its adapters", t->name);
        t->dl.data = a->data;
        m->made_bytes += t->nbytes;
    }
    return status;
}
