/* expr.h - expressions of specs: total, typed, exact. There are no loops, and no calls except min, max and len.
 * Integers do not wrap, and a division that is not exact is an error.
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
 * min and max also take lists of numbers. Integers are 64-bit; an operation with one float is done in floats. a % b
 * has the sign of b. Operands of `if`, `and` and `or` that do not matter are parsed but not evaluated. */
#ifndef SPEC_EXPR_H
#define SPEC_EXPR_H

#include "base/error.h"
#include "spec/spec.h"

struct expr_scope {
    void *ctx;
    /* Looks up a name. The scope reports the error for a name that does not exist. */
    viv_status (*lookup)(void *ctx, const char *name, struct value *out, struct error *err);
};

/* Evaluates an expression. Errors have no position: the caller prefixes it. Strings of the result are in `a`. */
viv_status expr_eval(struct arena *a, const char *text, const struct expr_scope *scope, struct value *out,
                     struct error *err);
/* Parses the expression and looks up every name, without evaluating anything. */
viv_status expr_check(struct arena *a, const char *text, const struct expr_scope *scope, struct error *err);

/* Whether this is a valid name of a param: letters, digits and _, and not a keyword. */
bool expr_is_name(const char *word);

const char *expr_value_kind_name(enum value_kind kind); /* "an integer", ... */
/* The value as an expression would write it. */
double expr_value_number(const struct value *v); /* of an integer or a float */
bool expr_value_equal(const struct value *a, const struct value *b);
bool expr_value_print(const struct value *v, struct buf *out);

#endif
