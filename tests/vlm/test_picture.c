/* Decoders, against pixels that Pillow and a decoder of PNG in Python give: tests/golden/make/pictures.py. */
#include "files.h"
#include "host.h"

#include <inttypes.h>

#define CORPUS "tests/vlm/corpus_picture"

static FILE *open_table(const char *name)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/golden/vlm/%s", name);
    FILE *table = fopen(source_path(relative), "r");
    ck_assert_msg(table != NULL, "%s is not here", relative);
    return table;
}

/* Each file of the table that lies in `folder` is read as the table says; returns how many. */
static int compare_with_table(const char *folder)
{
    FILE *table = open_table("pictures.tsv");
    char line[256], name[64];
    int n = 0;
    while (fgets(line, sizeof line, table)) {
        uint32_t width = 0, height = 0, white = 0, dropped = 0, w = 0, h = 0;
        struct vlm_picture p;
        uint64_t size = 0;
        char path[4096];
        const bool fine = sscanf(line, "%63[^\t]\t%" SCNu32 "\t%" SCNu32 "\t%" SCNx32 "\t%" SCNx32, name, &width,
                                 &height, &white, &dropped) == 5;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        uint8_t *bytes = read_file(path, &size);
        if (!bytes)
            continue;
        const viv_status status = vlm_picture_read(&test_host, bytes, size, NULL, &p);
        n++;
        if (!fine) {
            ck_assert_msg(status == VIV_EFORMAT || status == VIV_EUNSUPPORTED, "%s is broken and was read", name);
            free(bytes);
            continue;
        }
        ck_assert_msg(status == VIV_OK, "%s: %s", name, last_error);
        ck_assert_msg(p.width == width && p.height == height, "%s is %u x %u", name, p.width, p.height);
        ck_assert_msg(crc_of_picture(&p) == white, "%s over white", name);
        vlm_picture_release(&p);
        ck_assert_int_eq(vlm_picture_measure(&test_host, bytes, size, NULL, &w, &h), VIV_OK);
        ck_assert_msg(w == width && h == height, "%s is measured as %u x %u", name, w, h);
        const struct vlm_reading drop = {.drop_alpha = true};
        ck_assert_int_eq(vlm_picture_read(&test_host, bytes, size, &drop, &p), VIV_OK);
        ck_assert_msg(crc_of_picture(&p) == dropped, "%s without alpha", name);
        vlm_picture_release(&p);
        free(bytes);
    }
    fclose(table);
    return n;
}

TEST(picture__reads_what_the_reference_reads)
{
    ck_assert_int_ge(compare_with_table(source_path(CORPUS)), 120);
}
END_TEST

TEST(picture__reads_all_of_pngsuite)
{
    const char *suite = shared_path("images/pngsuite");
    if (suite)
        ck_assert_int_eq(compare_with_table(suite), 175);
}
END_TEST

static uint8_t *corpus(const char *name, uint64_t *size)
{
    uint8_t *bytes = read_source_file(CORPUS, name, size);
    ck_assert_msg(bytes != NULL, "%s is not here", name);
    return bytes;
}

static viv_status read_bytes(const uint8_t *bytes, uint64_t size)
{
    struct vlm_picture p;
    const viv_status status = vlm_picture_read(&test_host, bytes, size, NULL, &p);
    if (status == VIV_OK)
        vlm_picture_release(&p);
    return status;
}

#define ck_assert_says(part) ck_assert_msg(strstr(last_error, part) != NULL, "'%s' lacks '%s'", last_error, part)

/* --- animations ----------------------------------------------------------------------------------------------- */

TEST(picture__reads_frames_of_animations_with_times)
{
    FILE *table = open_table("animations.tsv");
    char name[64];
    uint32_t i = 0, n = 0, milliseconds = 0, white = 0;
    int compared = 0;
    while (fscanf(table, "%63[^\t]\t%" SCNu32 "\t%" SCNu32 "\t%" SCNu32 "\t%" SCNx32 "\n", name, &i, &n,
                  &milliseconds, &white) == 5) {
        struct vlm_frames frames;
        uint64_t size = 0;
        uint8_t *bytes = corpus(name, &size);
        ck_assert_int_eq(vlm_frames_read(&test_host, bytes, size, NULL, &frames), VIV_OK);
        ck_assert_uint_eq(frames.n, n);
        ck_assert_msg(frames.frames[i].milliseconds == milliseconds, "%s, frame %u: %u ms", name, i,
                      frames.frames[i].milliseconds);
        ck_assert_msg(crc_of_picture(&frames.frames[i].picture) == white, "%s, frame %u", name, i);
        vlm_frames_release(&frames);
        free(bytes);
        compared++;
    }
    fclose(table);
    ck_assert_int_eq(compared, 20);
}
END_TEST

