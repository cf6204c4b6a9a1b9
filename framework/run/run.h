/* run.h - rows of sequences in, output rows out. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "model/model.h"

viv_status sequence_create(viv_model *m, viv_sequence **out, struct error *err);
void sequence_destroy(viv_sequence *s);
/* A sequence of its own with the same tokens, cache, recurrent state and encoder output. May convert the pages of
 * s. */
viv_status sequence_copy(viv_sequence *s, viv_sequence **out, struct error *err);
uint64_t sequence_length(const viv_sequence *s);
/* Its tokens, valid until the next step; below 0 for a row that came as a vector. */
const int32_t *sequence_tokens(const viv_sequence *s, size_t *n);
/* Removes the tokens from `length` on. */
viv_status sequence_truncate(viv_sequence *s, uint64_t length, struct error *err);
/* Truncates the sequence to the prefix that it shares with these tokens; returns its length. See
 * viv_sequences.reuse_prefix. */
uint64_t sequence_reuse_prefix(viv_sequence *s, const int32_t *tokens, uint64_t n, uint64_t length);
/* The most of the first `length` tokens that sequence_truncate can leave: all of them, unless layers have recurrent
 * state, which exists for the present length, for the length before the last step, and for 0. */
uint64_t sequence_reusable_length(const viv_sequence *s, uint64_t length);

/* See viv_sequences.reserve. */
viv_status sequence_reserve_steps(viv_sequence *s, uint64_t n_tokens, uint64_t n_rows, uint64_t n_output_rows,
                                  struct error *err);

/* See viv_sequences.place. */
viv_status sequence_place(viv_sequence *s, const viv_placement *const *placements, uint32_t n, struct error *err);

/* See viv_sequences.next_rows. */
uint64_t sequence_next_rows(const viv_sequence *s, uint64_t n, uint64_t most);

/* See viv_sequences.step. */
viv_status model_step(viv_model *m, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                      const float **outputs, uint64_t *n_outputs, struct error *err);

/* --- set up before the first step of a model, and released with it --- */

/* cache_layout.c: computes where each cache lies in a page. */
viv_status cache_lay_out(viv_model *m, struct error *err);
/* step.c */
viv_status step_frame_create(viv_model *m, struct error *err);
void step_frame_destroy(viv_model *m);
void cache_free_pages(viv_model *m); /* those that no sequence has */
void cache_release(viv_model *m);

#endif
