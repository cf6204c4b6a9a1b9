/* acting.h - specs of models that act, and of what stands in for a model in their stages. Their keys are checked
 * here; what stages, tools and rules there are, only the plugin knows. */
#ifndef SPEC_ACTING_H
#define SPEC_ACTING_H

#include "base/error.h"
#include "base/json.h"

/* A spec with `stages`, by its path or its name, as JSON; the models of `use` are resolved. *out is NULL where
 * MODEL is no such spec. */
struct spec_world;
viv_status spec_read_acting(const struct spec_world *world, const char *model, json_t **out, struct error *err);
/* The file of `answers` and its `dialect`, malloc'ed; NULL where the spec has none. */
viv_status spec_read_answers(const char *path, char **out, char **dialect, struct error *err);

/* A model that acts computes nothing itself: an error where the document is such a spec, or `answers`. */
struct yaml;
viv_status spec_refuse_acting(const struct yaml *root, struct error *err);

#endif
