/* json_schema_object.c - objects: properties in the order in which the schema has them, then required ones that it
 * only names, then others. A key that is not listed is any text but those that are: the same one may come twice. */
#include "grammar/json_schema.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PATTERNS = 5, MAX_COUNTED = 1 << 14 };

struct key_pattern {
    const char *text;
    struct automaton *keys, *perhaps; /* perhaps: those that some engine takes */
};
struct object {
    const struct conjunction *c;
    json_t *listed;   /* an object: the keys of properties and required, in order */
    json_t *required; /* an object: the keys */
    uint32_t min, max;
    const struct item *counted; /* who says so */
    struct key_pattern patterns[MAX_PATTERNS];
    size_t n_patterns;
    struct automaton *names; /* of propertyNames; or NULL: any */
    bool no_names;           /* propertyNames that cannot be kept */
};

static void nomem_unless(struct schema_reader *s, bool ok)
{
    if (!ok && s->status == VIV_OK)
        s->status = error_nomem(s->err);
}

/* --- what schemas say ----------------------------------------------------------------------------------------- */

static viv_status matching_keys(struct schema_reader *s, const char *pattern, enum regex_use use,
                                struct automaton **out, struct error *err)
{
    const struct tree *t;
    const viv_status status = parse_regex(s->r, pattern, strlen(pattern), use, 0, &t, err);
    return status == VIV_OK ? automaton_of(t, out, err) : status;
}

static void add_pattern(struct schema_reader *s, struct object *o, const struct item *i, const char *text)
{
    struct error err;
    for (size_t k = 0; k < o->n_patterns; k++)
        if (strcmp(o->patterns[k].text, text) == 0)
            return;
    if (o->n_patterns == MAX_PATTERNS) {
        schema_refuse(s, i, "patternProperties", "more than %d patterns", MAX_PATTERNS);
        return;
    }
    struct key_pattern *p = &o->patterns[o->n_patterns++];
    p->text = text;
    viv_status status = matching_keys(s, text, REGEX_SEARCH, &p->keys, &err);
    if (status == VIV_OK)
        status = matching_keys(s, text, REGEX_SEARCH_ANY, &p->perhaps, &err);
    if (status != VIV_OK)
        schema_fail(s, status, i, "patternProperties", "%s", err.text);
}

static void add_names(struct schema_reader *s, struct object *o, const struct item *i, json_t *schema)
{
    struct conjunction c = {0};
    struct automaton *both = NULL;
    bool failed = false;
    conjunction_add(s, &c, schema, i->base, path_of(s, i, "propertyNames", NULL));
    for (size_t k = 0; k < c.n && s->status == VIV_OK; k++) {
        const char *key;
        json_t *value;
        if (json_is_false(c.v[k].schema))
            o->no_names = true;
        json_object_foreach(c.v[k].schema, key, value)
        {
            static const char *const kept[] = {"pattern", "minLength",   "maxLength", "format", "type",
                                               "title",   "description", "$comment",  "allOf",  "$ref",
                                               NOT_IN,    "enum",        "const"};
            bool known = false;
            for (size_t j = 0; j < sizeof kept / sizeof *kept; j++)
                known = known || strcmp(key, kept[j]) == 0;
            if (!known)
                schema_refuse(s, i, "propertyNames", "'%.60s' cannot be kept for names; use a pattern", key);
            if (strcmp(key, "type") == 0 && !(schema_types(value) & TYPE_STRING))
                o->no_names = true;
        }
    }
    struct automaton *a = s->status == VIV_OK ? string_automaton(s, &c, &failed) : NULL;
    conjunction_release(&c);
    if (!a || s->status != VIV_OK) {
        automaton_destroy(a);
        return;
    }
    if (a->max != UNBOUNDED) { /* bounds of length become states */
        struct automaton *longer = NULL, *within = NULL;
        const uint32_t max = a->max;
        viv_status status = automaton_at_least(a, max + 1, &longer, s->err);
        if (status == VIV_OK)
            status = automaton_both(a, longer, true, &within, s->err);
        automaton_destroy(longer);
        automaton_destroy(a);
        a = within;
        if (status != VIV_OK) {
            s->status = status;
            return;
        }
    }
    if (o->names && s->status == VIV_OK) {
        const viv_status status = automaton_both(o->names, a, false, &both, s->err);
        automaton_destroy(o->names);
        automaton_destroy(a);
        o->names = both;
        if (status != VIV_OK)
            s->status = status;
    } else {
        o->names = a;
    }
}

