/* Products by AVX-VNNI against generic, on processors without it, too: its one instruction is written with those of
 * AVX2. */
#ifdef __AVX2__
#include <immintrin.h>

static inline __attribute__((always_inline)) __m256i dot_bytes(__m256i to, __m256i u, __m256i q)
{
    const __m256i low = _mm256_set1_epi16(0xff);
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(u, low), _mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(u, 8), _mm256_srai_epi16(q, 8));
    return _mm256_add_epi32(to, _mm256_add_epi32(even, odd));
}
#define DOT_BYTES(to, u, q) dot_bytes(to, u, q)
#include "kernels/tile_avx2.h"

/* Of every form: with and without an offset, mins, scales of half a block; of two to eight bits. */
#define SOME_TYPES(X)                                                                                              \
    X(q4_0, VIV_Q4_0)                                                                                              \
    X(q5_1, TYPE_Q5_1)                                                                                             \
    X(q8_0, VIV_Q8_0)                                                                                              \
    X(q2_k, TYPE_Q2_K)                                                                                             \
    X(q4_k, TYPE_Q4_K)                                                                                             \
    X(q6_k, TYPE_Q6_K)                                                                                             \
    X(iq2_xs, TYPE_IQ2_XS)                                                                                         \
    X(uint8, TYPE_UINT8)

#define PRODUCT(type, number) BLOCK_PRODUCT(emulated, "emulated avx_vnni", 64, 0, VIV_CPU_AVX2, type, number)
#define DECLARE(type, number) extern const struct kernel kernel_emulated_product_##type;
SOME_TYPES(DECLARE)
SOME_TYPES(PRODUCT)
#define LACK                (kernels_cpu() & VIV_CPU_AVX2 ? NULL : "this processor has no AVX2")
#define ENTRY(type, number) &kernel_emulated_product_##type,
#else
#define LACK "AVX-VNNI belongs to x86"
#define SOME_TYPES(X)
#define ENTRY(type, number)
#endif

#include "kernels/trial.h"

static const struct kernel *const kernels[] = {SOME_TYPES(ENTRY) NULL};

TEST(avx_vnni__products_are_generic_to_the_bit)
{
    static const uint64_t outputs[] = {1, 7, 16, 33, 70}, rows[] = {1, 2, 3, 4, 7, 130};
    for (const struct kernel *const *k = kernels; *k; k++)
        for (size_t i = 0; i < 5; i++)
            for (size_t j = 0; j < 6; j++) {
                struct trial t = trial_make((*k)->product, outputs[i],
                                            block_type((*k)->dtype).block == 32 ? 2080 : 2304, rows[j]);
                check_exact(&t);
                for (uint64_t b = 0; b < t.n * t.w_stride; b++) /* scales of any bits */
                    t.w[b] = (char)(int)(uniform() * 255.0f);
                check_exact(&t);
                trial_release(&t);
            }
}
END_TEST

TESTS_UNLESS(LACK, avx_vnni__products_are_generic_to_the_bit)
