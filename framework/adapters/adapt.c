/* adapt.c - finds the target of each change of the adapters: a tensor of the checkpoint with a shape that fits, or
 * an error that names it. Changed tensors are entered in the checkpoint's table, so that binding and transforms
 * need not know of adapters; merge.c computes their data. */
#include "adapters/target.h"

#include "adapters/adapters.h"
#include "base/near.h"
#include "base/size.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The tensor names of an expansion's weights. */
struct names {
    const struct expansion *e;
    struct strmap map; /* name -> index into list */
    struct name {
        const char *text;
        uint32_t weight;
    } * list;
};

struct adaptation {
    viv_model *m;
    struct split_ties split;
    struct twins twins;   /* for adapters of safetensors on a GGUF file */
    struct names own, hf; /* by the checkpoint's naming; by that of `twins` */
    uint32_t *at;         /* [n_tensors] 1 + index into m->adapted; 0: not adapted */
    size_t capacity;
    struct error *err;
};

/* --- names -------------------------------------------------------------------------------------------------- */

static viv_status names_init(struct names *n, const struct expansion *e, struct error *err)
{
    uint64_t total = 0;
    uint32_t at = 0;
    n->e = e;
    for (uint32_t i = 0; i < e->n_weights; i++)
        total += e->weights[i].n_names;
    n->list = calloc(total ? total : 1, sizeof *n->list);
    if (!n->list)
        return error_nomem(err);
    for (uint32_t i = 0; i < e->n_weights; i++)
        for (uint32_t k = 0; k < e->weights[i].n_names; k++, at++) {
            const char *text = e->weights[i].names[k];
            n->list[at] = (struct name){text, i};
            if (strmap_add(&n->map, text, strlen(text), at) == STRMAP_NOMEM)
                return error_nomem(err);
        }
    return VIV_OK;
}

static void names_release(struct names *n)
{
    strmap_release(&n->map);
    free(n->list);
}

/* --- targets ------------------------------------------------------------------------------------------------ */

static viv_status not_found(const struct adaptation *l, const struct names *names, const char *name)
{
    const struct checkpoint *c = &l->m->checkpoint;
    uint32_t at;
    if (expansion_find_name(l->m->expansion, &c->by_name, name, &at))
        return error_set(l->err, VIV_EUNSUPPORTED, "it changes '%s', which is in %s but not used by %s", name,
                         c->path, spec_path(l->m->spec));
    if (names == &l->own)
        return checkpoint_missing(c, name, l->err);
    const char **words = calloc(names->map.count ? names->map.count : 1, sizeof *words), *nearest;
    uint32_t n = 0;
    for (uint32_t i = 0; words && n < names->map.count && i < names->e->n_weights; i++)
        for (uint32_t k = 0; n < names->map.count && k < names->e->weights[i].n_names; k++)
            words[n++] = names->e->weights[i].names[k];
    if (!words)
        return error_nomem(l->err);
    nearest = near_word(name, words, n);
    error_set(l->err, VIV_ENOTFOUND, "%s knows no tensor '%s'%s%s%s", spec_path(l->m->spec), name,
              nearest ? "; the nearest of its names is '" : "", nearest ? nearest : "", nearest ? "'" : "");
    free(words);
    return VIV_ENOTFOUND;
}

static viv_status find_target(const struct adaptation *l, const struct adapter *a, const struct change *c,
                              struct change_target *t)
{
    const struct checkpoint *ck = &l->m->checkpoint;
    const bool crosses = checkpoint_is_gguf(ck) && !checkpoint_is_gguf(&a->files);
    const struct names *names = crosses ? &l->hf : &l->own;
    uint32_t at;
    *t = (struct change_target){0};
    if (checkpoint_is_gguf(&a->files) /* as they are */
            ? !strmap_get(&names->map, c->name, strlen(c->name), &at)
            : !expansion_find_name(names->e, &names->map, c->name, &at))
        return not_found(l, names, c->name);
    const struct name *name = &names->list[at];
    if (crosses)
        return twin_find(&l->twins, name->weight, c->name, t, l->err);
    const viv_tensor *tensor = checkpoint_tensor(ck, name->text);
    if (!tensor)
        return checkpoint_missing(ck, name->text, l->err);
    t->tensor = (uint32_t)(tensor - ck->tensors);
    t->transposed = adapter_weight_is_transposed(&names->e->weights[name->weight]);
    return VIV_OK;
}

/* --- applying changes --------------------------------------------------------------------------------------- */

