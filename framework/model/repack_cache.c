/* repack_cache.c - see repack_cache.h. A file "weights-NAME":
 *
 *   struct header, then a checksum of each megabyte of data, padded to a page
 *   data: the tensors in order, each padded to 64 bytes
 *
 * It is written beside and renamed, without waiting for the disk: after a crash, the checksums find what is
 * missing. Two processes that write the same file write the same bytes. A reader sets its time of modification: so
 * it is the time of last use. */
#include "model/repack_cache.h"

#include "base/checksum.h"
#include "base/sha256.h"
#include "base/size.h"
#include "config.h"
#include "formats/packed/packed.h"
#include "model/schedule.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* Raise it when a scheme of formats/packed/ or a block type changes what it writes. */
enum { REPACK_VERSION = 1 };
enum { CHUNK = 1 << 20, CHUNKS_AT_ONCE = 256, PAGE = 4096, ALIGN = 64, UNFINISHED = 3600 };
static const char prefix[] = "weights-";

struct header {
    char magic[24], name[REPACK_NAME + 7];
    uint64_t bytes;         /* of data */
    uint64_t check_of_sums; /* the checksum of the list of checksums */
};

static uint64_t n_chunks(const struct repack_list *list)
{
    return list->bytes / CHUNK + (list->bytes % CHUNK != 0);
}

static uint64_t data_at(const struct repack_list *list)
{
    return size_align(sizeof(struct header) + n_chunks(list) * sizeof(uint64_t), PAGE);
}

static struct header make_header(const struct repack_list *list, const char *name, const uint64_t *sums)
{
    struct header h = {.magic = "vivarium weights\n",
                       .bytes = list->bytes,
                       .check_of_sums = checksum(sums, n_chunks(list) * sizeof *sums)};
    memcpy(h.name, name, REPACK_NAME);
    return h;
}

/* --- names ---------------------------------------------------------------------------------------------------- */

static double wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool repack_cache_name(const viv_model *m, const struct repack_list *list, double settled, char name[REPACK_NAME])
{
    struct buf text = {0};
    struct error err;
    const double now = wall_clock(), limit = spec_settings(m->spec)->repack_cache;
    double changed = 0;
    if (limit <= 0)
        return false;
    buf_printf(&text, "vivarium %s, weights %d\n", PACKAGE_VERSION, REPACK_VERSION);
    bool ok = packed_identity(&m->checkpoint, &text, &changed, &err) == VIV_OK && now - changed > settled;
    for (uint32_t i = 0; i < list->n; i++)
        buf_printf(&text, "\n%s %" PRIu32 " %" PRIu64, list->tensors[i]->name, list->tensors[i]->dtype,
                   list->tensors[i]->nbytes);
    ok = ok && !text.failed;
    if (ok)
        sha256_hex(buf_text(&text), text.size, name);
    buf_release(&text);
    return ok;
}

static bool path_of(const char *name, char *path, size_t capacity)
{
    char folder[PATH_MAX];
    if (!file_cache_directory(folder, sizeof folder))
        return false;
    const int n = snprintf(path, capacity, "%s/%s%s", folder, prefix, name);
    return n > 0 && (size_t)n < capacity;
}

/* --- checksums ------------------------------------------------------------------------------------------------ */

struct summing {
    const unsigned char *data;
    uint64_t bytes, first; /* chunk of task 0 */
    uint64_t *sums;        /* [n_chunks] */
};

static viv_status sum_chunk(void *ctx, uint64_t task)
{
    const struct summing *s = ctx;
    const uint64_t at = (s->first + task) * CHUNK;
    s->sums[s->first + task] = checksum(s->data + at, size_min(CHUNK, s->bytes - at));
    return VIV_OK;
}

/* The checksums of a mapped file, by all workers; malloc'ed, or NULL. forget: its pages are not used after that. */
static uint64_t *sum_up(const viv_model *m, const struct repack_list *list, const struct file_map *map, bool forget)
{
    const uint64_t n = n_chunks(list);
    struct error err;
    struct summing s = {
        .data = map->data + data_at(list), .bytes = list->bytes, .sums = malloc((n + 1) * sizeof *s.sums)};
    viv_status status = s.sums ? VIV_OK : VIV_ENOMEM;
    for (; status == VIV_OK && s.first < n; s.first += CHUNKS_AT_ONCE) {
        const uint64_t some = size_min(CHUNKS_AT_ONCE, n - s.first);
        status = schedule_tasks(m, some, sum_chunk, &s, &err);
        if (forget)
            file_map_forget(s.data + s.first * CHUNK, size_min(some * CHUNK, s.bytes - s.first * CHUNK));
        if (m->options.progress)
            m->options.progress(m->options.progress_ctx, "weights", s.first + some, n);
    }
    if (status == VIV_OK)
        return s.sums;
    free(s.sums);
    return NULL;
}

/* --- reading -------------------------------------------------------------------------------------------------- */

/* Whether the file is whole: its size, its header and all of its bytes. */
static bool is_whole(const viv_model *m, const struct repack_list *list, const char *name,
                     const struct file_map *map)
{
    if (map->size != data_at(list) + list->bytes)
        return false;
    uint64_t *sums = sum_up(m, list, map, false);
    const struct header h = sums ? make_header(list, name, sums) : (struct header){0};
    const bool whole = sums && memcmp(map->data, &h, sizeof h) == 0 &&
                       memcmp(map->data + sizeof h, sums, n_chunks(list) * sizeof *sums) == 0;
    free(sums);
    return whole;
}

