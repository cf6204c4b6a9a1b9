/* sight.h - what a picture costs a model that sees, by its graph and the rules of its processor: no picture is
 * there, and no weights are needed. */
#ifndef CLI_COMPARE_SIGHT_H
#define CLI_COMPARE_SIGHT_H

#include "cli/compare/facts.h"
#include "engine/engine.h"

/* The picture that is counted. */
enum { SIGHT_WIDTH = 1024, SIGHT_HEIGHT = 768 };

/* Fills in f->sight, unless the model cannot see, or nothing says what is done to a picture. */
viv_status sight_of(struct engine *e, viv_model *m, struct facts *f, struct error *err);

#endif
