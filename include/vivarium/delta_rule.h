/* delta_rule.h - the recurrence of gated delta nets, as a service: VIV_SERVICE_DELTA_RULE. Implementations are chosen as those
 * of kernels.h are, and the same holds of them: rows are contiguous, nothing allocates or fails. */
#ifndef VIVARIUM_DELTA_RULE_H
#define VIVARIUM_DELTA_RULE_H

#include <vivarium/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_DELTA_RULE "viv.delta-rule/0"

/* The gated delta rule for one head of one sequence, row after row:
 *
 *   S = alpha[r] S + k[r] d^T,  where d = beta[r] (v[r] - alpha[r] S^T k[r]);  out[r] = S^T q[r]           */
typedef struct viv_delta_rule {
    uint32_t struct_size, flags;
    uint64_t n_rows, key_dim, value_dim;
    const float *q, *k;         /* [key_dim] each: q + r * stride */
    const float *alpha, *beta;  /* alpha[r * stride] */
    uint64_t stride;            /* floats */
    const float *v;             /* [value_dim] v + r * v_stride */
    uint64_t v_stride;          /* floats */
    float *out;                 /* [value_dim] out + r * out_stride */
    uint64_t out_stride;        /* floats */
    const float *before;        /* S before the first row: [key_dim][value_dim] */
    float *after;               /* and after the last; another place */
    float *scratch;             /* [value_dim] of this worker's own */
} viv_delta_rule;

typedef struct viv_delta_rules {
    uint32_t struct_size, flags;
    void (*run)(const viv_delta_rule *r); /* [worker: always] */
} viv_delta_rules;

#ifdef __cplusplus
}
#endif
#endif
