/* automaton.c - see automaton.h: Thompson's construction, then sets of its states (Hopcroft, Motwani and Ullman
 * 2006). */
#include "grammar/automaton.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX, MAX_PIECES = 1 << 16, MAX_WORK = 1 << 28 /* steps that are looked at */ };

void automaton_destroy(struct automaton *a)
{
    if (!a)
        return;
    free(a->states);
    free(a->arcs);
    free(a);
}

bool automaton_is_empty(const struct automaton *a)
{
    return a->n == 0;
}

static viv_status too_large(struct error *err)
{
    return error_set(err, VIV_ELIMIT,
                     "too large for an automaton (more than %d states); make its repetitions smaller", MAX_STATES);
}

/* A state with arcs to come; its number. NONE: too many, or memory is out. */
static uint32_t add_state(struct automaton *a, bool ends)
{
    if (a->n >= MAX_STATES || !VEC_RESERVE(a->states, a->n, a->states_capacity))
        return NONE;
    a->states[a->n] = (struct state){.first = (uint32_t)a->n_arcs, .ends = ends};
    return (uint32_t)a->n++;
}

/* Adds an arc to a state, which is the last that got any; joins it to the one before. */
static bool add_arc(struct automaton *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to)
{
    struct state *s = &a->states[from];
    struct arc *last = s->n ? &a->arcs[a->n_arcs - 1] : NULL;
    if (s->n == 0)
        s->first = (uint32_t)a->n_arcs;
    if (s->n && last->to == to && last->hi + 1 == lo) {
        last->hi = hi;
        return true;
    }
    if (a->n_arcs >= MAX_ARCS || !VEC_RESERVE(a->arcs, a->n_arcs, a->arcs_capacity))
        return false;
    a->arcs[a->n_arcs++] = (struct arc){lo, hi, to};
    s->n++;
    return true;
}

/* Takes states away that reach no end, and counts characters to one. */
static viv_status trim(struct automaton *a, struct error *err)
{
    uint32_t *renamed = calloc(a->n + 1, sizeof *renamed);
    if (!renamed)
        return error_nomem(err);
    for (size_t i = 0; i < a->n; i++)
        a->states[i].to_end = a->states[i].ends ? 0 : NONE;
    /* In rounds; each state is settled in the round of its distance, so there are as many as the longest. A queue
     * of predecessors would need lists of them. */
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = a->n; i-- > 0;) {
            struct state *s = &a->states[i];
            for (uint32_t k = 0; k < s->n; k++) {
                const uint32_t far = a->states[a->arcs[s->first + k].to].to_end;
                if (far != NONE && far + 1 < s->to_end) {
                    s->to_end = far + 1;
                    changed = true;
                }
            }
        }
    }
    uint32_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        renamed[i] = a->states[i].to_end == NONE ? NONE : n++;
    if (a->n && renamed[0] == NONE) {
        a->n = a->n_arcs = 0;
        free(renamed);
        return VIV_OK;
    }
    size_t n_arcs = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct state s = a->states[i];
        const uint32_t first = (uint32_t)n_arcs;
        uint32_t kept = 0;
        for (uint32_t k = 0; k < s.n && renamed[i] != NONE; k++) {
            struct arc arc = a->arcs[s.first + k];
            if (renamed[arc.to] == NONE)
                continue;
            arc.to = renamed[arc.to];
            a->arcs[n_arcs++] = arc;
            kept++;
        }
        s.first = first;
        s.n = kept;
        if (renamed[i] != NONE)
            a->states[renamed[i]] = s;
    }
    a->n = n;
    a->n_arcs = n_arcs;
    free(renamed);
    return VIV_OK;
}

/* --- from an expression: pieces ----------------------------------------------------------------------------------
 */

/* A state of Thompson's machine: two empty steps, or a step by a set of characters. */
struct piece {
    const struct charset *set; /* NULL: empty steps */
    uint32_t byte;             /* without a set, not NONE: this one character */
    uint32_t a, b;             /* NONE: no step */
};
struct pieces {
    struct piece *v;
    size_t n, capacity, work;
    viv_status status;
    struct error *err;
};

static uint32_t add_piece(struct pieces *p, const struct charset *set, uint32_t byte, uint32_t a, uint32_t b)
{
    if (p->status != VIV_OK)
        return 0;
    if (p->n >= MAX_PIECES) {
        p->status = too_large(p->err);
        return 0;
    }
    if (!VEC_RESERVE(p->v, p->n, p->capacity)) {
        p->status = error_nomem(p->err);
        return 0;
    }
    p->v[p->n] = (struct piece){set, byte, a, b};
    return (uint32_t)p->n++;
}

