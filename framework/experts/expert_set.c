/* expert_set.c - see expert_set.h. The experts of a weight are slices of one tensor, or of a few that are joined,
 * or one tensor each; transforms of the whole weight are changed to work on one expert. */
#include "experts/expert_set.h"

#include "base/size.h"
#include "experts/expert_cache.h"
#include "model/instance.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SET_WEIGHTS = 8, MAX_EXPERT_SOURCES = 8 };
static const uint64_t MAX_EXPERTS = 65536;

/* One weight of a set. */
struct expert_weight {
    const struct weight *weight;
    const viv_tensor **sources; /* [n experts] if each has a tensor (`apart`), else one for each name */
    uint32_t n_sources;         /* of one expert */
    bool apart;
    bool viewed;                  /* no transform copies: an expert is a part of a tensor in the file */
    struct transform *transforms; /* changed to work on one expert */
    viv_tensor format;
    int64_t shape[8], strides[8];
};

struct viv_expert_set {
    viv_expert_set *next;
    viv_model *model;
    const char *path; /* of the layer */
    uint64_t n, n_per_row;
    uint32_t n_weights;
    struct expert_weight weights[MAX_SET_WEIGHTS];
    uint64_t bytes;               /* of one expert of all weights, each beginning at a multiple of 64 */
    const void **data;            /* [n][n_weights] */
    void **made;                  /* [n][n_weights] malloc'ed results of transforms, or NULL; NULL with a cache */
    struct expert_entry *entries; /* [n] of the expert cache; NULL: all experts are in memory */
};

/* --- the data of one expert ------------------------------------------------------------------------------ */

/* Expert i of a source, as a view. */
static viv_status view_expert(const viv_model *m, const struct expert_weight *w, uint64_t n, uint64_t i,
                              uint32_t source, struct tensor_view *p, struct error *err)
{
    const viv_tensor *t = w->sources[w->apart ? i : source];
    if (w->apart)
        return tensor_view_of(m, p, t, 0, 1, err);
    if (t->dl.ndim < 2 || (uint64_t)t->dl.shape[0] != n)
        return error_set(err, VIV_ESHAPE,
                         "tensor '%s' has %" PRId64 " along its first axis, expected %" PRIu64 " experts", t->name,
                         t->dl.ndim ? t->dl.shape[0] : 0, n);
    viv_status status = tensor_view_of(m, p, t, i, n, err);
    if (status == VIV_OK)
        memmove(p->dims, p->dims + 1, --p->n_dims * sizeof *p->dims);
    return status;
}

/* One expert of a weight, from views of its sources. */
static viv_status make_expert(const viv_expert_set *s, const struct expert_weight *w, struct tensor_view *views,
                              struct tensor_view *out, struct error *err)
{
    viv_status status = transform_views(s->model, w->transforms, w->weight->n_transforms, views, w->n_sources, err);
    if (status == VIV_OK && views[0].bytes != w->format.nbytes && w->format.nbytes)
        status = error_set(err, VIV_ESHAPE, "an expert has %" PRIu64 " bytes, expected %" PRIu64, views[0].bytes,
                           w->format.nbytes);
    if (status == VIV_OK && views[0].order)
        status =
            error_set(err, VIV_EUNSUPPORTED,
                      "its inputs have another order (act-order), which experts cannot have: take a checkpoint "
                      "with desc_act false");
    if (status == VIV_OK) {
        *out = views[0];
        views[0].owned = false;
    }
    for (uint32_t k = 0; k < w->n_sources; k++)
        tensor_view_release(&views[k]);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "weight '%s'", w->weight->key);
}

static viv_status expert_in_memory(const viv_expert_set *s, const struct expert_weight *w, uint64_t i,
                                   struct tensor_view *out, struct error *err)
{
    struct tensor_view views[MAX_EXPERT_SOURCES] = {0};
    for (uint32_t k = 0; k < w->n_sources; k++) {
        viv_status status = view_expert(s->model, w, s->n, i, k, &views[k], err);
        if (status != VIV_OK) {
            while (k-- > 0)
                tensor_view_release(&views[k]);
            return status;
        }
    }
    return make_expert(s, w, views, out, err);
}

