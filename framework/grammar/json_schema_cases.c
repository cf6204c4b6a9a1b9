/* json_schema_cases.c - keywords that are cases: each is said again as alternatives, which the reader has already.
 *
 *   if I then T else E         anyOf [allOf [I, T], allOf [not I, E]]
 *   dependentSchemas {k: S}    for each k: anyOf [k is not there, k is required and S]
 *   dependentRequired {k: L}   the same, with S: required L; dependencies: either
 *   oneOf [A, B]               anyOf [allOf [A, not B], allOf [B, not A]], unless no value is of both
 *   not S                      what a value must be for S to fail
 *
 * not is pushed inward: not allOf is anyOf of nots, not minimum n is a number below n, not properties {k: S} is an
 * object with a k that is not S. Where a keyword's opposite cannot be said, there are no cases. Schemas that are
 * made here are made once for each place, so that schemas that refer to themselves have an end. */
#include "grammar/json_schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INWARD = 32, MAX_COMBINED = 256, MAX_DEPENDENTS = 11 };

static json_t *opposite(struct schema_reader *s, json_t *schema, json_t *base, int depth);

/* --- pieces; NULL: memory is out, or one of the parts is NULL, which is taken -----------------------------------
 */

static bool add_case(json_t *list, json_t *schema)
{
    return schema && json_array_append_new(list, schema) == 0;
}

static json_t *with_type(const char *type, const char *keyword, json_t *value)
{
    return value ? json_pack("{s:s, s:o}", "type", type, keyword, value) : NULL;
}

static json_t *without_key(const char *key)
{
    return json_pack("{s:{s:b}}", "properties", key, 0);
}

/* --- not ---------------------------------------------------------------------------------------------------------
 */

/* The opposite of a bound: another bound, by `step` from it. */
static const struct bound {
    const char *keyword, *type, *opposite;
    int step;
} bounds[] = {{"minimum", "number", "exclusiveMaximum", 0},
              {"maximum", "number", "exclusiveMinimum", 0},
              {"exclusiveMinimum", "number", "maximum", 0},
              {"exclusiveMaximum", "number", "minimum", 0},
              {"minLength", "string", "maxLength", -1},
              {"maxLength", "string", "minLength", 1},
              {"minItems", "array", "maxItems", -1},
              {"maxItems", "array", "minItems", 1},
              {"minProperties", "object", "maxProperties", -1},
              {"maxProperties", "object", "minProperties", 1}};

static bool add_opposite_bound(const struct bound *b, json_t *value, json_t *cases)
{
    if (!json_is_number(value))
        return false;
    if (b->step == 0)
        return add_case(cases, with_type(b->type, b->opposite, json_incref(value)));
    const double n = json_number_value(value) + b->step;
    return n < 0 || (n < 1e9 && add_case(cases, with_type(b->type, b->opposite, json_integer((json_int_t)n))));
}

static int by_value(const void *a, const void *b)
{
    const double x = json_number_value(*(json_t *const *)a), y = json_number_value(*(json_t *const *)b);
    return (x > y) - (x < y);
}

/* Numbers but those of the list: before the first, between each two, behind the last. */
static bool add_between(json_t *list, json_t *cases)
{
    const size_t n = json_array_size(list);
    json_t **sorted = calloc(n + 1, sizeof *sorted), *parts = json_array();
    bool ok = sorted && parts;
    for (size_t i = 0; ok && i < n; i++)
        sorted[i] = json_array_get(list, i);
    if (ok)
        qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0; ok && i <= n; i++) {
        json_t *part = json_object();
        ok = part && (i == 0 || json_object_set(part, "exclusiveMinimum", sorted[i - 1]) == 0) &&
             (i == n || json_object_set(part, "exclusiveMaximum", sorted[i]) == 0) &&
             json_array_append(parts, part) == 0;
        json_decref(part);
    }
    ok = ok && add_case(cases, with_type("number", "anyOf", json_incref(parts)));
    json_decref(parts);
    free(sorted);
    return ok;
}

