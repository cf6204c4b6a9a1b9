/* product_openblas.c - products with F32 weights by OpenBLAS's sgemm, where `--kernels fastest' allows sums that
 * depend on the number of rows. Bound by arithmetic; few rows, which are bound by memory, stay with our own kernel.
 *
 * The library is loaded when it is first asked for, so that its kernels and its threads (one: we share the tasks)
 * can be set before it looks at the processor, which it takes for one of thirty years ago where it is newer than
 * the library. If it still does, or is not there, our own kernel multiplies. */
#include "config.h"
#include "kernels/kernels.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ROWS = 16, ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

typedef void sgemm_function(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

static sgemm_function *sgemm; /* NULL: not usable */

#ifdef HAVE_OPENBLAS
/* The kernels that this processor can run best, by OpenBLAS's names; NULL: it may choose. */
static const char *core_type(void)
{
    return kernels_cpu() & VIV_CPU_AVX512 ? "SKYLAKEX" : kernels_cpu() & VIV_CPU_AVX2 ? "HASWELL" : NULL;
}

static void *symbol(void *library, const char *name)
{
    return library ? dlsym(library, name) : NULL;
}

static void load(void)
{
    const char *core = core_type();
    if (core)
        setenv("OPENBLAS_CORETYPE", core, 0);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    void *gemm = symbol(library, "cblas_sgemm"), *set_threads = symbol(library, "openblas_set_num_threads"),
         *name = symbol(library, "openblas_get_corename");
    if (!gemm || !set_threads || !name)
        return;
    ((void (*)(int))set_threads)(1);
    const char *chosen = ((char *(*)(void))name)();
    if (!core || (chosen && strcmp(chosen, "Prescott") != 0 && strcmp(chosen, "Core2") != 0))
        sgemm = (sgemm_function *)gemm;
}
#else
static void load(void)
{
}
#endif

static const viv_product *own(void)
{
    return kernels_chosen(kernels_cpu(), 0, KERNEL_PRODUCT, VIV_F32)->product;
}

static uint64_t row_bytes(uint64_t k)
{
    return own()->row_bytes(k);
}

static void prepare(void *row, const float *x, uint64_t k)
{
    own()->prepare(row, x, k);
}

static uint64_t scratch_bytes(uint64_t k)
{
    return own()->scratch_bytes(k);
}

static bool fits(const viv_matmul *m, uint64_t n)
{
    return m->n_rows >= LEAST_ROWS && m->n_rows <= INT_MAX && n <= INT_MAX && m->k <= INT_MAX &&
           m->x_stride / sizeof(float) <= INT_MAX && m->w_stride / sizeof(float) <= INT_MAX &&
           m->y_stride <= INT_MAX && m->x_stride % sizeof(float) == 0 && m->w_stride % sizeof(float) == 0 &&
           (uintptr_t)m->w % sizeof(float) == 0 && strcmp(own()->row_format, "f32") == 0;
}

static void multiply(const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!sgemm || n_first >= n_end || !fits(m, n_end - n_first)) {
        own()->multiply(m, n_first, n_end);
        return;
    }
    const void *w = (const char *)m->w + n_first * m->w_stride;
    sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)m->n_rows, (int)(n_end - n_first), (int)m->k, 1, m->x,
          (int)(m->x_stride / sizeof(float)), w, (int)(m->w_stride / sizeof(float)), 0, m->y + n_first,
          (int)m->y_stride);
}

static const viv_product product_openblas = {
    .struct_size = sizeof(viv_product),
    .flags = VIV_PRODUCT_BATCH_VARIANT,
    .weight_dtype = VIV_F32,
    .tile = 256,
    .name = "openblas f32",
    .row_format = "f32",
    .row_bytes = row_bytes,
    .prepare = prepare,
    .scratch_bytes = scratch_bytes,
    .multiply = multiply,
};

const struct kernel kernel_generic_product_openblas = {
    .operation = KERNEL_PRODUCT, .rank = 90, .name = "openblas", .dtype = VIV_F32, .product = &product_openblas};
