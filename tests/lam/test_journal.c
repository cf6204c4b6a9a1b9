/* test_journal.c - what an undo notices, what paths cannot reach, and what a damaged journal does: nothing. */
#include "at_work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- undo --------------------------------------------------------------------------------------------------- */

TEST(undo_restores_bytes_modes_times_and_links)
{
    begin();
    char *before = picture(path);
    ck_assert_int_eq(do_thirty(&j), N_THIRTY);
    char *between = picture(path);
    ck_assert_str_ne(before, between);
    ck_assert_int_eq(undo_all(&j), VIV_OK);
    char *after = picture(path);
    ck_assert_str_eq(before, after);
    free(before);
    free(between);
    free(after);
    end();
}
END_TEST

TEST(undo_stops_at_a_file_that_was_replaced)
{
    begin();
    ck_assert_int_eq(use("write", "a.txt", "ours"), VIV_OK);
    put("a.txt", "theirs");
    ck_assert_int_eq(undo_last(false), VIV_EINVAL);
    says("'a.txt' has changed since action 1 (write): expected a file of 4 bytes");
    says("found a file of 6 bytes");
    has("a.txt", "theirs");
    ck_assert_int_eq(undo_last(true), VIV_OK);
    has("a.txt", "first\nsecond\n");
    has("a.txt", "first\nsecond\n");
    ck_assert_int_eq(faccessat(j.kept, "1.changed", R_OK, 0), 0);
    end();
}
END_TEST

TEST(undo_notices_an_edit_in_place_that_keeps_size_and_time)
{
    struct stat st;
    begin();
    ck_assert_int_eq(use("write", "a.txt", "ours"), VIV_OK);
    const int fd = openat(j.root.fd, "a.txt", O_WRONLY);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(write(fd, "OURS", 4), 4);
    ck_assert_int_eq(futimens(fd, (const struct timespec[2]){st.st_atim, st.st_mtim}), 0);
    close(fd);
    ck_assert_int_eq(undo_last(false), VIV_EINVAL);
    has("a.txt", "OURS");
    ck_assert_int_eq(undo_last(true), VIV_OK);
    has("a.txt", "first\nsecond\n");
    end();
}
END_TEST

TEST(undo_says_what_is_another_mode)
{
    begin();
    ck_assert_int_eq(use("write", "b.txt", "ours"), VIV_OK);
    ck_assert_int_eq(fchmodat(j.root.fd, "b.txt", 0600, 0), 0);
    ck_assert_int_eq(undo_last(false), VIV_EINVAL);
    says("mode 640, SHA");
    says("mode 600, SHA");
    end();
}
END_TEST

TEST(undo_of_a_delete_does_not_overwrite_what_came_after)
{
    begin();
    ck_assert_int_eq(use("delete", "a.txt", NULL), VIV_OK);
    put("a.txt", "new");
    ck_assert_int_eq(undo_last(false), VIV_EINVAL);
    says("expected nothing, found a file of 3 bytes");
    has("a.txt", "new");
    ck_assert_int_eq(undo_last(true), VIV_OK);
    has("a.txt", "first\nsecond\n");
    end();
}
END_TEST

TEST(undo_of_a_move_whose_file_is_gone_says_so)
{
    begin();
    ck_assert_int_eq(use("move", "a.txt", "z"), VIV_OK);
    unlinkat(j.root.fd, "z", 0);
    ck_assert_int_eq(undo_last(false), VIV_EINVAL);
    says("found nothing");
    ck_assert_int_eq(undo_last(true), VIV_EINVAL);
    says("what was moved is gone");
    put("z", "theirs"); /* as an editor saves: by another file */
    put("a.txt", "new");
    ck_assert_int_eq(undo_last(true), VIV_EINVAL);
    has("z", "theirs");
    has("a.txt", "new");
    end();
}
END_TEST

