/* parser.c - from tokens to a tree, by the grammar of Jinja 3.1:
 *
 *   expression: or ['if' or ['else' expression]]        or: and {'or' and}        and: not {'and' not}
 *   not: 'not' not | compare        compare: sum {('==' ... '>=' | ['not'] 'in') sum}
 *   sum: join {('+' | '-') join}        join: product {'~' product}        product: power {('*' '/' '//' '%')
 * power} power: unary {'**' unary}        unary: ('-' | '+') unary | primary postfix; then filters and tests */
#include "text/jinja/jinja.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct run *r;
    const struct token *t;
    uint32_t depth, loops;
};

static bool is_op(const struct parser *p, const char *op)
{
    return p->t->kind == T_OPERATOR && strcmp(p->t->text, op) == 0;
}

static bool is_name(const struct parser *p, const char *name)
{
    return p->t->kind == T_NAME && strcmp(p->t->text, name) == 0;
}

static bool complain(struct parser *p, const char *expected)
{
    static const char *const kinds[] = {"text", "'{{'", "'}}'", "'{%'", "'%}'"};
    p->r->line = p->t->line;
    if (p->t->kind == T_END)
        return fail_at(p->r, VIV_EINVAL, "expected %s, and the template ends", expected);
    if (p->t->kind <= T_BLOCK_END)
        return fail_at(p->r, VIV_EINVAL, "expected %s, found %s", expected, kinds[p->t->kind]);
    return fail_at(p->r, VIV_EINVAL, "expected %s, found '%.40s'", expected, p->t->text);
}

static bool expect_op(struct parser *p, const char *op)
{
    char words[8];
    if (is_op(p, op)) {
        p->t++;
        return true;
    }
    words[0] = words[strlen(op) + 1] = '\'';
    memcpy(words + 1, op, strlen(op));
    words[strlen(op) + 2] = '\0';
    return complain(p, words);
}

static struct node *make(struct parser *p, enum node_kind kind)
{
    struct node *n = step(p->r, 1) ? take(p->r, sizeof *n) : NULL;
    if (n) {
        n->kind = kind;
        n->line = p->t->line;
    }
    return n;
}

static struct node *of_two(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
    struct node *n = a && b ? make(p, kind) : NULL;
    if (n) {
        n->a = a;
        n->b = b;
    }
    return n;
}

