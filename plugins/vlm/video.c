/* video.c - a video as a model sees it: some of its frames (sample.c), each resized as a picture is, in groups of
 * as many as a patch has, the last frame again where one is missing. A group goes through tower and projector by
 * itself, then through the stack `frames` if there is one, the last group through `last_frames`, and becomes a part
 * with a time. */
#include "video.h"
#include "film.h"
#include "tiles.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct clip {
    const viv_video *video;
    struct vlm_frames animation; /* of a video that is one file */
    struct vlm_film *film;       /* or this */
    uint32_t total, width, height;
    double fps;
    uint32_t *index; /* [n] of the frames that are seen */
    uint32_t n;
};

static void clip_release(struct clip *c)
{
    vlm_film_close(c->film);
    vlm_frames_release(&c->animation);
    free(c->index);
}

enum { MOST_TOGETHER = 16 }; /* frames; of a patch, see vlm_ready */

/* --- settings ------------------------------------------------------------------------------------------------ */

/* The file of videos, or else that of pictures, which some models have alone. */
static viv_status watch_ready(struct vlm *v)
{
    static const char *const files[] = {"video_preprocessor_config.json", "processor_config.json",
                                        "preprocessor_config.json"};
    const char *type = v->params->get_word(v->model, "video_processor", NULL), *json = NULL;
    uint64_t size = 0;
    viv_status status = vlm_ready(v);
    if (status != VIV_OK || v->video_ready)
        return status;
    if (v->params->get_int(v->model, "video_token", -1) < 0)
        return viv_fail(v->host, VIV_EUNSUPPORTED,
                        "this model takes no videos (its spec has no param video_token): give pictures instead");
    for (int i = 0; status == VIV_OK && !json && i < 3; i++)
        status = v->params->read_file(v->model, files[i], &json, &size);
    if (status == VIV_OK && !json)
        status = viv_fail(v->host, VIV_ENOTFOUND, "the model's folder has no %s, which says how videos are seen",
                          files[0]);
    if (status == VIV_OK)
        status = vlm_settings_read(v->host, json, size, true, type, &v->video_settings);
    if (status == VIV_OK && v->video_settings.temporal_patch_size > MOST_TOGETHER)
        status =
            viv_fail(v->host, VIV_EINVAL, "the preprocessor's 'temporal_patch_size' is %u, expected at most %d",
                     v->video_settings.temporal_patch_size, MOST_TOGETHER);
    if (status == VIV_OK)
        status = vlm_values_init(v->host, &v->video_settings, &v->video_values);
    v->video_ready = status == VIV_OK;
    return status;
}

/* --- frames -------------------------------------------------------------------------------------------------- */

static const char *name_of(const viv_part *frame)
{
    return frame->name ? frame->name : "a frame of a video";
}

static viv_status check_frame_size(const struct vlm *v, const struct clip *c, uint32_t i, uint32_t width,
                                   uint32_t height)
{
    if (width == c->width && height == c->height)
        return VIV_OK;
    return viv_fail(v->host, VIV_ESHAPE,
                    "%s, frame %u of the video, has %u x %u pixels, and the first one has %u x %u: the frames of a "
                    "video have one size",
                    name_of(c->video->files[i]), i + 1, width, height, c->width, c->height);
}

static viv_status measure_frames(const struct vlm *v, struct clip *c)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < c->total; i++) {
        const viv_part *frame = c->video->files[i];
        uint32_t width = 0, height = 0;
        status = vlm_part_measure(v->host, frame, &width, &height);
        if (status == VIV_OK && i == 0) {
            c->width = width;
            c->height = height;
        }
        if (status == VIV_OK)
            status = check_frame_size(v, c, i, width, height);
    }
    return status;
}

static viv_status read_animation(const struct vlm *v, struct clip *c)
{
    uint64_t milliseconds = 0;
    const viv_status status = vlm_part_frames(v->host, c->video->files[0], &c->animation);
    if (status != VIV_OK)
        return status;
    c->total = c->animation.n;
    c->width = c->animation.frames[0].picture.width;
    c->height = c->animation.frames[0].picture.height;
    for (uint32_t i = 0; i < c->total; i++)
        milliseconds += c->animation.frames[i].milliseconds;
    if (milliseconds)
        c->fps = 1000.0 * c->total / (double)milliseconds;
    return VIV_OK;
}

static viv_status open_film(const struct vlm *v, struct clip *c)
{
    const viv_status status = vlm_part_film(v->host, c->video->files[0], &c->film);
    if (status != VIV_OK)
        return status;
    c->total = c->film->total;
    c->width = c->film->width;
    c->height = c->film->height;
    c->fps = c->film->fps;
    return VIV_OK;
}

