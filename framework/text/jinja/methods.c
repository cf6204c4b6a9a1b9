/* methods.c - what strings, lists and dicts can do by themselves, as in Python, as far as it changes nothing. */
#include "text/jinja/jinja.h"

#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>

/* --- characters ---------------------------------------------------------------------------------------------- */

static size_t decode(const char *s, size_t n, utf8proc_int32_t *c)
{
    utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, c);
    if (k > 0)
        return (size_t)k;
    *c = 0xFFFD;
    return 1;
}

static bool is_white(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP ||
           (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F) || c == 0x85;
}

static bool is_letter(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

static void put(struct buf *out, utf8proc_int32_t c)
{
    utf8proc_uint8_t bytes[4];
    buf_append(out, bytes, (size_t)utf8proc_encode_char(c, bytes));
}

enum casing { UPPER, LOWER, TITLE, CAPITAL, SWAPPED };

static bool recase(struct run *r, const struct value *v, enum casing how, struct value *out)
{
    struct buf b = {0};
    bool starts = true;
    if (!step(r, 1 + v->s.size / 16))
        return false;
    for (size_t at = 0; at < v->s.size;) {
        utf8proc_int32_t c;
        at += decode(v->s.text + at, v->s.size - at, &c);
        bool up =
            how == UPPER || (starts && how != LOWER && how != SWAPPED) || (how == SWAPPED && utf8proc_islower(c));
        bool down = how == LOWER || how == TITLE || how == CAPITAL || (how == SWAPPED && utf8proc_isupper(c));
        if (up && c == 0xDF)
            buf_puts(&b, how == UPPER ? "SS" : "Ss");
        else
            put(&b, up     ? (how == UPPER || how == SWAPPED ? utf8proc_toupper(c) : utf8proc_totitle(c))
                    : down ? utf8proc_tolower(c)
                           : c);
        starts = how == TITLE ? !is_letter(c) : false;
    }
    return take_buf(r, &b, out);
}

#define RECASE(name, how)                                                                                          \
    static bool name(struct run *r, const struct value *v, const struct args *a, struct value *out)                \
    {                                                                                                              \
        (void)a;                                                                                                   \
        return recase(r, v, how, out);                                                                             \
    }
RECASE(upper, UPPER)
RECASE(lower, LOWER)
RECASE(title, TITLE)
RECASE(capitalize, CAPITAL)
RECASE(swapcase, SWAPPED)

enum { ALPHA = 1, DIGIT = 2, SPACE = 4 };

/* Whether there are characters, and all are of these classes. */
static bool all_of(const struct value *v, int classes)
{
    for (size_t at = 0; at < v->s.size;) {
        utf8proc_int32_t c;
        at += decode(v->s.text + at, v->s.size - at, &c);
        bool digit = utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
        if (!((classes & ALPHA && is_letter(c)) || (classes & DIGIT && digit) || (classes & SPACE && is_white(c))))
            return false;
    }
    return v->s.size > 0;
}

#define CLASS_METHOD(name, classes)                                                                                \
    static bool name(struct run *r, const struct value *v, const struct args *a, struct value *out)                \
    {                                                                                                              \
        (void)r, (void)a;                                                                                          \
        *out = make_bool(all_of(v, classes));                                                                      \
        return true;                                                                                               \
    }
CLASS_METHOD(str_isalpha, ALPHA)
CLASS_METHOD(str_isdigit, DIGIT)
CLASS_METHOD(str_isalnum, ALPHA | DIGIT)
CLASS_METHOD(str_isspace, SPACE)

static bool str_isupper(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    bool holds;
    (void)a;
    bool ok = run_test(r, "upper", v, &(struct args){0}, &holds);
    *out = make_bool(holds);
    return ok;
}

static bool str_islower(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    bool holds;
    (void)a;
    bool ok = run_test(r, "lower", v, &(struct args){0}, &holds);
    *out = make_bool(holds);
    return ok;
}

/* --- strings ------------------------------------------------------------------------------------------------- */

enum { LEFT = 1, RIGHT = 2 };

static bool in_set(utf8proc_int32_t c, const struct value *set)
{
    if (!set)
        return is_white(c);
    for (size_t at = 0; at < set->s.size;) {
        utf8proc_int32_t one;
        at += decode(set->s.text + at, set->s.size - at, &one);
        if (one == c)
            return true;
    }
    return false;
}

static bool strip_sides(struct run *r, const struct value *v, const struct args *a, int sides, struct value *out)
{
    const struct value *set = arg(a, 0, "chars");
    size_t begin = 0, end = v->s.size;
    utf8proc_int32_t c;
    if (set && set->kind != STRING && set->kind != NONE)
        return fail_at(r, VIV_EINVAL, "strip wants a text, found %s", kind_name(set));
    set = set && set->kind == STRING ? set : NULL;
    if (!step(r, 1 + v->s.size / 16))
        return false;
    while (sides & LEFT && begin < end) {
        size_t n = decode(v->s.text + begin, end - begin, &c);
        if (!in_set(c, set))
            break;
        begin += n;
    }
    while (sides & RIGHT && end > begin) {
        size_t n = 1;
        while (n < end - begin && (v->s.text[end - n] & 0xC0) == 0x80)
            n++;
        decode(v->s.text + end - n, n, &c);
        if (!in_set(c, set))
            break;
        end -= n;
    }
    return make_string(r, v->s.text + begin, end - begin, out);
}

static bool strip(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return strip_sides(r, v, a, LEFT | RIGHT, out);
}

static bool lstrip(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return strip_sides(r, v, a, LEFT, out);
}

static bool rstrip(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return strip_sides(r, v, a, RIGHT, out);
}

/* A list that grows as parts are found. */
struct parts {
    struct value *items;
    size_t n, capacity;
};

static bool add_part(struct run *r, struct parts *p, const char *text, size_t n)
{
    if (p->n == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 8;
        struct value *grown = take(r, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (p->n)
            memcpy(grown, p->items, p->n * sizeof *grown);
        p->items = grown;
        p->capacity = capacity;
    }
    return step(r, 1) && make_string(r, text, n, &p->items[p->n++]);
}

static bool list_parts(struct run *r, const struct parts *p, bool reversed, struct value *out)
{
    struct list *l = make_list(r, p->n);
    if (!l)
        return false;
    for (size_t i = 0; i < p->n; i++)
        l->items[i] = p->items[reversed ? p->n - 1 - i : i];
    *out = of_list(l, LIST);
    return true;
}

/* split() at runs of white space, at most `max` times (-1: always) */
static bool split_white(struct run *r, const struct value *v, int64_t max, struct value *out)
{
    struct parts p = {0};
    size_t at = 0, end = v->s.size;
    utf8proc_int32_t c;
    for (;;) {
        size_t n;
        while (at < end && (n = decode(v->s.text + at, end - at, &c)) && is_white(c))
            at += n;
        if (at >= end)
            break;
        size_t begin = at;
        if (max >= 0 && (int64_t)p.n >= max) {
            at = end;
        } else {
            while (at < end && (n = decode(v->s.text + at, end - at, &c)) && !is_white(c))
                at += n;
        }
        if (!add_part(r, &p, v->s.text + begin, at - begin))
            return false;
    }
    return list_parts(r, &p, false, out);
}

static bool split(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *by = arg(a, 0, "sep");
    int64_t max;
    struct parts p = {0};
    if (!int_arg(r, a, 1, "maxsplit", -1, &max) || !step(r, 1 + v->s.size / 16))
        return false;
    if (!by || by->kind == NONE)
        return split_white(r, v, max, out);
    if (by->kind != STRING || by->s.size == 0)
        return fail_at(r, VIV_EINVAL, "split wants a text that is not empty");
    const char *s = v->s.text, *end = s + v->s.size;
    for (const char *found;
         (max < 0 || (int64_t)p.n < max) && (found = memmem(s, (size_t)(end - s), by->s.text, by->s.size));
         s = found + by->s.size)
        if (!add_part(r, &p, s, (size_t)(found - s)))
            return false;
    return add_part(r, &p, s, (size_t)(end - s)) && list_parts(r, &p, false, out);
}

static const char *last_of(const char *s, const char *end, const struct value *what)
{
    for (const char *p = end - what->s.size; p >= s; p--)
        if (memcmp(p, what->s.text, what->s.size) == 0)
            return p;
    return NULL;
}

static bool rsplit(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *by = arg(a, 0, "sep");
    int64_t max;
    struct parts p = {0};
    if (!int_arg(r, a, 1, "maxsplit", -1, &max) || !step(r, 1 + v->s.size / 4))
        return false;
    if (max < 0)
        return split(r, v, a, out);
    if (!by || by->kind != STRING || by->s.size == 0)
        return fail_at(r, VIV_EINVAL, "rsplit wants a text that is not empty");
    const char *s = v->s.text, *end = s + v->s.size;
    for (const char *found; (int64_t)p.n < max && (size_t)(end - s) >= by->s.size && (found = last_of(s, end, by));
         end = found)
        if (!add_part(r, &p, found + by->s.size, (size_t)(end - found) - by->s.size))
            return false;
    return add_part(r, &p, s, (size_t)(end - s)) && list_parts(r, &p, true, out);
}

static bool splitlines(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    bool keep = flag_arg(a, 0, "keepends", false);
    struct parts p = {0};
    const char *s = v->s.text, *end = s + v->s.size;
    while (s < end) {
        size_t n = 0, k = 0;
        while (s + n < end && s[n] != '\n' && s[n] != '\r')
            n++;
        if (s + n < end)
            k = s[n] == '\r' && s + n + 1 < end && s[n + 1] == '\n' ? 2 : 1;
        if (!add_part(r, &p, s, n + (keep ? k : 0)))
            return false;
        s += n + k;
    }
    return list_parts(r, &p, false, out);
}

/* partition, rpartition: (before, separator, after) */
static bool cut(struct run *r, const struct value *v, const struct args *a, bool last, struct value *out)
{
    const struct value *by = arg(a, 0, "sep");
    if (!by || by->kind != STRING || by->s.size == 0)
        return fail_at(r, VIV_EINVAL, "partition wants a text that is not empty");
    const char *s = v->s.text, *end = s + v->s.size;
    const char *found = last ? (v->s.size >= by->s.size ? last_of(s, end, by) : NULL)
                             : memmem(s, v->s.size, by->s.text, by->s.size);
    struct list *l = make_list(r, 3);
    if (!l || !step(r, 1 + v->s.size / 16))
        return false;
    for (size_t i = 0; i < 3; i++)
        l->items[i] = make_literal("");
    if (found) {
        if (!make_string(r, s, (size_t)(found - s), &l->items[0]) ||
            !make_string(r, found + by->s.size, (size_t)(end - found) - by->s.size, &l->items[2]))
            return false;
        l->items[1] = *by;
    } else {
        l->items[last ? 2 : 0] = *v;
    }
    *out = of_list(l, TUPLE);
    return true;
}

static bool partition(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return cut(r, v, a, false, out);
}

static bool rpartition(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return cut(r, v, a, true, out);
}

static bool has_end(const struct value *v, const struct value *end, bool at_start)
{
    return end->kind == STRING && v->s.size >= end->s.size &&
           memcmp(at_start ? v->s.text : v->s.text + v->s.size - end->s.size, end->s.text, end->s.size) == 0;
}

static bool has_some_end(struct run *r, const struct value *v, const struct args *a, bool at_start,
                         struct value *out)
{
    const struct value *what = arg(a, 0, "prefix");
    bool found = false;
    if (!what || (what->kind != STRING && !is_list(what)))
        return fail_at(r, VIV_EINVAL, "%s wants a text", at_start ? "startswith" : "endswith");
    for (size_t i = 0; is_list(what) && i < what->list->n; i++)
        found = found || has_end(v, &what->list->items[i], at_start);
    *out = make_bool(is_list(what) ? found : has_end(v, what, at_start));
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
    const struct value *what = arg(a, 0, NULL);
    if (!what || what->kind != STRING)
        return fail_at(r, VIV_EINVAL, "%s wants a text", at_start ? "removeprefix" : "removesuffix");
    size_t n = has_end(v, what, at_start) ? what->s.size : 0;
    return make_string(r, v->s.text + (at_start ? n : 0), v->s.size - n, out);
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
    const struct value *old = arg(a, 0, "old"), *new = arg(a, 1, "new");
    struct buf b = {0};
    int64_t count;
    if (!old || !new || old->kind != STRING || new->kind != STRING)
        return fail_at(r, VIV_EINVAL, "replace wants two texts");
    if (!int_arg(r, a, 2, "count", -1, &count) || !step(r, 1 + v->s.size / 8))
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
            utf8proc_int32_t c;
            size_t n = s < end ? decode(s, (size_t)(end - s), &c) : 1;
            if (s < end)
                buf_append(&b, s, n);
            s += n;
        }
    }
    if (s < end)
        buf_append(&b, s, (size_t)(end - s));
    if (b.size > MAX_OUTPUT) {
        buf_release(&b);
        return fail_at(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    }
    return take_buf(r, &b, out);
}

/* Where a text begins in another, in characters; -1: nowhere. */
static bool search(struct run *r, const struct value *v, const struct args *a, bool last, int64_t *out)
{
    const struct value *what = arg(a, 0, "sub");
    if (!what || what->kind != STRING)
        return fail_at(r, VIV_EINVAL, "find wants a text");
    const char *s = v->s.text;
    const char *found = v->s.size < what->s.size ? NULL
                        : last                   ? last_of(s, s + v->s.size, what)
                                                 : memmem(s, v->s.size, what->s.text, what->s.size);
    *out = found ? (int64_t)characters(s, (size_t)(found - s)) : -1;
    return step(r, 1 + v->s.size / 16);
}

static bool find(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t i = -1;
    bool ok = search(r, v, a, false, &i);
    *out = make_int(i);
    return ok;
}

static bool rfind(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t i = -1;
    bool ok = search(r, v, a, true, &i);
    *out = make_int(i);
    return ok;
}

static bool index_of(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    if (is_list(v)) {
        for (size_t i = 0; a->n && i < v->list->n; i++)
            if (equal(r, &v->list->items[i], &a->values[0])) {
                *out = make_int((int64_t)i);
                return step(r, i + 1);
            }
        return fail_at(r, VIV_EINVAL, "index: the list has no such element");
    }
    return find(r, v, a, out) && (out->i >= 0 || fail_at(r, VIV_EINVAL, "index: the text is not there"));
}

static bool count(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *what = arg(a, 0, "sub");
    int64_t n = 0;
    if (is_list(v)) {
        for (size_t i = 0; what && i < v->list->n; i++)
            n += equal(r, &v->list->items[i], what);
        *out = make_int(n);
        return step(r, v->list->n);
    }
    if (!what || what->kind != STRING || what->s.size == 0)
        return fail_at(r, VIV_EINVAL, "count wants a text that is not empty");
    const char *s = v->s.text, *end = s + v->s.size;
    for (; (s = memmem(s, (size_t)(end - s), what->s.text, what->s.size)); s += what->s.size)
        n++;
    *out = make_int(n);
    return step(r, 1 + v->s.size / 16);
}

static bool join(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *all = arg(a, 0, "iterable");
    const struct list *items;
    struct buf b = {0};
    if (!all || !items_of(r, all, &items))
        return all ? false : fail_at(r, VIV_EINVAL, "join wants a list");
    for (size_t i = 0; i < items->n; i++) {
        if (items->items[i].kind != STRING) {
            buf_release(&b);
            return fail_at(r, VIV_EINVAL, "join wants texts, found %s", kind_name(&items->items[i]));
        }
        if (i)
            buf_append(&b, v->s.text, v->s.size);
        buf_append(&b, items->items[i].s.text, items->items[i].s.size);
    }
    return take_buf(r, &b, out);
}

/* Spaces, or `fill`, on the left (by `left` of what is missing in halves: 0 none, 1 half, 2 all) */
static bool pad(struct run *r, const struct value *v, const struct args *a, int left, char otherwise,
                struct value *out)
{
    int64_t width;
    struct buf b = {0};
    if (!int_arg(r, a, 0, "width", 80, &width))
        return false;
    if (width > MAX_OUTPUT)
        return fail_at(r, VIV_ELIMIT, "a text of %" PRId64 " characters", width);
    const char *fill = text_arg(a, 1, "fillchar", NULL);
    char one[2] = {fill ? fill[0] : otherwise, '\0'};
    int64_t missing = width - (int64_t)characters(v->s.text, v->s.size);
    int64_t before = missing > 0 ? (left == 2 ? missing : left == 1 ? missing / 2 : 0) : 0;
    for (int64_t i = 0; i < before; i++)
        buf_puts(&b, one);
    buf_append(&b, v->s.text, v->s.size);
    for (int64_t i = before; i < missing; i++)
        buf_puts(&b, one);
    return take_buf(r, &b, out);
}

static bool ljust(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return pad(r, v, a, 0, ' ', out);
}

static bool rjust(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return pad(r, v, a, 2, ' ', out);
}

static bool center(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return pad(r, v, a, 1, ' ', out);
}

static bool zfill(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return pad(r, v, a, 2, '0', out);
}

/* --- dicts and lists ----------------------------------------------------------------------------------------- */

static bool get(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *key = arg(a, 0, "key"), *otherwise = arg(a, 1, "default");
    if (!key)
        return fail_at(r, VIV_EINVAL, "get wants a key");
    const struct value *found = dict_get(r, v->dict, key);
    *out = found ? *found : otherwise ? *otherwise : (struct value){.kind = NONE};
    return step(r, 1 + v->dict->n / 8);
}

enum { KEYS = 1, VALUES = 2 };

static bool list_members(struct run *r, const struct dict *d, int which, struct value *out)
{
    struct list *l = make_list(r, d->n);
    if (!l || !step(r, d->n))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        if (which != (KEYS | VALUES)) {
            l->items[i] = which == KEYS ? d->entries[i].key : d->entries[i].value;
            continue;
        }
        struct list *pair = make_list(r, 2);
        if (!pair)
            return false;
        pair->items[0] = d->entries[i].key;
        pair->items[1] = d->entries[i].value;
        l->items[i] = of_list(pair, TUPLE);
    }
    *out = of_list(l, LIST);
    return true;
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
    *out = *v; /* nothing changes */
    return true;
}

