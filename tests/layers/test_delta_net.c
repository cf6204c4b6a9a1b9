/* The gated delta rule against its formula in double precision: heads, groups, odd sizes; and the same bits whether
 * a text comes at once or in pieces. */
#include "harness.h"

enum { N_ROWS = 40, MAX_HEADS = 6, MAX_DIM = 19, MAX_ROW = 3 * MAX_HEADS * MAX_DIM };

struct shape {
    uint64_t n_heads, n_key_heads, key_dim, value_dim;
};
static const struct shape shapes[] = {{1, 1, 1, 1}, {4, 4, 8, 16}, {6, 2, 7, 19}, {6, 3, 19, 5}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static float x[N_ROWS * MAX_ROW], gates[N_ROWS * 2 * MAX_HEADS], A[MAX_HEADS], dt_bias[MAX_HEADS];

static uint64_t row_of(const struct shape *s)
{
    return 2 * s->n_key_heads * s->key_dim + s->n_heads * s->value_dim;
}

static viv_status make(struct harness *h, const struct shape *s, const uint64_t in_dims[2])
{
    static struct given given[6];
    harness_fill(x, sizeof x / 4, 1);
    harness_fill(gates, sizeof gates / 4, 2);
    harness_fill(A, MAX_HEADS, 4);
    harness_fill(dt_bias, MAX_HEADS, 5);
    for (int i = 0; i < MAX_HEADS; i++)
        A[i] = -fabsf(A[i]) / 4;
    for (int i = 0; i < 4; i++)
        x[i] = 0;                    /* no length at all */
    gates[2 * s->n_heads - 1] = 200; /* beyond where softplus is its argument */
    given[0] = (struct given){"A", 0, A, 1, {s->n_heads}};
    given[1] = (struct given){"dt_bias", 0, dt_bias, 1, {s->n_heads}};
    given[2] = (struct given){.name = "n_heads", .number = (double)s->n_heads};
    given[3] = (struct given){.name = "n_key_heads", .number = (double)s->n_key_heads};
    given[4] = (struct given){.name = "key_dim", .number = (double)s->key_dim};
    given[5] = (struct given){.name = "value_dim", .number = (double)s->value_dim};
    return harness_make(h, "delta_net", given, 6, in_dims, 2, 0);
}

static viv_status make_shape(struct harness *h, const struct shape *s)
{
    return make(h, s, (const uint64_t[]){row_of(s), 2 * s->n_heads});
}

/* v / |v| * length */
static void to_length(double *y, const float *v, uint64_t n, double length)
{
    double sum = 1e-6;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    for (uint64_t i = 0; i < n; i++)
        y[i] = (double)v[i] / sqrt(sum) * length;
}

static void reference(const struct shape *s, uint64_t head, double out[N_ROWS][MAX_DIM])
{
    const uint64_t key = head / (s->n_heads / s->n_key_heads) * s->key_dim, keys = s->n_key_heads * s->key_dim;
    double S[MAX_DIM][MAX_DIM] = {{0}}, q[MAX_DIM], k[MAX_DIM];
    for (uint64_t t = 0; t < N_ROWS; t++) {
        const float *row = x + t * row_of(s), *v = row + 2 * keys + head * s->value_dim;
        const double gate = (double)gates[(2 * t + 1) * s->n_heads + head] + (double)dt_bias[head];
        const double alpha = exp((double)A[head] * log1p(exp(gate)));
        const double beta = 1 / (1 + exp(-(double)gates[2 * t * s->n_heads + head]));
        to_length(q, row + key, s->key_dim, 1 / sqrt((double)s->key_dim));
        to_length(k, row + keys + key, s->key_dim, 1);
        for (uint64_t j = 0; j < s->value_dim; j++) {
            double d = (double)v[j];
            for (uint64_t i = 0; i < s->key_dim; i++)
                d -= alpha * S[i][j] * k[i];
            out[t][j] = 0;
            for (uint64_t i = 0; i < s->key_dim; i++) {
                S[i][j] = alpha * S[i][j] + beta * d * k[i];
                out[t][j] += S[i][j] * q[i];
            }
        }
    }
}

TEST(delta_net__is_the_formula_for_every_grouping_and_size)
{
    static float out[N_ROWS * MAX_HEADS * MAX_DIM];
    static double expected[N_ROWS][MAX_DIM];
    for (int n = 0; n < N_SHAPES; n++) {
        const struct shape *s = &shapes[n];
        struct harness h;
        const float *in[] = {x, gates};
        ck_assert_int_eq(make_shape(&h, s), VIV_OK);
        ck_assert_uint_eq(h.cache_elems[0], s->n_heads * s->key_dim * s->value_dim);
        ck_assert_int_eq(harness_run(&h, in, 2, NULL, N_ROWS, out, 1000), VIV_OK);
        for (uint64_t head = 0; head < s->n_heads; head++) {
            reference(s, head, expected);
            for (uint64_t t = 0; t < N_ROWS; t++)
                for (uint64_t j = 0; j < s->value_dim; j++) {
                    double y = (double)out[(t * s->n_heads + head) * s->value_dim + j];
                    ck_assert_msg(fabs(expected[t][j] - y) < 3e-6, "shape %d head %d row %d: %g, expected %g", n,
                                  (int)head, (int)t, y, expected[t][j]);
                }
        }
        harness_free(&h);
    }
}
END_TEST

TEST(delta_net__gives_the_same_bits_in_pieces)
{
    static float whole[N_ROWS * MAX_HEADS * MAX_DIM], pieces[N_ROWS * MAX_HEADS * MAX_DIM];
    static const uint64_t sizes[] = {1, 1, 16, 2, 20};
    for (int n = 0; n < N_SHAPES; n++) {
        const struct shape *s = &shapes[n];
        struct harness h;
        const float *in[] = {x, gates};
        ck_assert_int_eq(make_shape(&h, s), VIV_OK);
        ck_assert_int_eq(harness_run(&h, in, 2, NULL, N_ROWS, whole, 1000), VIV_OK);
        harness_free(&h);
        ck_assert_int_eq(make_shape(&h, s), VIV_OK);
        for (uint64_t at = 0, p = 0; at < N_ROWS; at += sizes[p++]) {
            const float *piece[] = {x + at * row_of(s), gates + 2 * at * s->n_heads};
            ck_assert_int_eq(harness_run(&h, piece, 2, NULL, sizes[p], pieces + at * h.out_dim, 1), VIV_OK);
        }
        ck_assert_msg(memcmp(whole, pieces, N_ROWS * h.out_dim * sizeof *whole) == 0, "shape %d", n);
        harness_free(&h);
    }
}
END_TEST

TEST(delta_net__needs_heads_that_divide_and_a_number_for_each)
{
    static const struct shape odd = {6, 4, 2, 2};
    static const uint64_t wrong[][2] = {{35, 8}, {128, 7}, {128, 4}};
    struct harness h;
    ck_assert_int_eq(make_shape(&h, &odd), VIV_ESHAPE);
    harness_free(&h);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(make(&h, &shapes[1], wrong[i]), VIV_ESHAPE);
        harness_free(&h);
    }
}
END_TEST

TESTS(delta_net__is_the_formula_for_every_grouping_and_size, delta_net__gives_the_same_bits_in_pieces,
      delta_net__needs_heads_that_divide_and_a_number_for_each)