static bool add(struct parser *p, struct nodes *list, struct node *n)
{
    if (!n)
        return false;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 4;
        struct node **grown = take(p->r, capacity * sizeof *grown);
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

static struct node *expression(struct parser *p);
static struct node *unary(struct parser *p, bool with_filters);

static bool deeper(struct parser *p)
{
    if (++p->depth <= MAX_DEPTH)
        return true;
    p->r->line = p->t->line;
    return fail_at(p->r, VIV_ELIMIT, "nested more than %d deep", MAX_DEPTH);
}

/* --- expressions --------------------------------------------------------------------------------------------- */

static struct node *constant(struct parser *p, struct value v)
{
    struct node *n = make(p, E_VALUE);
    if (n)
        n->value = v;
    return n;
}

/* (a, b, name=c, *d, **e), the parenthesis having been read */
static bool arguments(struct parser *p, struct nodes *list)
{
    while (!is_op(p, ")")) {
        struct node *n = make(p, E_ARGUMENT);
        if (!n)
            return false;
        if (is_op(p, "*") || is_op(p, "**")) {
            n->name = p->t->text;
            p->t++;
        } else if (p->t->kind == T_NAME && p->t[1].kind == T_OPERATOR && strcmp(p->t[1].text, "=") == 0) {
            n->name = p->t->text;
            p->t += 2;
        }
        if (!(n->a = expression(p)) || !add(p, list, n))
            return false;
        if (!is_op(p, ","))
            break;
        p->t++;
    }
    return expect_op(p, ")");
}

static struct node *sequence(struct parser *p, enum node_kind kind, const char *close)
{
    struct node *n = make(p, kind);
    while (n && !is_op(p, close)) {
        if (!add(p, &n->list, expression(p)))
            return NULL;
        if (!is_op(p, ","))
            break;
        p->t++;
    }
    return n && expect_op(p, close) ? n : NULL;
}

static struct node *dictionary(struct parser *p)
{
    struct node *n = make(p, E_DICT);
    while (n && !is_op(p, "}")) {
        if (!add(p, &n->list, expression(p)) || !expect_op(p, ":") || !add(p, &n->list, expression(p)))
            return NULL;
        if (!is_op(p, ","))
            break;
        p->t++;
    }
    return n && expect_op(p, "}") ? n : NULL;
}

/* (a), (a, b), () */
static struct node *parenthesis(struct parser *p)
{
    if (is_op(p, ")")) {
        p->t++;
        return make(p, E_TUPLE);
    }
    struct node *first = expression(p);
    if (!first || !is_op(p, ","))
        return first && expect_op(p, ")") ? first : NULL;
    p->t++;
    struct node *n = sequence(p, E_TUPLE, ")");
    struct nodes all = {0};
    bool ok = n && add(p, &all, first);
    for (size_t i = 0; ok && i < n->list.n; i++)
        ok = add(p, &all, n->list.items[i]);
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
    return take_buf(p->r, &b, &v) ? constant(p, v) : NULL;
}

static struct node *primary(struct parser *p)
{
    const struct token *t = p->t;
    struct node *n;
    switch (t->kind) {
    case T_STRING:
        return strings(p);
    case T_INT:
        p->t++;
        return constant(p, make_int(t->i));
    case T_FLOAT:
        p->t++;
        return constant(p, make_float(t->f));
    case T_NAME:
        p->t++;
        if (strcmp(t->text, "true") == 0 || strcmp(t->text, "True") == 0)
            return constant(p, make_bool(true));
        if (strcmp(t->text, "false") == 0 || strcmp(t->text, "False") == 0)
            return constant(p, make_bool(false));
        if (strcmp(t->text, "none") == 0 || strcmp(t->text, "None") == 0)
            return constant(p, (struct value){.kind = NONE});
        if ((n = make(p, E_NAME)))
            n->name = t->text;
        return n;
    default:
        break;
    }
    bool opens = is_op(p, "(") || is_op(p, "[") || is_op(p, "{");
    if (!opens) {
        complain(p, "a value");
        return NULL;
    }
    p->t++;
    return t->text[0] == '(' ? parenthesis(p) : t->text[0] == '[' ? sequence(p, E_LIST, "]") : dictionary(p);
}

/* a[b], a[b:c:d]; the bracket having been read */
static struct node *subscript(struct parser *p, struct node *a)
{
    struct node *parts[3] = {0};
    uint32_t n = 0;
    bool is_slice = false;
    for (;;) {
        if (!is_op(p, ":") && !is_op(p, "]") && !(parts[n] = expression(p)))
            return NULL;
        if (!is_op(p, ":"))
            break;
        is_slice = true;
        p->t++;
        if (++n == 3) {
            complain(p, "']'");
            return NULL;
        }
    }
    if (!is_slice && !parts[0]) {
        complain(p, "an index");
        return NULL;
    }
    if (!expect_op(p, "]"))
        return NULL;
    if (!is_slice)
        return of_two(p, E_ITEM, a, parts[0]);
    struct node *node = make(p, E_SLICE);
    if (!node)
        return NULL;
    node->a = a;
    node->b = parts[0];
    node->c = parts[1];
    return !parts[2] || add(p, &node->list, parts[2]) ? node : NULL;
}

static struct node *postfix(struct parser *p, struct node *a)
{
    while (a) {
        if (is_op(p, ".")) {
            p->t++;
            struct node *n = make(p, p->t->kind == T_INT ? E_ITEM : E_ATTR);
            if (!n)
                return NULL;
            n->a = a;
            if (p->t->kind == T_INT) {
                if (!(n->b = constant(p, make_int(p->t->i))))
                    return NULL;
            } else if (p->t->kind == T_NAME) {
                n->name = p->t->text;
            } else {
                complain(p, "a name");
                return NULL;
            }
            p->t++;
            a = n;
        } else if (is_op(p, "[")) {
            p->t++;
            a = subscript(p, a);
        } else if (is_op(p, "(")) {
            struct node *n = make(p, E_CALL);
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

/* a | name, a | name(x); the pipe having been read. `a` NULL: of a filter block. */
static struct node *filter(struct parser *p, struct node *a)
{
    struct node *n = make(p, E_FILTER);
    if (!n)
        return NULL;
    if (p->t->kind != T_NAME) {
        complain(p, "the name of a filter");
        return NULL;
    }
    n->a = a;
    n->name = p->t->text;
    p->t++;
    if (!find_filter(n->name)) {
        p->r->line = n->line;
        set_error_at(p->r, VIV_EUNSUPPORTED, "there is no filter '%.60s'", n->name);
        return NULL;
    }
    if (is_op(p, "(")) {
        p->t++;
        return arguments(p, &n->list) ? n : NULL;
    }
    return n;
}

/* a is [not] name, a is name x, a is name(x); `is` having been read */
static struct node *test(struct parser *p, struct node *a)
{
    struct node *n = make(p, E_TEST);
    if (!n)
        return NULL;
    n->a = a;
    if (is_name(p, "not")) {
        n->negated = true;
        p->t++;
    }
    if (p->t->kind != T_NAME) {
        complain(p, "the name of a test");
        return NULL;
    }
    n->name = p->t->text;
    if (!is_test(n->name)) {
        p->r->line = n->line;
        set_error_at(p->r, VIV_EUNSUPPORTED, "there is no test '%.60s'", n->name);
        return NULL;
    }
    p->t++;
    if (is_op(p, "(")) {
        p->t++;
        return arguments(p, &n->list) ? n : NULL;
    }
    bool word = p->t->kind == T_NAME && !is_name(p, "else") && !is_name(p, "or") && !is_name(p, "and") &&
                !is_name(p, "is") && !is_name(p, "if") && !is_name(p, "not") && !is_name(p, "in");
    if (!word && p->t->kind != T_STRING && p->t->kind != T_INT && p->t->kind != T_FLOAT && !is_op(p, "[") &&
        !is_op(p, "{"))
        return n;
    struct node *argument = make(p, E_ARGUMENT);
    if (!argument || !(argument->a = postfix(p, primary(p))) || !add(p, &n->list, argument))
        return NULL;
    return n;
}

static struct node *filters_and_tests(struct parser *p, struct node *a)
{
    while (a) {
        if (is_op(p, "|")) {
            p->t++;
            a = filter(p, a);
        } else if (is_name(p, "is")) {
            p->t++;
            a = test(p, a);
        } else if (is_op(p, "(") || is_op(p, "[") || is_op(p, ".")) {
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
    if (!deeper(p))
        return NULL;
    if (is_op(p, "-") || is_op(p, "+")) {
        n = make(p, is_op(p, "-") ? E_NEGATE : E_PLUS);
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

/* Left to right, operators of one level; the words of each. */
static struct node *operators(struct parser *p, uint32_t level)
{
    static const char *const levels[][5] = {
        {"+", "-", NULL}, {"~", NULL}, {"*", "/", "//", "%", NULL}, {"**", NULL}};
    if (level == sizeof levels / sizeof *levels)
        return unary(p, true);
    struct node *a = operators(p, level + 1);
    for (uint32_t i = 0; a && levels[level][i];) {
        if (!is_op(p, levels[level][i])) {
            i++;
            continue;
        }
        const char *op = levels[level][i];
        p->t++;
        struct node *b = operators(p, level + 1);
        if ((a = of_two(p, E_BINARY, a, b)))
            a->name = op;
        i = 0;
    }
    return a;
}

static const char *comparison(struct parser *p)
{
    static const char *const ops[] = {"==", "!=", "<", ">", "<=", ">="};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (is_op(p, ops[i])) {
            p->t++;
            return ops[i];
        }
    if (is_name(p, "in")) {
        p->t++;
        return "in";
    }
    if (is_name(p, "not") && p->t[1].kind == T_NAME && strcmp(p->t[1].text, "in") == 0) {
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
        struct node *group = make(p, E_GROUP);
        if (!n && (n = make(p, E_COMPARE)))
            n->a = a;
        if (!n || !group)
            return NULL;
        group->name = op;
        if (!(group->a = operators(p, 0)) || !add(p, &n->list, group))
            return NULL;
    }
    return n ? n : a;
}

static struct node *negation(struct parser *p)
{
    if (!is_name(p, "not"))
        return comparisons(p);
    struct node *n = deeper(p) ? make(p, E_NOT) : NULL;
    p->t++;
    if (n && !(n->a = negation(p)))
        n = NULL;
    p->depth--;
    return n;
}

static struct node *conjunction(struct parser *p)
{
    struct node *a = negation(p);
    while (a && is_name(p, "and")) {
        p->t++;
        a = of_two(p, E_AND, a, negation(p));
    }
    return a;
}

static struct node *disjunction(struct parser *p)
{
    struct node *a = conjunction(p);
    while (a && is_name(p, "or")) {
        p->t++;
        a = of_two(p, E_OR, a, conjunction(p));
    }
    return a;
}

static struct node *expression(struct parser *p)
{
    struct node *a = deeper(p) ? disjunction(p) : NULL;
    while (a && is_name(p, "if")) {
        struct node *n = make(p, E_IF);
        p->t++;
        if (!n || !(n->a = disjunction(p)))
            return NULL;
        n->b = a;
        if (is_name(p, "else")) {
            p->t++;
            if (!(n->c = expression(p)))
                return NULL;
        }
        a = n;
    }
    p->depth--;
    return a;
}

/* a, b: a tuple without parentheses */
static struct node *expressions(struct parser *p)
{
    struct node *first = expression(p);
    if (!first || !is_op(p, ","))
        return first;
    struct node *n = make(p, E_TUPLE);
    if (!n || !add(p, &n->list, first))
        return NULL;
    while (is_op(p, ",")) {
        p->t++;
        if (p->t->kind == T_BLOCK_END || p->t->kind == T_OUT_END)
            break;
        if (!add(p, &n->list, expression(p)))
            return NULL;
    }
    return n;
}

/* --- statements ---------------------------------------------------------------------------------------------- */

static bool body(struct parser *p, const char *const *ends, struct nodes *out);

static bool end_tag(struct parser *p)
{
    if (p->t->kind != T_BLOCK_END)
        return complain(p, "'%}'");
    p->t++;
    return true;
}

/* The body up to {% end %}, which is read too. */
static bool body_to(struct parser *p, const char *end, struct nodes *out)
{
    const char *const ends[] = {end, NULL};
    if (!end_tag(p) || !body(p, ends, out))
        return false;
    p->t++;
    return end_tag(p);
}

/* A name, a.name, a, b, (a, b) */
static struct node *target(struct parser *p, bool several)
{
    bool parenthesis_opens = is_op(p, "(");
    p->t += parenthesis_opens;
    struct node *first = NULL, *tuple = NULL;
    do {
        if (first) {
            p->t++;
            if (!several && !parenthesis_opens)
                break;
        }
        struct node *n;
        if (is_op(p, "(")) {
            n = deeper(p) ? target(p, true) : NULL;
            p->depth--;
        } else if (p->t->kind == T_NAME) {
            if ((n = make(p, E_NAME)))
                n->name = p->t->text;
            p->t++;
            if (n && is_op(p, ".") && p->t[1].kind == T_NAME) {
                struct node *attr = make(p, E_ATTR);
                if (attr) {
                    attr->a = n;
                    attr->name = p->t[1].text;
                }
                n = attr;
                p->t += 2;
            }
        } else {
            complain(p, "a name");
            return NULL;
        }
        if (!n)
            return NULL;
        if (first && !tuple && (!(tuple = make(p, E_TUPLE)) || !add(p, &tuple->list, first)))
            return NULL;
        if (tuple && !add(p, &tuple->list, n))
            return NULL;
        first = n;
    } while (is_op(p, ","));
    if (parenthesis_opens && !expect_op(p, ")"))
        return NULL;
    return tuple ? tuple : first;
}

static bool parse_if(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    n->kind = S_IF;
    if (!(n->a = expression(p)) || !end_tag(p) || !body(p, ends, &n->list))
        return false;
    if (is_name(p, "elif")) {
        p->t++;
        return deeper(p) && (n->c = make(p, S_IF)) && parse_if(p, n->c) && p->depth--;
    }
    if (is_name(p, "else")) {
        p->t++;
        return (n->c = make(p, S_SCOPE)) && (n->c->negated = true) && body_to(p, "endif", &n->c->list);
    }
    p->t++;
    return end_tag(p);
}

static bool parse_for(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"else", "endfor", NULL};
    n->kind = S_FOR;
    if (!(n->a = target(p, true)))
        return false;
    if (!is_name(p, "in"))
        return complain(p, "'in'");
    p->t++;
    if (!(n->b = disjunction(p)))
        return false;
    if (is_name(p, "if")) {
        p->t++;
        if (!(n->c = expression(p)))
            return false;
    } else if (is_op(p, ",")) { /* for x in 1, 2 */
        struct node *tuple = make(p, E_TUPLE);
        if (!tuple || !add(p, &tuple->list, n->b))
            return false;
        while (is_op(p, ",")) {
            p->t++;
            if (!add(p, &tuple->list, expression(p)))
                return false;
        }
        n->b = tuple;
    }
    if (is_name(p, "recursive")) {
        n->negated = true;
        p->t++;
    }
    p->loops++;
    if (!end_tag(p) || !body(p, ends, &n->list))
        return false;
    p->loops--;
    bool has_else = is_name(p, "else");
    p->t++;
    return has_else ? body_to(p, "endfor", &n->others) : end_tag(p);
}

static bool parse_set(struct parser *p, struct node *n)
{
    n->kind = S_SET;
    if (!(n->a = target(p, true)))
        return false;
    if (is_op(p, "=")) {
        p->t++;
        return (n->b = expressions(p)) && end_tag(p);
    }
    n->kind = S_CAPTURE;
    while (is_op(p, "|")) {
        p->t++;
        if (!(n->b = filter(p, n->b)))
            return false;
    }
    return body_to(p, "endset", &n->list);
}

/* (a, b=c) */
static bool parameters(struct parser *p, struct nodes *out)
{
    if (!expect_op(p, "("))
        return false;
    while (!is_op(p, ")")) {
        struct node *n = make(p, E_ARGUMENT);
        if (!n)
            return false;
        if (p->t->kind != T_NAME)
            return complain(p, "the name of a parameter");
        n->name = p->t->text;
        p->t++;
        if (is_op(p, "=")) {
            p->t++;
            if (!(n->a = expression(p)))
                return false;
        }
        if (!add(p, out, n))
            return false;
        if (!is_op(p, ","))
            break;
        p->t++;
    }
    return expect_op(p, ")");
}

static bool parse_macro(struct parser *p, struct node *n)
{
    n->kind = S_MACRO;
    if (p->t->kind != T_NAME)
        return complain(p, "the name of a macro");
    n->name = p->t->text;
    p->t++;
    uint32_t loops = p->loops;
    p->loops = 0;
    bool ok = parameters(p, &n->params) && body_to(p, "endmacro", &n->list);
    p->loops = loops;
    return ok;
}

static bool parse_call(struct parser *p, struct node *n)
{
    n->kind = S_CALL;
    if (is_op(p, "(") && !parameters(p, &n->params))
        return false;
    if (!(n->a = expression(p)))
        return false;
    if (n->a->kind != E_CALL)
        return complain(p, "a call");
    uint32_t loops = p->loops;
    p->loops = 0;
    bool ok = body_to(p, "endcall", &n->list);
    p->loops = loops;
    return ok;
}

static bool parse_filter(struct parser *p, struct node *n)
{
    n->kind = S_FILTER;
    if (!(n->b = filter(p, NULL)))
        return false;
    while (is_op(p, "|")) {
        p->t++;
        if (!(n->b = filter(p, n->b)))
            return false;
    }
    return body_to(p, "endfilter", &n->list);
}

static bool parse_with(struct parser *p, struct node *n)
{
    n->kind = S_WITH;
    while (p->t->kind == T_NAME) {
        struct node *one = make(p, E_ARGUMENT);
        if (!one)
            return false;
        one->name = p->t->text;
        p->t++;
        if (!expect_op(p, "=") || !(one->a = expression(p)) || !add(p, &n->params, one))
            return false;
        if (!is_op(p, ","))
            break;
        p->t++;
    }
    return body_to(p, "endwith", &n->list);
}

static bool parse_generation(struct parser *p, struct node *n)
{
    n->kind = S_SCOPE;
    return body_to(p, "endgeneration", &n->list);
}

static bool parse_jump(struct parser *p, struct node *n)
{
    if (p->loops == 0) {
        p->r->line = n->line;
        return fail_at(p->r, VIV_EINVAL, "%s outside of a loop", n->kind == S_BREAK ? "break" : "continue");
    }
    return end_tag(p);
}

static bool parse_break(struct parser *p, struct node *n)
{
    n->kind = S_BREAK;
    return parse_jump(p, n);
}

static bool parse_continue(struct parser *p, struct node *n)
{
    n->kind = S_CONTINUE;
    return parse_jump(p, n);
}

static bool statement(struct parser *p, struct nodes *out)
{
    static const struct {
        const char *name;
        bool (*parse)(struct parser *, struct node *);
    } statements[] = {
        {"if", parse_if},       {"for", parse_for},          {"set", parse_set},   {"macro", parse_macro},
        {"call", parse_call},   {"filter", parse_filter},    {"with", parse_with}, {"generation", parse_generation},
        {"break", parse_break}, {"continue", parse_continue}};
    if (p->t->kind != T_NAME)
        return complain(p, "a statement");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (is_name(p, statements[i].name)) {
            struct node *n = deeper(p) ? make(p, S_TEXT) : NULL;
            p->t++;
            bool ok = n && statements[i].parse(p, n) && add(p, out, n);
            p->depth--;
            return ok;
        }
    p->r->line = p->t->line;
    return fail_at(p->r, VIV_EUNSUPPORTED, "there is no statement '%.60s'", p->t->text);
}

/* Up to a block that begins with one of `ends`, where the name is the next token. */
static bool body(struct parser *p, const char *const *ends, struct nodes *out)
{
    for (;;) {
        struct node *n;
        switch (p->t->kind) {
        case T_END:
            return !ends || complain(p, ends[1] ? ends[1] : ends[0]);
        case T_TEXT:
            if (!(n = make(p, S_TEXT)))
                return false;
            n->value = (struct value){.kind = STRING, .s = {p->t->text, p->t->size}};
            p->t++;
            if (!add(p, out, n))
                return false;
            break;
        case T_OUT_BEGIN:
            p->t++;
            if (!(n = make(p, S_OUT)) || !(n->a = expressions(p)))
                return false;
            if (p->t->kind != T_OUT_END)
                return complain(p, "'}}'");
            p->t++;
            if (!add(p, out, n))
                return false;
            break;
        default:
            p->t++;
            for (size_t i = 0; ends && ends[i]; i++)
                if (is_name(p, ends[i]))
                    return true;
            if (!statement(p, out))
                return false;
        }
    }
}

bool parse(struct run *r, const struct tokens *tokens, struct node **out)
{
    struct parser p = {.r = r, .t = tokens->items};
    *out = make(&p, S_SCOPE);
    return *out && body(&p, NULL, &(*out)->list);
}