TEST(picture__refuses_an_animation_as_one_picture)
{
    uint64_t size = 0;
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes = corpus(i ? "animated.webp" : "animated.gif", &size);
        ck_assert_int_eq(read_bytes(bytes, size), VIV_EUNSUPPORTED);
        ck_assert_says("give it as a video");
        free(bytes);
    }
}
END_TEST

TEST(picture__is_one_frame_where_nothing_moves)
{
    uint64_t size = 0;
    struct vlm_frames frames;
    uint8_t *bytes = corpus("rgb.jpg", &size);
    ck_assert_int_eq(vlm_frames_read(&test_host, bytes, size, NULL, &frames), VIV_OK);
    ck_assert_uint_eq(frames.n, 1);
    ck_assert_uint_eq(frames.frames[0].picture.width, 34);
    vlm_frames_release(&frames);
    free(bytes);
}
END_TEST

TEST(picture__refuses_more_frames_than_the_limit_holds)
{
    uint64_t size = 0;
    struct vlm_frames frames;
    const struct vlm_reading how = {.max_pixels = 3 * 24 * 20};
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes = corpus(i ? "animated.webp" : "animated.gif", &size);
        ck_assert_int_eq(vlm_frames_read(&test_host, bytes, size, &how, &frames), VIV_ELIMIT);
        free(bytes);
    }
}
END_TEST

/* --- transparency --------------------------------------------------------------------------------------------- */

TEST(picture__composites_over_the_colour_that_is_asked_for)
{
    uint64_t size = 0;
    struct vlm_picture over, dropped, white;
    const struct vlm_reading how = {.on_colour = true, .background = {10, 200, 30}}, drop = {.drop_alpha = true};
    uint8_t *bytes = corpus("basn6a08.png", &size);
    ck_assert_int_eq(vlm_picture_read(&test_host, bytes, size, &how, &over), VIV_OK);
    ck_assert_int_eq(vlm_picture_read(&test_host, bytes, size, &drop, &dropped), VIV_OK);
    ck_assert_int_eq(vlm_picture_read(&test_host, bytes, size, NULL, &white), VIV_OK);
    for (uint32_t c = 0; c < 3; c++) /* the first column is transparent, the last opaque */
        ck_assert_uint_eq(over.pixels[c], how.background[c]);
    ck_assert_uint_eq(white.pixels[0], 255);
    ck_assert_mem_eq(over.pixels + UINT64_C(3) * 31, dropped.pixels + UINT64_C(3) * 31, 3);
    vlm_picture_release(&over);
    vlm_picture_release(&dropped);
    vlm_picture_release(&white);
    free(bytes);
}
END_TEST

/* --- hostile files -------------------------------------------------------------------------------------------- */

TEST(picture__says_how_much_of_a_truncated_file_was_read)
{
    static const char *const names[] = {"rgb.jpg",      "progressive.jpg", "cmyk.jpg",    "basn2c16.png",
                                        "basi6a08.png", "lossy.webp",      "palette.gif", "lossless.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint64_t size = 0;
        uint8_t *bytes = corpus(names[i], &size), *cut = malloc(size);
        for (uint64_t n = 0; n < size - 60;
             n += 7) { /* in memory of its own, so that sanitizers see reads beyond it */
            cut = realloc(cut, n + 1);
            memcpy(cut, bytes, n);
            const viv_status status = read_bytes(cut, n);
            ck_assert_msg(status == VIV_EFORMAT || (n < 12 && status == VIV_EUNSUPPORTED),
                          "%s, %" PRIu64 " bytes: %d", names[i], n, status);
        }
        free(cut);
        free(bytes);
    }
    uint64_t size = 0;
    uint8_t *bytes = corpus("rgb.jpg", &size);
    ck_assert_int_eq(read_bytes(bytes, size - 60), VIV_EFORMAT);
    ck_assert_says("the JPEG is cut off");
    ck_assert_says("of 21 rows");
    ck_assert_int_eq(read_bytes(bytes, size - 2), VIV_OK); /* lacks only the mark of its end */
    free(bytes);
}
END_TEST

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Changes a header's size, and the PNG's checksum. */
static void resize_png(uint8_t *bytes, uint32_t width, uint32_t height)
{
    put_u32(bytes + 16, width);
    put_u32(bytes + 20, height);
    put_u32(bytes + 29, crc_of(bytes + 12, 17));
}

