/* Attention against the formula in double precision: heads, groups, windows, pages, rotary positions; and the same
 * bits whether a text comes at once or in pieces. */
#include "harness.h"
#include "kernels/blocks.h"
#include "layers/grid.h"

enum { DIM = 24, N_HEADS = 6, HEAD_DIM = 10, N_ROWS = 75, BUCKETS = 12 };

struct shape {
    uint64_t n_kv_heads, window;
    int causal, interleaved, rope, gated, bounded;
    double softcap;
    uint64_t max_distance;          /* of relative positions; 0: none */
    uint64_t frames, height, width; /* of blocks that see each other; 0: all */
    viv_grid grid;
};

static float x[N_ROWS][DIM], wq[N_HEADS * HEAD_DIM * DIM], wk[N_HEADS * HEAD_DIM * DIM],
    wv[N_HEADS * HEAD_DIM * DIM];
static float wo[DIM * N_HEADS * HEAD_DIM], bias[N_HEADS * HEAD_DIM], relative[BUCKETS][N_HEADS];
static float wg[N_HEADS * HEAD_DIM * DIM];

static void fill(void)
{
    harness_fill(&x[0][0], N_ROWS * DIM, 1);
    harness_fill(wq, sizeof wq / 4, 2);
    harness_fill(wk, sizeof wk / 4, 3);
    harness_fill(wv, sizeof wv / 4, 4);
    harness_fill(wo, sizeof wo / 4, 5);
    harness_fill(bias, sizeof bias / 4, 6);
    harness_fill(&relative[0][0], sizeof relative / 4, 7);
    harness_fill(wg, sizeof wg / 4, 8);
}

static void project(double *y, const float *row, const float *w, const float *b, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        y[i] = b ? (double)b[i] : 0;
        for (uint64_t j = 0; j < DIM; j++)
            y[i] += (double)w[i * DIM + j] * (double)row[j];
    }
}

static void rotate(double *head, double position, int interleaved)
{
    for (uint64_t p = 0; p < HEAD_DIM / 2; p++) {
        double angle = position * pow(10000, -2.0 * (double)p / HEAD_DIM);
        double *a = &head[interleaved ? 2 * p : p], *b = &head[interleaved ? 2 * p + 1 : p + HEAD_DIM / 2];
        double ra = *a * cos(angle) - *b * sin(angle), rb = *a * sin(angle) + *b * cos(angle);
        *a = ra;
        *b = rb;
    }
}

/* Whether two rows of a grid are in one block. */
static bool together(const struct shape *s, int a, int b)
{
    if (!s->frames && !s->height && !s->width)
        return true;
    const struct place p = grid_place(&s->grid, (uint64_t)a), q = grid_place(&s->grid, (uint64_t)b);
    return (!s->frames || p.frame / s->frames == q.frame / s->frames) &&
           (!s->height || p.y / s->height == q.y / s->height) && (!s->width || p.x / s->width == q.x / s->width);
}

/* The bucket of a token `distance` before the row: half of a side's buckets are a distance each, the others grow.
 */
static int bucket(const struct shape *s, int distance)
{
    int n = s->causal ? BUCKETS : BUCKETS / 2, first = distance < 0 && !s->causal ? n : 0;
    distance = abs(distance);
    if (distance < n / 2)
        return first + distance;
    int grown = n / 2 + (int)(log(distance / (n / 2.0)) / log((double)s->max_distance / (n / 2.0)) * (n - n / 2));
    return first + (grown < n ? grown : n - 1);
}

/* Of q and k the bounds of inputs are equal, those of v are others. */
enum { Q_BOUNDS, K_BOUNDS, V_BOUNDS, OUT_BOUNDS, N_BOUNDED };
static const float bounds[N_BOUNDED][VIV_N_BOUNDS] = {
    {-0.3f, 0.4f, -0.5f, 0.2f},
    {-0.3f, 0.4f, -0.1f, 0.6f},
    {-0.6f, 0.1f, -0.4f, 0.3f},
    {-0.2f, 0.15f, -0.1f, 0.2f},
};

static void clamp(const struct shape *s, double *y, uint64_t n, int of, int first)
{
    for (uint64_t i = 0; s->bounded && i < n; i++)
        y[i] = fmin(fmax(y[i], (double)bounds[of][first]), (double)bounds[of][first + 1]);
}

