/* program.h - a grammar as a program over bytes; tree.h's rules, compiled.
 *
 * A thread of the program is an instruction with a stack, whose frames are return addresses and counters:
 *
 *   BYTES   read a byte; each range of its edges goes to another instruction
 *   SPLIT   a and b
 *   CALL    push the return address b, go to rule a;   JUMP: go to rule a
 *   RETURN  pop it; with an empty stack, the text may end
 *   PUSH    push counter a at 0, go to b
 *   LOOP    c: the count. c < max: c + 1 and b; c >= min: pop and c. Without a counter: b and c
 *   TICK    c: the count. c + 1 + c-th operand <= max: c + 1 and b
 *   CHECK   the same without counting: inside a character, where one of those that may come can be counted
 *   POP     pop the counter, go to b
 *
 * Nothing in a program leads nowhere: from each instruction, an end can be reached. A program is immutable. */
#ifndef GRAMMAR_PROGRAM_H
#define GRAMMAR_PROGRAM_H

#include "base/error.h"
#include "grammar/tree.h"

enum opcode {
    OP_FAIL,
    OP_BYTES,
    OP_SPLIT,
    OP_CALL,
    OP_JUMP,
    OP_RETURN,
    OP_PUSH,
    OP_LOOP,
    OP_TICK,
    OP_CHECK,
    OP_POP
};
enum { NO_COUNTER = UINT32_MAX, MAX_INSTRUCTIONS = 1 << 22, MAX_EDGES = 1 << 23 };

struct edge {
    uint8_t lo, hi;
    uint32_t to;
};
struct instruction {
    uint8_t op;
    bool is_text;     /* BYTES: all plain text leads back here; c: which of the texts it is */
    uint32_t a, b, c; /* BYTES: a: the first edge, b: their number */
};
struct counter {
    uint32_t min, max; /* max: UNBOUNDED */
    uint32_t slack;    /* the largest operand of a TICK or CHECK */
    uint32_t loop;     /* its LOOP; 0: it has TICKs */
};
/* A loop over plain text. */
struct text_loop {
    uint32_t loop;    /* the instruction by way of which it leads back: LOOP, TICK, or what counts nothing */
    uint64_t leaving; /* bytes that what follows it may begin with, as bits (charset.h); all: it is not known */
};
struct program {
    struct instruction *code;
    struct edge *edges;
    struct counter *counters;
    struct text_loop *texts;
    uint32_t *entries; /* [n_rules] */
    size_t n_code, n_edges, n_counters, n_texts, n_rules;
    uint32_t root;        /* a rule */
    uint8_t classes[256]; /* bytes that no instruction tells apart have the same class */
    uint32_t n_classes;
    uint8_t samples[256]; /* [n_classes] a byte of each */
    uint64_t *distance;   /* [n_code] bytes to the end of the rule, at least (shortest.c) */
};

/* Compiles rules. Fails if they have no text, are left-recursive, or too large. */
viv_status program_compile(struct rules *rules, struct program **out, struct error *err);
/* Fills in what leaves the loops over text (text_loop.c). */
void program_find_leaving(struct program *p);
/* The bytes that an instruction BYTES reads, as bits. */
uint64_t bytes_read(const struct program *p, const struct instruction *i);
/* Fills in the distances; false: memory is out. */
bool program_measure(struct program *p);
#define FAR ((uint64_t)1 << 40) /* no way */
/* What the rounds that a counter still has to have add. */
uint64_t loop_distance(const struct program *p, uint32_t counter, uint32_t count);
void program_destroy(struct program *p); /* accepts NULL */

#endif
