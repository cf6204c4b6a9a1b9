/* answer.h - listens to the events of a request: the one place that does. It collects text, tokens, vectors and
 * figures, and hands each event on to whoever wants to show it. */
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H

#include "base/buf.h"
#include "engine/engine.h"

struct answer {
    struct token_ids ids; /* of the answer */
    struct buf text;      /* the answer, and the prompt before it where the request echoes it; UTF-8 */
    struct buf reasoning; /* what came before it, of a request with tools */
    char **calls;         /* [n_calls] of tools, each as VIV_PART_TOOL_CALL has it */
    size_t n_calls, calls_capacity;
    char reason[32]; /* why it ended: "end", "length", "stop", "cancelled", ... */

    /* vectors, where these are the answer: [rows, dim] floats */
    struct buf numbers;
    uint64_t rows, dim;

    /* Pictures of the prompt, where it has any: [n_pictures] */
    struct answer_picture {
        char *name; /* or "" */
        uint64_t tokens;
        bool kept; /* its rows were computed for an earlier request, or for the same picture before */
    } * pictures;
    size_t n_pictures, pictures_capacity;

    /* Figures that the architecture tells. Those that it does not are NAN, or, where that can be, as seen from
     * here. */
    double prompt_tokens, cached_tokens, prompt_seconds, answer_tokens, answer_seconds;
    double drafted_tokens, accepted_tokens, draft_break_even;
    double prompt_rate, answer_rate; /* tokens per second */
    double begin, first, last, end;  /* seconds_now() of the request, its first and last token, and its end */

    /* Called with each event, after it was collected; or NULL. A status other than VIV_OK ends the request. */
    viv_status (*show)(struct answer *a, const viv_event *e, struct error *err);
    void *show_ctx;
};

/* Asks, and fills in the answer, which begins zeroed but for `show`. An answer that a cancellation has cut is
 * VIV_OK, with the reason "cancelled". */
viv_status answer_ask(struct answer *a, viv_model *m, const viv_request *request, struct error *err);
/* Tokens read and written. */
uint64_t answer_n_tokens(const struct answer *a);
void answer_release(struct answer *a); /* accepts a zeroed struct */

#endif
