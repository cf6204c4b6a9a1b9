/* device.h - machines that models might run on: how fast they read memory and compute, and how much memory they
 * have. */
#ifndef CLI_COMPARE_DEVICE_H
#define CLI_COMPARE_DEVICE_H

#include "cli/compare/limits.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAX_DEVICE_NAME = 96 };

struct device {
    char name[MAX_DEVICE_NAME];
    struct limits limits; /* f32 always; others 0 where the machine has no faster way */
    uint64_t memory;      /* bytes; 0: unknown */
};

/* One of a table ("h100-sxm"), or what it can do: "80GB/s,2TFLOP/s" and perhaps ",16GiB". */
viv_status device_parse(const char *text, struct device *out, struct error *err);

/* This machine with so many threads: the most that it was ever measured to do, known from $XDG_CACHE_HOME/vivarium;
 * measured now where nothing is known, or if `measure`. `cpu`: VIV_CPU_... in use. */
viv_status device_here(uint32_t n_threads, uint64_t cpu, bool measure, struct device *out, struct error *err);

/* Operations per second for products of weights of this type. */
double device_arithmetic(const struct device *d, uint32_t dtype);

/* Those of the table; NULL behind the last. */
const struct device *device_listed(size_t i);

#endif
