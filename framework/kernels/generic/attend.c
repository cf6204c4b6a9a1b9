/* attend.c - attention of queries over the pages of one key/value head, by the online softmax
 * (Milakov and Gimelshein, 2018; Dao et al., 2022): page by page, keeping the largest score so far, the sum of
 * exponentials and the weighted sum of values, both relative to that largest score.
 *
 * Only tokens that a query sees are read: the rest of a page may hold anything. */
#include "kernels/attend.h"
#include "kernels/blocks.h"
#include "kernels/generic/flops.h"
#include "kernels/kernels.h"

#include <math.h>

static uint64_t attend_scratch_bytes(uint64_t head_dim, uint64_t v_dim, uint64_t page_rows, uint64_t n_group)
{
    (void)head_dim;
    (void)v_dim;
    (void)n_group;
    return page_rows * sizeof(float);
}

/* The i-th number of rows. */
static float element(uint32_t dtype, const void *array, uint64_t i)
{
    const struct block_q8_0 *q8 = (const struct block_q8_0 *)array + i / BLOCK;
    const struct block_q4_0 *q4 = (const struct block_q4_0 *)array + i / BLOCK;
    const uint64_t j = i % BLOCK;
    switch (dtype) {
    case VIV_F16:
        return half_to_float(((const uint16_t *)array)[i]);
    case VIV_BF16:
        return bfloat_to_float(((const uint16_t *)array)[i]);
    case VIV_Q8_0:
        return half_to_float(q8->d) * (float)q8->q[j];
    case VIV_Q4_0:
        return half_to_float(q4->d) * (float)((q4->q[j % 16] >> (j < 16 ? 0 : 4) & 15) - 8);
    default:
        return ((const float *)array)[i];
    }
}

/* Feature d of the key of token `row`. */
static float key_element(const viv_attend *a, const void *keys, uint64_t d, uint64_t row)
{
    const uint64_t n = a->page_rows, j = d % BLOCK;
    if (a->k_stride)
        return element(a->k_dtype, keys, row * a->k_stride + d);
    if (a->k_dtype != VIV_Q8_0 && a->k_dtype != VIV_Q4_0)
        return element(a->k_dtype, keys, d * n + row);
    const uint64_t bytes = a->k_dtype == VIV_Q8_0 ? BLOCK : BLOCK / 2;
    const char *block = (const char *)keys + d / BLOCK * n * (sizeof(uint16_t) + bytes);
    const float scale = half_to_float(((const uint16_t *)(const void *)block)[row]);
    const uint8_t byte = ((const uint8_t *)block)[n * sizeof(uint16_t) + j % bytes * n + row];
    return scale * (float)(bytes == BLOCK ? (int8_t)byte : (byte >> (j < 16 ? 0 : 4) & 15) - 8);
}

static float score(const viv_attend *a, const float *q, const void *keys, uint64_t row)
{
    float dot = 0.0f;
    for (uint64_t d = 0; d < a->head_dim; d++)
        dot += q[d] * key_element(a, keys, d, row);
    FLOPS(2 * a->head_dim);
    dot *= a->scale;
    return a->softcap != 0.0f ? a->softcap * tanhf(dot / a->softcap) : dot;
}

/* The bias of token t; beyond reach, that of the largest distance. */
static float bias_of(const viv_attend *a, uint64_t r, uint64_t g, uint64_t t)
{
    int64_t reach = (int64_t)a->reach, d = (int64_t)t - (int64_t)(a->position + r);
    d = d < -reach ? -reach : d > reach ? reach : d;
    return a->bias[(int64_t)g * (2 * reach + 1) + reach + d];
}

static void attend_query(const viv_attend *a, uint64_t r, uint64_t g)
{
    const float *q = a->q + r * a->q_stride + g * a->head_dim;
    float *out = a->out + r * a->out_stride + g * a->v_dim;
    float *scores = a->scratch;
    struct seen seen = attend_seen(a, r);
    float largest = a->sinks ? a->sinks[g] : -INFINITY, sum = a->sinks ? 1.0f : 0.0f;
    for (uint64_t i = 0; i < a->v_dim; i++)
        out[i] = 0.0f;
    for (uint64_t t = seen.begin; t < seen.end;) {
        uint64_t page = t / a->page_rows, first = page * a->page_rows;
        uint64_t end = size_min(seen.end, first + a->page_rows);
        const void *keys = (const char *)a->k_pages[page] + a->k_offset;
        const void *values = (const char *)a->v_pages[page] + a->v_offset;
        float before = largest;
        for (uint64_t i = t; i < end; i++) {
            float s = score(a, q, keys, i - first);
            if (a->slopes)
                s += a->slopes[g] * ((float)i - (float)(a->position + r));
            if (a->bias)
                s += bias_of(a, r, g, i);
            scores[i - first] = s;
            largest = s > largest ? s : largest;
        }
        float shrink = expf(before - largest);
        sum *= shrink;
        for (uint64_t i = 0; i < a->v_dim; i++)
            out[i] *= shrink;
        for (; t < end; t++) {
            float p = expf(scores[t - first] - largest);
            sum += p;
            for (uint64_t i = 0; i < a->v_dim; i++)
                out[i] += p * element(a->v_dtype, values, (t - first) * attend_v_stride(a) + i);
            FLOPS(2 * a->v_dim);
        }
    }
    for (uint64_t i = 0; i < a->v_dim && sum != 0.0f; i++)
        out[i] /= sum;
}

static void attend(const viv_attend *a)
{
    for (uint64_t r = 0; r < a->n_rows; r++)
        for (uint64_t g = 0; g < a->n_group; g++)
            attend_query(a, r, g);
}

const struct kernel kernel_generic_attend = {
    .operation = KERNEL_ATTEND, .name = "generic", .attend = attend, .attend_scratch_bytes = attend_scratch_bytes};
