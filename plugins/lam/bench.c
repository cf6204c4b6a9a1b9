/* bench.c - viv.acting's bench: what acting costs without a model, in a folder of its own that is removed again.
 *
 *   an action     seconds with the journal, less those of the same change without one (made as durable)
 *   fsync         of a record as long as the journal's, on the same file system: what an action may cost more
 *   perception    seconds from the question to the elements of a page, each of a page that has just been opened
 *   schema        of the next action on that page, so that the host can measure masks
 *
 * The three ways to a change take turns, so that what else goes on strikes all of them. */
#include "browser/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACTIONS = 20, PAGES = 2 /* of a round */, MOST_ROUNDS = 1000, ROWS = 100, RECORD = 300 };
#define PAGE "page.html"
static const char spec[] = "{\"stages\": {}, \"tools\": [\"list\", \"read\", \"search\", \"write\", \"append\", "
                           "\"move\", \"copy\", \"make_folder\", \"delete\", \"browser\"], "
                           "\"browser\": {\"files\": true}, \"limits\": {\"elements\": 1000}}";

struct bench {
    const viv_host *host;
    const viv_act *task;
    struct events events;
    struct settings settings;
    struct journal journal;
    int bare; /* a folder beside the workspace */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, ascending);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static viv_status io(const struct bench *b)
{
    return viv_fail(b->host, VIV_EIO, "%s: %s", b->task->workspace, strerror(errno));
}

/* --- the journal -------------------------------------------------------------------------------------------- */

static viv_status use(const struct bench *b, const struct tool *t, const char *first, const char *second)
{
    struct text result = {0};
    const struct tool_call c = {.host = b->host,
                                .root = &b->journal.root,
                                .journal = (struct journal *)&b->journal,
                                .words = {first, second},
                                .limit = 4000,
                                .settings = &b->settings};
    const viv_status status = tool_run(t, &c, &result);
    text_release(&result);
    return status;
}

static bool write_bare(int folder, const char *name, const char *bytes)
{
    const int fd = openat(folder, "staged", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const ssize_t n = (ssize_t)strlen(bytes);
    const bool ok = fd >= 0 && write(fd, bytes, (size_t)n) == n && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok && renameat2(folder, "staged", folder, name, RENAME_NOREPLACE) == 0 && fsync(folder) == 0;
}

static bool move_bare(int folder, const char *from, const char *to)
{
    return renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0 && fsync(folder) == 0;
}

struct costs {
    double *fsync, *write, *move, *bare_write, *bare_move; /* [n] seconds */
    size_t n;
};

static viv_status act_once(const struct bench *b, size_t i, int log, struct costs *c)
{
    static const char text[] = "A text of a line or so, as a model writes it into a file.\n";
    char record[RECORD], name[32], moved[32];
    double t[6];
    memset(record, 'x', sizeof record);
    snprintf(name, sizeof name, "file-%zu", i);
    snprintf(moved, sizeof moved, "moved-%zu", i);
    t[0] = now();
    if (write(log, record, sizeof record) != (ssize_t)sizeof record || fdatasync(log) != 0)
        return io(b);
    t[1] = now();
    if (!write_bare(b->bare, name, text))
        return io(b);
    t[2] = now();
    if (!move_bare(b->bare, name, moved))
        return io(b);
    t[3] = now();
    viv_status status = use(b, &tool_write, name, text);
    t[4] = now();
    if (status == VIV_OK)
        status = use(b, &tool_move, name, moved);
    t[5] = now();
    c->fsync[i] = t[1] - t[0];
    c->bare_write[i] = t[2] - t[1];
    c->bare_move[i] = t[3] - t[2];
    c->write[i] = t[4] - t[3];
    c->move[i] = t[5] - t[4];
    return status;
}

static viv_status tell_action(const struct bench *b, const char *tool, double *with, double *without, size_t n,
                              double one_fsync)
{
    const double journal = median(with, n), bare = median(without, n);
    return events_tell(&b->events,
                       json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f}", "event", "bench_action", "tool", tool,
                                 "actions", (json_int_t)n, "bare_seconds", bare, "seconds", journal,
                                 "overhead_seconds", journal - bare, "fsync_seconds", one_fsync));
}

