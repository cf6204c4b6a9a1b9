/* sequence.h - running a model's graph over rows of sequences, as a service: VIV_SERVICE_SEQUENCES.
 *
 * A model with an encoder has two stacks of layers. First the text that is read goes through the encoder, in one step;
 * what comes of its rows is the sequence's memory. Then the graph runs over the tokens of the text that is written,
 * and its layers look at that memory. Another text through the encoder begins the sequence anew. */
#ifndef VIVARIUM_SEQUENCE_H
#define VIVARIUM_SEQUENCE_H

#include <vivarium/architecture.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_SEQUENCES "viv.sequences/0"

enum { VIV_ROWS_ENCODER = 1 }; /* these go through the encoder, and not through the graph; all are wanted */

/* Rows to compute: consecutive tokens of one sequence. Several of them, of one stack, make a step. */
typedef struct viv_rows {
    uint32_t struct_size, flags;
    void *sequence;
    uint64_t n_rows;
    const int32_t *tokens;        /* [n_rows]; -1 where vectors[r] stands for it */
    const float *const *vectors;  /* [n_rows] or NULL */
    const uint8_t *want;          /* [n_rows] non-zero: this row's output is wanted; NULL: only the last row's */
    const int32_t *types;         /* [n_rows] 1 for rows of the second text of a pair, else 0; or NULL: all 0 */
    /* Tokens of the text that the sequence begins with, from its first token on: the same in every step that takes a
     * part of it, for some models compute each part by the length of the whole. 0: what the sequence holds of it; of a new
     * sequence: n_rows. Rows behind these tokens go on with the text one by one. More than the context holds is refused. */
    uint64_t length;
} viv_rows;

typedef struct viv_sequences {
    uint32_t struct_size, flags;
    uint64_t (*output_dim)(viv_model *model);      /* features of an output row: vocab_size for logits. [any] */
    uint64_t (*context_length)(viv_model *model);  /* positions that the model was made for. [any] */
    uint64_t (*max_rows)(viv_model *model);        /* rows that one step takes; through the encoder: context_length. [any] */
    uint64_t (*memory_dim)(viv_model *model);      /* features of a row of memory; 0: there is no encoder. [any] */

    viv_status (*create)(viv_model *model, void **sequence); /* [setup] */
    void (*destroy)(void *sequence);
    uint64_t (*length)(const void *sequence);                 /* tokens of the graph in its state. [any] */
    /* Forgets what comes after; the memory stays. Refused where layers have state that a sequence has once (layer.h), unless
     * it is a length of 0 or the one before the last step. [setup] */
    viv_status (*truncate)(void *sequence, uint64_t length);

    /* Computes the rows of several sequences together. *outputs: wanted rows in order, each output_dim floats (those
     * of the encoder: memory_dim); the host's, until the next step. *cancel (or NULL) ends it early. Where a sequence
     * has become so long that its earlier tokens are computed in another way, they are computed anew before; a
     * failure then leaves a shorter sequence. [setup] */
    viv_status (*step)(viv_model *model, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                       const float **outputs, uint64_t *n_outputs);

    /* Forgets what is not the beginning of these tokens, which at least one more will follow, and tells how many the
     * state still holds: as many as agree, or fewer where a state cannot be cut just there, or was computed for a text
     * of another length (viv_rows.length, of the steps to come). [setup] */
    viv_status (*keep)(void *sequence, const int32_t *tokens, uint64_t n, uint64_t length, uint64_t *kept);
} viv_sequences;

#ifdef __cplusplus
}
#endif
#endif
