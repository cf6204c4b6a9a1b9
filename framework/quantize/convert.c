/* convert.c - a model of safetensors as a source of GGUF tensors. The spec of the family has both names of each
 * weight, and the transforms with which either is read. What is written is the weight as the graph sees it, that is
 * after the transforms for safetensors; or, where both kinds of file are read by the same transforms, the tensor of
 * the safetensors file as it is.
 *
 * The header is made first, and opened as if it were a file: so convert_check can ask what a reader makes of it.
 * Rows follow when they are wanted, a tensor or one of its experts at a time. */
#include "quantize/convert.h"

#include "base/size.h"
#include "base/text.h"
#include "formats/packed/packed.h"
#include "kernels/requantize.h"
#include "quantize/mixes.h"
#include "spec/expr.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct weight *weight_of(const struct conversion *c, uint32_t i)
{
    return &c->m->expansion->weights[i];
}

static viv_status at_weight(const struct conversion *c, uint32_t i, struct error *err)
{
    const struct weight *w = weight_of(c, i);
    return error_prefix(err, "%s:%" PRIu32 ": weight '%s'", w->at.file, w->at.line, w->key);
}

/* --- which tensors ------------------------------------------------------------------------------------------- */

/* A transform that only gives a tensor another shape. */
static bool is_reshape(const struct transform *t)
{
    bool in_order = t->kind == TRANSFORM_PERMUTE;
    for (uint32_t i = 0; in_order && i < t->n_dims; i++)
        in_order = t->order[i] == i;
    return in_order;
}

/* A weight that is one of several consecutive parts of a tensor. */
static bool is_part(const struct weight *w)
{
    return w->n_transforms == 1 && w->transforms[0].kind == TRANSFORM_SPLIT && w->transforms[0].axis == 0 &&
           w->transforms[0].times == 1 && w->transforms[0].n_take == 1;
}

/* The type of a weight's numbers after its transforms: that of the file, if GGUF has it, else f32. */
static uint32_t type_of(const struct conversion *c, uint32_t i, bool raw)
{
    const struct weight *w = weight_of(c, i);
    const viv_tensor *t = w->n_names ? checkpoint_tensor(&c->m->checkpoint, w->names[0]) : NULL;
    struct requantizer rows;
    if (!t || t->dtype >= VIV_BOOL || packed_order(&c->m->checkpoint, t) ||
        !requantizer_init(&rows, t->dtype, VIV_F32, (uint64_t)t->dl.shape[t->dl.ndim - 1]))
        return VIV_F32;
    for (uint32_t k = 0; !raw && k < w->n_transforms; k++)
        if (w->transforms[k].kind >= TRANSFORM_ADD ||
            (w->transforms[k].kind == TRANSFORM_UNPACK && dtype_get(t->dtype)->block > 1))
            return VIV_F32;
    return t->dtype == VIV_F64 ? VIV_F32 : t->dtype;
}

/* The shape of a weight in the GGUF file. Where that file is read by a mere reshape, it has the parts that the
 * safetensors file has apart as rows, and no rows of one. */
static void set_shape(const struct conversion *c, struct made *t, uint32_t i)
{
    const struct weight *w = weight_of(c, i), *g = &c->weights[i];
    const viv_tensor *from = t->raw ? checkpoint_tensor(&c->m->checkpoint, w->names[0]) : NULL;
    t->n_dims = from ? (uint32_t)from->dl.ndim : w->n_dims;
    for (uint32_t d = 0; d < t->n_dims; d++)
        t->shape[d] = from ? from->dl.shape[d] : (int64_t)w->dims[d];
    if (g->n_transforms == 0 || t->raw || is_part(g))
        return;
    if (t->n_dims == 1 && w->n_names > 1) {
        t->shape[1] = t->shape[0] / w->n_names;
        t->shape[0] = w->n_names;
        t->n_dims = 2;
    } else if (t->n_dims == 2 && t->shape[0] == 1) {
        t->shape[0] = t->shape[1];
        t->n_dims = 1;
    }
}

