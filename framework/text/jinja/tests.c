/* tests.c - `x is name`. */
#include "text/jinja/jinja.h"

#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>

typedef bool test(struct run *r, const struct value *v, const struct args *a, bool *out);

/* Whether all letters are of one case, and there is one. */
static bool all_cased(const struct value *v, bool upper)
{
    bool any = false;
    for (size_t at = 0; v->kind == STRING && at < v->s.size;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)v->s.text + at, (utf8proc_ssize_t)(v->s.size - at), &c);
        if (n <= 0)
            return false;
        at += (size_t)n;
        bool is_upper = utf8proc_isupper(c), is_lower = utf8proc_islower(c);
        if (upper ? is_lower : is_upper)
            return false;
        any = any || is_upper || is_lower;
    }
    return any;
}

#define KIND_TEST(name, condition)                                                                                 \
    static bool name(struct run *r, const struct value *v, const struct args *a, bool *out)                        \
    {                                                                                                              \
        (void)r, (void)a;                                                                                          \
        *out = condition;                                                                                          \
        return true;                                                                                               \
    }
KIND_TEST(is_boolean, v->kind == BOOL)
KIND_TEST(is_callable, v->kind == MACRO || v->kind == FUNCTION || v->kind == LOOP)
KIND_TEST(is_defined, v->kind != UNDEFINED)
KIND_TEST(is_undefined, v->kind == UNDEFINED)
KIND_TEST(is_false, v->kind == BOOL && !v->is_true)
KIND_TEST(is_true, v->kind == BOOL && v->is_true)
KIND_TEST(is_float, v->kind == FLOAT)
KIND_TEST(is_integer, v->kind == INT)
KIND_TEST(is_iterable, is_list(v) || v->kind == STRING || v->kind == DICT || v->kind == UNDEFINED)
KIND_TEST(is_lower, all_cased(v, false))
KIND_TEST(is_upper, all_cased(v, true))
KIND_TEST(is_mapping, v->kind == DICT)
KIND_TEST(is_none, v->kind == NONE)
KIND_TEST(is_numeric, is_number(v))
KIND_TEST(is_sequence, is_list(v) || v->kind == STRING || v->kind == DICT || v->kind == UNDEFINED)
KIND_TEST(is_string, v->kind == STRING)

static bool wants_one(struct run *r, const struct args *a, const char *name)
{
    return a->n == 1 || fail_at(r, VIV_EINVAL, "`is %s` wants one value to compare with", name);
}

static bool is_divisible(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    if (!wants_one(r, a, "divisibleby"))
        return false;
    if (v->kind != INT || a->values[0].kind != INT || a->values[0].i == 0)
        return fail_at(r, VIV_EINVAL, "`is divisibleby` wants integers, and not 0");
    *out = a->values[0].i == -1 || v->i % a->values[0].i == 0;
    return true;
}

static bool parity(struct run *r, const struct value *v, int64_t wanted, bool *out)
{
    if (v->kind != INT)
        return fail_at(r, VIV_EINVAL, "`is %s` wants an integer, found %s", wanted ? "odd" : "even", kind_name(v));
    *out = (v->i & 1) == wanted;
    return true;
}

static bool is_even(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    (void)a;
    return parity(r, v, 0, out);
}

static bool is_odd(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    (void)a;
    return parity(r, v, 1, out);
}

static bool is_equal(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    *out = a->n && equal(r, v, &a->values[0]);
    return wants_one(r, a, "equalto");
}

static bool is_unequal(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    *out = a->n && !equal(r, v, &a->values[0]);
    return wants_one(r, a, "ne");
}

static bool ordered(struct run *r, const struct value *v, const struct args *a, const char *name, int *order)
{
    return wants_one(r, a, name) && compare(r, v, &a->values[0], order);
}

static bool is_less(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    int order = 0;
    bool ok = ordered(r, v, a, "lt", &order);
    *out = order < 0;
    return ok;
}

static bool is_at_most(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    int order = 0;
    bool ok = ordered(r, v, a, "le", &order);
    *out = order <= 0;
    return ok;
}

static bool is_greater(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    int order = 0;
    bool ok = ordered(r, v, a, "gt", &order);
    *out = order > 0;
    return ok;
}

static bool is_at_least(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    int order = 0;
    bool ok = ordered(r, v, a, "ge", &order);
    *out = order >= 0;
    return ok;
}

static bool is_in(struct run *r, const struct value *v, const struct args *a, bool *out)
{
    return wants_one(r, a, "in") && contains(r, &a->values[0], v, out);
}

static const struct {
    const char *name;
    test *run;
} table[] = {
    {"boolean", is_boolean},
    {"callable", is_callable},
    {"defined", is_defined},
    {"divisibleby", is_divisible},
    {"eq", is_equal},
    {"equalto", is_equal},
    {"even", is_even},
    {"false", is_false},
    {"float", is_float},
    {"ge", is_at_least},
    {"greaterthan", is_greater},
    {"gt", is_greater},
    {"in", is_in},
    {"integer", is_integer},
    {"iterable", is_iterable},
    {"le", is_at_most},
    {"lessthan", is_less},
    {"lower", is_lower},
    {"lt", is_less},
    {"mapping", is_mapping},
    {"ne", is_unequal},
    {"none", is_none},
    {"number", is_numeric},
    {"odd", is_odd},
    {"sameas", is_equal},
    {"sequence", is_sequence},
    {"string", is_string},
    {"true", is_true},
    {"undefined", is_undefined},
    {"upper", is_upper},
};

static test *find_test(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].run;
    return NULL;
}

bool is_test(const char *name)
{
    return find_test(name) != NULL;
}

bool run_test(struct run *r, const char *name, const struct value *v, const struct args *a, bool *out)
{
    test *t = find_test(name);
    *out = false;
    return t ? t(r, v, a, out) : fail_at(r, VIV_EUNSUPPORTED, "there is no test '%.60s'", name);
}
