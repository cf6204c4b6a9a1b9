/* answer.h - an answer as it comes: shown, kept, and counted. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "cli/ask.h"
#include "tokenizer/tokenizer.h"

struct answer {
    const viv_model *model; /* that was asked */
    struct progress *progress;
    bool terminal;             /* standard output is one */
    bool line_open;            /* the last character was not a line feed */
    struct token_ids ids;      /* of the answer */
    struct buf text;           /* what was given out: the answer, and the prompt before it where that is echoed */
    char reason[32];           /* why it ended */
    double begin, first, last; /* seconds_now() of the request, the first and the last token */
    double prompt_tokens, cached_tokens, prompt_seconds, answer_tokens, answer_seconds; /* as the architecture
                                                                                         tells; NAN: it does not */
    double prompt_rate, answer_rate;                                                    /* tokens per second */

    /* What is done with each event, besides; or NULL. */
    viv_status (*show)(struct answer *a, const viv_event *e, struct error *err);
    void *show_ctx;
};

/* Asks, and fills in the answer, which begins zeroed but for `show`. */
viv_status answer_ask(struct answer *a, struct opened *o, const viv_request *request, struct error *err);
void answer_release(struct answer *a); /* accepts a zeroed struct */

/* For `show`: puts text on standard output, at once. On a terminal no character of it has any power. */
viv_status answer_print(struct answer *a, const char *text, size_t n, struct error *err);
/* "viv: prompt 5 tokens (400/s), answer 20 tokens (30/s), ended by length, ...": on standard error. Of what was
 * drawn the seed. */
void answer_print_closing(struct answer *a, const viv_sampling *sampling);
/* The same as further members of a JSON object, which is taken and given back; NULL when memory is out. */
json_t *answer_figures(const struct answer *a, const viv_sampling *sampling, json_t *object);
json_t *json_count(double value); /* a whole number; null for what is none */

#endif
