/* tree.h - rules of expressions: what the front ends make, and program.c compiles.
 *
 * Expressions live in the arena of their rules. A constructor that has no memory, or is given NULL, returns NULL:
 * one check at the end is enough. */
#ifndef GRAMMAR_TREE_H
#define GRAMMAR_TREE_H

#include "base/arena.h"
#include "base/error.h"
#include "grammar/charset.h"

enum { UNBOUNDED = UINT32_MAX, MAX_NESTING = 256, MAX_RULES = 1 << 18, MAX_UNIONS = 16, MAX_SHARED = 64 };

enum tree_kind {
    TREE_BYTES,    /* these bytes; none: the empty text */
    TREE_CLASS,    /* one character of a set */
    TREE_CAT,      /* one after another */
    TREE_ALT,      /* one of them; none: nothing at all */
    TREE_REPEAT,   /* min to max times */
    TREE_RULE,     /* what a rule says */
    TREE_LIST,     /* some of them in order, with separators between: all that are not optional */
    TREE_AUTOMATON /* the texts of an automaton over characters (automaton.h) */
};

struct automaton;
struct tree {
    enum tree_kind kind;
    uint32_t n, min, max, rule;
    union {
        const char *bytes;              /* [n] */
        const struct charset *set;      /* normalized */
        const struct tree *const *kids; /* [n]; of a repetition, one */
        const struct automaton *automaton;
    };
    const bool *optional;         /* [n] of a list */
    const struct tree *separator; /* of a list */
};

struct rule {
    const char *name;
    const struct tree *body; /* NULL until it is defined */
};
struct rules {
    struct arena arena;
    struct rule *v;
    size_t n, capacity;
    uint32_t root;
    struct charset **sets; /* to be released */
    size_t n_sets, sets_capacity;
    struct automaton **automata;
    size_t n_automata, automata_capacity;
    struct charset *categories;        /* of Unicode, [UTF8PROC_CATEGORY_CO + 1]; NULL until one is asked for */
    struct charset unions[MAX_UNIONS]; /* of categories, those asked for last */
    size_t n_unions;                   /* ever */
    bool failed;                       /* memory is out */
};
void rules_release(struct rules *r);

/* A further rule without a body; its index, or UINT32_MAX: memory is out. The name is copied. */
uint32_t rules_add(struct rules *r, const char *name, size_t n);

const struct tree *tree_bytes(struct rules *r, const char *bytes, size_t n); /* copies */
const struct tree *tree_text(struct rules *r, const char *text);
const struct tree *tree_class(struct rules *r, struct charset *set); /* takes the set, and normalizes it */
const struct tree *tree_range(struct rules *r, uint32_t lo, uint32_t hi);
const struct tree *tree_cat(struct rules *r, const struct tree *const *kids, size_t n); /* copies the list */
const struct tree *tree_alt(struct rules *r, const struct tree *const *kids, size_t n);
const struct tree *tree_cat2(struct rules *r, const struct tree *a, const struct tree *b);
const struct tree *tree_cat3(struct rules *r, const struct tree *a, const struct tree *b, const struct tree *c);
const struct tree *tree_alt2(struct rules *r, const struct tree *a, const struct tree *b);
const struct tree *tree_repeat(struct rules *r, const struct tree *kid, uint32_t min, uint32_t max);
const struct tree *tree_rule(struct rules *r, uint32_t rule);
const struct tree *tree_list(struct rules *r, const struct tree *const *kids, const bool *optional, size_t n,
                             const struct tree *separator);
const struct tree *tree_automaton(struct rules *r, struct automaton *a); /* takes it */
const struct tree *tree_never(struct rules *r);

/* A growing list of expressions. */
struct tree_list {
    const struct tree **v;
    size_t n, capacity;
    bool failed;
};
void tree_list_add(struct tree_list *l, const struct tree *t);
void tree_list_release(struct tree_list *l);

/* Facts about rules, [twice as many as there are rules, and MAX_SHARED]: program.c may add rules. */
struct facts {
    uint8_t *nullable;   /* has the empty text */
    uint8_t *productive; /* has some text */
    uint32_t *not_empty; /* the rule of its texts but the empty one; 0: not made yet */
};
/* Fails for grammars that no program can be made of: no text, left recursion; names the rules. */
viv_status tree_check(const struct rules *r, struct facts *out, struct error *err);
void facts_release(struct facts *f);
bool tree_nullable(const struct tree *t, const struct facts *f);
bool tree_productive(const struct tree *t, const struct facts *f);
/* The texts of t but the empty one, for what is repeated. Lists and automata, which stand between brackets and
 * quotes, do not come here. */
const struct tree *tree_not_empty(struct rules *r, const struct tree *t, struct facts *f);

#endif