/* Values but those listed: of other types, other strings, other numbers, the other boolean. */
static bool add_unlisted(json_t *values, json_t *cases)
{
    json_t *types = json_array(), *strings = json_array(), *numbers = json_array(), *value;
    size_t k;
    bool ok = types && strings && numbers, is_true = false, is_false = false;
    json_array_foreach(values, k, value)
    {
        const unsigned type = type_of_value(value);
        if (type & (TYPE_ARRAY | TYPE_OBJECT))
            ok = false;
        is_true = is_true || json_is_true(value);
        is_false = is_false || json_is_false(value);
        ok = ok && json_array_append_new(types, json_string(json_kind_of_type(type))) == 0;
        if (type == TYPE_STRING)
            ok = ok && json_array_append(strings, value) == 0;
        if (type & TYPE_NUMBER)
            ok = ok && json_array_append(numbers, value) == 0;
    }
    if (ok && json_array_size(strings))
        ok = add_case(cases, with_type("string", NOT_IN, json_incref(strings)));
    if (ok && json_array_size(numbers))
        ok = add_between(numbers, cases);
    if (ok && is_true != is_false)
        ok = add_case(cases, json_pack("{s:b}", "const", is_false));
    ok = ok && add_case(cases, json_pack("{s:{s:O}}", "not", "type", types));
    json_decref(types);
    json_decref(strings);
    json_decref(numbers);
    return ok;
}

/* One of the schemas fails: cases of their own. all: each of them does, which is one case. */
static bool add_opposites(struct schema_reader *s, json_t *list, bool all, json_t *base, int depth, json_t *cases)
{
    json_t *part, *opposites = json_array();
    size_t k;
    bool ok = json_is_array(list) && opposites;
    json_array_foreach(ok ? list : NULL, k, part)
    {
        ok = ok && add_case(all ? opposites : cases, opposite(s, part, base, depth));
    }
    ok = ok && (!all || add_case(cases, json_pack("{s:O}", "allOf", opposites)));
    json_decref(opposites);
    return ok;
}

static bool add_opposite_object(struct schema_reader *s, const char *keyword, json_t *value, json_t *base,
                                int depth, json_t *cases)
{
    json_t *part;
    const char *key;
    size_t k;
    bool ok = true;
    if (strcmp(keyword, "required") == 0) {
        json_array_foreach(value, k, part)
        {
            ok = ok && json_is_string(part) &&
                 add_case(cases,
                          with_type("object", "allOf", json_pack("[o]", without_key(json_string_value(part)))));
        }
        return ok && json_is_array(value);
    }
    json_object_foreach(value, key, part)
    {
        json_t *is_not = ok ? opposite(s, part, base, depth) : NULL;
        ok = is_not != NULL;
        if (ok && !json_is_false(is_not))
            ok = add_case(cases, json_pack("{s:s, s:[s], s:{s:O}}", "type", "object", "required", key, "properties",
                                           key, is_not));
        json_decref(is_not);
    }
    return ok && json_is_object(value);
}

static bool add_opposite_keyword(struct schema_reader *s, json_t *schema, const char *key, json_t *value,
                                 json_t *base, int depth, json_t *cases)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (strcmp(key, bounds[i].keyword) == 0)
            return add_opposite_bound(&bounds[i], value, cases);
    if (strcmp(key, "type") == 0)
        return add_case(cases, json_pack("{s:{s:O}}", "not", "type", value));
    if (strcmp(key, "enum") == 0)
        return json_is_array(value) && add_unlisted(value, cases);
    if (strcmp(key, "const") == 0) {
        json_t *one = json_pack("[O]", value);
        const bool ok = one && add_unlisted(one, cases);
        json_decref(one);
        return ok;
    }
    if (strcmp(key, "not") == 0)
        return add_case(cases, json_incref(value));
    if (strcmp(key, "allOf") == 0 || strcmp(key, "anyOf") == 0)
        return add_opposites(s, value, key[1] == 'n', base, depth, cases);
    if (strcmp(key, "required") == 0 || strcmp(key, "properties") == 0)
        return add_opposite_object(s, key, value, base, depth, cases);
    if (strcmp(key, "items") == 0 && !json_is_array(value) && !json_object_get(schema, "prefixItems"))
        return add_case(cases, with_type("array", "contains", opposite(s, value, base, depth)));
    if (strcmp(key, "contains") == 0 && !json_object_get(schema, "minContains") &&
        !json_object_get(schema, "maxContains"))
        return add_case(cases, with_type("array", "items", opposite(s, value, base, depth)));
    json_t *target_base = base, *target;
    if (strcmp(key, "$ref") == 0 && json_is_string(value) && json_object_size(schema) == 1 &&
        (target = schema_find(s, json_string_value(value), &target_base)) && target_base == base)
        return add_case(cases, opposite(s, target, base, depth));
    return false;
}