/* Reads the bytes of a view from the file as it is now, or copies them if it is not of a file. */
static viv_status read_view(const viv_expert_set *s, const struct tensor_view *p, void *out, struct error *err)
{
    const struct checkpoint *c = &s->model->checkpoint;
    for (uint32_t i = 0; i < c->n_maps; i++) {
        const struct file_map *map = &c->maps[i];
        if (map->data && p->data >= map->data && p->data < map->data + map->size)
            return file_map_read(map, (uint64_t)(p->data - map->data), p->bytes, out, err);
    }
    memcpy(out, p->data, p->bytes);
    return VIV_OK;
}

static viv_status read_expert(const viv_expert_set *s, const struct expert_weight *w, uint64_t i, void *out,
                              struct error *err)
{
    struct tensor_view views[MAX_EXPERT_SOURCES] = {0}, made;
    viv_status status = VIV_OK;
    if (w->viewed) {
        status = expert_in_memory(s, w, i, &made, err);
        return status == VIV_OK ? read_view(s, &made, out, err) : status;
    }
    for (uint32_t k = 0; status == VIV_OK && k < w->n_sources; k++) {
        status = view_expert(s->model, w, s->n, i, k, &views[k], err);
        if (status == VIV_OK && views[k].owned)
            continue; /* made of parts */
        void *bytes = status == VIV_OK ? aligned_alloc(64, size_align(views[k].bytes + 1, 64)) : NULL;
        if (status == VIV_OK)
            status = bytes ? read_view(s, &views[k], bytes, err) : error_nomem(err);
        views[k].data = bytes;
        views[k].owned = true;
    }
    if (status != VIV_OK) {
        for (uint32_t k = 0; k < w->n_sources; k++)
            tensor_view_release(&views[k]);
        return status;
    }
    status = make_expert(s, w, views, &made, err);
    if (status != VIV_OK)
        return status;
    memcpy(out, made.data, made.bytes);
    tensor_view_release(&made);
    return VIV_OK;
}

/* Called by the expert cache: reads expert i of all weights to the block. */
static viv_status read_entry(void *ctx, uint64_t i, void *block, struct error *err)
{
    const viv_expert_set *s = ctx;
    char *at = block;
    viv_status status = VIV_OK;
    for (uint32_t k = 0; status == VIV_OK && k < s->n_weights; k++) {
        status = read_expert(s, &s->weights[k], i, at, err);
        at += size_align(s->weights[k].format.nbytes, 64);
    }
    return status == VIV_OK ? VIV_OK : error_prefix(err, "%s: expert %" PRIu64, s->path, i);
}

/* --- creating a set ---------------------------------------------------------------------------------------- */

/* Changes a transform of the whole weight to one of an expert, whose axes are without the first. */
static viv_status shift_transform(struct transform *t, uint64_t n, struct error *err)
{
    bool along_first = false;
    switch (t->kind) {
    case TRANSFORM_SPLIT:
    case TRANSFORM_CONCAT:
    case TRANSFORM_STACK:
        along_first = t->axis-- == 0;
        break;
    case TRANSFORM_PERMUTE:
        along_first = t->n_dims < 2 || t->view[0] != n || t->order[0] != 0;
        if (along_first)
            break;
        t->n_dims--;
        memmove(t->view, t->view + 1, t->n_dims * sizeof *t->view);
        for (uint32_t i = 0; i < t->n_dims; i++)
            t->order[i] = t->order[i + 1] - 1;
        break;
    default:
        break;
    }
    return along_first
               ? error_set(err, VIV_EUNSUPPORTED, "a transform may not split or move the axis of the experts")
               : VIV_OK;
}

/* In the checkpoint; or the tensor that was made of them, whose type was chosen (model/precision.h). */
static viv_status find_sources(viv_model *m, struct expert_weight *w, const struct binding *bound,
                               struct error *err)
{
    w->apart = w->weight->n_experts > 0;
    w->n_sources = w->apart ? 1 : w->weight->n_names;
    if (w->n_sources > MAX_EXPERT_SOURCES)
        return error_set(err, VIV_ELIMIT, "an expert is made of more than %d tensors", MAX_EXPERT_SOURCES);
    w->sources = arena_array(&m->arena, w->weight->n_names, sizeof(viv_tensor *));
    if (!w->sources)
        return error_nomem(err);
    if (bound->retyped) {
        w->sources[0] = bound->tensor;
        return VIV_OK;
    }
    for (uint32_t i = 0; i < w->weight->n_names; i++) {
        w->sources[i] = checkpoint_tensor(&m->checkpoint, w->weight->names[i]);
        if (!w->sources[i])
            return error_set(err, VIV_ENOTFOUND, "there is no tensor '%s'", w->weight->names[i]);
    }
    return VIV_OK;
}

