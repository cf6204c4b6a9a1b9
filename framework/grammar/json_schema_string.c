/* json_schema_string.c - strings: lengths in characters, patterns, formats. Escapes are written where JSON needs
 * them; in strings without a pattern, where it allows them. */
#include "grammar/json_schema.h"

#include "base/utf8.h"

#include <string.h>

#define DAY                                                                                                        \
    "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|"     \
    "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
#define TIME  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define BYTE  "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define HOST  LABEL "(?:\\." LABEL "){0,3}"
#define NAME  "[A-Za-z][A-Za-z0-9]{0,61}(?:\\.[A-Za-z][A-Za-z0-9]{0,61}){0,3}" /* a host without dashes */
#define PATH  "(?:/[A-Za-z0-9._~-]*)*"

/* A part of what each format allows: all that these have is of the format. */
static const struct {
    const char *name, *pattern;
} formats[] = {
    {"date", DAY},
    {"time", TIME},
    {"date-time", DAY "T" TIME},
    {"duration", "P(?:[0-9]{1,9}W|[0-9]{1,9}Y|[0-9]{1,9}M|[0-9]{1,9}D|T[0-9]{1,9}H|T[0-9]{1,9}M|T[0-9]{1,9}S|"
                 "[0-9]{1,9}DT[0-9]{1,9}H)"},
    {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    {"ipv4", BYTE "(?:\\." BYTE "){3}"},
    {"ipv6", "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|::|::1|[0-9a-f]{1,4}::(?:[0-9a-f]{1,4}:){0,5}[0-9a-f]{1,4}"},
    {"hostname", NAME},
    {"idn-hostname", NAME},
    {"email", "[A-Za-z0-9_+-]{1,32}(?:\\.[A-Za-z0-9_+-]{1,31})?@" NAME},
    {"idn-email", "[A-Za-z0-9_+-]{1,32}(?:\\.[A-Za-z0-9_+-]{1,31})?@" NAME},
    {"uri",
     "[a-z][a-z0-9]{1,20}://" NAME "(?::[1-9][0-9]{0,3})?" PATH "(?:\\?[A-Za-z0-9=&._~-]*)?(?:#[A-Za-z0-9._~-]*)?"},
    {"iri",
     "[a-z][a-z0-9]{1,20}://" NAME "(?::[1-9][0-9]{0,3})?" PATH "(?:\\?[A-Za-z0-9=&._~-]*)?(?:#[A-Za-z0-9._~-]*)?"},
    {"uri-reference",
     "(?:[a-z][a-z0-9]{1,20}://" NAME ")?" PATH "(?:\\?[A-Za-z0-9=&._~-]*)?(?:#[A-Za-z0-9._~-]*)?"},
    {"iri-reference",
     "(?:[a-z][a-z0-9]{1,20}://" NAME ")?" PATH "(?:\\?[A-Za-z0-9=&._~-]*)?(?:#[A-Za-z0-9._~-]*)?"},
    {"json-pointer", "(?:/[A-Za-z0-9._-]*)*"},
    {"relative-json-pointer", "(?:0|[1-9][0-9]{0,8})(?:#|(?:/[A-Za-z0-9._-]*)*)"},
};

bool automaton_has(const struct automaton *a, const char *text, size_t n)
{
    uint32_t state = 0, length = 0;
    if (automaton_is_empty(a))
        return false;
    for (size_t at = 0, step; at < n; at += step, length++) {
        uint32_t c;
        const struct state *here = &a->states[state];
        bool found = false;
        step = utf8_decode(text + at, n - at, &c);
        for (uint32_t k = 0; step && !found && k < here->n; k++) {
            const struct arc *arc = &a->arcs[here->first + k];
            if (arc->lo <= c && c <= arc->hi) {
                state = arc->to;
                found = true;
            }
        }
        if (!found)
            return false;
    }
    return a->states[state].ends && length <= a->max;
}

/* --- what schemas say of strings ------------------------------------------------------------------------------ */

struct demands {
    uint32_t min, max;
    const struct tree *patterns[16]; /* over characters */
    size_t n;
    struct tree_list except; /* strings that it is not */
};

static void add_pattern(struct schema_reader *s, struct demands *d, const struct item *i, const char *keyword,
                        const struct tree *t)
{
    if (d->n == sizeof d->patterns / sizeof *d->patterns)
        schema_fail(s, VIV_ELIMIT, i, keyword, "more than %zu patterns for one string", d->n);
    else
        d->patterns[d->n++] = t;
}

static void add_format(struct schema_reader *s, struct demands *d, const struct item *i, const char *name)
{
    const struct tree *t;
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        if (strcmp(formats[k].name, name) != 0)
            continue;
        const viv_status status =
            parse_regex(s->r, formats[k].pattern, strlen(formats[k].pattern), REGEX_WHOLE, 0, &t, s->err);
        if (status == VIV_OK)
            add_pattern(s, d, i, "format", t);
        else if (s->status == VIV_OK)
            s->status = status;
        return;
    }
    if (s->notes) /* a format is an annotation, unless one knows it */
        buf_printf(s->notes, "%.300s/format: '%.60s' is not known, and any text is taken\n", i->path, name);
}

