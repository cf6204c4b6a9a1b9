/* regex.c - regular expressions in the syntax of RE2: no lookaround, no backreferences. Greedy and lazy repetitions
 * allow the same texts. */
#include "grammar/sources.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct parser {
    struct rules *r;
    const char *text;
    size_t n, at, depth;
    enum regex_use use;
    unsigned flags;
    viv_status status;
    struct error *err;
};

/* Rules that stand for anchors until resolve() has put them in their place. */
static const uint32_t ANCHOR_BEGIN = UINT32_MAX - 1, ANCHOR_END = UINT32_MAX - 2;

static const struct tree *fail(struct parser *p, size_t at, const char *sentence)
{
    if (p->status == VIV_OK)
        p->status = error_set(p->err, VIV_EINVAL, "byte %zu of '%.*s': %s", at + 1, (int)(p->n < 60 ? p->n : 60),
                              p->text, sentence);
    return NULL;
}

static bool eat(struct parser *p, const char *s)
{
    const size_t n = strlen(s);
    if (p->n - p->at < n || memcmp(p->text + p->at, s, n) != 0)
        return false;
    p->at += n;
    return true;
}

static bool peek(const struct parser *p, char c)
{
    return p->at < p->n && p->text[p->at] == c;
}

bool read_hex(const char *s, size_t n, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *at = s[i] ? strchr(digits, s[i]) : NULL;
        if (!at || *out > MAX_CODE_POINT)
            return false;
        *out = *out << 4 | (uint32_t)((at - digits) & 15);
    }
    return true;
}

const struct tree *tree_any_text(struct rules *r)
{
    return tree_repeat(r, tree_range(r, 0, MAX_CODE_POINT), 0, UNBOUNDED);
}

/* --- sets of characters --------------------------------------------------------------------------------------- */

/* One pass over all characters, once for all the classes of a grammar. */
static bool make_categories(struct rules *r)
{
    struct charset *sets = r->categories = calloc(UTF8PROC_CATEGORY_CO + 1, sizeof *sets);
    if (!sets)
        return false;
    for (uint32_t c = 0; c <= MAX_CODE_POINT; c++) {
        struct charset *s = &sets[utf8proc_category((utf8proc_int32_t)c)];
        if (s->n && s->v[s->n - 1].hi + 1 == c)
            s->v[s->n - 1].hi = c;
        else
            charset_add(s, c, c);
    }
    return true;
}

/* The general categories of a name, "Lu", or of all that begin with a letter, "L", as bits; 0: none. */
static uint32_t categories_of(const char *name, size_t n)
{
    static const char names[][3] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                    "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                    "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};
    uint32_t bits = 0;
    for (size_t i = 0; n && n <= 2 && i < sizeof names / sizeof *names; i++)
        if (memcmp(names[i], name, n) == 0)
            bits |= 1u << i;
    return bits;
}
static const uint32_t ALL_CATEGORIES = (1u << 30) - 1;

/* The characters of these categories: one of the unions that were asked for last. NULL: memory is out. */
static const struct charset *union_of(struct rules *r, uint32_t bits)
{
    if (!r->categories && !make_categories(r))
        return NULL;
    for (int i = 0; i < MAX_UNIONS; i++)
        if (r->unions[i].categories == bits)
            return &r->unions[i];
    struct charset *made = &r->unions[r->n_unions++ % MAX_UNIONS];
    charset_release(made);
    for (uint32_t i = 0; i < 30; i++)
        if (bits >> i & 1) {
            charset_add_all(made, &r->categories[i]);
            made->failed = made->failed || r->categories[i].failed;
        }
    charset_normalize(made);
    made->categories = bits;
    return made->failed ? NULL : made;
}

/* A class is read whole; then its categories are added, each once. */
static void settle(struct rules *r, struct charset *s)
{
    const struct charset *all = s->categories ? union_of(r, s->categories) : NULL;
    if (all)
        charset_add_all(s, all);
    else if (s->categories)
        s->failed = true;
    s->categories = 0;
    charset_normalize(s);
}

