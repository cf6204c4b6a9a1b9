/* load.c - loads a plugin by dlopen, and checks it. A plugin is never unloaded: pointers to its tables, and threads
 * of its libraries, would dangle. */
#include "base/size.h"
#include "base/trail.h"
#include "host/plugin.h"

#include <dlfcn.h>
#include <string.h>

/* dlerror returns "/x/llm.so: undefined symbol: f"; the caller reports the path. None of the plugin's code has run,
 * and what is missing may be installed later: this failure is not cached. */
static viv_status loader_error(struct plugin *p, struct error *err)
{
    const char *text = dlerror();
    size_t n = strlen(p->path);
    p->forget = true;
    if (!text)
        return error_set(err, VIV_EABI, "the dynamic loader refuses it");
    if (strncmp(text, p->path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    if (strstr(text, "static TLS"))
        return error_set(err, VIV_EABI,
                         "the dynamic loader refuses it: %s (build it without -ftls-model=initial-exec, or with "
                         "fewer bytes of thread-local variables)",
                         text);
    return error_set(err, VIV_EABI, "the dynamic loader refuses it: %s", text);
}

static viv_status check_entry(const viv_plugin_entry_table *entry, struct error *err)
{
    const size_t least = SIZE_TO(viv_plugin_entry_table, get_classes);
    if (entry->struct_size < least || entry->struct_size > MAX_STRUCT)
        return error_set(err, VIV_EABI,
                         "struct_size of viv_plugin_entry is %u, expected %zu or a little more: rebuild the plugin",
                         entry->struct_size, least);
    if (entry->flags)
        return error_set(
            err, VIV_EABI,
            "flags of viv_plugin_entry are 0x%x, this host knows none: update Vivarium, or set them to 0",
            entry->flags);
    if (!entry->get_classes)
        return error_set(err, VIV_EABI, "viv_plugin_entry: 'get_classes' is NULL, it must be given");
    return VIV_OK;
}

static viv_status check_tables(const void *const *tables, enum class_kind kind, struct error *err)
{
    for (size_t i = 0; tables[i]; i++) {
        if (i == MAX_CLASSES)
            return error_set(err, VIV_EABI, "more than %d of %s; is the list NULL-terminated?", MAX_CLASSES,
                             class_kind_id(kind));
        viv_status status = class_check(kind, tables[i], err);
        if (status != VIV_OK)
            return status;
        for (size_t j = 0; j < i; j++)
            if (strcmp(class_name(tables[j]), class_name(tables[i])) == 0)
                return error_set(err, VIV_EABI, "it provides %s '%s' twice", class_kind_name(kind),
                                 class_name(tables[i]));
    }
    return VIV_OK;
}

static viv_status open_file(struct plugin *p, const viv_plugin_entry_table **out, struct error *err)
{
    void *handle = dlopen(p->path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return loader_error(p, err);
    const viv_plugin_ident *ident = dlsym(handle, "viv_plugin_identification");
    if (!ident)
        return loader_error(p, err);
    if (memcmp(ident, &p->ident, sizeof *ident) != 0)
        return error_set(
            err, VIV_EABI,
            "its identification in memory is not the one in its file: was the file replaced just now?");
    *out = dlsym(handle, "viv_plugin_entry");
    return *out ? VIV_OK : loader_error(p, err);
}

/* Ids of classes that no host will ever define. */
static viv_status check_answers(const viv_plugin_entry_table *entry, struct error *err)
{
    static const char *const strange[] = {"", "viv.layer/0 ", "viv.layer", "VIV.LAYER/0"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        if (entry->get_classes(strange[i]))
            return error_set(err, VIV_EABI,
                             "get_classes answers '%s', an id that does not exist: it must return NULL for every "
                             "id but those that it knows",
                             strange[i]);
    return VIV_OK;
}

static bool same_list(const void *const *a, const void *const *b)
{
    if (!a || !b)
        return !a && !b;
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static viv_status read_tables(struct plugin *p, const viv_plugin_entry_table *entry, struct error *err)
{
    size_t n = 0;
    viv_status status = check_answers(entry, err);
    for (int kind = 0; status == VIV_OK && kind < N_CLASS_KINDS; kind++) {
        p->tables[kind] = entry->get_classes(class_kind_id(kind));
        if (!p->tables[kind])
            continue;
        status = check_tables(p->tables[kind], kind, err);
        n += status == VIV_OK && p->tables[kind][0];
    }
    for (int kind = 0; status == VIV_OK && kind < N_CLASS_KINDS; kind++)
        if (!same_list(p->tables[kind], entry->get_classes(class_kind_id(kind))))
            status = error_set(err, VIV_EABI, "get_classes(\"%s\") returns other classes when it is called again",
                               class_kind_id(kind));
    if (status == VIV_OK && n == 0)
        status = error_set(err, VIV_EABI,
                           "it provides no class: get_classes returns none for " VIV_CLASS_LAYER
                           ", " VIV_CLASS_SCHEDULER " and " VIV_CLASS_ARCHITECTURE);
    return status;
}

void plugin_leave_trail(const struct plugin *p, const char *phase)
{
    trail = (struct trail){p->title, phase};
}

viv_status plugin_load(struct plugin *p, const viv_host *host,
                       void (*enter)(const struct plugin *p, const char *phase), struct error *err)
{
    const viv_plugin_entry_table *entry = NULL;
    if (p->entry)
        return VIV_OK;
    enter(p, "loading");
    if (p->builtin)
        entry = p->builtin->entry;
    viv_status status = p->builtin ? VIV_OK : open_file(p, &entry, err);
    if (status == VIV_OK)
        status = check_entry(entry, err);
    if (status != VIV_OK)
        return status;
    enter(p, "its init");
    if (entry->init && (status = entry->init(host)) != VIV_OK) {
        error_take(err, status);
        err->status = VIV_EABI; /* also for out of memory, which concerns the plugin and not the host */
        return error_prefix(err, "init failed");
    }
    enter(p, "its get_classes");
    status = read_tables(p, entry, err);
    if (status == VIV_OK)
        p->entry = entry;
    else if (entry->deinit)
        entry->deinit();
    return status;
}

viv_status plugin_list_classes(struct plugin *p, struct error *err)
{
    for (int kind = 0; kind < N_CLASS_KINDS; kind++)
        for (size_t i = 0; p->tables[kind] && p->tables[kind][i]; i++) {
            if (!VEC_RESERVE(p->classes, p->n_classes, p->capacity))
                return error_nomem(err);
            p->classes[p->n_classes++] = (struct plugin_class){kind, class_name(p->tables[kind][i])};
        }
    return VIV_OK;
}
