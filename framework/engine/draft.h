/* draft.h - which models can draft for which: speculative decoding (vivarium/request.h). */
#ifndef ENGINE_DRAFT_H
#define ENGINE_DRAFT_H

#include "model/model.h"

/* What stands in place of a draft model: n-grams of the text itself; no draft, whatever the spec says. */
#define DRAFT_NGRAM "ngram"
#define DRAFT_NONE  "none"

/* Fails unless `draft` continues texts, and has the vocabulary of the model. Needs no model_load; the first
 * comparison of a model reads its tokenizer. */
viv_status draft_check(viv_model *m, viv_model *draft, struct error *err);

#endif