static uint32_t make(struct pieces *p, const struct tree *t, uint32_t next);

/* The characters of a text, which is UTF-8. */
static uint32_t make_text(struct pieces *p, const struct tree *t, uint32_t next)
{
    for (uint32_t end = t->n; end > 0;) {
        uint32_t begin = end - 1, c = (unsigned char)t->bytes[begin], shift = 0, low = 0;
        while (begin > 0 && (c & 0xC0) == 0x80) {
            low |= (c & 0x3F) << shift;
            shift += 6;
            c = (unsigned char)t->bytes[--begin];
        }
        if (shift)
            c = (c & (0x7Fu >> (shift / 6 + 1))) << shift | low;
        next = add_piece(p, NULL, c, next, NONE);
        end = begin;
    }
    return next;
}

static uint32_t make_repeat(struct pieces *p, const struct tree *t, uint32_t next)
{
    if (t->max == UNBOUNDED) {
        const uint32_t loop = add_piece(p, NULL, NONE, NONE, next);
        const uint32_t body = make(p, t->kids[0], loop);
        if (p->status != VIV_OK)
            return 0;
        p->v[loop].a = body;
        next = loop;
    } else {
        for (uint32_t i = t->min; i < t->max && p->status == VIV_OK; i++)
            next = add_piece(p, NULL, NONE, make(p, t->kids[0], next), next); /* x? x? ... nest: either way on */
    }
    for (uint32_t i = 0; i < t->min && p->status == VIV_OK; i++)
        next = make(p, t->kids[0], next);
    return next;
}

static uint32_t make(struct pieces *p, const struct tree *t, uint32_t next)
{
    if (p->status == VIV_OK && ++p->work > 16 * MAX_PIECES) /* a repetition of the empty text makes no piece */
        p->status = too_large(p->err);
    if (p->status != VIV_OK)
        return 0;
    switch (t->kind) {
    case TREE_BYTES:
        return make_text(p, t, next);
    case TREE_CLASS:
        return add_piece(p, t->set, NONE, next, NONE);
    case TREE_CAT:
        for (uint32_t i = t->n; i-- > 0;)
            next = make(p, t->kids[i], next);
        return next;
    case TREE_ALT: {
        uint32_t all = add_piece(p, NULL, NONE, NONE, NONE);
        for (uint32_t i = 0; i < t->n; i++)
            all = add_piece(p, NULL, NONE, all, make(p, t->kids[i], next));
        return all;
    }
    case TREE_REPEAT:
        return make_repeat(p, t, next);
    default:
        p->status = error_set(p->err, VIV_EINTERNAL, "an automaton is asked of an expression with rules");
        return 0;
    }
}

/* --- from pieces: sets of them -------------------------------------------------------------------------------- */

/* Sets of numbers, each known by its place. */
struct sets {
    uint32_t *items; /* all sets, one after another */
    size_t n_items, items_capacity;
    struct place {
        size_t first;
        uint32_t n;
    } * v;
    size_t n, capacity;
    uint32_t *table;
    size_t table_size;
};

static void sets_release(struct sets *s)
{
    free(s->items);
    free(s->v);
    free(s->table);
}

static uint64_t hash_items(const uint32_t *v, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ v[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 31;
    }
    return h;
}

/* The number of a sorted set; *added: it is a new one. NONE: memory is out. */
static uint32_t sets_find(struct sets *s, const uint32_t *v, uint32_t n, bool *added)
{
    if (2 * s->n >= s->table_size) {
        const size_t size = s->table_size ? 2 * s->table_size : 256;
        uint32_t *table = calloc(size, sizeof *table);
        if (!table)
            return NONE;
        for (size_t i = 0; i < s->n; i++) {
            size_t at = hash_items(s->items + s->v[i].first, s->v[i].n) & (size - 1);
            while (table[at])
                at = (at + 1) & (size - 1);
            table[at] = (uint32_t)i + 1;
        }
        free(s->table);
        s->table = table;
        s->table_size = size;
    }
    size_t at = hash_items(v, n) & (s->table_size - 1);
    for (; s->table[at]; at = (at + 1) & (s->table_size - 1)) {
        const struct place *p = &s->v[s->table[at] - 1];
        if (p->n == n && (n == 0 || memcmp(s->items + p->first, v, n * sizeof *v) == 0)) {
            *added = false;
            return s->table[at] - 1;
        }
    }
    if (!VEC_RESERVE(s->v, s->n, s->capacity))
        return NONE;
    s->v[s->n] = (struct place){s->n_items, n};
    for (uint32_t i = 0; i < n; i++) {
        if (!VEC_RESERVE(s->items, s->n_items, s->items_capacity))
            return NONE;
        s->items[s->n_items++] = v[i];
    }
    s->table[at] = (uint32_t)s->n + 1;
    *added = true;
    return (uint32_t)s->n++;
}

