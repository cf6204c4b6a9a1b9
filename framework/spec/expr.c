/* expr.c - see expr.h. */
#include "spec/expr.h"

#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_LENGTH = 4096, MAX_NAME = 256, QUOTE = 80 };

enum token_kind { T_END, T_INT, T_FLOAT, T_TEXT, T_NAME, T_OPERATOR };

struct token {
    enum token_kind kind;
    char op[3];
    char name[MAX_NAME];
    struct value value;
};

struct parser {
    struct arena *arena;
    const char *text, *at;
    char quote[QUOTE + 4]; /* the text, or its beginning and "...", for errors */
    const struct expr_scope *scope;
    struct token token;
    struct error *err;
    uint32_t depth;
    uint32_t skipping; /* > 0: parse only */
    bool checking;     /* look names up although skipping */
};

static viv_status bad(struct parser *p, viv_status status, const char *sentence)
{
    return error_set(p->err, status, "'%s': %s", p->quote, sentence);
}

/* --- words --------------------------------------------------------------------------------------------------- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_among(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(word, *words) == 0)
            return true;
    return false;
}

/* Words that other YAML readers, or other languages, read as a boolean or null. */
static bool is_foreign(const char *word)
{
    static const char *const words[] = {"yes", "no", "on", "off", "null", "true", "false", "none", NULL};
    return is_among(word, words);
}

bool expr_is_name(const char *word)
{
    static const char *const words[] = {"i",  "gguf", "if",  "else", "and",  "or", "not", "is",
                                        "in", "min",  "max", "len",  "sqrt", "ln", NULL};
    size_t n = 0;
    while (is_name_char(word[n]))
        n++;
    return n > 0 && n < MAX_NAME && word[n] == '\0' && (word[0] < '0' || word[0] > '9') && !is_foreign(word) &&
           !is_among(word, words);
}

static viv_status read_number(struct parser *p)
{
    const char *s = p->at;
    bool is_float = false;
    while (*s >= '0' && *s <= '9')
        s++;
    if (*p->at == '0' && s - p->at > 1)
        return bad(p, VIV_EINVAL, "a number must not begin with 0");
    if (*s == '.') {
        is_float = true;
        for (s++; *s >= '0' && *s <= '9'; s++) {
        }
    }
    if (*s == 'e' || *s == 'E') {
        is_float = true;
        s++;
        if (*s == '+' || *s == '-')
            s++;
        if (*s < '0' || *s > '9')
            return bad(p, VIV_EINVAL, "a number without digits in its exponent");
        while (*s >= '0' && *s <= '9')
            s++;
    }
    if (is_name_char(*s) || *s == ':' || *s == '.')
        return bad(p, VIV_EINVAL, "not a number (decimal digits, with a point or exponent where it is a fraction)");
    errno = 0;
    if (is_float) {
        double f = strtod(p->at, NULL);
        if (!isfinite(f))
            return bad(p, VIV_EINVAL, "a number too large");
        p->token = (struct token){.kind = T_FLOAT, .value = {.kind = VALUE_FLOAT, .f = f}};
    } else {
        long long i = strtoll(p->at, NULL, 10);
        if (errno == ERANGE)
            return bad(p, VIV_EINVAL, "an integer beyond 64 bits");
        p->token = (struct token){.kind = T_INT, .value = {.kind = VALUE_INT, .i = i}};
    }
    p->at = s;
    return VIV_OK;
}

static viv_status advance(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t')
        p->at++;
    char c = *p->at;
    p->token = (struct token){.kind = T_END};
    if (c == '\0')
        return VIV_OK;
    if (c >= '0' && c <= '9')
        return read_number(p);
    if (c == '\'') {
        const char *end = strchr(p->at + 1, '\'');
        if (!end)
            return bad(p, VIV_EINVAL, "a text without its closing quote");
        char *s = arena_strndup(p->arena, p->at + 1, (size_t)(end - p->at - 1));
        if (!s)
            return error_nomem(p->err);
        p->token = (struct token){.kind = T_TEXT, .value = {.kind = VALUE_STRING, .s = s}};
        p->at = end + 1;
        return VIV_OK;
    }
    if (is_name_char(c)) {
        size_t n = 0;
        p->token.kind = T_NAME;
        while (is_name_char(*p->at) && n + 1 < MAX_NAME)
            p->token.name[n++] = *p->at++;
        return is_name_char(*p->at) ? bad(p, VIV_ELIMIT, "a name too long") : VIV_OK;
    }
    if (!strchr("=!<>+-*/%()[],", c))
        return error_set(p->err, VIV_EINVAL, "'%s': unexpected '%c'", p->quote, c);
    p->token.kind = T_OPERATOR;
    p->token.op[0] = *p->at++;
    if (*p->at == '=' && strchr("=!<>", c))
        p->token.op[1] = *p->at++;
    return VIV_OK;
}

