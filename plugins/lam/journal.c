/* journal.c - what was done in a workspace, so that it can be undone. See lam.h for the idea, record.c for the
 * file.
 *
 * The order of one action, after which a crash at any point leaves it either not begun or done:
 *   1. what it makes is whole under .viv/kept/new, and synced   (journal_stage, the tool); then it is called N
 *      (where the disk does not have that name after a crash, the action has not begun)
 *   2. the record is written and synced
 *   3. one renameat2(2), which overwrites nothing
 *   4. both folders are synced
 *   5. the record that it is done                               (settle.c finds out without it) */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const uint64_t LARGEST_JOURNAL = 256u << 20;
enum { LONGEST_TASK = 65536 };

/* --- reading ------------------------------------------------------------------------------------------------ */

static viv_status damaged(const struct journal *j, size_t line, const char *why)
{
    return viv_fail(
        j->host, VIV_EFORMAT,
        "%s/" STORE
        "/journal:%zu: the record is damaged: %s. Nothing was touched. To begin anew, move the folder " STORE
        " away: what was done before cannot be undone then",
        j->root.path, line, why);
}

static bool add_run(struct journal *j, const json_t *record)
{
    json_int_t n, time;
    const char *kind, *task;
    if (json_unpack((json_t *)record, "{s:s, s:I, s:s, s:I !}", "record", &kind, "run", &n, "task", &task, "time",
                    &time) != 0 ||
        n != (json_int_t)j->n_runs + 1)
        return false;
    if (j->n_runs == j->runs_capacity) {
        const size_t capacity = 2 * j->runs_capacity + 8;
        struct run *more = realloc(j->runs, capacity * sizeof *more);
        if (!more)
            return false;
        j->runs = more;
        j->runs_capacity = capacity;
    }
    struct run *r = &j->runs[j->n_runs];
    *r = (struct run){.n = (uint64_t)n, .task = strdup(task), .time = time};
    j->n_runs += r->task != NULL;
    return r->task != NULL;
}

static bool end_run(struct journal *j, const json_t *record)
{
    json_int_t n;
    const char *kind, *reason;
    if (json_unpack((json_t *)record, "{s:s, s:I, s:s !}", "record", &kind, "run", &n, "reason", &reason) != 0 ||
        n < 1 || (uint64_t)n > j->n_runs || j->runs[n - 1].reason)
        return false;
    return (j->runs[n - 1].reason = strdup(reason)) != NULL;
}

static bool grow_actions(struct journal *j)
{
    if (j->n_actions < j->actions_capacity)
        return true;
    const size_t capacity = 2 * j->actions_capacity + 16;
    struct action *more = realloc(j->actions, capacity * sizeof *more);
    if (more) {
        j->actions = more;
        j->actions_capacity = capacity;
    }
    return more != NULL;
}

static bool add_action(struct journal *j, const json_t *record, const char **why)
{
    struct action a;
    if (!grow_actions(j) || !action_read(&j->root, record, &a, why))
        return false;
    if (a.n != j->n_actions + 1 || a.run != j->n_runs || a.run == 0) {
        *why = "its number is not the next one";
        action_release(&a);
        return false;
    }
    j->actions[j->n_actions++] = a;
    return true;
}

static bool add_deed(struct journal *j, const json_t *record)
{
    json_int_t run, time;
    const char *kind, *tool, *about;
    if (json_unpack((json_t *)record, "{s:s, s:I, s:s, s:s, s:I !}", "record", &kind, "run", &run, "tool", &tool,
                    "about", &about, "time", &time) != 0 ||
        run < 1 || run != (json_int_t)j->n_runs)
        return false;
    if (j->n_deeds == j->deeds_capacity) {
        const size_t capacity = 2 * j->deeds_capacity + 16;
        struct deed *more = realloc(j->deeds, capacity * sizeof *more);
        if (!more)
            return false;
        j->deeds = more;
        j->deeds_capacity = capacity;
    }
    const struct deed d = {.run = (uint64_t)run,
                           .n_actions = j->n_actions,
                           .tool = strdup(tool),
                           .about = strdup(about),
                           .time = time};
    j->deeds[j->n_deeds++] = d;
    return d.tool && d.about;
}

