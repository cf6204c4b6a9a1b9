/* test_crash.c - pattern 124 of bad inputs: thirty actions end at any of their system calls, by kill -9 or by an
 * error; what was done is undone then, and the tree is byte for byte what it was. */
#include "workspace.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* --- system calls that fail or end the process: the program's own stand before those of the C library --- */

enum harm { NONE, KILL, TEAR, FAIL, FAIL_ON }; /* TEAR: half of it is written first; FAIL_ON: and all after it */
static enum harm harm;
static long calls, harmed_call;

static bool is_harmed(bool writes)
{
    if (harm == NONE)
        return false;
    calls++;
    if (calls < harmed_call || (calls > harmed_call && harm != FAIL_ON))
        return false;
    if (harm == KILL || (harm == TEAR && !writes))
        kill(getpid(), SIGKILL);
    errno = ENOSPC;
    return true;
}

static ssize_t harmed_write(int fd, const void *bytes, size_t n, off_t at)
{
    if (harm == TEAR && at >= 0)
        syscall(SYS_pwrite64, fd, bytes, n / 2, at);
    if (harm == TEAR)
        kill(getpid(), SIGKILL);
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return is_harmed(true) ? harmed_write(fd, bytes, n, at) : syscall(SYS_pwrite64, fd, bytes, n, at);
}
ssize_t write(int fd, const void *bytes, size_t n)
{
    return is_harmed(true) ? harmed_write(fd, bytes, n, -1) : syscall(SYS_write, fd, bytes, n);
}
int fsync(int fd)
{
    return is_harmed(false) ? -1 : (int)syscall(SYS_fsync, fd);
}
int fdatasync(int fd)
{
    return is_harmed(false) ? -1 : (int)syscall(SYS_fdatasync, fd);
}
int ftruncate(int fd, off_t n)
{
    return is_harmed(false) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}
int mkdirat(int fd, const char *name, mode_t mode)
{
    return is_harmed(false) ? -1 : (int)syscall(SYS_mkdirat, fd, name, mode);
}
int renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
    return is_harmed(false) ? -1 : (int)syscall(SYS_renameat2, from, a, to, b, flags);
}
static bool harms_removal;
int unlinkat(int fd, const char *name, int flags)
{
    return harms_removal && is_harmed(false) ? -1 : (int)syscall(SYS_unlinkat, fd, name, flags);
}
int futimens(int fd, const struct timespec times[2])
{
    return is_harmed(false) ? -1 : (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

/* --- the test ----------------------------------------------------------------------------------------------- */

static long calls_of_all(const char *path)
{
    struct journal j;
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_USE, &j), VIV_OK);
    ck_assert_int_eq(journal_begin(&j, "thirty"), VIV_OK);
    harm = KILL, calls = 0, harmed_call = 1L << 40;
    ck_assert_int_eq(do_thirty(&j), N_THIRTY);
    harm = NONE;
    journal_close(&j);
    return calls;
}

static const char *prepared(char **before)
{
    struct journal j;
    const char *path = new_workspace();
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_MAKE, &j), VIV_OK);
    journal_close(&j);
    make_tree(path);
    *before = picture(path);
    return path;
}

