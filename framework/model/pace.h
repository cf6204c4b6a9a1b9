/* pace.h - rests between the steps of a model, so that the process uses a share of the processors only
 * (model_options.cpu_share).
 *
 * After each step: the CPU time that the process has used since the last rest, over the time that has passed since,
 * is at most `share` of the number of threads. If it is more, all rest until it is not. Time in which nothing was
 * computed does not count for later: no burst makes up for it. */
#ifndef MODEL_PACE_H
#define MODEL_PACE_H

#include <stdint.h>

/* When the last rest ended. Zeroed: there was no step yet. */
struct pace {
    double cpu, wall; /* seconds */
};

/* Seconds to rest after so many of CPU time and of time that has passed. */
double pace_rest(double cpu, double wall, double share, uint32_t n_threads);
/* Before a step. */
void pace_begin(struct pace *p, double share, uint32_t n_threads);
/* After it: rests. A non-zero *cancel ends that; it may be NULL. */
void pace_end(struct pace *p, double share, uint32_t n_threads, const uint32_t *cancel);

#endif
