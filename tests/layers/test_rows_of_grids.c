/* Layers that make other rows of a grid, against their formulas: pooling by interpolation and of frames, rows that
 * end lines, pooling by attention; positions of frames; learned factors and addends. */
#include "harness.h"

enum { DIM = 8, MAX_ROWS = 64 };

static float x[MAX_ROWS][DIM], out[MAX_ROWS][DIM], weights[5][DIM * DIM];

static void fill_all(void)
{
    harness_fill(&x[0][0], MAX_ROWS * DIM, 1);
    for (uint32_t i = 0; i < 5; i++)
        harness_fill(weights[i], DIM * DIM, 2 + i);
}

static viv_status make(struct harness *h, const char *class, const struct given *given, uint32_t n)
{
    static const uint64_t in[] = {DIM};
    fill_all();
    return harness_make(h, class, given, n, in, 1, 0);
}

static viv_status run(struct harness *h, const viv_grid *grid, uint64_t chunk)
{
    const float *in[] = {&x[0][0]};
    h->grid = grid;
    return harness_run(h, in, 1, NULL, grid->before + grid->frames * grid->height * grid->width + grid->after,
                       &out[0][0], chunk);
}

/* LLaVA-OneVision's grids, of nine tiles of 27 x 27 at most. */
TEST(rows_of_grids__pool_rows_leaves_as_many_as_the_reference)
{
    static const uint64_t grids[][4] = {{54, 72, 54, 72},   {108, 144, 70, 93}, {162, 70, 123, 53},
                                        {27, 162, 27, 162}, {96, 94, 81, 80},   {99, 99, 80, 80},
                                        {162, 162, 81, 81}};
    const struct given given[] = {{.name = "most", .number = 9 * 27 * 27}, {.name = "slack", .number = 1.1}};
    struct harness h;
    ck_assert_int_eq(make(&h, "pool_rows", given, 2), VIV_OK);
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
        viv_grid g = {.frames = 1, .height = grids[i][0], .width = grids[i][1], .block = 1};
        ck_assert_int_eq(h.class->reshape(h.layer, &g), VIV_OK);
        ck_assert_msg(g.height == grids[i][2] && g.width == grids[i][3], "%d x %d became %d x %d", (int)grids[i][0],
                      (int)grids[i][1], (int)g.height, (int)g.width);
    }
    viv_grid with_class = {.before = 1, .frames = 1, .height = 4, .width = 4, .block = 1};
    ck_assert_int_eq(h.class->reshape(h.layer, &with_class), VIV_ESHAPE);
    harness_free(&h);
}
END_TEST

/* 6 x 6 to 3 x 3: each place lies in the middle of four. */
TEST(rows_of_grids__pool_rows_interpolates)
{
    static const viv_grid grid = {.frames = 1, .height = 6, .width = 6, .block = 1};
    const struct given given[] = {{.name = "most", .number = 9}};
    struct harness h;
    ck_assert_int_eq(make(&h, "pool_rows", given, 1), VIV_OK);
    ck_assert_int_eq(run(&h, &grid, 2), VIV_OK);
    for (int r = 0; r < 9; r++)
        for (int c = 0; c < DIM; c++) {
            const int at = r / 3 * 12 + r % 3 * 2;
            const double mean =
                ((double)x[at][c] + (double)x[at + 1][c] + (double)x[at + 6][c] + (double)x[at + 7][c]) / 4;
            ck_assert(fabs((double)out[r][c] - mean) < 1e-6);
        }
    harness_free(&h);
}
END_TEST

/* Three frames of 2 x 4, by one line and two columns: each row is the mean of six. */
TEST(rows_of_grids__pool_rows_takes_frames_together)
{
    static const viv_grid grid = {.frames = 3, .height = 2, .width = 4, .block = 1};
    const struct given given[] = {{.name = "by", .ndim = 2, .dims = {1, 2}}, {.name = "frames", .number = 1}};
    struct harness h;
    ck_assert_int_eq(make(&h, "pool_rows", &given[1], 1), VIV_EINVAL); /* without by */
    harness_free(&h);
    ck_assert_int_eq(make(&h, "pool_rows", given, 2), VIV_OK);
    ck_assert_int_eq(run(&h, &grid, 2), VIV_OK);
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < DIM; c++) {
            double mean = 0;
            for (int f = 0; f < 3; f++)
                mean += ((double)x[8 * f + 2 * r][c] + (double)x[8 * f + 2 * r + 1][c]) / 6;
            ck_assert(fabs((double)out[r][c] - mean) < 1e-6);
        }
    harness_free(&h);
}
END_TEST

TEST(rows_of_grids__frame_positions_are_sines_and_cosines)
{
    static const viv_grid grids[] = {{.frames = 3, .height = 2, .width = 2, .before = 1, .after = 1, .block = 1},
                                     {.frames = 1, .height = 3, .width = 2, .block = 1}};
    for (int i = 0; i < 2; i++) {
        struct harness h;
        ck_assert_int_eq(make(&h, "frame_positions", NULL, 0), VIV_OK);
        ck_assert_int_eq(run(&h, &grids[i], 5), VIV_OK);
        for (int r = 0; r < (i == 0 ? 14 : 6); r++)
            for (int c = 0; c < DIM; c++) {
                const bool added = i == 0 && r > 0 && r < 13; /* one frame stays, and so do rows besides */
                const double angle = (r - 1) / 4 * pow(10000, -2.0 * (c % (DIM / 2)) / DIM),
                             expected = (double)x[r][c] + (!added        ? 0
                                                           : c < DIM / 2 ? sin(angle)
                                                                         : cos(angle));
                ck_assert_msg(fabs((double)out[r][c] - expected) < 1e-6, "row %d, feature %d", r, c);
            }
        harness_free(&h);
    }
}
END_TEST

