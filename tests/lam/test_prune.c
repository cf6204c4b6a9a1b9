/* test_prune.c - what is forgotten of a journal, and what an undo says of it then. */
#include "at_work.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

static viv_status hear(const viv_listener *l, const char *json, uint64_t size)
{
    (void)l, (void)json, (void)size;
    return VIV_OK;
}
static const viv_listener listener = {.struct_size = sizeof listener, .tell = hear};
static const struct events events = {&host, &listener, -1, 0};

static bool is_kept(const char *name)
{
    return faccessat(j.kept, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

TEST(what_is_forgotten_is_the_oldest_and_cannot_be_undone)
{
    begin();
    ck_assert_int_eq(use("delete", "a.txt", NULL), VIV_OK);
    ck_assert_int_eq(use("move", "run.sh", "ran.sh"), VIV_OK);
    ck_assert_int_eq(use("delete", "docs", NULL), VIV_OK);
    ck_assert_int_eq(use("write", "b.txt", "ours"), VIV_OK);
    ck_assert_int_eq(journal_prune(&j, INT64_MAX, 3600, &events), VIV_OK);
    ck_assert(is_kept("1") && is_kept("3") && is_kept("4")); /* neither too much nor old */
    ck_assert_int_eq(journal_forget(&j, &j.actions[0]), VIV_OK);
    ck_assert(!is_kept("1") && is_kept("3") && is_kept("4"));
    journal_close(&j);
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_USE, &j), VIV_OK);
    ck_assert(j.actions[0].forgotten && !j.actions[1].forgotten);
    ck_assert_int_eq(undo_all(&j), VIV_ENOTFOUND); /* the first one alone is not */
    says("action 1 (delete) cannot be undone: what was kept of it is forgotten");
    has("docs/one.md", "# One\n");
    has("run.sh", "#!/bin/sh\n");
    ck_assert_int_ne(faccessat(j.root.fd, "a.txt", F_OK, 0), 0);
    end();
}
END_TEST

TEST(all_is_forgotten_where_nothing_may_stay_but_what_was_put_aside)
{
    begin();
    ck_assert_int_eq(use("write", "b.txt", "ours"), VIV_OK);
    put("b.txt", "theirs");
    ck_assert_int_eq(undo_last(true), VIV_OK); /* puts theirs aside, as 1.changed */
    ck_assert_int_eq(use("delete", "docs", NULL), VIV_OK);
    ck_assert_int_eq(use("make_folder", "new", NULL), VIV_OK);
    ck_assert_int_eq(journal_prune(&j, 0, -1, &events), VIV_OK);
    ck_assert(is_kept("1.changed") && !is_kept("1") && !is_kept("2"));
    ck_assert_int_eq(undo_last(false), VIV_OK); /* of what was made, nothing was kept */
    ck_assert_int_eq(journal_prune(&j, -1, 0, &events), VIV_OK);
    ck_assert(!is_kept("3"));
    end();
}
END_TEST

/* Makes what is kept stay, or lets it go. false: this file system cannot. */
static bool hold(const char *name, bool held)
{
    if (geteuid() != 0)
        return fchmod(j.kept, held ? 0500 : 0700) == 0;
    int flags = 0;
    const int fd = openat(j.kept, name, O_RDONLY);
    const bool ok = fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
    flags = held ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    const bool set = ok && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
    if (fd >= 0)
        close(fd);
    return set;
}

TEST(what_cannot_be_removed_is_not_said_to_be_gone)
{
    begin();
    ck_assert_int_eq(use("delete", "a.txt", NULL), VIV_OK);
    if (hold("1", true)) {
        ck_assert_int_eq(journal_prune(&j, 0, -1, &events), VIV_EIO);
        says("kept/1 cannot be removed");
        ck_assert(hold("1", false));
        journal_close(&j);
        ck_assert_int_eq(journal_open(&host, path, JOURNAL_USE, &j), VIV_OK); /* tries again */
        ck_assert(!is_kept("1"));
    }
    end();
}
END_TEST

TESTS(what_is_forgotten_is_the_oldest_and_cannot_be_undone,
      all_is_forgotten_where_nothing_may_stay_but_what_was_put_aside, what_cannot_be_removed_is_not_said_to_be_gone)
