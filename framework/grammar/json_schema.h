/* json_schema.h - what the files of the JSON Schema front end share.
 *
 * A value may have to satisfy several schemas at once (allOf, $ref with siblings, properties of both): a
 * conjunction. Each conjunction is a rule of its own, made when it is first met; anyOf and oneOf distribute over
 * it. */
#ifndef GRAMMAR_JSON_SCHEMA_H
#define GRAMMAR_JSON_SCHEMA_H

#include "base/strmap.h"
#include "grammar/automaton.h"
#include "grammar/sources.h"

/* A schema, where it stands, and the document that its references begin from. */
struct item {
    json_t *schema, *base;
    const char *path; /* "#/properties/a" */
    unsigned done;    /* ANY_OF, ...: one of these was chosen, and is another item */
};
enum {
    ANY_OF = 1,
    ONE_OF = 2,
    CASES_OF_IF = 4,
    CASES_OF_DEPENDENTS = 8,
    CASES_OF_REQUIRED = 16,
    CASES_OF_DEPENDENCIES = 32,
    CASES_OF_NOT = 64
};
enum { MAX_EXPANSIONS = 1 << 17 };
#define NOT_IN "\x01not in" /* of schemas that are made here: strings that a value is not */

struct conjunction {
    struct item *v;
    size_t n, capacity;
};

struct schema_reader {
    struct rules *r;
    json_t *root;
    bool lenient;
    struct buf *notes;
    struct strmap known; /* conjunctions, to rules */
    struct job {
        struct conjunction of;
        uint32_t rule;
    } * jobs;             /* rules without a body yet */
    json_t *cases;        /* schemas that are made here, by their places; or NULL */
    const json_t *listed; /* the enum whose values are tried: they are in it */
    size_t n_jobs, jobs_capacity, n_expansions;
    uint32_t any, string, object_any, array_any; /* rules of any value, string, ...; 0: not made */
    bool made_any;
    viv_status status;
    struct error *err;
};

/* Types of values; a number is an integer or has a fraction. */
enum {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_INTEGER = 4,
    TYPE_FRACTION = 8,
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_NUMBER = TYPE_INTEGER | TYPE_FRACTION,
    TYPE_ALL = 127
};

/* Fails with the path and keyword of what cannot be kept. */
void schema_fail(struct schema_reader *s, viv_status status, const struct item *i, const char *keyword,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same, or, if the reader is lenient, a note. */
void schema_refuse(struct schema_reader *s, const struct item *i, const char *keyword, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds a schema and what it refers to. */
void conjunction_add(struct schema_reader *s, struct conjunction *c, json_t *schema, json_t *base,
                     const char *path);
void conjunction_release(struct conjunction *c);
const char *path_of(struct schema_reader *s, const struct item *i, const char *keyword, const char *name);
/* The expression of a conjunction: its rule. NULL: failed. */
const struct tree *value_of(struct schema_reader *s, const struct conjunction *c);

/* What values of one type are. NULL: failed, or s->status says so. */
const struct tree *string_of(struct schema_reader *s, const struct conjunction *c);
const struct tree *number_of(struct schema_reader *s, const struct conjunction *c, unsigned types);
const struct tree *array_of(struct schema_reader *s, const struct conjunction *c);
const struct tree *object_of(struct schema_reader *s, const struct conjunction *c);
const struct tree *any_value(struct schema_reader *s);
/* One value, as it is written. */
const struct tree *literal_of(struct schema_reader *s, const json_t *value);

/* json_schema_cases.c: the alternatives that a keyword of an item comes to, if one has any that is not done; else,
 * or where it is refused, NULL. *keyword, *done: which. Borrowed. */
json_t *schema_cases(struct schema_reader *s, const struct item *i, const char **keyword, unsigned *done);
/* The alternatives of "oneOf", without what two of them have in common. Borrowed. */
json_t *schema_one_of(struct schema_reader *s, const struct item *i);
/* A list of these, or one: the conjunction with each alternative of an item. */
const struct tree *choose_each(struct schema_reader *s, const struct conjunction *c, size_t of, const char *keyword,
                               unsigned which, json_t *list);
/* The opposite of a schema, in the conjunction; false: it cannot be said. */
bool add_opposite(struct schema_reader *s, struct conjunction *c, json_t *schema, json_t *base, const char *path);

/* The characters of strings of a conjunction; NULL: any. */
struct automaton *string_automaton(struct schema_reader *s, const struct conjunction *c, bool *failed);
/* Whether an automaton has a text. */
bool automaton_has(const struct automaton *a, const char *text, size_t n);

const struct tree *comma(struct schema_reader *s);
const struct tree *colon(struct schema_reader *s);
/* A JSON string that is this text. */
const struct tree *quoted(struct schema_reader *s, const char *text, size_t n);

/* A schema's integer that is not negative, such as minItems; `otherwise` where there is none. */
uint32_t count_of(struct schema_reader *s, const struct item *i, const char *keyword, uint32_t otherwise);

/* json_schema_valid.c: whether a schema accepts a value. VALID_UNKNOWN: it has keywords that are not understood. */
enum validity { VALID_NO, VALID_YES, VALID_UNKNOWN };
enum validity schema_accepts(struct schema_reader *s, json_t *schema, json_t *base, json_t *value, int depth);
unsigned schema_types(json_t *type);
unsigned type_of_value(const json_t *value);
/* "string", "integer", ... */
const char *json_kind_of_type(unsigned type);
bool values_equal(const json_t *a, const json_t *b);
/* What "$ref" names; NULL: nothing in this document. *base changes with it. */
json_t *schema_find(struct schema_reader *s, const char *reference, json_t **base);
/* What "$dynamicRef" or "$recursiveRef" names, where that does not depend on how it was come to; else NULL. */
json_t *schema_find_dynamic(struct schema_reader *s, const json_t *schema, json_t **base);

#endif
