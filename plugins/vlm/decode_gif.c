/* decode_gif.c - GIF, still and animated, by giflib. Its functions for single rows are used, not DGifSlurp, which
 * would allocate every frame before a limit can be checked. Frames are drawn over each other on a canvas of R, G,
 * B, alpha that is transparent at first: GIF89a, section 23. */
#include "decode.h"

#include <gif_lib.h>

enum { HEADER_SIZE = 10, NO_COLOUR = -1 };

static bool matches(const uint8_t *bytes, uint64_t size)
{
    return size >= 6 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0);
}

static viv_status measure(const struct source *s, struct header *out)
{
    const uint8_t *b = s->bytes;
    if (s->size < HEADER_SIZE)
        return viv_fail(s->host, VIV_EFORMAT, "the GIF is cut off: it has %" PRIu64 " bytes", s->size);
    *out = (struct header){b[6] | (uint32_t)b[7] << 8, b[8] | (uint32_t)b[9] << 8, 1};
    return VIV_OK;
}

struct reader {
    const struct source *source;
    uint64_t at; /* bytes that were read */
    bool ended;
    GifFileType *gif;
    uint32_t width, height;
    uint8_t *canvas, *saved; /* R, G, B, alpha; saved: before a frame that is undone */
    GifPixelType *row;
    uint64_t decoded; /* pixels of frames, whether seen or not */
    GraphicsControlBlock control;
    struct vlm_frames frames;
    uint32_t capacity;
};

static int read_bytes(GifFileType *gif, GifByteType *to, int n)
{
    struct reader *r = gif->UserData;
    const uint64_t left = r->source->size - r->at, taken = n > 0 ? viv_min((uint64_t)n, left) : 0;
    if ((int)taken < n)
        r->ended = true;
    memcpy(to, r->source->bytes + r->at, taken);
    r->at += taken;
    return (int)taken;
}

static viv_status say_why(const struct reader *r, int code)
{
    const char *reason = GifErrorString(code);
    if (r->ended)
        return viv_fail(r->source->host, VIV_EFORMAT, "the GIF is cut off: its %" PRIu64 " bytes end in frame %u",
                        r->source->size, r->frames.n + 1);
    return viv_fail(r->source->host, VIV_EFORMAT, "the GIF is broken in frame %u: %s", r->frames.n + 1,
                    reason ? reason : "unknown error");
}

/* --- the canvas ---------------------------------------------------------------------------------------------- */

/* Draws a row of the current frame, as far as it is on the canvas. */
static void draw_row(struct reader *r, const ColorMapObject *map, uint32_t y)
{
    const GifImageDesc *image = &r->gif->Image;
    const uint32_t left = (uint32_t)image->Left;
    if (y >= r->height || left >= r->width)
        return;
    uint8_t *to = r->canvas + 4 * ((uint64_t)y * r->width + left);
    const uint64_t n = viv_min((uint64_t)image->Width, r->width - left);
    for (uint64_t i = 0; i < n; i++, to += 4) {
        const int index = r->row[i];
        const bool clear = index == r->control.TransparentColor;
        if (index >= map->ColorCount || (clear && to[3]))
            continue;
        const GifColorType colour = map->Colors[index];
        to[0] = colour.Red;
        to[1] = colour.Green;
        to[2] = colour.Blue;
        to[3] = clear ? 0 : 255;
    }
}

static viv_status draw_frame(struct reader *r)
{
    static const uint32_t first[] = {0, 4, 2, 1}, every[] = {8, 8, 4, 2};
    const GifImageDesc *image = &r->gif->Image;
    const ColorMapObject *map = image->ColorMap ? image->ColorMap : r->gif->SColorMap;
    if (!map)
        return viv_fail(r->source->host, VIV_EFORMAT, "frame %u of the GIF has no palette", r->frames.n + 1);
    for (int pass = 0; pass < (image->Interlace ? 4 : 1); pass++)
        for (uint32_t y = image->Interlace ? first[pass] : 0; y < (uint32_t)image->Height;
             y += image->Interlace ? every[pass] : 1) {
            if (DGifGetLine(r->gif, r->row, image->Width) != GIF_OK)
                return say_why(r, r->gif->Error);
            draw_row(r, map, (uint32_t)image->Top + y);
        }
    return VIV_OK;
}

/* For a frame that is undone; few files have one. */
static viv_status save_canvas(struct reader *r)
{
    const viv_status status =
        r->saved ? VIV_OK : allocate_pixels(r->source->host, r->width, r->height, 4, &r->saved);
    if (status == VIV_OK)
        memcpy(r->saved, r->canvas, (size_t)4 * r->width * r->height);
    return status;
}

/* What the frame leaves behind for the next one. */
static void dispose(struct reader *r)
{
    const GifImageDesc *image = &r->gif->Image;
    if (r->control.DisposalMode == DISPOSE_PREVIOUS)
        memcpy(r->canvas, r->saved, (size_t)4 * r->width * r->height);
    if (r->control.DisposalMode != DISPOSE_BACKGROUND || (uint32_t)image->Left >= r->width)
        return;
    const uint64_t n = viv_min((uint64_t)image->Width, r->width - (uint32_t)image->Left),
                   end = viv_min((uint64_t)image->Top + (uint64_t)image->Height, r->height);
    for (uint64_t y = (uint64_t)image->Top; y < end; y++)
        memset(r->canvas + 4 * (y * r->width + (uint64_t)image->Left), 0, 4 * n);
}

/* --- frames -------------------------------------------------------------------------------------------------- */