static struct made *find_made(const struct conversion *c, const char *name)
{
    for (size_t i = 0; i < c->n_made; i++)
        if (strcmp(c->made[i].name, name) == 0)
            return &c->made[i];
    return NULL;
}

static viv_status new_made(struct conversion *c, const char *name, struct made **out, struct error *err)
{
    if (!VEC_RESERVE(c->made, c->n_made, c->capacity))
        return error_nomem(err);
    *out = &c->made[c->n_made++];
    **out = (struct made){.name = name};
    return VIV_OK;
}

/* The numbers of a weight that config.json has, not a tensor. */
static viv_status take_values(struct conversion *c, struct made *t, const struct value *v, struct error *err)
{
    float *values = arena_array(&c->arena, v->n, sizeof *values);
    if (!values)
        return error_nomem(err);
    for (uint32_t k = 0; k < v->n; k++)
        values[k] = (float)expr_value_number(&v->list[k]);
    t->values = values;
    return VIV_OK;
}

/* Whether weight i is read from the same tensor of the safetensors file, or from a copy of it, all of which is
 * written already. */
static bool is_same_tensor(const struct conversion *c, const struct made *t, uint32_t i)
{
    const struct weight *w = weight_of(c, i), *first = weight_of(c, t->parts[0]);
    if (t->n_parts != 1 || w->n_names != 1 || first->n_names != 1 ||
        !weight_same_transforms(w, t->raw ? &c->weights[i] : first))
        return false;
    const viv_tensor *a = checkpoint_tensor(&c->m->checkpoint, first->names[0]);
    const viv_tensor *b = checkpoint_tensor(&c->m->checkpoint, w->names[0]);
    return a && b && (a == b || tensor_same(a, b));
}

/* Puts weight i behind the other parts of its tensor. */
static viv_status add_part(struct conversion *c, struct made *t, uint32_t i, struct error *err)
{
    const struct weight *g = &c->weights[i];
    const struct made whole = *t;
    const struct transform *last = &c->weights[t->parts[t->n_parts - 1]].transforms[0];
    const bool follows = t->n_parts < MAX_PARTS && is_part(g) && is_part(&c->weights[t->parts[0]]) && !t->raw &&
                         g->transforms[0].take[0].begin == last->take[0].end;
    if (is_same_tensor(c, t, i))
        return VIV_OK;
    if (!follows)
        return error_set(err, VIV_EUNSUPPORTED,
                         "it shares the tensor '%s' of GGUF files with others in a way that cannot be written",
                         whole.name);
    t->parts[t->n_parts++] = i;
    t->shape[0] += (int64_t)weight_of(c, i)->dims[0];
    t->dtype = t->dtype == type_of(c, i, false) ? t->dtype : VIV_F32;
    return VIV_OK;
}

static viv_status add_weight(struct conversion *c, uint32_t i, struct error *err)
{
    const struct weight *w = weight_of(c, i), *g = &c->weights[i];
    if (g->n_names == 0)
        return error_set(err, VIV_EUNSUPPORTED,
                         "it has no name in GGUF files, so the model cannot be written as one");
    if (g->n_names > 1)
        return error_set(err, VIV_EUNSUPPORTED, "it is several tensors in GGUF files, which cannot be written");
    struct made *t = find_made(c, g->names[0]);
    if (t)
        return add_part(c, t, i, err);
    const bool raw = w->n_transforms > 0 && w->n_names == 1 && weight_same_transforms(w, g);
    const bool plain = g->n_transforms == 0 || (g->n_transforms == 1 && is_reshape(&g->transforms[0]));
    if (!raw && !plain && !is_part(g))
        return error_set(err, VIV_EUNSUPPORTED,
                         "GGUF files have it in another layout (see its `transform`), which cannot be written");
    viv_status status = new_made(c, g->names[0], &t, err);
    if (status != VIV_OK)
        return status;
    t->parts[t->n_parts++] = i;
    t->raw = raw;
    t->dtype = type_of(c, i, raw);
    set_shape(c, t, i);
    if (t->n_dims < 2 || !mix_quantizes(t->name))
        t->dtype = VIV_F32; /* as readers of GGUF expect of what is not quantized */
    return w->values ? take_values(c, t, w->values, err) : VIV_OK;
}

