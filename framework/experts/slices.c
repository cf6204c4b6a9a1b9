#include "experts/slices.h"

#include "base/size.h"
#include "experts/store.h"
#include "model/instance.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SET_WEIGHTS = 8, MAX_SLICE_SOURCES = 8 };
static const uint64_t MAX_SLICES = 65536;

/* One weight of a set. */
struct sliced {
    const struct weight *weight;
    const viv_tensor **sources; /* [n slices], or, where slices are not apart, one for each name */
    uint32_t n_sources;         /* of one slice */
    bool apart;
    bool viewed;                  /* a slice is a part of a tensor as it lies there, whatever the transforms */
    struct transform *transforms; /* as one slice sees them */
    viv_tensor kind;
    int64_t shape[8], strides[8];
};

struct slice_set {
    struct slice_set *next;
    viv_model *model;
    const char *path; /* of the layer */
    uint64_t n, n_together;
    uint32_t n_weights;
    struct sliced weights[MAX_SET_WEIGHTS];
    uint64_t bytes;     /* of a slice of all weights, each from a multiple of 64 on */
    const void **data;  /* [n][n_weights] */
    void **made;        /* [n][n_weights] what transforms made, or NULL; NULL with a store */
    struct unit *units; /* [n] of the store; NULL: all slices are in memory */
};

/* --- what a slice is made of ----------------------------------------------------------------------------- */

/* Slice i of a source, as a view. */
static viv_status view_slice(const struct sliced *w, uint64_t n, uint64_t i, uint32_t source, struct piece *p,
                             struct error *err)
{
    const viv_tensor *t = w->sources[w->apart ? i : source];
    viv_status status = piece_of(p, t, err);
    if (status != VIV_OK || w->apart)
        return status;
    if (p->n_dims < 2 || p->dims[0] != n || p->bytes % n != 0)
        return error_set(err, VIV_ESHAPE,
                         "tensor '%s' has %" PRIu64 " along its first axis, expected %" PRIu64 " slices", t->name,
                         p->dims[0], n);
    p->bytes /= n;
    p->data += i * p->bytes;
    memmove(p->dims, p->dims + 1, --p->n_dims * sizeof *p->dims);
    return VIV_OK;
}

/* Slice i of a weight, from views of its sources. */
static viv_status make_slice(const struct slice_set *s, const struct sliced *w, struct piece *pieces,
                             struct piece *out, struct error *err)
{
    viv_status status =
        transform_pieces(s->model, w->transforms, w->weight->n_transforms, pieces, w->n_sources, err);
    if (status == VIV_OK && pieces[0].bytes != w->kind.nbytes && w->kind.nbytes)
        status = error_set(err, VIV_ESHAPE, "a slice comes to %" PRIu64 " bytes, expected %" PRIu64,
                           pieces[0].bytes, w->kind.nbytes);
    if (status == VIV_OK) {
        *out = pieces[0];
        pieces[0].owned = false;
    }
    for (uint32_t k = 0; k < w->n_sources; k++)
        piece_release(&pieces[k]);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "weight '%s'", w->weight->key);
}

static viv_status slice_in_memory(const struct slice_set *s, const struct sliced *w, uint64_t i, struct piece *out,
                                  struct error *err)
{
    struct piece pieces[MAX_SLICE_SOURCES] = {0};
    for (uint32_t k = 0; k < w->n_sources; k++) {
        viv_status status = view_slice(w, s->n, i, k, &pieces[k], err);
        if (status != VIV_OK)
            return status;
    }
    return make_slice(s, w, pieces, out, err);
}

/* The bytes of a view, from the file as it is now; from memory where it is of no file. */
static viv_status read_piece(const struct slice_set *s, const struct piece *p, void *out, struct error *err)
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

static viv_status read_slice(const struct slice_set *s, const struct sliced *w, uint64_t i, void *out,
                             struct error *err)
{
    struct piece pieces[MAX_SLICE_SOURCES] = {0}, made;
    viv_status status = VIV_OK;
    if (w->viewed) {
        status = slice_in_memory(s, w, i, &made, err);
        return status == VIV_OK ? read_piece(s, &made, out, err) : status;
    }
    for (uint32_t k = 0; status == VIV_OK && k < w->n_sources; k++) {
        status = view_slice(w, s->n, i, k, &pieces[k], err);
        void *bytes = status == VIV_OK ? aligned_alloc(64, size_align(pieces[k].bytes + 1, 64)) : NULL;
        if (status == VIV_OK)
            status = bytes ? read_piece(s, &pieces[k], bytes, err) : error_nomem(err);
        pieces[k].data = bytes;
        pieces[k].owned = true;
    }
    if (status != VIV_OK) {
        for (uint32_t k = 0; k < w->n_sources; k++)
            piece_release(&pieces[k]);
        return status;
    }
    status = make_slice(s, w, pieces, &made, err);
    if (status != VIV_OK)
        return status;
    memcpy(out, made.data, made.bytes);
    piece_release(&made);
    return VIV_OK;
}