static viv_status adapted_of(struct adaptation *l, uint32_t tensor, struct adapted **out)
{
    viv_model *m = l->m;
    if (!l->at[tensor]) {
        if (!VEC_RESERVE(m->adapted, m->n_adapted, l->capacity))
            return error_nomem(l->err);
        m->adapted[m->n_adapted] = (struct adapted){.tensor = tensor, .base = m->checkpoint.tensors[tensor]};
        l->at[tensor] = (uint32_t)++m->n_adapted;
    }
    *out = &m->adapted[l->at[tensor] - 1];
    return VIV_OK;
}

static viv_status unlike(const struct adaptation *l, const viv_tensor *t, const char *part, uint64_t rows,
                         uint64_t columns)
{
    char has[128];
    return error_set(l->err, VIV_ESHAPE,
                     "its '%s' is for [%" PRIu64 ", %" PRIu64 "], but '%s' of %s is %s: is it for another model?",
                     part, rows, columns, t->name, l->m->checkpoint.path,
                     tensor_shape_text(t->dl.shape, (uint32_t)t->dl.ndim, has));
}

static viv_status unlike_tensor(const struct adaptation *l, const viv_tensor *t, const viv_tensor *change)
{
    char is[128], has[128];
    return error_set(l->err, VIV_ESHAPE, "its '%s' is %s, but '%s' of %s is %s: is it for another model?",
                     change->name, tensor_shape_text(change->dl.shape, (uint32_t)change->dl.ndim, is), t->name,
                     l->m->checkpoint.path, tensor_shape_text(t->dl.shape, (uint32_t)t->dl.ndim, has));
}

static bool same_shape(const viv_tensor *a, const viv_tensor *b)
{
    return a->dl.ndim == b->dl.ndim &&
           memcmp(a->dl.shape, b->dl.shape, (size_t)a->dl.ndim * sizeof *a->dl.shape) == 0;
}

static uint64_t dim(const viv_tensor *t, int32_t i)
{
    return i < t->dl.ndim ? (uint64_t)t->dl.shape[i] : 0;
}

static viv_status check_low_rank(const struct adaptation *l, const viv_tensor *t, const struct change *c,
                                 bool transposed)
{
    const uint64_t out = dim(c->b, 0), in = dim(c->a, c->form != FORM_EMBEDDING_GGUF);
    const uint64_t rows = transposed ? in : out, columns = transposed ? out : in;
    if (t->dl.ndim != 2 || dim(t, 0) != rows || dim(t, 1) != columns)
        return unlike(l, t, c->a->name, rows, columns);
    if (c->magnitude && (c->magnitude->dl.ndim != 1 || dim(c->magnitude, 0) != out))
        return unlike_tensor(l, t, c->magnitude);
    return VIV_OK;
}

static viv_status check_rows(const struct adaptation *l, const viv_tensor *t, const struct change *c)
{
    if (t->dl.ndim != 2 || dim(t, 1) != dim(c->b, 1))
        return unlike_tensor(l, t, c->b);
    for (uint64_t i = 0; i < dim(c->b, 0); i++)
        if (c->rows[i] < 0 || (uint64_t)c->rows[i] >= dim(t, 0))
            return error_set(l->err, VIV_ESHAPE, "it has row %" PRId64 " for '%s', which has %" PRIu64 " of them",
                             c->rows[i], t->name, dim(t, 0));
    return VIV_OK;
}

static viv_status replace(struct adaptation *l, const struct adapter *a, struct adapted *to, const struct change *c,
                          uint64_t heads)
{
    const viv_tensor *b = &to->base;
    const bool saved_base = c->parameter && b->dtype == c->b->dtype && b->nbytes == c->b->nbytes && heads == 0 &&
                            memcmp(b->dl.data, c->b->dl.data, b->nbytes) == 0;
    if (saved_base)
        return VIV_OK;
    if (to->replaced_by || to->n_uses)
        return error_set(l->err, VIV_EUNSUPPORTED, "its '%s' replaces a tensor that another adapter has changed",
                         c->b->name);
    to->base = *c->b;
    to->heads = heads;
    to->replaced_by = a;
    return VIV_OK;
}

