/* parser.c - from tokens to a tree: expressions, by the grammar of Jinja 3.1:
 *
 *   expression: or ['if' or ['else' expression]]        or: and {'or' and}        and: not {'and' not}
 *   not: 'not' not | compare        compare: sum {('==' ... '>=' | ['not'] 'in') sum}
 *   sum: join {('+' | '-') join}        join: product {'~' product}        product: power {('*' '/' '//' '%')
 * power} power: unary {'**' unary}        unary: ('-' | '+') unary | primary postfix; then filters and tests */
#include "jinja/parser.h"

#include <string.h>

bool jinja_is_op(const struct parser *p, const char *op)
{
    return p->t->kind == T_OPERATOR && strcmp(p->t->text, op) == 0;
}

bool jinja_is_name(const struct parser *p, const char *name)
{
    return p->t->kind == T_NAME && strcmp(p->t->text, name) == 0;
}

bool jinja_unexpected(struct parser *p, const char *expected)
{
    static const char *const kinds[] = {"text", "'{{'", "'}}'", "'{%'", "'%}'"};
    p->r->line = p->t->line;
    if (p->t->kind == T_END)
        return jinja_fail(p->r, VIV_EINVAL, "expected %s, and the template ends", expected);
    if (p->t->kind <= T_BLOCK_END)
        return jinja_fail(p->r, VIV_EINVAL, "expected %s, found %s", expected, kinds[p->t->kind]);
    return jinja_fail(p->r, VIV_EINVAL, "expected %s, found '%.40s'", expected, p->t->text);
}

bool jinja_expect_op(struct parser *p, const char *op)
{
    char words[8];
    if (jinja_is_op(p, op)) {
        p->t++;
        return true;
    }
    words[0] = words[strlen(op) + 1] = '\'';
    memcpy(words + 1, op, strlen(op));
    words[strlen(op) + 2] = '\0';
    return jinja_unexpected(p, words);
}

struct node *jinja_make_node(struct parser *p, enum node_kind kind)
{
    struct node *n = jinja_step(p->r, 1) ? jinja_alloc(p->r, sizeof *n) : NULL;
    if (n) {
        n->kind = kind;
        n->line = p->t->line;
    }
    return n;
}

/* NULL if one of them is NULL. */
static struct node *make_pair(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
    struct node *n = a && b ? jinja_make_node(p, kind) : NULL;
    if (n) {
        n->line = a->line;
        n->a = a;
        n->b = b;
    }
    return n;
}