/* Whether the last part of a tensor is its end. */
static viv_status check_parts(const struct conversion *c, const struct made *t, struct error *err)
{
    const struct weight *g = &c->weights[t->parts[t->n_parts - 1]];
    if (t->n_parts == 0 || t->raw || !is_part(g) || g->transforms[0].take[0].end == g->transforms[0].whole)
        return VIV_OK;
    error_set(err, VIV_EUNSUPPORTED, "the other parts of the tensor '%s' of GGUF files are missing", t->name);
    return at_weight(c, t->parts[0], err);
}

static viv_status list_tensors(struct conversion *c, struct error *err)
{
    const struct expansion *e = c->m->expansion;
    const float *divisors = NULL;
    uint64_t n = 0;
    viv_status status = VIV_OK;
    bool *present = arena_array(&c->arena, (size_t)e->n_weights + 1, sizeof *present);
    if (!present)
        return error_nomem(err);
    for (uint32_t i = 0; i < e->n_weights; i++) /* the weight itself, or its substitute */
        if (c->bindings[i].tensor)
            present[c->bindings[i].weight] = true;
    for (uint32_t i = 0; status == VIV_OK && i < e->n_weights; i++) {
        if (!present[i] || (e->weights[i].unread && c->weights[i].n_names == 0))
            continue;
        status = add_weight(c, i, err);
        if (status != VIV_OK)
            at_weight(c, i, err);
    }
    for (size_t i = 0; status == VIV_OK && i < c->n_made; i++)
        status = check_parts(c, &c->made[i], err);
    if (status == VIV_OK)
        status = convert_rope_divisors(c, &divisors, &n, err);
    struct made *t;
    if (status == VIV_OK && divisors && (status = new_made(c, "rope_freqs.weight", &t, err)) == VIV_OK) {
        t->values = divisors;
        t->n_dims = 1;
        t->shape[0] = (int64_t)n;
    }
    return status;
}

/* --- the header ---------------------------------------------------------------------------------------------- */

/* With what is known by now: the keys that are marked, and the tensors, if there are any yet. */
static viv_status make_header(struct conversion *c, bool whole, struct error *err)
{
    struct gguf_writer w = {.alignment = 32};
    const struct value *n_vocab = expansion_param(c->m->expansion, "vocab_size");
    viv_status status = convert_metadata(c, &w, err);
    if (status == VIV_OK && whole)
        status = convert_tokenizer(c->m, n_vocab && n_vocab->kind == VALUE_INT ? (uint64_t)n_vocab->i : 0, &w, err);
    for (size_t i = 0; status == VIV_OK && i < c->n_made; i++)
        gguf_add_tensor(&w, c->made[i].name, c->made[i].dtype, c->made[i].n_dims, c->made[i].shape);
    checkpoint_close(&c->header);
    if (status == VIV_OK)
        status = gguf_open_header(&w, c->m->checkpoint.path, &c->header, err);
    gguf_writer_drop(&w);
    return status;
}

static viv_status read_header(struct conversion *c, struct error *err)
{
    expansion_destroy(c->expansion);
    spec_close(c->spec);
    c->expansion = NULL;
    c->spec = NULL;
    viv_status status = spec_open_family(c->m->options.world, &c->header, &c->spec, err);
    return status == VIV_OK ? spec_expand(c->spec, &c->header, &c->expansion, err) : status;
}

/* Marks keys without which params would have another value. */
static bool mark_more(struct conversion *c)
{
    bool more = false;
    for (uint32_t i = 0; i < c->n_keys; i++) {
        const struct param_value *p = &c->m->expansion->params[c->keys[i].param];
        const struct value *now = expansion_param(c->expansion, p->name);
        if (c->written[i] || p->value.kind == VALUE_NONE || (now && expr_value_equal(now, &p->value)))
            continue;
        c->written[i] = more = true;
    }
    return more;
}

