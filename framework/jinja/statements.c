/* statements.c - parses statements: text, {{ ... }} and {% ... %}. */
#include "jinja/parser.h"

#include <string.h>

static bool body(struct parser *p, const char *const *ends, struct nodes *out);

static bool end_tag(struct parser *p)
{
    if (jinja_is_op(p, ":")) /* as in Python */
        p->t++;
    if (p->t->kind != T_BLOCK_END)
        return jinja_unexpected(p, "'%}'");
    p->t++;
    return true;
}

/* Parses the body up to {% end %}, and the end tag. */
static bool body_to(struct parser *p, const char *end, struct nodes *out)
{
    const char *const ends[] = {end, NULL};
    if (!end_tag(p) || !body(p, ends, out))
        return false;
    p->t++;
    return end_tag(p);
}

static bool is_constant(const struct parser *p)
{
    static const char *const names[] = {"true", "True", "false", "False", "none", "None"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (jinja_is_name(p, names[i]))
            return true;
    return false;
}

/* A name, a.name, a, b, (a, b) */
static struct node *target(struct parser *p, bool several)
{
    bool parenthesis_opens = jinja_is_op(p, "(");
    p->t += parenthesis_opens;
    struct node *first = NULL, *tuple = NULL;
    do {
        if (first) {
            p->t++;
            if (!several && !parenthesis_opens)
                break;
        }
        struct node *n;
        if (jinja_is_op(p, "(")) {
            n = jinja_descend(p) ? target(p, true) : NULL;
            p->depth--;
        } else if (p->t->kind == T_NAME && !is_constant(p)) {
            if ((n = jinja_make_node(p, E_NAME)))
                n->name = p->t->text;
            p->t++;
            if (n && jinja_is_op(p, ".") && p->t[1].kind == T_NAME) {
                struct node *attr = jinja_make_node(p, E_ATTR);
                if (attr) {
                    attr->a = n;
                    attr->name = p->t[1].text;
                }
                n = attr;
                p->t += 2;
            }
        } else {
            jinja_unexpected(p, "a name");
            return NULL;
        }
        if (!n)
            return NULL;
        if (first && !tuple && (!(tuple = jinja_make_node(p, E_TUPLE)) || !jinja_nodes_add(p, &tuple->list, first)))
            return NULL;
        if (tuple && !jinja_nodes_add(p, &tuple->list, n))
            return NULL;
        first = n;
    } while (jinja_is_op(p, ","));
    if (parenthesis_opens && !jinja_expect_op(p, ")"))
        return NULL;
    return tuple ? tuple : first;
}

static bool parse_if(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    n->kind = S_IF;
    if (!(n->a = jinja_parse_expression(p)) || !end_tag(p) || !body(p, ends, &n->list))
        return false;
    if (jinja_is_name(p, "elif")) {
        p->t++;
        return jinja_descend(p) && (n->c = jinja_make_node(p, S_IF)) && parse_if(p, n->c) && p->depth--;
    }
    if (jinja_is_name(p, "else")) {
        p->t++;
        return (n->c = jinja_make_node(p, S_SCOPE)) && (n->c->negated = true) && body_to(p, "endif", &n->c->list);
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
    if (n->a->kind == E_NAME && strcmp(n->a->name, "loop") == 0) {
        p->r->line = n->line;
        return jinja_fail(p->r, VIV_EINVAL, "'loop' is the loop itself, and cannot be its variable");
    }
    if (!jinja_is_name(p, "in"))
        return jinja_unexpected(p, "'in'");
    p->t++;
    if (!(n->b = jinja_parse_disjunction(p)))
        return false;
    if (jinja_is_op(p, ",")) { /* for x in 1, 2 */
        struct node *tuple = jinja_make_node(p, E_TUPLE);
        if (!tuple || !jinja_nodes_add(p, &tuple->list, n->b))
            return false;
        while (jinja_is_op(p, ",")) {
            p->t++;
            if (p->t->kind == T_BLOCK_END || jinja_is_name(p, "if") || jinja_is_name(p, "recursive"))
                break;
            if (!jinja_nodes_add(p, &tuple->list, jinja_parse_disjunction(p)))
                return false;
        }
        n->b = tuple;
    }
    if (jinja_is_name(p, "if")) {
        p->t++;
        if (!(n->c = jinja_parse_expression(p)))
            return false;
    }
    if (jinja_is_name(p, "recursive")) {
        n->negated = true;
        p->t++;
    }
    p->loops++;
    if (!end_tag(p) || !body(p, ends, &n->list))
        return false;
    p->loops--;
    bool has_else = jinja_is_name(p, "else");
    p->t++;
    return has_else ? body_to(p, "endfor", &n->others) : end_tag(p);
}

static bool parse_set(struct parser *p, struct node *n)
{
    n->kind = S_SET;
    if (!(n->a = target(p, true)))
        return false;
    if (jinja_is_op(p, "=")) {
        p->t++;
        return (n->b = jinja_parse_expressions(p)) && end_tag(p);
    }
    n->kind = S_CAPTURE;
    while (jinja_is_op(p, "|")) {
        p->t++;
        if (!(n->b = jinja_parse_filter(p, n->b)))
            return false;
    }
    return body_to(p, "endset", &n->list);
}

/* (a, b=c) */
static bool parameters(struct parser *p, struct nodes *out)
{
    if (!jinja_expect_op(p, "("))
        return false;
    while (!jinja_is_op(p, ")")) {
        struct node *n = jinja_make_node(p, E_ARGUMENT);
        if (!n)
            return false;
        if (p->t->kind != T_NAME)
            return jinja_unexpected(p, "the name of a parameter");
        n->name = p->t->text;
        p->t++;
        if (jinja_is_op(p, "=")) {
            p->t++;
            if (!(n->a = jinja_parse_expression(p)))
                return false;
        } else if (out->n && out->items[out->n - 1]->a) {
            return jinja_unexpected(p, "a default, as the parameter before has one");
        }
        if (!jinja_nodes_add(p, out, n))
            return false;
        if (!jinja_is_op(p, ","))
            break;
        p->t++;
    }
    return jinja_expect_op(p, ")");
}

/* A body that is called like a macro. It is outside of the loops around it, and notes which special
 * names it uses. */
static bool macro_body(struct parser *p, struct node *n, const char *end)
{
    const uint32_t loops = p->loops;
    const uint8_t uses = p->uses;
    p->loops = 0;
    p->uses = 0;
    bool ok = body_to(p, end, &n->list);
    n->uses = p->uses;
    p->loops = loops;
    p->uses |= uses;
    return ok;
}

static bool parse_macro(struct parser *p, struct node *n)
{
    n->kind = S_MACRO;
    if (p->t->kind != T_NAME)
        return jinja_unexpected(p, "the name of a macro");
    n->name = p->t->text;
    p->t++;
    return parameters(p, &n->params) && macro_body(p, n, "endmacro");
}

static bool parse_call(struct parser *p, struct node *n)
{
    n->kind = S_CALL;
    if (jinja_is_op(p, "(") && !parameters(p, &n->params))
        return false;
    if (!(n->a = jinja_parse_expression(p)))
        return false;
    if (n->a->kind != E_CALL)
        return jinja_unexpected(p, "a call");
    return macro_body(p, n, "endcall");
}

static bool parse_filter(struct parser *p, struct node *n)
{
    n->kind = S_FILTER;
    if (!(n->b = jinja_parse_filter(p, NULL)))
        return false;
    while (jinja_is_op(p, "|")) {
        p->t++;
        if (!(n->b = jinja_parse_filter(p, n->b)))
            return false;
    }
    return body_to(p, "endfilter", &n->list);
}

static bool parse_with(struct parser *p, struct node *n)
{
    n->kind = S_WITH;
    while (p->t->kind == T_NAME) {
        struct node *one = jinja_make_node(p, E_ARGUMENT);
        if (!one)
            return false;
        one->name = p->t->text;
        p->t++;
        if (!jinja_expect_op(p, "=") || !(one->a = jinja_parse_expression(p)) ||
            !jinja_nodes_add(p, &n->params, one))
            return false;
        if (!jinja_is_op(p, ","))
            break;
        p->t++;
        if (p->t->kind != T_NAME)
            return jinja_unexpected(p, "a name");
    }
    return body_to(p, "endwith", &n->list);
}

/* {% block name scoped %}: printed in place, because there is no inheritance. */
static bool parse_block(struct parser *p, struct node *n)
{
    static const char *const ends[] = {"endblock", NULL};
    n->kind = S_BLOCK;
    if (p->t->kind != T_NAME)
        return jinja_unexpected(p, "the name of a block");
    n->name = p->t->text;
    p->t++;
    if (jinja_is_name(p, "scoped")) {
        n->negated = true;
        p->t++;
    }
    if (!end_tag(p) || !body(p, ends, &n->list))
        return false;
    p->t++;
    p->t += jinja_is_name(p, n->name);
    return end_tag(p);
}

static bool parse_autoescape(struct parser *p, struct node *n)
{
    n->kind = S_SCOPE;
    return (n->a = jinja_parse_expression(p)) && body_to(p, "endautoescape", &n->list);
}

/* {% print a, b %} */
static bool parse_print(struct parser *p, struct node *n)
{
    n->kind = S_SCOPE;
    while (p->t->kind != T_BLOCK_END) {
        struct node *out = jinja_make_node(p, S_OUT);
        if (!out || !(out->a = jinja_parse_expression(p)) || !jinja_nodes_add(p, &n->list, out))
            return false;
        if (!jinja_is_op(p, ","))
            break;
        p->t++;
    }
    return end_tag(p);
}

/* Statements that need other templates. There are none, so they fail if they are executed. */
static bool parse_refused(struct parser *p, struct node *n)
{
    n->kind = S_REFUSED;
    n->name = p->t[-1].text;
    while (p->t->kind != T_BLOCK_END && p->t->kind != T_END)
        p->t++;
    return end_tag(p);
}

static bool parse_generation(struct parser *p, struct node *n)
{
    n->kind = S_WITH;
    return body_to(p, "endgeneration", &n->list);
}

static bool parse_jump(struct parser *p, struct node *n)
{
    if (p->loops == 0) {
        p->r->line = n->line;
        return jinja_fail(p->r, VIV_EINVAL, "%s outside of a loop", n->kind == S_BREAK ? "break" : "continue");
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
    } statements[] = {{"if", parse_if},          {"for", parse_for},
                      {"set", parse_set},        {"macro", parse_macro},
                      {"call", parse_call},      {"filter", parse_filter},
                      {"with", parse_with},      {"generation", parse_generation},
                      {"break", parse_break},    {"continue", parse_continue},
                      {"block", parse_block},    {"autoescape", parse_autoescape},
                      {"print", parse_print},    {"include", parse_refused},
                      {"import", parse_refused}, {"from", parse_refused},
                      {"extends", parse_refused}};
    if (p->t->kind != T_NAME)
        return jinja_unexpected(p, "a statement");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (jinja_is_name(p, statements[i].name)) {
            struct node *n = jinja_descend(p) ? jinja_make_node(p, S_TEXT) : NULL;
            p->t++;
            bool ok = n && statements[i].parse(p, n) && jinja_nodes_add(p, out, n);
            p->depth--;
            return ok;
        }
    p->r->line = p->t->line;
    return jinja_fail(p->r, VIV_EUNSUPPORTED, "there is no statement '%.60s'", p->t->text);
}

/* Parses up to a block that begins with one of `ends`; its name is the next token. */
static bool body(struct parser *p, const char *const *ends, struct nodes *out)
{
    for (;;) {
        struct node *n;
        switch (p->t->kind) {
        case T_END:
            return !ends || jinja_unexpected(p, ends[1] ? ends[1] : ends[0]);
        case T_TEXT:
            if (!(n = jinja_make_node(p, S_TEXT)))
                return false;
            n->value = (struct value){.kind = STRING, .s = {p->t->text, p->t->size}};
            p->t++;
            if (!jinja_nodes_add(p, out, n))
                return false;
            break;
        case T_OUT_BEGIN:
            p->t++;
            if (!(n = jinja_make_node(p, S_OUT)) || !(n->a = jinja_parse_expressions(p)))
                return false;
            if (p->t->kind != T_OUT_END)
                return jinja_unexpected(p, "'}}'");
            p->t++;
            if (!jinja_nodes_add(p, out, n))
                return false;
            break;
        default:
            p->t++;
            for (size_t i = 0; ends && ends[i]; i++)
                if (jinja_is_name(p, ends[i]))
                    return true;
            if (!statement(p, out))
                return false;
        }
    }
}

bool jinja_parse(struct run *r, const struct tokens *tokens, struct node **out)
{
    struct parser p = {.r = r, .t = tokens->items};
    *out = jinja_make_node(&p, S_SCOPE);
    return *out && body(&p, NULL, &(*out)->list);
}
