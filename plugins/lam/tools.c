/* tools.c - the tools, and what those that write files share. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

const struct tool *const tools[] = {&tool_list,           &tool_read,          &tool_search,
                                    &tool_write,          &tool_append,        &tool_move,
                                    &tool_copy,           &tool_make_folder,   &tool_delete,
                                    &tool_shell,          &tool_remember,      &tool_recall,
                                    &tool_open,           &tool_open_file,     &tool_click,
                                    &tool_click_at,       &tool_hover,         &tool_type,
                                    &tool_select,         &tool_drag,          &tool_scroll,
                                    &tool_press,          &tool_back,          &tool_switch_tab,
                                    &tool_close_tab,      &tool_save,          &tool_call,
                                    &tool_archive,        &tool_desktop_open,  &tool_desktop_start,
                                    &tool_desktop_window, &tool_desktop_click, &tool_desktop_click_at,
                                    &tool_desktop_move,   &tool_desktop_drag,  &tool_desktop_scroll,
                                    &tool_desktop_type,   &tool_desktop_key,   &tool_desktop_hold,
                                    &tool_desktop_button, &tool_desktop_wait,  &tool_desktop_keep};
const size_t n_tools = sizeof tools / sizeof *tools;

const struct tool *tool_find(const char *name)
{
    for (size_t i = 0; i < n_tools; i++)
        if (strcmp(tools[i]->name, name) == 0)
            return tools[i];
    return NULL;
}

bool argument_is_number(enum argument_kind kind)
{
    return kind >= ARGUMENT_ELEMENT;
}

bool argument_is_word(enum argument_kind kind)
{
    return kind == ARGUMENT_WORD || kind == ARGUMENT_PROGRAM || kind == ARGUMENT_KEYS || kind == ARGUMENT_MADE;
}

bool argument_is_path(enum argument_kind kind)
{
    return kind != ARGUMENT_TEXT && kind != ARGUMENT_VECTOR && kind != ARGUMENT_JSON && !argument_is_word(kind) &&
           !argument_is_number(kind);
}

viv_status tool_check(const struct tool *t, const struct tool_call *c)
{
    viv_status status = VIV_OK;
    for (int i = 0; status == VIV_OK && i < MAX_ARGUMENTS && t->arguments[i].name; i++)
        if (argument_is_path(t->arguments[i].kind))
            status = root_check(c->root, c->words[i], t->arguments[i].kind == ARGUMENT_FOLDER);
    return status;
}

viv_status tool_run(const struct tool *t, const struct tool_call *c, struct text *result)
{
    const viv_status status = tool_check(t, c);
    return status == VIV_OK ? t->run(c, result) : status;
}

viv_status tool_effect(const struct tool *t, const struct tool_call *c, struct text *out)
{
    const viv_status status = tool_check(t, c);
    return status == VIV_OK && t->effect ? t->effect(c, out) : status;
}

viv_status file_load(const struct root *r, const char *path, size_t limit, struct text *out)
{
    struct stat st;
    char bytes[65536];
    ssize_t n = 0;
    const int fd = root_openat(r, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return root_fail(r, "read", path);
    viv_status status = VIV_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        status = root_fail(r, "read", path);
    } else if ((uint64_t)st.st_size > limit) {
        errno = EFBIG;
        root_fail(r, "read", path);
        status = VIV_ELIMIT;
    }
    while (status == VIV_OK && (n = read(fd, bytes, sizeof bytes)) > 0 && out->size + (size_t)n <= limit)
        text_add(out, bytes, (size_t)n);
    if (status == VIV_OK && n < 0)
        status = root_fail(r, "read", path);
    else if (status == VIV_OK && (n > 0 || out->failed))
        status = viv_fail(r->host, out->failed ? VIV_ENOMEM : VIV_ELIMIT,
                          out->failed ? "out of memory" : "the file grows while it is read");
    close(fd);
    return status;
}

/* Extended attributes, among them access lists. What cannot be copied is left out. */
static void copy_attributes(int from, int to)
{
    char names[4096], value[4096];
    const ssize_t n = flistxattr(from, names, sizeof names);
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
        const ssize_t size = fgetxattr(from, names + at, value, sizeof value);
        if (size >= 0)
            (void)!fsetxattr(to, names + at, value, (size_t)size, 0);
    }
}

static viv_status inherit(const struct root *r, const char *path, int fd)
{
    struct stat st;
    const int old = root_openat(r, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (old < 0)
        return errno == ENOENT ? VIV_OK : root_fail(r, "replace", path);
    viv_status status = VIV_OK;
    if (fstat(old, &st) != 0 || !S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        status = root_fail(r, "replace", path);
    } else {
        (void)!fchown(fd, st.st_uid, st.st_gid);
        (void)!fchmod(fd, st.st_mode & 0777);
        copy_attributes(old, fd);
    }
    close(old);
    return status;
}

viv_status staged_write(const struct tool_call *c, int fd, const struct text *bytes, const char *replaces)
{
    size_t done = 0;
    ssize_t n = 0;
    viv_status status = inherit(c->root, replaces, fd);
    while (status == VIV_OK && done < bytes->size && (n = write(fd, bytes->data + done, bytes->size - done)) > 0)
        done += (size_t)n;
    if (status == VIV_OK && (n < 0 || done < bytes->size || fsync(fd) != 0))
        status = root_fail(c->root, "write", replaces);
    close(fd);
    return status;
}
