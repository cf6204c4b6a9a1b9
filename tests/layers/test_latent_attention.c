/* Latent attention against its formula in double precision, with the keys and values of every head made as the
 * paper has it; the same bits whether a text comes at once or in pieces; and what it keeps of a token. */
#include "harness.h"

enum { DIM = 24, N_HEADS = 9, NOPE = 10, ROPE = 6, V = 7, Q_RANK = 13, KV_RANK = 18, N_ROWS = 75 };

struct shape {
    int q_a, biases, rope, interleaved;
    double factor, mscale; /* positions are divided by factor; 0: as they are */
    double scale;          /* 0: the default */
};

static float x[N_ROWS][DIM], kv_a[(KV_RANK + ROPE) * DIM], q_a[Q_RANK * DIM], q[N_HEADS * (NOPE + ROPE) * DIM];
static float k_b[N_HEADS][KV_RANK][NOPE], v_b[N_HEADS][V][KV_RANK], out_w[DIM * N_HEADS * V];
static float kv_bias[KV_RANK + ROPE], q_bias[Q_RANK], out_bias[DIM], q_norm[Q_RANK], kv_norm[KV_RANK];

static void fill(void)
{
    harness_fill(&x[0][0], N_ROWS * DIM, 1);
    harness_fill(kv_a, sizeof kv_a / 4, 2);
    harness_fill(q_a, sizeof q_a / 4, 3);
    harness_fill(q, sizeof q / 4, 4);
    harness_fill(&k_b[0][0][0], sizeof k_b / 4, 5);
    harness_fill(&v_b[0][0][0], sizeof v_b / 4, 6);
    harness_fill(out_w, sizeof out_w / 4, 7);
    harness_fill(kv_bias, sizeof kv_bias / 4, 8);
    harness_fill(q_bias, sizeof q_bias / 4, 9);
    harness_fill(out_bias, sizeof out_bias / 4, 10);
    harness_fill(q_norm, sizeof q_norm / 4, 11);
    harness_fill(kv_norm, sizeof kv_norm / 4, 12);
}

static void multiply(double *y, const double *row, const float *w, const float *b, int n_out, int n_in)
{
    for (int i = 0; i < n_out; i++) {
        y[i] = b ? (double)b[i] : 0;
        for (int j = 0; j < n_in; j++)
            y[i] += (double)w[i * n_in + j] * row[j];
    }
}

static void normalise(double *row, const float *weight, int n)
{
    double squares = 0;
    for (int i = 0; i < n; i++)
        squares += row[i] * row[i];
    for (int i = 0; i < n; i++)
        row[i] *= (double)weight[i] / sqrt(squares / n + 1e-5);
}

static void rotate(double *pe, double position, int interleaved)
{
    for (int p = 0; p < ROPE / 2; p++) {
        double angle = position * pow(10000, -2.0 * p / ROPE);
        double *a = &pe[interleaved ? 2 * p : p], *b = &pe[interleaved ? 2 * p + 1 : p + ROPE / 2];
        double ra = *a * cos(angle) - *b * sin(angle), rb = *a * sin(angle) + *b * cos(angle);
        *a = ra;
        *b = rb;
    }
}

