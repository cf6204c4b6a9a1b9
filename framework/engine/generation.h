/* generation.h - how a model generates where the caller does not say: what the spec or the user's defaults.yaml
 * sets, else what the checkpoint's makers advise (generation_config.json), else what suits most models. */
#ifndef ENGINE_GENERATION_H
#define ENGINE_GENERATION_H

#include "model/model.h"

#include <vivarium/request.h>

enum generation_use { GENERATION_TEXT, GENERATION_ACTION };

/* A generation_config.json with `do_sample` false is greedy, and so are actions about which nobody says anything.
 * The seed is a random one unless one is set. */
void generation_sampling(const viv_model *m, enum generation_use use, viv_sampling *out);
int64_t generation_any_seed(void); /* short enough to be typed again */
/* Tokens of an answer, at most, and the texts that end it. The texts are the model's. */
void generation_limits(const viv_model *m, viv_request *out);

#endif
