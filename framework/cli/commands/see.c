/* see.c - what a model is given of pictures and videos: sizes, tiles, frames, patches and rows, as a picture or as
 * numbers. Weights are not needed. */
#include "base/size.h"
#include "cli/images.h"
#include "cli/npy.h"
#include "cli/open.h"
#include "cli/png.h"
#include "cli/shared.h"
#include "engine/pictures.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    GAP = 8,             /* pixels between views, and around them */
    TILE_GAP = 3,        /* between tiles */
    MAX_DRAWN = 1 << 28, /* pixels of the drawing */
    BACKGROUND = 0x80    /* grey */
};

struct see_options {
    struct common common;
    struct string_list images, videos;
    double fps;
    const char *output, *pixels;
    int64_t view;
    bool json;
};

#define OPT(field) offsetof(struct see_options, field)
static const struct option table[] = {
    IMAGE_OPTION(OPT(images), NULL),
    VIDEO_OPTION(OPT(videos)),
    FPS_OPTION(OPT(fps)),
    OUTPUT_OPTION(OPT(output), "a PNG: tiles apart, with lines between patches"),
    {"pixels", 0, OPTION_STRING, OPT(pixels), "FILE",
     .help = "write the numbers that the model computes with: .npy, float32 [n_tiles, 3, height, width]"},
    {"view", 0, OPTION_INT, OPT(view), "N",
     .help = "with --pixels: of this view alone, from 1, where views have tiles of different sizes", .min = 1,
     .max = 1 << 10},
    JSON_OPTION(OPT(json), "one object for each picture or video, one per line"),
    {0}};

/* --- in words --------------------------------------------------------------------------------------------------
 */

/* Whether its tiles are frames of a video. */
static bool has_frames(const viv_view *w)
{
    return (w->flags & VIV_VIEW_FRAMES) && VIV_HAS(w, viv_view, begin);
}

static json_t *json_of_view(const viv_view *w)
{
    json_t *json = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:[I, I], s:I}", "whole", (w->flags & VIV_VIEW_WHOLE) != 0, "lines",
        (json_int_t)w->lines, "columns", (json_int_t)w->columns, "tile_height", (json_int_t)w->height, "tile_width",
        (json_int_t)w->width, "patch", (json_int_t)w->patch, "patches", (json_int_t)(w->height / w->patch),
        (json_int_t)(w->width / w->patch), "rows", (json_int_t)w->n_rows);
    if (has_frames(w))
        json_object_set_new(json, "begin", json_real(w->begin));
    return json;
}

static viv_status print_json(const char *kind, const char *file, const viv_look *look, struct error *err)
{
    json_t *views = json_array();
    for (uint32_t i = 0; i < look->n_views; i++)
        json_array_append_new(views, json_of_view(look->views[i]));
    return cli_print_json(json_pack("{s:o, s:I, s:I, s:o, s:I}", kind, cli_json_word(file), "height",
                                    (json_int_t)look->height, "width", (json_int_t)look->width, "views", views,
                                    "rows", (json_int_t)look->n_rows),
                          true, err);
}

static void print_view(const viv_view *w)
{
    const uint32_t n = w->lines * w->columns;
    if (has_frames(w))
        printf("  %.3f s: %" PRIu32 " frame%s of", w->begin, n, n == 1 ? "" : "s");
    else if (n > 1)
        printf("  %" PRIu32 " x %" PRIu32 " tiles of", w->columns, w->lines);
    else
        printf("  %s", w->flags & VIV_VIEW_WHOLE ? "the whole picture," : "one picture of");
    printf(" %" PRIu32 " x %" PRIu32 " pixels, %" PRIu32 " x %" PRIu32 " patches of %" PRIu32 " x %" PRIu32
           "%s: %" PRIu64 " row%s\n",
           w->width, w->height, w->width / w->patch, w->height / w->patch, w->patch, w->patch, n > 1 ? " each" : "",
           w->n_rows, w->n_rows == 1 ? "" : "s");
}

static void print_look(const char *file, const viv_look *look)
{
    cli_print_safe(stdout, file, strlen(file));
    printf(": %" PRIu32 " x %" PRIu32 " pixels, %" PRIu64 " row%s\n", look->width, look->height, look->n_rows,
           look->n_rows == 1 ? "" : "s");
    for (uint32_t i = 0; i < look->n_views; i++)
        print_view(look->views[i]);
}

/* --- as a picture ----------------------------------------------------------------------------------------------
 */

struct drawing {
    uint8_t *pixels; /* [height, width, 3] */
    uint64_t height, width;
};

static uint64_t drawn_height(const viv_view *w)
{
    return (uint64_t)w->lines * (w->height + TILE_GAP) - TILE_GAP;
}

