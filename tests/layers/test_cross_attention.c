/* Cross-attention against the formula in double precision: heads, groups, pages; and the same bits whether a
 * sequence comes in one step or in several, once the encoder cache is filled. */
#include "harness.h"

enum { DIM = 24, ENCODER_DIM = 18, N_HEADS = 6, MOST_HEAD_DIM = 32, N_ROWS = 40, N_ENCODER_ROWS = 75 };

static float x[N_ROWS][DIM], encoder_output[N_ENCODER_ROWS][ENCODER_DIM], wq[N_HEADS * MOST_HEAD_DIM * DIM];
static float wk[N_HEADS * MOST_HEAD_DIM * ENCODER_DIM], wv[N_HEADS * MOST_HEAD_DIM * ENCODER_DIM];
static float wo[DIM * N_HEADS * MOST_HEAD_DIM], q_bias[N_HEADS * MOST_HEAD_DIM], k_bias[N_HEADS * MOST_HEAD_DIM],
    v_bias[N_HEADS * MOST_HEAD_DIM];
static float out_bias[DIM];

static uint64_t head_dim = 10;

static void fill(void)
{
    harness_fill(&x[0][0], N_ROWS * DIM, 1);
    harness_fill(&encoder_output[0][0], N_ENCODER_ROWS * ENCODER_DIM, 2);
    harness_fill(wq, sizeof wq / 4, 3);
    harness_fill(wk, sizeof wk / 4, 4);
    harness_fill(wv, sizeof wv / 4, 5);
    harness_fill(wo, sizeof wo / 4, 6);
    harness_fill(q_bias, sizeof q_bias / 4, 7);
    harness_fill(k_bias, sizeof k_bias / 4, 8);
    harness_fill(v_bias, sizeof v_bias / 4, 9);
    harness_fill(out_bias, sizeof out_bias / 4, 10);
}

static double project(const float *row, const float *w, const float *bias, uint64_t i, uint64_t n)
{
    double y = (double)bias[i];
    for (uint64_t j = 0; j < n; j++)
        y += (double)w[i * n + j] * (double)row[j];
    return y;
}

static void reference(uint64_t n_kv_heads, double scale, uint64_t n_encoder_rows, double out[N_ROWS][DIM])
{
    for (int r = 0; r < N_ROWS; r++) {
        double heads[N_HEADS * MOST_HEAD_DIM] = {0};
        for (uint64_t h = 0; h < N_HEADS; h++) {
            uint64_t kv = h / (N_HEADS / n_kv_heads) * head_dim;
            double p[N_ENCODER_ROWS], sum = 0, max = -1e300;
            for (uint64_t t = 0; t < n_encoder_rows; t++) {
                p[t] = 0;
                for (uint64_t d = 0; d < head_dim; d++)
                    p[t] += scale * project(x[r], wq, q_bias, h * head_dim + d, DIM) *
                            project(encoder_output[t], wk, k_bias, kv + d, ENCODER_DIM);
                max = fmax(max, p[t]);
            }
            for (uint64_t t = 0; t < n_encoder_rows; t++)
                sum += p[t] = exp(p[t] - max);
            for (uint64_t t = 0; t < n_encoder_rows; t++)
                for (uint64_t d = 0; d < head_dim; d++)
                    heads[h * head_dim + d] +=
                        p[t] / sum * project(encoder_output[t], wv, v_bias, kv + d, ENCODER_DIM);
        }
        for (int i = 0; i < DIM; i++) {
            out[r][i] = (double)out_bias[i];
            for (uint64_t j = 0; j < N_HEADS * head_dim; j++)
                out[r][i] += (double)wo[(uint64_t)i * N_HEADS * head_dim + j] * heads[j];
        }
    }
}

static viv_status make(struct harness *h, uint64_t n_kv_heads, double scale, uint64_t encoder_dim)
{
    static struct given given[12];
    const uint64_t in[] = {DIM}, kv = n_kv_heads * head_dim;
    uint32_t n = 0;
    given[n++] = (struct given){"q", 0, wq, 2, {N_HEADS * head_dim, DIM}};
    given[n++] = (struct given){"k", 0, wk, 2, {kv, ENCODER_DIM}};
    given[n++] = (struct given){"v", 0, wv, 2, {kv, ENCODER_DIM}};
    given[n++] = (struct given){"out", 0, wo, 2, {DIM, N_HEADS * head_dim}};
    given[n++] = (struct given){"q_bias", 0, q_bias, 1, {N_HEADS * head_dim}};
    given[n++] = (struct given){"k_bias", 0, k_bias, 1, {kv}};
    given[n++] = (struct given){"v_bias", 0, v_bias, 1, {kv}};
    given[n++] = (struct given){"out_bias", 0, out_bias, 1, {DIM}};
    given[n++] = (struct given){.name = "n_heads", .number = N_HEADS};
    given[n++] = (struct given){.name = "n_kv_heads", .number = (double)n_kv_heads};
    given[n++] = (struct given){.name = "head_dim", .number = (double)head_dim};
    if (scale > 0)
        given[n++] = (struct given){.name = "scale", .number = scale};
    fill();
    return harness_make(h, "cross_attention", given, n, in, 1, encoder_dim);
}

