/* mcp.c - the servers of a run, and their tools.
 *
 * A tool's schema is a resource of its own among those of a step (it has an $id), so that its references lead to
 * itself. What of it a grammar cannot keep is left to the server, which checks arguments, too. */
#include "mcp.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PAGES = 64, LONGEST_TOOL_NAME = 128 };

/* --- what a server says of a tool ----------------------------------------------------------------------------- */

static bool is_tool_name(const char *name)
{
    const size_t n = strlen(name);
    return n > 0 && n <= LONGEST_TOOL_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == n;
}

/* Of all but _meta, which may differ each time. */
static bool digest_of(const viv_digest *service, const json_t *tool, char out[65])
{
    json_t *all = json_copy((json_t *)tool);
    json_object_del(all, "_meta");
    char *text = all ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    uint8_t digest[32];
    json_decref(all);
    if (!text)
        return false;
    service->sha256((const void *[]){text}, (const uint64_t[]){strlen(text)}, 1, digest);
    free(text);
    for (int i = 0; i < 32; i++)
        sprintf(out + (ptrdiff_t)2 * i, "%02x", digest[i]);
    return true;
}

/* Resources within would have names that others have. */
static void forget_ids(json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_string(json_object_get(v, "$id")))
        json_object_del(v, "$id");
    if (json_is_string(json_object_get(v, "$schema")))
        json_object_del(v, "$schema");
    json_object_foreach(v, key, item) forget_ids(item);
    json_array_foreach(v, i, item) forget_ids(item);
}

bool mcp_can_be_kept(const struct mcp *m, const json_t *schema, uint64_t flags)
{
    if (!VIV_HAS(m->generator, viv_generator, check) || !m->generator->check)
        return true;
    char *text = json_dumps(schema, JSON_COMPACT);
    const viv_grammar grammar = {.struct_size = sizeof grammar,
                                 .kind = VIV_GRAMMAR_JSON_SCHEMA,
                                 .text = text,
                                 .size = text ? strlen(text) : 0,
                                 .flags = flags};
    const bool can = text && m->generator->check(m->generator, &grammar) == VIV_OK;
    free(text);
    return can;
}

/* A copy for a step; without one, or where it is too long or broken, any object. */
static json_t *schema_of(const struct mcp *m, const json_t *tool)
{
    const json_t *said = json_object_get(tool, "inputSchema");
    char *text = json_is_object(said) ? json_dumps(said, JSON_COMPACT) : NULL;
    json_t *schema = text && strlen(text) <= LONGEST_SCHEMA ? json_deep_copy(said) : json_object();
    free(text);
    forget_ids(schema);
    json_object_set_new(schema, "type", json_string("object"));
    if (mcp_can_be_kept(m, schema, VIV_GRAMMAR_LENIENT))
        return schema;
    json_decref(schema);
    return json_pack("{s:s}", "type", "object");
}

/* At most `most` bytes of a text, as one line of plain characters. malloc'ed. */
static char *line_of(const char *said, size_t most)
{
    char *text = text_of_name(said ? said : "");
    const size_t size = text ? strlen(text) : 0, n = text ? text_cut(text, size, most) : 0;
    if (text && n < size) {
        struct text cut = {0};
        text_add(&cut, text, n);
        text_printf(&cut, "... (and %zu more bytes)", size - n);
        free(text);
        return cut.failed ? NULL : cut.data;
    }
    return text;
}

static void release_tool(struct mcp_tool *t)
{
    free(t->name);
    json_decref(t->schema);
    free(t->description);
    free(t->shown);
    *t = (struct mcp_tool){0};
}

/* A tool without a proper name, or with one that is taken, is left out. */
static viv_status add_tool(struct mcp *m, size_t server, const viv_digest *digest, const json_t *said)
{
    struct mcp_client *c = &m->clients[server];
    const char *name = json_string_value(json_object_get(said, "name")),
               *description = json_string_value(json_object_get(said, "description"));
    struct mcp_tool t = {.server = server};
    if (!name || !is_tool_name(name))
        return VIV_OK;
    if (m->n_tools == MOST_TOOLS)
        return viv_fail(m->host, VIV_ELIMIT, "server '%s' has too many tools: all servers may have %d", c->name,
                        MOST_TOOLS);
    if (asprintf(&t.name, "%s/%s", c->name, name) < 0)
        return viv_fail(m->host, VIV_ENOMEM, "out of memory");
    if (mcp_find(m, t.name)) {
        free(t.name);
        return VIV_OK;
    }
    t.description = line_of(description, SHORT_DESCRIPTION);
    t.shown = line_of(description, LONGEST_DESCRIPTION);
    t.schema = schema_of(m, said);
    struct mcp_tool *more = realloc(m->tools, (m->n_tools + 1) * sizeof *more);
    m->tools = more ? more : m->tools;
    if (!more || !t.description || !t.shown || !t.schema || !digest_of(digest, said, t.digest)) {
        release_tool(&t);
        return viv_fail(m->host, VIV_ENOMEM, "out of memory");
    }
    m->tools[m->n_tools++] = t;
    return VIV_OK;
}

