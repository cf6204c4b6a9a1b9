/* decode_jpeg.c - JPEG, baseline and progressive, by libjpeg-turbo: grey, YCbCr, RGB, and CMYK and YCCK as Adobe
 * writes them (inverted). Of several pictures in a file, the first. */
#include "decode.h"

#include <setjmp.h>
/* jpeglib.h needs the sizes of stdio.h before it */
#include <jerror.h>
#include <jpeglib.h>

/* A progressive picture can have any number of passes over all pixels, each of a few bytes. */
enum { MAX_SCANS = 100, EXIF_MARKER = JPEG_APP0 + 1 };

static bool matches(const uint8_t *bytes, uint64_t size)
{
    return size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

/* All that must survive a longjmp is here, not in local variables. */
struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    jmp_buf give_up;
    const struct source *source;
    uint8_t *pixels, *row;
    bool ended; /* the file has no more bytes */
    char message[JMSG_LENGTH_MAX];
    viv_status status;
};

/* --- callbacks of the library -------------------------------------------------------------------------------- */

static void on_error(j_common_ptr jpeg)
{
    struct reader *r = jpeg->client_data;
    r->errors.format_message(jpeg, r->message);
    longjmp(r->give_up, 1);
}

/* The library goes on after broken data, and so do others. But the missing part of a file is no picture. */
static void on_warning(j_common_ptr jpeg, int level)
{
    struct reader *r = jpeg->client_data;
    if (level < 0 && r->ended)
        longjmp(r->give_up, 1);
}

static void on_progress(j_common_ptr jpeg)
{
    struct reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS)
        return;
    snprintf(r->message, sizeof r->message, "it has more than %d scans", MAX_SCANS);
    longjmp(r->give_up, 1);
}

static void nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

/* At the end, the mark of the end: a file that lacks just that is complete. */
static boolean refill(j_decompress_ptr jpeg)
{
    static const JOCTET end[] = {0xff, JPEG_EOI};
    struct reader *r = jpeg->client_data;
    if (r->ended || !r->pixels || jpeg_has_multiple_scans(jpeg) || jpeg->arith_code) {
        r->ended = true;
        longjmp(r->give_up, 1);
    }
    r->ended = true;
    r->input.next_input_byte = end;
    r->input.bytes_in_buffer = sizeof end;
    return TRUE;
}

static void skip(j_decompress_ptr jpeg, long n)
{
    struct reader *r = jpeg->client_data;
    if (n <= 0)
        return;
    if ((size_t)n > r->input.bytes_in_buffer) {
        r->ended = true;
        longjmp(r->give_up, 1);
    }
    r->input.next_input_byte += n;
    r->input.bytes_in_buffer -= (size_t)n;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

/* False if `read` jumped out. */
static bool attempt(struct reader *r, void (*read)(struct reader *r))
{
    if (setjmp(r->give_up))
        return false;
    read(r);
    return true;
}

static void read_header(struct reader *r)
{
    jpeg_create_decompress(&r->jpeg); /* clears all but err and client_data */
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
    r->input = (struct jpeg_source_mgr){.next_input_byte = r->source->bytes,
                                        .bytes_in_buffer = r->source->size,
                                        .init_source = nothing,
                                        .fill_input_buffer = refill,
                                        .skip_input_data = skip,
                                        .resync_to_restart = jpeg_resync_to_restart,
                                        .term_source = nothing};
    r->jpeg.src = &r->input;
    jpeg_save_markers(&r->jpeg, EXIF_MARKER, 0xffff);
    jpeg_read_header(&r->jpeg, TRUE);
}

/* Reads the header; on failure say_why. */
static bool begin(struct reader *r, const struct source *s)
{
    *r = (struct reader){.source = s};
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->jpeg.client_data = r;
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_warning;
    return attempt(r, read_header);
}

static uint32_t find_orientation(const struct reader *r)
{
    for (const struct jpeg_marker_struct *m = r->jpeg.marker_list; m; m = m->next)
        if (m->marker == EXIF_MARKER && m->data_length >= 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return exif_orientation(m->data, m->data_length);
    return 1;
}

/* Releases the reader, too. */
static viv_status say_why(struct reader *r)
{
    const struct source *s = r->source;
    const uint32_t row = r->jpeg.output_scanline, rows = r->jpeg.image_height;
    jpeg_destroy_decompress(&r->jpeg);
    free(r->pixels);
    free(r->row);
    if (r->status != VIV_OK)
        return r->status;
    if (r->ended && r->pixels)
        return viv_fail(s->host, VIV_EFORMAT, "the JPEG is cut off: its %" PRIu64 " bytes hold %u of %u rows",
                        s->size, row, rows);
    if (r->ended)
        return viv_fail(s->host, VIV_EFORMAT, "the JPEG is cut off: its %" PRIu64 " bytes end before the first row",
                        s->size);
    return viv_fail(s->host, VIV_EFORMAT, "the JPEG is broken: %s", r->message);
}

static viv_status measure(const struct source *s, struct header *out)
{
    struct reader r;
    if (!begin(&r, s))
        return say_why(&r);
    *out = (struct header){r.jpeg.image_width, r.jpeg.image_height, find_orientation(&r)};
    jpeg_destroy_decompress(&r.jpeg);
    return VIV_OK;
}

/* a * b / 255, rounded */
static uint8_t share(uint32_t a, uint32_t b)
{
    const uint32_t product = a * b + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

/* Values are inverted in the file: 255 is no ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < 3; c++) {
            const uint8_t light = cmyk[4 * i + 3];
            rgb[3 * i + c] = (uint8_t)(light - share(255u - cmyk[4 * i + c], light));
        }
}

static void read_rows(struct reader *r)
{
    jpeg_start_decompress(&r->jpeg);
    const uint32_t width = r->jpeg.output_width;
    while (r->jpeg.output_scanline < r->jpeg.output_height) {
        uint8_t *to = r->pixels + (size_t)3 * width * r->jpeg.output_scanline;
        uint8_t *row = r->row ? r->row : to;
        if (jpeg_read_scanlines(&r->jpeg, &row, 1) == 1 && r->row)
            cmyk_to_rgb(r->row, to, width);
    }
}

static viv_status decode(const struct source *s, struct vlm_picture *out)
{
    struct reader r;
    if (!begin(&r, s))
        return say_why(&r);
    const bool cmyk = r.jpeg.jpeg_color_space == JCS_CMYK || r.jpeg.jpeg_color_space == JCS_YCCK;
    r.jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    r.status = check_size(s, "JPEG", r.jpeg.image_width, r.jpeg.image_height, 1);
    if (r.status == VIV_OK)
        r.status = allocate_pixels(s->host, r.jpeg.image_width, r.jpeg.image_height, 3, &r.pixels);
    if (r.status == VIV_OK && cmyk)
        r.status = allocate_pixels(s->host, r.jpeg.image_width, 1, 4, &r.row);
    if (r.status != VIV_OK || !attempt(&r, read_rows))
        return say_why(&r);
    *out = (struct vlm_picture){.width = r.jpeg.image_width, .height = r.jpeg.image_height, .pixels = r.pixels};
    jpeg_destroy_decompress(&r.jpeg);
    free(r.row);
    return VIV_OK;
}

const struct decoder decoder_jpeg = {"JPEG", matches, measure, decode, NULL};
