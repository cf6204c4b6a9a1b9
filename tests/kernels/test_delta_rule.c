/* The gated delta rule: every kernel that this processor can run against the formula in double precision, over odd
 * sizes, strides and gates at their limits. */
#include "kernels/kernels.h"
#include "testing.h"

#include <math.h>

enum { ROWS = 9, MAX_KEY = 67, MAX_VALUE = 70, STRIDE = MAX_KEY + 3, V_STRIDE = MAX_VALUE + 5 };

static uint64_t seed = 1;

static float uniform(float low, float high)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (float)(seed >> 40) * 0x1p-24f;
}

static void fill(float *x, uint64_t n, float low, float high)
{
    for (uint64_t i = 0; i < n; i++)
        x[i] = uniform(low, high);
}

static float q[ROWS * STRIDE], k[ROWS * STRIDE], v[ROWS * V_STRIDE], alpha[ROWS * STRIDE], beta[ROWS * STRIDE];
static float before[MAX_KEY * MAX_VALUE], after[MAX_KEY * MAX_VALUE + 1], out[ROWS * V_STRIDE + 1],
    scratch[MAX_VALUE + 1];
static double s[MAX_KEY * MAX_VALUE], expected[ROWS * V_STRIDE];

static void reference(const viv_delta_rule *r)
{
    const uint64_t n = r->value_dim;
    for (uint64_t i = 0; i < r->key_dim * n; i++)
        s[i] = (double)r->before[i];
    for (uint64_t t = 0; t < r->n_rows; t++)
        for (uint64_t j = 0; j < n; j++) {
            double a = (double)alpha[t * STRIDE], d = (double)v[t * V_STRIDE + j], answer = 0;
            for (uint64_t i = 0; i < r->key_dim; i++)
                d -= a * s[i * n + j] * (double)k[t * STRIDE + i];
            for (uint64_t i = 0; i < r->key_dim; i++) {
                s[i * n + j] = a * s[i * n + j] + (double)k[t * STRIDE + i] * d * (double)beta[t * STRIDE];
                answer += (double)q[t * STRIDE + i] * s[i * n + j];
            }
            expected[t * V_STRIDE + j] = answer;
        }
}

static void check(const struct kernel *kernel, uint64_t key_dim, uint64_t value_dim, uint64_t n_rows)
{
    const float end = 12345;
    const viv_delta_rule r = {.struct_size = sizeof r,
                              .n_rows = n_rows,
                              .key_dim = key_dim,
                              .value_dim = value_dim,
                              .q = q,
                              .k = k,
                              .alpha = alpha,
                              .beta = beta,
                              .stride = STRIDE,
                              .v = v,
                              .v_stride = V_STRIDE,
                              .out = out,
                              .out_stride = V_STRIDE,
                              .before = before,
                              .after = after,
                              .scratch = scratch};
    after[key_dim * value_dim] = out[(n_rows - 1) * V_STRIDE + value_dim] = scratch[value_dim] = end;
    kernel->delta_rule(&r);
    reference(&r);
    for (uint64_t t = 0; t < n_rows; t++)
        for (uint64_t j = 0; j < value_dim; j++)
            ck_assert_msg(fabs((double)out[t * V_STRIDE + j] - expected[t * V_STRIDE + j]) < 1e-5,
                          "%s, %d x %d, row %d: %g, expected %g", kernel->name, (int)key_dim, (int)value_dim,
                          (int)t, (double)out[t * V_STRIDE + j], expected[t * V_STRIDE + j]);
    for (uint64_t i = 0; i < key_dim * value_dim; i++)
        ck_assert_msg(fabs((double)after[i] - s[i]) < 1e-5, "%s, %d x %d: S is %g, expected %g", kernel->name,
                      (int)key_dim, (int)value_dim, (double)after[i], s[i]);
    ck_assert(after[key_dim * value_dim] == end && out[(n_rows - 1) * V_STRIDE + value_dim] == end &&
              scratch[value_dim] == end);
}

TEST(delta_rule__is_the_formula)
{
    static const uint64_t sizes[][2] = {{1, 1}, {2, 15}, {3, 16}, {4, 17}, {5, 31}, {16, 33}, {64, 64}, {67, 70}};
    for (const struct kernel *const *at = kernels_all(); *at; at++) {
        if ((*at)->operation != KERNEL_DELTA_RULE || !kernel_runs(*at, kernels_cpu()))
            continue;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (uint64_t n_rows = 1; n_rows <= ROWS; n_rows += 4) {
                const float length = 1 / sqrtf((float)sizes[i][0]);
                fill(q, ROWS * STRIDE, -length, length);
                fill(k, ROWS * STRIDE, -length, length);
                fill(v, ROWS * V_STRIDE, -2, 2);
                fill(alpha, ROWS * STRIDE, 0, 1);
                fill(beta, ROWS * STRIDE, 0, 1);
                fill(before, MAX_KEY * MAX_VALUE, -1, 1);
                alpha[0] = i % 2 ? 1 : 0; /* all stays, all is forgotten */
                beta[STRIDE] = i % 2 ? 0 : 1;
                check(*at, sizes[i][0], sizes[i][1], n_rows);
            }
    }
}
END_TEST

/* All that use fused multiply-adds: those that vectors are made of. */
TEST(delta_rule__gives_the_same_bits_at_any_width_and_in_pieces)
{
    static float first[ROWS * V_STRIDE], state[MAX_KEY * MAX_VALUE];
    const struct kernel *one = NULL;
    fill(q, ROWS * STRIDE, -0.1f, 0.1f);
    fill(k, ROWS * STRIDE, -0.1f, 0.1f);
    fill(v, ROWS * V_STRIDE, -2, 2);
    fill(alpha, ROWS * STRIDE, 0, 1);
    fill(beta, ROWS * STRIDE, 0, 1);
    fill(before, MAX_KEY * MAX_VALUE, -1, 1);
    for (const struct kernel *const *at = kernels_all(); *at; at++) {
        if ((*at)->operation != KERNEL_DELTA_RULE || (*at)->rank == 0 || !kernel_runs(*at, kernels_cpu()))
            continue;
        viv_delta_rule r = {.struct_size = sizeof r,
                            .n_rows = ROWS,
                            .key_dim = MAX_KEY,
                            .value_dim = MAX_VALUE,
                            .q = q,
                            .k = k,
                            .alpha = alpha,
                            .beta = beta,
                            .stride = STRIDE,
                            .v = v,
                            .v_stride = V_STRIDE,
                            .out = out,
                            .out_stride = V_STRIDE,
                            .before = before,
                            .after = after,
                            .scratch = scratch};
        (*at)->delta_rule(&r);
        if (one)
            ck_assert_msg(memcmp(first, out, sizeof first) == 0, "%s and %s", one->name, (*at)->name);
        memcpy(first, out, sizeof first);
        one = *at;
        r.n_rows = 4;
        r.after = state;
        (*at)->delta_rule(&r);
        r.before = state;
        r.n_rows = ROWS - 4;
        r.q += 4 * STRIDE, r.k += 4 * STRIDE, r.alpha += 4 * STRIDE, r.beta += 4 * STRIDE;
        r.v += 4 * V_STRIDE, r.out += 4 * V_STRIDE;
        float *const whole = after;
        static float pieces[MAX_KEY * MAX_VALUE];
        r.after = pieces;
        (*at)->delta_rule(&r);
        ck_assert(memcmp(whole, pieces, sizeof pieces) == 0 && memcmp(first, out, sizeof first) == 0);
    }
}
END_TEST

TESTS(delta_rule__is_the_formula, delta_rule__gives_the_same_bits_at_any_width_and_in_pieces)
