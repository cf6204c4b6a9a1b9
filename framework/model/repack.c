/* repack.c - makes the weights that their file has in parts (formats/packed/packed.h), once, before anything reads
 * them: each by all workers of the scheduler, some rows at a time. With an expert cache, experts stay as they are
 * in the file until they are chosen. */
#include "model/instance.h"

#include "base/size.h"
#include "formats/packed/packed.h"
#include "model/schedule.h"

/* Where a file has inputs by outputs, so many outputs of 4 bits share a cache line. */
enum { ROWS = 128 };

struct repack {
    const viv_model *model;
    const viv_tensor *tensor;
    uint64_t n_rows, row_bytes;
    char *data;
};

static viv_status repack_rows(void *ctx, uint64_t task)
{
    const struct repack *r = ctx;
    const uint64_t first = task * ROWS, n = size_min(ROWS, r->n_rows - first);
    struct error err;
    viv_status status =
        packed_read(&r->model->checkpoint, r->tensor, first, n, r->data + first * r->row_bytes, &err);
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

viv_status repack_to(const viv_model *m, const viv_tensor *t, const viv_tensor *joined, void *data,
                     struct error *err)
{
    struct repack r = {.model = m,
                       .tensor = t,
                       .n_rows = joined->nbytes / size_max(joined->row_bytes, 1),
                       .row_bytes = joined->row_bytes,
                       .data = data};
    return schedule_tasks(m, (r.n_rows + ROWS - 1) / ROWS, repack_rows, &r, err);
}

static viv_status repack(viv_model *m, const viv_tensor *t, struct error *err)
{
    void *data;
    viv_status status = packed_make(&m->checkpoint, t, &data, err);
    if (status != VIV_OK)
        return status;
    m->made_bytes += t->nbytes;
    return repack_to(m, t, t, data, err);
}

viv_status repack_weights(viv_model *m, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < m->expansion->n_weights; i++) {
        const struct binding *b = &m->bindings[i];
        const struct weight *w = &m->expansion->weights[b->weight];
        if (!b->tensor || w->values || (!m->whole[i] && m->options.expert_budget))
            continue;
        for (uint32_t k = 0; status == VIV_OK && k < w->n_names; k++) {
            const viv_tensor *t = checkpoint_tensor(&m->checkpoint, w->names[k]);
            if (t && packed_is(&m->checkpoint, t))
                status = repack(m, t, err);
        }
        if (m->checkpoint.packed && m->options.progress)
            m->options.progress(m->options.progress_ctx, "weights", i + 1, m->expansion->n_weights);
    }
    return status;
}
