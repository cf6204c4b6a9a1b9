/* delta_rule.c - S = alpha S + k d^T, d = beta (v - alpha S^T k), out = S^T q, row after row
 *                                                                              (Yang, Kautz and Hatamizadeh 2024)
 */
#include "kernels/generic/flops.h"
#include "kernels/kernels.h"

#include <string.h>

static void delta_rule(const viv_delta_rule *r)
{
    const uint64_t n = r->value_dim;
    float *s = r->after;
    memcpy(s, r->before, r->key_dim * n * sizeof *s);
    for (uint64_t t = 0; t < r->n_rows; t++) {
        const float *q = r->q + t * r->stride, *k = r->k + t * r->stride, *v = r->v + t * r->v_stride;
        const float alpha = r->alpha[t * r->stride], beta = r->beta[t * r->stride];
        for (uint64_t j = 0; j < n; j++) {
            double held = 0, answer = 0;
            for (uint64_t i = 0; i < r->key_dim; i++)
                held += (double)k[i] * s[i * n + j];
            const float d = beta * (v[j] - alpha * (float)held);
            for (uint64_t i = 0; i < r->key_dim; i++) {
                s[i * n + j] = alpha * s[i * n + j] + k[i] * d;
                answer += (double)q[i] * s[i * n + j];
            }
            FLOPS(2 * 3 * r->key_dim); /* S^T k, k d^T, S^T q */
            r->out[t * r->out_stride + j] = (float)answer;
        }
    }
}

const struct kernel kernel_generic_delta_rule = {
    .operation = KERNEL_DELTA_RULE, .name = "generic", .delta_rule = delta_rule};
