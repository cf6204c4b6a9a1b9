/* sequence.h - runs a model's graph over rows of sequences, as a service: VIV_SERVICE_SEQUENCES.
 *
 * An encoder-decoder model has two stacks of layers. First all tokens of the input go through the encoder, in one step;
 * the output rows of that step are the sequence's encoder output. Then the graph, which is the decoder, runs over the
 * tokens of the answer, and its cross-attention layers read the encoder output. Running the encoder again starts the
 * sequence anew.
 *
 * Threads. All sequences of one model share its memory, workers and plan, so [setup] is here one thread at a time per
 * model: a model runs one step at a time, and while it does, no other [setup] function may be called for it or for any
 * sequence of it, not even for one that takes no part in the step. Those that are [any] may. Different models exclude
 * nothing of each other. What several requests should compute at the same time is one step with rows of each. A step may
 * be ended from any thread by making *cancel non-zero. */
#ifndef VIVARIUM_SEQUENCE_H
#define VIVARIUM_SEQUENCE_H

#include <vivarium/architecture.h>
#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_SEQUENCES "viv.sequences/0"

enum {
    VIV_ROWS_ENCODER = 1, /* rows for the encoder instead of the graph; all are output rows */
    /* Rows that may be taken back (truncate): speculative decoding. The step fails with VIV_ERANGE, and leaves the sequence
     * as it was, if one step for each row would compute something else: where the cache of earlier tokens must become
     * different on the way (because of the length, or of a number too large for its type). Then do just that. */
    VIV_ROWS_DRAFT = 2
};

/* Rows to compute: consecutive tokens of one sequence. Several of these, of one stack, make a step. */
typedef struct viv_rows {
    uint32_t struct_size, flags;
    viv_sequence *sequence;
    uint64_t n_rows;
    const int32_t *tokens;        /* [n_rows] token ids; -1 for a row that vectors[r] gives */
    const float *const *vectors;  /* [n_rows] or NULL */
    const uint8_t *output_rows;   /* [n_rows] non-zero: return this row's output; NULL: only the last row's */
    const int32_t *types;         /* [n_rows] token types: 1 for the second text of a pair, else 0; or NULL: all 0 */
    /* Tokens of the whole prompt, equal in all steps of its prefill: in some models the cache of each part depends on
     * it. 0: what the sequence holds of it; for a new sequence: n_rows. Rows after the prompt continue the sequence one
     * by one. More than the context length is refused. */
    uint64_t length;
    /* The stack that the rows go through, by its name in the spec's `stacks`; NULL: the encoder or the graph, by `flags`.
     * Such a stack takes vectors (of stack_input features; then all rows have one), returns all rows that it makes, and
     * leaves nothing in the sequence. */
    const char *stack;
    const viv_grid *grid; /* how the rows lie; NULL: as the stack before has left them in this sequence, or as one line */
    /* Of the first rows of a step: told now and then how many of its layers are done; or NULL.
     * [setup: in step] */
    void (*told)(void *told_ctx, uint64_t done, uint64_t total);
    void *told_ctx;
} viv_rows;

enum {
    /* In causal attention, these rows see each other both ways. They must come in one step: see next_rows. */
    VIV_PLACEMENT_BOTH_WAYS = 1
};

/* Vectors that take the place of tokens of a sequence, such as those of a picture: rows [first, first + n_rows) of the
 * graph come as these vectors instead of by their tokens, whenever they are computed. They may have positions of their
 * own on each axis; the rows behind them go on `advance` positions after the first, on all axes. */
typedef struct viv_placement {
    uint32_t struct_size, flags;
    uint64_t first, n_rows;
    /* [n_rows] each of vector_dim features, or NULL for a row that stays a token; NULL: all do */
    const float *const *vectors;
    uint8_t identity[16];        /* a hash of what they stand for: rows of another one are not the same (reuse_prefix) */
    const int32_t *positions;    /* [n_rows][VIV_N_AXES] from that of the row `first` on; NULL: one after the other */
    uint64_t advance;            /* with positions: the rows behind the placement go on so many after that one */
} viv_placement;