static void reference(const struct shape *s, double y[N_ROWS][DIM])
{
    enum { HEAD = NOPE + ROPE };
    static double queries[N_ROWS][N_HEADS][HEAD], keys[N_ROWS][N_HEADS][HEAD], values[N_ROWS][N_HEADS][V];
    const int pe = s->rope ? ROPE : 0, head = NOPE + pe;
    double scale = s->scale > 0 ? s->scale : 1 / sqrt(head);
    if (s->factor > 0)
        scale *= pow(0.1 * s->mscale * log(s->factor) + 1, 2);
    for (int r = 0; r < N_ROWS; r++) {
        double row[DIM], c[KV_RANK + ROPE], compressed[Q_RANK], at = s->factor > 0 ? r / s->factor : r;
        for (int i = 0; i < DIM; i++)
            row[i] = (double)x[r][i];
        multiply(c, row, kv_a, s->biases ? kv_bias : NULL, KV_RANK + pe, DIM);
        normalise(c, kv_norm, KV_RANK);
        if (s->q_a) {
            multiply(compressed, row, q_a, s->biases ? q_bias : NULL, Q_RANK, DIM);
            normalise(compressed, q_norm, Q_RANK);
        }
        double all[N_HEADS * HEAD];
        multiply(all, s->q_a ? compressed : row, q, NULL, N_HEADS * head, s->q_a ? Q_RANK : DIM);
        if (pe)
            rotate(c + KV_RANK, at, s->interleaved);
        for (int h = 0; h < N_HEADS; h++) {
            memcpy(queries[r][h], all + h * head, (size_t)head * sizeof *all);
            if (pe)
                rotate(queries[r][h] + NOPE, at, s->interleaved);
            for (int d = 0; d < NOPE; d++) {
                keys[r][h][d] = 0;
                for (int j = 0; j < KV_RANK; j++)
                    keys[r][h][d] += (double)k_b[h][j][d] * c[j];
            }
            memcpy(keys[r][h] + NOPE, c + KV_RANK, (size_t)pe * sizeof *c);
            multiply(values[r][h], c, &v_b[h][0][0], NULL, V, KV_RANK);
        }
    }
    for (int r = 0; r < N_ROWS; r++) {
        double heads[N_HEADS * V] = {0};
        for (int h = 0; h < N_HEADS; h++) {
            double p[N_ROWS], sum = 0, largest = -1e300;
            for (int t = 0; t <= r; t++) {
                p[t] = 0;
                for (int d = 0; d < head; d++)
                    p[t] += queries[r][h][d] * keys[t][h][d] * scale;
                largest = fmax(largest, p[t]);
            }
            for (int t = 0; t <= r; t++)
                sum += p[t] = exp(p[t] - largest);
            for (int t = 0; t <= r; t++)
                for (int d = 0; d < V; d++)
                    heads[h * V + d] += p[t] / sum * values[t][h][d];
        }
        multiply(y[r], heads, out_w, s->biases ? out_bias : NULL, DIM, N_HEADS * V);
    }
}

static uint32_t describe(struct given *given, const struct shape *s)
{
    const uint64_t pe = s->rope ? ROPE : 0;
    uint32_t n = 0;
    given[n++] = (struct given){"kv_a", 0, kv_a, 2, {KV_RANK + pe, DIM}};
    given[n++] = (struct given){"q", 0, q, 2, {N_HEADS * (NOPE + pe), s->q_a ? Q_RANK : DIM}};
    given[n++] = (struct given){"k_b", 0, &k_b[0][0][0], 3, {N_HEADS, KV_RANK, NOPE}};
    given[n++] = (struct given){"v_b", 0, &v_b[0][0][0], 3, {N_HEADS, V, KV_RANK}};
    given[n++] = (struct given){"out", 0, out_w, 2, {DIM, N_HEADS * V}};
    given[n++] = (struct given){"norm.kv", 0, kv_norm, 1, {KV_RANK}};
    given[n++] = (struct given){.name = "norm.eps", .number = 1e-5};
    if (s->q_a) {
        given[n++] = (struct given){"q_a", 0, q_a, 2, {Q_RANK, DIM}};
        given[n++] = (struct given){"norm.q", 0, q_norm, 1, {Q_RANK}};
    }
    if (s->biases) {
        given[n++] = (struct given){"kv_a_bias", 0, kv_bias, 1, {KV_RANK + pe}};
        given[n++] = (struct given){"q_a_bias", 0, q_bias, 1, {Q_RANK}};
        given[n++] = (struct given){"out_bias", 0, out_bias, 1, {DIM}};
    }
    if (s->rope) {
        given[n++] = (struct given){.name = "rope.theta", .number = 10000};
        given[n++] = (struct given){.name = "rope.interleaved", .number = s->interleaved};
    }
    if (s->factor > 0) {
        given[n++] = (struct given){.name = "rope.scaling", .number = 1}; /* linear */
        given[n++] = (struct given){.name = "rope.factor", .number = s->factor};
        given[n++] = (struct given){.name = "score_mscale", .number = s->mscale};
    }
    if (s->scale > 0)
        given[n++] = (struct given){.name = "scale", .number = s->scale};
    ck_assert_uint_le(n, HARNESS_MAX);
    return n;
}

static void make(struct harness *h, const struct shape *s)
{
    static struct given given[HARNESS_MAX];
    const uint64_t in[] = {DIM};
    fill();
    ck_assert_int_eq(harness_make(h, "latent_attention", given, describe(given, s), in, 1, 0), VIV_OK);
}

