/* preprocessor.c - reads preprocessor_config.json over the defaults of a class of transformers. A key that is
 * absent or null has the default. Keys of several names mean the same: older files, and other presets. */
#include "settings.h"

#include <jansson.h>

#define CLIP                        .image_mean = {0.48145466, 0.4578275, 0.40821073}, .image_std = {0.26862954, 0.26130258, 0.27577711}
#define HALF                        .image_mean = {0.5, 0.5, 0.5}, .image_std = {0.5, 0.5, 0.5}
#define RESCALED                    .do_resize = true, .do_rescale = true, .rescale_factor = 1.0 / 255
#define COMMON                      RESCALED, .do_normalize = true
#define SQUARE(side)                .size = {.height = (side), .width = (side)}
#define CROP(side)                  .do_center_crop = true, .crop_size = {.height = (side), .width = (side)}
#define TILES(from, to)             .min_tiles = (from), .max_tiles = (to)
#define SAMPLED(a_second, from, to) .fps = (a_second), .min_frames = (from), .max_frames = (to)

struct preset {
    const char *name;        /* image_processor_type is NameImageProcessor, or ...Fast */
    bool shortest_by_number; /* `size: 224` is the shortest edge; else both sides */
    struct vlm_settings defaults;
};

static const struct preset image_presets[] = {
    {"CLIP",
     true,
     {.rule = VLM_RULE_PLAIN, .filter = VLM_BICUBIC, COMMON, CLIP, .size = {.shortest_edge = 224}, CROP(224)}},
    {"Bit",
     true,
     {.rule = VLM_RULE_PLAIN, .filter = VLM_BICUBIC, COMMON, CLIP, .size = {.shortest_edge = 224}, CROP(224)}},
    {"Llava",
     true,
     {.rule = VLM_RULE_PLAIN, .filter = VLM_BICUBIC, COMMON, CLIP, .size = {.shortest_edge = 224}, CROP(224)}},
    {"Siglip", false, {.rule = VLM_RULE_PLAIN, .filter = VLM_BICUBIC, COMMON, HALF, SQUARE(224)}},
    {"ViT", false, {.rule = VLM_RULE_PLAIN, .filter = VLM_BILINEAR, COMMON, HALF, SQUARE(224)}},
    {"DINOv3ViT",
     false,
     {.rule = VLM_RULE_PLAIN,
      .filter = VLM_BILINEAR,
      COMMON,
      .image_mean = {0.485, 0.456, 0.406},
      .image_std = {0.229, 0.224, 0.225},
      SQUARE(224),
      .rescale_first = true}},
    {"Gemma3", false, {.rule = VLM_RULE_PAN_AND_SCAN, .filter = VLM_BILINEAR, COMMON, HALF, SQUARE(224)}},
    {"LlavaNext",
     true,
     {.rule = VLM_RULE_PINPOINTS,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.shortest_edge = 224},
      CROP(224),
      .n_pinpoints = 5,
      .pinpoints = {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}}}},
    {"LlavaOnevision",
     true,
     {.rule = VLM_RULE_PINPOINTS,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      SQUARE(384),
      .split_alone = true}}, /* pinpoints: below */
    {"Idefics3",
     false,
     {.rule = VLM_RULE_LONGEST_EDGE,
      .filter = VLM_LANCZOS,
      COMMON,
      HALF,
      .size = {.longest_edge = 4 * 364},
      .tile_size = 364,
      .split = true}},
    {"SmolVLM",
     false,
     {.rule = VLM_RULE_LONGEST_EDGE,
      .filter = VLM_LANCZOS,
      COMMON,
      HALF,
      .size = {.longest_edge = 4 * 364},
      .tile_size = 364,
      .split = true}},
    {"Qwen2VL",
     false,
     {.rule = VLM_RULE_AREA,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.shortest_edge = 56 * 56, .longest_edge = 28 * 28 * 1280},
      .patch_size = 14,
      .merge_size = 2,
      .temporal_patch_size = 2}},
    {"Glm4v",
     false,
     {.rule = VLM_RULE_AREA,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.shortest_edge = 112 * 112, .longest_edge = 28 * 28 * 15000},
      .patch_size = 14,
      .merge_size = 2,
      .temporal_patch_size = 2,
      .counts_frames = true}},
    {"Glm46V",
     false,
     {.rule = VLM_RULE_AREA,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.shortest_edge = 112 * 112, .longest_edge = 28 * 28 * 15000},
      .patch_size = 14,
      .merge_size = 2,
      .temporal_patch_size = 2,
      .counts_frames = true}},
    {"Gemma4",
     false,
     {.rule = VLM_RULE_SOFT_TOKENS,
      .filter = VLM_BICUBIC,
      RESCALED,
      .image_std = {1, 1, 1},
      .patch_size = 16,
      .max_soft_tokens = 280,
      .pooling_kernel_size = 3}},
    {"GotOcr2",
     false,
     {.rule = VLM_RULE_NEAREST_ASPECT, .filter = VLM_BICUBIC, COMMON, CLIP, SQUARE(384), TILES(1, 12)}},
    {"DeepseekOcr2",
     false,
     {.rule = VLM_RULE_NEAREST_ASPECT,
      .filter = VLM_BICUBIC,
      COMMON,
      HALF,
      SQUARE(1024),
      TILES(2, 6),
      .tile_size = 768,
      .split = true,
      .background = {127, 127, 127}}},
    {"Ovis2",
     false,
     {.rule = VLM_RULE_COVERING,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      SQUARE(384),
      TILES(1, 12),
      .use_covering_area_grid = true}},
    {"Pixtral",
     true,
     {.rule = VLM_RULE_SHRINK,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.longest_edge = 1024},
      .patch_size = 16}},
    {"Siglip2",
     false,
     {.rule = VLM_RULE_MAX_PATCHES, .filter = VLM_BILINEAR, COMMON, HALF, .patch_size = 16, .max_patches = 256}},
    {"Lfm2Vl",
     false,
     {.rule = VLM_RULE_AREA_THEN_TILES,
      .filter = VLM_BILINEAR,
      COMMON,
      HALF,
      SQUARE(512),
      TILES(2, 10),
      .tile_size = 512,
      .split = true,
      .use_thumbnail = true,
      .min_image_tokens = 64,
      .max_image_tokens = 256,
      .patch_size = 16,
      .downsample_factor = 2,
      .max_pixels_tolerance = 2}},
    {"Llama4",
     false,
     {.rule = VLM_RULE_CANVAS, .filter = VLM_BILINEAR, COMMON, HALF, SQUARE(336), TILES(1, 16), .as_bf16 = true}},
    {"Kimi_K25",
     false,
     {.rule = VLM_RULE_SHRINK_AND_PAD,
      .filter = VLM_BICUBIC,
      COMMON,
      HALF,
      .size = {.max_height = 512, .max_width = 512},
      .patch_size = 14,
      .merge_size = 2,
      .max_patches = 16384}},
    {"DeepseekVL",
     false,
     {.rule = VLM_RULE_SQUARE,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      SQUARE(384),
      .min_size = 14,
      .pad_to_square = true}},
    {"MiniCPMV4_6",
     false,
     {.rule = VLM_RULE_SLICES,
      .filter = VLM_BICUBIC,
      COMMON,
      HALF,
      TILES(1, 9),
      .tile_size = 448,
      .patch_size = 14,
      .merge_size = 4,
      .split = true}},
};

