/* check.c - checks of a spec that need no numbers: layers exist and have these attributes, expressions parse and
 * use names that exist, weights exist and are used. */
#include "spec/expand.h"

#include "base/near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char outside_repeat[] = "`i` exists only inside of a repeat";

struct checker {
    struct expander x; /* for lookups: nothing is evaluated */
    bool *weight_used;
    const char *saved[MAX_SAVED];
    uint32_t n_saved;
    bool in_repeat;
    const char *no_index; /* the error for `i` if in_repeat is false */
    struct error *err;
};

static viv_status check_items(struct checker *c, const struct yaml *list);

/* In a check, every param has some value. */
static viv_status exists(void *ctx, const char *name, struct value *out, struct error *err)
{
    struct checker *c = ctx;
    const struct spec *s = c->x.spec;
    const char *names[MAX_PARAMS];
    size_t n = 0;
    (void)out;
    if (strcmp(name, "i") == 0 && !c->in_repeat)
        return error_set(err, VIV_EINVAL, "%s", c->no_index);
    if (strcmp(name, "i") == 0 || strcmp(name, "gguf") == 0 || spec_param(s, name))
        return VIV_OK;
    const struct weight_entry *w = c->x.weights_are_words ? spec_weight(s, name) : NULL;
    if (w) {
        c->weight_used[w - s->weights] = true;
        return VIV_OK;
    }
    for (uint32_t i = 0; i < s->n_params; i++)
        names[n++] = s->params[i].name;
    const char *nearest = near_word(name, names, n);
    return nearest ? error_set(err, VIV_EINVAL, "there is no param '%s', did you mean '%s'?", name, nearest)
                   : error_set(err, VIV_EINVAL, "there is no param '%s'", name);
}

static viv_status check_expr(struct checker *c, const struct yaml *y)
{
    if (y->kind != YAML_SCALAR)
        return yaml_error(c->err, y->at, VIV_EINVAL, "expected an expression, found %s", yaml_kind_name(y));
    struct arena scratch = {0};
    const struct expr_scope scope = {c, exists};
    viv_status status = expr_check(&scratch, y->text, &scope, c->err);
    arena_release(&scratch);
    if (status != VIV_OK)
        error_prefix(c->err, "%s:%u:%u", y->at.file, y->at.line, y->at.column);
    return status;
}

static viv_status check_list(struct checker *c, const struct yaml *list)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; i < list->n && status == VIV_OK; i++)
        status = check_expr(c, list->items[i]);
    return status;
}

/* A list of layers, which must not be empty: an empty residual would double its value. */
static viv_status check_some(struct checker *c, const struct yaml *list)
{
    if (list->kind == YAML_LIST && list->n == 0)
        return yaml_error(c->err, list->at, VIV_EINVAL, "expected at least one layer, found an empty list");
    return check_items(c, list);
}

/* --- attributes ---------------------------------------------------------------------------------------------- */

static viv_status unknown_attr(const struct checker *c, const viv_layer_class *class, const char *name,
                               struct position at)
{
    const char *names[128];
    size_t n = 0;
    for (const viv_attr *const *a = class->attrs; *a && n < 128; a++)
        names[n++] = (*a)->name;
    const char *nearest = near_word(name, names, n);
    return nearest ? yaml_error(c->err, at, VIV_EINVAL, "layer '%s' has no attribute '%s', did you mean '%s'?",
                                class->name, name, nearest)
                   : yaml_error(c->err, at, VIV_EINVAL, "layer '%s' has no attribute '%s'", class->name, name);
}

