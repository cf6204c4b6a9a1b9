/* product_float_wide.h - vectorised products with F32, F16 and BF16 weights, for the instruction set of the
 * including file, which defines:
 *
 *   vec, operand, LANES      a vector of sums, of factors; factors that one of these holds
 *   OUTPUTS, ROWS            of a tile
 *   load_weights(dtype, p), load_row(p), vec_zero(), vec_fma(operand, operand, vec)
 *   store_sums(y, v, n)      y[i] = the lanes of v[i] added up, in any fixed order; n is OUTPUTS or 1
 *   row_element              what a prepared row consists of, and fill_row(row, x, k), which prepares it
 *   TARGET                   what functions need to be marked with, or empty
 *
 * A lane is a part of k: each output has one vector of partial sums, whose lanes are added at the end, so the
 * weights are read as they lie in the file and the order of summation is always the same.
 *
 * Many rows (bound by arithmetic): a tile of weight rows by rows of x uses one load for several multiply-adds. k is
 * divided so that the parts of x stay in the first-level cache while the weight rows of a pass come from the
 * second; the sums of other tiles wait in scratch. Few rows (bound by memory): the same tile with as many rows as
 * there are. Weights are prefetched one tile ahead, in the order in which they lie in memory, into the second-level
 * cache, because the first has too few miss buffers. */
#include "base/size.h"
#include "kernels/kernels.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline)) TARGET
#if defined __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    CHUNK = 1024,           /* elements of k */
    PASS = 64,              /* outputs whose sums may wait */
    PASS_BYTES = 384 << 10, /* of weights that stay in the second-level cache */
};

static uint64_t row_bytes(uint64_t k)
{
    return size_align(k * sizeof(row_element), 64);
}

static void prepare(void *row, const float *x, uint64_t k)
{
    fill_row(row, x, k);
}

static uint64_t scratch_bytes(uint64_t k)
{
    (void)k;
    return (uint64_t)(PASS + OUTPUTS * OUTPUTS) * ROWS * sizeof(vec); /* tiles, and single outputs at an end */
}

static inline uint64_t element_bytes(uint32_t dtype)
{
    return dtype == VIV_F32 ? 4 : 2;
}

/* Loads the last n < LANES factors of a row, then zeros. */
INLINE operand weights_rest(uint32_t dtype, const char *w, uint64_t n)
{
    char buffer[LANES * 4] = {0};
    memcpy(buffer, w, n * element_bytes(dtype));
    return load_weights(dtype, buffer);
}

INLINE operand row_rest(const row_element *x, uint64_t n)
{
    row_element buffer[LANES] = {0};
    memcpy(buffer, x, n * sizeof *x);
    return load_row(buffer);
}

/* Where a tile is: outputs n..., rows r..., elements [k, k_end) of k. */
struct place {
    uint64_t n, r, k, k_end;
    vec *waiting; /* sums of this tile between chunks of k */
};

/* Prefetches the corresponding part of the next tile's weights. */
INLINE void call_next(const char *at, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(at + i, 0, 2);
}

INLINE void tile(uint32_t dtype, const viv_matmul *m, struct place p, const int n_outputs, const int n_rows)
{
    const uint64_t bytes = element_bytes(dtype);
    vec sum[6][OUTPUTS];
    operand weights[OUTPUTS];
    const char *w[OUTPUTS];
    const row_element *x[6];
    UNROLL
    for (int i = 0; i < n_outputs; i++)
        w[i] = (const char *)m->w + (p.n + (uint64_t)i) * m->w_stride;
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        x[r] = (const void *)((const char *)m->x + (p.r + (uint64_t)r) * m->x_stride);
        UNROLL
        for (int i = 0; i < n_outputs; i++)
            sum[r][i] = p.k ? p.waiting[r * OUTPUTS + i] : vec_zero();
    }
    uint64_t k = p.k;
    for (; k + LANES <= p.k_end; k += LANES) {
        if (n_rows < ROWS)
            call_next(w[0] + (uint64_t)n_outputs * (m->w_stride + k * bytes), (uint64_t)n_outputs * LANES * bytes);
        UNROLL
        for (int i = 0; i < n_outputs; i++)
            weights[i] = load_weights(dtype, w[i] + k * bytes);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            operand row = load_row(x[r] + k);
            UNROLL
            for (int i = 0; i < n_outputs; i++)
                sum[r][i] = vec_fma(weights[i], row, sum[r][i]);
        }
    }
    if (k < p.k_end) {
        UNROLL
        for (int i = 0; i < n_outputs; i++)
            weights[i] = weights_rest(dtype, w[i] + k * bytes, p.k_end - k);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            operand row = row_rest(x[r] + k, p.k_end - k);
            UNROLL
            for (int i = 0; i < n_outputs; i++)
                sum[r][i] = vec_fma(weights[i], row, sum[r][i]);
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        if (p.k_end == m->k) {
            store_sums(m->y + (p.r + (uint64_t)r) * m->y_stride + p.n, sum[r], n_outputs);
        } else {
            UNROLL
            for (int i = 0; i < n_outputs; i++)
                p.waiting[r * OUTPUTS + i] = sum[r][i];
        }
    }
}