static const struct {
    uint64_t n_kv_heads, n_encoder_rows;
    double scale;
} shapes[] = {{6, N_ENCODER_ROWS, 0}, {3, N_ENCODER_ROWS, 1}, {1, 1, 0.5}, {2, 32, 0}, {6, 65, 0}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

TEST(cross_attention__is_the_formula_for_every_grouping_and_length)
{
    static float out[N_ROWS][DIM];
    static double expected[N_ROWS][DIM];
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
        ck_assert_int_eq(make(&h, shapes[i].n_kv_heads, shapes[i].scale, ENCODER_DIM), VIV_OK);
        h.encoder_output = &encoder_output[0][0];
        h.n_encoder_rows = shapes[i].n_encoder_rows;
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &out[0][0], 1000), VIV_OK);
        reference(shapes[i].n_kv_heads, shapes[i].scale > 0 ? shapes[i].scale : 1 / sqrt((double)head_dim),
                  shapes[i].n_encoder_rows, expected);
        for (int r = 0; r < N_ROWS; r++)
            for (int d = 0; d < DIM; d++)
                ck_assert_msg(fabs(expected[r][d] - (double)out[r][d]) < 2e-5, "shape %d row %d: %g, expected %g",
                              i, r, (double)out[r][d], expected[r][d]);
        harness_free(&h);
    }
}
END_TEST

TEST(cross_attention__fills_its_cache_once_and_gives_the_same_bits_in_several_steps)
{
    static float whole[N_ROWS][DIM], pieces[N_ROWS][DIM];
    static const uint64_t sizes[] = {1, 16, 1, 1, 21};
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
        ck_assert_int_eq(make(&h, shapes[i].n_kv_heads, shapes[i].scale, ENCODER_DIM), VIV_OK);
        h.n_encoder_rows = shapes[i].n_encoder_rows;
        h.encoder_output = &encoder_output[0][0];
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &whole[0][0], 1000), VIV_OK);
        h.encoder_output =
            &encoder_output[0][0]; /* the same text read again: its keys and values are written over the old ones */
        for (uint64_t at = 0, p = 0; at < N_ROWS; at += sizes[p++]) {
            const float *piece[] = {x[at]};
            ck_assert_int_eq(harness_run(&h, piece, 1, NULL, sizes[p], pieces[at], 1), VIV_OK);
        }
        harness_free(&h);
        ck_assert_msg(memcmp(whole, pieces, sizeof whole) == 0, "shape %d", i);
    }
}
END_TEST

TEST(cross_attention__needs_an_encoder_and_groups_that_divide)
{
    struct harness h;
    ck_assert_int_eq(make(&h, 6, 0, 0), VIV_EINVAL);
    harness_free(&h);
    ck_assert_int_eq(make(&h, 4, 0, ENCODER_DIM), VIV_ESHAPE);
    harness_free(&h);
    ck_assert_int_eq(make(&h, 6, 0, ENCODER_DIM + 1), VIV_ESHAPE);
    harness_free(&h);
}
END_TEST

/* Errors of a block are up to half a step; heads of 32 are one block each, and rotate as a whole. */
TEST(cross_attention__caches_the_encoder_output_in_every_type)
{
    static const struct {
        uint32_t dtype;
        double error;
    } types[] = {{VIV_F16, 2e-3}, {VIV_BF16, 2e-2}, {VIV_Q8_0, 6e-2}, {VIV_Q4_0, 8e-1}};
    static float out[N_ROWS][DIM];
    static double expected[N_ROWS][DIM];
    head_dim = 32;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (uint64_t n_kv_heads = 3; n_kv_heads <= 6; n_kv_heads += 3) {
            struct harness h;
            const float *in[] = {&x[0][0]};
            ck_assert_int_eq(make(&h, n_kv_heads, 0.05, ENCODER_DIM), VIV_OK);
            for (uint32_t c = 0; c < h.n_caches; c++)
                h.caches[c].dtype = types[i].dtype;
            h.encoder_output = &encoder_output[0][0];
            h.n_encoder_rows = N_ENCODER_ROWS;
            ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &out[0][0], 1000), VIV_OK);
            reference(n_kv_heads, 0.05, N_ENCODER_ROWS, expected);
            for (int r = 0; r < N_ROWS; r++)
                for (int d = 0; d < DIM; d++)
                    ck_assert_msg(fabs(expected[r][d] - (double)out[r][d]) < types[i].error,
                                  "type %u row %d: %g, expected %g", types[i].dtype, r, (double)out[r][d],
                                  expected[r][d]);
            harness_free(&h);
        }
    head_dim = 10;
}
END_TEST

TESTS(cross_attention__caches_the_encoder_output_in_every_type,
      cross_attention__is_the_formula_for_every_grouping_and_length,
      cross_attention__fills_its_cache_once_and_gives_the_same_bits_in_several_steps,
      cross_attention__needs_an_encoder_and_groups_that_divide)
