/* attend_wide.h - vectorised attention (generic/attend.c has the formula), for the instruction set of the including
 * file, which defines:
 *
 *   vec                      a vector of LANES floats; LANES divides 16
 *   VECTORS                  of tokens or of values in a tile; VECTORS * LANES * k = 16 or 64
 *   vec_load, vec_load_f16   from memory of any alignment
 *   vec_load_i8              LANES bytes, signed integers
 *   vec_load_i4(p, high)     the low or high halves of LANES bytes, less 8
 *   vec_store, vec_set1, vec_mul, vec_fma(a, b, c) = a * b + c
 *   vec_sum                  the sum of its lanes, in any fixed order
 *
 * Scores: a tile of six queries by VECTORS vectors of tokens, a lane one token, over d in order; or, of keys by
 * rows, by VECTORS tokens, a lane every LANES-th d. Values: a tile of six queries by VECTORS vectors of v_dim, over
 * tokens in order. With many queries, all are bound by arithmetic: QUERIES queries in turn use a page while it is
 * in the first-level cache. With few queries, each page is read from memory once.
 *
 * The result of a query does not depend on the others in its tile: the scores of tokens are independent, all later
 * operations use only the tokens that the query sees, and if the queries of a tile see different tokens, each is
 * computed alone.
 *
 * Keys and values of f32 and f16 are read as they are. Of other types, the part of a page that QUERIES queries see
 * is made floats first (attend_floats.h), in the scratch, and then computed with as f32. */
#include "base/size.h"
#include "kernels/attend_floats.h"
#include "kernels/kernels.h"
#include "kernels/wide.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    TILE = 6,     /* queries */
    QUERIES = 24, /* that use a page while it is in the first-level cache */
};

struct query {
    const float *q;
    float *values; /* sum of weighted values so far, relative to the largest score; v_dim up to whole vectors */
    float largest, sum; /* of scores and of their exponentials */
    uint64_t row, group;
    struct seen seen;
};

static uint64_t whole_vectors(uint64_t n)
{
    return size_align(n, LANES);
}

static uint64_t attend_scratch_bytes(uint64_t head_dim, uint64_t v_dim, uint64_t page_rows, uint64_t n_group)
{
    (void)n_group;
    return (TILE * page_rows + QUERIES * whole_vectors(v_dim) + (head_dim + v_dim) * page_rows) * sizeof(float);
}

/* Keys and values of this head in one page. */
struct page {
    uint64_t index;
    const void *keys, *values;
    int k_type, v_type; /* 0: f32, 1: f16 */
};

INLINE vec load(uint32_t dtype, const void *array, uint64_t i)
{
    return dtype == VIV_F16 ? vec_load_f16((const uint16_t *)array + i) : vec_load((const float *)array + i);
}

/* Loads the last n < LANES numbers of a row, then zeros. */
INLINE vec load_rest(uint32_t dtype, const void *array, uint64_t i, uint64_t n)
{
    float buffer[LANES] = {0};
    if (dtype == VIV_F16) {
        uint16_t half[LANES] = {0};
        memcpy(half, (const uint16_t *)array + i, n * sizeof *half);
        return vec_load_f16(half);
    }
    memcpy(buffer, (const float *)array + i, n * sizeof *buffer);
    return vec_load(buffer);
}

/* Computes scores[query][t..] for n_vectors vectors of tokens, unscaled. */
INLINE void score_tile(uint32_t dtype, const struct query *queries, const void *keys, uint64_t head_dim,
                       uint64_t page_rows, uint64_t t, float *scores, const int n_queries, const int n_vectors)
{
    vec dot[TILE][VECTORS];
    UNROLL
    for (int i = 0; i < n_queries; i++)
        UNROLL
    for (int j = 0; j < n_vectors; j++)
        dot[i][j] = vec_set1(0.0f);
    for (uint64_t d = 0; d < head_dim; d++) {
        vec k[VECTORS];
        UNROLL
        for (int j = 0; j < n_vectors; j++)
            k[j] = load(dtype, keys, d * page_rows + t + (uint64_t)j * LANES);
        UNROLL
        for (int i = 0; i < n_queries; i++) {
            vec q = vec_set1(queries[i].q[d]);
            UNROLL
            for (int j = 0; j < n_vectors; j++)
                dot[i][j] = vec_fma(k[j], q, dot[i][j]);
        }
    }
    UNROLL
    for (int i = 0; i < n_queries; i++)
        UNROLL
    for (int j = 0; j < n_vectors; j++)
        vec_store(scores + (uint64_t)i * page_rows + t + (uint64_t)j * LANES, dot[i][j]);
}

