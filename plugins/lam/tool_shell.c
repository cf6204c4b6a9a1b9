/* tool_shell.c - a program with its arguments, in a sandbox. It reads the workspace and writes into a new folder,
 * which then comes into the workspace by one rename, as everything else does: so it can be undone, and a command
 * that fails or is killed has changed nothing. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ENTRIES = 100000 };

/* --- the command -------------------------------------------------------------------------------------------- */

static char **argv_of(const json_t *arguments)
{
    const size_t n = json_array_size(arguments);
    char **argv = calloc(n + 1, sizeof *argv);
    for (size_t i = 0; argv && i < n; i++)
        argv[i] = (char *)json_string_value(json_array_get(arguments, i));
    return argv;
}

/* Words as a shell would have them written, so that no two commands look alike. */
void command_show(const char *arguments, struct text *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,=@%";
    json_t *list = json_loads(arguments, 0, NULL), *word;
    size_t i;
    out->failed = out->failed || !list;
    json_array_foreach(list, i, word)
    {
        const char *w = json_string_value(word);
        text_printf(out, "%s", i ? " " : "");
        if (*w && w[strspn(w, plain)] == '\0') {
            text_printf(out, "%s", w);
            continue;
        }
        text_printf(out, "'");
        for (; *w; w++)
            text_printf(out, *w == '\'' ? "'\\''" : "%c", *w);
        text_printf(out, "'");
    }
    json_decref(list);
}

static viv_status prepare(const struct tool_call *c, struct sandbox *s)
{
    const struct settings *settings = c->settings;
    const int folder = root_openat(c->root, ".", O_RDONLY | O_DIRECTORY);
    *s = (struct sandbox){.root = c->root,
                          .layers = settings->sandbox == SANDBOX_OFF ? 0 : ALL_LAYERS,
                          .all = settings->sandbox == SANDBOX_ON,
                          .fresh = -1,
                          .seconds = settings->command_seconds,
                          .memory = settings->command_memory,
                          .processes = settings->command_processes,
                          .cancel = c->cancel,
                          .stopper = c->stopper};
    return folder >= 0 && names_read(folder, &s->names, &s->n_names) ? VIV_OK : root_fail(c->root, "list", ".");
}

static viv_status effect(const struct tool_call *c, struct text *out)
{
    struct sandbox s;
    struct sandbox_outcome o = {0};
    text_printf(out, "$ ");
    command_show(c->words[0], out);
    text_printf(out, "\n");
    viv_status status = prepare(c, &s);
    if (status != VIV_OK)
        return status;
    status = sandbox_run(&s, &o);
    if (status == VIV_OK)
        sandbox_describe(&o, out);
    names_release(s.names, s.n_names);
    text_release(&o.output);
    return status;
}

/* --- what it has made --------------------------------------------------------------------------------------- */

/* Readable, synced, and nothing that lets others become the owner; pipes and sockets go. */
static bool settle(int folder, int depth, size_t *n)
{
    char **names;
    size_t count;
    const int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0 || !names_read(again, &names, &count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct stat st;
        errno = EMFILE;
        ok = ++*n <= MOST_ENTRIES && fstatat(folder, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (!ok || S_ISLNK(st.st_mode))
            continue;
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
            ok = unlinkat(folder, names[i], 0) == 0;
            continue;
        }
        const bool is_folder = S_ISDIR(st.st_mode);
        if (is_folder && depth == MAX_DEPTH) {
            errno = ELOOP;
            ok = false;
            break;
        }
        const mode_t mode = (st.st_mode & 0777) | (is_folder ? 0700 : 0600);
        ok = mode == (st.st_mode & 07777) || fchmodat(folder, names[i], mode, 0) == 0;
        const int fd = ok ? openat(folder, names[i],
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (is_folder ? O_DIRECTORY : 0))
                          : -1;
        ok = fd >= 0 && (!is_folder || settle(fd, depth + 1, n)) && fsync(fd) == 0;
        const int e = errno;
        if (fd >= 0)
            close(fd);
        errno = e;
    }
    names_release(names, count);
    return ok;
}

static void show_output(const struct tool_call *c, const struct sandbox_outcome *o, struct text *result)
{
    const char *text = text_or_empty(&o->output);
    if (!text_is_utf8(text, text_cut(text, o->output.size, o->output.size))) {
        text_printf(result, "it wrote %zu bytes that are no text\n", o->output.size + o->dropped);
        return;
    }
    const size_t n = text_cut(text, o->output.size, c->limit), more = o->output.size - n + o->dropped;
    text_add(result, text, n);
    if (n && text[n - 1] != '\n')
        text_printf(result, "\n");
    if (more)
        text_printf(result, "... and %zu more bytes\n", more);
}

