/* relative.c - see relative.h. */
#include "layers/relative.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const uint64_t MAX_TABLE = (uint64_t)1 << 26; /* floats */

viv_status relative_infer(struct relative *r, viv_infer *b, uint64_t n_heads, int32_t causal)
{
    uint64_t dims[2] = {0, n_heads};
    r->used = b->is_set(b, "bias.weight");
    if (!r->used)
        return VIV_OK;
    r->n_heads = n_heads;
    r->causal = causal;
    r->reach = (uint64_t)b->get_int(b, "bias.max_distance");
    viv_status status = viv_want_weight(b, "bias.weight", 2, dims);
    if (status != VIV_OK)
        return status;
    r->buckets = dims[0];
    const uint64_t exact = r->buckets / (causal ? 2 : 4);
    if (exact == 0 || r->reach <= exact)
        return viv_fail(b->host, VIV_EINVAL,
                        "%" PRIu64 " buckets for distances up to bias.max_distance %" PRIu64
                        ": expected at least %d, and a distance above %" PRIu64,
                        r->buckets, r->reach, causal ? 2 : 4, exact);
    if (n_heads * (2 * r->reach + 1) > MAX_TABLE)
        return viv_fail(b->host, VIV_ELIMIT,
                        "a bias for %" PRIu64 " heads and distances up to %" PRIu64 " is too large a table",
                        n_heads, r->reach);
    return VIV_OK;
}

/* Computed in single precision and in the reference's order, because a distance may be just at the border of two
 * buckets. */
static uint64_t bucket_of(const struct relative *r, uint64_t distance, int32_t ahead)
{
    const uint64_t n = r->causal ? r->buckets : r->buckets / 2, exact = n / 2;
    const uint64_t first = ahead && !r->causal ? n : 0;
    if (r->causal && ahead)
        distance = 0; /* never seen */
    if (distance < exact)
        return first + distance;
    float ratio = logf((float)distance / (float)exact) / (float)log((double)r->reach / (double)exact);
    return first + viv_min(exact + (uint64_t)(ratio * (float)(n - exact)), n - 1);
}

viv_status relative_prepare(struct relative *r, const viv_prepare *p)
{
    const uint64_t width = 2 * r->reach + 1;
    if (!r->used)
        return VIV_OK;
    const float *weight = p->weight_f32(p, "bias.weight");
    if (!weight)
        return viv_fail(p->host, VIV_EUNSUPPORTED, "bias.weight cannot be read as numbers");
    r->bias = malloc(r->n_heads * width * sizeof *r->bias);
    if (!r->bias)
        return viv_fail(p->host, VIV_ENOMEM, "out of memory");
    for (uint64_t i = 0; i < width; i++) {
        uint64_t bucket = bucket_of(r, i < r->reach ? r->reach - i : i - r->reach, i > r->reach);
        for (uint64_t h = 0; h < r->n_heads; h++)
            r->bias[h * width + i] = weight[bucket * r->n_heads + h];
    }
    return VIV_OK;
}

void relative_release(struct relative *r)
{
    free(r->bias);
}
