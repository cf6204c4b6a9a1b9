/* bench_product - multiplies a matrix of one type a number of times, so that another program can count something of
 * it.
 *
 *   bench_product TYPE ROWS TIMES       256 outputs of k = 4096 by ROWS rows, TIMES times, with the best kernel
 * here
 *
 * tests/bench/instructions counts its instructions. */
#include "kernels/any_blocks.h"
#include "kernels/kernels.h"
#include "tensor/dtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 256, K = 4096 };

static float uniform(void)
{
    return (float)rand() / (float)RAND_MAX - 0.5f;
}

static void *allocate(size_t n)
{
    void *p = aligned_alloc(64, (n + 63) / 64 * 64);
    if (!p)
        exit(1);
    memset(p, 0, n);
    return p;
}

int main(int argc, char **argv)
{
    uint32_t dtype = 0;
    const uint64_t rows = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
    if (rows == 0 || !dtype_by_name(argv[1], &dtype)) {
        fprintf(stderr, "usage: %s TYPE ROWS TIMES\n", argv[0]);
        return 2;
    }
    uint64_t w_row;
    const viv_product *product = kernels_product(kernels_cpu(), 0, dtype);
    if (!product || !dtype_bytes(dtype, K, &w_row))
        return 1;
    const uint64_t x_row = product->row_bytes(K);
    const struct kernel *from_f32 = kernels_chosen(0, 0, KERNEL_FROM_F32, dtype);
    float *values = allocate(K * sizeof *values);
    char *w = allocate(N * w_row), *x = allocate(rows * x_row);
    for (int i = 0; i < K; i++)
        values[i] = uniform();
    for (int i = 0; i < N; i++) {
        if (from_f32)
            from_f32->from_f32(w + (uint64_t)i * w_row, values, K);
        else
            any_blocks(dtype, (uint8_t *)w + (uint64_t)i * w_row, K, uniform);
    }
    viv_matmul m = {.struct_size = sizeof m,
                    .n_rows = rows,
                    .k = K,
                    .x = x,
                    .x_stride = x_row,
                    .w = w,
                    .w_stride = w_row,
                    .y = allocate(rows * N * sizeof(float)),
                    .y_stride = N,
                    .scratch = allocate(product->scratch_bytes(K) + 64)};
    for (int times = atoi(argv[3]); times > 0; times--) {
        for (uint64_t r = 0; r < rows; r++)
            product->prepare(x + r * x_row, values, K);
        product->multiply(&m, 0, N);
    }
    printf("%s\n", product->name);
    return 0;
}