static bool is_op(const struct parser *p, const char *op)
{
    return p->token.kind == T_OPERATOR && strcmp(p->token.op, op) == 0;
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->token.kind == T_NAME && strcmp(p->token.name, word) == 0;
}

static viv_status expect(struct parser *p, const char *op)
{
    if (is_op(p, op))
        return advance(p);
    return error_set(p->err, VIV_EINVAL, "'%s': expected '%s'", p->quote, op);
}

/* --- values --------------------------------------------------------------------------------------------------- */

const char *expr_value_kind_name(enum value_kind kind)
{
    static const char *const names[] = {"none", "an integer", "a number", "a boolean", "a text", "a list"};
    return names[kind];
}

bool expr_value_print(const struct value *v, struct buf *out)
{
    switch (v->kind) {
    case VALUE_NONE:
        return buf_puts(out, "none");
    case VALUE_INT:
        return buf_printf(out, "%" PRId64, v->i);
    case VALUE_BOOL:
        return buf_puts(out, v->i ? "true" : "false");
    case VALUE_STRING:
        return buf_puts(out, v->s);
    case VALUE_FLOAT: {
        char text[40];
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, v->f);
            if (strtod(text, NULL) == v->f)
                break;
        }
        return buf_puts(out, text) && (strpbrk(text, ".en") || buf_puts(out, ".0"));
    }
    case VALUE_LIST:
        buf_putc(out, '[');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i)
                buf_puts(out, ", ");
            expr_value_print(&v->list[i], out);
        }
        return buf_putc(out, ']');
    }
    return false;
}

double expr_value_number(const struct value *v)
{
    return v->kind == VALUE_FLOAT ? v->f : (double)v->i;
}

static bool is_number(const struct value *v)
{
    return v->kind == VALUE_INT || v->kind == VALUE_FLOAT;
}

static viv_status integers(struct parser *p, char op, int64_t a, int64_t b, struct value *out)
{
    int64_t r = 0;
    bool wraps = false;
    switch (op) {
    case '+':
        wraps = __builtin_add_overflow(a, b, &r);
        break;
    case '-':
        wraps = __builtin_sub_overflow(a, b, &r);
        break;
    case '*':
        wraps = __builtin_mul_overflow(a, b, &r);
        break;
    default:
        if (b == 0)
            return bad(p, VIV_EINVAL, "division by zero");
        if (a == INT64_MIN && b == -1)
            wraps = true;
        else if (op == '%')
            r = a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0);
        else if (a % b != 0)
            return error_set(p->err, VIV_EINVAL, "'%s': %" PRId64 " is not divisible by %" PRId64, p->quote, a, b);
        else
            r = a / b;
    }
    if (wraps)
        return bad(p, VIV_ELIMIT, "the result is beyond 64 bits");
    *out = (struct value){.kind = VALUE_INT, .i = r};
    return VIV_OK;
}

static viv_status arithmetic(struct parser *p, char op, struct value *a, const struct value *b)
{
    if (p->skipping)
        return VIV_OK;
    if (!is_number(a) || !is_number(b))
        return error_set(p->err, VIV_EINVAL, "'%s': '%c' takes numbers, found %s and %s", p->quote, op,
                         expr_value_kind_name(a->kind), expr_value_kind_name(b->kind));
    if (a->kind == VALUE_INT && b->kind == VALUE_INT)
        return integers(p, op, a->i, b->i, a);
    double x = expr_value_number(a), y = expr_value_number(b);
    if ((op == '/' || op == '%') && y == 0)
        return bad(p, VIV_EINVAL, "division by zero");
    double r = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : op == '/' ? x / y : fmod(x, y);
    if (!isfinite(r))
        return bad(p, VIV_ELIMIT, "the result is too large");
    *a = (struct value){.kind = VALUE_FLOAT, .f = r};
    return VIV_OK;
}

