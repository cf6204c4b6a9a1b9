/* format.c - texts with fields, as in Python: "{} and {name}".format(a, name=b) without conversions, and
 * "%s has %-8.2f" % (a, b). */
#include "text/jinja/jinja.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool format_braces(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct buf b = {0};
    size_t next = 0;
    const char *s = v->s.text, *end = s + v->s.size;
    while (s < end) {
        if ((*s == '{' || *s == '}') && s + 1 < end && s[1] == *s) {
            buf_putc(&b, *s);
            s += 2;
            continue;
        }
        if (*s != '{') {
            buf_putc(&b, *s++);
            continue;
        }
        const char *close = memchr(s, '}', (size_t)(end - s));
        char name[64];
        size_t n = close ? (size_t)(close - s) - 1 : sizeof name;
        const struct value *field = NULL;
        if (n < sizeof name) {
            memcpy(name, s + 1, n);
            name[n] = '\0';
            bool number = n > 0 && strspn(name, "0123456789") == n;
            field = n == 0   ? arg(a, next++, NULL)
                    : number ? arg(a, (size_t)strtoul(name, NULL, 10), NULL)
                             : arg(a, SIZE_MAX, name);
        }
        if (!field || !print_value(r, field, &b)) {
            buf_release(&b);
            return field ? false
                         : fail_at(r, VIV_EUNSUPPORTED, "format: a field without an argument, or with a format");
        }
        s = close + 1;
    }
    return take_buf(r, &b, out);
}

/* A field of "%-8.2f": what stands between the per cent sign and the letter. */
struct field {
    bool left, zeros, plus;
    int width, precision; /* -1: none */
    char kind;
};

static bool read_field(const char **s, const char *end, struct field *f)
{
    int *number = &f->width;
    *f = (struct field){.precision = -1};
    for (++*s; *s < end; ++*s) {
        char c = **s;
        if (c >= '0' && c <= '9' && (c != '0' || number != &f->width || f->width)) {
            *number = (*number < 0 ? 0 : *number) * 10 + (c - '0');
            if (*number > 10000)
                return false;
        } else if (c == '.') {
            number = &f->precision;
            f->precision = 0;
        } else if (c == '-' || c == '0' || c == '+' || c == ' ') {
            f->left = f->left || c == '-';
            f->zeros = f->zeros || c == '0';
            f->plus = f->plus || c == '+';
        } else {
            f->kind = c;
            ++*s;
            return c && strchr("sdifgex", c);
        }
    }
    return false;
}

static bool put_field(struct run *r, const struct field *f, const struct value *v, struct buf *out)
{
    struct buf b = {0};
    bool ok = true, number = f->kind != 's';
    int precision = f->precision < 0 ? 6 : f->precision;
    if (number && !is_number(v))
        return fail_at(r, VIV_EINVAL, "'%%%c' wants a number, found %s", f->kind, kind_name(v));
    double x = number ? number_of(v) : 0;
    if (number && f->plus && x >= 0)
        buf_putc(&b, '+');
    switch (f->kind) {
    case 's':
        ok = print_value(r, v, &b);
        break;
    case 'f':
        buf_printf(&b, "%.*f", precision, x);
        break;
    case 'g':
        buf_printf(&b, "%.*g", precision, x);
        break;
    case 'e':
        buf_printf(&b, "%.*e", precision, x);
        break;
    case 'x':
        buf_printf(&b, "%" PRIx64, v->kind == FLOAT ? (uint64_t)fabs(x) : (uint64_t)v->i);
        break;
    default:
        buf_printf(&b, "%" PRId64, v->kind == FLOAT ? (int64_t)x : v->i);
    }
    int64_t missing = f->width - (int64_t)characters(buf_text(&b), b.size);
    for (int64_t i = 0; i < missing && !f->left; i++)
        buf_putc(out, f->zeros && number ? '0' : ' ');
    buf_append(out, buf_text(&b), b.size);
    for (int64_t i = 0; i < missing && f->left; i++)
        buf_putc(out, ' ');
    out->failed = out->failed || b.failed;
    buf_release(&b);
    return ok;
}

bool format_text(struct run *r, const struct value *v, const struct value *values, struct value *out)
{
    struct buf b = {0};
    size_t next = 0, n = values->kind == TUPLE ? values->list->n : 1;
    bool ok = true;
    for (const char *s = v->s.text, *end = s + v->s.size; ok && s < end;) {
        struct field f;
        if (*s != '%') {
            buf_putc(&b, *s++);
        } else if (s + 1 < end && s[1] == '%') {
            buf_putc(&b, '%');
            s += 2;
        } else if (!read_field(&s, end, &f) || next == n) {
            ok = fail_at(r, VIV_EINVAL, "'%%' wants a value for each field, which ends in s, d, i, f, g, e or x");
        } else {
            ok = put_field(r, &f, values->kind == TUPLE ? &values->list->items[next] : values, &b);
            next++;
        }
    }
    if (!ok) {
        buf_release(&b);
        return false;
    }
    return take_buf(r, &b, out);
}
