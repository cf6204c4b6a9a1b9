/* plugin.h - one plugin on its way from a file to classes: judge, probe, load. Within host/. */
#ifndef HOST_PLUGIN_H
#define HOST_PLUGIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "host/host.h"

enum { MAX_CLASSES = 1024, PROBE_SECONDS = 5 };

struct plugin {
    const char *directory; /* where it was found */
    unsigned place;        /* rank of that place */
    const char *name, *path, *reason;
    viv_plugin_ident ident;
    struct plugin_class *classes; /* by probing */
    size_t n_classes, capacity;

    const viv_plugin_entry_table *entry; /* by loading; NULL until then */
    const void *const *tables[N_CLASS_KINDS];
};

/* elf.c: the identification block of an ELF file for this machine, without running anything of it. */
viv_status elf_read_ident(const char *path, viv_plugin_ident *out, struct error *err);

/* judge.c: whether host and plugin fit, by the block alone. */
viv_status ident_check(const viv_plugin_ident *ident, uint32_t host_major, uint32_t host_minor, uint64_t cpu,
                       struct error *err);
/* All that can be said of p->directory and p->path without running it; fills name and ident. */
viv_status plugin_judge(struct plugin *p, struct arena *arena, struct error *err);

/* load.c: dlopen, entry, init and class tables; never unloaded. */
viv_status plugin_load(struct plugin *p, const viv_host *host, struct error *err);

/* classes.c: the id of a kind's tables; a class table that is whole, and its name. */
const char *class_kind_id(enum class_kind kind);
viv_status class_check(enum class_kind kind, const void *table, struct error *err);
const char *class_name(const void *table); /* of one that was checked */
/* 1 to capacity - 1 of a-z, 0-9, '_', '-' and '.', then NUL. */
bool name_is_plain(const char *name, size_t capacity);

/* probe.c: loads it in a child process and lists its classes. */
viv_status plugin_probe(struct plugin *p, const viv_host *host, struct arena *arena, struct error *err);
/* Reads what a probe has found: lines "class KIND NAME", then "done"; or "failed STATUS SENTENCE". */
viv_status report_read(struct plugin *p, char *report, struct arena *arena, struct error *err);
/* And writes it. False when memory is out. */
bool report_write(const struct plugin *p, viv_status status, const struct error *why, struct buf *out);

/* cache.c: what was found the last time this very file was probed by this very host. Never fails: a cache that
 * cannot be used is no cache. False: nothing is known. */
bool cache_read(struct plugin *p, struct arena *arena, viv_status *status, struct error *why);
void cache_write(const struct plugin *p, viv_status status, const struct error *why);

#endif
