/* pins.c - the descriptions of tools that the user has seen, an object of SERVER/TOOL to the SHA-256 of all that
 * the server says of the tool, in
 *
 *   $XDG_STATE_HOME/vivarium/pins/SHA-256 OF THE WORKSPACE'S PATH.json        or ~/.local/state/...
 *
 * They are the user's: a workspace, which others may have made or a model has written, cannot bring approvals
 * along, nor can who else may write there. One that is new, or has changed since, is asked about; a tool that is
 * not approved does not exist. Without such a place all are asked about in each run. */
#include "mcp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_PINS = 1 << 20 };

/* The user's own, and nobody else writes it. */
static bool is_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool is_in_workspace(const struct journal *j, int folder)
{
    char link[64], path[MAX_PATH + 1];
    const size_t n = strlen(j->root.path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    const ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return true; /* it cannot be known */
    path[size] = '\0';
    return strncmp(path, j->root.path, n) == 0 && (n == 1 || path[n] == '/' || path[n] == '\0');
}

/* Makes what is missing. -1, and why: there is no such place. */
static int open_folder(const struct journal *j, const char **why)
{
    *why = "$XDG_STATE_HOME and $HOME name no folder for them";
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const bool of_state = state && *state == '/';
    const char *const parts[] = {of_state ? "vivarium" : ".local", of_state ? "pins" : "state",
                                 of_state ? NULL : "vivarium", of_state ? NULL : "pins"};
    if (!of_state && !(home && *home == '/'))
        return -1;
    int at = -1;
    if (of_state)
        (void)mkdir(state, 0700);
    at = open(of_state ? state : home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; at >= 0 && i < 4 && parts[i]; i++) {
        (void)mkdirat(at, parts[i], 0700);
        const int next = openat(at, parts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    if (at < 0 || (is_ours(at) && !is_in_workspace(j, at)))
        return at;
    *why = is_ours(at) ? "$XDG_STATE_HOME/vivarium/pins is in the workspace"
                       : "$XDG_STATE_HOME/vivarium/pins is not the user's, or others may write there";
    close(at);
    return -1;
}

/* The name of the file of a workspace. */
static void name_of(const struct journal *j, const char *ending, char name[80])
{
    uint8_t digest[32];
    char hex[65];
    j->root.digest->sha256((const void *[]){j->root.path}, (const uint64_t[]){strlen(j->root.path)}, 1, digest);
    for (int i = 0; i < 32; i++)
        sprintf(hex + (ptrdiff_t)2 * i, "%02x", digest[i]);
    snprintf(name, 80, "%s%s", hex, ending);
}

/* What is there; a file that is damaged, or that others may write, pins nothing. *not_kept: why there is no place
 * for them, or NULL. */
static json_t *read_pins(const struct journal *j, const char **not_kept)
{
    struct text bytes = {0};
    char part[65536], name[80];
    ssize_t n;
    json_error_t e;
    const char *why;
    const int folder = open_folder(j, &why);
    *not_kept = folder < 0 ? why : NULL;
    name_of(j, ".json", name);
    const int fd = folder >= 0 ? openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    const bool ours = fd >= 0 && is_ours(fd);
    while (ours && bytes.size <= LARGEST_PINS && (n = read(fd, part, sizeof part)) > 0)
        text_add(&bytes, part, (size_t)n);
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    json_t *pins = bytes.size && bytes.size <= LARGEST_PINS ? json_loadb(bytes.data, bytes.size, 0, &e) : NULL;
    text_release(&bytes);
    if (json_is_object(pins))
        return pins;
    json_decref(pins);
    return json_object();
}

/* Where there is no place for them, they are for this run. */
static viv_status write_pins(const struct journal *j, const json_t *pins)
{
    const char *why;
    const int folder = open_folder(j, &why);
    char name[80], new[80], *text = json_dumps(pins, JSON_INDENT(1) | JSON_SORT_KEYS);
    const size_t n = text ? strlen(text) : 0;
    name_of(j, ".json", name);
    name_of(j, ".new", new);
    if (folder < 0) {
        free(text);
        return VIV_OK;
    }
    unlinkat(folder, new, 0);
    const int fd = openat(folder, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    errno = fd >= 0 ? ENOSPC : errno; /* of a write that is cut */
    const bool ok = text && fd >= 0 && write(fd, text, n) == (ssize_t)n && fsync(fd) == 0 &&
                    renameat(folder, new, folder, name) == 0;
    const int e = errno;
    if (fd >= 0)
        close(fd);
    close(folder);
    free(text);
    return ok ? VIV_OK
              : viv_fail(j->host, VIV_EIO,
                         "the approval of tools cannot be kept in $XDG_STATE_HOME/vivarium/pins: %s: make that "
                         "folder writable, or set XDG_STATE_HOME to another",
                         strerror(e));
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

static viv_status settle(struct mcp *m, size_t server, json_t *pins, const char *not_kept, const struct events *e,
                         bool *pinned)
{
    struct text shown = {0}, why = {0};
    bool yes = false;
    const bool changed = describe(m, server, pins, &shown);
    if (shown.size == 0)
        return VIV_OK;
    text_printf(&why, "%s%s%s",
                changed ? "tools of this server have changed since they were approved"
                        : "tools of this server are new: the model would read these descriptions and may call them",
                not_kept ? "; a yes is for this run, since " : "", not_kept ? not_kept : "");
    viv_status status = events_ask(e,
                                   json_pack("{s:s, s:i, s:s, s:s, s:s, s:s%, s:b}", "event", "ask", "step", 0,
                                             "tool", "call", "server", m->clients[server].name, "why",
                                             text_or_empty(&why), "effect", shown.data, shown.size, "undoable", 1),
                                   &yes);
    text_release(&why);
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
    const char *not_kept;
    json_t *pins = read_pins(j, &not_kept);
    for (size_t i = 0; status == VIV_OK && i < m->n_clients; i++)
        status = settle(m, i, pins, not_kept, e, &pinned);
    if (status == VIV_OK && pinned)
        status = write_pins(j, pins);
    json_decref(pins);
    return status;
}