static viv_status truth(struct parser *p, const struct value *v, bool *out)
{
    *out = false;
    if (p->skipping)
        return VIV_OK;
    if (v->kind != VALUE_BOOL)
        return error_set(p->err, VIV_EINVAL, "'%s': expected a boolean, found %s", p->quote,
                         expr_value_kind_name(v->kind));
    *out = v->i != 0;
    return VIV_OK;
}

bool expr_value_equal(const struct value *a, const struct value *b)
{
    if (is_number(a) && is_number(b))
        return a->kind == VALUE_INT && b->kind == VALUE_INT ? a->i == b->i
                                                            : expr_value_number(a) == expr_value_number(b);
    if (a->kind != b->kind || (a->kind == VALUE_LIST && a->n != b->n))
        return false;
    for (uint32_t i = 0; a->kind == VALUE_LIST && i < a->n; i++)
        if (!expr_value_equal(&a->list[i], &b->list[i]))
            return false;
    return a->kind == VALUE_NONE || a->kind == VALUE_LIST ||
           (a->kind == VALUE_STRING ? strcmp(a->s, b->s) == 0 : a->i == b->i);
}

/* -1, 0 or 1; integers are compared as such, since floats hold only 53 bits of them */
static int order_of(const struct value *a, const struct value *b)
{
    if (a->kind == VALUE_INT && b->kind == VALUE_INT)
        return (a->i > b->i) - (a->i < b->i);
    return (expr_value_number(a) > expr_value_number(b)) - (expr_value_number(a) < expr_value_number(b));
}

/* Whether a list holds the value. */
static viv_status membership(struct parser *p, struct value *a, const struct value *list, bool negated)
{
    bool r = false;
    if (p->skipping)
        return VIV_OK;
    if (list->kind != VALUE_LIST || a->kind == VALUE_LIST)
        return error_set(p->err, VIV_EINVAL, "'%s': `in` takes a value and a list, found %s and %s", p->quote,
                         expr_value_kind_name(a->kind), expr_value_kind_name(list->kind));
    for (uint32_t i = 0; i < list->n && !r; i++)
        r = expr_value_equal(a, &list->list[i]);
    *a = (struct value){.kind = VALUE_BOOL, .i = r != negated};
    return VIV_OK;
}

static viv_status compare(struct parser *p, const char *op, struct value *a, const struct value *b)
{
    bool r;
    if (p->skipping)
        return VIV_OK;
    if (op[1] == '=' && (op[0] == '=' || op[0] == '!')) {
        if (a->kind == VALUE_LIST || b->kind == VALUE_LIST)
            return bad(p, VIV_EINVAL, "lists cannot be compared");
        r = expr_value_equal(a, b) == (op[0] == '=');
    } else {
        if (!is_number(a) || !is_number(b))
            return error_set(p->err, VIV_EINVAL, "'%s': '%s' takes numbers, found %s and %s", p->quote, op,
                             expr_value_kind_name(a->kind), expr_value_kind_name(b->kind));
        int order = order_of(a, b);
        r = op[0] == '<' ? (op[1] ? order <= 0 : order < 0) : (op[1] ? order >= 0 : order > 0);
    }
    *a = (struct value){.kind = VALUE_BOOL, .i = r};
    return VIV_OK;
}

/* --- grammar ------------------------------------------------------------------------------------------------- */

static viv_status choice(struct parser *p, struct value *out);

/* min and max of the items of a list, as if each were an argument; *n: of those before. */
static viv_status extreme_of_list(struct parser *p, const char *name, const struct value *list, uint32_t *n,
                                  struct value *out)
{
    const int wanted = strcmp(name, "max") == 0 ? 1 : -1;
    if (list->n == 0)
        return error_set(p->err, VIV_EINVAL, "'%s': %s of an empty list", p->quote, name);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct value *item = &list->list[i];
        if (!is_number(item))
            return error_set(p->err, VIV_EINVAL, "'%s': %s takes numbers, found a list with %s", p->quote, name,
                             expr_value_kind_name(item->kind));
        if ((*n)++ == 0 || order_of(item, out) == wanted)
            *out = *item;
    }
    return VIV_OK;
}

