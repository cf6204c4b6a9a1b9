/* calibrate.h - makes an importance matrix: sums of squares of the inputs of each weight, while a model reads a
 * text.
 *
 *   struct calibration c;
 *   calibration_begin(&c, checkpoint)     then products report to calibration_see (kernels/observe.h)
 *   calibration_write(&c, path, ...)      as imatrix.h describes the GGUF file
 *
 * A weight is recognised by the address of its first row: that of a tensor in the mapped file, or of one of its
 * experts. What is computed from copies (merged adapters, parts of a fused tensor but the first) is not seen. */
#ifndef QUANTIZE_CALIBRATE_H
#define QUANTIZE_CALIBRATE_H

#include "formats/checkpoint.h"

#include <pthread.h>
#include <vivarium/kernels.h>

struct calibration_entry {
    const viv_tensor *tensor;
    uint64_t n_experts, n_in;
    double *sums;     /* [n_experts, n_in] */
    uint64_t *counts; /* [n_experts] rows */
};

struct calibration {
    const struct checkpoint *model;
    struct calibration_entry *entries; /* [n] by address */
    uint32_t n;
    pthread_mutex_t lock;
};

/* Of a GGUF model. calibration_release in any case. */
viv_status calibration_begin(struct calibration *c, const struct checkpoint *model, struct error *err);
void calibration_see(void *calibration, const viv_matmul *m); /* [any thread] */
/* Fails where nothing was seen, or a sum is not finite. *n_entries: weights that were seen. */
viv_status calibration_write(const struct calibration *c, const char *path, const char *dataset, uint64_t n_chunks,
                             uint64_t chunk_size, uint32_t *n_entries, struct error *err);
void calibration_release(struct calibration *c);

#endif
