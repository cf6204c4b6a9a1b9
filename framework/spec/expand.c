/* expand.c - the graph unrolled: repeats counted out, switches decided, residuals and branches turned into values
 * that nodes read and write, attributes and shapes evaluated. */
#include "spec/expand.h"

#include "base/size.h"
#include "base/strmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_NODES = 16384,
    MAX_WEIGHT_INSTANCES = 262144,
    MAX_REPEAT = 4096,
    MAX_SAVED = 64,
    MAX_TRANSFORMS = 8,
    MAX_NAMES = 1024
};

struct builder {
    struct expander x;
    struct expansion *e;
    struct node *nodes;
    size_t n_nodes, nodes_capacity;
    struct weight *weights;
    size_t n_weights, weights_capacity;
    struct strmap weight_index, paths;
    uint32_t *counts; /* how many nodes have the path that `paths` leads here */
    size_t n_counts, counts_capacity;
    struct {
        const char *name;
        uint32_t value;
    } saved[MAX_SAVED];
    uint32_t n_saved;
    uint32_t n_values, else_depth;
    struct error *err;
};

static viv_status build_items(struct builder *b, const struct yaml *list, const char *path, uint32_t depth,
                              uint32_t *value);

/* --- weights
 * ------------------------------------------------------------------------------------------------------ */

/* What {i}, {e} or the name of an integer param stands for in a name. */
static viv_status hole_number(struct builder *b, const struct yaml *y, const char *word, int64_t each, int64_t *out)
{
    struct value v = {0};
    bool is_each = strcmp(word, "e") == 0, is_index = strcmp(word, "i") == 0;
    if (is_each || is_index) {
        *out = is_each ? each : b->x.index;
        return *out >= 0 ? VIV_OK
                         : error_at(b->err, y->at, VIV_EINVAL,
                                    is_each ? "'%s' has {e}, but no `each`"
                                            : "'%s' has {i}, but is used outside of any repeat",
                                    y->text);
    }
    viv_status status = param_value(&b->x, word, &v, b->err);
    if (status == VIV_OK && v.kind != VALUE_INT)
        status = error_at(b->err, y->at, VIV_EINVAL, "'%s': %s is %s, expected an integer", y->text, word,
                          value_kind_name(v.kind));
    *out = v.i;
    return status;
}

/* The name with its holes filled. */
static viv_status fill_holes(struct builder *b, const struct yaml *y, int64_t each, const char **out)
{
    struct buf name = {0};
    viv_status status = VIV_OK;
    for (const char *p = y->text; *p && status == VIV_OK;) {
        const char *hole = strchr(p, '{'), *end = hole ? strchr(hole, '}') : NULL;
        char word[64];
        int64_t number = 0;
        buf_append(&name, p, end ? (size_t)(hole - p) : strlen(p));
        if (!end)
            break;
        snprintf(word, sizeof word, "%.*s", (int)size_min((uint64_t)(end - hole - 1), sizeof word - 1), hole + 1);
        status = hole_number(b, y, word, each, &number);
        buf_printf(&name, "%" PRId64, number);
        p = end + 1;
    }
    *out = name.failed || status != VIV_OK ? NULL : arena_strndup(b->x.arena, buf_text(&name), name.size);
    buf_release(&name);
    return status != VIV_OK || *out ? status : error_nomem(b->err);
}

viv_status spec_find_name(const struct spec *s, const struct strmap *names, const char *name, bool *found,
                          uint32_t *at, struct error *err)
{
    struct buf with = {0};
    *found = strmap_get(names, name, strlen(name), at);
    for (uint32_t d = s->n_documents; !*found && d-- > 0;)
        for (uint32_t i = 0; !*found && s->prefixes[d] && i < s->prefixes[d]->n; i++) {
            const char *prefix = s->prefixes[d]->items[i]->text;
            size_t n = strlen(prefix);
            buf_clear(&with);
            buf_printf(&with, "%s%s", prefix, name);
            *found = strmap_get(names, buf_text(&with), with.size, at) ||
                     (strncmp(name, prefix, n) == 0 && strmap_get(names, name + n, strlen(name + n), at));
        }
    viv_status status = with.failed ? error_nomem(err) : VIV_OK;
    buf_release(&with);
    return status;
}

/* The name as the checkpoint has it: models saved without their head, or by other programs, lack a prefix or have
 * one more. */
static viv_status find_prefixed(struct builder *b, const char **name)
{
    const struct checkpoint *c = b->x.checkpoint;
    uint32_t at;
    bool found;
    if (!c || expander_gguf(&b->x))
        return VIV_OK;
    viv_status status = spec_find_name(b->e->spec, &c->by_name, *name, &found, &at, b->err);
    if (status == VIV_OK && found)
        *name = c->tensors[at].name;
    return status;
}

static viv_status count_each(struct builder *b, const struct yaml *each, int64_t *n)
{
    struct value v = {.kind = VALUE_INT, .i = 1};
    viv_status status = each ? eval_at(&b->x, each, &v) : VIV_OK;
    if (status == VIV_OK && (v.kind != VALUE_INT || v.i < 1 || v.i > MAX_NAMES))
        return error_at(b->err, each->at, VIV_EINVAL, "`each` must be an integer from 1 to %d", MAX_NAMES);
    *n = v.i;
    return status;
}

