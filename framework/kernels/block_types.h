/* block_types.h - the block-quantized types that there are kernels for: their numbers, names and traits. decode.h
 * says what the traits mean. */
#ifndef KERNELS_BLOCK_TYPES_H
#define KERNELS_BLOCK_TYPES_H

#include "kernels/blocks.h"

#include <vivarium/tensor.h>

/* The numbers of GGML's types that are not in vivarium/tensor.h. */
enum {
    TYPE_Q4_1 = 3,
    TYPE_Q5_0 = 6,
    TYPE_Q5_1 = 7,
    TYPE_Q2_K = 10,
    TYPE_Q3_K = 11,
    TYPE_Q4_K = 12,
    TYPE_Q5_K = 13,
    TYPE_Q6_K = 14,
    TYPE_IQ2_XXS = 16,
    TYPE_IQ2_XS = 17,
    TYPE_IQ3_XXS = 18,
    TYPE_IQ1_S = 19,
    TYPE_IQ4_NL = 20,
    TYPE_IQ3_S = 21,
    TYPE_IQ2_S = 22,
    TYPE_IQ4_XS = 23,
    TYPE_IQ1_M = 29,
    TYPE_TQ1_0 = 34,
    TYPE_TQ2_0 = 35,
    TYPE_NVFP4 = 40,
    TYPE_Q1_0 = 41,
    TYPE_Q2_0 = 42
};

/* Types of our own, for weights that safetensors files have in parts (formats/packed/); a block is 32 weights. They
 * follow the numbers of vivarium/tensor.h, and occur in no file. */
enum {
    TYPE_INT4 = 78,      /* scale * (q - zero) */
    TYPE_INT8 = 79,      /* scale * q */
    TYPE_UINT8 = 80,     /* scale * (q - 128) + min */
    TYPE_NF4 = 81,       /* scale * nf4_values[q] */
    TYPE_BNB_FP4 = 82,   /* scale * bnb_fp4_values[q] */
    TYPE_NVFP4_F32 = 83, /* scale[i / 16] * the value of a 4-bit float */
    TYPE_FP8 = 84,       /* scale * the value of an 8-bit float: has no decoded form, only decode_floats */
    TYPE_UINT4 = 85      /* scale * (q - 8) + min */
};

/* X(name, number) for each type of GGML. */
#define GGML_BLOCK_TYPES(X)                                                                                        \
    X(q4_0, VIV_Q4_0)                                                                                              \
    X(q4_1, TYPE_Q4_1)                                                                                             \
    X(q5_0, TYPE_Q5_0)                                                                                             \
    X(q5_1, TYPE_Q5_1)                                                                                             \
    X(q8_0, VIV_Q8_0)                                                                                              \
    X(q2_k, TYPE_Q2_K)                                                                                             \
    X(q3_k, TYPE_Q3_K)                                                                                             \
    X(q4_k, TYPE_Q4_K)                                                                                             \
    X(q5_k, TYPE_Q5_K)                                                                                             \
    X(q6_k, TYPE_Q6_K)                                                                                             \
    X(iq1_s, TYPE_IQ1_S)                                                                                           \
    X(iq1_m, TYPE_IQ1_M)                                                                                           \
    X(iq2_xxs, TYPE_IQ2_XXS)                                                                                       \
    X(iq2_xs, TYPE_IQ2_XS)                                                                                         \
    X(iq2_s, TYPE_IQ2_S)                                                                                           \
    X(iq3_xxs, TYPE_IQ3_XXS)                                                                                       \
    X(iq3_s, TYPE_IQ3_S)                                                                                           \
    X(iq4_nl, TYPE_IQ4_NL)                                                                                         \
    X(iq4_xs, TYPE_IQ4_XS)                                                                                         \
    X(tq1_0, TYPE_TQ1_0)                                                                                           \
    X(tq2_0, TYPE_TQ2_0)                                                                                           \
    X(q1_0, TYPE_Q1_0)                                                                                             \
    X(q2_0, TYPE_Q2_0)                                                                                             \
    X(mxfp4, VIV_MXFP4)                                                                                            \
    X(nvfp4, TYPE_NVFP4)

/* Of our own. */
#define OWN_BLOCK_TYPES(X)                                                                                         \
    X(int4, TYPE_INT4)                                                                                             \
    X(int8, TYPE_INT8)                                                                                             \
    X(uint8, TYPE_UINT8)                                                                                           \
    X(uint4, TYPE_UINT4)                                                                                           \
    X(nf4, TYPE_NF4)                                                                                               \
    X(bnb_fp4, TYPE_BNB_FP4)                                                                                       \
    X(nvfp4_f32, TYPE_NVFP4_F32)

#define BLOCK_TYPES(X) GGML_BLOCK_TYPES(X) OWN_BLOCK_TYPES(X)

