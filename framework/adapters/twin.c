/* twin.c - finds the twin tensor of a weight: the tensor of a GGUF file that holds the same numbers as a tensor of
 * safetensors. For PEFT adapters on GGUF checkpoints.
 *
 * The spec is expanded a second time as if the weights were safetensors. Weights of the same key in both expansions
 * are twins. If a GGUF file has the rows of q and k in another order (the layer's `rope.interleaved` tells), the
 * change is reordered; any other difference is an error. */
#include "adapters/target.h"

#include <stdlib.h>
#include <string.h>

/* The layout of a tensor in the GGUF file, relative to its twin in safetensors files. */
struct layout {
    bool seen;
    uint64_t heads;      /* see struct use */
    const char *differs; /* the attribute that forbids a change; or NULL */
};

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

/* The number of an attribute; 0 without one. */
static uint64_t number_of(const struct node *n, const char *name)
{
    const struct value *v = node_attr(n, name);
    return v && (v->kind == VALUE_INT || v->kind == VALUE_BOOL) && v->i > 0 ? (uint64_t)v->i : 0;
}

/* The layout of the weight at an attribute of node n, relative to that of `hf`, the node for safetensors (or NULL).
 */
static struct layout layout_of(const struct node *n, const struct node *hf, const char *attr)
{
    static const char order[] = "rope.interleaved";
    struct layout a = {.seen = true};
    if (!hf || hf->class != n->class)
        return (struct layout){.seen = true, .differs = "its layer"};
    for (uint32_t i = 0; i < n->n_attrs; i++) {
        const viv_attr *known = layer_attr(n->class, n->attrs[i].name);
        bool number = known && known->kind != VIV_ATTR_WEIGHT && known->kind != VIV_ATTR_VALUE;
        if (number && strcmp(known->name, order) != 0 &&
            !same_value(&n->attrs[i].value, node_attr(hf, known->name)))
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

static viv_status find_layouts(struct twins *c, struct error *err)
{
    const struct expansion *e = c->m->expansion;
    c->layouts = calloc(e->n_weights ? e->n_weights : 1, sizeof *c->layouts);
    if (!c->layouts)
        return error_nomem(err);
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        const struct node *n = &e->nodes[i], *hf = i < c->hf->n_nodes ? &c->hf->nodes[i] : NULL;
        hf = hf && strcmp(hf->path, n->path) == 0 ? hf : NULL;
        for (uint32_t k = 0; k < n->n_attrs; k++) {
            const viv_attr *attr = layer_attr(n->class, n->attrs[k].name);
            if (!attr || attr->kind != VIV_ATTR_WEIGHT || n->attrs[k].value.kind != VALUE_INT)
                continue;
            struct layout *a = &c->layouts[n->attrs[k].value.i], now = layout_of(n, hf, attr->name);
            if (a->seen && a->heads != now.heads)
                now.differs = attr->name;
            *a = a->differs ? *a : now;
        }
    }
    return VIV_OK;
}

viv_status twins_init(struct twins *c, const viv_model *m, struct error *err)
{
    c->m = m;
    viv_status status = spec_expand_as_hf(m->expansion, &c->hf, err);
    return status == VIV_OK ? find_layouts(c, err) : status;
}

void twins_release(struct twins *c)
{
    expansion_destroy(c->hf);
    free(c->layouts);
}

/* The weight of m's expansion that is the twin of weight i of the one for safetensors, or NULL. Mostly it has the
 * same index. */
static const struct weight *twin_of(const struct twins *c, uint32_t i)
{
    const struct expansion *e = c->m->expansion;
    const struct weight *hf = &c->hf->weights[i];
    for (uint32_t k = 0; k < e->n_weights; k++) {
        const struct weight *w = &e->weights[(i + k) % e->n_weights];
        if (w->index == hf->index && strcmp(w->key, hf->key) == 0)
            return w;
    }
    return NULL;
}

bool adapter_weight_is_transposed(const struct weight *w)
{
    return w->n_transforms > 0 && w->transforms[0].kind == TRANSFORM_TRANSPOSE;
}

viv_status twin_find(const struct twins *c, uint32_t i, const char *name, struct change_target *t,
                     struct error *err)
{
    const struct weight *hf = &c->hf->weights[i], *w = twin_of(c, i);
    const struct layout *a = w ? &c->layouts[w - c->m->expansion->weights] : NULL;
    const char *path = c->m->checkpoint.path;
    if (!w || w->n_names != 1 || hf->n_names != 1)
        return error_set(err, VIV_EUNSUPPORTED, "'%s' (weight '%s') is not a tensor of its own in the GGUF file %s",
                         name, hf->key, path);
    t->transposed = adapter_weight_is_transposed(w);
    t->turned = hf->n_transforms == 1 && adapter_weight_is_transposed(hf) && w->n_transforms == 0;
    if (!t->turned && !weight_same_transforms(hf, w))
        return error_set(err, VIV_EUNSUPPORTED,
                         "'%s' (weight '%s') has another layout in GGUF files than in safetensors, and the adapter "
                         "is for safetensors: convert it to GGUF",
                         name, hf->key);
    if (a->differs)
        return error_set(err, VIV_EUNSUPPORTED,
                         "'%s' (weight '%s') has its rows in another order in GGUF files (%s), and the adapter is "
                         "for safetensors: convert it to GGUF",
                         name, hf->key, a->differs);
    const viv_tensor *tensor = checkpoint_tensor(&c->m->checkpoint, w->names[0]);
    if (!tensor)
        return checkpoint_missing(&c->m->checkpoint, w->names[0], err);
    t->tensor = (uint32_t)(tensor - c->m->checkpoint.tensors);
    t->heads = a->heads;
    return VIV_OK;
}
