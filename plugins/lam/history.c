/* history.c - viv.acting's log and undo: the journal, told and taken back. */
#include "lam.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const states[] = {"begun", "done", "failed", "being undone", "undone"};

static json_t *json_of_action(const char *event, const struct action *a)
{
    return json_pack("{s:s, s:I, s:I, s:s, s:s, s:o, s:o, s:I}", "event", event, "action", (json_int_t)a->n, "run",
                     (json_int_t)a->run, "state",
                     a->forgotten && a->state == ACTION_DONE ? "forgotten" : states[a->state], "tool", a->tool,
                     "from", json_of_path(a->from), "to", json_of_path(a->to), "time", (json_int_t)a->time);
}

static json_t *json_of_deed(const char *event, const struct deed *d)
{
    return json_pack("{s:s, s:I, s:s, s:s, s:I}", "event", event, "run", (json_int_t)d->run, "tool", d->tool,
                     "about", d->about, "time", (json_int_t)d->time);
}

viv_status lam_log(const viv_host *host, const char *workspace, const viv_listener *listener)
{
    const struct events e = {host, listener, -1, 0};
    struct journal j;
    viv_status status = journal_open(host, workspace, JOURNAL_LOOK, &j);
    if (status != VIV_OK)
        return status;
    for (size_t r = 0, i = 0, k = 0; status == VIV_OK && r < j.n_runs; r++) {
        const struct run *run = &j.runs[r];
        status = events_tell(
            &e, json_pack("{s:s, s:I, s:s, s:s, s:I}", "event", "run", "run", (json_int_t)run->n, "task", run->task,
                          "reason", run->reason ? run->reason : "it was cut off", "time", (json_int_t)run->time));
        while (status == VIV_OK &&
               ((i < j.n_actions && j.actions[i].run == run->n) || (k < j.n_deeds && j.deeds[k].run == run->n)))
            if (k < j.n_deeds && j.deeds[k].run == run->n && j.deeds[k].n_actions <= i)
                status = events_tell(&e, json_of_deed("deed", &j.deeds[k++]));
            else
                status = events_tell(&e, json_of_action("action", &j.actions[i++]));
    }
    if (status == VIV_OK)
        status = journal_tell_kept(&j, &e);
    journal_close(&j);
    return status;
}

/* --- undo --------------------------------------------------------------------------------------------------- */

static uint64_t last_run(const struct journal *j)
{
    for (size_t i = j->n_actions; i-- > 0;)
        if (j->actions[i].state == ACTION_DONE)
            return j->actions[i].run;
    return 0;
}

viv_status lam_undo(const viv_host *host, const viv_undo *what, const viv_listener *listener)
{
    const struct events e = {host, listener, -1, 0};
    struct journal j;
    uint64_t n = 0;
    viv_status status = journal_open(host, what->workspace, JOURNAL_USE, &j);
    if (status != VIV_OK)
        return status;
    const uint64_t run = what->last ? 0 : what->run ? what->run : last_run(&j);
    if (what->run > j.n_runs)
        status = viv_fail(host, VIV_ENOTFOUND, "workspace %s: there is no run %" PRIu64 ", the last one is %zu",
                          j.root.path, what->run, j.n_runs);
    for (size_t i = j.n_actions; status == VIV_OK && i-- > 0;) {
        struct action *a = &j.actions[i];
        char *aside = NULL;
        if (a->state != ACTION_DONE || (run && a->run != run) || (what->last && n == what->last))
            continue;
        status = journal_undo(&j, a, (what->flags & VIV_UNDO_FORCE) != 0, &aside);
        json_t *event = status == VIV_OK ? json_of_action("undone", a) : NULL;
        if (event)
            json_object_set_new(event, "aside", json_of_path(aside));
        if (status == VIV_OK)
            status = events_tell(&e, event);
        n += status == VIV_OK;
        free(aside);
    }
    for (size_t i = 0; status == VIV_OK && run && i < j.n_deeds; i++)
        if (j.deeds[i].run == run)
            status = events_tell(&e, json_of_deed("stays", &j.deeds[i]));
    const viv_status told = events_tell(&e, json_pack("{s:s, s:I}", "event", "end", "undone", (json_int_t)n));
    journal_close(&j);
    return status == VIV_OK ? told : status;
}
