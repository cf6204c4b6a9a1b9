/* json_schema_valid.c - tries one value on a schema: for enum beside other keywords, and to tell alternatives
 * apart. Also what references name. */
#include "grammar/json_schema.h"

#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

unsigned schema_types(json_t *type)
{
    static const struct {
        const char *name;
        unsigned types;
    } names[] = {{"null", TYPE_NULL},     {"boolean", TYPE_BOOLEAN}, {"integer", TYPE_INTEGER},
                 {"number", TYPE_NUMBER}, {"string", TYPE_STRING},   {"array", TYPE_ARRAY},
                 {"object", TYPE_OBJECT}};
    unsigned types = 0;
    size_t k;
    json_t *one;
    for (size_t i = 0; json_is_string(type) && i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, json_string_value(type)) == 0)
            types = names[i].types;
    json_array_foreach(type, k, one)
    {
        const unsigned t = json_is_string(one) ? schema_types(one) : 0;
        if (t == 0)
            return 0;
        types |= t;
    }
    return types;
}

unsigned type_of_value(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL:
        return TYPE_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return TYPE_BOOLEAN;
    case JSON_INTEGER:
        return TYPE_INTEGER;
    case JSON_REAL:
        return json_real_value(v) == floor(json_real_value(v)) ? TYPE_INTEGER : TYPE_FRACTION;
    case JSON_STRING:
        return TYPE_STRING;
    case JSON_ARRAY:
        return TYPE_ARRAY;
    default:
        return TYPE_OBJECT;
    }
}

const char *json_kind_of_type(unsigned type)
{
    return type == TYPE_NULL      ? "null"
           : type == TYPE_BOOLEAN ? "boolean"
           : type == TYPE_STRING  ? "string"
           : type == TYPE_ARRAY   ? "array"
           : type == TYPE_OBJECT  ? "object"
                                  : "number";
}

bool values_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_is_integer(a) && json_is_integer(b) ? json_integer_value(a) == json_integer_value(b)
                                                        : json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!values_equal(json_array_get(a, i), json_array_get(b, i)))
                return false;
        return true;
    }
    if (json_is_object(a)) {
        const char *key;
        json_t *value;
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach((json_t *)a, key, value)
        {
            const json_t *other = json_object_get(b, key);
            if (!other || !values_equal(value, other))
                return false;
        }
        return true;
    }
    return json_equal(a, b);
}

/* --- references ----------------------------------------------------------------------------------------------- */

/* The part of a JSON pointer up to the next '/', decoded. */
static bool next_step(const char **at, char out[512])
{
    size_t n = 0;
    const char *s = *at + 1;
    for (; *s && *s != '/'; s++) {
        uint32_t byte;
        if (n >= 500)
            return false;
        if (*s == '%' && s[1] && s[2] && read_hex(s + 1, 2, &byte)) {
            out[n++] = (char)byte;
            s += 2;
        } else {
            out[n++] = *s;
        }
    }
    out[n] = '\0';
    size_t kept = 0;
    for (size_t i = 0; i < n; i++, kept++) {
        out[kept] = out[i];
        if (out[i] == '~' && (out[i + 1] == '0' || out[i + 1] == '1'))
            out[kept] = out[++i] == '0' ? '~' : '/';
    }
    out[kept] = '\0';
    *at = s;
    return true;
}

static json_t *by_pointer(json_t *from, const char *pointer)
{
    char step[512];
    while (from && *pointer == '/') {
        if (!next_step(&pointer, step))
            return NULL;
        if (json_is_array(from)) {
            char *end;
            const unsigned long i = strtoul(step, &end, 10);
            from = *step && !*end ? json_array_get(from, i) : NULL;
        } else {
            from = json_object_get(from, step);
        }
    }
    return *pointer ? NULL : from;
}