static uint64_t drawn_width(const viv_view *w)
{
    return (uint64_t)w->columns * (w->width + TILE_GAP) - TILE_GAP;
}

/* A pixel on the first line or column of a patch is half as bright, or half as dark. */
static uint8_t ruled(uint8_t value, bool on_line)
{
    if (!on_line)
        return value;
    return value < 128 ? (uint8_t)(value + (255 - value) / 2) : (uint8_t)(value / 2);
}

static void draw_view(const struct drawing *d, const viv_view *w, uint64_t top, uint64_t left)
{
    const uint64_t height = (uint64_t)w->lines * w->height, width = (uint64_t)w->columns * w->width;
    for (uint64_t y = 0; y < height; y++)
        for (uint64_t x = 0; x < width; x++) {
            const uint64_t in_y = y % w->height, in_x = x % w->width;
            const bool on_line = (in_y && in_y % w->patch == 0) || (in_x && in_x % w->patch == 0);
            const uint8_t *from = w->pixels + 3 * (y * width + x);
            uint8_t *to = d->pixels + 3 * ((top + y + y / w->height * TILE_GAP) * d->width + left + x +
                                           x / w->width * TILE_GAP);
            for (int c = 0; c < 3; c++)
                to[c] = ruled(from[c], on_line);
        }
}

/* The views of a picture one below another, at the bottom of the drawing. */
static viv_status draw_look(struct drawing *d, const viv_look *look, struct error *err)
{
    uint64_t height = d->height ? d->height : GAP, width = d->width;
    for (uint32_t i = 0; i < look->n_views; i++) {
        height += drawn_height(look->views[i]) + GAP;
        width = size_max(width, drawn_width(look->views[i]) + 2ull * GAP);
    }
    if (width > MAX_DRAWN || height > MAX_DRAWN / width)
        return error_set(err, VIV_ELIMIT,
                         "a drawing of %" PRIu64 " x %" PRIu64 " pixels is too large: give fewer pictures", width,
                         height);
    uint8_t *pixels = malloc((size_t)(3 * width * height));
    if (!pixels)
        return error_nomem(err);
    memset(pixels, BACKGROUND, (size_t)(3 * width * height));
    for (uint64_t y = 0; y < d->height; y++)
        memcpy(pixels + 3 * y * width, d->pixels + 3 * y * d->width, (size_t)(3 * d->width));
    free(d->pixels);
    uint64_t top = d->height ? d->height : GAP;
    *d = (struct drawing){pixels, height, width};
    for (uint32_t i = 0; i < look->n_views; i++) {
        draw_view(d, look->views[i], top, GAP);
        top += drawn_height(look->views[i]) + GAP;
    }
    return VIV_OK;
}

static viv_status write_drawing(const struct drawing *d, const char *output, struct error *err)
{
    struct buf png = {0};
    viv_status status = png_write(&png, (uint32_t)d->height, (uint32_t)d->width, d->pixels, err);
    if (status == VIV_OK)
        status = cli_write_output(output, png.data, png.size, err);
    buf_release(&png);
    return status;
}

/* --- as numbers ------------------------------------------------------------------------------------------------
 */

/* Tiles of all pictures so far, which are of one size. */
struct tensor {
    struct buf values;
    uint64_t shape[4];
};

static viv_status add_view(struct tensor *t, const viv_view *w, struct error *err)
{
    const uint64_t n = (uint64_t)w->lines * w->columns, elems = 3ull * w->height * w->width;
    if (t->shape[0] && (t->shape[2] != w->height || t->shape[3] != w->width))
        return error_set(err, VIV_EUNSUPPORTED,
                         "tiles of %" PRIu64 " x %" PRIu64 " and of %" PRIu32 " x %" PRIu32
                         " pixels are not one array: take one picture, and one of its views (--view N)",
                         t->shape[3], t->shape[2], w->width, w->height);
    t->shape[0] += n;
    t->shape[1] = 3;
    t->shape[2] = w->height;
    t->shape[3] = w->width;
    return buf_append(&t->values, w->values, (size_t)(n * elems * sizeof(float))) ? VIV_OK : error_nomem(err);
}

static viv_status add_look(struct tensor *t, const viv_look *look, int64_t view, struct error *err)
{
    viv_status status = VIV_OK;
    if (view > (int64_t)look->n_views)
        return error_set(err, VIV_EINVAL, "there is no view %" PRId64 ": the picture has %" PRIu32, view,
                         look->n_views);
    for (uint32_t i = 0; status == VIV_OK && i < look->n_views; i++)
        if (!view || view == (int64_t)i + 1)
            status = add_view(t, look->views[i], err);
    return status;
}

