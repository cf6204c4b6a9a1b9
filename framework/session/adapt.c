/* adapt.c - where the changes of adapters land: each on a tensor of the checkpoint, with a shape that fits, or an
 * error that names it. What changes stands in the checkpoint's table from then on, so that binding and transforms
 * know nothing of adapters; merge.c makes its data.
 *
 * An adapter of PEFT on a GGUF checkpoint goes by the spec, expanded once more as if the weights came as
 * safetensors: a weight whose names there and here stand for the same numbers takes its changes. Rows of q and k
 * that GGUF files hold in another order, as a layer's `rope.interleaved` tells, are put into that order; whatever
 * else differs is refused.
 *
 * Where embedding and output head are one tensor, a change of one of them is not one of the other (PEFT's own
 * models behave so, before they are merged): the head becomes a tensor of its own. */
#include "session/instance.h"

#include "base/near.h"
#include "base/size.h"
#include "spec/expr.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TIES = 16 };

/* Names that weights of an expansion have, and whose they are. */
struct names {
    const struct expansion *e;
    struct strmap map; /* name -> index into list */
    struct name {
        const char *text;
        uint32_t weight;
    } * list;
};

/* How a tensor of a GGUF file lies, seen from the same weight in safetensors files. */
struct arrangement {
    bool seen;
    uint64_t heads;      /* see struct use */
    const char *differs; /* the attribute that forbids a change; or NULL */
};

/* What a change lands on. */
struct target {
    uint32_t tensor;
    bool transposed; /* the tensor lies [in, out] */
    bool turned;     /* the adapter's own model has it the other way round */
    uint64_t heads;
};

/* A head that has become a tensor of its own, and the embedding that it was. */
struct split {
    struct tie tie;
    uint32_t tensor, other;
};

struct landing {
    viv_model *m;
    struct split splits[MAX_TIES];
    uint32_t n_splits;
    struct names own, hf;             /* of the checkpoint's naming; and, for GGUF files, as safetensors */
    struct expansion *as_hf;          /* whose names `hf` are; or NULL */
    struct arrangement *arrangements; /* [expansion->n_weights], with as_hf */
    uint32_t *at;                     /* [n_tensors] 1 + index into m->adapted; 0: not adapted */
    size_t capacity;
    struct error *err;
};

static bool is_gguf(const struct checkpoint *c)
{
    return strcmp(c->format->names, "gguf") == 0;
}

/* --- ties --------------------------------------------------------------------------------------------------- */

static const struct weight *weight_of(const struct expansion *e, const char *key)
{
    for (uint32_t i = 0; i < e->n_weights; i++)
        if (strcmp(e->weights[i].key, key) == 0)
            return &e->weights[i];
    return NULL;
}

/* Gives the head of a tie a tensor of its own: the embedding, under the head's name. */
static viv_status split_tie(struct landing *l, const struct tie *wanted)
{
    viv_model *m = l->m;
    struct checkpoint *c = &m->checkpoint;
    struct tie tie = {0};
    uint32_t i = 0, at;
    while (spec_tie(m->spec, c->format->names, &i, &tie) && strcmp(tie.key, wanted->key) != 0) {
    }
    const struct weight *other = weight_of(m->expansion, wanted->other_key);
    const viv_tensor *t = other && other->n_names == 1 ? checkpoint_tensor(c, other->names[0]) : NULL;
    if (!tie.key || strcmp(tie.key, wanted->key) != 0 || !t || other->n_transforms > 0 || l->n_splits == MAX_TIES)
        return error_set(l->err, VIV_EUNSUPPORTED, "'%s' and '%s' are one tensor here, which cannot be divided",
                         wanted->name, wanted->other_name);
    for (uint32_t k = 0; k < l->n_splits; k++)
        if (strcmp(l->splits[k].tie.key, tie.key) == 0)
            return VIV_OK;
    const uint32_t from = (uint32_t)(t - c->tensors);
    if (!strmap_get(&c->by_name, tie.name, strlen(tie.name), &at)) {
        viv_status status = checkpoint_add(c, tie.name, t, l->err);
        if (status != VIV_OK)
            return status;
        at = c->n_tensors - 1;
    }
    if (c->config && json_object_set_new(c->config, "tie_word_embeddings", json_false()) != 0)
        return error_nomem(l->err);
    l->splits[l->n_splits++] = (struct split){tie, at, from};
    return VIV_OK;
}

