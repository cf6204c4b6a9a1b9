/* parser.h - what the two halves of the parser share: parser.c, expressions; statements.c. */
#ifndef JINJA_PARSER_H
#define JINJA_PARSER_H

#include "jinja/jinja.h"

struct parser {
    struct run *r;
    const struct token *t; /* the next one */
    uint32_t depth, loops;
    uint8_t uses; /* of the macro that is being read: USES_... */
};

bool is_op(const struct parser *p, const char *op);
bool is_name(const struct parser *p, const char *name);
bool expect_op(struct parser *p, const char *op);
bool complain(struct parser *p, const char *expected); /* an error: what was found instead */
bool deeper(struct parser *p);                         /* one level; p->depth-- ends it */

struct node *make_node(struct parser *p, enum node_kind kind);
struct node *of_two(struct parser *p, enum node_kind kind, struct node *a, struct node *b); /* NULL where one is */
bool add(struct parser *p, struct nodes *list, struct node *n); /* false where n is NULL */

struct node *expression(struct parser *p);
struct node *expressions(struct parser *p); /* a, b: a tuple without parentheses */
struct node *disjunction(struct parser *p); /* without `if` */
struct node *filter(struct parser *p, struct node *a);

#endif
