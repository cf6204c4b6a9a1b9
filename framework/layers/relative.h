/* relative.h - relative positions (Raffel et al. 2020): a bias of the scores by the distance d = t - position.
 *
 *   score[h][d] += weight[bucket(d)][h]
 *
 * Half of the buckets hold one distance each; the other half grow with the logarithm of the distance, up to
 * max_distance. If attention is not causal, each side has half of the buckets. The table is expanded once, by
 * distance, up to max_distance, beyond which nothing changes. */
#ifndef LAYERS_RELATIVE_H
#define LAYERS_RELATIVE_H

#include "layers/layer.h"

struct relative {
    int32_t used, causal;
    uint64_t n_heads, buckets, reach; /* reach: max_distance */
    float *bias;                      /* [n_heads][2 * reach + 1] */
};

/* The attributes, for a layer's table. */
#define RELATIVE_ATTRS                                                                                             \
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, "bias.weight",                                                                    \
             .doc = "relative positions: a bias of each head's scores for each bucket of distances: "              \
                    "[buckets, n_heads]"),                                                                         \
        VIV_ATTR(VIV_ATTR_INT, 0, "bias.max_distance", .doc = "from here on, all distances have one bucket",       \
                 .default_value = 128, .min = 1, .max = 65536)

viv_status relative_infer(struct relative *r, viv_infer *b, uint64_t n_heads, int32_t causal);
viv_status relative_prepare(struct relative *r, const viv_prepare *p);
void relative_release(struct relative *r);

/* The bias of head h and those after it: [n_heads - h][2 * reach + 1]; NULL if there is none. */
static inline const float *relative_bias(const struct relative *r, uint64_t h)
{
    return r->used ? r->bias + h * (2 * r->reach + 1) : NULL;
}

#endif