/* What the store calls to fill a unit's block. */
static viv_status read_unit(void *ctx, uint64_t i, void *block, struct error *err)
{
    const struct slice_set *s = ctx;
    char *at = block;
    viv_status status = VIV_OK;
    for (uint32_t k = 0; status == VIV_OK && k < s->n_weights; k++) {
        status = read_slice(s, &s->weights[k], i, at, err);
        at += size_align(s->weights[k].kind.nbytes, 64);
    }
    return status == VIV_OK ? VIV_OK : error_prefix(err, "%s: slice %" PRIu64, s->path, i);
}

/* --- making a set ------------------------------------------------------------------------------------------ */

/* A transform of the whole weight as one of its slices sees it: axes count from the slice's own first. */
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
    return along_first ? error_set(err, VIV_EUNSUPPORTED, "no transform may cut or move the axis of the slices")
                       : VIV_OK;
}

static viv_status find_sources(viv_model *m, struct sliced *w, struct error *err)
{
    w->apart = w->weight->n_slices > 0;
    w->n_sources = w->apart ? 1 : w->weight->n_names;
    if (w->n_sources > MAX_SLICE_SOURCES)
        return error_set(err, VIV_ELIMIT, "a slice is made of at most %d tensors", MAX_SLICE_SOURCES);
    w->sources = arena_array(&m->arena, w->weight->n_names, sizeof(viv_tensor *));
    if (!w->sources)
        return error_nomem(err);
    for (uint32_t i = 0; i < w->weight->n_names; i++) {
        w->sources[i] = checkpoint_tensor(&m->checkpoint, w->weight->names[i]);
        if (!w->sources[i])
            return error_set(err, VIV_ENOTFOUND, "there is no tensor '%s'", w->weight->names[i]);
    }
    return VIV_OK;
}

/* Type and shape of a slice, seen from the first one. */
static viv_status find_kind(const struct slice_set *s, struct sliced *w, struct error *err)
{
    struct piece first;
    viv_status status = slice_in_memory(s, w, 0, &first, err);
    if (status != VIV_OK)
        return status;
    uint32_t dtype = first.dtype;
    uint64_t bytes = first.bytes;
    w->viewed = !first.owned;
    piece_release(&first);
    for (uint32_t d = 1; d < w->weight->n_dims; d++)
        w->shape[d - 1] = (int64_t)w->weight->dims[d];
    if (!tensor_init(&w->kind, w->weight->names[0], dtype, w->weight->n_dims - 1, w->shape, w->strides, NULL) ||
        w->kind.nbytes != bytes) {
        char shape[128];
        return error_set(err, VIV_ESHAPE, "a slice of '%s' comes to %" PRIu64 " bytes, which are no %s of %s",
                         w->weight->names[0], bytes, shape_text(w->shape, w->weight->n_dims - 1, shape),
                         dtype_get(dtype)->name);
    }
    return VIV_OK;
}

static viv_status add_weight(struct slice_set *s, const struct weight *weight, struct error *err)
{
    viv_model *m = s->model;
    struct sliced *w = &s->weights[s->n_weights];
    w->weight = weight;
    if (s->n_weights > 0 && weight->dims[0] != s->n)
        return error_set(err, VIV_ESHAPE, "%" PRIu64 " slices, weight '%s' has %" PRIu64, weight->dims[0],
                         s->weights[0].weight->key, s->n);
    s->n = weight->dims[0];
    if (s->n == 0 || s->n > MAX_SLICES)
        return error_set(err, VIV_ELIMIT, "%" PRIu64 " slices, at most %" PRIu64, s->n, MAX_SLICES);
    viv_status status = find_sources(m, w, err);
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
        status = find_kind(s, w, err);
    if (status == VIV_OK && !size_add(s->bytes, size_align(w->kind.nbytes, 64), &s->bytes))
        status = error_set(err, VIV_ELIMIT, "a slice is too large");
    s->n_weights += status == VIV_OK;
    return status;
}

/* A slice that lies where its elements cannot be read is copied. */
static viv_status align_piece(struct piece *p, struct error *err)
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

