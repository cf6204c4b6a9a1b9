/* Grammars have the texts that a naive matcher finds in them: random expressions, written as GBNF and as regular
 * expressions, and random texts. */
#include "testing.h"

#include "base/buf.h"
#include "grammars.h"

enum { N_GRAMMARS = 200, N_TEXTS = 1000, MAX_LENGTH = 24 };

/* --- expressions ---------------------------------------------------------------------------------------------- */

struct node {
    enum { LITERAL, CLASS, NOT_CLASS, ANY, CAT, ALT, REPEAT, RULE } kind;
    int n, min, max; /* max -1: unbounded */
    struct node *kids[4];
    const char *text;
    struct node *rule; /* by its place in `rules` */
    int index;
};
struct expression {
    struct node nodes[256];
    int n;
    struct node
        *rules[3]; /* RULE i may use rules above i only: no recursion, so that it is a regular expression, too */
    uint64_t seed;
};

static int pick(struct expression *e, int n)
{
    return (int)(next_random(&e->seed) % (uint64_t)n);
}

static struct node *make(struct expression *e, int depth, int rule)
{
    static const char *const literals[] = {"a", "b", "ab", "ba", "c", "\xC3\xA9", "aab", "\xE2\x82\xAC"};
    static const char *const sets[] = {"ab", "ac", "b", "a\xC3\xA9", "abc"};
    struct node *t = &e->nodes[e->n++];
    const int kind = depth <= 0 || e->n > 200 ? pick(e, 4) : pick(e, 8);
    *t = (struct node){.kind = kind};
    switch (t->kind) {
    case LITERAL:
        t->text = literals[pick(e, 8)];
        break;
    case CLASS:
    case NOT_CLASS:
        t->text = sets[pick(e, 5)];
        break;
    case ANY:
        break;
    case CAT:
    case ALT:
        t->n = 2 + pick(e, 2);
        for (int i = 0; i < t->n; i++)
            t->kids[i] = make(e, depth - 1, rule);
        break;
    case REPEAT:
        t->min = pick(e, 3);
        t->max = pick(e, 3) == 0 ? -1 : t->min + pick(e, 4);
        t->kids[0] = make(e, depth - 1, rule);
        break;
    case RULE:
        t->index = rule + 1;
        if (rule + 1 >= 3) {
            t->kind = ANY;
            break;
        }
        t->rule = e->rules[rule + 1];
        break;
    }
    return t;
}

static void make_rules(struct expression *e, uint64_t seed)
{
    *e = (struct expression){.seed = seed};
    for (int i = 2; i >= 0; i--)
        e->rules[i] = make(e, 4, i);
}

/* --- printing ------------------------------------------------------------------------------------------------- */

static void print_counts(struct buf *b, const struct node *t)
{
    if (t->min == 0 && t->max == -1)
        buf_puts(b, "*");
    else if (t->max == -1)
        buf_printf(b, "{%d,}", t->min);
    else
        buf_printf(b, "{%d,%d}", t->min, t->max);
}

static void print(struct buf *b, const struct node *t, bool gbnf)
{
    switch (t->kind) {
    case LITERAL:
        buf_printf(b, gbnf ? "\"%s\"" : "%s", t->text);
        break;
    case CLASS:
        buf_printf(b, "[%s]", t->text);
        break;
    case NOT_CLASS:
        buf_printf(b, "[^%s]", t->text);
        break;
    case ANY:
        buf_puts(b, gbnf ? "." : "(?s:.)");
        break;
    case CAT:
    case ALT:
        buf_puts(b, gbnf ? "(" : "(?:");
        for (int i = 0; i < t->n; i++) {
            buf_puts(b, i == 0 ? "" : t->kind == ALT ? "|" : gbnf ? " " : "");
            print(b, t->kids[i], gbnf);
        }
        buf_puts(b, ")");
        break;
    case REPEAT:
        buf_puts(b, gbnf ? "(" : "(?:");
        print(b, t->kids[0], gbnf);
        buf_puts(b, ")");
        print_counts(b, t);
        break;
    case RULE:
        if (gbnf)
            buf_printf(b, "r%d", t->index);
        else
            print(b, t->rule, false);
        break;
    }
}

static void print_gbnf(struct buf *b, const struct expression *e)
{
    for (int i = 0; i < 3; i++) {
        buf_printf(b, i == 0 ? "root ::= " : "r%d ::= ", i);
        print(b, e->rules[i], true);
        buf_puts(b, "\n");
    }
}

/* --- the naive matcher: from sets of places in the text to sets of places ------------------------------------- */

static size_t character(const char *s, size_t n)
{
    size_t k = 1;
    while (k < n && ((unsigned char)s[k] & 0xC0) == 0x80)
        k++;
    return k;
}

