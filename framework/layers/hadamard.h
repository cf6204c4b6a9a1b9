/* hadamard.h - rotation by the Hadamard matrix, for features that are quantized in blocks.
 *
 *   H_1 = [1],   H_2n = 1 / sqrt(2) [H_n  H_n]
 *                                   [H_n -H_n]
 *
 * H is symmetric and orthonormal: H H = 1, and (H q) . (H k) = q . k. A large feature among small ones is spread
 * over all features of the rotated vector, so that the scale of a block of few bits does not follow a single
 * outlier (QuaRot, Ashkboos et al. 2024). The fast Walsh-Hadamard transform takes n log2(n) additions. */
#ifndef LAYERS_HADAMARD_H
#define LAYERS_HADAMARD_H

#include <stdint.h>

enum { HADAMARD_MOST = 256 };

/* The order of the matrix for n features: the largest power of two that divides n, at most HADAMARD_MOST. */
uint64_t hadamard_order(uint64_t n);
/* Multiplies each hadamard_order(n) of the n features by the matrix, in place. */
void hadamard_rotate(float *x, uint64_t n);

#endif