static viv_status judge(const struct tool_call *c, const struct sandbox_outcome *o, const char *program)
{
    switch (o->how) {
    case NOT_FOUND:
        return viv_fail(c->host, VIV_ENOTFOUND, "shell: cannot run '%s': %s", program, strerror(o->status));
    case TIMED_OUT:
        return viv_fail(c->host, VIV_ELIMIT, "shell: it was killed after %" PRId64 " seconds",
                        c->settings->command_seconds);
    case CANCELLED:
        return viv_fail(c->host, VIV_ECANCELLED, "cancelled");
    default:
        break;
    }
    if (WIFSIGNALED(o->status))
        return viv_fail(c->host, VIV_ELIMIT, "shell: it was killed: %s", strsignal(WTERMSIG(o->status)));
    return WEXITSTATUS(o->status) == 0
               ? VIV_OK
               : viv_fail(c->host, VIV_EIO, "shell: it failed with exit status %d", WEXITSTATUS(o->status));
}

/* Without namespaces, ../workspace is a link beside the new folder. */
static viv_status make_link(const struct tool_call *c)
{
    return symlinkat("../..", c->journal->kept, "workspace") == 0 || errno == EEXIST
               ? VIV_OK
               : viv_fail(c->host, VIV_EIO, "shell: cannot make the link " STORE "/kept/workspace: %s",
                          strerror(errno));
}

/* The new folder comes in, if there is anything in it. */
static viv_status bring(const struct tool_call *c, int fresh, struct text *result)
{
    size_t n = 0;
    if (fchmod(fresh, 0755) != 0 || !settle(fresh, 0, &n))
        return errno == EMFILE ? viv_fail(c->host, VIV_ELIMIT, "shell: it made more than %d files", MOST_ENTRIES)
               : errno == ELOOP
                   ? viv_fail(c->host, VIV_ELIMIT, "shell: it made folders more than %d folders deep", MAX_DEPTH)
                   : root_fail(c->root, "keep", c->words[1]);
    if (n == 0)
        return VIV_OK;
    const viv_status status = fsync(fresh) == 0 ? journal_commit(c->journal, "shell", NULL, c->words[1], false)
                                                : root_fail(c->root, "keep", c->words[1]);
    if (status == VIV_OK)
        text_printf(result, "the new folder is there now, with %zu entries\n", n);
    return status;
}

static viv_status run_in(const struct tool_call *c, const json_t *arguments, int fresh, struct text *result)
{
    struct sandbox s;
    struct sandbox_outcome o = {0};
    char *path = NULL;
    viv_status status = prepare(c, &s);
    if (status != VIV_OK)
        return status;
    char **argv = argv_of(arguments);
    if (!argv || asprintf(&path, "%s/" STORE "/kept/" STAGED, c->root->path) < 0)
        status = viv_fail(c->host, VIV_ENOMEM, "out of memory");
    s.argv = argv;
    s.fresh = fresh;
    s.fresh_path = path;
    if (status == VIV_OK)
        status = sandbox_run(&s, &o);
    if (status == VIV_OK) {
        show_output(c, &o, result);
        status = judge(c, &o, argv[0]);
    }
    names_release(s.names, s.n_names);
    text_release(&o.output);
    free(argv);
    free(path);
    return status == VIV_OK ? bring(c, fresh, result) : status;
}

/* Before anything is run: the place of the new folder must be free. */
static viv_status check_free(const struct tool_call *c)
{
    struct stat st;
    int folder = -1;
    const char *name;
    viv_status status = root_parent(c->root, c->words[1], &folder, &name);
    if (status == VIV_OK && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        status = root_fail(c->root, "make", c->words[1]);
    }
    if (folder >= 0)
        close(folder);
    return status;
}

static viv_status run(const struct tool_call *c, struct text *result)
{
    int fresh = -1;
    json_t *arguments = json_loads(c->words[0], 0, NULL);
    viv_status status = arguments ? check_free(c) : viv_fail(c->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK)
        status = journal_stage(c->journal, true, &fresh);
    if (status == VIV_OK)
        status = make_link(c);
    if (status == VIV_OK)
        status = run_in(c, arguments, fresh, result);
    if (fresh >= 0)
        close(fresh);
    json_decref(arguments);
    journal_drop(c->journal); /* what was not brought in */
    return status;
}

const struct tool tool_shell = {
    .name = "shell",
    .summary =
        "a program with its arguments, in a new folder, which is then at that place with what was written to it; "
        "\"../workspace/NAME\" is a file that is there, and cannot be written; there is no shell and no network",
    .arguments = {{.name = "arguments", .kind = ARGUMENT_VECTOR}, {.name = "to", .kind = ARGUMENT_NEW}},
    .changes = true,
    .asked_for = true,
    .untrusted = true,
    .effect = effect,
    .run = run};
