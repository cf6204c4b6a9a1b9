/* format.c - Python's formatted texts: '{} and {name[0]!r:>8}'.format(a, name=b), and '%s has %-8.2f' % (a, b). */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- braces -------------------------------------------------------------------------------------------------- */

enum { UNKNOWN, COUNTED, NUMBERED };

struct braces {
    struct run *r;
    bool escapes; /* the text is escaped HTML, so values are escaped, too */
    const struct args *a;
    size_t next; /* of {} */
    int numbering;
};

static bool format_part(struct braces *b, const char *s, const char *end, uint32_t depth, struct buf *out);

/* "name", "0", "": the argument */
static bool first_of_field(struct braces *b, const char *s, size_t n, struct value *out)
{
    char name[64];
    const bool number = n > 0 && strspn(s, "0123456789") >= n;
    const struct value *found = NULL;
    if (n >= sizeof name)
        return jinja_fail(b->r, VIV_ELIMIT, "format: the name of a field is longer than %zu", sizeof name - 1);
    memcpy(name, s, n);
    name[n] = '\0';
    if (n == 0 || number) {
        const int how = n ? NUMBERED : COUNTED;
        if (b->numbering != UNKNOWN && b->numbering != how)
            return jinja_fail(b->r, VIV_EINVAL, "format: either all fields have a number, or none has");
        b->numbering = how;
        found = jinja_arg(b->a, n ? (size_t)strtoul(name, NULL, 10) : b->next++);
    }
    for (size_t i = 0; n && !number && i < b->a->n_named && !found; i++)
        found = strcmp(b->a->named[i].name, name) == 0 ? &b->a->named[i].value : NULL;
    if (!found)
        return jinja_fail(b->r, VIV_EINVAL, "format: there is no argument for the field '{%s}'", name);
    *out = *found;
    return true;
}

/* name.attribute[key] */
static bool field_value(struct braces *b, const char *s, const char *end, struct value *out)
{
    const char *p = s;
    while (p < end && *p != '.' && *p != '[')
        p++;
    if (!first_of_field(b, s, (size_t)(p - s), out))
        return false;
    while (p < end) {
        const bool attribute = *p++ == '.';
        const char *begin = p;
        while (p < end && (attribute ? *p != '.' && *p != '[' : *p != ']'))
            p++;
        struct value key, at = *out;
        const size_t n = (size_t)(p - begin);
        if (!jinja_make_string(b->r, begin, n, &key))
            return false;
        if (!attribute && n && strspn(key.s.text, "0123456789") == n)
            key = jinja_make_int((int64_t)strtoul(key.s.text, NULL, 10));
        if (attribute ? !jinja_get_attr(b->r, &at, key.s.text, out) : !jinja_get_item(b->r, &at, &key, out))
            return false;
        p += !attribute && p < end;
    }
    return true;
}

/* A field between { and }: a value, its conversion and its format. */
static bool format_field(struct braces *b, const char *s, const char *end, uint32_t depth, struct buf *out)
{
    const char *p = s;
    struct value v;
    struct buf spec = {0}, text = {0};
    for (bool inside = false; p < end && (inside || (*p != '!' && *p != ':')); p++)
        inside = *p == '[' || (inside && *p != ']');
    if (!field_value(b, s, p, &v))
        return false;
    bool ok = true;
    if (p < end && *p == '!') {
        const char kind = p + 1 < end ? p[1] : '\0';
        if (!kind || !strchr("sra", kind) || (p + 2 < end && p[2] != ':'))
            return jinja_fail(b->r, VIV_EINVAL, "format: a conversion is !s, !r or !a");
        p += 2;
        ok = (kind == 's' ? jinja_print(b->r, &v, &text) : jinja_print_repr(b->r, &v, &text)) &&
             jinja_take_buf(b->r, &text, &v);
    }
    if (ok && p < end)
        ok = format_part(b, p + 1, end, depth + 1, &spec);
    ok = ok && jinja_format_spec(b->r, &v, buf_text(&spec), spec.size, b->escapes ? &text : out);
    if (ok && b->escapes) {
        ok = jinja_take_buf(b->r, &text, &v) && jinja_escape_html(b->r, &v, &v);
        buf_append(out, v.s.text, ok ? v.s.size : 0);
    }
    buf_release(&spec);
    buf_release(&text);
    return ok;
}

