/* From a picture to the values that a model reads, bit for bit against image processors of transformers: of both
 * back-ends. The goldens are made by tests/golden/make/pictures.py. */
#include "files.h"
#include "picture_of.h"
#include "vlm/plan.h"
#include "vlm/values.h"

#include <jansson.h>

static uint32_t number_of(const json_t *object, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static struct vlm_patching patching_of(const struct vlm_settings *s)
{
    const bool by_pixel = s->rule == VLM_RULE_MAX_PATCHES || s->rule == VLM_RULE_AREA_THEN_TILES ||
                          s->rule == VLM_RULE_SOFT_TOKENS,
               in_blocks = s->rule == VLM_RULE_AREA;
    return (struct vlm_patching){.side = s->patch_size,
                                 .frames = in_blocks ? s->temporal_patch_size : 1,
                                 .block = in_blocks ? s->merge_size : 1,
                                 .order = by_pixel ? VLM_Y_X_CHANNEL : VLM_CHANNEL_FRAME_Y_X};
}

/* What is compared with a case of the goldens. */
struct comparison {
    const json_t *test;
    struct vlm_settings settings;
    struct vlm_values values;
    size_t image;
    uint32_t sum;
};

/* A tile of `n` frames, which are shown together where patches have several. */
static void add_tile(struct comparison *c, const struct vlm_picture *const *canvases, uint32_t n,
                     struct vlm_rect rect)
{
    const bool patches = json_is_true(json_object_get(c->test, "patches"));
    const json_t *shape = json_array_get(json_object_get(c->test, "shapes"), c->image++);
    const struct vlm_patching patching = patching_of(&c->settings);
    const size_t size = (size_t)3 * rect.width * rect.height * (patches ? patching.frames : 1);
    float *out = malloc(size * sizeof *out);
    size_t expected = 1;
    for (size_t i = 0; i < json_array_size(shape); i++)
        expected *= (size_t)json_integer_value(json_array_get(shape, i));
    ck_assert_uint_eq(size, expected);
    if (patches) {
        ck_assert_int_eq(vlm_patches(&test_host, &c->values, &patching, canvases, n, rect, out), VIV_OK);
    } else {
        ck_assert_uint_eq(rect.height, (uint32_t)json_integer_value(json_array_get(shape, 1)));
        vlm_values_of(&c->values, canvases[0], rect, out);
    }
    c->sum = (uint32_t)crc32_z(c->sum, (const unsigned char *)out, size * sizeof *out);
    free(out);
}

/* The views of a picture, or of frames that patches show together. */
static void add_pictures(struct comparison *c, const struct vlm_plan *plan,
                         struct vlm_picture canvases[][VLM_MAX_VIEWS], uint32_t n)
{
    for (uint32_t v = 0; v < plan->n_views; v++) {
        const struct vlm_view *view = &plan->views[v];
        const uint32_t h = view->height / view->rows, w = view->width / view->cols;
        const struct vlm_picture *frames[4];
        for (uint32_t f = 0; f < n; f++) {
            frames[f] = &canvases[f][v];
            ck_assert(frames[f]->width == view->width && frames[f]->height == view->height);
        }
        for (uint32_t i = 0; i < view->rows * view->cols; i++)
            add_tile(c, frames, n, (struct vlm_rect){i % view->cols * w, i / view->cols * h, w, h});
    }
}

static void compare_with(const json_t *test)
{
    const uint32_t height = number_of(test, "height"), width = number_of(test, "width"),
                   n_frames = number_of(test, "frames");
    char *json = json_dumps(json_object_get(test, "file"), JSON_COMPACT);
    struct comparison c = {.test = test};
    struct vlm_plan plan;
    ck_assert_msg(vlm_settings_read(&test_host, json, strlen(json), n_frames > 0, NULL, &c.settings) == VIV_OK,
                  "%s", last_error);
    c.settings.backend = strcmp(text_of(test, "backend"), "pillow") == 0 ? VLM_PILLOW : VLM_TORCHVISION;
    ck_assert_msg(vlm_plan_make(&test_host, &c.settings, height, width, 1, n_frames, &plan) == VIV_OK, "%s",
                  last_error);
    ck_assert_int_eq(vlm_values_init(&test_host, &c.settings, &c.values), VIV_OK);
    const uint32_t n = n_frames ? patching_of(&c.settings).frames : 1;
    for (uint32_t first = 0; first == 0 || first < n_frames; first += n) {
        struct vlm_picture canvases[4][VLM_MAX_VIEWS];
        for (uint32_t f = 0; f < n; f++) {
            struct vlm_picture picture = picture_of(number_of(test, "seed") + first + f, height, width);
            ck_assert_msg(vlm_plan_render(&test_host, &plan, &c.settings, &picture, canvases[f]) == VIV_OK, "%s",
                          last_error);
            vlm_picture_release(&picture);
        }
        add_pictures(&c, &plan, canvases, n);
        for (uint32_t i = 0; i < n * plan.n_views; i++)
            vlm_picture_release(&canvases[i / plan.n_views][i % plan.n_views]);
    }
    ck_assert_msg(c.image == json_array_size(json_object_get(test, "shapes")), "%s, %u x %u: %zu images", json,
                  height, width, c.image);
    ck_assert_msg(c.sum == strtoul(text_of(test, "crc"), NULL, 16), "%s, %s, %u x %u", json,
                  text_of(test, "backend"), height, width);
    free(json);
}

TEST(preprocessor__gives_the_values_of_transformers)
{
    json_t *tests = json_load_file(source_path("tests/golden/vlm/preprocessors.json"), 0, NULL);
    ck_assert_uint_ge(json_array_size(tests), 100);
    for (size_t i = 0; i < json_array_size(tests); i++)
        compare_with(json_array_get(tests, i));
    json_decref(tests);
}
END_TEST

/* --- the file
 * -------------------------------------------------------------------------------------------------------- */

static viv_status read_settings(const char *json, const char *type, struct vlm_settings *out)
{
    return vlm_settings_read(&test_host, json, strlen(json), false, type, out);
}

TEST(preprocessor__reads_old_and_new_files)
{
    struct vlm_settings s;
    ck_assert_int_eq(
        read_settings("{\"feature_extractor_type\": \"CLIPFeatureExtractor\", \"size\": 336, \"crop_size\": 336, "
                      "\"resample\": 3}",
                      NULL, &s),
        VIV_OK);
    ck_assert_uint_eq(s.size.shortest_edge, 336);
    ck_assert_uint_eq(s.crop_size.height, 336);
    ck_assert_uint_eq(s.crop_size.width, 336);
    ck_assert(s.do_center_crop && s.do_normalize && !s.pad_to_square);

    ck_assert_int_eq(read_settings("{\"size\": 336, \"image_aspect_ratio\": \"pad\"}", "CLIPImageProcessor", &s),
                     VIV_OK);
    ck_assert(s.pad_to_square);

    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"ViTFeatureExtractor\", \"size\": 384, \"image_mean\": 0.25, "
                      "\"do_center_crop\": null}",
                      NULL, &s),
        VIV_OK);
    ck_assert_uint_eq(s.size.height, 384);
    ck_assert_uint_eq(s.size.shortest_edge, 0);
    ck_assert(s.image_mean[2] == 0.25 && !s.do_center_crop);

    ck_assert_int_eq(
        read_settings("{\"processor_class\": \"X\", \"image_processor\": {\"image_processor_type\": "
                      "\"Qwen2VLImageProcessorFast\", \"size\": {\"min_pixels\": 3136, \"max_pixels\": 12845056}, "
                      "\"min_pixels\": 4000}}",
                      NULL, &s),
        VIV_OK);
    ck_assert_uint_eq(s.size.shortest_edge, 4000);
    ck_assert_uint_eq(s.size.longest_edge, 12845056);

    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"SomethingOfTheirOwn\"}", "SiglipImageProcessor", &s), VIV_OK);
    ck_assert_int_eq(s.rule, VLM_RULE_PLAIN);
    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"MiniCPMV4_6ImageProcessor\", \"downsample_mode\": \"4x\"}",
                      NULL, &s),
        VIV_OK);
    ck_assert_uint_eq(s.merge_size, 2);
    /* as published: numbers are null */
    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"Gemma3ImageProcessor\", \"do_pan_and_scan\": true, "
                      "\"pan_and_scan_min_crop_size\": null, \"pan_and_scan_max_num_crops\": 3}",
                      NULL, &s),
        VIV_OK);
    ck_assert(s.split && s.max_tiles == 3 && s.pan_and_scan_min_crop_size == 256 &&
              s.pan_and_scan_min_ratio_to_activate == 1.2);
    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"Kimi_K25ImageProcessor\", \"max_patches\": 77}", NULL, &s),
        VIV_OK);
    ck_assert_uint_eq(s.max_patches, 77);
}
END_TEST

