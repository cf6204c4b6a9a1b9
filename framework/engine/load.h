/* load.h - a model that can be looked at (opened) and run (loaded).
 *
 *   model_open:  MODEL -> spec, checkpoint (mapped), expansion, graph. Costs milliseconds; no weight is touched.
 *   model_load:  weights bound to layers, layers prepared, buffers planned, scheduler started, tokenizer read.  */
#ifndef ENGINE_LOAD_H
#define ENGINE_LOAD_H

#include "model/model.h"

viv_status model_open(const struct model_options *options, const char *name, viv_model **out, struct error *err);
/* Refuses a model without weights by name, and says why it has none. */
viv_status model_load(viv_model *m, struct error *err);
void model_close(viv_model *m); /* accepts NULL */

#endif
