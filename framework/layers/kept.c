#include "layers/kept.h"

#include "base/size.h"

viv_status kept_prepare(struct kept *s, const viv_prepare *p)
{
    s->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    s->dtype = p->state_dtype;
    s->element = p->state_dtype == VIV_F32 ? sizeof(float) : sizeof(uint16_t);
    s->store = s->kernels->from_f32(p->state_dtype);
    return s->store ? VIV_OK : layer_fail(p->host, VIV_EUNSUPPORTED, "keys and values cannot be kept in this type");
}

uint64_t kept_scratch(const struct kept *s, const viv_prepare *p)
{
    return s->kernels->attend_scratch_bytes(s->head_dim, s->head_dim, p->page_rows, s->n_heads / s->n_kv_heads);
}

void kept_write_keys(const struct kept *s, const viv_span *span, uint64_t row, uint64_t n, const float *x,
                     uint64_t stride, uint64_t first, uint64_t end)
{
    const viv_state *state = span->state[s->k];
    const uint64_t page_rows = state->page_rows;
    float lane[KEEP_ROWS];
    for (uint64_t done = 0, part; done < n; done += part, row += part) {
        part = size_min(size_min(n - done, page_rows - row % page_rows), KEEP_ROWS);
        char *page = state->pages[row / page_rows];
        for (uint64_t f = first; f < end; f++) {
            for (uint64_t r = 0; r < part; r++)
                lane[r] = x[(done + r) * stride + f - first];
            s->store(page + (f * page_rows + row % page_rows) * s->element, lane, part);
        }
    }
}

void kept_write_values(const struct kept *s, const viv_span *span, uint64_t row, uint64_t n, const float *x,
                       uint64_t stride, uint64_t first, uint64_t end)
{
    const viv_state *state = span->state[s->v];
    const uint64_t page_rows = state->page_rows;
    for (uint64_t r = 0; r < n; r++, row++) {
        char *page = state->pages[row / page_rows];
        for (uint64_t f = first, part; f < end; f += part) {
            uint64_t head = f / s->head_dim, d = f % s->head_dim;
            part = size_min(end - f, s->head_dim - d);
            s->store(page + ((head * page_rows + row % page_rows) * s->head_dim + d) * s->element,
                     x + r * stride + f - first, part);
        }
    }
}

void kept_attend(const struct kept *s, const viv_span *span, uint64_t head, viv_attend *a)
{
    const viv_state *k = span->state[s->k], *v = span->state[s->v];
    a->struct_size = sizeof *a;
    a->n_group = s->n_heads / s->n_kv_heads;
    a->head_dim = a->v_dim = s->head_dim;
    a->q += head * a->n_group * s->head_dim;
    a->out += head * a->n_group * s->head_dim;
    a->k_pages = (const void *const *)k->pages;
    a->v_pages = (const void *const *)v->pages;
    a->k_offset = a->v_offset = head * s->head_dim * k->page_rows * s->element;
    a->page_rows = k->page_rows;
    a->dtype = s->dtype;
    s->kernels->attend(a);
}
