/* Encoders: what they promise for any weights, on every instruction set of this machine. */
#include "testing.h"

#include "kernels/kernels.h"
#include "tensor/dtype.h"

#include <math.h>

enum { N = 768, ROWS = 4 };

static const struct encoders *const *all_encoders(void)
{
    static const struct encoders *found[8];
    size_t n = 0;
    for (const struct kernel *const *k = kernels_all(); *k; k++)
        if ((*k)->operation == KERNEL_ENCODERS && kernel_runs(*k, kernels_cpu()))
            found[n++] = (*k)->encoders;
    return found;
}

/* The error that a type may have with normally distributed weights: mean square, relative to theirs. */
static double most_error(const char *name)
{
    static const struct {
        const char *name;
        double most;
    } limits[] = {{"q4_0", 8e-3},   {"q4_1", 6e-3},   {"q5_0", 2e-3},   {"q5_1", 1.5e-3}, {"q8_0", 4e-5},
                  {"q2_k", 8e-2},   {"q3_k", 3e-2},   {"q4_k", 6e-3},   {"q5_k", 1.5e-3}, {"q6_k", 5e-4},
                  {"iq4_nl", 7e-3}, {"iq4_xs", 7e-3}, {"mxfp4", 1.5e-2}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limits[i].name, name) == 0)
            return limits[i].most;
    ck_abort_msg("%s has no limit in this test", name);
    return 0;
}

static uint32_t seed;

static float uniform(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) * 0x1p-24f;
}

static float normal(void)
{
    float sum = -6.0f;
    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum;
}

static void decode_row(float *y, const void *blocks, uint32_t dtype)
{
    kernels_choose(kernels_cpu(), 0)->to_f32(dtype)(y, blocks, N);
}

TEST(encoders__keep_the_error_of_normal_weights_small)
{
    for (const struct encoder *e = all_encoders()[0]->types; e->encode; e++) {
        float x[N], y[N], w[N];
        uint8_t blocks[4 * N];
        double error = 0, size = 0;
        seed = 1;
        for (int r = 0; r < ROWS; r++) {
            for (int i = 0; i < N; i++)
                x[i] = 0.02f * normal();
            all_encoders()[0]->weights(w, x, NULL, N);
            e->encode(blocks, x, w, N);
            decode_row(y, blocks, e->dtype);
            for (int i = 0; i < N; i++) {
                error += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
                size += (double)x[i] * (double)x[i];
            }
        }
        const char *name = dtype_get(e->dtype)->name;
        ck_assert_msg(error <= most_error(name) * size, "%s: the error is %g, at most %g is expected", name,
                      error / size, most_error(name));
    }
}
END_TEST

/* Decoded weights are encoded again to the same values. The codes of each block are random; its scales are what the
 * encoder itself has chosen, which is the case of a file that was made by it. */
TEST(encoders__reproduce_what_they_have_written)
{
    for (const struct encoder *e = all_encoders()[0]->types; e->encode; e++) {
        float x[N], y[N], z[N], w[N];
        uint8_t blocks[4 * N];
        seed = 2;
        double drift = 0, size = 0;
        for (int i = 0; i < N; i++)
            x[i] = normal();
        all_encoders()[0]->weights(w, x, NULL, N);
        e->encode(blocks, x, w, N);
        decode_row(y, blocks, e->dtype);
        e->encode(blocks, y, w, N);
        decode_row(z, blocks, e->dtype);
        const bool own_scales = dtype_get(e->dtype)->block == 32;
        for (int i = 0; i < N; i++) {
            if (own_scales)
                ck_assert_msg(z[i] == y[i], "%s: weight %d is %a, then %a", dtype_get(e->dtype)->name, i,
                              (double)y[i], (double)z[i]);
            drift += (double)(z[i] - y[i]) * (double)(z[i] - y[i]);
            size += (double)y[i] * (double)y[i];
        }
        /* where scales are codes themselves, a finer common scale may be found that is not as good for all */
        ck_assert_msg(drift <= 0.1 * most_error(dtype_get(e->dtype)->name) * size, "%s: drifts by %g",
                      dtype_get(e->dtype)->name, drift / size);
    }
}
END_TEST

