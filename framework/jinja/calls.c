/* calls.c - calls of macros, loops and functions, and their arguments. */
#include "jinja/evaluate.h"

#include <string.h>

/* --- arguments ----------------------------------------------------------------------------------------------- */

static bool unpack(struct run *r, const struct value *v, bool named, struct args *a, struct value *values,
                   struct named *names)
{
    const struct list *items;
    if (!named) {
        if (!jinja_items(r, v, &items))
            return false;
        for (size_t i = 0; i < items->n; i++)
            values[a->n++] = items->items[i];
        return true;
    }
    for (size_t i = 0; i < v->dict->n; i++) {
        const struct entry *e = &v->dict->entries[i];
        if (e->key.kind != STRING)
            return jinja_fail(r, VIV_EINVAL, "the names of arguments are texts, found %s",
                              jinja_kind_name(&e->key));
        names[a->n_named++] = (struct named){e->key.s.text, e->value};
    }
    return true;
}

/* The arguments of a call. Their number is known only after they were evaluated, because of * and **. */
bool jinja_eval_arguments(struct run *r, struct scope *s, const struct nodes *list, struct args *out)
{
    struct value *given = jinja_alloc(r, list->n * sizeof *given);
    size_t n = 0, n_named = 0;
    if (!given)
        return false;
    for (size_t i = 0; i < list->n; i++) {
        const struct node *a = list->items[i];
        const struct list *items;
        if (!jinja_eval(r, s, a->a, &given[i]))
            return false;
        if (!a->name) {
            n++;
        } else if (strcmp(a->name, "*") == 0) {
            if (!jinja_items(r, &given[i], &items))
                return false;
            n += items->n;
        } else if (strcmp(a->name, "**") == 0) {
            if (given[i].kind != DICT)
                return jinja_fail(r, VIV_EINVAL, "'**': expected a dict, found %s", jinja_kind_name(&given[i]));
            n_named += given[i].dict->n;
        } else {
            n_named++;
        }
    }
    struct value *values = jinja_alloc(r, n * sizeof *values);
    struct named *names = jinja_alloc(r, n_named * sizeof *names);
    if (!values || !names)
        return false;
    *out = (struct args){.values = values, .named = names};
    for (size_t i = 0; i < list->n; i++) {
        const char *name = list->items[i]->name;
        if (!name)
            values[out->n++] = given[i];
        else if (name[0] != '*')
            names[out->n_named++] = (struct named){name, given[i]};
        else if (!unpack(r, &given[i], name[1] == '*', out, values, names))
            return false;
    }
    return true;
}

/* --- macros -------------------------------------------------------------------------------------------------- */

static bool is_special(const char *name)
{
    return strcmp(name, "caller") == 0;
}

/* Sets varargs and kwargs to the arguments without a parameter; an error if the macro does not use them. */
static bool bind_rest(struct run *r, struct scope *s, const struct macro *m, const struct args *a, const bool *used)
{
    const size_t n_params = m->node->params.n;
    const char *name = m->node->name ? m->node->name : "caller";
    struct list *rest = jinja_make_list(r, a->n > n_params ? a->n - n_params : 0);
    struct dict *named = jinja_make_dict(r);
    if (!rest || !named)
        return false;
    if (rest->n && !(m->node->uses & USES_VARARGS))
        return jinja_fail(r, VIV_EINVAL, "the macro '%.60s' takes at most %zu arguments, found %zu", name, n_params,
                          a->n);
    for (size_t i = 0; i < rest->n; i++)
        rest->items[i] = a->values[n_params + i];
    for (size_t i = 0; i < a->n_named; i++) {
        struct value key = jinja_make_literal(a->named[i].name);
        if (used[i] || (is_special(a->named[i].name) && m->node->uses & USES_CALLER))
            continue;
        if (!(m->node->uses & USES_KWARGS))
            return jinja_fail(r, VIV_EINVAL, "the macro '%.60s' has no parameter '%.60s'", name, a->named[i].name);
        if (!jinja_dict_put(r, named, &key, &a->named[i].value))
            return false;
    }
    const struct value varargs = jinja_list_value(rest, TUPLE), kwargs = {.kind = DICT, .dict = named};
    return jinja_set_variable(r, s, "varargs", &varargs) && jinja_set_variable(r, s, "kwargs", &kwargs);
}

static bool call_macro(struct run *r, const struct macro *m, const struct args *a, struct value *out)
{
    struct scope *s = jinja_open_scope(r, m->scope);
    const struct nodes *params = &m->node->params;
    bool *used = jinja_alloc(r, a->n_named + 1);
    const uint32_t line = r->line;
    if (!s || !used)
        return false;
    for (size_t i = 0; i < params->n; i++) {
        const char *name = params->items[i]->name;
        struct value v = jinja_make_undefined(name);
        bool given = i < a->n;
        if (given)
            v = a->values[i];
        for (size_t j = 0; j < a->n_named; j++)
            if (strcmp(a->named[j].name, name) == 0) {
                if (given)
                    return jinja_fail(r, VIV_EINVAL, "the macro is given its argument '%.60s' twice", name);
                v = a->named[j].value;
                given = used[j] = true;
            }
        if (!given && params->items[i]->a && !jinja_eval(r, s, params->items[i]->a, &v))
            return false;
        if (!jinja_set_variable(r, s, name, &v))
            return false;
    }
    const struct value nobody = jinja_make_undefined("caller");
    const struct value *caller = m->node->uses & USES_CALLER ? &nobody : NULL;
    for (size_t j = 0; caller && j < a->n_named; j++)
        if (is_special(a->named[j].name) && !used[j])
            caller = &a->named[j].value;
    r->line = line;
    return (!caller || jinja_set_variable(r, s, "caller", caller)) && bind_rest(r, s, m, a, used) &&
           jinja_capture(r, s, &m->node->list, out);
}

