/* transform.c - the transforms that a spec may apply to tensors of a checkpoint: transpose, split, concat, stack,
 * permute, unpack, add, neg_exp. Each makes a private copy, except a split along the outermost axis, which
 * is a view. Block-quantized types move in whole innermost rows, so only transforms that do not change the last
 * axis apply to them.
 *
 * All but unpack, add and neg_exp are one operation: a strided copy of units, which are elements or
 * innermost rows. */
#include "model/instance.h"

#include "base/size.h"
#include "formats/packed/packed.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMS = 8 };

void tensor_view_release(struct tensor_view *p)
{
    if (p->owned)
        free(p->data);
    *p = (struct tensor_view){0};
}

static viv_status whole_rows_only(const struct tensor_view *p, const char *what, struct error *err)
{
    return error_set(err, VIV_EUNSUPPORTED, "%s would cut the blocks of a %s tensor", what,
                     dtype_get(p->dtype)->name);
}

/* The elements of a unit, and their bytes: 1 for a plain type, a whole innermost row for a block-quantized one. */
static uint64_t unit_elems(const struct tensor_view *p)
{
    return dtype_get(p->dtype)->block == 1 ? 1 : p->dims[p->n_dims - 1];
}

static viv_status tensor_view_alloc(struct tensor_view *p, uint32_t dtype, uint32_t n_dims, const uint64_t *dims,
                                    struct error *err)
{
    uint64_t elems = 1;
    *p = (struct tensor_view){.dtype = dtype, .n_dims = n_dims, .owned = true};
    for (uint32_t i = 0; i < n_dims; i++) {
        p->dims[i] = dims[i];
        if (!size_mul(elems, dims[i], &elems))
            return error_set(err, VIV_ELIMIT, "the transformed tensor is too large");
    }
    if (!dtype_bytes(dtype, elems, &p->bytes))
        return error_set(err, VIV_ESHAPE, "%" PRIu64 " elements do not fill blocks of %s", elems,
                         dtype_get(dtype)->name);
    p->data = aligned_alloc(64, size_align(p->bytes ? p->bytes : 1, 64));
    return p->data ? VIV_OK : error_nomem(err);
}

/* Copies units of `from`, read with these dims and strides (in units), to consecutive places. */
static void strided_copy(unsigned char *to, const unsigned char *from, uint64_t unit, uint32_t n_dims,
                         const uint64_t *dims, const uint64_t *strides)
{
    uint64_t index[MAX_DIMS] = {0}, total = 1, at = 0;
    for (uint32_t i = 0; i < n_dims; i++)
        total *= dims[i];
    for (uint64_t n = 0; n < total; n++) {
        memcpy(to + n * unit, from + at * unit, unit);
        for (uint32_t i = n_dims; i-- > 0;) {
            at += strides[i];
            if (++index[i] < dims[i])
                break;
            at -= index[i] * strides[i];
            index[i] = 0;
        }
    }
}