TEST(undo_with_force_says_where_an_edit_has_gone)
{
    char *aside = NULL;
    begin();
    ck_assert_int_eq(use("write", "a.txt", "ours"), VIV_OK);
    const int fd = openat(j.root.fd, "a.txt", O_WRONLY | O_APPEND);
    ck_assert_int_eq(write(fd, " and theirs", 11), 11);
    close(fd);
    ck_assert_int_eq(journal_undo(&j, &j.actions[0], true, &aside), VIV_OK);
    ck_assert_ptr_nonnull(aside);
    ck_assert_str_eq(aside + strlen(j.root.path), "/" STORE "/kept/1");
    has("a.txt", "first\nsecond\n");
    free(aside);
    end();
}
END_TEST

TEST(undo_of_a_folder_notices_what_was_added_to_it)
{
    begin();
    ck_assert_int_eq(use("make_folder", "new", NULL), VIV_OK);
    put("new/theirs", "x");
    ck_assert_int_eq(undo_last(false), VIV_EINVAL);
    says("'new' has changed");
    has("new/theirs", "x");
    end();
}
END_TEST

TEST(a_folder_that_others_used_too_keeps_its_time)
{
    struct stat st;
    begin();
    ck_assert_int_eq(use("delete", "docs/two.md", NULL), VIV_OK);
    put("docs/theirs", "x");
    fstatat(j.root.fd, "docs", &st, 0);
    ck_assert_int_eq(undo_last(false), VIV_OK);
    fstatat(j.root.fd, "docs", &st, 0);
    ck_assert_int_gt(st.st_mtim.tv_sec, 1500000000);
    has("docs/two.md", "# Two\n");
    end();
}
END_TEST

TEST(folders_from_before_1970_get_their_time_back)
{
    const struct timespec old[2] = {{.tv_sec = -315619200, .tv_nsec = 5}, {.tv_sec = -315619200, .tv_nsec = 7}};
    struct stat st;
    begin();
    ck_assert_int_eq(utimensat(j.root.fd, "docs", old, 0), 0);
    ck_assert_int_eq(use("delete", "docs/one.md", NULL), VIV_OK);
    ck_assert_int_eq(undo_last(false), VIV_OK);
    ck_assert_int_eq(fstatat(j.root.fd, "docs", &st, 0), 0);
    ck_assert_int_eq(st.st_mtim.tv_sec, -315619200);
    ck_assert_int_eq(st.st_mtim.tv_nsec, 7);
    end();
}
END_TEST

TEST(a_hard_link_is_never_written_through)
{
    begin();
    ck_assert_int_eq(use("write", "docs/one.md", "changed"), VIV_OK);
    has("docs/deep/same", "# One\n");
    ck_assert_int_eq(undo_last(false), VIV_OK);
    struct stat a, b;
    fstatat(j.root.fd, "docs/one.md", &a, 0);
    fstatat(j.root.fd, "docs/deep/same", &b, 0);
    ck_assert_uint_eq(a.st_ino, b.st_ino);
    end();
}
END_TEST

/* --- paths -------------------------------------------------------------------------------------------------- */

/* Pattern 117 of bad inputs. */
TEST(paths_lead_nowhere_else)
{
    static const char *const bad[] = {"",        "/etc/passwd",  "..",          "../x", "docs/../../x",
                                      "./a.txt", "docs//one.md", "docs/",       ".viv", ".viv/journal",
                                      "docs/.",  "docs/.viv",    "docs/.viv/x", "/"};
    begin();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(use("write", bad[i], "x") != VIV_OK, "wrote %s", bad[i]);
        ck_assert_msg(use("move", "a.txt", bad[i]) != VIV_OK, "moved to %s", bad[i]);
        ck_assert_msg(use("delete", bad[i], NULL) != VIV_OK, "deleted %s", bad[i]);
        ck_assert_msg(use("make_folder", bad[i], NULL) != VIV_OK, "made %s", bad[i]);
        ck_assert_msg(use("copy", "docs", bad[i]) != VIV_OK, "copied to %s", bad[i]);
        ck_assert_msg(use("read", bad[i], NULL) != VIV_OK, "read %s", bad[i]);
    }
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    ck_assert_int_ne(use("write", name, "x"), VIV_OK);
    name[255] = '\0';
    ck_assert_int_eq(use("write", name, "x"), VIV_OK);
    ck_assert_int_eq(use("write", "~", "x"), VIV_OK); /* a name like any other */
    ck_assert_int_eq(use("write", "a.txt.", "dot"), VIV_OK);
    ck_assert_int_eq(use("write", "a.txt ", "space"), VIV_OK);
    ck_assert_ptr_null(name_of_text("a.txt\\x00.md"));
    has("a.txt.", "dot");
    has("a.txt ", "space");
    has("a.txt", "first\nsecond\n");
    end();
}
END_TEST

