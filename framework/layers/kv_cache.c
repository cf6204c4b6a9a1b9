/* kv_cache.c - see kv_cache.h. */
#include "layers/kv_cache.h"

#include "layers/hadamard.h"

#include <string.h>

viv_status kv_cache_infer(struct kv_cache *s, viv_infer *b,
                          viv_status (*want)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index))
{
    viv_status status = want(b, "k", s->n_kv_heads * s->head_dim, &s->k);
    if (status == VIV_OK)
        status = want(b, "v", s->n_kv_heads * s->head_dim, &s->v);
    if (status == VIV_OK)
        status = b->set_cache_content(b, s->k, VIV_CACHE_KEYS, s->head_dim);
    return status == VIV_OK ? b->set_cache_content(b, s->v, VIV_CACHE_VALUES, s->head_dim) : status;
}

viv_status kv_cache_borrow(struct kv_cache *s, viv_infer *b, const char *lent)
{
    const viv_status status = b->borrow_cache(b, lent, "k", s->n_kv_heads * s->head_dim, &s->k);
    return status == VIV_OK ? b->borrow_cache(b, lent, "v", s->n_kv_heads * s->head_dim, &s->v) : status;
}

viv_status kv_cache_prepare(struct kv_cache *s, const viv_prepare *p)
{
    s->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return cache_writer_init(&s->writer, p->host);
}

uint64_t kv_cache_scratch(const struct kv_cache *s, const viv_prepare *p)
{
    return s->kernels->attend_scratch_bytes(s->head_dim, s->head_dim, p->page_rows, s->n_heads / s->n_kv_heads);
}

/* Writes a block of keys (kernels.h): its scale among those of all tokens, then each byte among those of all. */
static void scatter_block(char *column, const unsigned char *block, uint64_t bytes, uint64_t page_rows,
                          uint64_t row)
{
    const uint64_t scale = sizeof(uint16_t);
    memcpy(column + row * scale, block, scale);
    for (uint64_t i = scale; i < bytes; i++)
        column[i * page_rows + row] = (char)block[i];
}

static viv_status write_key_blocks(const struct kv_cache *s, const viv_exec *e, const viv_cache *cache,
                                   uint64_t row, const float *x, uint64_t head, uint64_t n_heads)
{
    unsigned char blocks[HADAMARD_MOST * sizeof(float)];
    const uint64_t part = hadamard_order(s->head_dim), bytes = cache_bytes(cache->dtype, CACHE_BLOCK);
    char *page = cache->pages[row / cache->page_rows];
    for (uint64_t f = head * s->head_dim; f < (head + n_heads) * s->head_dim; f += part, x += part) {
        const viv_status status = cache_write_blocks(&s->writer, e, cache->dtype, "keys", blocks, x, part);
        if (status != VIV_OK)
            return status;
        for (uint64_t b = 0; b < part / CACHE_BLOCK; b++)
            scatter_block(page + cache_bytes(cache->dtype, f + b * CACHE_BLOCK) * cache->page_rows,
                          blocks + b * bytes, bytes, cache->page_rows, row % cache->page_rows);
    }
    return VIV_OK;
}

viv_status kv_cache_write_keys(const struct kv_cache *s, const viv_exec *e, const viv_span *span, uint64_t row,
                               uint64_t n, const float *x, uint64_t stride, uint64_t head, uint64_t n_heads)
{
    const viv_cache *cache = span->cache[s->k];
    const uint64_t page_rows = cache->page_rows, first = head * s->head_dim, width = n_heads * s->head_dim;
    float lane[CACHE_ROWS];
    viv_status status = VIV_OK;
    if (cache_has_blocks(cache->dtype)) {
        for (uint64_t r = 0; status == VIV_OK && r < n; r++)
            status = write_key_blocks(s, e, cache, row + r, x + r * stride, head, n_heads);
        return status;
    }
    status = cache_check(e, cache->dtype, "keys", x, stride, n, width);
    for (uint64_t done = 0, part; status == VIV_OK && done < n; done += part, row += part) {
        part = viv_min(viv_min(n - done, page_rows - row % page_rows), CACHE_ROWS);
        char *page = cache->pages[row / page_rows];
        for (uint64_t f = 0; f < width; f++) {
            for (uint64_t r = 0; r < part; r++)
                lane[r] = x[(done + r) * stride + f];
            cache_write(&s->writer, cache->dtype, page, (first + f) * page_rows + row % page_rows, lane, part);
        }
    }
    return status;
}

viv_status kv_cache_write_values(const struct kv_cache *s, const viv_exec *e, const viv_span *span, uint64_t row,
                                 uint64_t n, const float *x, uint64_t stride, uint64_t head, uint64_t n_heads)
{
    const viv_cache *cache = span->cache[s->v];
    const bool blocks = cache_has_blocks(cache->dtype);
    viv_status status =
        blocks ? VIV_OK : cache_check(e, cache->dtype, "values", x, stride, n, n_heads * s->head_dim);
    for (uint64_t r = 0; status == VIV_OK && r < n; r++, row++) {
        char *page = cache->pages[row / cache->page_rows];
        for (uint64_t h = 0; status == VIV_OK && h < n_heads; h++) {
            const float *values = x + r * stride + h * s->head_dim;
            const uint64_t at = ((head + h) * cache->page_rows + row % cache->page_rows) * s->head_dim;
            if (blocks)
                status = cache_write_blocks(&s->writer, e, cache->dtype, "values",
                                            page + cache_bytes(cache->dtype, at), values, s->head_dim);
            else
                cache_write(&s->writer, cache->dtype, page, at, values, s->head_dim);
        }
    }
    return status;
}

/* Rotates the heads of one group in n_rows rows. */
static void rotate_group(const struct kv_cache *s, float *x, uint64_t stride, uint64_t n_rows, uint64_t n_group)
{
    for (uint64_t r = 0; r < n_rows; r++)
        for (uint64_t g = 0; g < n_group; g++)
            hadamard_rotate(x + r * stride + g * s->head_dim, s->head_dim);
}

void kv_cache_attend(const struct kv_cache *s, const viv_span *span, uint64_t head, float *q, viv_attend *a)
{
    const viv_cache *k = span->cache[s->k], *v = span->cache[s->v];
    a->struct_size = sizeof *a;
    a->n_group = s->n_heads / s->n_kv_heads;
    a->head_dim = a->v_dim = s->head_dim;
    a->q = q += head * a->n_group * s->head_dim;
    a->out += head * a->n_group * s->head_dim;
    a->k_pages = (const void *const *)k->pages;
    a->v_pages = (const void *const *)v->pages;
    a->k_offset = cache_bytes(k->dtype, head * s->head_dim * k->page_rows);
    a->v_offset = cache_bytes(v->dtype, head * s->head_dim * v->page_rows);
    a->page_rows = k->page_rows;
    a->k_dtype = k->dtype;
    a->v_dtype = v->dtype;
    if (cache_rotates(k->dtype))
        rotate_group(s, q, a->q_stride, a->n_rows, a->n_group);
    s->kernels->attend(a);
    if (cache_rotates(v->dtype))
        rotate_group(s, a->out, a->out_stride, a->n_rows, a->n_group);
}
