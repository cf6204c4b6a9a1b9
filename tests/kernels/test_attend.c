/* Attention: every kernel that this processor can run against the formula in double precision. */
#include "kernels/half.h"
#include "kernels/kernels.h"
#include "testing.h"

#include <math.h>
#include <stdbool.h>

static uint64_t seed = 1;

static float uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(seed >> 40) * 0x1p-24f - 0.5f;
}

struct setting {
    uint64_t n_rows, n_group, head_dim, v_dim, page_rows, position, n_keys, window;
    uint32_t flags, k_dtype, v_dtype;
    float softcap;
    bool sinks, slopes;
    uint64_t reach; /* of a bias by distance; 0: none */
    uint64_t chunk;
    bool rows; /* keys are rows, of which the values are a part */
};

static const struct setting settings[] = {
    {1, 1, 64, 64, 64, 0, 1, 0, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {1, 4, 64, 64, 64, 200, 201, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 0, 0, false},
    {1, 8, 128, 128, 64, 63, 64, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 0, 0, false},
    {1, 7, 80, 96, 16, 64, 65, 0, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {50, 1, 64, 64, 64, 0, 50, 0, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {130, 4, 64, 64, 64, 0, 130, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 0, 0, false},
    {77, 3, 48, 56, 32, 33, 110, 0, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {70, 2, 7, 5, 16, 3, 73, 0, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {70, 2, 13, 33, 48, 3, 73, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 0, 0, false},
    {90, 2, 32, 32, 16, 30, 120, 20, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 0, 0, false},
    {90, 1, 32, 32, 64, 0, 90, 1, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {60, 1, 64, 64, 64, 0, 60, 0, 0, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {60, 2, 64, 64, 16, 0, 60, 7, 0, VIV_F32, VIV_F32, 0, false, false, 0, 0, false},
    {40, 2, 64, 64, 64, 100, 140, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 5.0f, true, false, 0, 0, false},
    {40, 3, 64, 64, 64, 100, 140, 30, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, true, true, 0, 0, false},
    {40, 8, 64, 64, 256, 1000, 1040, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, true, 0, 0, false},
    {1, 8, 64, 64, 128, 300, 301, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 128, 0, false},
    {75, 2, 24, 24, 16, 40, 115, 0, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 20, 0, false},
    {100, 3, 32, 32, 64, 0, 100, 0, 0, VIV_F32, VIV_F32, 0, false, false, 1, 0, false},
    {60, 2, 16, 40, 32, 0, 60, 0, 0, VIV_F16, VIV_F16, 0, true, true, 100, 0, false},
    {3, 2, 16, 16, 16, 900, 70, 0, 0, VIV_F32, VIV_F32, 0, false, false, 7, 0, false},
    {90, 2, 32, 32, 16, 30, 120, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 0, 50, false},
    {70, 1, 24, 32, 32, 0, 70, 20, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, true, false, 0, 32, false},
    {1, 8, 192, 128, 64, 200, 201, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, false, false, 0, 0, true},
    {40, 5, 45, 37, 32, 33, 73, 0, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, false, 0, 0, true},
    {70, 2, 13, 13, 16, 3, 73, 0, VIV_ATTEND_CAUSAL, VIV_F16, VIV_F16, 0, true, false, 0, 0, true},
    {90, 2, 36, 32, 16, 30, 120, 20, VIV_ATTEND_CAUSAL, VIV_F32, VIV_F32, 0, false, true, 0, 0, true},
    {60, 2, 32, 24, 32, 0, 60, 7, 0, VIV_F16, VIV_F16, 0, false, false, 0, 0, true},
    {1, 4, 64, 64, 64, 200, 201, 0, VIV_ATTEND_CAUSAL, VIV_BF16, VIV_BF16, 0, false, false, 0, 0, false},
    {70, 2, 13, 33, 48, 3, 73, 0, VIV_ATTEND_CAUSAL, VIV_BF16, VIV_BF16, 0, false, false, 0, 0, false},
    {1, 3, 64, 64, 128, 300, 301, 0, VIV_ATTEND_CAUSAL, VIV_Q8_0, VIV_Q8_0, 0, false, false, 0, 0, false},
    {90, 3, 96, 32, 16, 30, 120, 20, VIV_ATTEND_CAUSAL, VIV_Q8_0, VIV_Q4_0, 0, true, false, 0, 0, false},
    {130, 4, 64, 64, 48, 0, 130, 0, VIV_ATTEND_CAUSAL, VIV_Q4_0, VIV_Q8_0, 0, false, true, 0, 0, false},
    {60, 1, 128, 96, 64, 0, 60, 7, 0, VIV_Q4_0, VIV_Q4_0, 5.0f, false, false, 0, 0, false},
    {60, 2, 32, 40, 32, 0, 60, 0, VIV_ATTEND_CAUSAL, VIV_Q4_0, VIV_F16, 0, false, false, 9, 0, false},
    {40, 1, 40, 64, 64, 100, 140, 0, VIV_ATTEND_CAUSAL, VIV_BF16, VIV_Q8_0, 0, false, false, 0, 50, false},
    {40, 5, 96, 64, 32, 33, 73, 0, VIV_ATTEND_CAUSAL, VIV_Q8_0, VIV_Q8_0, 0, false, false, 0, 0, true},
    {70, 2, 64, 32, 16, 3, 73, 20, VIV_ATTEND_CAUSAL, VIV_Q4_0, VIV_Q4_0, 0, false, false, 0, 0, true},
    {30, 2, 13, 13, 16, 3, 33, 0, VIV_ATTEND_CAUSAL, VIV_BF16, VIV_BF16, 0, false, false, 0, 0, true},
};

/* The pages are filled with NaN where no token is. */
struct trial {
    viv_attend a;
    float *q, *out, *keys, *values, *sinks, *slopes, *bias;
    void **k_pages, **v_pages;
    uint64_t n_pages;
};

static void *memory(uint64_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    ck_assert_ptr_nonnull(p);
    return p;
}

/* Bytes of n elements; a row of blocks need not be whole. */
static uint64_t bytes_of(uint32_t dtype, uint64_t n)
{
    return dtype == VIV_F32    ? 4 * n
           : dtype == VIV_Q8_0 ? (n + 31) / 32 * 34
           : dtype == VIV_Q4_0 ? (n + 31) / 32 * 18
                               : 2 * n;
}

static bool has_blocks(uint32_t dtype)
{
    return dtype == VIV_Q8_0 || dtype == VIV_Q4_0;
}

/* A row as the cache has it: numbers that are not finite spoil their block's scale. */
static void encode(uint32_t dtype, void *y, const float *x, uint64_t n)
{
    const viv_kernels *kernels = kernels_choose(kernels_cpu(), 0);
    static const uint16_t nan = 0x7e00;
    kernels->from_f32(dtype)(y, x, n);
    for (uint64_t i = 0; has_blocks(dtype) && i < n; i++)
        if (!isfinite(x[i]))
            memcpy((char *)y + bytes_of(dtype, i / 32 * 32), &nan, sizeof nan);
}

static void put_token(struct trial *t, uint64_t token)
{
    const viv_attend *a = &t->a;
    uint64_t page = token / a->page_rows, row = token % a->page_rows, n = a->page_rows;
    char *k = (char *)t->k_pages[page] + a->k_offset, *v = (char *)t->v_pages[page] + a->v_offset;
    unsigned char bytes[1024];
    encode(a->k_dtype, bytes, t->keys + token * a->head_dim, a->head_dim);
    if (a->k_stride) {
        memcpy(k + bytes_of(a->k_dtype, row * a->k_stride), bytes, bytes_of(a->k_dtype, a->head_dim));
    } else if (has_blocks(a->k_dtype)) {
        const uint64_t size = bytes_of(a->k_dtype, 32);
        for (uint64_t b = 0; b < a->head_dim / 32; b++)
            for (uint64_t i = 0; i < size; i++) /* the scales of all tokens come first, then each byte of all */
                k[b * size * n + (i < 2 ? row * 2 + i : i * n + row)] = (char)bytes[b * size + i];
    } else {
        const uint64_t size = bytes_of(a->k_dtype, 1);
        for (uint64_t d = 0; d < a->head_dim; d++)
            memcpy(k + (d * n + row) * size, bytes + d * size, size);
    }
    if (!a->v_stride)
        encode(a->v_dtype, v + bytes_of(a->v_dtype, row * a->v_dim), t->values + token * a->v_dim, a->v_dim);
}

/* Rounds rows to what the type can hold. */
static void round_rows(uint32_t dtype, float *x, uint64_t n_rows, uint64_t n)
{
    const viv_kernels *kernels = kernels_choose(kernels_cpu(), 0);
    unsigned char bytes[1024];
    for (uint64_t r = 0; r < n_rows; r++) {
        kernels->from_f32(dtype)(bytes, x + r * n, n);
        kernels->to_f32(dtype)(x + r * n, bytes, n);
    }
}

static struct trial trial_make(const struct setting *s)
{
    struct trial t = {.a = {.struct_size = sizeof t.a,
                            .flags = s->flags,
                            .n_rows = s->n_rows,
                            .n_group = s->n_group,
                            .head_dim = s->head_dim,
                            .v_dim = s->v_dim,
                            .q_stride = s->n_group * s->head_dim + 5,
                            .out_stride = s->n_group * s->v_dim + 3,
                            .k_offset = 64,
                            .v_offset = s->rows ? 64 : 128,
                            .page_rows = s->page_rows,
                            .position = s->position,
                            .n_keys = s->n_keys,
                            .window = s->window,
                            .chunk = s->chunk,
                            .scale = 1.0f / sqrtf((float)s->head_dim),
                            .softcap = s->softcap,
                            .k_dtype = s->k_dtype,
                            .v_dtype = s->v_dtype}};
    if (s->rows)
        t.a.k_stride = t.a.v_stride = s->head_dim + (s->k_dtype == VIV_F32 || s->k_dtype == VIV_F16 ? 3 : 0);
    viv_attend *a = &t.a;
    t.n_pages = (s->n_keys + s->page_rows - 1) / s->page_rows;
    t.q = memory(s->n_rows * a->q_stride * sizeof(float));
    t.out = memory(s->n_rows * a->out_stride * sizeof(float));
    t.keys = memory(s->n_keys * s->head_dim * sizeof(float));
    t.values = memory(s->n_keys * s->v_dim * sizeof(float));
    t.sinks = memory(s->n_group * sizeof(float));
    t.slopes = memory(s->n_group * sizeof(float));
    t.bias = memory(s->n_group * (2 * s->reach + 1) * sizeof(float));
    t.k_pages = memory(t.n_pages * sizeof(void *));
    t.v_pages = memory(t.n_pages * sizeof(void *));
    for (uint64_t i = 0; i < s->n_rows * a->q_stride; i++)
        t.q[i] = 8.0f * uniform();
    for (uint64_t i = 0; i < s->n_keys * s->head_dim; i++)
        t.keys[i] = 4.0f * uniform();
    round_rows(s->k_dtype, t.keys, s->n_keys, s->head_dim);
    for (uint64_t i = 0; i < s->n_keys * s->v_dim; i++)
        t.values[i] = s->rows ? t.keys[i / s->v_dim * s->head_dim + i % s->v_dim] : uniform();
    if (!s->rows)
        round_rows(s->v_dtype, t.values, s->n_keys, s->v_dim);
    for (uint64_t g = 0; g < s->n_group; g++) {
        t.sinks[g] = uniform() * 4.0f;
        t.slopes[g] = 0.25f * (float)(g + 1);
    }
    for (uint64_t i = 0; i < s->n_group * (2 * s->reach + 1); i++)
        t.bias[i] = 4.0f * uniform();
    for (uint64_t p = 0; p < t.n_pages; p++) {
        uint64_t k_bytes = a->k_offset + bytes_of(s->k_dtype, (s->rows ? a->k_stride : s->head_dim) * s->page_rows);
        uint64_t v_bytes = a->v_offset + bytes_of(s->v_dtype, s->v_dim * s->page_rows);
        t.k_pages[p] = memset(memory(k_bytes), 0xff, k_bytes);
        t.v_pages[p] = s->rows ? t.k_pages[p] : memset(memory(v_bytes), 0xff, v_bytes);
    }
    for (uint64_t i = 0; i < s->n_keys; i++)
        put_token(&t, i);
    a->q = t.q;
    a->out = t.out;
    a->k_pages = (const void *const *)t.k_pages;
    a->v_pages = (const void *const *)t.v_pages;
    a->sinks = s->sinks ? t.sinks : NULL;
    a->slopes = s->slopes ? t.slopes : NULL;
    a->bias = s->reach ? t.bias : NULL;
    a->reach = s->reach;
    return t;
}

static void trial_release(struct trial *t)
{
    for (uint64_t p = 0; p < t->n_pages; p++) {
        if (t->v_pages[p] != t->k_pages[p])
            free(t->v_pages[p]);
        free(t->k_pages[p]);
    }
    free(t->q), free(t->out), free(t->keys), free(t->values), free(t->sinks), free(t->slopes), free(t->bias);
    free(t->k_pages), free(t->v_pages);
}

static void run(const struct kernel *k, viv_attend *a)
{
    void *scratch = NULL;
    ck_assert(posix_memalign(&scratch, 64,
                             k->attend_scratch_bytes(a->head_dim, a->v_dim, a->page_rows, a->n_group)) == 0);
    a->scratch = scratch;
    k->attend(a);
    free(scratch);
}

/* Whether query row r sees token i, and the output of one query, from the header's words. */
static bool sees(const viv_attend *a, uint64_t r, uint64_t i)
{
    uint64_t at = a->position + r;
    if (a->flags & VIV_ATTEND_CAUSAL && i > at)
        return false;
    if (a->chunk && i / a->chunk < at / a->chunk)
        return false;
    uint64_t distance = i > at ? i - at : at - i;
    return !a->window || distance < a->window;
}

static void expect(const struct trial *t, uint64_t r, uint64_t g, double *out)
{
    const viv_attend *a = &t->a;
    const float *q = a->q + r * a->q_stride + g * a->head_dim;
    double largest = a->sinks ? a->sinks[g] : -1e300, sum = 0;
    double *scores = memory(a->n_keys * sizeof *scores);
    for (uint64_t i = 0; i < a->n_keys; i++) {
        double s = 0;
        for (uint64_t d = 0; d < a->head_dim; d++)
            s += (double)q[d] * t->keys[i * a->head_dim + d];
        s *= a->scale;
        if (a->softcap != 0)
            s = a->softcap * tanh(s / a->softcap);
        if (a->slopes)
            s += a->slopes[g] * ((double)i - (double)(a->position + r));
        if (a->bias) {
            double reach = (double)a->reach, d = fmax(-reach, fmin(reach, (double)i - (double)(a->position + r)));
            s += a->bias[g * (2 * a->reach + 1) + (uint64_t)(reach + d)];
        }
        scores[i] = sees(a, r, i) ? s : -1e300;
        largest = fmax(largest, scores[i]);
    }
    for (uint64_t d = 0; d < a->v_dim; d++)
        out[d] = 0;
    if (a->sinks)
        sum += exp(a->sinks[g] - largest);
    for (uint64_t i = 0; i < a->n_keys; i++) {
        double p = exp(scores[i] - largest);
        sum += p;
        for (uint64_t d = 0; d < a->v_dim; d++)
            out[d] += p * t->values[i * a->v_dim + d];
    }
    for (uint64_t d = 0; d < a->v_dim; d++)
        out[d] /= sum;
    free(scores);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool runs_here(const struct kernel *k)
{
    return k->operation == KERNEL_ATTEND && !(k->cpu & ~kernels_cpu());
}

TEST(attend__is_its_formula)
{
    double expected[256];
    for (size_t i = 0; i < COUNT(settings); i++) {
        struct trial t = trial_make(&settings[i]);
        for (const struct kernel *const *k = kernels_all(); *k; k++) {
            if (!runs_here(*k))
                continue;
            run(*k, &t.a);
            for (uint64_t r = 0; r < t.a.n_rows; r++)
                for (uint64_t g = 0; g < t.a.n_group; g++) {
                    expect(&t, r, g, expected);
                    for (uint64_t d = 0; d < t.a.v_dim; d++) {
                        double y = t.out[r * t.a.out_stride + g * t.a.v_dim + d];
                        ck_assert_msg(fabs(y - expected[d]) < 3e-6,
                                      "%s, setting %zu, row %lu, group %lu: %g for %g", (*k)->name, i,
                                      (unsigned long)r, (unsigned long)g, y, expected[d]);
                    }
                }
        }
        trial_release(&t);
    }
}
END_TEST

TEST(attend__of_a_row_is_the_same_bits_in_any_company)
{
    for (size_t i = 0; i < COUNT(settings); i++) {
        struct trial t = trial_make(&settings[i]);
        uint64_t bytes = t.a.n_group * t.a.v_dim * sizeof(float);
        float *alone = memory(bytes);
        for (const struct kernel *const *k = kernels_all(); *k; k++) {
            if (!runs_here(*k))
                continue;
            run(*k, &t.a);
            for (uint64_t r = 0; r < t.a.n_rows; r++) {
                viv_attend a = t.a;
                a.q += r * a.q_stride;
                a.out = alone;
                a.n_rows = 1;
                a.position += r;
                run(*k, &a);
                ck_assert_msg(memcmp(alone, t.out + r * a.out_stride, bytes) == 0, "%s, setting %zu, row %lu",
                              (*k)->name, i, (unsigned long)r);
                for (uint64_t g = 0; g < t.a.n_group; g++) { /* and a head without those of its group */
                    viv_attend b = a;
                    b.q += g * b.head_dim;
                    b.n_group = 1;
                    b.sinks = a.sinks ? a.sinks + g : NULL;
                    b.slopes = a.slopes ? a.slopes + g : NULL;
                    b.bias = a.bias ? a.bias + g * (2 * a.reach + 1) : NULL;
                    run(*k, &b);
                    ck_assert(memcmp(alone, t.out + r * a.out_stride + g * a.v_dim, a.v_dim * sizeof(float)) == 0);
                }
            }
        }
        free(alone);
        trial_release(&t);
    }
}
END_TEST

TEST(attend__ignores_what_a_query_does_not_see_even_if_it_is_no_number)
{
    for (size_t i = 0; i < COUNT(settings); i++) {
        struct trial t = trial_make(&settings[i]);
        uint64_t size = t.a.n_rows * t.a.out_stride * sizeof(float);
        float *before = memory(size);
        uint64_t poisoned = t.a.n_keys / 2;
        for (const struct kernel *const *k = kernels_all(); *k; k++) {
            if (!runs_here(*k))
                continue;
            run(*k, &t.a);
            memcpy(before, t.out, size);
            float key = t.keys[poisoned * t.a.head_dim], value = t.values[poisoned * t.a.v_dim];
            t.keys[poisoned * t.a.head_dim] = NAN;
            t.values[poisoned * t.a.v_dim] = INFINITY;
            put_token(&t, poisoned);
            run(*k, &t.a);
            for (uint64_t r = 0; r < t.a.n_rows; r++) {
                bool same = memcmp(before + r * t.a.out_stride, t.out + r * t.a.out_stride,
                                   t.a.n_group * t.a.v_dim * sizeof(float)) == 0;
                ck_assert_msg(same == !sees(&t.a, r, poisoned), "%s, setting %zu, row %lu", (*k)->name, i,
                              (unsigned long)r);
            }
            t.keys[poisoned * t.a.head_dim] = key;
            t.values[poisoned * t.a.v_dim] = value;
            put_token(&t, poisoned);
        }
        free(before);
        trial_release(&t);
    }
}
END_TEST

TEST(attend__without_a_key_in_sight_is_zero)
{
    const struct setting s = {2,       2,       16, 16,    16,    5, 0, 0,    VIV_ATTEND_CAUSAL,
                              VIV_F32, VIV_F32, 0,  false, false, 0, 0, false};
    struct trial t = trial_make(&s);
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        if (!runs_here(*k))
            continue;
        run(*k, &t.a);
        for (uint64_t d = 0; d < 32; d++)
            ck_assert(t.out[d] == 0.0f);
    }
    trial_release(&t);
}
END_TEST

TESTS(attend__is_its_formula, attend__of_a_row_is_the_same_bits_in_any_company,
      attend__ignores_what_a_query_does_not_see_even_if_it_is_no_number, attend__without_a_key_in_sight_is_zero)
