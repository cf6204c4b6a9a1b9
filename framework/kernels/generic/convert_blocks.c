/* convert_blocks.c - rows of block-quantized weights to f32, as the reference decodes them: rounded after each
 * operation, in the order (scale * sub) * value + min. */
#include "kernels/decode.h"
#include "kernels/kernels.h"

/* That of sixteen weights of a row: products round it where its neighbour's is much larger. */
DECODE_INLINE float nvfp4_scale_at(const void *row, uint64_t i)
{
    const struct nvfp4_scale s = nvfp4_scale(((const uint8_t *)row)[i / 4 * 36 + i % 4]);
    return (float)s.m * float_of_bits((uint32_t)(s.e + 116) << 23); /* m * 2^(e - 11) */
}

DECODE_INLINE void to_f32(uint32_t dtype, float *y, const void *x, uint64_t n)
{
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = n / BLOCK;
    struct decoded w;
    for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
        const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
        decode(dtype, x, first, blocks, &w);
        for (int i = 0; i < 2 * n_blocks; i++) {
            const float scale = dtype == TYPE_NVFP4 ? nvfp4_scale_at(x, first * 2 + (uint64_t)i)
                                : t.has_sub         ? w.scale[i / 2] * (float)w.sub[i]
                                                    : w.scale[i / 2];
            const float min = t.has_sub_min ? w.min[i / 2] * (float)w.sub_min[i] : t.has_min ? w.min[i / 2] : 0.0f;
            for (int j = 0; j < 16; j++) {
                const float value = scale * (float)(w.u[i * 16 + j] - t.offset);
                *y++ = t.has_min ? value + min : value;
            }
        }
    }
}

#define DEFINE_TO_F32(type, number)                                                                                \
    static void type##_to_f32(float *y, const void *x, uint64_t n)                                                 \
    {                                                                                                              \
        to_f32(number, y, x, n);                                                                                   \
    }
BLOCK_TYPES(DEFINE_TO_F32)

#define TO_F32(type, number)                                                                                       \
    {                                                                                                              \
        .operation = KERNEL_TO_F32, .name = "generic", .dtype = number, .to_f32 = type##_to_f32                    \
    }
const struct kernel kernel_generic_q4_0_to_f32 = TO_F32(q4_0, VIV_Q4_0);
const struct kernel kernel_generic_q4_1_to_f32 = TO_F32(q4_1, TYPE_Q4_1);
const struct kernel kernel_generic_q5_0_to_f32 = TO_F32(q5_0, TYPE_Q5_0);
const struct kernel kernel_generic_q5_1_to_f32 = TO_F32(q5_1, TYPE_Q5_1);
const struct kernel kernel_generic_q8_0_to_f32 = TO_F32(q8_0, VIV_Q8_0);
const struct kernel kernel_generic_q2_k_to_f32 = TO_F32(q2_k, TYPE_Q2_K);
const struct kernel kernel_generic_q3_k_to_f32 = TO_F32(q3_k, TYPE_Q3_K);
const struct kernel kernel_generic_q4_k_to_f32 = TO_F32(q4_k, TYPE_Q4_K);
const struct kernel kernel_generic_q5_k_to_f32 = TO_F32(q5_k, TYPE_Q5_K);
const struct kernel kernel_generic_q6_k_to_f32 = TO_F32(q6_k, TYPE_Q6_K);
const struct kernel kernel_generic_iq1_s_to_f32 = TO_F32(iq1_s, TYPE_IQ1_S);
const struct kernel kernel_generic_iq1_m_to_f32 = TO_F32(iq1_m, TYPE_IQ1_M);
const struct kernel kernel_generic_iq2_xxs_to_f32 = TO_F32(iq2_xxs, TYPE_IQ2_XXS);
const struct kernel kernel_generic_iq2_xs_to_f32 = TO_F32(iq2_xs, TYPE_IQ2_XS);
const struct kernel kernel_generic_iq2_s_to_f32 = TO_F32(iq2_s, TYPE_IQ2_S);
const struct kernel kernel_generic_iq3_xxs_to_f32 = TO_F32(iq3_xxs, TYPE_IQ3_XXS);
const struct kernel kernel_generic_iq3_s_to_f32 = TO_F32(iq3_s, TYPE_IQ3_S);
const struct kernel kernel_generic_iq4_nl_to_f32 = TO_F32(iq4_nl, TYPE_IQ4_NL);
const struct kernel kernel_generic_iq4_xs_to_f32 = TO_F32(iq4_xs, TYPE_IQ4_XS);
const struct kernel kernel_generic_tq1_0_to_f32 = TO_F32(tq1_0, TYPE_TQ1_0);
const struct kernel kernel_generic_tq2_0_to_f32 = TO_F32(tq2_0, TYPE_TQ2_0);
const struct kernel kernel_generic_q1_0_to_f32 = TO_F32(q1_0, TYPE_Q1_0);
const struct kernel kernel_generic_q2_0_to_f32 = TO_F32(q2_0, TYPE_Q2_0);
const struct kernel kernel_generic_mxfp4_to_f32 = TO_F32(mxfp4, VIV_MXFP4);
const struct kernel kernel_generic_nvfp4_to_f32 = TO_F32(nvfp4, TYPE_NVFP4);
