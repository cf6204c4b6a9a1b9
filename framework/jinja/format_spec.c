/* format_spec.c - formats one value by a format specification of Python, as
 * in '{:>8.2f}': [[fill]align][sign][z][#][0][width][,][.precision][type] */
#include "jinja/jinja.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WIDTH = 100000 };

struct spec {
    const char *fill; /* one character, of n_fill bytes */
    size_t n_fill;
    char align; /* < > ^ = or 0 */
    char sign;  /* + - or a space */
    bool no_negative_zero, prefix;
    char group;               /* , or _ or 0 */
    int64_t width, precision; /* -1: none */
    char type;                /* 0: none */
};

static bool read_number(const char **s, const char *end, int64_t *out)
{
    bool any = false;
    for (; *s < end && **s >= '0' && **s <= '9'; ++*s) {
        *out = (any ? *out * 10 : 0) + (**s - '0');
        any = true;
        if (*out > MAX_WIDTH)
            return false;
    }
    return true;
}

static bool is_align(const char *s, const char *end)
{
    return s < end && *s && strchr("<>^=", *s);
}

static bool read_spec(struct run *r, const char *s, size_t n, struct spec *out)
{
    const char *begin = s, *end = s + n;
    int32_t c;
    *out = (struct spec){.fill = " ", .n_fill = 1, .sign = '-', .width = -1, .precision = -1};
    const size_t first = n ? jinja_decode(s, n, &c) : 0;
    const bool has_fill = n && is_align(s + first, end);
    if (has_fill) {
        out->fill = s;
        out->n_fill = first;
        s += first;
    }
    if (is_align(s, end))
        out->align = *s++;
    if (s < end && *s && strchr("+- ", *s))
        out->sign = *s++;
    if (s < end && *s == 'z') {
        out->no_negative_zero = true;
        s++;
    }
    if (s < end && *s == '#') {
        out->prefix = true;
        s++;
    }
    if (s < end && *s == '0') {
        if (!has_fill) {
            out->fill = "0";
            out->n_fill = 1;
            out->align = out->align ? out->align : '0'; /* '=' of numbers, '<' of texts */
        }
        s++;
    }
    bool ok = read_number(&s, end, &out->width);
    if (ok && s < end && (*s == ',' || *s == '_'))
        out->group = *s++;
    if (ok && s < end && *s == '.') {
        s++;
        ok = s < end && *s >= '0' && *s <= '9' && read_number(&s, end, &out->precision);
    }
    if (ok && s < end)
        out->type = *s++;
    return (ok && s == end) ||
           jinja_fail(r, VIV_EINVAL, "format: '%.*s' is no format such as '>8.2f'", (int)(n < 60 ? n : 60), begin);
}

static void put_fill(struct buf *out, const struct spec *f, int64_t n)
{
    for (int64_t i = 0; i < n && !out->failed; i++)
        buf_append(out, f->fill, f->n_fill);
}

static void put_padded(struct buf *out, const struct spec *f, char align, const char *text, size_t n)
{
    const int64_t missing = f->width - (int64_t)jinja_count_characters(text, n);
    const int64_t left = missing <= 0 ? 0 : align == '>' ? missing : align == '^' ? missing / 2 : 0;
    put_fill(out, f, left);
    buf_append(out, text, n);
    put_fill(out, f, missing - left);
}

/* Prints the sign and prefix, the digits in groups (`whole` of them before the point), and the rest. */
static bool put_number(struct buf *out, const struct spec *f, const char *lead, const char *digits, size_t whole)
{
    const size_t n = strlen(digits), each = f->group == '_' && f->type && strchr("bxXo", f->type) ? 4 : 3;
    const char align = !f->align ? '>' : f->align == '0' ? '=' : f->align;
    const bool zeros = align == '=' && f->n_fill == 1 && f->fill[0] == '0';
    size_t total = whole; /* whole digits, with the zeros before them */
    struct buf b = {0}, all = {0};
#define WIDTH(k) (strlen(lead) + (k) + (f->group && (k) ? ((k)-1) / each : 0) + n - whole)
    while (zeros && f->group && (int64_t)WIDTH(total) < f->width)
        total++;
    for (size_t i = 0; i < total; i++) {
        if (f->group && i && (total - i) % each == 0)
            buf_putc(&b, f->group);
        buf_putc(&b, i < total - whole ? '0' : digits[i - (total - whole)]);
    }
    buf_puts(&b, digits + whole);
    if (align == '=') {
        buf_puts(out, lead);
        put_fill(out, f, f->width - (int64_t)(strlen(lead) + b.size));
        buf_append(out, buf_text(&b), b.size);
    } else {
        buf_puts(&all, lead);
        buf_append(&all, buf_text(&b), b.size);
        put_padded(out, f, align, buf_text(&all), all.size);
    }
    out->failed = out->failed || b.failed || all.failed;
    buf_release(&b);
    buf_release(&all);
    return !out->failed;
}

static const char *sign_text(const struct spec *f, bool negative)
{
    return negative ? "-" : f->sign == '+' ? "+" : f->sign == ' ' ? " " : "";
}