struct subset {
    struct pieces *p;
    struct sets sets;
    struct automaton *a;
    uint32_t end;                 /* the piece at which a text ends */
    uint32_t *mark, *stack, *set; /* [p->n] */
    uint32_t round, n_set;
    uint64_t work;
    struct arc *steps; /* of the pieces of a set: characters, and the piece they lead to */
    size_t n_steps, steps_capacity;
    uint32_t *cuts;
    size_t n_cuts, cuts_capacity;
};

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Adds a piece and what empty steps lead to; pieces of empty steps alone are left out, but for the end. */
static void reach(struct subset *s, uint32_t piece)
{
    uint32_t n = 0;
    if (s->mark[piece] == s->round)
        return;
    s->mark[piece] = s->round;
    s->stack[n++] = piece;
    while (n) {
        s->work++;
        const uint32_t at = s->stack[--n];
        const struct piece *p = &s->p->v[at];
        if (p->set || p->byte != NONE || at == s->end) {
            s->set[s->n_set++] = at;
            continue;
        }
        const uint32_t next[] = {p->a, p->b};
        for (int i = 0; i < 2; i++)
            if (next[i] != NONE && s->mark[next[i]] != s->round) {
                s->mark[next[i]] = s->round;
                s->stack[n++] = next[i];
            }
    }
}

/* The state of the set that was reached; NONE: memory is out, or there are too many. */
static uint32_t state_of_set(struct subset *s)
{
    bool added, ends = false;
    qsort(s->set, s->n_set, sizeof *s->set, ascending);
    for (uint32_t i = 0; i < s->n_set; i++)
        ends = ends || s->set[i] == s->end;
    const uint32_t found = sets_find(&s->sets, s->set, s->n_set, &added);
    if (found == NONE || (added && add_state(s->a, ends) == NONE))
        return NONE;
    return found;
}

static bool add_cut(struct subset *s, uint32_t at)
{
    if (!VEC_RESERVE(s->cuts, s->n_cuts, s->cuts_capacity))
        return false;
    s->cuts[s->n_cuts++] = at;
    return true;
}

static bool add_step(struct subset *s, uint32_t lo, uint32_t hi, uint32_t to)
{
    if (!VEC_RESERVE(s->steps, s->n_steps, s->steps_capacity))
        return false;
    s->steps[s->n_steps++] = (struct arc){lo, hi, to};
    return add_cut(s, lo) && add_cut(s, hi + 1);
}

/* The arcs of one state: between two cuts, all characters lead to the same set. */
static bool leave(struct subset *s, uint32_t state)
{
    const struct place place = s->sets.v[state];
    bool ok = true;
    s->n_steps = s->n_cuts = 0;
    for (uint32_t i = 0; ok && i < place.n; i++) {
        const struct piece *p = &s->p->v[s->sets.items[place.first + i]];
        if (p->byte != NONE && !p->set)
            ok = add_step(s, p->byte, p->byte, p->a);
        for (size_t k = 0; ok && p->set && k < p->set->n; k++)
            ok = add_step(s, p->set->v[k].lo, p->set->v[k].hi, p->a);
    }
    if (ok && s->n_cuts)
        qsort(s->cuts, s->n_cuts, sizeof *s->cuts, ascending);
    for (size_t i = 0; ok && i + 1 < s->n_cuts; i++) {
        const uint32_t lo = s->cuts[i], hi = s->cuts[i + 1] - 1;
        if (s->cuts[i] == s->cuts[i + 1])
            continue;
        s->work += s->n_steps;
        ok = s->work <= MAX_WORK;
        s->round++;
        s->n_set = 0;
        for (size_t k = 0; ok && k < s->n_steps; k++)
            if (s->steps[k].lo <= lo && hi <= s->steps[k].hi)
                reach(s, s->steps[k].to);
        if (s->n_set == 0)
            continue;
        const uint32_t to = state_of_set(s);
        ok = to != NONE && add_arc(s->a, state, lo, hi, to);
    }
    return ok;
}

