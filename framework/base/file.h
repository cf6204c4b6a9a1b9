/* file.h - files as users have them: mapped read-only, read with a limit, written beside and renamed. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A file mapped read-only. Other processes that map it share its memory. */
struct file_map {
    const unsigned char *data; /* NULL for an empty file */
    uint64_t size;
    char *path;
    int fd; /* of this very file, whatever has taken its name since; none of an empty one */
};

/* Opens a file for reading. Only regular files are opened: a directory, a FIFO or a device is refused by name,
 * without waiting on it. */
viv_status file_open_regular(const char *path, int *fd, uint64_t *size, struct error *err);
/* The same, and maps it. */
viv_status file_map_open(struct file_map *map, const char *path, struct error *err);
void file_map_close(struct file_map *map);
/* Copies bytes [at, at + n) of the file as it is now, past the mapping. [any thread] */
viv_status file_map_read(const struct file_map *map, uint64_t at, uint64_t n, void *out, struct error *err);

/* Whole pages of a mapping that are not needed any more leave the memory of this process; if they are touched after
 * all, they are read again. [any thread] */
void file_map_forget(const void *data, uint64_t n);

/* A file that shrinks while it is mapped would end the process by SIGBUS. Once a program has called this, such
 * a page reads as zeros instead, and file_map_broken says so of the file. Installs a SIGBUS handler that passes
 * on what is not ours. For programs, not for libraries. */
viv_status file_map_guard(struct error *err);
bool file_map_broken(const struct file_map *map);
/* The path of some mapped file that has shrunk, or NULL. */
const char *file_map_any_broken(void);

/* The whole of a regular file, refused when larger than `limit`. *out is appended to. */
viv_status file_read(const char *path, uint64_t limit, struct buf *out, struct error *err);
/* The same of a file that the user names and that is read once: a pipe, a FIFO and a terminal will do, too, and are
 * read up to their end. NULL and "-" are standard input. */
viv_status file_read_input(const char *path, uint64_t limit, struct buf *out, struct error *err);
/* What errors call it: "standard input", or the path. */
const char *file_input_name(const char *path);

/* Replaces `path` by these bytes, or leaves it as it was: written beside, fsync, rename. */
viv_status file_write(const char *path, const void *bytes, size_t n, struct error *err);

/* The same bit by bit: what is written to `stream` goes beside `path`, which is as it was until the draft is kept.
 */
struct file_draft {
    FILE *stream; /* NULL: there is none */
    char *path, *beside;
    bool unsynced; /* set by a caller whose readers check the content: keeping it does not wait for the disk */
};
/* Refuses a place that cannot be written, or where something else than a file is. */
viv_status file_draft_begin(struct file_draft *d, const char *path, struct error *err);
/* Either way, the draft is none any more. */
viv_status file_draft_keep(struct file_draft *d, struct error *err);
void file_draft_drop(struct file_draft *d); /* accepts none */

bool file_exists(const char *path);
bool file_is_dir(const char *path);
/* Whether it is a regular file that only this user can have written. */
bool file_is_own(const char *path);

/* Where caches go: $XDG_CACHE_HOME/vivarium or ~/.cache/vivarium, which need not exist. False: there is no such
 * place. */
bool file_cache_directory(char *path, size_t capacity);
/* The same for what is kept between runs: $XDG_STATE_HOME/vivarium or ~/.local/state/vivarium. */
bool file_state_directory(char *path, size_t capacity);
/* Makes the directories above a path, as far as they are missing; the path is changed meanwhile. */
bool file_make_parents(char *path);

/* "dir/name", malloc'ed; NULL when memory is out. */
char *path_join(const char *dir, const char *name);
/* Where the last component begins. */
const char *path_base(const char *path);

#endif
