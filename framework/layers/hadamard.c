/* hadamard.c - see hadamard.h. */
#include "layers/hadamard.h"

#include <math.h>
#include <string.h>

uint64_t hadamard_order(uint64_t n)
{
    uint64_t order = 1;
    while (order < HADAMARD_MOST && n % (2 * order) == 0)
        order *= 2;
    return order;
}

typedef float four_floats __attribute__((vector_size(16)));

/* One matrix, without its factors 1 / sqrt(2). */
static void transform(float *x, uint64_t order)
{
    for (uint64_t half = 4; half < order; half *= 2)
        for (uint64_t i = 0; i < order; i += 2 * half)
            for (uint64_t j = i; j < i + half; j += 4) {
                four_floats a, b;
                memcpy(&a, x + j, sizeof a);
                memcpy(&b, x + j + half, sizeof b);
                const four_floats sum = a + b, difference = a - b;
                memcpy(x + j, &sum, sizeof sum);
                memcpy(x + j + half, &difference, sizeof difference);
            }
    for (uint64_t half = 1; half < 4 && half < order; half *= 2)
        for (uint64_t i = 0; i < order; i += 2 * half)
            for (uint64_t j = i; j < i + half; j++) {
                const float a = x[j], b = x[j + half];
                x[j] = a + b;
                x[j + half] = a - b;
            }
}

void hadamard_rotate(float *x, uint64_t n)
{
    const uint64_t order = hadamard_order(n);
    const float factor = 1 / sqrtf((float)order);
    for (uint64_t i = 0; i < n; i += order)
        transform(x + i, order);
    for (uint64_t i = 0; i < n; i++)
        x[i] *= factor;
}