static viv_status fill_names(struct builder *b, const struct yaml *names, const struct yaml *each, struct weight *w)
{
    uint32_t n = !names ? 0 : names->kind == YAML_LIST ? names->n : 1;
    int64_t times = 1;
    viv_status status = count_each(b, each, &times);
    w->n_slices = each ? (uint32_t)times : 0;
    if (status != VIV_OK)
        return status;
    if (n * times > MAX_NAMES)
        return error_at(b->err, names->at, VIV_ELIMIT, "more than %d names", MAX_NAMES);
    const char **list = arena_array(b->x.arena, (size_t)(n * times), sizeof *list);
    if (!list)
        return error_nomem(b->err);
    for (uint32_t k = 0; k < n * times && status == VIV_OK; k++) {
        const struct yaml *name = names->kind == YAML_LIST ? names->items[k % n] : names;
        status = fill_holes(b, name, each ? (int64_t)(k / n) : -1, &list[k]);
        if (status == VIV_OK)
            status = find_prefixed(b, &list[k]);
    }
    w->names = list;
    w->n_names = n * (uint32_t)times;
    return status;
}

static viv_status eval_axis(struct builder *b, const struct yaml *y, uint32_t *axis)
{
    struct value v = {0};
    viv_status status = eval_at(&b->x, y, &v);
    if (status == VIV_OK && (v.kind != VALUE_INT || v.i < 0 || v.i > 7))
        status = error_at(b->err, y->at, VIV_EINVAL, "an axis is an integer from 0 to 7");
    if (status == VIV_OK)
        *axis = (uint32_t)v.i;
    return status;
}

static viv_status build_split(struct builder *b, const struct yaml *y, struct transform *t)
{
    uint64_t parts[8], taken[8], end = 0;
    const struct yaml *take = yaml_get(y, "take"), *times = yaml_get(y, "times");
    struct value v = {.kind = VALUE_INT, .i = 1};
    uint32_t n, first;
    t->kind = TRANSFORM_SPLIT;
    viv_status status = eval_axis(b, yaml_get(y, "axis"), &t->axis);
    if (status == VIV_OK)
        status = eval_dims(&b->x, yaml_get(y, "of"), parts, &n);
    if (status == VIV_OK && take->kind == YAML_LIST)
        status = eval_dims(&b->x, take, taken, &t->n_take);
    else if (status == VIV_OK && (status = eval_axis(b, take, &first)) == VIV_OK) {
        taken[0] = first;
        t->n_take = 1;
    }
    if (status == VIV_OK && times)
        status = eval_at(&b->x, times, &v);
    if (status == VIV_OK && (v.kind != VALUE_INT || v.i < 1))
        status = error_at(b->err, times->at, VIV_EINVAL, "how many times is an integer from 1");
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
            status = error_at(b->err, y->at, VIV_EINVAL, "part %" PRIu64 " of %u", taken[i], n);
    t->times = (uint64_t)v.i;
    t->whole = end;
    return status;
}

static viv_status build_permute(struct builder *b, const struct yaml *y, struct transform *t)
{
    uint64_t order[8];
    uint32_t n, seen = 0;
    t->kind = TRANSFORM_PERMUTE;
    viv_status status = eval_dims(&b->x, yaml_get(y, "view"), t->view, &t->n_dims);
    if (status == VIV_OK)
        status = eval_dims(&b->x, yaml_get(y, "order"), order, &n);
    for (uint32_t k = 0; status == VIV_OK && k < n; k++) {
        if (order[k] < 8)
            seen |= 1u << order[k];
        t->order[k] = (uint32_t)order[k];
    }
    if (status == VIV_OK && (n == 0 || n != t->n_dims || seen != (1u << n) - 1))
        status = error_at(b->err, y->at, VIV_EINVAL, "'order' must name each axis of 'view' once");
    return status;
}

static viv_status build_transform(struct builder *b, const struct yaml *item, struct transform *t)
{
    const char *name = item->keys[0];
    const struct yaml *y = item->items[0];
    struct value v = {0};
    if (strcmp(name, "split") == 0)
        return build_split(b, y, t);
    if (strcmp(name, "permute") == 0)
        return build_permute(b, y, t);
    static const struct {
        const char *name;
        enum transform_kind kind;
    } plain[] = {{"transpose", TRANSFORM_TRANSPOSE},
                 {"mxfp4", TRANSFORM_MXFP4},
                 {"unpack", TRANSFORM_UNPACK},
                 {"neg_exp", TRANSFORM_NEG_EXP}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(name, plain[i].name) == 0) {
            t->kind = plain[i].kind;
            return VIV_OK;
        }
    if (strcmp(name, "add") == 0) {
        viv_status status = eval_at(&b->x, y, &v);
        t->kind = TRANSFORM_ADD;
        t->addend = v.kind == VALUE_FLOAT ? v.f : (double)v.i;
        if (status == VIV_OK && v.kind != VALUE_FLOAT && v.kind != VALUE_INT)
            status = error_at(b->err, y->at, VIV_EINVAL, "expected a number");
        return status;
    }
    t->kind = name[0] == 'c' ? TRANSFORM_CONCAT : TRANSFORM_STACK;
    return eval_axis(b, y, &t->axis);
}

