/* calls.h - a request with tools: its answer is read by the model's dialect, so that calls and reasoning are events
 * of their own, and kept to a grammar of calls where calls are required. */
#ifndef ENGINE_CALLS_H
#define ENGINE_CALLS_H

#include "dialect/parser.h"
#include "model/model.h"

#include <vivarium/request.h>

struct calls {
    viv_request request; /* in place of the caller's */
    viv_sink sink;       /* in place of the caller's */
    /* inside */
    viv_model *model;
    const viv_sink *to;
    struct tools tools;
    struct dialect_parser *parser;
    viv_grammar grammar;
    struct buf lark;
    bool finished; /* the text has ended */
};

/* Appends {"type": "function", "id": ..., "function": {"name": ..., "arguments": {...}}}: name and id are letters,
 * digits and signs; the arguments are as the model wrote them. */
viv_status call_to_json(const struct dialect_event *e, struct buf *out, struct error *err);

/* The struct stays where it is until it is closed. Without tools, and for a model without a dialect, the request
 * and the sink are the caller's. */
viv_status calls_open(struct calls *c, viv_model *m, const viv_request *request, const viv_sink *sink,
                      struct error *err);
void calls_close(struct calls *c);

#endif