/* A value of a param that config.json lacks: one that says that a model is as most are. */
static bool is_neutral(const struct value *v)
{
    return v->kind == VALUE_NONE || (v->kind == VALUE_FLOAT && (v->f == 0 || v->f == 1)) ||
           ((v->kind == VALUE_INT || v->kind == VALUE_BOOL) && v->i == 0);
}

static viv_status convert(struct conversion *c, struct error *err)
{
    const struct expansion *e = c->m->expansion;
    viv_status status = expansion_gguf_keys(e, &c->arena, &c->keys, &c->n_keys, err);
    c->written = arena_array(&c->arena, (size_t)c->n_keys + 1, sizeof *c->written);
    c->weights = arena_array(&c->arena, (size_t)e->n_weights + 1, sizeof *c->weights);
    if (status == VIV_OK && (!c->written || !c->weights))
        status = error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < c->n_keys; i++)
        c->written[i] = !c->keys[i].only_gguf || !is_neutral(&c->keys[i].value);
    if (status == VIV_OK)
        status = make_header(c, false, err);
    if (status == VIV_OK)
        status = expansion_gguf_weights(e, &c->header, &c->arena, c->weights, err);
    if (status == VIV_OK)
        status = list_tensors(c, err);
    if (status == VIV_OK)
        status = make_header(c, false, err);
    if (status == VIV_OK && (read_header(c, err) != VIV_OK || mark_more(c))) {
        for (uint32_t i = 0; i < c->n_keys; i++) /* without these, params may depend on each other in a circle */
            c->written[i] = c->written[i] || !c->expansion;
        status = make_header(c, false, err);
        if (status == VIV_OK)
            status = read_header(c, err);
    }
    if (status == VIV_OK)
        status = convert_check(c, err);
    if (status == VIV_OK)
        status = make_header(c, true, err);
    return status == VIV_OK ? convert_check_tokenizer(c->m, &c->header, err) : status;
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* The view of one weight, or of one of its experts, after its transforms. */
static viv_status view_weight(const struct conversion *c, uint32_t i, bool raw, uint64_t expert,
                              struct tensor_view *out, struct error *err)
{
    const struct weight *w = weight_of(c, i);
    const uint32_t n = w->n_experts ? 1 : w->n_names;
    struct tensor_view *views = calloc(n ? n : 1, sizeof *views);
    viv_status status = views ? VIV_OK : error_nomem(err);
    for (uint32_t k = 0; status == VIV_OK && k < n; k++) {
        const char *name = w->names[w->n_experts ? expert : k];
        const viv_tensor *t = checkpoint_tensor(&c->m->checkpoint, name);
        status =
            t ? tensor_view_of(c->m, &views[k], t, 0, 1, err) : checkpoint_missing(&c->m->checkpoint, name, err);
    }
    if (status == VIV_OK)
        status = transform_views(c->m, w->transforms, raw ? 0 : w->n_transforms, views, n, err);
    if (status == VIV_OK) {
        *out = views[0];
        views[0] = (struct tensor_view){0};
    }
    if (status == VIV_OK && !raw && !w->n_experts) { /* a permutation leaves it in the shape in which it is seen */
        out->n_dims = w->n_dims;
        memcpy(out->dims, w->dims, sizeof w->dims);
    }
    for (uint32_t k = 0; views && k < n; k++)
        tensor_view_release(&views[k]);
    free(views);
    return status;
}

/* In GGUF files of some families, numbers that rotate together are neighbours: rows j and j + rotated / 2 of a head
 * become rows 2 j and 2 j + 1. A bias has one number in each row. */