/* The same for n_tokens tokens from t on, whose keys are rows with this stride. */
INLINE void score_rows_tile(uint32_t dtype, const struct query *queries, const void *keys, uint64_t head_dim,
                            uint64_t stride, uint64_t page_rows, uint64_t t, float *scores, const int n_queries,
                            const int n_tokens)
{
    vec dot[TILE][VECTORS];
    UNROLL
    for (int i = 0; i < n_queries; i++)
        UNROLL
    for (int j = 0; j < n_tokens; j++)
        dot[i][j] = vec_set1(0.0f);
    for (uint64_t d = 0; d < head_dim; d += LANES) {
        const uint64_t rest = head_dim - d < LANES ? head_dim - d : 0;
        vec k[VECTORS];
        UNROLL
        for (int j = 0; j < n_tokens; j++)
            k[j] = rest ? load_rest(dtype, keys, (t + (uint64_t)j) * stride + d, rest)
                        : load(dtype, keys, (t + (uint64_t)j) * stride + d);
        UNROLL
        for (int i = 0; i < n_queries; i++) {
            vec q = rest ? load_rest(VIV_F32, queries[i].q, d, rest) : vec_load(queries[i].q + d);
            UNROLL
            for (int j = 0; j < n_tokens; j++)
                dot[i][j] = vec_fma(k[j], q, dot[i][j]);
        }
    }
    UNROLL
    for (int i = 0; i < n_queries; i++)
        UNROLL
    for (int j = 0; j < n_tokens; j++)
        scores[(uint64_t)i * page_rows + t + (uint64_t)j] = vec_sum(dot[i][j]);
}

/* Adds the weighted values of tokens [t, end) of the page, n_vectors vectors from v on; if `rest` is not 0, one
 * vector with that many numbers. */
INLINE void value_tile(uint32_t dtype, const struct query *queries, const void *values, uint64_t stride, uint64_t v,
                       uint64_t rest, uint64_t page_rows, const float *scores, uint64_t t, uint64_t end,
                       const int n_queries, const int n_vectors)
{
    vec sum[TILE][VECTORS];
    UNROLL
    for (int i = 0; i < n_queries; i++)
        UNROLL
    for (int j = 0; j < n_vectors; j++)
        sum[i][j] = vec_load(queries[i].values + v + (uint64_t)j * LANES);
    for (; t < end; t++) {
        vec x[VECTORS];
        UNROLL
        for (int j = 0; j < n_vectors; j++)
            x[j] = rest ? load_rest(dtype, values, t * stride + v, rest)
                        : load(dtype, values, t * stride + v + (uint64_t)j * LANES);
        UNROLL
        for (int i = 0; i < n_queries; i++) {
            vec p = vec_set1(scores[(uint64_t)i * page_rows + t]);
            UNROLL
            for (int j = 0; j < n_vectors; j++)
                sum[i][j] = vec_fma(x[j], p, sum[i][j]);
        }
    }
    UNROLL
    for (int i = 0; i < n_queries; i++)
        UNROLL
    for (int j = 0; j < n_vectors; j++)
        vec_store(queries[i].values + v + (uint64_t)j * LANES, sum[i][j]);
}

/* The part of a page that a query or a tile sees: tokens [first, end), counted from the page's first. */
struct part {
    uint64_t first, end;
};

