/* eval.c - the tree, walked: statements print, expressions become values. */
#include "text/jinja/jinja.h"

#include <inttypes.h>
#include <string.h>

/* Names and what they stand for; loops, macros and blocks open a scope of their own. */
struct scope {
    struct scope *parent;
    struct variable {
        const char *name;
        struct value value;
    } * variables;
    size_t n, capacity;
    const struct dict *data; /* of the outermost: what the caller gave */
};

struct macro {
    const struct node *node;
    struct scope *scope; /* where it was defined */
};

struct loop {
    const struct list *items;
    size_t index;
    uint32_t depth;
    const struct node *node;
    struct scope *scope; /* around the loop */
    const struct value *changed;
};

enum flow { FAILED, NEXT, BREAK, CONTINUE };

static enum flow execute(struct run *r, struct scope *s, const struct nodes *list);
static bool eval(struct run *r, struct scope *s, const struct node *n, struct value *out);

/* --- names --------------------------------------------------------------------------------------------------- */

static bool set(struct run *r, struct scope *s, const char *name, const struct value *v)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->variables[i].name, name) == 0) {
            s->variables[i].value = *v;
            return step(r, 1);
        }
    if (s->n == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 4;
        struct variable *grown = take(r, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (s->n)
            memcpy(grown, s->variables, s->n * sizeof *grown);
        s->variables = grown;
        s->capacity = capacity;
    }
    s->variables[s->n++] = (struct variable){name, *v};
    return step(r, 1 + s->n / 16);
}

static bool make_function(struct run *r, function *call, const struct value *self, const char *name,
                          struct value *out)
{
    struct bound *b = take(r, sizeof *b);
    struct value *kept = self ? take(r, sizeof *kept) : NULL;
    if (!b || (self && !kept))
        return false;
    if (self)
        *kept = *self;
    *b = (struct bound){call, kept, name};
    *out = (struct value){.kind = FUNCTION, .bound = b};
    return true;
}

static bool lookup(struct run *r, const struct scope *s, const char *name, struct value *out)
{
    for (; s; s = s->parent) {
        for (size_t i = s->n; i-- > 0;)
            if (strcmp(s->variables[i].name, name) == 0) {
                *out = s->variables[i].value;
                return true;
            }
        const struct value *given = s->data ? dict_find(s->data, name) : NULL;
        if (given) {
            *out = *given;
            return true;
        }
    }
    function *f = find_global(name);
    if (f)
        return make_function(r, f, NULL, name, out);
    *out = make_undefined(name);
    return true;
}

static struct scope *open_scope(struct run *r, struct scope *parent)
{
    struct scope *s = take(r, sizeof *s);
    if (s)
        s->parent = parent;
    return s;
}

/* name, namespace.name, or a tuple of such */
static bool assign(struct run *r, struct scope *s, const struct node *target, const struct value *v)
{
    struct value object;
    const struct list *items;
    r->line = target->line;
    if (target->kind == E_NAME)
        return set(r, s, target->name, v);
    if (target->kind == E_ATTR) {
        if (!eval(r, s, target->a, &object))
            return false;
        struct value key = make_literal(target->name);
        if (object.kind != NAMESPACE)
            return fail_at(r, VIV_EINVAL, "only a namespace's attributes can be set, '%.60s' is %s",
                           target->a->name, kind_name(&object));
        return dict_put(r, object.dict, &key, v);
    }
    if (!items_of(r, v, &items))
        return false;
    if (items->n != target->list.n)
        return fail_at(r, VIV_EINVAL, "%zu names, and %zu values to unpack", target->list.n, items->n);
    for (size_t i = 0; i < items->n; i++)
        if (!assign(r, s, target->list.items[i], &items->items[i]))
            return false;
    return true;
}

/* What statements print, as a text. */
static bool capture(struct run *r, struct scope *s, const struct nodes *list, struct value *out)
{
    struct buf b = {0}, *outer = r->out;
    r->out = &b;
    bool ok = execute(r, s, list) != FAILED;
    r->out = outer;
    if (ok)
        return take_buf(r, &b, out);
    buf_release(&b);
    return false;
}

/* --- calls --------------------------------------------------------------------------------------------------- */

