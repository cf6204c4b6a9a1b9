/* eval.c - evaluates names and expressions. */
#include "jinja/evaluate.h"

#include <string.h>

/* --- names --------------------------------------------------------------------------------------------------- */

bool jinja_set_variable(struct run *r, struct scope *s, const char *name, const struct value *v)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->variables[i].name, name) == 0) {
            s->variables[i].value = *v;
            return jinja_step(r, 1);
        }
    if (s->n == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 4;
        struct variable *grown = jinja_alloc(r, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (s->n)
            memcpy(grown, s->variables, s->n * sizeof *grown);
        s->variables = grown;
        s->capacity = capacity;
    }
    s->variables[s->n++] = (struct variable){name, *v};
    return jinja_step(r, 1 + s->n / 16);
}

static bool lookup(struct run *r, const struct scope *s, const char *name, struct value *out)
{
    for (; s; s = s->parent) {
        for (size_t i = s->n; i-- > 0;)
            if (strcmp(s->variables[i].name, name) == 0) {
                *out = s->variables[i].value;
                return true;
            }
        const struct value *given = s->data ? jinja_dict_find(s->data, name) : NULL;
        if (given) {
            *out = *given;
            return true;
        }
    }
    const struct callable *f = jinja_find_global(name);
    if (f)
        return jinja_make_function(r, f, NULL, out);
    *out = jinja_make_undefined(name);
    return true;
}

struct scope *jinja_open_scope(struct run *r, struct scope *parent)
{
    struct scope *s = jinja_alloc(r, sizeof *s);
    if (s)
        s->parent = parent;
    return s;
}

/* --- expressions --------------------------------------------------------------------------------------------- */

static bool eval_list(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct list *l = jinja_make_list(r, n->list.n);
    if (!l)
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (!jinja_eval(r, s, n->list.items[i], &l->items[i]))
            return false;
    *out = jinja_list_value(l, n->kind == E_LIST ? LIST : TUPLE);
    return true;
}

static bool eval_dict(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct dict *d = jinja_make_dict(r);
    if (!d)
        return false;
    for (size_t i = 0; i + 1 < n->list.n; i += 2) {
        struct value key, value;
        if (!jinja_eval(r, s, n->list.items[i], &key) || !jinja_eval(r, s, n->list.items[i + 1], &value))
            return false;
        if (!jinja_dict_put(r, d, &key, &value))
            return false;
    }
    *out = (struct value){.kind = DICT, .dict = d};
    return true;
}

static bool eval_slice(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value v, from = {.kind = NONE}, to = {.kind = NONE}, by = {.kind = NONE};
    return jinja_eval(r, s, n->a, &v) && (!n->b || jinja_eval(r, s, n->b, &from)) &&
           (!n->c || jinja_eval(r, s, n->c, &to)) && (!n->list.n || jinja_eval(r, s, n->list.items[0], &by)) &&
           jinja_get_slice(r, &v, &from, &to, &by, out);
}

static bool eval_call(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value f;
    struct args a;
    if (!jinja_eval(r, s, n->a, &f) || !jinja_eval_arguments(r, s, &n->list, &a))
        return false;
    r->line = n->line;
    return jinja_call_value(r, &f, &a, out);
}

/* `v`: the value to filter, or NULL to evaluate it. A chain of filters ends in the node without one. */
bool jinja_eval_filter(struct run *r, struct scope *s, const struct node *n, const struct value *v,
                       struct value *out)
{
    struct value self;
    struct args a;
    bool ok = true;
    if (v && !n->a)
        self = *v;
    else if (v && n->a->kind == E_FILTER)
        ok = jinja_eval_filter(r, s, n->a, v, &self);
    else
        ok = jinja_eval(r, s, n->a, &self);
    if (!ok || !jinja_eval_arguments(r, s, &n->list, &a))
        return false;
    r->line = n->line;
    return jinja_call_filter(r, n->name, &self, &a, out);
}

static bool eval_test(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value v;
    struct args a;
    bool holds;
    if (!jinja_eval(r, s, n->a, &v) || !jinja_eval_arguments(r, s, &n->list, &a) ||
        !jinja_call_test(r, n->name, &v, &a, &holds))
        return false;
    *out = jinja_make_bool(holds != n->negated);
    return true;
}

static bool relations(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value a, b;
    bool holds = true;
    if (!jinja_eval(r, s, n->a, &a))
        return false;
    for (size_t i = 0; i < n->list.n && holds; i++) {
        const struct node *group = n->list.items[i];
        if (!jinja_eval(r, s, group->a, &b) || !jinja_relation(r, group->name, &a, &b, &holds))
            return false;
        a = b;
    }
    *out = jinja_make_bool(holds);
    return true;
}

static bool eval_node(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value a, b;
    switch (n->kind) {
    case E_VALUE:
        *out = n->value;
        return true;
    case E_NAME:
        return lookup(r, s, n->name, out);
    case E_LIST:
    case E_TUPLE:
        return eval_list(r, s, n, out);
    case E_DICT:
        return eval_dict(r, s, n, out);
    case E_ATTR:
        return jinja_eval(r, s, n->a, &a) && jinja_get_attr(r, &a, n->name, out);
    case E_ITEM:
        return jinja_eval(r, s, n->a, &a) && jinja_eval(r, s, n->b, &b) && jinja_get_item(r, &a, &b, out);
    case E_SLICE:
        return eval_slice(r, s, n, out);
    case E_CALL:
        return eval_call(r, s, n, out);
    case E_FILTER:
        return jinja_eval_filter(r, s, n, NULL, out);
    case E_TEST:
        return eval_test(r, s, n, out);
    case E_NOT:
        if (!jinja_eval(r, s, n->a, &a))
            return false;
        *out = jinja_make_bool(!jinja_truth(&a));
        return true;
    case E_NEGATE:
    case E_PLUS:
        return jinja_eval(r, s, n->a, &a) && jinja_sign(r, n->kind == E_NEGATE, &a, out);
    case E_AND:
    case E_OR:
        if (!jinja_eval(r, s, n->a, out))
            return false;
        return jinja_truth(out) == (n->kind == E_OR) || jinja_eval(r, s, n->b, out);
    case E_IF:
        if (!jinja_eval(r, s, n->a, &a))
            return false;
        if (jinja_truth(&a))
            return jinja_eval(r, s, n->b, out);
        *out = jinja_make_undefined(NULL);
        return !n->c || jinja_eval(r, s, n->c, out);
    case E_COMPARE:
        return relations(r, s, n, out);
    default:
        if (!jinja_eval(r, s, n->a, &a) || !jinja_eval(r, s, n->b, &b))
            return false;
        r->line = n->line;
        return jinja_binary(r, n->name, &a, &b, out);
    }
}

bool jinja_eval(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    if (!jinja_step(r, 1))
        return false;
    if (++r->depth > 4 * MAX_DEPTH)
        return jinja_fail(r, VIV_ELIMIT, "nested more than %d deep", 4 * MAX_DEPTH);
    r->line = n->line;
    bool ok = eval_node(r, s, n, out);
    r->depth--;
    return ok;
}