static viv_status reorder(const struct made *t, struct tensor_view *v, struct error *err)
{
    const uint64_t n_rows = v->dims[0], row = v->bytes / size_max(n_rows, 1), n = n_rows / t->heads;
    unsigned char *data = malloc(v->bytes ? v->bytes : 1);
    if (!data)
        return error_nomem(err);
    for (uint64_t r = 0; r < n_rows; r++) {
        const uint64_t j = r % n, half = t->rotated / 2;
        const uint64_t to = j >= t->rotated ? j : j < half ? 2 * j : 2 * (j - half) + 1;
        memcpy(data + (r - j + to) * row, v->data + r * row, row);
    }
    if (v->owned)
        free(v->data);
    v->data = data;
    v->owned = true;
    return VIV_OK;
}

static viv_status load(struct conversion *c, const struct made *t, uint64_t slice, struct error *err)
{
    struct tensor_view views[MAX_PARTS] = {0};
    const struct transform concat = {.kind = TRANSFORM_CONCAT};
    viv_status status = VIV_OK;
    for (uint32_t k = 0; status == VIV_OK && k < t->n_parts; k++) {
        status = view_weight(c, t->parts[k], t->raw, slice, &views[k], err);
        if (status == VIV_OK && (views[k].dtype != t->dtype || views[k].order))
            status = tensor_view_to_f32(c->m, &views[k], err);
    }
    if (status == VIV_OK && t->n_parts > 1)
        status = transform_views(c->m, &concat, 1, views, t->n_parts, err);
    if (status == VIV_OK && t->heads)
        status = reorder(t, &views[0], err);
    if (status != VIV_OK) {
        for (uint32_t k = 0; k < t->n_parts; k++)
            tensor_view_release(&views[k]);
        return error_prefix(err, "tensor '%s'", t->name);
    }
    c->view = views[0];
    return VIV_OK;
}

static viv_status convert_rows(void *self, uint32_t tensor, uint64_t first, uint64_t *n, const void **out,
                               struct error *err)
{
    struct conversion *c = self;
    const struct made *t = &c->made[tensor];
    const viv_tensor *h = &c->header.tensors[tensor];
    if (t->values) {
        *out = t->values;
        return VIV_OK;
    }
    const uint64_t n_rows = h->nbytes / h->row_bytes, n_slices = weight_of(c, t->parts[0])->n_experts;
    const uint64_t per_slice = n_rows / (n_slices ? n_slices : 1), slice = first / per_slice;
    if (c->tensor != tensor || c->slice != slice) {
        tensor_view_release(&c->view);
        c->tensor = UINT32_MAX;
        viv_status status = load(c, t, slice, err);
        if (status != VIV_OK)
            return status;
        c->tensor = tensor;
        c->slice = slice;
    }
    if (c->view.bytes != per_slice * h->row_bytes)
        return error_set(err, VIV_EINTERNAL, "tensor '%s' has %" PRIu64 " bytes, expected %" PRIu64, t->name,
                         c->view.bytes, per_slice * h->row_bytes);
    *n = size_min(*n, (slice + 1) * per_slice - first);
    *out = c->view.data + (first - slice * per_slice) * h->row_bytes;
    return VIV_OK;
}

static void convert_release(void *self)
{
    struct conversion *c = self;
    tensor_view_release(&c->view);
    expansion_destroy(c->expansion);
    spec_close(c->spec);
    checkpoint_close(&c->header);
    free(c->made);
    arena_release(&c->arena);
    free(c);
}

viv_status source_convert(viv_model *m, struct weight_source *out, struct error *err)
{
    const struct binding *bindings = NULL;
    *out = (struct weight_source){0};
    viv_status status = model_need_weights(m, err);
    if (status == VIV_OK)
        status = model_bindings(m, &bindings, err);
    if (status != VIV_OK)
        return status;
    struct conversion *c = calloc(1, sizeof *c);
    if (!c)
        return error_nomem(err);
    *out =
        (struct weight_source){.header = &c->header, .self = c, .rows = convert_rows, .release = convert_release};
    c->m = m;
    c->bindings = bindings;
    c->tensor = UINT32_MAX;
    status = convert(c, err);
    out->window = c->window;
    return status == VIV_OK ? VIV_OK : error_prefix(err, "%s cannot be written as GGUF", m->checkpoint.path);
}