static const struct shape shapes[] = {
    {.rope = 1, .interleaved = 1},
    {.rope = 1, .q_a = 1, .biases = 1},
    {.rope = 1, .q_a = 1, .interleaved = 1, .factor = 4, .mscale = 0.7},
    {.rope = 1, .factor = 2, .scale = 0.2},
    {.q_a = 1},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

TEST(latent_attention__is_attention_over_the_keys_and_values_that_it_never_makes)
{
    static float out[N_ROWS][DIM];
    static double expected[N_ROWS][DIM];
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
        make(&h, &shapes[i]);
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

TEST(latent_attention__gives_the_same_bits_at_once_and_in_pieces)
{
    static float whole[N_ROWS][DIM], pieces[N_ROWS][DIM];
    static const uint64_t sizes[] = {1, 16, 1, 1, 33, 7, 1, 15};
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        const float *in[] = {&x[0][0]};
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

TEST(latent_attention__caches_of_a_token_the_compressed_vector_and_the_rotary_key)
{
    for (int i = 0; i < N_SHAPES; i++) {
        struct harness h;
        make(&h, &shapes[i]);
        ck_assert_uint_eq(h.n_caches, 1);
        ck_assert_uint_eq(h.cache_elems[0], KV_RANK + (shapes[i].rope ? ROPE : 0));
        harness_free(&h);
    }
}
END_TEST

TEST(latent_attention__costs_its_products_and_its_attention)
{
    for (int q_compressed = 0; q_compressed < 2; q_compressed++) {
        const struct shape s = {.rope = 1, .q_a = q_compressed};
        struct harness h;
        make(&h, &s);
        const uint64_t queries = N_HEADS * (NOPE + ROPE);
        const uint64_t products = DIM * (KV_RANK + ROPE) + N_HEADS * (NOPE + V) * KV_RANK + N_HEADS * V * DIM +
                                  (q_compressed ? Q_RANK * (DIM + queries) : DIM * queries);
        viv_cost c = {.struct_size = sizeof c, .n_rows = 3, .context = 100};
        ck_assert_int_eq(h.class->cost(h.layer, &c), VIV_OK);
        ck_assert_uint_eq(c.flops, 2 * 3 * (products + 100 * N_HEADS * (KV_RANK + ROPE + KV_RANK)));
        ck_assert_uint_eq(c.cache_elems, 3 * 100 * (KV_RANK + ROPE));
        harness_free(&h);
    }
}
END_TEST

TEST(latent_attention__refuses_parts_that_do_not_fit)
{
    static const struct {
        const char *attr, *instead; /* given of this name gets that name */
        uint64_t dims[3];           /* or these dimensions, where the first is not 0 */
        viv_status status;
    } cases[] = {
        {"kv_a", NULL, {KV_RANK - 1, DIM}, VIV_ESHAPE},
        {"v_b", NULL, {N_HEADS, V, KV_RANK + 1}, VIV_ESHAPE},
        {"v_b", NULL, {N_HEADS - 1, V, KV_RANK}, VIV_ESHAPE},
        {"k_b", NULL, {N_HEADS, KV_RANK, NOPE + 1}, VIV_ESHAPE},
        {"out", NULL, {DIM, N_HEADS * V + 1}, VIV_ESHAPE},
        {"q", NULL, {N_HEADS * NOPE, Q_RANK}, VIV_ESHAPE},
        {"q_a", NULL, {Q_RANK + 1, DIM}, VIV_ESHAPE},
        {"k_b", NULL, {N_HEADS, KV_RANK, 0}, VIV_ELIMIT},
        {"rope.theta", "rope.factor", {0}, VIV_EINVAL},
        {"norm.q", "norm.x", {0}, VIV_EINVAL},
        {"q_a", "q_x", {0}, VIV_EINVAL},
    };
    const struct shape s = {.rope = 1, .q_a = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct given given[HARNESS_MAX];
        struct harness h;
        const uint64_t in[] = {DIM};
        uint32_t n = describe(given, &s);
        for (uint32_t g = 0; g < n; g++) {
            if (strcmp(given[g].name, cases[i].attr) != 0)
                continue;
            if (cases[i].instead)
                given[g].name = cases[i].instead;
            else
                memcpy(given[g].dims, cases[i].dims, sizeof cases[i].dims);
        }
        ck_assert_msg(harness_make(&h, "latent_attention", given, n, in, 1, 0) == cases[i].status, "case %zu", i);
        harness_free(&h);
    }
}
END_TEST

TESTS(latent_attention__is_attention_over_the_keys_and_values_that_it_never_makes,
      latent_attention__gives_the_same_bits_at_once_and_in_pieces,
      latent_attention__caches_of_a_token_the_compressed_vector_and_the_rotary_key,
      latent_attention__costs_its_products_and_its_attention, latent_attention__refuses_parts_that_do_not_fit)