/* And that which is decoded to floats alone. */
#define FLOAT_BLOCK_TYPES(X)                                                                                       \
    BLOCK_TYPES(X)                                                                                                 \
    X(fp8, TYPE_FP8)

/* What a product chooses its instructions by. */
struct block_type {
    uint32_t dtype;
    uint16_t block, bytes; /* weights and bytes of a block of the type */
    uint8_t bits;          /* of u */
    uint8_t offset;        /* a power of two, or 0 */
    uint8_t has_min, has_sub, has_sub_min;
};

static inline __attribute__((always_inline)) struct block_type block_type(uint32_t dtype)
{
    switch (dtype) {
    case VIV_Q4_0:
        return (struct block_type){dtype, 32, 18, 4, 8, 0, 0, 0};
    case TYPE_Q4_1:
        return (struct block_type){dtype, 32, 20, 4, 0, 1, 0, 0};
    case TYPE_Q5_0:
        return (struct block_type){dtype, 32, 22, 5, 16, 0, 0, 0};
    case TYPE_Q5_1:
        return (struct block_type){dtype, 32, 24, 5, 0, 1, 0, 0};
    case VIV_Q8_0:
        return (struct block_type){dtype, 32, 34, 8, 128, 0, 0, 0};
    case TYPE_Q2_K:
        return (struct block_type){dtype, 256, 84, 2, 0, 1, 1, 1};
    case TYPE_Q3_K:
        return (struct block_type){dtype, 256, 110, 3, 4, 0, 1, 0};
    case TYPE_Q4_K:
        return (struct block_type){dtype, 256, 144, 4, 0, 1, 0, 0};
    case TYPE_Q5_K:
        return (struct block_type){dtype, 256, 176, 5, 0, 1, 0, 0};
    case TYPE_Q6_K:
        return (struct block_type){dtype, 256, 210, 6, 32, 0, 1, 0};
    case TYPE_IQ2_XXS:
        return (struct block_type){dtype, 256, 66, 7, 64, 0, 0, 0};
    case TYPE_IQ2_XS:
        return (struct block_type){dtype, 256, 74, 7, 64, 0, 1, 0};
    case TYPE_IQ3_XXS:
        return (struct block_type){dtype, 256, 98, 6, 32, 0, 0, 0};
    case TYPE_IQ1_S:
        return (struct block_type){dtype, 256, 50, 5, 16, 0, 0, 0};
    case TYPE_IQ4_NL:
        return (struct block_type){dtype, 32, 18, 8, 128, 0, 0, 0};
    case TYPE_IQ3_S:
        return (struct block_type){dtype, 256, 110, 5, 16, 0, 0, 0};
    case TYPE_IQ2_S:
        return (struct block_type){dtype, 256, 82, 7, 64, 0, 1, 0};
    case TYPE_IQ4_XS:
        return (struct block_type){dtype, 256, 136, 8, 128, 0, 0, 0};
    case TYPE_IQ1_M:
        return (struct block_type){dtype, 256, 56, 5, 16, 0, 1, 0};
    case TYPE_TQ1_0:
        return (struct block_type){dtype, 256, 54, 2, 1, 0, 0, 0};
    case TYPE_TQ2_0:
        return (struct block_type){dtype, 256, 66, 2, 1, 0, 0, 0};
    case TYPE_NVFP4:
        return (struct block_type){dtype, 64, 36, 5, 16, 0, 1, 0};
    case TYPE_Q1_0:
        return (struct block_type){dtype, 128, 18, 2, 1, 0, 0, 0};
    case TYPE_Q2_0:
        return (struct block_type){dtype, 64, 18, 2, 1, 0, 0, 0};
    case TYPE_INT4:
        return (struct block_type){dtype, 32, sizeof(struct block_int4), 5, 16, 0, 0, 0};
    case TYPE_INT8:
        return (struct block_type){dtype, 32, sizeof(struct block_int8), 8, 128, 0, 0, 0};
    case TYPE_UINT8:
        return (struct block_type){dtype, 32, sizeof(struct block_uint8), 8, 128, 1, 0, 0};
    case TYPE_UINT4:
        return (struct block_type){dtype, 32, sizeof(struct block_uint4), 4, 8, 1, 0, 0};
    case TYPE_NF4:
    case TYPE_BNB_FP4:
        return (struct block_type){dtype, 32, sizeof(struct block_code4), 8, 128, 0, 0, 0};
    case TYPE_NVFP4_F32:
        return (struct block_type){dtype, 32, sizeof(struct block_nvfp4_f32), 5, 16, 0, 1, 0};
    case TYPE_FP8:
        return (struct block_type){dtype, 32, sizeof(struct block_fp8), 8, 0, 0, 0, 0};
    default: /* VIV_MXFP4 */
        return (struct block_type){dtype, 32, 17, 5, 16, 0, 0, 0};
    }
}

#endif