const struct yaml *transforms_of(const struct yaml *weight, const char *naming)
{
    const struct yaml *t = yaml_get(weight, "transform");
    return t && t->kind == YAML_MAP ? yaml_get(t, naming) : t;
}

/* `each` counts for names with {e}: one naming may have them where the other has one tensor. */
static const struct yaml *each_of(const struct yaml *body, const char *naming)
{
    const struct yaml *names = yaml_get(body, naming);
    bool has = names && names->kind == YAML_SCALAR && strstr(names->text, "{e}");
    for (uint32_t k = 0; names && names->kind == YAML_LIST && k < names->n; k++)
        has = has || strstr(names->items[k]->text, "{e}");
    return has ? yaml_get(body, "each") : NULL;
}

/* Whether the checkpoint, if there is one, has the weight. */
static bool is_there(const struct builder *b, const struct weight *w)
{
    return w->n_names && (!b->x.checkpoint || checkpoint_tensor(b->x.checkpoint, w->names[0]));
}

static viv_status find_weight(struct builder *b, const char *key, int64_t *index);

/* A weight that is a list of numbers; without the list, it is absent. */
static viv_status build_values(struct builder *b, const struct yaml *y, struct weight *w, bool *asked)
{
    struct value *v = arena_alloc(b->x.arena, sizeof *v);
    if (!v)
        return error_nomem(b->err);
    viv_status status = eval_at(&b->x, y, v);
    if (status != VIV_OK)
        return status;
    *asked = v->kind != VALUE_NONE;
    w->values = *asked ? v : NULL;
    bool fits = !*asked || v->kind == VALUE_LIST;
    for (uint32_t i = 0; *asked && fits && i < v->n; i++)
        fits = v->list[i].kind == VALUE_INT || v->list[i].kind == VALUE_FLOAT;
    if (!fits)
        return error_at(b->err, y->at, VIV_EINVAL, "expected a list of numbers, '%s' is %s", y->text,
                        v->kind == VALUE_LIST ? "a list of other things" : value_kind_name(v->kind));
    return VIV_OK;
}

/* Several tensors become one by a transform that joins them; those that {e} counts may stay apart, as slices along
 * the first axis. */
static viv_status check_joined(struct builder *b, const struct weight_entry *entry, struct weight *w)
{
    bool joined = false;
    for (uint32_t k = 0; k < w->n_transforms; k++)
        joined = joined || transform_joins(&w->transforms[k]);
    if (joined)
        w->n_slices = 0;
    if (joined || w->n_names <= 1 || (w->n_slices == w->n_names && w->n_dims > 1 && w->dims[0] == w->n_slices))
        return VIV_OK;
    return error_at(b->err, entry->at, VIV_EINVAL,
                    "weight '%s' has %" PRIu32 " names and no transform that joins them%s", entry->key, w->n_names,
                    w->n_slices ? ", nor are they its first axis" : "");
}

static viv_status build_weight(struct builder *b, const struct weight_entry *entry, struct weight *w, bool *asked)
{
    const struct yaml *body = entry->body, *otherwise = yaml_get(body, "else"), *when = yaml_get(body, "when");
    const struct yaml *transforms = transforms_of(body, expander_naming(&b->x));
    *asked = true;
    viv_status status = when ? eval_bool(&b->x, when, asked) : VIV_OK;
    if (status != VIV_OK)
        return status;
    w->otherwise = -1;
    if (otherwise && strcmp(otherwise->text, "none") == 0)
        w->otherwise = -2;
    else if (otherwise && !(when && *asked)) /* what `when` asks for must be there */
        status = find_weight(b, otherwise->text, &w->otherwise);
    if (status == VIV_OK && !*asked && w->otherwise == -1)
        status = error_at(b->err, entry->at, VIV_EINVAL,
                          "weight '%s' is used where its `when` is false, and has no `else`", entry->key);
    if (status == VIV_OK && *asked)
        status = fill_names(b, yaml_get(body, expander_naming(&b->x)), each_of(body, expander_naming(&b->x)), w);
    const struct yaml *values = yaml_get(body, "values");
    if (status == VIV_OK && *asked && values && w->n_names == 0)
        status = build_values(b, values, w, asked);
    if (when && *asked)
        w->otherwise = -1;
    else if (status == VIV_OK && *asked && w->otherwise != -1)
        *asked = w->values || is_there(b, w);
    if (status == VIV_OK && *asked && w->n_names == 0 && !w->values)
        status = error_at(b->err, entry->at, VIV_EUNSUPPORTED, "weight '%s' has no name in %s files", entry->key,
                          expander_naming(&b->x));
    if (status == VIV_OK)
        status = eval_dims(&b->x, yaml_get(body, "shape"), w->dims, &w->n_dims);
    if (status == VIV_OK && *asked && w->values && (w->n_dims != 1 || w->dims[0] != w->values->n))
        status = error_at(b->err, entry->at, VIV_ESHAPE, "weight '%s' is a list of %" PRIu32 ", expected %" PRIu64,
                          entry->key, w->values->n, w->n_dims == 1 ? w->dims[0] : 0);
    uint32_t n = transforms ? transforms->n : 0;
    if (status == VIV_OK && n > MAX_TRANSFORMS)
        status = error_at(b->err, transforms->at, VIV_ELIMIT, "more than %d transforms", MAX_TRANSFORMS);
    struct transform *list = status == VIV_OK ? arena_array(b->x.arena, n, sizeof *list) : NULL;
    if (status == VIV_OK && !list)
        status = error_nomem(b->err);
    for (uint32_t k = 0; status == VIV_OK && k < n; k++)
        status = build_transform(b, transforms->items[k], &list[k]);
    w->transforms = list;
    w->n_transforms = n;
    return status == VIV_OK ? check_joined(b, entry, w) : status;
}

