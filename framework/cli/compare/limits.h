/* limits.h - what this machine can do at most: bytes from memory, and arithmetic of several kinds, per second. */
#ifndef CLI_COMPARE_LIMITS_H
#define CLI_COMPARE_LIMITS_H

#include "base/error.h"

#include <stdint.h>

struct limits {
    double read; /* bytes per second from memory */
    double f32, bf16, f16,
        int8; /* operations per second, a multiply-add being 2; 0: the processor has no such thing */
};

/* Takes about a second and, for a while, a few hundred MiB: a buffer that no cache holds. `cpu`: VIV_CPU_... to
 * use. */
viv_status limits_measure(uint32_t n_threads, uint64_t cpu, struct limits *out, struct error *err);

#endif
