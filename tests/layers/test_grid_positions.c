/* Positions over a grid are those of PyTorch, in every method; rows before the grid have the first of the table;
 * the order of rows in blocks changes nothing. */
#include "harness.h"

#include "base/json.h"

enum { DIM = 3, MAX_TABLE = 60 * 60, MAX_GRID = 60 * 60, SKIP = 2 };

static float table[SKIP + MAX_TABLE][DIM], x[MAX_GRID][DIM], out[MAX_GRID][DIM];

/* Feature 0 is the golden's table, feature 1 its place, feature 2 zero. */
static void fill_table(uint64_t side, uint64_t skip)
{
    for (uint64_t k = 0; k < skip; k++)
        table[k][0] = table[k][1] = table[k][2] = 100.0f + (float)k;
    for (uint64_t a = 0; a < side; a++)
        for (uint64_t b = 0; b < side; b++) {
            float *row = table[skip + a * side + b];
            row[0] = ((float)((7 * a + 13 * b) % 11) - 5) / 4;
            row[1] = (float)(a * side + b);
            row[2] = 0;
        }
}

struct wanted {
    uint64_t method, side, skip;
    bool aligned, antialias;
};

static viv_status add_positions(struct wanted w, const viv_grid *grid)
{
    const uint64_t in[] = {DIM}, n = grid->before + grid->height * grid->width + grid->after;
    const float *from[] = {&x[0][0]};
    struct harness h;
    fill_table(w.side, w.skip);
    const struct given given[] = {{"weight", 0, &table[0][0], 2, {w.skip + w.side * w.side, DIM}},
                                  {.name = "method", .number = (double)w.method},
                                  {.name = "skip", .number = (double)w.skip},
                                  {.name = "aligned", .number = w.aligned},
                                  {.name = "antialias", .number = w.antialias}};
    viv_status status = harness_make(&h, "grid_positions", given, 5, in, 1, 0);
    h.grid = grid;
    memset(out, 0, sizeof out);
    if (status == VIV_OK)
        status = harness_run(&h, from, 1, NULL, n, &out[0][0], 3);
    harness_free(&h);
    return status;
}

static json_t *read_golden(void)
{
    json_t *root;
    struct error err;
    ck_assert_int_eq(json_read(source_path("tests/golden/grid_positions.json"), 1 << 20, &root, &err), VIV_OK);
    return root;
}

static uint64_t number(const json_t *list, size_t i)
{
    return (uint64_t)json_integer_value(json_array_get(list, i));
}

TEST(grid_positions__interpolation_is_that_of_pytorch)
{
    json_t *root = read_golden();
    const json_t *tables = json_object_get(root, "tables");
    ck_assert_uint_ge(json_array_size(tables), 30);
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const json_t *t = json_array_get(tables, i), *values = json_array_get(t, 6);
        const bool cubic = strcmp(json_string_value(json_array_get(t, 0)), "cubic") == 0;
        const struct wanted w = {cubic ? 3 : 2, number(t, 3), 0, json_is_true(json_array_get(t, 1)),
                                 json_is_true(json_array_get(t, 2))};
        const viv_grid grid = {.frames = 1, .height = number(t, 4), .width = number(t, 5), .block = 1};
        ck_assert_int_eq(add_positions(w, &grid), VIV_OK);
        for (size_t k = 0; k < json_array_size(values); k++) {
            const double expected = json_number_value(json_array_get(values, k));
            ck_assert_msg(fabs((double)out[k][0] - expected) < 3e-6, "table %zu, place %zu: %g, expected %g", i, k,
                          (double)out[k][0], expected);
        }
    }
    json_decref(root);
}
END_TEST

TEST(grid_positions__buckets_are_those_of_pytorch)
{
    json_t *root = read_golden();
    const json_t *buckets = json_object_get(root, "buckets");
    ck_assert_uint_ge(json_array_size(buckets), 10);
    for (size_t i = 0; i < json_array_size(buckets); i++) {
        const json_t *b = json_array_get(buckets, i), *indices = json_array_get(b, 2);
        const uint64_t side = number(b, 0), n = number(b, 1);
        const viv_grid grid = {.frames = 1, .height = n, .width = n, .block = 1};
        ck_assert_int_eq(add_positions((struct wanted){1, side, 0, false, false}, &grid), VIV_OK);
        for (uint64_t y = 0; y < n; y++)
            for (uint64_t c = 0; c < n; c++)
                ck_assert_msg(out[y * n + c][1] == (float)(number(indices, y) * side + number(indices, c)),
                              "table of %d, place %d, %d of %d", (int)side, (int)y, (int)c, (int)n);
    }
    json_decref(root);
}
END_TEST

TEST(grid_positions__blocks_and_rows_before_the_grid)
{
    const viv_grid grid = {.before = 3, .frames = 2, .height = 4, .width = 4, .after = 1, .block = 2};
    const viv_grid other = {.frames = 1, .height = 4, .width = 6, .block = 1};
    const int first[] = {0, 1, 4, 5, 2, 3, 6, 7};
    struct wanted w = {0, 4, SKIP, false, false};
    const uint64_t in[] = {DIM};
    const float *from[] = {&x[0][0]};
    struct harness h;
    fill_table(4, SKIP);
    const struct given given[] = {{"weight", 0, &table[0][0], 2, {SKIP + 16, DIM}},
                                  {.name = "skip", .number = SKIP}};
    ck_assert_int_eq(harness_make(&h, "grid_positions", given, 2, in, 1, 0), VIV_OK);
    h.grid = &grid;
    ck_assert_int_eq(harness_run(&h, from, 1, NULL, 3 + 32 + 1, &out[0][0], 5), VIV_OK);
    harness_free(&h);
    ck_assert(out[0][1] == 100 && out[1][1] == 101 && out[2][1] == 0 && out[35][1] == 0);
    for (int i = 0; i < 8; i++)
        ck_assert(out[3 + i][1] == (float)first[i] && out[3 + 16 + i][1] == (float)first[i]);

    ck_assert_int_eq(add_positions(w, &other), VIV_ESHAPE); /* the table is no 4 x 6 */
    w.aligned = true;
    ck_assert_int_eq(add_positions(w, &grid), VIV_EINVAL);
    const struct given odd[] = {{"weight", 0, &table[0][0], 2, {15, DIM}}};
    ck_assert_int_eq(harness_make(&h, "grid_positions", odd, 1, in, 1, 0), VIV_ESHAPE);
    harness_free(&h);
}
END_TEST

TESTS(grid_positions__interpolation_is_that_of_pytorch, grid_positions__buckets_are_those_of_pytorch,
      grid_positions__blocks_and_rows_before_the_grid)
