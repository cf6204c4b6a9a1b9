/* rope_settings.h - config.json that speaks of rotary positions twice. */
#ifndef FORMATS_ROPE_SETTINGS_H
#define FORMATS_ROPE_SETTINGS_H

#include "formats/checkpoint.h"

/* Where c->config has rope_scaling beside rope_parameters, makes one of the two, as transformers 5 does; refuses
 * what cannot be joined. */
viv_status rope_settings_join(struct checkpoint *c, struct error *err);

#endif