/* Reshapes p to `view`, then permutes its axes to `order`. */
static viv_status permute(struct tensor_view *p, uint32_t n, const uint64_t *view, const uint32_t *order,
                          struct error *err)
{
    uint64_t elems = 1, have = 1, unit = unit_elems(p), strides[MAX_DIMS], dims[MAX_DIMS], moved[MAX_DIMS],
             stride = 1;
    for (uint32_t i = 0; i < n; i++)
        if (!size_mul(elems, view[i], &elems))
            return error_set(err, VIV_ELIMIT, "the view is too large");
    for (uint32_t i = 0; i < p->n_dims; i++)
        have *= p->dims[i];
    if (elems != have)
        return error_set(err, VIV_ESHAPE, "the view has %" PRIu64 " elements, the tensor %" PRIu64, elems, have);
    if (unit != 1 && (view[n - 1] != unit || order[n - 1] != n - 1))
        return whole_rows_only(p, "permuting the last axis", err);
    bool in_order = true;
    for (uint32_t i = 0; i < n; i++)
        in_order = in_order && order[i] == i;
    if (in_order) { /* only a reshape */
        p->n_dims = n;
        memcpy(p->dims, view, n * sizeof *view);
        return VIV_OK;
    }
    uint32_t walked = unit == 1 ? n : n - 1;
    for (uint32_t i = walked; i-- > 0;) {
        strides[i] = stride;
        stride *= view[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        dims[i] = view[order[i]];
        moved[i] = i < walked ? strides[order[i]] : 0;
    }
    struct tensor_view made;
    uint64_t unit_bytes;
    if (!dtype_bytes(p->dtype, unit, &unit_bytes))
        return whole_rows_only(p, "permuting", err);
    viv_status status = tensor_view_alloc(&made, p->dtype, n, dims, err);
    if (status != VIV_OK)
        return status;
    strided_copy(made.data, p->data, unit_bytes, walked, dims, moved);
    made.order = p->order;
    tensor_view_release(p);
    *p = made;
    return VIV_OK;
}

static viv_status transpose(struct tensor_view *p, struct error *err)
{
    uint32_t order[MAX_DIMS];
    if (p->n_dims < 2)
        return error_set(err, VIV_ESHAPE, "a tensor of %u dimensions has nothing to transpose", p->n_dims);
    for (uint32_t i = 0; i < p->n_dims; i++)
        order[i] = i;
    order[p->n_dims - 2] = p->n_dims - 1;
    order[p->n_dims - 1] = p->n_dims - 2;
    uint64_t view[MAX_DIMS];
    memcpy(view, p->dims, sizeof view);
    return permute(p, p->n_dims, view, order, err);
}

/* Bytes of everything inside one step along `axis`. */
static viv_status inner_bytes(const struct tensor_view *p, uint32_t axis, uint64_t *bytes, struct error *err)
{
    uint64_t elems = 1;
    for (uint32_t i = axis + 1; i < p->n_dims; i++)
        elems *= p->dims[i];
    return dtype_bytes(p->dtype, elems, bytes) ? VIV_OK : whole_rows_only(p, "cutting along the last axis", err);
}

/* Takes some of the parts that repeat `times` times along an axis: all repetitions of one part, then the next. */
static viv_status split(struct tensor_view *p, const struct transform *t, struct error *err)
{
    uint64_t inner, outer = 1, n = 0, all, dims[MAX_DIMS];
    if (t->axis >= p->n_dims)
        return error_set(err, VIV_ESHAPE, "there is no axis %u to split", t->axis);
    for (uint32_t i = 0; i < t->n_take; i++)
        n += t->take[i].end - t->take[i].begin;
    if (!size_mul(t->whole, t->times, &all) || n > UINT64_MAX / t->times)
        return error_set(err, VIV_ELIMIT, "the parts are too large");
    if (n == 0 || p->dims[t->axis] != all)
        return error_set(err, VIV_ESHAPE, "the parts of axis %u are %" PRIu64 " together, the tensor has %" PRIu64,
                         t->axis, all, p->dims[t->axis]);
    viv_status status = inner_bytes(p, t->axis, &inner, err);
    if (status != VIV_OK)
        return status;
    for (uint32_t i = 0; i < t->axis; i++)
        outer *= p->dims[i];
    memcpy(dims, p->dims, sizeof dims);
    dims[t->axis] = n * t->times;
    if (outer == 1 && t->times == 1 && t->n_take == 1 && !p->owned) { /* a view */
        p->data += t->take[0].begin * inner;
        p->bytes = n * inner;
        p->dims[t->axis] = n;
        return VIV_OK;
    }
    struct tensor_view made;
    status = tensor_view_alloc(&made, p->dtype, p->n_dims, dims, err);
    if (status != VIV_OK)
        return status;
    unsigned char *to = made.data;
    for (uint64_t o = 0; o < outer; o++)
        for (uint32_t i = 0; i < t->n_take; i++) {
            const uint64_t begin = t->take[i].begin, bytes = (t->take[i].end - begin) * inner;
            for (uint64_t g = 0; g < t->times; g++, to += bytes)
                memcpy(to, p->data + ((o * t->times + g) * t->whole + begin) * inner, bytes);
        }
    made.order = p->order;
    tensor_view_release(p);
    *p = made;
    return VIV_OK;
}

/* Whether rows of both have their inputs in the same order. */
static bool same_order(const struct tensor_view *a, const struct tensor_view *b)
{
    return a->order == b->order || (a->order && b->order && a->dims[a->n_dims - 1] == b->dims[b->n_dims - 1] &&
                                    memcmp(a->order, b->order, a->dims[a->n_dims - 1] * sizeof *a->order) == 0);
}

/* Joins tensors along an axis (concat), or along a new one (stack: each first gets an axis of 1). */
static viv_status join(struct tensor_view *views, uint32_t n, uint32_t axis, bool stack, struct error *err)
{
    for (uint32_t i = 0; stack && i < n; i++) {
        struct tensor_view *p = &views[i];
        if (axis > p->n_dims || p->n_dims == MAX_DIMS)
            return error_set(err, VIV_ESHAPE, "no axis %u to stack along", axis);
        memmove(&p->dims[axis + 1], &p->dims[axis], (p->n_dims - axis) * sizeof *p->dims);
        p->dims[axis] = 1;
        p->n_dims++;
    }
    uint64_t inner, outer = 1, dims[MAX_DIMS], sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool fits =
            axis < views[i].n_dims && views[i].n_dims == views[0].n_dims && views[i].dtype == views[0].dtype;
        for (uint32_t d = 0; fits && d < views[0].n_dims; d++)
            fits = d == axis || views[i].dims[d] == views[0].dims[d];
        if (!fits)
            return error_set(err, VIV_ESHAPE, "tensors of unequal types or shapes cannot be joined along axis %u",
                             axis);
        if (!same_order(&views[0], &views[i]))
            return error_set(err, VIV_EUNSUPPORTED,
                             "tensors whose inputs are in unequal orders (act-order) cannot be joined");
        sum += views[i].dims[axis];
    }
    viv_status status = inner_bytes(&views[0], axis, &inner, err);
    if (status != VIV_OK)
        return status;
    for (uint32_t i = 0; i < axis; i++)
        outer *= views[0].dims[i];
    memcpy(dims, views[0].dims, sizeof dims);
    dims[axis] = sum;
    struct tensor_view made;
    status = tensor_view_alloc(&made, views[0].dtype, views[0].n_dims, dims, err);
    if (status != VIV_OK)
        return status;
    for (uint64_t o = 0, at = 0; o < outer; o++)
        for (uint32_t i = 0; i < n; i++) {
            uint64_t bytes = views[i].dims[axis] * inner;
            memcpy(made.data + at, views[i].data + o * bytes, bytes);
            at += bytes;
        }
    made.order = views[0].order;
    for (uint32_t i = 0; i < n; i++)
        tensor_view_release(&views[i]);
    views[0] = made;
    return VIV_OK;
}

