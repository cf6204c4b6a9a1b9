/* request.c - see request.h. */
#include "engine/request.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/utf8.h"
#include "chat/messages.h"
#include "chat/picture_source.h"
#include "engine/frame_folder.h"
#include "engine/generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_MESSAGES = 1 << 30 };
static const uint64_t MOST_PICTURES = 1 << 30; /* bytes of their files */

void request_init(struct request *r, const viv_model *m)
{
    *r = (struct request){.viv = {.struct_size = sizeof r->viv, .max_tokens = -1}};
    generation_sampling(m, GENERATION_TEXT, &r->sampling);
    generation_limits(m, &r->viv);
    r->viv.sampling = &r->sampling;
    r->viv.draft = model_draft(m);
    if (model_drafts_ngrams(m))
        r->viv.flags |= VIV_REQUEST_DRAFT_NGRAMS;
}

void request_release(struct request *r)
{
    for (uint32_t i = 0; r->messages && i < r->viv.n_messages; i++)
        free(r->messages[i]->parts);
    free(r->messages);
    free(r->list);
    arena_release(&r->arena);
    *r = (struct request){0};
}

viv_status request_keep(struct request *r, const char *text, const char **out, struct error *err)
{
    *out = text ? arena_strdup(&r->arena, text) : NULL;
    return *out || !text ? VIV_OK : error_nomem(err);
}

/* --- messages ------------------------------------------------------------------------------------------------ */

viv_status request_add_message(struct request *r, const char *role, struct error *err)
{
    const size_t n = r->viv.n_messages;
    struct request_message *m = arena_alloc(&r->arena, sizeof *m);
    if (n >= MAX_MESSAGES)
        return error_set(err, VIV_ELIMIT, "a request has at most %d messages", MAX_MESSAGES);
    if (!m || !VEC_RESERVE(r->messages, n, r->messages_capacity) || !VEC_RESERVE(r->list, n, r->list_capacity))
        return error_nomem(err);
    m->viv = (viv_message){.struct_size = sizeof m->viv};
    viv_status status = request_keep(r, role, &m->viv.role, err);
    if (status != VIV_OK)
        return status;
    r->messages[n] = m;
    r->list[n] = &m->viv;
    r->viv.messages = r->list;
    r->viv.n_messages++;
    return VIV_OK;
}

/* A part with copies of its data and name. */
static viv_status make_part(struct request *r, uint32_t kind, const void *data, uint64_t size, const char *name,
                            const viv_part **out, struct error *err)
{
    viv_part *p = arena_alloc(&r->arena, sizeof *p);
    char *copy = size < SIZE_MAX ? arena_alloc(&r->arena, (size_t)size + 1) : NULL;
    if (!p || !copy)
        return error_nomem(err);
    if (size)
        memcpy(copy, data, (size_t)size);
    *p = (viv_part){.struct_size = sizeof *p, .kind = kind, .data = copy, .size = size};
    *out = p;
    return request_keep(r, name, &p->name, err);
}

viv_status request_add_part(struct request *r, uint32_t kind, const void *data, uint64_t size, const char *name,
                            struct error *err)
{
    if (r->viv.n_messages == 0)
        return error_set(err, VIV_EINVAL, "a part is added to a request without messages");
    if (size && !data)
        return error_set(err, VIV_EINVAL, "a part of %llu bytes has no data", (unsigned long long)size);
    struct request_message *m = r->messages[r->viv.n_messages - 1];
    const size_t n = m->viv.n_parts;
    const viv_part *p = NULL;
    const viv_status status = make_part(r, kind, data, size, name, &p, err);
    if (status != VIV_OK)
        return status;
    if (n >= MAX_MESSAGES || !VEC_RESERVE(m->parts, n, m->capacity))
        return error_nomem(err);
    m->parts[n] = p;
    m->viv.parts = m->parts;
    m->viv.n_parts++;
    return VIV_OK;
}

static viv_status count_bytes(struct request *r, const struct buf *bytes, struct error *err)
{
    if (bytes->size > MOST_PICTURES - r->picture_bytes)
        return error_set(err, VIV_ELIMIT, "the pictures of a request have more than %llu bytes",
                         (unsigned long long)MOST_PICTURES);
    r->picture_bytes += bytes->size;
    return VIV_OK;
}

