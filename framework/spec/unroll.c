/* unroll.c - turns stacks, lists of layers that each transform a value, into nodes that read and
 * write values. Repeats are unrolled and switches decided; `residual`, `sum` and `concat` become nodes that join
 * values, and `save` and `load` name values. */
#include "spec/expand.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 16384, MAX_REPEAT = 4096 };

static viv_status build_items(struct unroller *u, const struct yaml *list, uint32_t *value);

/* --- nodes --------------------------------------------------------------------------------------------------- */

/* The path of a node: "layers.3.rms_norm", or "layers.3.rms_norm_2" for the second of its name. */
static viv_status unique_path(struct unroller *u, const char *name, const char **out)
{
    char *p = arena_printf(u->x->arena, "%s%s", u->path, name);
    uint32_t slot = (uint32_t)u->n_counts;
    if (!p || !VEC_RESERVE(u->counts, u->n_counts, u->counts_capacity))
        return error_nomem(u->x->err);
    switch (strmap_add(&u->paths, p, strlen(p), slot)) {
    case STRMAP_NOMEM:
        return error_nomem(u->x->err);
    case STRMAP_ADDED:
        u->counts[u->n_counts++] = 1;
        break;
    default:
        strmap_get(&u->paths, p, strlen(p), &slot);
        p = arena_printf(u->x->arena, "%s%s_%u", u->path, name, ++u->counts[slot]);
    }
    *out = p;
    return p ? VIV_OK : error_nomem(u->x->err);
}

/* Adds a node at the present place of the list; its output becomes the list's value. */
static viv_status add_node(struct unroller *u, struct node n, uint32_t *value)
{
    n.index = u->x->index;
    n.depth = u->depth;
    n.output = u->n_values;
    viv_status status = unique_path(u, n.class->name, &n.path);
    if (status != VIV_OK)
        return status;
    if (u->n_nodes == MAX_NODES)
        return yaml_error(u->x->err, n.at, VIV_ELIMIT, "more than %d layers", MAX_NODES);
    if (!VEC_RESERVE(u->nodes, u->n_nodes, u->capacity))
        return error_nomem(u->x->err);
    u->nodes[u->n_nodes++] = n;
    *value = u->n_values++;
    return VIV_OK;
}

/* Adds a node that joins values: residual, sum, concat. */
static viv_status build_join(struct unroller *u, const char *name, struct position at, const uint32_t *values,
                             uint32_t n, uint32_t *value)
{
    const viv_layer_class *class = layer_set_find(u->x->spec->world->layers, name);
    uint32_t *inputs = arena_array(u->x->arena, n, sizeof *inputs);
    if (!class)
        return yaml_error(u->x->err, at, VIV_ENOTFOUND, "there is no layer '%s'", name);
    if (!inputs)
        return error_nomem(u->x->err);
    memcpy(inputs, values, n * sizeof *inputs);
    return add_node(u, (struct node){.class = class, .at = at, .n_inputs = n, .inputs = inputs}, value);
}

/* --- layers -------------------------------------------------------------------------------------------------- */

/* The value that `save` has stored under a name; or NULL. */
static struct saved_value *find_saved(struct unroller *u, const char *name)
{
    for (uint32_t i = 0; i < u->n_saved; i++)
        if (strcmp(u->saved[i].name, name) == 0)
            return &u->saved[i];
    return NULL;
}

static viv_status load(struct unroller *u, const struct yaml *name, uint32_t *value)
{
    const struct saved_value *s = find_saved(u, name->text);
    if (!s)
        return yaml_error(u->x->err, name->at, VIV_EINVAL, "no value was saved as '%s'", name->text);
    *value = s->value;
    return VIV_OK;
}

static viv_status save(struct unroller *u, const struct yaml *name, uint32_t value)
{
    struct saved_value *s = find_saved(u, name->text);
    if (!s && u->n_saved == MAX_SAVED)
        return yaml_error(u->x->err, name->at, VIV_ELIMIT, "more than %d saved values", MAX_SAVED);
    s = s ? s : &u->saved[u->n_saved++];
    *s = (struct saved_value){name->text, value};
    return VIV_OK;
}