TEST(preprocessor__refuses_what_is_no_setting)
{
    static const struct {
        const char *json;
        viv_status status;
        const char *says;
    } cases[] = {
        {"", VIV_EFORMAT, "no JSON object"},
        {"[]", VIV_EFORMAT, "no JSON object"},
        {"{}", VIV_EUNSUPPORTED, "none is named"},
        {"{\"image_processor_type\": \"Sam2ImageProcessor\"}", VIV_EUNSUPPORTED, "Sam2ImageProcessor"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"image_processor\": 7}", VIV_EINVAL,
         "'image_processor'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": \"large\"}", VIV_EINVAL, "'size'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": -3}", VIV_EINVAL, "'size'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": {\"height\": 1e99, \"width\": 3}}",
         VIV_EINVAL, "'height'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": [3, 4, 5]}", VIV_EINVAL, "'size'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"resample\": 6}", VIV_EINVAL, "'resample'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"image_mean\": [1, 2]}", VIV_EINVAL, "'image_mean'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"do_resize\": 1}", VIV_EINVAL, "'do_resize'"},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"background_color\": 300}", VIV_EINVAL,
         "'background_color'"},
        {"{\"image_processor_type\": \"PixtralImageProcessor\", \"patch_size\": {\"height\": 3, \"width\": 4}}",
         VIV_EINVAL, "'patch_size'"},
        {"{\"image_processor_type\": \"LlavaNextImageProcessor\", \"image_grid_pinpoints\": [[336]]}", VIV_EINVAL,
         "'image_grid_pinpoints'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vlm_settings s;
        ck_assert_msg(read_settings(cases[i].json, NULL, &s) == cases[i].status, "%s: %s", cases[i].json,
                      last_error);
        ck_assert_msg(strstr(last_error, cases[i].says) != NULL, "'%s' lacks '%s'", last_error, cases[i].says);
    }
}
END_TEST

