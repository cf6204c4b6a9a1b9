/* plugin.h - one plugin, from its file to its classes: validate, probe, load. For this folder only. */
#ifndef HOST_PLUGIN_H
#define HOST_PLUGIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "host/host.h"
#include "host/search.h"

enum { MAX_CLASSES = 1024, PROBE_SECONDS = 5 };

struct words {
    const char **items;
    size_t n, capacity;
};

/* A plugin that the program has built in (configure --enable-standalone). */
struct builtin {
    const viv_plugin_ident *ident;
    const viv_plugin_entry_table *entry;
};
extern const struct builtin builtin_plugins[]; /* builtin.c; the last has no entry */

struct plugin {
    const struct builtin *builtin; /* NULL: it is a file */
    const char *directory;         /* where it was found */
    unsigned place;                /* rank of that place */
    const char *name, *path, *reason;
    const char *title; /* "plugin NAME (PATH)", after it is validated */
    viv_plugin_ident ident;

    /* by probing */
    struct plugin_class *classes;
    size_t n_classes, capacity;
    struct words uses;    /* "STAMP PATH" of each library that is loaded with it */
    struct words threads; /* names of those that start a thread when they are loaded */
    bool starts_thread;   /* a thread was started while it was loaded; by which library is not known yet */
    bool forget;          /* its failure is not cached, because it may succeed later */

    const viv_plugin_entry_table *entry; /* by loading; NULL until then */
    const void *const *tables[N_CLASS_KINDS];
    bool in_use; /* loaded, and its layers are among the host's */
};

/* All plugins that were found. */
struct plugins {
    struct arena arena;
    struct search search;
    struct plugin *items;
    size_t n, capacity;
    bool examined, privileged, retry;
    struct words allow_threads;
};
viv_status plugins_init(struct plugins *all, const struct host_options *options, struct error *err);
void plugins_release(struct plugins *all);
viv_status plugins_allow_threads(struct plugins *all, const char *const *libraries, size_t n, struct error *err);
/* examine.c: finds, validates and probes them, once. */
viv_status plugins_examine(struct plugins *all, const viv_host *viv, struct error *err);
bool plugin_provides(const struct plugin *p, enum class_kind kind, const char *name);
/* Refuses p from now on, with this error as the reason. */
viv_status plugin_refuse(struct plugins *all, struct plugin *p, struct error *err);

/* elf.c: reads the identification block of an ELF file for this machine, without running its code. */
viv_status elf_read_ident(const char *path, viv_plugin_ident *out, struct error *err);

/* validate.c: checks by the identification block whether host and plugin fit. */
viv_status plugin_check_ident(const viv_plugin_ident *ident, uint32_t host_major, uint32_t host_minor, uint64_t cpu,
                              struct error *err);
/* Checks all that can be checked without running the plugin; fills name, title and ident. */
viv_status plugin_validate(struct plugin *p, struct arena *arena, struct error *err);

/* load.c: dlopen, entry, init and class tables; never unloaded. `enter` is called with what runs next: "loading",
 * "its init". Any failure of the plugin, also out of memory, is VIV_EABI. */
viv_status plugin_load(struct plugin *p, const viv_host *host,
                       void (*enter)(const struct plugin *p, const char *phase), struct error *err);

/* What `enter` does outside a probe. */
void plugin_leave_trail(const struct plugin *p, const char *phase);
/* Lists the classes of a loaded plugin. */
viv_status plugin_list_classes(struct plugin *p, struct error *err);

/* classes.c: the id of a kind of class; checks a class table; the name of a class. */
const char *class_kind_id(enum class_kind kind);
viv_status class_check(enum class_kind kind, const void *table, struct error *err);
const char *class_name(const void *table); /* of a checked table */
/* 1 to capacity - 1 of a-z, 0-9, '_', '-' and '.', then NUL. */
bool plugin_name_is_plain(const char *name, size_t capacity);

/* environment.c: the process state that a plugin must not change. */
struct environment;
struct environment *environment_capture(void); /* malloc'ed; NULL: memory is out */
viv_status environment_compare(const struct environment *before, const struct environment *after,
                               struct error *err);
uint64_t probe_count_threads(void); /* 0: unknown */
/* Kills the processes that this one has started. True: there were some. */
bool probe_kill_children(void);
void probe_kill_children_of(const char *process); /* "thread-self", "PID/task/PID": under /proc */

/* probe.c: loads it in a child process and lists its classes. */
viv_status plugin_probe(struct plugin *p, const viv_host *host, struct arena *arena, struct error *err);

/* report.c: the result of a probe as lines of text; the last is "done" or "failed STATUS SENTENCE". Reading returns
 * VIV_EINTERNAL for an invalid report; writing returns false when out of memory. */
viv_status report_read(struct plugin *p, char *report, struct arena *arena, struct error *err);
bool report_write(const struct plugin *p, viv_status status, const struct error *why, struct buf *out);
bool host_words_add(struct words *w, const char *word); /* borrowed */

/* probe_cache.c: the result of the last probe of this file by this host. Never fails: a cache that cannot be used
 * is ignored. False: nothing is cached. */
bool probe_cache_read(struct plugin *p, struct arena *arena, viv_status *status, struct error *why);
void probe_cache_write(const struct plugin *p, viv_status status, const struct error *why);
/* Appends a stamp that changes when the file does: its size, times and place. False: there is no file. */
bool plugin_file_stamp(const char *path, struct buf *out);

#endif
