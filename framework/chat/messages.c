/* messages.c - see messages.h. The members of a message are those of transformers and of OpenAI's API. */
#include "chat/messages.h"

#include "base/utf8.h"
#include "chat/chat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_reasoning(const char *key)
{
    for (size_t i = 0; i < N_REASONING_KEYS; i++)
        if (strcmp(key, chat_reasoning_keys[i]) == 0)
            return true;
    return false;
}

/* --- to JSON ------------------------------------------------------------------------------------------------- */

static viv_status text_of(const viv_part *p, json_t **out, struct error *err)
{
    if (p->size && !utf8_valid(p->data, p->size))
        return error_set(err, VIV_EFORMAT, "a text of a message is not UTF-8");
    *out = p->size ? json_stringn(p->data, p->size) : json_string("");
    return *out ? VIV_OK : error_nomem(err);
}

static viv_status put(json_t *object, const char *key, json_t *value, struct error *err)
{
    return json_object_set_new(object, key, value) == 0 ? VIV_OK : error_nomem(err);
}

static viv_status parse(const char *name, const char *text, size_t size, bool (*is_kind)(const json_t *),
                        const char *kind, json_t **out, struct error *err)
{
    viv_status status = json_parse_data(name, text, size, out, err);
    if (status == VIV_OK && !is_kind(*out)) {
        status = error_set(err, VIV_EFORMAT, "%s: expected %s, found %s", name, kind, json_kind(*out));
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

static bool is_object(const json_t *v)
{
    return json_is_object(v);
}

static bool is_array(const json_t *v)
{
    return json_is_array(v);
}

static viv_status append(json_t *list, json_t *value, struct error *err)
{
    return json_array_append_new(list, value) == 0 ? VIV_OK : error_nomem(err);
}

/* Adds a call to tool_calls, and further members to the message. */
static viv_status put_object(json_t *message, const viv_part *p, struct error *err)
{
    json_t *value = NULL;
    const bool call = p->kind == VIV_PART_TOOL_CALL;
    viv_status status = parse(call ? "a tool call" : "the members of a message", p->data, p->size, is_object,
                              "an object", &value, err);
    if (status != VIV_OK)
        return status;
    if (!call) {
        status = json_object_update(message, value) == 0 ? VIV_OK : error_nomem(err);
        json_decref(value);
        return status;
    }
    json_t *calls = json_object_get(message, "tool_calls");
    if (!json_is_array(calls) && (status = put(message, "tool_calls", calls = json_array(), err)) != VIV_OK) {
        json_decref(value);
        return status;
    }
    return append(calls, value, err);
}

/* A text part named "list" is one of a list, even if it is the only one. */
static bool is_listed(const viv_part *p)
{
    return p->kind == VIV_PART_TEXT && p->name && strcmp(p->name, "list") == 0;
}

/* The content of a message as a list of parts: what was a text becomes the first of them. */
static viv_status content_list(json_t *message, json_t **list, struct error *err)
{
    json_t *content = json_object_get(message, "content");
    viv_status status = VIV_OK;
    *list = content;
    if (json_is_array(content))
        return VIV_OK;
    *list = json_array();
    if (content)
        status = append(*list, json_pack("{s:s, s:O}", "type", "text", "text", content), err);
    if (status == VIV_OK)
        return put(message, "content", *list, err);
    json_decref(*list);
    return status;
}

/* Sets the content to a text, or adds the text to a list of parts. */
static viv_status put_text(json_t *message, const viv_part *p, struct error *err)
{
    json_t *text = NULL, *list;
    viv_status status = text_of(p, &text, err);
    if (status != VIV_OK)
        return status;
    if (!json_object_get(message, "content") && !is_listed(p))
        return put(message, "content", text, err);
    status = content_list(message, &list, err);
    if (status == VIV_OK)
        return append(list, json_pack("{s:s, s:o}", "type", "text", "text", text), err);
    json_decref(text);
    return status;
}

/* A picture or video stands where the template wants one; what it shows is not the template's. */
static viv_status put_shown(json_t *message, const char *type, struct error *err)
{
    json_t *list;
    viv_status status = content_list(message, &list, err);
    return status == VIV_OK ? append(list, json_pack("{s:s}", "type", type), err) : status;
}

static viv_status put_reasoning(json_t *message, const viv_part *p, struct error *err)
{
    json_t *text = NULL;
    viv_status status = text_of(p, &text, err);
    return status == VIV_OK ? put(message, p->name ? p->name : chat_reasoning_keys[0], text, err) : status;
}

static viv_status put_part(json_t *message, const viv_part *p, const char *role, struct error *err)
{
    viv_status status = VIV_OK;
    if (p->name && !utf8_valid(p->name, strlen(p->name)))
        return error_set(err, VIV_EFORMAT, "the name of a part is not UTF-8");
    switch (p->kind) {
    case VIV_PART_TEXT:
        return put_text(message, p, err);
    case VIV_PART_IMAGE:
        return put_shown(message, "image", err);
    case VIV_PART_VIDEO:
        return put_shown(message, "video", err);
    case VIV_PART_TOOL_RESULT:
        status = p->name ? put(message, "name", json_string(p->name), err) : VIV_OK;
        return status == VIV_OK ? put_text(message, p, err) : status;
    case VIV_PART_TOOL_CALL:
    case VIV_PART_FIELDS:
        return put_object(message, p, err);
    case VIV_PART_REASONING:
        return put_reasoning(message, p, err);
    default:
        return error_set(
            err, VIV_EUNSUPPORTED,
            "a part of kind %" PRIu32
            " stands in a message of the role %s; expected a text, reasoning, a tool call or a tool result",
            p->kind, role);
    }
}

static viv_status message_to_json(const viv_message *m, json_t **out, struct error *err)
{
    if (!utf8_valid(m->role, strlen(m->role)))
        return error_set(err, VIV_EFORMAT, "the role of a message is not UTF-8");
    json_t *message = json_pack("{s:s}", "role", m->role);
    viv_status status = message ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < m->n_parts; i++)
        status = put_part(message, m->parts[i], m->role, err);
    if (status == VIV_OK)
        *out = message;
    else
        json_decref(message);
    return status;
}

/* The last message may be the beginning of an answer: it is not part of the prompt. */
static bool goes_on(const viv_message *m)
{
    return m->n_parts == 1 && m->parts[0]->kind == VIV_PART_ANSWER;
}

viv_status messages_to_json(const viv_request *request, json_t **out, struct error *err)
{
    json_notice_memory();
    json_t *data = json_object(), *messages = json_array(), *tools = NULL, *variables = NULL;
    viv_status status = data && messages ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < request->n_messages; i++) {
        const viv_message *m = request->messages[i];
        json_t *message = NULL;
        if (i + 1 == request->n_messages && i > 0 && goes_on(m))
            continue;
        status = m->role ? message_to_json(m, &message, err)
                         : error_set(err, VIV_EINVAL,
                                     "message %" PRIu32
                                     " has no role, and others have one: a request is a conversation or bare text",
                                     i + 1);
        if (status == VIV_OK)
            status = append(messages, message, err);
    }
    if (status == VIV_OK && request->variables)
        status = parse("the variables of the chat template", request->variables, strlen(request->variables),
                       is_object, "an object", &variables, err);
    if (status == VIV_OK && request->tools)
        status = parse("the tools", request->tools, strlen(request->tools), is_array, "a list", &tools, err);
    if (status == VIV_OK && tools)
        status = put(data, "tools", json_incref(tools), err);
    if (status == VIV_OK && variables)
        status = json_object_update(data, variables) == 0 ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && !json_object_get(data, "add_generation_prompt"))
        status = put(data, "add_generation_prompt", json_true(), err);
    if (status == VIV_OK)
        status = put(data, "messages", json_incref(messages), err);
    if (status == VIV_OK && json_lost_something())
        status = error_nomem(err);
    json_decref(messages);
    json_decref(tools);
    json_decref(variables);
    if (status == VIV_OK)
        *out = data;
    else
        json_decref(data);
    return status;
}