static viv_status measure_actions(struct bench *b, size_t rounds)
{
    const size_t n = ACTIONS * rounds;
    double *all = calloc(5 * n, sizeof *all);
    struct costs c = {all, all + n, all + 2 * n, all + 3 * n, all + 4 * n, n};
    viv_status status = all ? VIV_OK : viv_fail(b->host, VIV_ENOMEM, "out of memory");
    const int log = openat(b->bare, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (status == VIV_OK && log < 0)
        status = io(b);
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        status = viv_is_cancelled(b->task->cancel) ? viv_fail(b->host, VIV_ECANCELLED, "cancelled")
                                                   : act_once(b, i, log, &c);
    if (log >= 0)
        close(log);
    const double one = status == VIV_OK ? median(c.fsync, n) : NAN;
    if (status == VIV_OK)
        status = tell_action(b, "write", c.write, c.bare_write, n, one);
    if (status == VIV_OK)
        status = tell_action(b, "move", c.move, c.bare_move, n, one);
    free(all);
    return status;
}

/* --- a page ------------------------------------------------------------------------------------------------- */

/* A table of which each row has five things that can be seen, three of which can be used. */
static viv_status make_page(const struct bench *b)
{
    struct text page = {0};
    text_printf(&page, "<!DOCTYPE html><title>Five hundred elements</title><table>");
    for (int i = 0; i < ROWS; i++)
        text_printf(&page,
                    "<tr class=row><td class=name>Row %d<td><a href=\"#%d\">Link %d</a><td><button>Do %d</button>"
                    "<td><input name=f%d value=\"%d\"><td><label class=check><input type=checkbox>Box</label>",
                    i, i, i, i, i, i);
    const viv_status status = page.failed ? viv_fail(b->host, VIV_ENOMEM, "out of memory")
                              : faccessat(b->journal.root.fd, PAGE, F_OK, 0) == 0
                                  ? VIV_OK
                                  : use(b, &tool_write, PAGE, page.data);
    text_release(&page);
    return status;
}

/* Why there are no figures of pages, as an event: it is no failure of the rest. */
static viv_status tell_none(const struct bench *b, const char *why)
{
    return events_tell(&b->events, json_pack("{s:s, s:s}", "event", "bench_page", "reason", why));
}

static viv_status look_once(const struct bench *b, struct browser *browser, double *seconds, struct text *said)
{
    const struct tool_call c = {.host = b->host,
                                .root = &b->journal.root,
                                .journal = (struct journal *)&b->journal,
                                .words = {PAGE},
                                .limit = 4000,
                                .settings = &b->settings,
                                .cancel = b->task->cancel,
                                .browser = browser};
    viv_status status = tool_run(&tool_open_file, &c, said);
    const double begin = now();
    if (status == VIV_OK)
        status = browser_look(browser);
    *seconds = now() - begin;
    return status;
}

static viv_status tell_schema(const struct bench *b, const struct browser *browser)
{
    struct scene scene;
    viv_status status = scene_look(&b->journal.root, (size_t)b->settings.names, &scene);
    if (status != VIV_OK)
        return status;
    status =
        events_tell(&b->events, json_pack("{s:s, s:I, s:o}", "event", "bench_schema", "names", (json_int_t)scene.n,
                                          "schema", action_schema(&b->settings, &scene, browser, NULL, NULL)));
    scene_release(&scene);
    return status;
}

static viv_status measure_page(struct bench *b, size_t rounds)
{
    const size_t n = PAGES * rounds;
    struct browser *browser =
        browser_create(b->host, &b->journal.root, b->journal.store, &b->events, &b->settings, b->task->cancel);
    double *seconds = calloc(n, sizeof *seconds);
    struct text said = {0};
    viv_status status = browser && seconds ? make_page(b) : viv_fail(b->host, VIV_ENOMEM, "out of memory"),
               looked = status;
    for (size_t i = 0; looked == VIV_OK && i < n; i++)
        looked = look_once(b, browser, &seconds[i], &said);
    if (status == VIV_OK && (looked == VIV_ENOMEM || looked == VIV_ECANCELLED))
        status = looked;
    if (status == VIV_OK && (looked != VIV_OK || !browser->page)) {
        status = tell_none(b, "the browser is not here, or does not start (viv act says why)");
    } else if (status == VIV_OK) {
        const double middle = median(seconds, n);
        status =
            events_tell(&b->events, json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "event", "bench_page", "elements",
                                              (json_int_t)json_array_size(json_object_get(browser->page, "items")),
                                              "pages", (json_int_t)n, "seconds", middle, "min_seconds", seconds[0],
                                              "max_seconds", seconds[n - 1]));
    }
    if (status == VIV_OK)
        status = tell_schema(b, looked == VIV_OK ? browser : NULL);
    browser_destroy(browser);
    text_release(&said);
    free(seconds);
    return status;
}

/* --- viv.acting's bench ------------------------------------------------------------------------------------- */

static viv_status measure(struct bench *b, const char *folder, size_t rounds)
{
    struct text work = {0}, bare = {0};
    text_printf(&work, "%s/journal", folder);
    text_printf(&bare, "%s/bare", folder);
    viv_status status = work.failed || bare.failed ? viv_fail(b->host, VIV_ENOMEM, "out of memory") : VIV_OK;
    if (status == VIV_OK && (mkdir(work.data, 0700) != 0 || mkdir(bare.data, 0700) != 0 ||
                             (b->bare = open(bare.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0))
        status = io(b);
    if (status == VIV_OK)
        status = journal_open(b->host, work.data, JOURNAL_MAKE, &b->journal);
    if (status == VIV_OK)
        status = journal_begin(&b->journal, "viv bench --lam");
    if (status == VIV_OK)
        status = measure_actions(b, rounds);
    if (status == VIV_OK)
        status = measure_page(b, rounds);
    text_release(&work);
    text_release(&bare);
    return status;
}

viv_status lam_bench(const viv_host *host, const viv_act *task, uint32_t rounds, const viv_listener *listener)
{
    struct bench b = {.host = host,
                      .task = task,
                      .events = {host, listener, -1, 0},
                      .journal = {.store = -1, .kept = -1, .file = -1},
                      .bare = -1};
    char *folder = NULL;
    viv_status status = settings_read(host, "viv bench --lam", spec, &b.settings);
    if (status != VIV_OK)
        return status;
    if (asprintf(&folder, "%s/viv-bench-XXXXXX", task->workspace) < 0)
        folder = NULL;
    if (!folder)
        status = viv_fail(host, VIV_ENOMEM, "out of memory");
    else if (rounds < 1 || rounds > MOST_ROUNDS)
        status = viv_fail(host, VIV_EINVAL, "rounds: expected 1 to %d", MOST_ROUNDS);
    else if (!mkdtemp(folder))
        status = io(&b);
    else {
        status = measure(&b, folder, rounds);
        journal_close(&b.journal);
        if (b.bare >= 0)
            close(b.bare);
        remove_tree(AT_FDCWD, folder);
    }
    free(folder);
    settings_release(&b.settings);
    return status;
}