/* Videos are resized frame by frame; NameVideoProcessor */
static const struct preset video_presets[] = {
    {"LlavaNextVideo",
     true,
     {.rule = VLM_RULE_PLAIN, .filter = VLM_BICUBIC, COMMON, CLIP, .size = {.shortest_edge = 224}, CROP(224)}},
    {"LlavaOnevision", true, {.rule = VLM_RULE_PLAIN, .filter = VLM_BICUBIC, COMMON, CLIP, SQUARE(384)}},
    {"InternVL",
     false,
     {.rule = VLM_RULE_PLAIN, .filter = VLM_BICUBIC, COMMON, CLIP, SQUARE(384), .sampling = VLM_SAMPLE_MIDDLES}},
    {"SmolVLM",
     false,
     {.rule = VLM_RULE_LONGEST_EDGE,
      .filter = VLM_LANCZOS,
      COMMON,
      HALF,
      .size = {.longest_edge = 4 * 364},
      .tile_size = 364,
      .sampling = VLM_SAMPLE_INNER}},
    {"Qwen2VL",
     false,
     {.rule = VLM_RULE_AREA,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.shortest_edge = 28 * 28 * 128, .longest_edge = 28 * 28 * 768},
      .patch_size = 14,
      .merge_size = 2,
      .temporal_patch_size = 2,
      .sampling = VLM_SAMPLE_PAIRS,
      .do_sample_frames = true, /* the class of transformers has false, the authors' own program true */
      SAMPLED(2, 4, 768)}},
    {"Qwen3VL",
     false,
     {.rule = VLM_RULE_AREA,
      .filter = VLM_BICUBIC,
      COMMON,
      HALF,
      .size = {.shortest_edge = 32 * 32 * 128, .longest_edge = 32 * 32 * 768},
      .patch_size = 16,
      .merge_size = 2,
      .temporal_patch_size = 2,
      .counts_frames = true,
      .sampling = VLM_SAMPLE_ENDS,
      .do_sample_frames = true,
      SAMPLED(2, 4, 768)}},
    {"Glm4v",
     false,
     {.rule = VLM_RULE_AREA,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.shortest_edge = 112 * 112, .longest_edge = 28 * 28 * 60000},
      .patch_size = 14,
      .merge_size = 2,
      .temporal_patch_size = 2,
      .counts_frames = true,
      .sampling = VLM_SAMPLE_CEIL,
      .do_sample_frames = true,
      .fps = 2,
      .max_duration = 300}},
    {"Glm46V",
     false,
     {.rule = VLM_RULE_AREA,
      .filter = VLM_BICUBIC,
      COMMON,
      CLIP,
      .size = {.shortest_edge = 112 * 112, .longest_edge = 28 * 28 * 60000},
      .patch_size = 14,
      .merge_size = 2,
      .temporal_patch_size = 2,
      .counts_frames = true,
      .sampling = VLM_SAMPLE_DENSE,
      .do_sample_frames = true}},
    {"Gemma4",
     false,
     {.rule = VLM_RULE_SOFT_TOKENS,
      .filter = VLM_BICUBIC,
      COMMON,
      .image_std = {1, 1, 1},
      .patch_size = 16,
      .max_soft_tokens = 70,
      .pooling_kernel_size = 3}},
    {"Kimi_K25",
     false,
     {.rule = VLM_RULE_SHRINK_AND_PAD,
      .filter = VLM_BICUBIC,
      COMMON,
      HALF,
      .size = {.max_height = 512, .max_width = 512},
      .patch_size = 14,
      .merge_size = 2,
      .temporal_patch_size = 4,
      .max_patches = 4096,
      .do_sample_frames = true,
      .fps = 2}},
};