/* Replaces the key of a weight by the weight's index. */
static viv_status build_weight(struct unroller *u, const viv_attr *attr, const struct yaml *y, struct value *v)
{
    int64_t index = 0;
    viv_status status = spec_weight_find(u->x, u->weights, v->s, &index);
    if (status != VIV_OK)
        return status;
    *v = index == -2 ? (struct value){0} : (struct value){.kind = VALUE_INT, .i = index};
    if (index == -2 && (attr->flags & VIV_ATTR_REQUIRED))
        return yaml_error(u->x->err, y->at, VIV_EINVAL, "'%s' is needed, and this weight is absent", attr->name);
    return VIV_OK;
}

static viv_status build_attr(struct unroller *u, const viv_attr *attr, const struct yaml *y, struct value *v)
{
    if (attr->kind == VIV_ATTR_VALUE) {
        uint32_t value = 0;
        viv_status status = load(u, y, &value);
        *v = (struct value){.kind = VALUE_INT, .i = value};
        return status;
    }
    viv_status status = expander_eval_attr(u->x, attr, y, v);
    if (status != VIV_OK || attr->kind != VIV_ATTR_WEIGHT || v->kind == VALUE_NONE)
        return status;
    return build_weight(u, attr, y, v);
}

static viv_status build_layer(struct unroller *u, const char *name, const struct yaml *body, struct position at,
                              uint32_t *value)
{
    const struct layer_entry *layer = layer_set_entry(u->x->spec->world->layers, name); /* checked */
    const viv_layer_class *class = layer->class;
    uint32_t most = 0, n = 0, n_inputs = 1;
    while (class->attrs[most])
        most++;
    struct attr_value *attrs = arena_array(u->x->arena, most, sizeof *attrs);
    uint32_t *inputs = arena_array(u->x->arena, most + 1, sizeof *inputs);
    if (!attrs || !inputs)
        return error_nomem(u->x->err);
    inputs[0] = *value;
    for (uint32_t i = 0; i < most; i++) {
        const viv_attr *attr = class->attrs[i];
        const struct yaml *y = spec_attr(u->x->spec, body, attr->name);
        if (!y || y->kind == YAML_MAP)
            continue;
        struct value v = {0};
        viv_status status = build_attr(u, attr, y, &v);
        if (status != VIV_OK)
            return status;
        if (attr->kind == VIV_ATTR_VALUE)
            inputs[n_inputs++] = (uint32_t)v.i;
        attrs[n++] = (struct attr_value){attr->name, v, y->at};
    }
    const struct node node = {.class = class,
                              .plugin = layer->plugin,
                              .at = at,
                              .n_inputs = n_inputs,
                              .inputs = inputs,
                              .attrs = attrs,
                              .n_attrs = n};
    return add_node(u, node, value);
}

/* --- lists of layers ----------------------------------------------------------------------------------------- */

static viv_status build_inside(struct unroller *u, const struct yaml *list, uint32_t *value)
{
    u->depth++;
    viv_status status = build_items(u, list, value);
    u->depth--;
    return status;
}

static viv_status build_repeat(struct unroller *u, const struct yaml *item, uint32_t *value)
{
    struct expander *x = u->x;
    struct value count = {0};
    const struct yaml *repeat = yaml_get(item, "repeat");
    viv_status status = expander_eval(x, repeat, &count);
    if (status != VIV_OK)
        return status;
    if (count.kind != VALUE_INT)
        return yaml_error(x->err, repeat->at, VIV_EINVAL, "repeat: expected an integer, found %s",
                          expr_value_kind_name(count.kind));
    if (count.i < 0 || count.i > MAX_REPEAT)
        return yaml_error(x->err, repeat->at, VIV_ELIMIT, "repeat: %s is %" PRId64 ", expected 0 to %d",
                          repeat->text, count.i, MAX_REPEAT);
    const int64_t outer = x->index;
    const char *path = u->path;
    for (x->index = 0; status == VIV_OK && x->index < count.i; x->index++) {
        u->path = arena_printf(x->arena, "%slayers.%" PRId64 ".", path, x->index);
        status = u->path ? build_inside(u, yaml_get(item, "layers"), value) : error_nomem(x->err);
    }
    x->index = outer;
    u->path = path;
    return status;
}