/* Whether a change of the embedding leaves the head as it was. */
static bool leaves_head(const struct adapter *a, const struct change *c)
{
    return !a->keeps_ties && !c->parameter && (c->kind == CHANGE_LOW_RANK || c->kind == CHANGE_WHOLE);
}

static viv_status split_for(struct landing *l, const struct adapter *a, const struct tie *ties, uint32_t n,
                            const struct strmap *map)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < a->n_changes; i++) {
        const struct change *c = &a->changes[i];
        uint32_t at;
        bool found;
        status = spec_find_name(l->m->spec, map, c->name, &found, &at, l->err);
        if (status != VIV_OK || !found || (at % 2 == 0 ? c->parameter : !leaves_head(a, c)))
            continue;
        for (uint32_t k = 0; status == VIV_OK && k < n; k++)
            if (at % 2 == 0 ? k == at / 2 : strcmp(ties[k].other_key, ties[at / 2].other_key) == 0)
                status = split_tie(l, &ties[k]);
    }
    return status;
}

/* Of the ties that hold in this model, splits those that an adapter changes on one side. */
static viv_status split_ties_of(struct landing *l, const struct adapter *a)
{
    struct tie ties[MAX_TIES];
    struct strmap map = {0};
    uint32_t n = 0, i = 0;
    viv_status status = VIV_OK;
    while (status == VIV_OK && n < MAX_TIES && spec_tie(l->m->spec, a->files.format->names, &i, &ties[n])) {
        const struct tie *t = &ties[n];
        if (weight_of(l->m->expansion, t->key) || !weight_of(l->m->expansion, t->other_key))
            continue;
        if (strmap_add(&map, t->name, strlen(t->name), 2 * n) == STRMAP_NOMEM ||
            strmap_add(&map, t->other_name, strlen(t->other_name), 2 * n + 1) == STRMAP_NOMEM)
            status = error_nomem(l->err);
        n++;
    }
    if (status == VIV_OK)
        status = split_for(l, a, ties, n, &map);
    strmap_release(&map);
    return status == VIV_OK ? VIV_OK : error_prefix(l->err, "adapter '%s'", a->path);
}

/* The model as it is with its heads apart. */
static viv_status expand_again(struct landing *l)
{
    viv_model *m = l->m;
    struct expansion *e;
    viv_status status = spec_expand(m->spec, &m->checkpoint, &e, l->err);
    if (status != VIV_OK)
        return status;
    expansion_destroy(m->expansion);
    m->expansion = e;
    for (uint32_t i = 0; i < l->n_splits; i++)
        if (!weight_of(e, l->splits[i].tie.key))
            return error_set(l->err, VIV_EUNSUPPORTED,
                             "an adapter changes '%s' or '%s' alone, which %s says are one tensor",
                             l->splits[i].tie.name, l->splits[i].tie.other_name, spec_path(m->spec));
    return VIV_OK;
}

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

/* --- the same weight in safetensors and GGUF files ---------------------------------------------------------- */

static const struct value *attr_of(const struct node *n, const char *name)
{
    for (uint32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i].value;
    return NULL;
}

static bool same_value(const struct value *a, const struct value *b)
{
    const enum value_kind x = a ? a->kind : VALUE_NONE, y = b ? b->kind : VALUE_NONE;
    if (x != y)
        return false;
    switch (x) {
    case VALUE_NONE:
        return true;
    case VALUE_FLOAT:
        return a->f == b->f;
    case VALUE_STRING:
        return strcmp(a->s, b->s) == 0;
    case VALUE_LIST:
        for (uint32_t i = 0; a->n == b->n && i < a->n; i++)
            if (!same_value(&a->list[i], &b->list[i]))
                return false;
        return a->n == b->n;
    default:
        return a->i == b->i;
    }
}

/* The number that an attribute says; 0 without one. */
static uint64_t number_of(const struct node *n, const char *name)
{
    const struct value *v = attr_of(n, name);
    return v && (v->kind == VALUE_INT || v->kind == VALUE_BOOL) && v->i > 0 ? (uint64_t)v->i : 0;
}

