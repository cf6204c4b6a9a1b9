/* picture.c - a file's decoder is chosen by its first bytes, never by its name. */
#include "decode.h"

static const struct decoder *const decoders[] = {&decoder_png, &decoder_jpeg, &decoder_webp, &decoder_gif};

/* --- sizes and pixels ---------------------------------------------------------------------------------------- */

viv_status check_size(const struct source *s, const char *format, uint64_t width, uint64_t height,
                      uint64_t n_pictures)
{
    uint64_t pixels = 0;
    if (width == 0 || height == 0)
        return viv_fail(s->host, VIV_EFORMAT,
                        "the %s has %" PRIu64 " x %" PRIu64 " pixels, expected at least 1 x 1", format, width,
                        height);
    if (viv_size_mul(width, height, &pixels) && viv_size_mul(pixels, n_pictures, &pixels) &&
        pixels <= s->how.max_pixels)
        return VIV_OK;
    if (n_pictures > 1)
        return viv_fail(s->host, VIV_ELIMIT,
                        "the %s has %" PRIu64 " frames of %" PRIu64 " x %" PRIu64 " pixels, at most %" PRIu64
                        " pixels are read: make it smaller or shorter",
                        format, n_pictures, width, height, s->how.max_pixels);
    return viv_fail(s->host, VIV_ELIMIT,
                    "the %s has %" PRIu64 " x %" PRIu64 " pixels, at most %" PRIu64 " are read: make it smaller",
                    format, width, height, s->how.max_pixels);
}

viv_status allocate_pixels(const viv_host *host, uint32_t width, uint32_t height, uint32_t bytes_per_pixel,
                           uint8_t **out)
{
    uint64_t n = 0;
    uint8_t *pixels = NULL;
    if (viv_size_mul(width, height, &n) && viv_size_mul(n, bytes_per_pixel, &n) && n <= SIZE_MAX)
        pixels = calloc(1, n);
    if (!pixels)
        return viv_fail(host, VIV_ENOMEM, "no memory for a picture of %u x %u pixels", width, height);
    *out = pixels;
    return VIV_OK;
}

viv_status vlm_picture_init(const viv_host *host, uint32_t width, uint32_t height, struct vlm_picture *out)
{
    uint8_t *pixels = NULL;
    if (width == 0 || height == 0)
        return viv_fail(host, VIV_ESHAPE, "a picture of %u x %u pixels, expected at least 1 x 1", width, height);
    const viv_status status = allocate_pixels(host, width, height, 3, &pixels);
    if (status == VIV_OK)
        *out = (struct vlm_picture){.width = width, .height = height, .pixels = pixels};
    return status;
}

void vlm_picture_release(struct vlm_picture *picture)
{
    if (!picture)
        return;
    free(picture->pixels);
    free(picture->floats);
    *picture = (struct vlm_picture){0};
}

void vlm_frames_release(struct vlm_frames *frames)
{
    if (!frames)
        return;
    for (uint32_t i = 0; i < frames->n; i++)
        vlm_picture_release(&frames->frames[i].picture);
    free(frames->frames);
    *frames = (struct vlm_frames){0};
}

/* Composited colours are round((c * alpha + background * (255 - alpha)) / 255). */
void flatten_alpha(uint8_t *rgb, const uint8_t *rgba, uint64_t n, const struct vlm_reading *how)
{
    for (uint64_t i = 0; i < n; i++) {
        const uint32_t alpha = rgba[4 * i + 3];
        for (uint32_t c = 0; c < 3; c++) {
            const uint32_t colour = rgba[4 * i + c], behind = how->on_colour ? how->background[c] : 255;
            rgb[3 * i + c] =
                (uint8_t)(how->drop_alpha ? colour : (colour * alpha + behind * (255 - alpha) + 127) / 255);
        }
    }
}

/* --- upright ------------------------------------------------------------------------------------------------- */

static bool is_turned(uint32_t orientation)
{
    return orientation >= 5;
}

/* Orientations 2, 3, 4 mirror; 5 to 8 do so after rows and columns change places. */
static viv_status make_upright(const viv_host *host, uint32_t orientation, struct vlm_picture *p)
{
    const bool turned = is_turned(orientation),
               right_to_left = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7,
               bottom_up = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    struct vlm_picture upright;
    if (orientation == 1)
        return VIV_OK;
    const viv_status status =
        vlm_picture_init(host, turned ? p->height : p->width, turned ? p->width : p->height, &upright);
    if (status != VIV_OK)
        return status;
    for (uint32_t y = 0; y < upright.height; y++)
        for (uint32_t x = 0; x < upright.width; x++) {
            const uint32_t across = right_to_left ? upright.width - 1 - x : x,
                           down = bottom_up ? upright.height - 1 - y : y;
            const uint64_t from = turned ? (uint64_t)across * p->width + down : (uint64_t)down * p->width + across;
            memcpy(upright.pixels + 3 * ((uint64_t)y * upright.width + x), p->pixels + 3 * from, 3);
        }
    vlm_picture_release(p);
    *p = upright;
    return VIV_OK;
}

/* --- files --------------------------------------------------------------------------------------------------- */