#define DEFINE_TILES(TYPE, DTYPE, n_queries)                                                                       \
    static void scores_##TYPE##_##n_queries(const viv_attend *a, const struct query *queries, const void *keys,    \
                                            struct part part, float *scores)                                       \
    {                                                                                                              \
        uint64_t t = part.first / 16 * 16;                                                                         \
        for (; t + VECTORS * LANES <= size_align(part.end, 16); t += VECTORS * LANES)                              \
            score_tile(DTYPE, queries, keys, a->head_dim, a->page_rows, t, scores, n_queries, VECTORS);            \
        for (; t < part.end; t += LANES)                                                                           \
            score_tile(DTYPE, queries, keys, a->head_dim, a->page_rows, t, scores, n_queries, 1);                  \
    }                                                                                                              \
    static void score_rows_##TYPE##_##n_queries(const viv_attend *a, const struct query *queries,                  \
                                                const void *keys, struct part part, float *scores)                 \
    {                                                                                                              \
        uint64_t t = part.first;                                                                                   \
        for (; t + VECTORS <= part.end; t += VECTORS)                                                              \
            score_rows_tile(DTYPE, queries, keys, a->head_dim, a->k_stride, a->page_rows, t, scores, n_queries,    \
                            VECTORS);                                                                              \
        for (; t < part.end; t++)                                                                                  \
            score_rows_tile(DTYPE, queries, keys, a->head_dim, a->k_stride, a->page_rows, t, scores, n_queries,    \
                            1);                                                                                    \
    }                                                                                                              \
    static void values_##TYPE##_##n_queries(const viv_attend *a, const struct query *queries, const void *values,  \
                                            struct part part, const float *scores)                                 \
    {                                                                                                              \
        const uint64_t stride = attend_v_stride(a);                                                                \
        uint64_t v = 0;                                                                                            \
        for (; v + VECTORS * LANES <= a->v_dim; v += VECTORS * LANES)                                              \
            value_tile(DTYPE, queries, values, stride, v, 0, a->page_rows, scores, part.first, part.end,           \
                       n_queries, VECTORS);                                                                        \
        for (; v + LANES <= a->v_dim; v += LANES)                                                                  \
            value_tile(DTYPE, queries, values, stride, v, 0, a->page_rows, scores, part.first, part.end,           \
                       n_queries, 1);                                                                              \
        if (v < a->v_dim)                                                                                          \
            value_tile(DTYPE, queries, values, stride, v, a->v_dim - v, a->page_rows, scores, part.first,          \
                       part.end, n_queries, 1);                                                                    \
    }
#define DEFINE_TYPE(TYPE, DTYPE)                                                                                   \
    DEFINE_TILES(TYPE, DTYPE, 1)                                                                                   \
    DEFINE_TILES(TYPE, DTYPE, 2)                                                                                   \
    DEFINE_TILES(TYPE, DTYPE, 3)                                                                                   \
    DEFINE_TILES(TYPE, DTYPE, 4)                                                                                   \
    DEFINE_TILES(TYPE, DTYPE, 5)                                                                                   \
    DEFINE_TILES(TYPE, DTYPE, 6)
DEFINE_TYPE(f32, VIV_F32)
DEFINE_TYPE(f16, VIV_F16)

typedef void scores_function(const viv_attend *, const struct query *, const void *, struct part, float *);
typedef void values_function(const viv_attend *, const struct query *, const void *, struct part, const float *);
static scores_function *const scores_of[2][TILE + 1] = {
    {NULL, scores_f32_1, scores_f32_2, scores_f32_3, scores_f32_4, scores_f32_5, scores_f32_6},
    {NULL, scores_f16_1, scores_f16_2, scores_f16_3, scores_f16_4, scores_f16_5, scores_f16_6}};