static viv_status call(struct parser *p, const char *name, struct value *out)
{
    struct value v = {0};
    bool is_len = strcmp(name, "len") == 0, is_max = strcmp(name, "max") == 0, is_sqrt = strcmp(name, "sqrt") == 0;
    bool is_ln = strcmp(name, "ln") == 0;
    uint32_t n = 0;
    do {
        viv_status status = advance(p);
        if (status == VIV_OK)
            status = choice(p, &v);
        if (status != VIV_OK)
            return status;
        if (p->skipping)
            continue;
        if (v.kind == VALUE_LIST && !is_len && !is_ln && !is_sqrt) {
            status = extreme_of_list(p, name, &v, &n, out);
            if (status != VIV_OK)
                return status;
            continue;
        }
        n++;
        if (is_len ? v.kind != VALUE_LIST : !is_number(&v))
            return error_set(p->err, VIV_EINVAL, "'%s': %s takes %s, found %s", p->quote, name,
                             is_len ? "a list" : "numbers", expr_value_kind_name(v.kind));
        if (is_sqrt && expr_value_number(&v) < 0)
            return bad(p, VIV_EINVAL, "the root of a negative number");
        if (is_ln && expr_value_number(&v) <= 0)
            return bad(p, VIV_EINVAL, "the logarithm of a number that is not positive");
        if (is_len)
            *out = (struct value){.kind = VALUE_INT, .i = v.n};
        else if (is_ln)
            *out = (struct value){.kind = VALUE_FLOAT, .f = log(expr_value_number(&v))};
        else if (is_sqrt)
            *out = (struct value){.kind = VALUE_FLOAT, .f = sqrt(expr_value_number(&v))};
        else if (n == 1 || order_of(&v, out) == (is_max ? 1 : -1))
            *out = v;
    } while (is_op(p, ",") && !is_len && !is_sqrt && !is_ln);
    return expect(p, ")");
}

static bool is_function(const char *word)
{
    return strcmp(word, "min") == 0 || strcmp(word, "max") == 0 || strcmp(word, "len") == 0 ||
           strcmp(word, "sqrt") == 0 || strcmp(word, "ln") == 0;
}

static viv_status name(struct parser *p, struct value *out)
{
    char word[MAX_NAME];
    memcpy(word, p->token.name, sizeof word);
    viv_status status = advance(p);
    if (status != VIV_OK)
        return status;
    if (is_op(p, "(") && is_function(word))
        return call(p, word, out);
    *out = (struct value){0};
    if (strcmp(word, "none") == 0)
        return VIV_OK;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        *out = (struct value){.kind = VALUE_BOOL, .i = word[0] == 't'};
        return VIV_OK;
    }
    if (p->skipping && !p->checking)
        return VIV_OK;
    struct value found = {0};
    if (is_foreign(word))
        return error_set(p->err, VIV_EINVAL,
                         "'%s' is not known here: booleans are true and false, no value is none", word);
    status = p->scope->lookup(p->scope->ctx, word, &found, p->err);
    if (status == VIV_OK && !p->skipping)
        *out = found;
    return status;
}

static viv_status primary(struct parser *p, struct value *out)
{
    viv_status status;
    switch (p->token.kind) {
    case T_INT:
    case T_FLOAT:
    case T_TEXT:
        *out = p->token.value;
        return advance(p);
    case T_NAME:
        return name(p, out);
    default:
        if (!is_op(p, "("))
            return bad(p, VIV_EINVAL, "expected a value");
        status = advance(p);
        if (status == VIV_OK)
            status = choice(p, out);
        return status == VIV_OK ? expect(p, ")") : status;
    }
}