/* What may follow what. */
static bool mark_action(struct journal *j, const char *mark, const json_t *record)
{
    json_int_t n, times[2];
    const char *kind;
    if (json_unpack((json_t *)record, "{s:s, s:I, s:[I, I !] !}", "record", &kind, "action", &n, "folders",
                    &times[0], &times[1]) != 0 ||
        n < 1 || (uint64_t)n > j->n_actions)
        return false;
    struct action *a = &j->actions[n - 1];
    if (strcmp(mark, "done") == 0 && (a->state == ACTION_BEGUN || a->state == ACTION_UNDOING)) {
        a->state = ACTION_DONE;
        for (int i = 0; i < 2; i++)
            a->folder[i].after = times[i];
    } else if (strcmp(mark, "failed") == 0 && a->state == ACTION_BEGUN) {
        a->state = ACTION_FAILED;
    } else if (strcmp(mark, "forgotten") == 0 && !a->forgotten && a->state != ACTION_BEGUN &&
               a->state != ACTION_UNDOING) {
        a->forgotten = true;
    } else if (strcmp(mark, "undo") == 0 && a->state == ACTION_DONE && !a->forgotten) {
        a->state = ACTION_UNDOING;
        for (int i = 0; i < 2; i++)
            a->folder[i].restore = times[i];
    } else if (strcmp(mark, "undone") == 0 && a->state == ACTION_UNDOING) {
        a->state = ACTION_UNDONE;
    } else {
        return false;
    }
    return true;
}

static viv_status take_record(struct journal *j, const json_t *record, size_t line)
{
    const char *kind = json_string_value(json_object_get(record, "record")),
               *why = "it says nothing that can follow";
    bool ok = false;
    if (!kind)
        why = "it does not say what it records";
    else if (strcmp(kind, "journal") == 0)
        ok = line == 1 && json_integer_value(json_object_get(record, "version")) == 1;
    else if (line == 1)
        why = "expected the first record of a journal of version 1";
    else if (strcmp(kind, "run") == 0)
        ok = add_run(j, record);
    else if (strcmp(kind, "end") == 0)
        ok = end_run(j, record);
    else if (strcmp(kind, "action") == 0)
        ok = add_action(j, record, &why);
    else if (strcmp(kind, "deed") == 0)
        ok = add_deed(j, record);
    else
        ok = mark_action(j, kind, record);
    return ok ? VIV_OK : damaged(j, line, why);
}

/* A record that a crash has cut has no line feed, or is zeros; it is the last, and its action was not begun. */
static bool is_torn(const char *at, size_t n)
{
    size_t zeros = 0;
    while (zeros < n && at[zeros] == '\0')
        zeros++;
    return !memchr(at, '\n', n) || zeros == n;
}

static viv_status take_records(struct journal *j, const char *bytes, size_t size)
{
    size_t at = 0;
    for (size_t line = 1; at < size && !is_torn(bytes + at, size - at); line++) {
        const size_t n = (size_t)((const char *)memchr(bytes + at, '\n', size - at) - (bytes + at));
        const char *why = "";
        json_t *record = record_read(bytes + at, n, &why);
        const viv_status status = record ? take_record(j, record, line) : damaged(j, line, why);
        json_decref(record);
        if (status != VIV_OK)
            return status;
        at += n + 1;
    }
    j->end = at;
    return VIV_OK;
}