/* "enum" and "const" of names; values that have them are listed before they come here. */
static void add_listed(struct schema_reader *s, struct demands *d, const struct item *i)
{
    json_t *values = json_object_get(i->schema, "enum"), *constant = json_object_get(i->schema, "const"), *value;
    struct tree_list l = {0};
    size_t k;
    if (json_is_string(constant))
        tree_list_add(&l, tree_bytes(s->r, json_string_value(constant), json_string_length(constant)));
    json_array_foreach(constant ? NULL : values, k, value)
    {
        if (json_is_string(value))
            tree_list_add(&l, tree_bytes(s->r, json_string_value(value), json_string_length(value)));
    }
    const struct tree *t = l.failed ? NULL : tree_alt(s->r, l.v, l.n);
    if (t)
        add_pattern(s, d, i, constant ? "const" : "enum", t);
    else if (s->status == VIV_OK)
        s->status = error_nomem(s->err);
    tree_list_release(&l);
}

static void read_demands(struct schema_reader *s, const struct conjunction *c, struct demands *d)
{
    *d = (struct demands){.max = UNBOUNDED};
    for (size_t k = 0; k < c->n && s->status == VIV_OK; k++) {
        const struct item *i = &c->v[k];
        const json_t *pattern = json_object_get(i->schema, "pattern"),
                     *format = json_object_get(i->schema, "format");
        const uint32_t min = count_of(s, i, "minLength", 0), max = count_of(s, i, "maxLength", UNBOUNDED);
        d->min = min > d->min ? min : d->min;
        d->max = max < d->max ? max : d->max;
        if (pattern && !json_is_string(pattern))
            schema_fail(s, VIV_EINVAL, i, "pattern", "expected a string, found %s", json_kind(pattern));
        if (json_is_string(pattern)) {
            const struct tree *t;
            struct error err;
            const viv_status status = parse_regex(s->r, json_string_value(pattern), json_string_length(pattern),
                                                  REGEX_SEARCH, 0, &t, &err);
            if (status == VIV_OK)
                add_pattern(s, d, i, "pattern", t);
            else
                schema_refuse(s, i, "pattern", "%s", err.text);
        }
        if (json_is_string(format))
            add_format(s, d, i, json_string_value(format));
        if (json_object_get(i->schema, "enum") || json_object_get(i->schema, "const"))
            add_listed(s, d, i);
        json_t *text;
        size_t at;
        json_array_foreach(json_object_get(i->schema, NOT_IN), at, text)
        {
            if (json_is_string(text))
                tree_list_add(&d->except, tree_bytes(s->r, json_string_value(text), json_string_length(text)));
        }
    }
}

