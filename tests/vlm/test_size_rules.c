/* Size rules, against the functions of transformers (tests/golden/make/pictures.py), and against published numbers.
 */
#include "picture_of.h"
#include "vlm/plan.h"

#include <zlib.h>

static struct vlm_settings settings_of(const char *json)
{
    struct vlm_settings s;
    ck_assert_msg(vlm_settings_read(&test_host, json, strlen(json), false, NULL, &s) == VIV_OK, "%s", last_error);
    return s;
}

static struct vlm_plan plan_of(const struct vlm_settings *s, uint32_t height, uint32_t width)
{
    struct vlm_plan plan;
    ck_assert_msg(vlm_plan_make(&test_host, s, height, width, 1, 0, &plan) == VIV_OK, "%s", last_error);
    return plan;
}

/* --- against transformers ---------------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *json;
} classes[] = {
    {"CLIP", "{\"image_processor_type\": \"CLIPImageProcessor\"}"},
    {"Qwen2VL", "{\"image_processor_type\": \"Qwen2VLImageProcessor\"}"},
    {"Glm46V", "{\"image_processor_type\": \"Glm46VImageProcessor\"}"},
    {"LlavaNext", "{\"image_processor_type\": \"LlavaNextImageProcessor\", \"size\": 336, \"crop_size\": 336}"},
    {"LlavaOnevision", "{\"image_processor_type\": \"LlavaOnevisionImageProcessor\"}"},
    {"Idefics3", "{\"image_processor_type\": \"Idefics3ImageProcessor\"}"},
    {"Siglip2", "{\"image_processor_type\": \"Siglip2ImageProcessor\"}"},
    {"Gemma4", "{\"image_processor_type\": \"Gemma4ImageProcessor\"}"},
    {"Gemma3", "{\"image_processor_type\": \"Gemma3ImageProcessor\", \"size\": 896, \"do_pan_and_scan\": true, "
               "\"pan_and_scan_min_crop_size\": 256, \"pan_and_scan_max_num_crops\": 4, "
               "\"pan_and_scan_min_ratio_to_activate\": 1.2}"},
    {"GotOcr2",
     "{\"image_processor_type\": \"GotOcr2ImageProcessor\", \"size\": [448, 448], \"crop_to_patches\": true}"},
    {"DeepseekOcr2", "{\"image_processor_type\": \"DeepseekOcr2ImageProcessor\"}"},
    {"Ovis2", "{\"image_processor_type\": \"Ovis2ImageProcessor\", \"size\": 448, \"crop_to_patches\": true, "
              "\"max_patches\": 9}"},
    {"Pixtral", "{\"image_processor_type\": \"PixtralImageProcessor\"}"},
    {"Lfm2Vl", "{\"image_processor_type\": \"Lfm2VlImageProcessorFast\"}"},
    {"Llama4", "{\"image_processor_type\": \"Llama4ImageProcessor\"}"},
    {"Kimi_K25", "{\"image_processor_type\": \"Kimi_K25ImageProcessor\"}"},
    {"DeepseekVL", "{\"image_processor_type\": \"DeepseekVLImageProcessor\"}"},
    {"MiniCPMV4_6", "{\"image_processor_type\": \"MiniCPMV4_6ImageProcessor\"}"},
};

static uint32_t add_number(uint32_t sum, int32_t number)
{
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)((uint32_t)number >> (8 * i));
    return (uint32_t)crc32_z(sum, bytes, sizeof bytes);
}

static uint32_t add_plan(uint32_t sum, const struct vlm_settings *s, uint32_t h, uint32_t w)
{
    struct vlm_plan plan;
    if (vlm_plan_make(&test_host, s, h, w, 1, 0, &plan) != VIV_OK)
        return add_number(sum, -1);
    for (uint32_t i = 0; i < plan.n_views; i++) {
        const struct vlm_view *v = &plan.views[i];
        const struct vlm_step *last = NULL;
        for (uint32_t k = 0; k < v->n_steps; k++)
            if (v->steps[k].kind == VLM_STEP_RESIZE)
                last = &v->steps[k];
        ck_assert(last != NULL);
        sum = add_number(sum, (int32_t)last->height);
        sum = add_number(sum, (int32_t)last->width);
        sum = add_number(sum, (int32_t)v->rows);
        sum = add_number(sum, (int32_t)v->cols);
    }
    return sum;
}

/* as size_of in pictures.py */
static void size_of(uint32_t i, uint32_t *h, uint32_t *w)
{
    static const uint32_t most[] = {40, 400, 4000};
    *h = 1 + mix(2 * i + 7) % most[i % 3];
    *w = 1 + mix(2 * i + 8) % most[i % 3];
    if (i % 10 == 4)
        *w = *h;
    if (i % 10 == 9)
        *w = 1 + *h / 3 + *h * (i % 4);
}