static viv_status write_tensor(const struct tensor *t, const char *output, struct error *err)
{
    struct buf npy = {0};
    float *data;
    viv_status status = npy_begin_array(&npy, t->shape, 4, &data, err);
    if (status == VIV_OK)
        memcpy(data, t->values.data, t->values.size);
    if (status == VIV_OK)
        status = cli_write_output(output, npy.data, npy.size, err);
    buf_release(&npy);
    return status;
}

/* --- the command -----------------------------------------------------------------------------------------------
 */

struct seeing {
    const struct see_options *options;
    struct pictures pictures;
    struct request request;
    struct drawing drawing;
    struct tensor tensor;
};

/* A picture, or a video behind all pictures. */
static const char *name_of(const struct see_options *o, size_t i)
{
    return i < o->images.n ? o->images.items[i] : o->videos.items[i - o->images.n];
}

/* Whether standard output takes the drawing or the numbers, instead of what is said. */
static bool writes_to_output(const struct see_options *o)
{
    return (o->output && strcmp(o->output, "-") == 0) || (o->pixels && strcmp(o->pixels, "-") == 0);
}

static viv_status look_at(struct seeing *s, size_t i, struct error *err)
{
    const struct see_options *options = s->options;
    viv_look look;
    viv_status status = pictures_look(&s->pictures, s->request.viv.messages[0]->parts[i], &look, err);
    if (status == VIV_OK && options->output)
        status = draw_look(&s->drawing, &look, err);
    if (status == VIV_OK && options->pixels)
        status = add_look(&s->tensor, &look, options->view, err);
    if (status == VIV_OK && options->json)
        return print_json(i < options->images.n ? "image" : "video", name_of(options, i), &look, err);
    if (status == VIV_OK && !writes_to_output(options))
        print_look(name_of(options, i), &look);
    return status;
}

static viv_status see_all(struct opened *o, struct seeing *s, struct error *err)
{
    const struct see_options *options = s->options;
    request_init(&s->request, o->model);
    viv_status status = pictures_open(o->engine, o->model, &s->pictures, err);
    if (status == VIV_OK)
        status = request_add_message(&s->request, NULL, err);
    if (status == VIV_OK)
        status = images_add(&options->images, &s->request, err);
    s->request.fps = options->fps;
    for (size_t i = 0; status == VIV_OK && i < options->videos.n; i++)
        status = request_add_video(&s->request, options->videos.items[i], err);
    for (size_t i = 0; status == VIV_OK && i < options->images.n + options->videos.n; i++)
        status = look_at(s, i, err);
    if (status == VIV_OK && options->output)
        status = write_drawing(&s->drawing, options->output, err);
    if (status == VIV_OK && options->pixels)
        status = write_tensor(&s->tensor, options->pixels, err);
    pictures_close(&s->pictures);
    request_release(&s->request);
    return status;
}

static int see(const struct arguments *a)
{
    struct seeing s = {.options = a->options};
    struct opened o = {0};
    struct error err = {0};
    if (writes_to_output(s.options) && (s.options->json || (s.options->output && s.options->pixels)))
        return cli_usage_error("see", "standard output takes one of these: -o -, --pixels -, --json");
    if (s.options->images.n + s.options->videos.n == 0)
        return cli_usage_error("see", "which picture or video: --image FILE, --video PATH");
    if (s.options->fps > 0 && s.options->videos.n == 0)
        return cli_usage_error("see", "--fps is of the frames of a --video");
    if (s.options->view && !s.options->pixels)
        return cli_usage_error("see", "--view says of which view --pixels takes the numbers");
    viv_status status = cli_open_model(&o, &s.options->common, a->words[0], &err);
    if (status == VIV_OK)
        status = see_all(&o, &s, &err);
    if (status == VIV_OK)
        status = cli_flush_output(&err);
    free(s.drawing.pixels);
    buf_release(&s.tensor.values);
    return cli_close_opened(&o, status, &err);
}

const struct command command_see = {
    .name = "see",
    .summary = "what a model is given of pictures and videos; weights not needed",
    .words = "MODEL",
    .text =
        "Prints, for each picture, what becomes of it before the model computes: the size it is resized to, the "
        "tiles it is cut into, their patches, and how many rows stand for it in a text; for a video, which frames "
        "are seen, and when. -o draws it, and --pixels "
        "writes the numbers, which are those of the model's own preprocessor, bit for bit.",
    .options = table,
    .options_size = sizeof(struct see_options),
    .examples = "viv see ./llava-next --image a.jpg\n"
                "viv see ./SmolVLM --image a.jpg -o tiles.png\n"
                "viv see ./clip-vit-base --image a.jpg --pixels x.npy\n"
                "viv see ./Qwen2.5-VL-3B --video clip/ --fps 25 -o frames.png",
    .group = GROUP_LOOK,
    .models = true,
    .main = see,
};