TEST(picture__refuses_bombs_from_their_headers)
{
    uint64_t size = 0;
    uint8_t *png = corpus("basn0g01.png", &size);
    resize_png(png, 60000, 60000);
    ck_assert_int_eq(read_bytes(png, size), VIV_ELIMIT);
    ck_assert_says("60000 x 60000");
    resize_png(png, UINT32_MAX, UINT32_MAX);
    ck_assert_int_eq(read_bytes(png, size), VIV_ELIMIT);
    free(png);

    uint8_t *jpeg = corpus("rgb.jpg", &size);
    for (uint64_t i = 0; i + 9 < size; i++)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0)
            memcpy(jpeg + i + 5, "\xea\x60\xea\x60", 4);
    ck_assert_int_eq(read_bytes(jpeg, size), VIV_ELIMIT);
    free(jpeg);

    uint8_t *gif = corpus("palette.gif", &size);
    memcpy(gif + 6, "\x60\xea\x60\xea", 4);
    ck_assert_int_eq(read_bytes(gif, size), VIV_ELIMIT);
    free(gif);

    uint8_t *webp = corpus("lossless.webp", &size);
    webp[21] = webp[22] = webp[23] = 0xff; /* VP8L: 14 bits each of width and height after the signature 0x2f */
    const struct vlm_reading how = {.max_pixels = 1 << 20};
    struct vlm_picture p;
    ck_assert_int_eq(vlm_picture_read(&test_host, webp, size, &how, &p), VIV_ELIMIT);
    free(webp);
}
END_TEST

/* A progressive picture with its last scan 120 times more: each would be another pass over all pixels. */
TEST(picture__refuses_a_jpeg_of_endless_scans)
{
    enum { COPIES = 120 };
    uint64_t size = 0, last = 0;
    uint8_t *jpeg = corpus("progressive.jpg", &size);
    for (uint64_t i = 0; i + 1 < size; i++)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xda)
            last = i;
    const uint64_t scan = size - 2 - last;
    uint8_t *more = malloc(size + COPIES * scan);
    memcpy(more, jpeg, size - 2);
    for (uint64_t i = 0; i < COPIES; i++)
        memcpy(more + size - 2 + i * scan, jpeg + last, scan);
    memcpy(more + size - 2 + COPIES * scan, jpeg + size - 2, 2);
    ck_assert_int_eq(read_bytes(more, size + COPIES * scan), VIV_EFORMAT);
    ck_assert_says("more than 100 scans");
    free(more);
    free(jpeg);
}
END_TEST

TEST(picture__refuses_a_gif_whose_frames_are_larger_than_it)
{
    uint64_t size = 0;
    uint8_t *gif = corpus("palette.gif", &size);
    const struct vlm_reading how = {.max_pixels = 1 << 20};
    struct vlm_picture p;
    for (uint64_t i = 13; i + 9 < size; i++)
        if (gif[i] == 0x2c && memcmp(gif + i + 5, gif + 6, 4) == 0)
            memcpy(gif + i + 5, "\xff\xff\xff\xff", 4);
    ck_assert_int_eq(vlm_picture_read(&test_host, gif, size, &how, &p), VIV_ELIMIT);
    free(gif);
}
END_TEST

TEST(picture__refuses_sides_of_zero)
{
    uint64_t size = 0;
    uint8_t *png = corpus("basn0g01.png", &size);
    resize_png(png, 0, 32);
    ck_assert_int_eq(read_bytes(png, size), VIV_EFORMAT);
    ck_assert_says("0 x 32");
    free(png);
    uint8_t *gif = corpus("palette.gif", &size);
    memset(gif + 8, 0, 2);
    ck_assert_int_eq(read_bytes(gif, size), VIV_EFORMAT);
    free(gif);
    struct vlm_picture p;
    ck_assert_int_eq(vlm_picture_init(&test_host, 0, 3, &p), VIV_ESHAPE);
}
END_TEST

