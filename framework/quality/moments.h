/* moments.h - running mean and standard error. */
#ifndef QUALITY_MOMENTS_H
#define QUALITY_MOMENTS_H

#include <math.h>
#include <stdint.h>

/* Welford's: `squares` is the sum of squared distances from the mean. */
struct moments {
    uint64_t n;
    double sum, mean, squares;
};

static inline void moments_add(struct moments *m, double x)
{
    const double from = x - m->mean;
    m->n++;
    m->sum += x;
    m->mean += from / (double)m->n;
    m->squares += from * (x - m->mean);
}

static inline double moments_mean(const struct moments *m)
{
    return m->n ? m->sum / (double)m->n : NAN;
}

/* Standard error of the mean of independent ones; NAN of fewer than two. */
static inline double moments_error(const struct moments *m)
{
    return m->n > 1 ? sqrt(m->squares / (double)(m->n - 1) / (double)m->n) : NAN;
}

#endif