/* A schema that holds where this one does not; NULL: it cannot be said. */
static json_t *opposite(struct schema_reader *s, json_t *schema, json_t *base, int depth)
{
    static const char *const silent[] = {"title",    "description", "$comment", "default",     "examples",
                                         "readOnly", "writeOnly",   "$defs",    "definitions", "deprecated"};
    const char *key;
    json_t *value, *made = NULL;
    if (json_is_boolean(schema))
        return json_boolean(json_is_false(schema));
    if (!json_is_object(schema) || depth > MAX_INWARD || ++s->n_expansions > MAX_EXPANSIONS)
        return NULL;
    json_t *cases = json_array();
    bool ok = cases != NULL;
    json_object_foreach(schema, key, value)
    {
        bool says = true;
        for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
            says = says && strcmp(key, silent[i]) != 0;
        ok = ok && (!says || add_opposite_keyword(s, schema, key, value, base, depth + 1, cases));
    }
    if (ok)
        made = json_array_size(cases) ? json_pack("{s:O}", "anyOf", cases) : json_false();
    json_decref(cases);
    return made;
}

/* --- oneOf ------------------------------------------------------------------------------------------------------
 */

/* Values that a schema can have at all: its types, and its constants; NULL: no list of them. */
struct outline {
    unsigned types;
    const json_t *values; /* of enum */
    const json_t *constant;
};

static struct outline outline_of(struct schema_reader *s, json_t *schema, json_t *base, int depth)
{
    struct outline o = {.types = TYPE_ALL};
    const json_t *ref = json_object_get(schema, "$ref");
    if (json_is_string(ref) && depth < 16) {
        json_t *target = schema_find(s, json_string_value(ref), &base);
        if (target)
            o = outline_of(s, target, base, depth + 1);
    }
    if (json_object_get(schema, "type"))
        o.types &= schema_types(json_object_get(schema, "type"));
    if (json_object_get(schema, "enum"))
        o.values = json_object_get(schema, "enum");
    if (json_object_get(schema, "const"))
        o.constant = json_object_get(schema, "const");
    return o;
}

static size_t n_values(const struct outline *o)
{
    return o->constant ? 1 : json_array_size(o->values);
}

static const json_t *value_at(const struct outline *o, size_t i)
{
    return o->constant ? o->constant : json_array_get(o->values, i);
}

static bool is_listed(const struct outline *o)
{
    return o->constant || json_is_array(o->values);
}

static bool requires(json_t *schema, const char *key)
{
    size_t k;
    json_t *name;
    json_array_foreach(json_object_get(schema, "required"), k, name)
    {
        if (json_is_string(name) && strcmp(json_string_value(name), key) == 0)
            return true;
    }
    return false;
}

/* Whether no value can be of both. */
static bool are_disjoint(struct schema_reader *s, json_t *a, json_t *b, json_t *base, int depth)
{
    const struct outline x = outline_of(s, a, base, 0), y = outline_of(s, b, base, 0);
    if ((x.types & y.types) == 0)
        return true;
    if (is_listed(&x) && is_listed(&y)) {
        for (size_t i = 0; i < n_values(&x); i++)
            for (size_t k = 0; k < n_values(&y); k++)
                if (values_equal(value_at(&x, i), value_at(&y, k)))
                    return false;
        return true;
    }
    const struct outline *listed = is_listed(&x) ? &x : is_listed(&y) ? &y : NULL;
    if (listed) {
        for (size_t i = 0; i < n_values(listed); i++)
            if (schema_accepts(s, listed == &x ? b : a, base, (json_t *)value_at(listed, i), 0) != VALID_NO)
                return false;
        return true;
    }
    if ((x.types & y.types) != TYPE_OBJECT || depth > 8)
        return false;
    /* objects: a key that both require, with values that are disjoint */
    json_t *base_a = base, *base_b = base, *name;
    for (int i = 0; i < 16 && json_object_get(a, "$ref"); i++)
        if (!(a = schema_find(s, json_string_value(json_object_get(a, "$ref")), &base_a)))
            return false;
    for (int i = 0; i < 16 && json_object_get(b, "$ref"); i++)
        if (!(b = schema_find(s, json_string_value(json_object_get(b, "$ref")), &base_b)))
            return false;
    size_t k;
    json_array_foreach(json_object_get(a, "required"), k, name)
    {
        const char *key = json_string_value(name);
        json_t *in_a = json_object_get(json_object_get(a, "properties"), key ? key : "");
        json_t *in_b = json_object_get(json_object_get(b, "properties"), key ? key : "");
        if (key && in_a && in_b && base_a == base_b && requires(b, key) &&
            are_disjoint(s, in_a, in_b, base_a, depth + 1))
            return true;
    }
    return false;
}