static viv_status open_clip(const struct vlm *v, const viv_part *part, struct clip *out)
{
    const viv_video *video = part->data;
    if (part->size < sizeof *video || video->n_files == 0)
        return viv_fail(v->host, VIV_EINVAL, "the video has no frames");
    *out = (struct clip){.video = video, .total = video->n_files, .fps = video->fps};
    if (!(out->fps > 0 && out->fps <= 1e6))
        return viv_fail(v->host, VIV_EINVAL, "%g frames a second, expected a number above 0", out->fps);
    if (video->n_files > 1)
        return measure_frames(v, out);
    const bool film = vlm_film_matches(video->files[0]->data, video->files[0]->size);
    return film ? open_film(v, out) : read_animation(v, out);
}

/* --- frames that are seen together --------------------------------------------------------------------------- */

/* As many as a patch has; or, where it has one, as the preprocessor says: then each has patches of its own. */
static uint32_t group_size(const struct vlm *v)
{
    return v->patching.frames > 1 ? v->patching.frames
                                  : (uint32_t)viv_max(v->video_settings.temporal_patch_size, 1);
}

/* The frames of a group: in a patch, the last one is repeated. */
static uint32_t frames_of(const struct vlm *v, const struct clip *c, uint32_t group)
{
    const uint32_t size = group_size(v);
    return v->patching.frames > 1 ? size : (uint32_t)viv_min(size, c->n - (uint64_t)group * size);
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* The stack behind the projector, of a group; NULL: none. */
static const char *stack_of(const struct vlm *v, uint32_t group, uint32_t n_groups)
{
    static const char *const names[] = {"frames", "last_frames"};
    for (int last = group + 1 == n_groups; last >= 0; last--)
        if (v->sequences->stack_output(v->model, names[last]) > 0)
            return names[last];
    return NULL;
}

static uint32_t frame_of_group(const struct clip *c, uint32_t group_size, uint32_t group, uint32_t i)
{
    return c->index[viv_min(group * (uint64_t)group_size + i, c->n - 1)];
}

/* A frame as the plan has it. */
static viv_status render_frame(const struct vlm *v, const struct clip *c, const struct vlm_plan *plan,
                               uint32_t index, struct vlm_picture *out)
{
    struct vlm_picture read = {0}, canvases[VLM_MAX_VIEWS];
    const struct vlm_picture *frame = &read;
    viv_status status = VIV_OK;
    if (c->animation.n)
        frame = &c->animation.frames[index].picture;
    else if (c->film)
        status = vlm_film_frame(v->host, c->film, index, &read);
    else
        status = vlm_part_read(v->host, c->video->files[index], &read);
    if (status == VIV_OK)
        status = check_frame_size(v, c, c->video->n_files > 1 ? index : 0, frame->width, frame->height);
    if (status == VIV_OK)
        status = vlm_plan_render(v->host, plan, &v->video_settings, frame, canvases);
    if (status == VIV_OK)
        *out = canvases[0];
    vlm_picture_release(&read);
    return status;
}

/* Those of a group; the caller releases each. */
static viv_status render_frames(const struct vlm *v, const struct clip *c, const struct vlm_plan *plan,
                                uint32_t group, struct vlm_picture frames[MOST_TOGETHER], uint32_t *n)
{
    viv_status status = VIV_OK;
    *n = frames_of(v, c, group);
    for (uint32_t i = 0; i < *n; i++)
        frames[i] = (struct vlm_picture){0};
    for (uint32_t i = 0; status == VIV_OK && i < *n; i++)
        status = render_frame(v, c, plan, frame_of_group(c, group_size(v), group, i), &frames[i]);
    return status;
}

static void release_frames(struct vlm_picture *frames, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        vlm_picture_release(&frames[i]);
}

static viv_status see_group(const struct vlm *v, const struct clip *c, const struct vlm_plan *plan, uint32_t group,
                            const char *stack, viv_sequence *sequence, const uint32_t *cancel, const float **rows,
                            uint64_t *n_rows)
{
    const struct vlm_view *view = &plan->views[0];
    struct vlm_picture frames[MOST_TOGETHER];
    const struct vlm_picture *list[MOST_TOGETHER];
    uint32_t n = 0;
    viv_grid grid;
    viv_status status = render_frames(v, c, plan, group, frames, &n);
    for (uint32_t i = 0; i < n; i++)
        list[i] = &frames[i];
    if (status == VIV_OK)
        status = vlm_patch_grid(v, view, &grid);
    if (status == VIV_OK) {
        grid.frames = n / v->patching.frames;
        status = vlm_run_tower(v, sequence, &v->video_values, list, n, vlm_tile(view, 0), &grid, NULL, cancel, rows,
                               n_rows);
    }
    if (status == VIV_OK && stack)
        status = vlm_run_next(v, sequence, stack, cancel, rows, n_rows);
    release_frames(frames, n);
    return status;
}

static viv_status see_groups(const struct vlm *v, const struct clip *c, const struct vlm_plan *plan,
                             const viv_sink *sink, const uint32_t *cancel, struct seen *out)
{
    viv_sequence *sequence = NULL;
    float *at = out->rows;
    viv_status status = v->sequences->create(v->model, &sequence);
    for (uint32_t i = 0; status == VIV_OK && i < out->n_parts; i++) {
        const float *rows = NULL;
        uint64_t n = 0;
        if (sink)
            status = viv_emit_progress(sink, "frames", (uint64_t)i * group_size(v), c->n);
        if (status == VIV_OK)
            status = see_group(v, c, plan, i, stack_of(v, i, out->n_parts), sequence, cancel, &rows, &n);
        if (status == VIV_OK && n != out->parts[i].n_rows)
            status = viv_fail(v->host, VIV_EINTERNAL, "%" PRIu64 " rows came of frames, expected %" PRIu64, n,
                              out->parts[i].n_rows);
        if (status == VIV_OK)
            memcpy(at, rows, (size_t)(n * v->dim) * sizeof *rows);
        at += out->parts[i].n_rows * v->dim;
    }
    v->sequences->destroy(sequence);
    return status;
}

/* The parts, without their rows. */
static viv_status make_parts(const struct vlm *v, const struct clip *c, const struct vlm_plan *plan, struct seen *s)
{
    const uint32_t group = group_size(v);
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < s->n_parts; i++) {
        const char *stack = stack_of(v, i, s->n_parts);
        const double first = frame_of_group(c, group, i, 0) / c->fps,
                     last = frame_of_group(c, group, i, group - 1) / c->fps;
        struct vlm_part *p = &s->parts[i];
        *p = (struct vlm_part){.kind = VLM_PART_FRAMES, .row = i, .begin = first, .seconds = (first + last) / 2};
        status = vlm_row_grid(v, &plan->views[0], frames_of(v, c, i) / v->patching.frames, &p->grid);
        if (status == VIV_OK && stack)
            status = v->sequences->stack_grid(v->model, stack, &p->grid);
        p->n_rows = p->grid.before + p->grid.frames * p->grid.height * p->grid.width + p->grid.after;
        s->n_rows += p->n_rows;
    }
    return status;
}