/* Rows of p as numbers, whose inputs are in an order, put as they come. */
static viv_status put_in_order(const struct tensor_view *p, float *rows)
{
    const uint64_t n = p->dims[p->n_dims - 1];
    uint64_t n_rows = 1;
    float *row = malloc(n * sizeof *row);
    if (!row)
        return VIV_ENOMEM;
    for (uint32_t d = 0; d + 1 < p->n_dims; d++)
        n_rows *= p->dims[d];
    for (uint64_t r = 0; r < n_rows; r++, rows += n) {
        memcpy(row, rows, n * sizeof *row);
        for (uint64_t k = 0; k < n; k++)
            rows[p->order[k]] = row[k];
    }
    free(row);
    return VIV_OK;
}

viv_status tensor_view_to_f32(const viv_model *m, struct tensor_view *p, struct error *err)
{
    const viv_kernels *kernels = m->options.host->get_service(m->options.host, VIV_SERVICE_KERNELS);
    void (*convert)(float *, const void *, uint64_t) = kernels->to_f32(p->dtype);
    struct tensor_view made;
    if (!convert)
        return error_set(err, VIV_EUNSUPPORTED, "type %s cannot be converted to numbers",
                         dtype_get(p->dtype)->name);
    viv_status status = tensor_view_alloc(&made, VIV_F32, p->n_dims, p->dims, err);
    if (status != VIV_OK)
        return status;
    convert((float *)made.data, p->data, made.bytes / sizeof(float));
    if (p->order && put_in_order(p, (float *)made.data) != VIV_OK) {
        tensor_view_release(&made);
        return error_nomem(err);
    }
    tensor_view_release(p);
    *p = made;
    return VIV_OK;
}

static viv_status unpack(const viv_model *m, struct tensor_view *p, struct error *err)
{
    return p->dtype == VIV_F32 || p->dtype == VIV_F16 || p->dtype == VIV_BF16 ? VIV_OK
                                                                              : tensor_view_to_f32(m, p, err);
}

/* Changes each element, in f32: adds a number, or takes -exp. */
static viv_status change_numbers(const viv_model *m, struct tensor_view *p, const struct transform *t,
                                 struct error *err)
{
    viv_status status = tensor_view_to_f32(m, p, err);
    float *y = (float *)p->data;
    for (uint64_t i = 0; status == VIV_OK && i < p->bytes / sizeof(float); i++)
        y[i] = (float)(t->kind == TRANSFORM_NEG_EXP ? -exp((double)y[i]) : (double)y[i] + t->addend);
    return status;
}

static viv_status apply(const viv_model *m, const struct transform *t, struct tensor_view *views, uint32_t *n,
                        struct error *err)
{
    viv_status status = VIV_OK;
    if (transform_joins(t)) {
        status = join(views, *n, t->axis, t->kind == TRANSFORM_STACK, err);
        *n = status == VIV_OK ? 1 : *n;
        return status;
    }
    for (uint32_t i = 0; status == VIV_OK && i < *n; i++) {
        switch (t->kind) {
        case TRANSFORM_TRANSPOSE:
            status = transpose(&views[i], err);
            break;
        case TRANSFORM_SPLIT:
            status = split(&views[i], t, err);
            break;
        case TRANSFORM_PERMUTE:
            status = permute(&views[i], t->n_dims, t->view, t->order, err);
            break;
        case TRANSFORM_UNPACK:
            status = unpack(m, &views[i], err);
            break;
        default:
            status = change_numbers(m, &views[i], t, err);
        }
    }
    return status;
}