static viv_status read_journal(struct journal *j)
{
    struct stat st;
    char *bytes = NULL;
    size_t have = 0;
    if (fstat(j->file, &st) != 0 || !S_ISREG(st.st_mode))
        return viv_fail(j->host, VIV_EFORMAT, "%s/" STORE "/journal is no file: move the folder " STORE " away",
                        j->root.path);
    if ((uint64_t)st.st_size > LARGEST_JOURNAL)
        return viv_fail(j->host, VIV_ELIMIT,
                        "%s/" STORE "/journal has more than 256 MiB: move the folder " STORE " away to begin anew",
                        j->root.path);
    const size_t size = (size_t)st.st_size;
    if (!(bytes = malloc(size + 1)))
        return viv_fail(j->host, VIV_ENOMEM, "out of memory");
    for (ssize_t n = 1; have < size && n > 0; have += n > 0 ? (size_t)n : 0)
        n = pread(j->file, bytes + have, size - have, (off_t)have);
    const viv_status status =
        have == size ? take_records(j, bytes, size)
                     : viv_fail(j->host, VIV_EIO, "%s/" STORE "/journal: cannot be read", j->root.path);
    free(bytes);
    return status;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

viv_status journal_append(struct journal *j, json_t *record, bool sync)
{
    size_t size = 0;
    char *line = record_write(record, &size);
    json_decref(record);
    if (!line)
        return viv_fail(j->host, VIV_ENOMEM, "out of memory");
    const ssize_t n = pwrite(j->file, line, size, (off_t)j->end);
    const bool ok = n == (ssize_t)size && (!sync || fdatasync(j->file) == 0);
    const int e = n >= 0 && n < (ssize_t)size ? ENOSPC : errno;
    free(line);
    if (ok) {
        j->end += size;
        return VIV_OK;
    }
    if (ftruncate(j->file, (off_t)j->end) != 0)
        j->broken = true;
    return viv_fail(j->host, VIV_EIO, "%s/" STORE "/journal: cannot be written: %s", j->root.path, strerror(e));
}

viv_status journal_mark(struct journal *j, const char *mark, const struct action *a, bool sync)
{
    const bool undo = strcmp(mark, "undo") == 0;
    return journal_append(j,
                          json_pack("{s:s, s:I, s:[I, I]}", "record", mark, "action", (json_int_t)a->n, "folders",
                                    (json_int_t)(undo ? a->folder[FROM].restore : a->folder[FROM].after),
                                    (json_int_t)(undo ? a->folder[TO].restore : a->folder[TO].after)),
                          sync);
}

/* --- opening ------------------------------------------------------------------------------------------------ */

/* The workspace's own time does not change by this. */
static viv_status make_store(struct journal *j)
{
    struct stat st;
    const struct root *r = &j->root;
    if (fstat(r->fd, &st) != 0 || mkdirat(r->fd, STORE, 0700) != 0)
        return errno == EEXIST ? VIV_OK
               : errno == EACCES || errno == EROFS
                   ? viv_fail(j->host, VIV_EIO, "workspace %s is not writable: %s", r->path, strerror(errno))
                   : viv_fail(j->host, VIV_EIO, "workspace %s: cannot make " STORE ": %s", r->path,
                              strerror(errno));
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};
    futimens(r->fd, times);
    return VIV_OK;
}

static viv_status open_store(struct journal *j, enum journal_mode mode)
{
    const struct root *r = &j->root;
    viv_status status = mode == JOURNAL_MAKE ? make_store(j) : VIV_OK;
    if (status != VIV_OK)
        return status;
    j->store = root_openat(r, STORE, O_RDONLY | O_DIRECTORY);
    if (j->store >= 0 && mode == JOURNAL_MAKE && mkdirat(j->store, "kept", 0700) != 0 && errno != EEXIST)
        return viv_fail(j->host, VIV_EIO, "%s/" STORE ": %s", r->path, strerror(errno));
    if (j->store >= 0)
        j->file = openat(j->store, "journal",
                         (mode == JOURNAL_LOOK ? O_RDONLY : O_RDWR) | (mode == JOURNAL_MAKE ? O_CREAT : 0) |
                             O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                         0600);
    if (j->file >= 0)
        j->kept = root_openat(r, STORE "/kept", O_RDONLY | O_DIRECTORY);
    if (j->kept >= 0)
        return VIV_OK;
    if (j->file >= 0)
        return viv_fail(j->host, VIV_EIO, "%s/" STORE "/kept, where old files are kept: %s", r->path,
                        strerror(errno));
    return errno == ENOENT ? viv_fail(j->host, VIV_ENOTFOUND,
                                      "workspace %s: nothing was done here, there is no " STORE "/journal", r->path)
                           : viv_fail(j->host, VIV_EIO, "%s/" STORE "/journal: %s", r->path, strerror(errno));
}