/* The parts, and how many rows they have. */
static viv_status make_seen(const struct vlm *v, const struct clip *c, const struct vlm_plan *plan,
                            struct seen **out)
{
    const uint32_t group = group_size(v), n = (c->n + group - 1) / group;
    const uint64_t most = v->sequences->context_length(v->model);
    const double tokens_a_second = v->params->get_float(v->model, "vision.tokens_per_second", 0);
    struct seen *s = calloc(1, sizeof *s);
    if (s)
        s->parts = calloc(n, sizeof *s->parts);
    viv_status status = s && s->parts ? VIV_OK : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK) {
        s->is_video = true;
        s->interval = tokens_a_second > 0 ? tokens_a_second * (group / (c->n / (double)c->total * c->fps)) : 1;
        s->duration = c->total / c->fps;
        s->n_frames = c->n;
        s->n_parts = n;
        status = make_parts(v, c, plan, s);
    }
    if (status == VIV_OK && s->n_rows > most)
        status = viv_fail(v->host, VIV_ELIMIT,
                          "%u frames of the video stand for %" PRIu64
                          " tokens, and the context has room for %" PRIu64 " (--context N): give a shorter video",
                          c->n, s->n_rows, most);
    if (status == VIV_OK)
        *out = s;
    else
        vlm_seen_free(s);
    return status;
}

/* Of the files of the frames that are seen, their times, and what is done with them. */
static viv_status identify(const struct vlm *v, const struct clip *c, const struct vlm_plan *plan,
                           uint8_t identity[16])
{
    const struct vlm_patching *p = &v->patching;
    const uint32_t rule[] = {c->total,  c->width, c->height, plan->views[0].width, plan->views[0].height, p->side,
                             p->frames, p->block, p->order,  group_size(v)};
    const uint32_t n_files = c->video->n_files > 1 ? c->n : 1;
    const void **pieces = malloc((4 + (size_t)n_files) * sizeof *pieces);
    uint64_t *sizes = malloc((4 + (size_t)n_files) * sizeof *sizes), *lengths = malloc(n_files * sizeof *lengths);
    viv_status status = VIV_OK;
    if (pieces && sizes && lengths) {
        const void *const first[] = {rule, &c->fps, v->video_values.of, c->index};
        const uint64_t first_sizes[] = {sizeof rule, sizeof c->fps, sizeof v->video_values.of,
                                        c->n * sizeof *c->index};
        memcpy(pieces, first, sizeof first);
        memcpy(sizes, first_sizes, sizeof first_sizes);
        for (uint32_t i = 0; i < n_files; i++) {
            const viv_part *file = c->video->files[c->video->n_files > 1 ? c->index[i] : 0];
            pieces[4 + i] = file->data;
            sizes[4 + i] = lengths[i] = file->size;
        }
        uint8_t all[2][16]; /* of their lengths, too, so that no file goes on in another */
        vlm_identity(v, (const void *const[]){lengths}, (const uint64_t[]){n_files * sizeof *lengths}, 1, all[0]);
        vlm_identity(v, pieces, sizes, 4 + (uint64_t)n_files, all[1]);
        vlm_identity(v, (const void *const[]){all}, (const uint64_t[]){sizeof all}, 1, identity);
    } else {
        status = viv_fail(v->host, VIV_ENOMEM, "out of memory");
    }
    free(pieces);
    free(sizes);
    free(lengths);
    return status;
}