static bool unpack(struct run *r, const struct value *v, bool named, struct args *a, struct value *values,
                   struct named *names)
{
    const struct list *items;
    if (!named) {
        if (!items_of(r, v, &items))
            return false;
        for (size_t i = 0; i < items->n; i++)
            values[a->n++] = items->items[i];
        return true;
    }
    for (size_t i = 0; i < v->dict->n; i++) {
        const struct entry *e = &v->dict->entries[i];
        if (e->key.kind != STRING)
            return fail_at(r, VIV_EINVAL, "the names of arguments are texts, found %s", kind_name(&e->key));
        names[a->n_named++] = (struct named){e->key.s.text, e->value};
    }
    return true;
}

/* The arguments of a call; how many they are is only known once they are evaluated. */
static bool evaluate_arguments(struct run *r, struct scope *s, const struct nodes *list, struct args *out)
{
    struct value *given = take(r, list->n * sizeof *given);
    size_t n = 0, n_named = 0;
    if (!given)
        return false;
    for (size_t i = 0; i < list->n; i++) {
        const struct node *a = list->items[i];
        const struct list *items;
        if (!eval(r, s, a->a, &given[i]))
            return false;
        if (!a->name) {
            n++;
        } else if (strcmp(a->name, "*") == 0) {
            if (!items_of(r, &given[i], &items))
                return false;
            n += items->n;
        } else if (strcmp(a->name, "**") == 0) {
            if (given[i].kind != DICT)
                return fail_at(r, VIV_EINVAL, "'**' wants a dict, found %s", kind_name(&given[i]));
            n_named += given[i].dict->n;
        } else {
            n_named++;
        }
    }
    struct value *values = take(r, n * sizeof *values);
    struct named *names = take(r, n_named * sizeof *names);
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

static bool bind_rest(struct run *r, struct scope *s, const struct args *a, size_t n_params, const bool *used)
{
    struct list *rest = make_list(r, a->n > n_params ? a->n - n_params : 0);
    struct dict *named = make_dict(r);
    if (!rest || !named)
        return false;
    for (size_t i = 0; i < rest->n; i++)
        rest->items[i] = a->values[n_params + i];
    for (size_t i = 0; i < a->n_named; i++) {
        struct value key = make_literal(a->named[i].name);
        if (!used[i] && strcmp(a->named[i].name, "caller") != 0 && !dict_put(r, named, &key, &a->named[i].value))
            return false;
    }
    struct value varargs = of_list(rest, TUPLE), kwargs = {.kind = DICT, .dict = named};
    return set(r, s, "varargs", &varargs) && set(r, s, "kwargs", &kwargs);
}

static bool call_macro(struct run *r, const struct macro *m, const struct args *a, struct value *out)
{
    struct scope *s = open_scope(r, m->scope);
    const struct nodes *params = &m->node->params;
    bool *used = take(r, a->n_named + 1);
    if (!s || !used)
        return false;
    for (size_t i = 0; i < params->n; i++) {
        const char *name = params->items[i]->name;
        struct value v = make_undefined(name);
        bool given = i < a->n;
        if (given)
            v = a->values[i];
        for (size_t j = 0; j < a->n_named && !given; j++)
            if (strcmp(a->named[j].name, name) == 0) {
                v = a->named[j].value;
                given = used[j] = true;
            }
        if (!given && params->items[i]->a && !eval(r, s, params->items[i]->a, &v))
            return false;
        if (!set(r, s, name, &v))
            return false;
    }
    for (size_t j = 0; j < a->n_named; j++)
        if (strcmp(a->named[j].name, "caller") == 0 && !set(r, s, "caller", &a->named[j].value))
            return false;
    return bind_rest(r, s, a, params->n, used) && capture(r, s, &m->node->list, out);
}

static enum flow run_loop(struct run *r, const struct node *n, struct scope *s, const struct list *items,
                          uint32_t depth);

/* loop(items), in a recursive loop */
static bool call_loop(struct run *r, const struct loop *l, const struct args *a, struct value *out)
{
    const struct list *items;
    struct buf b = {0}, *outer = r->out;
    if (!l->node->negated || a->n != 1)
        return fail_at(r, VIV_EINVAL, "only a recursive loop can be called, with one argument");
    if (!items_of(r, &a->values[0], &items))
        return false;
    r->out = &b;
    bool ok = run_loop(r, l->node, l->scope, items, l->depth + 1) != FAILED;
    r->out = outer;
    if (ok)
        return take_buf(r, &b, out);
    buf_release(&b);
    return false;
}

bool call_value(struct run *r, const struct value *f, const struct args *a, struct value *out)
{
    bool ok;
    if (++r->depth > MAX_DEPTH)
        return fail_at(r, VIV_ELIMIT, "calls nested more than %d deep", MAX_DEPTH);
    switch (f->kind) {
    case MACRO:
        ok = call_macro(r, f->macro, a, out);
        break;
    case FUNCTION:
        ok = f->bound->call(r, f->bound->self, a, out);
        break;
    case LOOP:
        ok = call_loop(r, f->loop, a, out);
        break;
    case UNDEFINED:
        ok = fail_at(r, VIV_EINVAL, "there is no function '%.60s'", f->name ? f->name : "");
        break;
    default:
        ok = fail_at(r, VIV_EINVAL, "%s cannot be called", kind_name(f));
    }
    r->depth--;
    return ok;
}

/* --- attributes ---------------------------------------------------------------------------------------------- */

static bool loop_cycle(struct run *r, const struct value *self, const struct args *a, struct value *out)
{
    if (a->n == 0)
        return fail_at(r, VIV_EINVAL, "cycle wants what to go round");
    *out = a->values[self->loop->index % a->n];
    return true;
}

static bool loop_changed(struct run *r, const struct value *self, const struct args *a, struct value *out)
{
    struct list *l = make_list(r, a->n);
    struct value *now = take(r, sizeof *now);
    if (!l || !now)
        return false;
    for (size_t i = 0; i < a->n; i++)
        l->items[i] = a->values[i];
    *now = of_list(l, TUPLE);
    *out = make_bool(!self->loop->changed || !equal(r, self->loop->changed, now));
    self->loop->changed = now;
    return true;
}

static bool loop_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    const struct loop *l = v->loop;
    const int64_t i = (int64_t)l->index, n = (int64_t)l->items->n;
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"index", i + 1}, {"index0", i},           {"revindex", n - i}, {"revindex0", n - i - 1},
                   {"length", n},    {"depth", l->depth + 1}, {"depth0", l->depth}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (strcmp(name, numbers[k].name) == 0) {
            *out = make_int(numbers[k].value);
            return true;
        }
    if (strcmp(name, "first") == 0)
        *out = make_bool(i == 0);
    else if (strcmp(name, "last") == 0)
        *out = make_bool(i == n - 1);
    else if (strcmp(name, "previtem") == 0)
        *out = i > 0 ? l->items->items[i - 1] : make_undefined(name);
    else if (strcmp(name, "nextitem") == 0)
        *out = i + 1 < n ? l->items->items[i + 1] : make_undefined(name);
    else if (strcmp(name, "cycle") == 0)
        return make_function(r, loop_cycle, v, name, out);
    else if (strcmp(name, "changed") == 0)
        return make_function(r, loop_changed, v, name, out);
    else
        *out = make_undefined(name);
    return true;
}

