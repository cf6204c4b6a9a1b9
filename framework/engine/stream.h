/* stream.h - a request answered on a thread of its own, whose events are taken one after the other. */
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "engine/engine.h"

struct stream;

/* The request outlives the stream. */
viv_status stream_begin(viv_model *m, const viv_request *request, struct stream **out, struct error *err);
/* Waits. *event lives until the next call; NULL after the last. */
viv_status stream_next(struct stream *s, const viv_event **event, struct error *err);
void stream_cancel(struct stream *s); /* any thread */
void stream_end(struct stream *s);    /* cancels what is not done; accepts NULL */

#endif
