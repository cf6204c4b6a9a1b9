/* answer.h - what a model answers to a prompt: greedy, as `viv run --temp 0` does. */
#ifndef QUALITY_ANSWER_H
#define QUALITY_ANSWER_H

#include "engine/answer.h"

/* Who is asked: a loaded model of an engine. */
struct model_under_test {
    viv_model *model;
    bool chat; /* a question is a turn of a conversation; else a text to continue */
};

enum {
    ANSWER_LINE = 1 /* ends with the first line that is not empty, which is all that remains of it */
};

/* *out is the caller's, zeroed; what was said until an interruption (VIV_ECANCELLED) is in it, too. An answer that
 * ends with its line has the reason "line". */
viv_status quality_generate(const struct model_under_test *r, const char *prompt, int64_t max_tokens, int flags,
                            const uint32_t *cancel, struct answer *out, struct error *err);
/* Keeps of a text what is after its empty lines, up to the end of its first other line. False: there is no such
 * line yet. */
bool quality_cut_to_line(struct buf *text);

#endif
