/* ties.c - tied embedding and output head. A change of one does not change the other, as in unmerged models of
 * PEFT: the head becomes a tensor of its own. */
#include "adapters/target.h"

#include <string.h>

static const struct weight *weight_of(const struct expansion *e, const char *key)
{
    for (uint32_t i = 0; i < e->n_weights; i++)
        if (strcmp(e->weights[i].key, key) == 0)
            return &e->weights[i];
    return NULL;
}

/* Unties a head: gives it a tensor of its own, which is the embedding under the head's name. */
static viv_status part(viv_model *m, struct split_ties *parted, const struct tie *wanted, struct error *err)
{
    struct checkpoint *c = &m->checkpoint;
    struct tie tie = {0};
    uint32_t i = 0, at = 0;
    while (spec_tie(m->spec, c->format->names, &i, &tie) && strcmp(tie.key, wanted->key) != 0) {
    }
    const struct weight *other = weight_of(m->expansion, wanted->other_key);
    const viv_tensor *t = other && other->n_names == 1 ? checkpoint_tensor(c, other->names[0]) : NULL;
    if (!tie.key || strcmp(tie.key, wanted->key) != 0 || !t || other->n_transforms > 0 || parted->n == MAX_TIES)
        return error_set(err, VIV_EUNSUPPORTED, "'%s' and '%s' are one tensor here and cannot be untied",
                         wanted->name, wanted->other_name);
    for (uint32_t k = 0; k < parted->n; k++)
        if (strcmp(parted->items[k].tie.key, tie.key) == 0)
            return VIV_OK;
    const uint32_t from = (uint32_t)(t - c->tensors);
    if (!strmap_get(&c->by_name, tie.name, strlen(tie.name), &at)) {
        viv_status status = checkpoint_add(c, tie.name, t, err);
        if (status != VIV_OK)
            return status;
        at = c->n_tensors - 1;
    }
    if (c->config && json_object_set_new(c->config, "tie_word_embeddings", json_false()) != 0)
        return error_nomem(err);
    parted->items[parted->n++] = (struct split_tie){tie, at, from};
    return VIV_OK;
}

bool adapter_change_leaves_head(const struct adapter *a, const struct change *c)
{
    return !a->keeps_ties && !c->parameter && (c->kind == CHANGE_LOW_RANK || c->kind == CHANGE_WHOLE);
}

static viv_status part_for(viv_model *m, struct split_ties *parted, const struct adapter *a, const struct tie *ties,
                           uint32_t n, const struct strmap *map, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < a->n_changes; i++) {
        const struct change *c = &a->changes[i];
        uint32_t at = 0;
        if (!expansion_find_name(m->expansion, map, c->name, &at) ||
            (at % 2 == 0 ? c->parameter : !adapter_change_leaves_head(a, c)))
            continue;
        for (uint32_t k = 0; status == VIV_OK && k < n; k++)
            if (at % 2 == 0 ? k == at / 2 : strcmp(ties[k].other_key, ties[at / 2].other_key) == 0)
                status = part(m, parted, &ties[k], err);
    }
    return status;
}

/* Unties those of this model that an adapter changes on one side. */
static viv_status part_ties_of(viv_model *m, struct split_ties *parted, const struct adapter *a, struct error *err)
{
    struct tie ties[MAX_TIES];
    struct strmap map = {0};
    uint32_t n = 0, i = 0;
    viv_status status = VIV_OK;
    while (status == VIV_OK && n < MAX_TIES && spec_tie(m->spec, a->files.format->names, &i, &ties[n])) {
        const struct tie *t = &ties[n];
        if (weight_of(m->expansion, t->key) || !weight_of(m->expansion, t->other_key))
            continue;
        if (strmap_add(&map, t->name, strlen(t->name), 2 * n) == STRMAP_NOMEM ||
            strmap_add(&map, t->other_name, strlen(t->other_name), 2 * n + 1) == STRMAP_NOMEM)
            status = error_nomem(err);
        n++;
    }
    if (status == VIV_OK)
        status = part_for(m, parted, a, ties, n, &map, err);
    strmap_release(&map);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "adapter '%s'", a->path);
}

/* Expands the model's spec with the heads untied. */
static viv_status expand_again(viv_model *m, const struct split_ties *parted, struct error *err)
{
    struct expansion *e = NULL;
    viv_status status = spec_expand(m->spec, &m->checkpoint, &e, err);
    if (status != VIV_OK)
        return status;
    expansion_destroy(m->expansion);
    m->expansion = e;
    for (uint32_t i = 0; i < parted->n; i++)
        if (!weight_of(e, parted->items[i].tie.key))
            return error_set(err, VIV_EUNSUPPORTED,
                             "an adapter changes only one of '%s' and '%s', which are one tensor in %s",
                             parted->items[i].tie.name, parted->items[i].tie.other_name, spec_path(m->spec));
    return VIV_OK;
}

viv_status ties_split(viv_model *m, struct split_ties *out, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < m->n_adapters; i++)
        status = part_ties_of(m, out, &m->adapters[i], err);
    return status == VIV_OK && out->n ? expand_again(m, out, err) : status;
}