static const float *bounded(const struct shape *s, const float *row, int of)
{
    static float inputs[DIM];
    for (int d = 0; d < DIM; d++)
        inputs[d] = s->bounded ? fminf(fmaxf(row[d], bounds[of][0]), bounds[of][1]) : row[d];
    return inputs;
}

static void reference(const struct shape *s, double out[N_ROWS][DIM])
{
    static double q[N_ROWS][N_HEADS * HEAD_DIM], k[N_ROWS][N_HEADS * HEAD_DIM], v[N_ROWS][N_HEADS * HEAD_DIM];
    for (int r = 0; r < N_ROWS; r++) {
        project(q[r], bounded(s, x[r], Q_BOUNDS), wq, bias, N_HEADS * HEAD_DIM);
        project(k[r], bounded(s, x[r], K_BOUNDS), wk, NULL, s->n_kv_heads * HEAD_DIM);
        project(v[r], bounded(s, x[r], V_BOUNDS), wv, NULL, s->n_kv_heads * HEAD_DIM);
        clamp(s, q[r], N_HEADS * HEAD_DIM, Q_BOUNDS, 2);
        clamp(s, k[r], s->n_kv_heads * HEAD_DIM, K_BOUNDS, 2);
        clamp(s, v[r], s->n_kv_heads * HEAD_DIM, V_BOUNDS, 2);
        for (uint64_t h = 0; s->rope && h < N_HEADS; h++)
            rotate(q[r] + h * HEAD_DIM, r, s->interleaved);
        for (uint64_t h = 0; s->rope && h < s->n_kv_heads; h++)
            rotate(k[r] + h * HEAD_DIM, r, s->interleaved);
    }
    for (int r = 0; r < N_ROWS; r++) {
        double heads[N_HEADS * HEAD_DIM] = {0};
        for (uint64_t h = 0; h < N_HEADS; h++) {
            uint64_t kv = h / (N_HEADS / s->n_kv_heads) * HEAD_DIM;
            double p[N_ROWS], sum = 0, max = -1e300;
            for (int t = 0; t < N_ROWS; t++) {
                int distance = r - t;
                int seen = s->causal ? distance >= 0 && (!s->window || distance < (int)s->window)
                                     : !s->window || abs(distance) < (int)s->window;
                seen = seen && together(s, r, t);
                p[t] = 0;
                for (int d = 0; d < HEAD_DIM; d++)
                    p[t] += q[r][h * HEAD_DIM + (uint64_t)d] * k[t][kv + (uint64_t)d] / sqrt(HEAD_DIM);
                if (s->softcap > 0)
                    p[t] = s->softcap * tanh(p[t] / s->softcap);
                if (s->max_distance)
                    p[t] += (double)relative[bucket(s, distance)][h];
                if (!seen)
                    p[t] = -INFINITY;
                max = fmax(max, p[t]);
            }
            for (int t = 0; t < N_ROWS; t++)
                sum += p[t] = exp(p[t] - max);
            for (int t = 0; t < N_ROWS; t++)
                for (int d = 0; d < HEAD_DIM; d++)
                    heads[h * HEAD_DIM + (uint64_t)d] += p[t] / sum * v[t][kv + (uint64_t)d];
        }
        double gate[N_HEADS * HEAD_DIM];
        project(gate, x[r], wg, bias, N_HEADS * HEAD_DIM);
        for (int j = 0; s->gated && j < N_HEADS * HEAD_DIM; j++)
            heads[j] /= 1 + exp(-gate[j]);
        clamp(s, heads, N_HEADS * HEAD_DIM, OUT_BOUNDS, 0);
        for (int i = 0; i < DIM; i++) {
            out[r][i] = 0;
            for (int j = 0; j < N_HEADS * HEAD_DIM; j++)
                out[r][i] += (double)wo[i * N_HEADS * HEAD_DIM + j] * heads[j];
        }
        clamp(s, out[r], DIM, OUT_BOUNDS, 2);
    }
}