/* The instance of a weight for the present i, made on first use. -2: it is absent. A weight whose `when` is false,
 * or which has an `else` and is missing, is the one that stands in for it. */
static viv_status find_weight(struct builder *b, const char *key, int64_t *index)
{
    const struct weight_entry *entry = spec_weight(b->e->spec, key);
    if (!entry)
        return error_set(b->err, VIV_EINVAL, "there is no weight '%s'", key);
    bool indexed = weight_is_indexed(entry);
    char id[300];
    int n = snprintf(id, sizeof id, "%.256s#%" PRId64, key, indexed ? b->x.index : -1);
    uint32_t known;
    if (strmap_get(&b->weight_index, id, (size_t)n, &known)) {
        *index = (int64_t)known - 2;
        return VIV_OK;
    }
    char *kept = arena_strndup(b->x.arena, id, (size_t)n);
    struct weight w = {.key = entry->key, .index = indexed ? b->x.index : -1, .at = entry->at};
    bool asked = true;
    if (!kept)
        return error_nomem(b->err);
    if (b->else_depth == b->e->spec->n_weights)
        return error_at(b->err, entry->at, VIV_EINVAL, "the `else` of weight '%s' leads back to itself", key);
    b->else_depth++;
    viv_status status = build_weight(b, entry, &w, &asked);
    b->else_depth--;
    if (status != VIV_OK)
        return status;
    if (asked) {
        if (b->n_weights == MAX_WEIGHT_INSTANCES)
            return error_at(b->err, entry->at, VIV_ELIMIT, "more than %d weights", MAX_WEIGHT_INSTANCES);
        if (!VEC_RESERVE(b->weights, b->n_weights, b->weights_capacity))
            return error_nomem(b->err);
        *index = (int64_t)b->n_weights;
        b->weights[b->n_weights++] = w;
    } else {
        *index = w.otherwise;
    }
    if (strmap_add(&b->weight_index, kept, (size_t)n, (uint32_t)(*index + 2)) == STRMAP_NOMEM)
        return error_nomem(b->err);
    return VIV_OK;
}

/* Counts a weight that no layer has asked for, where the checkpoint has it or, without one, the spec says so. */
static viv_status add_unread(struct builder *b, const struct weight_entry *entry)
{
    const struct yaml *unread = yaml_get(entry->body, "unread");
    struct weight w = {.key = entry->key, .index = -1, .at = entry->at, .unread = true};
    bool counts = false, asked = true;
    uint32_t known;
    char id[300];
    int n = snprintf(id, sizeof id, "%.256s#-1", entry->key);
    if (!unread || !yaml_get(entry->body, expander_naming(&b->x)) ||
        strmap_get(&b->weight_index, id, (size_t)n, &known))
        return VIV_OK;
    viv_status status = eval_bool(&b->x, unread, &counts);
    if (status == VIV_OK)
        status = build_weight(b, entry, &w, &asked);
    if (status != VIV_OK || !asked || !(b->x.checkpoint ? is_there(b, &w) : counts))
        return status;
    if (!VEC_RESERVE(b->weights, b->n_weights, b->weights_capacity))
        return error_nomem(b->err);
    b->weights[b->n_weights++] = w;
    return VIV_OK;
}

/* --- nodes
 * --------------------------------------------------------------------------------------------------------- */

/* "layers.3.rms_norm", and "layers.3.rms_norm_2" for the second of its name there. */
static viv_status unique_path(struct builder *b, const char *path, const char *name, const char **out)
{
    char *p = arena_printf(b->x.arena, "%s%s", path, name);
    uint32_t slot = (uint32_t)b->n_counts;
    if (!p || !VEC_RESERVE(b->counts, b->n_counts, b->counts_capacity))
        return error_nomem(b->err);
    switch (strmap_add(&b->paths, p, strlen(p), slot)) {
    case STRMAP_NOMEM:
        return error_nomem(b->err);
    case STRMAP_ADDED:
        b->counts[b->n_counts++] = 1;
        break;
    default:
        strmap_get(&b->paths, p, strlen(p), &slot);
        p = arena_printf(b->x.arena, "%s%s_%u", path, name, ++b->counts[slot]);
    }
    *out = p;
    return p ? VIV_OK : error_nomem(b->err);
}

