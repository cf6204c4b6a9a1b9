/* repack.c - makes the weights that their file has in parts (formats/packed/packed.h), once, before anything reads
 * them: each by all workers of the scheduler, some rows at a time. What takes long is kept for the next run
 * (repack_cache.h). With an expert cache, experts stay as they are in the file until they are chosen. */
#include "model/instance.h"

#include "base/clock.h"
#include "base/size.h"
#include "formats/packed/packed.h"
#include "model/repack_cache.h"
#include "model/schedule.h"

#include <stdlib.h>

/* Where a file has inputs by outputs, so many outputs of 4 bits share a cache line. */
enum { ROWS = 128 };

/* Repacking that takes longer, in seconds, is worth a file. */
static const double LONG = 2;

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

/* Adds the tensors of a weight that are in parts, unless they are listed already. */
static void list_weight(const viv_model *m, const struct weight *w, bool *listed, struct repack_list *list)
{
    for (uint32_t k = 0; k < w->n_names; k++) {
        const viv_tensor *t = checkpoint_tensor(&m->checkpoint, w->names[k]);
        if (!t || !packed_is(&m->checkpoint, t) || listed[t - m->checkpoint.tensors])
            continue;
        listed[t - m->checkpoint.tensors] = true;
        list->tensors[list->n++] = t;
        list->bytes += size_align(t->nbytes, 64);
    }
}

static viv_status list_weights(const viv_model *m, struct repack_list *list, struct error *err)
{
    bool *listed = calloc(m->checkpoint.n_tensors, sizeof *listed);
    list->tensors = calloc(m->checkpoint.n_tensors, sizeof *list->tensors);
    viv_status status = listed && list->tensors ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < m->expansion->n_weights; i++) {
        const struct binding *b = &m->bindings[i];
        const struct weight *w = &m->expansion->weights[b->weight];
        if (b->tensor && !w->values && (m->whole[i] || !m->options.expert_budget))
            list_weight(m, w, listed, list);
    }
    free(listed);
    return status;
}

static viv_status repack_all(viv_model *m, const struct repack_list *list, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < list->n; i++) {
        const viv_tensor *t = list->tensors[i];
        void *data;
        status = packed_make(&m->checkpoint, t, &data, err);
        if (status == VIV_OK)
            status = repack_to(m, t, t, data, err);
        packed_forget(&m->checkpoint, t);
        m->made_bytes += t->nbytes;
        if (m->options.progress)
            m->options.progress(m->options.progress_ctx, "weights", i + 1, list->n);
    }
    return status;
}

/* Keeps what was made, unless the model's files have changed meanwhile. */
static void keep(const viv_model *m, const struct repack_list *list, double settled, const char *name)
{
    char now[REPACK_NAME];
    if (repack_cache_name(m, list, settled, now) && strcmp(name, now) == 0)
        repack_cache_write(m, list, name);
}

static viv_status repack_or_map(viv_model *m, const struct repack_list *list, struct error *err)
{
    char name[REPACK_NAME];
    const double longer = m->options.repack_seconds != 0 ? m->options.repack_seconds : LONG;
    const bool named = repack_cache_name(m, list, longer, name);
    if (named && repack_cache_read(m, list, name)) {
        m->cached_bytes = list->bytes;
        return VIV_OK;
    }
    const double begun = seconds_now();
    viv_status status = repack_all(m, list, err);
    if (status == VIV_OK && named && seconds_now() - begun > longer)
        keep(m, list, longer, name);
    return status;
}

viv_status repack_weights(viv_model *m, struct error *err)
{
    struct repack_list list = {0};
    if (!m->checkpoint.packed)
        return VIV_OK;
    viv_status status = list_weights(m, &list, err);
    if (status == VIV_OK && list.n)
        status = repack_or_map(m, &list, err);
    free(list.tensors);
    return status;
}