static bool is_any_text(const struct demands *d)
{
    return d->n == 0 && d->except.n == 0;
}

/* Takes the strings out that it is not. */
static viv_status take_out(struct schema_reader *s, const struct demands *d, struct automaton **all,
                           struct error *err)
{
    struct automaton *not = NULL, *rest = NULL;
    const struct tree *texts = d->except.failed ? NULL : tree_alt(s->r, d->except.v, d->except.n);
    viv_status status = texts ? automaton_of(texts, &not, err) : error_nomem(err);
    if (status == VIV_OK)
        status = automaton_both(*all, not, true, &rest, err);
    automaton_destroy(not );
    if (status == VIV_OK) {
        automaton_destroy(*all);
        *all = rest;
    }
    return status;
}

/* The automaton of all patterns and the least length. */
static struct automaton *demanded(struct schema_reader *s, const struct demands *d, const struct item *where,
                                  bool *failed)
{
    struct automaton *all = NULL, *next;
    struct error err = {0};
    viv_status status = VIV_OK;
    for (size_t i = 0; i < d->n && status == VIV_OK; i++) {
        struct automaton *one = NULL, *both = NULL;
        status = automaton_of(d->patterns[i], &one, &err);
        if (status == VIV_OK && all)
            status = automaton_both(all, one, false, &both, &err);
        if (both) {
            automaton_destroy(all);
            automaton_destroy(one);
            all = both;
        } else if (!all) {
            all = one;
        } else {
            automaton_destroy(one);
        }
    }
    if (status == VIV_OK && !all) {
        status = automaton_of(tree_any_text(s->r), &all, &err);
    }
    if (status == VIV_OK && d->except.n)
        status = take_out(s, d, &all, &err);
    if (status == VIV_OK && d->min > 0 && (automaton_is_empty(all) || all->states[0].to_end < d->min)) {
        status = automaton_at_least(all, d->min, &next, &err);
        if (status == VIV_OK) {
            automaton_destroy(all);
            all = next;
        }
    }
    if (status != VIV_OK) {
        automaton_destroy(all);
        *failed = true;
        if (status == VIV_ENOMEM && s->status == VIV_OK)
            s->status = error_nomem(s->err);
        else
            schema_refuse(s, where, d->n ? "pattern" : "minLength", "%s", err.text);
        return NULL;
    }
    all->max = d->max;
    return all;
}

struct automaton *string_automaton(struct schema_reader *s, const struct conjunction *c, bool *failed)
{
    struct demands d;
    struct automaton *a = NULL;
    read_demands(s, c, &d);
    *failed = s->status != VIV_OK;
    if (!*failed && !(is_any_text(&d) && d.min == 0 && d.max == UNBOUNDED))
        a = demanded(s, &d, &c->v[0], failed);
    tree_list_release(&d.except);
    return a;
}

/* --- as JSON -------------------------------------------------------------------------------------------------- */

/* The characters that have to be escaped. */
static const struct tree *escaped(struct schema_reader *s, uint32_t c)
{
    char text[2] = {(char)c, '\0'};
    json_t *string = json_stringn(text, 1);
    char *written = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    const struct tree *t = written ? tree_bytes(s->r, written + 1, strlen(written) - 2) : NULL;
    free(written);
    json_decref(string);
    return t;
}

