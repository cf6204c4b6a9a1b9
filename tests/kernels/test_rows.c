/* Operations on rows: every kernel that this processor can run against generic and libm, over odd lengths. */
#include "kernels/decode.h"
#include "kernels/kernels.h"
#include "testing.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const uint64_t lengths[] = {1,  2,  3,  7,  8,   15,  16,  17,   31,   32,
                                   33, 63, 64, 65, 100, 127, 288, 1000, 2048, 2049};
enum { LONGEST = 2049 };

static uint64_t seed = 1;

static float uniform(float low, float high)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (float)(seed >> 40) * 0x1p-24f;
}

static const struct kernel *generic(enum kernel_operation operation, uint32_t dtype)
{
    return kernels_chosen(0, 0, operation, dtype);
}

/* The first entry from `at` on for an operation that runs here. */
static const struct kernel *const *runnable(const struct kernel *const *at, enum kernel_operation operation)
{
    while (*at && ((*at)->operation != operation || (*at)->cpu & ~kernels_cpu()))
        at++;
    return at;
}
#define FOR_KERNELS(at, wanted)                                                                                    \
    for (const struct kernel *const *at = runnable(kernels_all(), wanted); *at; at = runnable(at + 1, wanted))

/* A copy that starts badly aligned and ends where its memory ends. */
static float *copy(const float *x, uint64_t n)
{
    float *memory = malloc((n + 1) * sizeof *memory);
    ck_assert_ptr_nonnull(memory);
    if (x)
        memcpy(memory + 1, x, n * sizeof *x);
    return memory + 1;
}

static void release(float *x)
{
    free(x - 1);
}

static float *numbers(uint64_t n, float low, float high)
{
    float *x = copy(NULL, n);
    for (uint64_t i = 0; i < n; i++)
        x[i] = uniform(low, high);
    return x;
}

static void check_near(const struct kernel *const *k, const float *y, const float *expected, uint64_t n,
                       float relative, float absolute)
{
    for (uint64_t i = 0; i < n; i++) {
        if (isnan(y[i]) && isnan(expected[i]))
            continue;
        ck_assert_msg(y[i] == expected[i] || fabsf(y[i] - expected[i]) <= relative * fabsf(expected[i]) + absolute,
                      "%s %s: %lu of %lu: %.9g for %.9g", (*k)->name, kernels_operation_name((*k)->operation),
                      (unsigned long)i, (unsigned long)n, (double)y[i], (double)expected[i]);
    }
}

TEST(rms_norm__is_generic_s)
{
    FOR_KERNELS(k, KERNEL_RMS_NORM)
    {
        for (size_t l = 0; l < COUNT(lengths); l++)
            for (int with = 0; with < 2; with++) {
                uint64_t n = lengths[l];
                float *x = numbers(n, -3, 3), *w = numbers(n, -2, 2), *y = numbers(n, 0, 0), *g = numbers(n, 0, 0);
                (*k)->rms_norm(y, x, with ? w : NULL, n, 1e-5f);
                generic(KERNEL_RMS_NORM, 0)->rms_norm(g, x, with ? w : NULL, n, 1e-5f);
                check_near(k, y, g, n, 2e-6f, 0);
                (*k)->rms_norm(x, x, with ? w : NULL, n, 1e-5f); /* in place */
                check_near(k, x, y, n, 0, 0);
                release(x), release(w), release(y), release(g);
            }
    }
}
END_TEST

TEST(layer_norm__is_generic_s)
{
    FOR_KERNELS(k, KERNEL_LAYER_NORM)
    {
        for (size_t l = 0; l < COUNT(lengths); l++)
            for (int with = 0; with < 4; with++) {
                uint64_t n = lengths[l];
                float *x = numbers(n, -3, 5), *w = numbers(n, -2, 2), *b = numbers(n, -2, 2);
                float *y = numbers(n, 0, 0), *g = numbers(n, 0, 0);
                (*k)->layer_norm(y, x, with & 1 ? w : NULL, with & 2 ? b : NULL, n, 1e-5f);
                generic(KERNEL_LAYER_NORM, 0)->layer_norm(g, x, with & 1 ? w : NULL, with & 2 ? b : NULL, n, 1e-5f);
                check_near(k, y, g, n, 2e-6f, 4e-6f);
                release(x), release(w), release(b), release(y), release(g);
            }
    }
}
END_TEST

