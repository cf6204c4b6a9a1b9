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
    VLM_PART_FRAMES, /* of a video, as many as are seen together */
    VLM_PART_TILES   /* all tiles as one grid: of models with a stack `tiles` */
};
struct vlm_part {
    enum vlm_part_kind kind;
    uint32_t row, col; /* of a tile, from 0 */
    bool ends_line;    /* the last tile of its row */
    uint64_t n_rows;
    viv_grid grid;         /* that the rows are */
    double begin, seconds; /* of frames: when the first is shown; the mean of first and last */
};

/* The rows that stand for a picture or a video. */
struct seen {
    bool is_video;
    double interval; /* of a video: from one part to the next, in positions of the text */
    double duration; /* seconds */
    uint32_t n_frames;
    float *rows; /* [n_rows, dim] */
    uint64_t n_rows;
    struct vlm_part *parts;
    uint32_t n_parts;
    uint8_t identity[16]; /* of the pixels and of what is done with them: the first half of a SHA-256 */
    struct seen *next;    /* one that was asked for before */
};

struct vlm_film;

struct vlm {
    const viv_host *host;
    const viv_params *params;
    const viv_text *text;
    const viv_sequences *sequences;
    const viv_digest *digest;
    viv_model *model;
    void *language; /* the pipeline that answers: that of `llm`; NULL: the model has no words */
    bool ready;     /* the settings below have been read */
    struct vlm_settings settings;
    struct vlm_values values;
    bool video_ready; /* and those of videos */
    struct vlm_settings video_settings;
    struct vlm_values video_values;
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

/* part.c: a host that puts the name of a part of a request before each sentence; the functions of picture.h with
 * it.
 */
struct vlm_naming {
    viv_host host; /* first: set_error gets a pointer to it */
    const viv_host *real;
    const char *name;
};
struct vlm_naming vlm_naming(const viv_host *host, const viv_part *part);
viv_status vlm_part_read(const viv_host *host, const viv_part *part, struct vlm_picture *out);
viv_status vlm_part_measure(const viv_host *host, const viv_part *part, uint32_t *width, uint32_t *height);
viv_status vlm_part_frames(const viv_host *host, const viv_part *part, struct vlm_frames *out);
viv_status vlm_part_film(const viv_host *host, const viv_part *part, struct vlm_film **out);

/* see.c: from the file of a picture to rows. */
viv_status vlm_ready(struct vlm *v);
/* Where a picture or video stands among the `n` of a request, of which n_pictures are pictures: behind `index`
 * others, of `rows` rows; and for how many rows the context has room. */
struct vlm_among {
    uint32_t index, n, n_pictures;
    uint64_t rows, room;
};
/* Before any row is computed. */
viv_status vlm_check_room(const struct vlm *v, const struct vlm_among *among, uint64_t n_rows);
/* Progress and VIV_EVENT_PICTURE go to the sink, unless it is NULL. *out lives until vlm_kept_trim. */
viv_status vlm_see(struct vlm *v, const viv_part *picture, const struct vlm_among *among, const viv_sink *sink,
                   const uint32_t *cancel, struct seen **out);
/* Pictures of one size through the tower and the projector: for each frame of the grid one, or as many as a patch
 * has frames. */
viv_status vlm_run_tower(const struct vlm *v, viv_sequence *sequence, const struct vlm_values *values,
                         const struct vlm_picture *const *pictures, uint32_t n, struct vlm_rect rect,
                         const viv_grid *grid, const viv_sink *sink, const uint32_t *cancel, const float **rows,
                         uint64_t *n_rows);
/* n vectors through a stack, NULL: the graph. grid: NULL, as the stack before has left it in the sequence. *rows:
 * all that it makes, until the next step. sink: told of the layers that are done; or NULL */
viv_status vlm_run_stack(const struct vlm *v, viv_sequence *sequence, const char *stack,
                         const float *const *vectors, uint64_t n, const viv_grid *grid, const viv_sink *sink,
                         const uint32_t *cancel, const float **rows, uint64_t *n_rows);
/* Rows of the step before through a further stack. */
viv_status vlm_run_next(const struct vlm *v, viv_sequence *sequence, const char *stack, const uint32_t *cancel,
                        const float **rows, uint64_t *n_rows);

/* The first half of the digest of n pieces. */
void vlm_identity(const struct vlm *v, const void *const *pieces, const uint64_t *sizes, uint64_t n,
                  uint8_t identity[16]);

/* video.c: the same of a video. */
viv_status vlm_watch(struct vlm *v, const viv_part *video, const struct vlm_among *among, const viv_sink *sink,
                     const uint32_t *cancel, struct seen **out);

/* What becomes of each of its groups of frames, in order: calls `show` with the part that a group becomes, and its
 * frames as they are resized. *height, *width: of a frame as it was. */
viv_status vlm_watch_frames(struct vlm *v, const viv_part *video,
                            viv_status (*show)(struct vlm *v, const struct vlm_part *part,
                                               const struct vlm_picture *frames, uint32_t n),
                            uint32_t *height, uint32_t *width);

/* kept.c: rows that were computed before. */
struct seen *vlm_kept_find(struct vlm *v, const uint8_t identity[16]); /* NULL: there are none */
void vlm_kept_add(struct vlm *v, struct seen *s);                      /* takes it */
void vlm_kept_trim(struct vlm *v); /* forgets what is too much; none may be in use */
void vlm_kept_end(struct vlm *v);
void vlm_seen_free(struct seen *s); /* accepts NULL */

/* score.c: labels of pictures. */
viv_status vlm_score(struct vlm *v, const viv_request *request, const viv_sink *sink);

/* look.c: what it is given of a picture or a video. */
void vlm_forget_look(struct vlm *v);
viv_status vlm_look(void *instance, const viv_part *part, viv_look *out);

/* tiles.c: the same of a picture's size. */
viv_status vlm_measure(void *instance, uint32_t height, uint32_t width, viv_grid *grids, uint32_t capacity,
                       uint32_t *n_grids, uint64_t *n_rows);

/* words.c: what stands for pictures and videos in a text. */
/* Whether row r of a part is the first of a line behind another. */
bool vlm_begins_line(const struct vlm_part *part, uint64_t r);
/* The text that stands for it in a prompt; the caller's. NULL: out of memory */
char *vlm_text_of(const struct vlm *v, const struct seen *seen);

/* place.c: pictures among the tokens of a prompt. */
viv_status vlm_place(void *instance, const viv_request *request, viv_sequence *sequence, const viv_sink *sink,
                     const int32_t **ids, uint64_t *n, uint64_t *n_answer);
void vlm_forget(struct vlm *v);
uint32_t vlm_count_parts(const viv_request *request, uint32_t kind);

#endif