/* 384 to 2304 in both directions */
static void add_onevision_pinpoints(struct vlm_settings *s)
{
    for (uint32_t h = 1; h <= 6; h++)
        for (uint32_t w = 1; w <= 6; w++) {
            s->pinpoints[s->n_pinpoints][0] = 384 * h;
            s->pinpoints[s->n_pinpoints++][1] = 384 * w;
        }
}

/* --- values of keys ------------------------------------------------------------------------------------------ */

/* The first error is kept, so that callers need not look after each key. */
struct reader {
    const viv_host *host;
    const json_t *file;
    viv_status status;
};

static const json_t *value_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static void refuse(struct reader *r, const char *key, const char *expected)
{
    if (r->status == VIV_OK)
        r->status =
            viv_fail(r->host, VIV_EINVAL, "the preprocessor's '%s' is not what was expected: %s", key, expected);
}

static void to_count(struct reader *r, const char *key, const json_t *value, uint32_t *out)
{
    const double number = json_is_number(value) ? json_number_value(value) : -1;
    if (number >= 0 && number <= INT32_MAX && number == (double)(uint32_t)number)
        *out = (uint32_t)number;
    else
        refuse(r, key, "a whole number from 0 to 2147483647");
}

static void read_count(struct reader *r, const json_t *object, const char *key, uint32_t *out)
{
    const json_t *value = value_of(object, key);
    if (value)
        to_count(r, key, value, out);
}

static void read_flag(struct reader *r, const char *key, bool *out)
{
    const json_t *value = value_of(r->file, key);
    if (json_is_boolean(value))
        *out = json_is_true(value);
    else if (value)
        refuse(r, key, "true or false");
}

static void read_number(struct reader *r, const char *key, double *out)
{
    const json_t *value = value_of(r->file, key);
    if (json_is_number(value))
        *out = json_number_value(value);
    else if (value)
        refuse(r, key, "a number");
}

/* A list of three numbers, or one for all. */
static void read_channels(struct reader *r, const char *key, double out[3])
{
    const json_t *value = value_of(r->file, key);
    const bool list = json_is_array(value) && json_array_size(value) == 3;
    if (!value)
        return;
    for (size_t c = 0; c < 3; c++) {
        const json_t *number = list ? json_array_get(value, c) : value;
        if (json_is_number(number))
            out[c] = json_number_value(number);
        else
            refuse(r, key, "three numbers");
    }
}

