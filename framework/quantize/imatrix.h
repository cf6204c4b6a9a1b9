/* imatrix.h - an importance matrix: for each linear layer of a model, how large its inputs are on a calibration
 * text.
 *
 *   importance[expert][i] = sum over rows of x[i]^2 / number of rows        1 for an expert that got no row
 *
 * Two formats are read, both of llama-imatrix: a GGUF file with tensors NAME.in_sum2 [n_experts, n_in] and
 * NAME.counts [n_experts, 1], where NAME is that of the weight in GGUF; and the older .dat file. */
#ifndef QUANTIZE_IMATRIX_H
#define QUANTIZE_IMATRIX_H

#include "formats/checkpoint.h"

struct imatrix_entry {
    const char *name;
    uint64_t n_values; /* n_experts * n_in */
    const float *values;
};

struct imatrix {
    const char *path; /* as given: borrowed */
    struct imatrix_entry *entries;
    uint32_t n, capacity;
    uint64_t n_chunks;   /* of the calibration text; 0: not known */
    const char *dataset; /* its name, or NULL */
    struct arena arena;
    struct strmap by_name;
};

/* Everything is copied and checked: values are finite and not negative. imatrix_release in any case. */
viv_status imatrix_read(struct imatrix *m, const char *path, struct error *err);
void imatrix_release(struct imatrix *m);
const struct imatrix_entry *imatrix_find(const struct imatrix *m, const char *name); /* or NULL */

/* Refuses a matrix that is not of this model: entries for weights that it does not have or whose rows have another
 * length. */
viv_status imatrix_check(const struct imatrix *m, const struct checkpoint *model, struct error *err);

#endif