/* \d, \w, \s; wide: with all that some engine takes for one, so that the complement is safe with each. */
static void add_shorthand(struct charset *s, char letter, bool wide)
{
    charset_add(s, '0', letter == 's' ? '0' - 1 : '9');
    if (letter == 'w') {
        charset_add(s, 'a', 'z');
        charset_add(s, 'A', 'Z');
        charset_add(s, '_', '_');
    } else if (letter == 's') {
        charset_add(s, '\t', '\n');
        charset_add(s, '\f', '\r');
        charset_add(s, ' ', ' ');
    }
    if (!wide)
        return;
    if (letter == 'w')
        s->categories |=
            categories_of("L", 1) | categories_of("N", 1) | categories_of("M", 1) | categories_of("Pc", 2);
    if (letter == 'd')
        s->categories |= categories_of("N", 1);
    if (letter == 's') {
        s->categories |= categories_of("Z", 1);
        charset_add(s, '\t', '\r');
        charset_add(s, 0x1C, 0x1F);
        charset_add(s, 0x85, 0x85);
        charset_add(s, 0xFEFF, 0xFEFF);
    }
}

/* Whether a class is read wide, so that all that is made of it has no more, or no less, than any engine's. */
static bool is_wide(const struct parser *p, bool negated)
{
    return p->use == (negated ? REGEX_SEARCH : REGEX_SEARCH_ANY);
}

/* The set of \D, \W, \S; negated: in a class that is. */
static void add_negated(struct parser *p, struct charset *s, char letter, bool negated)
{
    struct charset not = {0};
    add_shorthand(&not, (char)(letter + 32), is_wide(p, !negated));
    settle(p->r, &not );
    charset_complement(&not );
    charset_add_all(s, &not );
    s->failed = s->failed || not .failed;
    charset_release(&not );
}

/* \pL, \p{Lu}, \P{..}: general categories. */
static bool add_property(struct parser *p, struct charset *s, bool negated)
{
    static const char letters[] = "LMNPSZC";
    const size_t begin = p->at;
    const char *name = p->text + p->at;
    size_t n = 1;
    if (eat(p, "{")) {
        name++;
        n = 0;
        while (p->at + n < p->n && name[n] != '}')
            n++;
        p->at += n;
        if (!eat(p, "}"))
            return fail(p, begin, "'\\p{' is not closed by '}'") != NULL;
    } else {
        p->at++;
    }
    if (n < 1 || n > 2 || p->at > p->n || !strchr(letters, name[0]))
        return fail(p, begin,
                    "expected a general category such as \\p{L}, \\p{Lu} or \\p{N}; scripts are not known") != NULL;
    const uint32_t bits = categories_of(name, n);
    s->categories |= negated ? ALL_CATEGORIES & ~bits : bits;
    return true;
}