/* In a child, which may end at once. */
static void act(const char *path, enum harm how, long at)
{
    struct journal j;
    const pid_t child = fork();
    if (child == 0) {
        if (journal_open(&host, path, JOURNAL_USE, &j) != VIV_OK || journal_begin(&j, "thirty") != VIV_OK)
            _exit(1);
        calls = 0, harmed_call = at, harm = how;
        do_thirty(&j);
        harm = NONE;
        _exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(how == KILL || how == TEAR ? WIFSIGNALED(status) || WIFEXITED(status) : WIFEXITED(status),
                  "the child ended by %d", status);
}

/* Undoing, which a kill ends after `at` calls; then again, to the end. */
static void undo(const char *path, long at, const char *before, const char *name, long point)
{
    struct journal j;
    const pid_t child = at ? fork() : -1;
    if (child == 0) {
        if (journal_open(&host, path, JOURNAL_USE, &j) != VIV_OK)
            _exit(1);
        calls = 0, harmed_call = at, harm = KILL;
        undo_all(&j);
        harm = NONE;
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
    ck_assert_msg(journal_open(&host, path, JOURNAL_USE, &j) == VIV_OK, "%s %ld: %s", name, point, sentence);
    ck_assert_msg(undo_all(&j) == VIV_OK, "%s %ld: %s", name, point, sentence);
    journal_close(&j);
    char *after = picture(path);
    ck_assert_msg(strcmp(before, after) == 0, "%s %ld: before\n%s\nafter\n%s", name, point, before, after);
    free(after);
}

static void try_all(enum harm how, const char *name, bool ends_undo)
{
    char *before;
    const char *path = prepared(&before);
    const long all = calls_of_all(path);
    undo(path, 0, before, name, 0);
    free(before);
    remove_all(path);
    ck_assert_int_gt(all, 8 * N_THIRTY);
    for (long at = 1; at <= all; at += ends_undo ? 7 : 1) {
        path = prepared(&before);
        act(path, how, at);
        undo(path, ends_undo ? 1 + at % 150 : 0, before, name, at);
        free(before);
        remove_all(path);
    }
}

TEST(a_run_that_is_killed_at_any_call_can_be_undone)
{
    try_all(KILL, "kill", false);
}
END_TEST
TEST(so_can_one_whose_last_record_is_torn)
{
    try_all(TEAR, "tear", false);
}
END_TEST
TEST(so_can_one_in_which_any_call_fails)
{
    try_all(FAIL, "fail", false);
}
END_TEST
TEST(so_can_one_in_which_the_disk_is_full_from_some_call_on)
{
    try_all(FAIL_ON, "full", false);
}
END_TEST
TEST(an_undo_that_is_killed_is_taken_up_again)
{
    try_all(KILL, "undo", true);
}
END_TEST

/* --- forgetting --- */

static viv_status hear(const viv_listener *l, const char *json, uint64_t size)
{
    (void)l, (void)json, (void)size;
    return VIV_OK;
}

/* Forgets all; a harm comes at a call. The number of calls, where there is none. */
static long forget(const char *path, enum harm how, long at)
{
    static const viv_listener listener = {.struct_size = sizeof listener, .tell = hear};
    const struct events events = {&host, &listener, -1, 0};
    struct journal j;
    int status = 0;
    const pid_t child = how == NONE ? -1 : fork();
    if (child > 0) {
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        return 0;
    }
    const bool opened = journal_open(&host, path, JOURNAL_USE, &j) == VIV_OK;
    harms_removal = true, calls = 0, harmed_call = how == NONE ? 1L << 40 : at, harm = how == NONE ? KILL : how;
    const bool ok = opened && journal_prune(&j, 0, -1, &events) == VIV_OK;
    harm = NONE, harms_removal = false;
    if (child == 0)
        _exit(0);
    ck_assert_msg(ok, "%s", sentence);
    journal_close(&j);
    return calls;
}

/* What is not forgotten is undone; what is, is gone, and the tree is as it was. */
static void check_forgotten(const char *path, const char *between, const char *name, long at)
{
    struct journal j;
    char kept[32], *now;
    bool all = true;
    ck_assert_msg(journal_open(&host, path, JOURNAL_USE, &j) == VIV_OK, "%s %ld: %s", name, at, sentence);
    for (size_t i = 0; i < j.n_actions; i++) {
        snprintf(kept, sizeof kept, "%zu", i + 1);
        if (j.actions[i].forgotten)
            ck_assert_msg(faccessat(j.kept, kept, F_OK, AT_SYMLINK_NOFOLLOW) != 0, "%s %ld: %s is there", name, at,
                          kept);
        all = all && !j.actions[i].forgotten;
    }
    now = picture(path);
    ck_assert_msg(strcmp(now, between) == 0, "%s %ld: the tree has changed", name, at);
    free(now);
    const viv_status status = undo_all(&j);
    ck_assert_msg(all ? status == VIV_OK : status == VIV_ENOTFOUND, "%s %ld: %d %s", name, at, status, sentence);
    journal_close(&j);
}

TEST(what_is_kept_is_forgotten_whole_or_not_at_all)
{
    static const struct {
        enum harm harm;
        const char *name;
    } harms[] = {{KILL, "kill"}, {TEAR, "tear"}, {FAIL_ON, "full"}};
    for (size_t h = 0; h < sizeof harms / sizeof *harms; h++) {
        long all = 1;
        for (long at = 0; at <= all; at += at ? 3 : 1) {
            char *before;
            const char *path = prepared(&before);
            act(path, NONE, 0);
            char *between = picture(path);
            const long n = forget(path, at ? harms[h].harm : NONE, at);
            all = at ? all : n;
            check_forgotten(path, between, harms[h].name, at);
            free(before);
            free(between);
            remove_all(path);
        }
        ck_assert_int_gt(all, N_THIRTY);
    }
}
END_TEST

TESTS(what_is_kept_is_forgotten_whole_or_not_at_all, a_run_that_is_killed_at_any_call_can_be_undone,
      so_can_one_whose_last_record_is_torn, so_can_one_in_which_any_call_fails,
      so_can_one_in_which_the_disk_is_full_from_some_call_on, an_undo_that_is_killed_is_taken_up_again)
