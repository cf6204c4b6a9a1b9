/* workspace.h - for tests of plugins/lam: a host that keeps the last sentence, and folders to act in. */
#ifndef TESTS_LAM_WORKSPACE_H
#define TESTS_LAM_WORKSPACE_H

#include "host/service.h"
#include "lam/lam.h"
#include "testing.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

static char sentence[1024];

static void set_error(const viv_host *host, viv_status status, const char *text)
{
    (void)host, (void)status;
    snprintf(sentence, sizeof sentence, "%s", text);
}
extern const struct service service_digest;
static const void *get_service(const viv_host *host, const char *id)
{
    (void)host;
    return strcmp(id, VIV_SERVICE_DIGEST) == 0 ? service_digest.table : NULL;
}
static const viv_host host = {.struct_size = sizeof(viv_host),
                              .name = "test",
                              .version = "0",
                              .get_service = get_service,
                              .set_error = set_error};

/* --- folders --- */

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void remove_all(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline const char *new_workspace(void)
{
    static char path[64]; /* in memory, if there is such a place: all that is done is synced */
    snprintf(path, sizeof path, "%s/viv-lam-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
    return path;
}

/* --- a tree of all that there is, with times that are not now --- */

static inline void make_file(int at, const char *name, const char *bytes, mode_t mode)
{
    const int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static inline int set_old(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    static int n;
    const struct timespec times[2] = {{.tv_sec = 1000000000 + n, .tv_nsec = n},
                                      {.tv_sec = 1000000000 + n, .tv_nsec = 123456789 + n}};
    (void)st, (void)flag, (void)ftw;
    n = (n + 1) % 1000;
    return strstr(path, "/" STORE) ? 0 : utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static inline void make_tree(const char *path)
{
    const int at = open(path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(at, 0);
    ck_assert_int_eq(mkdirat(at, "docs", 0755), 0);
    ck_assert_int_eq(mkdirat(at, "docs/deep", 0700), 0);
    ck_assert_int_eq(mkdirat(at, "docs/deep/empty", 0711), 0);
    ck_assert_int_eq(mkdirat(at, "empty", 0750), 0);
    make_file(at, "a.txt", "first\nsecond\n", 0644);
    make_file(at, "b.txt", "", 0640);
    make_file(at, "only read", "text", 0444);
    make_file(at, "run.sh", "#!/bin/sh\n", 04755);
    make_file(at, "new\nline", "odd", 0600);
    make_file(at, "not\xff\xfeutf8\\", "odder", 0604);
    make_file(at, "docs/one.md", "# One\n", 0644);
    make_file(at, "docs/two.md", "# Two\n", 0644);
    make_file(at, "docs/deep/three", "3", 0664);
    ck_assert_int_eq(linkat(at, "docs/one.md", at, "docs/deep/same", 0), 0);
    ck_assert_int_eq(symlinkat("../docs/one.md", at, "docs/link"), 0);
    ck_assert_int_eq(symlinkat("/nowhere", at, "dangling"), 0);
    close(at);
    nftw(path, set_old, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- all of a tree as a text: two that are equal are so byte for byte --- */

static struct text *picture_to;

static inline int picture_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    static size_t base;
    char bytes[4096] = "";
    (void)flag;
    if (ftw->level == 0)
        base = strlen(path);
    if (strncmp(path + base, "/" STORE, strlen(STORE) + 1) == 0)
        return 0;
    ssize_t n = 0;
    if (S_ISLNK(st->st_mode)) {
        n = readlink(path, bytes, sizeof bytes - 1);
    } else if (S_ISREG(st->st_mode)) {
        const int fd = open(path, O_RDONLY);
        n = read(fd, bytes, sizeof bytes - 1);
        close(fd);
    }
    text_printf(picture_to, "%s|%o|%ld.%09ld|%ld|%ld|", path + base, st->st_mode, st->st_mtim.tv_sec,
                st->st_mtim.tv_nsec, S_ISDIR(st->st_mode) ? 0L : (long)st->st_size,
                S_ISDIR(st->st_mode) ? 0L : (long)st->st_nlink);
    text_add(picture_to, bytes, n > 0 ? (size_t)n : 0);
    text_printf(picture_to, "\n");
    return 0;
}

static inline int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* malloc'ed, in an order of its own. */
static inline char *picture(const char *path)
{
    struct text all = {0}, sorted = {0};
    char *lines[4096], *at;
    size_t n = 0;
    picture_to = &all;
    ck_assert_int_eq(nftw(path, picture_one, 16, FTW_PHYS), 0);
    for (char *line = strtok_r(all.data, "\n", &at); line && n < 4096; line = strtok_r(NULL, "\n", &at))
        lines[n++] = line;
    qsort(lines, n, sizeof *lines, by_line);
    for (size_t i = 0; i < n; i++)
        text_printf(&sorted, "%s\n", lines[i]);
    text_release(&all);
    return sorted.data;
}

/* The tree is as the picture has it, which is freed. */
static inline void stays(const char *path, char *before)
{
    char *after = picture(path);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}

/* --- thirty actions --- */

static const struct {
    const char *tool, *a, *b;
} thirty[] = {
    {"make_folder", "notes", NULL},
    {"write", "notes/today", "milk\nbread\n"},
    {"append", "notes/today", "eggs\n"},
    {"move", "a.txt", "notes/a.txt"},
    {"write", "notes/a.txt", "first\nthird\n"},
    {"delete", "b.txt", NULL},
    {"write", "b.txt", "another b"},
    {"copy", "docs", "notes/docs"},
    {"delete", "docs/deep", NULL},
    {"move", "docs", "papers"},
    {"write", "papers/one.md", "# 1\n"},
    {"append", "papers/two.md", "more\n"},
    {"make_folder", "x/y/z", NULL},
    {"move", "papers/link", "x/y/link"},
    {"delete", "dangling", NULL},
    {"move", "new\nline", "x/line"},
    {"move", "not\xff\xfeutf8\\", "x/\xfe"},
    {"append", "only read", "!"},
    {"write", "run.sh", "#!/bin/sh\necho\n"},
    {"delete", "empty", NULL},
    {"copy", "papers", "x/papers"},
    {"delete", "papers", NULL},
    {"move", "x/papers", "papers"},
    {"move", "notes/docs/deep", "deep"},
    {"delete", "deep/empty", NULL},
    {"write", "deep/three", "three"},
    {"move", "deep", "x/deep"},
    {"delete", "x", NULL},
    {"write", "x", "a file now"},
    {"move", "notes", "end"},
};
enum { N_THIRTY = sizeof thirty / sizeof *thirty };

/* How many succeed. */
static inline int do_thirty(struct journal *j)
{
    int n = 0;
    for (int i = 0; i < N_THIRTY; i++) {
        struct text result = {0};
        const struct tool_call c = {
            .host = &host, .root = &j->root, .journal = j, .words = {thirty[i].a, thirty[i].b}, .limit = 4000};
        n += tool_run(tool_find(thirty[i].tool), &c, &result) == VIV_OK;
        text_release(&result);
    }
    return n;
}

static inline viv_status undo_all(struct journal *j)
{
    viv_status status = VIV_OK;
    for (size_t i = j->n_actions; status == VIV_OK && i-- > 0;) {
        char *aside = NULL;
        if (j->actions[i].state == ACTION_DONE)
            status = journal_undo(j, &j->actions[i], false, &aside);
        free(aside);
    }
    return status;
}

#endif