static void list_key(struct schema_reader *s, json_t *set, const char *key)
{
    if (!json_object_get(set, key))
        nomem_unless(s, json_object_set_new(set, key, json_true()) == 0);
}

static void read_object(struct schema_reader *s, const struct conjunction *c, struct object *o)
{
    *o = (struct object){.c = c, .listed = json_object(), .required = json_object(), .max = UNBOUNDED};
    nomem_unless(s, o->listed && o->required);
    for (size_t k = 0; k < c->n && s->status == VIV_OK; k++) {
        const struct item *i = &c->v[k];
        json_t *properties = json_object_get(i->schema, "properties"),
               *required = json_object_get(i->schema, "required");
        json_t *patterns = json_object_get(i->schema, "patternProperties"), *value;
        const char *key;
        if (properties && !json_is_object(properties))
            schema_fail(s, VIV_EINVAL, i, "properties", "expected an object, found %s", json_kind(properties));
        if (required && !json_is_array(required))
            schema_fail(s, VIV_EINVAL, i, "required", "expected a list of names, found %s", json_kind(required));
        json_object_foreach(properties, key, value) list_key(s, o->listed, key);
        json_object_foreach(patterns, key, value) add_pattern(s, o, i, key);
        const uint32_t least = count_of(s, i, "minProperties", 0),
                       most = count_of(s, i, "maxProperties", UNBOUNDED);
        o->counted = least || most != UNBOUNDED ? i : o->counted;
        o->min = least > o->min ? least : o->min;
        o->max = most < o->max ? most : o->max;
        if (json_object_get(i->schema, "propertyNames"))
            add_names(s, o, i, json_object_get(i->schema, "propertyNames"));
    }
    for (size_t k = 0; k < c->n && s->status == VIV_OK; k++) {
        const struct item *i = &c->v[k];
        json_t *name;
        size_t at;
        json_array_foreach(json_object_get(i->schema, "required"), at, name)
        {
            if (!json_is_string(name)) {
                schema_fail(s, VIV_EINVAL, i, "required", "expected names, found %s", json_kind(name));
                break;
            }
            list_key(s, o->listed, json_string_value(name));
            list_key(s, o->required, json_string_value(name));
        }
    }
}

static void release_object(struct object *o)
{
    for (size_t i = 0; i < o->n_patterns; i++) {
        automaton_destroy(o->patterns[i].keys);
        automaton_destroy(o->patterns[i].perhaps);
    }
    automaton_destroy(o->names);
    json_decref(o->listed);
    json_decref(o->required);
}

/* --- values of a key ------------------------------------------------------------------------------------------ */

/* What all schemas say of a value whose key is `key`, or, without one, a key that matches the chosen patterns and
 * no other. */
static void add_schemas(struct schema_reader *s, const struct object *o, const char *key, unsigned chosen,
                        struct conjunction *out)
{
    for (size_t k = 0; k < o->c->n && s->status == VIV_OK; k++) {
        const struct item *i = &o->c->v[k];
        json_t *own = key ? json_object_get(json_object_get(i->schema, "properties"), key) : NULL;
        json_t *patterns = json_object_get(i->schema, "patternProperties");
        json_t *others = json_object_get(i->schema, "additionalProperties");
        bool known = own != NULL;
        if (own)
            conjunction_add(s, out, own, i->base, path_of(s, i, "properties", key));
        for (size_t p = 0; p < o->n_patterns; p++) {
            json_t *schema = json_object_get(patterns, o->patterns[p].text);
            const bool matches = key ? automaton_has(o->patterns[p].keys, key, strlen(key)) : chosen >> p & 1;
            if (!schema || !matches)
                continue;
            known = true;
            conjunction_add(s, out, schema, i->base, path_of(s, i, "patternProperties", o->patterns[p].text));
        }
        if (!known && others)
            conjunction_add(s, out, others, i->base, path_of(s, i, "additionalProperties", NULL));
        if (!known && json_object_get(i->schema, "unevaluatedProperties")) {
            static const char *const applied[] = {"allOf", "anyOf", "oneOf", "$ref", "if", "dependentSchemas",
                                                  "not"};
            for (size_t p = 0; p < sizeof applied / sizeof *applied; p++)
                if (json_object_get(i->schema, applied[p]))
                    schema_refuse(s, i, "unevaluatedProperties", "cannot be kept beside %s", applied[p]);
            if (!others)
                conjunction_add(s, out, json_object_get(i->schema, "unevaluatedProperties"), i->base,
                                path_of(s, i, "unevaluatedProperties", NULL));
        }
    }
}