TEST(size_rules__give_the_sizes_of_transformers)
{
    enum { PER_SUM = 40 };
    FILE *table = fopen(source_path("tests/golden/vlm/size_rules.tsv"), "r");
    char name[32];
    size_t compared = 0;
    ck_assert(table != NULL);
    while (fscanf(table, "%31s", name) == 1) {
        size_t c = 0;
        unsigned expected = 0;
        while (c < sizeof classes / sizeof *classes && strcmp(classes[c].name, name) != 0)
            c++;
        ck_assert_msg(c < sizeof classes / sizeof *classes, "%s is unknown here", name);
        const struct vlm_settings s = settings_of(classes[c].json);
        for (uint32_t first = 0, n = 0; n < 10 && fscanf(table, " %x", &expected) == 1; first += PER_SUM, n++) {
            uint32_t sum = 0, h = 0, w = 0;
            for (uint32_t i = first; i < first + PER_SUM; i++) {
                size_of(i, &h, &w);
                sum = add_plan(sum, &s, h, w);
            }
            ck_assert_msg(sum == expected, "%s, sizes from %u on", name, first);
            compared++;
        }
    }
    fclose(table);
    ck_assert_uint_eq(compared, 10 * sizeof classes / sizeof *classes);
}
END_TEST

/* --- published numbers
 * -------------------------------------------------------------------------------------------- */

static const uint32_t sizes[5][2] = {{480, 640}, {3000, 4000}, {777, 333}, {64, 1000}, {20, 20}};

static void ck_assert_patches(const char *json, uint32_t patch, const uint32_t expected[5][2])
{
    const struct vlm_settings s = settings_of(json);
    for (int i = 0; i < 5; i++) {
        const struct vlm_plan plan = plan_of(&s, sizes[i][0], sizes[i][1]);
        const struct vlm_view *last = &plan.views[plan.n_views - 1];
        ck_assert_msg(last->height == expected[i][0] * patch && last->width == expected[i][1] * patch,
                      "%s, %u x %u: %u x %u pixels", json, sizes[i][0], sizes[i][1], last->height, last->width);
    }
}

TEST(size_rules__give_the_published_numbers_of_patches)
{
    ck_assert_patches("{\"image_processor_type\": \"Qwen2VLImageProcessor\"}", 14,
                      (uint32_t[5][2]){{34, 46}, {60, 82}, {56, 24}, {4, 72}, {4, 4}});
    ck_assert_patches("{\"image_processor_type\": \"Qwen2VLImageProcessor\", \"patch_size\": 16, \"size\": "
                      "{\"shortest_edge\": 65536, \"longest_edge\": 16777216}}",
                      16, (uint32_t[5][2]){{30, 40}, {188, 250}, {48, 20}, {6, 64}, {16, 16}});
    ck_assert_patches("{\"image_processor_type\": \"Glm46VImageProcessor\"}", 14,
                      (uint32_t[5][2]){{34, 46}, {150, 200}, {56, 24}, {4, 72}, {6, 6}});
    ck_assert_patches("{\"image_processor_type\": \"Kimi_K25ImageProcessor\"}", 14,
                      (uint32_t[5][2]){{36, 46}, {112, 150}, {56, 24}, {6, 72}, {2, 2}});
    ck_assert_patches("{\"image_processor_type\": \"Gemma4ImageProcessor\"}", 16,
                      (uint32_t[5][2]){{42, 57}, {42, 57}, {75, 30}, {12, 198}, {48, 48}});
    ck_assert_patches("{\"image_processor_type\": \"Siglip2ImageProcessor\"}", 16,
                      (uint32_t[5][2]){{14, 18}, {14, 18}, {24, 10}, {4, 63}, {16, 16}});
    ck_assert_patches("{\"image_processor_type\": \"Lfm2VlImageProcessor\"}", 16,
                      (uint32_t[5][2]){{26, 36}, {26, 36}, {48, 20}, {6, 64}, {16, 16}});
    ck_assert_patches("{\"image_processor_type\": \"PixtralImageProcessor\"}", 1,
                      (uint32_t[5][2]){{480, 640}, {768, 1024}, {784, 336}, {64, 1008}, {32, 32}});
    ck_assert_patches(
        "{\"spatial_merge_size\": 2, \"image_processor\": {\"image_processor_type\": \"PixtralImageProcessor\", "
        "\"patch_size\": {\"height\": 14, \"width\": 14}, \"size\": {\"longest_edge\": 1540}}}",
        1, (uint32_t[5][2]){{504, 644}, {1176, 1540}, {784, 336}, {84, 1008}, {28, 28}});
}
END_TEST