static const struct tree *class_in_json(struct schema_reader *s, const struct charset *set)
{
    struct tree_list l = {0};
    struct charset raw = {0};
    for (size_t i = 0; i < set->n; i++) {
        uint32_t from = set->v[i].lo;
        for (uint32_t c = from; c <= set->v[i].hi && c <= '\\'; c++) {
            if (c >= 0x20 && c != '"' && c != '\\')
                continue;
            tree_list_add(&l, escaped(s, c));
            if (from < c)
                charset_add(&raw, from, c - 1);
            from = c + 1;
        }
        if (from <= set->v[i].hi)
            charset_add(&raw, from, set->v[i].hi);
    }
    tree_list_add(&l, tree_class(s->r, &raw));
    const struct tree *t = l.failed ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* An expression over characters, with the characters written as in a JSON string. */
static const struct tree *in_json(struct schema_reader *s, const struct tree *t)
{
    struct tree_list l = {0};
    const struct tree *out = NULL;
    switch (t->kind) {
    case TREE_BYTES: {
        const struct tree *written = quoted(s, t->bytes, t->n);
        return written ? tree_bytes(s->r, written->bytes + 1, written->n - 2) : NULL;
    }
    case TREE_CLASS:
        return class_in_json(s, t->set);
    case TREE_REPEAT:
        return tree_repeat(s->r, in_json(s, t->kids[0]), t->min, t->max);
    default:
        for (uint32_t i = 0; i < t->n; i++)
            tree_list_add(&l, in_json(s, t->kids[i]));
        if (!l.failed)
            out = t->kind == TREE_CAT ? tree_cat(s->r, l.v, l.n) : tree_alt(s->r, l.v, l.n);
        tree_list_release(&l);
        return out;
    }
}

/* Any character, raw or in any escape that JSON has for it: a pair of surrogates is one. */
static const struct tree *any_character(struct schema_reader *s)
{
    static const char *const escapes[] = {"\\\\[\"\\\\/bfnrt]",
                                          "\\\\u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})",
                                          "\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}"};
    struct charset raw = {0};
    const struct tree *kinds[4];
    charset_add_all(&raw, charset_plain());
    kinds[0] = tree_class(s->r, &raw);
    for (int i = 0; i < 3; i++) {
        const viv_status status =
            parse_regex(s->r, escapes[i], strlen(escapes[i]), REGEX_WHOLE, 0, &kinds[i + 1], s->err);
        if (status != VIV_OK) {
            s->status = status;
            return NULL;
        }
    }
    return tree_alt(s->r, kinds, 4);
}

static const struct tree *any_string(struct schema_reader *s, uint32_t min, uint32_t max)
{
    const bool free = min == 0 && max == UNBOUNDED;
    if (free && s->string)
        return tree_rule(s->r, s->string - 1);
    const struct tree *text = tree_repeat(s->r, any_character(s), min, max);
    const struct tree *t = tree_cat3(s->r, tree_text(s->r, "\""), text, tree_text(s->r, "\""));
    if (!free || !t)
        return t;
    const uint32_t rule = rules_add(s->r, "any string", 10);
    if (rule == UINT32_MAX)
        return NULL;
    s->r->v[rule].body = t;
    s->string = rule + 1;
    return tree_rule(s->r, rule);
}

static const struct tree *demanded_text(struct schema_reader *s, const struct demands *d, const struct item *where)
{
    bool failed = false;
    if (d->n == 1 && d->except.n == 0 && d->min == 0 && d->max == UNBOUNDED)
        return in_json(s, d->patterns[0]);
    struct automaton *a = demanded(s, d, where, &failed);
    if (failed)
        return NULL;
    a->json = true;
    return tree_automaton(s->r, a);
}

const struct tree *string_of(struct schema_reader *s, const struct conjunction *c)
{
    struct demands d;
    const struct tree *t = NULL;
    read_demands(s, c, &d);
    if (s->status == VIV_OK && d.min > d.max)
        t = tree_never(s->r);
    else if (s->status == VIV_OK && is_any_text(&d))
        t = any_string(s, d.min, d.max);
    else if (s->status == VIV_OK) {
        const struct tree *text = demanded_text(s, &d, &c->v[0]);
        if (text)
            t = tree_cat3(s->r, tree_text(s->r, "\""), text, tree_text(s->r, "\""));
        else if (s->status == VIV_OK) /* lenient */
            t = any_string(s, d.min, d.max);
    }
    tree_list_release(&d.except);
    return t;
}
