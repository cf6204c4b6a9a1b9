/* show.h - an answer as it comes, on standard output; its figures, on standard error or in JSON. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "cli/compare/energy.h"
#include "cli/open.h"
#include "engine/answer.h"

struct shown {
    struct opened *o;
    bool terminal;  /* standard output is one */
    bool reasons;   /* the last text was reasoning */
    bool line_open; /* the last character was not a line feed */
    bool text;      /* text is printed as it comes */
    /* What is done with each event, besides; or NULL. */
    viv_status (*each)(struct shown *s, const struct answer *a, const viv_event *e, struct error *err);
    const void *each_ctx;
    struct energy energy; /* since show_begin */
};

/* {"event": "call", "name": ..., "arguments": {...}, "id": ...}; NULL when memory is out. */
json_t *show_call(const viv_event *e);

/* The calls of an answer, as a list of {"name": ..., "arguments": {...}, "id": ...}; NULL when memory is out. */
json_t *show_calls(const struct answer *a);

/* The answer will be shown; `text` and `each` are the caller's. */
void show_begin(struct shown *s, struct opened *o, struct answer *a);
/* Clears progress, and on a terminal ends the line. */
void show_end(struct shown *s);

/* "viv: prompt 5 tokens (400/s), answer 20 tokens (30/s), ended by length, ...": on standard error. With the seed,
 * unless the answer is greedy. */
void show_closing(struct shown *s, const struct answer *a, const viv_sampling *sampling);
/* The same as further members of a JSON object, which is taken and given back; NULL when memory is out. */
json_t *show_figures(struct shown *s, const struct answer *a, const viv_sampling *sampling, json_t *object);

#endif
