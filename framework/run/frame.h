/* frame.h - everything about the running step of a model: its rows, checked and copied, how they lie behind each
 * layer, the buffers, and what each layer is handed. Allocated once, filled for each step; step.c runs it. */
#ifndef RUN_FRAME_H
#define RUN_FRAME_H

#include "run/run.h"
#include "run/sequence.h"

#include <pthread.h>

/* The rows of a level of the graph in the running step. */
struct level {
    uint64_t n_rows;
    viv_grid *grids;        /* [max_spans] */
    struct block positions; /* int32_t [n_rows] within each span; not of the level that enters a stack */
    struct block axes;      /* int32_t [n_rows][VIV_N_AXES] in the grid of each span; not of a stack of tokens */
};

/* Everything about the running step. Allocated once, filled for each step. */
struct step_frame {
    viv_step step;
    enum stack_id stack;
    const struct stack_run *run; /* of that stack */
    struct level *levels;        /* [graph->n_levels] */
    struct block entry;          /* the rows that enter the stack: [n_rows, input_dim] */
    viv_exec *execs;             /* [n_nodes] */
    const float **inputs;        /* [all inputs of all nodes] */
    viv_span *spans;             /* [n_nodes][max_spans]: caches differ by layer */
    const viv_span **span_list;  /* the same */
    uint32_t max_spans;
    int32_t *tokens, *positions, *types; /* [max_rows] */
    const float **vectors;               /* [max_rows] */
    uint8_t *output_rows;                /* [max_rows] */
    uint64_t *sees;                      /* [max_rows] */
    int32_t *axes;                       /* [max_rows][VIV_N_AXES] of tokens */
    bool both_ways;                      /* some row sees more than those up to itself */
    bool has_axes;                       /* some token is elsewhere than at its number */
    uint64_t n_rows, n_output_rows;
    bool dropping; /* this step has rows whose output is not returned */
    void (*told)(void *told_ctx, uint64_t done, uint64_t total); /* of the caller, who wants to know; or NULL */
    void *told_ctx;
    pthread_t caller;
    uint32_t told_node; /* the last one that was told */
    pthread_mutex_t lock;
    struct error error; /* the first failure of any worker */

    /* a plugin's layers (guard.c) */
    uint32_t guarded;   /* the node that runs now, or NONE */
    uint64_t n_tasks;   /* of its phases so far */
    uint32_t input_sum; /* checksum of its inputs before it runs */
    bool proved;        /* a step has succeeded: checks of the first step are done */
};
/* Room for n sequences. */
viv_status frame_reserve_spans(viv_model *m, uint32_t n, struct error *err);
/* For steps of so many rows of a stack. */
viv_status frame_reserve_buffers(viv_model *m, enum stack_id id, uint64_t n_rows, uint64_t n_output_rows,
                                 struct error *err);

/* For the rows of a step, in this order: the stack that they run through; a checked copy; their grids behind each
 * layer that changes them; the matrix of those that enter as vectors; and, with all buffers there, the layers'
 * viv_exec. */
viv_status frame_choose_stack(viv_model *m, const viv_rows *const *rows, uint32_t n, struct error *err);
viv_status frame_take_rows(viv_model *m, const viv_rows *const *rows, uint32_t n, struct error *err);
viv_status frame_lay_out(viv_model *m, const viv_rows *const *rows, uint32_t n, struct error *err);
viv_status frame_take_entry(const viv_model *m, struct error *err);
void frame_fill_execs(viv_model *m, const viv_rows *const *rows, uint32_t n);

/* The most rows that one sequence has behind any layer. */
uint64_t frame_most_rows(const viv_model *m, uint32_t s);
/* The stack that the caller names, or NULL. */
const char *frame_stack_name(const viv_rows *rows);

#endif