static viv_status check_attr(struct checker *c, const viv_attr *attr, const struct yaml *y)
{
    const bool is_list = attr->kind == VIV_ATTR_INTS || attr->kind == VIV_ATTR_FLOATS;
    if (is_list && y->kind == YAML_LIST)
        return check_list(c, y);
    if (y->kind != YAML_SCALAR)
        return yaml_error(c->err, y->at, VIV_EINVAL, "'%s': expected %s, found %s", attr->name,
                          is_list ? "a list" : "a value", yaml_kind_name(y));
    if (attr->kind == VIV_ATTR_CHOICE && layer_attr_choice(attr, y->text) >= 0)
        return VIV_OK;
    if (attr->kind == VIV_ATTR_TEXT && (y->quoted || spec_attr_is_word(y->text)))
        return VIV_OK;
    if (attr->kind == VIV_ATTR_VALUE) {
        for (uint32_t i = 0; i < c->n_saved; i++)
            if (strcmp(c->saved[i], y->text) == 0)
                return VIV_OK;
        return yaml_error(c->err, y->at, VIV_EINVAL, "no value was saved as '%s' before this", y->text);
    }
    c->x.weights_are_words = attr->kind == VIV_ATTR_WEIGHT;
    viv_status status = check_expr(c, y);
    c->x.weights_are_words = false;
    if (status != VIV_OK && attr->kind == VIV_ATTR_WEIGHT &&
        strspn(y->text, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(y->text)) {
        const char *names[MAX_WEIGHTS];
        for (uint32_t i = 0; i < c->x.spec->n_weights; i++)
            names[i] = c->x.spec->weights[i].key;
        const char *nearest = near_word(y->text, names, c->x.spec->n_weights);
        return nearest ? yaml_error(c->err, y->at, VIV_EINVAL, "there is no weight '%s', did you mean '%s'?",
                                    y->text, nearest)
                       : yaml_error(c->err, y->at, VIV_EINVAL, "there is no weight '%s'", y->text);
    }
    return status;
}

/* Whether the name is a group of attributes, as "rope" for "rope.theta". */
static bool is_group(const viv_layer_class *class, const char *name)
{
    size_t n = strlen(name);
    for (const viv_attr *const *a = class->attrs; *a; a++)
        if (strncmp((*a)->name, name, n) == 0 && (*a)->name[n] == '.')
            return true;
    return false;
}

static viv_status no_group(const struct yaml *y, const char *name, struct error *err)
{
    if (y->kind != YAML_SCALAR)
        return yaml_error(err, y->at, VIV_EINVAL,
                          "'%s': expected a mapping, or the name of one of `groups`, found %s", name,
                          yaml_kind_name(y));
    return yaml_error(err, y->at, VIV_EINVAL,
                      "'%s': expected a mapping, or the name of one of `groups`, and '%s' is none", name, y->text);
}

/* Nested mappings are dotted names: rope: {theta: x} is rope.theta. */
static viv_status check_attrs(struct checker *c, const viv_layer_class *class, const struct yaml *map,
                              const char *prefix)
{
    for (uint32_t i = 0; i < map->n; i++) {
        char name[256];
        size_t n = (size_t)snprintf(name, sizeof name, "%s%s", prefix, map->keys[i]);
        if (n + 1 >= sizeof name)
            return yaml_error(c->err, map->key_at[i], VIV_ELIMIT, "an attribute's name too long");
        const viv_attr *attr = layer_attr(class, name);
        viv_status status;
        if (attr) {
            status = check_attr(c, attr, map->items[i]);
        } else if (is_group(class, name)) {
            const struct yaml *group = spec_group(c->x.spec, map->items[i]);
            name[n] = '.';
            name[n + 1] = '\0';
            status = group ? check_attrs(c, class, group, name) : no_group(map->items[i], map->keys[i], c->err);
        } else {
            status = unknown_attr(c, class, name, map->key_at[i]);
        }
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

static bool may_begin_step(const struct key *k)
{
    return k->context == IN_STEP || (k->context >= IN_REPEAT && k->required);
}

bool spec_is_step(const char *word)
{
    for (size_t i = 0; i < spec_n_keys; i++)
        if (may_begin_step(&spec_keys[i]) && strcmp(spec_keys[i].name, word) == 0)
            return true;
    return false;
}

/* `refused`: plugins that might have provided it. */
static viv_status no_layer(struct checker *c, const char *name, struct position at, const char *refused)
{
    const char *names[1024], *near;
    size_t n = 0;
    for (size_t i = 0; i < spec_n_keys && n < 256; i++)
        if (may_begin_step(&spec_keys[i]))
            names[n++] = spec_keys[i].name;
    n += layer_set_names(c->x.spec->world->layers, names + n, sizeof names / sizeof *names - n);
    near = near_word(name, names, n);
    if (near)
        return yaml_error(c->err, at, VIV_ENOTFOUND, "there is no layer '%s', did you mean '%s'?%s%s", name, near,
                          *refused ? "; " : "", refused);
    return yaml_error(c->err, at, VIV_ENOTFOUND, "there is no layer '%s' (`viv layers` lists them)%s%s", name,
                      *refused ? "; " : "", refused);
}

static viv_status check_layer(struct checker *c, const char *name, const struct yaml *attrs, struct position at)
{
    const struct layer_set *set = c->x.spec->world->layers;
    const viv_layer_class *class = NULL;
    struct error refused;
    viv_status status = layer_set_require(set, name, &class, &refused);
    if (status == VIV_ENOTFOUND)
        return no_layer(c, name, at, refused.text);
    if (status != VIV_OK)
        return yaml_error(c->err, at, status, "layer '%s': %s", name, refused.text);
    if (attrs->kind != YAML_MAP)
        return yaml_error(c->err, attrs->at, VIV_EINVAL, "layer '%s': expected a mapping of attributes, found %s",
                          name, yaml_kind_name(attrs));
    status = check_attrs(c, class, attrs, "");
    for (const viv_attr *const *a = class->attrs; status == VIV_OK && *a; a++)
        if (((*a)->flags & VIV_ATTR_REQUIRED) && !spec_attr(c->x.spec, attrs, (*a)->name))
            return yaml_error(c->err, at, VIV_EINVAL, "layer '%s' needs the attribute '%s': %s", name, (*a)->name,
                              (*a)->doc ? (*a)->doc : "");
    return status;
}

/* --- structure ----------------------------------------------------------------------------------------------- */

static viv_status check_repeat(struct checker *c, const struct yaml *item)
{
    bool outer = c->in_repeat;
    viv_status status = document_check_keys(item, IN_REPEAT, c->err);
    if (status == VIV_OK)
        status = check_expr(c, yaml_get(item, "repeat"));
    c->in_repeat = true;
    if (status == VIV_OK)
        status = check_some(c, yaml_get(item, "layers"));
    c->in_repeat = outer;
    return status;
}

static viv_status check_switch(struct checker *c, const struct yaml *item)
{
    viv_status status = document_check_keys(item, IN_SWITCH, c->err);
    if (status == VIV_OK)
        status = check_expr(c, yaml_get(item, "switch"));
    const struct yaml *cases = yaml_get(item, "cases"), *otherwise = yaml_get(item, "else");
    for (uint32_t i = 0; status == VIV_OK && i < cases->n; i++)
        status = check_items(c, cases->items[i]);
    if (status == VIV_OK && otherwise)
        status = check_items(c, otherwise);
    return status;
}

static viv_status check_branches(struct checker *c, const struct yaml *branches, const char *what)
{
    if (branches->kind != YAML_LIST || branches->n == 0)
        return yaml_error(c->err, branches->at, VIV_EINVAL,
                          "'%s': expected a list of branches, each a list of layers", what);
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < branches->n; i++)
        status = check_items(c, branches->items[i]);
    return status;
}

static viv_status check_item(struct checker *c, const struct yaml *item)
{
    if (item->kind != YAML_MAP || item->n == 0)
        return yaml_error(c->err, item->at, VIV_EINVAL, "expected one layer, as `name: {attributes}`, found %s",
                          item->kind == YAML_MAP ? "an empty mapping" : yaml_kind_name(item));
    if (yaml_get(item, "repeat"))
        return check_repeat(c, item);
    if (yaml_get(item, "switch"))
        return check_switch(c, item);
    if (item->n != 1)
        return yaml_error(c->err, item->key_at[1], VIV_EINVAL,
                          "'%s' stands beside '%s': each layer needs an item of its own", item->keys[1],
                          item->keys[0]);
    const char *name = item->keys[0];
    const struct yaml *body = item->items[0];
    if (strcmp(name, "residual") == 0)
        return check_some(c, body);
    if (strcmp(name, "sum") == 0 || strcmp(name, "concat") == 0)
        return check_branches(c, body, name);
    if (strcmp(name, "save") == 0 || strcmp(name, "load") == 0) {
        if (body->kind != YAML_SCALAR)
            return yaml_error(c->err, body->at, VIV_EINVAL, "'%s': expected a name", name);
        for (uint32_t i = 0; name[0] == 'l' && i < c->n_saved; i++)
            if (strcmp(c->saved[i], body->text) == 0)
                return VIV_OK;
        if (name[0] == 'l')
            return yaml_error(c->err, body->at, VIV_EINVAL, "no value was saved as '%s' before this", body->text);
        if (c->n_saved == MAX_SAVED)
            return yaml_error(c->err, body->at, VIV_ELIMIT, "more than %d saved values", MAX_SAVED);
        c->saved[c->n_saved++] = body->text;
        return VIV_OK;
    }
    return check_layer(c, name, body, item->key_at[0]);
}

static viv_status check_items(struct checker *c, const struct yaml *list)
{
    if (list->kind != YAML_LIST)
        return yaml_error(c->err, list->at, VIV_EINVAL, "expected a list of layers, found %s",
                          yaml_kind_name(list));
    viv_status status = VIV_OK;
    for (uint32_t i = 0; i < list->n && status == VIV_OK; i++)
        status = check_item(c, list->items[i]);
    return status;
}

/* --- the rest ------------------------------------------------------------------------------------------------ */

static viv_status check_transform(struct checker *c, const struct yaml *t)
{
    viv_status status = document_check_keys(t, IN_TRANSFORM, c->err);
    if (status == VIV_OK && t->n != 1)
        return yaml_error(c->err, t->at, VIV_EINVAL, "each transform is an item of its own");
    const struct yaml *split = yaml_get(t, "split"), *permute = yaml_get(t, "permute");
    if (status == VIV_OK && split)
        status = document_check_keys(split, IN_SPLIT, c->err);
    if (status == VIV_OK && split)
        status = check_list(c, yaml_get(split, "of"));
    if (status == VIV_OK && permute)
        status = document_check_keys(permute, IN_PERMUTE, c->err);
    return status == VIV_OK && permute ? check_list(c, yaml_get(permute, "view")) : status;
}

static viv_status check_transforms(struct checker *c, const struct yaml *list)
{
    viv_status status = VIV_OK;
    if (list && list->kind != YAML_LIST)
        return yaml_error(c->err, list->at, VIV_EINVAL,
                          "'transform': expected a list, or {hf: list, gguf: list}, found %s",
                          yaml_kind_name(list));
    for (uint32_t i = 0; status == VIV_OK && list && i < list->n; i++)
        status = check_transform(c, list->items[i]);
    return status;
}

/* A placeholder in a tensor's name is {i}, {e} or a param. */
static viv_status check_holes(struct checker *c, const struct yaml *name)
{
    if (name->text[0] == '\0')
        return yaml_error(c->err, name->at, VIV_EINVAL, "the name of a tensor is empty");
    for (const char *hole = strchr(name->text, '{'); hole; hole = strchr(hole + 1, '{')) {
        char word[64];
        size_t n = strcspn(hole + 1, "}");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), hole + 1);
        if (hole[1 + n] != '}' ||
            (strcmp(word, "i") != 0 && strcmp(word, "e") != 0 && !spec_param(c->x.spec, word)))
            return yaml_error(c->err, name->at, VIV_EINVAL, "'%s': only {i}, {e} and params can be filled in",
                              name->text);
    }
    return VIV_OK;
}