/* After a backslash: a set (true), or one character. */
static bool read_escape(struct parser *p, struct charset *set, uint32_t *c, bool in_class, bool negated)
{
    const size_t begin = p->at - 1;
    const char letter = p->at < p->n ? p->text[p->at] : '\0';
    static const char from[] = "tnrfvae0", to[] = "\t\n\r\f\v\a\x1b";
    p->at++;
    *c = 0;
    switch (letter) {
    case 'd':
    case 'w':
    case 's':
        add_shorthand(set, letter, is_wide(p, negated));
        return true;
    case 'D':
    case 'W':
    case 'S':
        add_negated(p, set, letter, negated);
        return true;
    case 'p':
    case 'P':
        return add_property(p, set, letter == 'P');
    case 'b':
        if (in_class) {
            *c = '\b';
            return false;
        }
        fail(p, begin, "\\b, a word boundary, is not supported; write out what stands around it");
        return false;
    case 'B':
    case 'G':
        fail(p, begin, "this assertion is not supported; write out what stands around it");
        return false;
    case 'A':
    case 'z':
    case 'Z':
        fail(p, begin, "use ^ and $ for the beginning and the end");
        return false;
    case 'x':
        if (eat(p, "{")) {
            size_t n = 0;
            while (p->at + n < p->n && p->text[p->at + n] != '}')
                n++;
            if (n > 0 && n <= 6 && read_hex(p->text + p->at, n, c) && *c <= MAX_CODE_POINT) {
                p->at += n + 1;
                return false;
            }
        } else if (p->at + 2 <= p->n && read_hex(p->text + p->at, 2, c)) {
            p->at += 2;
            return false;
        }
        fail(p, begin, "expected \\xHH or \\x{HHHH}");
        return false;
    case 'u':
        if (p->at + 4 <= p->n && read_hex(p->text + p->at, 4, c)) {
            p->at += 4;
            if (*c >= 0xD800 && *c <= 0xDFFF)
                fail(p, begin, "a surrogate is no character; write the character itself");
            return false;
        }
        fail(p, begin, "expected \\uHHHH");
        return false;
    case 'c':
        if (p->at < p->n) {
            *c = (uint32_t)p->text[p->at++] & 0x1F;
            return false;
        }
        break;
    default:
        break;
    }
    if (letter >= '1' && letter <= '9') {
        fail(p, begin, "a backreference is not supported; write the text out");
        return false;
    }
    if (letter == '\0' && p->at > p->n) {
        fail(p, begin, "a backslash ends the expression");
        return false;
    }
    const char *at = strchr(from, letter);
    if (at && letter) {
        *c = letter == '0' ? 0 : (unsigned char)to[at - from];
        return false;
    }
    if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
        fail(p, begin, "this escape is not known");
        return false;
    }
    p->at--;
    const size_t n = utf8_decode(p->text + p->at, p->n - p->at, c);
    p->at += n ? n : 1;
    return false;
}