/* What the weight at an attribute of node n is to the same one of `hf`, the node for safetensors (NULL: none). */
static struct arrangement arrange(const struct node *n, const struct node *hf, const char *attr)
{
    static const char order[] = "rope.interleaved";
    struct arrangement a = {.seen = true};
    if (!hf || hf->class != n->class)
        return (struct arrangement){.seen = true, .differs = "its layer"};
    for (uint32_t i = 0; i < n->n_attrs; i++) {
        const viv_attr *known = layer_attr(n->class, n->attrs[i].name);
        bool number = known && known->kind != VIV_ATTR_WEIGHT && known->kind != VIV_ATTR_VALUE;
        if (number && strcmp(known->name, order) != 0 && !same_value(&n->attrs[i].value, attr_of(hf, known->name)))
            a.differs = known->name;
    }
    const bool moved = number_of(n, order) != number_of(hf, order);
    const bool is_q = strcmp(attr, "q") == 0 || strcmp(attr, "q_bias") == 0;
    const bool is_k = strcmp(attr, "k") == 0 || strcmp(attr, "k_bias") == 0;
    const uint64_t rotated = number_of(n, "rope.dim"), head = number_of(n, "head_dim");
    if (!moved || !(attr[0] == 'q' || attr[0] == 'k'))
        return a;
    if (number_of(n, order) && (is_q || is_k) && (rotated == 0 || rotated == head))
        a.heads = number_of(n, is_q ? "n_heads" : "n_kv_heads");
    else
        a.differs = order;
    return a;
}

static viv_status arrange_all(struct landing *l)
{
    const struct expansion *e = l->m->expansion;
    l->arrangements = calloc(e->n_weights ? e->n_weights : 1, sizeof *l->arrangements);
    if (!l->arrangements)
        return error_nomem(l->err);
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        const struct node *n = &e->nodes[i], *hf = i < l->as_hf->n_nodes ? &l->as_hf->nodes[i] : NULL;
        hf = hf && strcmp(hf->path, n->path) == 0 ? hf : NULL;
        for (uint32_t k = 0; k < n->n_attrs; k++) {
            const viv_attr *attr = layer_attr(n->class, n->attrs[k].name);
            if (!attr || attr->kind != VIV_ATTR_WEIGHT || n->attrs[k].value.kind != VALUE_INT)
                continue;
            struct arrangement *a = &l->arrangements[n->attrs[k].value.i], now = arrange(n, hf, attr->name);
            if (a->seen && a->heads != now.heads)
                now.differs = attr->name;
            *a = a->differs ? *a : now;
        }
    }
    return VIV_OK;
}

/* The weight of m's expansion that is weight i of the one for safetensors; or NULL. They mostly lie alike. */
static const struct weight *counterpart(const struct landing *l, uint32_t i)
{
    const struct expansion *e = l->m->expansion;
    const struct weight *hf = &l->as_hf->weights[i];
    for (uint32_t k = 0; k < e->n_weights; k++) {
        const struct weight *w = &e->weights[(i + k) % e->n_weights];
        if (w->index == hf->index && strcmp(w->key, hf->key) == 0)
            return w;
    }
    return NULL;
}

static bool same_transform(const struct transform *a, const struct transform *b)
{
    return a->kind == b->kind && a->axis == b->axis && a->n_take == b->n_take && a->times == b->times &&
           a->whole == b->whole && memcmp(a->take, b->take, sizeof a->take) == 0 && a->n_dims == b->n_dims &&
           a->addend == b->addend && memcmp(a->view, b->view, sizeof a->view) == 0 &&
           memcmp(a->order, b->order, sizeof a->order) == 0;
}

static bool same_transforms(const struct weight *a, const struct weight *b)
{
    bool same = a->n_transforms == b->n_transforms;
    for (uint32_t i = 0; same && i < a->n_transforms; i++)
        same = same_transform(&a->transforms[i], &b->transforms[i]);
    return same;
}

static bool lies_transposed(const struct weight *w)
{
    return w->n_transforms > 0 && w->transforms[0].kind == TRANSFORM_TRANSPOSE;
}

