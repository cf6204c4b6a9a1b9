/* undo.c - the rename of an action, backwards; after a look at both sides, so that nothing that others have changed
 * since is overwritten or hidden. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What was moved or taken away is no longer there, and cannot return. */
static bool is_gone(const struct action *a, const struct print *now)
{
    return a->from && now->ino != a->moved.ino;
}

static viv_status changed(const struct journal *j, const struct action *a, int side, const struct print *expected,
                          const struct print *found)
{
    char was[160], is[160];
    const char *path = side == FROM ? a->from : a->to;
    char *text = short_text_of_name(path ? path : "");
    print_describe(expected, was, sizeof was);
    print_describe(found, is, sizeof is);
    const viv_status status =
        path ? viv_fail(j->host, VIV_EINVAL,
                        "'%s' has changed since action %" PRIu64
                        " (%s): expected %s, found %s; it stays as it is, and %s",
                        text ? text : "", a->n, a->tool, was, is,
                        side == TO && is_gone(a, found) ? "what was moved is gone" : "--force puts it aside")
             : viv_fail(j->host, VIV_EFORMAT,
                        "%s/" STORE "/kept/%" PRIu64 " has changed: expected %s, found %s; action %" PRIu64
                        " cannot be undone",
                        j->root.path, a->n, was, is, a->n);
    free(text);
    return status;
}

static viv_status say_aside(const struct journal *j, const char *name, char **aside)
{
    free(*aside);
    *aside = NULL;
    return asprintf(aside, "%s/" STORE "/kept/%s", j->root.path, name) < 0
               ? viv_fail(j->host, VIV_ENOMEM, "out of memory")
               : VIV_OK;
}

viv_status journal_put_aside(const struct journal *j, int folder, const char *name, uint64_t n, const char *ending,
                             char **aside)
{
    char as[64];
    for (int i = 1; i < 1000; i++) {
        snprintf(as, sizeof as, i == 1 ? "%" PRIu64 ".%s" : "%" PRIu64 ".%s.%d", n, ending, i);
        if (renameat2(folder, name, j->kept, as, RENAME_NOREPLACE) == 0)
            return say_aside(j, as, aside);
        if (errno != EEXIST)
            break;
    }
    return root_fail(&j->root, "put aside", name);
}

/* Only what others have put where something else is to return is put aside. A file that was written to in its place
 * goes where the undo brings it: back, or to .viv/kept. */
static viv_status make_way(const struct journal *j, const struct action *a, const struct sides *s,
                           struct print now[2], char **aside)
{
    viv_status status = VIV_OK;
    const bool other = now[TO].kind != PRINT_NONE && now[TO].ino != a->moved.ino;
    if (a->from && now[FROM].kind != PRINT_NONE)
        status = journal_put_aside(j, s->folder[FROM], s->name[FROM], a->n, "changed", aside);
    if (status == VIV_OK && other && a->to)
        status = journal_put_aside(j, s->folder[TO], s->name[TO], a->n, "changed", aside);
    return status == VIV_OK ? sides_look(j, s, now) : status;
}

static viv_status check(const struct journal *j, const struct action *a, const struct print now[2])
{
    if (!print_same(&now[TO], &a->moved))
        return changed(j, a, TO, &a->moved, &now[TO]);
    if (!print_same(&now[FROM], &a->replaced))
        return changed(j, a, FROM, &a->replaced, &now[FROM]);
    return VIV_OK;
}

static viv_status rename_back(const struct journal *j, const struct action *a, const struct sides *s,
                              const struct print now[2])
{
    const bool has_new = now[TO].kind != PRINT_NONE, has_old = a->replaced.kind != PRINT_NONE;
    int failed = 0;
    if (has_new)
        failed = renameat2(s->folder[TO], s->name[TO], s->folder[FROM], s->name[FROM],
                           has_old ? RENAME_EXCHANGE : RENAME_NOREPLACE);
    else if (has_old)
        failed = renameat2(s->folder[FROM], s->name[FROM], s->folder[TO], s->name[TO], RENAME_NOREPLACE);
    return failed ? root_fail(&j->root, "put back", a->from ? a->from : a->to) : VIV_OK;
}

viv_status journal_undo(struct journal *j, struct action *a, bool force, char **aside)
{
    struct sides s;
    struct print now[2];
    *aside = NULL;
    if (a->forgotten)
        return viv_fail(j->host, VIV_ENOTFOUND,
                        "action %" PRIu64
                        " (%s) cannot be undone: what was kept of it is forgotten, as `viv log` was "
                        "told to (--prune-to, --prune-older)",
                        a->n, a->tool);
    viv_status status = sides_open(j, a, &s);
    if (status != VIV_OK)
        return status;
    status = sides_look(j, &s, now);
    const bool same = status == VIV_OK && check(j, a, now) == VIV_OK;
    const bool lost = is_gone(a, &now[TO]) || (!a->from && !print_same(&now[FROM], &a->replaced));
    if (status == VIV_OK && !same && (!force || lost))
        status = check(j, a, now);
    if (status == VIV_OK && (s.folder[FROM] < 0 || s.folder[TO] < 0)) {
        errno = ENOENT;
        status = root_fail(&j->root, "find the folder of", s.folder[FROM] < 0 ? a->from : a->to);
    }
    for (int i = 0; status == VIV_OK && i < 2; i++) /* unless others have changed the folder, too */
        a->folder[i].restore =
            a->folder[i].after != -1 && folder_time(s.folder[i]) == a->folder[i].after ? a->folder[i].before : -1;
    if (status == VIV_OK)
        status = journal_mark(j, "undo", a, true);
    if (status == VIV_OK) {
        a->state = ACTION_UNDOING;
        if (!same)
            status = make_way(j, a, &s, now, aside);
        if (status == VIV_OK)
            status = rename_back(j, a, &s, now);
        if (status == VIV_OK && !a->from && now[TO].kind != PRINT_NONE && !print_same(&now[TO], &a->moved))
            status = say_aside(j, s.kept, aside); /* the change has gone where the undo brings the file */
        if (status == VIV_OK && !sides_sync(&s))
            status = root_fail(&j->root, "sync the folder of", a->from ? a->from : a->to);
        if (status == VIV_OK)
            sides_restore(&s, a);
        a->state = status == VIV_OK ? ACTION_UNDONE : ACTION_DONE;
        const viv_status marked = journal_mark(j, status == VIV_OK ? "undone" : "done", a, true);
        status = status == VIV_OK ? marked : status;
    }
    sides_close(&s);
    return status;
}