bool repack_cache_read(viv_model *m, const struct repack_list *list, const char *name)
{
    char path[PATH_MAX];
    struct file_map *map = &m->checkpoint.repacked;
    struct error err;
    if (!path_of(name, path, sizeof path) || !file_is_own(path) || file_map_open(map, path, &err) != VIV_OK)
        return false;
    if (!is_whole(m, list, name, map)) {
        file_map_close(map);
        unlink(path);
        return false;
    }
    const unsigned char *at = map->data + data_at(list);
    for (uint32_t i = 0; i < list->n; i++) {
        packed_map(&m->checkpoint, list->tensors[i], at);
        at += size_align(list->tensors[i]->nbytes, ALIGN);
    }
    futimens(map->fd, NULL);
    return true;
}

/* --- the limit ------------------------------------------------------------------------------------------------ */

/* A file of the cache. One with a point in its name is being written, or was when its writer was killed. */
struct entry {
    char name[NAME_MAX + 1];
    uint64_t bytes;
    double used;
};
struct listing {
    struct entry *items;
    size_t n, capacity;
    uint64_t bytes;
};

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

/* Those that were not used for the longest come first. */
static struct listing list_files(const char *folder)
{
    struct listing l = {0};
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
            !VEC_RESERVE(l.items, l.n, l.capacity))
            continue;
        struct entry *f = &l.items[l.n++];
        snprintf(f->name, sizeof f->name, "%s", e->d_name);
        f->bytes = (uint64_t)st.st_size;
        f->used = (double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec;
        l.bytes += f->bytes;
    }
    if (d)
        closedir(d);
    if (l.n)
        qsort(l.items, l.n, sizeof *l.items, by_use);
    return l;
}

/* The user's limit, else a fifth of what would be free without the files. */
static uint64_t limit_of(double gigabytes, const char *folder, uint64_t taken)
{
    struct statvfs fs;
    if (!isnan(gigabytes))
        return gigabytes > 0 ? (uint64_t)(gigabytes * 1e9) : 0;
    return statvfs(folder, &fs) == 0 ? ((uint64_t)fs.f_bavail * fs.f_frsize + taken) / 5 : 0;
}

/* Whether `need` more bytes are within the limit, once older files are gone. */
static bool make_room(const viv_model *m, const char *path, uint64_t need)
{
    const double recent = wall_clock() - UNFINISHED;
    char *folder = strndup(path, (size_t)(path_base(path) - path));
    if (!folder)
        return false;
    struct listing l = list_files(folder);
    const uint64_t limit = limit_of(spec_settings(m->spec)->repack_cache, folder, l.bytes);
    for (size_t i = 0; need <= limit && l.bytes > limit - need && i < l.n; i++) {
        char *old = path_join(folder, l.items[i].name);
        const bool being_written = strchr(l.items[i].name, '.') && l.items[i].used > recent;
        if (old && !being_written && unlink(old) == 0)
            l.bytes -= l.items[i].bytes;
        free(old);
    }
    free(l.items);
    free(folder);
    return need <= limit && l.bytes <= limit - need;
}

bool repack_cache_state(double limit, struct repack_cache_state *out)
{
    *out = (struct repack_cache_state){0};
    if (!file_cache_directory(out->folder, sizeof out->folder))
        return false;
    struct listing l = list_files(out->folder);
    out->n = l.n;
    out->bytes = l.bytes;
    out->limit = limit_of(limit, out->folder, l.bytes);
    free(l.items);
    return true;
}

/* --- writing -------------------------------------------------------------------------------------------------- */

static bool put_zeros(FILE *f, uint64_t n)
{
    static const char zeros[PAGE];
    for (; n; n -= size_min(n, sizeof zeros))
        if (fwrite(zeros, 1, size_min(n, sizeof zeros), f) == 0)
            return false;
    return true;
}

static bool put_data(FILE *f, const struct repack_list *list)
{
    bool ok = put_zeros(f, data_at(list));
    for (uint32_t i = 0; ok && i < list->n; i++) {
        const viv_tensor *t = list->tensors[i];
        ok = fwrite(t->dl.data, 1, t->nbytes, f) == t->nbytes &&
             put_zeros(f, size_align(t->nbytes, ALIGN) - t->nbytes);
    }
    return ok && fflush(f) == 0;
}

/* The header is written last, over checksums of what the file holds by then. */
static bool put_header(const viv_model *m, const struct file_draft *d, const struct repack_list *list,
                       const char *name)
{
    struct file_map map;
    struct error err;
    if (file_map_open(&map, d->beside, &err) != VIV_OK)
        return false;
    uint64_t *sums = map.size == data_at(list) + list->bytes ? sum_up(m, list, &map, true) : NULL;
    bool ok = sums != NULL;
    if (ok) {
        const struct header h = make_header(list, name, sums);
        ok = fseek(d->stream, 0, SEEK_SET) == 0 && fwrite(&h, sizeof h, 1, d->stream) == 1 &&
             fwrite(sums, sizeof *sums, n_chunks(list), d->stream) == n_chunks(list);
    }
    free(sums);
    file_map_close(&map);
    return ok;
}

void repack_cache_write(const viv_model *m, const struct repack_list *list, const char *name)
{
    char path[PATH_MAX];
    struct file_draft d;
    struct error err;
    if (!path_of(name, path, sizeof path) || !file_make_parents(path) ||
        !make_room(m, path, data_at(list) + list->bytes) || file_draft_begin(&d, path, &err) != VIV_OK)
        return;
    d.unsynced = true;
    if (put_data(d.stream, list) && put_header(m, &d, list, name))
        file_draft_keep(&d, &err);
    else
        file_draft_drop(&d);
}
