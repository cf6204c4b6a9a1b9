/* parser.h - shared by the two parts of the parser: parser.c (expressions) and statements.c. */
#ifndef JINJA_PARSER_H
#define JINJA_PARSER_H

#include "jinja/jinja.h"

struct parser {
    struct run *r;
    const struct token *t; /* the next one */
    uint32_t depth, loops;
    uint8_t uses; /* of the macro that is being read: USES_... */
};

bool jinja_is_op(const struct parser *p, const char *op);
bool jinja_is_name(const struct parser *p, const char *name);
bool jinja_expect_op(struct parser *p, const char *op);
bool jinja_unexpected(struct parser *p, const char *expected); /* sets an error that says what was found instead */
bool jinja_descend(struct parser *p);                          /* one level; p->depth-- ends it */

struct node *jinja_make_node(struct parser *p, enum node_kind kind);
bool jinja_nodes_add(struct parser *p, struct nodes *list, struct node *n); /* false if n is NULL */

struct node *jinja_parse_expression(struct parser *p);
struct node *jinja_parse_expressions(struct parser *p); /* a, b: a tuple without parentheses */
struct node *jinja_parse_disjunction(struct parser *p); /* without `if` */
struct node *jinja_parse_filter(struct parser *p, struct node *a);

#endif
