/* params.h - the params of a model's spec, as they came out for this checkpoint, as a service: VIV_SERVICE_PARAMS.
 * What a pipeline needs to know of a model, the spec declares under a name that all families share:
 *
 *   output           what a row of the graph's end is: "logits" (where it is not declared), "vectors", "scores"
 *   pooling          "cls", "mean" or "last"; no value: a text has no vector of its own, only its tokens have
 *   normalize        whether vectors of texts have length 1
 *   max_seq_length   where texts are cut; no value: those that are too long are refused
 *   decoder_start_token   of a model with an encoder: the token that an answer begins after
 *   image_token      of a model that sees: the token that stands for a picture in its prompts
 *   image_sees       "both ways" where the rows of a picture see each other both ways in the text
 *   image_positions  "grid" where the rows of a picture have their places in it as positions of the text, which goes on
 *                    behind its longest side
 *   image_place      the text that stands for a picture in a prompt; it becomes image_before, image_row for each row,
 *                    image_break between the lines of its grid, image_after. Without it, the prompt has image_token, which becomes one for each row
 *
 *   video_token      of a model that takes videos: the token that stands for their rows; it may be image_token
 *   video_place      as image_place, of a video; it becomes video_before, for each group of frames that are seen together
 *                    video_frame, in which {seconds} is their time, video_row for each row, video_frame_end; video_after
 *   video_processor  the class of transformers that prepares videos, where no file beside the weights says how
 *
 *   image_processor  the class of transformers that prepares pictures, where no file beside the weights says how;
 *   image_size, image_mean, image_std, image_longest_edge, image_patch_size, image_merge_size, image_min_pixels,
 *   image_max_pixels, image_tile_size, image_min_tiles, image_max_tiles, image_min_image_tokens, image_max_image_tokens,
 *   image_split      (whether a picture is cut into tiles)
 *                    then these of its settings, where they are not its defaults
 *
 * Params of a stack that uses another spec have its name before theirs: "vision.patch_size".                  */
#ifndef VIVARIUM_PARAMS_H
#define VIVARIUM_PARAMS_H

#include <vivarium/architecture.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_PARAMS "viv.params/0"

typedef struct viv_params {
    uint32_t struct_size, flags;
    /* The param's value; `otherwise` where the spec has no such param, or it has no value, or one of another type.
     * A word lives as long as the model. [any: the model is open] */
    const char *(*get_word)(viv_model *model, const char *name, const char *otherwise);
    /* Integers and booleans. [any: the model is open] */
    int64_t (*get_int)(viv_model *model, const char *name, int64_t otherwise);
    /* Numbers, integers among them. [any: the model is open] */
    double (*get_float)(viv_model *model, const char *name, double otherwise);

    /* Lists: write at most `capacity` numbers, and return how many there are; 0 where the param is no such list.
     * [any: the model is open] */
    uint64_t (*get_ints)(viv_model *model, const char *name, int64_t *values, uint64_t capacity);
    /* [any: the model is open] */
    uint64_t (*get_floats)(viv_model *model, const char *name, double *values, uint64_t capacity);

    /* A file beside the model's weights, such as preprocessor_config.json: at most 16 MiB, NUL-terminated besides. NULL and
     * 0 where there is none. Lives as long as the model. [setup: the model is open] */
    viv_status (*read_file)(viv_model *model, const char *name, const char **data, uint64_t *size);
} viv_params;

#ifdef __cplusplus
}
#endif
#endif
