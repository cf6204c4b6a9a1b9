/* host.c - the host: which plugins there are, which of them may stand beside each other, and who brings what. */
#include "host/host.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/near.h"
#include "base/utf8.h"
#include "config.h"
#include "host/plugin.h"
#include "host/search.h"
#include "host/service.h"
#include "kernels/kernels.h"

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

#define ENTRY(symbol) extern const viv_scheduler_class symbol;
#include "registry/schedulers.inc"
#undef ENTRY

static const viv_scheduler_class *const own_schedulers[] = {
#define ENTRY(symbol) &symbol,
#include "registry/schedulers.inc"
#undef ENTRY
    NULL};

#define DEFAULT_SCHEDULER "parallel"

enum { MAX_PLUGINS = 4096, MAX_LISTED = 8 };

struct host {
    viv_host viv;
    const viv_kernels *kernels;
    struct arena arena;
    struct search search;
    struct plugin *plugins;
    size_t n_plugins, capacity;
    struct layer_set layers; /* ours; with the plugins' once asked for */
    bool has_plugin_layers;
};

/* --- what plugins see -------------------------------------------------------------------------------------- */

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
        sentence = status_name(status);
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

/* --- finding ----------------------------------------------------------------------------------------------- */

/* The file's name without ".so", until its identification is known. */
static const char *name_of_file(struct host *h, const char *path)
{
    const char *base = path_base(path);
    return arena_strndup(&h->arena, base, strlen(base) - strlen(".so"));
}

static viv_status add_file(struct host *h, const struct place *place, const char *path, struct error *err)
{
    struct plugin p = {
        .directory = place->directory, .place = place->rank, .path = path, .name = name_of_file(h, path)};
    if (!p.name || !VEC_RESERVE(h->plugins, h->n_plugins, h->capacity))
        return error_nomem(err);
    if (h->n_plugins == MAX_PLUGINS)
        return error_set(err, VIV_ELIMIT, "more than %d plugins in the plugin path, the last of them %s",
                         MAX_PLUGINS, path);
    h->plugins[h->n_plugins++] = p;
    return VIV_OK;
}