static viv_status add_node(struct builder *b, const struct node *n)
{
    if (b->n_nodes == MAX_NODES)
        return error_at(b->err, n->at, VIV_ELIMIT, "more than %d layers", MAX_NODES);
    if (!VEC_RESERVE(b->nodes, b->n_nodes, b->nodes_capacity))
        return error_nomem(b->err);
    b->nodes[b->n_nodes++] = *n;
    return VIV_OK;
}

static viv_status fit_attr(struct builder *b, const viv_attr *attr, const struct yaml *y, struct value *v)
{
    static const char *const wanted[] = {"",       "an integer", "a number", "a boolean",
                                         "one of", "a weight",   "a value"};
    bool fits = v->kind == VALUE_NONE;
    switch (attr->kind) {
    case VIV_ATTR_INT:
        fits = fits || v->kind == VALUE_INT;
        break;
    case VIV_ATTR_FLOAT:
        if (v->kind == VALUE_INT)
            *v = (struct value){.kind = VALUE_FLOAT, .f = (double)v->i};
        fits = fits || v->kind == VALUE_FLOAT;
        break;
    case VIV_ATTR_BOOL:
        fits = fits || v->kind == VALUE_BOOL;
        break;
    case VIV_ATTR_CHOICE: {
        bool word = v->kind == VALUE_STRING && v->s[0] != '\0';
        fits = word ? attr_choice(attr, v->s) >= 0 : fits;
        if (!fits && word)
            return error_at(b->err, y->at, VIV_EINVAL, "'%s' is '%s', expected one of %s", attr->name, v->s,
                            attr->choices);
        break;
    }
    default:
        fits = fits || v->kind == VALUE_STRING;
    }
    if (!fits)
        return error_at(b->err, y->at, VIV_EINVAL, "'%s' wants %s%s%s, found %s", attr->name, wanted[attr->kind],
                        attr->choices ? " " : "", attr->choices ? attr->choices : "", value_kind_name(v->kind));
    double number = v->kind == VALUE_FLOAT ? v->f : (double)v->i;
    bool is_number = v->kind == VALUE_FLOAT || (v->kind == VALUE_INT && attr->kind != VIV_ATTR_BOOL);
    if (is_number && attr->min < attr->max && (number < attr->min || number > attr->max))
        return error_at(b->err, y->at, VIV_EINVAL, "'%s' is %g, expected %g to %g", attr->name, number, attr->min,
                        attr->max);
    if (v->kind == VALUE_NONE && (attr->flags & VIV_ATTR_REQUIRED))
        return error_at(b->err, y->at, VIV_EINVAL, "'%s' is needed, and '%s' is none", attr->name, y->text);
    return VIV_OK;
}

