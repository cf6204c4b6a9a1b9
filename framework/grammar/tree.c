/* tree.c - builds expressions: see tree.h. */
#include "grammar/tree.h"

#include "base/buf.h"
#include "grammar/automaton.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

void rules_release(struct rules *r)
{
    for (size_t i = 0; i < r->n_sets; i++) {
        charset_release(r->sets[i]);
        free(r->sets[i]);
    }
    for (size_t i = 0; i < r->n_automata; i++)
        automaton_destroy(r->automata[i]);
    free(r->sets);
    free(r->automata);
    free(r->v);
    arena_release(&r->arena);
    for (int i = 0; r->categories && i <= UTF8PROC_CATEGORY_CO; i++)
        charset_release(&r->categories[i]);
    free(r->categories);
    for (int i = 0; i < MAX_UNIONS; i++)
        charset_release(&r->unions[i]);
    *r = (struct rules){0};
}

static void *failed(struct rules *r)
{
    r->failed = true;
    return NULL;
}

uint32_t rules_add(struct rules *r, const char *name, size_t n)
{
    const char *copy = arena_strndup(&r->arena, name, n);
    if (!copy || r->n >= MAX_RULES || !VEC_RESERVE(r->v, r->n, r->capacity)) {
        r->failed = true;
        return UINT32_MAX;
    }
    r->v[r->n] = (struct rule){.name = copy};
    return (uint32_t)r->n++;
}

static struct tree *new_tree(struct rules *r, enum tree_kind kind)
{
    struct tree *t = arena_alloc(&r->arena, sizeof *t);
    if (!t)
        return failed(r);
    t->kind = kind;
    return t;
}

const struct tree *tree_bytes(struct rules *r, const char *bytes, size_t n)
{
    struct tree *t = new_tree(r, TREE_BYTES);
    if (!t || n >= UINT32_MAX || !(t->bytes = arena_strndup(&r->arena, bytes, n)))
        return failed(r);
    t->n = (uint32_t)n;
    return t;
}

const struct tree *tree_text(struct rules *r, const char *text)
{
    return tree_bytes(r, text, strlen(text));
}

const struct tree *tree_class(struct rules *r, struct charset *set)
{
    struct charset *kept = calloc(1, sizeof *kept);
    struct tree *t = new_tree(r, TREE_CLASS);
    if (!kept || !t || !VEC_RESERVE(r->sets, r->n_sets, r->sets_capacity)) {
        free(kept);
        charset_release(set);
        return failed(r);
    }
    charset_normalize(set);
    *kept = *set;
    *set = (struct charset){0};
    r->sets[r->n_sets++] = kept;
    t->set = kept;
    return kept->failed ? failed(r) : t;
}

const struct tree *tree_range(struct rules *r, uint32_t lo, uint32_t hi)
{
    struct charset set = {0};
    charset_add(&set, lo, hi);
    return tree_class(r, &set);
}

static const struct tree *with_kids(struct rules *r, enum tree_kind kind, const struct tree *const *kids, size_t n)
{
    struct tree *t = new_tree(r, kind);
    const struct tree **copy = arena_array(&r->arena, n ? n : 1, sizeof *copy);
    if (!t || !copy || n >= UINT32_MAX)
        return failed(r);
    for (size_t i = 0; i < n; i++) {
        if (!kids[i])
            return failed(r);
        copy[i] = kids[i];
    }
    t->kids = copy;
    t->n = (uint32_t)n;
    return t;
}

const struct tree *tree_cat(struct rules *r, const struct tree *const *kids, size_t n)
{
    return n == 1 ? kids[0] : n == 0 ? tree_bytes(r, "", 0) : with_kids(r, TREE_CAT, kids, n);
}

const struct tree *tree_alt(struct rules *r, const struct tree *const *kids, size_t n)
{
    return n == 1 ? kids[0] : with_kids(r, TREE_ALT, kids, n);
}

const struct tree *tree_never(struct rules *r)
{
    return with_kids(r, TREE_ALT, NULL, 0);
}

const struct tree *tree_cat2(struct rules *r, const struct tree *a, const struct tree *b)
{
    return tree_cat(r, (const struct tree *[]){a, b}, 2);
}

const struct tree *tree_cat3(struct rules *r, const struct tree *a, const struct tree *b, const struct tree *c)
{
    return tree_cat(r, (const struct tree *[]){a, b, c}, 3);
}

const struct tree *tree_alt2(struct rules *r, const struct tree *a, const struct tree *b)
{
    return tree_alt(r, (const struct tree *[]){a, b}, 2);
}

const struct tree *tree_repeat(struct rules *r, const struct tree *kid, uint32_t min, uint32_t max)
{
    struct tree *t = (struct tree *)with_kids(r, TREE_REPEAT, &kid, 1);
    if (t) {
        t->min = min;
        t->max = max;
    }
    return t;
}

const struct tree *tree_rule(struct rules *r, uint32_t rule)
{
    struct tree *t = rule == UINT32_MAX ? NULL : new_tree(r, TREE_RULE);
    if (!t)
        return failed(r);
    t->rule = rule;
    return t;
}

const struct tree *tree_list(struct rules *r, const struct tree *const *kids, const bool *optional, size_t n,
                             const struct tree *separator)
{
    struct tree *t = (struct tree *)with_kids(r, TREE_LIST, kids, n);
    bool *copy = arena_array(&r->arena, n ? n : 1, sizeof *copy);
    if (!t || !copy || !separator)
        return failed(r);
    if (n)
        memcpy(copy, optional, n * sizeof *copy);
    t->optional = copy;
    t->separator = separator;
    return t;
}

const struct tree *tree_automaton(struct rules *r, struct automaton *a)
{
    struct tree *t = new_tree(r, TREE_AUTOMATON);
    if (!t || !VEC_RESERVE(r->automata, r->n_automata, r->automata_capacity)) {
        automaton_destroy(a);
        return failed(r);
    }
    r->automata[r->n_automata++] = a;
    t->automaton = a;
    return t;
}

void tree_list_add(struct tree_list *l, const struct tree *t)
{
    if (!t || !VEC_RESERVE(l->v, l->n, l->capacity))
        l->failed = true;
    else
        l->v[l->n++] = t;
}

void tree_list_release(struct tree_list *l)
{
    free(l->v);
    *l = (struct tree_list){0};
}
