/* tool_call.c - a tool of a server: its name as SERVER/TOOL, and arguments that keep to its schema. What it does
 * cannot be undone, and what it returns was written by others. */
#include "mcp.h"

#include <stdlib.h>
#include <string.h>

/* A part of a result as text; pictures and the like are named. */
static void add_content(const json_t *part, struct text *out)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *resource = json_object_get(part, "resource"), *text = json_object_get(part, "text")
                                                                            ? json_object_get(part, "text")
                                                                            : json_object_get(resource, "text");
    const char *uri = json_string_value(json_object_get(part, "uri")),
               *mime = json_string_value(json_object_get(part, "mimeType"));
    if (json_is_string(text)) {
        const size_t from = out->size;
        text_add(out, json_string_value(text), json_string_length(text));
        for (size_t i = from; i < out->size; i++)
            out->data[i] = out->data[i] ? out->data[i] : '?';
        if (out->size > from && out->data[out->size - 1] != '\n')
            text_add(out, "\n", 1);
    } else if (type) {
        char *kind = short_text_of_name(type), *what = short_text_of_name(uri ? uri : mime ? mime : "");
        text_printf(out, "(%s: %s)\n", kind ? kind : "", what ? what : "");
        free(kind);
        free(what);
    }
}

static viv_status take(const struct tool_call *c, const json_t *said, struct text *result)
{
    const char *type = json_string_value(json_object_get(said, "resultType"));
    const json_t *content = json_object_get(said, "content"),
                 *structured = json_object_get(said, "structuredContent");
    json_t *part;
    size_t i;
    if (type && strcmp(type, "complete") != 0)
        return viv_fail(c->host, VIV_EUNSUPPORTED, "tool '%s' asks for more than arguments, which is not given",
                        c->words[0]);
    json_array_foreach(content, i, part) add_content(part, result);
    if (result->size == 0 && structured) {
        char *text = json_dumps(structured, JSON_COMPACT | JSON_ENCODE_ANY);
        text_printf(result, "%s\n", text ? text : "");
        free(text);
    }
    if (result->size > c->limit) {
        const size_t n = text_cut(result->data, result->size, c->limit), more = result->size - n;
        result->size = n;
        text_printf(result, "\n... and %zu more bytes\n", more);
    }
    if (!json_is_true(json_object_get(said, "isError")))
        return result->failed ? viv_fail(c->host, VIV_ENOMEM, "out of memory") : VIV_OK;
    while (result->size && result->data[result->size - 1] == '\n')
        result->data[--result->size] = '\0';
    char *why = short_text_of_name(text_or_empty(result));
    text_release(result);
    const viv_status status = viv_fail(c->host, VIV_EINVAL, "tool '%s' failed: %s", c->words[0], why ? why : "");
    free(why);
    return status;
}

static viv_status run(const struct tool_call *c, struct text *result)
{
    const struct mcp_tool *t = mcp_find(c->mcp, c->words[0]);
    json_t *arguments = json_loads(c->words[1], JSON_ALLOW_NUL, NULL), *said = NULL;
    if (!t || !arguments) {
        json_decref(arguments);
        return viv_fail(c->host, VIV_ENOTFOUND, "there is no tool '%s' any more", c->words[0]);
    }
    const char *name = strchr(t->name, '/') + 1;
    struct mcp_client *client = &c->mcp->clients[t->server];
    client->host = c->host;
    client->cancel = c->cancel;
    viv_status status = client_request(client, "tools/call",
                                       json_pack("{s:s, s:o}", "name", name, "arguments", arguments), name, &said);
    if (status == VIV_OK)
        status = take(c, said, result);
    client->host = c->mcp->host;
    json_decref(said);
    return status;
}

static void scope(const struct tool *t, const struct tool_call *c, struct text *out)
{
    (void)t;
    text_printf(out, "%s %s", c->words[0], c->words[1]);
}

static viv_status effect(const struct tool_call *c, struct text *out)
{
    const struct mcp_tool *t = mcp_find(c->mcp, c->words[0]);
    text_printf(out, "%s %s\n%s\n", c->words[0], c->words[1], t ? t->shown : "");
    return VIV_OK;
}

const struct tool tool_call = {
    .name = "call",
    .summary = "a tool of another program",
    .arguments = {{.name = "tool", .kind = ARGUMENT_TEXT}, {.name = "arguments", .kind = ARGUMENT_JSON}},
    .outside = true,
    .asked_for = true,
    .untrusted = true,
    .scope = scope,
    .effect = effect,
    .run = run};