bool get_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    if (v->kind == LOOP)
        return loop_attr(r, v, name, out);
    if (v->kind == UNDEFINED)
        return v->name ? fail_at(r, VIV_EINVAL, "'%.60s' is undefined, and has no '%.60s'", v->name, name)
                       : fail_at(r, VIV_EINVAL, "an undefined value has no '%.60s'", name);
    function *method = find_method(v, name);
    if (method)
        return make_function(r, method, v, name, out);
    const struct value *member = v->kind == DICT || v->kind == NAMESPACE ? dict_find(v->dict, name) : NULL;
    *out = member ? *member : make_undefined(name);
    return true;
}

bool get_item(struct run *r, const struct value *v, const struct value *key, struct value *out)
{
    *out = make_undefined(key->kind == STRING ? key->s.text : NULL);
    if (v->kind == DICT || v->kind == NAMESPACE) {
        const struct value *member = dict_get(r, v->dict, key);
        if (member)
            *out = *member;
        else if (key->kind == STRING && find_method(v, key->s.text))
            return get_attr(r, v, key->s.text, out);
        return step(r, 1 + v->dict->n / 8);
    }
    if ((is_list(v) || v->kind == STRING) && (key->kind == INT || key->kind == BOOL)) {
        const struct list *items;
        if (!items_of(r, v, &items))
            return false;
        int64_t n = (int64_t)items->n, i = key->i < 0 ? key->i + n : key->i;
        if (i >= 0 && i < n)
            *out = items->items[i];
        return true;
    }
    if (v->kind == UNDEFINED || key->kind == STRING)
        return get_attr(r, v, key->kind == STRING ? key->s.text : "item", out);
    return true;
}

