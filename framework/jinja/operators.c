/* operators.c - operators, as in Python: arithmetic, concatenation, repetition, comparison. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Python's % of floats: the remainder has the sign of y. */
static double remainder_of(double x, double y)
{
    const double rest = fmod(x, y);
    if (rest == 0)
        return copysign(0, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}

static double floor_divide(double x, double y)
{
    const double rest = fmod(x, y), down = rest != 0 && (rest < 0) != (y < 0) ? (x - rest) / y - 1 : (x - rest) / y;
    if (down == 0)
        return copysign(0, x / y);
    return down - floor(down) > 0.5 ? floor(down) + 1 : floor(down);
}

static bool floats(struct run *r, const char *op, double x, double y, struct value *out)
{
    if ((op[0] == '/' || op[0] == '%') && y == 0)
        return jinja_fail(r, VIV_EINVAL, "division by zero");
    if (strcmp(op, "**") == 0) {
        if (x == 0 && y < 0)
            return jinja_fail(r, VIV_EINVAL, "0 has no negative power");
        if (x < 0 && floor(y) != y && isfinite(x) && isfinite(y))
            return jinja_fail(r, VIV_EUNSUPPORTED, "a fractional power of a negative number is complex");
        *out = jinja_make_float(pow(x, y));
        return !isinf(out->f) || isinf(x) || isinf(y) ||
               jinja_fail(r, VIV_EINVAL, "the power is too large for a float");
    }
    *out = jinja_make_float(strcmp(op, "//") == 0 ? floor_divide(x, y)
                            : op[0] == '%'        ? remainder_of(x, y)
                            : op[0] == '+'        ? x + y
                            : op[0] == '-'        ? x - y
                            : op[0] == '*'        ? x * y
                                                  : x / y);
    return true;
}

static bool numbers(struct run *r, const char *op, const struct value *a, const struct value *b, struct value *out)
{
    if (a->kind != FLOAT && b->kind != FLOAT)
        return jinja_integer_operation(r, op, a, b, out);
    const double x = jinja_to_number(a), y = jinja_to_number(b);
    if ((isinf(x) && a->kind != FLOAT) || (isinf(y) && b->kind != FLOAT))
        return jinja_fail(r, VIV_EINVAL, "the integer is too large for a float");
    return floats(r, op, x, y, out);
}

static bool join_texts(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    struct buf text = {0};
    if (jinja_print(r, a, &text) && jinja_print(r, b, &text))
        return jinja_take_buf(r, &text, out);
    buf_release(&text);
    return false;
}

/* +: if one side is escaped HTML, the other is escaped, too. */
static bool add_texts(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    struct value x = *a, y = *b;
    const bool escaped = a->is_true || b->is_true;
    if ((escaped && (!jinja_escape_html(r, a, &x) || !jinja_escape_html(r, b, &y))) || !join_texts(r, &x, &y, out))
        return false;
    out->is_true = escaped;
    return true;
}

/* 'a %s' % b: formatting, written as an operator. */
static bool format(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    const bool before = r->from_data;
    r->from_data =
        before || (r->options->from_data && jinja_origin_of_call(r, a, &(struct args){.values = b, .n = 1}));
    const bool ok = jinja_format_percent(r, a, b, out);
    r->from_data = before;
    return ok;
}

static bool join_lists(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    struct list *l = jinja_make_list(r, a->list->n + b->list->n);
    if (!l || !jinja_step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++)
        l->items[i] = i < a->list->n ? a->list->items[i] : b->list->items[i - a->list->n];
    *out = jinja_list_value(l, a->kind);
    return true;
}

static bool repeat(struct run *r, const struct value *v, int64_t times, struct value *out)
{
    size_t n = v->kind == STRING ? v->s.size : v->list->n * sizeof(struct value);
    size_t count = times > 0 ? (size_t)times : 0;
    if (n && count > MAX_MEMORY / n)
        return jinja_fail(r, VIV_ELIMIT, "a value repeated %" PRId64 " times", times);
    if (!jinja_step(r, count))
        return false;
    if (v->kind != STRING) {
        struct list *l = jinja_make_list(r, v->list->n * count);
        if (!l)
            return false;
        for (size_t i = 0; i < l->n; i++)
            l->items[i] = v->list->items[i % v->list->n];
        *out = jinja_list_value(l, v->kind);
        return true;
    }
    char *text = jinja_alloc(r, n * count + 1);
    if (!text)
        return false;
    for (size_t i = 0; n && i < count; i++)
        memcpy(text + i * n, v->s.text, n);
    *out = (struct value){.kind = STRING, .s = {text, n * count}};
    return true;
}

bool jinja_binary(struct run *r, const char *op, const struct value *a, const struct value *b, struct value *out)
{
    bool json = r->options->values == TEMPLATE_JSON;
    if (op[0] == '~')
        return join_texts(r, a, b, out);
    if (jinja_is_number(a) && jinja_is_number(b))
        return numbers(r, op, a, b, out);
    if (op[0] == '+' && a->kind == STRING && b->kind == STRING)
        return add_texts(r, a, b, out);
    if (op[0] == '+' && json && (a->kind == STRING || b->kind == STRING))
        return join_texts(r, a, b, out);
    if (op[0] == '+' && jinja_is_list(a) && jinja_is_list(b) && (json || a->kind == b->kind))
        return join_lists(r, a, b, out);
    if (strcmp(op, "*") == 0 && (jinja_is_list(a) || a->kind == STRING) && (b->kind == INT || b->kind == BOOL))
        return repeat(r, a, b->i, out);
    if (strcmp(op, "*") == 0 && (jinja_is_list(b) || b->kind == STRING) && (a->kind == INT || a->kind == BOOL))
        return repeat(r, b, a->i, out);
    if (op[0] == '%' && a->kind == STRING)
        return format(r, a, b, out);
    const struct value *undefined = a->kind == UNDEFINED ? a : b->kind == UNDEFINED ? b : NULL;
    if (undefined) {
        char why[40];
        snprintf(why, sizeof why, "has no `%s`", op);
        return jinja_fail_undefined(r, undefined, why);
    }
    return jinja_fail(r, VIV_EINVAL, "`%s` cannot be done with %s and %s", op, jinja_kind_name(a),
                      jinja_kind_name(b));
}

bool jinja_relation(struct run *r, const char *op, const struct value *a, const struct value *b, bool *out)
{
    int order;
    if (strcmp(op, "in") == 0 || strcmp(op, "not in") == 0) {
        bool ok = jinja_contains(r, b, a, out);
        *out = *out == (op[0] == 'i');
        return ok;
    }
    if (op[1] == '=' && (op[0] == '=' || op[0] == '!')) {
        *out = jinja_equal(r, a, b) == (op[0] == '=');
        return true;
    }
    if (!jinja_compare(r, a, b, &order))
        return false;
    *out = op[0] == '<' ? (op[1] ? order <= 0 : order < 0) : (op[1] ? order >= 0 : order > 0);
    return true;
}

bool jinja_sign(struct run *r, bool negative, const struct value *v, struct value *out)
{
    const struct value zero = jinja_make_int(0);
    if (v->kind == UNDEFINED)
        return jinja_fail_undefined(r, v, "has no sign");
    if (!jinja_is_number(v))
        return jinja_fail(r, VIV_EINVAL, "a sign before %s", jinja_kind_name(v));
    if (v->kind == FLOAT)
        *out = jinja_make_float(negative ? -v->f : v->f);
    else if (negative)
        return jinja_integer_operation(r, "-", &zero, v, out);
    else
        *out = v->kind == BIG ? *v : jinja_make_int(v->i);
    return true;
}
