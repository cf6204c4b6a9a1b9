/* trial.h - a product with buffers around it, and its comparison with the generic one. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include "kernels/any_blocks.h"
#include "kernels/kernels.h"
#include "testing.h"

#include <math.h>

static uint64_t seed = 1;

static float uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(seed >> 40) * 0x1p-24f - 0.5f;
}

/* A product of n outputs, with buffers that end where they should (ASan sees who reads on) and start badly aligned.
 */
struct trial {
    const viv_product *product;
    uint64_t n, k, n_rows, y_stride;
    uint64_t w_stride, x_stride;
    float *values;          /* [n_rows][k] */
    float *weights;         /* [n][k] as numbers */
    char *w_memory, *w, *x; /* as the product takes them */
    void *scratch;
};

static bool is_block(uint32_t dtype)
{
    return dtype != VIV_F32 && dtype != VIV_F16 && dtype != VIV_BF16;
}

static uint64_t weight_row_bytes(uint32_t dtype, uint64_t k)
{
    if (!is_block(dtype))
        return dtype == VIV_F32 ? k * 4 : k * 2;
    return k / block_type(dtype).block * block_type(dtype).bytes;
}

static void *aligned(uint64_t bytes)
{
    void *p = NULL;
    ck_assert(posix_memalign(&p, 64, bytes ? bytes : 64) == 0);
    return p;
}

static const struct kernel *generic(enum kernel_operation operation, uint32_t dtype)
{
    return kernels_chosen(0, 0, operation, dtype);
}

static struct trial trial_make(const viv_product *product, uint64_t n, uint64_t k, uint64_t n_rows)
{
    uint32_t dtype = product->weight_dtype;
    struct trial t = {.product = product, .n = n, .k = k, .n_rows = n_rows, .y_stride = n + 3};
    uint64_t odd = dtype == VIV_F32 ? 4 : 2;
    t.w_stride = weight_row_bytes(dtype, k);
    t.x_stride = product->row_bytes(k);
    t.values = aligned(n_rows * k * sizeof(float));
    t.weights = aligned(n * k * sizeof(float));
    t.w_memory = malloc(n * t.w_stride + odd);
    ck_assert_ptr_nonnull(t.w_memory);
    t.w = t.w_memory + odd;
    t.x = aligned(n_rows * t.x_stride);
    t.scratch = aligned(product->scratch_bytes(k));
    for (uint64_t i = 0; i < n * k; i++)
        t.weights[i] = uniform();
    for (uint64_t i = 0; i < n; i++) {
        if (generic(KERNEL_FROM_F32, dtype))
            generic(KERNEL_FROM_F32, dtype)->from_f32(t.w + i * t.w_stride, t.weights + i * k, k);
        else
            any_blocks(dtype, (uint8_t *)t.w + i * t.w_stride, k, uniform);
        generic(KERNEL_TO_F32, dtype)->to_f32(t.weights + i * k, t.w + i * t.w_stride, k);
    }
    for (uint64_t i = 0; i < n_rows * k; i++)
        t.values[i] = uniform() * (i % 97 == 0 ? 30.0f : 1.0f);
    for (uint64_t r = 0; r < n_rows; r++)
        product->prepare(t.x + r * t.x_stride, t.values + r * k, k);
    return t;
}

static void trial_release(struct trial *t)
{
    free(t->values);
    free(t->weights);
    free(t->w_memory);
    free(t->x);
    free(t->scratch);
}

/* Rows [r, r + n_rows), outputs [first, end) into y, whose other elements must stay as they are. */
static void trial_run(const struct trial *t, float *y, uint64_t r, uint64_t n_rows, uint64_t first, uint64_t end)
{
    viv_matmul m = {.struct_size = sizeof m,
                    .n_rows = n_rows,
                    .k = t->k,
                    .x = t->x + r * t->x_stride,
                    .x_stride = t->x_stride,
                    .w = t->w,
                    .w_stride = t->w_stride,
                    .y = y,
                    .y_stride = t->y_stride,
                    .scratch = t->scratch};
    t->product->multiply(&m, first, end);
}

static float *blank(const struct trial *t)
{
    float *y = malloc((t->n_rows * t->y_stride + 1) * sizeof *y);
    ck_assert_ptr_nonnull(y);
    for (uint64_t i = 0; i < t->n_rows * t->y_stride; i++)
        y[i] = 12345.0f;
    return y;
}

static bool same_bits(float a, float b)
{
    return bits_of_float(a) == bits_of_float(b) || (isnan(a) && isnan(b));
}

#define WHERE "%s, n %lu, k %lu, %lu rows, output %lu of row %lu"
#define WHERE_ARGS(t, r, n)                                                                                        \
    (t)->product->name, (unsigned long)(t)->n, (unsigned long)(t)->k, (unsigned long)(t)->n_rows,                  \
        (unsigned long)(n), (unsigned long)(r)

/* Products of quantized weights are generic ones to the bit. */
static void check_exact(const struct trial *t)
{
    if (strcmp(t->product->row_format, INT8_ROW_FORMAT) != 0)
        return;
    struct trial g = *t;
    g.product = generic(KERNEL_PRODUCT, t->product->weight_dtype)->product;
    float *y = blank(t), *expected = blank(t);
    trial_run(t, y, 0, t->n_rows, 0, t->n);
    trial_run(&g, expected, 0, t->n_rows, 0, t->n);
    for (uint64_t r = 0; r < t->n_rows; r++)
        for (uint64_t n = 0; n < t->n; n++)
            ck_assert_msg(same_bits(y[r * t->y_stride + n], expected[r * t->y_stride + n]), WHERE ": %a for %a",
                          WHERE_ARGS(t, r, n), (double)y[r * t->y_stride + n],
                          (double)expected[r * t->y_stride + n]);
    free(y);
    free(expected);
}

#endif