/* Where a slice begins, ends and how it steps, as Python's slice.indices(). */
static bool slice_bound(struct run *r, struct scope *s, const struct node *n, int64_t otherwise, int64_t length,
                        int64_t by, int64_t *out)
{
    struct value v = {.kind = NONE};
    if (n && !eval(r, s, n, &v))
        return false;
    if (v.kind == NONE || (v.kind == UNDEFINED && !n)) {
        *out = otherwise;
        return true;
    }
    if (v.kind != INT && v.kind != BOOL)
        return fail_at(r, VIV_EINVAL, "a slice wants integers, found %s", kind_name(&v));
    int64_t low = by < 0 ? -1 : 0, high = by < 0 ? length - 1 : length;
    int64_t i = v.i < 0 ? (v.i < -length ? -length - 1 : v.i) + length : v.i;
    *out = i < low ? low : i > high ? high : i;
    return true;
}

static bool slice(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value v, by = {.kind = NONE};
    const struct list *items;
    if (!eval(r, s, n->a, &v) || (n->list.n && !eval(r, s, n->list.items[0], &by)))
        return false;
    if (!is_list(&v) && v.kind != STRING)
        return v.kind == UNDEFINED ? get_attr(r, &v, "slice", out)
                                   : fail_at(r, VIV_EINVAL, "%s cannot be sliced", kind_name(&v));
    if (by.kind != NONE && by.kind != INT)
        return fail_at(r, VIV_EINVAL, "a slice wants integers, found %s", kind_name(&by));
    if (!items_of(r, &v, &items))
        return false;
    int64_t length = (int64_t)items->n, stride = by.kind == INT ? by.i : 1, begin, end;
    if (stride == 0 || stride < -MAX_MEMORY || stride > MAX_MEMORY)
        return fail_at(r, VIV_EINVAL, "a slice cannot step by %" PRId64, stride);
    if (!slice_bound(r, s, n->b, stride < 0 ? length - 1 : 0, length, stride, &begin) ||
        !slice_bound(r, s, n->c, stride < 0 ? -1 : length, length, stride, &end))
        return false;
    int64_t count = stride > 0 ? (end - begin + stride - 1) / stride : (begin - end - stride - 1) / -stride;
    struct list *l = make_list(r, count > 0 ? (size_t)count : 0);
    if (!l || !step(r, l->n))
        return false;
    struct buf text = {0};
    for (size_t i = 0; i < l->n; i++) {
        l->items[i] = items->items[begin + (int64_t)i * stride];
        if (v.kind == STRING)
            buf_append(&text, l->items[i].s.text, l->items[i].s.size);
    }
    if (v.kind == STRING)
        return take_buf(r, &text, out);
    *out = of_list(l, v.kind);
    return true;
}

/* --- expressions --------------------------------------------------------------------------------------------- */

static bool eval_list(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct list *l = make_list(r, n->list.n);
    if (!l)
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (!eval(r, s, n->list.items[i], &l->items[i]))
            return false;
    *out = of_list(l, n->kind == E_LIST ? LIST : TUPLE);
    return true;
}

static bool eval_dict(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct dict *d = make_dict(r);
    if (!d)
        return false;
    for (size_t i = 0; i + 1 < n->list.n; i += 2) {
        struct value key, value;
        if (!eval(r, s, n->list.items[i], &key) || !eval(r, s, n->list.items[i + 1], &value))
            return false;
        if (key.kind >= LIST)
            return fail_at(r, VIV_EINVAL, "%s cannot be a key", kind_name(&key));
        if (!dict_put(r, d, &key, &value))
            return false;
    }
    *out = (struct value){.kind = DICT, .dict = d};
    return true;
}

static bool eval_call(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value f;
    struct args a;
    if (!eval(r, s, n->a, &f) || !evaluate_arguments(r, s, &n->list, &a))
        return false;
    r->line = n->line;
    return call_value(r, &f, &a, out);
}

/* `v`: what is filtered, or NULL to evaluate it; a chain of filters ends in the node without one. */
static bool eval_filter(struct run *r, struct scope *s, const struct node *n, const struct value *v,
                        struct value *out)
{
    struct value self;
    struct args a;
    bool ok = true;
    if (v && !n->a)
        self = *v;
    else if (v && n->a->kind == E_FILTER)
        ok = eval_filter(r, s, n->a, v, &self);
    else
        ok = eval(r, s, n->a, &self);
    if (!ok || !evaluate_arguments(r, s, &n->list, &a))
        return false;
    r->line = n->line;
    return find_filter(n->name)(r, &self, &a, out);
}

