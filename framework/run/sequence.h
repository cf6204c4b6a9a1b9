/* sequence.h - what a sequence is made of, for the files of this folder and for those that keep it on disk. */
#ifndef RUN_SEQUENCE_H
#define RUN_SEQUENCE_H

#include "model/instance.h"
#include "run/run.h"

struct sequence {
    viv_model *model;
    uint64_t length;
    int32_t *tokens; /* [length] of the graph; -1: a vector stood for it */
    size_t tokens_capacity;
    uint64_t earlier; /* the length before the last step where its state is still there, else the length */
    struct graph_length computed_for; /* that its tokens were computed for; where there are none, nothing */
    uint32_t cache_dtype;             /* of its pages */
    uint64_t max_pages;
    struct {
        uint64_t n;
        void **pages; /* [n] all states of the kind of PAGE_ROWS rows; of those that a sequence has once, two: as
                         they are now, and as they were earlier */
    } kinds[N_CACHE_KINDS];
    uint64_t n_encoder_rows;
    float *encoder_output; /* [n_encoder_rows, encoder_dim] of the encoder; NULL once the layers have taken it */
    float *coming;         /* what the running step of the encoder will make the memory */
    void **state_pages;    /* [n_states][max_pages] where a state lies in each */
    viv_cache *states;     /* [n_states] */
    const viv_cache **state_list; /* [n_states] */
    viv_recurrent_state *once;    /* [n_states] for the running step */
    const viv_recurrent_state **once_list;
    bool in_step;
};
/* Converts its pages, where they are narrower than the model's state now is. */
viv_status sequence_widen(struct sequence *s, struct error *err);
/* The lengths that it will have after a step of these rows. */
struct graph_length sequence_length_after(const struct sequence *s, const viv_rows *rows);
/* Pages for rows up to `length`, or no more than these; of what a sequence has once, all there are. */
viv_status sequence_reserve(struct sequence *s, enum cache_kind kind, uint64_t length, struct error *err);
/* Room for so many tokens. */
viv_status sequence_reserve_tokens(struct sequence *s, uint64_t length, struct error *err);
void sequence_give_back(struct sequence *s, enum cache_kind kind, uint64_t length);
/* Around a step of the graph, for state that a sequence has once: reading what is so now, it writes over what was
 * earlier; n_rows tokens later the two change places. A step that does not end has not happened. */
void sequence_begin_step(struct sequence *s);
void sequence_end_step(struct sequence *s, uint64_t n_rows);

/* The state becomes f32, for numbers that f16 does not hold. Sequences follow when they are used next. */
bool state_can_widen(const viv_model *m);
viv_status state_widen(viv_model *m, struct error *err);

#endif