static void make(struct harness *h, const struct shape *s)
{
    static struct given given[24];
    uint32_t n = 0;
    uint64_t kv = s->n_kv_heads * HEAD_DIM;
    const uint64_t in[] = {DIM};
    given[n++] = (struct given){"q", 0, wq, 2, {N_HEADS * HEAD_DIM, DIM}};
    given[n++] = (struct given){"k", 0, wk, 2, {kv, DIM}};
    given[n++] = (struct given){"v", 0, wv, 2, {kv, DIM}};
    given[n++] = (struct given){"out", 0, wo, 2, {DIM, N_HEADS * HEAD_DIM}};
    given[n++] = (struct given){"q_bias", 0, bias, 1, {N_HEADS * HEAD_DIM}};
    given[n++] = (struct given){.name = "n_heads", .number = N_HEADS};
    given[n++] = (struct given){.name = "n_kv_heads", .number = (double)s->n_kv_heads};
    given[n++] = (struct given){.name = "head_dim", .number = HEAD_DIM};
    given[n++] = (struct given){.name = "causal", .number = s->causal};
    given[n++] = (struct given){.name = "window", .number = (double)s->window};
    given[n++] = (struct given){.name = "softcap", .number = s->softcap};
    given[n++] = (struct given){.name = "rope.interleaved", .number = s->interleaved};
    given[n++] = (struct given){.name = "within.frames", .number = (double)s->frames};
    given[n++] = (struct given){.name = "within.height", .number = (double)s->height};
    given[n++] = (struct given){.name = "within.width", .number = (double)s->width};
    if (s->max_distance) {
        given[n++] = (struct given){"bias.weight", 0, &relative[0][0], 2, {BUCKETS, N_HEADS}};
        given[n++] = (struct given){.name = "bias.max_distance", .number = (double)s->max_distance};
    }
    if (s->gated) {
        given[n++] = (struct given){"gate", 0, wg, 2, {N_HEADS * HEAD_DIM, DIM}};
        given[n++] = (struct given){"gate_bias", 0, bias, 1, {N_HEADS * HEAD_DIM}};
    }
    for (int i = 0; s->bounded && i < N_BOUNDED; i++) {
        static const char *const names[] = {"q_bounds", "k_bounds", "v_bounds", "out_bounds"};
        given[n++] = (struct given){names[i], 0, bounds[i], 1, {VIV_N_BOUNDS}};
    }
    if (s->rope)
        given[n++] = (struct given){.name = "rope.theta", .number = 10000};
    fill();
    ck_assert_int_eq(harness_make(h, "attention", given, n, in, 1, 0), VIV_OK);
}

static const struct shape shapes[] = {
    {.n_kv_heads = 6, .causal = 1},
    {.n_kv_heads = 6, .causal = 1, .rope = 1},
    {.n_kv_heads = 2, .causal = 1, .rope = 1, .interleaved = 1},
    {.n_kv_heads = 1, .causal = 1, .rope = 1},
    {.n_kv_heads = 3, .causal = 1, .rope = 1, .window = 20},
    {.n_kv_heads = 3, .causal = 0, .rope = 1},
    {.n_kv_heads = 3, .causal = 1, .rope = 1, .softcap = 1.5},
    {.n_kv_heads = 3, .causal = 1, .rope = 1, .gated = 1},
    {.n_kv_heads = 6, .causal = 1, .max_distance = 20},
    {.n_kv_heads = 3, .causal = 0, .max_distance = 50},
    {.n_kv_heads = 6, .causal = 0, .max_distance = 128},
    {.n_kv_heads = 6, .frames = 1, .grid = {.frames = 3, .height = 5, .width = 5, .block = 1}},
    {.n_kv_heads = 3, .frames = 2, .rope = 1, .grid = {.frames = 3, .height = 5, .width = 5, .block = 1}},
    {.n_kv_heads = 6,
     .frames = 1,
     .height = 2,
     .width = 3,
     .grid = {.frames = 3, .height = 5, .width = 5, .block = 1}},
    {.n_kv_heads = 2, .width = 10, .height = 5, .grid = {.frames = 1, .height = 5, .width = 15, .block = 5}},
    {.n_kv_heads = 3, .causal = 1, .bounded = 1},
    {.n_kv_heads = 2, .height = 7, .grid = {.frames = 1, .height = 25, .width = 3, .block = 1}},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

TEST(attention__is_the_formula_for_every_grouping_window_and_mask)
{
    static float out[N_ROWS][DIM];
    static double expected[N_ROWS][DIM];
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
        make(&h, &shapes[i]);
        h.grid = shapes[i].grid.frames ? &shapes[i].grid : NULL;
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &out[0][0], 1000), VIV_OK);
        reference(&shapes[i], expected);
        for (int r = 0; r < N_ROWS; r++)
            for (int d = 0; d < DIM; d++)
                ck_assert_msg(fabs(expected[r][d] - (double)out[r][d]) < 2e-5, "shape %d row %d: %g, expected %g",
                              i, r, (double)out[r][d], expected[r][d]);
        harness_free(&h);
    }
}
END_TEST

