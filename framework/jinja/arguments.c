/* arguments.c - matches the arguments of a call with the parameters of a function. */
#include "jinja/jinja.h"

#include <string.h>

enum { MAX_PARAMETERS = 12 };

const struct callable *jinja_find_callable(const struct callable *table, const char *name)
{
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

struct parameter {
    const char *name;
    size_t n;
    bool optional;
};

/* Parses "old new count? *": the parameters, and whether further ones are allowed by place and by name. */
static size_t read_parameters(const char *text, struct parameter *out, bool *more, bool *names)
{
    size_t n = 0;
    *more = *names = false;
    while (text && *text) {
        size_t size = strcspn(text, " ");
        if (size == 1 && *text == '*')
            *more = true;
        else if (size == 2 && *text == '*')
            *names = true;
        else if (n < MAX_PARAMETERS) {
            bool optional = text[size - 1] == '?';
            out[n++] = (struct parameter){text, size - optional, optional};
        }
        text += size + (text[size] == ' ');
    }
    return n;
}

static bool place_named(struct run *r, const struct callable *f, const struct parameter *p, size_t n, bool names,
                        const struct named *one, struct value *values, struct named *rest, size_t *n_rest)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(one->name) == p[i].n && memcmp(one->name, p[i].name, p[i].n) == 0) {
            if (values[i].kind != ABSENT)
                return jinja_fail(r, VIV_EINVAL, "%s is given its argument '%s' twice", f->name, one->name);
            values[i] = one->value;
            return true;
        }
    if (!names)
        return jinja_fail(r, VIV_EINVAL, "%s has no argument called '%.60s'", f->name, one->name);
    rest[(*n_rest)++] = *one;
    return true;
}

bool jinja_invoke(struct run *r, const struct callable *f, const struct value *self, const struct args *a,
                  struct value *out)
{
    struct parameter p[MAX_PARAMETERS];
    bool more, names;
    if (!f->call)
        return jinja_fail(r, VIV_EUNSUPPORTED, "'%s' is not supported: %s", f->name, f->parameters);
    const size_t n = read_parameters(f->parameters, p, &more, &names), extra = a->n > n ? a->n - n : 0;
    if (extra && !more)
        return jinja_fail(r, VIV_EINVAL, "%s takes at most %zu arguments, found %zu", f->name, n, a->n);
    struct value *values = jinja_alloc(r, (n + extra) * sizeof *values);
    struct named *rest = jinja_alloc(r, a->n_named * sizeof *rest);
    size_t n_rest = 0;
    if (!values || !rest)
        return false;
    for (size_t i = 0; i < n + extra; i++)
        values[i] = i < a->n ? a->values[i] : (struct value){.kind = ABSENT};
    for (size_t i = 0; i < a->n_named; i++)
        if (!place_named(r, f, p, n, names, &a->named[i], values, rest, &n_rest))
            return false;
    for (size_t i = 0; i < n; i++)
        if (values[i].kind == ABSENT && !p[i].optional)
            return jinja_fail(r, VIV_EINVAL, "%s: the argument '%.*s' is missing", f->name, (int)p[i].n, p[i].name);
    const struct args sorted = {.values = values, .n = n + extra, .named = rest, .n_named = n_rest};
    const bool before = r->from_data;
    r->from_data = before || (r->options->from_data && jinja_origin_of_call(r, self, &sorted));
    const bool ok = f->call(r, self, &sorted, out);
    r->from_data = before;
    if (!ok)
        return false;
    if (out->kind == STRING && self && self->kind == STRING && self->is_true &&
        jinja_find_method(self, f->name) == f)
        out->is_true = true; /* a method of escaped HTML returns escaped HTML */
    return true;
}

bool jinja_call_filter(struct run *r, const char *name, const struct value *v, const struct args *a,
                       struct value *out)
{
    const struct callable *f = jinja_find_filter(name);
    return f ? jinja_invoke(r, f, v, a, out) : jinja_fail(r, VIV_EUNSUPPORTED, "there is no filter '%.60s'", name);
}

bool jinja_call_test(struct run *r, const char *name, const struct value *v, const struct args *a, bool *out)
{
    const struct callable *f = jinja_find_test(name);
    struct value result = jinja_make_bool(false);
    bool ok =
        f ? jinja_invoke(r, f, v, a, &result) : jinja_fail(r, VIV_EUNSUPPORTED, "there is no test '%.60s'", name);
    *out = result.is_true;
    return ok;
}

bool jinja_call_method(struct run *r, const struct value *v, const char *name, const struct args *a,
                       struct value *out)
{
    return jinja_invoke(r, jinja_find_method(v, name), v, a, out);
}

const struct value *jinja_arg(const struct args *a, size_t place)
{
    return place < a->n && a->values[place].kind != ABSENT ? &a->values[place] : NULL;
}

bool jinja_int_arg(struct run *r, const struct args *a, size_t place, const char *name, int64_t otherwise,
                   int64_t *out)
{
    const struct value *v = jinja_arg(a, place);
    *out = otherwise;
    if (!v || v->kind == NONE)
        return true;
    if (v->kind != INT && v->kind != BOOL)
        return jinja_fail(r, VIV_EINVAL, "'%s' must be an integer, found %s", name, jinja_kind_name(v));
    *out = v->i;
    return true;
}

bool jinja_flag_arg(const struct args *a, size_t place, bool otherwise)
{
    const struct value *v = jinja_arg(a, place);
    return v ? jinja_truth(v) : otherwise;
}

const char *jinja_text_arg(const struct args *a, size_t place, const char *otherwise)
{
    const struct value *v = jinja_arg(a, place);
    return v && v->kind == STRING ? v->s.text : otherwise;
}
