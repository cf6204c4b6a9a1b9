/* values.h - bytes of pixels become the numbers that a model reads: rescaled, normalised, and cut into patches.
 * Each byte of a channel has one value, so a table of 256 per channel holds any arithmetic. Floats of a picture are
 * rescaled, and become (x - mean) / std. */
#ifndef VLM_VALUES_H
#define VLM_VALUES_H

#include "settings.h"

struct vlm_values {
    float of[3][256];
    float mean[3], std[3];
};

/* The values that the settings say, bit for bit as their back-end computes them. Refuses a standard deviation of 0.
 */
viv_status vlm_values_init(const viv_host *host, const struct vlm_settings *settings, struct vlm_values *out);

/* A rectangle of a picture. */
struct vlm_rect {
    uint32_t x, y, width, height;
};

/* Of byte or float `i` of a picture, which is of this channel. */
static inline float vlm_value_of(const struct vlm_values *values, const struct vlm_picture *picture, uint64_t i,
                                 uint32_t channel)
{
    return picture->floats ? (picture->floats[i] - values->mean[channel]) / values->std[channel]
                           : values->of[channel][picture->pixels[i]];
}

/* [channel, y, x] of the rectangle, which lies within the picture. */
void vlm_values_of(const struct vlm_values *values, const struct vlm_picture *picture, struct vlm_rect rect,
                   float *out);

enum vlm_patch_order {
    VLM_CHANNEL_FRAME_Y_X, /* towers with a convolution; qwen's, of several frames; llama4 */
    VLM_Y_X_CHANNEL        /* siglip2 NaFlex, lfm2_vl, gemma4 */
};

struct vlm_patching {
    uint32_t side;   /* of a patch, in pixels */
    uint32_t frames; /* of a patch. A still picture is this many equal frames */
    uint32_t
        block; /* patches go row by row in blocks of block x block, and these go row by row; 1: without blocks */
    enum vlm_patch_order order;
};

/* Rows of patches, [patches, features]; features are 3 * frames * side * side in the given order. pictures: `n`
 * frames of the same size, 1 or patching->frames. Refuses a rectangle that is no whole number of blocks, or not in
 * the pictures. */
viv_status vlm_patches(const viv_host *host, const struct vlm_values *values, const struct vlm_patching *patching,
                       const struct vlm_picture *const *pictures, uint32_t n, struct vlm_rect rect, float *out);

#endif
