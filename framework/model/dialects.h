/* dialects.h - how a model writes calls of tools: the dialect of its chat template, found and proven on first use.
 */
#ifndef MODEL_DIALECTS_H
#define MODEL_DIALECTS_H

#include "dialect/dialect.h"
#include "model/model.h"

/* *out: NULL if the model has none; *why (may be NULL) is a sentence then. Both live as long as the model. Its stop
 * tokens are among the model's ends. A model without a chat template has no dialect. */
viv_status model_dialect(viv_model *m, const struct dialect **out, const char **why, struct error *err);

/* The special tokens that are a part of the dialect's markers: those of model_shows_token. [*n] until the model
 * goes. */
const struct dialect_token *model_dialect_tokens(const viv_model *m, size_t *n);

/* Where the model's chat template leaves calls out: writes those of data["messages"] into their content. mark (may
 * be NULL): stands at both ends of what the template would have written; or becomes "". */
enum { CALL_MARK = 32 };
viv_status model_put_calls(viv_model *m, json_t *data, char mark[CALL_MARK], struct error *err);

struct model_dialect;
void model_dialect_destroy(struct model_dialect *d); /* accepts NULL */

#endif