viv_status automaton_of(const struct tree *t, struct automaton **out, struct error *err)
{
    struct pieces p = {.err = err};
    struct subset s = {.p = &p};
    s.end = add_piece(&p, NULL, NONE, NONE, NONE);
    const uint32_t start = make(&p, t, s.end);
    viv_status status = p.status;
    if (status == VIV_OK) {
        s.mark = calloc(p.n, sizeof *s.mark);
        s.stack = calloc(p.n, sizeof *s.stack);
        s.set = calloc(p.n, sizeof *s.set);
        s.a = calloc(1, sizeof *s.a);
        if (!s.mark || !s.stack || !s.set || !s.a)
            status = error_nomem(err);
    }
    if (status == VIV_OK) {
        s.a->max = UNBOUNDED;
        s.round = 1;
        reach(&s, start);
        bool ok = state_of_set(&s) != NONE;
        for (uint32_t i = 0; ok && i < s.sets.n; i++)
            ok = leave(&s, i);
        if (!ok)
            status = s.work > MAX_WORK || s.a->n >= MAX_STATES || s.a->n_arcs >= MAX_ARCS ? too_large(err)
                                                                                          : error_nomem(err);
    }
    if (status == VIV_OK)
        status = trim(s.a, err);
    sets_release(&s.sets);
    free(p.v);
    free(s.mark);
    free(s.stack);
    free(s.set);
    free(s.steps);
    free(s.cuts);
    if (status == VIV_OK)
        *out = s.a;
    else
        automaton_destroy(s.a);
    return status;
}

/* --- two of them ---------------------------------------------------------------------------------------------- */

/* Where the next arc of a state begins and ends from `at` on; its target, or NONE. */
static uint32_t arc_at(const struct automaton *a, uint32_t state, uint32_t *k, uint32_t at, uint32_t *hi)
{
    *hi = MAX_CODE_POINT;
    if (state == NONE)
        return NONE;
    const struct state *s = &a->states[state];
    while (*k < s->n && a->arcs[s->first + *k].hi < at)
        ++*k;
    if (*k == s->n)
        return NONE;
    const struct arc *arc = &a->arcs[s->first + *k];
    *hi = arc->lo <= at ? arc->hi : arc->lo - 1;
    return arc->lo <= at ? arc->to : NONE;
}

viv_status automaton_both(const struct automaton *a, const struct automaton *b, bool without,
                          struct automaton **out, struct error *err)
{
    struct sets pairs = {0};
    struct automaton *made = calloc(1, sizeof *made);
    bool ok = made != NULL, added;
    if (ok) {
        made->max = UNBOUNDED;
        made->json = a->json;
    }
    if (ok && a->n) {
        const uint32_t first[] = {0, b->n ? 0 : NONE};
        ok = sets_find(&pairs, first, 2, &added) != NONE;
    }
    for (uint32_t i = 0; ok && i < pairs.n; i++) {
        const uint32_t x = pairs.items[pairs.v[i].first], y = pairs.items[pairs.v[i].first + 1];
        const bool b_ends = y != NONE && b->states[y].ends;
        ok = add_state(made, a->states[x].ends && b_ends != without) != NONE;
        uint32_t ka = 0, kb = 0;
        for (uint32_t at = 0, end; ok && at <= MAX_CODE_POINT; at = end + 1) {
            uint32_t a_hi, b_hi;
            const uint32_t pair[] = {arc_at(a, x, &ka, at, &a_hi), arc_at(b, y, &kb, at, &b_hi)};
            end = a_hi < b_hi ? a_hi : b_hi;
            if (pair[0] == NONE || (pair[1] == NONE && !without))
                continue;
            const uint32_t to = sets_find(&pairs, pair, 2, &added);
            ok = to != NONE && pairs.n <= MAX_STATES && add_arc(made, i, at, end, to);
        }
    }
    viv_status status = ok                                                           ? trim(made, err)
                        : pairs.n > MAX_STATES || (made && made->n_arcs >= MAX_ARCS) ? too_large(err)
                                                                                     : error_nomem(err);
    sets_release(&pairs);
    if (status == VIV_OK)
        *out = made;
    else
        automaton_destroy(made);
    return status;
}

viv_status automaton_at_least(const struct automaton *a, uint32_t min, struct automaton **out, struct error *err)
{
    struct automaton count = {0};
    bool ok = min < MAX_STATES;
    for (uint32_t i = 0; ok && i <= min; i++) {
        ok = add_state(&count, i == min) != NONE;
        ok = ok && add_arc(&count, i, 0, MAX_CODE_POINT, i < min ? i + 1 : i);
    }
    viv_status status = ok ? automaton_both(a, &count, false, out, err) : too_large(err);
    free(count.states);
    free(count.arcs);
    return status;
}
