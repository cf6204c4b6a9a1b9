/* settle.c - after a crash: what became of an action, or of an undo, that was begun? The tree says so, since each
 * is one rename: an inode stands on one side or on the other. Only records are written; and what was kept of
 * actions that are forgotten goes. */
#include "lam.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_at(const struct print *now, const struct print *was)
{
    return was->kind == PRINT_NONE ? now->kind == PRINT_NONE : now->kind == was->kind && now->ino == was->ino;
}

void sides_restore(const struct sides *s, const struct action *a)
{
    for (int i = 0; i < 2; i++) {
        const int64_t t = a->folder[i].restore;
        const int64_t seconds = t / 1000000000 - (t % 1000000000 < 0); /* before 1970, too */
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                          {.tv_sec = seconds, .tv_nsec = t - seconds * 1000000000}};
        if (t != -1 && s->folder[i] >= 0)
            futimens(s->folder[i], times);
    }
}

static viv_status settle(struct journal *j, struct action *a)
{
    struct sides s;
    struct print now[2];
    viv_status status = sides_open(j, a, &s);
    if (status != VIV_OK)
        return status;
    status = sides_look(j, &s, now);
    /* What was staged may not have got its name: then it is not in the tree either, since nothing else has it. */
    const bool unnamed = !a->from && a->state == ACTION_BEGUN && now[FROM].kind == PRINT_NONE;
    const bool before =
        status == VIV_OK && (unnamed || is_at(&now[FROM], &a->moved)) && is_at(&now[TO], &a->replaced);
    if (status == VIV_OK && before && a->state == ACTION_BEGUN) {
        a->state = ACTION_FAILED;
        status = journal_mark(j, "failed", a, true);
    } else if (status == VIV_OK && before) {
        sides_restore(&s, a);
        a->state = ACTION_UNDONE;
        status = journal_mark(j, "undone", a, true);
    } else if (status == VIV_OK) { /* it happened; or others have been here, which an undo will notice */
        const bool after = is_at(&now[TO], &a->moved) && is_at(&now[FROM], &a->replaced);
        for (int i = 0; a->state == ACTION_BEGUN && i < 2; i++)
            a->folder[i].after = after && a->folder[i].before != -1 ? folder_time(s.folder[i]) : -1;
        a->state = ACTION_DONE;
        status = journal_mark(j, "done", a, true);
    }
    sides_close(&s);
    return status;
}

viv_status journal_settle(struct journal *j)
{
    viv_status status = VIV_OK;
    if (ftruncate(j->file, (off_t)j->end) != 0) /* a torn record */
        return viv_fail(j->host, VIV_EIO, "%s/" STORE "/journal cannot be written", j->root.path);
    for (size_t i = 0; status == VIV_OK && i < j->n_actions; i++)
        if (j->actions[i].state == ACTION_BEGUN || j->actions[i].state == ACTION_UNDOING)
            status = settle(j, &j->actions[i]);
    for (size_t i = 0; i < j->n_actions; i++) { /* its record is there; what was kept may be, too */
        char name[KEPT_NAME];
        kept_name(j->actions[i].n, name);
        if (j->actions[i].forgotten)
            remove_tree(j->kept, name);
    }
    journal_drop(j); /* what was staged for an action that never came */
    return status;
}
