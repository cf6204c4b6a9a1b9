/* cache_layout.c - where the cache of each layer lies in a page; those of a step all begin where the page does.
 * When numbers become too large for f16, the caches of the model are f32 from then on. */
#include "run/sequence.h"

#include "base/size.h"
#include "tensor/dtype.h"

#include <stdlib.h>
#include <string.h>

viv_status cache_lay_out(viv_model *m, struct error *err)
{
    uint32_t n = 0;
    uint64_t page_bytes[N_CACHE_KINDS] = {0};
    const viv_status checked = graph_check_cache_types(m->graph, &m->cache_types, err);
    if (checked != VIV_OK)
        return checked;
    struct cache_place *places = calloc(m->graph->n_caches ? m->graph->n_caches : 1, sizeof *places);
    if (!places)
        return error_nomem(err);
    uint64_t step_bytes = 0; /* of the layer that has the largest caches of a step */
    for (uint32_t i = 0; i < m->graph->n_nodes; i++) {
        page_bytes[CACHE_OF_STEP] = 0;
        for (uint32_t s = 0; s < m->graph->nodes[i].n_caches; s++) {
            const struct graph_cache *cache = &m->graph->nodes[i].caches[s];
            const uint64_t rows = cache->kind == CACHE_RECURRENT ? 1 : PAGE_ROWS;
            uint64_t bytes, *at = &page_bytes[cache->kind];
            const uint32_t dtype = cache_types_of(&m->cache_types, cache);
            places[n++] = (struct cache_place){cache->kind, dtype, *at};
            if (!size_mul(cache->elems, rows, &bytes) || !dtype_bytes(dtype, bytes, &bytes) ||
                !size_add(*at, size_align(bytes, 64), at)) {
                free(places);
                return error_set(err, VIV_ELIMIT, "the KV cache of a token is too large");
            }
        }
        step_bytes = size_max(step_bytes, page_bytes[CACHE_OF_STEP]);
    }
    page_bytes[CACHE_OF_STEP] = step_bytes;
    m->cache_places = places;
    for (uint32_t k = 0; k < N_CACHE_KINDS; k++) {
        m->pools[k].page_bytes = page_bytes[k];
        m->pools[k].row_bytes = graph_cache_bytes(m->graph, &m->cache_types, (enum cache_kind)k);
    }
    return VIV_OK;
}

bool cache_can_widen(const viv_model *m)
{
    return m->cache_types.keys == VIV_F16 && !m->options.cache_type;
}

viv_status cache_widen(viv_model *m, struct error *err)
{
    struct cache_place *narrow = m->cache_places;
    m->cache_types = (struct cache_types){VIV_F32, VIV_F32};
    viv_status status = cache_lay_out(m, err);
    if (status != VIV_OK) {
        m->cache_types = (struct cache_types){VIV_F16, VIV_F16};
        return status;
    }
    m->narrow_places = narrow;
    cache_free_pages(m);
    return VIV_OK;
}