static void ck_assert_tiles(const char *json, const uint32_t expected[5][2], const uint32_t n_images[5])
{
    const struct vlm_settings s = settings_of(json);
    for (int i = 0; i < 5; i++) {
        const struct vlm_plan plan = plan_of(&s, sizes[i][0], sizes[i][1]);
        ck_assert_msg(plan.views[0].rows == expected[i][0] && plan.views[0].cols == expected[i][1],
                      "%s, %u x %u: %u x %u tiles", json, sizes[i][0], sizes[i][1], plan.views[0].rows,
                      plan.views[0].cols);
        ck_assert_msg(vlm_plan_n_images(&plan) == n_images[i], "%s, %u x %u: %u images", json, sizes[i][0],
                      sizes[i][1], vlm_plan_n_images(&plan));
    }
}

TEST(size_rules__give_the_published_numbers_of_tiles)
{
    const uint32_t longest[5][2] = {{3, 4}, {3, 4}, {4, 2}, {1, 4}, {4, 4}}, n_longest[5] = {13, 13, 9, 5, 17};
    ck_assert_tiles("{\"image_processor_type\": \"Idefics3ImageProcessor\"}", longest, n_longest);
    ck_assert_tiles("{\"image_processor_type\": \"SmolVLMImageProcessor\", \"size\": {\"longest_edge\": 2048}, "
                    "\"max_image_size\": {\"longest_edge\": 512}}",
                    longest, n_longest);
    ck_assert_tiles(
        "{\"image_processor_type\": \"GotOcr2ImageProcessor\", \"size\": 448, \"crop_to_patches\": true}",
        (uint32_t[5][2]){{3, 4}, {3, 4}, {5, 2}, {1, 12}, {1, 1}}, (uint32_t[5]){13, 13, 11, 13, 1});
    ck_assert_tiles("{\"image_processor_type\": \"Llama4ImageProcessor\"}",
                    (uint32_t[5][2]){{2, 2}, {3, 4}, {3, 1}, {1, 3}, {1, 1}}, (uint32_t[5]){5, 13, 4, 4, 1});
    ck_assert_tiles("{\"image_processor_type\": \"Lfm2VlImageProcessor\"}",
                    (uint32_t[5][2]){{1, 1}, {2, 3}, {1, 1}, {1, 1}, {1, 1}}, (uint32_t[5]){1, 7, 1, 1, 1});
}
END_TEST

TEST(size_rules__count_the_rows_of_llava_next)
{
    static const uint32_t next[5] = {2340, 2340, 1976, 868, 1176};
    const struct vlm_settings a = settings_of(classes[3].json);
    for (int i = 0; i < 5; i++) {
        const struct vlm_plan p = plan_of(&a, sizes[i][0], sizes[i][1]);
        const struct vlm_grid g =
            vlm_grid_without_padding(sizes[i][0], sizes[i][1], 24, p.views[1].rows, p.views[1].cols);
        ck_assert_uint_eq(24 * 24 + g.rows * g.cols + g.rows, next[i]);
    }
}
END_TEST

/* --- what is special
 * ------------------------------------------------------------------------------------------------ */

