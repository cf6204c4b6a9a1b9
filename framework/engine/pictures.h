/* pictures.h - what a model that sees makes of the pictures of a request: vivarium/pictures.h, for those who look
 * at numbers instead of asking for an answer. */
#ifndef ENGINE_PICTURES_H
#define ENGINE_PICTURES_H

#include "engine/engine.h"

#include <vivarium/pictures.h>

struct pictures {
    viv_model *model;
    struct architecture architecture;
    const viv_pictures *table;
    void *instance;
};

/* What an architecture makes of pictures; NULL: nothing. And the error that says so of a model. */
const viv_pictures *pictures_of(const struct architecture *a);
viv_status pictures_none(const viv_model *m, struct error *err);

/* Of a loaded model; VIV_EUNSUPPORTED: it cannot see. What the functions below return lives until close. */
viv_status pictures_open(struct engine *e, viv_model *m, struct pictures *out, struct error *err);
void pictures_close(struct pictures *p); /* accepts a zeroed struct */

/* Places the rows of the request's pictures in the sequence; *ids: of its prompt, with as many for each picture. */
viv_status pictures_place(struct pictures *p, const viv_request *request, viv_sequence *s, const int32_t **ids,
                          uint64_t *n, struct error *err);
/* What it is given of a picture of this size; see viv_pictures.measure. */
viv_status pictures_measure(struct pictures *p, uint32_t height, uint32_t width, viv_grid *grids, uint32_t capacity,
                            uint32_t *n_grids, uint64_t *n_rows, struct error *err);
viv_status pictures_look(struct pictures *p, const viv_part *picture, viv_look *out, struct error *err);

#endif
