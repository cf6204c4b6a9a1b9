/* chat.c - renders conversations: passes messages to a template as transformers 5 does. */
#include "chat/chat.h"

#include "base/utf8.h"

#include <string.h>

const char *const chat_reasoning_keys[N_REASONING_KEYS] = {"reasoning_content", "thinking", "reasoning"};

/* A copy of a message for the template. Members that are null are left out, because OpenAI's API writes "content":
 * null beside tool calls; but a template that asks whether the content is none gets that. The reasoning is there as
 * reasoning_content and as thinking, whatever its name was. */
static json_t *normal_message(json_t *message)
{
    json_t *out = json_object(), *reasoning = NULL, *v;
    const char *name;
    bool ok = out != NULL;
    for (size_t i = 0; i < N_REASONING_KEYS && !reasoning; i++) {
        v = json_object_get(message, chat_reasoning_keys[i]);
        reasoning = json_is_null(v) ? NULL : v;
    }
    if (reasoning)
        ok = ok && json_object_set(out, "thinking", reasoning) == 0;
    json_object_foreach(message, name, v) ok = ok && (json_is_null(v) || json_object_set(out, name, v) == 0);
    if (reasoning)
        ok = ok && json_object_set(out, "reasoning_content", reasoning) == 0;
    if (!ok)
        json_decref(out);
    return ok ? out : NULL;
}

/* Replaces the list of objects data[name] by a list of their copies, made by `copy`. */
static viv_status normalize(json_t *data, const char *name, json_t *(*copy)(json_t *), struct error *err)
{
    json_t *given = json_object_get(data, name), *all = json_array(), *one;
    viv_status status = all ? VIV_OK : error_nomem(err);
    size_t i;
    json_array_foreach(given, i, one)
    {
        if (status == VIV_OK && !json_is_object(one))
            status = error_set(err, VIV_EFORMAT, "%s: entry %zu: expected an object, found %s", name, i + 1,
                               json_kind(one));
        if (status == VIV_OK && json_array_append_new(all, copy(one)) != 0)
            status = error_nomem(err);
    }
    if (status == VIV_OK && json_is_array(given))
        status = json_object_set(data, name, all) == 0 ? VIV_OK : error_nomem(err);
    json_decref(all);
    return status;
}

/* Templates know tools as {"type": "function", "function": ...}; a tool file may have the functions alone. */
static json_t *whole_tool(json_t *tool)
{
    if (!json_is_string(json_object_get(tool, "name")) || json_object_get(tool, "function"))
        return json_incref(tool);
    json_t *function = json_copy(tool);
    json_object_del(function, "type");
    return function ? json_pack("{s:s, s:o}", "type", "function", "function", function) : NULL;
}

/* Makes objects of the arguments of calls that are JSON in a text, as OpenAI's API has them; whether there are any.
 */
static bool read_arguments(json_t *data)
{
    json_t *messages = json_deep_copy(json_object_get(data, "messages")), *message, *call;
    size_t i, k;
    bool any = false;
    json_array_foreach(messages, i, message)
    {
        json_array_foreach(json_object_get(message, "tool_calls"), k, call)
        {
            json_t *function = json_object_get(call, "function"), *of = function ? function : call;
            json_t *text = json_object_get(of, "arguments"), *read = NULL;
            struct error err;
            if (json_is_string(text) &&
                json_parse("arguments", json_string_value(text), json_string_length(text), &read, &err) == VIV_OK)
                any = json_object_set(of, "arguments", read) == 0 || any;
            json_decref(read);
        }
    }
    any = any && json_object_set(data, "messages", messages) == 0;
    json_decref(messages);
    return any;
}

/* Some templates want the arguments of calls as a text and some as an object: as they are given, else as objects.
 */
static viv_status render_either(const struct chat_template *t, const struct template_options *options, json_t *data,
                                struct buf *out, struct error *err)
{
    const size_t before = out->size;
    viv_status status = jinja_render(options, buf_text(&t->source), t->source.size, data, out, err);
    if (status == VIV_OK || status == VIV_ENOMEM || !read_arguments(data))
        return status;
    if (out->size > before)
        out->data[out->size = before] = '\0';
    return jinja_render(options, buf_text(&t->source), t->source.size, data, out, err);
}

/* Whether the template asks if the content of a message is none. */
static bool asks_for_none(const struct chat_template *t)
{
    static const char *const ways[] = {"content'] is none", "content is none", "content\"] is none"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strstr(buf_text(&t->source), ways[i]))
            return true;
    return false;
}

