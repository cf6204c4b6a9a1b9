/* logits.h - what a row of logits says of the next token. */
#ifndef QUALITY_LOGITS_H
#define QUALITY_LOGITS_H

#include <stdint.h>

/* log(sum(exp(x))); not finite where one of them is NaN or +inf. */
double logits_log_sum_exp(const float *x, uint64_t n);
/* The token; the lowest id among equals. */
uint64_t logits_most_likely(const float *logits, uint64_t n);
/* KL(p || q) in nats, from the logits of both and logits_log_sum_exp of these; inf where it is no number. */
double logits_kl_divergence(const float *p, double sum_p, const float *q, double sum_q, uint64_t n);

#endif
