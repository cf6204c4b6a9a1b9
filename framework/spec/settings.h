/* settings.h - settings for running a model, from a spec or the user's defaults.yaml: lengths, threads, sampling.
 * Priority: command line, spec, defaults.yaml, generation_config.json. */
#ifndef SPEC_SETTINGS_H
#define SPEC_SETTINGS_H

#include "spec/spec.h"
#include "spec/yaml.h"

/* Initialises settings with nothing set. */
void settings_init(struct spec_settings *s);
/* Overrides settings with those of the top level `root` of a spec or of defaults.yaml. Strings are copied to the
 * arena. */
viv_status settings_merge(struct spec_settings *s, const struct yaml *root, struct arena *arena, struct error *err);

/* A model that a file names: a path relative to the file, or the name of a spec. NULL: memory is out. */
const char *settings_model_beside(struct arena *arena, const char *from, const char *name);

#endif
