/* fuzz_mcp.c - any lines as what a server of the Model Context Protocol says: which era it is of, its tools,
 * changed lists of them, and the result of a call. */
#include "fuzz_host.h"
#include "lam/mcp/mcp.h"

#include <string.h>

struct lines {
    const char *at;
    size_t left;
};

static viv_status send(struct mcp_client *c, const char *text, size_t n, const char *method, const char *tool,
                       int64_t deadline)
{
    (void)c, (void)text, (void)n, (void)method, (void)tool, (void)deadline;
    return VIV_OK;
}

static viv_status receive(struct mcp_client *c, int64_t deadline, json_t **out)
{
    struct lines *l = c->state;
    json_error_t e;
    (void)deadline;
    if (l->left == 0)
        return VIV_EIO;
    const char *end = memchr(l->at, '\n', l->left);
    const size_t n = end ? (size_t)(end - l->at) : l->left;
    json_t *v = n ? json_loadb(l->at, n, JSON_ALLOW_NUL, &e) : NULL;
    l->at += end ? n + 1 : n;
    l->left -= end ? n + 1 : n;
    *out = json_is_object(v) ? v : NULL;
    if (!*out)
        json_decref(v);
    return VIV_OK;
}

static void close_wire(struct mcp_client *c)
{
    (void)c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct wire wire = {send, receive, close_wire};
    static const viv_generator generator = {.struct_size = sizeof generator};
    struct lines lines = {(const char *)data, size};
    struct mcp m = {.generator = &generator,
                    .host = &host,
                    .clients = calloc(1, sizeof *m.clients),
                    .settings = calloc(1, sizeof *m.settings)};
    struct text result = {0};
    bool changed;
    if (!m.clients || !m.settings)
        abort();
    m.n_clients = 1;
    m.clients[0] = (struct mcp_client){.host = &host, .name = "s", .wire = &wire, .state = &lines, .seconds = 60};
    viv_status status = client_connect(&m.clients[0]);
    for (int i = 0; status == VIV_OK && i < 3; i++) {
        m.clients[0].tools_changed = true;
        status = mcp_refresh(&m, &changed);
        json_t *choices = json_array(), *defs = json_object();
        mcp_schemas(&m, choices, defs);
        mcp_describe(&m, &result);
        json_decref(choices);
        json_decref(defs);
        text_release(&result);
        for (size_t k = 0; status == VIV_OK && k < m.n_tools && k < 3; k++) {
            const struct tool_call c = {
                .host = &host, .words = {m.tools[k].name, "{\"x\":1}"}, .limit = 2000, .mcp = &m};
            (void)tool_call.run(&c, &result);
            if (!text_is_utf8(text_or_empty(&result), result.size))
                abort(); /* what becomes an event is text */
            text_release(&result);
        }
    }
    mcp_close(&m);
    return 0;
}
