/* evaluate.h - shared by the files that walk the tree: scopes, macros, loops. eval.c has expressions, calls.c
 * calls, and execute.c statements. */
#ifndef JINJA_EVALUATE_H
#define JINJA_EVALUATE_H

#include "jinja/jinja.h"

/* Variables. Loops, macros and blocks open a scope of their own. */
struct scope {
    struct scope *parent;
    struct variable {
        const char *name;
        struct value value;
    } * variables;
    size_t n, capacity;
    const struct dict *data; /* in the outermost scope: the variables that the caller gave */
};

struct macro {
    const struct node *node;
    struct scope *scope; /* where it was defined */
};

struct loop {
    const struct list *items;
    size_t index;
    uint32_t depth;
    const struct node *node;
    struct scope *scope; /* around the loop */
    const struct value *changed;
};

enum flow { FAILED, NEXT, BREAK, CONTINUE };

bool jinja_eval(struct run *r, struct scope *s, const struct node *n, struct value *out);
bool jinja_eval_arguments(struct run *r, struct scope *s, const struct nodes *list, struct args *out);
/* Applies a chain of filters to `v`; if it is NULL, to the value at the end of the chain. */
bool jinja_eval_filter(struct run *r, struct scope *s, const struct node *n, const struct value *v,
                       struct value *out);
enum flow jinja_execute(struct run *r, struct scope *s, const struct nodes *list);
enum flow jinja_run_loop(struct run *r, const struct node *n, struct scope *s, const struct list *items,
                         uint32_t depth);
/* Executes statements, and returns what they print. */
bool jinja_capture(struct run *r, struct scope *s, const struct nodes *list, struct value *out);

struct scope *jinja_open_scope(struct run *r, struct scope *parent);
bool jinja_set_variable(struct run *r, struct scope *s, const char *name, const struct value *v);

#endif
