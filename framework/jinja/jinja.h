/* jinja.h - the internals of the interpreter: values, the syntax tree, and a run.
 *
 *   source -> lexer.c: tokens -> statements.c, parser.c: tree -> execute.c: text
 *   expressions: eval.c, attributes.c (a.b, a[b]), calls.c (macros, loops), arguments.c, operators.c
 *   values: value.c, print.c (as text and JSON), integers.c (of any size), characters.c (case and classes)
 *   functions: filters.c, filters_list.c, filters_number.c (`x | f`), tests.c (`x is t`), globals.c (range),
 *   methods.c, strings.c, split.c ('a'.upper()), format.c, format_spec.c ('%d' % x, '{:>4}'.format(x))
 *
 * All memory of a run lies in one arena and is counted. Functions return false after an error, which
 * is in r->err. */
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include "base/arena.h"
#include "jinja/template.h"

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
    INT, /* of 64 bits */
    BIG, /* an integer that needs more */
    FLOAT,
    STRING,
    LIST,
    TUPLE,
    DICT,
    NAMESPACE,
    ITERABLE, /* range(3), x.items(), x | map('f') */
    MACRO,
    FUNCTION, /* one of ours, bound to `self` if it is a method */
    LOOP,
    ABSENT /* an argument that is not given */
};

struct list;
struct dict;
struct macro;
struct loop;
struct run;
struct args;
struct value;
typedef bool function(struct run *r, const struct value *self, const struct args *a, struct value *out);

/* Something that a template can call by name: a filter, a test (which returns a boolean), a method
 * or a function. */
struct callable {
    const char *name;
    function *call;         /* NULL: not supported, for the reason in `parameters` */
    const char *parameters; /* "old new count?": ? may be left out, * takes any number, ** any names; NULL: "" */
};

struct bound {
    const struct callable *f;
    const struct value *self;
    void *state; /* of cycler and joiner */
};

struct value {
    enum kind kind;
    bool is_true;        /* BOOL; of a STRING: it is HTML that is escaped already */
    enum kind owner : 8; /* UNDEFINED: the kind of what lacks the member; UNDEFINED, too: a variable is missing */
    union {
        int64_t i;
        double f;
        const struct big *big;
        struct {
            const char *text; /* UTF-8, terminated */
            size_t size;
        } s;
        const struct list *list; /* LIST, TUPLE */
        struct dict *dict;       /* DICT, NAMESPACE: only a namespace changes */
        struct iterable *iterable;
        const struct macro *macro;
        const struct bound *bound;
        struct loop *loop;
        const char *name; /* UNDEFINED: the missing name, or NULL */
    };
};

struct list {
    size_t n;
    bool is_group; /* a pair of groupby, with .grouper and .list */
    struct value items[];
};

struct dict {
    size_t n, capacity;
    struct entry {
        struct value key, value;
    } * entries;
};

/* Sign and magnitude: limbs of 32 bits, the lowest first, the last not 0. Never a number that fits in 64 bits. */
struct big {
    bool negative;
    uint32_t n;
    uint32_t limbs[];
};

struct iterable {
    const char *class; /* "dict_keys", "generator" */
    const char *shown; /* how a range prints; `start` and `by` are a range's, too */
    int64_t start, by;
    const struct list *items;
    size_t next; /* `once`: the first item that was not taken yet */
    bool once;   /* it can be iterated once, and has no length */
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
    struct buf *out; /* what is printed goes here */
    /* origin.c */
    struct pool *pool;
    struct watched *watched;
    size_t n_watched, watched_capacity;
    bool from_data;  /* values that are made now come from the data */
    bool reads_data; /* texts that are made now belong to the data */
};

/* origin.c: which bytes come from the data. Only called if options->from_data is set, except for the replacements
 * of functions of base/buf.h. */
void jinja_origin_begin(struct run *r);
void jinja_origin_end(struct run *r);
char *jinja_origin_alloc(struct run *r, size_t n);                           /* of the pool */
void jinja_origin_copy(struct run *r, char *to, const char *from, size_t n); /* to: of the pool */
void jinja_origin_take(struct run *r, const struct buf *b, char *to);        /* the same of a buffer */
bool jinja_origin_output(struct run *r, const struct buf *b, struct buf *from_data);
bool jinja_origin_of_call(const struct run *r, const struct value *self, const struct args *a);
bool jinja_is_data(const char *key, const json_t *v, uint32_t depth); /* of a member of the data */
bool jinja_buf_append(struct buf *b, const void *bytes, size_t n);
bool jinja_buf_puts(struct buf *b, const char *s);
bool jinja_buf_putc(struct buf *b, char c);
bool jinja_buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define buf_append jinja_buf_append
#define buf_puts   jinja_buf_puts
#define buf_putc   jinja_buf_putc
#define buf_printf jinja_buf_printf