bool jinja_macro_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    const struct node *n = v->macro->node;
    if (strcmp(name, "name") == 0) {
        *out = n->name ? jinja_make_literal(n->name) : jinja_make_literal("caller");
    } else if (strcmp(name, "arguments") == 0) {
        struct list *l = jinja_make_list(r, n->params.n);
        for (size_t i = 0; l && i < l->n; i++)
            l->items[i] = jinja_make_literal(n->params.items[i]->name);
        *out = jinja_list_value(l, TUPLE);
        return l != NULL;
    } else if (strcmp(name, "catch_varargs") == 0) {
        *out = jinja_make_bool(n->uses & USES_VARARGS);
    } else if (strcmp(name, "catch_kwargs") == 0) {
        *out = jinja_make_bool(n->uses & USES_KWARGS);
    } else if (strcmp(name, "caller") == 0) {
        *out = jinja_make_bool(n->uses & USES_CALLER);
    } else {
        *out = jinja_make_missing(v, name);
    }
    return true;
}

/* --- loops --------------------------------------------------------------------------------------------------- */

/* loop(items), in a recursive loop */
static bool call_loop(struct run *r, const struct loop *l, const struct args *a, struct value *out)
{
    const struct list *items;
    struct buf b = {0}, *outer = r->out;
    if (!l->node->negated || a->n != 1)
        return jinja_fail(r, VIV_EINVAL, "only a recursive loop can be called, with one argument");
    if (!jinja_items(r, &a->values[0], &items))
        return false;
    r->out = &b;
    bool ok = jinja_run_loop(r, l->node, l->scope, items, l->depth + 1) != FAILED;
    r->out = outer;
    if (ok)
        return jinja_take_buf(r, &b, out);
    buf_release(&b);
    return false;
}

static bool loop_cycle(struct run *r, const struct value *self, const struct args *a, struct value *out)
{
    if (a->n == 0)
        return jinja_fail(r, VIV_EINVAL, "cycle: expected at least one value");
    *out = a->values[self->loop->index % a->n];
    return true;
}

static bool loop_changed(struct run *r, const struct value *self, const struct args *a, struct value *out)
{
    struct list *l = jinja_make_list(r, a->n);
    struct value *now = jinja_alloc(r, sizeof *now);
    if (!l || !now)
        return false;
    for (size_t i = 0; i < a->n; i++)
        l->items[i] = a->values[i];
    *now = jinja_list_value(l, TUPLE);
    *out = jinja_make_bool(!self->loop->changed || !jinja_equal(r, self->loop->changed, now));
    self->loop->changed = now;
    return true;
}

bool jinja_loop_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    static const struct callable cycle = {"cycle", loop_cycle, "*"}, changed = {"changed", loop_changed, "*"};
    const struct loop *l = v->loop;
    const int64_t i = (int64_t)l->index, n = (int64_t)l->items->n;
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"index", i + 1}, {"index0", i},           {"revindex", n - i}, {"revindex0", n - i - 1},
                   {"length", n},    {"depth", l->depth + 1}, {"depth0", l->depth}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (strcmp(name, numbers[k].name) == 0) {
            *out = jinja_make_int(numbers[k].value);
            return true;
        }
    if (strcmp(name, "first") == 0)
        *out = jinja_make_bool(i == 0);
    else if (strcmp(name, "last") == 0)
        *out = jinja_make_bool(i == n - 1);
    else if (strcmp(name, "previtem") == 0)
        *out = i > 0 ? l->items->items[i - 1] : jinja_make_missing(v, name);
    else if (strcmp(name, "nextitem") == 0)
        *out = i + 1 < n ? l->items->items[i + 1] : jinja_make_missing(v, name);
    else if (strcmp(name, "cycle") == 0)
        return jinja_make_function(r, &cycle, v, out);
    else if (strcmp(name, "changed") == 0)
        return jinja_make_function(r, &changed, v, out);
    else
        *out = jinja_make_missing(v, name);
    return true;
}

/* --- all ----------------------------------------------------------------------------------------------------- */

bool jinja_call_value(struct run *r, const struct value *f, const struct args *a, struct value *out)
{
    bool ok;
    if (++r->depth > MAX_DEPTH)
        return jinja_fail(r, VIV_ELIMIT, "calls nested more than %d deep", MAX_DEPTH);
    switch (f->kind) {
    case MACRO:
        ok = call_macro(r, f->macro, a, out);
        break;
    case FUNCTION:
        ok = jinja_invoke(r, f->bound->f, f->bound->self ? f->bound->self : f, a, out);
        break;
    case LOOP:
        ok = call_loop(r, f->loop, a, out);
        break;
    case UNDEFINED:
        ok = f->name && f->owner == UNDEFINED ? jinja_fail(r, VIV_EINVAL, "there is no function '%.60s'", f->name)
                                              : jinja_fail_undefined(r, f, "cannot be called");
        break;
    default:
        ok = jinja_fail(r, VIV_EINVAL, "%s cannot be called", jinja_kind_name(f));
    }
    r->depth--;
    return ok;
}
