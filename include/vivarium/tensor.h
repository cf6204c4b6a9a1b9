/* tensor.h - element types and tensors.
 *
 * Numbers of types are those of GGML where it has the type (so that a GGUF file needs no translation),
 * and start at 64 where only safetensors has it. Sources: the GGUF document of ggml, the safetensors
 * README, DLPack 1.1 (viv_dltensor is its DLTensor, byte for byte). */
#ifndef VIVARIUM_TENSOR_H
#define VIVARIUM_TENSOR_H

#include <vivarium/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    VIV_F32 = 0,
    VIV_F16 = 1,
    VIV_Q4_0 = 2, /* 32 weights: f16 scale, 16 bytes; weight j = low nibble of byte j, j+16 = its high nibble */
    VIV_Q8_0 = 8, /* 32 weights: f16 scale, 32 int8 */
    VIV_I8 = 24,
    VIV_I16 = 25,
    VIV_I32 = 26,
    VIV_I64 = 27,
    VIV_F64 = 28,
    VIV_BF16 = 30,
    VIV_MXFP4 = 39, /* 32 weights: scale 2^(byte - 127), 16 bytes of 4-bit floats (1, 2, 1 bits), nibbles as in Q4_0 */
    VIV_BOOL = 64,
    VIV_U8 = 65,
    VIV_U16 = 66,
    VIV_U32 = 67,
    VIV_U64 = 68,
    VIV_F8_E4M3 = 69,
    VIV_F8_E5M2 = 70
    /* the remaining GGML types are known by name only: see framework/tensor/dtype.c */
};

/* DLPack's DLTensor. Frozen. */
typedef struct viv_dltensor {
    void *data;
    int32_t device_type, device_id; /* 1, 0: this machine's memory */
    int32_t ndim;
    uint8_t code, bits; /* DLPack's type code; 3 (opaque handle) for block-quantized types */
    uint16_t lanes;
    int64_t *shape;   /* outermost first, as numpy prints it */
    int64_t *strides; /* in elements; never NULL when ndim > 0 */
    uint64_t byte_offset;
} viv_dltensor;

/* A tensor, dense and contiguous. The data of a weight is mapped read-only from its file. */
typedef struct viv_tensor {
    uint32_t struct_size;
    uint32_t dtype; /* VIV_F32 ... */
    viv_dltensor dl;
    uint64_t nbytes;
    uint64_t row_bytes; /* bytes of one innermost row: shape[ndim - 1] elements */
    const char *name;   /* as the file calls it */
} viv_tensor;

#if UINTPTR_MAX == UINT64_MAX
VIV_STATIC_ASSERT(sizeof(viv_dltensor) == 48, "frozen");
VIV_STATIC_ASSERT(offsetof(viv_tensor, dl) == 8, "0.1");
#endif

#ifdef __cplusplus
}
#endif
#endif