/* A number, [height, width], or an object. */
static void read_size(struct reader *r, const char *key, bool shortest_by_number, struct vlm_size *out)
{
    const json_t *value = value_of(r->file, key);
    struct vlm_size size = {0};
    uint32_t side = 0;
    if (!value)
        return;
    if (json_is_number(value)) {
        to_count(r, key, value, &side);
        if (shortest_by_number)
            size.shortest_edge = side;
        else
            size.height = size.width = side;
    } else if (json_is_array(value) && json_array_size(value) == 2) {
        to_count(r, key, json_array_get(value, 0), &size.height);
        to_count(r, key, json_array_get(value, 1), &size.width);
    } else if (json_is_object(value)) {
        read_count(r, value, "min_pixels", &size.shortest_edge);
        read_count(r, value, "max_pixels", &size.longest_edge);
        read_count(r, value, "shortest_edge", &size.shortest_edge);
        read_count(r, value, "longest_edge", &size.longest_edge);
        read_count(r, value, "height", &size.height);
        read_count(r, value, "width", &size.width);
        read_count(r, value, "max_height", &size.max_height);
        read_count(r, value, "max_width", &size.max_width);
    } else {
        refuse(r, key,
               "a number, a list of height and width, or an object such as {\"height\": 224, \"width\": 224}");
    }
    *out = size;
}

static void read_pinpoints(struct reader *r, struct vlm_settings *s)
{
    const json_t *list = value_of(r->file, "image_grid_pinpoints");
    if (!list)
        return;
    if (!json_is_array(list) || json_array_size(list) > VLM_MAX_PINPOINTS) {
        refuse(r, "image_grid_pinpoints", "a list of at most 128 pairs of height and width");
        return;
    }
    s->n_pinpoints = 0;
    for (size_t i = 0; i < json_array_size(list); i++, s->n_pinpoints++)
        for (size_t k = 0; k < 2; k++)
            to_count(r, "image_grid_pinpoints", json_array_get(json_array_get(list, i), k),
                     &s->pinpoints[s->n_pinpoints][k]);
}

/* A number, or an object with a height that equals the width. */
static void read_patch_size(struct reader *r, struct vlm_settings *s)
{
    const json_t *value = value_of(r->file, "patch_size");
    if (!json_is_object(value)) {
        read_count(r, r->file, "patch_size", &s->patch_size);
        return;
    }
    uint32_t width = 0;
    read_count(r, value, "height", &s->patch_size);
    read_count(r, value, "width", &width);
    if (width != s->patch_size)
        refuse(r, "patch_size", "a height that equals the width");
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* --- the file ------------------------------------------------------------------------------------------------ */

static void read_tiles(struct reader *r, struct vlm_settings *s)
{
    static const char *const splits[] = {"do_image_splitting", "crop_to_patches", "do_pan_and_scan", "slice_mode"};
    static const char *const least[] = {"min_patches", "min_tiles"}, *const most[] = {"max_tiles", "max_slice_nums",
                                                                                      "pan_and_scan_max_num_crops"};
    if (s->rule == VLM_RULE_PAN_AND_SCAN) { /* Gemma3Processor's */
        s->max_tiles = 4;
        s->pan_and_scan_min_crop_size = 256;
        s->pan_and_scan_min_ratio_to_activate = 1.2;
    }
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++)
        read_flag(r, splits[i], &s->split);
    for (size_t i = 0; i < sizeof least / sizeof *least; i++)
        read_count(r, r->file, least[i], &s->min_tiles);
    for (size_t i = 0; i < sizeof most / sizeof *most; i++)
        read_count(r, r->file, most[i], &s->max_tiles);
    /* of a patch of a tower, or a tile */
    read_count(r, r->file, "max_patches", s->rule == VLM_RULE_SHRINK_AND_PAD ? &s->max_patches : &s->max_tiles);
    read_count(r, r->file, "tile_size", &s->tile_size);
    read_count(r, r->file, "scale_resolution", &s->tile_size);
    const json_t *tile = value_of(r->file, "max_image_size");
    if (json_is_object(tile))
        read_count(r, tile, "longest_edge", &s->tile_size);
    else if (tile)
        refuse(r, "max_image_size", "an object such as {\"longest_edge\": 364}");
    read_flag(r, "use_thumbnail", &s->use_thumbnail);
    read_flag(r, "use_covering_area_grid", &s->use_covering_area_grid);
    read_flag(r, "resize_to_max_canvas", &s->resize_to_max_canvas);
    read_count(r, r->file, "pan_and_scan_min_crop_size", &s->pan_and_scan_min_crop_size);
    read_number(r, "pan_and_scan_min_ratio_to_activate", &s->pan_and_scan_min_ratio_to_activate);
    read_pinpoints(r, s);
}

