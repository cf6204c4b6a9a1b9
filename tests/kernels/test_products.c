/* Products: every kernel that this processor can run against generic and against sums in double precision. */
#include "kernels/trial.h"

static const uint64_t plain_lengths[] = {1, 3, 15, 16, 17, 31, 33, 100, 1024, 1025, 1040, 2049};
static const uint64_t block_lengths[] = {32, 64, 96, 160, 2048, 2080, 4128};
static const uint64_t unit_lengths[] = {256, 512, 2304};
static const uint64_t some_outputs[] = {1, 3, 4, 5, 16, 17, 33, 63, 70};
static const uint64_t some_rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 25, 100, 300};
/* Multiply-adds of a trial at most: CI runs NEON emulated and all kernels under sanitizers, where all kinds of rest
 * must do without the largest sizes. */
#if defined __aarch64__
static const uint64_t most_work = 100000;
#elif SANITIZED
static const uint64_t most_work = 200000;
#else
static const uint64_t most_work = UINT64_MAX;
#endif
#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool runs_here(const struct kernel *k)
{
    return k->operation == KERNEL_PRODUCT && kernel_runs(k, kernels_cpu());
}

/* Calls `check` for a product, over lengths, outputs and rows that leave every kind of rest. */
static void try_product(const viv_product *product, void (*check)(const struct trial *t), uint64_t few)
{
    bool block = is_block(product->weight_dtype);
    const bool unit = block && block_type(product->weight_dtype).block == UNIT;
    const uint64_t *lengths = unit ? unit_lengths : block ? block_lengths : plain_lengths;
    size_t n_lengths = unit ? COUNT(unit_lengths) : block ? COUNT(block_lengths) : COUNT(plain_lengths), turn = 0;
    for (size_t i = 0; i < n_lengths; i++)
        for (size_t j = 0; j < COUNT(some_outputs); j++)
            for (size_t l = 0; l < COUNT(some_rows); l++) {
                if (some_outputs[j] * lengths[i] * some_rows[l] > most_work || turn++ % few)
                    continue;
                const uint64_t length =
                    block ? size_align(lengths[i], block_type(product->weight_dtype).block) : lengths[i];
                struct trial t = trial_make(product, some_outputs[j], length, some_rows[l]);
                check(&t);
                trial_release(&t);
            }
}

/* The same for every product kernel that runs here. */
static void for_trials(void (*check)(const struct trial *t), uint64_t few)
{
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        if (runs_here(*k))
            try_product((*k)->product, check, few);
        if ((*k)->operation != KERNEL_DECODED_PRODUCTS || !kernel_runs(*k, kernels_cpu()))
            continue;
        for (const viv_product *const *p = (*k)->products; *p; p++)
            try_product(*p, check, 101 * few);
    }
}

static void check_near(const struct trial *t)
{
    float *y = blank(t);
    trial_run(t, y, 0, t->n_rows, 0, t->n);
    /* relative to the sum of magnitudes, unless activations are rounded to 8 bits of the largest of their block */
    bool block = strcmp(t->product->row_format, INT8_ROW_FORMAT) == 0;
    double tolerance = strcmp(t->product->row_format, "bf16") == 0 ? 0.008 : 1e-6;
    for (uint64_t r = 0; r < t->n_rows; r++) {
        for (uint64_t n = 0; n < t->n; n++) {
            double sum = 0, magnitude = 0, weights = 0;
            for (uint64_t k = 0; k < t->k; k++) {
                double p = (double)t->weights[n * t->k + k] * t->values[r * t->k + k];
                sum += p;
                magnitude += fabs(p);
                weights += fabs(t->weights[n * t->k + k]);
            }
            double error = tolerance * magnitude + (block ? weights * 15.0 * 0.51 / 127.0 : 0.0);
            ck_assert_msg(fabs(y[r * t->y_stride + n] - sum) <= error + 1e-30, WHERE ": %g for %g",
                          WHERE_ARGS(t, r, n), (double)y[r * t->y_stride + n], sum);
        }
        for (uint64_t n = t->n; n < t->y_stride; n++)
            ck_assert_msg(y[r * t->y_stride + n] == 12345.0f, WHERE " was written", WHERE_ARGS(t, r, n));
    }
    free(y);
}

TEST(product__is_the_sum_of_products)
{
    for_trials(check_near, 7);
}
END_TEST

static void check_rows_alone(const struct trial *t)
{
    if (t->product->flags & VIV_PRODUCT_BATCH_VARIANT)
        return;
    float *together = blank(t), *alone = blank(t);
    trial_run(t, together, 0, t->n_rows, 0, t->n);
    for (uint64_t r = 0; r < t->n_rows; r++)
        trial_run(t, alone + r * t->y_stride, r, 1, 0, t->n);
    for (uint64_t r = 0; r < t->n_rows; r++)
        for (uint64_t n = 0; n < t->n; n++)
            ck_assert_msg(same_bits(together[r * t->y_stride + n], alone[r * t->y_stride + n]), WHERE,
                          WHERE_ARGS(t, r, n));
    free(together);
    free(alone);
}

TEST(product__of_a_row_is_the_same_bits_in_any_company)
{
    for_trials(check_rows_alone, 11);
}
END_TEST