static viv_status keep_frame(struct reader *r)
{
    const struct source *s = r->source;
    const uint64_t n = (uint64_t)r->width * r->height;
    uint8_t *pixels = NULL;
    if (r->frames.n == r->capacity) {
        const uint32_t capacity = r->capacity ? 2 * r->capacity : 4;
        struct vlm_frame *frames = realloc(r->frames.frames, capacity * sizeof *frames);
        if (!frames)
            return viv_fail(s->host, VIV_ENOMEM, "no memory for %u frames of a GIF", capacity);
        r->frames.frames = frames;
        r->capacity = capacity;
    }
    const viv_status status = allocate_pixels(s->host, r->width, r->height, 3, &pixels);
    if (status != VIV_OK)
        return status;
    flatten_alpha(pixels, r->canvas, n, &s->how);
    r->frames.frames[r->frames.n++] = (struct vlm_frame){{.width = r->width, .height = r->height, .pixels = pixels},
                                                         (uint32_t)r->control.DelayTime * 10};
    return VIV_OK;
}

static viv_status read_frame(struct reader *r)
{
    const struct source *s = r->source;
    const GifImageDesc *image = &r->gif->Image;
    viv_status status = check_size(s, "GIF", r->width, r->height, r->frames.n + UINT64_C(1));
    if (status != VIV_OK)
        return status;
    if (DGifGetImageDesc(r->gif) != GIF_OK)
        return say_why(r, r->gif->Error);
    if (image->Width <= 0 || image->Height <= 0 || image->Left < 0 || image->Top < 0)
        return viv_fail(s->host, VIV_EFORMAT, "frame %u of the GIF has %d x %d pixels, expected at least 1 x 1",
                        r->frames.n + 1, image->Width, image->Height);
    r->decoded += (uint64_t)image->Width * (uint64_t)image->Height;
    if (r->decoded > s->how.max_pixels)
        return viv_fail(s->host, VIV_ELIMIT,
                        "the GIF's frames have more than %" PRIu64 " pixels: make it smaller or shorter",
                        s->how.max_pixels);
    free(r->row);
    r->row = malloc((size_t)image->Width);
    if (!r->row)
        return viv_fail(s->host, VIV_ENOMEM, "no memory for a row of %d pixels", image->Width);
    if (r->control.DisposalMode == DISPOSE_PREVIOUS)
        status = save_canvas(r);
    if (status == VIV_OK)
        status = draw_frame(r);
    if (status == VIV_OK)
        status = keep_frame(r);
    if (status == VIV_OK)
        dispose(r);
    r->control = (GraphicsControlBlock){.TransparentColor = NO_COLOUR};
    return status;
}

static viv_status read_extension(struct reader *r)
{
    int code = 0;
    GifByteType *data = NULL;
    if (DGifGetExtension(r->gif, &code, &data) != GIF_OK)
        return say_why(r, r->gif->Error);
    if (code == GRAPHICS_EXT_FUNC_CODE && data && data[0] >= 4 &&
        DGifExtensionToGCB(data[0], data + 1, &r->control) != GIF_OK)
        r->control = (GraphicsControlBlock){.TransparentColor = NO_COLOUR};
    while (data)
        if (DGifGetExtensionNext(r->gif, &data) != GIF_OK)
            return say_why(r, r->gif->Error);
    return VIV_OK;
}

/* max_frames: 0 for any number */
static viv_status read_records(struct reader *r, uint32_t max_frames)
{
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    viv_status status = VIV_OK;
    while (status == VIV_OK) {
        if (DGifGetRecordType(r->gif, &type) != GIF_OK)
            /* a file that lacks just the mark of its end is complete */
            return r->ended && r->frames.n > 0 ? VIV_OK : say_why(r, r->gif->Error);
        if (type == TERMINATE_RECORD_TYPE)
            break;
        if (type == EXTENSION_RECORD_TYPE)
            status = read_extension(r);
        else if (max_frames && r->frames.n == max_frames)
            return viv_fail(r->source->host, VIV_EUNSUPPORTED,
                            "the GIF is an animation of several frames: give it as a video");
        else
            status = read_frame(r);
    }
    if (status == VIV_OK && r->frames.n == 0)
        return viv_fail(r->source->host, VIV_EFORMAT, "the GIF has no picture in it");
    return status;
}

static viv_status decode_animation(const struct source *s, uint32_t max_frames, struct vlm_frames *out)
{
    struct reader r = {.source = s, .control = {.TransparentColor = NO_COLOUR}};
    struct header header;
    int code = 0;
    viv_status status = measure(s, &header);
    if (status == VIV_OK)
        status = check_size(s, "GIF", header.width, header.height, 1);
    if (status != VIV_OK)
        return status;
    r.width = header.width;
    r.height = header.height;
    r.gif = DGifOpen(&r, read_bytes, &code);
    status = r.gif ? VIV_OK : say_why(&r, code);
    if (status == VIV_OK)
        status = allocate_pixels(s->host, r.width, r.height, 4, &r.canvas);
    if (status == VIV_OK)
        status = read_records(&r, max_frames);
    if (r.gif)
        DGifCloseFile(r.gif, &code);
    free(r.canvas);
    free(r.saved);
    free(r.row);
    if (status == VIV_OK)
        *out = r.frames;
    else
        vlm_frames_release(&r.frames);
    return status;
}

static viv_status decode_frames(const struct source *s, struct vlm_frames *out)
{
    return decode_animation(s, 0, out);
}

static viv_status decode(const struct source *s, struct vlm_picture *out)
{
    struct vlm_frames frames;
    const viv_status status = decode_animation(s, 1, &frames);
    if (status == VIV_OK) {
        *out = frames.frames[0].picture;
        free(frames.frames);
    }
    return status;
}

const struct decoder decoder_gif = {"GIF", matches, measure, decode, decode_frames};
