/* pins.c - the descriptions of tools that the user has seen: WORKSPACE/.viv/pins, an object of SERVER/TOOL to the
 * SHA-256 of all that the server says of the tool. One that is new, or has changed since, is asked about; a tool
 * that is not approved does not exist. */
#include "mcp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_PINS = 1 << 20 };

/* What is there; a file that is damaged pins nothing. */
static json_t *read_pins(const struct journal *j)
{
    struct text bytes = {0};
    char part[65536];
    ssize_t n;
    json_error_t e;
    const int fd = openat(j->store, "pins", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    while (fd >= 0 && bytes.size <= LARGEST_PINS && (n = read(fd, part, sizeof part)) > 0)
        text_add(&bytes, part, (size_t)n);
    if (fd >= 0)
        close(fd);
    json_t *pins = bytes.size && bytes.size <= LARGEST_PINS ? json_loadb(bytes.data, bytes.size, 0, &e) : NULL;
    text_release(&bytes);
    if (json_is_object(pins))
        return pins;
    json_decref(pins);
    return json_object();
}

static viv_status write_pins(const struct journal *j, const json_t *pins)
{
    char *text = json_dumps(pins, JSON_INDENT(1) | JSON_SORT_KEYS);
    const size_t n = text ? strlen(text) : 0;
    unlinkat(j->store, "pins.new", 0);
    const int fd = openat(j->store, "pins.new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    errno = ENOSPC; /* of a write that is cut */
    const bool ok = text && fd >= 0 && write(fd, text, n) == (ssize_t)n && fsync(fd) == 0 &&
                    renameat(j->store, "pins.new", j->store, "pins") == 0;
    const int e = errno;
    if (fd >= 0)
        close(fd);
    free(text);
    return ok ? VIV_OK : viv_fail(j->host, VIV_EIO, "%s/" STORE "/pins: %s", j->root.path, strerror(e));
}

static bool is_pinned(const json_t *pins, const struct mcp_tool *t)
{
    const char *digest = json_string_value(json_object_get(pins, t->name));
    return digest && strcmp(digest, t->digest) == 0;
}

/* What is asked: each tool that is new or has changed, with its description. */
static bool describe(const struct mcp *m, size_t server, const json_t *pins, struct text *out)
{
    bool changed = false;
    for (size_t i = 0; i < m->n_tools; i++) {
        const struct mcp_tool *t = &m->tools[i];
        if (t->server != server || is_pinned(pins, t))
            continue;
        const bool known = json_object_get(pins, t->name) != NULL;
        changed = changed || known;
        text_printf(out, "%s%s: %s\n", t->name, known ? " (changed)" : "", t->shown);
    }
    return changed;
}

static viv_status settle(struct mcp *m, size_t server, json_t *pins, const struct events *e, bool *pinned)
{
    struct text shown = {0};
    bool yes = false;
    const bool changed = describe(m, server, pins, &shown);
    if (shown.size == 0)
        return VIV_OK;
    viv_status status = events_ask(
        e,
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:s%, s:b}", "event", "ask", "step", 0, "tool", "call", "server",
                  m->clients[server].name, "why",
                  changed
                      ? "tools of this server have changed since they were approved"
                      : "tools of this server are new: the model would read these descriptions and may call them",
                  "effect", shown.data, shown.size, "undoable", 1),
        &yes);
    if (status == VIV_OK)
        status = events_tell(e, json_pack("{s:s, s:i, s:b}", "event", "answer", "step", 0, "yes", yes));
    for (size_t i = m->n_tools; status == VIV_OK && i-- > 0;) {
        struct mcp_tool *t = &m->tools[i];
        if (t->server != server || is_pinned(pins, t))
            continue;
        if (yes)
            json_object_set_new(pins, t->name, json_string(t->digest));
        else
            mcp_drop(m, i);
    }
    *pinned = *pinned || yes;
    m->clients[server].refused = !yes;
    text_release(&shown);
    return status;
}

viv_status pins_settle(struct mcp *m, const struct journal *j, const struct events *e)
{
    bool pinned = false;
    viv_status status = VIV_OK;
    json_t *pins = read_pins(j);
    for (size_t i = 0; status == VIV_OK && i < m->n_clients; i++)
        status = settle(m, i, pins, e, &pinned);
    if (status == VIV_OK && pinned)
        status = write_pins(j, pins);
    json_decref(pins);
    return status;
}