static viv_status make_plan(const struct vlm *v, const viv_part *video, const struct clip *c, struct vlm_plan *out)
{
    const struct vlm_naming naming = vlm_naming(v->host, video);
    const viv_status status = vlm_plan_make(&naming.host, &v->video_settings, c->height, c->width, 1, c->n, out);
    return status == VIV_OK && vlm_plan_n_images(out) != 1
               ? viv_fail(v->host, VIV_EUNSUPPORTED, "frames of videos are cut into tiles, which is not supported")
               : status;
}

static viv_status watch(struct vlm *v, const viv_part *video, const struct clip *c, const struct vlm_among *among,
                        const viv_sink *sink, const uint32_t *cancel, struct seen **out, bool *kept)
{
    struct vlm_plan plan;
    struct seen *made = NULL;
    uint8_t identity[16];
    viv_status status = make_plan(v, video, c, &plan);
    if (status == VIV_OK)
        status = identify(v, c, &plan, identity);
    if (status != VIV_OK)
        return status;
    *out = vlm_kept_find(v, identity);
    *kept = *out != NULL;
    if (*kept)
        return VIV_OK;
    status = make_seen(v, c, &plan, &made);
    if (status == VIV_OK)
        status = vlm_check_room(v, among, made->n_rows);
    if (status == VIV_OK && !(made->rows = malloc((size_t)(made->n_rows * v->dim) * sizeof *made->rows)))
        status = viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK)
        status = see_groups(v, c, &plan, sink, cancel, made);
    if (status != VIV_OK) {
        vlm_seen_free(made);
        return status;
    }
    memcpy(made->identity, identity, sizeof identity);
    vlm_kept_add(v, made);
    *out = made;
    return VIV_OK;
}

/* Opens it, and says which of its frames are seen. */
static viv_status begin(struct vlm *v, const viv_part *video, struct clip *c)
{
    viv_status status = watch_ready(v);
    if (status == VIV_OK)
        status = open_clip(v, video, c);
    return status == VIV_OK
               ? vlm_sample(v->host, &v->video_settings, c->total, c->fps, v->patching.frames, &c->index, &c->n)
               : status;
}

viv_status vlm_watch(struct vlm *v, const viv_part *video, const struct vlm_among *among, const viv_sink *sink,
                     const uint32_t *cancel, struct seen **out)
{
    struct clip c = {0};
    bool kept = false;
    viv_status status = sink ? viv_emit_progress(sink, "pictures", among->index, among->n) : VIV_OK;
    if (status == VIV_OK)
        status = begin(v, video, &c);
    if (status == VIV_OK)
        status = watch(v, video, &c, among, sink, cancel, out, &kept);
    clip_release(&c);
    if (status == VIV_OK && sink)
        status = viv_emit_picture(sink, video->name, among->index, among->n, (*out)->n_rows, kept);
    return status;
}

viv_status vlm_watch_frames(struct vlm *v, const viv_part *video,
                            viv_status (*show)(struct vlm *v, const struct vlm_part *part,
                                               const struct vlm_picture *frames, uint32_t n),
                            uint32_t *height, uint32_t *width)
{
    struct clip c = {0};
    struct vlm_plan plan;
    struct seen *seen = NULL;
    viv_status status = begin(v, video, &c);
    if (status == VIV_OK)
        status = make_plan(v, video, &c, &plan);
    if (status == VIV_OK)
        status = make_seen(v, &c, &plan, &seen);
    for (uint32_t i = 0; status == VIV_OK && i < seen->n_parts; i++) {
        struct vlm_picture frames[MOST_TOGETHER];
        uint32_t n = 0;
        status = render_frames(v, &c, &plan, i, frames, &n);
        if (status == VIV_OK)
            status = show(v, &seen->parts[i], frames, n);
        release_frames(frames, n);
    }
    *height = c.height;
    *width = c.width;
    vlm_seen_free(seen);
    clip_release(&c);
    return status;
}