typedef void tile_function(const viv_matmul *, struct place);
#define TILE(TYPE, DTYPE, outputs, rows)                                                                           \
    TARGET static void tile_##TYPE##_##outputs##x##rows(const viv_matmul *m, struct place p)                       \
    {                                                                                                              \
        tile(DTYPE, m, p, outputs, rows);                                                                          \
    }
#define TILES(TYPE, DTYPE, n, outputs)                                                                             \
    TILE(TYPE, DTYPE, outputs, 1)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 2)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 3)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 4)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 5)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 6)                                                                                  \
    static tile_function *const tiles_##TYPE##_##n[7] = {NULL,                                                     \
                                                         tile_##TYPE##_##outputs##x1,                              \
                                                         tile_##TYPE##_##outputs##x2,                              \
                                                         tile_##TYPE##_##outputs##x3,                              \
                                                         tile_##TYPE##_##outputs##x4,                              \
                                                         tile_##TYPE##_##outputs##x5,                              \
                                                         tile_##TYPE##_##outputs##x6};

static void multiply(uint32_t dtype, tile_function *const *tiles_of_many, tile_function *const *tiles_of_1,
                     const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    uint64_t pass = PASS_BYTES / size_max(m->k * element_bytes(dtype), 1) / OUTPUTS * OUTPUTS;
    pass = size_min(size_max(pass, OUTPUTS), PASS / OUTPUTS * OUTPUTS);
    const uint64_t chunk = m->n_rows < ROWS ? m->k : CHUNK;
    for (uint64_t n0 = n_first; n0 < n_end; n0 += pass) {
        uint64_t pass_end = size_min(n0 + pass, n_end);
        for (uint64_t r = 0; r < m->n_rows; r += ROWS) {
            uint64_t rows = size_min(m->n_rows - r, ROWS);
            for (uint64_t k = 0; k < m->k; k += chunk) {
                struct place p = {
                    .n = n0, .r = r, .k = k, .k_end = size_min(k + chunk, m->k), .waiting = m->scratch};
                for (; p.n + OUTPUTS <= pass_end; p.n += OUTPUTS, p.waiting += OUTPUTS * ROWS)
                    tiles_of_many[rows](m, p);
                for (; p.n < pass_end; p.n++, p.waiting += OUTPUTS * ROWS)
                    tiles_of_1[rows](m, p);
            }
        }
    }
}

#define DEFINE_PRODUCT(TYPE, DTYPE, NAME, FORMAT)                                                                  \
    TILES(TYPE, DTYPE, many, OUTPUTS)                                                                              \
    TILES(TYPE, DTYPE, 1, 1)                                                                                       \
    static void multiply_##TYPE(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                             \
    {                                                                                                              \
        multiply(DTYPE, tiles_##TYPE##_many, tiles_##TYPE##_1, m, n_first, n_end);                                 \
    }                                                                                                              \
    static const viv_product product_##TYPE = {                                                                    \
        .struct_size = sizeof(viv_product),                                                                        \
        .weight_dtype = DTYPE,                                                                                     \
        .tile = PASS,                                                                                              \
        .name = NAME " " #TYPE,                                                                                    \
        .row_format = FORMAT,                                                                                      \
        .row_bytes = row_bytes,                                                                                    \
        .prepare = prepare,                                                                                        \
        .scratch_bytes = scratch_bytes,                                                                            \
        .multiply = multiply_##TYPE,                                                                               \
    };
