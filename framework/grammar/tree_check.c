/* tree_check.c - what rules have to be, so that a program can be made of them: see tree.h. */
#include "base/buf.h"
#include "grammar/automaton.h"
#include "grammar/tree.h"

#include <stdlib.h>
#include <string.h>

/* --- facts ---------------------------------------------------------------------------------------------------- */

bool tree_nullable(const struct tree *t, const struct facts *f)
{
    switch (t->kind) {
    case TREE_BYTES:
        return t->n == 0;
    case TREE_CLASS:
        return false;
    case TREE_CAT:
        for (uint32_t i = 0; i < t->n; i++)
            if (!tree_nullable(t->kids[i], f))
                return false;
        return true;
    case TREE_ALT:
        for (uint32_t i = 0; i < t->n; i++)
            if (tree_nullable(t->kids[i], f))
                return true;
        return false;
    case TREE_REPEAT:
        return t->min == 0 || tree_nullable(t->kids[0], f);
    case TREE_RULE:
        return f->nullable[t->rule];
    case TREE_LIST:
        for (uint32_t i = 0; i < t->n; i++)
            if (!t->optional[i] && !tree_nullable(t->kids[i], f))
                return false;
        return true;
    case TREE_AUTOMATON:
        return t->automaton->n > 0 && t->automaton->states[0].ends;
    }
    return false;
}

bool tree_productive(const struct tree *t, const struct facts *f)
{
    switch (t->kind) {
    case TREE_BYTES:
        return true;
    case TREE_CLASS:
        return t->set->n > 0;
    case TREE_CAT:
        for (uint32_t i = 0; i < t->n; i++)
            if (!tree_productive(t->kids[i], f))
                return false;
        return true;
    case TREE_ALT:
        for (uint32_t i = 0; i < t->n; i++)
            if (tree_productive(t->kids[i], f))
                return true;
        return false;
    case TREE_REPEAT:
        return t->min == 0 || (t->min <= t->max && tree_productive(t->kids[0], f));
    case TREE_RULE:
        return f->productive[t->rule];
    case TREE_LIST:
        for (uint32_t i = 0; i < t->n; i++)
            if (!t->optional[i] && !tree_productive(t->kids[i], f))
                return false;
        return true;
    case TREE_AUTOMATON:
        return !automaton_is_empty(t->automaton) && t->automaton->states[0].to_end <= t->automaton->max;
    }
    return false;
}

/* --- what rules refer to ---------------------------------------------------------------------------------------
 */

struct references {
    uint32_t *v;
    size_t n, capacity;
    bool failed;
    const struct facts *leftmost; /* those that may stand at the beginning; NULL: all */
};

static void refer(struct references *out, const struct tree *t)
{
    switch (t->kind) {
    case TREE_RULE:
        if (!VEC_RESERVE(out->v, out->n, out->capacity))
            out->failed = true;
        else
            out->v[out->n++] = t->rule;
        return;
    case TREE_CAT:
    case TREE_LIST:
        for (uint32_t i = 0; i < t->n; i++) {
            refer(out, t->kids[i]);
            if (out->leftmost && !(t->optional && t->optional[i]) && !tree_nullable(t->kids[i], out->leftmost))
                return;
        }
        if (t->kind == TREE_LIST)
            refer(out, t->separator);
        return;
    case TREE_ALT:
    case TREE_REPEAT:
        for (uint32_t i = 0; i < t->n; i++)
            refer(out, t->kids[i]);
        return;
    default:
        return;
    }
}

/* The references of all rules: those of rule i are v[first[i]] to v[first[i + 1]]. */
struct graph_of_rules {
    struct references all;
    size_t *first; /* [n + 1] */
};