/* Type and shape of an expert, found from the first one. */
static viv_status find_format(const viv_expert_set *s, struct expert_weight *w, struct error *err)
{
    struct tensor_view first;
    viv_status status = expert_in_memory(s, w, 0, &first, err);
    if (status != VIV_OK)
        return status;
    uint32_t dtype = first.dtype;
    uint64_t bytes = first.bytes;
    w->viewed = !first.owned;
    tensor_view_release(&first);
    for (uint32_t d = 1; d < w->weight->n_dims; d++)
        w->shape[d - 1] = (int64_t)w->weight->dims[d];
    if (!tensor_init(&w->format, w->weight->names[0], dtype, w->weight->n_dims - 1, w->shape, w->strides, NULL) ||
        w->format.nbytes != bytes) {
        char shape[128];
        return error_set(err, VIV_ESHAPE, "an expert of '%s' has %" PRIu64 " bytes, which does not fit %s of %s",
                         w->weight->names[0], bytes, tensor_shape_text(w->shape, w->weight->n_dims - 1, shape),
                         dtype_get(dtype)->name);
    }
    return VIV_OK;
}

static viv_status add_weight(viv_expert_set *s, const struct weight *weight, const struct binding *bound,
                             struct error *err)
{
    viv_model *m = s->model;
    struct expert_weight *w = &s->weights[s->n_weights];
    w->weight = weight;
    if (s->n_weights > 0 && weight->dims[0] != s->n)
        return error_set(err, VIV_ESHAPE, "%" PRIu64 " experts, but weight '%s' has %" PRIu64, weight->dims[0],
                         s->weights[0].weight->key, s->n);
    s->n = weight->dims[0];
    if (s->n == 0 || s->n > MAX_EXPERTS)
        return error_set(err, VIV_ELIMIT, "%" PRIu64 " experts, expected 1 to %" PRIu64, s->n, MAX_EXPERTS);
    viv_status status = find_sources(m, w, bound, err);
    if (status != VIV_OK)
        return status;
    w->transforms = arena_array(&m->arena, weight->n_transforms, sizeof *w->transforms);
    if (!w->transforms)
        return error_nomem(err);
    for (uint32_t k = 0; status == VIV_OK && k < weight->n_transforms; k++) {
        w->transforms[k] = weight->transforms[k];
        status = shift_transform(&w->transforms[k], s->n, err);
    }
    if (status == VIV_OK)
        status = find_format(s, w, err);
    if (status == VIV_OK && !size_add(s->bytes, size_align(w->format.nbytes, 64), &s->bytes))
        status = error_set(err, VIV_ELIMIT, "an expert is too large");
    s->n_weights += status == VIV_OK;
    return status;
}

/* Copies an expert that is not aligned to its element type. */
static viv_status align_view(struct tensor_view *p, struct error *err)
{
    const struct dtype *d = dtype_get(p->dtype);
    uint64_t element = d->block == 1 ? d->block_bytes : 2;
    if (p->owned || (uintptr_t)p->data % element == 0)
        return VIV_OK;
    void *copy = aligned_alloc(64, size_align(p->bytes + 1, 64));
    if (!copy)
        return error_nomem(err);
    memcpy(copy, p->data, p->bytes);
    p->data = copy;
    p->owned = true;
    return VIV_OK;
}

static viv_status load_all(viv_expert_set *s, struct error *err)
{
    s->made = calloc(s->n * s->n_weights, sizeof *s->made);
    if (!s->made)
        return error_nomem(err);
    for (uint64_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->n_weights; k++) {
            struct tensor_view p;
            viv_status status = expert_in_memory(s, &s->weights[k], i, &p, err);
            if (status == VIV_OK)
                status = align_view(&p, err);
            if (status != VIV_OK)
                return status;
            s->data[i * s->n_weights + k] = p.data;
            s->made[i * s->n_weights + k] = p.owned ? p.data : NULL;
            s->model->made_bytes += p.owned ? p.bytes : 0;
        }
    return VIV_OK;
}

