/* tensors.c - the entries of tensors in a GGUF file: types, shapes, and places that lie within the data. */
#include "formats/gguf/gguf.h"

#include "base/size.h"
#include "kernels/block_types.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMS = 4 };

/* A tensor's entry, before the begin of the data is known. */
struct entry {
    const char *name;
    uint32_t type, n_dims;
    int64_t shape[MAX_DIMS];
    uint64_t offset;
};

static viv_status read_shape(struct cursor *c, struct entry *e)
{
    uint64_t n_dims = 0;
    viv_status status = gguf_take_number(c, 4, &n_dims, e->name);
    if (status == VIV_OK && (n_dims == 0 || n_dims > MAX_DIMS))
        return gguf_bad(c, "tensor '%s' has %" PRIu64 " dimensions, expected 1 to %d", e->name, n_dims, MAX_DIMS);
    e->n_dims = (uint32_t)n_dims;
    for (uint64_t d = 0; status == VIV_OK && d < n_dims; d++) {
        uint64_t dim = 0;
        status = gguf_take_number(c, 8, &dim, e->name);
        if (status == VIV_OK && (dim == 0 || dim > INT64_MAX))
            return gguf_bad(c, "tensor '%s': dimension %" PRIu64 " is %" PRId64, e->name, d, (int64_t)dim);
        e->shape[n_dims - 1 - d] = (int64_t)dim;
    }
    return status;
}

#define COMMA_NAME(name, number) ", " #name

static viv_status read_entry(struct reader *r, struct cursor *c, struct entry *e)
{
    uint64_t type = 0;
    viv_status status = gguf_take_name(r, c, &e->name, "a tensor's name");
    if (status == VIV_OK)
        status = read_shape(c, e);
    if (status == VIV_OK)
        status = gguf_take_number(c, 4, &type, e->name);
    if (status != VIV_OK)
        return status;
    if (type >= VIV_BOOL || !dtype_get((uint32_t)type)) {
        const bool removed = type == 4 || type == 5 || (type >= 31 && type <= 33) || (type >= 36 && type <= 38);
        const bool of_ik = (type >= 97 && type <= 99) || (type >= 133 && type <= 399);
        return gguf_bad(c,
                        "tensor '%s' has the type %" PRIu64
                        ", which GGML %s; this version computes with f32, f16, bf16" GGML_BLOCK_TYPES(COMMA_NAME),
                        e->name, type,
                        removed ? "has removed"
                        : of_ik ? "does not have: perhaps one of ik_llama.cpp's own"
                                : "does not have");
    }
    e->type = (uint32_t)type;
    return gguf_take_number(c, 8, &e->offset, e->name);
}

/* Records that the file ends before its tensors do. */
static viv_status note_cut(struct reader *r, const struct part *p, uint64_t data_end)
{
    const struct file_map *map = p->c.map;
    if (!r->ck->no_weights && asprintf(&r->ck->no_weights,
                                       "%s: the file is cut short: it has %" PRIu64
                                       " bytes, its weights end at %" PRIu64 ": download it again",
                                       map->path, map->size, data_end) < 0) {
        r->ck->no_weights = NULL;
        return error_nomem(r->err);
    }
    return VIV_OK;
}

/* Checks the place of a tensor, and fills it in. If all tensors are consecutive up to data_end, the file may end
 * before: it is truncated, but its header is still valid. */
static viv_status place_tensor(struct reader *r, const struct part *p, const struct entry *e, uint64_t data_at,
                               uint64_t data_end, viv_tensor *t)
{
    const struct file_map *map = p->c.map;
    const struct dtype *d = dtype_get(e->type);
    uint64_t begin = 0, end = 0;
    int64_t *shape = arena_array(&r->ck->arena, e->n_dims, sizeof *shape);
    int64_t *strides = arena_array(&r->ck->arena, e->n_dims, sizeof *strides);
    char text[128];
    if (!shape || !strides)
        return error_nomem(r->err);
    memcpy(shape, e->shape, e->n_dims * sizeof *shape);
    tensor_shape_text(shape, e->n_dims, text);
    if (shape[e->n_dims - 1] % d->block != 0)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: tensor '%s' %s of type %s: its rows have %" PRId64
                         " elements, expected a multiple of %u",
                         map->path, e->name, text, d->name, shape[e->n_dims - 1], d->block);
    if (!tensor_init(t, e->name, e->type, e->n_dims, shape, strides, NULL))
        return error_set(r->err, VIV_EFORMAT, "%s: tensor '%s' %s: more bytes than can be counted", map->path,
                         e->name, text);
    if (e->offset % p->alignment != 0)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: tensor '%s' lies at %" PRIu64 ", expected a multiple of %" PRIu64, map->path, e->name,
                         e->offset, p->alignment);
    if (size_add(data_at, e->offset, &begin) && size_add(begin, t->nbytes, &end) && end > map->size &&
        end <= data_end)
        return note_cut(r, p, data_end);
    if (!size_add(data_at, e->offset, &begin) || !size_add(begin, t->nbytes, &end) || end > map->size)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: tensor '%s' %s takes %" PRIu64 " bytes from offset %" PRIu64 ", the file has %" PRIu64
                         " of data: is it cut short?",
                         map->path, e->name, text, t->nbytes, e->offset,
                         data_at < map->size ? map->size - data_at : 0);
    t->dl.data = (void *)(map->data + begin);
    return VIV_OK;
}