/* Makes the result a tensor of the model, in the weight's shape. */
static viv_status keep(viv_model *m, const struct weight *w, struct tensor_view *p, struct binding *out,
                       struct error *err)
{
    uint64_t elems = 1, wanted = 1;
    for (uint32_t i = 0; i < p->n_dims; i++)
        elems *= p->dims[i];
    for (uint32_t i = 0; i < w->n_dims; i++)
        wanted *= w->dims[i];
    uint64_t last = w->n_dims ? w->dims[w->n_dims - 1] : 1;
    if (elems != wanted || last % dtype_get(p->dtype)->block != 0)
        return error_set(err, VIV_ESHAPE,
                         "after its transforms it has %" PRIu64 " elements, the spec says %" PRIu64, elems, wanted);
    viv_tensor *t = arena_alloc(&m->arena, sizeof *t);
    int64_t *shape = arena_array(&m->arena, w->n_dims, sizeof *shape);
    int64_t *strides = arena_array(&m->arena, w->n_dims, sizeof *strides);
    if (!t || !shape || !strides)
        return error_nomem(err);
    for (uint32_t i = 0; i < w->n_dims; i++)
        shape[i] = (int64_t)w->dims[i];
    if (!tensor_init(t, w->names[0], p->dtype, w->n_dims, shape, strides, p->data))
        return error_set(err, VIV_ESHAPE, "the transformed tensor is too large");
    if (p->owned) {
        m->made[m->n_made++] = (struct block){p->data, p->bytes};
        m->made_bytes += p->bytes;
    }
    p->owned = false;
    out->tensor = t;
    out->order = p->order;
    return VIV_OK;
}

viv_status tensor_view_of(const viv_model *m, struct tensor_view *p, const viv_tensor *t, uint64_t part,
                          uint64_t n_parts, struct error *err)
{
    const bool is_number = t->dl.ndim == 0 && n_parts == 1; /* which is a list of one */
    if (!is_number && (t->dl.ndim < 1 || t->dl.ndim >= MAX_DIMS))
        return error_set(err, VIV_ESHAPE, "tensor '%s' has %d dimensions", t->name, t->dl.ndim);
    *p = (struct tensor_view){t->dl.data,
                              false,
                              t->dtype,
                              is_number ? 1 : (uint32_t)t->dl.ndim,
                              {1},
                              t->nbytes / n_parts,
                              packed_order(&m->checkpoint, t)};
    for (int32_t d = 0; d < t->dl.ndim; d++)
        p->dims[d] = (uint64_t)t->dl.shape[d];
    p->dims[0] /= n_parts;
    if (!packed_is(&m->checkpoint, t)) {
        p->data += part * p->bytes;
        return VIV_OK;
    }
    const struct tensor_view whole = *p;
    viv_status status = tensor_view_alloc(p, whole.dtype, whole.n_dims, whole.dims, err);
    p->order = packed_order(&m->checkpoint, t);
    const uint64_t n_rows = status == VIV_OK ? p->bytes / size_max(t->row_bytes, 1) : 0;
    if (status == VIV_OK)
        status = packed_read(&m->checkpoint, t, part * n_rows, n_rows, p->data, err);
    if (status != VIV_OK)
        tensor_view_release(p);
    return status;
}

viv_status transform_views(const viv_model *m, const struct transform *transforms, uint32_t n_transforms,
                           struct tensor_view *views, uint32_t n, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < n_transforms; i++)
        status = apply(m, &transforms[i], views, &n, err);
    if (status == VIV_OK && n != 1)
        status = error_set(err, VIV_EINVAL, "%u tensors, but no transform that joins them", n);
    return status;
}

viv_status transform_weight(viv_model *m, const struct weight *w, const viv_tensor *const *sources, uint32_t n,
                            struct binding *out, struct error *err)
{
    struct tensor_view *views = calloc(n, sizeof *views);
    viv_status status = views ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = tensor_view_of(m, &views[i], sources[i], 0, 1, err);
    if (status == VIV_OK)
        status = transform_views(m, w->transforms, w->n_transforms, views, n, err);
    if (status == VIV_OK)
        status = keep(m, w, &views[0], out, err);
    for (uint32_t i = 0; views && i < n; i++)
        tensor_view_release(&views[i]);
    free(views);
    return status;
}
