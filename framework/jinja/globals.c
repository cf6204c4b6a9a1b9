/* globals.c - global functions: range, namespace, dict, cycler, joiner, raise_exception, strftime_now. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

bool jinja_make_range(struct run *r, int64_t start, int64_t end, int64_t by, struct value *out)
{
    struct buf shown = {0};
    struct value text;
    const uint64_t distance = by > 0 ? (end > start ? (uint64_t)end - (uint64_t)start : 0)
                                     : (start > end ? (uint64_t)start - (uint64_t)end : 0);
    const uint64_t size = by > 0 ? (uint64_t)by : -(uint64_t)by, n = distance / size + (distance % size != 0);
    if (n > MAX_RANGE)
        return jinja_fail(r, VIV_ELIMIT, "a range of %" PRIu64 " numbers, at most %d", n, MAX_RANGE);
    struct list *l = jinja_make_list(r, n);
    if (!l || !jinja_step(r, n))
        return false;
    for (size_t i = 0; i < n; i++)
        l->items[i] = jinja_make_int(start + (int64_t)i * by);
    if (!jinja_make_iterable(r, l, "range", false, out) || out->kind != ITERABLE)
        return out->kind == LIST;
    buf_printf(&shown, "range(%" PRId64 ", %" PRId64, start, end);
    if (by != 1)
        buf_printf(&shown, ", %" PRId64, by);
    buf_putc(&shown, ')');
    if (!jinja_take_buf(r, &shown, &text))
        return false;
    out->iterable->shown = text.s.text;
    out->iterable->start = start;
    out->iterable->by = by;
    return true;
}

static bool range(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t start = 0, end, by;
    const bool has_start = jinja_arg(a, 1) != NULL;
    (void)v;
    for (size_t i = 0; i < 3; i++)
        if (jinja_arg(a, i) && jinja_arg(a, i)->kind == NONE)
            return jinja_fail(r, VIV_EINVAL, "range: expected integers, found none");
    if (!jinja_int_arg(r, a, has_start, "stop", 0, &end) || !jinja_int_arg(r, a, 2, "step", 1, &by) ||
        (has_start && !jinja_int_arg(r, a, 0, "start", 0, &start)))
        return false;
    return by ? jinja_make_range(r, start, end, by, out) : jinja_fail(r, VIV_EINVAL, "range cannot step by 0");
}

/* Adds all members of a dict, or pairs of keys and values. */
static bool add_members(struct run *r, struct dict *d, const struct value *v)
{
    struct value pairs = *v;
    const struct list *l, *pair;
    if (v->kind == DICT && !jinja_call_method(r, v, "items", &(struct args){0}, &pairs))
        return false;
    if (!jinja_items(r, &pairs, &l))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        if (!jinja_items(r, &l->items[i], &pair))
            return false;
        if (pair->n != 2)
            return jinja_fail(r, VIV_EINVAL, "a member of a dict is a key and a value, found %zu values", pair->n);
        if (!jinja_dict_put(r, d, &pair->items[0], &pair->items[1]))
            return false;
    }
    return true;
}

/* dict(a=1), namespace(a=1): from a dict or pairs, and from named arguments */
static bool make_members(struct run *r, const struct args *a, enum kind kind, struct value *out)
{
    struct dict *d = jinja_make_dict(r);
    if (!d || (jinja_arg(a, 0) && !add_members(r, d, jinja_arg(a, 0))))
        return false;
    for (size_t i = 0; i < a->n_named; i++) {
        struct value key = jinja_make_literal(a->named[i].name);
        if (!jinja_dict_put(r, d, &key, &a->named[i].value))
            return false;
    }
    *out = (struct value){.kind = kind, .dict = d};
    for (size_t i = 0; kind == NAMESPACE && i < d->n; i++)
        if (d->entries[i].key.kind == STRING && d->entries[i].key.s.text[0] == '_')
            return jinja_fail(r, VIV_EINVAL, "a namespace has no names that begin with '_', found '%.60s'",
                              d->entries[i].key.s.text);
    return true;
}

static bool make_namespace(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)v;
    return make_members(r, a, NAMESPACE, out);
}

static bool to_dict(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)v;
    return make_members(r, a, DICT, out);
}

static bool raise_exception(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text;
    (void)v, (void)out;
    if (!jinja_to_text(r, jinja_arg(a, 0), &text))
        return false;
    return jinja_fail(r, VIV_EINVAL, "%s", text.s.text);
}