static viv_status write_header(struct journal *j)
{
    if (j->end > 0)
        return VIV_OK;
    viv_status status = journal_append(j, json_pack("{s:s, s:i}", "record", "journal", "version", 1), true);
    if (status == VIV_OK && (fsync(j->store) != 0 || fsync(j->root.fd) != 0))
        status = viv_fail(j->host, VIV_EIO, "%s/" STORE ": %s", j->root.path, strerror(errno));
    return status;
}

viv_status journal_open(const viv_host *host, const char *workspace, enum journal_mode mode, struct journal *out)
{
    struct journal j = {.host = host, .store = -1, .kept = -1, .file = -1};
    viv_status status = root_open(host, workspace, &j.root);
    if (status != VIV_OK)
        return status;
    status = open_store(&j, mode);
    if (status == VIV_OK && mode != JOURNAL_LOOK && flock(j.file, LOCK_EX | LOCK_NB) != 0)
        status = viv_fail(host, VIV_EIO, "workspace %s: another viv is at work in it", j.root.path);
    if (status == VIV_OK)
        status = read_journal(&j);
    if (status == VIV_OK && mode != JOURNAL_LOOK)
        status = write_header(&j);
    if (status == VIV_OK && mode != JOURNAL_LOOK)
        status = journal_settle(&j);
    if (status == VIV_OK)
        *out = j;
    else
        journal_close(&j);
    return status;
}