static viv_status keep_in_memory(struct slice_set *s, struct error *err)
{
    s->made = calloc(s->n * s->n_weights, sizeof *s->made);
    if (!s->made)
        return error_nomem(err);
    for (uint64_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->n_weights; k++) {
            struct piece p;
            viv_status status = slice_in_memory(s, &s->weights[k], i, &p, err);
            if (status == VIV_OK)
                status = align_piece(&p, err);
            if (status != VIV_OK)
                return status;
            s->data[i * s->n_weights + k] = p.data;
            s->made[i * s->n_weights + k] = p.owned ? p.data : NULL;
            s->model->made_bytes += p.owned ? p.bytes : 0;
        }
    return VIV_OK;
}

static viv_status keep_in_store(struct slice_set *s, struct error *err)
{
    const struct store_source source = {
        .path = s->path, .n = s->n, .n_together = s->n_together, .bytes = s->bytes, .read = read_unit, .ctx = s};
    return store_add(s->model->store, &source, &s->units, err);
}

viv_status slices_create(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_together,
                         struct slice_set **out, struct error *err)
{
    const struct preparation *in = p->ctx;
    viv_model *m = in->model;
    struct slice_set *s = arena_alloc(&m->arena, sizeof *s);
    if (!s)
        return error_nomem(err);
    *s = (struct slice_set){.next = m->slices, .model = m, .path = in->node->spec->path, .n_together = n_together};
    m->slices = s;
    if (n_attrs == 0 || n_attrs > MAX_SET_WEIGHTS)
        return error_set(err, VIV_EINVAL, "a set has 1 to %d weights", MAX_SET_WEIGHTS);
    for (uint32_t k = 0; k < n_attrs; k++) {
        int64_t index = preparation_weight(in, attrs[k]);
        if (index < 0 || !m->bindings[index].tensor)
            return error_set(err, VIV_EINVAL, "the weight '%s' is needed", attrs[k]);
        const struct weight *w = &m->expansion->weights[m->bindings[index].weight];
        viv_status status = add_weight(s, w, err);
        if (status != VIV_OK)
            return error_prefix(err, "weight '%s'", w->key);
    }
    s->data = calloc(s->n * s->n_weights, sizeof *s->data);
    if (!s->data)
        return error_nomem(err);
    viv_status status = m->store ? keep_in_store(s, err) : keep_in_memory(s, err);
    if (status == VIV_OK)
        *out = s;
    return status;
}

void slices_release_all(viv_model *m)
{
    for (struct slice_set *s = m->slices; s; s = s->next) {
        for (uint64_t i = 0; s->made && i < s->n * s->n_weights; i++)
            free(s->made[i]);
        free(s->made);
        free(s->data);
    }
    m->slices = NULL;
}

/* --- using it ------------------------------------------------------------------------------------------------ */

uint64_t slices_count(const struct slice_set *s)
{
    return s->n;
}

const viv_tensor *slices_kind(const struct slice_set *s, uint32_t k)
{
    return k < s->n_weights ? &s->weights[k].kind : NULL;
}

viv_status slices_hold(struct slice_set *s, uint64_t i, const void *const **data, struct error *err)
{
    if (i >= s->n)
        return error_set(err, VIV_EINVAL, "%s holds slice %" PRIu64 ", there are %" PRIu64, s->path, i, s->n);
    const void **row = s->data + i * s->n_weights;
    if (s->units) {
        const void *held;
        viv_status status = store_hold(s->model->store, s->units, i, &held, err);
        if (status != VIV_OK)
            return status;
        const char *block = held;
        /* every holder writes the same */
        for (uint32_t k = 0; k < s->n_weights; k++) {
            __atomic_store_n(&row[k], block, __ATOMIC_RELAXED);
            block += size_align(s->weights[k].kind.nbytes, 64);
        }
    }
    *data = row;
    return VIV_OK;
}

void slices_let_go(struct slice_set *s, uint64_t i)
{
    if (s->units && i < s->n)
        store_let_go(s->model->store, s->units, i);
}

void slices_expect(struct slice_set *s, const uint32_t *slices, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (slices[i] >= s->n)
            return; /* of a layer that will be told when it holds it */
    if (s->units)
        store_expect(s->model->store, s->units, slices, n);
}

int32_t slices_is_here(const struct slice_set *s, uint64_t i)
{
    return i < s->n && (!s->units || store_is_here(s->model->store, s->units, i));
}

bool model_store_stats(const viv_model *m, struct store_stats *out)
{
    if (m->store)
        store_stats(m->store, out);
    return m->store != NULL;
}
