/* vlm.h - what the files of this plugin share: a model that sees, and what came of the pictures of a request. */
#ifndef VLM_VLM_H
#define VLM_VLM_H

#include "plan.h"
#include "values.h"

#include <vivarium/vivarium.h>

/* Rows that stand together in a text, and what they show. */
enum vlm_part_kind {
    VLM_PART_ALONE, /* the picture, which is not cut */
    VLM_PART_WHOLE, /* the picture, besides its tiles */
    VLM_PART_TILE,
    VLM_PART_TILES /* all tiles as one grid: of models with a stack `tiles` */
};
struct vlm_part {
    enum vlm_part_kind kind;
    uint32_t row, col; /* of a tile, from 0 */
    bool ends_line;    /* the last tile of its row */
    uint64_t n_rows;
    viv_grid grid; /* that the rows are */
};

/* The rows that stand for a picture. */
struct seen {
    float *rows; /* [n_rows, dim] */
    uint64_t n_rows;
    struct vlm_part *parts;
    uint32_t n_parts;
    uint8_t identity[16]; /* of the pixels and of what is done with them */
    struct seen *next;    /* one that was asked for before */
};

struct vlm {
    const viv_host *host;
    const viv_params *params;
    const viv_text *text;
    const viv_sequences *sequences;
    viv_model *model;
    void *language; /* the pipeline that answers: that of `llm`; NULL: the model has no words */
    bool ready;     /* the settings below have been read */
    struct vlm_settings settings;
    struct vlm_values values;
    struct vlm_patching patching;
    const char *tower;                /* the stack that patches enter; NULL: the graph */
    uint64_t dim;                     /* of rows */
    bool projects, joins, ends_alone; /* the model has the stack: project, tiles, alone */

    struct seen *kept;  /* of this and earlier requests */
    struct seen **seen; /* [n_seen] those of the last request */
    uint32_t n_seen;
    int32_t *ids; /* of its prompt */
    viv_placement *placements;
    const viv_placement **placement_list;
    const float **vectors;
    int32_t *positions;        /* of their rows, where a text has axes */
    struct vlm_looked *looked; /* of vlm_look */
};

/* see.c: from the file of a picture to rows. */
viv_status vlm_ready(struct vlm *v);
/* Picture `index` of n_pictures of a request. Progress and VIV_EVENT_PICTURE go to the sink, unless it is NULL.
 * *out lives until vlm_kept_trim. */
viv_status vlm_see(struct vlm *v, const viv_part *picture, uint32_t index, uint32_t n_pictures,
                   const viv_sink *sink, const uint32_t *cancel, struct seen **out);
/* n vectors through a stack, NULL: the graph. grid: NULL, as the stack before has left it in the sequence. *rows:
 * all that it makes, until the next step. */
viv_status vlm_run_stack(const struct vlm *v, viv_sequence *sequence, const char *stack,
                         const float *const *vectors, uint64_t n, const viv_grid *grid, const uint32_t *cancel,
                         const float **rows, uint64_t *n_rows);

/* kept.c: rows that were computed before. */
struct seen *vlm_kept_find(struct vlm *v, const uint8_t identity[16]); /* NULL: there are none */
void vlm_kept_add(struct vlm *v, struct seen *s);                      /* takes it */
void vlm_kept_trim(struct vlm *v); /* forgets what is too much; none may be in use */
void vlm_kept_end(struct vlm *v);
void vlm_seen_free(struct seen *s); /* accepts NULL */

/* score.c: labels of pictures. */
viv_status vlm_score(struct vlm *v, const viv_request *request, const viv_sink *sink);

/* look.c: what it is given of a picture. */
void vlm_forget_look(struct vlm *v);
viv_status vlm_look(void *instance, const viv_part *picture, viv_look *out);

/* tiles.c: the same of a picture's size. */
viv_status vlm_measure(void *instance, uint32_t height, uint32_t width, viv_grid *grids, uint32_t capacity,
                       uint32_t *n_grids, uint64_t *n_rows);

/* place.c: pictures among the tokens of a prompt. */
viv_status vlm_place(void *instance, const viv_request *request, viv_sequence *sequence, const viv_sink *sink,
                     const int32_t **ids, uint64_t *n, uint64_t *n_answer);
void vlm_forget(struct vlm *v);
uint32_t vlm_count_pictures(const viv_request *request);

#endif
