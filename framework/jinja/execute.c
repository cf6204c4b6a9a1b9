/* execute.c - executes statements. */
#include "jinja/evaluate.h"

#include <string.h>

/* --- set ----------------------------------------------------------------------------------------------------- */

/* name, namespace.name, or a tuple of such */
static bool assign(struct run *r, struct scope *s, const struct node *target, const struct value *v)
{
    struct value object;
    const struct list *items;
    r->line = target->line;
    if (target->kind == E_NAME)
        return jinja_set_variable(r, s, target->name, v);
    if (target->kind == E_ATTR) {
        if (!jinja_eval(r, s, target->a, &object))
            return false;
        struct value key = jinja_make_literal(target->name);
        if (object.kind != NAMESPACE)
            return jinja_fail(r, VIV_EINVAL, "only a namespace's attributes can be set, '%.60s' is %s",
                              target->a->name, jinja_kind_name(&object));
        if (target->name[0] == '_')
            return jinja_fail(r, VIV_EINVAL, "a namespace has no names that begin with '_', found '%.60s'",
                              target->name);
        return jinja_dict_put(r, object.dict, &key, v);
    }
    if (!jinja_items(r, v, &items))
        return false;
    if (items->n != target->list.n)
        return jinja_fail(r, VIV_EINVAL, "%zu names, and %zu values to unpack", target->list.n, items->n);
    for (size_t i = 0; i < items->n; i++)
        if (!assign(r, s, target->list.items[i], &items->items[i]))
            return false;
    return true;
}

/* Executes statements, and returns what they print. */
bool jinja_capture(struct run *r, struct scope *s, const struct nodes *list, struct value *out)
{
    struct buf b = {0}, *outer = r->out;
    r->out = &b;
    bool ok = jinja_execute(r, s, list) != FAILED;
    r->out = outer;
    if (ok)
        return jinja_take_buf(r, &b, out);
    buf_release(&b);
    return false;
}

/* --- statements ---------------------------------------------------------------------------------------------- */

/* The items for which the condition of the loop is true. */
static bool select_items(struct run *r, struct scope *s, const struct node *n, const struct list **items)
{
    struct list *kept = jinja_make_list(r, (*items)->n);
    size_t count = 0;
    if (!kept)
        return false;
    for (size_t i = 0; i < (*items)->n; i++) {
        struct scope *inner = jinja_open_scope(r, s);
        struct value holds;
        if (!inner || !assign(r, inner, n->a, &(*items)->items[i]) || !jinja_eval(r, inner, n->c, &holds))
            return false;
        if (jinja_truth(&holds))
            kept->items[count++] = (*items)->items[i];
    }
    kept->n = count;
    *items = kept;
    return true;
}

enum flow jinja_run_loop(struct run *r, const struct node *n, struct scope *s, const struct list *items,
                         uint32_t depth)
{
    struct loop *l = jinja_alloc(r, sizeof *l);
    if (!l || (n->c && !select_items(r, s, n, &items)))
        return FAILED;
    *l = (struct loop){.items = items, .depth = depth, .node = n, .scope = s};
    for (; l->index < items->n; l->index++) {
        struct scope *inner = jinja_open_scope(r, s);
        struct value loop = {.kind = LOOP, .loop = l};
        if (!inner || !jinja_set_variable(r, inner, "loop", &loop) ||
            !assign(r, inner, n->a, &items->items[l->index]))
            return FAILED;
        enum flow flow = jinja_execute(r, inner, &n->list);
        if (flow == FAILED)
            return FAILED;
        if (flow == BREAK)
            break;
    }
    return items->n ? NEXT : jinja_execute(r, s, &n->others);
}

static enum flow run_for(struct run *r, struct scope *s, const struct node *n)
{
    struct value v;
    const struct list *items;
    if (!jinja_eval(r, s, n->b, &v) || !jinja_items(r, &v, &items))
        return FAILED;
    return jinja_run_loop(r, n, s, items, 0);
}

static enum flow run_if(struct run *r, struct scope *s, const struct node *n)
{
    for (; n; n = n->c) {
        struct value v = jinja_make_bool(true);
        if (n->kind == S_IF && !jinja_eval(r, s, n->a, &v))
            return FAILED;
        if (jinja_truth(&v))
            return jinja_execute(r, s, &n->list);
    }
    return NEXT;
}

static bool make_macro(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct macro *m = jinja_alloc(r, sizeof *m);
    if (!m)
        return false;
    *m = (struct macro){n, s};
    *out = (struct value){.kind = MACRO, .macro = m};
    return true;
}