TEST(rows_of_grids__insert_rows_ends_each_line)
{
    static const viv_grid grid = {.frames = 1, .height = 4, .width = 6, .block = 2},
                          with_more = {.frames = 1, .height = 2, .width = 2, .after = 1, .block = 1};
    const struct given given[] = {{"weight", 0, weights[0], 1, {DIM}}};
    struct harness h;
    ck_assert_int_eq(make(&h, "insert_rows", given, 1), VIV_OK);
    ck_assert_int_eq(run(&h, &grid, 3), VIV_OK);
    for (int y = 0; y < 4; y++)
        for (int c = 0; c < 7; c++) {
            const int from = (y / 2 * 3 + c / 2) * 4 + y % 2 * 2 + c % 2; /* blocks of 2 x 2 */
            ck_assert_mem_eq(out[7 * y + c], c < 6 ? x[from] : weights[0], sizeof *out);
        }
    ck_assert_int_eq(run(&h, &with_more, 3), VIV_ESHAPE);
    harness_free(&h);
}
END_TEST

/* y[o] of a matrix [DIM, DIM] */
static double product(const float *w, const double *v, int o)
{
    double sum = 0;
    for (int c = 0; c < DIM; c++)
        sum += (double)w[o * DIM + c] * v[c];
    return sum;
}

static void expect_pooled(int query, int n_rows, double *y)
{
    double p[DIM], q[DIM], heads[DIM] = {0}, scores[MAX_ROWS];
    for (int c = 0; c < DIM; c++)
        p[c] = (double)weights[4][query * DIM + c];
    for (int c = 0; c < DIM; c++)
        q[c] = product(weights[0], p, c);
    for (int head = 0; head < 2; head++) {
        double sum = 0;
        for (int r = 0; r < n_rows; r++) {
            double row[DIM], score = 0;
            for (int c = 0; c < DIM; c++)
                row[c] = (double)x[r][c];
            for (int c = 0; c < 4; c++)
                score += q[head * 4 + c] * product(weights[1], row, head * 4 + c);
            sum += scores[r] = exp(score / 2);
        }
        for (int r = 0; r < n_rows; r++)
            for (int c = 0; c < 4; c++) {
                double row[DIM];
                for (int k = 0; k < DIM; k++)
                    row[k] = (double)x[r][k];
                heads[head * 4 + c] += scores[r] / sum * product(weights[2], row, head * 4 + c);
            }
    }
    for (int c = 0; c < DIM; c++)
        y[c] = product(weights[3], heads, c);
}

TEST(rows_of_grids__attention_pool_is_the_formula)
{
    static const viv_grid grid = {.frames = 1, .height = 3, .width = 5, .block = 1};
    const struct given given[] = {{"query", 0, weights[4], 2, {3, DIM}}, {"q", 0, weights[0], 2, {DIM, DIM}},
                                  {"k", 0, weights[1], 2, {DIM, DIM}},   {"v", 0, weights[2], 2, {DIM, DIM}},
                                  {"out", 0, weights[3], 2, {DIM, DIM}}, {.name = "n_heads", .number = 2},
                                  {.name = "head_dim", .number = 4}};
    struct harness h;
    double y[DIM];
    ck_assert_int_eq(make(&h, "attention_pool", given, 7), VIV_OK);
    ck_assert_int_eq(run(&h, &grid, 1), VIV_OK);
    for (int i = 0; i < 3; i++) {
        expect_pooled(i, 15, y);
        for (int c = 0; c < DIM; c++)
            ck_assert_msg(fabs((double)out[i][c] - y[c]) < 1e-5, "query %d: %g, expected %g", i, (double)out[i][c],
                          y[c]);
    }
    harness_free(&h);
}
END_TEST

TEST(rows_of_grids__scale_has_learned_factors_and_addends)
{
    static const viv_grid grid = {.frames = 1, .height = 1, .width = 5, .block = 1};
    const struct given given[] = {
        {"weight", 0, weights[0], 1, {DIM}}, {"shift", 0, weights[1], 1, {DIM}}, {.name = "factor", .number = -2}};
    struct harness h;
    ck_assert_int_eq(make(&h, "scale", given, 3), VIV_OK);
    ck_assert_int_eq(run(&h, &grid, 2), VIV_OK);
    for (int r = 0; r < 5; r++)
        for (int c = 0; c < DIM; c++)
            ck_assert(fabsf(out[r][c] - (-2 * x[r][c] * weights[0][c] + weights[1][c])) < 1e-6f);
    harness_free(&h);
    ck_assert_int_eq(make(&h, "scale", NULL, 0), VIV_EINVAL);
    harness_free(&h);
}
END_TEST

TESTS(rows_of_grids__pool_rows_leaves_as_many_as_the_reference, rows_of_grids__pool_rows_interpolates,
      rows_of_grids__pool_rows_takes_frames_together, rows_of_grids__frame_positions_are_sines_and_cosines,
      rows_of_grids__insert_rows_ends_each_line, rows_of_grids__attention_pool_is_the_formula,
      rows_of_grids__scale_has_learned_factors_and_addends)