TEST(preprocessor__refuses_the_file_of_another_model)
{
    struct vlm_settings s;
    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"Qwen2VLImageProcessorFast\"}", "Gemma3ImageProcessor", &s),
        VIV_EINVAL);
    ck_assert_ptr_nonnull(strstr(last_error, "'Qwen2VLImageProcessorFast', which is another model's"));
    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"SiglipImageProcessor\"}", "CLIPImageProcessor", &s),
        VIV_OK); /* another class with the same rule */
    ck_assert_int_eq(read_settings("{\"image_processor_type\": \"Gemma3ImageProcessor\"}", NULL, &s), VIV_OK);
}
END_TEST

/* --- values and patches
 * ---------------------------------------------------------------------------------------------- */

TEST(values__refuse_numbers_that_cannot_divide)
{
    struct vlm_settings s;
    struct vlm_values values;
    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"CLIPImageProcessor\", \"image_std\": [1, 0, 1]}", NULL, &s),
        VIV_OK);
    ck_assert_int_eq(vlm_values_init(&test_host, &s, &values), VIV_EINVAL);
    ck_assert_int_eq(
        read_settings("{\"image_processor_type\": \"CLIPImageProcessor\", \"rescale_factor\": 0}", NULL, &s),
        VIV_OK);
    ck_assert_int_eq(vlm_values_init(&test_host, &s, &values), VIV_EINVAL);
    for (int i = 0; i < 3; i++) { /* of floats, infinite */
        static const char *const large[] = {"\"rescale_factor\": 1e300", "\"image_mean\": 1e300",
                                            "\"image_std\": 1e-45"};
        char json[128];
        snprintf(json, sizeof json, "{\"image_processor_type\": \"DINOv3ViTImageProcessor\", %s}", large[i]);
        ck_assert_int_eq(read_settings(json, NULL, &s), VIV_OK);
        ck_assert_int_eq(vlm_values_init(&test_host, &s, &values), VIV_EINVAL);
        ck_assert_msg(strstr(last_error, "infinite") != NULL, "%s", last_error);
    }
}
END_TEST