TEST(size_rules__put_the_whole_picture_where_the_model_wants_it)
{
    const struct {
        const char *json;
        bool first;
    } cases[] = {{classes[3].json, true},   {classes[5].json, false}, {classes[9].json, false},
                 {classes[10].json, false}, {classes[11].json, true}, {classes[14].json, false},
                 {classes[17].json, true},  {classes[8].json, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct vlm_settings s = settings_of(cases[i].json);
        const struct vlm_plan plan = plan_of(&s, 900, 1400);
        ck_assert_uint_ge(plan.n_views, 2);
        for (uint32_t v = 0; v < plan.n_views; v++)
            ck_assert_msg(plan.views[v].whole == (v == (cases[i].first ? 0 : plan.n_views - 1)), "%s, view %u",
                          cases[i].json, v);
    }
}
END_TEST

TEST(size_rules__do_not_cut_one_of_several_pictures_of_onevision)
{
    const struct vlm_settings onevision = settings_of(classes[4].json), next = settings_of(classes[3].json);
    struct vlm_plan plan;
    ck_assert_int_eq(vlm_plan_make(&test_host, &onevision, 900, 1401, 2, 0, &plan), VIV_OK);
    ck_assert_uint_eq(plan.n_views, 1);
    ck_assert_int_eq(plan.views[0].steps[0].kind, VLM_STEP_WINDOW);
    ck_assert_int_eq(plan.views[0].steps[0].y, -250);
    ck_assert_uint_eq(plan.views[0].steps[0].height, 1401);
    ck_assert_uint_eq(plan.views[0].steps[0].fill[0], 122); /* trunc(0.48145466 * 255) */
    ck_assert_int_eq(vlm_plan_make(&test_host, &next, 900, 1401, 2, 0, &plan), VIV_OK);
    ck_assert_uint_eq(plan.n_views, 2);
}
END_TEST

TEST(size_rules__refuse_pictures_that_are_too_narrow)
{
    struct vlm_plan plan;
    for (size_t i = 0; i < sizeof classes / sizeof *classes;
         i++) { /* any size ends in a plan within limits, or in an error */
        static const uint32_t odd[][2] = {
            {1, 40000}, {40000, 1}, {1, INT32_MAX}, {INT32_MAX, 1}, {INT32_MAX, INT32_MAX}, {1, 1}};
        const struct vlm_settings s = settings_of(classes[i].json);
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++)
            if (vlm_plan_make(&test_host, &s, odd[k][0], odd[k][1], 1, 0, &plan) == VIV_OK)
                for (uint32_t v = 0; v < plan.n_views; v++) {
                    ck_assert_uint_le(plan.views[v].height, VLM_MAX_SIDE);
                    ck_assert_uint_ge(plan.views[v].width, 1);
                    ck_assert_uint_eq(plan.views[v].height % plan.views[v].rows, 0);
                    ck_assert_uint_eq(plan.views[v].width % plan.views[v].cols, 0);
                }
    }
    const struct vlm_settings clip = settings_of(classes[0].json), qwen = settings_of(classes[1].json);
    ck_assert_int_eq(vlm_plan_make(&test_host, &clip, 1, 40000, 1, 0, &plan), VIV_ELIMIT);
    ck_assert_msg(strstr(last_error, "40000 x 1") != NULL, "%s", last_error);
    ck_assert_int_eq(vlm_plan_make(&test_host, &qwen, 1, 201, 1, 0, &plan), VIV_EUNSUPPORTED);
    ck_assert_int_eq(vlm_plan_make(&test_host, &qwen, 1, 200, 1, 0, &plan), VIV_OK);
    ck_assert_int_eq(vlm_plan_make(&test_host, &qwen, 0, 200, 1, 0, &plan), VIV_ESHAPE);
}
END_TEST

TEST(size_rules__bound_what_is_between_lines_and_columns)
{
    const struct vlm_settings vit = settings_of("{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 224}");
    const struct vlm_settings dinov3 =
        settings_of("{\"image_processor_type\": \"DINOv3ViTImageProcessor\", \"size\": 224}");
    const uint32_t lines = (uint32_t)(VLM_MAX_PIXELS / 224);
    struct vlm_plan plan;
    ck_assert_int_eq(vlm_plan_make(&test_host, &vit, lines, 1, 1, 0, &plan), VIV_OK);
    ck_assert_int_eq(vlm_plan_make(&test_host, &vit, lines + 1, 1, 1, 0, &plan), VIV_ELIMIT);
    ck_assert_msg(strstr(last_error, "at most 599186 lines") != NULL, "%s", last_error);
    ck_assert_int_eq(vlm_plan_make(&test_host, &vit, 1, lines + 1, 1, 0, &plan), VIV_OK);
    ck_assert_int_eq(vlm_plan_make(&test_host, &dinov3, lines / 4, 1, 1, 0, &plan), VIV_OK);
    ck_assert_int_eq(vlm_plan_make(&test_host, &dinov3, lines, 1, 1, 0, &plan), VIV_ELIMIT);
}
END_TEST