TEST(encoders__write_zeros_and_constants_exactly)
{
    static const float constants[] = {0.0f, 0.5f, -0.5f, 2.0f};
    for (const struct encoder *e = all_encoders()[0]->types; e->encode; e++)
        for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
            float x[N], y[N], w[N];
            uint8_t blocks[4 * N];
            for (int i = 0; i < N; i++)
                x[i] = constants[c];
            all_encoders()[0]->weights(w, x, NULL, N);
            e->encode(blocks, x, w, N);
            decode_row(y, blocks, e->dtype);
            for (int i = 0; i < N; i++)
                ck_assert_msg(fabsf(y[i] - x[i]) <= 1e-3f * fabsf(x[i]), "%s: %g becomes %g",
                              dtype_get(e->dtype)->name, (double)x[i], (double)y[i]);
        }
}
END_TEST

/* An importance draws the error away from the columns that matter; columns without one do no harm. */
TEST(encoders__spare_the_columns_that_matter)
{
    for (const struct encoder *e = all_encoders()[0]->types; e->encode; e++) {
        float x[N], y[N], w[N], importance[N];
        uint8_t blocks[4 * N];
        double error[2] = {0, 0};
        for (int with = 0; with < 2; with++) {
            seed = 3;
            for (int i = 0; i < N; i++)
                importance[i] = i % 5 == 0 ? 100.0f : i < N / 2 ? 1.0f : 0.0f;
            for (int r = 0; r < ROWS; r++) {
                for (int i = 0; i < N; i++)
                    x[i] = normal();
                all_encoders()[0]->weights(w, x, with ? importance : NULL, N);
                e->encode(blocks, x, w, N);
                decode_row(y, blocks, e->dtype);
                for (int i = 0; i < N; i++) {
                    ck_assert(isfinite(y[i]));
                    error[with] += (double)importance[i] * (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
                }
            }
        }
        ck_assert_msg(error[1] <= error[0], "%s: the error is %g with importance, %g without",
                      dtype_get(e->dtype)->name, error[1], error[0]);
    }
}
END_TEST

TEST(encoders__survive_the_largest_and_smallest_weights)
{
    static const float sizes[] = {65504.0f, 1e-8f, 1e-30f, 1e-44f};
    for (const struct encoder *e = all_encoders()[0]->types; e->encode; e++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            float x[N], y[N], w[N];
            uint8_t blocks[4 * N];
            seed = 4;
            for (int i = 0; i < N; i++)
                x[i] = sizes[s] * (2.0f * uniform() - 1.0f);
            all_encoders()[0]->weights(w, x, NULL, N);
            e->encode(blocks, x, w, N);
            decode_row(y, blocks, e->dtype);
            for (int i = 0; i < N; i++)
                ck_assert_msg(fabsf(y[i] - x[i]) <= 1.01f * sizes[s], "%s: %g becomes %g",
                              dtype_get(e->dtype)->name, (double)x[i], (double)y[i]);
        }
}
END_TEST

TEST(encoders__write_the_same_bytes_on_all_processors)
{
    const struct encoders *const *all = all_encoders();
    float x[N], w[2][N];
    uint8_t blocks[2][4 * N];
    seed = 5;
    for (int i = 0; i < N; i++)
        x[i] = normal() * (i % 50 ? 1.0f : 8.0f);
    for (size_t isa = 1; all[isa]; isa++)
        for (size_t t = 0; all[0]->types[t].encode; t++) {
            const struct encoder *a = &all[0]->types[t], *b = &all[isa]->types[t];
            memset(blocks, 0, sizeof blocks);
            all[0]->weights(w[0], x, NULL, N);
            all[isa]->weights(w[1], x, NULL, N);
            ck_assert_mem_eq(w[0], w[1], sizeof w[0]);
            a->encode(blocks[0], x, w[0], N);
            b->encode(blocks[1], x, w[1], N);
            ck_assert_uint_eq(a->dtype, b->dtype);
            ck_assert_msg(memcmp(blocks[0], blocks[1], sizeof blocks[0]) == 0, "%s differs",
                          dtype_get(a->dtype)->name);
        }
}
END_TEST

TESTS(encoders__keep_the_error_of_normal_weights_small, encoders__reproduce_what_they_have_written,
      encoders__write_zeros_and_constants_exactly, encoders__spare_the_columns_that_matter,
      encoders__survive_the_largest_and_smallest_weights, encoders__write_the_same_bytes_on_all_processors)
