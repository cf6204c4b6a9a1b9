/* Which frames of a video are seen, against the video processors of transformers (tests/golden/make/videos.py). */
#include "host.h"
#include "testing.h"
#include "vlm/video.h"

#include <jansson.h>

static struct vlm_settings settings_of(const json_t *kind, const json_t *settings)
{
    struct vlm_settings s;
    char *text;
    json_t *file = json_copy((json_t *)settings);
    json_object_set(file, "video_processor_type", (json_t *)kind);
    json_object_set_new(file, "do_sample_frames", json_true());
    ck_assert_ptr_nonnull(text = json_dumps(file, 0));
    ck_assert_msg(vlm_settings_read(&test_host, text, strlen(text), true, NULL, &s) == VIV_OK, "%s", last_error);
    free(text);
    json_decref(file);
    return s;
}

TEST(sample__takes_the_frames_that_transformers_takes)
{
    json_error_t error;
    json_t *cases = json_load_file(source_path("tests/golden/vision/frames.json"), 0, &error), *c;
    size_t i, k;
    ck_assert_msg(json_array_size(cases) > 50, "%s", error.text);
    json_array_foreach(cases, i, c)
    {
        const struct vlm_settings s = settings_of(json_array_get(c, 0), json_array_get(c, 1));
        const uint32_t total = (uint32_t)json_integer_value(json_array_get(c, 2));
        const json_t *expected = json_array_get(c, 4), *e;
        uint32_t *index, n;
        ck_assert_int_eq(vlm_sample(&test_host, &s, total, json_number_value(json_array_get(c, 3)), 2, &index, &n),
                         VIV_OK);
        ck_assert_msg(n == json_array_size(expected), "case %zu: %u frames, expected %zu", i, n,
                      json_array_size(expected));
        json_array_foreach(expected, k, e)
            ck_assert_msg(index[k] == json_integer_value(e), "case %zu, frame %zu: %u, expected %lld", i, k,
                          index[k], (long long)json_integer_value(e));
        free(index);
    }
    json_decref(cases);
}
END_TEST

/* Whatever a file says: some frame, none beyond the last, never backwards. */
TEST(sample__takes_some_frame_of_any_video)
{
    static const char *const kinds[] = {"InternVL", "SmolVLM", "Glm4v",         "Glm46V",
                                        "Qwen2VL",  "Qwen3VL", "LlavaOnevision"};
    static const char *const settings[] = {
        "{}", "{\"fps\": 0.001}", "{\"fps\": 1000, \"max_duration\": 86400}",
        "{\"num_frames\": 2147483647, \"fps\": 0}",
        "{\"max_duration\": 0, \"fps\": 5, \"min_frames\": 9, \"max_frames\": 1}"};
    static const double speeds[] = {1e-9, 0.5, 24, 1e6};
    static const uint32_t totals[] = {1, 2, 3, 1000};
    for (size_t a = 0; a < sizeof kinds / sizeof *kinds; a++)
        for (size_t b = 0; b < sizeof settings / sizeof *settings; b++) {
            char kind[64];
            snprintf(kind, sizeof kind, "%sVideoProcessor", kinds[a]);
            json_t *name = json_string(kind), *rest = json_loads(settings[b], 0, NULL);
            const struct vlm_settings s = settings_of(name, rest);
            for (size_t c = 0; c < 16; c++) {
                const uint32_t total = totals[c / 4];
                uint32_t *index, n;
                ck_assert_int_eq(vlm_sample(&test_host, &s, total, speeds[c % 4], 2, &index, &n), VIV_OK);
                ck_assert_uint_ge(n, 1);
                ck_assert_uint_le(n, total);
                for (uint32_t i = 0; i < n; i++)
                    ck_assert(index[i] < total && (i == 0 || index[i - 1] <= index[i]));
                free(index);
            }
            json_decref(name);
            json_decref(rest);
        }
}
END_TEST

TESTS(sample__takes_the_frames_that_transformers_takes, sample__takes_some_frame_of_any_video)