/* The schema below `from` that has this $anchor or $id. */
static json_t *by_name(json_t *from, const char *keyword, const char *name, int depth)
{
    const char *key;
    json_t *part, *found = NULL;
    size_t k;
    if (depth > MAX_DEPTH)
        return NULL;
    const json_t *id = json_object_get(from, "$id");
    if (depth && strcmp(keyword, "$id") != 0 && json_is_string(id) && json_string_value(id)[0] != '#')
        return NULL; /* a document of its own */
    const json_t *own = json_object_get(from, keyword);
    if (json_is_string(own) && strcmp(json_string_value(own), name) == 0)
        return from;
    json_object_foreach(from, key, part)
    {
        if (strcmp(key, "enum") != 0 && strcmp(key, "const") != 0)
            found = by_name(part, keyword, name, depth + 1);
        if (found)
            return found;
    }
    json_array_foreach(from, k, part)
    {
        found = by_name(part, keyword, name, depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

json_t *schema_find(struct schema_reader *s, const char *reference, json_t **base)
{
    char document[512];
    const char *hash = strchr(reference, '#');
    const size_t n = hash ? (size_t)(hash - reference) : strlen(reference);
    json_t *root = *base;
    if (n >= sizeof document)
        return NULL;
    memcpy(document, reference, n);
    document[n] = '\0';
    if (n) {
        root = by_name(s->root, "$id", document, 0);
        if (!root)
            return NULL;
    }
    *base = root;
    if (!hash || !hash[1])
        return root;
    if (hash[1] == '/')
        return by_pointer(root, hash + 1);
    json_t *found = by_name(root, "$anchor", hash + 1, 0);
    if (!found)
        found = by_name(root, "$dynamicAnchor", hash + 1, 0);
    return found ? found : by_name(root, "$id", hash, 0);
}

/* How many schemas have this keyword; name: with this value. */
static size_t count_keyword(json_t *from, const char *keyword, const char *name, int depth)
{
    const char *key;
    json_t *part;
    size_t k;
    if (depth > MAX_DEPTH)
        return 2; /* more than can be told */
    const json_t *own = json_object_get(from, keyword);
    size_t n = json_is_string(own) && (!name || strcmp(json_string_value(own), name) == 0) ? 1 : 0;
    json_object_foreach(from, key, part) n += count_keyword(part, keyword, name, depth + 1);
    json_array_foreach(from, k, part) n += count_keyword(part, keyword, name, depth + 1);
    return n;
}

json_t *schema_find_dynamic(struct schema_reader *s, const json_t *schema, json_t **base)
{
    const json_t *dynamic = json_object_get(schema, "$dynamicRef"),
                 *recursive = json_object_get(schema, "$recursiveRef");
    if (json_is_string(recursive) && strcmp(json_string_value(recursive), "#") == 0)
        return count_keyword(s->root, "$id", NULL, 0) <= (json_object_get(s->root, "$id") ? 1u : 0u)
                   ? schema_find(s, "#", base)
                   : NULL;
    const char *reference = json_is_string(dynamic) ? json_string_value(dynamic) : NULL;
    const char *hash = reference ? strchr(reference, '#') : NULL;
    if (!reference ||
        (hash && hash[1] && hash[1] != '/' && count_keyword(s->root, "$dynamicAnchor", hash + 1, 0) > 1))
        return NULL;
    return schema_find(s, reference, base);
}

/* --- trying --------------------------------------------------------------------------------------------------- */

static enum validity both(enum validity a, enum validity b)
{
    return a == VALID_NO || b == VALID_NO             ? VALID_NO
           : a == VALID_UNKNOWN || b == VALID_UNKNOWN ? VALID_UNKNOWN
                                                      : VALID_YES;
}

static enum validity yes_if(bool is)
{
    return is ? VALID_YES : VALID_NO;
}

static size_t characters(const json_t *string)
{
    size_t n = 0;
    const char *text = json_string_value(string);
    for (size_t i = 0; i < json_string_length(string); i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static enum validity try_pattern(struct schema_reader *s, const char *pattern, const char *text, size_t n)
{
    const struct tree *t;
    struct error err;
    struct automaton *a = NULL;
    if (parse_regex(s->r, pattern, strlen(pattern), REGEX_SEARCH, 0, &t, &err) != VIV_OK ||
        automaton_of(t, &a, &err) != VIV_OK)
        return VALID_UNKNOWN;
    const bool has = automaton_has(a, text, n);
    automaton_destroy(a);
    return has ? VALID_YES : VALID_UNKNOWN; /* engines differ in what more a pattern has */
}

/* One keyword about numbers, strings or lengths. */
static enum validity try_measure(struct schema_reader *s, const char *key, const json_t *wanted,
                                 const json_t *value)
{
    const bool number = json_is_number(value), string = json_is_string(value);
    const double x = number ? json_number_value(value) : 0, bound = json_number_value(wanted);
    if (strcmp(key, "minimum") == 0)
        return yes_if(!number || x >= bound);
    if (strcmp(key, "maximum") == 0)
        return yes_if(!number || x <= bound);
    if (strcmp(key, "exclusiveMinimum") == 0)
        return json_is_boolean(wanted) ? (number ? VALID_UNKNOWN : VALID_YES) : yes_if(!number || x > bound);
    if (strcmp(key, "exclusiveMaximum") == 0)
        return json_is_boolean(wanted) ? (number ? VALID_UNKNOWN : VALID_YES) : yes_if(!number || x < bound);
    if (strcmp(key, "minLength") == 0)
        return yes_if(!string || (double)characters(value) >= bound);
    if (strcmp(key, "maxLength") == 0)
        return yes_if(!string || (double)characters(value) <= bound);
    if (strcmp(key, "minItems") == 0)
        return yes_if(!json_is_array(value) || (double)json_array_size(value) >= bound);
    if (strcmp(key, "maxItems") == 0)
        return yes_if(!json_is_array(value) || (double)json_array_size(value) <= bound);
    if (strcmp(key, "minProperties") == 0)
        return yes_if(!json_is_object(value) || (double)json_object_size(value) >= bound);
    if (strcmp(key, "maxProperties") == 0)
        return yes_if(!json_is_object(value) || (double)json_object_size(value) <= bound);
    if (strcmp(key, "pattern") == 0)
        return !string ? VALID_YES
               : json_is_string(wanted)
                   ? try_pattern(s, json_string_value(wanted), json_string_value(value), json_string_length(value))
                   : VALID_UNKNOWN;
    if (strcmp(key, "multipleOf") == 0)
        return !number ? VALID_YES
               : json_is_integer(value) && json_is_integer(wanted) && json_integer_value(wanted) > 0
                   ? yes_if(json_integer_value(value) % json_integer_value(wanted) == 0)
                   : VALID_UNKNOWN;
    if (strcmp(key, "$dynamicRef") == 0 || strcmp(key, "$recursiveRef") == 0)
        return VALID_UNKNOWN;
    return VALID_YES; /* try_object looks at it, or it demands nothing, whatever it is called */
}

static enum validity try_list(struct schema_reader *s, const char *key, json_t *list, json_t *base, json_t *value,
                              int depth)
{
    size_t k, n_yes = 0, n_unknown = 0;
    json_t *part;
    enum validity all = VALID_YES;
    json_array_foreach(list, k, part)
    {
        const enum validity one = schema_accepts(s, part, base, value, depth + 1);
        all = both(all, one);
        n_yes += one == VALID_YES;
        n_unknown += one == VALID_UNKNOWN;
    }
    if (strcmp(key, "allOf") == 0)
        return all;
    if (strcmp(key, "anyOf") == 0)
        return n_yes ? VALID_YES : n_unknown ? VALID_UNKNOWN : VALID_NO;
    return n_yes > 1 ? VALID_NO : n_unknown ? VALID_UNKNOWN : yes_if(n_yes == 1);
}

static enum validity try_object(struct schema_reader *s, const json_t *schema, json_t *base, json_t *value,
                                int depth)
{
    json_t *properties = json_object_get(schema, "properties"),
           *others = json_object_get(schema, "additionalProperties");
    json_t *name, *member;
    const char *key;
    size_t k;
    enum validity all = VALID_YES;
    if (!json_is_object(value))
        return VALID_YES;
    json_array_foreach(json_object_get(schema, "required"), k, name)
    {
        if (json_is_string(name) && !json_object_get(value, json_string_value(name)))
            return VALID_NO;
    }
    json_object_foreach(value, key, member)
    {
        json_t *own = json_object_get(properties, key);
        if (own || others)
            all = both(all, schema_accepts(s, own ? own : others, base, member, depth + 1));
    }
    return all;
}

static enum validity try_keyword(struct schema_reader *s, const char *key, json_t *wanted, json_t *base,
                                 json_t *value, int depth)
{
    size_t k;
    json_t *part;
    if (strcmp(key, "type") == 0)
        return yes_if(schema_types(wanted) & type_of_value(value));
    if (strcmp(key, "const") == 0)
        return yes_if(values_equal(wanted, value));
    if (strcmp(key, "enum") == 0 && wanted == s->listed)
        return VALID_YES;
    if (strcmp(key, "enum") == 0) {
        json_array_foreach(wanted, k, part) if (values_equal(part, value)) return VALID_YES;
        return VALID_NO;
    }
    if (strcmp(key, NOT_IN) == 0) {
        json_array_foreach(wanted, k, part) if (values_equal(part, value)) return VALID_NO;
        return VALID_YES;
    }
    if (strcmp(key, "allOf") == 0 || strcmp(key, "anyOf") == 0 || strcmp(key, "oneOf") == 0)
        return try_list(s, key, wanted, base, value, depth);
    if (strcmp(key, "not") == 0) {
        const enum validity is = schema_accepts(s, wanted, base, value, depth + 1);
        return is == VALID_UNKNOWN ? is : yes_if(is == VALID_NO);
    }
    if (strcmp(key, "$ref") == 0) {
        json_t *target = json_is_string(wanted) ? schema_find(s, json_string_value(wanted), &base) : NULL;
        return target ? schema_accepts(s, target, base, value, depth + 1) : VALID_UNKNOWN;
    }
    if (strcmp(key, "items") == 0 && !json_is_array(wanted)) {
        enum validity all = VALID_YES;
        json_array_foreach(value, k, part) all = both(all, schema_accepts(s, wanted, base, part, depth + 1));
        return all;
    }
    if (strcmp(key, "items") == 0 || strcmp(key, "prefixItems") == 0 || strcmp(key, "uniqueItems") == 0 ||
        strcmp(key, "additionalItems") == 0 || strcmp(key, "contains") == 0 || strcmp(key, "unevaluatedItems") == 0)
        return json_is_array(value) ? VALID_UNKNOWN : VALID_YES;
    if (strcmp(key, "patternProperties") == 0 || strcmp(key, "propertyNames") == 0 ||
        strcmp(key, "dependencies") == 0 || strcmp(key, "dependentRequired") == 0 ||
        strcmp(key, "dependentSchemas") == 0 || strcmp(key, "unevaluatedProperties") == 0)
        return json_is_object(value) && json_object_size(value) ? VALID_UNKNOWN : VALID_YES;
    return try_measure(s, key, wanted, value);
}

enum validity schema_accepts(struct schema_reader *s, json_t *schema, json_t *base, json_t *value, int depth)
{
    const char *key;
    json_t *wanted;
    if (json_is_boolean(schema))
        return yes_if(json_is_true(schema));
    if (!json_is_object(schema) || depth > MAX_DEPTH)
        return VALID_UNKNOWN;
    enum validity all = json_object_get(schema, "patternProperties") && json_is_object(value)
                            ? VALID_UNKNOWN
                            : try_object(s, schema, base, value, depth);
    if (json_object_get(schema, "if")) {
        const enum validity is = schema_accepts(s, json_object_get(schema, "if"), base, value, depth + 1);
        json_t *then = json_object_get(schema, is == VALID_YES ? "then" : "else");
        if (is == VALID_UNKNOWN)
            all = both(all, is);
        else if (then)
            all = both(all, schema_accepts(s, then, base, value, depth + 1));
    }
    json_object_foreach(schema, key, wanted)
    {
        all = both(all, try_keyword(s, key, wanted, base, value, depth));
    }
    return all;
}
