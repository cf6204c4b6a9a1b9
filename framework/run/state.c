/* state.c - how the states of all layers lie in pages, and what becomes of them when their numbers pass what f16
 * holds: from then on they are f32, in this model. */
#include "run/sequence.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

static uint64_t element_bytes(const viv_model *m, enum cache_kind kind)
{
    return kind == CACHE_RECURRENT || m->cache_dtype == VIV_F32 ? 4 : 2;
}

viv_status state_lay_out(viv_model *m, struct error *err)
{
    uint32_t n = 0;
    uint64_t page_bytes[N_CACHE_KINDS] = {0};
    struct state_place *places = calloc(m->graph->n_states ? m->graph->n_states : 1, sizeof *places);
    if (!places)
        return error_nomem(err);
    for (uint32_t i = 0; i < m->graph->n_nodes; i++)
        for (uint32_t s = 0; s < m->graph->nodes[i].n_states; s++) {
            const struct graph_cache *state = &m->graph->nodes[i].states[s];
            const uint64_t rows = state->kind == CACHE_RECURRENT ? 1 : PAGE_ROWS;
            uint64_t bytes, *at = &page_bytes[state->kind];
            places[n++] = (struct state_place){state->kind, *at};
            if (!size_mul(state->elems, element_bytes(m, state->kind) * rows, &bytes) ||
                !size_add(*at, size_align(bytes, 64), at)) {
                free(places);
                return error_set(err, VIV_ELIMIT, "the state of a token is too large");
            }
        }
    m->state_places = places;
    for (uint32_t k = 0; k < N_CACHE_KINDS; k++) {
        m->pools[k].page_bytes = page_bytes[k];
        m->pools[k].row_bytes = m->graph->cache_elems[k] * element_bytes(m, (enum cache_kind)k);
    }
    return VIV_OK;
}

bool state_can_widen(const viv_model *m)
{
    return m->cache_dtype == VIV_F16 && m->options.cache_dtype < 0;
}

viv_status state_widen(viv_model *m, struct error *err)
{
    struct state_place *narrow = m->state_places;
    m->cache_dtype = VIV_F32;
    viv_status status = state_lay_out(m, err);
    if (status != VIV_OK) {
        m->cache_dtype = VIV_F16;
        return status;
    }
    m->narrow_places = narrow;
    free_all_pages(m);
    return VIV_OK;
}