/* Takes the bytes, whatever becomes of them. */
static viv_status add_picture(struct request *r, struct buf *bytes, const char *name, struct error *err)
{
    viv_status status = count_bytes(r, bytes, err);
    if (status == VIV_OK)
        status = request_add_part(r, VIV_PART_IMAGE, bytes->data, bytes->size, name, err);
    buf_release(bytes);
    return status;
}

viv_status request_add_picture(struct request *r, const char *path, struct error *err)
{
    struct buf bytes = {0};
    viv_status status = picture_file_read(path, &bytes, err);
    if (status == VIV_OK)
        return add_picture(r, &bytes, path, err);
    buf_release(&bytes);
    return status;
}

/* Takes the bytes, too. */
static viv_status make_frame(struct request *r, struct buf *bytes, const char *name, const viv_part **out,
                             struct error *err)
{
    viv_status status = count_bytes(r, bytes, err);
    if (status == VIV_OK)
        status = make_part(r, VIV_PART_IMAGE, bytes->data, bytes->size, name, out, err);
    buf_release(bytes);
    return status;
}

/* files [n] are in the arena. */
static viv_status add_video(struct request *r, const viv_part **files, size_t n, const char *name,
                            struct error *err)
{
    enum { UNKNOWN_FPS = 24 }; /* as transformers has it */
    const viv_video video = {.struct_size = sizeof video,
                             .n_files = (uint32_t)n,
                             .files = files,
                             .fps = r->fps > 0 ? r->fps : UNKNOWN_FPS};
    return request_add_part(r, VIV_PART_VIDEO, &video, sizeof video, name, err);
}

/* Takes the bytes of a video that is one file. */
static viv_status add_animation(struct request *r, struct buf *bytes, const char *name, struct error *err)
{
    const viv_part **files = arena_array(&r->arena, 1, sizeof *files);
    if (!files) {
        buf_release(bytes);
        return error_nomem(err);
    }
    const viv_status status = make_frame(r, bytes, name, files, err);
    return status == VIV_OK ? add_video(r, files, 1, name, err) : status;
}

static viv_status add_folder(struct request *r, const char *path, struct error *err)
{
    struct frame_folder f;
    viv_status status = frame_folder_read(path, &f, err);
    if (status != VIV_OK)
        return status;
    const viv_part **files = arena_array(&r->arena, f.n, sizeof *files);
    if (!files)
        status = error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < f.n; i++) {
        struct buf bytes = {0};
        status = picture_file_read(f.paths[i], &bytes, err);
        if (status == VIV_OK)
            status = make_frame(r, &bytes, f.paths[i], &files[i], err);
        buf_release(&bytes);
    }
    if (status == VIV_OK)
        status = add_video(r, files, f.n, path, err);
    frame_folder_release(&f);
    return status;
}

viv_status request_add_video(struct request *r, const char *path, struct error *err)
{
    struct buf bytes = {0};
    if (file_is_dir(path))
        return add_folder(r, path, err);
    viv_status status = picture_file_read(path, &bytes, err);
    if (status == VIV_OK)
        return add_animation(r, &bytes, path, err);
    buf_release(&bytes);
    return status;
}

viv_status request_add_text(struct request *r, const char *role, const char *text, size_t size, struct error *err)
{
    viv_status status = request_add_message(r, role, err);
    return status == VIV_OK ? request_add_part(r, VIV_PART_TEXT, text, size, NULL, err) : status;
}

viv_status request_add_tokens(struct request *r, const int32_t *ids, size_t n, struct error *err)
{
    viv_status status = request_add_message(r, NULL, err);
    return status == VIV_OK ? request_add_part(r, VIV_PART_TOKENS, ids, n * sizeof *ids, NULL, err) : status;
}

viv_status request_add_texts(struct request *r, const char *first, const char *const *texts, size_t n,
                             struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        status = request_add_message(r, NULL, err);
        if (status == VIV_OK && first)
            status = request_add_part(r, VIV_PART_TEXT, first, strlen(first), NULL, err);
        if (status == VIV_OK)
            status = request_add_part(r, VIV_PART_TEXT, texts[i], strlen(texts[i]), NULL, err);
    }
    return status;
}

/* --- JSON ---------------------------------------------------------------------------------------------------- */

