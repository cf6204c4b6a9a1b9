/* dtype.c - numbers, blocks and sizes of GGML's types as ggml.h and ggml-common.h of 2026 define them; names of the
 * others as the safetensors README has them. */
#include "tensor/dtype.h"

#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    DL_INT = 0,
    DL_UINT = 1,
    DL_FLOAT = 2,
    DL_OPAQUE = 3,
    DL_BFLOAT = 4,
    DL_COMPLEX = 5,
    DL_BOOL = 6,
    N_TYPES = 86
};

#define BLOCKS(type_name, elements, bytes)                                                                         \
    {                                                                                                              \
        type_name, NULL, elements, bytes, DL_OPAQUE, 0                                                             \
    }
#define PACKED(type_name, st_name, elements, bytes)                                                                \
    {                                                                                                              \
        type_name, st_name, elements, bytes, DL_OPAQUE, 0                                                          \
    }
#define PLAIN(type_name, st_name, bytes, dl_code, dl_bits)                                                         \
    {                                                                                                              \
        type_name, st_name, 1, bytes, dl_code, dl_bits                                                             \
    }

static const struct dtype types[N_TYPES] = {
    [VIV_F32] = PLAIN("f32", "F32", 4, DL_FLOAT, 32),
    [VIV_F16] = PLAIN("f16", "F16", 2, DL_FLOAT, 16),
    [VIV_Q4_0] = BLOCKS("q4_0", 32, 18),
    [3] = BLOCKS("q4_1", 32, 20),
    [6] = BLOCKS("q5_0", 32, 22),
    [7] = BLOCKS("q5_1", 32, 24),
    [VIV_Q8_0] = BLOCKS("q8_0", 32, 34),
    [9] = BLOCKS("q8_1", 32, 36),
    [10] = BLOCKS("q2_k", 256, 84),
    [11] = BLOCKS("q3_k", 256, 110),
    [12] = BLOCKS("q4_k", 256, 144),
    [13] = BLOCKS("q5_k", 256, 176),
    [14] = BLOCKS("q6_k", 256, 210),
    [15] = BLOCKS("q8_k", 256, 292),
    [16] = BLOCKS("iq2_xxs", 256, 66),
    [17] = BLOCKS("iq2_xs", 256, 74),
    [18] = BLOCKS("iq3_xxs", 256, 98),
    [19] = BLOCKS("iq1_s", 256, 50),
    [20] = BLOCKS("iq4_nl", 32, 18),
    [21] = BLOCKS("iq3_s", 256, 110),
    [22] = BLOCKS("iq2_s", 256, 82),
    [23] = BLOCKS("iq4_xs", 256, 136),
    [VIV_I8] = PLAIN("i8", "I8", 1, DL_INT, 8),
    [VIV_I16] = PLAIN("i16", "I16", 2, DL_INT, 16),
    [VIV_I32] = PLAIN("i32", "I32", 4, DL_INT, 32),
    [VIV_I64] = PLAIN("i64", "I64", 8, DL_INT, 64),
    [VIV_F64] = PLAIN("f64", "F64", 8, DL_FLOAT, 64),
    [29] = BLOCKS("iq1_m", 256, 56),
    [VIV_BF16] = PLAIN("bf16", "BF16", 2, DL_BFLOAT, 16),
    [34] = BLOCKS("tq1_0", 256, 54),
    [35] = BLOCKS("tq2_0", 256, 66),
    [VIV_MXFP4] = BLOCKS("mxfp4", 32, 17),
    [40] = BLOCKS("nvfp4", 64, 36),
    [41] = BLOCKS("q1_0", 128, 18),
    [42] = BLOCKS("q2_0", 64, 18),
    [VIV_BOOL] = PLAIN("bool", "BOOL", 1, DL_BOOL, 8),
    [VIV_U8] = PLAIN("u8", "U8", 1, DL_UINT, 8),
    [VIV_U16] = PLAIN("u16", "U16", 2, DL_UINT, 16),
    [VIV_U32] = PLAIN("u32", "U32", 4, DL_UINT, 32),
    [VIV_U64] = PLAIN("u64", "U64", 8, DL_UINT, 64),
    [VIV_F8_E4M3] = PLAIN("f8_e4m3", "F8_E4M3", 1, DL_OPAQUE, 8),
    [VIV_F8_E5M2] = PLAIN("f8_e5m2", "F8_E5M2", 1, DL_OPAQUE, 8),
    /* known by name only */
    [71] = PLAIN("f8_e8m0", "F8_E8M0", 1, DL_OPAQUE, 8),
    [72] = PLAIN("f8_e4m3fnuz", "F8_E4M3FNUZ", 1, DL_OPAQUE, 8),
    [73] = PLAIN("f8_e5m2fnuz", "F8_E5M2FNUZ", 1, DL_OPAQUE, 8),
    [74] = PLAIN("c64", "C64", 8, DL_COMPLEX, 64),
    [75] = PACKED("f4", "F4", 2, 1),
    [76] = PACKED("f6_e2m3", "F6_E2M3", 4, 3),
    [77] = PACKED("f6_e3m2", "F6_E3M2", 4, 3),
    /* of our own, for what safetensors files have in parts: kernels/decode.h */
    [78] = BLOCKS("int4", 32, 20),
    [79] = BLOCKS("int8", 32, 36),
    [80] = BLOCKS("uint8", 32, 40),
    [81] = BLOCKS("nf4", 32, 20),
    [82] = BLOCKS("bnb_fp4", 32, 20),
    [83] = BLOCKS("nvfp4_f32", 32, 24),
    [84] = BLOCKS("fp8", 32, 36),
    [85] = BLOCKS("uint4", 32, 24),
};

