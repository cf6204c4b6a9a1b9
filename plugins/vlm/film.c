/* film.c - see film.h. */
#include "film.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef VLM_FFMPEG

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

enum { IO_BYTES = 1 << 16, MOST_FRAMES = 1 << 24 };

struct reading {
    struct vlm_film film; /* first */
    const viv_host *host; /* of the call */
    const uint8_t *bytes;
    int64_t size, at;
    AVFormatContext *format;
    AVIOContext *io;
    AVCodecContext *codec;
    struct SwsContext *scaler;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
    int64_t decoded; /* the index of `frame`; -1: none yet */
};

/* --- bytes in memory ----------------------------------------------------------------------------------------- */

static int read_bytes(void *data, uint8_t *out, int capacity)
{
    struct reading *r = data;
    const int64_t n = r->size - r->at < capacity ? r->size - r->at : capacity;
    if (n <= 0)
        return AVERROR_EOF;
    memcpy(out, r->bytes + r->at, (size_t)n);
    r->at += n;
    return (int)n;
}

static int64_t seek(void *data, int64_t offset, int whence)
{
    struct reading *r = data;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return r->size;
    const int64_t from = whence == SEEK_CUR ? r->at : whence == SEEK_END ? r->size : 0;
    if (offset < -from || offset > r->size - from)
        return AVERROR(EINVAL);
    r->at = from + offset;
    return r->at;
}

/* --- the container ------------------------------------------------------------------------------------------- */

/* The name of libavformat's demuxer; NULL: none of these. HEIC and AVIF, which begin as MP4 does, are pictures. */
static const char *demuxer_of(const uint8_t *b, uint64_t size)
{
    static const char *const pictures[] = {"heic", "heix", "mif1", "msf1", "avif", "avis"};
    if (size >= 12 && memcmp(b + 4, "ftyp", 4) == 0) {
        for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
            if (memcmp(b + 8, pictures[i], 4) == 0)
                return NULL;
        return "mov";
    }
    if (size >= 4 && memcmp(b, "\x1a\x45\xdf\xa3", 4) == 0)
        return "matroska";
    return size >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "AVI ", 4) == 0 ? "avi" : NULL;
}

bool vlm_film_matches(const uint8_t *bytes, uint64_t size)
{
    return demuxer_of(bytes, size) != NULL;
}

static viv_status fail(const struct reading *r, int code, const char *what)
{
    char why[AV_ERROR_MAX_STRING_SIZE] = "";
    if (code == AVERROR(ENOMEM))
        return viv_fail(r->host, VIV_ENOMEM, "no memory to read the video");
    av_strerror(code, why, sizeof why);
    return viv_fail(r->host, VIV_EFORMAT, "the video cannot be read: %s: %s", what, why);
}

static void close_input(struct reading *r)
{
    avformat_close_input(&r->format);
    if (r->io)
        av_freep(&r->io->buffer);
    avio_context_free(&r->io);
}

