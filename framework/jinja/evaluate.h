/* evaluate.h - what the walk of the tree shares: scopes, macros, loops. eval.c: expressions; calls.c: what is
 * called; execute.c: statements. */
#ifndef JINJA_EVALUATE_H
#define JINJA_EVALUATE_H

#include "jinja/jinja.h"

/* Names and what they stand for; loops, macros and blocks open a scope of their own. */
struct scope {
    struct scope *parent;
    struct variable {
        const char *name;
        struct value value;
    } * variables;
    size_t n, capacity;
    const struct dict *data; /* of the outermost: what the caller gave */
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
/* `v` through a chain of filters that ends in a node without what is filtered; NULL: that of the chain. */
bool jinja_eval_filter(struct run *r, struct scope *s, const struct node *n, const struct value *v,
                       struct value *out);
enum flow jinja_execute(struct run *r, struct scope *s, const struct nodes *list);
enum flow jinja_run_loop(struct run *r, const struct node *n, struct scope *s, const struct list *items,
                         uint32_t depth);
/* What statements print, as a text. */
bool jinja_capture(struct run *r, struct scope *s, const struct nodes *list, struct value *out);

struct scope *jinja_open_scope(struct run *r, struct scope *parent);
bool jinja_set_variable(struct run *r, struct scope *s, const char *name, const struct value *v);

#endif