static bool is_never(const struct conjunction *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (json_is_false(c->v[i].schema))
            return true;
    return false;
}

static const struct tree *listed_member(struct schema_reader *s, const struct object *o, const char *key)
{
    struct conjunction c = {0};
    const struct tree *t = NULL;
    const bool named = !o->no_names && (!o->names || automaton_has(o->names, key, strlen(key)));
    add_schemas(s, o, key, 0, &c);
    if (!named || is_never(&c))
        t = tree_never(s->r);
    else if (s->status == VIV_OK)
        t = tree_cat3(s->r, quoted(s, key, strlen(key)), colon(s), value_of(s, &c));
    conjunction_release(&c);
    return t;
}

/* The keys that match the chosen patterns, no other, and are not listed. */
static viv_status other_keys(struct schema_reader *s, const struct object *o, unsigned chosen,
                             struct automaton **out)
{
    struct tree_list l = {0};
    struct automaton *a = NULL, *listed = NULL, *next = NULL;
    const char *key;
    json_t *value;
    json_object_foreach(o->listed, key, value) tree_list_add(&l, tree_text(s->r, key));
    const struct tree *all = l.failed ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    viv_status status = all ? automaton_of(tree_any_text(s->r), &a, s->err) : error_nomem(s->err);
    if (status == VIV_OK)
        status = automaton_of(all, &listed, s->err);
    if (status == VIV_OK)
        status = automaton_both(a, listed, true, &next, s->err);
    automaton_destroy(listed);
    automaton_destroy(a);
    a = next;
    for (size_t i = 0; status == VIV_OK && i <= o->n_patterns; i++) {
        const bool without = i < o->n_patterns && !(chosen >> i & 1);
        const struct automaton *with = i == o->n_patterns ? o->names
                                       : without          ? o->patterns[i].perhaps
                                                          : o->patterns[i].keys;
        if (!with)
            continue;
        status = automaton_both(a, with, without, &next, s->err);
        if (status == VIV_OK) {
            automaton_destroy(a);
            a = next;
        }
    }
    if (status == VIV_OK) {
        a->json = true;
        *out = a;
    } else {
        automaton_destroy(a);
    }
    return status;
}