/* --- templates that take texts alone ------------------------------------------------------------------------- */

static bool is_type(const json_t *part, const char *type)
{
    const char *found = json_string_value(json_object_get(part, "type"));
    return found && strcmp(found, type) == 0;
}

static viv_status add_line(struct buf *to, const json_t *part, const struct message_marks *marks, struct error *err)
{
    const json_t *text = json_object_get(part, "text");
    if (to->size)
        buf_putc(to, '\n');
    if (is_type(part, "image"))
        buf_puts(to, marks->image);
    else if (is_type(part, "video"))
        buf_puts(to, marks->video);
    else
        buf_append(to, json_is_string(text) ? json_string_value(text) : "", json_string_length(text));
    return to->failed ? error_nomem(err) : VIV_OK;
}

static bool shows_something(const json_t *content)
{
    json_t *part;
    size_t i;
    json_array_foreach(content, i, part)
    {
        if (is_type(part, "image") || is_type(part, "video"))
            return true;
    }
    return false;
}

/* Words that no text of the messages has. */
static viv_status choose_marks(const json_t *messages, struct message_marks *marks, struct error *err)
{
    char *all = json_dumps(messages, JSON_COMPACT);
    unsigned long n = 0;
    do {
        snprintf(marks->image, sizeof marks->image, "[picture %lu]", n);
        snprintf(marks->video, sizeof marks->video, "[video %lu]", n++);
    } while (all && (strstr(all, marks->image) || strstr(all, marks->video)));
    free(all);
    return all ? VIV_OK : error_nomem(err);
}

