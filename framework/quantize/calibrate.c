/* calibrate.c - see calibrate.h. */
#include "quantize/calibrate.h"

#include "base/size.h"
#include "formats/gguf/writer.h"
#include "quantize/mixes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static int by_address(const void *a, const void *b)
{
    const struct calibration_entry *x = a, *y = b;
    return (x->tensor->dl.data > y->tensor->dl.data) - (x->tensor->dl.data < y->tensor->dl.data);
}

viv_status calibration_begin(struct calibration *c, const struct checkpoint *model, struct error *err)
{
    *c = (struct calibration){.model = model};
    pthread_mutex_init(&c->lock, NULL);
    if (!checkpoint_is_gguf(model))
        return error_set(
            err, VIV_EUNSUPPORTED,
            "%s: an importance matrix names weights as GGUF does: calibrate the GGUF file of this model",
            model->path);
    viv_status status = checkpoint_need_weights(model, err);
    if (status != VIV_OK)
        return status;
    c->entries = calloc(size_max(model->n_tensors, 1), sizeof *c->entries);
    if (!c->entries)
        return error_nomem(err);
    for (uint32_t i = 0; i < model->n_tensors; i++) {
        const viv_tensor *t = &model->tensors[i];
        if (t->dl.ndim >= 2 && mix_quantizes(t->name))
            c->entries[c->n++] =
                (struct calibration_entry){.tensor = t,
                                           .n_experts = t->dl.ndim > 2 ? (uint64_t)t->dl.shape[0] : 1,
                                           .n_in = (uint64_t)t->dl.shape[t->dl.ndim - 1]};
    }
    qsort(c->entries, c->n, sizeof *c->entries, by_address);
    return VIV_OK;
}

void calibration_release(struct calibration *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        free(c->entries[i].sums);
        free(c->entries[i].counts);
    }
    free(c->entries);
    if (c->model)
        pthread_mutex_destroy(&c->lock);
    *c = (struct calibration){0};
}

/* The entry whose tensor holds this address, or NULL. */
static struct calibration_entry *entry_at(const struct calibration *c, const char *at)
{
    uint32_t low = 0, high = c->n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((const char *)c->entries[middle].tensor->dl.data <= at)
            low = middle + 1;
        else
            high = middle;
    }
    struct calibration_entry *e = low ? &c->entries[low - 1] : NULL;
    return e && (uint64_t)(at - (const char *)e->tensor->dl.data) < e->tensor->nbytes ? e : NULL;
}

static void add_rows(struct calibration_entry *e, uint64_t expert, const viv_matmul *m)
{
    double *sums = e->sums + expert * e->n_in;
    for (uint64_t r = 0; r < m->n_rows; r++) {
        const float *x = (const float *)(const void *)((const char *)m->x + r * m->x_stride);
        for (uint64_t i = 0; i < e->n_in; i++)
            sums[i] += (double)x[i] * (double)x[i];
    }
    e->counts[expert] += m->n_rows;
}

void calibration_see(void *calibration, const viv_matmul *m)
{
    struct calibration *c = calibration;
    struct calibration_entry *e = entry_at(c, m->w);
    if (!e || m->k != e->n_in)
        return;
    const uint64_t expert_bytes = e->tensor->nbytes / e->n_experts;
    const uint64_t at = (uint64_t)((const char *)m->w - (const char *)e->tensor->dl.data);
    if (at % expert_bytes != 0) /* further outputs of the same rows */
        return;
    pthread_mutex_lock(&c->lock);
    if (!e->sums) {
        e->sums = calloc(e->n_experts * e->n_in, sizeof *e->sums);
        e->counts = calloc(e->n_experts, sizeof *e->counts);
    }
    if (e->sums && e->counts)
        add_rows(e, at / expert_bytes, m);
    pthread_mutex_unlock(&c->lock);
}

/* --- the file ------------------------------------------------------------------------------------------------ */

static bool was_seen(const struct calibration_entry *e)
{
    return e->sums && e->counts;
}

static viv_status add_entry(struct gguf_writer *w, const struct calibration_entry *e, struct error *err)
{
    char name[4200];
    const int64_t sums[2] = {(int64_t)e->n_experts, (int64_t)e->n_in}, counts[2] = {(int64_t)e->n_experts, 1};
    for (uint64_t i = 0; i < e->n_experts * e->n_in; i++)
        if (!isfinite((float)e->sums[i]))
            return error_set(err, VIV_ERANGE,
                             "the inputs of '%s' are no numbers, or too large: are the weights damaged?",
                             e->tensor->name);
    snprintf(name, sizeof name, "%s.in_sum2", e->tensor->name);
    gguf_add_tensor(w, name, VIV_F32, 2, sums);
    snprintf(name, sizeof name, "%s.counts", e->tensor->name);
    gguf_add_tensor(w, name, VIV_F32, 2, counts);
    return VIV_OK;
}

static viv_status write_entry(struct gguf_writer *w, const struct calibration_entry *e, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint64_t i = 0; status == VIV_OK && i < e->n_experts * e->n_in; i++) {
        const float sum = (float)e->sums[i];
        status = gguf_write_data(w, &sum, sizeof sum, err);
    }
    for (uint64_t i = 0; status == VIV_OK && i < e->n_experts; i++) {
        const float count = (float)e->counts[i];
        status = gguf_write_data(w, &count, sizeof count, err);
    }
    return status;
}

static void put_metadata(struct gguf_writer *w, const char *dataset, uint64_t n_chunks, uint64_t chunk_size)
{
    gguf_put_string(w, "general.type", "imatrix");
    gguf_put_strings(w, "imatrix.datasets", &dataset, 1);
    gguf_put_u32(w, "imatrix.chunk_count", (uint32_t)n_chunks);
    gguf_put_u32(w, "imatrix.chunk_size", (uint32_t)chunk_size);
}

viv_status calibration_write(const struct calibration *c, const char *path, const char *dataset, uint64_t n_chunks,
                             uint64_t chunk_size, uint32_t *n_entries, struct error *err)
{
    struct gguf_writer w;
    viv_status status = gguf_writer_begin(&w, path, err);
    if (status != VIV_OK)
        return status;
    put_metadata(&w, dataset, n_chunks, chunk_size);
    *n_entries = 0;
    for (uint32_t i = 0; status == VIV_OK && i < c->n; i++)
        if (was_seen(&c->entries[i])) {
            status = add_entry(&w, &c->entries[i], err);
            ++*n_entries;
        }
    if (status == VIV_OK && *n_entries == 0)
        status = error_set(err, VIV_EUNSUPPORTED,
                           "%s: none of its weights was seen at work: are they all changed by adapters?",
                           c->model->path);
    if (status == VIV_OK)
        status = gguf_write_header(&w, err);
    for (uint32_t i = 0; status == VIV_OK && i < c->n; i++)
        if (was_seen(&c->entries[i]))
            status = write_entry(&w, &c->entries[i], err);
    if (status == VIV_OK)
        status = gguf_writer_keep(&w, err);
    gguf_writer_drop(&w);
    return status;
}
