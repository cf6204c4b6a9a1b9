/* transforms.c - `transform` of a weight, with its numbers evaluated. model/transform.c applies it to the tensors
 * of a file.
 */
#include "spec/expand.h"

#include "tensor/dtype.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_TRANSFORMS = 8 };

static viv_status eval_axis(struct expander *x, const struct yaml *y, uint32_t *axis)
{
    struct value v = {0};
    viv_status status = expander_eval(x, y, &v);
    if (status == VIV_OK && (v.kind != VALUE_INT || v.i < 0 || v.i > 7))
        status = yaml_error(x->err, y->at, VIV_EINVAL, "an axis is an integer from 0 to 7");
    if (status == VIV_OK)
        *axis = (uint32_t)v.i;
    return status;
}

static viv_status build_split(struct expander *x, const struct yaml *y, struct transform *t)
{
    uint64_t parts[8] = {0}, taken[8] = {0}, end = 0;
    const struct yaml *take = yaml_get(y, "take"), *times = yaml_get(y, "times");
    struct value v = {.kind = VALUE_INT, .i = 1};
    uint32_t n = 0, first = 0;
    t->kind = TRANSFORM_SPLIT;
    viv_status status = eval_axis(x, yaml_get(y, "axis"), &t->axis);
    if (status == VIV_OK)
        status = expander_eval_dims(x, yaml_get(y, "of"), parts, &n);
    if (status == VIV_OK && take->kind == YAML_LIST)
        status = expander_eval_dims(x, take, taken, &t->n_take);
    else if (status == VIV_OK && (status = eval_axis(x, take, &first)) == VIV_OK) {
        taken[0] = first;
        t->n_take = 1;
    }
    if (status == VIV_OK && times && (status = expander_eval(x, times, &v)) == VIV_OK &&
        (v.kind != VALUE_INT || v.i < 1))
        status = yaml_error(x->err, times->at, VIV_EINVAL, "how many times is an integer from 1");
    for (uint32_t k = 0; status == VIV_OK && k < n; k++) {
        for (uint32_t i = 0; i < t->n_take; i++)
            if (taken[i] == k) {
                t->take[i].begin = end;
                t->take[i].end = end + parts[k];
            }
        end += parts[k];
    }
    for (uint32_t i = 0; status == VIV_OK && i < t->n_take; i++)
        if (taken[i] >= n)
            status = yaml_error(x->err, y->at, VIV_EINVAL, "part %" PRIu64 " of %u", taken[i], n);
    t->times = (uint64_t)v.i;
    t->whole = end;
    return status;
}

static viv_status build_permute(struct expander *x, const struct yaml *y, struct transform *t)
{
    uint64_t order[8] = {0};
    uint32_t n = 0, seen = 0;
    t->kind = TRANSFORM_PERMUTE;
    viv_status status = expander_eval_dims(x, yaml_get(y, "view"), t->view, &t->n_dims);
    if (status == VIV_OK)
        status = expander_eval_dims(x, yaml_get(y, "order"), order, &n);
    for (uint32_t k = 0; status == VIV_OK && k < n; k++) {
        if (order[k] < 8)
            seen |= 1u << order[k];
        t->order[k] = (uint32_t)order[k];
    }
    if (status == VIV_OK && (n == 0 || n != t->n_dims || seen != (1u << n) - 1))
        status = yaml_error(x->err, y->at, VIV_EINVAL, "'order' must name each axis of 'view' once");
    return status;
}

static viv_status build_transform(struct expander *x, const struct yaml *item, struct transform *t)
{
    const char *name = item->keys[0];
    const struct yaml *y = item->items[0];
    if (strcmp(name, "split") == 0)
        return build_split(x, y, t);
    if (strcmp(name, "permute") == 0)
        return build_permute(x, y, t);
    static const struct {
        const char *name;
        enum transform_kind kind;
    } plain[] = {{"transpose", TRANSFORM_TRANSPOSE}, {"unpack", TRANSFORM_UNPACK}, {"neg_exp", TRANSFORM_NEG_EXP}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(name, plain[i].name) == 0) {
            t->kind = plain[i].kind;
            return VIV_OK;
        }
    if (strcmp(name, "add") == 0) {
        struct value v = {0};
        viv_status status = expander_eval(x, y, &v);
        t->kind = TRANSFORM_ADD;
        t->addend = v.kind == VALUE_FLOAT ? v.f : (double)v.i;
        if (status == VIV_OK && v.kind != VALUE_FLOAT && v.kind != VALUE_INT)
            status = yaml_error(x->err, y->at, VIV_EINVAL, "expected a number");
        return status;
    }
    t->kind = name[0] == 'c' ? TRANSFORM_CONCAT : TRANSFORM_STACK;
    return eval_axis(x, y, &t->axis);
}

const struct yaml *spec_weight_transforms_of(const struct yaml *weight, const char *naming)
{
    const struct yaml *t = yaml_get(weight, "transform");
    return t && t->kind == YAML_MAP ? yaml_get(t, naming) : t;
}

/* Whether its tensors are of a type that no layer computes with, such as f64: then they are converted to f32. */
static bool needs_f32(const struct expander *x, const struct weight *w)
{
    static const uint32_t computed[] = {VIV_F32, VIV_F16, VIV_BF16};
    const viv_tensor *t = w->n_names && x->checkpoint ? checkpoint_tensor(x->checkpoint, w->names[0]) : NULL;
    bool needs = t && dtype_get(t->dtype)->block == 1;
    for (size_t i = 0; i < sizeof computed / sizeof *computed; i++)
        needs = needs && t->dtype != computed[i];
    return needs;
}

viv_status spec_weight_transforms(struct expander *x, const struct weight_entry *entry, struct weight *w)
{
    const struct yaml *items = spec_weight_transforms_of(entry->body, expander_naming(x));
    uint32_t n = items ? items->n : 0;
    if (n > MAX_TRANSFORMS)
        return yaml_error(x->err, items->at, VIV_ELIMIT, "more than %d transforms", MAX_TRANSFORMS);
    struct transform *list = arena_array(x->arena, (size_t)n + 1, sizeof *list);
    if (!list)
        return error_nomem(x->err);
    for (uint32_t k = 0; k < n; k++) {
        viv_status status = build_transform(x, items->items[k], &list[k]);
        if (status != VIV_OK)
            return status;
    }
    if (needs_f32(x, w))
        list[n++] = (struct transform){.kind = TRANSFORM_UNPACK};
    w->transforms = list;
    w->n_transforms = n;
    return VIV_OK;
}

static bool same_transform(const struct transform *a, const struct transform *b)
{
    return a->kind == b->kind && a->axis == b->axis && a->n_take == b->n_take && a->times == b->times &&
           a->whole == b->whole && memcmp(a->take, b->take, sizeof a->take) == 0 && a->n_dims == b->n_dims &&
           a->addend == b->addend && memcmp(a->view, b->view, sizeof a->view) == 0 &&
           memcmp(a->order, b->order, sizeof a->order) == 0;
}

bool weight_same_transforms(const struct weight *a, const struct weight *b)
{
    bool same = a->n_transforms == b->n_transforms;
    for (uint32_t i = 0; same && i < a->n_transforms; i++)
        same = same_transform(&a->transforms[i], &b->transforms[i]);
    return same;
}
