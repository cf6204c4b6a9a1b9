/* blocks.h - the layers of a graph as a person would draw them: branches as blocks in blocks, rounds of a repeat
 * that are equal once, rounds that alternate as a repeat of repeats.
 *
 *   28 x          repeat, rounds = 28
 *     residual    join: what is inside, then the layer that joins it to what came in
 *       rms_norm  layer                                                                                  */
#ifndef CLI_COMPARE_BLOCKS_H
#define CLI_COMPARE_BLOCKS_H

#include "cli/compare/facts.h"

enum block_kind { BLOCK_LAYER, BLOCK_JOIN, BLOCK_BRANCH, BLOCK_REPEAT };

struct range {
    uint64_t least, most;
};

struct block {
    enum block_kind kind;
    const struct graph_node *node;   /* the layer; of a join, what joins; NULL of branches and repeats */
    uint32_t part;                   /* VIV_MODEL_PART_... of a layer */
    uint32_t depth;                  /* in the spec */
    uint32_t output;                 /* the value that it ends with */
    uint64_t rounds;                 /* of a repeat */
    uint64_t times;                  /* how often a layer stands in the model */
    double amount;                   /* of what is measured, all times together, all blocks inside */
    double at_work;                  /* of that, what works on one token */
    const struct graph_node *lender; /* of a layer all of whose weights are another's, that one; or NULL */
    bool passes_by;                  /* a join to which what came in goes, too */
    bool reads_encoder;              /* a layer with a cache of the encoder output */
    struct range in, out;            /* features of a row of a layer, of all times; in 0: tokens */
    struct block *inner, *next;
};

struct blocks {
    struct arena arena;
    struct block *stacks[N_STACKS]; /* NULL: there is no such stack */
    const char *names[N_STACKS];    /* of the model's */
    double total;                   /* with weights that no layer reads, which are in no block */
    double total_at_work;
    double parts[N_MODEL_PARTS];
};

/* What a block's amount is. */
enum measure { MEASURE_PARAMS, MEASURE_FLOPS };

/* Of a model whose facts outlive them. `context`: tokens that a token sees, for operations. `most_kinds`: of rounds
 * in a repeat; where there are more, their numbers do not tell them apart, and layers have ranges; 0: any number.
 */
enum { DRAWN_KINDS = 6 };
viv_status blocks_make(const struct facts *f, enum measure measure, uint64_t context, uint32_t most_kinds,
                       struct blocks *out, struct error *err);
void blocks_release(struct blocks *b);

/* Attributes that are numbers or words, as a spec would write them: "eps: 1e-5, n_heads: 32". */
void blocks_node_attrs(const struct node *n, struct buf *out);

#endif
