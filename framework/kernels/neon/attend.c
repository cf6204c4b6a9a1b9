/* attend.c - attention with vectors of four: 24 sums, 10 loads per 24 multiply-adds. */
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef float32x4_t vec;
enum { LANES = 4, VECTORS = 4 };

static inline vec vec_load(const float *x)
{
    return vld1q_f32(x);
}

static inline vec vec_load_f16(const uint16_t *x)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x)));
}

/* Four bytes in the low half. */
static inline uint8x8_t four_bytes(const uint8_t *x)
{
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return vreinterpret_u8_u32(vdup_n_u32(word));
}

static inline vec vec_load_i8(const uint8_t *x)
{
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(four_bytes(x))))));
}

static inline vec vec_load_i4(const uint8_t *x, int high)
{
    const uint8x8_t bytes = four_bytes(x), u = high ? vshr_n_u8(bytes, 4) : vand_u8(bytes, vdup_n_u8(15));
    const int8x8_t i = vsub_s8(vreinterpret_s8_u8(u), vdup_n_s8(8));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(i))));
}

static inline vec vec_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}

static inline void vec_store(float *x, vec v)
{
    vst1q_f32(x, v);
}

static inline vec vec_set1(float x)
{
    return vdupq_n_f32(x);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}

static inline float vec_sum(vec v)
{
    return vaddvq_f32(v);
}

#include "kernels/attend_wide.h"

const struct kernel kernel_neon_attend = {.operation = KERNEL_ATTEND,
                                          .rank = 20,
                                          .name = "neon",
                                          .cpu = VIV_CPU_NEON,
                                          .attend = attend,
                                          .attend_scratch_bytes = attend_scratch_bytes};
