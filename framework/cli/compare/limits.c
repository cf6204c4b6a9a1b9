/* limits.c - loops that do one thing as fast as the machine allows.
 *
 * Memory: every thread reads its part of a buffer four times as large as the last cache, with and without
 * prefetching ahead; the best pass counts. Arithmetic: every thread keeps twelve independent chains of
 * multiply-adds in registers, more than latency times ports of any processor so far. */
#include "cli/compare/limits.h"

#include "base/clock.h"
#include "base/size.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vivarium/kernels.h>

enum { CHAINS = 12, MOST_THREADS = 256 };

/* Runs `rounds` rounds over numbers that the compiler does not know; what it returns depends on all of them. */
typedef float loop(const unsigned char *numbers, uint64_t rounds);

/* A loop over vectors: TYPE accumulators and operands, loaded by LOAD; STEP advances accumulator c by x and y. */
#define PEAK_LOOP(name, attributes, type, load, step)                                                              \
    attributes static float name(const unsigned char *numbers, uint64_t rounds)                                    \
    {                                                                                                              \
        type chain[CHAINS], x = load(numbers), y = load(numbers + 64);                                             \
        float result;                                                                                              \
        for (int i = 0; i < CHAINS; i++)                                                                           \
            chain[i] = load(numbers + 64 * (i % 4) + (size_t)i);                                                   \
        for (uint64_t r = 0; r < rounds; r++)                                                                      \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)                                              \
            {                                                                                                      \
                type c = chain[i];                                                                                 \
                chain[i] = step;                                                                                   \
            }                                                                                                      \
        for (int i = 1; i < CHAINS; i++)                                                                           \
            for (size_t b = 0; b < sizeof(type); b++)                                                              \
                ((unsigned char *)&chain[0])[b] ^= ((unsigned char *)&chain[i])[b];                                \
        memcpy(&result, &chain[0], sizeof result);                                                                 \
        return result;                                                                                             \
    }

typedef float four_floats __attribute__((vector_size(16), aligned(1), may_alias));
#define LOAD_FOUR(p) (*(const four_floats *)(p))
PEAK_LOOP(f32_generic, , four_floats, LOAD_FOUR, c *x + y)

#if defined(__x86_64__)
#include <immintrin.h>
#define LOAD_256(p)  _mm256_loadu_ps((const float *)(p))
#define LOAD_512(p)  _mm512_loadu_ps((const float *)(p))
#define LOAD_512I(p) _mm512_loadu_si512(p)
PEAK_LOOP(f32_avx2, __attribute__((target("avx2,fma"))), __m256, LOAD_256, _mm256_fmadd_ps(x, y, c))
PEAK_LOOP(f32_avx512, __attribute__((target("avx512f"))), __m512, LOAD_512, _mm512_fmadd_ps(x, y, c))
PEAK_LOOP(int8_avx512, __attribute__((target("avx512f,avx512vnni"))), __m512i, LOAD_512I,
          _mm512_dpbusd_epi32(c, x, y))
PEAK_LOOP(bf16_avx512, __attribute__((target("avx512f,avx512bf16"))), __m512, LOAD_512,
          _mm512_dpbf16_ps(c, (__m512bh)_mm512_castps_si512(x), (__m512bh)_mm512_castps_si512(y)))
#if __clang_major__ >= 15 || (!defined(__clang__) && __GNUC__ >= 12)
#define HAVE_F16_LOOP 1
PEAK_LOOP(f16_avx512, __attribute__((target("avx512f,avx512fp16"))), __m512h, (__m512h)LOAD_512I,
          _mm512_fmadd_ph(x, y, c))
#endif
#elif defined(__aarch64__)
#include <arm_neon.h>
#define LOAD_NEON(p)  vld1q_f32((const float *)(p))
#define LOAD_NEON8(p) vreinterpretq_s32_u8(vld1q_u8(p))
PEAK_LOOP(f32_neon, , float32x4_t, LOAD_NEON, vfmaq_f32(c, x, y))
PEAK_LOOP(int8_neon, __attribute__((target("arch=armv8.2-a+dotprod"))), int32x4_t, LOAD_NEON8,
          vdotq_s32(c, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(y)))
#endif

static const struct peak {
    size_t field; /* of struct limits */
    uint64_t cpu; /* VIV_CPU_... needed; of those that fit, the last of a field counts */
    loop *run;
    double operations; /* of one chain in one round */
} peaks[] = {
    {offsetof(struct limits, f32), 0, f32_generic, 2 * 4},
#if defined(__x86_64__)
    {offsetof(struct limits, f32), VIV_CPU_AVX2, f32_avx2, 2 * 8},
    {offsetof(struct limits, f32), VIV_CPU_AVX512, f32_avx512, 2 * 16},
    {offsetof(struct limits, int8), VIV_CPU_AVX512_VNNI, int8_avx512, 2 * 64},
    {offsetof(struct limits, bf16), VIV_CPU_AVX512_BF16, bf16_avx512, 2 * 32},
#ifdef HAVE_F16_LOOP
    {offsetof(struct limits, f16), VIV_CPU_AVX512_FP16, f16_avx512, 2 * 32},
#endif
#elif defined(__aarch64__)
    {offsetof(struct limits, f32), VIV_CPU_NEON, f32_neon, 2 * 4},
    {offsetof(struct limits, int8), VIV_CPU_NEON_DOTPROD, int8_neon, 2 * 16},
#endif
};

/* --- on several threads -------------------------------------------------------------------------------- */

