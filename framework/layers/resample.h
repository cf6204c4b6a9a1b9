/* resample.h - one axis of a grid as another of any length: place i of n_out is a weighted sum of places of n_in.
 */
#ifndef LAYERS_RESAMPLE_H
#define LAYERS_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

enum resample_method { RESAMPLE_LINEAR, RESAMPLE_CUBIC };

struct resample {
    enum resample_method method;
    bool aligned;   /* the first and the last places of both axes coincide; else their outer edges do */
    bool antialias; /* a shorter axis takes the mean of more places */
};

struct tap {
    uint64_t at; /* a place of n_in; one that lies outside of it is that at the edge */
    float weight;
};

/* The places that place i sums up; returns how many, at most n_in + 4. */
uint64_t resample_taps(const struct resample *r, uint64_t n_in, uint64_t n_out, uint64_t i, struct tap *taps);

#endif
