/* grids.h - the grids of IQ1, IQ2 and IQ3: weights are stored by fours or eights, as the number of a point in a
 * table. An entry holds the values of a point, a byte each, the first in the lowest. */
#ifndef KERNELS_GRIDS_H
#define KERNELS_GRIDS_H

#include <stdint.h>

extern const uint64_t grid_iq2_xxs[256], grid_iq2_xs[512], grid_iq2_s[1024]; /* 8, 25 and 43 */
extern const uint64_t grid_iq1[2048];                                        /* 0, 8 and 16 for -1, 0 and 1 */
extern const uint32_t grid_iq3_xxs[256]; /* halves of the format's values: 2 to 31 */
extern const uint32_t grid_iq3_s[512];   /* odd numbers, 1 to 15 */

#endif