static scores_function *const score_rows_of[2][TILE + 1] = {
    {NULL, score_rows_f32_1, score_rows_f32_2, score_rows_f32_3, score_rows_f32_4, score_rows_f32_5,
     score_rows_f32_6},
    {NULL, score_rows_f16_1, score_rows_f16_2, score_rows_f16_3, score_rows_f16_4, score_rows_f16_5,
     score_rows_f16_6}};
static values_function *const values_of[2][TILE + 1] = {
    {NULL, values_f32_1, values_f32_2, values_f32_3, values_f32_4, values_f32_5, values_f32_6},
    {NULL, values_f16_1, values_f16_2, values_f16_3, values_f16_4, values_f16_5, values_f16_6}};

/* The part of page `page` that lies within [begin, end). */
static struct part part_of(uint64_t begin, uint64_t end, uint64_t page, uint64_t page_rows)
{
    uint64_t first = page * page_rows;
    struct part part = {begin > first ? begin - first : 0, end > first ? size_min(end - first, page_rows) : 0};
    if (part.first >= part.end)
        part = (struct part){0};
    return part;
}

/* Adds the bias to the scores of n tokens from `first` on. Distances beyond reach have the bias of the largest one.
 */
static void add_bias(const viv_attend *a, const struct query *query, uint64_t first, uint64_t n, float *s)
{
    const uint64_t reach = a->reach, at = a->position + query->row;
    const float *bias = a->bias + query->group * (2 * reach + 1);
    const uint64_t begin = size_min(n, at > first + reach ? at - reach - first : 0);
    const uint64_t end = size_min(n, at + reach + 1 > first ? at + reach + 1 - first : 0);
    for (uint64_t i = 0; i < begin; i++)
        s[i] += bias[0];
    for (uint64_t i = begin; i < end; i++)
        s[i] += bias[first + reach + i - at];
    for (uint64_t i = end; i < n; i++)
        s[i] += bias[2 * reach];
}

/* Turns the scores of the tokens that a query sees into weights, relative to the largest score so far. */
static void weigh(const viv_attend *a, struct query *query, uint64_t page, struct part part, float *scores)
{
    float *s = scores + part.first;
    const uint64_t n = part.end - part.first;
    for (uint64_t i = 0; i < n; i++)
        s[i] *= a->scale;
    if (a->softcap != 0.0f)
        wide_softcap(s, s, a->softcap, n);
    if (a->slopes) {
        float slope = a->slopes[query->group], at = (float)(a->position + query->row);
        uint64_t first = page * a->page_rows + part.first;
        for (uint64_t i = 0; i < n; i++)
            s[i] += slope * ((float)(first + i) - at);
    }
    if (a->bias)
        add_bias(a, query, page * a->page_rows + part.first, n, s);
    float largest = wide_max(s, n);
    largest = query->largest > largest ? query->largest : largest;
    float shrink = wide_exp(query->largest - largest);
    for (uint64_t i = 0; i < n; i++)
        s[i] = wide_exp(s[i] - largest);
    query->sum = query->sum * shrink + wide_sum(s, n);
    query->largest = largest;
    for (uint64_t i = 0, n_values = whole_vectors(a->v_dim); i < n_values; i++)
        query->values[i] *= shrink;
}

/* The page for queries that see tokens [begin, end) together. `floats`: room for its keys and values. */
static struct page open_page(const viv_attend *a, uint64_t index, uint64_t begin, uint64_t end, float *floats)
{
    struct page page = {.index = index,
                        .keys = (const char *)a->k_pages[index] + a->k_offset,
                        .values = (const char *)a->v_pages[index] + a->v_offset,
                        .k_type = a->k_dtype == VIV_F16,
                        .v_type = a->v_dtype == VIV_F16};
    const bool direct_k = a->k_dtype == VIV_F32 || page.k_type, direct_v = a->v_dtype == VIV_F32 || page.v_type;
    const bool shared = page.keys == page.values && a->k_stride; /* values are part of the keys */
    const struct part part = part_of(begin, end, index, a->page_rows);
    float *values = floats + a->head_dim * a->page_rows;
    if (!direct_k) {
        attend_key_floats(a, floats, page.keys, part.first, part.end);
        page.keys = floats;
    }
    if (!direct_v && shared) {
        page.values = floats;
    } else if (!direct_v) {
        attend_value_floats(a, values, page.values, part.first, part.end);
        page.values = values;
    }
    return page;
}