/* The pattern comes from the template. That is safe: strftime reads only the time, and its output is bounded. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t write_time(char *text, size_t size, const char *pattern, const struct tm *now)
{
    return strftime(text, size, pattern, now);
}
#pragma GCC diagnostic pop

static bool strftime_now(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const char *pattern = jinja_text_arg(a, 0, NULL);
    char text[512];
    struct tm local;
    time_t t = time(NULL);
    (void)v;
    if (!pattern)
        return jinja_fail(r, VIV_EINVAL, "strftime_now: expected a format");
    const struct tm *now = r->options->now ? r->options->now : localtime_r(&t, &local);
    size_t n = now && *pattern ? write_time(text, sizeof text, pattern, now) : 0;
    if (n == 0 && *pattern)
        return jinja_fail(r, VIV_EINVAL, "strftime_now: '%.60s' gives no date of less than 512 characters",
                          pattern);
    return jinja_make_string(r, text, n, out);
}

/* cycler('a', 'b'): .next() advances, .current is the current value, .reset() starts again. joiner(', '): returns
 * '' the first time, then the text. */
struct turns {
    const struct list *items; /* a joiner has its text as items: one, and after the first call two */
    size_t at;
};

static bool make_turns(struct run *r, const struct callable *f, const struct list *items, struct value *out)
{
    struct turns *t = jinja_alloc(r, sizeof *t);
    struct bound *b = jinja_alloc(r, sizeof *b);
    if (!t || !b)
        return false;
    t->items = items;
    *b = (struct bound){.f = f, .state = t};
    *out = (struct value){.kind = FUNCTION, .bound = b};
    return true;
}

static bool cycler_called(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)v, (void)a, (void)out;
    return jinja_fail(r, VIV_EINVAL, "a cycler cannot be called: it has next(), reset() and current");
}

static bool joiner_called(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct turns *t = v->bound->state;
    (void)r, (void)a;
    *out = t->at++ ? t->items->items[0] : jinja_make_literal("");
    return true;
}

static const struct callable a_cycler = {"cycler", cycler_called, NULL}, a_joiner = {"joiner", joiner_called, NULL};

static bool cycler_next(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct turns *t = v->bound->state;
    (void)r, (void)a;
    *out = t->items->items[t->at];
    t->at = (t->at + 1) % t->items->n;
    return true;
}

static bool cycler_reset(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct turns *t = v->bound->state;
    (void)r, (void)a;
    t->at = 0;
    *out = (struct value){.kind = NONE};
    return true;
}

/* dict.fromkeys, and the methods of a cycler */
bool jinja_function_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    static const struct callable next = {"next", cycler_next, NULL}, reset = {"reset", cycler_reset, NULL};
    const struct value a_dict = {.kind = DICT};
    const struct turns *t = v->bound->state;
    *out = jinja_make_missing(v, name);
    if (v->bound->f->call == to_dict && strcmp(name, "fromkeys") == 0)
        return jinja_make_function(r, jinja_find_method(&a_dict, name), v, out);
    if (v->bound->f != &a_cycler)
        return true;
    if (strcmp(name, "current") == 0)
        *out = t->items->items[t->at];
    else if (strcmp(name, "next") == 0)
        return jinja_make_function(r, &next, v, out);
    else if (strcmp(name, "reset") == 0)
        return jinja_make_function(r, &reset, v, out);
    return true;
}

static bool cycler(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct list *l = jinja_make_list(r, a->n);
    (void)v;
    if (a->n == 0)
        return jinja_fail(r, VIV_EINVAL, "cycler: expected at least one value");
    for (size_t i = 0; l && i < a->n; i++)
        l->items[i] = a->values[i];
    return l && make_turns(r, &a_cycler, l, out);
}

static bool joiner(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct list *l = jinja_make_list(r, 1);
    (void)v;
    if (l)
        l->items[0] = jinja_arg(a, 0) ? *jinja_arg(a, 0) : jinja_make_literal(", ");
    return l && make_turns(r, &a_joiner, l, out);
}

const struct callable *jinja_find_global(const char *name)
{
    static const struct callable globals[] = {{"cycler", cycler, "*"},
                                              {"dict", to_dict, "members? **"},
                                              {"joiner", joiner, "sep?"},
                                              {"lipsum", NULL, "it writes filler text at random"},
                                              {"namespace", make_namespace, "members? **"},
                                              {"raise_exception", raise_exception, "message"},
                                              {"range", range, "start stop? step?"},
                                              {"strftime_now", strftime_now, "format"},
                                              {NULL, NULL, NULL}};
    return jinja_find_callable(globals, name);
}
