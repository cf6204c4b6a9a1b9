/* expr.h - expressions: total, typed, exact. No loops, no calls but min, max, len; integers never wrap, and a
 * division that is not exact is an error, not a rounding.
 *
 *   choice   = or ["if" or "else" choice]
 *   or       = and {"or" and}          and = not {"and" not}          not = "not" not | compare
 *   compare  = sum [("==" | "!=" | "<" | "<=" | ">" | ">=" | ["not"] "in") sum | "is" ["not"] "none"]
 *   sum      = product {("+" | "-") product}
 *   product  = sign {("*" | "/" | "%") sign}                          sign = "-" sign | indexed
 *   indexed  = primary {"[" choice "]"}
 *   primary  = number | 'text' | true | false | none | name | (min | max | len) "(" choice {"," choice} ")"
 *            | "(" choice ")"
 *
 * Integers are 64-bit; an operation with one float is done in floats. a % b has the sign of b. Sides of `if`, `and`
 * and `or` that do not count are parsed, not evaluated. */
#ifndef SPEC_EXPR_H
#define SPEC_EXPR_H

#include "base/error.h"
#include "spec/spec.h"

struct expr_scope {
    void *ctx;
    /* The value of a name; one that does not exist is the scope's error to word. */
    viv_status (*lookup)(void *ctx, const char *name, struct value *out, struct error *err);
};

/* Errors are sentences without position: the caller prefixes it. Strings of the result live in `a`. */
viv_status expr_eval(struct arena *a, const char *text, const struct expr_scope *scope, struct value *out,
                     struct error *err);
/* Parses, and looks every name up, without evaluating anything. */
viv_status expr_check(struct arena *a, const char *text, const struct expr_scope *scope, struct error *err);

/* Whether a param may be called so: a word of letters, digits and _ that the language does not use itself. */
bool expr_is_name(const char *word);

const char *value_kind_name(enum value_kind kind); /* "an integer", ... */
/* The value as an expression would write it. */
double value_number(const struct value *v); /* of an integer or a float */
bool value_equal(const struct value *a, const struct value *b);
bool value_print(const struct value *v, struct buf *out);

#endif