struct work {
    pthread_t thread;
    const atomic_int *go;      /* 0: wait, 1: go, -1: some thread could not be started */
    loop *run;                 /* arithmetic, or NULL: reading */
    const unsigned char *data; /* of this thread */
    uint64_t amount;           /* rounds, or bytes */
    bool prefetch;
    double begin, end;
    float result;
};

typedef uint64_t eight_words __attribute__((vector_size(64), aligned(64), may_alias));

static uint64_t read_all(const unsigned char *data, uint64_t size, bool prefetch)
{
    enum { STRIDE = 512, AHEAD = 8192 };
    eight_words sum[8] = {0};
    for (uint64_t at = 0; at + STRIDE <= size; at += STRIDE)
        for (unsigned i = 0; i < 8; i++) {
            if (prefetch)
                __builtin_prefetch(data + at + AHEAD + (size_t)64 * i);
            sum[i] += *(const eight_words *)(data + at + (size_t)64 * i);
        }
    for (unsigned i = 1; i < 8; i++)
        sum[0] += sum[i];
    return sum[0][0] ^ sum[0][1] ^ sum[0][2] ^ sum[0][3] ^ sum[0][4] ^ sum[0][5] ^ sum[0][6] ^ sum[0][7];
}

static void *work_main(void *argument)
{
    struct work *w = argument;
    while (atomic_load(w->go) == 0)
        sched_yield();
    if (atomic_load(w->go) < 0)
        return NULL;
    w->begin = seconds_now();
    w->result = w->run ? w->run(w->data, w->amount) : (float)read_all(w->data, w->amount, w->prefetch);
    w->end = seconds_now();
    return NULL;
}

/* Runs `like` on n threads, each over its own `step` bytes of data; *seconds from the first start to the last end.
 */
static viv_status run_threads(const struct work *like, uint32_t n, uint64_t step, double *seconds,
                              struct error *err)
{
    struct work works[MOST_THREADS];
    atomic_int go = 0;
    uint32_t started = 1; /* this thread is the first */
    double begin = 1e300, end = 0;
    for (uint32_t i = 0; i < n; i++) {
        works[i] = *like;
        works[i].go = &go;
        works[i].data += step * i;
    }
    while (started < n && pthread_create(&works[started].thread, NULL, work_main, &works[started]) == 0)
        started++;
    atomic_store(&go, started == n ? 1 : -1);
    work_main(&works[0]);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(works[i].thread, NULL);
    if (started < n)
        return error_set(err, VIV_ENOMEM, "cannot start thread %u of %u", started + 1, n);
    for (uint32_t i = 0; i < n; i++) {
        begin = works[i].begin < begin ? works[i].begin : begin;
        end = works[i].end > end ? works[i].end : end;
    }
    *seconds = end - begin;
    return VIV_OK;
}

static viv_status measure_peak(const struct peak *p, uint32_t n, double *rate, struct error *err)
{
    _Alignas(64) unsigned char numbers[512];
    struct work like = {.run = p->run, .data = numbers, .amount = 1u << 18};
    double seconds = 0;
    for (size_t i = 0; i < sizeof numbers; i++) /* small ordinary numbers in each of the formats: 0x3c.. */
        numbers[i] = i % 2 ? 0x3C : (unsigned char)(i / 2);
    for (;;) {
        viv_status status = run_threads(&like, n, 0, &seconds, err);
        if (status != VIV_OK)
            return status;
        if (seconds > 0.05)
            break;
        like.amount *= 4;
    }
    *rate = p->operations * CHAINS * (double)like.amount * n / seconds;
    return VIV_OK;
}

static viv_status measure_read(uint32_t n, double *rate, struct error *err)
{
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    uint64_t size = size_min(size_max(cache > 0 ? 4 * (uint64_t)cache : 0, 128u << 20), 1u << 30);
    uint64_t part = size / n / 4096 * 4096;
    unsigned char *data = aligned_alloc(4096, part * n);
    viv_status status = data ? VIV_OK : error_nomem(err);
    if (data)
        memset(data, 1, part * n); /* pages never written are all the same page of zeros */
    *rate = 0;
    double begin = seconds_now();
    for (int pass = 0; status == VIV_OK && (pass < 4 || seconds_now() - begin < 0.4); pass++) {
        double seconds;
        struct work like = {.data = data, .amount = part, .prefetch = pass % 2};
        status = run_threads(&like, n, part, &seconds, err);
        if (status == VIV_OK && (double)(part * n) / seconds > *rate)
            *rate = (double)(part * n) / seconds;
    }
    free(data);
    return status;
}

viv_status limits_measure(uint32_t n_threads, uint64_t cpu, struct limits *out, struct error *err)
{
    struct limits l = {0};
    if (n_threads == 0 || n_threads > MOST_THREADS)
        return error_set(err, VIV_EINVAL, "limits are measured with 1 to %d threads, not %u", MOST_THREADS,
                         n_threads);
    viv_status status = measure_read(n_threads, &l.read, err);
    for (size_t i = 0; status == VIV_OK && i < sizeof peaks / sizeof *peaks; i++) {
        bool better_follows = false;
        for (size_t j = i + 1; j < sizeof peaks / sizeof *peaks; j++)
            better_follows |= peaks[j].field == peaks[i].field && (peaks[j].cpu & cpu) == peaks[j].cpu;
        if (!better_follows && (peaks[i].cpu & cpu) == peaks[i].cpu)
            status = measure_peak(&peaks[i], n_threads, (double *)((char *)&l + peaks[i].field), err);
    }
    if (status == VIV_OK)
        *out = l;
    return status;
}