/* Whether all are objects that require this key, which is another string in each. */
static bool are_told_by(json_t *list, const char *key)
{
    json_t *seen = json_object(), *schema;
    bool ok = seen != NULL;
    size_t k;
    json_array_foreach(list, k, schema)
    {
        json_t *tag = json_object_get(json_object_get(json_object_get(schema, "properties"), key), "const");
        ok = ok && schema_types(json_object_get(schema, "type")) == TYPE_OBJECT && requires(schema, key) &&
             json_is_string(tag) && !json_object_get(seen, json_string_value(tag)) &&
             json_object_set(seen, json_string_value(tag), tag) == 0;
    }
    json_decref(seen);
    return ok;
}

/* The usual case, of which there may be thousands: no pair needs a look. */
static bool are_tagged(json_t *list)
{
    size_t k;
    json_t *name;
    json_array_foreach(json_object_get(json_array_get(list, 0), "required"), k, name)
    {
        if (json_is_string(name) && are_told_by(list, json_string_value(name)))
            return true;
    }
    return false;
}

/* The alternatives a and b, without what is of both. */
static json_t *apart(struct schema_reader *s, const struct item *i, json_t *list)
{
    if (are_tagged(list))
        return json_incref(list);
    json_t *made = json_array();
    const size_t n = json_array_size(list);
    bool ok = made != NULL;
    for (size_t a = 0; ok && a < n; a++) {
        json_t *all = json_pack("[O]", json_array_get(list, a));
        size_t n_cases = 1;
        for (size_t b = 0; all && ok && b < n; b++) {
            if (b == a || are_disjoint(s, json_array_get(list, a), json_array_get(list, b), i->base, 0))
                continue;
            json_t *is_not = opposite(s, json_array_get(list, b), i->base, 0);
            n_cases *= json_array_size(json_object_get(is_not, "anyOf")) + 1;
            ok = add_case(all, is_not) && n_cases <= MAX_COMBINED;
            if (!ok)
                schema_refuse(s, i, "oneOf",
                              "alternatives %zu and %zu may both be true; give them different types, or a required "
                              "property with different const, or write anyOf",
                              a < b ? a + 1 : b + 1, a < b ? b + 1 : a + 1);
        }
        ok = ok && add_case(made, json_pack("{s:O}", "allOf", all));
        json_decref(all);
    }
    if (!ok) {
        json_decref(made);
        return json_incref(list);
    }
    return made;
}

/* --- the cases of a keyword
 * --------------------------------------------------------------------------------------- */

static json_t *cases_of_if(struct schema_reader *s, const struct item *i)
{
    json_t *condition = json_object_get(i->schema, "if"), *yes = json_object_get(i->schema, "then"),
           *no = json_object_get(i->schema, "else");
    json_t *fails = opposite(s, condition, i->base, 0), *cases = NULL;
    if (fails)
        cases = json_pack("[{s:[O, o]}, {s:[O, o]}]", "allOf", condition, yes ? json_incref(yes) : json_true(),
                          "allOf", fails, no ? json_incref(no) : json_true());
    json_decref(fails);
    return cases;
}

/* One case: for each key that something depends on, that it is not there, or what it demands. */
static json_t *cases_of_dependents(struct schema_reader *s, const struct item *i, const char *keyword)
{
    const size_t n = json_object_size(json_object_get(i->schema, keyword));
    json_t *all = json_array(), *demand, *cases = NULL;
    const char *key;
    bool ok = all != NULL;
    if (n > MAX_DEPENDENTS) {
        schema_refuse(s, i, keyword,
                      "%zu keys make 2^%zu cases, and 2^%d can be kept; write those that occur as anyOf", n, n,
                      MAX_DEPENDENTS);
        json_decref(all);
        return json_pack("[b]", 1);
    }
    json_object_foreach(json_object_get(i->schema, keyword), key, demand)
    {
        json_t *then = json_is_array(demand) ? json_pack("{s:O}", "required", demand) : json_incref(demand);
        ok = ok && add_case(all, json_pack("{s:[o, {s:[s], s:[o]}]}", "anyOf", without_key(key), "required", key,
                                           "allOf", then));
    }
    if (ok)
        cases = json_pack("[{s:O}]", "allOf", all);
    json_decref(all);
    return cases;
}

