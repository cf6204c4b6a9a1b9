/* npy.c - see npy.h. */
#include "cli/npy.h"

#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "arrays are written as they lie in memory: little-endian"
#endif

viv_status npy_begin_array(struct buf *out, const uint64_t *shape, uint32_t n_dims, float **data, struct error *err)
{
    enum {
        HEADER = 128,
        LENGTH = HEADER - 10
    }; /* a multiple of 64: the elements are then aligned in a mapped file */
    char dictionary[LENGTH + 1], header[HEADER];
    uint64_t bytes = sizeof(float);
    int at = snprintf(dictionary, sizeof dictionary, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (uint32_t i = 0; i < n_dims; i++) {
        if (at >= LENGTH - 30 || !size_mul(bytes, shape[i], &bytes))
            return error_set(err, VIV_ELIMIT, "an array of %" PRIu64 " and more numbers is too large", bytes);
        at += snprintf(dictionary + at, sizeof dictionary - (size_t)at, "%s%" PRIu64, i ? ", " : "", shape[i]);
    }
    snprintf(dictionary + at, sizeof dictionary - (size_t)at, "), }");
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = LENGTH;
    header[9] = 0;
    memset(header + 10, ' ', LENGTH);
    memcpy(header + 10, dictionary, strlen(dictionary));
    header[HEADER - 1] = '\n';
    if (!buf_append(out, header, HEADER) || !(*data = buf_grow(out, bytes)))
        return error_nomem(err);
    return VIV_OK;
}

viv_status npy_begin(struct buf *out, uint64_t rows, uint64_t columns, float **data, struct error *err)
{
    return npy_begin_array(out, (const uint64_t[]){rows, columns}, 2, data, err);
}