static uint64_t match(const struct node *t, const char *s, size_t n, uint64_t from)
{
    uint64_t to = 0;
    switch (t->kind) {
    case LITERAL:
        for (size_t at = 0; at < n; at++)
            if (from >> at & 1 && n - at >= strlen(t->text) && memcmp(s + at, t->text, strlen(t->text)) == 0)
                to |= (uint64_t)1 << (at + strlen(t->text));
        return to;
    case CLASS:
    case NOT_CLASS:
    case ANY:
        for (size_t at = 0; at < n; at++) {
            if (!(from >> at & 1))
                continue;
            const size_t k = character(s + at, n - at);
            char c[8] = {0};
            memcpy(c, s + at, k);
            if (t->kind == ANY || (strstr(t->text, c) != NULL) == (t->kind == CLASS))
                to |= (uint64_t)1 << (at + k);
        }
        return to;
    case CAT:
        for (int i = 0; i < t->n; i++)
            from = match(t->kids[i], s, n, from);
        return from;
    case ALT:
        for (int i = 0; i < t->n; i++)
            to |= match(t->kids[i], s, n, from);
        return to;
    case REPEAT:
        for (int i = 0; i < t->min; i++)
            from = match(t->kids[0], s, n, from);
        to = from;
        for (int i = t->min; t->max == -1 ? i < MAX_LENGTH + 1 : i < t->max; i++) {
            from = match(t->kids[0], s, n, from);
            to |= from;
        }
        return to;
    case RULE:
        return match(t->rule, s, n, from);
    }
    return 0;
}

/* --- texts ---------------------------------------------------------------------------------------------------- */

static void write_text(struct buf *b, struct expression *e, const struct node *t)
{
    static const char *const any[] = {"a", "b", "c", "\xC3\xA9", "\xE2\x82\xAC", "x"};
    if (b->size > MAX_LENGTH)
        return;
    switch (t->kind) {
    case LITERAL:
        buf_puts(b, t->text);
        break;
    case CLASS:
        buf_append(b, t->text, character(t->text, strlen(t->text)));
        break;
    case NOT_CLASS:
    case ANY:
        buf_puts(b, any[pick(e, 6)]);
        break;
    case CAT:
        for (int i = 0; i < t->n; i++)
            write_text(b, e, t->kids[i]);
        break;
    case ALT:
        write_text(b, e, t->kids[pick(e, t->n)]);
        break;
    case REPEAT:
        for (int i = 0, n = t->min + pick(e, t->max < 0 ? 4 : t->max - t->min + 1); i < n; i++)
            write_text(b, e, t->kids[0]);
        break;
    case RULE:
        write_text(b, e, t->rule);
        break;
    }
}

/* Half of them are near to what the expression has. */
static size_t random_text(struct expression *e, char *out)
{
    static const char *const any[] = {"a", "b", "c", "\xC3\xA9", "\xE2\x82\xAC", "ab"};
    struct buf b = {0};
    if (pick(e, 2))
        write_text(&b, e, e->rules[0]);
    else
        for (int i = pick(e, 8); i > 0; i--)
            buf_puts(&b, any[pick(e, 6)]);
    if (pick(e, 3) == 0 && b.size)
        buf_puts(&b, any[pick(e, 6)]);
    size_t n = 0;
    while (n < b.size && n + character(b.data + n, b.size - n) <= MAX_LENGTH)
        n += character(b.data + n, b.size - n);
    if (n)
        memcpy(out, b.data, n);
    buf_release(&b);
    return n;
}

static struct recogniser *open_recogniser(uint32_t kind, const struct buf *source, struct program **p)
{
    struct error err = {0};
    struct recogniser *m = NULL;
    ck_assert_msg(compile(kind, buf_text(source), p, &err) == VIV_OK, "%s\n%s", buf_text(source), err.text);
    ck_assert_int_eq(recogniser_create(*p, NULL, &m, &err), VIV_OK);
    return m;
}

TEST(gbnf_and_regex__have_the_texts_of_a_naive_matcher)
{
    static struct expression e;
    int n_in = 0;
    for (int g = 0; g < N_GRAMMARS; g++) {
        struct buf gbnf = {0}, regex = {0};
        struct program *p[2];
        make_rules(&e, (uint64_t)g);
        print_gbnf(&gbnf, &e);
        print(&regex, e.rules[0], false);
        struct recogniser *m[] = {open_recogniser(VIV_GRAMMAR_GBNF, &gbnf, &p[0]),
                                  open_recogniser(VIV_GRAMMAR_REGEX, &regex, &p[1])};
        for (int i = 0; i < N_TEXTS; i++) {
            char text[MAX_LENGTH + 1];
            const size_t n = random_text(&e, text);
            const bool in = match(e.rules[0], text, n, 1) >> n & 1;
            n_in += in;
            ck_assert_msg(has_text(m[0], text, n) == in, "%.*s: %d in\n%s", (int)n, text, in, buf_text(&gbnf));
            ck_assert_msg(has_text(m[1], text, n) == in, "%.*s: %d in %s", (int)n, text, in, buf_text(&regex));
        }
        for (int i = 0; i < 2; i++) {
            recogniser_destroy(m[i]);
            program_destroy(p[i]);
        }
        buf_release(&gbnf);
        buf_release(&regex);
    }
    ck_assert_int_gt(n_in, N_GRAMMARS * N_TEXTS / 10); /* both answers are tried */
    ck_assert_int_lt(n_in, N_GRAMMARS * N_TEXTS * 9 / 10);
}

TESTS(gbnf_and_regex__have_the_texts_of_a_naive_matcher)