TEST(size_rules__refuse_settings_that_make_no_sense)
{
    static const char *const files[] = {
        "{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": {}}",
        "{\"image_processor_type\": \"CLIPImageProcessor\", \"crop_size\": {\"shortest_edge\": 3}}",
        "{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": 2000000000}",
        "{\"image_processor_type\": \"Qwen2VLImageProcessor\", \"patch_size\": 0}",
        "{\"image_processor_type\": \"Qwen2VLImageProcessor\", \"min_pixels\": 0}",
        "{\"image_processor_type\": \"Idefics3ImageProcessor\", \"max_image_size\": {\"longest_edge\": 0}}",
        "{\"image_processor_type\": \"Gemma4ImageProcessor\", \"max_soft_tokens\": 0}",
        "{\"image_processor_type\": \"GotOcr2ImageProcessor\", \"crop_to_patches\": true, \"max_patches\": 9999}",
        "{\"image_processor_type\": \"GotOcr2ImageProcessor\", \"crop_to_patches\": true, \"min_patches\": 13}",
        "{\"image_processor_type\": \"LlavaNextImageProcessor\", \"image_grid_pinpoints\": []}",
        "{\"image_processor_type\": \"LlavaNextImageProcessor\", \"image_grid_pinpoints\": [[225, 224]]}",
        "{\"image_processor_type\": \"LlavaNextImageProcessor\", \"size\": 336}",
        "{\"image_processor_type\": \"Llama4ImageProcessor\", \"size\": {\"height\": 3, \"width\": 4}}",
        "{\"image_processor_type\": \"Lfm2VlImageProcessor\", \"downsample_factor\": 0}",
        "{\"image_processor_type\": \"Siglip2ImageProcessor\", \"max_num_patches\": 0}",
        "{\"image_processor_type\": \"MiniCPMV4_6ImageProcessor\", \"scale_resolution\": 0}",
        "{\"image_processor_type\": \"DeepseekVLImageProcessor\", \"size\": 0}",
        "{\"image_processor_type\": \"Kimi_K25ImageProcessor\", \"size\": {\"height\": 3, \"width\": 4}}",
        "{\"image_processor_type\": \"PixtralImageProcessor\", \"patch_size\": 0}",
        ("{\"image_processor_type\": \"Gemma3ImageProcessor\", \"do_pan_and_scan\": true, "
         "\"pan_and_scan_max_num_crops\": 0}"),
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const struct vlm_settings s = settings_of(files[i]);
        struct vlm_plan plan;
        ck_assert_msg(vlm_plan_make(&test_host, &s, 97, 141, 1, 0, &plan) != VIV_OK, "%s", files[i]);
    }
}
END_TEST

/* Whatever the rule makes of it: pictures that can be drawn, in bounded memory, or an error that says so. */
TEST(size_rules__bound_what_becomes_of_a_line_of_pixels)
{
    enum { LONG = 40000, MOST_IMAGES = 2048 };
    for (size_t i = 0; i < sizeof classes / sizeof *classes * 2; i++) {
        const struct vlm_settings s = settings_of(classes[i / 2].json);
        const uint32_t height = i % 2 ? LONG : 1, width = i % 2 ? 1 : LONG;
        struct vlm_picture picture, canvases[VLM_MAX_VIEWS];
        struct vlm_plan plan;
        last_error[0] = 0;
        if (vlm_plan_make(&test_host, &s, height, width, 1, 0, &plan) != VIV_OK) {
            ck_assert_msg(strstr(last_error, "narrow"), "%s: %s", classes[i / 2].name, last_error);
            continue;
        }
        uint64_t pixels = 0;
        for (uint32_t k = 0; k < plan.n_views; k++)
            pixels += (uint64_t)plan.views[k].width * plan.views[k].height;
        ck_assert_msg(pixels <= VLM_MAX_PIXELS, "%s: %llu pixels", classes[i / 2].name, (unsigned long long)pixels);
        ck_assert_uint_le(vlm_plan_n_images(&plan), MOST_IMAGES);
        ck_assert_int_eq(vlm_picture_init(&test_host, width, height, &picture), VIV_OK);
        ck_assert_msg(vlm_plan_render(&test_host, &plan, &s, &picture, canvases) == VIV_OK, "%s: %s",
                      classes[i / 2].name, last_error);
        for (uint32_t k = 0; k < plan.n_views; k++)
            vlm_picture_release(&canvases[k]);
        vlm_picture_release(&picture);
    }
}
END_TEST

TESTS(size_rules__bound_what_becomes_of_a_line_of_pixels, size_rules__give_the_sizes_of_transformers,
      size_rules__give_the_published_numbers_of_patches, size_rules__give_the_published_numbers_of_tiles,
      size_rules__count_the_rows_of_llava_next, size_rules__put_the_whole_picture_where_the_model_wants_it,
      size_rules__do_not_cut_one_of_several_pictures_of_onevision, size_rules__refuse_pictures_that_are_too_narrow,
      size_rules__refuse_settings_that_make_no_sense, size_rules__bound_what_is_between_lines_and_columns)