/* Runs up to TILE queries over one page. */
static void attend_tile(const viv_attend *a, struct query *queries, uint64_t n_queries, const struct page *page,
                        float *scores)
{
    struct part parts[TILE], any = {a->page_rows, 0}, common = {0, a->page_rows};
    for (uint64_t i = 0; i < n_queries; i++) {
        parts[i] = part_of(queries[i].seen.begin, queries[i].seen.end, page->index, a->page_rows);
        common.first = size_max(common.first, parts[i].first);
        common.end = size_min(common.end, parts[i].end);
        if (parts[i].end) {
            any.first = size_min(any.first, parts[i].first);
            any.end = size_max(any.end, parts[i].end);
        }
    }
    if (!any.end)
        return;
    if (common.first >= common.end)
        common = (struct part){a->page_rows, a->page_rows};
    (a->k_stride ? score_rows_of : scores_of)[page->k_type][n_queries](a, queries, page->keys, any, scores);
    for (uint64_t i = 0; i < n_queries; i++) {
        if (!parts[i].end)
            continue;
        weigh(a, &queries[i], page->index, parts[i], scores + i * a->page_rows);
        struct part before = {parts[i].first, size_min(parts[i].end, common.first)};
        if (before.first < before.end)
            values_of[page->v_type][1](a, &queries[i], page->values, before, scores + i * a->page_rows);
    }
    if (common.first == a->page_rows)
        return;
    values_of[page->v_type][n_queries](a, queries, page->values, common, scores);
    for (uint64_t i = 0; i < n_queries; i++)
        if (parts[i].end > common.end)
            values_of[page->v_type][1](a, &queries[i], page->values, (struct part){common.end, parts[i].end},
                                       scores + i * a->page_rows);
}

static void attend(const viv_attend *a)
{
    const uint64_t n_values = whole_vectors(a->v_dim), n_queries = a->n_rows * a->n_group;
    float *scores = a->scratch, *floats = scores + TILE * a->page_rows + QUERIES * n_values;
    struct query queries[QUERIES];
    for (uint64_t first = 0; first < n_queries; first += QUERIES) {
        uint64_t n = size_min(n_queries - first, QUERIES), begin = UINT64_MAX, end = 0;
        for (uint64_t i = 0; i < n; i++) {
            uint64_t row = (first + i) / a->n_group, group = (first + i) % a->n_group;
            queries[i] = (struct query){.q = a->q + row * a->q_stride + group * a->head_dim,
                                        .values = scores + TILE * a->page_rows + i * n_values,
                                        .largest = a->sinks ? a->sinks[group] : -INFINITY,
                                        .sum = a->sinks ? 1.0f : 0.0f,
                                        .row = row,
                                        .group = group,
                                        .seen = attend_seen(a, row)};
            memset(queries[i].values, 0, n_values * sizeof(float));
            begin = size_min(begin, queries[i].seen.begin);
            end = size_max(end, queries[i].seen.end);
        }
        for (uint64_t index = begin / a->page_rows; index * a->page_rows < end; index++) {
            const struct page page = open_page(a, index, begin, end, floats);
            for (uint64_t i = 0; i < n; i += TILE)
                attend_tile(a, queries + i, size_min(n - i, TILE), &page, scores);
        }
        for (uint64_t i = 0; i < n; i++) {
            float *out = a->out + queries[i].row * a->out_stride + queries[i].group * a->v_dim;
            float sum = queries[i].sum != 0.0f ? queries[i].sum : 1.0f; /* nothing seen: zeros */
            for (uint64_t j = 0; j < a->v_dim; j++)
                out[j] = queries[i].values[j] / sum;
        }
    }
}
