/* vlm.h - what the files of this plugin share: a model that sees, and what came of the pictures of a request. */
#ifndef VLM_VLM_H
#define VLM_VLM_H

#include "plan.h"
#include "values.h"

#include <vivarium/vivarium.h>

/* A picture as the model is given it, and the rows that stand for it. */
struct seen {
    float *rows; /* [n_rows, dim] */
    uint64_t n_rows;
    uint8_t identity[16]; /* of the pixels and of what was done with them */
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
    const char *tower; /* the stack that patches enter; NULL: the graph */
    uint64_t dim;      /* of rows */

    struct seen *seen; /* [n_seen] of the last request */
    uint32_t n_seen;
    int32_t *ids; /* of its prompt */
    viv_placement *placements;
    const viv_placement **placement_list;
    const float **vectors;
    float *pixels; /* of vlm_pixels */
};

/* see.c: from the file of a picture to rows. */
viv_status vlm_ready(struct vlm *v);
viv_status vlm_see(struct vlm *v, const viv_part *picture, uint32_t n_pictures, struct seen *out,
                   const uint32_t *cancel);
viv_status vlm_pixels(void *instance, const viv_part *picture, viv_pixels *out);

/* place.c: pictures among the tokens of a prompt. */
viv_status vlm_place(void *instance, const viv_request *request, viv_sequence *sequence, const viv_sink *sink,
                     const int32_t **ids, uint64_t *n, uint64_t *n_answer);
void vlm_forget(struct vlm *v);
uint32_t vlm_count_pictures(const viv_request *request);

#endif