static void check_split(const struct trial *t)
{
    if (t->product->flags & VIV_PRODUCT_BATCH_VARIANT)
        return;
    float *whole = blank(t), *parts = blank(t);
    trial_run(t, whole, 0, t->n_rows, 0, t->n);
    for (uint64_t n = 0, step = 1; n < t->n; n += step, step = step * 2 + 1)
        trial_run(t, parts, 0, t->n_rows, n, n + step < t->n ? n + step : t->n);
    for (uint64_t r = 0; r < t->n_rows; r++)
        for (uint64_t n = 0; n < t->y_stride; n++)
            ck_assert_msg(same_bits(whole[r * t->y_stride + n], parts[r * t->y_stride + n]), WHERE,
                          WHERE_ARGS(t, r, n));
    free(whole);
    free(parts);
}

TEST(product__is_the_same_bits_however_outputs_are_divided)
{
    for_trials(check_split, 13);
}
END_TEST

TEST(product__of_quantized_weights_is_generic_to_the_bit)
{
    for_trials(check_exact, 7);
}
END_TEST

/* Blocks that only a file made by hand would have: scales of any bits, weights of -128. */
TEST(product__of_any_bytes_is_generic_to_the_bit)
{
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        if (!runs_here(*k) || !is_block((*k)->product->weight_dtype))
            continue;
        struct trial t = trial_make((*k)->product, 37, 512, 14);
        for (uint64_t i = 0; i < t.n * t.w_stride; i++)
            t.w[i] = (char)(int)(uniform() * 255.0f);
        for (uint64_t i = 0; (*k)->dtype == TYPE_INT4 && i < t.n * t.w_stride; i += sizeof(struct block_int4))
            t.w[i] = (char)((unsigned char)t.w[i] % 17); /* its zero point, which no file holds */
        check_exact(&t);
        trial_release(&t);
    }
}
END_TEST

TEST(product__prepares_int8_rows_as_generic_does)
{
    enum { K = 32 * 9 };
    float x[K];
    for (int i = 0; i < K; i++)
        x[i] = uniform() * (float)(i + 1);
    for (int i = 0; i < 32; i++) {
        x[64 + i] = 0.0f;
        x[96 + i] *= 0x1p-130f;
        x[128 + i] *= 0x1p+118f;
        x[160 + i] = i % 2 ? -1.0f : 1.0f;
        x[192 + i] = (float)i - 15.5f; /* halves, once scaled */
    }
    x[225] = NAN;
    x[260] = -INFINITY;
    const viv_product *g = generic(KERNEL_PRODUCT, VIV_Q8_0)->product;
    char *expected = aligned(g->row_bytes(K)), *row = aligned(g->row_bytes(K));
    g->prepare(expected, x, K);
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        if (!runs_here(*k) || strcmp((*k)->product->row_format, g->row_format) != 0)
            continue;
        memset(row, 0, g->row_bytes(K));
        (*k)->product->prepare(row, x, K);
        ck_assert_msg(memcmp(row, expected, K) == 0, "%s: q", (*k)->product->name);
        ck_assert_msg(memcmp(int8_row_halves(row, K), int8_row_halves(expected, K), K / BLOCK * 4) == 0,
                      "%s: halves", (*k)->product->name);
        ck_assert_msg(memcmp(int8_row_sums(row, K), int8_row_sums(expected, K), K / BLOCK * 4) == 0, "%s: sums",
                      (*k)->product->name);
        for (int b = 0; b < K / BLOCK; b++)
            ck_assert_msg(same_bits(int8_row_scales(row, K)[b], int8_row_scales(expected, K)[b]), "%s: scale %d",
                          (*k)->product->name, b);
    }
    free(expected);
    free(row);
}
END_TEST

TEST(product__lets_nan_and_infinity_through_to_their_row_alone)
{
    static const float poisons[] = {NAN, INFINITY, -INFINITY};
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        if (!runs_here(*k))
            continue;
        for (size_t i = 0; i < COUNT(poisons); i++) {
            struct trial t = trial_make((*k)->product, 19, 256, 8);
            t.values[5 * t.k + 77] = poisons[i];
            t.product->prepare(t.x + 5 * t.x_stride, t.values + 5 * t.k, t.k);
            float *y = blank(&t);
            trial_run(&t, y, 0, t.n_rows, 0, t.n);
            for (uint64_t r = 0; r < t.n_rows; r++)
                for (uint64_t n = 0; n < t.n; n++)
                    ck_assert_msg(!isfinite(y[r * t.y_stride + n]) == (r == 5), WHERE, WHERE_ARGS(&t, r, n));
            free(y);
            trial_release(&t);
        }
    }
}
END_TEST

TEST(product__of_no_rows_or_no_outputs_writes_nothing)
{
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        if (!runs_here(*k))
            continue;
        struct trial t = trial_make((*k)->product, 5, 256, 2);
        float *y = blank(&t);
        trial_run(&t, y, 0, 0, 0, t.n);
        trial_run(&t, y, 0, t.n_rows, 3, 3);
        for (uint64_t i = 0; i < t.n_rows * t.y_stride; i++)
            ck_assert(y[i] == 12345.0f);
        free(y);
        trial_release(&t);
    }
}
END_TEST

TESTS(product__is_the_sum_of_products, product__of_a_row_is_the_same_bits_in_any_company,
      product__is_the_same_bits_however_outputs_are_divided, product__of_quantized_weights_is_generic_to_the_bit,
      product__of_any_bytes_is_generic_to_the_bit, product__prepares_int8_rows_as_generic_does,
      product__lets_nan_and_infinity_through_to_their_row_alone, product__of_no_rows_or_no_outputs_writes_nothing)