TEST(folders_that_are_too_deep_are_named_as_such)
{
    int at;
    begin();
    at = dup(j.root.fd);
    for (int i = 0; i < MAX_DEPTH + 3; i++) {
        ck_assert_int_eq(mkdirat(at, "d", 0700), 0);
        const int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        close(at);
        at = next;
    }
    close(at);
    ck_assert_int_ne(use("copy", "d", "e"), VIV_OK);
    says("more than 64 deep");
    ck_assert_int_ne(use("delete", "d", NULL), VIV_OK);
    says("more than 64 deep");
    end();
}
END_TEST

/* A mount needs rights; / has one. */
TEST(other_file_systems_are_not_entered)
{
    struct print p;
    const int top = open("/", O_RDONLY | O_DIRECTORY);
    ck_assert(!print_take(host.get_service(&host, VIV_SERVICE_DIGEST), top, "proc", &p));
    ck_assert_int_eq(errno, EXDEV);
    close(top);
}
END_TEST

TEST(sentences_with_long_names_are_text)
{
    char name[1 + 2 * 120 + 1] = "x", below[600];
    begin();
    for (int i = 0; i < 120; i++)
        memcpy(name + 1 + 2 * i, "\xc3\xa9", 3);
    snprintf(below, sizeof below, "%s/%s", name, name);
    ck_assert_int_eq(use("make_folder", below, NULL), VIV_OK);
    for (int i = 0; i < 2; i++) { /* the cut is at an even or at an odd byte */
        ck_assert_int_ne(use("make_folder", below + i, NULL), VIV_OK);
        ck_assert(text_is_utf8(sentence, strlen(sentence)));
        if (i == 0)
            ck_assert_int_eq(use("move", name, name + 1), VIV_OK);
    }
    end();
}
END_TEST

TEST(what_a_tool_that_failed_has_staged_is_dropped)
{
    begin();
    ck_assert_int_eq(mkfifoat(j.root.fd, "docs/pipe", 0600), 0);
    ck_assert_int_ne(use("copy", "docs", "other"), VIV_OK);
    ck_assert_int_eq(use("delete", "a.txt", NULL), VIV_OK);
    ck_assert_int_eq(journal_end(&j, "done"), VIV_OK);
    ck_assert_int_eq(unlinkat(j.kept, "1", 0), 0);
    ck_assert_int_eq(unlinkat(j.store, "kept", AT_REMOVEDIR), 0); /* nothing else is in it */
    end();
}
END_TEST

/* Pattern 118, with the next two and a_hard_link_is_never_written_through. */
TEST(symbolic_links_are_not_followed)
{
    char outside[] = "/tmp/viv-lam-outside-XXXXXX";
    begin();
    ck_assert_ptr_nonnull(mkdtemp(outside));
    ck_assert_int_eq(symlinkat(outside, j.root.fd, "out"), 0);
    ck_assert_int_eq(symlinkat("a.txt", j.root.fd, "to_a"), 0);
    ck_assert_int_ne(use("write", "out/x", "x"), VIV_OK);
    ck_assert_int_ne(use("move", "a.txt", "out/a"), VIV_OK);
    ck_assert_int_ne(use("list", "out", NULL), VIV_OK);
    ck_assert_int_ne(use("read", "to_a", NULL), VIV_OK);
    ck_assert_int_ne(use("write", "to_a", "x"), VIV_OK);
    says("symbolic link");
    ck_assert_int_eq(use("delete", "out", NULL), VIV_OK); /* the link alone */
    ck_assert_int_eq(rmdir(outside), 0);
    has("a.txt", "first\nsecond\n");
    end();
}
END_TEST

static int exchange_for_ever(const char *link)
{
    char folder[64], other[64];
    snprintf(folder, sizeof folder, "%s/docs", path);
    snprintf(other, sizeof other, "%s/%s", path, link);
    for (;;)
        if (renameat2(AT_FDCWD, folder, AT_FDCWD, other, RENAME_EXCHANGE) != 0)
            return 1;
}