void journal_close(struct journal *j)
{
    const int files[] = {j->file, j->kept, j->store};
    for (size_t i = 0; j->root.path && i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            close(files[i]);
    root_close(&j->root);
    for (size_t i = 0; i < j->n_actions; i++)
        action_release(&j->actions[i]);
    for (size_t i = 0; i < j->n_runs; i++) {
        free(j->runs[i].task);
        free(j->runs[i].reason);
    }
    for (size_t i = 0; i < j->n_deeds; i++) {
        free(j->deeds[i].tool);
        free(j->deeds[i].about);
    }
    free(j->actions);
    free(j->runs);
    free(j->deeds);
    *j = (struct journal){.store = -1, .kept = -1, .file = -1};
}

viv_status journal_begin(struct journal *j, const char *task)
{
    const size_t n = text_cut(task, strlen(task), LONGEST_TASK);
    json_t *record = json_pack("{s:s, s:I, s:s%, s:I}", "record", "run", "run", (json_int_t)j->n_runs + 1, "task",
                               task, n, "time", (json_int_t)time(NULL));
    json_t *kept = json_incref(record);
    viv_status status =
        record ? journal_append(j, record, true) : viv_fail(j->host, VIV_EINVAL, "the task is not UTF-8");
    if (status == VIV_OK && !add_run(j, kept))
        status = viv_fail(j->host, VIV_ENOMEM, "out of memory");
    json_decref(kept);
    return status;
}

viv_status journal_end(struct journal *j, const char *reason)
{
    journal_drop(j); /* of a tool that failed: the disk may be full */
    return journal_append(
        j, json_pack("{s:s, s:I, s:s}", "record", "end", "run", (json_int_t)j->n_runs, "reason", reason), true);
}

viv_status journal_deed(struct journal *j, const char *tool, const char *about)
{
    const size_t n = text_cut(about, strlen(about), LONGEST_TASK);
    json_t *record = json_pack("{s:s, s:I, s:s, s:s%, s:I}", "record", "deed", "run", (json_int_t)j->n_runs, "tool",
                               tool, "about", about, n, "time", (json_int_t)time(NULL));
    json_t *kept = json_incref(record);
    viv_status status =
        record ? journal_append(j, record, true) : viv_fail(j->host, VIV_EINVAL, "what is done is not UTF-8");
    if (status == VIV_OK && !add_deed(j, kept))
        status = viv_fail(j->host, VIV_ENOMEM, "out of memory");
    json_decref(kept);
    return status;
}

/* --- actions ------------------------------------------------------------------------------------------------ */

void kept_name(uint64_t n, char name[KEPT_NAME])
{
    snprintf(name, KEPT_NAME, "%" PRIu64, n);
}

void journal_drop(struct journal *j)
{
    remove_tree(j->kept, STAGED); /* what is called N may be what an action took away whose record was lost */
}

viv_status sides_open(const struct journal *j, const struct action *a, struct sides *s)
{
    const char *paths[2] = {a->from, a->to};
    *s = (struct sides){.folder = {-1, -1}};
    kept_name(a->n, s->kept);
    for (int i = 0; i < 2; i++) {
        s->name[i] = s->kept;
        viv_status status = VIV_OK;
        if (paths[i])
            status = root_parent(&j->root, paths[i], &s->folder[i], &s->name[i]);
        else if ((s->folder[i] = dup(j->kept)) < 0)
            status = viv_fail(j->host, VIV_EIO, "%s", strerror(errno));
        if (status != VIV_OK && status != VIV_ENOTFOUND) {
            sides_close(s);
            return status;
        }
    }
    return VIV_OK;
}

void sides_close(struct sides *s)
{
    for (int i = 0; i < 2; i++)
        if (s->folder[i] >= 0)
            close(s->folder[i]);
    s->folder[0] = s->folder[1] = -1;
}

viv_status sides_look(const struct journal *j, const struct sides *s, struct print out[2])
{
    for (int i = 0; i < 2; i++) {
        out[i] = (struct print){0};
        if (s->folder[i] >= 0 && !print_take(j->root.digest, s->folder[i], s->name[i], &out[i]))
            return root_fail(&j->root, "look at", s->name[i]);
    }
    return VIV_OK;
}

bool sides_sync(const struct sides *s)
{
    struct stat from, to;
    const bool one = fstat(s->folder[FROM], &from) == 0 && fstat(s->folder[TO], &to) == 0 &&
                     from.st_dev == to.st_dev && from.st_ino == to.st_ino;
    return fsync(s->folder[FROM]) == 0 && (one || fsync(s->folder[TO]) == 0);
}

int64_t folder_time(int folder)
{
    struct stat st;
    return folder >= 0 && fstat(folder, &st) == 0 ? stat_mtime(&st) : -1;
}

/* Checks both sides and fills in the prints; the record is not yet written. */
static viv_status prepare(const struct journal *j, struct action *a, const struct sides *s, bool replace)
{
    struct print now[2];
    if (s->folder[FROM] < 0 || s->folder[TO] < 0) {
        errno = ENOENT;
        return root_fail(&j->root, "find the folder of", s->folder[FROM] < 0 ? a->from : a->to);
    }
    viv_status status = sides_look(j, s, now);
    if (status != VIV_OK)
        return status;
    errno = now[FROM].kind == PRINT_NONE ? ENOENT : EEXIST;
    if (now[FROM].kind == PRINT_NONE)
        return root_fail(&j->root, a->tool, a->from ? a->from : s->kept);
    if (now[TO].kind != PRINT_NONE && !replace)
        return root_fail(&j->root, "make", a->to ? a->to : s->kept);
    a->moved = now[FROM];
    a->replaced = now[TO];
    a->folder[FROM].before = a->from ? folder_time(s->folder[FROM]) : -1;
    a->folder[TO].before = a->to ? folder_time(s->folder[TO]) : -1;
    return VIV_OK;
}

/* A mark that cannot be written is owed, and no further action begins without it. */
static void mark_last(struct journal *j, const char *mark)
{
    j->owed = journal_mark(j, mark, &j->actions[j->n_actions - 1], false) == VIV_OK ? NULL : mark;
}

static viv_status may_begin(struct journal *j)
{
    char name[KEPT_NAME], *aside = NULL;
    viv_status status = VIV_OK;
    if (j->owed && !j->broken)
        mark_last(j, j->owed);
    if (j->broken || j->owed)
        return viv_fail(j->host, VIV_EIO, "%s/" STORE "/journal cannot be written: nothing more is done",
                        j->root.path);
    kept_name(j->n_actions + 1, name);
    if (faccessat(j->kept, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) /* the end of the journal was lost */
        status = journal_put_aside(j, j->kept, name, j->n_actions + 1, "found", &aside);
    free(aside);
    return status;
}

/* Steps 1 and 2: what was staged gets its name, and the record says so. */
static viv_status record(struct journal *j, const struct action *a)
{
    char name[KEPT_NAME];
    kept_name(a->n, name);
    if (!a->from && renameat2(j->kept, STAGED, j->kept, name, RENAME_NOREPLACE) != 0)
        return root_fail(&j->root, a->tool, a->to);
    const viv_status status = journal_append(j, action_write(a), true);
    if (status != VIV_OK && !a->from)
        (void)!renameat2(j->kept, name, j->kept, STAGED, RENAME_NOREPLACE);
    return status;
}

/* The action itself: steps 2 to 5 of the head comment. */
static viv_status carry_out(struct journal *j, struct action *a, const struct sides *s)
{
    const unsigned how = a->replaced.kind != PRINT_NONE ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    viv_status status = record(j, a);
    if (status != VIV_OK)
        return status;
    j->actions[j->n_actions++] = *a;
    struct action *done = &j->actions[j->n_actions - 1];
    *a = (struct action){0};
    if (renameat2(s->folder[FROM], s->name[FROM], s->folder[TO], s->name[TO], how) != 0) {
        status = root_fail(&j->root, done->tool, done->from ? done->from : done->to);
        done->state = ACTION_FAILED;
        mark_last(j, "failed");
        return status;
    }
    if (!sides_sync(s))
        status = root_fail(&j->root, "sync the folder of", done->to ? done->to : done->from);
    for (int i = 0; i < 2; i++)
        done->folder[i].after = done->folder[i].before == -1 ? -1 : folder_time(s->folder[i]);
    done->state = ACTION_DONE;
    mark_last(j, "done");
    return status;
}

viv_status journal_stage(struct journal *j, bool folder, int *fd)
{
    *fd = -1;
    const viv_status status = may_begin(j);
    if (status != VIV_OK)
        return status;
    journal_drop(j); /* of a tool that failed */
    if (folder && mkdirat(j->kept, STAGED, 0777) == 0)
        *fd = openat(j->kept, STAGED, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    else if (!folder)
        *fd = openat(j->kept, STAGED, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return *fd >= 0 ? VIV_OK
                    : viv_fail(j->host, VIV_EIO, "%s/" STORE "/kept/" STAGED ": %s", j->root.path, strerror(errno));
}

viv_status journal_commit(struct journal *j, const char *tool, const char *from, const char *to, bool replace)
{
    struct sides s = {.folder = {-1, -1}};
    struct action a = {.n = j->n_actions + 1, .run = j->n_runs, .time = time(NULL), .tool = strdup(tool)};
    for (int i = 0; i < 2; i++)
        a.folder[i].before = a.folder[i].after = a.folder[i].restore = -1;
    a.from = from ? strdup(from) : NULL;
    a.to = to ? strdup(to) : NULL;
    viv_status status = VIV_OK;
    if (!a.tool || (from && !a.from) || (to && !a.to) || !grow_actions(j))
        status = viv_fail(j->host, VIV_ENOMEM, "out of memory");
    else
        status = may_begin(j);
    if (status == VIV_OK && from)
        status = root_check(&j->root, from, false);
    if (status == VIV_OK && to)
        status = root_check(&j->root, to, false);
    if (status == VIV_OK)
        status = sides_open(j, &a, &s);
    if (status == VIV_OK && !from) /* not yet called as its record will say */
        snprintf(s.kept, sizeof s.kept, "%s", STAGED);
    if (status == VIV_OK)
        status = prepare(j, &a, &s, replace);
    kept_name(a.n, s.kept);
    if (status == VIV_OK)
        status = carry_out(j, &a, &s);
    sides_close(&s);
    action_release(&a);
    return status;
}