static viv_status indexed(struct parser *p, struct value *out)
{
    viv_status status = primary(p, out);
    while (status == VIV_OK && is_op(p, "[")) {
        struct value index = {0};
        status = advance(p);
        if (status == VIV_OK)
            status = choice(p, &index);
        if (status == VIV_OK)
            status = expect(p, "]");
        if (status != VIV_OK || p->skipping)
            continue;
        if (out->kind != VALUE_LIST || index.kind != VALUE_INT)
            return bad(p, VIV_EINVAL, "only a list can be indexed, by an integer");
        if (index.i < 0 || index.i >= out->n)
            return error_set(p->err, VIV_EINVAL, "'%s': index %" PRId64 " of a list of %" PRIu32, p->quote, index.i,
                             out->n);
        *out = out->list[index.i];
    }
    return status;
}

static viv_status sign(struct parser *p, struct value *out)
{
    if (!is_op(p, "-"))
        return indexed(p, out);
    if (++p->depth > MAX_DEPTH)
        return bad(p, VIV_ELIMIT, "nested too deep");
    viv_status status = advance(p);
    if (status == VIV_OK)
        status = sign(p, out);
    p->depth--;
    struct value zero = {.kind = VALUE_INT};
    if (status == VIV_OK)
        status = arithmetic(p, '-', &zero, out);
    *out = zero;
    return status;
}

static viv_status product(struct parser *p, struct value *out)
{
    viv_status status = sign(p, out);
    while (status == VIV_OK && (is_op(p, "*") || is_op(p, "/") || is_op(p, "%"))) {
        char op = p->token.op[0];
        struct value right = {0};
        status = advance(p);
        if (status == VIV_OK)
            status = sign(p, &right);
        if (status == VIV_OK)
            status = arithmetic(p, op, out, &right);
    }
    return status;
}

static viv_status sum(struct parser *p, struct value *out)
{
    viv_status status = product(p, out);
    while (status == VIV_OK && (is_op(p, "+") || is_op(p, "-"))) {
        char op = p->token.op[0];
        struct value right = {0};
        status = advance(p);
        if (status == VIV_OK)
            status = product(p, &right);
        if (status == VIV_OK)
            status = arithmetic(p, op, out, &right);
    }
    return status;
}

static viv_status is_none(struct parser *p, struct value *out)
{
    viv_status status = advance(p);
    bool negated = status == VIV_OK && is_word(p, "not");
    if (negated)
        status = advance(p);
    if (status == VIV_OK && !is_word(p, "none"))
        return bad(p, VIV_EINVAL, "after `is` comes `none` or `not none`");
    bool r = (out->kind == VALUE_NONE) != negated;
    *out = (struct value){.kind = VALUE_BOOL, .i = r};
    return status == VIV_OK ? advance(p) : status;
}

static viv_status is_in(struct parser *p, struct value *out)
{
    bool negated = is_word(p, "not");
    struct value list = {0};
    viv_status status = negated ? advance(p) : VIV_OK;
    if (status == VIV_OK && !is_word(p, "in"))
        return bad(p, VIV_EINVAL, "expected `in` after a value and `not`");
    if (status == VIV_OK)
        status = advance(p);
    if (status == VIV_OK)
        status = sum(p, &list);
    return status == VIV_OK ? membership(p, out, &list, negated) : status;
}

static viv_status comparison(struct parser *p, struct value *out)
{
    static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
    viv_status status = sum(p, out);
    if (status == VIV_OK && is_word(p, "is"))
        return is_none(p, out);
    if (status == VIV_OK && (is_word(p, "in") || is_word(p, "not")))
        return is_in(p, out);
    for (size_t i = 0; status == VIV_OK && i < sizeof ops / sizeof *ops; i++) {
        if (!is_op(p, ops[i]))
            continue;
        struct value right = {0};
        status = advance(p);
        if (status == VIV_OK)
            status = sum(p, &right);
        return status == VIV_OK ? compare(p, ops[i], out, &right) : status;
    }
    return status;
}

static viv_status negation(struct parser *p, struct value *out)
{
    if (!is_word(p, "not"))
        return comparison(p, out);
    if (++p->depth > MAX_DEPTH)
        return bad(p, VIV_ELIMIT, "nested too deep");
    bool t = false;
    viv_status status = advance(p);
    if (status == VIV_OK)
        status = negation(p, out);
    p->depth--;
    if (status == VIV_OK)
        status = truth(p, out, &t);
    *out = (struct value){.kind = VALUE_BOOL, .i = !t};
    return status;
}