static viv_status find_plugins(struct host *h, struct error *err)
{
    for (size_t i = 0; i < h->search.n_places; i++) {
        const struct place *place = &h->search.places[i];
        const char **files;
        size_t n;
        viv_status status = search_files(place->directory, ".so", &h->arena, &files, &n, err);
        for (size_t f = 0; status == VIV_OK && f < n; f++)
            status = add_file(h, place, files[f], err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* Memory being out ends everything; any other failure is the plugin's own. */
static viv_status refuse(struct host *h, struct plugin *p, viv_status status, struct error *err)
{
    if (status == VIV_ENOMEM)
        return status;
    p->reason = arena_strdup(&h->arena, err->text);
    return p->reason ? VIV_OK : error_nomem(err);
}

/* The same file by another path, or by a link beside it: listed once. */
static bool is_known(const struct host *h, const struct plugin *p)
{
    for (const struct plugin *q = h->plugins; q < p; q++)
        if (!q->reason && strcmp(q->path, p->path) == 0)
            return true;
    return false;
}

static viv_status probe(struct host *h, const struct host_options *options, struct plugin *p, struct error *err)
{
    viv_status status;
    struct error seen;
    if (!options->privileged && cache_read(p, &h->arena, &status, &seen)) {
        if (status == VIV_OK)
            return VIV_OK;
        if (!options->retry)
            return error_set(err, status,
                             "%s (seen when it was first tried; `viv plugin list --retry` tries again)", seen.text);
    }
    p->n_classes = 0;
    status = plugin_probe(p, &h->viv, &h->arena, err);
    if (!options->privileged && status != VIV_ENOMEM && status != VIV_EIO)
        cache_write(p, status, err);
    return status;
}

static viv_status examine(struct host *h, const struct host_options *options, struct error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->n_plugins; i++) {
        struct plugin *p = &h->plugins[kept];
        *p = h->plugins[i];
        viv_status status = plugin_judge(p, &h->arena, err);
        if (status == VIV_OK && is_known(h, p))
            continue;
        if (status == VIV_OK)
            status = probe(h, options, p, err);
        if (status != VIV_OK && refuse(h, p, status, err) != VIV_OK)
            return err->status;
        kept++;
    }
    h->n_plugins = kept;
    return VIV_OK;
}

/* --- two of one name --------------------------------------------------------------------------------------- */

static bool brings(const struct plugin *p, enum class_kind kind, const char *name)
{
    for (size_t i = 0; i < p->n_classes; i++)
        if (p->classes[i].kind == kind && strcmp(p->classes[i].name, name) == 0)
            return true;
    return false;
}

static const viv_scheduler_class *own_scheduler(const char *name)
{
    for (const viv_scheduler_class *const *s = own_schedulers; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}

static bool is_own(const struct host *h, const struct plugin_class *c)
{
    return (c->kind == CLASS_LAYER && layer_set_find(&h->layers, c->name)) ||
           (c->kind == CLASS_SCHEDULER && own_scheduler(c->name));
}

static const char *clash_sentence(struct host *h, const struct plugin_class *c, const struct plugin *p,
                                  const struct plugin *other)
{
    const char *what = class_kind_name(c->kind);
    if (other->place < p->place)
        return arena_printf(&h->arena,
                            "it brings %s '%s' as does plugin %s (%s), which comes first in the plugin path", what,
                            c->name, other->name, other->path);
    return arena_printf(&h->arena,
                        "it brings %s '%s' and so does plugin %s (%s) in the same place: neither is "
                        "taken; remove one, or put one first in the plugin path",
                        what, c->name, other->name, other->path);
}

/* Why p may not stand beside the others that have passed their probe; NULL: it may. */
static viv_status find_clash(struct host *h, const struct plugin *p, const char **reason, struct error *err)
{
    *reason = NULL;
    for (size_t i = 0; i < p->n_classes; i++) {
        const struct plugin_class *c = &p->classes[i];
        const char *sentence = NULL;
        if (is_own(h, c)) {
            sentence = arena_printf(&h->arena, "it brings %s '%s', which Vivarium has itself: choose another name",
                                    class_kind_name(c->kind), c->name);
        } else {
            const struct plugin *other = h->plugins, *end = h->plugins + h->n_plugins;
            while (other < end && (other == p || other->place > p->place || !brings(other, c->kind, c->name)))
                other++;
            if (other == end)
                continue;
            sentence = clash_sentence(h, c, p, other);
        }
        if (!sentence)
            return error_nomem(err);
        *reason = sentence;
        return VIV_OK;
    }
    return VIV_OK;
}

/* Judged on what all of them bring, so that the order of files decides nothing. */
static viv_status part(struct host *h, struct error *err)
{
    for (size_t i = 0; i < h->n_plugins; i++)
        if (h->plugins[i].reason)
            h->plugins[i].n_classes = 0;
    for (size_t i = 0; i < h->n_plugins; i++) {
        const char *reason = NULL;
        if (!h->plugins[i].reason && find_clash(h, &h->plugins[i], &reason, err) != VIV_OK)
            return err->status;
        if (reason)
            h->plugins[i].reason = reason;
    }
    return VIV_OK;
}

/* --- life -------------------------------------------------------------------------------------------------- */

static viv_status set_up(struct host *h, const struct host_options *options, struct error *err)
{
    viv_status status = search_init(&h->search, options, &h->arena, err);
    if (status == VIV_OK)
        status = layer_set_init(&h->layers, err);
    if (status == VIV_OK)
        status = find_plugins(h, err);
    if (status == VIV_OK)
        status = examine(h, options, err);
    if (status == VIV_OK)
        status = part(h, err);
    return status;
}

viv_status host_create(const struct host_options *options, struct host **out, struct error *err)
{
    struct host *h = calloc(1, sizeof *h);
    if (!h)
        return error_nomem(err);
    h->kernels = kernels_choose(kernels_cpu_at_most(options->isa), options->fastest);
    h->viv = (viv_host){.struct_size = sizeof h->viv,
                        .abi_major = VIV_ABI_MAJOR,
                        .abi_minor = VIV_ABI_MINOR,
                        .ctx = h,
                        .name = PACKAGE_NAME,
                        .version = PACKAGE_VERSION,
                        .get_service = get_service,
                        .set_error = set_error};
    viv_status status = set_up(h, options, err);
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
    for (size_t i = 0; i < h->n_plugins; i++) {
        struct plugin *p = &h->plugins[i];
        if (p->entry && p->entry->deinit)
            p->entry->deinit();
        free(p->classes);
    }
    free(h->plugins);
    layer_set_release(&h->layers);
    search_release(&h->search);
    arena_release(&h->arena);
    free(h);
}

const char *host_defaults(const struct host *h)
{
    return h->search.defaults;
}

const char *const *host_spec_directories(const struct host *h)
{
    return h->search.specs;
}

/* --- asking for classes ------------------------------------------------------------------------------------ */

/* Loads p; when that fails, it is refused from now on. */
static viv_status load(struct host *h, struct plugin *p, struct error *err)
{
    viv_status status = plugin_load(p, &h->viv, err);
    if (status == VIV_OK)
        return VIV_OK;
    if (refuse(h, p, status, err) != VIV_OK)
        return err->status;
    return error_prefix(err, "plugin %s (%s)", p->name, p->path);
}

static const void *table_named(const struct plugin *p, enum class_kind kind, const char *name)
{
    for (const void *const *t = p->tables[kind]; t && *t; t++)
        if (strcmp(class_name(*t), name) == 0)
            return *t;
    return NULL;
}

/* The word that was perhaps meant, among those that can be had. */
static const char *near_class(const struct host *h, enum class_kind kind, const char *name)
{
    const char *names[256];
    size_t n = 0, room = sizeof names / sizeof *names;
    for (size_t i = 0; i < h->n_plugins; i++)
        for (size_t c = 0; !h->plugins[i].reason && c < h->plugins[i].n_classes && n < room; c++)
            if (h->plugins[i].classes[c].kind == kind)
                names[n++] = h->plugins[i].classes[c].name;
    for (size_t i = 0; kind == CLASS_SCHEDULER && own_schedulers[i] && n < room; i++)
        names[n++] = own_schedulers[i]->name;
    return near_word(name, names, n);
}

/* Whom the user may have meant to bring it: what the refused ones say of themselves, or what their file is called.
 */
static void describe_refused(const struct host *h, enum class_kind kind, const char *name, struct buf *text)
{
    for (size_t i = 0, listed = 0; i < h->n_plugins && listed < MAX_LISTED; i++) {
        const struct plugin *p = &h->plugins[i];
        if (!p->reason || !(brings(p, kind, name) || strcmp(p->name, name) == 0))
            continue;
        buf_printf(text, "; plugin %s (%s) is refused: %s", p->name, p->path, p->reason);
        listed++;
    }
}

static viv_status not_found(const struct host *h, enum class_kind kind, const char *name, struct error *err)
{
    struct buf text = {0};
    const char *near = near_class(h, kind, name);
    buf_printf(&text, "no plugin brings %s '%s'", class_kind_name(kind), name);
    if (near)
        buf_printf(&text, "; did you mean '%s'?", near);
    describe_refused(h, kind, name, &text);
    buf_printf(&text, "; %s.so or another was looked for in", name);
    for (size_t i = 0; i < h->search.n_places; i++)
        buf_printf(&text, "%s %s", i ? "," : "", h->search.places[i].directory);
    viv_status status = text.failed ? error_nomem(err) : error_set(err, VIV_ENOTFOUND, "%s", buf_text(&text));
    buf_release(&text);
    return status;
}

static viv_status find_class(struct host *h, enum class_kind kind, const char *name, const void **out,
                             struct error *err)
{
    for (size_t i = 0; i < h->n_plugins; i++) {
        struct plugin *p = &h->plugins[i];
        if (p->reason || !brings(p, kind, name))
            continue;
        viv_status status = load(h, p, err);
        if (status != VIV_OK)
            return status;
        const void *table = table_named(p, kind, name);
        if (!table)
            return error_set(err, VIV_EABI,
                             "plugin %s (%s): it brought %s '%s' when it was probed, and now does not", p->name,
                             p->path, class_kind_name(kind), name);
        *out = table;
        return VIV_OK;
    }
    return not_found(h, kind, name, err);
}

viv_status host_architecture(struct host *h, const char *name, const viv_architecture_class **out,
                             struct error *err)
{
    const void *table;
    viv_status status = find_class(h, CLASS_ARCHITECTURE, name, &table, err);
    if (status == VIV_OK)
        *out = table;
    return status;
}

viv_status host_scheduler(void *host, const char *name, const viv_scheduler_class **out, struct error *err)
{
    if (!name)
        name = DEFAULT_SCHEDULER;
    const void *table = own_scheduler(name);
    viv_status status = table ? VIV_OK : find_class(host, CLASS_SCHEDULER, name, &table, err);
    if (status == VIV_OK)
        *out = table;
    return status;
}

static viv_status add_layers(struct host *h, struct plugin *p, struct error *err)
{
    for (const void *const *t = p->tables[CLASS_LAYER]; t && *t; t++) {
        viv_status status = layer_set_add(&h->layers, *t, p->name, err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

viv_status host_layers(struct host *h, const struct layer_set **out, struct error *err)
{
    for (size_t i = 0; !h->has_plugin_layers && i < h->n_plugins; i++) {
        struct plugin *p = &h->plugins[i];
        bool has_layers = false;
        for (size_t c = 0; !p->reason && c < p->n_classes; c++)
            has_layers |= p->classes[c].kind == CLASS_LAYER;
        if (!has_layers)
            continue;
        viv_status status = load(h, p, err);
        if (status == VIV_ENOMEM)
            return status;
        if (status == VIV_OK && (status = add_layers(h, p, err)) != VIV_OK)
            return status;
    }
    h->has_plugin_layers = true;
    *out = &h->layers;
    return VIV_OK;
}

/* --- listing ----------------------------------------------------------------------------------------------- */

size_t host_n_plugins(const struct host *h)
{
    return h->n_plugins;
}

void host_plugin(const struct host *h, size_t i, struct plugin_info *out)
{
    const struct plugin *p = &h->plugins[i];
    *out = (struct plugin_info){.name = p->name,
                                .path = p->path,
                                .reason = p->reason,
                                .abi_major = p->ident.abi_major,
                                .abi_minor = p->ident.abi_minor,
                                .loaded = p->entry != NULL,
                                .classes = p->classes,
                                .n_classes = p->n_classes};
}