TEST(attention__gives_the_same_bits_at_once_and_in_pieces)
{
    static float whole[N_ROWS][DIM], pieces[N_ROWS][DIM];
    static const uint64_t sizes[] = {1, 16, 1, 1, 33, 7, 1, 15};
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
        if (!shapes[i].causal)
            continue;
        make(&h, &shapes[i]);
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &whole[0][0], 1000), VIV_OK);
        harness_free(&h);
        make(&h, &shapes[i]);
        for (uint64_t at = 0, p = 0; at < N_ROWS; at += sizes[p++]) {
            const float *piece[] = {x[at]};
            ck_assert_int_eq(harness_run(&h, piece, 1, NULL, sizes[p], pieces[at], 1), VIV_OK);
        }
        harness_free(&h);
        ck_assert_msg(memcmp(whole, pieces, sizeof whole) == 0, "shape %d", i);
    }
}
END_TEST

TEST(attention__refuses_groups_that_do_not_divide)
{
    struct harness h;
    static const struct given given[] = {
        {.name = "n_heads", .number = 6}, {.name = "n_kv_heads", .number = 4}, {.name = "head_dim", .number = 2}};
    const uint64_t in[] = {DIM};
    ck_assert_int_eq(harness_make(&h, "attention", given, 3, in, 1, 0), VIV_ESHAPE);
    harness_free(&h);
}
END_TEST

TEST(attention__refuses_blocks_that_cut_those_of_the_grid)
{
    static const struct {
        viv_grid grid;
        uint64_t width;
        viv_status status;
    } cases[] = {{{.frames = 1, .height = 5, .width = 15, .block = 5}, 5, VIV_OK},
                 {{.frames = 1, .height = 5, .width = 15, .block = 5}, 6, VIV_ESHAPE},
                 {{.frames = 1, .height = 5, .width = 15, .block = 5}, 15, VIV_OK},
                 {{.frames = 1, .height = 2, .width = 37, .block = 1, .before = 1}, 4, VIV_EUNSUPPORTED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static float out[N_ROWS][DIM];
        const struct shape s = {.n_kv_heads = 6, .width = cases[i].width};
        const float *in[] = {&x[0][0]};
        struct harness h;
        make(&h, &s);
        h.grid = &cases[i].grid;
        ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_ROWS, &out[0][0], 1000), cases[i].status);
        harness_free(&h);
    }
}
END_TEST

