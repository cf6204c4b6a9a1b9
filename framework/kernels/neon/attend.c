/* attend.c - attention with vectors of four: 24 sums, 10 loads per 24 multiply-adds. */
#include <arm_neon.h>
#include <stdint.h>

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
