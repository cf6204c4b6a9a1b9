/* filters_number.c - filters that return or print numbers: abs, int, float, round, filesizeformat. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool filter_abs(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    const struct value zero = jinja_make_int(0);
    if (!jinja_is_number(v))
        return jinja_fail(r, VIV_EINVAL, "abs: expected a number, found %s", jinja_kind_name(v));
    if (v->kind != FLOAT)
        return jinja_sign(r, jinja_integer_compare(v, &zero) < 0, v, out);
    *out = jinja_make_float(fabs(v->f));
    return true;
}

/* The text without white space around it. */
static void trim(const char **s, size_t *n)
{
    int32_t c;
    for (size_t k; *n && (k = jinja_decode(*s, *n, &c)) && jinja_is_white(c); *s += k, *n -= k) {
    }
    while (*n) {
        size_t k = 1;
        while (k < *n && ((*s)[*n - k] & 0xC0) == 0x80)
            k++;
        jinja_decode(*s + *n - k, k, &c);
        if (!jinja_is_white(c))
            break;
        *n -= k;
    }
}

static unsigned digit_of(char c)
{
    return c >= '0' && c <= '9'                     ? (unsigned)(c - '0')
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (unsigned)((c | 0x20) - 'a' + 10)
                                                    : 99;
}

/* Reads a number as Python's int() does; false: the text is none. */
static bool read_integer(struct run *r, const char *s, size_t n, unsigned base, struct value *out)
{
    static const struct {
        char letter;
        unsigned base;
    } prefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
    trim(&s, &n);
    const bool negative = n && *s == '-';
    if (n && (*s == '-' || *s == '+')) {
        s++;
        n--;
    }
    bool prefixed = false;
    for (size_t i = 0; i < 3 && n > 1 && s[0] == '0' && !prefixed; i++)
        if ((s[1] | 0x20) == prefixes[i].letter && (base == prefixes[i].base || base == 0)) {
            base = prefixes[i].base;
            s += 2;
            n -= 2;
            prefixed = true;
        }
    const bool any_base = base == 0;
    base = base ? base : 10;
    char *digits = jinja_alloc(r, n + 1);
    size_t used = 0;
    for (size_t i = 0; digits && i < n; i++) {
        if (s[i] == '_' && i + 1 < n && s[i + 1] != '_' && (i > 0 || prefixed))
            continue;
        if (digit_of(s[i]) >= base)
            return false;
        digits[used++] = s[i];
    }
    struct value size;
    if (!digits || used == 0 || (any_base && digits[0] == '0' && strspn(digits, "0") != used))
        return false;
    return jinja_integer_of_text(r, digits, used, base, &size) && jinja_sign(r, negative, &size, out);
}

/* The same as Python's float() does. */
static bool read_float(const char *s, size_t n, double *out)
{
    char text[512], *end;
    size_t used = 0;
    trim(&s, &n);
    for (size_t i = 0; i < n; i++) {
        const bool between =
            s[i] == '_' && i > 0 && i + 1 < n && digit_of(s[i - 1]) < 10 && digit_of(s[i + 1]) < 10;
        if (used + 1 >= sizeof text || s[i] == '\0' || (!between && !strchr("+-.0123456789eEinfatyINFATY", s[i])))
            return false;
        if (!between)
            text[used++] = s[i];
    }
    text[used] = '\0';
    *out = strtod(text, &end);
    return used > 0 && *end == '\0';
}

static bool filter_int(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *otherwise = jinja_arg(a, 0);
    int64_t base;
    double number = 0;
    if (v->kind == UNDEFINED && r->options->values == TEMPLATE_PYTHON)
        return jinja_fail_undefined(r, v, "is no integer");
    if (!jinja_int_arg(r, a, 1, "base", 10, &base))
        return false;
    if (base != 0 && (base < 2 || base > 36))
        return jinja_fail(r, VIV_EINVAL, "int: a base is 0 or 2 to 36, found %" PRId64, base);
    *out = otherwise ? *otherwise : jinja_make_int(0);
    if (v->kind == BOOL)
        *out = jinja_make_int(v->i);
    else if (jinja_is_integer(v))
        *out = *v;
    else if (v->kind == FLOAT && !isnan(v->f))
        return jinja_integer_of_float(r, v->f, out);
    else if (v->kind == STRING && !read_integer(r, v->s.text, v->s.size, (unsigned)base, out)) {
        if (r->err->status != VIV_OK)
            return false;
        if (read_float(v->s.text, v->s.size, &number) && isfinite(number))
            return jinja_integer_of_float(r, number, out);
    }
    return true;
}

