/* requantize.c - see requantize.h. */
#include "kernels/requantize.h"

#include <float.h>
#include <math.h>
#include <vivarium/tensor.h>

static const float LARGEST_HALF = 65504.0f;

bool requantizer_init(struct requantizer *r, uint32_t from, uint32_t to, uint64_t n)
{
    const uint64_t cpu = kernels_cpu();
    const viv_kernels *kernels = kernels_choose(cpu, 0);
    *r = (struct requantizer){.n = n,
                              .largest = to == VIV_F32 || to == VIV_BF16 ? FLT_MAX : LARGEST_HALF,
                              .to_f32 = kernels->to_f32(from),
                              .from_f32 = kernels->from_f32(to),
                              .encoders = kernels_chosen(cpu, 0, KERNEL_ENCODERS, 0)->encoders,
                              .encoder = kernels_encoder(cpu, to)};
    return r->to_f32 && (r->encoder || r->from_f32);
}

/* The column of the first number that cannot be written; n: there is none. All are looked at together first, in
 * vectors. */
static uint64_t bad_column(const struct requantizer *r, const float *x)
{
    int bad = 0;
    uint64_t i = 0;
    for (uint64_t k = 0; k < r->n; k++)
        bad |= !(fabsf(x[k]) <= r->largest);
    while (bad && fabsf(x[i]) <= r->largest)
        i++;
    return bad ? i : r->n;
}

uint64_t requantize_row(const struct requantizer *r, const void *from, const float *importance, void *to, float *x)
{
    r->to_f32(x, from, r->n);
    const uint64_t column = bad_column(r, x);
    if (column < r->n)
        return column;
    if (!r->encoder) {
        r->from_f32(to, x, r->n);
        return r->n;
    }
    r->encoders->weights(x + r->n, x, importance, r->n);
    r->encoder->encode(to, x, x + r->n, r->n);
    return r->n;
}
