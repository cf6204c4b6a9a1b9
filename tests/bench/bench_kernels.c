/* bench_kernels - how near products and attention come to this machine's limits, which it measures itself.
 *
 *   bench_kernels [-t THREADS] [NAME...]        kernels whose names contain one of these ("avx512", "q8_0")
 *
 * A product is of the shape of a layer of a 1B model (n = 8192, k = 2048), over several weights in turn so that few
 * rows come from memory and not from a cache. Threads each take a share of the outputs. Medians of several runs. */
#include "kernels/any_blocks.h"
#include "kernels/kernels.h"
#include "tensor/dtype.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 64, RUNS = 7 };

static unsigned n_threads = 1;
static pthread_barrier_t barrier;
static double run_seconds[RUNS];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct job {
    void (*work)(void *ctx, unsigned thread);
    void *ctx;
    unsigned thread;
};

static void *run_job(void *arg)
{
    struct job *job = arg;
    for (int i = 0; i < RUNS; i++) {
        pthread_barrier_wait(&barrier);
        double start = now();
        job->work(job->ctx, job->thread);
        pthread_barrier_wait(&barrier);
        if (job->thread == 0)
            run_seconds[i] = now() - start;
    }
    return NULL;
}

/* Median seconds that `work` takes on all threads at once. */
static double measure(void (*work)(void *ctx, unsigned thread), void *ctx)
{
    pthread_t threads[MAX_THREADS];
    struct job jobs[MAX_THREADS];
    pthread_barrier_init(&barrier, NULL, n_threads);
    for (unsigned i = 0; i < n_threads; i++) {
        jobs[i] = (struct job){work, ctx, i};
        if (i > 0 && pthread_create(&threads[i], NULL, run_job, &jobs[i]) != 0)
            exit(1);
    }
    run_job(&jobs[0]);
    for (unsigned i = 1; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    qsort(run_seconds, RUNS, sizeof *run_seconds, by_value);
    return run_seconds[RUNS / 2];
}

static void *allocate(size_t n)
{
    void *p = aligned_alloc(64, (n + 63) / 64 * 64);
    if (!p)
        exit(1);
    memset(p, 0, n);
    return p;
}

/* --- memory -------------------------------------------------------------------------------------------------- */
enum { MEMORY_BYTES = 256 << 20 };

struct memory {
    const uint64_t *words;
    uint64_t sums[MAX_THREADS][8];
};

static void read_memory(void *ctx, unsigned thread)
{
    struct memory *m = ctx;
    size_t n = MEMORY_BYTES / sizeof *m->words / n_threads / 32 * 32;
    const uint64_t *words = m->words + thread * n;
    uint64_t a[32] = {0};
    for (size_t i = 0; i < n; i += 32) {
        __builtin_prefetch(words + i + 512);
        __builtin_prefetch(words + i + 520);
        __builtin_prefetch(words + i + 528);
        __builtin_prefetch(words + i + 536);
        for (int j = 0; j < 32; j++)
            a[j] += words[i + j];
    }
    for (int j = 0; j < 32; j++)
        m->sums[thread][0] += a[j];
}

/* --- products ------------------------------------------------------------------------------------------------- */
struct product_job {
    const viv_product *product;
    viv_matmul matmul[8];
    unsigned n_weights;
    uint64_t n;
    void *scratch[MAX_THREADS];
};

static void run_product(void *ctx, unsigned thread)
{
    struct product_job *p = ctx;
    for (unsigned i = 0; i < p->n_weights; i++) {
        viv_matmul m = p->matmul[i];
        m.scratch = p->scratch[thread];
        uint64_t tiles = p->n / p->product->tile;
        m.struct_size = sizeof m;
        p->product->multiply(&m, tiles * thread / n_threads * p->product->tile,
                             tiles * (thread + 1) / n_threads * p->product->tile);
    }
}

static int is_block(uint32_t dtype)
{
    return dtype != VIV_F32 && dtype != VIV_F16 && dtype != VIV_BF16;
}

static uint64_t weight_row_bytes(uint32_t dtype, uint64_t k)
{
    const struct block_type t = block_type(dtype);
    return !is_block(dtype) ? k * (dtype == VIV_F32 ? 4 : 2) : k / t.block * t.bytes;
}

static float uniform(void)
{
    return (float)rand() / (float)RAND_MAX - 0.5f;
}

static void bench_product(const struct kernel *kernel, double bytes_per_second)
{
    const uint64_t n = 8192, k = 2048;
    static const uint64_t row_counts[] = {1, 2, 4, 8, 16, 64, 128, 256, 512};
    const viv_product *product = kernel->product;
    struct product_job job = {.product = product, .n = n};
    uint64_t weight_row = weight_row_bytes(kernel->dtype, k), x_row = product->row_bytes(k);
    const struct kernel *from_f32 = kernels_chosen(0, 0, KERNEL_FROM_F32, kernel->dtype);
    float *values = allocate(k * sizeof *values);
    char *x = allocate(512 * x_row), *w = allocate(8 * n * weight_row);
    float *y = allocate(512 * n * sizeof *y);
    for (uint64_t i = 0; i < 8 * n + 512; i++) {
        if (i < 64 || i >= 8 * n)
            for (uint64_t j = 0; j < k; j++)
                values[j] = uniform();
        if (i >= 8 * n)
            product->prepare(x + (i - 8 * n) * x_row, values, k);
        else if (i < 64 && from_f32)
            from_f32->from_f32(w + i * weight_row, values, k);
        else if (i < 64)
            any_blocks(kernel->dtype, (uint8_t *)w + i * weight_row, k, uniform);
        else
            memcpy(w + i * weight_row, w + i % 64 * weight_row, weight_row);
    }
    for (unsigned t = 0; t < n_threads; t++)
        job.scratch[t] = allocate(product->scratch_bytes(k) + 64);
    for (size_t i = 0; i < sizeof row_counts / sizeof *row_counts; i++) {
        uint64_t rows = row_counts[i];
        job.n_weights = rows >= 64 ? 1 : 8;
        for (unsigned j = 0; j < job.n_weights; j++)
            job.matmul[j] = (viv_matmul){.n_rows = rows,
                                         .k = k,
                                         .x = x,
                                         .x_stride = x_row,
                                         .w = w + j * n * weight_row,
                                         .w_stride = weight_row,
                                         .y = y,
                                         .y_stride = n};
        double seconds = measure(run_product, &job) / job.n_weights;
        double bytes = (double)(n * weight_row) / seconds;
        printf("%-24s %4lu rows %8.1f GOPS %7.1f GB/s %4.0f %% of memory\n", product->name, (unsigned long)rows,
               2.0 * (double)(n * k * rows) / seconds * 1e-9, bytes * 1e-9, 100 * bytes / bytes_per_second);
        fflush(stdout);
    }
    for (unsigned t = 0; t < n_threads; t++)
        free(job.scratch[t]);
    free(values);
    free(x);
    free(w);
    free(y);
}

/* --- attention ------------------------------------------------------------------------------------------------ */
struct attend_job {
    const struct kernel *kernel;
    viv_attend attend[MAX_THREADS];
    unsigned repeats;
};

static void run_attend(void *ctx, unsigned thread)
{
    const struct attend_job *job = ctx;
    for (unsigned i = 0; i < job->repeats; i++)
        job->kernel->attend(&job->attend[thread]);
}

static const uint32_t cache_types[] = {VIV_F16, VIV_BF16, VIV_Q8_0, VIV_Q4_0};

/* One key/value head of a 1B model, each thread its own: a prompt of 512 rows, and one row that sees 4096. */
static void bench_attend(const struct kernel *kernel, uint32_t dtype)
{
    enum { HEAD = 64, GROUP = 4, PAGE = 64, KEYS = 4096, ROWS = 512 };
    static const void *pages[KEYS / PAGE];
    struct attend_job job = {.kernel = kernel};
    const struct dtype *type = dtype_get(dtype);
    const size_t part = HEAD * PAGE / type->block * type->block_bytes; /* keys, or values */
    uint16_t *page = allocate(2 * part);
    float *q = allocate(ROWS * GROUP * HEAD * sizeof *q);
    for (size_t i = 0; i < part; i++)
        page[i] = (uint16_t)(0x2000 + i % 0x1000);
    for (size_t i = 0; i < ROWS * GROUP * HEAD; i++)
        q[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    for (size_t i = 0; i < KEYS / PAGE; i++)
        pages[i] = page;
    for (int many = 0; many < 2; many++) {
        for (unsigned t = 0; t < n_threads; t++)
            job.attend[t] =
                (viv_attend){.struct_size = sizeof(viv_attend),
                             .flags = VIV_ATTEND_CAUSAL,
                             .n_rows = many ? ROWS : 1,
                             .n_group = GROUP,
                             .head_dim = HEAD,
                             .v_dim = HEAD,
                             .q = q,
                             .q_stride = GROUP * HEAD,
                             .out = allocate(ROWS * GROUP * HEAD * sizeof(float)),
                             .out_stride = GROUP * HEAD,
                             .k_pages = pages,
                             .v_pages = pages,
                             .v_offset = part,
                             .page_rows = PAGE,
                             .position = many ? 0 : KEYS - 1,
                             .n_keys = many ? ROWS : KEYS,
                             .k_dtype = dtype,
                             .v_dtype = dtype,
                             .scale = 0.125f,
                             .scratch = allocate(kernel->attend_scratch_bytes(HEAD, HEAD, PAGE, GROUP))};
        job.repeats = many ? 2 : 20;
        double seen = many ? ROWS * (ROWS + 1) / 2.0 : KEYS;
        double seconds = measure(run_attend, &job) / job.repeats;
        char name[64];
        snprintf(name, sizeof name, "%s attend, %s, of %d", kernel->name, type->name, many ? ROWS : KEYS);
        printf("%-30s %4d rows %8.1f GFLOPS\n", name, many ? ROWS : 1,
               n_threads * 4.0 * HEAD * GROUP * seen / seconds * 1e-9);
        for (unsigned t = 0; t < n_threads; t++) {
            free(job.attend[t].out);
            free(job.attend[t].scratch);
        }
    }
    free(page);
    free(q);
}

int main(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "t:")) != -1;)
        n_threads = c == 't' ? (unsigned)atoi(optarg) : 0;
    if (n_threads < 1 || n_threads > MAX_THREADS) {
        fprintf(stderr, "usage: %s [-t THREADS] [NAME...]\n", argv[0]);
        return 2;
    }
    static struct memory memory;
    uint64_t *words = allocate(MEMORY_BYTES);
    memory.words = words;
    double bytes_per_second = MEMORY_BYTES / measure(read_memory, &memory);
    free(words);
    printf("%s, %u threads, memory %.1f GB/s\n", kernels_cpu_name(), n_threads, bytes_per_second * 1e-9);
    const uint64_t cpu = kernels_cpu();
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        int product = (*k)->operation == KERNEL_PRODUCT, named = optind >= argc;
        if ((!product && (*k)->operation != KERNEL_ATTEND) || !kernel_runs(*k, cpu))
            continue;
        for (int i = optind; i < argc; i++)
            named |= strstr(product ? (*k)->product->name : (*k)->name, argv[i]) != NULL;
        if (named && product)
            bench_product(*k, bytes_per_second);
        for (size_t i = 0; named && !product && i < sizeof cache_types / sizeof *cache_types; i++)
            bench_attend(*k, cache_types[i]);
    }
    return 0;
}