static viv_status check_names(struct checker *c, const struct yaml *names)
{
    viv_status status = VIV_OK;
    for (uint32_t k = 0; status == VIV_OK && k < yaml_count(names); k++)
        status = check_holes(c, yaml_item(names, k));
    return status;
}

static viv_status check_weight(struct checker *c, const struct weight_entry *w)
{
    const struct yaml *otherwise = yaml_get(w->body, "else"), *when = yaml_get(w->body, "when");
    const struct yaml *transform = yaml_get(w->body, "transform"), *values = yaml_get(w->body, "values");
    const struct yaml *unread = yaml_get(w->body, "unread");
    c->in_repeat = spec_weight_is_indexed(w); /* whether it is used in a repeat is only known when it is expanded */
    c->no_index = "`i` exists only in weights with {i} in their names";
    viv_status status = check_list(c, yaml_get(w->body, "shape"));
    if (status == VIV_OK && when)
        status = check_expr(c, when);
    if (status == VIV_OK && values)
        status = check_expr(c, values);
    if (status == VIV_OK && yaml_get(w->body, "each"))
        status = check_expr(c, yaml_get(w->body, "each"));
    if (status == VIV_OK && unread && c->in_repeat)
        status = yaml_error(c->err, unread->at, VIV_EINVAL,
                            "a weight that no layer reads cannot be one for each layer: its names have {i}");
    if (status == VIV_OK && unread) {
        c->weight_used[w - c->x.spec->weights] = true;
        status = check_expr(c, unread);
    }
    for (int naming = 0; status == VIV_OK && naming < 2; naming++)
        status = check_names(c, yaml_get(w->body, naming ? "gguf" : "hf"));
    c->in_repeat = false;
    c->no_index = outside_repeat;
    if (status == VIV_OK && !yaml_get(w->body, "hf") && !yaml_get(w->body, "gguf") && !values)
        status =
            yaml_error(c->err, w->at, VIV_EINVAL,
                       "weight '%s' has no name in any kind of file: give 'hf', 'gguf', both or 'values'", w->key);
    if (status == VIV_OK && otherwise && strcmp(otherwise->text, "none") != 0) {
        const struct weight_entry *other = spec_weight(c->x.spec, otherwise->text);
        if (!other)
            return yaml_error(c->err, otherwise->at, VIV_EINVAL, "there is no weight '%s'", otherwise->text);
        c->weight_used[other - c->x.spec->weights] = true;
    }
    if (status == VIV_OK && transform && transform->kind == YAML_MAP)
        status = document_check_keys(transform, IN_BY_NAMING, c->err);
    for (int naming = 0; status == VIV_OK && transform && naming < 2; naming++)
        status = check_transforms(c, spec_weight_transforms_of(w->body, naming ? "gguf" : "hf"));
    return status;
}

