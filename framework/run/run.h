/* run.h - rows of sequences in, output rows out. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "model/model.h"

struct sequence;
viv_status sequence_create(viv_model *m, struct sequence **out, struct error *err);
void sequence_destroy(struct sequence *s);
uint64_t sequence_length(const struct sequence *s);
/* Its tokens; -1 where a vector stood for one. Until the next step. */
const int32_t *sequence_tokens(const struct sequence *s, size_t *n);
/* Forgets the tokens from `length` on. */
viv_status sequence_truncate(struct sequence *s, uint64_t length, struct error *err);
/* See viv_sequences.keep. */
uint64_t sequence_keep(struct sequence *s, const int32_t *tokens, uint64_t n, uint64_t length);
/* How many of the first `length` tokens truncate can leave: all, unless layers have state that a sequence has once,
 * which is there as it is now, as it was before the last step, and at the begin. */
uint64_t sequence_keepable(const struct sequence *s, uint64_t length);

/* See viv_sequences.step. */
viv_status model_step(viv_model *m, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                      const float **outputs, uint64_t *n_outputs, struct error *err);

/* --- what a model needs before its first step, and gives back --- */

/* state.c: how states lie in pages. */
viv_status state_lay_out(viv_model *m, struct error *err);
/* step.c */
viv_status step_frame_create(viv_model *m, struct error *err);
void step_frame_destroy(viv_model *m);
void free_all_pages(viv_model *m);

#endif
