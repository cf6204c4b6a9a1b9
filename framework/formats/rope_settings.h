/* rope_settings.h - config.json with two settings of the rotary embedding. */
#ifndef FORMATS_ROPE_SETTINGS_H
#define FORMATS_ROPE_SETTINGS_H

#include "formats/checkpoint.h"

/* If c->config has both rope_scaling and rope_parameters, merges them as transformers 5 does. Fails if that is
 * impossible. */
viv_status rope_settings_join(struct checkpoint *c, struct error *err);

#endif
