/* answer.h - what a model says to a prompt: greedy, through its architecture, as `viv run --temp 0` has it. */
#ifndef QUALITY_ANSWER_H
#define QUALITY_ANSWER_H

#include "base/buf.h"
#include "chat/chat.h"
#include "engine/request.h"
#include "model/model.h"

/* Who is asked: a model that is loaded, by what its architecture makes of it. */
struct respondent {
    viv_model *model;
    const viv_host *host;
    struct architecture architecture;
    const struct chat_template *template; /* a question is a turn, written by it; NULL: a text to be continued */
};

struct quality_answer {
    struct buf text;             /* without the prompt; UTF-8 */
    char reason[16];             /* why it ended: "end", "length", "line", ... */
    uint64_t n_prompt, n_answer; /* tokens; of the prompt 0 where the architecture does not tell */
    double seconds;
};

enum {
    ANSWER_LINE = 1 /* ends with the first line that has something on it, which is all that is kept */
};

/* *out is the caller's, zeroed; what was said until an interruption (VIV_ECANCELLED) is in it, too. */
viv_status quality_ask(const struct respondent *r, const char *prompt, int64_t max_tokens, int flags,
                       const uint32_t *cancel, struct quality_answer *out, struct error *err);
void quality_answer_release(struct quality_answer *a);

#endif
