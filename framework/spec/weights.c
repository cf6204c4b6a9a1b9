/* weights.c - `weights`: an entry becomes a weight of one layer, or of all, when the first layer uses it. `when`
 * and `else` decide whether it is searched in the checkpoint, and its substitute; then its names or `values`, its
 * `shape` and its `transform` are evaluated. */
#include "spec/expand.h"

#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WEIGHT_INSTANCES = 262144 };

/* Whether the checkpoint, if there is one, has the weight. */
static bool is_there(const struct expander *x, const struct weight *w)
{
    return w->n_names && (!expander_has_tensors(x) || checkpoint_tensor(x->checkpoint, w->names[0]));
}

/* Whether the checkpoint has a tensor for the weight that differs from its substitute's, as after full fine-tuning
 * of an output head that was tied to the embedding. */
static bool has_its_own(const struct expander *x, const struct weight *w, const struct weight *other)
{
    const viv_tensor *t = w->n_names == 1 ? checkpoint_tensor(x->checkpoint, w->names[0]) : NULL;
    const viv_tensor *o = other->n_names == 1 ? checkpoint_tensor(x->checkpoint, other->names[0]) : NULL;
    return t && !(o && tensor_same(t, o));
}

/* A weight whose `when` is false: uses the substitute, unless the checkpoint has a tensor for the weight. */
static viv_status stand_in(struct expander *x, struct weight_list *l, const struct weight_entry *entry,
                           const char *other, struct weight *w, bool *wanted)
{
    viv_status status = spec_weight_find(x, l, other, &w->otherwise);
    if (status != VIV_OK || *wanted || !x->checkpoint || w->otherwise < 0)
        return status;
    status = spec_weight_names(x, entry, w);
    *wanted = status == VIV_OK && has_its_own(x, w, &l->items[w->otherwise]);
    return status;
}

/* Evaluates `when` and `else`: whether the weight is searched in the checkpoint, and its substitute (`otherwise`).
 * If `when` is true, the weight must exist. */
static viv_status decide(struct expander *x, struct weight_list *l, const struct weight_entry *entry,
                         struct weight *w, bool *wanted)
{
    const struct yaml *when = yaml_get(entry->body, "when"), *otherwise = yaml_get(entry->body, "else");
    w->otherwise = -1;
    *wanted = true;
    viv_status status = when ? expander_eval_bool(x, when, wanted) : VIV_OK;
    if (status != VIV_OK || (when && *wanted))
        return status;
    if (otherwise && strcmp(otherwise->text, "none") == 0)
        w->otherwise = -2;
    else if (otherwise)
        return stand_in(x, l, entry, otherwise->text, w, wanted);
    else if (!*wanted)
        return yaml_error(x->err, entry->at, VIV_EINVAL,
                          "weight '%s' is used where its `when` is false, and has no `else`", entry->key);
    return VIV_OK;
}

/* A weight given as a list of numbers; `none` is not a list. */
static viv_status read_values(struct expander *x, const struct yaml *y, struct weight *w)
{
    struct value *v = arena_alloc(x->arena, sizeof *v);
    if (!v)
        return error_nomem(x->err);
    viv_status status = expander_eval(x, y, v);
    if (status != VIV_OK || v->kind == VALUE_NONE)
        return status;
    bool fits = v->kind == VALUE_LIST;
    for (uint32_t i = 0; fits && i < v->n; i++)
        fits = v->list[i].kind == VALUE_INT || v->list[i].kind == VALUE_FLOAT;
    if (!fits)
        return yaml_error(x->err, y->at, VIV_EINVAL, "expected a list of numbers, '%s' is %s", y->text,
                          v->kind == VALUE_LIST ? "a list of other things" : expr_value_kind_name(v->kind));
    w->values = v;
    return VIV_OK;
}

/* Finds the numbers of a weight. *wanted becomes false if its substitute must be used. */
static viv_status find_numbers(struct expander *x, const struct weight_entry *entry, struct weight *w, bool *wanted)
{
    const struct yaml *values = yaml_get(entry->body, "values");
    viv_status status = spec_weight_names(x, entry, w);
    if (status == VIV_OK && values && w->n_names == 0)
        status = read_values(x, values, w);
    if (status == VIV_OK && w->otherwise != -1)
        *wanted = w->values || is_there(x, w);
    if (status == VIV_OK && *wanted && w->n_names == 0 && !w->values)
        return yaml_error(x->err, entry->at, VIV_EUNSUPPORTED, "weight '%s' has no name in %s files", entry->key,
                          expander_naming(x));
    return status;
}

/* Several tensors need a transform that joins them. Those with {e} in their names may stay separate, as experts
 * along the first axis. */