typedef struct viv_sequences {
    uint32_t struct_size, flags;
    /* Features of an output row: vocab_size for logits. [any: the model is open] */
    uint64_t (*output_dim)(viv_model *model);
    /* The most positions that the model was made for. [any: the model is open] */
    uint64_t (*context_length)(viv_model *model);
    /* Most rows of one step; of the encoder: context_length. [any: the model is open] */
    uint64_t (*max_rows)(viv_model *model);
    /* Features of a row of encoder output; 0: no encoder. [any: the model is open] */
    uint64_t (*encoder_dim)(viv_model *model);

    /* It ends before the model does. [setup: the model is open, between steps] */
    viv_status (*create)(viv_model *model, viv_sequence **sequence);
    /* A sequence of its own that has the same tokens and goes on independently, with the same bits: several answers to
     * one prompt, beam search. Copies the cache, recurrent state and encoder output.
     * [setup: between steps] */
    viv_status (*copy)(viv_sequence *sequence, viv_sequence **copy);
    void (*destroy)(viv_sequence *sequence); /* accepts NULL. [setup: between steps, last] */
    /* Tokens in its cache; not the encoder's. [any: between steps of this sequence] */
    uint64_t (*length)(const viv_sequence *sequence);
    /* Removes the tokens from `length` on; the encoder output stays. Fails if layers have recurrent state (layer.h),
     * unless length is 0, the length before the last step, or the present one. [setup: between steps] */
    viv_status (*truncate)(viv_sequence *sequence, uint64_t length);

    /* Computes the rows of several sequences together. *outputs: the output rows in order, each of output_dim floats
     * (encoder_dim for the encoder); owned by the host, valid until the next step. A non-zero *cancel ends the step
     * early; cancel may be NULL. If a sequence has become so long that the cache of its earlier tokens must be
     * different, these are recomputed first; a failure then leaves a shorter sequence.
     * [setup: between steps; all sequences are of this model, and no two the same] */
    viv_status (*step)(viv_model *model, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                       const float **outputs, uint64_t *n_outputs);

    /* Prompt caching: truncates the sequence to the prefix that it shares with these tokens, which at least one more
     * will follow. *n_reused: the tokens that need not be computed again. These may be fewer than are shared, if
     * recurrent state cannot be cut there, or if the cache was computed for another length (`length`: see viv_rows, of
     * the steps to come). [setup: between steps] */
    viv_status (*reuse_prefix)(viv_sequence *sequence, const int32_t *tokens, uint64_t n, uint64_t length,
                               uint64_t *n_reused);
    /* Whether layers have recurrent state: then `truncate` is limited. [any: the model is open] */
    int32_t (*is_recurrent)(viv_model *model);

    /* Makes room for n_tokens in the sequence, and for steps of it of up to n_rows rows, of which up to n_output_rows are
     * output rows: such steps then allocate nothing, as long as no other sequence of the model grows. What is reserved
     * takes memory when it is used first. The outputs of the last step end. [setup: between steps] */
    viv_status (*reserve)(viv_sequence *sequence, uint64_t n_tokens, uint64_t n_rows, uint64_t n_output_rows);

    /* Features of a row that enters the stack of this name, or "graph"; 0: it takes token ids. [any: the model is open] */
    uint64_t (*stack_input)(viv_model *model, const char *stack);
    /* Features of a row that leaves it; 0: there is no such stack. [any: the model is open] */
    uint64_t (*stack_output)(viv_model *model, const char *stack);

    /* Replaces the placements of a sequence, in order of their rows; n 0: none. They and their vectors are borrowed until
     * they are replaced or the sequence ends; a copy has them, too. Set before reuse_prefix and step, for the tokens of the request that follows.
     * [setup: between steps] */
    viv_status (*place)(viv_sequence *sequence, const viv_placement *const *placements, uint32_t n);
    /* How many of the next `n` tokens should go in one step: at most `most`, unless rows that see each other both ways are
     * more; such rows are not divided. [any: between steps] */
    uint64_t (*next_rows)(const viv_sequence *sequence, uint64_t n, uint64_t most);

    /* Changes the grid of rows that enter the stack of this name, or "graph", to that of the rows that leave it: their
     * number is known before they are. Fails if the stack cannot take such a grid. [setup: between steps] */
    viv_status (*stack_grid)(viv_model *model, const char *stack, viv_grid *grid);

    /* Features of a vector that takes the place of a token: those of the embedding, then what layers add to its rows later
     * (viv_infer.vector_dim); 0: the graph takes vectors. [any: the model is open] */
    uint64_t (*vector_dim)(viv_model *model);
} viv_sequences;

#ifdef __cplusplus
}
#endif
#endif
