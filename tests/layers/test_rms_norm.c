/* The norm of whole rows, and of each of their parts. */
#include "harness.h"

enum { DIM = 24, N_ROWS = 5 };

TEST(rms_norm__takes_as_many_features_together_as_there_are_factors)
{
    static float x[N_ROWS][DIM], weight[DIM], out[N_ROWS][DIM];
    static const uint64_t sizes[] = {DIM, 8, 3, 1}, in_dims[] = {DIM};
    harness_fill(&x[0][0], N_ROWS * DIM, 1);
    harness_fill(weight, DIM, 2);
    for (int i = 0; i < 4; i++) {
        const uint64_t n = sizes[i];
        const struct given given[] = {{"weight", 0, weight, 1, {n}}, {.name = "eps", .number = 0.5}};
        const float *in[] = {&x[0][0]};
        struct harness h;
        ck_assert_int_eq(harness_make(&h, "rms_norm", given, 2, in_dims, 1, 0), VIV_OK);
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &out[0][0], 2), VIV_OK);
        for (int r = 0; r < N_ROWS; r++)
            for (uint64_t d = 0; d < DIM; d++) {
                double sum = 0;
                for (uint64_t j = d / n * n; j < (d / n + 1) * n; j++)
                    sum += (double)x[r][j] * (double)x[r][j];
                double y = (double)x[r][d] / sqrt(sum / (double)n + 0.5) * (double)weight[d % n];
                ck_assert_msg(fabs(y - (double)out[r][d]) < 1e-6, "%d factors: %g, expected %g", (int)n,
                              (double)out[r][d], y);
            }
        harness_free(&h);
    }
}
END_TEST

TEST(rms_norm__refuses_factors_that_do_not_come_out_even)
{
    static const float weight[DIM] = {0};
    static const uint64_t sizes[] = {5, 48, 0}, in_dims[] = {DIM};
    for (int i = 0; i < 3; i++) {
        const struct given given[] = {{"weight", 0, weight, 1, {sizes[i]}}};
        struct harness h;
        ck_assert_int_eq(harness_make(&h, "rms_norm", given, 1, in_dims, 1, 0), VIV_ESHAPE);
        harness_free(&h);
    }
}
END_TEST

TESTS(rms_norm__takes_as_many_features_together_as_there_are_factors,
      rms_norm__refuses_factors_that_do_not_come_out_even)