static viv_status list_tools(struct mcp *m, size_t server)
{
    struct mcp_client *c = &m->clients[server];
    const viv_digest *digest = viv_need_service(m->host, VIV_SERVICE_DIGEST, sizeof *digest);
    json_t *cursor = NULL, *tool;
    viv_status status = digest ? VIV_OK : VIV_EABI;
    c->tools_changed = false;
    for (int page = 0; status == VIV_OK && page < MOST_PAGES; page++) {
        json_t *params = json_object(), *result = NULL;
        size_t i;
        if (cursor)
            json_object_set_new(params, "cursor", cursor);
        cursor = NULL;
        status = client_request(c, "tools/list", params, NULL, &result);
        json_array_foreach(json_object_get(result, "tools"), i, tool) if (status == VIV_OK) status =
            add_tool(m, server, digest, tool);
        cursor = json_incref(json_object_get(result, "nextCursor"));
        json_decref(result);
        if (!json_is_string(cursor))
            break;
    }
    json_decref(cursor);
    return status;
}

/* --- servers ------------------------------------------------------------------------------------------------ */

static viv_status open_server(struct mcp *m, const struct settings *s, const char *name, const json_t *settings,
                              int folder, const uint32_t *cancel)
{
    struct mcp_client *c = &m->clients[m->n_clients];
    *c = (struct mcp_client){.host = m->host, .name = name, .seconds = s->call_seconds, .cancel = cancel};
    m->settings[m->n_clients] = settings;
    viv_status status = json_object_get(settings, "url") ? http_open(c, settings) : stdio_open(c, settings, folder);
    if (status != VIV_OK)
        return status;
    m->n_clients++;
    status = client_connect(c);
    return status == VIV_OK ? list_tools(m, m->n_clients - 1) : status;
}

viv_status mcp_open(const viv_host *host, const struct settings *s, const viv_generator *generator, int folder,
                    const uint32_t *cancel, struct mcp *out)
{
    const size_t n = json_object_size(s->servers);
    const char *name;
    json_t *settings;
    viv_status status = VIV_OK;
    *out = (struct mcp){.host = host, .generator = generator};
    if (n == 0)
        return VIV_OK;
    out->clients = calloc(n, sizeof *out->clients);
    out->settings = calloc(n, sizeof *out->settings);
    if (!out->clients || !out->settings)
        status = viv_fail(host, VIV_ENOMEM, "out of memory");
    json_object_foreach((json_t *)s->servers, name, settings) if (status == VIV_OK) status =
        open_server(out, s, name, settings, folder, cancel);
    if (status != VIV_OK)
        mcp_close(out);
    return status;
}

void mcp_close(struct mcp *m)
{
    for (size_t i = 0; i < m->n_clients; i++)
        client_close(&m->clients[i]);
    for (size_t i = 0; i < m->n_tools; i++)
        release_tool(&m->tools[i]);
    free(m->clients);
    free(m->settings);
    free(m->tools);
    *m = (struct mcp){0};
}

void mcp_drop(struct mcp *m, size_t i)
{
    release_tool(&m->tools[i]);
    memmove(m->tools + i, m->tools + i + 1, (--m->n_tools - i) * sizeof *m->tools);
}

const struct mcp_tool *mcp_find(const struct mcp *m, const char *name)
{
    for (size_t i = 0; m && i < m->n_tools; i++)
        if (strcmp(m->tools[i].name, name) == 0)
            return &m->tools[i];
    return NULL;
}

bool mcp_is_trusted(const struct mcp *m, const char *tool)
{
    const struct mcp_tool *t = mcp_find(m, tool);
    return t && json_is_true(json_object_get(m->settings[t->server], "trusted"));
}

viv_status mcp_refresh(struct mcp *m, bool *changed)
{
    viv_status status = VIV_OK;
    *changed = false;
    for (size_t server = 0; status == VIV_OK && server < m->n_clients; server++) {
        if (!m->clients[server].tools_changed || m->clients[server].refused)
            continue;
        *changed = true;
        for (size_t i = m->n_tools; i-- > 0;)
            if (m->tools[i].server == server)
                mcp_drop(m, i);
        status = list_tools(m, server);
    }
    return status;
}

/* --- for the model ------------------------------------------------------------------------------------------ */

void mcp_schemas(const struct mcp *m, json_t *choices, json_t *defs)
{
    for (size_t i = 0; m && i < m->n_tools; i++) {
        const char *name = m->tools[i].name;
        json_t *schema = json_copy(m->tools[i].schema);
        json_object_set_new(schema, "$id", json_sprintf("mcp:%s", name));
        json_object_set_new(defs, name, schema);
        json_array_append_new(choices, json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s+}}, s:[s, s, s], s:b}", "type",
                                                 "object", "properties", "action", "const", "call", "tool", "const",
                                                 name, "arguments", "$ref", "mcp:", name, "required", "action",
                                                 "tool", "arguments", "additionalProperties", 0));
    }
}

void mcp_describe(const struct mcp *m, struct text *out)
{
    for (size_t i = 0; m && i < m->n_tools; i++)
        text_printf(out, "{\"action\": \"call\", \"tool\": \"%s\", \"arguments\": {...}}  %s\n", m->tools[i].name,
                    m->tools[i].description);
}