/* A key that is not listed, and its value. */
static const struct tree *other_member(struct schema_reader *s, const struct object *o)
{
    struct tree_list l = {0};
    for (unsigned chosen = 0; chosen < 1u << o->n_patterns && s->status == VIV_OK && !o->no_names; chosen++) {
        struct conjunction c = {0};
        struct automaton *keys = NULL;
        add_schemas(s, o, NULL, chosen, &c);
        const struct tree *name = NULL;
        const struct conjunction none = {0};
        if (s->status == VIV_OK && !is_never(&c)) {
            if (json_object_size(o->listed) == 0 && o->n_patterns == 0 && !o->names) {
                name = string_of(s, &none);
            } else {
                const viv_status status = other_keys(s, o, chosen, &keys);
                if (status == VIV_ELIMIT)
                    schema_fail(s, status, &o->c->v[0], "properties",
                                "too many are listed for others to be told from them; set additionalProperties to "
                                "false");
                else if (status != VIV_OK)
                    s->status = status;
                else
                    name =
                        tree_cat3(s->r, tree_text(s->r, "\""), tree_automaton(s->r, keys), tree_text(s->r, "\""));
            }
            if (s->status == VIV_OK)
                tree_list_add(&l, tree_cat3(s->r, name, colon(s), value_of(s, &c)));
        }
        conjunction_release(&c);
    }
    const struct tree *t = l.failed || s->status != VIV_OK ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* --- objects -------------------------------------------------------------------------------------------------- */

/* members(i, w): what comes from member i on, where w are written, of which there must be min to max:
 *
 *   members(i, w) = separator(w) member(i) members(i + 1, w + 1)  |  members(i + 1, w), if it is optional
 *   members(n, w) = others, min - w to max - w
 *
 * A rule each; w is at most `most`, where more need not be counted. */
struct counting {
    const struct tree *const *members;
    const bool *optional;
    const struct tree *other; /* NULL: none */
    uint32_t n, min, max, most;
};

static const struct tree *counted_others(struct schema_reader *s, const struct counting *k, uint32_t w)
{
    const struct tree *nothing = tree_bytes(s->r, "", 0);
    const uint32_t min = k->min > w ? k->min - w : 0, max = k->max == UNBOUNDED ? UNBOUNDED : k->max - w;
    if (max == 0 || !k->other)
        return min ? tree_never(s->r) : nothing;
    const struct tree *more = tree_cat2(s->r, comma(s), k->other);
    if (w)
        return tree_repeat(s->r, more, min, max);
    const struct tree *some = tree_cat2(
        s->r, k->other, tree_repeat(s->r, more, min ? min - 1 : 0, max == UNBOUNDED ? UNBOUNDED : max - 1));
    return min ? some : tree_alt2(s->r, some, nothing);
}

static const struct tree *counted_members(struct schema_reader *s, const struct counting *k)
{
    const uint32_t width = k->most + 1;
    uint32_t *rules = calloc((size_t)(k->n + 1) * width, sizeof *rules);
    nomem_unless(s, rules);
    for (uint32_t i = k->n + 1; s->status == VIV_OK && i-- > 0;)
        for (uint32_t w = 0; w < width && s->status == VIV_OK && (w <= i || w == 0); w++) {
            const struct tree *t;
            if (i == k->n) {
                t = counted_others(s, k, w);
            } else {
                const uint32_t taken = w < k->most ? w + 1 : w;
                const struct tree *on = tree_rule(s->r, rules[(i + 1) * width + taken]);
                const struct tree *member = w ? tree_cat2(s->r, comma(s), k->members[i]) : k->members[i];
                t = w == k->max ? tree_never(s->r) : tree_cat2(s->r, member, on);
                if (k->optional[i])
                    t = tree_alt2(s->r, t, tree_rule(s->r, rules[(i + 1) * width + w]));
            }
            const uint32_t rule = rules_add(s->r, "members", 7);
            nomem_unless(s, rule != UINT32_MAX && t);
            if (s->status == VIV_OK)
                s->r->v[rule].body = t;
            rules[i * width + w] = rule;
        }
    const struct tree *t = s->status == VIV_OK ? tree_rule(s->r, rules[0]) : NULL;
    free(rules);
    return t;
}

/* Members in order, and others behind them. */
static const struct tree *members_of(struct schema_reader *s, const struct object *o, struct tree_list *l,
                                     bool *optional)
{
    const char *key;
    json_t *value;
    json_object_foreach(o->listed, key, value)
    {
        optional[l->n] = !json_object_get(o->required, key);
        tree_list_add(l, s->status == VIV_OK ? listed_member(s, o, key) : NULL);
    }
    const struct tree *other = s->status == VIV_OK && o->max > 0 ? other_member(s, o) : NULL;
    if (s->status != VIV_OK || l->failed)
        return NULL;
    if (!o->counted) {
        optional[l->n] = true;
        tree_list_add(l, tree_cat2(s->r, other, tree_repeat(s->r, tree_cat2(s->r, comma(s), other), 0, UNBOUNDED)));
        return l->failed ? NULL : tree_list(s->r, l->v, optional, l->n, comma(s));
    }
    const uint32_t n = (uint32_t)l->n, least = o->min ? o->min : 1;
    const uint32_t most = o->max != UNBOUNDED ? o->max : least;
    const struct counting k = {l->v, optional, other, n, o->min, o->max, most < n ? most : n};
    if ((uint64_t)n * k.most > MAX_COUNTED) {
        schema_refuse(s, o->counted, o->min ? "minProperties" : "maxProperties",
                      "cannot be counted among so many properties; name fewer, or require them");
        return NULL;
    }
    return counted_members(s, &k);
}

const struct tree *object_of(struct schema_reader *s, const struct conjunction *c)
{
    struct object o;
    struct tree_list members = {0};
    const struct tree *t = NULL;
    bool *optional = NULL;
    read_object(s, c, &o);
    if (s->status == VIV_OK)
        optional = calloc(json_object_size(o.listed) + 1, sizeof *optional);
    nomem_unless(s, optional);
    if (s->status == VIV_OK)
        t = members_of(s, &o, &members, optional);
    if (s->status == VIV_OK)
        t = tree_cat3(s->r, tree_text(s->r, "{"), t, tree_text(s->r, "}"));
    nomem_unless(s, t);
    tree_list_release(&members);
    free(optional);
    release_object(&o);
    return t;
}