/* Puts null back as the content of messages that had it, or have calls of tools in its place. */
static viv_status keep_none(const json_t *given, json_t *data, struct error *err)
{
    json_t *one;
    size_t i;
    viv_status status = VIV_OK;
    json_array_foreach(json_object_get(data, "messages"), i, one)
    {
        const json_t *before = json_array_get(json_object_get(given, "messages"), i);
        const bool none = json_is_null(json_object_get(before, "content")) ||
                          (json_object_get(one, "tool_calls") && !json_object_get(one, "content"));
        if (none && json_object_set_new(one, "content", json_null()) != 0)
            status = error_nomem(err);
    }
    return status;
}

viv_status chat_render(const struct chat_template *t, const struct template_options *options, json_t *data,
                       struct buf *out, struct error *err)
{
    struct template_options named = *options;
    json_notice_memory();
    json_t *all = json_copy(data);
    named.name = t->where;
    json_t *usual = json_pack("{s:n, s:n}", "tools", "documents");
    const bool whole = all && usual && json_object_update_missing(all, t->tokens) == 0 &&
                       json_object_update_missing(all, usual) == 0;
    json_decref(usual);
    viv_status status = whole ? VIV_OK : error_nomem(err);
    const json_t *messages = json_object_get(all, "messages");
    if (status == VIV_OK && json_is_array(messages) && json_array_size(messages) == 0)
        status = error_set(err, VIV_EINVAL, "the list of messages is empty: a conversation has at least one");
    if (status == VIV_OK)
        status = normalize(all, "messages", normal_message, err);
    if (status == VIV_OK && asks_for_none(t))
        status = keep_none(data, all, err);
    if (status == VIV_OK)
        status = normalize(all, "tools", whole_tool, err);
    if (status == VIV_OK)
        status = normalize(all, "documents", json_incref, err);
    if (status == VIV_OK && json_lost_something())
        status = error_nomem(err);
    if (status == VIV_OK)
        status = render_either(t, &named, all, out, err);
    json_decref(all);
    return status;
}

/* answers: the model will answer, so the prompt of an answer is added. */
static viv_status render_messages(const struct chat_template *t, json_t *messages, bool answers, struct buf *out,
                                  struct error *err)
{
    const struct template_options how = {.values = TEMPLATE_PYTHON};
    json_notice_memory();
    json_t *data = json_pack("{s:O, s:b}", "messages", messages, "add_generation_prompt", answers);
    viv_status status = data && !json_lost_something() ? chat_render(t, &how, data, out, err) : error_nomem(err);
    json_decref(data);
    return status;
}

viv_status chat_render_turn(const struct chat_template *t, const char *text, struct buf *out, struct error *err)
{
    if (!utf8_valid(text, strlen(text)))
        return error_set(err, VIV_EFORMAT, "a turn is not UTF-8");
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", text);
    viv_status status = messages ? render_messages(t, messages, true, out, err) : error_nomem(err);
    json_decref(messages);
    return status;
}

viv_status chat_turn_end(const struct chat_template *t, const struct tokenizer *tokenizer, int32_t *id,
                         struct error *err)
{
    static const char mark[] = "Vivarium";
    struct buf text = {0};
    struct token_ids ids = {0};
    struct error refused;
    json_t *messages = json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "user", "content", "Hello", "role",
                                 "assistant", "content", mark);
    viv_status status = messages ? VIV_OK : error_nomem(err);
    *id = -1;
    if (status == VIV_OK && render_messages(t, messages, false, &text, &refused) == VIV_OK) {
        const char *behind = NULL;
        for (const char *at = buf_text(&text); (at = strstr(at, mark)); at += sizeof mark - 1)
            behind = at + sizeof mark - 1;
        if (behind)
            status = tokenizer_encode(tokenizer, behind, strlen(behind), TOKENIZER_PARSE_SPECIAL, &ids, err);
    } else if (status == VIV_OK && refused.status == VIV_ENOMEM) {
        status = error_nomem(err);
    }
    for (size_t i = 0; status == VIV_OK && i < ids.n && *id < 0; i++)
        if (tokenizer_is_special(tokenizer, ids.ids[i]))
            *id = ids.ids[i];
    token_ids_release(&ids);
    buf_release(&text);
    json_decref(messages);
    return status;
}

viv_status chat_shows(const struct chat_template *t, const char *type, const char *place, bool *shows,
                      struct error *err)
{
    static const char mark[] = "Vivarium";
    struct buf text = {0};
    struct error refused;
    json_t *messages = json_pack("[{s:s, s:[{s:s}, {s:s, s:s}]}]", "role", "user", "content", "type", type, "type",
                                 "text", "text", mark);
    viv_status status = messages ? render_messages(t, messages, true, &text, &refused) : VIV_ENOMEM;
    *shows = status == VIV_OK && strstr(buf_text(&text), mark) && strstr(buf_text(&text), place);
    buf_release(&text);
    json_decref(messages);
    return status == VIV_ENOMEM ? error_nomem(err) : VIV_OK;
}