static viv_status add_tensor(struct reader *r, const struct part *p, const struct entry *e, uint64_t data_at,
                             uint64_t data_end)
{
    struct checkpoint *ck = r->ck;
    viv_status status = place_tensor(r, p, e, data_at, data_end, &ck->tensors[ck->n_tensors]);
    if (status != VIV_OK)
        return status;
    int added = strmap_add(&ck->by_name, e->name, strlen(e->name), ck->n_tensors);
    if (added == STRMAP_NOMEM)
        return error_nomem(r->err);
    if (added == STRMAP_EXISTS)
        return error_set(r->err, VIV_EFORMAT, "%s: tensor '%s' is there a second time", p->c.map->path, e->name);
    ck->n_tensors++;
    return VIV_OK;
}

static int by_place(const void *a, const void *b)
{
    const viv_tensor *x = a, *y = b;
    return (x->dl.data > y->dl.data) - (x->dl.data < y->dl.data);
}

/* Checks that no two tensors from `first` on, which are those of one part, share bytes. */
static viv_status check_overlap(struct reader *r, const struct part *p, uint32_t first)
{
    const struct checkpoint *ck = r->ck;
    uint32_t n = ck->n_tensors - first;
    if (ck->no_weights) /* they will not be read */
        return VIV_OK;
    viv_tensor *order = calloc(n ? n : 1, sizeof *order);
    if (!order)
        return error_nomem(r->err);
    if (n)
        memcpy(order, ck->tensors + first, n * sizeof *order);
    qsort(order, n, sizeof *order, by_place);
    viv_status status = VIV_OK;
    for (uint32_t i = 1; status == VIV_OK && i < n; i++)
        if ((const char *)order[i - 1].dl.data + order[i - 1].nbytes > (const char *)order[i].dl.data)
            status = error_set(r->err, VIV_EFORMAT, "%s: tensors '%s' and '%s' overlap", p->c.map->path,
                               order[i - 1].name, order[i].name);
    free(order);
    return status;
}

/* Where the data ends if all tensors are consecutive; 0 if that cannot be computed. */
static uint64_t end_of_data(const struct part *p, const struct entry *entries, uint64_t data_at)
{
    uint64_t end = data_at;
    for (uint64_t i = 0; i < p->n_tensors; i++) {
        const struct entry *e = &entries[i];
        uint64_t elems = 1, bytes;
        for (uint32_t d = 0; d < e->n_dims; d++)
            if (!size_mul(elems, (uint64_t)e->shape[d], &elems))
                return 0;
        end = size_align(end, p->alignment);
        if (end > (uint64_t)1 << 62 || !dtype_bytes(e->type, elems, &bytes) || !size_add(end, bytes, &end))
            return 0;
    }
    return end;
}

viv_status gguf_read_tensors(struct reader *r, struct part *p)
{
    const uint32_t first = r->ck->n_tensors;
    viv_status status = VIV_OK;
    struct entry *entries = calloc(p->n_tensors ? p->n_tensors : 1, sizeof *entries);
    if (!entries)
        return error_nomem(r->err);
    for (uint64_t i = 0; status == VIV_OK && i < p->n_tensors; i++)
        status = read_entry(r, &p->c, &entries[i]);
    const uint64_t data_at = size_align(p->c.at, p->alignment), data_end = end_of_data(p, entries, data_at);
    for (uint64_t i = 0; status == VIV_OK && i < p->n_tensors; i++)
        status = add_tensor(r, p, &entries[i], data_at, data_end);
    free(entries);
    return status == VIV_OK ? check_overlap(r, p, first) : status;
}
