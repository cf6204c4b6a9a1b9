/* logits.c - see logits.h. */
#include "quality/logits.h"

#include <math.h>

double logits_log_sum_exp(const float *x, uint64_t n)
{
    double most = -INFINITY, sum = 0;
    for (uint64_t i = 0; i < n; i++)
        most = (double)x[i] > most ? (double)x[i] : most;
    for (uint64_t i = 0; i < n; i++)
        sum += exp((double)x[i] - most); /* NaN stays NaN; inf - inf is NaN */
    return most + log(sum);
}

uint64_t logits_most_likely(const float *logits, uint64_t n)
{
    uint64_t best = 0;
    for (uint64_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

double logits_kl_divergence(const float *p, double sum_p, const float *q, double sum_q, uint64_t n)
{
    double kl = 0;
    for (uint64_t i = 0; i < n; i++) {
        const double log_p = (double)p[i] - sum_p, likely = exp(log_p);
        if (likely > 0)
            kl += likely * (log_p - ((double)q[i] - sum_q));
    }
    return isnan(kl) ? INFINITY : fmax(kl, 0); /* what is less is rounding */
}
