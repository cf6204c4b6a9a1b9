/* The causal convolution against its formula in double precision, for several numbers of taps; the same bits
 * whether a text comes at once or in pieces, shorter than the taps, too. */
#include "harness.h"

enum { DIM = 21, MAX_TAPS = 5, N_ROWS = 45 };

static float x[N_ROWS][DIM], w[DIM * MAX_TAPS], bias[DIM];

static viv_status make(struct harness *h, uint64_t n_taps, bool with_bias, uint32_t act, uint64_t dim)
{
    static struct given given[3];
    const uint64_t in[] = {DIM};
    uint32_t n = 0;
    harness_fill(&x[0][0], N_ROWS * DIM, 1);
    harness_fill(w, DIM * MAX_TAPS, 2);
    harness_fill(bias, DIM, 3);
    given[n++] = (struct given){"weight", 0, w, 2, {dim, n_taps}};
    given[n++] = (struct given){.name = "activation", .number = act};
    if (with_bias)
        given[n++] = (struct given){"bias", 0, bias, 1, {DIM}};
    return harness_make(h, "conv", given, n, in, 1, 0);
}

static double expected(uint64_t n_taps, bool with_bias, uint32_t act, int row, int c)
{
    double y = with_bias ? (double)bias[c] : 0;
    for (int j = 0; j < (int)n_taps; j++) {
        int from = row - (int)(n_taps - 1) + j;
        if (from >= 0)
            y += (double)w[c * (int)n_taps + j] * (double)x[from][c];
    }
    return act == VIV_ACT_SILU ? y / (1 + exp(-y)) : y;
}

static const struct {
    uint64_t n_taps;
    bool with_bias;
    uint32_t act;
} shapes[] = {{1, true, VIV_ACT_NONE}, {2, false, VIV_ACT_NONE}, {4, false, VIV_ACT_SILU}, {5, true, VIV_ACT_SILU}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

TEST(conv__is_the_formula)
{
    static float out[N_ROWS][DIM];
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
        ck_assert_int_eq(make(&h, shapes[i].n_taps, shapes[i].with_bias, shapes[i].act, DIM), VIV_OK);
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &out[0][0], 1000), VIV_OK);
        for (int r = 0; r < N_ROWS; r++)
            for (int c = 0; c < DIM; c++) {
                double y = expected(shapes[i].n_taps, shapes[i].with_bias, shapes[i].act, r, c);
                ck_assert_msg(fabs(y - (double)out[r][c]) < 1e-6, "shape %d row %d: %g, expected %g", i, r,
                              (double)out[r][c], y);
            }
        harness_free(&h);
    }
}
END_TEST

TEST(conv__gives_the_same_bits_in_pieces)
{
    static float whole[N_ROWS][DIM], pieces[N_ROWS][DIM];
    static const uint64_t sizes[] = {1, 2, 1, 17, 1, 3, 20};
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
        ck_assert_int_eq(make(&h, shapes[i].n_taps, shapes[i].with_bias, shapes[i].act, DIM), VIV_OK);
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &whole[0][0], 1000), VIV_OK);
        harness_free(&h);
        ck_assert_int_eq(make(&h, shapes[i].n_taps, shapes[i].with_bias, shapes[i].act, DIM), VIV_OK);
        for (uint64_t at = 0, p = 0; at < N_ROWS; at += sizes[p++]) {
            const float *piece[] = {x[at]};
            ck_assert_int_eq(harness_run(&h, piece, 1, NULL, sizes[p], pieces[at], 1), VIV_OK);
        }
        harness_free(&h);
        ck_assert_msg(memcmp(whole, pieces, sizeof whole) == 0, "shape %d", i);
    }
}
END_TEST

TEST(conv__needs_taps_for_each_feature)
{
    struct harness h;
    ck_assert_int_eq(make(&h, 4, false, VIV_ACT_NONE, DIM - 1), VIV_ESHAPE);
    harness_free(&h);
    ck_assert_int_eq(make(&h, 0, false, VIV_ACT_NONE, DIM), VIV_ESHAPE);
    harness_free(&h);
}
END_TEST

TESTS(conv__is_the_formula, conv__gives_the_same_bits_in_pieces, conv__needs_taps_for_each_feature)
