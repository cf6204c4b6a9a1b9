/* operators.c - what operators make of values, as in Python: arithmetic, texts and lists joined and repeated,
 * comparisons. Integers have 64 bits, and say so where that is too few. */
#include "text/jinja/jinja.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool integers(struct run *r, const char *op, int64_t a, int64_t b, struct value *out)
{
    int64_t x = 0;
    bool wraps = false;
    if (strcmp(op, "+") == 0) {
        wraps = __builtin_add_overflow(a, b, &x);
    } else if (strcmp(op, "-") == 0) {
        wraps = __builtin_sub_overflow(a, b, &x);
    } else if (strcmp(op, "*") == 0) {
        wraps = __builtin_mul_overflow(a, b, &x);
    } else if (strcmp(op, "/") == 0 || b == 0) {
        if (b == 0)
            return fail_at(r, VIV_EINVAL, "division by zero");
        *out = make_float((double)a / (double)b);
        return true;
    } else if (b == -1) {
        x = 0;
        wraps = op[0] == '/' && __builtin_sub_overflow(0, a, &x);
    } else {
        bool down = a % b != 0 && (a % b < 0) != (b < 0);
        x = op[0] == '/' ? a / b - down : a % b + (down ? b : 0);
    }
    *out = make_int(x);
    return !wraps || fail_at(r, VIV_ELIMIT, "an integer beyond 64 bits");
}

static bool power(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    int64_t x = 1;
    if (a->kind == FLOAT || b->kind == FLOAT || b->i < 0) {
        *out = make_float(pow(number_of(a), number_of(b)));
        return true;
    }
    for (int64_t i = 0; i < b->i; i++) {
        if (__builtin_mul_overflow(x, a->i, &x))
            return fail_at(r, VIV_ELIMIT, "an integer beyond 64 bits");
        if (!step(r, 1))
            return false;
    }
    *out = make_int(x);
    return true;
}

static bool numbers(struct run *r, const char *op, const struct value *a, const struct value *b, struct value *out)
{
    double x = number_of(a), y = number_of(b);
    if (strcmp(op, "**") == 0)
        return power(r, a, b, out);
    if (a->kind != FLOAT && b->kind != FLOAT)
        return integers(r, op, a->i, b->i, out);
    if ((op[0] == '/' || op[0] == '%') && y == 0)
        return fail_at(r, VIV_EINVAL, "division by zero");
    if (strcmp(op, "//") == 0)
        *out = make_float(floor(x / y));
    else if (op[0] == '%')
        *out = make_float(x - y * floor(x / y));
    else
        *out = make_float(op[0] == '+' ? x + y : op[0] == '-' ? x - y : op[0] == '*' ? x * y : x / y);
    return true;
}

static bool join_texts(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    struct buf text = {0};
    if (print_value(r, a, &text) && print_value(r, b, &text))
        return take_buf(r, &text, out);
    buf_release(&text);
    return false;
}

static bool join_lists(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    struct list *l = make_list(r, a->list->n + b->list->n);
    if (!l || !step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++)
        l->items[i] = i < a->list->n ? a->list->items[i] : b->list->items[i - a->list->n];
    *out = of_list(l, a->kind);
    return true;
}

static bool repeat(struct run *r, const struct value *v, int64_t times, struct value *out)
{
    size_t n = v->kind == STRING ? v->s.size : v->list->n * sizeof(struct value);
    size_t count = times > 0 ? (size_t)times : 0;
    if (n && count > MAX_MEMORY / n)
        return fail_at(r, VIV_ELIMIT, "a value repeated %" PRId64 " times", times);
    if (!step(r, count))
        return false;
    if (v->kind != STRING) {
        struct list *l = make_list(r, v->list->n * count);
        if (!l)
            return false;
        for (size_t i = 0; i < l->n; i++)
            l->items[i] = v->list->items[i % v->list->n];
        *out = of_list(l, v->kind);
        return true;
    }
    char *text = take(r, n * count + 1);
    if (!text)
        return false;
    for (size_t i = 0; n && i < count; i++)
        memcpy(text + i * n, v->s.text, n);
    *out = (struct value){.kind = STRING, .s = {text, n * count}};
    return true;
}

bool binary(struct run *r, const char *op, const struct value *a, const struct value *b, struct value *out)
{
    bool json = r->options->values == TEMPLATE_JSON;
    if (op[0] == '~')
        return join_texts(r, a, b, out);
    if (is_number(a) && is_number(b))
        return numbers(r, op, a, b, out);
    if (op[0] == '+' && a->kind == STRING && b->kind == STRING)
        return join_texts(r, a, b, out);
    if (op[0] == '+' && json && (a->kind == STRING || b->kind == STRING))
        return join_texts(r, a, b, out);
    if (op[0] == '+' && is_list(a) && is_list(b) && (json || a->kind == b->kind))
        return join_lists(r, a, b, out);
    if (strcmp(op, "*") == 0 && (is_list(a) || a->kind == STRING) && (b->kind == INT || b->kind == BOOL))
        return repeat(r, a, b->i, out);
    if (strcmp(op, "*") == 0 && (is_list(b) || b->kind == STRING) && (a->kind == INT || a->kind == BOOL))
        return repeat(r, b, a->i, out);
    if (op[0] == '%' && a->kind == STRING)
        return format_text(r, a, b, out);
    const struct value *undefined = a->kind == UNDEFINED && a->name   ? a
                                    : b->kind == UNDEFINED && b->name ? b
                                                                      : NULL;
    return undefined ? fail_at(r, VIV_EINVAL, "'%.60s' is undefined, and `%s` wants a value", undefined->name, op)
                     : fail_at(r, VIV_EINVAL, "`%s` cannot be done with %s and %s", op, kind_name(a), kind_name(b));
}

bool relation(struct run *r, const char *op, const struct value *a, const struct value *b, bool *out)
{
    int order;
    if (strcmp(op, "in") == 0 || strcmp(op, "not in") == 0) {
        bool ok = contains(r, b, a, out);
        *out = *out == (op[0] == 'i');
        return ok;
    }
    if (op[1] == '=' && (op[0] == '=' || op[0] == '!')) {
        *out = equal(r, a, b) == (op[0] == '=');
        return true;
    }
    if (!compare(r, a, b, &order))
        return false;
    *out = op[0] == '<' ? (op[1] ? order <= 0 : order < 0) : (op[1] ? order >= 0 : order > 0);
    return true;
}

bool sign(struct run *r, bool negative, const struct value *v, struct value *out)
{
    if (!is_number(v))
        return fail_at(r, VIV_EINVAL, "a sign before %s", kind_name(v));
    if (!negative)
        *out = v->kind == FLOAT ? *v : make_int(v->i);
    else if (v->kind == FLOAT)
        *out = make_float(-v->f);
    else if (v->i == INT64_MIN)
        return fail_at(r, VIV_ELIMIT, "an integer beyond 64 bits");
    else
        *out = make_int(-v->i);
    return true;
}
