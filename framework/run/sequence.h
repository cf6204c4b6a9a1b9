/* sequence.h - the structure of a sequence, for the files of this folder and for sessions on disk. */
#ifndef RUN_SEQUENCE_H
#define RUN_SEQUENCE_H

#include "model/instance.h"
#include "run/run.h"

struct viv_sequence {
    viv_model *model;
    uint64_t length;
    int32_t *tokens; /* [length] of the graph; -1: the row came as a vector; below: placed (sequence_identity) */
    const viv_placement *const *placements; /* [n_placements] in order, borrowed */
    uint32_t n_placements;
    size_t tokens_capacity;
    uint64_t earlier; /* the length before the last step if its recurrent state still exists, else the length */
    struct graph_length computed_for; /* the lengths that its cache was computed for, unless it is empty */
    struct cache_types cache_types;   /* of its pages */
    uint64_t max_pages;
    struct {
        uint64_t n;
        void **pages; /* [n] each holds PAGE_ROWS rows of all caches of the kind; of recurrent state there are two:
                         as it is now, and as it was earlier */
    } kinds[N_CACHE_KINDS];
    uint64_t n_encoder_rows;
    float *encoder_output;          /* [n_encoder_rows, encoder_dim]; NULL once the encoder caches are filled */
    float *coming;                  /* the encoder output of the running step */
    void **cache_pages;             /* [n_caches][max_pages] where each cache lies in each page */
    viv_cache *caches;              /* [n_caches] */
    const viv_cache **cache_list;   /* [n_caches] */
    viv_recurrent_state *recurrent; /* [n_caches] for the running step */
    const viv_recurrent_state **recurrent_list;
    viv_grid left; /* of the rows that its last step of a stack has made, for the stack that they enter */
    bool in_step;
};
/* Converts its pages if they are f16 and the model's caches have become f32. */
viv_status sequence_widen(viv_sequence *s, struct error *err);
/* The lengths after a step of these rows. */
struct graph_length sequence_length_after(const viv_sequence *s, const viv_rows *rows);
/* Takes pages for rows up to `length`; for recurrent state, both. */
viv_status sequence_reserve(viv_sequence *s, enum cache_kind kind, uint64_t length, struct error *err);
/* The vector that takes the place of row `row`, or NULL; *token becomes a number below -1 which tells it from rows
 * of other identities. */
const float *sequence_placed(const viv_sequence *s, uint64_t row, int32_t *token);
/* The end of the rows that row `row` sees both ways; row + 1 where it does not. */
uint64_t sequence_sees(const viv_sequence *s, uint64_t row);
/* Where row `row` is on each axis; false: at its number on all of them. */
bool sequence_axes(const viv_sequence *s, uint64_t row, int32_t axes[VIV_N_AXES]);
/* Room for so many tokens. */
viv_status sequence_reserve_tokens(viv_sequence *s, uint64_t length, struct error *err);
/* Room for so many tokens, and free pages for their cache. */
viv_status sequence_reserve_ahead(viv_sequence *s, uint64_t length, struct error *err);
/* Gives back the pages behind `length`. */
void sequence_give_back(viv_sequence *s, enum cache_kind kind, uint64_t length);
/* Around a step of the graph, for recurrent state: the step reads the present page and writes the earlier one;
 * sequence_end_step swaps the two. If a step fails, it is not called, and nothing has changed. */
void sequence_begin_step(viv_sequence *s);
void sequence_end_step(viv_sequence *s, uint64_t n_rows);

/* Makes all caches of the model f32, for numbers that are too large for f16. A sequence is converted when it is
 * used next. */
bool cache_can_widen(const viv_model *m);
viv_status cache_widen(viv_model *m, struct error *err);

#endif