/* Of a param. fills: params can be filled in. */
static viv_status check_places(struct checker *c, const struct yaml *places, bool fills)
{
    for (uint32_t k = 0; k < yaml_count(places); k++) {
        const struct yaml *place = yaml_item(places, k);
        if (!expander_is_metadata_key(place->text))
            return yaml_error(
                c->err, place->at, VIV_EINVAL,
                "'%s' is not a place in a checkpoint: expected a key, has(), lacks(), rows() or size() "
                "of a tensor, or len() or where() of a key",
                place->text);
        const viv_status status = fills ? check_holes(c, place) : VIV_OK;
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* Checks the expressions in a value or in the items of a list. For a string param, words are strings. */
static viv_status check_value(struct checker *c, const struct yaml *v, bool words)
{
    if (!v || (words && v->kind == YAML_SCALAR))
        return VIV_OK;
    if (v->kind != YAML_LIST)
        return check_expr(c, v);
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < v->n; i++)
        status = check_value(c, v->items[i], words);
    return status;
}

static viv_status check_param(struct checker *c, const struct param *p)
{
    const struct yaml *d = p->declaration;
    struct param_type type;
    if (!expr_is_name(p->name))
        return yaml_error(c->err, p->at, VIV_EINVAL, "a param cannot be called '%s'", p->name);
    viv_status status = param_type_read(d, &type, c->err);
    if (status == VIV_OK)
        status = check_places(c, yaml_get(d, "hf"), true);
    if (status == VIV_OK)
        status = check_places(c, yaml_get(d, "gguf"), false);
    const struct yaml *values[] = {
        p->value,           yaml_get(d, "default"), yaml_get(d, "if_null"),
        yaml_get(d, "min"), yaml_get(d, "max"),     yaml_get(d, "type") && status == VIV_OK ? type.length : NULL};
    for (size_t i = 0; status == VIV_OK && i < sizeof values / sizeof *values; i++) {
        c->in_repeat = d && type.length && (i == 1 || i == 2) && values[i] && values[i]->kind == YAML_SCALAR;
        status = check_value(c, values[i], d && type.kind == VALUE_STRING && values[i] != type.length);
        c->in_repeat = false;
    }
    return status;
}

static bool has_stack(const struct spec *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_stacks; i++)
        if (strcmp(s->stacks[i].name, name) == 0)
            return true;
    return false;
}