static viv_status eval_attr(struct builder *b, const viv_attr *attr, const struct yaml *y, struct value *v)
{
    if (attr->kind == VIV_ATTR_VALUE) {
        for (uint32_t i = b->n_saved; i-- > 0;)
            if (strcmp(b->saved[i].name, y->text) == 0) {
                *v = (struct value){.kind = VALUE_INT, .i = b->saved[i].value};
                return VIV_OK;
            }
        return error_at(b->err, y->at, VIV_EINVAL, "no value was saved as '%s'", y->text);
    }
    bool is_param = spec_param(b->e->spec, y->text) != NULL;
    if (attr->kind == VIV_ATTR_CHOICE && !is_param &&
        strspn(y->text, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(y->text) &&
        strcmp(y->text, "none") != 0) {
        *v = (struct value){.kind = VALUE_STRING, .s = y->text};
    } else {
        b->x.weights_are_words = attr->kind == VIV_ATTR_WEIGHT;
        viv_status status = eval_at(&b->x, y, v);
        b->x.weights_are_words = false;
        if (status != VIV_OK)
            return status;
    }
    viv_status status = fit_attr(b, attr, y, v);
    if (status != VIV_OK || attr->kind != VIV_ATTR_WEIGHT || v->kind == VALUE_NONE)
        return status;
    int64_t index;
    status = find_weight(b, v->s, &index);
    if (status != VIV_OK)
        return status;
    *v = index == -2 ? (struct value){0} : (struct value){.kind = VALUE_INT, .i = index};
    if (index == -2 && (attr->flags & VIV_ATTR_REQUIRED))
        return error_at(b->err, y->at, VIV_EINVAL, "'%s' is needed, and this weight is absent", attr->name);
    return VIV_OK;
}

static viv_status build_layer(struct builder *b, const char *name, const struct yaml *body, struct position at,
                              const char *path, uint32_t depth, uint32_t *value)
{
    const viv_layer_class *class = layer_set_find(b->e->spec->world->layers, name);
    uint32_t n_attrs = 0, n_inputs = 1;
    for (const viv_attr *const *a = class->attrs; *a; a++)
        n_attrs++;
    struct attr_value *attrs = arena_array(b->x.arena, n_attrs, sizeof *attrs);
    uint32_t *inputs = arena_array(b->x.arena, n_attrs + 1, sizeof *inputs);
    if (!attrs || !inputs)
        return error_nomem(b->err);
    inputs[0] = *value;
    uint32_t n = 0;
    for (const viv_attr *const *a = class->attrs; *a; a++) {
        const struct yaml *y = spec_attr(b->e->spec, body, (*a)->name);
        if (!y || y->kind == YAML_MAP)
            continue;
        struct value v = {0};
        viv_status status = eval_attr(b, *a, y, &v);
        if (status != VIV_OK)
            return status;
        if ((*a)->kind == VIV_ATTR_VALUE)
            inputs[n_inputs++] = (uint32_t)v.i;
        attrs[n++] = (struct attr_value){(*a)->name, v, y->at};
    }
    struct node node = {.class = class,
                        .at = at,
                        .index = b->x.index,
                        .depth = depth,
                        .n_inputs = n_inputs,
                        .inputs = inputs,
                        .output = b->n_values,
                        .attrs = attrs,
                        .n_attrs = n};
    viv_status status = unique_path(b, path, name, &node.path);
    if (status == VIV_OK)
        status = add_node(b, &node);
    if (status == VIV_OK)
        *value = b->n_values++;
    return status;
}

/* A node that joins values: residual, sum, concat. */
static viv_status build_join(struct builder *b, const char *name, const uint32_t *values, uint32_t n,
                             struct position at, const char *path, uint32_t depth, uint32_t *value)
{
    const viv_layer_class *class = layer_set_find(b->e->spec->world->layers, name);
    uint32_t *inputs = arena_array(b->x.arena, n, sizeof *inputs);
    if (!class)
        return error_at(b->err, at, VIV_ENOTFOUND, "there is no layer '%s'", name);
    if (!inputs)
        return error_nomem(b->err);
    memcpy(inputs, values, n * sizeof *inputs);
    struct node node = {.class = class,
                        .at = at,
                        .index = b->x.index,
                        .depth = depth,
                        .n_inputs = n,
                        .inputs = inputs,
                        .output = b->n_values};
    viv_status status = unique_path(b, path, name, &node.path);
    if (status == VIV_OK)
        status = add_node(b, &node);
    if (status == VIV_OK)
        *value = b->n_values++;
    return status;
}

static viv_status build_repeat(struct builder *b, const struct yaml *item, const char *path, uint32_t depth,
                               uint32_t *value)
{
    struct value count = {0};
    const struct yaml *repeat = yaml_get(item, "repeat");
    viv_status status = eval_at(&b->x, repeat, &count);
    if (status != VIV_OK)
        return status;
    if (count.kind != VALUE_INT || count.i < 0 || count.i > MAX_REPEAT)
        return count.kind == VALUE_INT
                   ? error_at(b->err, repeat->at, VIV_ELIMIT, "repeat: %s is %" PRId64 ", expected 0 to %d",
                              repeat->text, count.i, MAX_REPEAT)
                   : error_at(b->err, repeat->at, VIV_EINVAL, "repeat: expected an integer, found %s",
                              value_kind_name(count.kind));
    int64_t outer = b->x.index;
    for (int64_t i = 0; i < count.i && status == VIV_OK; i++) {
        char *inner = arena_printf(b->x.arena, "%slayers.%" PRId64 ".", path, i);
        b->x.index = i;
        status = inner ? build_items(b, yaml_get(item, "layers"), inner, depth + 1, value) : error_nomem(b->err);
    }
    b->x.index = outer;
    return status;
}

static viv_status build_switch(struct builder *b, const struct yaml *item, const char *path, uint32_t depth,
                               uint32_t *value)
{
    struct value v = {0};
    const struct yaml *on = yaml_get(item, "switch"), *cases = yaml_get(item, "cases"),
                      *otherwise = yaml_get(item, "else");
    viv_status status = eval_at(&b->x, on, &v);
    if (status != VIV_OK)
        return status;
    struct buf text = {0};
    value_print(&v, &text);
    const struct yaml *chosen = text.failed ? NULL : yaml_get(cases, buf_text(&text));
    chosen = chosen ? chosen : otherwise;
    if (text.failed)
        status = error_nomem(b->err);
    else if (!chosen)
        status = error_at(b->err, on->at, VIV_EINVAL, "switch: '%s' is %s, and no case stands for it", on->text,
                          buf_text(&text));
    buf_release(&text);
    return status == VIV_OK ? build_items(b, chosen, path, depth, value) : status;
}

static viv_status build_branches(struct builder *b, const char *name, const struct yaml *branches,
                                 struct position at, const char *path, uint32_t depth, uint32_t *value)
{
    uint32_t *ends = calloc(branches->n, sizeof *ends);
    viv_status status = ends ? VIV_OK : error_nomem(b->err);
    for (uint32_t i = 0; status == VIV_OK && i < branches->n; i++) {
        ends[i] = *value;
        status = build_items(b, branches->items[i], path, depth + 1, &ends[i]);
    }
    if (status == VIV_OK)
        status = build_join(b, name, ends, branches->n, at, path, depth, value);
    free(ends);
    return status;
}

static viv_status build_item(struct builder *b, const struct yaml *item, const char *path, uint32_t depth,
                             uint32_t *value)
{
    if (yaml_get(item, "repeat"))
        return build_repeat(b, item, path, depth, value);
    if (yaml_get(item, "switch"))
        return build_switch(b, item, path, depth, value);
    const char *name = item->keys[0];
    const struct yaml *body = item->items[0];
    struct position at = item->key_at[0];
    if (strcmp(name, "residual") == 0) {
        uint32_t ends[] = {*value, *value};
        viv_status status = build_items(b, body, path, depth + 1, &ends[1]);
        return status == VIV_OK ? build_join(b, name, ends, 2, at, path, depth, value) : status;
    }
    if (strcmp(name, "sum") == 0 || strcmp(name, "concat") == 0)
        return build_branches(b, name, body, at, path, depth, value);
    if (strcmp(name, "save") == 0) {
        uint32_t i = 0;
        while (i < b->n_saved && strcmp(b->saved[i].name, body->text) != 0)
            i++;
        if (i == MAX_SAVED)
            return error_at(b->err, body->at, VIV_ELIMIT, "more than %d saved values", MAX_SAVED);
        b->saved[i].name = body->text;
        b->saved[i].value = *value;
        b->n_saved += i == b->n_saved;
        return VIV_OK;
    }
    if (strcmp(name, "load") == 0) {
        for (uint32_t i = 0; i < b->n_saved; i++)
            if (strcmp(b->saved[i].name, body->text) == 0) {
                *value = b->saved[i].value;
                return VIV_OK;
            }
        return error_at(b->err, body->at, VIV_EINVAL, "no value was saved as '%s'", body->text);
    }
    return build_layer(b, name, body, at, path, depth, value);
}

static viv_status build_items(struct builder *b, const struct yaml *list, const char *path, uint32_t depth,
                              uint32_t *value)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; i < list->n && status == VIV_OK; i++)
        status = build_item(b, list->items[i], path, depth, value);
    return status;
}