TEST(a_link_that_takes_the_place_of_a_folder_meanwhile_is_not_followed)
{
    char outside[] = "/tmp/viv-lam-outside-XXXXXX", kept[64];
    begin();
    ck_assert_ptr_nonnull(mkdtemp(outside));
    const int at = open(outside, O_RDONLY | O_DIRECTORY);
    make_file(at, "one.md", "outside", 0644);
    ck_assert_int_eq(symlinkat(outside, j.root.fd, "swapped"), 0);
    const pid_t child = fork();
    if (child == 0)
        _exit(exchange_for_ever("swapped"));
    for (int i = 0; i < 200; i++) {
        struct text text = {0};
        snprintf(kept, sizeof kept, "kept-%d", i);
        (void)use("write", "docs/one.md", "inside");
        (void)use("append", "docs/one.md", "!");
        (void)use("move", "docs/one.md", kept);
        (void)use("copy", kept, "docs/one.md");
        if (file_load(&j.root, "docs/one.md", 100, &text) == VIV_OK)
            ck_assert_str_ne(text_or_empty(&text), "outside");
        text_release(&text);
    }
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    char bytes[16] = "";
    const int fd = openat(at, "one.md", O_RDONLY);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 7);
    ck_assert_str_eq(bytes, "outside");
    close(fd);
    ck_assert_int_eq(unlinkat(at, "one.md", 0), 0);
    close(at);
    ck_assert_int_eq(rmdir(outside), 0); /* nothing else came into it */
    end();
}
END_TEST

/* Pattern 119. */
TEST(links_of_proc_lead_nowhere)
{
    static const char *const paths[] = {"root/etc/passwd", "fd/0", "cwd/x", "self/root/etc/passwd"};
    static const char *const targets[][2] = {
        {"/proc/self/root", "root"}, {"/proc/self/fd", "fd"}, {"/proc/self/cwd", "cwd"}, {"/proc/self", "self"}};
    begin();
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(symlinkat(targets[i][0], j.root.fd, targets[i][1]), 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_ne(use("read", paths[i], NULL), VIV_OK);
        ck_assert_int_ne(use("write", paths[i], "x"), VIV_OK);
        ck_assert_int_ne(use("delete", paths[i], NULL), VIV_OK);
        ck_assert_int_ne(use("list", targets[i][1], NULL), VIV_OK);
    }
    end();
}
END_TEST