/* What enters a stack, and its layers, each said once. */
static viv_status check_stack(struct checker *c, const struct stack_entry *entry)
{
    const struct yaml *body = entry->body, *graph = yaml_get(body, "graph"), *from = yaml_get(body, "from");
    const struct yaml *use = yaml_get(body, "use"), *input = yaml_get(body, "input");
    const struct yaml *params = yaml_get(body, "params");
    if (!graph == !use)
        return yaml_error(c->err, entry->at, VIV_EINVAL, "the stack '%s' needs its layers: either 'graph' or 'use'",
                          entry->name);
    if (from && !has_stack(c->x.spec, from->text))
        return yaml_error(c->err, from->at, VIV_EINVAL, "there is no stack '%s'", from->text);
    if (!from == !input && !(use && !from))
        return yaml_error(c->err, entry->at, VIV_EINVAL,
                          "what enters the stack '%s' is %s: expected either 'from' or 'input'", entry->name,
                          from ? "said twice" : "not said");
    if (!use && (params || yaml_get(body, "under")))
        return yaml_error(c->err, entry->at, VIV_EINVAL,
                          "'params' and 'under' are those of 'use', which is missing");
    viv_status status = input ? check_expr(c, input) : VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && params && i < params->n; i++) {
        status = check_expr(c, params->items[i]);
        if (status == VIV_OK && !spec_param(entry->used, params->keys[i]))
            status = yaml_error(c->err, params->key_at[i], VIV_EINVAL, "%s has no param '%s'", use->text,
                                params->keys[i]);
    }
    c->n_saved = 0;
    return status == VIV_OK && graph ? check_some(c, graph) : status;
}