/* and, or: the right side matters only if the left one does not decide */
static viv_status junction(struct parser *p, const char *word, viv_status (*side)(struct parser *, struct value *),
                           struct value *out)
{
    viv_status status = side(p, out);
    while (status == VIV_OK && is_word(p, word)) {
        bool left = false, right = false;
        struct value v = {0};
        status = truth(p, out, &left);
        bool decided = !p->skipping && left == (word[0] == 'o');
        p->skipping += decided;
        if (status == VIV_OK)
            status = advance(p);
        if (status == VIV_OK)
            status = side(p, &v);
        if (status == VIV_OK)
            status = truth(p, &v, &right);
        p->skipping -= decided;
        *out = (struct value){.kind = VALUE_BOOL, .i = decided ? left : right};
    }
    return status;
}

static viv_status conjunction(struct parser *p, struct value *out)
{
    return junction(p, "and", negation, out);
}

static viv_status disjunction(struct parser *p, struct value *out)
{
    return junction(p, "or", conjunction, out);
}

/* `a if c else b`: whether a matters is only known after c, so a is parsed twice, first to find c. */
static viv_status choice(struct parser *p, struct value *out)
{
    if (++p->depth > MAX_DEPTH)
        return bad(p, VIV_ELIMIT, "nested too deep");
    const struct parser begin = *p;
    bool take = true;
    struct value v = {0};
    struct error failed;
    struct error *err = p->err;
    p->err = &failed;
    viv_status status = disjunction(p, &v);
    p->err = err;
    bool conditional = false;
    if (status != VIV_OK) {                     /* this side may not matter: parse it without evaluating */
        bool was_skipping = begin.skipping > 0; /* then it is a syntax error, which would occur again */
        *p = begin;
        p->skipping++;
        struct value unused = {0};
        viv_status parsed = was_skipping ? status : disjunction(p, &unused);
        p->skipping--;
        if (parsed != VIV_OK || !is_word(p, "if")) {
            *err = failed;
            return status;
        }
    }
    if (is_word(p, "if")) {
        conditional = true;
        struct value condition = {0};
        viv_status s = advance(p);
        if (s == VIV_OK)
            s = disjunction(p, &condition);
        if (s == VIV_OK)
            s = truth(p, &condition, &take);
        if (s == VIV_OK && !is_word(p, "else"))
            s = bad(p, VIV_EINVAL, "`if` without `else`");
        if (s == VIV_OK)
            s = advance(p);
        if (s != VIV_OK)
            return s;
        struct value other = {0};
        p->skipping += take;
        s = choice(p, &other);
        p->skipping -= take;
        if (s != VIV_OK)
            return s;
        if (!take)
            v = other;
    }
    p->depth--;
    if (status != VIV_OK && (!conditional || take)) {
        *err = failed;
        return status;
    }
    *out = v;
    return VIV_OK;
}

static viv_status parse(struct parser *p, struct value *out)
{
    if (strlen(p->text) > MAX_LENGTH)
        return error_set(p->err, VIV_ELIMIT, "an expression of more than %d characters", MAX_LENGTH);
    size_t n = utf8_whole(p->text, strnlen(p->text, QUOTE));
    snprintf(p->quote, sizeof p->quote, "%.*s%s", (int)n, p->text, p->text[n] ? "..." : "");
    viv_status status = advance(p);
    if (status == VIV_OK)
        status = choice(p, out);
    if (status == VIV_OK && p->token.kind != T_END)
        status = bad(p, VIV_EINVAL, "unexpected text after the expression");
    return status;
}

viv_status expr_eval(struct arena *a, const char *text, const struct expr_scope *scope, struct value *out,
                     struct error *err)
{
    struct parser p = {.arena = a, .text = text, .at = text, .scope = scope, .err = err};
    struct value v = {0};
    viv_status status = parse(&p, &v);
    if (status == VIV_OK)
        *out = v;
    return status;
}

viv_status expr_check(struct arena *a, const char *text, const struct expr_scope *scope, struct error *err)
{
    struct parser p = {
        .arena = a, .text = text, .at = text, .scope = scope, .err = err, .skipping = 1, .checking = true};
    struct value v = {0};
    return parse(&p, &v);
}
