/* product_float.c - products with F32 weights by OpenBLAS's sgemm, with `--kernels fastest`, which allows sums that
 * depend on the number of rows. Bound by arithmetic; faster than our own product only for many rows.
 *
 * The library is loaded when a table with it is first chosen, before there are workers. It chooses its kernels
 * then, and takes a processor newer than itself for a very old one, on which it is seven times slower. So an
 * environment variable tells it the kind of processor, and afterwards we check that it used this. */
#include "base/size.h"
#include "kernels/kernels.h"

#include <cblas.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Rows from which on it is faster in bench_kernels: on Zen 4 by 5 %, with 512 rows by 10 %. */
enum { LEAST_ROWS = 256 };

static __typeof__(cblas_sgemm) *sgemm;
static const viv_product *own; /* our own for F32: prepares the rows, multiplies few */
static bool is_usable;

/* Sets an environment variable unless the user has set it. True: the caller must unset it. */
static bool lend(const char *name, const char *value)
{
    return value && !getenv(name) && setenv(name, value, 1) == 0;
}

static void load(void)
{
    static const char core_variable[] = "OPENBLAS_CORETYPE", threads_variable[] = "OPENBLAS_NUM_THREADS";
    const uint64_t cpu = kernels_cpu();
    const char *core = cpu & VIV_CPU_AVX512 ? "SkylakeX" : cpu & VIV_CPU_AVX2 ? "Haswell" : NULL;
    own = kernels_chosen(cpu, 0, KERNEL_PRODUCT, VIV_F32)->product;
    bool core_lent = lend(core_variable, core), threads_lent = lend(threads_variable, "1");
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (core_lent)
        unsetenv(core_variable);
    if (threads_lent)
        unsetenv(threads_variable);
    if (!library)
        return;
    sgemm = (__typeof__(sgemm))dlsym(library, "cblas_sgemm");
    __typeof__(openblas_set_num_threads) *set_num_threads =
        (__typeof__(set_num_threads))dlsym(library, "openblas_set_num_threads");
    __typeof__(openblas_get_corename) *get_corename =
        (__typeof__(get_corename))dlsym(library, "openblas_get_corename");
    if (!sgemm || !set_num_threads || !get_corename)
        return;
    set_num_threads(1); /* the scheduler shares the tasks */
    is_usable = (!core_lent || strcasecmp(get_corename(), core) == 0) && strcmp(own->row_format, "f32") == 0;
}

static bool usable(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return is_usable;
}

static uint64_t row_bytes(uint64_t k)
{
    return own->row_bytes(k);
}

static void prepare(void *row, const float *x, uint64_t k)
{
    own->prepare(row, x, k);
}

static uint64_t scratch_bytes(uint64_t k)
{
    return own->scratch_bytes(k);
}

static void multiply(const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    const char *w = (const char *)m->w + n_first * m->w_stride;
    const uint64_t n = n_end - n_first, x_stride = m->x_stride / sizeof(float),
                   w_stride = m->w_stride / sizeof(float);
    const uint64_t largest =
        size_max(size_max(m->n_rows, n), size_max(m->k, size_max(x_stride, size_max(w_stride, m->y_stride))));
    if (m->n_rows < LEAST_ROWS || (uintptr_t)w % sizeof(float) != 0 || largest > INT_MAX)
        own->multiply(m, n_first, n_end);
    else
        sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m->n_rows, (int)n, (int)m->k, 1, m->x, (int)x_stride,
              (const float *)(const void *)w, (int)w_stride, 0, m->y + n_first, (int)m->y_stride);
}

static const viv_product product_f32 = {
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

const struct kernel kernel_openblas_product_f32 = {.operation = KERNEL_PRODUCT,
                                                   .rank = 90,
                                                   .name = "openblas",
                                                   .usable = usable,
                                                   .dtype = VIV_F32,
                                                   .product = &product_f32};
