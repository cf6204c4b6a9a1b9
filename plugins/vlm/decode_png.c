/* decode_png.c - PNG, by libpng. Of 16 bits the high byte is taken; grey and palettes become RGB; tRNS becomes
 * alpha. Gamma, profiles and texts are not read. Of an animated PNG, its still picture. */
#include "decode.h"

#include <png.h>
#include <setjmp.h>

enum { HEADER_SIZE = 33, MAX_CHUNK = 1 << 24 };

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static bool matches(const uint8_t *bytes, uint64_t size)
{
    return size >= 4 && memcmp(bytes, signature, 4) == 0;
}

static uint32_t number(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The chunk eXIf may come before or after the pixels. */
static uint32_t find_orientation(const struct source *s)
{
    uint64_t at = sizeof signature;
    while (s->size - at >= 12) {
        const uint64_t length = number(s->bytes + at);
        if (length > s->size - at - 12)
            break;
        if (memcmp(s->bytes + at + 4, "eXIf", 4) == 0)
            return exif_orientation(s->bytes + at + 8, length);
        at += length + 12;
    }
    return 1;
}

static viv_status measure(const struct source *s, struct header *out)
{
    if (s->size >= sizeof signature && memcmp(s->bytes, signature, sizeof signature) != 0)
        return viv_fail(s->host, VIV_EFORMAT,
                        "the line ends of the PNG's signature were changed: it was copied as if it were text");
    if (s->size < HEADER_SIZE || memcmp(s->bytes + 12, "IHDR", 4) != 0)
        return viv_fail(s->host, VIV_EFORMAT,
                        "the PNG has no header (IHDR) in its first %d bytes: it has %" PRIu64 " bytes", HEADER_SIZE,
                        s->size);
    *out = (struct header){number(s->bytes + 16), number(s->bytes + 20), find_orientation(s)};
    return VIV_OK;
}

/* All that must survive a longjmp is here, not in local variables. */
struct reader {
    const struct source *source;
    uint64_t at; /* bytes that were read */
    png_structp png;
    png_infop info;
    uint32_t width, height, y;
    uint8_t *pixels;
    bool alpha, ended;
    char message[128];
    viv_status status;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > r->source->size - r->at) {
        r->ended = true;
        png_error(png, "the file ends");
    }
    memcpy(to, r->source->bytes + r->at, n);
    r->at += n;
}

/* Text and profiles are skipped: whatever lengths they claim does not matter. */
static void skip_what_is_not_shown(png_structp png)
{
    static const uint8_t chunks[] = "iCCP\0zTXt\0iTXt\0tEXt\0eXIf\0sPLT\0hIST\0gAMA\0cHRM\0sRGB";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, chunks, sizeof chunks / 5);
}

/* False if it jumped out: r->message or r->status says why. */
static bool read_pixels(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return false;
    skip_what_is_not_shown(r->png);
    png_set_user_limits(r->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* the area has been checked */
    png_set_chunk_malloc_max(r->png, MAX_CHUNK);
    png_set_read_fn(r->png, r, read_bytes);
    png_read_info(r->png, r->info);
    const uint32_t type = png_get_color_type(r->png, r->info);
    r->alpha = (type & PNG_COLOR_MASK_ALPHA) || png_get_valid(r->png, r->info, PNG_INFO_tRNS);
    png_set_expand(r->png);
    png_set_strip_16(r->png);
    if (!(type & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(r->png);
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    const uint32_t bytes_per_pixel = r->alpha ? 4 : 3;
    const size_t row = (size_t)r->width * bytes_per_pixel;
    if (png_get_rowbytes(r->png, r->info) != row)
        png_error(r->png, "rows of another size than the header says");
    r->status = allocate_pixels(r->source->host, r->width, r->height, bytes_per_pixel, &r->pixels);
    if (r->status != VIV_OK)
        return false;
    for (int pass = 0; pass < passes; pass++)
        for (r->y = 0; r->y < r->height; r->y++)
            png_read_row(r->png, r->pixels + row * r->y, NULL);
    return true;
}

static viv_status decode(const struct source *s, struct vlm_picture *out)
{
    struct reader r = {.source = s};
    struct header header;
    viv_status status = measure(s, &header);
    if (status == VIV_OK)
        status = check_size(s, "PNG", header.width, header.height, 1);
    if (status != VIV_OK)
        return status;
    r.width = header.width;
    r.height = header.height;
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    const bool done = r.info && read_pixels(&r);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    if (done) {
        if (r.alpha)
            flatten_alpha(r.pixels, r.pixels, (uint64_t)r.width * r.height, &s->how);
        *out = (struct vlm_picture){.width = r.width, .height = r.height, .pixels = r.pixels};
        return VIV_OK;
    }
    free(r.pixels);
    if (r.status != VIV_OK)
        return r.status;
    if (r.ended)
        return viv_fail(s->host, VIV_EFORMAT, "the PNG is cut off: its %" PRIu64 " bytes end in row %u of %u",
                        s->size, r.y + 1, r.height);
    if (!r.message[0])
        return viv_fail(s->host, VIV_ENOMEM, "no memory to read a PNG");
    return viv_fail(s->host, VIV_EFORMAT, "the PNG is broken in row %u of %u: %s", r.y + 1, r.height, r.message);
}

const struct decoder decoder_png = {"PNG", matches, measure, decode, NULL};