static bool read_posix(struct parser *p, struct charset *s)
{
    static const struct {
        const char *name;
        struct range v[4];
    } classes[] = {{"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
                   {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
                   {"digit", {{'0', '9'}}},
                   {"lower", {{'a', 'z'}}},
                   {"upper", {{'A', 'Z'}}},
                   {"space", {{'\t', '\r'}, {' ', ' '}}},
                   {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
                   {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
                   {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
                   {"blank", {{'\t', '\t'}, {' ', ' '}}},
                   {"cntrl", {{1, 0x1F}, {0x7F, 0x7F}}},
                   {"graph", {{'!', '~'}}},
                   {"print", {{' ', '~'}}}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        char name[16];
        snprintf(name, sizeof name, "[:%s:]", classes[i].name);
        if (!eat(p, name))
            continue;
        for (int k = 0; k < 4; k++)
            if (classes[i].v[k].hi)
                charset_add(s, classes[i].v[k].lo, classes[i].v[k].hi);
        return true;
    }
    return false;
}

static uint32_t read_character(struct parser *p)
{
    uint32_t c = 0;
    const size_t n = utf8_decode(p->text + p->at, p->n - p->at, &c);
    p->at += n ? n : 1;
    return c;
}

/* Behind '['. */
static const struct tree *read_class(struct parser *p)
{
    const size_t begin = p->at - 1;
    struct charset s = {0};
    const bool negated = eat(p, "^");
    bool first = true;
    for (; p->status == VIV_OK && p->at < p->n && (first || !peek(p, ']')); first = false) {
        uint32_t lo, hi;
        if (read_posix(p, &s))
            continue;
        const size_t from = p->at;
        if (eat(p, "\\")) {
            if (read_escape(p, &s, &lo, true, negated))
                continue;
        } else {
            lo = read_character(p);
        }
        hi = lo;
        if (peek(p, '-') && p->at + 1 < p->n && p->text[p->at + 1] != ']') {
            struct charset none = {0};
            p->at++;
            const bool is_set =
                eat(p, "\\") ? read_escape(p, &none, &hi, true, negated) : (hi = read_character(p), false);
            charset_release(&none);
            if (is_set || hi < lo)
                fail(p, from, is_set ? "a range ends in a class" : "a range is reversed");
        }
        if (p->status == VIV_OK)
            charset_add(&s, lo, hi);
    }
    if (p->status == VIV_OK && !eat(p, "]"))
        fail(p, begin, "'[' is not closed by ']'");
    settle(p->r, &s);
    if (p->flags & REGEX_FOLD)
        charset_fold(&s);
    if (negated)
        charset_complement(&s);
    if (p->status == VIV_OK && s.n == 0)
        fail(p, begin, "the class has no character");
    if (p->status != VIV_OK) {
        charset_release(&s);
        return NULL;
    }
    return tree_class(p->r, &s);
}

/* --- expressions ---------------------------------------------------------------------------------------------- */

static const struct tree *read_alternatives(struct parser *p);

static const struct tree *one_character(struct parser *p, uint32_t c)
{
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    char bytes[4];
    if ((p->flags & REGEX_FOLD) && letter) {
        struct charset s = {0};
        charset_add(&s, c | 32, c | 32);
        charset_add(&s, c & ~32u, c & ~32u);
        return tree_class(p->r, &s);
    }
    return tree_bytes(p->r, bytes, utf8_put(c, bytes));
}

/* Behind "(?": flags, a name, or what is not supported. *scoped: flags hold for the rest of the group around. */
static bool read_group_head(struct parser *p, size_t begin, bool *scoped)
{
    *scoped = false;
    if (eat(p, ":"))
        return true;
    if (eat(p, "=") || eat(p, "!") || eat(p, "<=") || eat(p, "<!"))
        return fail(p, begin, "lookaround is not supported; write what the text must be, not what it must not") !=
               NULL;
    if (eat(p, "P<") || eat(p, "<")) {
        while (p->at < p->n && p->text[p->at] != '>')
            p->at++;
        return eat(p, ">") || fail(p, begin, "the name of the group is not closed by '>'") != NULL;
    }
    if (eat(p, ">"))
        return fail(p, begin, "an atomic group is not supported; write a plain group") != NULL;
    for (bool on = true; p->at < p->n; p->at++) {
        const char c = p->text[p->at];
        unsigned flag = 0;
        if (c == '-')
            on = false;
        else if (c == 'i')
            flag = REGEX_FOLD;
        else if (c == 's')
            flag = REGEX_DOT_ALL;
        else if (c == 'U' || c == 'u')
            continue;
        else
            break;
        p->flags = on ? p->flags | flag : p->flags & ~flag;
    }
    *scoped = peek(p, ')');
    return *scoped || eat(p, ":") || fail(p, begin, "expected (?:, (?P<name>, or the flags i and s") != NULL;
}

static const struct tree *read_group(struct parser *p)
{
    const size_t begin = p->at - 1;
    const unsigned flags = p->flags;
    bool scoped = false;
    if (++p->depth > MAX_NESTING)
        return fail(p, begin, "groups nest too deep");
    if (eat(p, "?") && !read_group_head(p, begin, &scoped))
        return NULL;
    if (scoped) {
        p->at++;
        p->depth--;
        return tree_bytes(p->r, "", 0);
    }
    const struct tree *t = read_alternatives(p);
    if (p->status == VIV_OK && !eat(p, ")"))
        return fail(p, begin, "'(' is not closed by ')'");
    p->flags = flags;
    p->depth--;
    return t;
}

static const struct tree *read_dot(struct parser *p)
{
    struct charset s = {0};
    if (p->flags & REGEX_DOT_ALL) {
        charset_add(&s, 0, MAX_CODE_POINT);
        return tree_class(p->r, &s);
    }
    charset_add(&s, '\n', '\n');
    if (p->use == REGEX_SEARCH) { /* JavaScript's; Python's and RE2's dot has them */
        charset_add(&s, '\r', '\r');
        charset_add(&s, 0x2028, 0x2029);
    }
    charset_normalize(&s);
    charset_complement(&s);
    return tree_class(p->r, &s);
}

static const struct tree *read_atom(struct parser *p)
{
    const size_t begin = p->at;
    uint32_t c;
    if (eat(p, "("))
        return read_group(p);
    if (eat(p, "["))
        return read_class(p);
    if (eat(p, "."))
        return read_dot(p);
    if (eat(p, "^"))
        return tree_rule(p->r, ANCHOR_BEGIN);
    if (eat(p, "$"))
        return tree_rule(p->r, ANCHOR_END);
    if (peek(p, '*') || peek(p, '+') || peek(p, '?'))
        return fail(p, begin, "there is nothing to repeat; write \\ before it to have the character");
    if (eat(p, "\\")) {
        struct charset s = {0};
        const bool is_set = read_escape(p, &s, &c, false, false);
        settle(p->r, &s);
        if (p->status == VIV_OK && is_set)
            return tree_class(p->r, &s);
        charset_release(&s);
        return p->status == VIV_OK ? one_character(p, c) : NULL;
    }
    return one_character(p, read_character(p));
}

static bool read_number(struct parser *p, uint32_t *out)
{
    const size_t begin = p->at;
    uint64_t n = 0;
    while (p->at < p->n && p->text[p->at] >= '0' && p->text[p->at] <= '9' && n <= MAX_REPEAT)
        n = n * 10 + (uint64_t)(p->text[p->at++] - '0');
    *out = (uint32_t)(n <= MAX_REPEAT ? n : MAX_REPEAT + 1);
    return p->at > begin;
}

/* {m}, {m,}, {m,n}; anything else that begins with '{' is text, as in most engines. */
static bool read_counts(struct parser *p, uint32_t *min, uint32_t *max)
{
    const size_t begin = p->at;
    if (!eat(p, "{"))
        return false;
    if (read_number(p, min)) {
        *max = *min;
        if (eat(p, ",") && !read_number(p, max))
            *max = UNBOUNDED;
        if (eat(p, "}")) {
            if (*min > MAX_REPEAT || (*max > MAX_REPEAT && *max != UNBOUNDED))
                fail(p, begin, "a repetition has a count above 1048576");
            else if (*min > *max)
                fail(p, begin, "a repetition has its counts reversed");
            return true;
        }
    }
    p->at = begin;
    return false;
}

static bool is_at(const struct tree *t, uint32_t which)
{
    return t->kind == TREE_RULE && t->rule == which;
}

static bool is_anchor(const struct tree *t)
{
    return is_at(t, ANCHOR_BEGIN) || is_at(t, ANCHOR_END);
}

static bool has_anchor(const struct tree *t)
{
    if (t->kind == TREE_CAT || t->kind == TREE_ALT || t->kind == TREE_REPEAT)
        for (uint32_t i = 0; i < t->n; i++)
            if (has_anchor(t->kids[i]))
                return true;
    return is_anchor(t);
}

static const struct tree *read_repeated(struct parser *p)
{
    const size_t begin = p->at;
    const struct tree *t = read_atom(p);
    uint32_t depth = 0;
    while (t && p->status == VIV_OK) {
        uint32_t min = 0, max = UNBOUNDED;
        const size_t at = p->at;
        if (eat(p, "+"))
            min = 1;
        else if (eat(p, "?"))
            max = 1;
        else if (!eat(p, "*") && !read_counts(p, &min, &max))
            break;
        if (eat(p, "+"))
            return fail(p, at, "a possessive repetition is not supported; leave the second + out");
        eat(p, "?");
        if (has_anchor(t))
            return fail(p, begin, "an anchor is repeated");
        if (++depth > MAX_NESTING)
            return fail(p, begin, "repetitions nest too deep");
        t = tree_repeat(p->r, t, min, max);
    }
    return t;
}

static const struct tree *read_sequence(struct parser *p)
{
    struct tree_list l = {0};
    while (p->status == VIV_OK && p->at < p->n && !peek(p, '|') && !peek(p, ')'))
        tree_list_add(&l, read_repeated(p));
    const struct tree *t = l.failed ? NULL : tree_cat(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static const struct tree *read_alternatives(struct parser *p)
{
    struct tree_list l = {0};
    do
        tree_list_add(&l, read_sequence(p));
    while (p->status == VIV_OK && eat(p, "|"));
    const struct tree *t = l.failed ? NULL : tree_alt(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* --- anchors -------------------------------------------------------------------------------------------------- */

/* Such as what flags leave: (?i)^a$. */
static bool is_empty(const struct tree *t)
{
    return t->kind == TREE_BYTES && t->n == 0;
}

/* Takes anchors out. left, right: nothing stands before or behind, so where no anchor stands either, a search lets
 * any text be there. */
static const struct tree *resolve(struct parser *p, const struct tree *t, bool left, bool right)
{
    struct tree_list l = {0};
    const struct tree *out = NULL;
    if (t->kind == TREE_ALT) {
        for (uint32_t i = 0; i < t->n; i++)
            tree_list_add(&l, resolve(p, t->kids[i], left, right));
        out = l.failed ? NULL : tree_alt(p->r, l.v, l.n);
        tree_list_release(&l);
        return out;
    }
    const bool cat = t->kind == TREE_CAT;
    const struct tree *const *kids = cat ? t->kids : &t;
    uint32_t from = 0, to = cat ? t->n : 1;
    bool open_left = left, open_right = right;
    for (; from < to && left && (is_at(kids[from], ANCHOR_BEGIN) || is_empty(kids[from])); from++)
        open_left = open_left && is_empty(kids[from]);
    for (; from < to && right && (is_at(kids[to - 1], ANCHOR_END) || is_empty(kids[to - 1])); to--)
        open_right = open_right && is_empty(kids[to - 1]);
    for (uint32_t i = from; i < to && p->status == VIV_OK; i++) {
        const bool first = i == from && open_left, last = i + 1 == to && open_right;
        const bool nested = kids[i]->kind == TREE_CAT || kids[i]->kind == TREE_ALT;
        if (!has_anchor(kids[i])) {
            if (first && p->use != REGEX_WHOLE)
                tree_list_add(&l, tree_any_text(p->r));
            tree_list_add(&l, kids[i]);
            if (last && p->use != REGEX_WHOLE)
                tree_list_add(&l, tree_any_text(p->r));
        } else if (nested && (first || last)) {
            tree_list_add(&l, resolve(p, kids[i], first, last));
        } else {
            fail(p, 0, "an anchor stands inside the text; ^ and $ may stand at its ends only");
        }
    }
    if (from == to && (open_left || open_right) && p->use != REGEX_WHOLE)
        tree_list_add(&l, tree_any_text(p->r));
    if (right && !open_right && p->use == REGEX_SEARCH_ANY) /* Python's $ stands before the last newline, too */
        tree_list_add(&l, tree_repeat(p->r, tree_text(p->r, "\n"), 0, 1));
    out = l.failed || p->status != VIV_OK ? NULL : tree_cat(p->r, l.v, l.n);
    tree_list_release(&l);
    return out;
}

viv_status parse_regex(struct rules *r, const char *text, size_t n, enum regex_use use, unsigned flags,
                       const struct tree **out, struct error *err)
{
    struct parser p = {.r = r, .text = text, .n = n, .use = use, .flags = flags, .err = err};
    if (n > MAX_REGEX)
        return error_set(err, VIV_ELIMIT, "a regular expression of %zu bytes; at most %d are allowed", n,
                         MAX_REGEX);
    const struct tree *t = read_alternatives(&p);
    if (p.status == VIV_OK && p.at < n)
        fail(&p, p.at, "')' closes nothing; write \\) to have the character");
    if (p.status == VIV_OK && t)
        t = resolve(&p, t, true, true);
    if (p.status != VIV_OK)
        return p.status;
    *out = t;
    return t ? VIV_OK : error_nomem(err);
}

viv_status read_regex(struct rules *r, const char *text, size_t n, struct error *err)
{
    const struct tree *t;
    viv_status status = parse_regex(r, text, n, REGEX_WHOLE, 0, &t, err);
    if (status != VIV_OK)
        return status;
    r->root = rules_add(r, "expression", 10);
    if (r->root == UINT32_MAX)
        return error_nomem(err);
    r->v[r->root].body = t;
    return VIV_OK;
}