/* --- the whole
 * -------------------------------------------------------------------------------------------------------- */

static viv_status check_refusal(struct builder *b, const struct yaml *when, const struct yaml *because)
{
    struct buf noted = {0};
    bool refused = false;
    b->x.noted = &noted;
    viv_status status = eval_bool(&b->x, when, &refused);
    b->x.noted = NULL;
    if (status == VIV_OK && noted.failed)
        status = error_nomem(b->err);
    if (status == VIV_OK && refused)
        status = error_at(b->err, when->at, VIV_EUNSUPPORTED, "%s%s%s (%s)",
                          b->x.checkpoint ? b->x.checkpoint->path : "", b->x.checkpoint ? ": " : "", because->text,
                          buf_text(&noted));
    buf_release(&noted);
    return status;
}

static viv_status check_refusals(struct builder *b)
{
    const struct spec *s = b->e->spec;
    for (uint32_t d = 0; d < s->n_documents; d++)
        for (uint32_t i = 0; s->refuse[d] && i < s->refuse[d]->n; i++) {
            const struct yaml *when = yaml_get(s->refuse[d]->items[i], "when"),
                              *because = yaml_get(s->refuse[d]->items[i], "because");
            viv_status status = check_refusal(b, when, because);
            if (status != VIV_OK)
                return status;
        }
    return VIV_OK;
}

static viv_status keep_params(struct builder *b)
{
    const struct spec *s = b->e->spec;
    b->e->params = arena_array(&b->e->arena, s->n_params, sizeof *b->e->params);
    if (!b->e->params)
        return error_nomem(b->err);
    for (uint32_t i = 0; i < s->n_params; i++)
        b->e->params[i] = (struct param_value){s->params[i].name, b->x.params[i].value, b->x.params[i].source};
    b->e->n_params = s->n_params;
    return VIV_OK;
}

static viv_status keep_lists(struct builder *b)
{
    struct expansion *e = b->e;
    const struct spec *s = e->spec;
    uint32_t n = 0;
    for (uint32_t d = 0; d < s->n_documents; d++)
        n += s->ignore[d] ? s->ignore[d]->n : 0;
    const char **ignore = arena_array(&e->arena, n, sizeof *ignore);
    e->nodes = arena_array(&e->arena, b->n_nodes, sizeof *e->nodes);
    e->weights = arena_array(&e->arena, b->n_weights, sizeof *e->weights);
    if (!ignore || !e->nodes || !e->weights)
        return error_nomem(b->err);
    for (uint32_t d = 0; d < s->n_documents; d++)
        for (uint32_t i = 0; s->ignore[d] && i < s->ignore[d]->n; i++) {
            if (s->ignore[d]->items[i]->kind != YAML_SCALAR)
                return error_at(b->err, s->ignore[d]->items[i]->at, VIV_EINVAL, "expected a tensor name or a glob");
            viv_status status = fill_holes(b, s->ignore[d]->items[i], -1, &ignore[e->n_ignore++]);
            if (status != VIV_OK)
                return status;
        }
    e->ignore = ignore;
    if (b->n_nodes)
        memcpy(e->nodes, b->nodes, b->n_nodes * sizeof *e->nodes);
    if (b->n_weights)
        memcpy(e->weights, b->weights, b->n_weights * sizeof *e->weights);
    e->n_nodes = (uint32_t)b->n_nodes;
    e->n_weights = (uint32_t)b->n_weights;
    e->n_values = b->n_values;
    return VIV_OK;
}

