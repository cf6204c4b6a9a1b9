/* figure.h - numbers as people read them: "12.3 MiB", "259.9 K", "0.52 ms". */
#ifndef BASE_FIGURE_H
#define BASE_FIGURE_H

#include <stdint.h>

struct figure {
    char text[24];
};
struct figure human_bytes(uint64_t bytes);
struct figure human_count(uint64_t n);
struct figure human_seconds(double seconds);
struct figure human_rate(double per_second); /* three digits */
/* So many digits, without an exponent from 0.0001 up to a million. */
struct figure human_number(double x, int digits);
struct figure human_share(double part); /* of 1: "13.6 %", "< 0.1 %" */

#endif