static bool refer_all(const struct rules *r, const struct facts *leftmost, struct graph_of_rules *g)
{
    g->all = (struct references){.leftmost = leftmost};
    g->first = calloc(r->n + 1, sizeof *g->first);
    for (size_t i = 0; g->first && i < r->n; i++) {
        g->first[i] = g->all.n;
        refer(&g->all, r->v[i].body);
    }
    if (g->first)
        g->first[r->n] = g->all.n;
    return g->first && !g->all.failed;
}

static void release_graph(struct graph_of_rules *g)
{
    free(g->all.v);
    free(g->first);
}

/* Rules that have the fact: a rule is looked at again when one that it refers to has got it. */
static bool spread(const struct rules *r, const struct graph_of_rules *g, const struct facts *f, uint8_t *fact,
                   bool (*has)(const struct tree *, const struct facts *))
{
    size_t *first = calloc(r->n + 2, sizeof *first), n = 0;
    uint32_t *users = calloc(g->all.n + 1, sizeof *users), *list = calloc(r->n + 1, sizeof *list);
    const bool ok = first && users && list;
    for (size_t i = 0; ok && i < g->all.n; i++)
        first[g->all.v[i] + 2]++;
    for (size_t i = 2; ok && i < r->n + 2; i++)
        first[i] += first[i - 1];
    for (size_t i = 0; ok && i < r->n; i++)
        for (size_t k = g->first[i]; k < g->first[i + 1]; k++)
            users[first[g->all.v[k] + 1]++] = (uint32_t)i;
    for (size_t i = 0; ok && i < r->n; i++)
        if (!fact[i] && has(r->v[i].body, f)) {
            fact[i] = 1;
            list[n++] = (uint32_t)i;
        }
    while (ok && n) {
        const uint32_t done = list[--n];
        for (size_t k = first[done]; k < first[done + 1]; k++)
            if (!fact[users[k]] && has(r->v[users[k]].body, f)) {
                fact[users[k]] = 1;
                list[n++] = users[k];
            }
    }
    free(first);
    free(users);
    free(list);
    return ok;
}

/* --- left recursion ---------------------------------------------------------------------------------------------
 */

static viv_status refuse_recursion(const struct rules *r, const uint32_t *path, size_t n, uint32_t rule,
                                   struct error *err)
{
    struct buf cycle = {0};
    size_t from = 0;
    while (from < n && path[from] != rule)
        from++;
    for (size_t i = from; i < n && i < from + 8; i++)
        buf_printf(&cycle, "%s -> ", r->v[path[i]].name);
    if (n > from + 8)
        buf_puts(&cycle, "... -> ");
    error_set(err, VIV_EINVAL,
              "rule '%s' begins with itself (%s%s): left recursion has no first token; write the repetition with "
              "* or +, or let the rule end with itself",
              r->v[rule].name, buf_text(&cycle), r->v[rule].name);
    buf_release(&cycle);
    return err->status;
}

static viv_status check_recursion(const struct rules *r, const struct facts *f, struct error *err)
{
    struct graph_of_rules g = {0};
    enum { NEW, OPEN, DONE };
    bool ok = refer_all(r, f, &g);
    uint8_t *state = calloc(r->n + 1, 1);
    uint32_t *path = calloc(r->n + 1, sizeof *path);
    size_t *at = calloc(r->n + 1, sizeof *at);
    ok = ok && state && path && at;
    viv_status status = ok ? VIV_OK : error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < r->n; i++) {
        size_t n = 0;
        if (state[i] != NEW)
            continue;
        path[n++] = (uint32_t)i;
        state[i] = OPEN;
        at[i] = g.first[i];
        while (status == VIV_OK && n) {
            const uint32_t rule = path[n - 1];
            if (at[rule] == g.first[rule + 1]) {
                state[rule] = DONE;
                n--;
                continue;
            }
            const uint32_t next = g.all.v[at[rule]++];
            if (state[next] == OPEN) {
                status = refuse_recursion(r, path, n, next, err);
            } else if (state[next] == NEW) {
                state[next] = OPEN;
                at[next] = g.first[next];
                path[n++] = next;
            }
        }
    }
    free(state);
    free(path);
    free(at);
    release_graph(&g);
    return status;
}

