/* grammar.h - grammars that an answer keeps to: which tokens may come next.
 *
 * The design. Every source (JSON Schema, GBNF, Lark, regular expression, choices) becomes rules of expressions
 * (tree.h), and these one program of a byte-level pushdown automaton (program.h): byte ranges, calls, alternatives,
 * counters. A configuration is the set of all threads that the program may be at, each an instruction with a stack
 * of return addresses and counters. Configurations and stacks are hash-consed, and the table (configuration, byte)
 * -> configuration is filled in as it is needed (recogniser.h): what is warm runs at the speed of a table.
 *
 * The mask of a configuration is one walk over the trie of the vocabulary (token_trie.h). Tokens that are plain
 * text, nearly all of them, are a ready mask of their own: where the grammar allows any text, only the rest of the
 * trie is walked. Counters that no token can bring to their bounds count as equal for masks, so a string of 100,000
 * characters has few different masks. Masks are cached.
 *
 * A special token is no text. A grammar may name it; then the program reads its mark, bytes that no text has.
 *
 * Sound or refused: what a grammar cannot enforce is an error when it is compiled. All memory is bounded: full
 * tables are collected, and only what sequences point at stays. After warm-up, a step allocates nothing.
 *
 * A struct grammar and its states are for one thread at a time. */
#ifndef GRAMMAR_GRAMMAR_H
#define GRAMMAR_GRAMMAR_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <vivarium/request.h>

struct program;
struct token_trie;

/* What a grammar is written in: VIV_GRAMMAR_... */
struct grammar_source {
    uint32_t kind;
    const char *name; /* what errors call it; or NULL: its kind */
    const char *text;
    size_t size;
    bool lenient;                  /* keywords of a JSON Schema that cannot be enforced are notes, not errors */
    const struct token_trie *trie; /* the vocabulary whose tokens it may name; NULL: a token is its text */
};

/* Compiles. *notes: sentences, a line each, of what is not enforced; may be NULL. */
viv_status grammar_compile(const struct grammar_source *source, struct program **out, struct buf *notes,
                           struct error *err);

/* "JSON Schema", "regular expression", ... */
const char *grammar_kind_name(uint32_t kind);

#endif
