/* tests.c - the tests of `x is name`. */
#include "jinja/jinja.h"

#include <string.h>

#define TEST_OF(name, condition)                                                                                   \
    static bool name(struct run *r, const struct value *v, const struct args *a, struct value *out)                \
    {                                                                                                              \
        (void)r, (void)a;                                                                                          \
        *out = jinja_make_bool(condition);                                                                         \
        return true;                                                                                               \
    }
TEST_OF(is_boolean, v->kind == BOOL)
TEST_OF(is_callable, v->kind == MACRO || v->kind == FUNCTION || v->kind == LOOP || v->kind == UNDEFINED)
TEST_OF(is_defined, v->kind != UNDEFINED)
TEST_OF(is_undefined, v->kind == UNDEFINED)
TEST_OF(is_escaped, v->kind == STRING && v->is_true)
TEST_OF(is_false, v->kind == BOOL && !v->is_true)
TEST_OF(is_true, v->kind == BOOL && v->is_true)
TEST_OF(is_float, v->kind == FLOAT)
TEST_OF(is_integer_test, v->kind == INT || v->kind == BIG)
TEST_OF(is_iterable, jinja_is_list(v) || v->kind == STRING || v->kind == DICT || v->kind == UNDEFINED ||
                         v->kind == ITERABLE || v->kind == LOOP)
TEST_OF(is_mapping, v->kind == DICT)
TEST_OF(is_none, v->kind == NONE)
TEST_OF(is_numeric, jinja_is_number(v))
TEST_OF(is_sequence, jinja_is_list(v) || v->kind == STRING || v->kind == DICT || v->kind == UNDEFINED ||
                         (v->kind == ITERABLE && v->iterable->shown))
TEST_OF(is_string, v->kind == STRING)
TEST_OF(is_filter, v->kind == STRING && jinja_find_filter(v->s.text) && jinja_find_filter(v->s.text)->call)
TEST_OF(is_test, v->kind == STRING && jinja_find_test(v->s.text))

static bool cased(struct run *r, const struct value *v, const char *class, struct value *out)
{
    struct value text;
    if (!jinja_to_text(r, v, &text))
        return false;
    *out = jinja_make_bool(jinja_has_class(&text, class));
    return true;
}

static bool is_lower(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return cased(r, v, "islower", out);
}

static bool is_upper(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return cased(r, v, "isupper", out);
}

/* v % by == wanted */
static bool leaves(struct run *r, const struct value *v, const struct value *by, int64_t wanted, struct value *out)
{
    const struct value rest_wanted = jinja_make_int(wanted);
    struct value rest;
    if (!jinja_binary(r, "%", v, by, &rest))
        return false;
    *out = jinja_make_bool(jinja_equal(r, &rest, &rest_wanted));
    return true;
}

static bool is_divisible(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return leaves(r, v, jinja_arg(a, 0), 0, out);
}

static bool is_even(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value two = jinja_make_int(2);
    (void)a;
    return leaves(r, v, &two, 0, out);
}

static bool is_odd(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value two = jinja_make_int(2);
    (void)a;
    return leaves(r, v, &two, 1, out);
}

/* The same object in memory; for values without members, the same kind and value. */
static bool is_same(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *other = jinja_arg(a, 0);
    bool same = v->kind == other->kind;
    if (same && (v->kind == STRING || v->kind <= FLOAT))
        same = jinja_equal(r, v, other);
    else if (same)
        same = v->macro == other->macro;
    *out = jinja_make_bool(same);
    return true;
}

#define RELATION(name, op)                                                                                         \
    static bool name(struct run *r, const struct value *v, const struct args *a, struct value *out)                \
    {                                                                                                              \
        bool holds;                                                                                                \
        if (!jinja_relation(r, op, v, jinja_arg(a, 0), &holds))                                                    \
            return false;                                                                                          \
        *out = jinja_make_bool(holds);                                                                             \
        return true;                                                                                               \
    }
RELATION(is_equal, "==")
RELATION(is_unequal, "!=")
RELATION(is_less, "<")
RELATION(is_at_most, "<=")
RELATION(is_greater, ">")
RELATION(is_at_least, ">=")
RELATION(is_in, "in")

static const struct callable table[] = {{"!=", is_unequal, "other"},
                                        {"<", is_less, "other"},
                                        {"<=", is_at_most, "other"},
                                        {"==", is_equal, "other"},
                                        {">", is_greater, "other"},
                                        {">=", is_at_least, "other"},
                                        {"boolean", is_boolean, NULL},
                                        {"callable", is_callable, NULL},
                                        {"defined", is_defined, NULL},
                                        {"divisibleby", is_divisible, "num"},
                                        {"eq", is_equal, "other"},
                                        {"equalto", is_equal, "other"},
                                        {"escaped", is_escaped, NULL},
                                        {"even", is_even, NULL},
                                        {"false", is_false, NULL},
                                        {"filter", is_filter, NULL},
                                        {"float", is_float, NULL},
                                        {"ge", is_at_least, "other"},
                                        {"greaterthan", is_greater, "other"},
                                        {"gt", is_greater, "other"},
                                        {"in", is_in, "seq"},
                                        {"integer", is_integer_test, NULL},
                                        {"iterable", is_iterable, NULL},
                                        {"le", is_at_most, "other"},
                                        {"lessthan", is_less, "other"},
                                        {"lower", is_lower, NULL},
                                        {"lt", is_less, "other"},
                                        {"mapping", is_mapping, NULL},
                                        {"ne", is_unequal, "other"},
                                        {"none", is_none, NULL},
                                        {"number", is_numeric, NULL},
                                        {"odd", is_odd, NULL},
                                        {"sameas", is_same, "other"},
                                        {"sequence", is_sequence, NULL},
                                        {"string", is_string, NULL},
                                        {"test", is_test, NULL},
                                        {"true", is_true, NULL},
                                        {"undefined", is_undefined, NULL},
                                        {"upper", is_upper, NULL},
                                        {NULL, NULL, NULL}};

const struct callable *jinja_find_test(const char *name)
{
    return jinja_find_callable(table, name);
}