/* Pattern 124, with test_crash.c and the tests of undo above. */
TEST(holes_of_files_stay_holes)
{
    struct stat st, copy;
    begin();
    const int fd = openat(j.root.fd, "holes", O_RDWR | O_CREAT | O_EXCL, 0600);
    ck_assert_int_eq(ftruncate(fd, (off_t)64 << 20), 0);
    ck_assert_int_eq(pwrite(fd, "end", 3, ((off_t)64 << 20) - 3), 3);
    ck_assert_int_eq(fsync(fd), 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    close(fd);
    ck_assert_int_eq(use("copy", "holes", "other"), VIV_OK);
    ck_assert_int_eq(fstatat(j.root.fd, "other", &copy, 0), 0);
    ck_assert_int_eq(copy.st_size, st.st_size);
    ck_assert_int_lt(copy.st_blocks, 2048 + st.st_blocks);
    ck_assert_int_eq(use("delete", "holes", NULL), VIV_OK);
    ck_assert_int_eq(undo_last(false), VIV_OK);
    ck_assert_int_eq(fstatat(j.root.fd, "holes", &copy, 0), 0);
    ck_assert_int_eq(copy.st_ino, st.st_ino);
    ck_assert_int_eq(copy.st_blocks, st.st_blocks);
    end();
}
END_TEST

TEST(pipes_and_sockets_are_not_read)
{
    begin();
    ck_assert_int_eq(mkfifoat(j.root.fd, "pipe", 0600), 0);
    ck_assert_int_ne(use("read", "pipe", NULL), VIV_OK);
    ck_assert_int_ne(use("append", "pipe", "x"), VIV_OK);
    ck_assert_int_ne(use("copy", "pipe", "other"), VIV_OK);
    ck_assert_int_eq(use("move", "pipe", "tube"), VIV_OK);
    ck_assert_int_eq(undo_last(false), VIV_OK);
    end();
}
END_TEST

TEST(nothing_is_overwritten_by_a_move_or_a_copy)
{
    begin();
    ck_assert_int_ne(use("move", "a.txt", "b.txt"), VIV_OK);
    ck_assert_int_ne(use("copy", "a.txt", "b.txt"), VIV_OK);
    ck_assert_int_ne(use("make_folder", "docs", NULL), VIV_OK);
    ck_assert_int_ne(use("move", "docs", "docs/deep/docs"), VIV_OK);
    ck_assert_int_ne(use("write", "docs", "x"), VIV_OK);
    ck_assert_int_ne(use("delete", "nothing", NULL), VIV_OK);
    has("b.txt", "");
    end();
}
END_TEST

TEST(names_are_texts_and_texts_are_names)
{
    static const char *const names[] = {"plain",    "new\nline", "\xff\xfe", "back\\slash", "\\x41",
                                        "\x7f\x01", "ä",         "\xc2\x9b", "\xed\xa0\x80"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *text = text_of_name(names[i]), *name = name_of_text(text);
        ck_assert(text_is_utf8(text, strlen(text)));
        ck_assert_str_eq(name, names[i]);
        free(text);
        free(name);
    }
    ck_assert_ptr_null(name_of_text("\\"));
    ck_assert_ptr_null(name_of_text("\\x4"));
    ck_assert_ptr_null(name_of_text("\\x00"));
}
END_TEST

/* --- the journal -------------------------------------------------------------------------------------------- */

TEST(a_second_one_at_work_is_refused)
{
    struct journal other;
    begin();
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_USE, &other), VIV_EIO);
    says("another viv");
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_LOOK, &other), VIV_OK);
    journal_close(&other);
    end();
}
END_TEST

TEST(workspaces_are_folders)
{
    struct journal other;
    char at[128];
    begin();
    snprintf(at, sizeof at, "%s/none", path);
    ck_assert_int_eq(journal_open(&host, at, JOURNAL_MAKE, &other), VIV_ENOTFOUND);
    says("no such folder");
    snprintf(at, sizeof at, "%s/a.txt", path);
    ck_assert_int_eq(journal_open(&host, at, JOURNAL_MAKE, &other), VIV_EINVAL);
    says("found a file");
    snprintf(at, sizeof at, "%s/link/", path);
    ck_assert_int_eq(symlinkat("docs", j.root.fd, "link"), 0);
    ck_assert_int_eq(journal_open(&host, at, JOURNAL_MAKE, &other), VIV_EINVAL);
    says("symbolic link");
    snprintf(at, sizeof at, "%s/docs", path);
    ck_assert_int_eq(journal_open(&host, at, JOURNAL_USE, &other), VIV_ENOTFOUND);
    says("nothing was done here");
    end();
}
END_TEST

/* Any byte that is another one: an error, and a tree that is as it was; or the same records, where a cut is what a
 * crash leaves. */
TEST(a_damaged_journal_is_refused_and_touches_nothing)
{
    struct text whole = {0};
    begin();
    ck_assert_int_eq(use("move", "a.txt", "z"), VIV_OK);
    ck_assert_int_eq(use("write", "z", "zz"), VIV_OK);
    char bytes[4096];
    const ssize_t n = pread(j.file, bytes, sizeof bytes, 0);
    ck_assert_int_gt(n, 500);
    text_add(&whole, bytes, (size_t)n);
    char *before = picture(path);
    char at[128];
    snprintf(at, sizeof at, "%s/" STORE "/journal", path);
    journal_close(&j);
    for (ssize_t i = 0; i < n; i++) {
        struct journal other;
        bytes[i] ^= 1 << (i % 8);
        const int fd = open(at, O_WRONLY | O_TRUNC);
        ck_assert_int_eq(write(fd, bytes, (size_t)n), n);
        close(fd);
        bytes[i] ^= 1 << (i % 8);
        const viv_status status = journal_open(&host, path, JOURNAL_USE, &other);
        ck_assert_msg(status == VIV_EFORMAT || i == n - 1, "byte %zd: %d", i,
                      status); /* the last is the line feed */
        if (status == VIV_OK)
            journal_close(&other);
        else
            says("damaged");
    }
    stays(path, before);
    text_release(&whole);
    remove_all(path);
}
END_TEST