static bool filter_float(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *otherwise = jinja_arg(a, 0);
    double number = 0;
    if (v->kind == UNDEFINED && r->options->values == TEMPLATE_PYTHON)
        return jinja_fail_undefined(r, v, "is no number");
    *out = otherwise ? *otherwise : jinja_make_float(0);
    if (jinja_is_number(v))
        *out = jinja_make_float(jinja_to_number(v));
    else if (v->kind == STRING && read_float(v->s.text, v->s.size, &number))
        *out = jinja_make_float(number);
    return v->kind != BIG || isfinite(out->f) || jinja_fail(r, VIV_EINVAL, "the integer is too large for a float");
}

/* Rounds an integer to a multiple of 10^-precision, and to the even one if it is halfway. */
static bool round_integer(struct run *r, const struct value *v, int64_t precision, struct value *out)
{
    const struct value ten = jinja_make_int(10), digits = jinja_make_int(-precision), two = jinja_make_int(2);
    struct value unit, rest, twice, below, steps, odd;
    *out = *v;
    if (v->kind == BOOL)
        *out = jinja_make_int(v->i);
    if (precision >= 0)
        return true;
    if (!jinja_integer_operation(r, "**", &ten, &digits, &unit) ||
        !jinja_integer_operation(r, "%", v, &unit, &rest) || !jinja_integer_operation(r, "-", v, &rest, &below) ||
        !jinja_integer_operation(r, "*", &rest, &two, &twice) ||
        !jinja_integer_operation(r, "//", &below, &unit, &steps) ||
        !jinja_integer_operation(r, "%", &steps, &two, &odd))
        return false;
    const int half = jinja_integer_compare(&twice, &unit);
    *out = below;
    return !(half > 0 || (half == 0 && jinja_truth(&odd))) || jinja_integer_operation(r, "+", &below, &unit, out);
}

static bool filter_round(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t precision;
    const char *method = jinja_text_arg(a, 1, "common");
    const bool up = strcmp(method, "ceil") == 0, down = strcmp(method, "floor") == 0;
    if (!jinja_is_number(v))
        return jinja_fail(r, VIV_EINVAL, "round: expected a number, found %s", jinja_kind_name(v));
    if (!jinja_int_arg(r, a, 0, "precision", 0, &precision))
        return false;
    if (!up && !down && strcmp(method, "common") != 0)
        return jinja_fail(r, VIV_EINVAL, "round: the method is common, ceil or floor, found '%.60s'", method);
    if (precision < -30 || precision > 30)
        return jinja_fail(r, VIV_ELIMIT, "round to %" PRId64 " digits", precision);
    if (jinja_is_integer(v) && !up && !down)
        return round_integer(r, v, precision, out);
    double unit = pow(10, (double)precision), x = jinja_to_number(v);
    if (up || down) {
        *out = jinja_make_float((up ? ceil(x * unit) : floor(x * unit)) / unit);
    } else if (precision < 0) {
        *out = jinja_make_float(rint(x * unit) / unit);
    } else {
        char text[400]; /* rounds the decimal number, to even if it is halfway */
        snprintf(text, sizeof text, "%.*f", (int)precision, x);
        *out = jinja_make_float(strtod(text, NULL));
    }
    return true;
}

static bool filter_filesizeformat(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    static const char *const units[2][8] = {{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"},
                                            {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}};
    const bool binary = jinja_flag_arg(a, 0, false);
    const double base = binary ? 1024 : 1000;
    double size = jinja_is_number(v) ? jinja_to_number(v) : 0, unit = base * base;
    struct buf b = {0};
    if (v->kind == STRING ? !read_float(v->s.text, v->s.size, &size) : !jinja_is_number(v))
        return jinja_fail(r, VIV_EINVAL, "filesizeformat: expected a number, found %s", jinja_kind_name(v));
    if (size == 1 || size < base) {
        if (size == 1)
            buf_puts(&b, "1 Byte");
        else
            buf_printf(&b, "%.0f Bytes", trunc(size) + 0.0);
    } else {
        int i = 0;
        for (; i < 7 && size >= unit; i++)
            unit *= base;
        buf_printf(&b, "%.1f %s", base * size / unit, units[binary][i]);
    }
    return jinja_take_buf(r, &b, out);
}

const struct callable jinja_number_filters[] = {{"abs", filter_abs, NULL},
                                                {"filesizeformat", filter_filesizeformat, "binary?"},
                                                {"float", filter_float, "default?"},
                                                {"int", filter_int, "default? base?"},
                                                {"round", filter_round, "precision? method?"},
                                                {NULL, NULL, NULL}};