static viv_status build_switch(struct unroller *u, const struct yaml *item, uint32_t *value)
{
    struct value v = {0};
    const struct yaml *on = yaml_get(item, "switch"), *cases = yaml_get(item, "cases");
    viv_status status = expander_eval(u->x, on, &v);
    if (status != VIV_OK)
        return status;
    struct buf text = {0};
    expr_value_print(&v, &text);
    const struct yaml *chosen = yaml_get(cases, buf_text(&text));
    chosen = chosen ? chosen : yaml_get(item, "else");
    if (text.failed)
        status = error_nomem(u->x->err);
    else if (!chosen)
        status = yaml_error(u->x->err, on->at, VIV_EINVAL, "switch: '%s' is %s, which is not one of the cases",
                            on->text, buf_text(&text));
    buf_release(&text);
    return status == VIV_OK ? build_items(u, chosen, value) : status;
}

static viv_status build_residual(struct unroller *u, const struct yaml *item, uint32_t *value)
{
    uint32_t ends[] = {*value, *value};
    viv_status status = build_inside(u, item->items[0], &ends[1]);
    return status == VIV_OK ? build_join(u, item->keys[0], item->key_at[0], ends, 2, value) : status;
}

static viv_status build_branches(struct unroller *u, const struct yaml *item, uint32_t *value)
{
    const struct yaml *branches = item->items[0];
    uint32_t *ends = calloc(branches->n, sizeof *ends);
    viv_status status = ends ? VIV_OK : error_nomem(u->x->err);
    for (uint32_t i = 0; status == VIV_OK && i < branches->n; i++) {
        ends[i] = *value;
        status = build_inside(u, branches->items[i], &ends[i]);
    }
    if (status == VIV_OK)
        status = build_join(u, item->keys[0], item->key_at[0], ends, branches->n, value);
    free(ends);
    return status;
}

static viv_status build_item(struct unroller *u, const struct yaml *item, uint32_t *value)
{
    const char *name = item->keys[0];
    const struct yaml *body = item->items[0];
    if (yaml_get(item, "repeat"))
        return build_repeat(u, item, value);
    if (yaml_get(item, "switch"))
        return build_switch(u, item, value);
    if (strcmp(name, "residual") == 0)
        return build_residual(u, item, value);
    if (strcmp(name, "sum") == 0 || strcmp(name, "concat") == 0)
        return build_branches(u, item, value);
    if (strcmp(name, "save") == 0)
        return save(u, body, *value);
    if (strcmp(name, "load") == 0)
        return load(u, body, value);
    return build_layer(u, name, body, item->key_at[0], value);
}

static viv_status build_items(struct unroller *u, const struct yaml *list, uint32_t *value)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; i < list->n && status == VIV_OK; i++)
        status = build_item(u, list->items[i], value);
    return status;
}

viv_status unroller_run(struct unroller *u, const struct yaml *list, struct stack *out)
{
    uint32_t value = 0;
    u->path = strcmp(out->name, "graph") == 0 ? "" : arena_printf(u->x->arena, "%s.", out->name);
    u->n_saved = 0;
    if (!u->path)
        return error_nomem(u->x->err);
    out->begin = (uint32_t)u->n_nodes;
    viv_status status = build_items(u, list, &value);
    out->end = (uint32_t)u->n_nodes;
    out->output = value;
    if (status == VIV_OK && out->begin == out->end)
        return yaml_error(u->x->err, list->at, VIV_EINVAL, "the %s has no layers", out->name);
    return status;
}

void unroller_release(struct unroller *u)
{
    free(u->nodes);
    free(u->counts);
    strmap_release(&u->paths);
}