/* A layer whose result nobody reads is a mistake in the spec. */
static viv_status check_all_used(const struct builder *b)
{
    bool *used = calloc(b->n_values, sizeof *used);
    viv_status status = used ? VIV_OK : error_nomem(b->err);
    for (uint32_t s = 0; used && s < N_STACKS; s++)
        used[b->e->stacks[s].output] = true;
    for (size_t i = b->n_nodes; status == VIV_OK && i-- > 0;) {
        const struct node *n = &b->nodes[i];
        if (!used[n->output])
            status = error_at(b->err, n->at, VIV_EINVAL, "nothing uses the result of %s", n->path);
        for (uint32_t k = 0; k < n->n_inputs; k++)
            used[n->inputs[k]] = true;
    }
    free(used);
    return status;
}

/* Adds the nodes of one stack, which begins with the token ids anew. */
static viv_status build_stack(struct builder *b, enum stack_id id, const struct yaml *list, const char *path)
{
    struct stack *s = &b->e->stacks[id];
    s->begin = (uint32_t)b->n_nodes;
    b->n_saved = 0;
    viv_status status = build_items(b, list, path, 0, &s->output);
    s->end = (uint32_t)b->n_nodes;
    if (status == VIV_OK && s->begin == s->end)
        return error_at(b->err, list->at, VIV_EINVAL, "the %s has no layers", stack_names[id]);
    return status;
}

static viv_status build(struct builder *b)
{
    viv_status status = params_all(&b->x);
    if (status == VIV_OK)
        status = check_refusals(b);
    if (status == VIV_OK)
        status = options_check(&b->x, &b->e->unread, &b->e->n_unread);
    if (status == VIV_OK && b->e->spec->encoder)
        status = build_stack(b, STACK_ENCODER, b->e->spec->encoder, "encoder.");
    if (status == VIV_OK)
        status = build_stack(b, STACK_GRAPH, b->e->spec->graph, "");
    for (uint32_t i = 0; status == VIV_OK && i < b->e->spec->n_weights; i++)
        status = add_unread(b, &b->e->spec->weights[i]);
    if (status == VIV_OK)
        status = check_all_used(b);
    if (status == VIV_OK)
        status = keep_params(b);
    return status == VIV_OK ? keep_lists(b) : status;
}

/* Params that files have a place for keep the values of `e`; all others are computed anew. */
static void take_params(struct expander *x, const struct expansion *e)
{
    for (uint32_t i = 0; i < e->n_params; i++) {
        const struct param *p = &x->spec->params[i];
        if (!p->value && yaml_get(p->declaration, "gguf"))
            x->params[i] = (struct param_state){PARAM_KNOWN, e->params[i].value, e->params[i].source};
    }
}

/* `like`: an expansion to take params from, or NULL. */
static viv_status expand(const struct spec *s, const struct checkpoint *c, const struct expansion *like,
                         struct expansion **out, struct error *err)
{
    struct expansion *e = calloc(1, sizeof *e);
    if (!e)
        return error_nomem(err);
    e->spec = s;
    struct builder b = {.e = e, .n_values = 1, .err = err};
    viv_status status = expander_init(&b.x, s, c, &e->arena, err);
    if (status == VIV_OK && like)
        take_params(&b.x, like);
    if (status == VIV_OK)
        status = build(&b);
    free(b.nodes);
    free(b.weights);
    free(b.counts);
    strmap_release(&b.weight_index);
    strmap_release(&b.paths);
    if (status != VIV_OK) {
        expansion_destroy(e);
        return status;
    }
    *out = e;
    return VIV_OK;
}

viv_status spec_expand(const struct spec *s, const struct checkpoint *c, struct expansion **out, struct error *err)
{
    return expand(s, c, NULL, out, err);
}

viv_status spec_expand_as_hf(const struct expansion *e, struct expansion **out, struct error *err)
{
    return expand(e->spec, NULL, e, out, err);
}

void expansion_destroy(struct expansion *e)
{
    if (!e)
        return;
    arena_release(&e->arena);
    free(e);
}

const char *const stack_names[N_STACKS] = {[STACK_GRAPH] = "graph", [STACK_ENCODER] = "encoder"};

const struct value *expansion_param(const struct expansion *e, const char *name)
{
    for (uint32_t i = 0; i < e->n_params; i++)
        if (strcmp(e->params[i].name, name) == 0)
            return &e->params[i].value;
    return NULL;
}