/* A text with fields. At depth 1 it is the format of a field, which may have fields itself. */
static bool format_part(struct braces *b, const char *s, const char *end, uint32_t depth, struct buf *out)
{
    if (depth > 2)
        return jinja_fail(b->r, VIV_ELIMIT, "format: fields within fields within fields");
    while (s < end) {
        if (!jinja_step(b->r, 1))
            return false;
        if (out->size > MAX_OUTPUT)
            return jinja_fail(b->r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
        if ((*s == '{' || *s == '}') && s + 1 < end && s[1] == *s && depth == 0) {
            buf_putc(out, *s);
            s += 2;
        } else if (*s == '}') {
            return jinja_fail(b->r, VIV_EINVAL, "format: '}' without '{'");
        } else if (*s != '{') {
            buf_putc(out, *s++);
        } else {
            const char *close = ++s;
            for (int inner = 1; close < end && (inner += (*close == '{') - (*close == '}')) > 0;)
                close++;
            if (close == end)
                return jinja_fail(b->r, VIV_EINVAL, "format: '{' without '}'");
            if (!format_field(b, s, close, depth, out))
                return false;
            s = close + 1;
        }
    }
    return true;
}

bool jinja_format_braces(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct braces b = {.r = r, .escapes = v->is_true, .a = a};
    struct buf text = {0};
    if (format_part(&b, v->s.text, v->s.text + v->s.size, 0, &text))
        return jinja_take_buf(r, &text, out);
    buf_release(&text);
    return false;
}

/* --- % ------------------------------------------------------------------------------------------------------- */

/* A field of "%(name)-8.2f": the part between the percent sign and the letter. */
struct field {
    bool left, zeros, plus, space, prefix, has_name;
    int64_t width, precision; /* -1: none */
    const char *name;
    size_t n_name;
    char kind;
};

struct percent {
    struct run *r;
    const struct value *values;
    size_t next, n;
    bool escapes, uses_names;
};

static bool next_value(struct percent *p, struct value *out)
{
    if (p->next == p->n)
        return jinja_fail(p->r, VIV_EINVAL, "'%%' has more fields than the %zu values after it", p->n);
    *out = p->values->kind == TUPLE ? p->values->list->items[p->next] : *p->values;
    p->next++;
    return true;
}

/* A number, or * for the next value */
static bool read_size(struct percent *p, const char **s, const char *end, int64_t *out)
{
    struct value v;
    if (*s < end && **s == '*') {
        ++*s;
        if (!next_value(p, &v))
            return false;
        if (v.kind != INT)
            return jinja_fail(p->r, VIV_EINVAL, "'*': expected an integer, found %s", jinja_kind_name(&v));
        *out = v.i;
    }
    for (bool any = false; *s < end && **s >= '0' && **s <= '9'; any = true, ++*s) {
        *out = (any ? *out * 10 : 0) + (**s - '0');
        if (*out > 100000)
            break;
    }
    return (*out <= 100000 && *out >= -100000) ||
           jinja_fail(p->r, VIV_ELIMIT, "a field of %" PRId64 " characters", *out);
}

static bool read_field(struct percent *p, const char **s, const char *end, struct field *f)
{
    *f = (struct field){.width = -1, .precision = -1};
    ++*s;
    if (*s < end && **s == '(') {
        const char *close = memchr(*s, ')', (size_t)(end - *s));
        if (!close)
            return jinja_fail(p->r, VIV_EINVAL, "'%%(' without ')'");
        f->has_name = true;
        f->name = *s + 1;
        f->n_name = (size_t)(close - f->name);
        *s = close + 1;
    }
    for (; *s < end && **s && strchr("-0+ #", **s); ++*s) {
        f->left = f->left || **s == '-';
        f->zeros = f->zeros || **s == '0';
        f->plus = f->plus || **s == '+';
        f->space = f->space || **s == ' ';
        f->prefix = f->prefix || **s == '#';
    }
    if (!read_size(p, s, end, &f->width))
        return false;
    if (f->width < -1) {
        f->left = true;
        f->width = -f->width;
    }
    if (*s < end && **s == '.') {
        ++*s;
        f->precision = 0;
        if (!read_size(p, s, end, &f->precision))
            return false;
        f->precision = f->precision < 0 ? 0 : f->precision;
    }
    while (*s < end && **s && strchr("hlL", **s))
        ++*s;
    f->kind = *s < end ? **s : '\0';
    *s += *s < end;
    return (f->kind && strchr("sradiuoxXeEfFgGc%", f->kind)) ||
           jinja_fail(p->r, VIV_EINVAL, "'%%': expected a letter of s, r, a, c, d, i, u, o, x, e, f or g after it");
}

static bool put_number(struct percent *p, const struct field *f, const struct value *v, struct buf *out)
{
    struct value whole = *v;
    char spec[48];
    const bool is_float = strchr("eEfFgG", f->kind) != NULL, is_decimal = strchr("diu", f->kind) != NULL;
    if (!jinja_is_number(v) || (v->kind == FLOAT && !is_float && !is_decimal))
        return jinja_fail(p->r, VIV_EINVAL, "'%%%c': expected %s, found %s", f->kind,
                          is_float || is_decimal ? "a number" : "an integer", jinja_kind_name(v));
    if (!is_float && v->kind == FLOAT && !jinja_integer_of_float(p->r, v->f, &whole))
        return false;
    if (!is_float && whole.kind == BOOL)
        whole = jinja_make_int(whole.i);
    if (is_float)
        whole = jinja_make_float(jinja_to_number(v));
    /* digits, zeros up to the precision, sign and prefix, then spaces or zeros up to the width */
    snprintf(spec, sizeof spec, "%s%c", f->prefix && is_float ? "#" : "", is_decimal ? 'd' : f->kind);
    if (is_float)
        snprintf(spec, sizeof spec, "%s.%d%c", f->prefix ? "#" : "", f->precision < 0 ? 6 : (int)f->precision,
                 f->kind);
    struct buf digits = {0};
    bool ok = jinja_format_spec(p->r, &whole, spec, strlen(spec), &digits);
    const char *s = buf_text(&digits);
    const bool negative = *s == '-';
    s += negative;
    char lead[8];
    snprintf(lead, sizeof lead, "%s%s",
             negative   ? "-"
             : f->plus  ? "+"
             : f->space ? " "
                        : "",
             !f->prefix || is_float || is_decimal ? ""
             : f->kind == 'o'                     ? "0o"
             : f->kind == 'x'                     ? "0x"
                                                  : "0X");
    int64_t zeros = is_float ? 0 : f->precision - (int64_t)strlen(s);
    zeros = zeros > 0 ? zeros : 0;
    const int64_t missing = f->width - (int64_t)strlen(lead) - zeros - (int64_t)strlen(s);
    const bool fills = f->zeros && !f->left;
    for (int64_t i = 0; i < missing && !f->left && !fills; i++)
        buf_putc(out, ' ');
    buf_puts(out, lead);
    for (int64_t i = 0; i < zeros + (fills && missing > 0 ? missing : 0); i++)
        buf_putc(out, '0');
    buf_puts(out, s);
    for (int64_t i = 0; i < missing && f->left; i++)
        buf_putc(out, ' ');
    out->failed = out->failed || digits.failed;
    buf_release(&digits);
    return ok;
}

static bool put_text(struct percent *p, const struct field *f, const struct value *v, struct buf *out)
{
    struct buf b = {0};
    struct value escaped = *v;
    bool ok;
    if (f->kind == 'c' && jinja_is_integer(v))
        ok = jinja_format_spec(p->r, v, "c", 1, &b);
    else if (f->kind == 'c' && !(v->kind == STRING && jinja_count_characters(v->s.text, v->s.size) == 1))
        ok = jinja_fail(p->r, VIV_EINVAL, "'%%c': expected one character, found %s", jinja_kind_name(v));
    else if (f->kind == 'r' || f->kind == 'a')
        ok = jinja_print_repr(p->r, v, &b);
    else
        ok = (!p->escapes || jinja_escape_html(p->r, v, &escaped)) && jinja_print(p->r, &escaped, &b);
    size_t n =
        f->precision < 0 || f->kind == 'c' ? b.size : jinja_bytes_of(buf_text(&b), b.size, (size_t)f->precision);
    const int64_t missing = f->width - (int64_t)jinja_count_characters(buf_text(&b), n);
    for (int64_t i = 0; ok && i < missing && !f->left; i++)
        buf_putc(out, ' ');
    buf_append(out, buf_text(&b), n);
    for (int64_t i = 0; ok && i < missing && f->left; i++)
        buf_putc(out, ' ');
    out->failed = out->failed || b.failed;
    buf_release(&b);
    return ok;
}

static bool put_field(struct percent *p, const struct field *f, struct buf *out)
{
    struct value v, key;
    if (f->kind == '%')
        return buf_putc(out, '%');
    if (f->has_name) {
        if (p->values->kind != DICT)
            return jinja_fail(p->r, VIV_EINVAL, "'%%(name)': expected a dict, found %s",
                              jinja_kind_name(p->values));
        if (!jinja_make_string(p->r, f->name, f->n_name, &key))
            return false;
        const struct value *member = jinja_dict_get(p->r, p->values->dict, &key);
        if (!member)
            return jinja_fail(p->r, VIV_EINVAL, "the dict after '%%' has no '%.60s'", key.s.text);
        v = *member;
        p->uses_names = true;
    } else if (!next_value(p, &v)) {
        return false;
    }
    return strchr("srac", f->kind) ? put_text(p, f, &v, out) : put_number(p, f, &v, out);
}

bool jinja_format_percent(struct run *r, const struct value *v, const struct value *values, struct value *out)
{
    struct percent p = {
        .r = r, .values = values, .n = values->kind == TUPLE ? values->list->n : 1, .escapes = v->is_true};
    struct buf b = {0};
    bool ok = true;
    for (const char *s = v->s.text, *end = s + v->s.size; ok && s < end;) {
        struct field f;
        if (*s != '%')
            buf_putc(&b, *s++);
        else
            ok = jinja_step(r, 1) && read_field(&p, &s, end, &f) && put_field(&p, &f, &b);
        if (ok && b.size > MAX_OUTPUT)
            ok = jinja_fail(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    }
    const bool may_rest = values->kind == DICT || jinja_is_list(values) || values->kind == ITERABLE ||
                          values->kind == UNDEFINED; /* as in Python */
    if (ok && p.next < p.n && !p.uses_names && !(may_rest && values->kind != TUPLE))
        ok = jinja_fail(r, VIV_EINVAL, "'%%' has fields for %zu of the %zu values after it", p.next, p.n);
    if (!ok) {
        buf_release(&b);
        return false;
    }
    const bool escaped = v->is_true;
    if (!jinja_take_buf(r, &b, out))
        return false;
    out->is_true = escaped;
    return true;
}
