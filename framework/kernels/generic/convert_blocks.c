/* convert_blocks.c - rows of block-quantized weights to f32. */
#include "kernels/decode_floats.h"
#include "kernels/kernels.h"

#define DEFINE_TO_F32(type, number)                                                                                \
    static void type##_to_f32(float *y, const void *x, uint64_t n)                                                 \
    {                                                                                                              \
        decode_floats(number, y, x, n);                                                                            \
    }
FLOAT_BLOCK_TYPES(DEFINE_TO_F32)

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
const struct kernel kernel_generic_int4_to_f32 = TO_F32(int4, TYPE_INT4);
const struct kernel kernel_generic_int8_to_f32 = TO_F32(int8, TYPE_INT8);
const struct kernel kernel_generic_uint8_to_f32 = TO_F32(uint8, TYPE_UINT8);
const struct kernel kernel_generic_nf4_to_f32 = TO_F32(nf4, TYPE_NF4);
const struct kernel kernel_generic_bnb_fp4_to_f32 = TO_F32(bnb_fp4, TYPE_BNB_FP4);
const struct kernel kernel_generic_nvfp4_f32_to_f32 = TO_F32(nvfp4_f32, TYPE_NVFP4_F32);
const struct kernel kernel_generic_fp8_to_f32 = TO_F32(fp8, TYPE_FP8);