static viv_status check_joined(struct expander *x, const struct weight_entry *entry, struct weight *w)
{
    bool joined = false;
    for (uint32_t k = 0; k < w->n_transforms; k++)
        joined = joined || transform_joins(&w->transforms[k]);
    if (joined)
        w->n_experts = 0;
    if (joined || w->n_names <= 1 || (w->n_experts == w->n_names && w->n_dims > 1 && w->dims[0] == w->n_experts))
        return VIV_OK;
    return yaml_error(x->err, entry->at, VIV_EINVAL,
                      "weight '%s' has %" PRIu32 " names and no transform that joins them%s", entry->key,
                      w->n_names, w->n_experts ? ", nor are they its first axis" : "");
}

static viv_status build_weight(struct expander *x, struct weight_list *l, const struct weight_entry *entry,
                               struct weight *w, bool *wanted)
{
    viv_status status = decide(x, l, entry, w, wanted);
    if (status == VIV_OK && *wanted)
        status = find_numbers(x, entry, w, wanted);
    if (status == VIV_OK)
        status = expander_eval_dims(x, yaml_get(entry->body, "shape"), w->dims, &w->n_dims);
    if (status == VIV_OK && w->values && (w->n_dims != 1 || w->dims[0] != w->values->n))
        status =
            yaml_error(x->err, entry->at, VIV_ESHAPE, "weight '%s' is a list of %" PRIu32 ", expected %" PRIu64,
                       entry->key, w->values->n, w->n_dims == 1 ? w->dims[0] : 0);
    if (status == VIV_OK)
        status = spec_weight_transforms(x, entry, w);
    return status == VIV_OK ? check_joined(x, entry, w) : status;
}

/* "key#i": identifies a weight. */
struct weight_id {
    char text[300];
    size_t n;
};
static struct weight_id id_of(const char *key, int64_t index)
{
    struct weight_id id;
    id.n = (size_t)snprintf(id.text, sizeof id.text, "%.256s#%" PRId64, key, index);
    return id;
}

static viv_status add_weight(struct expander *x, struct weight_list *l, const struct weight *w)
{
    if (l->n == MAX_WEIGHT_INSTANCES)
        return yaml_error(x->err, w->at, VIV_ELIMIT, "more than %d weights", MAX_WEIGHT_INSTANCES);
    if (!VEC_RESERVE(l->items, l->n, l->capacity))
        return error_nomem(x->err);
    l->items[l->n++] = *w;
    return VIV_OK;
}

viv_status spec_weight_find(struct expander *x, struct weight_list *l, const char *key, int64_t *index)
{
    const struct weight_entry *entry = spec_weight(x->spec, key);
    if (!entry)
        return error_set(x->err, VIV_EINVAL, "there is no weight '%s'", key);
    struct weight w = {.key = entry->key, .index = spec_weight_is_indexed(entry) ? x->index : -1, .at = entry->at};
    const struct weight_id id = id_of(key, w.index);
    bool wanted = true;
    uint32_t known = 0;
    if (strmap_get(&l->known, id.text, id.n, &known)) {
        *index = (int64_t)known - 2;
        return VIV_OK;
    }
    const char *kept = arena_strndup(x->arena, id.text, id.n);
    if (!kept)
        return error_nomem(x->err);
    if (l->depth == x->spec->n_weights)
        return yaml_error(x->err, entry->at, VIV_EINVAL, "the `else` of weight '%s' leads back to itself", key);
    l->depth++;
    viv_status status = build_weight(x, l, entry, &w, &wanted);
    l->depth--;
    if (status == VIV_OK && wanted)
        status = add_weight(x, l, &w);
    if (status != VIV_OK)
        return status;
    *index = wanted ? (int64_t)l->n - 1 : w.otherwise;
    if (strmap_add(&l->known, kept, id.n, (uint32_t)(*index + 2)) == STRMAP_NOMEM)
        return error_nomem(x->err);
    return VIV_OK;
}

viv_status spec_weight_add_unread(struct expander *x, struct weight_list *l, const struct weight_entry *entry)
{
    const struct yaml *unread = yaml_get(entry->body, "unread");
    const struct weight_id id = id_of(entry->key, -1);
    struct weight w = {.key = entry->key, .index = -1, .at = entry->at, .unread = true};
    bool counts = false, wanted = true;
    uint32_t known = 0;
    if (!unread || !yaml_get(entry->body, expander_naming(x)) || strmap_get(&l->known, id.text, id.n, &known))
        return VIV_OK;
    viv_status status = expander_eval_bool(x, unread, &counts);
    if (status == VIV_OK)
        status = build_weight(x, l, entry, &w, &wanted);
    if (status != VIV_OK || !wanted || !(expander_has_tensors(x) ? is_there(x, &w) : counts))
        return status;
    return add_weight(x, l, &w);
}

void spec_weight_list_release(struct weight_list *l)
{
    free(l->items);
    strmap_release(&l->known);
}