/* After a loss of power, the record may be on the disk, and the name of what was staged not. */
TEST(an_action_whose_staged_file_was_lost_has_not_begun)
{
    static const char *const names[] = {"z", "a.txt"};
    for (int i = 0; i < 2; i++) {
        char bytes[4096];
        begin();
        ck_assert_int_eq(use("write", names[i], "ours"), VIV_OK);
        ck_assert_int_eq(i ? renameat(j.kept, "1", j.root.fd, "a.txt") : unlinkat(j.root.fd, "z", 0), 0);
        const ssize_t n = pread(j.file, bytes, sizeof bytes, 0);
        ck_assert_int_gt(n, 500);
        const char *done = memrchr(bytes, '\n', (size_t)n - 1);
        ck_assert_int_eq(ftruncate(j.file, done + 1 - bytes), 0);
        journal_close(&j);
        ck_assert_int_eq(journal_open(&host, path, JOURNAL_USE, &j), VIV_OK);
        ck_assert_int_eq(journal_begin(&j, "another"), VIV_OK);
        ck_assert_int_eq(j.actions[0].state, ACTION_FAILED);
        has("a.txt", "first\nsecond\n");
        ck_assert_int_eq(use("write", "z", "again"), VIV_OK);
        ck_assert_int_eq(undo_last(false), VIV_OK);
        end();
    }
}
END_TEST

/* Whatever lines the journal has lost at its end, what was taken away stays, also when others act again. */
TEST(a_journal_that_lost_its_end_loses_no_file)
{
    begin();
    const off_t n = (off_t)j.end;
    ck_assert_int_eq(use("delete", "a.txt", NULL), VIV_OK);
    ck_assert_int_eq(use("write", "docs/one.md", "ours"), VIV_OK);
    ck_assert_int_eq(ftruncate(j.file, n), 0);
    journal_close(&j);
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_USE, &j), VIV_OK);
    ck_assert_int_eq(use("write", "b.txt", "b"), VIV_OK);
    ck_assert_int_eq(use("delete", "b.txt", NULL), VIV_OK);
    ck_assert_int_eq(undo_all(&j), VIV_OK);
    ck_assert_int_eq(renameat(j.kept, "1.found", j.root.fd, "a.txt"), 0);
    ck_assert_int_eq(renameat(j.kept, "2.found", j.root.fd, "one.md"), 0);
    has("a.txt", "first\nsecond\n");
    has("one.md", "# One\n");
    has("b.txt", "");
    end();
}
END_TEST

TESTS(undo_says_what_is_another_mode, what_a_tool_that_failed_has_staged_is_dropped,
      folders_from_before_1970_get_their_time_back, folders_that_are_too_deep_are_named_as_such,
      other_file_systems_are_not_entered, sentences_with_long_names_are_text,
      undo_restores_bytes_modes_times_and_links, undo_stops_at_a_file_that_was_replaced,
      undo_notices_an_edit_in_place_that_keeps_size_and_time, undo_of_a_delete_does_not_overwrite_what_came_after,
      undo_of_a_move_whose_file_is_gone_says_so, undo_with_force_says_where_an_edit_has_gone,
      undo_of_a_folder_notices_what_was_added_to_it, a_folder_that_others_used_too_keeps_its_time,
      a_hard_link_is_never_written_through, paths_lead_nowhere_else, symbolic_links_are_not_followed,
      a_link_that_takes_the_place_of_a_folder_meanwhile_is_not_followed, links_of_proc_lead_nowhere,
      holes_of_files_stay_holes, pipes_and_sockets_are_not_read, nothing_is_overwritten_by_a_move_or_a_copy,
      names_are_texts_and_texts_are_names, a_second_one_at_work_is_refused, workspaces_are_folders,
      a_damaged_journal_is_refused_and_touches_nothing, an_action_whose_staged_file_was_lost_has_not_begun,
      a_journal_that_lost_its_end_loses_no_file)