static bool changes(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a, (void)out;
    return fail_at(r, VIV_EUNSUPPORTED, "a template cannot change %s", kind_name(v));
}

struct method {
    const char *name;
    function *call;
};
static const struct method of_strings[] = {{"capitalize", capitalize},
                                           {"casefold", lower},
                                           {"center", center},
                                           {"count", count},
                                           {"endswith", endswith},
                                           {"find", find},
                                           {"format", format_braces},
                                           {"index", index_of},
                                           {"isalnum", str_isalnum},
                                           {"isalpha", str_isalpha},
                                           {"isdecimal", str_isdigit},
                                           {"isdigit", str_isdigit},
                                           {"islower", str_islower},
                                           {"isnumeric", str_isdigit},
                                           {"isspace", str_isspace},
                                           {"isupper", str_isupper},
                                           {"join", join},
                                           {"ljust", ljust},
                                           {"lower", lower},
                                           {"lstrip", lstrip},
                                           {"partition", partition},
                                           {"removeprefix", removeprefix},
                                           {"removesuffix", removesuffix},
                                           {"replace", replace},
                                           {"rfind", rfind},
                                           {"rjust", rjust},
                                           {"rpartition", rpartition},
                                           {"rsplit", rsplit},
                                           {"rstrip", rstrip},
                                           {"split", split},
                                           {"splitlines", splitlines},
                                           {"startswith", startswith},
                                           {"strip", strip},
                                           {"swapcase", swapcase},
                                           {"title", title},
                                           {"upper", upper},
                                           {"zfill", zfill},
                                           {NULL, NULL}};
static const struct method of_dicts[] = {
    {"get", get},     {"items", items},    {"keys", keys},          {"values", values}, {"copy", copy},
    {"pop", changes}, {"update", changes}, {"setdefault", changes}, {"clear", changes}, {NULL, NULL}};
static const struct method of_lists[] = {{"count", count},    {"index", index_of}, {"copy", copy},
                                         {"append", changes}, {"extend", changes}, {"insert", changes},
                                         {"pop", changes},    {"remove", changes}, {"reverse", changes},
                                         {"sort", changes},   {NULL, NULL}};

function *find_method(const struct value *v, const char *name)
{
    const struct method *m = v->kind == STRING ? of_strings
                             : v->kind == DICT ? of_dicts
                             : is_list(v)      ? of_lists
                                               : NULL;
    for (; m && m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m->call;
    return NULL;
}
