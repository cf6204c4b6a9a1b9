/* settings.h - what a spec, or the user's defaults.yaml, sets for running a model: lengths, threads, sampling. The
 * command line goes before a spec, a spec before defaults.yaml, and that before generation_config.json. */
#ifndef SPEC_SETTINGS_H
#define SPEC_SETTINGS_H

#include "spec/spec.h"
#include "spec/yaml.h"

/* Nothing is set. */
void settings_init(struct spec_settings *s);
/* What the top level `root` of a spec or of defaults.yaml sets, over what is set already. Strings are copied into
 * the arena. */
viv_status settings_merge(struct spec_settings *s, const struct yaml *root, struct arena *arena, struct error *err);

#endif
