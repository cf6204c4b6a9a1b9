/* load.c - dlopen, and the checks that come with it. A plugin is never unloaded: its tables, and threads that the
 * libraries it brought may have started, would dangle. */
#include "host/plugin.h"

#include <dlfcn.h>
#include <string.h>

enum { MAX_ENTRY = 65536 };

/* dlerror says "/x/llm.so: undefined symbol: f"; the path is said by whoever reports it. */
static viv_status loader_error(const struct plugin *p, struct error *err)
{
    const char *text = dlerror();
    size_t n = strlen(p->path);
    if (!text)
        return error_set(err, VIV_EABI, "the dynamic loader refuses it");
    /* these are its ways of saying that memory is out */
    if (strstr(text, "annot allocate") || strstr(text, "cannot create ") || strstr(text, "out of memory"))
        return error_nomem(err);
    if (strncmp(text, p->path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    return error_set(err, VIV_EABI, "%s", text);
}

static viv_status check_entry(const viv_plugin_entry_table *entry, struct error *err)
{
    if (entry->struct_size < sizeof *entry || entry->struct_size > MAX_ENTRY)
        return error_set(err, VIV_EABI,
                         "struct_size of viv_plugin_entry is %u, expected %zu or a little more: "
                         "rebuild the plugin",
                         entry->struct_size, sizeof *entry);
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
                return error_set(err, VIV_EABI, "it brings %s '%s' twice", class_kind_name(kind),
                                 class_name(tables[i]));
    }
    return VIV_OK;
}

static viv_status open_entry(const struct plugin *p, const viv_plugin_entry_table **out, struct error *err)
{
    void *handle = dlopen(p->path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return loader_error(p, err);
    const viv_plugin_ident *ident = dlsym(handle, "viv_plugin_identification");
    if (!ident)
        return loader_error(p, err);
    if (memcmp(ident, &p->ident, sizeof *ident) != 0)
        return error_set(err, VIV_EABI,
                         "its identification in memory is not the one in its file: was the file "
                         "replaced just now?");
    const viv_plugin_entry_table *entry = dlsym(handle, "viv_plugin_entry");
    if (!entry)
        return loader_error(p, err);
    viv_status status = check_entry(entry, err);
    if (status == VIV_OK)
        *out = entry;
    return status;
}

static viv_status read_tables(struct plugin *p, const viv_plugin_entry_table *entry, struct error *err)
{
    for (int kind = 0; kind < N_CLASS_KINDS; kind++) {
        p->tables[kind] = entry->get_classes(class_kind_id(kind));
        viv_status status = p->tables[kind] ? check_tables(p->tables[kind], kind, err) : VIV_OK;
        if (status != VIV_OK)
            return status;
    }
    if (entry->get_classes("viv.layer/0 ") || entry->get_classes(""))
        return error_set(err, VIV_EABI, "get_classes answers ids that do not exist, it must return NULL");
    return VIV_OK;
}

viv_status plugin_load(struct plugin *p, const viv_host *host, struct error *err)
{
    const viv_plugin_entry_table *entry = NULL;
    if (p->entry)
        return VIV_OK;
    viv_status status = open_entry(p, &entry, err);
    if (status != VIV_OK)
        return status;
    if (entry->init && (status = entry->init(host)) != VIV_OK) {
        error_take(err, status);
        return error_prefix(err, "init failed");
    }
    status = read_tables(p, entry, err);
    if (status == VIV_OK)
        p->entry = entry;
    else if (entry->deinit)
        entry->deinit();
    return status;
}
