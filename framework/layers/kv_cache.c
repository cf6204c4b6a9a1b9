/* kv_cache.c - see kv_cache.h. */
#include "layers/kv_cache.h"

viv_status kv_cache_prepare(struct kv_cache *s, const viv_prepare *p)
{
    s->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return cache_writer_init(&s->writer, p->host);
}

uint64_t kv_cache_scratch(const struct kv_cache *s, const viv_prepare *p)
{
    return s->kernels->attend_scratch_bytes(s->head_dim, s->head_dim, p->page_rows, s->n_heads / s->n_kv_heads);
}

viv_status kv_cache_write_keys(const struct kv_cache *s, const viv_exec *e, const viv_span *span, uint64_t row,
                               uint64_t n, const float *x, uint64_t stride, uint64_t first, uint64_t end)
{
    const viv_status status = cache_check(e, "keys", x, stride, n, end - first);
    const viv_cache *cache = span->cache[s->k];
    const uint64_t page_rows = cache->page_rows;
    float lane[CACHE_ROWS];
    for (uint64_t done = 0, part; status == VIV_OK && done < n; done += part, row += part) {
        part = viv_min(viv_min(n - done, page_rows - row % page_rows), CACHE_ROWS);
        char *page = cache->pages[row / page_rows];
        for (uint64_t f = first; f < end; f++) {
            for (uint64_t r = 0; r < part; r++)
                lane[r] = x[(done + r) * stride + f - first];
            cache_write(&s->writer, e, page, f * page_rows + row % page_rows, lane, part);
        }
    }
    return status;
}

viv_status kv_cache_write_values(const struct kv_cache *s, const viv_exec *e, const viv_span *span, uint64_t row,
                                 uint64_t n, const float *x, uint64_t stride, uint64_t first, uint64_t end)
{
    const viv_status status = cache_check(e, "values", x, stride, n, end - first);
    const viv_cache *cache = span->cache[s->v];
    const uint64_t page_rows = cache->page_rows;
    for (uint64_t r = 0; status == VIV_OK && r < n; r++, row++) {
        char *page = cache->pages[row / page_rows];
        for (uint64_t f = first, part; f < end; f += part) {
            uint64_t head = f / s->head_dim, d = f % s->head_dim;
            part = viv_min(end - f, s->head_dim - d);
            cache_write(&s->writer, e, page, (head * page_rows + row % page_rows) * s->head_dim + d,
                        x + r * stride + f - first, part);
        }
    }
    return status;
}

void kv_cache_attend(const struct kv_cache *s, const viv_exec *e, const viv_span *span, uint64_t head,
                     viv_attend *a)
{
    const viv_cache *k = span->cache[s->k], *v = span->cache[s->v];
    a->struct_size = sizeof *a;
    a->n_group = s->n_heads / s->n_kv_heads;
    a->head_dim = a->v_dim = s->head_dim;
    a->q += head * a->n_group * s->head_dim;
    a->out += head * a->n_group * s->head_dim;
    a->k_pages = (const void *const *)k->pages;
    a->v_pages = (const void *const *)v->pages;
    a->k_offset = a->v_offset = head * s->head_dim * k->page_rows * cache_element_bytes(e);
    a->page_rows = k->page_rows;
    a->dtype = e->cache_dtype;
    s->kernels->attend(a);
}