TEST(attention__refuses_buckets_that_do_not_reach)
{
    static const struct {
        uint64_t buckets;
        int causal;
        double max_distance;
        viv_status status;
    } cases[] = {{1, 1, 128, VIV_EINVAL}, {3, 0, 128, VIV_EINVAL}, {32, 0, 8, VIV_EINVAL},
                 {32, 1, 16, VIV_EINVAL}, {32, 1, 17, VIV_OK},     {32, 0, 9, VIV_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harness h;
        static float weight[32 * N_HEADS];
        const struct given given[] = {{"q", 0, wq, 2, {N_HEADS * HEAD_DIM, DIM}},
                                      {"k", 0, wk, 2, {N_HEADS * HEAD_DIM, DIM}},
                                      {"v", 0, wv, 2, {N_HEADS * HEAD_DIM, DIM}},
                                      {"out", 0, wo, 2, {DIM, N_HEADS * HEAD_DIM}},
                                      {.name = "n_heads", .number = N_HEADS},
                                      {.name = "n_kv_heads", .number = N_HEADS},
                                      {.name = "head_dim", .number = HEAD_DIM},
                                      {.name = "causal", .number = cases[i].causal},
                                      {"bias.weight", 0, weight, 2, {cases[i].buckets, N_HEADS}},
                                      {.name = "bias.max_distance", .number = cases[i].max_distance}};
        const uint64_t in[] = {DIM};
        ck_assert_int_eq(harness_make(&h, "attention", given, 10, in, 1, 0), cases[i].status);
        harness_free(&h);
    }
}
END_TEST

/* --- bounds of quantized products --- */

enum { WIDE = 64, N_WIDE_ROWS = 9 };
static struct block_q8_0 blocks[4][WIDE * WIDE / BLOCK];
static float floats[4][WIDE * WIDE], wide[N_WIDE_ROWS][WIDE];

/* Two heads of 32, of weights in blocks or of the same ones in floats. */
static void run_wide(bool in_blocks, bool with_bounds, float out[N_WIDE_ROWS][WIDE])
{
    static const char *const names[] = {"q", "k", "v", "out", "q_bounds", "k_bounds", "v_bounds", "out_bounds"};
    struct given given[12] = {{.name = "n_heads", .number = 2},
                              {.name = "n_kv_heads", .number = 2},
                              {.name = "head_dim", .number = 32},
                              {.name = "causal", .number = 0}};
    const uint64_t in_dims[] = {WIDE};
    const float *in[] = {&wide[0][0]};
    uint32_t n = 4;
    struct harness h;
    for (int i = 0; i < 4; i++)
        given[n++] = (struct given){.name = names[i],
                                    .number = in_blocks ? VIV_Q8_0 : VIV_F32,
                                    .weight = in_blocks ? (const float *)(const void *)blocks[i] : floats[i],
                                    .ndim = 2,
                                    .dims = {WIDE, WIDE}};
    for (int i = 0; with_bounds && i < N_BOUNDED; i++)
        given[n++] = (struct given){.name = names[4 + i], .weight = bounds[i], .ndim = 1, .dims = {VIV_N_BOUNDS}};
    ck_assert_int_eq(harness_make(&h, "attention", given, n, in_dims, 1, 0), VIV_OK);
    ck_assert_int_eq(harness_run(&h, in, 1, NULL, N_WIDE_ROWS, &out[0][0], 1000), VIV_OK);
    harness_free(&h);
}

static float farthest(float a[N_WIDE_ROWS][WIDE], float b[N_WIDE_ROWS][WIDE])
{
    float most = 0;
    for (int r = 0; r < N_WIDE_ROWS; r++)
        for (int d = 0; d < WIDE; d++)
            most = fmaxf(most, fabsf(a[r][d] - b[r][d]));
    return most;
}

TEST(attention__bounds_quantized_products)
{
    static float exact[N_WIDE_ROWS][WIDE], rounded[N_WIDE_ROWS][WIDE], free_of_bounds[N_WIDE_ROWS][WIDE];
    harness_fill(&wide[0][0], N_WIDE_ROWS * WIDE, 1);
    for (uint32_t i = 0; i < 4; i++) {
        harness_fill(floats[i], WIDE * WIDE, 2 + i);
        for (int k = 0; k < WIDE * WIDE; k++) { /* of 2^-9 times a whole number, which a block holds */
            struct block_q8_0 *b = &blocks[i][k / BLOCK];
            b->d = 0x1800;
            b->q[k % BLOCK] = (int8_t)(floats[i][k] * 127);
            floats[i][k] = (float)b->q[k % BLOCK] / 512;
        }
    }
    run_wide(false, true, exact);
    run_wide(true, true, rounded);
    run_wide(false, false, free_of_bounds);
    ck_assert_msg(farthest(exact, rounded) < 0.01f, "%g", (double)farthest(exact, rounded));
    ck_assert_msg(farthest(exact, free_of_bounds) > 0.1f, "%g", (double)farthest(exact, free_of_bounds));
}
END_TEST

TESTS(attention__bounds_quantized_products, attention__is_the_formula_for_every_grouping_window_and_mask,
      attention__gives_the_same_bits_at_once_and_in_pieces, attention__refuses_groups_that_do_not_divide,
      attention__refuses_buckets_that_do_not_reach, attention__refuses_blocks_that_cut_those_of_the_grid)