static bool eval_test(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value v;
    struct args a;
    bool holds;
    if (!eval(r, s, n->a, &v) || !evaluate_arguments(r, s, &n->list, &a) || !run_test(r, n->name, &v, &a, &holds))
        return false;
    *out = make_bool(holds != n->negated);
    return true;
}

static bool relations(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct value a, b;
    bool holds = true;
    if (!eval(r, s, n->a, &a))
        return false;
    for (size_t i = 0; i < n->list.n && holds; i++) {
        const struct node *group = n->list.items[i];
        if (!eval(r, s, group->a, &b) || !relation(r, group->name, &a, &b, &holds))
            return false;
        a = b;
    }
    *out = make_bool(holds);
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
        return eval(r, s, n->a, &a) && get_attr(r, &a, n->name, out);
    case E_ITEM:
        return eval(r, s, n->a, &a) && eval(r, s, n->b, &b) && get_item(r, &a, &b, out);
    case E_SLICE:
        return slice(r, s, n, out);
    case E_CALL:
        return eval_call(r, s, n, out);
    case E_FILTER:
        return eval_filter(r, s, n, NULL, out);
    case E_TEST:
        return eval_test(r, s, n, out);
    case E_NOT:
        if (!eval(r, s, n->a, &a))
            return false;
        *out = make_bool(!truth(&a));
        return true;
    case E_NEGATE:
    case E_PLUS:
        return eval(r, s, n->a, &a) && sign(r, n->kind == E_NEGATE, &a, out);
    case E_AND:
    case E_OR:
        if (!eval(r, s, n->a, out))
            return false;
        return truth(out) == (n->kind == E_OR) || eval(r, s, n->b, out);
    case E_IF:
        if (!eval(r, s, n->a, &a))
            return false;
        if (truth(&a))
            return eval(r, s, n->b, out);
        *out = make_undefined(NULL);
        return !n->c || eval(r, s, n->c, out);
    case E_COMPARE:
        return relations(r, s, n, out);
    default:
        return eval(r, s, n->a, &a) && eval(r, s, n->b, &b) && binary(r, n->name, &a, &b, out);
    }
}

static bool eval(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    if (!step(r, 1))
        return false;
    if (++r->depth > 4 * MAX_DEPTH)
        return fail_at(r, VIV_ELIMIT, "nested more than %d deep", 4 * MAX_DEPTH);
    r->line = n->line;
    bool ok = eval_node(r, s, n, out);
    r->depth--;
    return ok;
}

/* --- statements ---------------------------------------------------------------------------------------------- */

/* The items that the loop's condition lets through. */
static bool select_items(struct run *r, struct scope *s, const struct node *n, const struct list **items)
{
    struct list *kept = make_list(r, (*items)->n);
    size_t count = 0;
    if (!kept)
        return false;
    for (size_t i = 0; i < (*items)->n; i++) {
        struct scope *inner = open_scope(r, s);
        struct value holds;
        if (!inner || !assign(r, inner, n->a, &(*items)->items[i]) || !eval(r, inner, n->c, &holds))
            return false;
        if (truth(&holds))
            kept->items[count++] = (*items)->items[i];
    }
    kept->n = count;
    *items = kept;
    return true;
}

static enum flow run_loop(struct run *r, const struct node *n, struct scope *s, const struct list *items,
                          uint32_t depth)
{
    struct loop *l = take(r, sizeof *l);
    if (!l || (n->c && !select_items(r, s, n, &items)))
        return FAILED;
    *l = (struct loop){.items = items, .depth = depth, .node = n, .scope = s};
    for (; l->index < items->n; l->index++) {
        struct scope *inner = open_scope(r, s);
        struct value loop = {.kind = LOOP, .loop = l};
        if (!inner || !set(r, inner, "loop", &loop) || !assign(r, inner, n->a, &items->items[l->index]))
            return FAILED;
        enum flow flow = execute(r, inner, &n->list);
        if (flow == FAILED)
            return FAILED;
        if (flow == BREAK)
            break;
    }
    return items->n ? NEXT : execute(r, s, &n->others);
}