/* Applies one change to one tensor. */
static viv_status apply_change(struct adaptation *l, const struct adapter *a, const struct change *c,
                               const struct change_target *at)
{
    const viv_tensor *t = &l->m->checkpoint.tensors[at->tensor];
    const bool transposed = c->form == FORM_LINEAR ? at->transposed : true;
    const uint64_t rows = dim(t, 0);
    struct adapted *to;
    viv_status status = VIV_OK;
    if (at->heads && (rows % at->heads != 0 || rows / at->heads % 2 != 0))
        return error_set(l->err, VIV_ESHAPE, "'%s' has %" PRIu64 " rows, expected pairs for %" PRIu64 " heads",
                         t->name, rows, at->heads);
    if (c->kind == CHANGE_LOW_RANK)
        status = check_low_rank(l, t, c, transposed);
    else if (c->kind == CHANGE_ROWS)
        status = check_rows(l, t, c);
    else if (!same_shape(t, c->b) || (c->kind == CHANGE_BIAS && t->dl.ndim != 1))
        status = unlike_tensor(l, t, c->b);
    if (status == VIV_OK && c->kind != CHANGE_LOW_RANK && t->dl.ndim > 1 &&
        (at->turned || (c->kind == CHANGE_ROWS && (at->transposed || at->heads))))
        status = error_set(l->err, VIV_EUNSUPPORTED, "its '%s' has another layout than '%s' in GGUF files",
                           c->b->name, t->name);
    if (status == VIV_OK)
        status = adapted_of(l, at->tensor, &to);
    if (status != VIV_OK)
        return status;
    if (c->kind == CHANGE_WHOLE)
        return replace(l, a, to, c, at->heads);
    if (!VEC_RESERVE(to->uses, to->n_uses, to->capacity))
        return error_nomem(l->err);
    to->uses[to->n_uses++] = (struct use){a, c, transposed, at->heads};
    return VIV_OK;
}

static bool has_change(const struct adapter *a, const struct change_target *targets, enum change_kind kind,
                       uint32_t tensor)
{
    for (uint32_t i = 0; i < a->n_changes; i++)
        if (a->changes[i].kind == kind && targets[i].tensor == tensor)
            return true;
    return false;
}

/* Applies a change of tied weights to the other one too, unless the adapter has a change for that. */
static viv_status apply_to_tied(struct adaptation *l, const struct adapter *a, const struct change_target *targets,
                                uint32_t i)
{
    const struct change *c = &a->changes[i];
    viv_status status = VIV_OK;
    for (uint32_t k = 0; status == VIV_OK && k < l->split.n; k++) {
        const struct split_tie *s = &l->split.items[k];
        struct change_target other = targets[i];
        if (targets[i].tensor == s->other && !adapter_change_leaves_head(a, c))
            other.tensor = s->tensor;
        else if (targets[i].tensor == s->tensor && c->parameter)
            other.tensor = s->other;
        else
            continue;
        if (!has_change(a, targets, c->kind, other.tensor))
            status = apply_change(l, a, c, &other);
    }
    return status;
}

static viv_status apply_adapter(struct adaptation *l, const struct adapter *a)
{
    struct change_target *targets = calloc(a->n_changes ? a->n_changes : 1, sizeof *targets);
    viv_status status = targets ? VIV_OK : error_nomem(l->err);
    for (uint32_t i = 0; status == VIV_OK && i < a->n_changes; i++)
        status = find_target(l, a, &a->changes[i], &targets[i]);
    /* replacements come first: the others change them */
    for (int whole = 1; whole >= 0; whole--)
        for (uint32_t i = 0; status == VIV_OK && i < a->n_changes; i++) {
            if ((a->changes[i].kind == CHANGE_WHOLE) != whole)
                continue;
            status = apply_change(l, a, &a->changes[i], &targets[i]);
            if (status == VIV_OK)
                status = apply_to_tied(l, a, targets, i);
        }
    free(targets);
    return status == VIV_OK ? VIV_OK : error_prefix(l->err, "adapter '%s'", a->path);
}

/* Enters a changed tensor in the checkpoint's table. A quantized one becomes f16: many changes are smaller than
 * half a quantization step and would be lost. */
static void enter(viv_model *m, const struct adapted *a)
{
    viv_tensor *t = &m->checkpoint.tensors[a->tensor];
    const bool quantized = dtype_get(a->base.dtype)->block > 1;
    const uint32_t dtype = a->n_uses && quantized ? VIV_F16 : a->base.dtype;
    tensor_init(t, t->name, dtype, (uint32_t)t->dl.ndim, t->dl.shape, t->dl.strides,
                a->n_uses || a->heads ? NULL : a->base.dl.data);
}

static viv_status apply_all(struct adaptation *l)
{
    viv_model *m = l->m;
    bool crosses = false;
    for (uint32_t i = 0; i < m->n_adapters; i++)
        crosses = crosses || (checkpoint_is_gguf(&m->checkpoint) && !checkpoint_is_gguf(&m->adapters[i].files));
    viv_status status = names_init(&l->own, m->expansion, l->err);
    if (status == VIV_OK && crosses)
        status = twins_init(&l->twins, m, l->err);
    if (status == VIV_OK && crosses)
        status = names_init(&l->hf, l->twins.hf, l->err);
    l->at = calloc(m->checkpoint.n_tensors ? m->checkpoint.n_tensors : 1, sizeof *l->at);
    if (status == VIV_OK && !l->at)
        status = error_nomem(l->err);
    for (uint32_t i = 0; status == VIV_OK && i < l->split.n; i++) {
        struct adapted *head;
        status = adapted_of(l, l->split.items[i].tensor, &head);
        if (status == VIV_OK)
            head->base = m->checkpoint.tensors[l->split.items[i].other];
    }
    for (uint32_t i = 0; status == VIV_OK && i < m->n_adapters; i++)
        status = apply_adapter(l, &m->adapters[i]);
    for (size_t i = 0; status == VIV_OK && i < m->n_adapted; i++)
        enter(m, &m->adapted[i]);
    names_release(&l->own);
    names_release(&l->hf);
    twins_release(&l->twins);
    free(l->at);
    return status;
}

