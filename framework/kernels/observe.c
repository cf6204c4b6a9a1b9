/* observe.c - see observe.h. A product has no context, so the observer is a static one, and each type has a
 * function of its own. */
#include "kernels/observe.h"

#include "kernels/block_types.h"

#include <string.h>

static struct product_observer observer;

#define OBSERVED_TYPES(X)                                                                                          \
    X(f32, VIV_F32)                                                                                                \
    X(f16, VIV_F16)                                                                                                \
    X(bf16, VIV_BF16)                                                                                              \
    FLOAT_BLOCK_TYPES(X)

#define OBSERVED(type, number)                                                                                     \
    static const viv_product *inner_##type;                                                                        \
    static viv_product outer_##type;                                                                               \
    static void multiply_##type(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                             \
    {                                                                                                              \
        observer.see(observer.ctx, m);                                                                             \
        inner_##type->multiply(m, n_first, n_end);                                                                 \
    }
OBSERVED_TYPES(OBSERVED)

static const viv_product *observed_product(const viv_kernels *kernels, uint32_t dtype)
{
    (void)kernels;
#define OUTER(type, number)                                                                                        \
    if (dtype == (number))                                                                                         \
        return inner_##type ? &outer_##type : NULL;
    OBSERVED_TYPES(OUTER)
    return NULL;
}

const viv_kernels *kernels_observed(const viv_kernels *kernels, const struct product_observer *o)
{
    static viv_kernels table;
    observer = *o;
    table = *kernels;
    table.product = observed_product;
#define WRAP(type, number)                                                                                         \
    inner_##type = kernels->product(kernels, number);                                                              \
    if (inner_##type) {                                                                                            \
        outer_##type = *inner_##type;                                                                              \
        outer_##type.multiply = multiply_##type;                                                                   \
    }
    OBSERVED_TYPES(WRAP)
    return &table;
}