/* A marker APP1 or APP2 with `n` bytes, after the first two bytes of a JPEG. */
static uint8_t *with_marker(const uint8_t *jpeg, uint64_t *size, uint8_t marker, const void *data, uint64_t n,
                            uint16_t claimed)
{
    uint8_t *out = malloc(*size + n + 4);
    memcpy(out, jpeg, 2);
    out[2] = 0xff;
    out[3] = marker;
    out[4] = (uint8_t)(claimed >> 8);
    out[5] = (uint8_t)claimed;
    memcpy(out + 6, data, n);
    memcpy(out + 6 + n, jpeg + 2, *size - 2);
    *size += n + 4;
    return out;
}

TEST(picture__survives_lying_exif_and_profiles)
{
    static const struct {
        const char *exif;
        size_t size;
    } lies[] = {
        {"Exif\0\0II*\0\xff\xff\xff\xff", 14}, /* a directory far away */
        {"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x01\0\0\0\x06\0\0\0",
         28}, /* 65,535 entries; the first is right */
        {"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0", 28}, /* orientation 99 */
        {"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\x06\0\0", 28}, /* of another type */
        {"Exif\0\0MM\0*\0\0\0\x08\0\x01", 16},                                   /* ends before the entry */
        {"Exif\0\0", 6},
    };
    static const uint32_t widths[] = {34, 21, 34, 34, 34, 34};
    uint64_t size = 0;
    uint8_t *jpeg = corpus("rgb.jpg", &size);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint64_t n = size;
        struct vlm_picture p;
        uint8_t *lying = with_marker(jpeg, &n, 0xe1, lies[i].exif, lies[i].size, (uint16_t)(lies[i].size + 2));
        ck_assert_int_eq(vlm_picture_read(&test_host, lying, n, NULL, &p), VIV_OK);
        ck_assert_uint_eq(p.width, widths[i]);
        vlm_picture_release(&p);
        free(lying);
    }
    /* lengths beyond the file, of less than themselves (skipped, as others do), and a profile in 255 parts of which
     * this is the last */
    for (int i = 0; i < 3; i++) {
        static const uint16_t claims[] = {0xffff, 0, 16};
        uint64_t n = size;
        uint8_t *lying = with_marker(jpeg, &n, 0xe2, "ICC_PROFILE\0\xff\xff", 14, claims[i]);
        ck_assert_int_eq(read_bytes(lying, n), i == 0 ? VIV_EFORMAT : VIV_OK);
        free(lying);
    }
    free(jpeg);
}
END_TEST

TEST(picture__names_formats_that_it_does_not_read)
{
    ck_assert_int_eq(read_bytes((const uint8_t *)"", 0), VIV_EFORMAT);
    ck_assert_int_eq(read_bytes((const uint8_t *)"BM123456789", 11), VIV_EUNSUPPORTED);
    ck_assert_says("a BMP file");
    ck_assert_int_eq(read_bytes((const uint8_t *)"\0\0\0\x20"
                                                 "ftypheic12",
                                14),
                     VIV_EUNSUPPORTED);
    ck_assert_says("HEIC");
    ck_assert_int_eq(read_bytes((const uint8_t *)"hello", 5), VIV_EUNSUPPORTED);
    ck_assert_says("convert it to PNG");
}
END_TEST

TESTS(picture__reads_what_the_reference_reads, picture__reads_all_of_pngsuite,
      picture__reads_frames_of_animations_with_times, picture__refuses_an_animation_as_one_picture,
      picture__is_one_frame_where_nothing_moves, picture__refuses_more_frames_than_the_limit_holds,
      picture__composites_over_the_colour_that_is_asked_for, picture__says_how_much_of_a_truncated_file_was_read,
      picture__refuses_bombs_from_their_headers, picture__refuses_a_jpeg_of_endless_scans,
      picture__refuses_a_gif_whose_frames_are_larger_than_it, picture__refuses_sides_of_zero,
      picture__survives_lying_exif_and_profiles, picture__names_formats_that_it_does_not_read)