TEST(add_and_scale__are_generic_s)
{
    for (size_t l = 0; l < COUNT(lengths); l++) {
        uint64_t n = lengths[l];
        float *a = numbers(n, -3, 5), *b = numbers(n, -2, 2), *y = numbers(n, 0, 0);
        FOR_KERNELS(k, KERNEL_ADD)
        {
            (*k)->add(y, a, b, n);
            for (uint64_t i = 0; i < n; i++)
                ck_assert(y[i] == a[i] + b[i]);
        }
        FOR_KERNELS(j, KERNEL_SCALE)
        {
            (*j)->scale(y, a, 0.3f, n);
            for (uint64_t i = 0; i < n; i++)
                ck_assert(y[i] == a[i] * 0.3f);
        }
        release(a), release(b), release(y);
    }
}
END_TEST

TEST(softcap__is_cap_times_tanh)
{
    FOR_KERNELS(k, KERNEL_SOFTCAP)
    {
        for (size_t l = 0; l < COUNT(lengths); l++) {
            uint64_t n = lengths[l];
            float *x = numbers(n, -200, 200), *y = numbers(n, 0, 0), *g = numbers(n, 0, 0);
            (*k)->softcap(y, x, 30.0f, n);
            for (uint64_t i = 0; i < n; i++)
                g[i] = (float)(30.0 * tanh((double)x[i] / 30.0));
            check_near(k, y, g, n, 3e-7f, 0);
            release(x), release(y), release(g);
        }
    }
}
END_TEST

TEST(softmax__sums_to_one_and_survives_large_and_infinite_scores)
{
    FOR_KERNELS(k, KERNEL_SOFTMAX)
    {
        for (size_t l = 0; l < COUNT(lengths); l++) {
            uint64_t n = lengths[l];
            float *x = numbers(n, 900, 1000), *y = numbers(n, 0, 0), *g = numbers(n, 0, 0);
            if (n > 2)
                x[n / 2] = -INFINITY;
            (*k)->softmax(y, x, n);
            generic(KERNEL_SOFTMAX, 0)->softmax(g, x, n);
            check_near(k, y, g, n, 2e-6f, 1e-37f);
            ck_assert(n <= 2 || y[n / 2] == 0.0f);
            release(x), release(y), release(g);
        }
    }
}
END_TEST

static double reference(uint32_t act, double x)
{
    switch (act) {
    case VIV_ACT_SILU:
        return x / (1 + exp(-x));
    case VIV_ACT_GELU:
        return 0.5 * x * erfc(-x / sqrt(2));
    case VIV_ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case VIV_ACT_RELU:
        return x > 0 ? x : 0;
    case VIV_ACT_RELU2:
        return x > 0 ? x * x : 0;
    case VIV_ACT_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case VIV_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case VIV_ACT_TANH:
        return tanh(x);
    default:
        return x;
    }
}

TEST(activate_and_gate__are_the_functions_they_are_named_after)
{
    for (uint32_t act = VIV_ACT_NONE; act <= VIV_ACT_TANH; act++) {
        for (size_t l = 0; l < COUNT(lengths); l++) {
            uint64_t n = lengths[l];
            float *x = numbers(n, -12, 12), *up = numbers(n, -2, 2), *y = numbers(n, 0, 0), *g = numbers(n, 0, 0);
            for (uint64_t i = 0; i < n; i += 3)
                x[i] *= 0.01f;
            for (uint64_t i = 0; i < n; i++)
                g[i] = (float)reference(act, x[i]);
            FOR_KERNELS(k, KERNEL_ACTIVATE)
            {
                (*k)->activate(act, y, x, n);
                check_near(k, y, g, n, 1e-6f, 4e-7f);
            }
            for (uint64_t i = 0; i < n; i++)
                g[i] *= up[i];
            FOR_KERNELS(j, KERNEL_GATE)
            {
                (*j)->gate(act, y, x, up, n);
                check_near(j, y, g, n, 1e-6f, 8e-7f);
            }
            release(x), release(up), release(y), release(g);
        }
    }
}
END_TEST