/* not: types alone stand as they are. */
static bool is_plain_not(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    return !json_is_object(schema) || json_object_size(schema) == (type ? 1 : 0);
}

static const struct keyword {
    const char *name;
    unsigned done;
} keywords[] = {{"if", CASES_OF_IF},
                {"dependentSchemas", CASES_OF_DEPENDENTS},
                {"dependentRequired", CASES_OF_REQUIRED},
                {"dependencies", CASES_OF_DEPENDENCIES},
                {"not", CASES_OF_NOT}};

/* Whether a keyword demands anything that has cases. */
static bool has_cases(const struct item *i, const struct keyword *k)
{
    const json_t *value = json_object_get(i->schema, k->name);
    if (!value || i->done & k->done)
        return false;
    if (k->done == CASES_OF_IF)
        return json_object_get(i->schema, "then") || json_object_get(i->schema, "else");
    return k->done == CASES_OF_NOT ? !is_plain_not(value) : json_object_size(value) != 0;
}

static json_t *make_cases(struct schema_reader *s, const struct item *i, const struct keyword *k)
{
    if (k->done == CASES_OF_IF)
        return cases_of_if(s, i);
    if (k->done != CASES_OF_NOT)
        return cases_of_dependents(s, i, k->name);
    json_t *fails = opposite(s, json_object_get(i->schema, "not"), i->base, 0);
    json_t *cases = fails ? json_pack("[O]", fails) : NULL;
    json_decref(fails);
    return cases;
}

/* The schema that was made for a place, or NULL. */
static json_t *made_for(struct schema_reader *s, const char *place)
{
    if (!s->cases && !(s->cases = json_object()) && s->status == VIV_OK)
        s->status = error_nomem(s->err);
    return json_object_get(s->cases, place);
}

/* Keeps it there; NULL: memory is out. */
static json_t *keep(struct schema_reader *s, const char *place, json_t *made)
{
    if (json_object_set_new(s->cases, place, made) != 0 && s->status == VIV_OK)
        s->status = error_nomem(s->err);
    return json_object_get(s->cases, place);
}

json_t *schema_one_of(struct schema_reader *s, const struct item *i)
{
    json_t *list = json_object_get(i->schema, "oneOf");
    char place[64];
    snprintf(place, sizeof place, "%" PRIxPTR " oneOf", (uintptr_t)i->schema);
    if (!json_is_array(list))
        return list;
    json_t *made = made_for(s, place);
    return made || s->status != VIV_OK ? made : keep(s, place, apart(s, i, list));
}

bool add_opposite(struct schema_reader *s, struct conjunction *c, json_t *schema, json_t *base, const char *path)
{
    char place[64];
    snprintf(place, sizeof place, "%" PRIxPTR " opposite", (uintptr_t)schema);
    json_t *made = made_for(s, place);
    if (!made) {
        made = opposite(s, schema, base, 0);
        if (!made || !keep(s, place, made))
            return false;
    }
    conjunction_add(s, c, made, base, path);
    return true;
}

json_t *schema_cases(struct schema_reader *s, const struct item *i, const char **keyword, unsigned *done)
{
    const struct keyword *k = keywords, *end = keywords + sizeof keywords / sizeof *keywords;
    while (k < end && !has_cases(i, k))
        k++;
    if (k == end || s->status != VIV_OK)
        return NULL;
    *keyword = k->name;
    *done = k->done;
    char place[64];
    snprintf(place, sizeof place, "%" PRIxPTR " %u", (uintptr_t)i->schema, k->done);
    json_t *cases = made_for(s, place);
    if (!cases && s->status == VIV_OK) {
        cases = make_cases(s, i, k);
        if (!cases)
            schema_refuse(
                s, i, k->name,
                "cannot be kept, because the opposite of what it says cannot be written; write the cases as "
                "anyOf, or say what the value is");
        cases = keep(s, place, cases ? cases : json_pack("[b]", 1));
    }
    return s->status == VIV_OK ? cases : NULL;
}