/* Sets an error with the current line, and is false: return jinja_fail(r, status, ...). */
#define jinja_fail(...) (jinja_set_error(__VA_ARGS__), false)
void jinja_set_error(struct run *r, viv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool jinja_step(struct run *r, uint64_t n);    /* counts n steps */
void *jinja_alloc(struct run *r, size_t size); /* counted, zeroed memory; NULL after an error */
bool jinja_emit(struct run *r, const char *text, size_t n);

struct value jinja_make_bool(bool b);
struct value jinja_make_int(int64_t i);
struct value jinja_make_float(double f);
struct value jinja_make_undefined(const char *name);
struct value jinja_make_missing(const struct value *owner, const char *name);         /* it has no member `name` */
struct value jinja_make_literal(const char *text);                                    /* of static text */
bool jinja_make_string(struct run *r, const char *text, size_t n, struct value *out); /* a copy */
bool jinja_take_buf(struct run *r, struct buf *b, struct value *out);                 /* and releases it */
struct list *jinja_make_list(struct run *r, size_t n);
struct value jinja_list_value(const struct list *l, enum kind kind);
/* A dict_keys or a generator; a list if values are those of JavaScript. */
bool jinja_make_iterable(struct run *r, const struct list *l, const char *class, bool once, struct value *out);
struct dict *jinja_make_dict(struct run *r);
bool jinja_dict_put(struct run *r, struct dict *d, const struct value *key, const struct value *value);
const struct value *jinja_dict_get(const struct run *r, const struct dict *d,
                                   const struct value *key); /* or NULL */
const struct value *jinja_dict_find(const struct dict *d, const char *key);
bool jinja_from_json(struct run *r, json_t *j, uint32_t depth, struct value *out);

const char *jinja_kind_name(const struct value *v);
/* Fails because an undefined value was used; `why` follows "'x' is undefined". */
bool jinja_fail_undefined(struct run *r, const struct value *v, const char *why);
bool jinja_is_number(const struct value *v);  /* bools too, as in Python */
bool jinja_is_integer(const struct value *v); /* bools too */
bool jinja_is_list(const struct value *v);
double jinja_to_number(const struct value *v);
bool jinja_truth(const struct value *v);
bool jinja_is_hashable(const struct value *v); /* can be a key: not a value that may change, nor a tuple that holds
                                                * one */
bool jinja_equal(const struct run *r, const struct value *a, const struct value *b);
bool jinja_compare(struct run *r, const struct value *a, const struct value *b,
                   int *order); /* of values with an order */
bool jinja_contains(struct run *r, const struct value *all, const struct value *one, bool *out);
/* The elements of a value that can be iterated: a list, the keys of a dict, the characters of a string. */
bool jinja_items(struct run *r, const struct value *v, const struct list **out);
size_t jinja_count_characters(const char *text, size_t n);
size_t jinja_bytes_of(const char *text, size_t n, size_t count); /* of its first `count` characters */

/* print.c */
bool jinja_print(struct run *r, const struct value *v, struct buf *out);      /* str() */
bool jinja_print_repr(struct run *r, const struct value *v, struct buf *out); /* repr() */
bool jinja_print_float(double f, struct buf *out);
bool jinja_to_text(struct run *r, const struct value *v, struct value *out);
bool jinja_escape_html(struct run *r, const struct value *v, struct value *out);

struct json_style {
    bool ensure_ascii, sort_keys, lines; /* lines: one for each value, indented */
    const char *indent, *item, *colon;
};
bool jinja_print_json(struct run *r, const struct value *v, const struct json_style *s, uint32_t depth,
                      struct buf *out);

/* integers.c: of integers of any size; INT, BIG and BOOL */
bool jinja_integer_operation(struct run *r, const char *op, const struct value *a, const struct value *b,
                             struct value *out);
int jinja_integer_compare(const struct value *a, const struct value *b);
int jinja_integer_compare_float(const struct value *a, double b);
double jinja_integer_float(const struct value *v); /* the closest; infinite when there is none */
bool jinja_integer_of_float(struct run *r, double f, struct value *out);
bool jinja_integer_of_text(struct run *r, const char *digits, size_t n, unsigned base,
                           struct value *out); /* digits alone */
bool jinja_integer_print(struct run *r, const struct value *v, unsigned base, struct buf *out);
size_t jinja_integer_bits(const struct value *v);

/* characters.c: properties of characters, as in Python */
enum casing { UPPER, LOWER, TITLE, CAPITAL, SWAPPED, FOLDED };
bool jinja_recase(struct run *r, const struct value *v, enum casing how, struct value *out);
size_t jinja_decode(const char *s, size_t n, int32_t *c);
bool jinja_is_white(int32_t c);
bool jinja_is_printable(int32_t c);
bool jinja_is_word_character(int32_t c);
bool jinja_has_class(const struct value *v,
                     const char *name); /* whether all of a text is: "isalpha", "isupper", ... */

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
    S_MACRO,   /* name(params): list; uses: which of varargs, kwargs and caller it names */
    S_CALL,    /* a call with a body: a, params, list */
    S_FILTER,  /* b over list */
    S_WITH,    /* params, list */
    S_SCOPE,   /* list; a: whether to escape output, which must be false */
    S_BLOCK,   /* name: list; negated: it sees the variables around it */
    S_REFUSED, /* name */
    S_BREAK,
    S_CONTINUE
};

