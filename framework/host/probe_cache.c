/* probe_cache.c - stores the results of probes, in a small text file for each plugin's path under
 * $XDG_CACHE_HOME/vivarium or ~/.cache/vivarium. Its first line must still be true; then comes the report
 * (report.c), whose libraries must be unchanged. A failure is stored too; its message says so, and how to try
 * again. The plugin's file is not read for this: its size, times and place show whether it has changed. */
#include "base/file.h"
#include "base/strmap.h"
#include "config.h"
#include "host/plugin.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_CACHED = 1 << 18 };

static bool probe_cache_path(const struct plugin *p, char *path, size_t capacity)
{
    char directory[PATH_MAX];
    if (!file_cache_directory(directory, sizeof directory))
        return false;
    int n = snprintf(path, capacity, "%s/plugin-%016" PRIx64, directory, strmap_hash(p->path, strlen(p->path)));
    return n > 0 && (size_t)n < capacity;
}

bool plugin_file_stamp(const char *path, struct buf *out)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    return buf_printf(out, "%" PRIx64 "-%" PRIx64 ".%lx-%" PRIx64 ".%lx-%" PRIx64 "-%" PRIx64, (uint64_t)st.st_size,
                      (uint64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (uint64_t)st.st_ctim.tv_sec,
                      st.st_ctim.tv_nsec, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
}

/* The file's stamp, the host's version, and the environment of the dynamic loader. */
static bool probe_cache_key(const struct plugin *p, struct buf *key)
{
    static const char *const variables[] = {"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_BIND_NOW"};
    if (strchr(p->path, '\n'))
        return false;
    buf_printf(key, "vivarium %s, ABI %u.%u, report 2; file ", PACKAGE_VERSION, VIV_ABI_MAJOR, VIV_ABI_MINOR);
    if (!plugin_file_stamp(p->path, key))
        return false;
    buf_puts(key, " loader");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        buf_printf(key, " %016" PRIx64, value ? strmap_hash(value, strlen(value)) : 0);
    }
    return buf_printf(key, " %s\n", p->path);
}

/* "STAMP PATH" */
static bool is_as_it_was(const char *use)
{
    struct buf now = {0};
    const char *path = strchr(use, ' ');
    bool same = path && plugin_file_stamp(path + 1, &now) && !now.failed && now.size == (size_t)(path - use) &&
                memcmp(now.data, use, now.size) == 0;
    buf_release(&now);
    return same;
}

bool probe_cache_read(struct plugin *p, struct arena *arena, viv_status *status, struct error *why)
{
    char path[PATH_MAX];
    struct buf key = {0}, text = {0};
    struct error err;
    bool known = probe_cache_path(p, path, sizeof path) && file_is_own(path) && probe_cache_key(p, &key) &&
                 file_read(path, MAX_CACHED, &text, &err) == VIV_OK && text.size > key.size &&
                 memcmp(text.data, key.data, key.size) == 0 && !memchr(text.data, '\0', text.size);
    if (known) {
        *status = report_read(p, text.data + key.size, arena, why);
        known = *status != VIV_EINTERNAL && *status != VIV_ENOMEM;
        for (size_t i = 0; known && i < p->uses.n; i++)
            known = is_as_it_was(p->uses.items[i]);
    }
    buf_release(&key);
    buf_release(&text);
    return known;
}

void probe_cache_write(const struct plugin *p, viv_status status, const struct error *why)
{
    char path[PATH_MAX];
    struct buf text = {0};
    struct error err;
    if (probe_cache_path(p, path, sizeof path) && probe_cache_key(p, &text) &&
        report_write(p, status, why, &text) && file_make_parents(path))
        file_write(path, text.data, text.size, &err);
    buf_release(&text);
}
