/* Resizing, bit for bit against Pillow and torchvision: tests/golden/make/pictures.py. */
#include "picture_of.h"
#include "vlm/resize.h"

#include <zlib.h>

static const char *const filter_names[VLM_N_FILTERS] = {
    [VLM_NEAREST] = "nearest", [VLM_LANCZOS] = "lanczos", [VLM_BILINEAR] = "bilinear",
    [VLM_BICUBIC] = "bicubic", [VLM_BOX] = "box",         [VLM_HAMMING] = "hamming"};

static struct vlm_picture resized(const struct vlm_picture *p, uint32_t width, uint32_t height,
                                  enum vlm_filter filter, enum vlm_backend backend)
{
    struct vlm_picture out = {0};
    ck_assert_msg(vlm_resize(&test_host, p, width, height, filter, backend, &out) == VIV_OK, "%s", last_error);
    ck_assert(out.width == width && out.height == height);
    return out;
}

TEST(resize__gives_the_bytes_of_pillow_and_torchvision)
{
    enum { PER_SUM = 50 };
    FILE *table = fopen(source_path("tests/golden/vlm/resize.tsv"), "r");
    char backend_name[16], name[16];
    int compared = 0;
    ck_assert(table != NULL);
    while (fscanf(table, "%15s %15s", backend_name, name) == 2) {
        const enum vlm_backend backend = strcmp(backend_name, "pillow") == 0 ? VLM_PILLOW : VLM_TORCHVISION;
        enum vlm_filter filter = 0;
        unsigned expected = 0;
        while (strcmp(filter_names[filter], name) != 0)
            filter++;
        for (uint32_t first = 0; fscanf(table, "%x", &expected) == 1; first += PER_SUM) {
            uint32_t sum = 0;
            for (uint32_t i = first; i < first + PER_SUM; i++) {
                const struct sizes s = sizes_of(i);
                struct vlm_picture in = picture_of(i, s.h, s.w), out = resized(&in, s.ow, s.oh, filter, backend);
                sum = (uint32_t)crc32_z(sum, out.pixels, (size_t)3 * s.ow * s.oh);
                vlm_picture_release(&in);
                vlm_picture_release(&out);
                compared++;
            }
            ck_assert_msg(sum == expected, "%s, %s, pictures from %u on", backend_name, name, first);
        }
    }
    fclose(table);
    ck_assert_int_eq(compared, 10000);
}
END_TEST

TEST(resize__of_one_row_gives_the_published_vectors)
{
    static const uint8_t row[10] = {0, 128, 74, 94, 188, 100, 86, 146, 24, 232};
    static const struct {
        enum vlm_filter filter;
        uint8_t smaller[4], larger[10];
    } cases[] = {
        {VLM_BILINEAR, {73, 118, 112, 121}, {0, 13, 64, 115, 112, 90, 76, 84, 92, 94}},
        {VLM_BICUBIC, {67, 123, 110, 124}, {0, 8, 63, 121, 123, 90, 73, 81, 93, 96}},
        {VLM_LANCZOS, {64, 128, 107, 124}, {0, 10, 63, 119, 131, 96, 71, 77, 91, 99}},
    };
    struct vlm_picture ten = {0}, four = {0};
    ck_assert_int_eq(vlm_picture_init(&test_host, 10, 1, &ten), VIV_OK);
    ck_assert_int_eq(vlm_picture_init(&test_host, 4, 1, &four), VIV_OK);
    for (int i = 0; i < 10; i++)
        memset(ten.pixels + 3 * i, row[i], 3);
    memcpy(four.pixels, ten.pixels, 12);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (enum vlm_backend b = VLM_TORCHVISION; b <= VLM_PILLOW; b++) {
            struct vlm_picture smaller = resized(&ten, 4, 1, cases[i].filter, b),
                               larger = resized(&four, 10, 1, cases[i].filter, b);
            for (int x = 0; x < 4; x++)
                ck_assert_uint_eq(smaller.pixels[3 * x], cases[i].smaller[x]);
            for (int x = 0; x < 10; x++)
                ck_assert_uint_eq(larger.pixels[3 * x + 2], cases[i].larger[x]);
            vlm_picture_release(&smaller);
            vlm_picture_release(&larger);
        }
    vlm_picture_release(&ten);
    vlm_picture_release(&four);
}
END_TEST

TEST(resize__to_the_same_size_changes_nothing)
{
    struct vlm_picture in = picture_of(5, 9, 7);
    for (enum vlm_filter f = 0; f < VLM_N_FILTERS; f++) {
        struct vlm_picture out = resized(&in, 7, 9, f, VLM_PILLOW);
        ck_assert(out.pixels != in.pixels);
        ck_assert_mem_eq(out.pixels, in.pixels, 9 * 7 * 3);
        vlm_picture_release(&out);
    }
    vlm_picture_release(&in);
}
END_TEST

TEST(resize__keeps_a_colour_that_is_the_same_everywhere)
{
    struct vlm_picture in = {0};
    ck_assert_int_eq(vlm_picture_init(&test_host, 40000, 1, &in), VIV_OK);
    for (uint32_t i = 0; i < 40000; i++)
        memcpy(in.pixels + 3 * (size_t)i, "\xff\x07\x80", 3);
    for (enum vlm_filter f = 0; f < VLM_N_FILTERS; f++)
        for (enum vlm_backend b = VLM_TORCHVISION; b <= VLM_PILLOW; b++) {
            struct vlm_picture out = resized(&in, 3, 2, f, b);
            for (int i = 0; i < 6; i++)
                ck_assert_mem_eq(out.pixels + 3 * i, "\xff\x07\x80", 3);
            vlm_picture_release(&out);
        }
    vlm_picture_release(&in);
}
END_TEST

TEST(resize__refuses_sizes_and_filters_that_make_no_sense)
{
    struct vlm_picture in = picture_of(5, 9, 7), out;
    ck_assert_int_eq(vlm_resize(&test_host, &in, 0, 9, VLM_BICUBIC, VLM_PILLOW, &out), VIV_ESHAPE);
    ck_assert_int_eq(vlm_resize(&test_host, &in, 9, 0, VLM_BICUBIC, VLM_PILLOW, &out), VIV_ESHAPE);
    ck_assert_int_eq(vlm_resize(&test_host, &in, 9, 9, (enum vlm_filter)6, VLM_PILLOW, &out), VIV_EUNSUPPORTED);
    vlm_picture_release(&in);
}
END_TEST

TESTS(resize__gives_the_bytes_of_pillow_and_torchvision, resize__of_one_row_gives_the_published_vectors,
      resize__to_the_same_size_changes_nothing, resize__keeps_a_colour_that_is_the_same_everywhere,
      resize__refuses_sizes_and_filters_that_make_no_sense)
