/* host.c - the host: its functions for plugins, and the search for the plugin that provides a class. */
#include "host/host.h"

#include "base/buf.h"
#include "base/near.h"
#include "base/trail.h"
#include "base/utf8.h"
#include "config.h"
#include "host/plugin.h"
#include "host/service.h"
#include "kernels/kernels.h"
#include "kernels/observe.h"
#include "sched/sched.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY(symbol) extern const struct service symbol;
#include "registry/services.inc"
#undef ENTRY

static const struct service *const services[] = {
#define ENTRY(symbol) &symbol,
#include "registry/services.inc"
#undef ENTRY
};

enum { MAX_LISTED = 4 };

struct host {
    viv_host viv;
    const viv_kernels *kernels, *layer_kernels;
    struct plugins plugins;
    struct layer_set layers; /* our own, and those of loaded plugins */
};

/* --- functions for plugins --------------------------------------------------------------------------------- */

static const void *get_service(const viv_host *viv, const char *id)
{
    const struct host *h = viv->ctx;
    for (size_t i = 0; id && i < sizeof services / sizeof *services; i++)
        if (strcmp(services[i]->id, id) == 0)
            return services[i]->choose ? services[i]->choose(h) : services[i]->table;
    return NULL;
}

static void set_error(const viv_host *viv, viv_status status, const char *sentence)
{
    (void)viv;
    if (!sentence)
        sentence = error_status_name(status);
    error_leave(status, utf8_valid(sentence, strlen(sentence)) ? sentence : "(a sentence that is not UTF-8)");
}

const viv_host *host_viv(const struct host *h)
{
    return &h->viv;
}

const viv_kernels *host_kernels(const struct host *h)
{
    return h->kernels;
}

const viv_kernels *host_layer_kernels(const struct host *h)
{
    return h->layer_kernels;
}

/* --- life -------------------------------------------------------------------------------------------------- */

static viv_status bring_layer(void *host, const char *name, struct error *err);
static const char *name_of_layer(void *host, size_t i);

static const struct layer_source from_plugins = {.provide = bring_layer, .name = name_of_layer};

viv_status host_create(const struct host_options *options, struct host **out, struct error *err)
{
    struct host *h = calloc(1, sizeof *h);
    if (!h)
        return error_nomem(err);
    h->kernels = kernels_choose(kernels_cpu_at_most(options->isa),
                                (options->fastest ? KERNELS_FASTEST : 0) |
                                    (options->f32_activations ? KERNELS_F32_ACTIVATIONS : 0));
    h->layer_kernels = options->observer ? kernels_observed(h->kernels, options->observer) : h->kernels;
    h->viv = (viv_host){.struct_size = sizeof h->viv,
                        .abi_major = VIV_ABI_MAJOR,
                        .abi_minor = VIV_ABI_MINOR,
                        .ctx = h,
                        .name = PACKAGE_NAME,
                        .version = PACKAGE_VERSION,
                        .get_service = get_service,
                        .set_error = set_error};
    viv_status status = plugins_init(&h->plugins, options, err);
    if (status == VIV_OK)
        status = layer_set_init(&h->layers, err);
    h->layers.source = &from_plugins;
    h->layers.source_ctx = h;
    if (status == VIV_OK)
        *out = h;
    else
        host_destroy(h);
    return status;
}

void host_destroy(struct host *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->plugins.n; i++) {
        struct plugin *p = &h->plugins.items[i];
        if (!p->entry || !p->entry->deinit)
            continue;
        const struct trail before = trail_enter(p->title, "its deinit");
        p->entry->deinit();
        trail = before;
    }
    plugins_release(&h->plugins);
    layer_set_release(&h->layers);
    free(h);
}

const char *host_defaults(const struct host *h)
{
    return h->plugins.search.defaults;
}

const char *const *host_spec_directories(const struct host *h)
{
    return h->plugins.search.specs;
}

viv_status host_allow_threads(struct host *h, const char *const *libraries, size_t n, struct error *err)
{
    return plugins_allow_threads(&h->plugins, libraries, n, err);
}

viv_status host_examine(struct host *h, struct error *err)
{
    return plugins_examine(&h->plugins, &h->viv, err);
}

/* --- finding classes --------------------------------------------------------------------------------------- */

