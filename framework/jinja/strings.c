/* strings.c - the methods of strings, as in Python. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <string.h>

/* --- case and classes ---------------------------------------------------------------------------------------- */

#define RECASE(name, how)                                                                                          \
    static bool name(struct run *r, const struct value *v, const struct args *a, struct value *out)                \
    {                                                                                                              \
        (void)a;                                                                                                   \
        return jinja_recase(r, v, how, out);                                                                       \
    }
RECASE(upper, UPPER)
RECASE(lower, LOWER)
RECASE(title, TITLE)
RECASE(capitalize, CAPITAL)
RECASE(swapcase, SWAPPED)
RECASE(casefold, FOLDED)

#define CLASS(name)                                                                                                \
    static bool str_##name(struct run *r, const struct value *v, const struct args *a, struct value *out)          \
    {                                                                                                              \
        (void)r, (void)a;                                                                                          \
        *out = jinja_make_bool(jinja_has_class(v, #name));                                                         \
        return true;                                                                                               \
    }
CLASS(isalnum)
CLASS(isalpha)
CLASS(isascii)
CLASS(isdecimal)
CLASS(isdigit)
CLASS(isidentifier)
CLASS(islower)
CLASS(isnumeric)
CLASS(isprintable)
CLASS(isspace)
CLASS(istitle)
CLASS(isupper)

/* --- found and replaced -------------------------------------------------------------------------------------- */

const char *jinja_find_last(const char *s, const char *end, const struct value *what)
{
    for (const char *p = end - what->s.size; p >= s; p--)
        if (memcmp(p, what->s.text, what->s.size) == 0)
            return p;
    return NULL;
}

/* The part of a text that the arguments at `place` and after it give as first and last character. `before`: how
 * many characters are before it. *valid is false if it begins behind the end, where not even '' is found. */
struct window {
    const char *s, *end;
    int64_t before;
    bool valid;
};

static bool read_window(struct run *r, const struct value *v, const struct args *a, size_t place, struct window *w)
{
    const char *s = v->s.text;
    *w = (struct window){s, s + v->s.size, 0, true};
    if (!jinja_arg(a, place) && !jinja_arg(a, place + 1))
        return true;
    const int64_t length = (int64_t)jinja_count_characters(s, v->s.size);
    int64_t begin, end;
    if (!jinja_step(r, 1 + v->s.size / 16) || !jinja_int_arg(r, a, place, "start", 0, &begin) ||
        !jinja_int_arg(r, a, place + 1, "end", length, &end))
        return false;
    begin = begin < 0 ? (begin < -length ? 0 : begin + length) : begin;
    end = end < 0 ? (end < -length ? 0 : end + length) : end > length ? length : end;
    w->valid = begin <= end;
    begin = begin > end ? end : begin;
    w->before = begin;
    w->s = s + jinja_bytes_of(s, v->s.size, (size_t)begin);
    w->end = s + jinja_bytes_of(s, v->s.size, (size_t)end);
    return true;
}

static bool has_end(const char *s, size_t n, const struct value *end, bool at_start)
{
    return end->kind == STRING && n >= end->s.size &&
           memcmp(at_start ? s : s + n - end->s.size, end->s.text, end->s.size) == 0;
}

static bool has_some_end(struct run *r, const struct value *v, const struct args *a, bool at_start,
                         struct value *out)
{
    const struct value *what = jinja_arg(a, 0);
    struct window w;
    bool found = false;
    if (what->kind != STRING && what->kind != TUPLE)
        return jinja_fail(r, VIV_EINVAL, "%s: expected a text, or several as a tuple, found %s",
                          at_start ? "startswith" : "endswith", jinja_kind_name(what));
    if (!read_window(r, v, a, 1, &w))
        return false;
    const size_t n = (size_t)(w.end - w.s);
    for (size_t i = 0; what->kind == TUPLE && i < what->list->n; i++)
        found = found || has_end(w.s, n, &what->list->items[i], at_start);
    *out = jinja_make_bool(w.valid && (what->kind == TUPLE ? found : has_end(w.s, n, what, at_start)));
    return true;
}

static bool startswith(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return has_some_end(r, v, a, true, out);
}

static bool endswith(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return has_some_end(r, v, a, false, out);
}

static bool remove_end(struct run *r, const struct value *v, const struct args *a, bool at_start, struct value *out)
{
    const struct value *what = jinja_arg(a, 0);
    if (what->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "%s: expected a text, found %s",
                          at_start ? "removeprefix" : "removesuffix", jinja_kind_name(what));
    const size_t n = has_end(v->s.text, v->s.size, what, at_start) ? what->s.size : 0;
    return jinja_make_string(r, v->s.text + (at_start ? n : 0), v->s.size - n, out);
}

static bool removeprefix(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return remove_end(r, v, a, true, out);
}

static bool removesuffix(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return remove_end(r, v, a, false, out);
}

static bool replace(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *old = jinja_arg(a, 0), *new = jinja_arg(a, 1);
    struct buf b = {0};
    struct value escaped;
    int64_t count;
    if (v->is_true && new->kind == STRING) {
        if (!jinja_escape_html(r, new, &escaped))
            return false;
        new = &escaped;
    }
    if (old->kind != STRING || new->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "replace: expected two texts");
    if (!jinja_int_arg(r, a, 2, "count", -1, &count) || !jinja_step(r, 1 + v->s.size / 8))
        return false;
    const char *s = v->s.text, *end = s + v->s.size;
    while (count != 0 && s <= end && b.size <= MAX_OUTPUT) {
        const char *found = old->s.size ? memmem(s, (size_t)(end - s), old->s.text, old->s.size) : s;
        if (!found)
            break;
        buf_append(&b, s, (size_t)(found - s));
        buf_append(&b, new->s.text, new->s.size);
        count--;
        s = found + old->s.size;
        if (old->s.size == 0) { /* between all characters */
            int32_t c;
            size_t n = s < end ? jinja_decode(s, (size_t)(end - s), &c) : 1;
            if (s < end)
                buf_append(&b, s, n);
            s += n;
        }
    }
    if (s < end)
        buf_append(&b, s, (size_t)(end - s));
    if (b.size > MAX_OUTPUT) {
        buf_release(&b);
        return jinja_fail(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    }
    return jinja_take_buf(r, &b, out);
}

/* The index in characters of a text in another; -1: not found. */
static bool search(struct run *r, const struct value *v, const struct args *a, bool last, int64_t *out)
{
    const struct value *what = jinja_arg(a, 0);
    struct window w;
    if (what->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "find: expected a text, found %s", jinja_kind_name(what));
    if (!read_window(r, v, a, 1, &w))
        return false;
    const size_t n = (size_t)(w.end - w.s);
    const char *found = !w.valid || n < what->s.size ? NULL
                        : last                       ? jinja_find_last(w.s, w.end, what)
                                                     : memmem(w.s, n, what->s.text, what->s.size);
    *out = found ? w.before + (int64_t)jinja_count_characters(w.s, (size_t)(found - w.s)) : -1;
    return jinja_step(r, 1 + v->s.size / 16);
}

static bool find(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t i = -1;
    bool ok = search(r, v, a, false, &i);
    *out = jinja_make_int(i);
    return ok;
}

static bool rfind(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t i = -1;
    bool ok = search(r, v, a, true, &i);
    *out = jinja_make_int(i);
    return ok;
}

static bool index_of(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return find(r, v, a, out) && (out->i >= 0 || jinja_fail(r, VIV_EINVAL, "index: the text is not there"));
}

static bool rindex_of(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return rfind(r, v, a, out) && (out->i >= 0 || jinja_fail(r, VIV_EINVAL, "rindex: the text is not there"));
}

static bool count(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *what = jinja_arg(a, 0);
    struct window w;
    int64_t n = 0;
    if (what->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "count: expected a text, found %s", jinja_kind_name(what));
    if (!read_window(r, v, a, 1, &w))
        return false;
    const char *s = w.s, *end = w.end;
    if (what->s.size == 0)
        n = (int64_t)jinja_count_characters(s, (size_t)(end - s)) + 1;
    else
        for (; (s = memmem(s, (size_t)(end - s), what->s.text, what->s.size)); s += what->s.size)
            n++;
    *out = jinja_make_int(w.valid ? n : 0);
    return jinja_step(r, 1 + v->s.size / 16);
}

/* --- joined and padded --------------------------------------------------------------------------------------- */

static bool join(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *all = jinja_arg(a, 0);
    const struct list *items;
    struct buf b = {0};
    if (!jinja_items(r, all, &items) || !jinja_step(r, items->n))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        if (items->items[i].kind != STRING) {
            buf_release(&b);
            return jinja_fail(r, VIV_EINVAL, "join: expected texts, found %s", jinja_kind_name(&items->items[i]));
        }
        if (i)
            buf_append(&b, v->s.text, v->s.size);
        buf_append(&b, items->items[i].s.text, items->items[i].s.size);
        if (b.size > MAX_OUTPUT) {
            buf_release(&b);
            return jinja_fail(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
        }
    }
    return jinja_take_buf(r, &b, out);
}

enum side { AT_LEFT, AT_RIGHT, AT_BOTH };

/* Pads with spaces, or another character, up to a width. */
static bool pad(struct run *r, const struct value *v, const struct args *a, enum side side, struct value *out)
{
    const struct value *given = jinja_arg(a, 1), fill = given ? *given : jinja_make_literal(" ");
    int64_t width;
    struct buf b = {0};
    if (!jinja_int_arg(r, a, 0, "width", 80, &width))
        return false;
    if (fill.kind != STRING || jinja_count_characters(fill.s.text, fill.s.size) != 1)
        return jinja_fail(r, VIV_EINVAL, "the fill character must be one character");
    if (width > MAX_OUTPUT / 4)
        return jinja_fail(r, VIV_ELIMIT, "a text of %" PRId64 " characters", width);
    int64_t missing = width - (int64_t)jinja_count_characters(v->s.text, v->s.size);
    missing = missing > 0 ? missing : 0;
    /* an odd remainder goes where Python puts it */
    const int64_t before = side == AT_LEFT ? missing : side == AT_RIGHT ? 0 : missing / 2 + (missing & width & 1);
    if (!jinja_step(r, 1 + (uint64_t)missing / 16))
        return false;
    for (int64_t i = 0; i < before; i++)
        buf_append(&b, fill.s.text, fill.s.size);
    buf_append(&b, v->s.text, v->s.size);
    for (int64_t i = before; i < missing; i++)
        buf_append(&b, fill.s.text, fill.s.size);
    return jinja_take_buf(r, &b, out);
}

static bool ljust(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return pad(r, v, a, AT_RIGHT, out);
}

static bool rjust(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return pad(r, v, a, AT_LEFT, out);
}

static bool center(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return pad(r, v, a, AT_BOTH, out);
}

/* Pads with zeros behind the sign. */
static bool zfill(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const size_t sign = v->s.size && (v->s.text[0] == '-' || v->s.text[0] == '+');
    struct value digits, width, zero = jinja_make_literal("0"), padded;
    struct buf b = {0};
    int64_t n;
    if (!jinja_int_arg(r, a, 0, "width", 0, &n) ||
        !jinja_make_string(r, v->s.text + sign, v->s.size - sign, &digits))
        return false;
    width = jinja_make_int(n - (int64_t)sign);
    const struct value values[] = {width, zero};
    if (!pad(r, &digits, &(struct args){.values = values, .n = 2}, AT_LEFT, &padded))
        return false;
    buf_append(&b, v->s.text, sign);
    buf_append(&b, padded.s.text, padded.s.size);
    return jinja_take_buf(r, &b, out);
}

static bool expandtabs(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct buf b = {0};
    int64_t size, column = 0;
    if (!jinja_int_arg(r, a, 0, "tabsize", 8, &size) || !jinja_step(r, 1 + v->s.size / 8))
        return false;
    if (size > 10000)
        return jinja_fail(r, VIV_ELIMIT, "tabs of %" PRId64 " characters", size);
    for (size_t i = 0; i < v->s.size && b.size <= MAX_OUTPUT; i++) {
        const char c = v->s.text[i];
        int64_t spaces = c == '\t' && size > 0 ? size - column % size : 0;
        if (c != '\t')
            buf_putc(&b, c);
        column = c == '\n' || c == '\r' ? 0 : column + spaces + (c != '\t' && (c & 0xC0) != 0x80);
        for (; spaces > 0; spaces--)
            buf_putc(&b, ' ');
    }
    if (b.size > MAX_OUTPUT) {
        buf_release(&b);
        return jinja_fail(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    }
    return jinja_take_buf(r, &b, out);
}

static bool format_map(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *map = jinja_arg(a, 0);
    if (map->kind != DICT)
        return jinja_fail(r, VIV_EINVAL, "format_map: expected a dict, found %s", jinja_kind_name(map));
    struct named *names = jinja_alloc(r, map->dict->n * sizeof *names);
    size_t n = 0;
    for (size_t i = 0; names && i < map->dict->n; i++)
        if (map->dict->entries[i].key.kind == STRING)
            names[n++] = (struct named){map->dict->entries[i].key.s.text, map->dict->entries[i].value};
    return names && jinja_format_braces(r, v, &(struct args){.named = names, .n_named = n}, out);
}

const struct callable jinja_string_methods[] = {{"capitalize", capitalize, NULL},
                                                {"casefold", casefold, NULL},
                                                {"center", center, "width fillchar?"},
                                                {"count", count, "sub start? end?"},
                                                {"encode", NULL, "templates have texts, not bytes"},
                                                {"endswith", endswith, "suffix start? end?"},
                                                {"expandtabs", expandtabs, "tabsize?"},
                                                {"find", find, "sub start? end?"},
                                                {"format", jinja_format_braces, "* **"},
                                                {"format_map", format_map, "map"},
                                                {"index", index_of, "sub start? end?"},
                                                {"isalnum", str_isalnum, NULL},
                                                {"isalpha", str_isalpha, NULL},
                                                {"isascii", str_isascii, NULL},
                                                {"isdecimal", str_isdecimal, NULL},
                                                {"isdigit", str_isdigit, NULL},
                                                {"isidentifier", str_isidentifier, NULL},
                                                {"islower", str_islower, NULL},
                                                {"isnumeric", str_isnumeric, NULL},
                                                {"isprintable", str_isprintable, NULL},
                                                {"isspace", str_isspace, NULL},
                                                {"istitle", str_istitle, NULL},
                                                {"isupper", str_isupper, NULL},
                                                {"join", join, "iterable"},
                                                {"ljust", ljust, "width fillchar?"},
                                                {"lower", lower, NULL},
                                                {"maketrans", NULL, "`replace` does what it is for"},
                                                {"removeprefix", removeprefix, "prefix"},
                                                {"removesuffix", removesuffix, "suffix"},
                                                {"replace", replace, "old new count?"},
                                                {"rfind", rfind, "sub start? end?"},
                                                {"rindex", rindex_of, "sub start? end?"},
                                                {"rjust", rjust, "width fillchar?"},
                                                {"startswith", startswith, "prefix start? end?"},
                                                {"swapcase", swapcase, NULL},
                                                {"title", title, NULL},
                                                {"translate", NULL, "`replace` does what it is for"},
                                                {"upper", upper, NULL},
                                                {"zfill", zfill, "width"},
                                                {NULL, NULL, NULL}};
