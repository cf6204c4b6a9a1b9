/* dtype.h - the element types: what the file formats call them, how large their blocks are. */
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include <stdbool.h>
#include <vivarium/tensor.h>

struct dtype {
    const char *name;        /* "q8_0", "q4_k": GGML's in small letters */
    const char *safetensors; /* "F16", or NULL where that format lacks it */
    uint16_t block;          /* elements per block; 1 for plain types */
    uint16_t block_bytes;
    uint8_t dlpack_code, dlpack_bits; /* code 3 for block-quantized types */
};

/* NULL for a number that names no type. A type that exists need not be one we can compute with. */
const struct dtype *dtype_get(uint32_t id);
bool dtype_by_name(const char *name, uint32_t *id);        /* "q8_0", "Q4_K": large and small letters alike */
bool dtype_by_safetensors(const char *name, uint32_t *id); /* "F16" */

/* Bytes of n elements; false when n is no multiple of the block or the size wraps. */
bool dtype_bytes(uint32_t id, uint64_t n, uint64_t *bytes);

/* Fills a tensor over `data`. shape and strides must outlive it (strides: [ndim], written here). False when sizes
 * wrap. */
bool tensor_init(viv_tensor *t, const char *name, uint32_t dtype, uint32_t ndim, int64_t *shape, int64_t *strides,
                 const void *data);

/* Whether two tensors are of one type and shape, and hold the same bytes. Reads both, as far as they agree. */
bool tensor_same(const viv_tensor *a, const viv_tensor *b);

/* "[4096, 1024]" into out. */
const char *tensor_shape_text(const int64_t *shape, uint32_t ndim, char out[128]);

#endif
