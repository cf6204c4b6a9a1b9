/* examine.c - finds the plugins, and which of them can be used together. Their files are validated, new ones are
 * probed, and then all are compared. None of their code runs in this process. */
#include "base/buf.h"
#include "base/file.h"
#include "base/trail.h"
#include "host/plugin.h"
#include "layers/layers.h"
#include "sched/sched.h"
#include "spec/spec.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PLUGINS = 4096 };

/* --- life -------------------------------------------------------------------------------------------------- */

static void plugin_release(struct plugin *p)
{
    free(p->classes);
    free(p->uses.items);
    free(p->threads.items);
}

/* Each word of "a,b:c". */
static viv_status add_allowed(struct plugins *all, const char *text, struct error *err)
{
    while (*text) {
        size_t n = strcspn(text, ",:");
        if (n > 0 && !host_words_add(&all->allow_threads, arena_strndup(&all->arena, text, n)))
            return error_nomem(err);
        text += n + (text[n] != '\0');
    }
    return VIV_OK;
}

viv_status plugins_allow_threads(struct plugins *all, const char *const *libraries, size_t n, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        status = add_allowed(all, libraries[i], err);
    return status;
}

viv_status plugins_init(struct plugins *all, const struct host_options *options, struct error *err)
{
    all->privileged = options->privileged;
    all->retry = options->retry;
    const char *variable = options->privileged ? NULL : secure_getenv("VIV_ALLOW_THREADS");
    viv_status status = search_init(&all->search, options, &all->arena, err);
    if (status == VIV_OK && variable)
        status = add_allowed(all, variable, err);
    return status == VIV_OK ? plugins_allow_threads(all, options->allow_threads, options->n_allow_threads, err)
                            : status;
}

void plugins_release(struct plugins *all)
{
    for (size_t i = 0; i < all->n; i++)
        plugin_release(&all->items[i]);
    free(all->items);
    free(all->allow_threads.items);
    search_release(&all->search);
    arena_release(&all->arena);
}

/* --- finding ----------------------------------------------------------------------------------------------- */

/* The file's name without ".so", until its identification is known. */
static const char *name_of_file(struct plugins *all, const char *path)
{
    const char *base = path_base(path);
    return arena_strndup(&all->arena, base, strlen(base) - strlen(".so"));
}

static viv_status add(struct plugins *all, struct plugin p, struct error *err)
{
    if (!p.name || !VEC_RESERVE(all->items, all->n, all->capacity))
        return error_nomem(err);
    if (all->n == MAX_PLUGINS)
        return error_set(err, VIV_ELIMIT, "more than %d plugins in the plugin path, the last of them %s",
                         MAX_PLUGINS, p.path);
    all->items[all->n++] = p;
    return VIV_OK;
}