viv_status spec_check(const struct spec *s, struct error *err)
{
    struct arena arena = {0};
    struct checker c = {.err = err, .no_index = outside_repeat};
    viv_status status = expander_init(&c.x, s, NULL, &arena, err);
    c.weight_used = calloc(s->n_weights ? s->n_weights : 1, sizeof *c.weight_used);
    if (status == VIV_OK && !c.weight_used)
        status = error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < s->n_params; i++)
        status = check_param(&c, &s->params[i]);
    if (status == VIV_OK && s->encoder)
        status = check_some(&c, s->encoder);
    for (uint32_t i = 0; status == VIV_OK && i < s->n_stacks; i++)
        status = check_stack(&c, &s->stacks[i]);
    c.n_saved = 0; /* a value saved in one stack does not exist in the others */
    if (status == VIV_OK && s->input)
        status = check_expr(&c, s->input);
    if (status == VIV_OK)
        status = check_some(&c, s->graph);
    for (uint32_t i = 0; status == VIV_OK && i < s->n_weights; i++)
        status = check_weight(&c, &s->weights[i]);
    for (uint32_t i = 0; status == VIV_OK && i < s->n_weights; i++)
        if (!c.weight_used[i] && strcmp(s->weights[i].at.file, s->at.file) == 0)
            status =
                yaml_error(err, s->weights[i].at, VIV_EINVAL, "weight '%s' is used by no layer", s->weights[i].key);
    for (uint32_t d = 0; status == VIV_OK && d < s->n_documents; d++)
        for (uint32_t i = 0; status == VIV_OK && s->refuse[d] && i < s->refuse[d]->n; i++)
            status = check_expr(&c, yaml_get(s->refuse[d]->items[i], "when"));
    for (uint32_t d = 0; status == VIV_OK && d < s->n_documents; d++)
        for (uint32_t i = 0; status == VIV_OK && s->ignore[d] && i < s->ignore[d]->n; i++)
            if (s->ignore[d]->items[i]->kind == YAML_SCALAR) /* others are an error where they are used */
                status = check_holes(&c, s->ignore[d]->items[i]);
    for (uint32_t d = 0; status == VIV_OK && d < s->n_documents; d++)
        for (uint32_t i = 0; status == VIV_OK && s->without_effect[d] && i < s->without_effect[d]->n; i++)
            if (s->without_effect[d]->items[i]->kind != YAML_SCALAR)
                status = yaml_error(err, s->without_effect[d]->items[i]->at, VIV_EINVAL,
                                    "expected a path into config.json or a glob");
    free(c.weight_used);
    arena_release(&arena);
    return status;
}