static viv_status add_layers(struct host *h, struct plugin *p, struct error *err)
{
    for (const void *const *t = p->tables[CLASS_LAYER]; t && *t; t++) {
        viv_status status = layer_set_add(&h->layers, *t, p->name, p->title, err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* It must provide the same classes as in its probe, because conflicts were found by these. */
static viv_status check_classes(const struct plugin *p, struct error *err)
{
    size_t n = 0;
    for (int kind = 0; kind < N_CLASS_KINDS; kind++)
        for (const void *const *t = p->tables[kind]; t && *t; t++, n++)
            if (!plugin_provides(p, kind, class_name(*t)))
                return error_set(err, VIV_EABI, "it provides %s '%s' now, but did not when it was probed",
                                 class_kind_name(kind), class_name(*t));
    return n == p->n_classes ? VIV_OK
                             : error_set(err, VIV_EABI, "it provided %zu classes when it was probed, and now %zu",
                                         p->n_classes, n);
}

/* Loads p and adds its layers. If that fails, p is refused from now on. */
static viv_status load(struct host *h, struct plugin *p, struct error *err)
{
    if (p->in_use)
        return VIV_OK;
    const struct trail before = trail;
    viv_status status = plugin_load(p, &h->viv, plugin_leave_trail, err);
    trail = before;
    if (status == VIV_OK)
        status = check_classes(p, err);
    if (status == VIV_OK)
        status = add_layers(h, p, err);
    p->in_use = status == VIV_OK;
    if (p->in_use)
        return VIV_OK;
    if (status == VIV_ENOMEM || plugin_refuse(&h->plugins, p, err) != VIV_OK)
        return err->status;
    return error_prefix(err, "%s is refused", p->title);
}

static const void *table_named(const struct plugin *p, enum class_kind kind, const char *name)
{
    for (const void *const *t = p->tables[kind]; t && *t; t++)
        if (strcmp(class_name(*t), name) == 0)
            return *t;
    return NULL;
}

/* The available name that was probably meant. */
static const char *near_class(const struct host *h, enum class_kind kind, const char *name)
{
    const char *names[256];
    size_t n = 0, room = sizeof names / sizeof *names;
    for (size_t i = 0; i < h->plugins.n; i++)
        for (size_t c = 0; !h->plugins.items[i].reason && c < h->plugins.items[i].n_classes && n < room; c++)
            if (h->plugins.items[i].classes[c].kind == kind)
                names[n++] = h->plugins.items[i].classes[c].name;
    const viv_scheduler_class *const *own = schedulers_all();
    for (size_t i = 0; kind == CLASS_SCHEDULER && own[i] && n < room; i++)
        names[n++] = own[i]->name;
    return near_word(name, names, n);
}

/* Refused plugins that may provide it: those known to do so, and those of which nothing is known. */
static void describe_refused(const struct host *h, enum class_kind kind, const char *name, struct buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < h->plugins.n; i++) {
        const struct plugin *p = &h->plugins.items[i];
        if (!p->reason || (p->n_classes && !plugin_provides(p, kind, name)) || n++ >= MAX_LISTED)
            continue;
        buf_printf(text, "%splugin %s (%s) is refused: %s", text->size ? "; " : "", p->name, p->path, p->reason);
    }
    if (n > MAX_LISTED)
        buf_printf(text, "; and %zu more are refused (`viv plugin list`)", n - MAX_LISTED);
}

static viv_status not_found(const struct host *h, enum class_kind kind, const char *name, struct error *err)
{
    struct buf text = {0}, refused = {0};
    const char *near = near_class(h, kind, name);
    describe_refused(h, kind, name, &refused);
    buf_printf(&text, "no plugin provides %s '%s'", class_kind_name(kind), name);
    if (near)
        buf_printf(&text, "; did you mean '%s'?", near);
    if (refused.size)
        buf_printf(&text, "; %s", refused.data);
    buf_printf(&text,
               builtin_plugins->entry ? "; this viv has its plugins built in"
                                      : "; searched for %s.so and others in",
               name);
    for (size_t i = 0; i < h->plugins.search.n_places; i++)
        buf_printf(&text, "%s %s", i ? "," : "", h->plugins.search.places[i].directory);
    viv_status status =
        text.failed || refused.failed ? error_nomem(err) : error_set(err, VIV_ENOTFOUND, "%s", buf_text(&text));
    buf_release(&refused);
    buf_release(&text);
    return status;
}

/* Loads the plugin that provides it; NULL: there is none. */
static viv_status find_plugin(struct host *h, enum class_kind kind, const char *name, struct plugin **out,
                              struct error *err)
{
    *out = NULL;
    viv_status status = host_examine(h, err);
    for (size_t i = 0; status == VIV_OK && i < h->plugins.n; i++) {
        struct plugin *p = &h->plugins.items[i];
        if (p->reason || !plugin_provides(p, kind, name))
            continue;
        *out = p;
        return load(h, p, err);
    }
    return status;
}

static viv_status find_class(struct host *h, enum class_kind kind, const char *name, const void **out,
                             const char **plugin, struct error *err)
{
    struct plugin *p;
    viv_status status = find_plugin(h, kind, name, &p, err);
    if (status != VIV_OK)
        return status;
    if (!p)
        return not_found(h, kind, name, err);
    *out = table_named(p, kind, name);
    *plugin = p->title;
    return VIV_OK;
}

viv_status host_architecture(struct host *h, const char *name, struct architecture *out, struct error *err)
{
    const void *table;
    const char *plugin;
    viv_status status = find_class(h, CLASS_ARCHITECTURE, name, &table, &plugin, err);
    if (status == VIV_OK)
        *out = (struct architecture){table, plugin};
    return status;
}

viv_status host_scheduler(void *host, const char *name, const viv_scheduler_class **out, const char **plugin,
                          struct error *err)
{
    const void *table = scheduler_find(name);
    *plugin = NULL;
    viv_status status = table ? VIV_OK : find_class(host, CLASS_SCHEDULER, name, &table, plugin, err);
    if (status == VIV_OK)
        *out = table;
    return status;
}

static viv_status bring_layer(void *host, const char *name, struct error *err)
{
    struct host *h = host;
    struct plugin *p;
    struct buf text = {0};
    viv_status status = find_plugin(h, CLASS_LAYER, name, &p, err);
    if (status != VIV_OK || p)
        return status;
    describe_refused(h, CLASS_LAYER, name, &text);
    status = text.failed ? error_nomem(err) : error_set(err, VIV_ENOTFOUND, "%s", buf_text(&text));
    buf_release(&text);
    return status;
}

static const char *name_of_layer(void *host, size_t i)
{
    const struct host *h = host;
    for (const struct plugin *p = h->plugins.items; p < h->plugins.items + h->plugins.n; p++)
        for (size_t c = 0; !p->reason && !p->in_use && c < p->n_classes; c++)
            if (p->classes[c].kind == CLASS_LAYER && i-- == 0)
                return p->classes[c].name;
    return NULL;
}

const struct layer_set *host_layers(const struct host *h)
{
    return &h->layers;
}

viv_status host_load_layers(struct host *h, struct error *err)
{
    viv_status status = host_examine(h, err);
    for (size_t i = 0; status == VIV_OK && i < h->plugins.n; i++) {
        struct plugin *p = &h->plugins.items[i];
        bool has_layers = false;
        for (size_t c = 0; !p->reason && c < p->n_classes; c++)
            has_layers |= p->classes[c].kind == CLASS_LAYER;
        if (has_layers && load(h, p, err) == VIV_ENOMEM)
            return VIV_ENOMEM; /* after any other failure, that plugin is refused */
    }
    return status;
}

/* --- listing ----------------------------------------------------------------------------------------------- */

size_t host_n_plugins(const struct host *h)
{
    return h->plugins.n;
}

void host_plugin(const struct host *h, size_t i, struct plugin_info *out)
{
    const struct plugin *p = &h->plugins.items[i];
    *out = (struct plugin_info){.name = p->name,
                                .path = p->path,
                                .version = p->title && p->ident.version[0] ? p->ident.version : NULL,
                                .vendor = p->title && p->ident.vendor[0] ? p->ident.vendor : NULL,
                                .reason = p->reason,
                                .abi_major = p->ident.abi_major,
                                .abi_minor = p->ident.abi_minor,
                                .loaded = p->in_use,
                                .classes = p->classes,
                                .n_classes = p->n_classes};
}