struct node {
    enum node_kind kind;
    uint32_t line;
    bool negated;
    uint8_t uses;
    const char *name;
    struct value value;
    struct node *a, *b, *c;
    struct nodes {
        struct node **items;
        size_t n, capacity;
    } list, others, params; /* params: E_ARGUMENT, a being the default or NULL */
};

enum { USES_VARARGS = 1, USES_KWARGS = 2, USES_CALLER = 4 };

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
    const char *text; /* of a string: its contents */
    size_t size;
    struct value number;
};
struct tokens {
    struct token *items;
    size_t n, capacity;
};

bool jinja_lex(struct run *r, const char *source, size_t size, struct tokens *out); /* items: malloc'ed */
bool jinja_parse(struct run *r, const struct tokens *tokens, struct node **out);
bool jinja_evaluate(struct run *r, const struct node *root, const struct value *variables);

/* --- what they call ------------------------------------------------------------------------------------------ */

bool jinja_make_range(struct run *r, int64_t start, int64_t end, int64_t by, struct value *out);
bool jinja_call_value(struct run *r, const struct value *f, const struct args *a, struct value *out);
/* Calls a callable: its arguments in the order of its parameters, missing ones ABSENT, further ones behind them. */
bool jinja_invoke(struct run *r, const struct callable *f, const struct value *self, const struct args *a,
                  struct value *out);
bool jinja_make_function(struct run *r, const struct callable *f, const struct value *self, struct value *out);
bool jinja_get_attr(struct run *r, const struct value *v, const char *name, struct value *out);
bool jinja_get_item(struct run *r, const struct value *v, const struct value *key, struct value *out);
bool jinja_get_slice(struct run *r, const struct value *v, const struct value *from, const struct value *to,
                     const struct value *by, struct value *out);
bool jinja_loop_attr(struct run *r, const struct value *v, const char *name, struct value *out);
bool jinja_function_attr(struct run *r, const struct value *v, const char *name, struct value *out);
bool jinja_macro_attr(struct run *r, const struct value *v, const char *name, struct value *out);

/* Finds it by name; NULL: there is none. */
const struct callable *jinja_find_callable(const struct callable *table, const char *name);
const struct callable *jinja_find_method(const struct value *v, const char *name);
const struct callable *jinja_find_global(const char *name);
const struct callable *jinja_find_filter(const char *name); /* self: the value to filter */
const struct callable *jinja_find_test(const char *name);   /* self: the value to test */
extern const struct callable jinja_list_filters[], jinja_number_filters[], jinja_string_methods[],
    jinja_splitting_methods[];
/* The last occurrence of a text between two places, or NULL. */
const char *jinja_find_last(const char *s, const char *end, const struct value *what);
bool jinja_call_filter(struct run *r, const char *name, const struct value *v, const struct args *a,
                       struct value *out);
bool jinja_call_test(struct run *r, const char *name, const struct value *v, const struct args *a, bool *out);
bool jinja_call_method(struct run *r, const struct value *v, const char *name, const struct args *a,
                       struct value *out);

bool jinja_binary(struct run *r, const char *op, const struct value *a, const struct value *b, struct value *out);
bool jinja_relation(struct run *r, const char *op, const struct value *a, const struct value *b, bool *out);
bool jinja_sign(struct run *r, bool negative, const struct value *v, struct value *out);
bool jinja_format_percent(struct run *r, const struct value *format, const struct value *values, struct value *out);
bool jinja_format_braces(struct run *r, const struct value *format, const struct args *a, struct value *out);
/* format(v, spec) of Python */
bool jinja_format_spec(struct run *r, const struct value *v, const char *spec, size_t n, struct buf *out);

/* The i-th argument, in the order of the parameters; NULL if it is not given. */
const struct value *jinja_arg(const struct args *a, size_t place);
bool jinja_int_arg(struct run *r, const struct args *a, size_t place, const char *name, int64_t otherwise,
                   int64_t *out);
bool jinja_flag_arg(const struct args *a, size_t place, bool otherwise);
const char *jinja_text_arg(const struct args *a, size_t place, const char *otherwise);

#endif