/* --- opening ------------------------------------------------------------------------------------------------ */

/* A GGUF adapter names the architecture that it is for. */
static viv_status check_architecture(const viv_model *m, const struct adapter *a, struct error *err)
{
    if (!checkpoint_is_gguf(&a->files))
        return VIV_OK;
    if (!checkpoint_is_gguf(&m->checkpoint))
        return error_set(err, VIV_EUNSUPPORTED, "adapter '%s' names tensors as in GGUF files, but %s is not one",
                         a->path, m->checkpoint.path);
    const char *is = checkpoint_architecture(&a->files), *has = checkpoint_architecture(&m->checkpoint);
    if (is && has && strcmp(is, has) == 0)
        return VIV_OK;
    return error_set(err, VIV_EINVAL, "adapter '%s' is for the architecture '%s', %s is of '%s'", a->path,
                     is ? is : "", m->checkpoint.path, has ? has : "");
}

static viv_status open_adapter(viv_model *m, const char *words, struct error *err)
{
    char *path = NULL;
    double scale;
    struct adapter *a = &m->adapters[m->n_adapters];
    viv_status status = adapter_split(words, &path, &scale, err);
    if (status == VIV_OK)
        status = adapter_open(a, path, scale, err);
    free(path);
    if (status != VIV_OK)
        return status;
    m->n_adapters++;
    return check_architecture(m, a, err);
}

viv_status adapters_open(viv_model *m, struct error *err)
{
    struct adaptation l = {.m = m, .err = err};
    uint32_t n_of_spec;
    const char *const *of_spec = spec_adapters(m->spec, &n_of_spec);
    const uint32_t n = n_of_spec + m->options.n_adapters;
    if (n == 0)
        return VIV_OK;
    if (!m->has_checkpoint)
        return error_set(err, VIV_ENOTFOUND, "%s has no weights that an adapter could change", spec_name(m->spec));
    if (!model_has_tensors(m))
        return checkpoint_need_weights(&m->checkpoint, err);
    m->adapters = calloc(n, sizeof *m->adapters);
    viv_status status = m->adapters ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = open_adapter(m, i < n_of_spec ? of_spec[i] : m->options.adapters[i - n_of_spec], err);
    if (status == VIV_OK)
        status = ties_split(m, &l.split, err);
    return status == VIV_OK ? apply_all(&l) : status;
}

void adapters_close(viv_model *m)
{
    for (size_t i = 0; i < m->n_adapted; i++) {
        free(m->adapted[i].uses);
        free(m->adapted[i].data);
    }
    for (uint32_t i = 0; i < m->n_adapters; i++)
        adapter_close(&m->adapters[i]);
    free(m->adapted);
    free(m->adapters);
}

/* --- summaries ---------------------------------------------------------------------------------------------- */

uint32_t model_n_adapters(const viv_model *m)
{
    return m->n_adapters;
}

void model_adapter(const viv_model *m, uint32_t i, struct adapter_summary *out)
{
    const struct adapter *a = &m->adapters[i];
    const bool gguf = checkpoint_is_gguf(&a->files);
    *out = (struct adapter_summary){.path = a->path, .format = gguf ? "gguf" : "peft", .scale = a->scale};
    for (size_t t = 0; t < m->n_adapted; t++) {
        out->n_replaced += m->adapted[t].replaced_by == a;
        for (size_t k = 0; k < m->adapted[t].n_uses; k++) {
            const struct use *u = &m->adapted[t].uses[k];
            const bool low_rank = u->change->kind == CHANGE_LOW_RANK;
            if (u->adapter != a || u->change->kind == CHANGE_BIAS)
                continue;
            out->n_replaced += !low_rank;
            if (low_rank && out->n_low_rank++ == 0)
                out->rank_min = u->change->rank;
            out->rank_min = low_rank ? size_min(out->rank_min, u->change->rank) : out->rank_min;
            out->rank_max = low_rank ? size_max(out->rank_max, u->change->rank) : out->rank_max;
        }
    }
}
