/* host.h - plugins: found, judged from their files, probed in a child process, loaded when needed; and the host
 * that they are handed.
 *
 * Places, in order: --plugin-path, $VIV_PLUGIN_PATH, then the build tree when the program runs from one, else the
 * installed directory. Never the current directory: a relative entry is an error, an empty one is nothing. Of two
 * plugins that bring a class of one name the one in the earlier place is taken and the other listed as refused; in
 * one place neither is, and both say so. What Vivarium has itself no plugin replaces.
 *
 * Making a host finds nothing yet. Plugins are found, judged and probed when somebody asks for a class that is not
 * ours, and one is loaded when it brings that class: what needs no plugin never notices a bad one.
 *
 * Its functions are for one thread at a time, except those behind host_viv. It forks to probe: no other thread may
 * be doing anything but sleep or compute then. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/error.h"
#include "layers/layers.h"

#include <stdbool.h>
#include <stddef.h>
#include <vivarium/architecture.h>
#include <vivarium/kernels.h>
#include <vivarium/scheduler.h>

struct host_options {
    const char *plugin_path; /* --plugin-path: directories divided by ':', each must exist; or NULL */
    const char *program;     /* the program whose build tree counts; NULL: this one */
    bool privileged;         /* read nothing from the environment, as a set-uid program never does */
    bool retry;              /* probe again what has failed before */
    const char *isa;         /* kernels of no more than this: "generic", "avx2"; NULL: all that the processor has */
    bool fastest;            /* --kernels fastest: products whose sums depend on the batch, too */
    /* Libraries that may start threads when a plugin that needs them is loaded: "libopenblas", "libmpi.so". Those
     * of $VIV_ALLOW_THREADS may, too. */
    const char *const *allow_threads;
    size_t n_allow_threads;
};

struct host;
viv_status host_create(const struct host_options *options, struct host **out, struct error *err);
/* Ends the plugins' use of the host; their code stays in memory, so that nothing of theirs dangles. */
void host_destroy(struct host *h);

const viv_host *host_viv(const struct host *h); /* what plugins and layers are handed */
const viv_kernels *host_kernels(const struct host *h);

/* Where named specs lie: $VIV_SPEC_PATH, then ~/.config/vivarium/specs, then the build tree's or the installed
 * ones; for spec_world. */
const char *const *host_spec_directories(const struct host *h);
/* Path of the user's defaults.yaml, whether or not it is there; or NULL. */
const char *host_defaults(const struct host *h);
/* Our layers; those of plugins come into it when they are asked for (layer_set_bring). The host's. */
const struct layer_set *host_layers(const struct host *h);
/* Brings all of them, for those who list layers. A plugin that fails is refused, and that is no failure. */
viv_status host_load_layers(struct host *h, struct error *err);
struct architecture {
    const viv_architecture_class *class;
    const char *plugin; /* that brings it: "plugin NAME (PATH)" */
};
/* Loads the plugin that brings it. */
viv_status host_architecture(struct host *h, const char *name, struct architecture *out, struct error *err);
/* The same for schedulers, ours or a plugin's; NULL names the default. `host` is a struct host, as
 * model_options.find_scheduler wants it. */
viv_status host_scheduler(void *host, const char *name, const viv_scheduler_class **out, const char **plugin,
                          struct error *err);

/* --- for `viv plugin list` --------------------------------------------------------------------------------- */

enum class_kind { CLASS_LAYER, CLASS_SCHEDULER, CLASS_ARCHITECTURE, N_CLASS_KINDS };

struct plugin_class {
    enum class_kind kind;
    const char *name;
};

struct plugin_info {
    const char *name;             /* of its identification; of its file where that could not be read */
    const char *path;             /* absolute */
    const char *version, *vendor; /* of its identification; NULL: it says none, or could not be read */
    const char *reason;           /* why it is refused, one sentence; NULL: accepted */
    uint32_t abi_major, abi_minor;
    bool loaded;
    const struct plugin_class *classes;
    size_t n_classes;
};

/* Further libraries as of host_options.allow_threads; before plugins are examined. */
viv_status host_allow_threads(struct host *h, const char *const *libraries, size_t n, struct error *err);
/* Finds, judges and probes plugins, unless that is done; then there is something to list. */
viv_status host_examine(struct host *h, struct error *err);
size_t host_n_plugins(const struct host *h);
void host_plugin(const struct host *h, size_t i, struct plugin_info *out);
const char *class_kind_name(enum class_kind kind); /* "layer", "scheduler", "architecture" */

#endif