bool jinja_nodes_add(struct parser *p, struct nodes *list, struct node *n)
{
    if (!n)
        return false;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 4;
        struct node **grown = jinja_alloc(p->r, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (list->n)
            memcpy(grown, list->items, list->n * sizeof *grown);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = n;
    return true;
}

static struct node *unary(struct parser *p, bool with_filters);

bool jinja_descend(struct parser *p)
{
    if (++p->depth <= MAX_DEPTH)
        return true;
    p->r->line = p->t->line;
    return jinja_fail(p->r, VIV_ELIMIT, "nested more than %d deep", MAX_DEPTH);
}

/* --- expressions --------------------------------------------------------------------------------------------- */

static struct node *constant(struct parser *p, struct value v)
{
    struct node *n = jinja_make_node(p, E_VALUE);
    if (n)
        n->value = v;
    return n;
}

/* (a, b, name=c, *d, **e), after the parenthesis */
static bool arguments(struct parser *p, struct nodes *list)
{
    bool named = false;
    while (!jinja_is_op(p, ")")) {
        struct node *n = jinja_make_node(p, E_ARGUMENT);
        if (!n)
            return false;
        if (jinja_is_op(p, "*") || jinja_is_op(p, "**")) {
            n->name = p->t->text;
            p->t++;
            named = true;
        } else if (p->t->kind == T_NAME && p->t[1].kind == T_OPERATOR && strcmp(p->t[1].text, "=") == 0) {
            n->name = p->t->text;
            p->t += 2;
            named = true;
        } else if (named) {
            return jinja_unexpected(p, "an argument with a name behind one with a name");
        }
        if (!(n->a = jinja_parse_expression(p)) || !jinja_nodes_add(p, list, n))
            return false;
        if (!jinja_is_op(p, ","))
            break;
        p->t++;
    }
    return jinja_expect_op(p, ")");
}

static struct node *sequence(struct parser *p, enum node_kind kind, const char *close)
{
    struct node *n = jinja_make_node(p, kind);
    while (n && !jinja_is_op(p, close)) {
        if (!jinja_nodes_add(p, &n->list, jinja_parse_expression(p)))
            return NULL;
        if (!jinja_is_op(p, ","))
            break;
        p->t++;
    }
    return n && jinja_expect_op(p, close) ? n : NULL;
}

static struct node *dictionary(struct parser *p)
{
    struct node *n = jinja_make_node(p, E_DICT);
    while (n && !jinja_is_op(p, "}")) {
        if (!jinja_nodes_add(p, &n->list, jinja_parse_expression(p)) || !jinja_expect_op(p, ":") ||
            !jinja_nodes_add(p, &n->list, jinja_parse_expression(p)))
            return NULL;
        if (!jinja_is_op(p, ","))
            break;
        p->t++;
    }
    return n && jinja_expect_op(p, "}") ? n : NULL;
}

/* (a), (a, b), () */
static struct node *parenthesis(struct parser *p)
{
    if (jinja_is_op(p, ")")) {
        p->t++;
        return jinja_make_node(p, E_TUPLE);
    }
    struct node *first = jinja_parse_expression(p);
    if (!first || !jinja_is_op(p, ","))
        return first && jinja_expect_op(p, ")") ? first : NULL;
    p->t++;
    struct node *n = sequence(p, E_TUPLE, ")");
    struct nodes all = {0};
    bool ok = n && jinja_nodes_add(p, &all, first);
    for (size_t i = 0; ok && i < n->list.n; i++)
        ok = jinja_nodes_add(p, &all, n->list.items[i]);
    if (!ok)
        return NULL;
    n->list = all;
    return n;
}

static struct node *strings(struct parser *p)
{
    struct buf b = {0};
    struct value v;
    while (p->t->kind == T_STRING) {
        buf_append(&b, p->t->text, p->t->size);
        p->t++;
    }
    return jinja_take_buf(p->r, &b, &v) ? constant(p, v) : NULL;
}

static struct node *primary(struct parser *p)
{
    const struct token *t = p->t;
    struct node *n;
    switch (t->kind) {
    case T_STRING:
        return strings(p);
    case T_INT:
    case T_FLOAT:
        p->t++;
        return constant(p, t->number);
    case T_NAME:
        p->t++;
        if (strcmp(t->text, "true") == 0 || strcmp(t->text, "True") == 0)
            return constant(p, jinja_make_bool(true));
        if (strcmp(t->text, "false") == 0 || strcmp(t->text, "False") == 0)
            return constant(p, jinja_make_bool(false));
        if (strcmp(t->text, "none") == 0 || strcmp(t->text, "None") == 0)
            return constant(p, (struct value){.kind = NONE});
        p->uses |= strcmp(t->text, "varargs") == 0  ? USES_VARARGS
                   : strcmp(t->text, "kwargs") == 0 ? USES_KWARGS
                   : strcmp(t->text, "caller") == 0 ? USES_CALLER
                                                    : 0;
        if ((n = jinja_make_node(p, E_NAME)))
            n->name = t->text;
        return n;
    default:
        break;
    }
    bool opens = jinja_is_op(p, "(") || jinja_is_op(p, "[") || jinja_is_op(p, "{");
    if (!opens) {
        jinja_unexpected(p, "a value");
        return NULL;
    }
    p->t++;
    return t->text[0] == '(' ? parenthesis(p) : t->text[0] == '[' ? sequence(p, E_LIST, "]") : dictionary(p);
}

/* a[b], a[b, c], a[b:c:d], after the bracket */
static struct node *subscript(struct parser *p, struct node *a)
{
    struct node *parts[3] = {0};
    uint32_t n = 0;
    bool is_slice = false;
    for (;;) {
        if (!jinja_is_op(p, ":") && !jinja_is_op(p, "]") && !(parts[n] = jinja_parse_expression(p)))
            return NULL;
        if (!jinja_is_op(p, ":"))
            break;
        is_slice = true;
        p->t++;
        if (++n == 3) {
            jinja_unexpected(p, "']'");
            return NULL;
        }
    }
    if (!is_slice && !parts[0]) {
        jinja_unexpected(p, "an index");
        return NULL;
    }
    if (!is_slice && jinja_is_op(p, ",")) {
        struct node *tuple = jinja_make_node(p, E_TUPLE);
        if (!tuple || !jinja_nodes_add(p, &tuple->list, parts[0]))
            return NULL;
        while (jinja_is_op(p, ",") && (p->t++, !jinja_is_op(p, "]")))
            if (!jinja_nodes_add(p, &tuple->list, jinja_parse_expression(p)))
                return NULL;
        parts[0] = tuple;
    }
    if (!jinja_expect_op(p, "]"))
        return NULL;
    if (!is_slice)
        return make_pair(p, E_ITEM, a, parts[0]);
    struct node *node = jinja_make_node(p, E_SLICE);
    if (!node)
        return NULL;
    node->a = a;
    node->b = parts[0];
    node->c = parts[1];
    return !parts[2] || jinja_nodes_add(p, &node->list, parts[2]) ? node : NULL;
}

static struct node *postfix(struct parser *p, struct node *a)
{
    while (a) {
        if (jinja_is_op(p, ".")) {
            p->t++;
            struct node *n = jinja_make_node(p, p->t->kind == T_INT ? E_ITEM : E_ATTR);
            if (!n)
                return NULL;
            n->a = a;
            if (p->t->kind == T_INT) {
                if (!(n->b = constant(p, p->t->number)))
                    return NULL;
            } else if (p->t->kind == T_NAME) {
                n->name = p->t->text;
            } else {
                jinja_unexpected(p, "a name");
                return NULL;
            }
            p->t++;
            a = n;
        } else if (jinja_is_op(p, "[")) {
            p->t++;
            a = subscript(p, a);
        } else if (jinja_is_op(p, "(")) {
            struct node *n = jinja_make_node(p, E_CALL);
            p->t++;
            if (!n || !arguments(p, &n->list))
                return NULL;
            n->a = a;
            a = n;
        } else {
            break;
        }
    }
    return a;
}

/* a | name, a | name(x), after the pipe. `a` NULL: of a filter block. */
struct node *jinja_parse_filter(struct parser *p, struct node *a)
{
    struct node *n = jinja_make_node(p, E_FILTER);
    if (!n)
        return NULL;
    if (p->t->kind != T_NAME) {
        jinja_unexpected(p, "the name of a filter");
        return NULL;
    }
    n->a = a;
    n->name = p->t->text;
    p->t++;
    if (jinja_is_op(p, "(")) {
        p->t++;
        return arguments(p, &n->list) ? n : NULL;
    }
    return n;
}

/* a is [not] name, a is name x, a is name(x), after `is` */
static struct node *test(struct parser *p, struct node *a)
{
    struct node *n = jinja_make_node(p, E_TEST);
    if (!n)
        return NULL;
    n->a = a;
    if (jinja_is_name(p, "not")) {
        n->negated = true;
        p->t++;
    }
    if (p->t->kind != T_NAME) {
        jinja_unexpected(p, "the name of a test");
        return NULL;
    }
    n->name = p->t->text;
    p->t++;
    if (jinja_is_op(p, "(")) {
        p->t++;
        return arguments(p, &n->list) ? n : NULL;
    }
    if (jinja_is_name(p, "is")) {
        jinja_unexpected(p, "one test, or `and` between two");
        return NULL;
    }
    bool word = p->t->kind == T_NAME && !jinja_is_name(p, "else") && !jinja_is_name(p, "or") &&
                !jinja_is_name(p, "and") && !jinja_is_name(p, "if") && !jinja_is_name(p, "not") &&
                !jinja_is_name(p, "in");
    if (!word && p->t->kind != T_STRING && p->t->kind != T_INT && p->t->kind != T_FLOAT && !jinja_is_op(p, "[") &&
        !jinja_is_op(p, "{"))
        return n;
    struct node *argument = jinja_make_node(p, E_ARGUMENT);
    if (!argument || !(argument->a = postfix(p, primary(p))) || !jinja_nodes_add(p, &n->list, argument))
        return NULL;
    return n;
}

static struct node *filters_and_tests(struct parser *p, struct node *a)
{
    while (a) {
        if (jinja_is_op(p, "|")) {
            p->t++;
            a = jinja_parse_filter(p, a);
        } else if (jinja_is_name(p, "is")) {
            p->t++;
            a = test(p, a);
        } else if (jinja_is_op(p, "(") || jinja_is_op(p, "[") || jinja_is_op(p, ".")) {
            a = postfix(p, a);
        } else {
            break;
        }
    }
    return a;
}

static struct node *unary(struct parser *p, bool with_filters)
{
    struct node *n;
    if (!jinja_descend(p))
        return NULL;
    if (jinja_is_op(p, "-") || jinja_is_op(p, "+")) {
        n = jinja_make_node(p, jinja_is_op(p, "-") ? E_NEGATE : E_PLUS);
        p->t++;
        if (n && !(n->a = unary(p, false)))
            n = NULL;
    } else {
        n = postfix(p, primary(p));
    }
    p->depth--;
    return with_filters ? filters_and_tests(p, n) : n;
}

static struct node *operators(struct parser *p, uint32_t level);

/* Operators of one level, from left to right, and the words of each. */
static struct node *operators(struct parser *p, uint32_t level)
{
    static const char *const levels[][5] = {
        {"+", "-", NULL}, {"~", NULL}, {"*", "/", "//", "%", NULL}, {"**", NULL}};
    if (level == sizeof levels / sizeof *levels)
        return unary(p, true);
    struct node *a = operators(p, level + 1);
    for (uint32_t i = 0; a && levels[level][i];) {
        if (!jinja_is_op(p, levels[level][i])) {
            i++;
            continue;
        }
        const char *op = levels[level][i];
        p->t++;
        struct node *b = operators(p, level + 1);
        if ((a = make_pair(p, E_BINARY, a, b)))
            a->name = op;
        i = 0;
    }
    return a;
}

static const char *comparison(struct parser *p)
{
    static const char *const ops[] = {"==", "!=", "<", ">", "<=", ">="};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (jinja_is_op(p, ops[i])) {
            p->t++;
            return ops[i];
        }
    if (jinja_is_name(p, "in")) {
        p->t++;
        return "in";
    }
    if (jinja_is_name(p, "not") && p->t[1].kind == T_NAME && strcmp(p->t[1].text, "in") == 0) {
        p->t += 2;
        return "not in";
    }
    return NULL;
}

static struct node *comparisons(struct parser *p)
{
    struct node *a = operators(p, 0), *n = NULL;
    const char *op;
    while (a && (op = comparison(p))) {
        struct node *group = jinja_make_node(p, E_GROUP);
        if (!n && (n = jinja_make_node(p, E_COMPARE)))
            n->a = a;
        if (!n || !group)
            return NULL;
        group->name = op;
        if (!(group->a = operators(p, 0)) || !jinja_nodes_add(p, &n->list, group))
            return NULL;
    }
    return n ? n : a;
}

static struct node *negation(struct parser *p)
{
    if (!jinja_is_name(p, "not"))
        return comparisons(p);
    struct node *n = jinja_descend(p) ? jinja_make_node(p, E_NOT) : NULL;
    p->t++;
    if (n && !(n->a = negation(p)))
        n = NULL;
    p->depth--;
    return n;
}

static struct node *conjunction(struct parser *p)
{
    struct node *a = negation(p);
    while (a && jinja_is_name(p, "and")) {
        p->t++;
        a = make_pair(p, E_AND, a, negation(p));
    }
    return a;
}

struct node *jinja_parse_disjunction(struct parser *p)
{
    struct node *a = conjunction(p);
    while (a && jinja_is_name(p, "or")) {
        p->t++;
        a = make_pair(p, E_OR, a, conjunction(p));
    }
    return a;
}

struct node *jinja_parse_expression(struct parser *p)
{
    struct node *a = jinja_descend(p) ? jinja_parse_disjunction(p) : NULL;
    while (a && jinja_is_name(p, "if")) {
        struct node *n = jinja_make_node(p, E_IF);
        p->t++;
        if (!n || !(n->a = jinja_parse_disjunction(p)))
            return NULL;
        n->b = a;
        if (jinja_is_name(p, "else")) {
            p->t++;
            if (!(n->c = jinja_parse_expression(p)))
                return NULL;
        }
        a = n;
    }
    p->depth--;
    return a;
}

/* a, b: a tuple without parentheses */
struct node *jinja_parse_expressions(struct parser *p)
{
    struct node *first = jinja_parse_expression(p);
    if (!first || !jinja_is_op(p, ","))
        return first;
    struct node *n = jinja_make_node(p, E_TUPLE);
    if (!n || !jinja_nodes_add(p, &n->list, first))
        return NULL;
    while (jinja_is_op(p, ",")) {
        p->t++;
        if (p->t->kind == T_BLOCK_END || p->t->kind == T_OUT_END)
            break;
        if (!jinja_nodes_add(p, &n->list, jinja_parse_expression(p)))
            return NULL;
    }
    return n;
}