viv_status messages_flatten(json_t *data, struct message_marks *marks, struct error *err)
{
    json_t *messages = json_object_get(data, "messages"), *message, *part;
    size_t i, k;
    viv_status status = choose_marks(messages, marks, err);
    json_array_foreach(messages, i, message)
    {
        const json_t *content = json_object_get(message, "content");
        struct buf text = {0};
        if (status != VIV_OK || !shows_something(content))
            continue;
        json_array_foreach(content, k, part)
        {
            if (status == VIV_OK)
                status = add_line(&text, part, marks, err);
        }
        if (status == VIV_OK)
            status = put(message, "content", json_stringn(buf_text(&text), text.size), err);
        buf_release(&text);
    }
    return status;
}

/* --- from JSON ----------------------------------------------------------------------------------------------- */

struct adding {
    const char *name;
    viv_status (*add)(void *ctx, const struct message_part *part, struct error *err);
    void *ctx;
    struct error *err;
};

static viv_status add_string(const struct adding *a, uint32_t kind, const json_t *v, const char *name)
{
    const struct message_part part = {kind, json_string_value(v), name, json_string_length(v)};
    return a->add(a->ctx, &part, a->err);
}

static viv_status add_json(const struct adding *a, uint32_t kind, const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return error_nomem(a->err);
    const struct message_part part = {kind, text, NULL, strlen(text)};
    viv_status status = a->add(a->ctx, &part, a->err);
    free(text);
    return status;
}

/* Where a picture is, in the ways in which it is written:
 *   {"type": "image", "image" or "path" or "url": SOURCE}       transformers
 *   {"type": "image", "base64": DIGITS}
 *   {"type": "image_url", "image_url": {"url": SOURCE}}          OpenAI; or the SOURCE itself
 *   {"type": "image"}                                            one that is given besides
 * and the same of a video, whose SOURCE may be a list, one for each frame. nested: the key of an object, or NULL.
 */
static viv_status add_frames(const struct adding *a, const json_t *sources)
{
    struct buf text = {0};
    size_t i;
    json_t *source;
    json_array_foreach(sources, i, source)
    {
        if (!json_is_string(source)) {
            buf_release(&text);
            return error_set(a->err, VIV_EFORMAT, "frame %zu of a video: expected a path or URL, found %s", i + 1,
                             json_kind(source));
        }
        buf_append(&text, json_string_value(source), json_string_length(source));
        buf_putc(&text, '\0');
    }
    const struct message_part made = {VIV_PART_VIDEO, buf_text(&text), NULL, text.size};
    viv_status status = text.failed ? error_nomem(a->err)
                        : text.size == 0
                            ? error_set(a->err, VIV_EFORMAT, "a video without frames: its list is empty")
                            : a->add(a->ctx, &made, a->err);
    buf_release(&text);
    return status;
}

