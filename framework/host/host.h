/* host.h - the host of plugins. It finds plugins, validates their files, probes them in a child process, and loads
 * them when they are needed.
 *
 * It searches, in order: --plugin-path, $VIV_PLUGIN_PATH, then the build tree if the program runs from one, else
 * the installed directory. It never searches the current directory: a relative entry is an error, an empty one is
 * ignored. If two plugins provide a class of one name, the one in the earlier place is used and the other is
 * refused; in the same place, both are refused. A plugin cannot replace a class of Vivarium itself.
 *
 * host_create does not search yet. Plugins are found, validated and probed when a class is needed that is not our
 * own, and a plugin is loaded if it provides that class. So a bad plugin affects only what needs a plugin.
 *
 * One thread at a time may call these functions, except those behind host_viv. Probing forks: other threads may
 * only sleep or compute meanwhile. */
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
    const char *plugin_path; /* --plugin-path: directories separated by ':', each must exist; or NULL */
    const char *program;     /* the program whose build tree is searched; NULL: this one */
    bool privileged;         /* ignore the environment, as a set-uid program must */
    bool retry;              /* probe plugins again that have failed before */
    const char *isa;         /* use kernels up to this: "generic", "avx2"; NULL: up to what the processor has */
    bool fastest;            /* --kernels fastest: also products whose sums depend on the batch */
    bool f32_activations;    /* --activations f32: only products that take activations as they are */
    const struct product_observer *observer; /* looks at the inputs of products; with f32_activations; or NULL */
    /* Libraries that may start threads when a plugin that needs them is loaded: "libopenblas", "libmpi.so". Those
     * of $VIV_ALLOW_THREADS may, too. */
    const char *const *allow_threads;
    size_t n_allow_threads;
};

struct host;
viv_status host_create(const struct host_options *options, struct host **out, struct error *err);
/* Destroys the host. The code of plugins stays in memory, so that no pointer to it dangles. */
void host_destroy(struct host *h);

const viv_host *host_viv(const struct host *h); /* the host as plugins and layers see it */
const viv_kernels *host_kernels(const struct host *h);
/* The same as layers are given them: with the observer, if there is one. */
const viv_kernels *host_layer_kernels(const struct host *h);

/* The directories of specs: $VIV_SPEC_PATH, then ~/.config/vivarium/specs, then those of the build tree or the
 * installed ones; for spec_world. */
const char *const *host_spec_directories(const struct host *h);
/* Path of the user's defaults.yaml, which may not exist; or NULL. */
const char *host_defaults(const struct host *h);
/* Our layers; those of plugins are added when they are needed (layer_set_require). Owned by the host. */
const struct layer_set *host_layers(const struct host *h);
/* Adds the layers of all plugins, to list them. A plugin that fails is refused, which is not an error. */
viv_status host_load_layers(struct host *h, struct error *err);
struct architecture {
    const viv_architecture_class *class;
    const char *plugin; /* that provides it: "plugin NAME (PATH)" */
};
/* Loads the plugin that provides it. */
viv_status host_architecture(struct host *h, const char *name, struct architecture *out, struct error *err);
/* Finds a scheduler, our own or a plugin's; NULL names the default. `host` is a struct host. */
viv_status host_scheduler(void *host, const char *name, const viv_scheduler_class **out, const char **plugin,
                          struct error *err);

/* --- for `viv plugin list` --------------------------------------------------------------------------------- */

enum class_kind { CLASS_LAYER, CLASS_SCHEDULER, CLASS_ARCHITECTURE, N_CLASS_KINDS };

struct plugin_class {
    enum class_kind kind;
    const char *name;
};

struct plugin_info {
    const char *name;             /* from its identification; from its file if that cannot be read */
    const char *path;             /* absolute */
    const char *version, *vendor; /* from its identification; NULL: it says none, or could not be read */
    const char *reason;           /* why it is refused; NULL: accepted */
    uint32_t abi_major, abi_minor;
    bool loaded;
    const struct plugin_class *classes;
    size_t n_classes;
};

/* Adds libraries to host_options.allow_threads; before plugins are examined. */
viv_status host_allow_threads(struct host *h, const char *const *libraries, size_t n, struct error *err);
/* Finds, validates and probes plugins, unless that is done. Before host_n_plugins. */
viv_status host_examine(struct host *h, struct error *err);
size_t host_n_plugins(const struct host *h);
void host_plugin(const struct host *h, size_t i, struct plugin_info *out);
const char *class_kind_name(enum class_kind kind); /* "layer", "scheduler", "architecture" */

#endif