/* {% call(x) f(y) %}...{% endcall %}: f gets the body as its `caller`. */
static bool run_call(struct run *r, struct scope *s, const struct node *n)
{
    struct value f, caller, v;
    struct args a;
    if (!jinja_eval(r, s, n->a->a, &f) || !jinja_eval_arguments(r, s, &n->a->list, &a) ||
        !make_macro(r, s, n, &caller))
        return false;
    struct named *names = jinja_alloc(r, (a.n_named + 1) * sizeof *names);
    if (!names)
        return false;
    if (a.n_named)
        memcpy(names, a.named, a.n_named * sizeof *names);
    names[a.n_named] = (struct named){"caller", caller};
    a.named = names;
    a.n_named++;
    return jinja_call_value(r, &f, &a, &v) && jinja_print(r, &v, r->out);
}

static bool run_capture(struct run *r, struct scope *s, const struct node *n)
{
    struct scope *inner = jinja_open_scope(r, s);
    struct value v;
    if (!inner || !jinja_capture(r, inner, &n->list, &v))
        return false;
    if (n->b && !jinja_eval_filter(r, s, n->b, &v, &v))
        return false;
    return assign(r, s, n->a, &v);
}

static bool run_filter(struct run *r, struct scope *s, const struct node *n)
{
    struct scope *inner = jinja_open_scope(r, s);
    struct value v;
    return inner && jinja_capture(r, inner, &n->list, &v) && jinja_eval_filter(r, s, n->b, &v, &v) &&
           jinja_print(r, &v, r->out);
}

static enum flow run_with(struct run *r, struct scope *s, const struct node *n)
{
    struct scope *inner = jinja_open_scope(r, s);
    if (!inner)
        return FAILED;
    for (size_t i = 0; i < n->params.n; i++) {
        struct value v;
        if (!jinja_eval(r, s, n->params.items[i]->a, &v) ||
            !jinja_set_variable(r, inner, n->params.items[i]->name, &v))
            return FAILED;
    }
    return jinja_execute(r, inner, &n->list);
}

/* A block sees the variables that were set outside of loops and macros. A scoped block also sees
 * those around it. */
static enum flow run_block(struct run *r, struct scope *s, const struct node *n)
{
    while (!n->negated && s->parent)
        s = s->parent;
    struct scope *inner = jinja_open_scope(r, s);
    return inner ? jinja_execute(r, inner, &n->list) : FAILED;
}

static bool run_out(struct run *r, struct scope *s, const struct node *n)
{
    struct value v;
    size_t before = r->out->size;
    if (!jinja_eval(r, s, n->a, &v) || !jinja_print(r, &v, r->out))
        return false;
    return jinja_emit(r, "", 0) && ((r->output += r->out->size - before) <= MAX_OUTPUT || jinja_emit(r, "", 0));
}

static enum flow run_statement(struct run *r, struct scope *s, const struct node *n)
{
    struct value v;
    bool ok;
    r->line = n->line;
    switch (n->kind) {
    case S_TEXT:
        ok = jinja_emit(r, n->value.s.text, n->value.s.size);
        break;
    case S_OUT:
        ok = run_out(r, s, n);
        break;
    case S_IF:
        return run_if(r, s, n);
    case S_FOR:
        return run_for(r, s, n);
    case S_SET:
        ok = jinja_eval(r, s, n->b, &v) && assign(r, s, n->a, &v);
        break;
    case S_CAPTURE:
        ok = run_capture(r, s, n);
        break;
    case S_MACRO:
        ok = make_macro(r, s, n, &v) && jinja_set_variable(r, s, n->name, &v);
        break;
    case S_CALL:
        ok = run_call(r, s, n);
        break;
    case S_FILTER:
        ok = run_filter(r, s, n);
        break;
    case S_WITH:
        return run_with(r, s, n);
    case S_SCOPE:
        if (n->a && (!jinja_eval(r, s, n->a, &v) ||
                     (jinja_truth(&v) &&
                      !jinja_fail(r, VIV_EUNSUPPORTED, "autoescape is not supported: prompts are no HTML"))))
            return FAILED;
        return jinja_execute(r, s, &n->list);
    case S_BLOCK:
        return run_block(r, s, n);
    case S_REFUSED:
        ok = jinja_fail(r, VIV_EUNSUPPORTED, "the statement '%s' is not supported: a chat template is one file",
                        n->name);
        break;
    default:
        return n->kind == S_BREAK ? BREAK : CONTINUE;
    }
    return ok ? NEXT : FAILED;
}

enum flow jinja_execute(struct run *r, struct scope *s, const struct nodes *list)
{
    enum flow flow = NEXT;
    if (++r->depth > 4 * MAX_DEPTH) {
        jinja_set_error(r, VIV_ELIMIT, "nested more than %d deep", 4 * MAX_DEPTH);
        return FAILED;
    }
    for (size_t i = 0; i < list->n && flow == NEXT; i++)
        flow = jinja_step(r, 1) ? run_statement(r, s, list->items[i]) : FAILED;
    r->depth--;
    return flow;
}

bool jinja_evaluate(struct run *r, const struct node *root, const struct value *variables)
{
    struct scope *s = jinja_open_scope(r, NULL);
    if (!s)
        return false;
    s->data = variables->dict;
    return jinja_execute(r, s, &root->list) != FAILED;
}
