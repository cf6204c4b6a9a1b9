/* methods.c - methods of dicts, lists and numbers, as in Python; those that would change the value are refused. */
#include "jinja/jinja.h"

#include <math.h>
#include <string.h>

static bool get(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *key = jinja_arg(a, 0), *otherwise = jinja_arg(a, 1);
    const struct value *found = jinja_dict_get(r, v->dict, key);
    *out = found ? *found : otherwise ? *otherwise : (struct value){.kind = NONE};
    return jinja_step(r, 1 + v->dict->n / 8);
}

enum { KEYS = 1, VALUES = 2 };

static bool list_members(struct run *r, const struct dict *d, int which, struct value *out)
{
    const char *class = which == KEYS ? "dict_keys" : which == VALUES ? "dict_values" : "dict_items";
    struct list *l = jinja_make_list(r, d->n);
    if (!l || !jinja_step(r, d->n))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        if (which != (KEYS | VALUES)) {
            l->items[i] = which == KEYS ? d->entries[i].key : d->entries[i].value;
            continue;
        }
        struct list *pair = jinja_make_list(r, 2);
        if (!pair)
            return false;
        pair->items[0] = d->entries[i].key;
        pair->items[1] = d->entries[i].value;
        l->items[i] = jinja_list_value(pair, TUPLE);
    }
    return jinja_make_iterable(r, l, class, false, out);
}

static bool keys(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return list_members(r, v->dict, KEYS, out);
}

static bool values(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return list_members(r, v->dict, VALUES, out);
}

static bool items(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return list_members(r, v->dict, KEYS | VALUES, out);
}

static bool copy(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)r, (void)a;
    *out = *v; /* values do not change, so a copy is the value itself */
    return true;
}

/* fromkeys(keys, value): a dict */
static bool fromkeys(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value none = {.kind = NONE}, *value = jinja_arg(a, 1);
    const struct list *l;
    struct dict *d = jinja_make_dict(r);
    (void)v;
    if (!d || !jinja_items(r, jinja_arg(a, 0), &l))
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (!jinja_dict_put(r, d, &l->items[i], value ? value : &none))
            return false;
    *out = (struct value){.kind = DICT, .dict = d};
    return true;
}

static bool list_index(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const int64_t n = (int64_t)v->list->n;
    int64_t begin, end;
    if (!jinja_int_arg(r, a, 1, "start", 0, &begin) || !jinja_int_arg(r, a, 2, "stop", n, &end))
        return false;
    begin = begin < 0 ? (begin < -n ? 0 : begin + n) : begin;
    end = end < 0 ? end + n : end > n ? n : end;
    for (int64_t i = begin; i < end; i++)
        if (jinja_equal(r, &v->list->items[i], jinja_arg(a, 0))) {
            *out = jinja_make_int(i);
            return jinja_step(r, (uint64_t)i + 1);
        }
    return jinja_fail(r, VIV_EINVAL, "index: the list has no such element");
}

static bool list_count(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < v->list->n; i++)
        n += jinja_equal(r, &v->list->items[i], jinja_arg(a, 0));
    *out = jinja_make_int(n);
    return jinja_step(r, v->list->n);
}

static bool bit_length(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)r, (void)a;
    *out = jinja_make_int((int64_t)jinja_integer_bits(v));
    return true;
}

static bool is_integer_number(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)r, (void)a;
    *out = jinja_make_bool(isfinite(v->f) && floor(v->f) == v->f);
    return true;
}

static bool conjugate(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return jinja_sign(r, false, v, out);
}

static const char rare[] = "no chat template asks for it";
static const char no_change_of_dicts[] = "a template cannot change a dict",
                  no_change_of_lists[] = "a template cannot change a list";
static const struct callable of_dicts[] = {{"clear", NULL, no_change_of_dicts},
                                           {"copy", copy, NULL},
                                           {"fromkeys", fromkeys, "keys value?"},
                                           {"get", get, "key default?"},
                                           {"items", items, NULL},
                                           {"keys", keys, NULL},
                                           {"pop", NULL, no_change_of_dicts},
                                           {"popitem", NULL, no_change_of_dicts},
                                           {"setdefault", NULL, no_change_of_dicts},
                                           {"update", NULL, no_change_of_dicts},
                                           {"values", values, NULL},
                                           {NULL, NULL, NULL}};
static const struct callable of_lists[] = {{"count", list_count, "value"},
                                           {"index", list_index, "value start? stop?"},
                                           {"append", NULL, no_change_of_lists},
                                           {"clear", NULL, no_change_of_lists},
                                           {"copy", copy, NULL},
                                           {"extend", NULL, no_change_of_lists},
                                           {"insert", NULL, no_change_of_lists},
                                           {"pop", NULL, no_change_of_lists},
                                           {"remove", NULL, no_change_of_lists},
                                           {"reverse", NULL, no_change_of_lists},
                                           {"sort", NULL, no_change_of_lists},
                                           {NULL, NULL, NULL}};
enum { OF_TUPLES = 2 }; /* of which the first are methods of tuples, too */
static const struct callable of_integers[] = {{"as_integer_ratio", NULL, rare},
                                              {"bit_count", NULL, rare},
                                              {"bit_length", bit_length, NULL},
                                              {"conjugate", conjugate, NULL},
                                              {"from_bytes", NULL, rare},
                                              {"to_bytes", NULL, rare},
                                              {NULL, NULL, NULL}};
static const struct callable of_floats[] = {{"as_integer_ratio", NULL, rare},
                                            {"conjugate", conjugate, NULL},
                                            {"fromhex", NULL, rare},
                                            {"hex", NULL, rare},
                                            {"is_integer", is_integer_number, NULL},
                                            {NULL, NULL, NULL}};

const struct callable *jinja_find_method(const struct value *v, const char *name)
{
    const struct callable *table = v->kind == STRING     ? jinja_string_methods
                                   : v->kind == DICT     ? of_dicts
                                   : v->kind == FLOAT    ? of_floats
                                   : jinja_is_integer(v) ? of_integers
                                   : jinja_is_list(v)    ? of_lists
                                                         : NULL;
    const struct callable *m = jinja_find_callable(table, name);
    if (!m && v->kind == STRING)
        m = jinja_find_callable(jinja_splitting_methods, name);
    return v->kind == TUPLE && m && m - of_lists >= OF_TUPLES ? NULL : m;
}