TEST(activate__of_the_extremes_is_a_limit_or_no_number)
{
    static const float extremes[] = {-1000.0f, 1000.0f, -1e30f, 1e30f, NAN, 0.0f, -0.0f, 1e-40f, -1e-40f};
    for (uint32_t act = VIV_ACT_NONE; act <= VIV_ACT_TANH; act++)
        FOR_KERNELS(k, KERNEL_ACTIVATE)
        {
            float x[16], y[16], expected[16];
            for (size_t i = 0; i < COUNT(extremes); i++) {
                for (int j = 0; j < 16; j++)
                    x[j] = extremes[i], expected[j] = (float)reference(act, x[j]);
                if (act == VIV_ACT_RELU || act == VIV_ACT_RELU2) /* the reference loses what is no number */
                    for (int j = 0; j < 16; j++)
                        expected[j] = isnan(x[j]) ? NAN : expected[j];
                (*k)->activate(act, y, x, 16);
                if (act == VIV_ACT_GELU_TANH && fabsf(extremes[i]) > 1e20f)
                    continue; /* its cube overflows */
                check_near(k, y, expected, 16, 1e-6f, 1e-37f);
            }
        }
}
END_TEST

TEST(rotate__turns_pairs_and_keeps_their_length)
{
    static const uint64_t pairs[] = {1, 3, 4, 8, 15, 16, 32, 33, 64};
    FOR_KERNELS(k, KERNEL_ROTATE)
    {
        for (size_t l = 0; l < COUNT(pairs); l++)
            for (int32_t interleaved = 0; interleaved < 2; interleaved++) {
                uint64_t n = pairs[l];
                float *x = numbers(2 * n, -3, 3), *g = copy(x, 2 * n), *c = numbers(n, -1, 1),
                      *s = numbers(n, -1, 1);
                (*k)->rotate(x, c, s, n, interleaved);
                for (uint64_t p = 0; p < n; p++) {
                    uint64_t i = interleaved ? 2 * p : p, j = interleaved ? i + 1 : p + n;
                    float a = g[i], b = g[j];
                    g[i] = a * c[p] - b * s[p];
                    g[j] = a * s[p] + b * c[p];
                }
                check_near(k, x, g, 2 * n, 0, 1e-6f);
                release(x), release(g), release(c), release(s);
            }
    }
}
END_TEST

static bool same_bits(float a, float b)
{
    return bits_of_float(a) == bits_of_float(b);
}

TEST(f16__every_value_converts_there_and_back)
{
    static uint16_t half[65536], back[65536];
    static float expected[65536], y[65536];
    for (uint32_t i = 0; i < 65536; i++)
        half[i] = (uint16_t)i;
    for (uint32_t i = 0; i < 65536; i++) {
        int exponent = (int)(i >> 10 & 31), mantissa = (int)(i & 1023);
        float value = exponent == 31  ? (mantissa ? NAN : INFINITY)
                      : exponent == 0 ? ldexpf((float)mantissa, -24)
                                      : ldexpf((float)(mantissa + 1024), exponent - 25);
        expected[i] = i & 0x8000 ? -value : value;
    }
    FOR_KERNELS(k, KERNEL_TO_F32)
    {
        if ((*k)->dtype != VIV_F16)
            continue;
        (*k)->to_f32(y, half, 65536);
        for (uint32_t i = 0; i < 65536; i++)
            ck_assert_msg(same_bits(y[i], expected[i]) || (isnan(y[i]) && isnan(expected[i])), "%s: %x", (*k)->name,
                          i);
    }
    FOR_KERNELS(j, KERNEL_FROM_F32)
    {
        if ((*j)->dtype != VIV_F16)
            continue;
        (*j)->from_f32(back, expected, 65536);
        for (uint32_t i = 0; i < 65536; i++)
            ck_assert_msg(back[i] == half[i] || (isnan(expected[i]) && (back[i] & 0x7fff) > 0x7c00), "%s: %x",
                          (*j)->name, i);
    }
}
END_TEST