/* Formats that people have, and that are not read: to name them in the error. */
static const char *name_unread(const uint8_t *b, uint64_t size)
{
    if (size >= 2 && memcmp(b, "BM", 2) == 0)
        return "a BMP file, which is not read";
    if (size >= 4 && (memcmp(b, "II*\0", 4) == 0 || memcmp(b, "MM\0*", 4) == 0))
        return "a TIFF file, which is not read";
    if (size >= 12 && memcmp(b + 4, "ftypavi", 7) == 0)
        return "an AVIF file, which is not read";
    if (size >= 12 && memcmp(b + 4, "ftyp", 4) == 0)
        return "a HEIC or MP4 file, which is not read as pictures are (`ffmpeg -i a.mp4 frames/%d.png` makes a "
               "folder of "
               "frames; as a video it is read where viv was built by ./configure --with-ffmpeg)";
    if (size >= 4 && memcmp(b, "\x1a\x45\xdf\xa3", 4) == 0)
        return "a Matroska or WebM file, which is not read as pictures are (`ffmpeg -i a.mkv frames/%d.png` makes "
               "a folder "
               "of frames; as a video it is read where viv was built by ./configure --with-ffmpeg)";
    if (size >= 12 && (memcmp(b, "\0\0\0\fJXL ", 8) == 0 || memcmp(b, "\xff\x0a", 2) == 0))
        return "a JPEG XL file, which is not read";
    if (size >= 5 && (memcmp(b, "<?xml", 5) == 0 || memcmp(b, "<svg", 4) == 0))
        return "an SVG or XML file, which is not read";
    return "no picture that can be read";
}

static viv_status find_decoder(struct source *s, const struct vlm_reading *how, const struct decoder **out)
{
    if (how)
        s->how = *how;
    if (s->how.max_pixels == 0)
        s->how.max_pixels = VLM_MAX_PIXELS;
    if (s->size == 0)
        return viv_fail(s->host, VIV_EFORMAT, "the picture is empty: it has 0 bytes");
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++)
        if (decoders[i]->matches(s->bytes, s->size)) {
            *out = decoders[i];
            return VIV_OK;
        }
    return viv_fail(s->host, VIV_EUNSUPPORTED,
                    "this is %s, by its first bytes: convert it to PNG, JPEG, WebP or GIF",
                    name_unread(s->bytes, s->size));
}

static viv_status measure(const struct source *s, const struct decoder *decoder, struct header *out)
{
    struct header header = {0, 0, 1};
    viv_status status = decoder->measure(s, &header);
    if (status == VIV_OK)
        status = check_size(s, decoder->name, header.width, header.height, 1);
    if (status == VIV_OK)
        *out = header;
    return status;
}

viv_status vlm_picture_measure(const viv_host *host, const void *bytes, uint64_t size,
                               const struct vlm_reading *how, uint32_t *width, uint32_t *height)
{
    struct source s = {host, bytes, size, {0}};
    const struct decoder *decoder = NULL;
    struct header header;
    viv_status status = find_decoder(&s, how, &decoder);
    if (status == VIV_OK)
        status = measure(&s, decoder, &header);
    if (status != VIV_OK)
        return status;
    *width = is_turned(header.orientation) ? header.height : header.width;
    *height = is_turned(header.orientation) ? header.width : header.height;
    return VIV_OK;
}

static viv_status read_one(const struct source *s, const struct decoder *decoder, struct vlm_picture *out)
{
    struct header header;
    struct vlm_picture picture = {0};
    viv_status status = measure(s, decoder, &header);
    if (status == VIV_OK)
        status = decoder->decode(s, &picture);
    if (status == VIV_OK)
        status = make_upright(s->host, header.orientation, &picture);
    if (status == VIV_OK)
        *out = picture;
    else
        vlm_picture_release(&picture);
    return status;
}

viv_status vlm_picture_read(const viv_host *host, const void *bytes, uint64_t size, const struct vlm_reading *how,
                            struct vlm_picture *out)
{
    struct source s = {host, bytes, size, {0}};
    const struct decoder *decoder = NULL;
    const viv_status status = find_decoder(&s, how, &decoder);
    return status == VIV_OK ? read_one(&s, decoder, out) : status;
}

viv_status vlm_frames_read(const viv_host *host, const void *bytes, uint64_t size, const struct vlm_reading *how,
                           struct vlm_frames *out)
{
    struct source s = {host, bytes, size, {0}};
    const struct decoder *decoder = NULL;
    struct header header;
    viv_status status = find_decoder(&s, how, &decoder);
    if (status == VIV_OK && decoder->decode_frames) {
        status = measure(&s, decoder, &header);
        return status == VIV_OK ? decoder->decode_frames(&s, out) : status;
    }
    struct vlm_frame *frame = status == VIV_OK ? calloc(1, sizeof *frame) : NULL;
    if (status == VIV_OK && !frame)
        return viv_fail(host, VIV_ENOMEM, "no memory for a frame");
    if (status == VIV_OK)
        status = read_one(&s, decoder, &frame->picture);
    if (status == VIV_OK)
        *out = (struct vlm_frames){frame, 1};
    else
        free(frame);
    return status;
}