static bool put_integer(struct run *r, const struct value *v, const struct spec *f, struct buf *out)
{
    const unsigned base = f->type == 'b' ? 2 : f->type == 'o' ? 8 : f->type == 'x' || f->type == 'X' ? 16 : 10;
    struct buf digits = {0};
    char lead[4];
    if (f->precision >= 0 || f->no_negative_zero)
        return jinja_fail(r, VIV_EINVAL, "format: an integer has no precision");
    if (f->type == 'c') {
        char utf8[4];
        const size_t n = v->kind == BIG || v->i < 0 || v->i > 0x10FFFF ? 0 : utf8_put((uint32_t)v->i, utf8);
        if (n == 0)
            return jinja_fail(r, VIV_EINVAL, "format: 'c': expected the number of a character");
        put_padded(out, f, f->align && f->align != '0' ? f->align : '<', utf8, n);
        return true;
    }
    bool ok = jinja_integer_print(r, v, base, &digits);
    const char *s = buf_text(&digits);
    const bool negative = *s == '-';
    snprintf(lead, sizeof lead, "%s%s", sign_text(f, negative),
             !f->prefix || base == 10 ? ""
             : base == 2              ? "0b"
             : base == 8              ? "0o"
             : f->type == 'X'         ? "0X"
                                      : "0x");
    for (char *p = digits.data; ok && p && *p; p++)
        if (f->type == 'X' && *p >= 'a' && *p <= 'f')
            *p = (char)(*p - 'a' + 'A');
    ok = ok && put_number(out, f, lead, s + negative, strlen(s + negative));
    buf_release(&digits);
    return ok;
}

/* A float without a type: as str(), or with so many digits, and at least one behind the point. */
static void write_plain(const struct spec *f, double x, struct buf *out)
{
    if (f->precision < 0) {
        jinja_print_float(x, out);
        return;
    }
    const int precision = f->precision ? (int)f->precision : 1;
    char e[64];
    snprintf(e, sizeof e, "%.*e", precision > 40 ? 40 : precision - 1, x);
    const int exponent = atoi(strchr(e, 'e') + 1);
    const size_t before = out->size;
    if (exponent < -4 || exponent >= precision - (precision > 1 ? 1 : 0)) {
        buf_printf(out, "%.*e", precision - 1, x);
        return; /* zeros of the mantissa are removed below */
    }
    buf_printf(out, "%.*g", precision, x);
    if (!memchr(out->data + before, '.', out->size - before))
        buf_puts(out, ".0");
}

static bool put_float(struct run *r, double x, const struct spec *f, struct buf *out)
{
    struct buf digits = {0};
    const char type = f->type == 'n' ? 'g' : f->type;
    const bool upper = type == 'E' || type == 'F' || type == 'G';
    const int precision = f->precision < 0 ? 6 : (int)f->precision;
    const bool negative = signbit(x) && !isnan(x);
    double size = fabs(x);
    if (type == '%')
        size *= 100;
    if (!isfinite(size))
        buf_puts(&digits, isnan(size) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf"));
    else if (type == 0)
        write_plain(f, size, &digits);
    else if (type == 'e' || type == 'E')
        buf_printf(&digits, f->prefix ? "%#.*e" : "%.*e", precision, size);
    else if (type == 'g' || type == 'G')
        buf_printf(&digits, f->prefix ? "%#.*g" : "%.*g", precision, size);
    else
        buf_printf(&digits, f->prefix ? "%#.*f" : "%.*f", precision, size);
    if (type == 0 && f->precision > 0 && digits.data && strchr(digits.data, 'e')) { /* 1.50e+02 is 1.5e+02 */
        char *e = strchr(digits.data, 'e'), *z = e;
        if (memchr(digits.data, '.', (size_t)(e - digits.data))) {
            while (z[-1] == '0')
                z--;
            z -= z[-1] == '.';
        }
        memmove(z, e, strlen(e) + 1);
    }
    if (type == '%')
        buf_putc(&digits, '%');
    for (char *p = digits.data; upper && p && *p; p++)
        *p = *p == 'e' ? 'E' : *p;
    const bool zero = f->no_negative_zero && strspn(buf_text(&digits), "0.") == strlen(buf_text(&digits));
    bool ok = !digits.failed || error_nomem(r->err) == VIV_OK;
    ok = ok && put_number(out, f, sign_text(f, negative && !zero), buf_text(&digits),
                          strspn(buf_text(&digits), "0123456789"));
    buf_release(&digits);
    return ok;
}

static bool put_text(struct run *r, const struct value *v, const struct spec *f, struct buf *out)
{
    if (f->sign != '-' || f->align == '=' || f->group || f->prefix || f->no_negative_zero)
        return jinja_fail(r, VIV_EINVAL, "format: a text has no sign, no '=' and no groups");
    const size_t n = f->precision < 0 ? v->s.size : jinja_bytes_of(v->s.text, v->s.size, (size_t)f->precision);
    put_padded(out, f, f->align && f->align != '0' ? f->align : '<', v->s.text, n);
    return true;
}

bool jinja_format_spec(struct run *r, const struct value *v, const char *spec, size_t n, struct buf *out)
{
    struct spec f;
    if (n == 0)
        return jinja_print(r, v, out);
    if (!read_spec(r, spec, n, &f))
        return false;
    if (v->kind == STRING && (f.type == 0 || f.type == 's'))
        return put_text(r, v, &f, out);
    if (jinja_is_integer(v) && (f.type == 0 || strchr("bcdoxXn", f.type)))
        return put_integer(r, v, &f, out);
    if (jinja_is_number(v) && ((f.type == 0 && v->kind == FLOAT) || (f.type && strchr("eEfFgGn%", f.type))))
        return put_float(r, jinja_to_number(v), &f, out);
    return jinja_fail(r, VIV_EINVAL, "format: '%.*s' does not fit %s", (int)(n < 60 ? n : 60), spec,
                      jinja_kind_name(v));
}