void facts_release(struct facts *f)
{
    free(f->nullable);
    free(f->productive);
    free(f->not_empty);
    *f = (struct facts){0};
}

viv_status tree_check(const struct rules *r, struct facts *out, struct error *err)
{
    struct graph_of_rules g = {0};
    const size_t n = 2 * r->n + MAX_SHARED + 1; /* each may get a twin without the empty text */
    struct facts f = {
        .nullable = calloc(n, 1), .productive = calloc(n, 1), .not_empty = calloc(n, sizeof *f.not_empty)};
    bool ok = f.nullable && f.productive && f.not_empty && refer_all(r, NULL, &g);
    ok = ok && spread(r, &g, &f, f.nullable, tree_nullable) && spread(r, &g, &f, f.productive, tree_productive);
    release_graph(&g);
    viv_status status = ok ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && !f.productive[r->root])
        status = error_set(err, VIV_EINVAL,
                           "rule '%s' allows no text at all: what it demands contradicts itself or never ends",
                           r->v[r->root].name);
    if (status == VIV_OK)
        status = check_recursion(r, &f, err);
    if (status == VIV_OK)
        *out = f;
    else
        facts_release(&f);
    return status;
}

/* --- without the empty text --------------------------------------------------------------------------------------
 */

/* One of the first i is the first that is not empty. */
static const struct tree *cat_not_empty(struct rules *r, const struct tree *t, struct facts *f)
{
    struct tree_list l = {0};
    for (uint32_t i = 0; i < t->n; i++) {
        struct tree_list rest = {0};
        tree_list_add(&rest, tree_not_empty(r, t->kids[i], f));
        for (uint32_t k = i + 1; k < t->n; k++)
            tree_list_add(&rest, t->kids[k]);
        tree_list_add(&l, rest.failed ? NULL : tree_cat(r, rest.v, rest.n));
        tree_list_release(&rest);
        if (!tree_nullable(t->kids[i], f))
            break;
    }
    const struct tree *out = l.failed ? NULL : tree_alt(r, l.v, l.n);
    tree_list_release(&l);
    return out;
}

static const struct tree *alt_not_empty(struct rules *r, const struct tree *t, struct facts *f)
{
    struct tree_list l = {0};
    for (uint32_t i = 0; i < t->n; i++)
        tree_list_add(&l, tree_not_empty(r, t->kids[i], f));
    const struct tree *out = l.failed ? NULL : tree_alt(r, l.v, l.n);
    tree_list_release(&l);
    return out;
}

/* A rule of its own, made once. */
static const struct tree *rule_not_empty(struct rules *r, uint32_t rule, struct facts *f)
{
    if (f->not_empty[rule] == 0) {
        const uint32_t made = rules_add(r, r->v[rule].name, strlen(r->v[rule].name));
        if (made == UINT32_MAX)
            return NULL;
        f->not_empty[rule] = made;
        const struct tree *body = tree_not_empty(r, r->v[rule].body, f);
        r->v[made].body = body;
        f->productive[made] = body && tree_productive(body, f);
    }
    return tree_rule(r, f->not_empty[rule]);
}

const struct tree *tree_not_empty(struct rules *r, const struct tree *t, struct facts *f)
{
    if (!tree_nullable(t, f))
        return t;
    switch (t->kind) {
    case TREE_CAT:
        return cat_not_empty(r, t, f);
    case TREE_ALT:
        return alt_not_empty(r, t, f);
    case TREE_REPEAT:
        return t->max == 0 ? tree_never(r) : tree_repeat(r, tree_not_empty(r, t->kids[0], f), 1, t->max);
    case TREE_RULE:
        return rule_not_empty(r, t->rule, f);
    default:
        return tree_never(r); /* the empty text alone */
    }
}
