/* npy.h - arrays as numpy reads them: NPY 1.0, little-endian float32, C order (NEP 1). */
#ifndef CLI_NPY_H
#define CLI_NPY_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/* The header of a float32 array [rows, columns] and room for its elements: *data lives as long as *out is not
 * appended to. */
viv_status npy_begin(struct buf *out, uint64_t rows, uint64_t columns, float **data, struct error *err);

/* The same for 2 to 4 dimensions. */
viv_status npy_begin_array(struct buf *out, const uint64_t *shape, uint32_t n_dims, float **data,
                           struct error *err);

#endif
