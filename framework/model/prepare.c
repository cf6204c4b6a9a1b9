/* prepare.c - calls `prepare` of each layer with its weights: matrices mapped from the file, vectors converted to
 * f32. */
#include "model/instance.h"

#include "base/float_mode.h"
#include "base/size.h"
#include "base/trail.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t prepare_weight_index(const struct preparation *in, const char *attr)
{
    for (uint32_t i = 0; attr && i < in->node->n_weights; i++)
        if (strcmp(in->node->weights[i].attr, attr) == 0)
            return in->node->weights[i].weight;
    return -1;
}

static const viv_tensor *weight_in_order(const viv_prepare *p, const char *attr, const uint32_t **order)
{
    const struct preparation *in = p->ctx;
    int64_t index = prepare_weight_index(in, attr);
    const bool whole = index >= 0 && in->model->whole[index];
    *order = whole ? in->model->bindings[index].order : NULL;
    return whole ? in->model->bindings[index].tensor : NULL;
}

static const viv_tensor *weight(const viv_prepare *p, const char *attr)
{
    struct preparation *in = p->ctx;
    const uint32_t *order;
    const viv_tensor *t = weight_in_order(p, attr, &order);
    if (t && order)
        in->unordered = t;
    return t;
}

static const float *weight_f32(const viv_prepare *p, const char *attr)
{
    struct preparation *in = p->ctx;
    const viv_tensor *t = weight(p, attr);
    if (!t)
        return NULL;
    uint64_t n = 1;
    for (int32_t i = 0; i < t->dl.ndim; i++)
        n *= (uint64_t)t->dl.shape[i];
    if (t->dtype == VIV_F32 && (uintptr_t)t->dl.data % sizeof(float) == 0)
        return t->dl.data;
    const viv_kernels *kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    void (*to_f32)(float *, const void *, uint64_t) = kernels->to_f32(t->dtype);
    float *y = to_f32 ? arena_array(&in->model->arena, n, sizeof *y) : NULL;
    if (y) {
        to_f32(y, t->dl.data, n);
        in->model->made_bytes += n * sizeof *y;
    } else {
        in->status = to_f32 ? VIV_ENOMEM : VIV_EUNSUPPORTED;
        in->strange = t;
    }
    return y;
}

/* Copies a matrix that is not aligned to its element type. */
static viv_status align_tensors(viv_model *m, struct error *err)
{
    for (uint32_t i = 0; i < m->expansion->n_weights; i++) {
        struct binding *b = &m->bindings[i];
        if (!b->tensor || b->made || !m->whole[i])
            continue;
        const struct dtype *d = dtype_get(b->tensor->dtype);
        uint64_t element = d->block == 1 ? d->block_bytes : 2;
        if ((uintptr_t)b->tensor->dl.data % element == 0)
            continue;
        viv_tensor *copy = arena_alloc(&m->arena, sizeof *copy);
        void *data = aligned_alloc(64, size_align(size_max(b->tensor->nbytes, 1), 64));
        if (!copy || !data) {
            free(data);
            return error_nomem(err);
        }
        memcpy(data, b->tensor->dl.data, b->tensor->nbytes);
        *copy = *b->tensor;
        copy->dl.data = data;
        m->made[m->n_made++] = (struct block){data, copy->nbytes};
        m->made_bytes += copy->nbytes;
        b->tensor = copy;
        b->made = true;
    }
    return VIV_OK;
}

/* Where a layer does not do because one of its weights is of a type without kernels, whoever wrote the layer: says
 * which weight, type and file, and what types there are. */