static viv_status add_to_cache(viv_expert_set *s, struct error *err)
{
    const struct expert_source source = {
        .path = s->path, .n = s->n, .n_per_row = s->n_per_row, .bytes = s->bytes, .read = read_entry, .ctx = s};
    return expert_cache_add(s->model->expert_cache, &source, &s->entries, err);
}

viv_status expert_set_create(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_per_row,
                             viv_expert_set **out, struct error *err)
{
    const struct preparation *in = p->ctx;
    viv_model *m = in->model;
    viv_expert_set *s = arena_alloc(&m->arena, sizeof *s);
    if (!s)
        return error_nomem(err);
    *s = (viv_expert_set){.next = m->expert_sets, .model = m, .path = in->node->spec->path, .n_per_row = n_per_row};
    m->expert_sets = s;
    if (n_attrs == 0 || n_attrs > MAX_SET_WEIGHTS)
        return error_set(err, VIV_EINVAL, "a set has 1 to %d weights", MAX_SET_WEIGHTS);
    for (uint32_t k = 0; k < n_attrs; k++) {
        int64_t index = prepare_weight_index(in, attrs[k]);
        if (index < 0 || !m->bindings[index].tensor)
            return error_set(err, VIV_EINVAL, "the weight '%s' is needed", attrs[k]);
        const struct weight *w = &m->expansion->weights[m->bindings[index].weight];
        viv_status status = add_weight(s, w, &m->bindings[index], err);
        if (status != VIV_OK)
            return error_prefix(err, "weight '%s'", w->key);
    }
    s->data = calloc(s->n * s->n_weights, sizeof *s->data);
    if (!s->data)
        return error_nomem(err);
    viv_status status = m->expert_cache ? add_to_cache(s, err) : load_all(s, err);
    if (status == VIV_OK)
        *out = s;
    return status;
}

void expert_sets_release_all(viv_model *m)
{
    for (viv_expert_set *s = m->expert_sets; s; s = s->next) {
        for (uint64_t i = 0; s->made && i < s->n * s->n_weights; i++)
            free(s->made[i]);
        free(s->made);
        free(s->data);
    }
    m->expert_sets = NULL;
}

/* --- using a set --------------------------------------------------------------------------------------------- */

uint64_t expert_set_count(const viv_expert_set *s)
{
    return s->n;
}

const viv_tensor *expert_set_format(const viv_expert_set *s, uint32_t k)
{
    return k < s->n_weights ? &s->weights[k].format : NULL;
}

viv_status expert_set_acquire(viv_expert_set *s, uint64_t i, const void *const **data, struct error *err)
{
    if (i >= s->n)
        return error_set(err, VIV_EINVAL, "%s acquires expert %" PRIu64 " of %" PRIu64, s->path, i, s->n);
    const void **row = s->data + i * s->n_weights;
    if (s->entries) {
        const void *held;
        viv_status status = expert_cache_acquire(s->model->expert_cache, s->entries, i, &held, err);
        if (status != VIV_OK)
            return status;
        const char *block = held;
        /* all threads that acquire it write the same value */
        for (uint32_t k = 0; k < s->n_weights; k++) {
            __atomic_store_n(&row[k], block, __ATOMIC_RELAXED);
            block += size_align(s->weights[k].format.nbytes, 64);
        }
    }
    *data = row;
    return VIV_OK;
}

void expert_set_release(viv_expert_set *s, uint64_t i)
{
    if (s->entries && i < s->n)
        expert_cache_release(s->model->expert_cache, s->entries, i);
}

void expert_set_prefetch(viv_expert_set *s, const uint32_t *experts, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (experts[i] >= s->n)
            return; /* an error that expert_set_acquire will report */
    if (s->entries)
        expert_cache_prefetch(s->model->expert_cache, s->entries, experts, n);
}

int32_t expert_set_is_resident(const viv_expert_set *s, uint64_t i)
{
    return i < s->n && (!s->entries || expert_cache_is_resident(s->model->expert_cache, s->entries, i));
}

bool model_expert_cache_stats(const viv_model *m, struct expert_cache_stats *out)
{
    if (m->expert_cache)
        expert_cache_stats(m->expert_cache, out);
    return m->expert_cache != NULL;
}