static viv_status add_shown(const struct adding *a, const json_t *part, const char *type, const char *nested)
{
    const char *const keys[] = {type, "path", "url", "base64"};
    const bool video = strcmp(type, "video") == 0;
    const uint32_t kind = video ? VIV_PART_VIDEO : VIV_PART_IMAGE;
    const json_t *source = NULL;
    struct buf text = {0};
    for (size_t i = 0; i < (nested ? 0 : sizeof keys / sizeof *keys) && (!source || json_is_null(source)); i++)
        source = json_object_get(part, keys[i]);
    if (nested) {
        source = json_object_get(part, nested);
        source = json_is_object(source) ? json_object_get(source, "url") : source;
    }
    if (video && json_is_array(source))
        return add_frames(a, source);
    if ((nested && !source) || (source && !json_is_null(source) && !json_is_string(source)))
        return error_set(a->err, VIV_EFORMAT, "expected a path or URL of a %s, found %s",
                         video ? "video" : "picture", source ? json_kind(source) : "none");
    if (!json_is_string(source))
        return a->add(a->ctx, &(struct message_part){.kind = kind}, a->err);
    if (!nested && source == json_object_get(part, "base64"))
        buf_puts(&text, "data:;base64,");
    buf_append(&text, json_string_value(source), json_string_length(source));
    const struct message_part made = {kind, buf_text(&text), NULL, text.size};
    viv_status status = text.failed ? error_nomem(a->err) : a->add(a->ctx, &made, a->err);
    buf_release(&text);
    return status;
}

static viv_status add_content_part(const struct adding *a, const json_t *part, size_t number)
{
    static const struct {
        const char *type, *shown, *nested;
    } shows[] = {{"image", "image", NULL},
                 {"image_url", "image", "image_url"},
                 {"video", "video", NULL},
                 {"video_url", "video", "video_url"}};
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *text = json_object_get(part, "text");
    if (json_is_string(text) && (!type || strcmp(type, "text") == 0))
        return add_string(a, VIV_PART_TEXT, text, "list");
    for (size_t i = 0; type && i < sizeof shows / sizeof *shows; i++)
        if (strcmp(type, shows[i].type) == 0)
            return add_shown(a, part, shows[i].shown, shows[i].nested) == VIV_OK
                       ? VIV_OK
                       : error_prefix(a->err, "%s: part %zu of content", a->name, number);
    return error_set(a->err, VIV_EUNSUPPORTED,
                     "%s: part %zu of content is of type %s: expected text, image, image_url, video or video_url",
                     a->name, number, type ? type : "(none)");
}

/* "content": a text, or [{"type": "text", "text": ...}, {"type": "image", ...}, ...] */
static viv_status add_content(const struct adding *a, const json_t *content)
{
    viv_status status = VIV_OK;
    json_t *one;
    size_t i;
    if (json_is_string(content))
        return add_string(a, VIV_PART_TEXT, content, NULL);
    if (content && !json_is_null(content) && !json_is_array(content))
        return error_set(a->err, VIV_EFORMAT, "%s: content: expected a text or a list of parts, found %s", a->name,
                         json_kind(content));
    json_array_foreach(content, i, one)
    {
        if (status == VIV_OK)
            status = add_content_part(a, one, i + 1);
    }
    return status;
}

viv_status messages_parts(const char *name, const json_t *message,
                          viv_status (*add)(void *ctx, const struct message_part *part, struct error *err),
                          void *ctx, struct error *err)
{
    const struct adding a = {name, add, ctx, err};
    json_t *fields = json_object(), *v;
    viv_status status = fields ? VIV_OK : error_nomem(err);
    const char *key;
    json_object_foreach((json_t *)message, key, v)
    {
        const bool content = strcmp(key, "content") == 0 && !(json_is_array(v) && json_array_size(v) == 0);
        const bool reasoning = is_reasoning(key) && json_is_string(v);
        const bool calls = strcmp(key, "tool_calls") == 0 && json_array_size(v) > 0;
        if (status != VIV_OK || strcmp(key, "role") == 0 || json_is_null(v))
            continue;
        if (!content && !reasoning && !calls) {
            status = put(fields, key, json_incref(v), err);
            continue;
        }
        if (json_object_size(fields) > 0) { /* members stay in their order */
            status = add_json(&a, VIV_PART_FIELDS, fields);
            json_object_clear(fields);
        }
        if (status == VIV_OK && content)
            status = add_content(&a, v);
        else if (status == VIV_OK && reasoning)
            status = add_string(&a, VIV_PART_REASONING, v, key);
        for (size_t i = 0; status == VIV_OK && calls && i < json_array_size(v); i++)
            status = add_json(&a, VIV_PART_TOOL_CALL, json_array_get(v, i));
    }
    if (status == VIV_OK && json_object_size(fields) > 0)
        status = add_json(&a, VIV_PART_FIELDS, fields);
    json_decref(fields);
    return status;
}
