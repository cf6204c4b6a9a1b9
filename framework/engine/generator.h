/* generator.h - text for models that act: the models that the stages of their spec name, each loaded when it is
 * asked first. */
#ifndef ENGINE_GENERATOR_H
#define ENGINE_GENERATOR_H

#include "engine/engine.h"

#include <vivarium/acting.h>

struct generator {
    viv_generator table; /* what a plugin is given */
    struct engine *engine;
    const struct model_options *options;
    const char *use; /* of the spec itself; or NULL */
    struct voice *voices;
    size_t n_voices, capacity;
    struct buf text; /* the last answer */
};
/* Borrows all. The struct stays where it is. */
void generator_init(struct generator *g, struct engine *e, const struct model_options *options, const char *use);
void generator_release(struct generator *g); /* accepts a zeroed struct */

#endif