TEST(from_f32__rounds_to_nearest_even_as_generic)
{
    static const uint32_t types[] = {VIV_F32, VIV_F16, VIV_BF16, VIV_Q8_0, VIV_Q4_0, VIV_MXFP4};
    enum { N = 4096 + 32 };
    static float x[N];
    static uint16_t y[2 * N], g[2 * N];
    for (uint64_t i = 0; i < N; i++) /* of all magnitudes */
        x[i] = ldexpf(uniform(-1, 1), (int)(i % 60) - 40);
    x[4096] = 65519.996f, x[4097] = 65520.0f, x[4098] = 0x1p-25f, x[4099] = 0x1.8p-25f, x[4100] = 0x1.004p0f;
    x[4101] = 0x1.ffep-15f, x[4102] = 0x1.ffdp-15f, x[4103] = -0x1.00cp0f, x[4104] = 0x1.01p0f, x[4105] = 0x1.03p0f;
    for (size_t t = 0; t < COUNT(types); t++)
        FOR_KERNELS(k, KERNEL_FROM_F32)
        {
            if ((*k)->dtype != types[t])
                continue;
            memset(y, 0, sizeof y);
            memset(g, 0, sizeof g);
            (*k)->from_f32(y, x, N);
            generic(KERNEL_FROM_F32, types[t])->from_f32(g, x, N);
            ck_assert_msg(memcmp(y, g, sizeof y) == 0, "%s, type %u", (*k)->name, types[t]);
        }
    ck_assert_uint_eq(half_of_float(65519.996f), 0x7bff);
    ck_assert_uint_eq(half_of_float(65520.0f), 0x7c00);
    ck_assert_uint_eq(half_of_float(0x1p-25f), 0);
    ck_assert_uint_eq(half_of_float(0x1.8p-25f), 1);
    ck_assert_uint_eq(half_of_float(0x1.006p0f), 0x3c02);
    ck_assert_uint_eq(bfloat_of_float(0x1.01p0f), 0x3f80);
    ck_assert_uint_eq(bfloat_of_float(0x1.03p0f), 0x3f82);
}
END_TEST

TEST(q4_0__reads_low_nibbles_first_and_q8_0_reads_int8)
{
    struct block_q4_0 four = {.d = 0x3800}; /* 0.5 */
    struct block_q8_0 eight = {.d = 0x3800};
    float y[32];
    for (int i = 0; i < 16; i++)
        four.q[i] = (uint8_t)(i | (15 - i) << 4);
    for (int i = 0; i < 32; i++)
        eight.q[i] = (int8_t)(i * 8 - 128);
    FOR_KERNELS(k, KERNEL_TO_F32)
    {
        if ((*k)->dtype == VIV_Q4_0) {
            (*k)->to_f32(y, &four, 32);
            for (int i = 0; i < 16; i++)
                ck_assert(y[i] == 0.5f * (float)(i - 8) && y[i + 16] == 0.5f * (float)(7 - i));
        }
        if ((*k)->dtype == VIV_Q8_0) {
            (*k)->to_f32(y, &eight, 32);
            for (int i = 0; i < 32; i++)
                ck_assert(y[i] == 0.5f * (float)(i * 8 - 128));
        }
    }
}
END_TEST

