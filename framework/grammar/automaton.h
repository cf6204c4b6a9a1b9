/* automaton.h - deterministic automata over characters, for what expressions cannot say: both of two languages, all
 * but a language. They are made of expressions without rules, and are trimmed: every state can reach an end. */
#ifndef GRAMMAR_AUTOMATON_H
#define GRAMMAR_AUTOMATON_H

#include "base/error.h"
#include "grammar/tree.h"

enum { MAX_STATES = 1 << 14, MAX_ARCS = 1 << 20 };

struct arc {
    uint32_t lo, hi, to; /* characters */
};
struct automaton {
    struct state {
        uint32_t first, n; /* arcs, sorted, that do not overlap */
        bool ends;
        uint32_t to_end; /* least number of characters to an end */
    } * states;          /* [n]; 0: the start; none: no text at all */
    struct arc *arcs;
    size_t n, n_arcs, states_capacity, arcs_capacity;
    bool json;    /* characters are written as in a JSON string, with escapes where they are needed */
    uint32_t max; /* of characters; UNBOUNDED */
};

/* Of an expression; too many states are VIV_ELIMIT. */
viv_status automaton_of(const struct tree *t, struct automaton **out, struct error *err);
/* Texts of both; or of `a` alone (b is taken away). */
viv_status automaton_both(const struct automaton *a, const struct automaton *b, bool without,
                          struct automaton **out, struct error *err);
/* At least this many characters. */
viv_status automaton_at_least(const struct automaton *a, uint32_t min, struct automaton **out, struct error *err);
bool automaton_is_empty(const struct automaton *a);
void automaton_destroy(struct automaton *a); /* accepts NULL */

#endif