static void read_limits(struct reader *r, const json_t *outer, struct vlm_settings *s)
{
    read_patch_size(r, s);
    read_count(r, r->file, "encoder_patch_size", &s->patch_size);
    read_count(r, r->file, "temporal_patch_size", &s->temporal_patch_size);
    read_count(r, r->file, "merge_size", &s->merge_size);
    if (s->merge_size == 0)
        s->merge_size = 1;
    if (s->rule == VLM_RULE_SHRINK) /* mistral3's processor says it, not its image processor */
        read_count(r, outer, "spatial_merge_size", &s->merge_size);
    if (s->rule == VLM_RULE_SLICES && value_of(r->file, "downsample_mode"))
        s->merge_size = is_text(value_of(r->file, "downsample_mode"), "4x") ? 2 : 4;
    if (s->rule == VLM_RULE_AREA) {
        read_count(r, r->file, "min_pixels", &s->size.shortest_edge);
        read_count(r, r->file, "max_pixels", &s->size.longest_edge);
    }
    read_count(r, r->file, "max_num_patches", &s->max_patches);
    read_count(r, r->file, "max_soft_tokens", &s->max_soft_tokens);
    read_count(r, r->file, "pooling_kernel_size", &s->pooling_kernel_size);
    read_count(r, r->file, "min_image_tokens", &s->min_image_tokens);
    read_count(r, r->file, "max_image_tokens", &s->max_image_tokens);
    read_count(r, r->file, "downsample_factor", &s->downsample_factor);
    read_number(r, "max_pixels_tolerance", &s->max_pixels_tolerance);
    read_count(r, r->file, "min_size", &s->min_size);
}

static void read_sampling(struct reader *r, struct vlm_settings *s)
{
    enum { MOST_FPS = 1000, MOST_DURATION = 86400 };
    const json_t *sampling = value_of(r->file, "video_sampling"); /* of smolvlm's older files */
    bool shifts = s->sampling == VLM_SAMPLE_MIDDLES;
    if (json_is_object(sampling)) {
        struct reader inner = {r->host, sampling, VIV_OK};
        read_count(&inner, sampling, "max_frames", &s->num_frames);
        read_number(&inner, "fps", &s->fps);
        read_size(&inner, "video_size", false, &s->size);
        r->status = r->status == VIV_OK ? inner.status : r->status;
    }
    read_flag(r, "initial_shift", &shifts);
    if (s->sampling == VLM_SAMPLE_MIDDLES && !shifts)
        s->sampling = VLM_SAMPLE_EVEN;
    read_count(r, r->file, "max_duration", &s->max_duration);
    read_flag(r, "do_sample_frames", &s->do_sample_frames);
    read_number(r, "fps", &s->fps);
    read_count(r, r->file, "num_frames", &s->num_frames);
    read_count(r, r->file, "min_frames", &s->min_frames);
    read_count(r, r->file, "max_frames", &s->max_frames);
    if (!(s->fps >= 0 && s->fps <= MOST_FPS))
        refuse(r, "fps", "a number of frames a second, at most 1000");
    if (s->max_duration > MOST_DURATION)
        refuse(r, "max_duration", "a number of seconds, at most 86400");
}

static void read_pixels(struct reader *r, const struct preset *preset, struct vlm_settings *s)
{
    uint32_t filter = s->filter;
    read_flag(r, "do_resize", &s->do_resize);
    read_flag(r, "do_center_crop", &s->do_center_crop);
    read_flag(r, "do_rescale", &s->do_rescale);
    read_flag(r, "do_normalize", &s->do_normalize);
    read_number(r, "rescale_factor", &s->rescale_factor);
    read_channels(r, "image_mean", s->image_mean);
    read_channels(r, "image_std", s->image_std);
    read_size(r, "size", preset->shortest_by_number, &s->size);
    read_size(r, "crop_size", false, &s->crop_size);
    read_count(r, r->file, "resample", &filter);
    if (filter < VLM_N_FILTERS)
        s->filter = (enum vlm_filter)filter;
    else
        refuse(r, "resample", "a number from 0 to 5");
    if (strcmp(preset->name, "Llava") == 0 || s->rule == VLM_RULE_SQUARE)
        read_flag(r, "do_pad", &s->pad_to_square);
    if (s->rule == VLM_RULE_PLAIN && is_text(value_of(r->file, "image_aspect_ratio"), "pad"))
        s->pad_to_square = true;
    double background[3] = {s->background[0], s->background[1], s->background[2]};
    read_channels(r, "background_color", background);
    for (int c = 0; c < 3; c++)
        if (background[c] >= 0 && background[c] <= 255)
            s->background[c] = (uint8_t)background[c];
        else
            refuse(r, "background_color", "three numbers from 0 to 255");
}