static viv_status find_plugins(struct plugins *all, struct error *err)
{
    for (size_t i = 0; i < all->search.n_places; i++) {
        const struct place *place = &all->search.places[i];
        const char **files;
        size_t n;
        viv_status status = search_files(place->directory, ".so", &all->arena, &files, &n, err);
        for (size_t f = 0; status == VIV_OK && f < n; f++)
            status = add(all,
                         (struct plugin){.directory = place->directory,
                                         .place = place->rank,
                                         .path = files[f],
                                         .name = name_of_file(all, files[f])},
                         err);
        if (status != VIV_OK)
            return status;
    }
    for (const struct builtin *b = builtin_plugins; b->entry; b++) { /* then there is no place to search */
        viv_status status =
            add(all, (struct plugin){.builtin = b, .path = "built in", .name = b->ident->name}, err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* --- each plugin ------------------------------------------------------------------------------------------- */

viv_status plugin_refuse(struct plugins *all, struct plugin *p, struct error *err)
{
    p->reason = arena_strdup(&all->arena, err->text);
    return p->reason ? VIV_OK : error_nomem(err);
}

/* A file with two paths, or with a link beside it, is listed once. */
static bool is_known(const struct plugins *all, const struct plugin *p)
{
    for (const struct plugin *q = all->items; q < p; q++)
        if (!q->reason && !q->builtin && strcmp(q->path, p->path) == 0)
            return true;
    return false;
}

/* "libopenblas" and "libopenblas.so" allow libopenblas.so.0. */
static bool is_allowed(const struct plugins *all, const char *library)
{
    for (size_t i = 0; i < all->allow_threads.n; i++) {
        size_t n = strlen(all->allow_threads.items[i]);
        if (strncmp(all->allow_threads.items[i], library, n) == 0 && strchr(".-", library[n]))
            return true;
    }
    return false;
}

/* Whether the user allows it is checked each time, and not cached. */
static viv_status check_threads(const struct plugins *all, const struct plugin *p, struct error *err)
{
    for (size_t i = 0; i < p->threads.n; i++)
        if (!is_allowed(all, p->threads.items[i]))
            return error_set(err, VIV_EABI,
                             "%s, a library that it needs, starts a thread when it is loaded: to allow this, "
                             "use --allow-threads %s (or VIV_ALLOW_THREADS=%s)",
                             p->threads.items[i], p->threads.items[i], p->threads.items[i]);
    return VIV_OK;
}

static viv_status probe(struct plugins *all, struct plugin *p, const viv_host *viv, struct error *err)
{
    viv_status status;
    struct error seen;
    if (p->builtin) {
        const struct trail before = trail;
        status = plugin_load(p, viv, plugin_leave_trail, err);
        trail = before;
        return status == VIV_OK ? plugin_list_classes(p, err) : status;
    }
    if (!all->privileged && probe_cache_read(p, &all->arena, &status, &seen)) {
        if (status == VIV_OK)
            return check_threads(all, p, err);
        if (!all->retry)
            return error_set(err, status,
                             "%.900s (seen when it was first tried; `viv plugin list --retry` tries again)",
                             seen.text);
    }
    status = plugin_probe(p, viv, &all->arena, err);
    if (!all->privileged && !p->forget && status != VIV_ENOMEM && status != VIV_EIO)
        probe_cache_write(p, status, err);
    return status == VIV_OK ? check_threads(all, p, err) : status;
}

/* If we are out of memory, everything ends; any other failure concerns only the plugin. */
static viv_status examine_each(struct plugins *all, const viv_host *viv, struct error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct plugin *p = &all->items[kept];
        *p = all->items[i];
        viv_status status = plugin_validate(p, &all->arena, err);
        if (status == VIV_OK && is_known(all, p))
            continue;
        if (status == VIV_OK)
            status = probe(all, p, viv, err);
        if (status == VIV_ENOMEM || (status != VIV_OK && plugin_refuse(all, p, err) != VIV_OK)) {
            all->n = kept + 1;
            return err->status;
        }
        kept++;
    }
    all->n = kept;
    return VIV_OK;
}

/* --- conflicts --------------------------------------------------------------------------------------------- */

bool plugin_provides(const struct plugin *p, enum class_kind kind, const char *name)
{
    for (size_t i = 0; i < p->n_classes; i++)
        if (p->classes[i].kind == kind && strcmp(p->classes[i].name, name) == 0)
            return true;
    return false;
}

static bool is_own(const struct plugin_class *c)
{
    return (c->kind == CLASS_LAYER && (layer_is_own(c->name) || spec_is_step(c->name))) ||
           (c->kind == CLASS_SCHEDULER && scheduler_find(c->name));
}

static const char *clash_sentence(struct plugins *all, const struct plugin_class *c, const struct plugin *p,
                                  const struct plugin *other)
{
    const char *what = class_kind_name(c->kind);
    if (other->place < p->place)
        return arena_printf(&all->arena,
                            "it provides %s '%s', and so does plugin %s (%s), which is earlier in the plugin path",
                            what, c->name, other->name, other->path);
    return arena_printf(&all->arena,
                        "it provides %s '%s' and so does plugin %s (%s) in the same place: neither is "
                        "used; remove one, or put one first in the plugin path",
                        what, c->name, other->name, other->path);
}

/* Why p cannot be used beside the other plugins that have passed their probe; NULL: it can. */
static viv_status find_clash(struct plugins *all, const struct plugin *p, const char **reason, struct error *err)
{
    *reason = NULL;
    for (size_t i = 0; i < p->n_classes; i++) {
        const struct plugin_class *c = &p->classes[i];
        const char *sentence = NULL;
        if (is_own(c)) {
            sentence =
                arena_printf(&all->arena, "it provides %s '%s', which Vivarium has itself: choose another name",
                             class_kind_name(c->kind), c->name);
        } else {
            const struct plugin *other = all->items, *end = all->items + all->n;
            while (other < end &&
                   (other == p || other->place > p->place || !plugin_provides(other, c->kind, c->name)))
                other++;
            if (other == end)
                continue;
            sentence = clash_sentence(all, c, p, other);
        }
        if (!sentence)
            return error_nomem(err);
        *reason = sentence;
        return VIV_OK;
    }
    return VIV_OK;
}

/* Compares all plugins, so that the order of files does not matter. */
static viv_status part(struct plugins *all, struct error *err)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].reason)
            all->items[i].n_classes = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct plugin *p = &all->items[i];
        const char *reason = NULL;
        if (!p->reason && find_clash(all, p, &reason, err) != VIV_OK)
            return err->status;
        if (reason)
            p->reason = reason;
    }
    return VIV_OK;
}

viv_status plugins_examine(struct plugins *all, const viv_host *viv, struct error *err)
{
    if (all->examined)
        return VIV_OK;
    viv_status status = find_plugins(all, err);
    if (status == VIV_OK)
        status = examine_each(all, viv, err);
    if (status == VIV_OK)
        status = part(all, err);
    all->examined = status == VIV_OK;
    return status;
}
