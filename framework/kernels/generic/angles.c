/* angles.c - cos and sin of position * frequency, for the rotary embedding.
 *
 * The angle is first rounded to f32, as in the reference; cosine and sine of that number are then exact to f32.
 * Reduction by pi/2 in two parts (Cody and Waite), then Taylor polynomials on [-pi/4, pi/4] in double: branch-free,
 * so that the compiler vectorises it. Bound by arithmetic, and negligible. */
#include "kernels/kernels.h"

static void angles(float *restrict cos, float *restrict sin, const float *restrict frequency, int32_t position,
                   uint64_t n_pairs)
{
    const double round = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to the nearest integer */
    for (uint64_t p = 0; p < n_pairs; p++) {
        double a = (float)position * frequency[p];
        double shifted = a * 0.63661977236758134308 + round; /* 2 / pi */
        double k = shifted - round;
        int64_t quadrant;
        __builtin_memcpy(&quadrant, &shifted, sizeof quadrant);
        double r = (a - k * 1.57079632679489655800e+00) - k * 6.12323399573676603587e-17;
        double z = r * r;
        double s = r + r * z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z / 39916800))));
        double c = 1 + z * (-0.5 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 - z / 3628800))));
        double odd = (double)(quadrant & 1);
        double sin_sign = 1 - (double)(quadrant & 2);
        double cos_sign = 1 - (double)((quadrant + 1) & 2);
        cos[p] = (float)(cos_sign * (c + odd * (s - c)));
        sin[p] = (float)(sin_sign * (s + odd * (c - s)));
    }
}

const struct kernel kernel_generic_angles = {.operation = KERNEL_ANGLES, .name = "generic", .angles = angles};
