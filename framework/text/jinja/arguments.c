/* arguments.c - what functions ask of their arguments, by place or by name. */
#include "text/jinja/jinja.h"

#include <string.h>

const struct value *arg(const struct args *a, size_t place, const char *name)
{
    if (place < a->n)
        return &a->values[place];
    for (size_t i = 0; name && i < a->n_named; i++)
        if (strcmp(a->named[i].name, name) == 0)
            return &a->named[i].value;
    return NULL;
}

bool int_arg(struct run *r, const struct args *a, size_t place, const char *name, int64_t otherwise, int64_t *out)
{
    const struct value *v = arg(a, place, name);
    *out = otherwise;
    if (!v || v->kind == NONE)
        return true;
    if (v->kind != INT && v->kind != BOOL)
        return fail_at(r, VIV_EINVAL, "'%s' must be an integer, found %s", name, kind_name(v));
    *out = v->i;
    return true;
}

bool flag_arg(const struct args *a, size_t place, const char *name, bool otherwise)
{
    const struct value *v = arg(a, place, name);
    return v ? truth(v) : otherwise;
}

const char *text_arg(const struct args *a, size_t place, const char *name, const char *otherwise)
{
    const struct value *v = arg(a, place, name);
    return v && v->kind == STRING ? v->s.text : otherwise;
}
