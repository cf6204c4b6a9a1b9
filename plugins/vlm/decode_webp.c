/* decode_webp.c - WebP, lossy and lossless, still and animated, by libwebp and libwebpdemux. */
#include "decode.h"

#include <webp/decode.h>
#include <webp/demux.h>

static bool matches(const uint8_t *bytes, uint64_t size)
{
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

static const char *name_status(VP8StatusCode status)
{
    switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return "there is no memory for it";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return "it uses a feature that libwebp lacks";
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return "it is cut off";
    default:
        return "it is broken";
    }
}

static viv_status refuse(const struct source *s, VP8StatusCode status)
{
    return viv_fail(s->host, status == VP8_STATUS_OUT_OF_MEMORY ? VIV_ENOMEM : VIV_EFORMAT,
                    "the WebP of %" PRIu64 " bytes cannot be read: %s", s->size, name_status(status));
}

static uint32_t find_orientation(const struct source *s)
{
    const WebPData data = {s->bytes, s->size};
    WebPDemuxer *demuxer = WebPDemux(&data);
    WebPChunkIterator chunk;
    uint32_t orientation = 1;
    if (demuxer && WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        orientation = exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    WebPDemuxDelete(demuxer);
    return orientation;
}

static viv_status get_features(const struct source *s, WebPBitstreamFeatures *out)
{
    const VP8StatusCode status = WebPGetFeatures(s->bytes, s->size, out);
    return status == VP8_STATUS_OK ? VIV_OK : refuse(s, status);
}

static viv_status measure(const struct source *s, struct header *out)
{
    WebPBitstreamFeatures features;
    const viv_status status = get_features(s, &features);
    if (status == VIV_OK)
        *out = (struct header){(uint32_t)features.width, (uint32_t)features.height, find_orientation(s)};
    return status;
}

/* --- still --------------------------------------------------------------------------------------------------- */

static viv_status decode_still(const struct source *s, const WebPBitstreamFeatures *features,
                               struct vlm_picture *out)
{
    const uint32_t width = (uint32_t)features->width, height = (uint32_t)features->height,
                   bytes_per_pixel = features->has_alpha ? 4 : 3;
    WebPDecoderConfig config;
    uint8_t *pixels = NULL;
    viv_status status = check_size(s, "WebP", width, height, 1);
    if (status == VIV_OK)
        status = allocate_pixels(s->host, width, height, bytes_per_pixel, &pixels);
    if (status != VIV_OK)
        return status;
    if (!WebPInitDecoderConfig(&config)) {
        free(pixels);
        return viv_fail(s->host, VIV_EABI,
                        "this libwebp is of another version than the one that we were built with");
    }
    config.output.colorspace = features->has_alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA =
        (WebPRGBABuffer){pixels, (int)(width * bytes_per_pixel), (size_t)width * height * bytes_per_pixel};
    const VP8StatusCode code = WebPDecode(s->bytes, s->size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code != VP8_STATUS_OK) {
        free(pixels);
        return refuse(s, code);
    }
    if (features->has_alpha)
        flatten_alpha(pixels, pixels, (uint64_t)width * height, &s->how);
    *out = (struct vlm_picture){.width = width, .height = height, .pixels = pixels};
    return VIV_OK;
}

/* --- animated ------------------------------------------------------------------------------------------------ */

static viv_status copy_frame(const struct source *s, const WebPAnimInfo *info, const uint8_t *shown,
                             struct vlm_picture *out)
{
    const uint64_t n = (uint64_t)info->canvas_width * info->canvas_height;
    uint8_t *pixels = NULL;
    const viv_status status = allocate_pixels(s->host, info->canvas_width, info->canvas_height, 3, &pixels);
    if (status != VIV_OK)
        return status;
    flatten_alpha(pixels, shown, n, &s->how);
    *out = (struct vlm_picture){.width = info->canvas_width, .height = info->canvas_height, .pixels = pixels};
    return VIV_OK;
}

static viv_status read_animation(const struct source *s, WebPAnimDecoder *decoder, const WebPAnimInfo *info,
                                 struct vlm_frames *frames)
{
    viv_status status = check_size(s, "WebP", info->canvas_width, info->canvas_height, info->frame_count);
    if (status != VIV_OK)
        return status;
    frames->frames = calloc(info->frame_count, sizeof *frames->frames);
    if (!frames->frames)
        return viv_fail(s->host, VIV_ENOMEM, "no memory for %u frames of a WebP", info->frame_count);
    int end = 0, before = 0;
    for (uint8_t *shown = NULL; frames->n < info->frame_count; frames->n++, before = end) {
        if (!WebPAnimDecoderGetNext(decoder, &shown, &end))
            return viv_fail(s->host, VIV_EFORMAT, "frame %u of the %u of the WebP is broken or cut off",
                            frames->n + 1, info->frame_count);
        struct vlm_frame *frame = &frames->frames[frames->n];
        frame->milliseconds = end > before ? (uint32_t)(end - before) : 0;
        status = copy_frame(s, info, shown, &frame->picture);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* max_frames: 0 for any number */
static viv_status decode_animation(const struct source *s, uint32_t max_frames, struct vlm_frames *out)
{
    const WebPData data = {s->bytes, s->size};
    WebPAnimInfo info = {0};
    struct vlm_frames frames = {0};
    WebPBitstreamFeatures features;
    viv_status status = get_features(s, &features);
    if (status == VIV_OK) /* the decoder allocates the canvas */
        status = check_size(s, "WebP", (uint64_t)features.width, (uint64_t)features.height, 1);
    if (status != VIV_OK)
        return status;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
    if (!decoder || !WebPAnimDecoderGetInfo(decoder, &info) || info.frame_count == 0)
        status =
            viv_fail(s->host, VIV_EFORMAT, "the animated WebP of %" PRIu64 " bytes is broken or cut off", s->size);
    else if (max_frames && info.frame_count > max_frames)
        status = viv_fail(s->host, VIV_EUNSUPPORTED, "the WebP is an animation of %u frames: give it as a video",
                          info.frame_count);
    else
        status = read_animation(s, decoder, &info, &frames);
    WebPAnimDecoderDelete(decoder);
    if (status == VIV_OK)
        *out = frames;
    else
        vlm_frames_release(&frames);
    return status;
}

static viv_status decode_frames(const struct source *s, struct vlm_frames *out)
{
    return decode_animation(s, 0, out);
}

static viv_status decode(const struct source *s, struct vlm_picture *out)
{
    WebPBitstreamFeatures features;
    struct vlm_frames frames;
    viv_status status = get_features(s, &features);
    if (status != VIV_OK)
        return status;
    if (!features.has_animation)
        return decode_still(s, &features, out);
    status = decode_animation(s, 1, &frames);
    if (status == VIV_OK) {
        *out = frames.frames[0].picture;
        frames.frames[0].picture = (struct vlm_picture){0};
        vlm_frames_release(&frames);
    }
    return status;
}

const struct decoder decoder_webp = {"WebP", matches, measure, decode, decode_frames};