/* CLIPImageProcessor, CLIPImageProcessorFast, CLIPImageProcessorPil, CLIPFeatureExtractor; Qwen2VLVideoProcessor */
static const struct preset *find_preset(const char *type, bool video)
{
    static const char *const of_images[] = {"ImageProcessor", "ImageProcessorFast", "ImageProcessorPil",
                                            "FeatureExtractor", NULL},
                             *const of_videos[] = {"VideoProcessor", NULL};
    const struct preset *presets = video ? video_presets : image_presets;
    const size_t n =
        video ? sizeof video_presets / sizeof *video_presets : sizeof image_presets / sizeof *image_presets;
    for (size_t i = 0; type && i < n; i++) {
        const size_t length = strlen(presets[i].name);
        for (const char *const *ending = video ? of_videos : of_images; *ending; ending++)
            if (strncmp(type, presets[i].name, length) == 0 && strcmp(type + length, *ending) == 0)
                return &presets[i];
    }
    return NULL;
}

static const char *type_of(const json_t *file, bool video)
{
    const json_t *type = value_of(file, video ? "video_processor_type" : "image_processor_type");
    if (!type)
        type = value_of(file, "feature_extractor_type");
    return json_string_value(type);
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

static viv_status read_file(const viv_host *host, const json_t *outer, bool video, const char *type,
                            struct vlm_settings *out)
{
    const json_t *inner = value_of(outer, video ? "video_processor" : "image_processor");
    struct reader r = {host, inner ? inner : outer, VIV_OK};
    if (!json_is_object(r.file))
        refuse(&r, video ? "video_processor" : "image_processor", "an object of settings");
    if (r.status != VIV_OK)
        return r.status;
    const char *named = type_of(r.file, video);
    const struct preset *expected = find_preset(type, video), *own = find_preset(named, video),
                        *preset = own ? own : expected;
    bool cap = false;
    if (own && expected && own->defaults.rule != expected->defaults.rule)
        return viv_fail(host, VIV_EINVAL,
                        "the preprocessor is of class '%s', which is another model's: this one's is '%s'; take the "
                        "file from where the model is from",
                        named, type);
    if (!preset)
        return viv_fail(host, VIV_EUNSUPPORTED,
                        "the preprocessor is of class '%s', which is none of those that are known here",
                        named  ? named
                        : type ? type
                               : "(none is named)");
    struct vlm_settings settings = preset->defaults;
    if (named && ends_with(named, "Pil"))
        settings.backend = VLM_PILLOW;
    if (settings.split_alone)
        add_onevision_pinpoints(&settings);
    read_pixels(&r, preset, &settings);
    read_tiles(&r, &settings);
    read_limits(&r, outer, &settings);
    if (video)
        read_sampling(&r, &settings);
    read_flag(&r, "cap_pixels_per_frame", &cap);
    if (r.status == VIV_OK && cap)
        return viv_fail(host, VIV_EUNSUPPORTED,
                        "the preprocessor's 'cap_pixels_per_frame' is not supported: expected false");
    if (r.status == VIV_OK)
        *out = settings;
    return r.status;
}

viv_status vlm_settings_read(const viv_host *host, const char *json, uint64_t size, bool video, const char *type,
                             struct vlm_settings *out)
{
    json_error_t error;
    json_t *file = json_loadb(json, size, 0, &error);
    if (!json_is_object(file)) {
        json_decref(file);
        return viv_fail(host, VIV_EFORMAT, "the preprocessor's file is no JSON object: %s, line %d",
                        file ? "it is something else" : error.text, file ? 1 : error.line);
    }
    const viv_status status = read_file(host, file, video, type, out);
    json_decref(file);
    return status;
}