/* The GGUF tensor that weight i of the expansion for safetensors is. */
static viv_status cross_over(const struct landing *l, uint32_t i, const char *name, struct target *t)
{
    const struct weight *hf = &l->as_hf->weights[i], *w = counterpart(l, i);
    const struct arrangement *a = w ? &l->arrangements[w - l->m->expansion->weights] : NULL;
    const char *path = l->m->checkpoint.path;
    if (!w || w->n_names != 1 || hf->n_names != 1)
        return error_set(l->err, VIV_EUNSUPPORTED, "'%s' (weight '%s') is no tensor of its own in the GGUF file %s",
                         name, hf->key, path);
    t->transposed = lies_transposed(w);
    t->turned = hf->n_transforms == 1 && lies_transposed(hf) && w->n_transforms == 0;
    if (!t->turned && !same_transforms(hf, w))
        return error_set(
            l->err, VIV_EUNSUPPORTED,
            "'%s' (weight '%s') lies otherwise in GGUF files than in safetensors, and the adapter is for "
            "safetensors: convert it to GGUF",
            name, hf->key);
    if (a->differs)
        return error_set(
            l->err, VIV_EUNSUPPORTED,
            "'%s' (weight '%s') has its rows in another order in GGUF files (%s), and the adapter is for "
            "safetensors: convert it to GGUF",
            name, hf->key, a->differs);
    const viv_tensor *tensor = checkpoint_tensor(&l->m->checkpoint, w->names[0]);
    if (!tensor)
        return checkpoint_missing(&l->m->checkpoint, w->names[0], l->err);
    t->tensor = (uint32_t)(tensor - l->m->checkpoint.tensors);
    t->heads = a->heads;
    return VIV_OK;
}

/* --- targets ------------------------------------------------------------------------------------------------ */

