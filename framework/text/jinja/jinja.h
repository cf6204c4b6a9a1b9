/* jinja.h - the interpreter's inside: values, the tree that the parser makes, and a run.
 *
 *   source -> lexer.c: tokens -> parser.c: tree -> eval.c: text
 *   value.c: what values are and print; operators.c: `x + y`; methods.c: of strings, lists and dicts; format.c: of
 *   them, format, and %; globals.c: range and its like; filters.c, tests.c: `x | f`, `x is t`
 *
 * Everything that a run makes lies in one arena and is counted; functions return false once r->err holds a
 * sentence. */
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include "base/arena.h"
#include "text/template.h"

#include <stdint.h>

enum {
    MAX_STEPS = 20000000,
    MAX_DEPTH = 120,
    MAX_MEMORY = 512 << 20,
    MAX_OUTPUT = 64 << 20,
    MAX_RANGE = 100000,
    MAX_SOURCE = 4 << 20
};

/* --- values -------------------------------------------------------------------------------------------------- */

enum kind {
    UNDEFINED,
    NONE,
    BOOL,
    INT,
    FLOAT,
    STRING,
    LIST,
    TUPLE,
    DICT,
    NAMESPACE,
    MACRO,
    FUNCTION, /* one of ours, bound to `self` if it is a method */
    LOOP
};

struct list;
struct dict;
struct macro;
struct loop;
struct run;
struct args;
struct value;
typedef bool function(struct run *r, const struct value *self, const struct args *a, struct value *out);

struct bound {
    function *call;
    const struct value *self;
    const char *name;
};

struct value {
    enum kind kind;
    bool is_true; /* BOOL */
    union {
        int64_t i;
        double f;
        struct {
            const char *text; /* UTF-8, terminated */
            size_t size;
        } s;
        const struct list *list; /* LIST, TUPLE */
        struct dict *dict;       /* DICT, NAMESPACE: only a namespace changes */
        const struct macro *macro;
        const struct bound *bound;
        struct loop *loop;
        const char *name; /* UNDEFINED: what was asked for, or NULL */
    };
};

struct list {
    size_t n;
    struct value items[];
};

struct dict {
    size_t n, capacity;
    struct entry {
        struct value key, value;
    } * entries;
};

struct args {
    const struct value *values;
    size_t n;
    const struct named {
        const char *name;
        struct value value;
    } * named;
    size_t n_named;
};

struct run {
    const struct template_options *options;
    struct arena *arena;
    struct error *err;
    uint64_t steps, memory, output;
    uint32_t depth, line;
    struct buf *out; /* where text goes now */
};

