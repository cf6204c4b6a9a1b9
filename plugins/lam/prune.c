/* prune.c - viv.acting's prune: what is kept of the oldest actions goes, so that .viv/kept does not grow for ever.
 * Such an action cannot be undone any more: the user has said how much is to stay, or for how long.
 *
 * The order for each action: the record that it is forgotten is written and synced; then what was kept is removed.
 * After a crash between the two, settle.c removes it. What others have put aside (N.changed, N.found) stays. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the disk; what cannot be looked at has none. */
static uint64_t bytes_of(int at, const char *name, int depth)
{
    struct stat st;
    char **names;
    size_t n;
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    uint64_t bytes = (uint64_t)st.st_blocks * 512;
    const int folder = S_ISDIR(st.st_mode) && depth < MAX_DEPTH
                           ? openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                           : -1;
    const int again = folder >= 0 ? openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (again >= 0 && names_read(again, &names, &n)) {
        for (size_t i = 0; i < n; i++)
            bytes += bytes_of(folder, names[i], depth + 1);
        names_release(names, n);
    }
    if (folder >= 0)
        close(folder);
    return bytes;
}

static bool is_kept(const struct journal *j, const struct action *a)
{
    char name[KEPT_NAME];
    kept_name(a->n, name);
    return !a->forgotten && faccessat(j->kept, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

viv_status journal_forget(struct journal *j, struct action *a)
{
    char name[KEPT_NAME];
    const viv_status status = journal_mark(j, "forgotten", a, true);
    if (status != VIV_OK)
        return status;
    a->forgotten = true;
    kept_name(a->n, name);
    remove_tree(j->kept, name);
    return faccessat(j->kept, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0
               ? VIV_OK
               : viv_fail(j->host, VIV_EIO,
                          "%s/" STORE "/kept/%s cannot be removed, or not all of it: action %" PRIu64
                          " is forgotten, and the next run tries again",
                          j->root.path, name, a->n);
}

/* Of each action, if `each` is not NULL, and in all. */
static uint64_t measure(const struct journal *j, uint64_t *each, size_t *n)
{
    uint64_t total = 0;
    *n = 0;
    for (size_t i = 0; i < j->n_actions; i++) {
        char name[KEPT_NAME];
        kept_name(j->actions[i].n, name);
        const bool is = is_kept(j, &j->actions[i]);
        const uint64_t bytes = is ? bytes_of(j->kept, name, 0) : 0;
        if (each)
            each[i] = bytes;
        total += bytes;
        *n += is;
    }
    return total;
}

viv_status journal_tell_kept(const struct journal *j, const struct events *e)
{
    size_t n;
    const uint64_t bytes = measure(j, NULL, &n);
    return events_tell(
        e, json_pack("{s:s, s:I, s:I}", "event", "kept", "actions", (json_int_t)n, "bytes", (json_int_t)bytes));
}

static viv_status tell_action(const struct events *e, const struct action *a, uint64_t bytes)
{
    return events_tell(e, json_pack("{s:s, s:I, s:I, s:s, s:o, s:o, s:I, s:I}", "event", "pruned_action", "action",
                                    (json_int_t)a->n, "run", (json_int_t)a->run, "tool", a->tool, "from",
                                    json_of_path(a->from), "to", json_of_path(a->to), "time", (json_int_t)a->time,
                                    "bytes", (json_int_t)bytes));
}

viv_status journal_prune(struct journal *j, int64_t most, int64_t seconds, const struct events *e)
{
    const int64_t now = time(NULL);
    uint64_t *bytes = calloc(j->n_actions + 1, sizeof *bytes), gone = 0;
    size_t n_kept = 0;
    json_int_t n = 0;
    viv_status status = bytes ? VIV_OK : viv_fail(j->host, VIV_ENOMEM, "out of memory");
    const uint64_t total = bytes ? measure(j, bytes, &n_kept) : 0;
    for (size_t i = 0; status == VIV_OK && i < j->n_actions; i++) { /* the oldest first */
        struct action *a = &j->actions[i];
        const bool much = most >= 0 && total - gone > (uint64_t)most,
                   old = seconds >= 0 && a->time <= now - seconds;
        if (!(much || old) || !is_kept(j, a))
            continue;
        status = journal_forget(j, a);
        gone += bytes[i];
        n += status == VIV_OK;
        if (status == VIV_OK)
            status = tell_action(e, a, bytes[i]);
    }
    if (status == VIV_OK && fsync(j->kept) != 0)
        status = viv_fail(j->host, VIV_EIO, "%s/" STORE "/kept: %s", j->root.path, strerror(errno));
    if (status == VIV_OK)
        status = events_tell(e, json_pack("{s:s, s:I, s:I, s:I}", "event", "pruned", "actions", n, "bytes",
                                          (json_int_t)gone, "left", (json_int_t)(total - gone)));
    free(bytes);
    return status;
}

viv_status lam_prune(const viv_host *host, const viv_prune *what, const viv_listener *listener)
{
    const struct events e = {host, listener, -1, 0};
    struct journal j;
    viv_status status = journal_open(host, what->workspace, JOURNAL_USE, &j);
    if (status != VIV_OK)
        return status;
    status = journal_prune(&j, what->bytes, what->seconds, &e);
    journal_close(&j);
    return status;
}