/* The sources of frames, each with a NUL behind it. */
static viv_status add_frames(struct request *r, const char *sources, size_t size, struct error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += sources[i] == 0;
    const viv_part **files = arena_array(&r->arena, n, sizeof *files);
    viv_status status = files ? VIV_OK : error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < n; sources += strlen(sources) + 1, i++) {
        struct buf bytes = {0};
        char name[32];
        snprintf(name, sizeof name, "frame %zu", i + 1);
        status = picture_source_read(sources, r->reads_files, &bytes, err);
        if (status == VIV_OK)
            status = make_frame(r, &bytes, name, &files[i], err);
        buf_release(&bytes);
    }
    return status == VIV_OK ? add_video(r, files, n, NULL, err) : status;
}

static viv_status add_shown(struct request *r, uint32_t kind, const char *source, struct error *err)
{
    const bool video = kind == VIV_PART_VIDEO;
    struct request_files *given = video ? &r->videos : &r->images;
    struct buf bytes = {0};
    if (!source && given->next == given->n)
        return error_set(err, VIV_EINVAL, "a place for a %s, and no further %s is given",
                         video ? "video" : "picture", video ? "video" : "picture");
    if (!source)
        return video ? request_add_video(r, given->paths[given->next++], err)
                     : request_add_picture(r, given->paths[given->next++], err);
    if (video && r->reads_files && file_is_dir(source))
        return add_folder(r, source, err);
    viv_status status = picture_source_read(source, r->reads_files, &bytes, err);
    const char *name = strncasecmp(source, "data:", 5) == 0 ? NULL : source;
    if (status == VIV_OK)
        return video ? add_animation(r, &bytes, name, err) : add_picture(r, &bytes, name, err);
    buf_release(&bytes);
    return status;
}

static viv_status add_part(void *ctx, const struct message_part *part, struct error *err)
{
    if (part->kind == VIV_PART_VIDEO && part->data && memchr(part->data, '\0', part->size))
        return add_frames(ctx, part->data, part->size, err);
    return part->kind == VIV_PART_IMAGE || part->kind == VIV_PART_VIDEO
               ? add_shown(ctx, part->kind, part->data, err)
               : request_add_part(ctx, part->kind, part->data, part->size, part->name, err);
}

static viv_status add_messages(struct request *r, const char *name, const json_t *messages, struct error *err)
{
    viv_status status = VIV_OK;
    json_t *one;
    size_t i;
    json_array_foreach(messages, i, one)
    {
        const char *role = json_string_value(json_object_get(one, "role"));
        if (!role)
            return error_set(err, VIV_EFORMAT, "%s: message %zu: expected an object with a role, found %s", name,
                             i + 1, json_is_object(one) ? "none" : json_kind(one));
        status = request_add_message(r, role, err);
        if (status == VIV_OK)
            status = messages_parts(name, one, add_part, r, err);
        if (status != VIV_OK)
            return status;
    }
    return i > 0 ? VIV_OK : error_set(err, VIV_EINVAL, "%s: the list of messages is empty", name);
}

static viv_status keep_json(struct request *r, const json_t *v, const char **out, struct error *err)
{
    char *text = json_dumps(v, JSON_COMPACT);
    viv_status status = text ? request_keep(r, text, out, err) : error_nomem(err);
    free(text);
    return status;
}

viv_status request_add_json(struct request *r, const char *name, const json_t *given, struct error *err)
{
    if (json_is_array(given))
        return add_messages(r, name, given, err);
    const json_t *messages = json_object_get(given, "messages"), *tools = json_object_get(given, "tools");
    if (tools && !json_is_null(tools) && !json_is_array(tools))
        return error_set(err, VIV_EFORMAT, "%s: tools: expected a list, found %s", name, json_kind(tools));
    if (!json_is_array(messages))
        return error_set(err, VIV_EFORMAT,
                         "%s: expected a list of messages, or an object with such a list as messages", name);
    json_notice_memory();
    json_t *variables = json_copy((json_t *)given);
    viv_status status = variables ? add_messages(r, name, messages, err) : error_nomem(err);
    json_object_del(variables, "messages");
    json_object_del(variables, "tools");
    if (status == VIV_OK && json_is_array(tools))
        status = keep_json(r, tools, &r->viv.tools, err);
    if (status == VIV_OK && json_object_size(variables) > 0)
        status = keep_json(r, variables, &r->viv.variables, err);
    json_decref(variables);
    return status == VIV_OK && json_lost_something() ? error_nomem(err) : status;
}
