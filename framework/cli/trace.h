/* trace.h - which experts work on each token, written down while a sparse model runs (--trace-experts): a line for
 * each token and router,
 *
 *   {"layer":"layers.3.router","token":17,"id":2041,"experts":[5,0],"weights":[0.71,0.29]}
 *
 * token: its position; id: -1 where a vector came in its place; experts: the best first. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "base/file.h"
#include "model/model.h"

struct trace {
    struct file_draft file; /* no stream: nothing is written down */
    char **names;           /* [nodes of the graph] a router's path in JSON; of others NULL */
    uint32_t n_names;
    const struct graph *graph;
};

/* What model_options.hook takes, with the trace as its context; trace_begin comes between model_open and
 * model_load, and refuses a model without routers, and a place that cannot be written. */
void trace_look(void *trace, const struct hook_call *t);
viv_status trace_begin(struct trace *t, const viv_model *m, const char *path, struct error *err);
/* A trace of what ended with `status`: it is kept when all went well or somebody interrupted it. Returns `status`,
 * or why it could not be kept. Accepts a zeroed one. */
viv_status trace_end(struct trace *t, viv_status status, struct error *err);

#endif