static viv_status open_input(struct reading *r)
{
    uint8_t *buffer = av_malloc(IO_BYTES);
    r->at = 0;
    r->format = avformat_alloc_context();
    r->io = buffer ? avio_alloc_context(buffer, IO_BYTES, 0, r, read_bytes, NULL, seek) : NULL;
    if (!r->io)
        av_free(buffer);
    if (!r->format || !r->io)
        return fail(r, AVERROR(ENOMEM), "");
    r->format->pb = r->io;
    r->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    int code =
        avformat_open_input(&r->format, "", av_find_input_format(demuxer_of(r->bytes, (uint64_t)r->size)), NULL);
    if (code < 0)
        return fail(r, code, "its header");
    code = avformat_find_stream_info(r->format, NULL);
    r->stream = code < 0 ? code : av_find_best_stream(r->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    return r->stream < 0 ? fail(r, r->stream, "its video stream") : VIV_OK;
}

/* Frames are as many as packets. */
static viv_status count_frames(struct reading *r)
{
    const AVStream *s = r->format->streams[r->stream];
    const AVRational rate = s->avg_frame_rate.num > 0 ? s->avg_frame_rate : s->r_frame_rate;
    for (; av_read_frame(r->format, r->packet) >= 0; av_packet_unref(r->packet))
        if (r->packet->stream_index == r->stream && ++r->film.total > MOST_FRAMES) {
            av_packet_unref(r->packet);
            return viv_fail(r->host, VIV_ELIMIT, "the video has more than %d frames", MOST_FRAMES);
        }
    if (r->film.total == 0)
        return viv_fail(r->host, VIV_EFORMAT, "the video has no frames");
    r->film.fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 24;
    r->film.width = (uint32_t)s->codecpar->width;
    r->film.height = (uint32_t)s->codecpar->height;
    if (s->codecpar->width > 0 && s->codecpar->height > 0 &&
        (uint64_t)r->film.width * r->film.height <= VLM_MAX_PIXELS)
        return VIV_OK;
    return viv_fail(r->host, VIV_ELIMIT, "the video has frames of %d x %d pixels: expected 1 to %" PRIu64 " pixels",
                    s->codecpar->width, s->codecpar->height, VLM_MAX_PIXELS);
}

static viv_status open_codec(struct reading *r)
{
    const AVCodecParameters *p = r->format->streams[r->stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(p->codec_id);
    if (!codec)
        return viv_fail(r->host, VIV_EUNSUPPORTED,
                        "the video is coded as %s, which the libavcodec here cannot decode",
                        avcodec_get_name(p->codec_id));
    r->codec = avcodec_alloc_context3(codec);
    int code = r->codec ? avcodec_parameters_to_context(r->codec, p) : AVERROR(ENOMEM);
    if (code >= 0) {
        r->codec->thread_count = 1;
        r->codec->max_pixels = VLM_MAX_PIXELS;
        code = avcodec_open2(r->codec, codec, NULL);
    }
    return code < 0 ? fail(r, code, "its decoder") : VIV_OK;
}

viv_status vlm_film_open(const viv_host *host, const uint8_t *bytes, uint64_t size, struct vlm_film **out)
{
    struct reading *r = calloc(1, sizeof *r);
    if (!r || size > INT64_MAX) {
        free(r);
        return viv_fail(host, VIV_ENOMEM, "no memory to read the video");
    }
    av_log_set_level(AV_LOG_QUIET);
    *r = (struct reading){.host = host, .bytes = bytes, .size = (int64_t)size, .decoded = -1};
    r->packet = av_packet_alloc();
    r->frame = av_frame_alloc();
    viv_status status = r->packet && r->frame ? open_input(r) : fail(r, AVERROR(ENOMEM), "");
    if (status == VIV_OK)
        status = count_frames(r);
    close_input(r);
    if (status == VIV_OK)
        status = open_input(r);
    if (status == VIV_OK)
        status = open_codec(r);
    if (status == VIV_OK)
        *out = &r->film;
    else
        vlm_film_close(&r->film);
    return status;
}

void vlm_film_close(struct vlm_film *film)
{
    struct reading *r = (struct reading *)film;
    if (!r)
        return;
    sws_freeContext(r->scaler);
    avcodec_free_context(&r->codec);
    close_input(r);
    av_frame_free(&r->frame);
    av_packet_free(&r->packet);
    free(r);
}

/* --- frames -------------------------------------------------------------------------------------------------- */

/* Gives the decoder the next packet; at the end, none. */
static int feed(struct reading *r)
{
    for (;;) {
        const int code = av_read_frame(r->format, r->packet);
        if (code < 0)
            return avcodec_send_packet(r->codec, NULL);
        const bool is_its = r->packet->stream_index == r->stream;
        const int sent = is_its ? avcodec_send_packet(r->codec, r->packet) : 0;
        av_packet_unref(r->packet);
        if (is_its)
            return sent;
    }
}

static viv_status decode_next(struct reading *r)
{
    for (;;) {
        const int code = avcodec_receive_frame(r->codec, r->frame);
        if (code == 0) {
            r->decoded++;
            return VIV_OK;
        }
        if (code == AVERROR_EOF)
            return viv_fail(r->host, VIV_EFORMAT, "the video ends behind frame %" PRId64 " of %u", r->decoded + 1,
                            r->film.total);
        const int fed = code == AVERROR(EAGAIN) ? feed(r) : code;
        if (fed < 0)
            return viv_fail(r->host, VIV_EFORMAT, "the video is broken behind frame %" PRId64 " of %u",
                            r->decoded + 1, r->film.total);
    }
}

static viv_status take_frame(struct reading *r, struct vlm_picture *out)
{
    const AVFrame *f = r->frame;
    const int width = (int)r->film.width, height = (int)r->film.height;
    if (f->width != width || f->height != height)
        return viv_fail(r->host, VIV_ESHAPE,
                        "frame %" PRId64 " of the video has %d x %d pixels, expected %d x %d as of all",
                        r->decoded + 1, f->width, f->height, width, height);
    r->scaler = sws_getCachedContext(r->scaler, width, height, f->format, width, height, AV_PIX_FMT_RGB24,
                                     SWS_BILINEAR | SWS_ACCURATE_RND, NULL, NULL, NULL);
    viv_status status = r->scaler ? vlm_picture_init(r->host, r->film.width, r->film.height, out)
                                  : viv_fail(r->host, VIV_EUNSUPPORTED, "the video's colours cannot be converted");
    if (status == VIV_OK)
        sws_scale(r->scaler, (const uint8_t *const *)f->data, f->linesize, 0, height,
                  (uint8_t *const[]){out->pixels}, (const int[]){3 * width});
    return status;
}

viv_status vlm_film_frame(const viv_host *host, struct vlm_film *film, uint32_t index, struct vlm_picture *out)
{
    struct reading *r = (struct reading *)film;
    viv_status status = VIV_OK;
    r->host = host;
    if (index < r->decoded)
        return viv_fail(host, VIV_EINTERNAL, "frame %u is asked for behind frame %" PRId64, index, r->decoded);
    while (status == VIV_OK && r->decoded < index)
        status = decode_next(r);
    return status == VIV_OK ? take_frame(r, out) : status;
}

#else

bool vlm_film_matches(const uint8_t *bytes, uint64_t size)
{
    (void)bytes, (void)size;
    return false;
}

viv_status vlm_film_open(const viv_host *host, const uint8_t *bytes, uint64_t size, struct vlm_film **out)
{
    (void)bytes, (void)size, (void)out;
    return viv_fail(host, VIV_EUNSUPPORTED, "this build reads no such videos (./configure --with-ffmpeg)");
}

viv_status vlm_film_frame(const viv_host *host, struct vlm_film *film, uint32_t index, struct vlm_picture *out)
{
    (void)film, (void)index, (void)out;
    return viv_fail(host, VIV_EUNSUPPORTED, "this build reads no such videos (./configure --with-ffmpeg)");
}

void vlm_film_close(struct vlm_film *film)
{
    (void)film;
}

#endif