static void explain_type(const viv_model *m, const struct graph_node *n, struct error *err)
{
    const viv_kernels *kernels = m->options.host->get_service(m->options.host, VIV_SERVICE_KERNELS);
    const viv_tensor *strange = NULL;
    char types[384] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < n->n_weights && !strange; i++) {
        const int64_t index = n->weights[i].weight;
        const viv_tensor *t = index >= 0 ? m->bindings[index].tensor : NULL;
        if (t && !kernels->product(kernels, t->dtype) && !kernels->to_f32(t->dtype))
            strange = t;
    }
    if (!strange)
        return;
    for (uint32_t i = 0; i < 256 && length < sizeof types; i++)
        if (dtype_get(i) && kernels->product(kernels, i))
            length += (size_t)snprintf(types + length, sizeof types - length, "%s%s", length ? ", " : "",
                                       dtype_get(i)->name);
    error_set(err, VIV_EUNSUPPORTED, "%s: tensor '%s' is of type %s; this version computes with %s",
              m->checkpoint.path ? m->checkpoint.path : "weights", strange->name, dtype_get(strange->dtype)->name,
              types);
}

static viv_status prepare_node(viv_model *m, struct graph_node *n, uint64_t max_rows, uint64_t *scratch_bytes,
                               struct error *err)
{
    struct preparation in = {.model = m, .node = n};
    viv_prepare p = {.struct_size = sizeof p,
                     .n_workers = m->n_workers,
                     .host = m->options.host,
                     .ctx = &in,
                     .max_rows = max_rows,
                     .weight = weight,
                     .weight_f32 = weight_f32,
                     .cache_dtype = cache_types_other(&m->cache_types),
                     .page_rows = PAGE_ROWS,
                     .weight_in_order = weight_in_order,
                     .row_workspace = n->row_workspace,
                     .shared_workspace = n->shared_workspace,
                     .worker_workspace = n->worker_workspace};
    const struct trail before = trail;
    const uint32_t mode = float_mode();
    if (n->spec->plugin)
        trail_enter(n->spec->plugin, "prepare");
    viv_status status = n->class->prepare(n->layer, &p);
    trail = before;
    if (graph_check_float_mode(n, mode, err) != VIV_OK)
        return graph_at_node(err, n->spec);
    if (status != VIV_OK) {
        status = error_take(err, status);
        if (n->spec->plugin)
            error_prefix(err, "prepare failed");
    } else if (in.status == VIV_ENOMEM)
        status = error_nomem(err);
    else if (in.status != VIV_OK)
        status = error_set(err, in.status, "tensor '%s' is of type %s, which cannot be read as numbers",
                           in.strange->name, dtype_get(in.strange->dtype)->name);
    else if (in.unordered)
        status =
            error_set(err, VIV_EUNSUPPORTED,
                      "tensor '%s' has its inputs in another order (act-order), which this layer does not know",
                      in.unordered->name);
    if (status == VIV_EUNSUPPORTED)
        explain_type(m, n, err);
    if (status == VIV_OK)
        status =
            graph_check_workspace(n->class, p.row_workspace, p.shared_workspace, p.worker_workspace, max_rows, err);
    if (status == VIV_OK)
        status = graph_check_instance(n, err);
    if (status != VIV_OK)
        return graph_at_node(err, n->spec);
    n->row_workspace = size_align(p.row_workspace, 64);
    n->shared_workspace = size_align(p.shared_workspace, 64);
    n->worker_workspace = size_align(p.worker_workspace, 64);
    *scratch_bytes = size_max(*scratch_bytes, n->worker_workspace);
    return VIV_OK;
}

viv_status prepare_layers(viv_model *m, uint64_t *scratch_bytes, struct error *err)
{
    viv_status status = align_tensors(m, err);
    *scratch_bytes = 64;
    for (uint32_t i = 0; status == VIV_OK && i < m->graph->n_nodes; i++) {
        enum stack_id id = 0;
        while (i >= m->expansion->stacks[id].end)
            id++;
        status = prepare_node(m, &m->graph->nodes[i], m->stacks[id].max_rows, scratch_bytes, err);
        if (m->options.progress)
            m->options.progress(m->options.progress_ctx, "layers", i + 1, m->graph->n_nodes);
    }
    return status;
}