/* Values that are the bytes themselves. */
static struct vlm_values plain_values(void)
{
    struct vlm_settings s = {0};
    struct vlm_values values;
    ck_assert_int_eq(vlm_values_init(&test_host, &s, &values), VIV_OK);
    return values;
}

TEST(patches__of_two_frames_take_each_from_its_own)
{
    const struct vlm_values values = plain_values();
    struct vlm_picture a = picture_of(3, 8, 12), b = picture_of(6, 8, 12);
    const struct vlm_picture *const frames[] = {&a, &b};
    const struct vlm_patching p = {.side = 2, .frames = 2, .block = 2, .order = VLM_CHANNEL_FRAME_Y_X};
    float rows[24][24];
    ck_assert_int_eq(vlm_patches(&test_host, &values, &p, frames, 2, (struct vlm_rect){0, 0, 12, 8}, rows[0]),
                     VIV_OK);
    /* row 6: block 1, its patch (1, 0), which begins at pixel (x 4, y 2); feature: channel 1, frame 1, y 1, x 0 */
    ck_assert_uint_eq((uint32_t)rows[6][1 * 8 + 1 * 4 + 1 * 2 + 0], b.pixels[3 * (3 * 12 + 4) + 1]);
    ck_assert_uint_eq((uint32_t)rows[6][1 * 8 + 0 * 4 + 1 * 2 + 0], a.pixels[3 * (3 * 12 + 4) + 1]);
    /* row 12: the first block of the second row of blocks */
    ck_assert_uint_eq((uint32_t)rows[12][0], a.pixels[3 * 4 * 12]);
    vlm_picture_release(&a);
    vlm_picture_release(&b);
}
END_TEST

TEST(patches__refuse_what_does_not_fit)
{
    const struct vlm_values values = plain_values();
    struct vlm_picture a = picture_of(3, 8, 12);
    const struct vlm_picture *const frames[] = {&a, &a, &a};
    const struct vlm_patching p = {.side = 2, .frames = 2, .block = 2}, none = {.side = 0, .frames = 1, .block = 1};
    float out[8 * 12 * 3 * 2];
    ck_assert_int_eq(vlm_patches(&test_host, &values, &p, frames, 3, (struct vlm_rect){0, 0, 12, 8}, out),
                     VIV_EINVAL);
    ck_assert_int_eq(vlm_patches(&test_host, &values, &none, frames, 1, (struct vlm_rect){0, 0, 12, 8}, out),
                     VIV_EINVAL);
    ck_assert_int_eq(vlm_patches(&test_host, &values, &p, frames, 1, (struct vlm_rect){0, 0, 10, 8}, out),
                     VIV_ESHAPE);
    ck_assert_int_eq(vlm_patches(&test_host, &values, &p, frames, 1, (struct vlm_rect){4, 0, 12, 8}, out),
                     VIV_ESHAPE);
    ck_assert_int_eq(vlm_patches(&test_host, &values, &p, frames, 1, (struct vlm_rect){UINT32_MAX, 0, 12, 8}, out),
                     VIV_ESHAPE);
    vlm_picture_release(&a);
}
END_TEST

TESTS(preprocessor__gives_the_values_of_transformers, preprocessor__reads_old_and_new_files,
      preprocessor__refuses_what_is_no_setting, preprocessor__refuses_the_file_of_another_model,
      values__refuse_numbers_that_cannot_divide, patches__of_two_frames_take_each_from_its_own,
      patches__refuse_what_does_not_fit)
