/* scene.c - what there is in the workspace: the names that the model sees, and that its actions may have. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool add(struct scene *s, const char *path, bool folder)
{
    if (s->n == s->capacity) {
        const size_t capacity = 2 * s->capacity + 64;
        struct entry *more = realloc(s->entries, capacity * sizeof *more);
        if (!more)
            return false;
        s->entries = more;
        s->capacity = capacity;
    }
    struct entry e = {.path = strdup(path), .text = text_of_name(path), .folder = folder};
    if (!e.path || !e.text) {
        free(e.path);
        free(e.text);
        return false;
    }
    s->entries[s->n++] = e;
    return true;
}

static void drop(struct scene *s, size_t i)
{
    free(s->entries[i].path);
    free(s->entries[i].text);
    memmove(s->entries + i, s->entries + i + 1, (--s->n - i) * sizeof *s->entries);
}

void scene_release(struct scene *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->entries[i].path);
        free(s->entries[i].text);
    }
    free(s->entries);
    *s = (struct scene){0};
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static void sort(struct scene *s)
{
    if (s->n)
        qsort(s->entries, s->n, sizeof *s->entries, by_path);
}

const struct entry *scene_find(const struct scene *s, const char *path)
{
    const struct entry key = {.path = (char *)path};
    return s->n ? bsearch(&key, s->entries, s->n, sizeof key, by_path) : NULL;
}

/* What is in one folder, if it can be entered, else *closed; symbolic links and the like are shown, too, as files:
 * they can be moved and deleted. */
static bool look_in(const struct root *r, const char *path, size_t most, struct scene *s, bool *closed)
{
    char **names;
    size_t n;
    const bool top = strcmp(path, ".") == 0;
    const int fd = root_openat(r, path, O_RDONLY | O_DIRECTORY), again = fd >= 0 ? dup(fd) : -1;
    if (again < 0 || !names_read(again, &names, &n)) {
        if (fd >= 0)
            close(fd);
        *closed = errno == EACCES || errno == EXDEV;
        return *closed || errno == ENOENT || errno == ELOOP; /* not for us, or gone */
    }
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        struct stat st;
        struct text full = {0};
        if (strcmp(names[i], STORE) == 0 || fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        s->total++;
        text_printf(&full, "%s%s%s", top ? "" : path, top ? "" : "/", names[i]);
        ok = !full.failed && (s->n >= most || full.size > MAX_PATH || add(s, full.data, S_ISDIR(st.st_mode)));
        text_release(&full);
    }
    names_release(names, n);
    close(fd);
    return ok;
}

viv_status scene_look(const struct root *r, size_t most, struct scene *out)
{
    struct scene s = {0};
    bool closed = false, ok = look_in(r, ".", most, &s, &closed);
    for (size_t i = 0; ok && i < s.n; i++) /* what is found is behind, so that those near the top come first */
        if (s.entries[i].folder) {
            char *path = strdup(s.entries[i].path); /* adding moves the entries */
            closed = false;
            ok = path && look_in(r, path, most, &s, &closed);
            s.entries[i].closed = closed;
            free(path);
        }
    if (!ok) {
        scene_release(&s);
        return viv_fail(r->host, VIV_EIO, "workspace %s: cannot be looked at: %s", r->path, strerror(errno));
    }
    sort(&s);
    *out = s;
    return VIV_OK;
}

/* --- dry runs ----------------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *folder)
{
    const size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool imagine_copy(struct scene *s, const char *from, const char *to)
{
    const size_t n = s->n;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        if (is_below(s->entries[i].path, from)) {
            struct text path = {0};
            text_printf(&path, "%s%s", to, s->entries[i].path + strlen(from));
            ok = !path.failed && add(s, path.data, s->entries[i].folder);
            text_release(&path);
        }
    return ok;
}

static void imagine_gone(struct scene *s, const char *path, size_t n)
{
    for (size_t i = n; i-- > 0;)
        if (is_below(s->entries[i].path, path))
            drop(s, i);
}

/* What the tool itself would say of what is there. */
static viv_status refuse(const struct scene *s, const struct tool *t, const struct tool_call *c)
{
    const bool two = t == &tool_move || t == &tool_copy || t == &tool_archive || t == &tool_shell;
    const struct entry *at = scene_find(s, c->words[two]);
    if (at && t == &tool_write && at->folder) {
        errno = EISDIR;
        return root_fail(c->root, "read", at->path);
    }
    if (at && (two || t == &tool_make_folder)) {
        errno = EEXIST;
        return root_fail(c->root, "make", at->path);
    }
    if (t == &tool_move && is_below(c->words[1], c->words[0])) {
        errno = EINVAL;
        return root_fail(c->root, "move", c->words[0]);
    }
    return VIV_OK;
}

viv_status scene_imagine(struct scene *s, const struct tool *t, const struct tool_call *c)
{
    const size_t n = s->n;
    bool ok = true;
    viv_status status = tool_check(t, c);
    if (status == VIV_OK)
        status = refuse(s, t, c);
    if (status != VIV_OK)
        return status;
    if (t == &tool_move || t == &tool_copy)
        ok = imagine_copy(s, c->words[0], c->words[1]);
    if (t == &tool_move || t == &tool_delete)
        imagine_gone(s, c->words[0], n);
    if ((t == &tool_write || t == &tool_make_folder) && !scene_find(s, c->words[0]))
        ok = add(s, c->words[0], t == &tool_make_folder);
    if (t == &tool_shell || t == &tool_archive)
        ok = add(s, c->words[1], t == &tool_shell);
    sort(s);
    return ok ? VIV_OK : viv_fail(c->host, VIV_ENOMEM, "out of memory");
}

json_t *scene_difference(const struct scene *before, const struct scene *after)
{
    json_t *added = json_array(), *removed = json_array();
    for (size_t i = 0, k = 0; i < before->n || k < after->n;) {
        const int order = i == before->n  ? 1
                          : k == after->n ? -1
                                          : strcmp(before->entries[i].path, after->entries[k].path);
        if (order < 0)
            json_array_append_new(removed, json_string(before->entries[i].text));
        else if (order > 0)
            json_array_append_new(added, json_string(after->entries[k].text));
        i += order <= 0;
        k += order >= 0;
    }
    return json_pack("{s:o, s:o}", "added", added, "removed", removed);
}
