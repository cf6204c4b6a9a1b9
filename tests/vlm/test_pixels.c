/* What models are given of a picture is, bit for bit, what the processors of transformers give, with both of their
 * back-ends: tests/golden/vision/pixels.json. */
#include "host.h"
#include "testing.h"
#include "vlm/plan.h"
#include "vlm/values.h"

#include <jansson.h>
#include <zlib.h>

static char *read_whole(const char *path, size_t *n)
{
    char *bytes = malloc(1 << 16);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    *n = fread(bytes, 1, 1 << 16, f);
    fclose(f);
    return bytes;
}

/* The checksum of the values of all tiles. */
static uint32_t sum_of(const struct vlm_settings *s, const struct vlm_plan *plan,
                       const struct vlm_picture *canvases)
{
    struct vlm_values values;
    uint32_t sum = 0;
    ck_assert_int_eq(vlm_values_init(&test_host, s, &values), VIV_OK);
    for (uint32_t i = 0; i < plan->n_views; i++) {
        const struct vlm_view *v = &plan->views[i];
        const uint32_t width = v->width / v->cols, height = v->height / v->rows, n = 3 * width * height;
        float *tile = malloc(n * sizeof *tile);
        for (uint32_t k = 0; k < v->rows * v->cols; k++) {
            const struct vlm_rect rect = {k % v->cols * width, k / v->cols * height, width, height};
            vlm_values_of(&values, &canvases[i], rect, tile);
            sum = (uint32_t)crc32_z(sum, (const Bytef *)tile, n * sizeof *tile);
        }
        free(tile);
    }
    return sum;
}

static uint32_t pixels_of(const struct vlm_settings *s, const char *file)
{
    const struct vlm_reading how = {0};
    struct vlm_picture picture, canvases[VLM_MAX_VIEWS];
    struct vlm_plan plan;
    char path[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", source_path("tests/golden/vision"), file);
    char *bytes = read_whole(path, &n);
    ck_assert_int_eq(vlm_picture_read(&test_host, bytes, n, &how, &picture), VIV_OK);
    ck_assert_msg(vlm_plan_make(&test_host, s, picture.height, picture.width, 1, 0, &plan) == VIV_OK, "%s",
                  last_error);
    ck_assert_int_eq(vlm_plan_render(&test_host, &plan, s, &picture, canvases), VIV_OK);
    const uint32_t sum = sum_of(s, &plan, canvases);
    for (uint32_t i = 0; i < plan.n_views; i++)
        vlm_picture_release(&canvases[i]);
    vlm_picture_release(&picture);
    free(bytes);
    return sum;
}

static void check(const char *name, const char *backend, const json_t *sums)
{
    static const char *const files[] = {"a.png", "b.png"};
    struct vlm_settings s;
    char path[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/%s/preprocessor_config.json", source_path("tests/golden/vision"), name);
    char *json = read_whole(path, &n);
    ck_assert_msg(vlm_settings_read(&test_host, json, n, false, NULL, &s) == VIV_OK, "%s: %s", name, last_error);
    s.backend = strcmp(backend, "pillow") == 0 ? VLM_PILLOW : VLM_TORCHVISION;
    for (size_t i = 0; i < 2; i++)
        ck_assert_msg((json_int_t)pixels_of(&s, files[i]) == json_integer_value(json_array_get(sums, i)),
                      "%s, %s: %s has other pixels", name, backend, files[i]);
    free(json);
}

TEST(pixels__are_those_of_transformers_bit_for_bit)
{
    json_t *root = json_load_file(source_path("tests/golden/vision/pixels.json"), 0, NULL), *backends;
    const char *name, *backend;
    json_t *sums;
    ck_assert_uint_ge(json_object_size(root), 15);
    json_object_foreach(root, name, backends) json_object_foreach(backends, backend, sums)
        check(name, backend, sums);
    json_decref(root);
}
END_TEST

TEST(pixels__of_a_class_of_pillow_are_pillows)
{
    static const char json[] = "{\"image_processor_type\": \"ViTImageProcessorPil\"}";
    struct vlm_settings s;
    ck_assert_int_eq(vlm_settings_read(&test_host, json, strlen(json), false, NULL, &s), VIV_OK);
    ck_assert_int_eq(s.backend, VLM_PILLOW);
}
END_TEST

TESTS(pixels__are_those_of_transformers_bit_for_bit, pixels__of_a_class_of_pillow_are_pillows)