static viv_status not_found(const struct landing *l, const struct names *names, const char *name)
{
    const struct checkpoint *c = &l->m->checkpoint;
    uint32_t at;
    bool found;
    viv_status status = spec_find_name(l->m->spec, &c->by_name, name, &found, &at, l->err);
    if (status != VIV_OK)
        return status;
    if (found)
        return error_set(l->err, VIV_EUNSUPPORTED, "it changes '%s', which %s has and %s does not use", name,
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

static viv_status find_target(const struct landing *l, const struct adapter *a, const struct change *c,
                              struct target *t)
{
    const struct checkpoint *ck = &l->m->checkpoint;
    const bool crosses = is_gguf(ck) && !is_gguf(&a->files);
    const struct names *names = crosses ? &l->hf : &l->own;
    uint32_t at;
    bool found = false;
    *t = (struct target){0};
    viv_status status = VIV_OK;
    if (is_gguf(&a->files)) /* as they are */
        found = strmap_get(&names->map, c->name, strlen(c->name), &at);
    else
        status = spec_find_name(l->m->spec, &names->map, c->name, &found, &at, l->err);
    if (status != VIV_OK)
        return status;
    if (!found)
        return not_found(l, names, c->name);
    const struct name *name = &names->list[at];
    if (crosses)
        return cross_over(l, name->weight, c->name, t);
    const viv_tensor *tensor = checkpoint_tensor(ck, name->text);
    if (!tensor)
        return checkpoint_missing(ck, name->text, l->err);
    t->tensor = (uint32_t)(tensor - ck->tensors);
    t->transposed = lies_transposed(&names->e->weights[name->weight]);
    return VIV_OK;
}

/* --- landing ------------------------------------------------------------------------------------------------ */

static viv_status adapted_of(struct landing *l, uint32_t tensor, struct adapted **out)
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

static viv_status unlike(const struct landing *l, const viv_tensor *t, const char *part, uint64_t rows,
                         uint64_t columns)
{
    char has[128];
    return error_set(l->err, VIV_ESHAPE,
                     "its '%s' is for [%" PRIu64 ", %" PRIu64 "], but '%s' of %s is %s: is it for another model?",
                     part, rows, columns, t->name, l->m->checkpoint.path,
                     shape_text(t->dl.shape, (uint32_t)t->dl.ndim, has));
}

static viv_status unlike_tensor(const struct landing *l, const viv_tensor *t, const viv_tensor *change)
{
    char is[128], has[128];
    return error_set(l->err, VIV_ESHAPE, "its '%s' is %s, but '%s' of %s is %s: is it for another model?",
                     change->name, shape_text(change->dl.shape, (uint32_t)change->dl.ndim, is), t->name,
                     l->m->checkpoint.path, shape_text(t->dl.shape, (uint32_t)t->dl.ndim, has));
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

static viv_status check_low_rank(const struct landing *l, const viv_tensor *t, const struct change *c,
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

static viv_status check_rows(const struct landing *l, const viv_tensor *t, const struct change *c)
{
    if (t->dl.ndim != 2 || dim(t, 1) != dim(c->b, 1))
        return unlike_tensor(l, t, c->b);
    for (uint64_t i = 0; i < dim(c->b, 0); i++)
        if (c->rows[i] < 0 || (uint64_t)c->rows[i] >= dim(t, 0))
            return error_set(l->err, VIV_ESHAPE, "it has row %" PRId64 " for '%s', which has %" PRIu64 " of them",
                             c->rows[i], t->name, dim(t, 0));
    return VIV_OK;
}

static viv_status replace(struct landing *l, const struct adapter *a, struct adapted *to, const struct change *c,
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

/* One change, on one tensor. */
static viv_status land(struct landing *l, const struct adapter *a, const struct change *c, const struct target *at)
{
    const viv_tensor *t = &l->m->checkpoint.tensors[at->tensor];
    const bool transposed = c->form == FORM_LINEAR ? at->transposed : true;
    const uint64_t rows = dim(t, 0);
    struct adapted *to;
    viv_status status = VIV_OK;
    if (at->heads && (rows % at->heads != 0 || rows / at->heads % 2 != 0))
        return error_set(l->err, VIV_ESHAPE, "'%s' has %" PRIu64 " rows, which are no pairs of %" PRIu64 " heads",
                         t->name, rows, at->heads);
    if (c->kind == CHANGE_LOW_RANK)
        status = check_low_rank(l, t, c, transposed);
    else if (c->kind == CHANGE_ROWS)
        status = check_rows(l, t, c);
    else if (!same_shape(t, c->b) || (c->kind == CHANGE_BIAS && t->dl.ndim != 1))
        status = unlike_tensor(l, t, c->b);
    if (status == VIV_OK && c->kind != CHANGE_LOW_RANK && t->dl.ndim > 1 &&
        (at->turned || (c->kind == CHANGE_ROWS && (at->transposed || at->heads))))
        status = error_set(l->err, VIV_EUNSUPPORTED, "its '%s' lies otherwise than '%s' in GGUF files", c->b->name,
                           t->name);
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

static bool has_change(const struct adapter *a, const struct target *targets, enum change_kind kind,
                       uint32_t tensor)
{
    for (uint32_t i = 0; i < a->n_changes; i++)
        if (a->changes[i].kind == kind && targets[i].tensor == tensor)
            return true;
    return false;
}

/* A change of what embedding and head have in common lands on the other one, too, unless that has its own. */
static viv_status land_shared(struct landing *l, const struct adapter *a, const struct target *targets, uint32_t i)
{
    const struct change *c = &a->changes[i];
    viv_status status = VIV_OK;
    for (uint32_t k = 0; status == VIV_OK && k < l->n_splits; k++) {
        const struct split *s = &l->splits[k];
        struct target other = targets[i];
        if (targets[i].tensor == s->other && !leaves_head(a, c))
            other.tensor = s->tensor;
        else if (targets[i].tensor == s->tensor && c->parameter)
            other.tensor = s->other;
        else
            continue;
        if (!has_change(a, targets, c->kind, other.tensor))
            status = land(l, a, c, &other);
    }
    return status;
}

static viv_status land_adapter(struct landing *l, const struct adapter *a)
{
    struct target *targets = calloc(a->n_changes ? a->n_changes : 1, sizeof *targets);
    viv_status status = targets ? VIV_OK : error_nomem(l->err);
    for (uint32_t i = 0; status == VIV_OK && i < a->n_changes; i++)
        status = find_target(l, a, &a->changes[i], &targets[i]);
    /* what replaces a tensor comes first: the others change it */
    for (int whole = 1; whole >= 0; whole--)
        for (uint32_t i = 0; status == VIV_OK && i < a->n_changes; i++) {
            if ((a->changes[i].kind == CHANGE_WHOLE) != whole)
                continue;
            status = land(l, a, &a->changes[i], &targets[i]);
            if (status == VIV_OK)
                status = land_shared(l, a, targets, i);
        }
    free(targets);
    return status == VIV_OK ? VIV_OK : error_prefix(l->err, "adapter '%s'", a->path);
}

/* What the table says of a tensor that changes. Quantized ones become f16: many a change is smaller than half a
 * step of their own type, and would be lost in it. */
static void enter(viv_model *m, const struct adapted *a)
{
    viv_tensor *t = &m->checkpoint.tensors[a->tensor];
    const bool quantized = dtype_get(a->base.dtype)->block > 1;
    const uint32_t dtype = a->n_uses && quantized ? VIV_F16 : a->base.dtype;
    tensor_init(t, t->name, dtype, (uint32_t)t->dl.ndim, t->dl.shape, t->dl.strides,
                a->n_uses || a->heads ? NULL : a->base.dl.data);
}

static viv_status land_all(struct landing *l)
{
    viv_model *m = l->m;
    bool crosses = false;
    for (uint32_t i = 0; i < m->n_adapters; i++)
        crosses = crosses || (is_gguf(&m->checkpoint) && !is_gguf(&m->adapters[i].files));
    viv_status status = names_init(&l->own, m->expansion, l->err);
    if (status == VIV_OK && crosses)
        status = spec_expand_as_hf(m->expansion, &l->as_hf, l->err);
    if (status == VIV_OK && crosses)
        status = names_init(&l->hf, l->as_hf, l->err);
    if (status == VIV_OK && crosses)
        status = arrange_all(l);
    l->at = calloc(m->checkpoint.n_tensors ? m->checkpoint.n_tensors : 1, sizeof *l->at);
    if (status == VIV_OK && !l->at)
        status = error_nomem(l->err);
    for (uint32_t i = 0; status == VIV_OK && i < l->n_splits; i++) {
        struct adapted *head;
        status = adapted_of(l, l->splits[i].tensor, &head);
        if (status == VIV_OK)
            head->base = m->checkpoint.tensors[l->splits[i].other];
    }
    for (uint32_t i = 0; status == VIV_OK && i < m->n_adapters; i++)
        status = land_adapter(l, &m->adapters[i]);
    for (size_t i = 0; status == VIV_OK && i < m->n_adapted; i++)
        enter(m, &m->adapted[i]);
    names_release(&l->own);
    names_release(&l->hf);
    expansion_destroy(l->as_hf);
    free(l->arrangements);
    free(l->at);
    return status;
}

/* --- opening ------------------------------------------------------------------------------------------------ */

/* A GGUF adapter says which architecture it is for. */
static viv_status check_architecture(const viv_model *m, const struct adapter *a, struct error *err)
{
    if (!is_gguf(&a->files))
        return VIV_OK;
    if (!is_gguf(&m->checkpoint))
        return error_set(err, VIV_EUNSUPPORTED, "adapter '%s' names tensors as GGUF files do, %s is none", a->path,
                         m->checkpoint.path);
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

viv_status adapt_checkpoint(viv_model *m, struct error *err)
{
    struct landing l = {.m = m, .err = err};
    uint32_t n_of_spec;
    const char *const *of_spec = spec_adapters(m->spec, &n_of_spec);
    const uint32_t n = n_of_spec + m->options.n_adapters;
    if (n == 0)
        return VIV_OK;
    if (!m->has_checkpoint)
        return error_set(err, VIV_ENOTFOUND, "%s has no weights that an adapter could change", spec_name(m->spec));
    m->adapters = calloc(n, sizeof *m->adapters);
    viv_status status = m->adapters ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = open_adapter(m, i < n_of_spec ? of_spec[i] : m->options.adapters[i - n_of_spec], err);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = split_ties_of(&l, &m->adapters[i]);
    if (status == VIV_OK && l.n_splits)
        status = expand_again(&l);
    return status == VIV_OK ? land_all(&l) : status;
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