TEST(mxfp4__reads_floats_of_four_bits_and_rounds_to_the_nearest)
{
    static const float values[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    struct block_mxfp4 block = {.e = 128}, back; /* 2 */
    float y[32];
    for (int i = 0; i < 16; i++)
        block.q[i] = (uint8_t)(i | (15 - i) << 4);
    generic(KERNEL_TO_F32, VIV_MXFP4)->to_f32(y, &block, 32);
    for (int i = 0; i < 16; i++)
        ck_assert(y[i] == (i < 8 ? 2 : -2) * values[i % 8] && y[i + 16] == (i < 8 ? -2 : 2) * values[7 - i % 8]);
    generic(KERNEL_FROM_F32, VIV_MXFP4)->from_f32(&back, y, 32);
    block.q[8] &= 0xf0; /* of the two zeros, the positive one */
    block.q[7] &= 0x0f;
    ck_assert_int_eq(memcmp(&block, &back, sizeof back), 0);
    ck_assert(mxfp4_half_scale(0) == 0x1p-128f && mxfp4_half_scale(1) == 0x1p-127f &&
              mxfp4_half_scale(2) == 0x1p-126f);
    ck_assert(mxfp4_half_scale(255) == 0x1p127f);
}
END_TEST

TEST(to_f32__reads_the_types_that_no_layer_computes_with)
{
    static const double f64[] = {0.1, -1e300, 3};
    static const int64_t i64[] = {-3, INT64_C(1) << 40, 7};
    static const int8_t i8[] = {-128, 127, 0};
    static const uint8_t u8[] = {255, 0, 1}, e4m3[] = {0x38, 0x81, 0xfe, 0x7f}, e5m2[] = {0x3c, 0x81, 0xfb, 0x7c};
    float y[4];
    generic(KERNEL_TO_F32, VIV_F64)->to_f32(y, f64, 3);
    ck_assert(y[0] == 0.1f && isinf(y[1]) && y[1] < 0 && y[2] == 3);
    generic(KERNEL_TO_F32, VIV_I64)->to_f32(y, i64, 3);
    ck_assert(y[0] == -3 && y[1] == 0x1p40f && y[2] == 7);
    generic(KERNEL_TO_F32, VIV_I8)->to_f32(y, i8, 3);
    ck_assert(y[0] == -128 && y[1] == 127 && y[2] == 0);
    generic(KERNEL_TO_F32, VIV_U8)->to_f32(y, u8, 3);
    ck_assert(y[0] == 255 && y[1] == 0 && y[2] == 1);
    generic(KERNEL_TO_F32, VIV_F8_E4M3)->to_f32(y, e4m3, 4);
    ck_assert(y[0] == 1 && y[1] == -0x1p-9f && y[2] == -448 && isnan(y[3]));
    generic(KERNEL_TO_F32, VIV_F8_E5M2)->to_f32(y, e5m2, 4);
    ck_assert(y[0] == 1 && y[1] == -0x1p-16f && y[2] == -57344 && isinf(y[3]));
}
END_TEST

TEST(choice__is_by_rank_among_what_the_processor_has)
{
    ck_assert_str_eq(kernels_chosen(0, 0, KERNEL_RMS_NORM, 0)->name, "generic");
    for (int o = 0; o < N_KERNEL_OPERATIONS; o++) {
        const struct kernel *k = kernels_chosen(kernels_cpu(), 0, (enum kernel_operation)o, VIV_F16);
        ck_assert_ptr_nonnull(k);
        ck_assert_uint_eq(k->cpu & ~kernels_cpu(), 0);
        ck_assert_ptr_nonnull(kernels_operation_name((enum kernel_operation)o));
    }
    ck_assert_ptr_null(kernels_chosen(kernels_cpu(), 0, KERNEL_PRODUCT, VIV_I64));
    const viv_kernels *all = kernels_choose(kernels_cpu(), 0), *none = kernels_choose(0, 0);
    ck_assert_ptr_eq(all, kernels_choose(kernels_cpu(), 0));
    ck_assert_str_eq(none->product(none, VIV_F16)->name, "generic f16");
    ck_assert_str_eq(none->product(none, TYPE_FP8)->row_format, "f32");
    const viv_kernels *exact = kernels_choose(kernels_cpu(), KERNELS_F32_ACTIVATIONS);
    for (uint32_t dtype = 0; dtype < 128; dtype++) {
        const viv_product *product = exact->product(exact, dtype);
        ck_assert_int_eq(!product, !all->product(all, dtype));
        ck_assert(!product || strcmp(product->row_format, "f32") == 0);
    }
    ck_assert_ptr_null(all->product(all, VIV_BOOL));
    ck_assert_ptr_null(all->to_f32(VIV_BOOL));
    ck_assert_ptr_nonnull(all->from_f32(VIV_Q4_0));
}
END_TEST

TEST(choice__is_masked_by_the_environment)
{
    setenv("VIV_CPU", "generic", 1);
    ck_assert_uint_eq(kernels_cpu(), 0);
    setenv("VIV_CPU", "avx2", 1);
    ck_assert_uint_eq(kernels_cpu() & ~(uint64_t)VIV_CPU_AVX2, 0);
    unsetenv("VIV_CPU");
    ck_assert(*kernels_cpu_name());
    ck_assert_uint_eq(kernels_cpu_at_most("generic"), 0);
    ck_assert_uint_eq(kernels_cpu_at_most("avx2"), kernels_cpu() & VIV_CPU_AVX2);
    ck_assert_uint_eq(kernels_cpu_at_most("exact"), kernels_cpu());
    ck_assert_uint_eq(kernels_cpu_at_most(NULL), kernels_cpu());
    setenv("VIV_CPU", "generic", 1);
    ck_assert_uint_eq(kernels_cpu_at_most("avx2"), 0);
    unsetenv("VIV_CPU");
}
END_TEST

TESTS(rms_norm__is_generic_s, layer_norm__is_generic_s, add_and_scale__are_generic_s, softcap__is_cap_times_tanh,
      softmax__sums_to_one_and_survives_large_and_infinite_scores,
      activate_and_gate__are_the_functions_they_are_named_after, activate__of_the_extremes_is_a_limit_or_no_number,
      rotate__turns_pairs_and_keeps_their_length, f16__every_value_converts_there_and_back,
      from_f32__rounds_to_nearest_even_as_generic, q4_0__reads_low_nibbles_first_and_q8_0_reads_int8,
      mxfp4__reads_floats_of_four_bits_and_rounds_to_the_nearest,
      to_f32__reads_the_types_that_no_layer_computes_with, choice__is_by_rank_among_what_the_processor_has,
      choice__is_masked_by_the_environment)
