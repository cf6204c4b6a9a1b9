/* sequence.c - the state of one sequence: pages of PAGE_ROWS tokens, each holding the states of all layers, taken
 * from the model's list of free ones as the sequence grows. */
#include "session/instance.h"

#include "base/size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void *page_take(viv_model *m)
{
    void *page = m->free_pages;
    if (page) {
        memcpy(&m->free_pages, page, sizeof m->free_pages);
        return page;
    }
    return aligned_alloc(64, m->page_bytes);
}

static void page_give(viv_model *m, void *page)
{
    memcpy(page, &m->free_pages, sizeof m->free_pages);
    m->free_pages = page;
}

void free_all_pages(viv_model *m)
{
    while (m->free_pages) {
        void *page = m->free_pages;
        memcpy(&m->free_pages, page, sizeof m->free_pages);
        free(page);
    }
}

viv_status sequence_create(viv_model *m, struct sequence **out, struct error *err)
{
    uint32_t n = m->graph->n_states;
    struct sequence *s = calloc(1, sizeof *s);
    if (!s)
        return error_nomem(err);
    s->model = m;
    s->max_pages = (m->context + PAGE_ROWS - 1) / PAGE_ROWS;
    s->pages = calloc(s->max_pages, sizeof *s->pages);
    s->state_pages = calloc(n ? n * s->max_pages : 1, sizeof *s->state_pages);
    s->states = calloc(n ? n : 1, sizeof *s->states);
    s->state_list = calloc(n ? n : 1, sizeof *s->state_list);
    if (!s->pages || !s->state_pages || !s->states || !s->state_list) {
        sequence_destroy(s);
        return error_nomem(err);
    }
    for (uint32_t i = 0; i < n; i++) {
        s->states[i] = (viv_state){s->state_pages + i * s->max_pages, PAGE_ROWS};
        s->state_list[i] = &s->states[i];
    }
    *out = s;
    return VIV_OK;
}

void sequence_destroy(struct sequence *s)
{
    if (!s)
        return;
    for (uint64_t i = 0; i < s->n_pages; i++)
        page_give(s->model, s->pages[i]);
    free(s->pages);
    free(s->state_pages);
    free(s->states);
    free(s->state_list);
    free(s);
}

uint64_t sequence_length(const struct sequence *s)
{
    return s->length;
}

viv_status sequence_truncate(struct sequence *s, uint64_t length, struct error *err)
{
    if (length > s->length)
        return error_set(err, VIV_EINVAL, "a sequence of %" PRIu64 " tokens cannot be cut to %" PRIu64, s->length,
                         length);
    s->length = length;
    while (s->n_pages > (length + PAGE_ROWS - 1) / PAGE_ROWS)
        page_give(s->model, s->pages[--s->n_pages]);
    return VIV_OK;
}

viv_status sequence_reserve(struct sequence *s, uint64_t length, struct error *err)
{
    viv_model *m = s->model;
    if (length > m->context)
        return error_set(err, VIV_ELIMIT, "the context is full: %" PRIu64 " tokens, it holds %" PRIu64, length,
                         m->context);
    while (m->page_bytes && s->n_pages * PAGE_ROWS < length) {
        char *page = page_take(m);
        if (!page)
            return error_nomem(err);
        for (uint32_t i = 0; i < m->graph->n_states; i++)
            s->state_pages[i * s->max_pages + s->n_pages] = page + m->state_offsets[i];
        s->pages[s->n_pages++] = page;
    }
    return VIV_OK;
}
