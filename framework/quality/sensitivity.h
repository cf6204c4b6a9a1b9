/* sensitivity.h - measures what each type of weights costs a model, role by role: see model/sensitivity.h. */
#ifndef QUALITY_SENSITIVITY_H
#define QUALITY_SENSITIVITY_H

#include "engine/engine.h"
#include "model/sensitivity.h"
#include "quality/pass.h"

/* Loads the model `name` once as it is, which is `reference`, then once more for each role and each type that is
 * smaller than what its weights have and whose blocks divide their rows, and compares the two by the text.
 * `options` of both; progress is told in measurements. One thread at a time. */
viv_status sensitivity_measure(struct engine *e, const struct model_options *options, const char *name,
                               viv_model *reference, const struct quality_text *text,
                               const struct quality_options *pass, struct sensitivity *out, struct error *err);

#endif