/* An error at the line where the run is; false, so that a failure is one line: return fail_at(r, status, ...). */
#define fail_at(...) (set_error_at(__VA_ARGS__), false)
void set_error_at(struct run *r, viv_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool step(struct run *r, uint64_t n);   /* counts n steps */
void *take(struct run *r, size_t size); /* counted, zeroed memory; NULL after an error */
bool emit(struct run *r, const char *text, size_t n);

struct value make_bool(bool b);
struct value make_int(int64_t i);
struct value make_float(double f);
struct value make_undefined(const char *name);
struct value make_literal(const char *text);                                    /* of static text */
bool make_string(struct run *r, const char *text, size_t n, struct value *out); /* a copy */
bool take_buf(struct run *r, struct buf *b, struct value *out);                 /* and releases it */
struct list *make_list(struct run *r, size_t n);
struct value of_list(const struct list *l, enum kind kind);
struct dict *make_dict(struct run *r);
bool dict_put(struct run *r, struct dict *d, const struct value *key, const struct value *value);
const struct value *dict_get(const struct run *r, const struct dict *d, const struct value *key); /* or NULL */
const struct value *dict_find(const struct dict *d, const char *key);
bool from_json(struct run *r, json_t *j, uint32_t depth, struct value *out);

const char *kind_name(const struct value *v);
bool is_number(const struct value *v); /* bools too, as in Python */
bool is_list(const struct value *v);
double number_of(const struct value *v);
bool truth(const struct value *v);
bool equal(const struct run *r, const struct value *a, const struct value *b);
bool compare(struct run *r, const struct value *a, const struct value *b, int *order); /* of what has an order */
bool contains(struct run *r, const struct value *all, const struct value *one, bool *out);
bool print_value(struct run *r, const struct value *v, struct buf *out); /* str() */
bool text_of(struct run *r, const struct value *v, struct value *out);
/* The elements of anything that can be gone through: a list, the keys of a dict, the characters of a string. */
bool items_of(struct run *r, const struct value *v, const struct list **out);
size_t characters(const char *text, size_t n);

struct json_style {
    bool ensure_ascii, sort_keys;
    int64_t indent; /* -1: on one line */
    const char *item, *colon;
};
bool print_json_value(struct run *r, const struct value *v, const struct json_style *s, uint32_t depth,
                      struct buf *out);

/* --- the tree ------------------------------------------------------------------------------------------------ */

enum node_kind {
    /* expressions */
    E_VALUE, /* value */
    E_NAME,  /* name */
    E_LIST,  /* list */
    E_TUPLE,
    E_DICT,   /* list: key, value, key, value */
    E_ATTR,   /* a.name */
    E_ITEM,   /* a[b] */
    E_SLICE,  /* a[b:c:list] */
    E_CALL,   /* a(list) */
    E_FILTER, /* a | name(list) */
    E_TEST,   /* a is name(list), negated */
    E_NOT,
    E_NEGATE,
    E_PLUS,
    E_AND,
    E_OR,
    E_IF,       /* b if a else c */
    E_COMPARE,  /* a op list[0] op list[1]...; the ops are the items' names */
    E_BINARY,   /* a name b */
    E_ARGUMENT, /* of a call: a, by `name`; name "*" and "**" for unpacking */
    E_GROUP,    /* what `list` of a comparison holds: a, by the operator `name` */
    /* statements */
    S_TEXT,    /* value */
    S_OUT,     /* a */
    S_IF,      /* a; list; c: the rest */
    S_FOR,     /* target a in b if c: list, else others; negated: recursive */
    S_SET,     /* target a = b */
    S_CAPTURE, /* set a to what list prints, through the filters of b */
    S_MACRO,   /* name(params): list */
    S_CALL,    /* a call with a body: a, params, list */
    S_FILTER,  /* b over list */
    S_WITH,    /* params, list */
    S_SCOPE,
    S_BREAK,
    S_CONTINUE
};

struct node {
    enum node_kind kind;
    uint32_t line;
    bool negated;
    const char *name;
    struct value value;
    struct node *a, *b, *c;
    struct nodes {
        struct node **items;
        size_t n, capacity;
    } list, others, params; /* params: E_ARGUMENT, a being the default or NULL */
};

struct token {
    enum token_kind {
        T_TEXT,
        T_OUT_BEGIN,
        T_OUT_END,
        T_BLOCK_BEGIN,
        T_BLOCK_END,
        T_NAME,
        T_STRING,
        T_INT,
        T_FLOAT,
        T_OPERATOR,
        T_END
    } kind;
    uint32_t line;
    const char *text; /* of a string: what it says */
    size_t size;
    int64_t i;
    double f;
};
struct tokens {
    struct token *items;
    size_t n, capacity;
};

bool lex(struct run *r, const char *source, size_t size, struct tokens *out); /* items: malloc'ed */
bool parse(struct run *r, const struct tokens *tokens, struct node **out);
bool evaluate(struct run *r, const struct node *root, const struct value *variables);

/* --- what they call ------------------------------------------------------------------------------------------ */

bool call_value(struct run *r, const struct value *f, const struct args *a, struct value *out);
bool get_attr(struct run *r, const struct value *v, const char *name, struct value *out);
bool get_item(struct run *r, const struct value *v, const struct value *key, struct value *out);
function *find_method(const struct value *v, const char *name);
function *find_global(const char *name);
function *find_filter(const char *name); /* self: what is filtered */
/* VIV_EINVAL-like false for an unknown test. */
bool run_test(struct run *r, const char *name, const struct value *v, const struct args *a, bool *out);
bool is_test(const char *name);
bool binary(struct run *r, const char *op, const struct value *a, const struct value *b, struct value *out);
bool relation(struct run *r, const char *op, const struct value *a, const struct value *b, bool *out);
bool sign(struct run *r, bool negative, const struct value *v, struct value *out);
bool format_text(struct run *r, const struct value *format, const struct value *values, struct value *out); /* % */
function format_braces; /* the method `format` */

/* The argument at a place or by a name; NULL when it is not given. */
const struct value *arg(const struct args *a, size_t place, const char *name);
bool int_arg(struct run *r, const struct args *a, size_t place, const char *name, int64_t otherwise, int64_t *out);
bool flag_arg(const struct args *a, size_t place, const char *name, bool otherwise);
const char *text_arg(const struct args *a, size_t place, const char *name, const char *otherwise);

#endif
