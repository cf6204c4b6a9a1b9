/* settings.h - what preprocessor_config.json says about pictures. */
#ifndef VLM_SETTINGS_H
#define VLM_SETTINGS_H

#include "resize.h"

/* How the size of a picture decides what it is resized to and cut into. each is a file, rule_*.c. */
enum vlm_rule {
    VLM_RULE_PLAIN,        /* clip, llava, siglip, vit, dinov2, florence2, paligemma: as `size` says, then a crop */
    VLM_RULE_PAN_AND_SCAN, /* gemma3 */
    VLM_RULE_PINPOINTS,    /* llava_next, llava_onevision, granite4_vision */
    VLM_RULE_LONGEST_EDGE, /* idefics3, smolvlm */
    VLM_RULE_AREA,         /* qwen2_vl to qwen3_5, glm4v, glm46v */
    VLM_RULE_SOFT_TOKENS,  /* gemma4 */
    VLM_RULE_NEAREST_ASPECT,  /* internvl (got_ocr2), deepseek_ocr2 */
    VLM_RULE_COVERING,        /* ovis2 */
    VLM_RULE_SHRINK,          /* pixtral, mistral3 */
    VLM_RULE_MAX_PATCHES,     /* siglip2 NaFlex */
    VLM_RULE_AREA_THEN_TILES, /* lfm2_vl */
    VLM_RULE_CANVAS,          /* llama4 */
    VLM_RULE_SHRINK_AND_PAD,  /* kimi_k25 */
    VLM_RULE_SQUARE,          /* deepseek_vl */
    VLM_RULE_SLICES,          /* minicpmv4_6 */
    VLM_N_RULES
};

/* Which frames of a video are seen: sample.c. */
enum vlm_sampling {
    VLM_SAMPLE_EVEN,
    VLM_SAMPLE_MIDDLES, /* internvl */
    VLM_SAMPLE_PAIRS,   /* qwen2_vl, qwen2_5_vl */
    VLM_SAMPLE_ENDS,    /* qwen3_vl, qwen3_5 */
    VLM_SAMPLE_INNER,   /* smolvlm; from here on none comes twice */
    VLM_SAMPLE_CEIL,    /* glm4v */
    VLM_SAMPLE_DENSE    /* glm46v */
};

enum { VLM_MAX_PINPOINTS = 128 };

/* A size as the files give it: the numbers that are there, 0 for the others. */
struct vlm_size {
    uint32_t height, width, shortest_edge, longest_edge, max_height, max_width;
};

/* The names are those of preprocessor_config.json. A rule reads only those that it has. */
struct vlm_settings {
    enum vlm_rule rule;
    enum vlm_filter filter;   /* resample */
    enum vlm_backend backend; /* torchvision's, unless the class is one of ...Pil */
    bool do_resize, do_center_crop, do_rescale, do_normalize;
    double rescale_factor;
    double image_mean[3], image_std[3];
    bool rescale_first; /* before they are resized, each step in float32: dinov3 */
    bool as_bf16;       /* values are computed in bfloat16: llama4 */
    struct vlm_size size, crop_size;
    uint32_t patch_size, merge_size, temporal_patch_size;

    bool pad_to_square;    /* with image_mean; llava's do_pad, before resizing; deepseek_vl's, after it */
    uint8_t background[3]; /* deepseek_ocr2 */
    uint32_t min_size;     /* deepseek_vl */

    /* tiles: min_patches, min_tiles; max_patches, max_tiles, max_slice_nums */
    bool split; /* do_image_splitting, crop_to_patches, do_pan_and_scan, slice_mode: internvl's processor always
                   splits */
    bool split_alone; /* of several pictures of a message, none is cut: llava_onevision */
    bool use_thumbnail, use_covering_area_grid, resize_to_max_canvas;
    uint32_t min_tiles, max_tiles, tile_size; /* tile_size, scale_resolution, max_image_size.longest_edge */
    uint32_t n_pinpoints, pinpoints[VLM_MAX_PINPOINTS][2]; /* image_grid_pinpoints: height, width */
    uint32_t pan_and_scan_min_crop_size;
    double pan_and_scan_min_ratio_to_activate;

    /* limits */
    bool counts_frames; /* the area of `size` is that of all frames, temporal_patch_size for a still picture: glm4v
                         */
    uint32_t max_patches, max_soft_tokens, pooling_kernel_size, min_image_tokens, max_image_tokens,
        downsample_factor;
    double max_pixels_tolerance;

    /* of videos */
    enum vlm_sampling sampling;
    bool do_sample_frames;
    double fps;                                                /* 0: num_frames */
    uint32_t num_frames, min_frames, max_frames, max_duration; /* max_duration: seconds */
};

/* Reads preprocessor_config.json, video_preprocessor_config.json, or processor_config.json, whose `image_processor`
 * or `video_processor` it takes. What the file lacks has the default of the class that it names as
 * `image_processor_type` or `video_processor_type`. `type` is the model's class, such as "CLIPImageProcessor", or
 * NULL: it is taken where the file names none that is known, and a file of a class with another rule is refused.
 * json: `size` bytes, without a NUL at the end. */
viv_status vlm_settings_read(const viv_host *host, const char *json, uint64_t size, bool video, const char *type,
                             struct vlm_settings *out);

#endif
