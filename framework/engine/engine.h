/* engine.h - the front door: plugins, specs and the user's defaults of one process, and the models that are opened
 * with them.
 *
 * Opening plugins, specs and models takes place one at a time, whatever thread asks; so does what is asked of one
 * model. Different models answer at the same time. Nothing here prints. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/load.h"
#include "host/host.h"

struct engine;

/* Finds no plugin and reads no spec yet. */
viv_status engine_create(const struct host_options *options, struct engine **out, struct error *err);
void engine_destroy(struct engine *e); /* after its models; accepts NULL */

struct host *engine_host(struct engine *e);
/* What specs are read against; reads the user's defaults.yaml on first use. */
viv_status engine_world(struct engine *e, const struct spec_world **out, struct error *err);

/* model_open with the engine's specs and schedulers, and its host unless `options` has another. */
viv_status engine_open_model(struct engine *e, const struct model_options *options, const char *name,
                             viv_model **out, struct error *err);
/* Who chooses types of weights within a budget: the architecture of the model if it does, else slm. */
viv_status engine_precision(struct engine *e, const viv_model *m, struct precision *out, struct error *err);
/* The draft of a model opened here: what MODEL `name` names, or "ngram": its requests draft from n-grams; or
 * "none". NULL: what its spec says. Lives as long as the model. Before engine_load_model. */
viv_status engine_open_draft(viv_model *m, const char *name, struct error *err);
/* model_load, one at a time; its draft's, too. */
viv_status engine_load_model(viv_model *m, struct error *err);

/* Answers a request with a loaded model of an engine. Waits until the model has answered those before. Events go to
 * the sink, on this thread. */
viv_status engine_ask(viv_model *m, const viv_request *request, const viv_sink *sink, struct error *err);

#endif