static enum flow run_for(struct run *r, struct scope *s, const struct node *n)
{
    struct value v;
    const struct list *items;
    if (!eval(r, s, n->b, &v) || !items_of(r, &v, &items))
        return FAILED;
    return run_loop(r, n, s, items, 0);
}

static enum flow run_if(struct run *r, struct scope *s, const struct node *n)
{
    for (; n; n = n->c) {
        struct value v = make_bool(true);
        if (n->kind == S_IF && !eval(r, s, n->a, &v))
            return FAILED;
        if (truth(&v))
            return execute(r, s, &n->list);
    }
    return NEXT;
}

static bool make_macro(struct run *r, struct scope *s, const struct node *n, struct value *out)
{
    struct macro *m = take(r, sizeof *m);
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
    if (!eval(r, s, n->a->a, &f) || !evaluate_arguments(r, s, &n->a->list, &a) || !make_macro(r, s, n, &caller))
        return false;
    struct named *names = take(r, (a.n_named + 1) * sizeof *names);
    if (!names)
        return false;
    if (a.n_named)
        memcpy(names, a.named, a.n_named * sizeof *names);
    names[a.n_named] = (struct named){"caller", caller};
    a.named = names;
    a.n_named++;
    return call_value(r, &f, &a, &v) && print_value(r, &v, r->out);
}

static bool run_capture(struct run *r, struct scope *s, const struct node *n)
{
    struct scope *inner = open_scope(r, s);
    struct value v;
    if (!inner || !capture(r, inner, &n->list, &v))
        return false;
    if (n->b && !eval_filter(r, s, n->b, &v, &v))
        return false;
    return assign(r, s, n->a, &v);
}

static bool run_filter(struct run *r, struct scope *s, const struct node *n)
{
    struct scope *inner = open_scope(r, s);
    struct value v;
    return inner && capture(r, inner, &n->list, &v) && eval_filter(r, s, n->b, &v, &v) &&
           print_value(r, &v, r->out);
}

static enum flow run_with(struct run *r, struct scope *s, const struct node *n)
{
    struct scope *inner = open_scope(r, s);
    if (!inner)
        return FAILED;
    for (size_t i = 0; i < n->params.n; i++) {
        struct value v;
        if (!eval(r, s, n->params.items[i]->a, &v) || !set(r, inner, n->params.items[i]->name, &v))
            return FAILED;
    }
    return execute(r, inner, &n->list);
}

static bool run_out(struct run *r, struct scope *s, const struct node *n)
{
    struct value v;
    size_t before = r->out->size;
    if (!eval(r, s, n->a, &v) || !print_value(r, &v, r->out))
        return false;
    return emit(r, "", 0) && ((r->output += r->out->size - before) <= MAX_OUTPUT || emit(r, "", 0));
}

static enum flow run_statement(struct run *r, struct scope *s, const struct node *n)
{
    struct value v;
    bool ok;
    r->line = n->line;
    switch (n->kind) {
    case S_TEXT:
        ok = emit(r, n->value.s.text, n->value.s.size);
        break;
    case S_OUT:
        ok = run_out(r, s, n);
        break;
    case S_IF:
        return run_if(r, s, n);
    case S_FOR:
        return run_for(r, s, n);
    case S_SET:
        ok = eval(r, s, n->b, &v) && assign(r, s, n->a, &v);
        break;
    case S_CAPTURE:
        ok = run_capture(r, s, n);
        break;
    case S_MACRO:
        ok = make_macro(r, s, n, &v) && set(r, s, n->name, &v);
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
        return execute(r, s, &n->list);
    default:
        return n->kind == S_BREAK ? BREAK : CONTINUE;
    }
    return ok ? NEXT : FAILED;
}

static enum flow execute(struct run *r, struct scope *s, const struct nodes *list)
{
    enum flow flow = NEXT;
    if (++r->depth > 4 * MAX_DEPTH) {
        set_error_at(r, VIV_ELIMIT, "nested more than %d deep", 4 * MAX_DEPTH);
        return FAILED;
    }
    for (size_t i = 0; i < list->n && flow == NEXT; i++)
        flow = step(r, 1) ? run_statement(r, s, list->items[i]) : FAILED;
    r->depth--;
    return flow;
}

bool evaluate(struct run *r, const struct node *root, const struct value *variables)
{
    struct scope *s = open_scope(r, NULL);
    if (!s)
        return false;
    s->data = variables->dict;
    return execute(r, s, &root->list) != FAILED;
}