const struct dtype *dtype_get(uint32_t id)
{
    return id < N_TYPES && types[id].name ? &types[id] : NULL;
}

bool dtype_by_name(const char *name, uint32_t *id)
{
    for (uint32_t i = 0; i < N_TYPES; i++)
        if (types[i].name && strcasecmp(types[i].name, name) == 0) {
            *id = i;
            return true;
        }
    return false;
}

bool dtype_by_safetensors(const char *name, uint32_t *id)
{
    for (uint32_t i = 0; i < N_TYPES; i++)
        if (types[i].safetensors && strcmp(types[i].safetensors, name) == 0) {
            *id = i;
            return true;
        }
    return false;
}

bool dtype_bytes(uint32_t id, uint64_t n, uint64_t *bytes)
{
    const struct dtype *d = dtype_get(id);
    return d && n % d->block == 0 && size_mul(n / d->block, d->block_bytes, bytes);
}

bool tensor_init(viv_tensor *t, const char *name, uint32_t dtype, uint32_t ndim, int64_t *shape, int64_t *strides,
                 const void *data)
{
    const struct dtype *d = dtype_get(dtype);
    uint64_t elems = 1, nbytes, row_bytes;
    for (uint32_t i = ndim; i-- > 0;) {
        strides[i] = (int64_t)elems;
        if (shape[i] < 0 || !size_mul(elems, (uint64_t)shape[i], &elems) || elems > INT64_MAX)
            return false;
    }
    if (!d || !dtype_bytes(dtype, ndim ? (uint64_t)shape[ndim - 1] : 1, &row_bytes) ||
        !dtype_bytes(dtype, elems, &nbytes))
        return false;
    *t = (viv_tensor){.struct_size = sizeof *t,
                      .dtype = dtype,
                      .dl = {.data = (void *)data,
                             .device_type = 1,
                             .ndim = (int32_t)ndim,
                             .code = d->dlpack_code,
                             .bits = d->dlpack_bits,
                             .lanes = 1,
                             .shape = shape,
                             .strides = strides},
                      .nbytes = nbytes,
                      .row_bytes = row_bytes,
                      .name = name};
    return true;
}

bool tensor_same(const viv_tensor *a, const viv_tensor *b)
{
    if (a == b)
        return true;
    if (a->dtype != b->dtype || a->dl.ndim != b->dl.ndim || a->nbytes != b->nbytes || !a->dl.data || !b->dl.data)
        return false;
    for (int32_t i = 0; i < a->dl.ndim; i++)
        if (a->dl.shape[i] != b->dl.shape[i])
            return false;
    return memcmp(a->dl.data, b->dl.data, a->nbytes) == 0;
}

const char *tensor_shape_text(const int64_t *shape, uint32_t ndim, char out[128])
{
    size_t n = (size_t)snprintf(out, 128, "[");
    for (uint32_t i = 0; i < ndim && n < 100; i++)
        n += (size_t)snprintf(out + n, 128 - n, i ? ", %" PRId64 : "%" PRId64, shape[i]);
    snprintf(out + n, 128 - n, "]");
    return out;
}
