/* search.c - the places where plugins and specs are searched, in the order given in host.h. */
#include "host/search.h"

#include "base/buf.h"
#include "base/file.h"
#include "host/plugin.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define BUILD_TREE_MARK "vivarium-build-tree"

static viv_status add_place(struct search *s, const char *directory, unsigned rank, struct error *err)
{
    if (!directory || !VEC_RESERVE(s->places, s->n_places, s->places_capacity))
        return error_nomem(err);
    s->places[s->n_places++] = (struct place){directory, rank};
    return VIV_OK;
}

static unsigned next_rank(const struct search *s)
{
    return s->n_places ? s->places[s->n_places - 1].rank + 1 : 0;
}

static viv_status add_specs(struct search *s, const char *directory, struct error *err)
{
    size_t n = s->n_specs;
    if (!directory || !VEC_RESERVE(s->specs, n, s->specs_capacity))
        return error_nomem(err);
    s->specs[s->n_specs++] = directory;
    return VIV_OK;
}

/* Calls add for each entry of "/a:/b". */
static viv_status split_path(struct search *s, const char *name, const char *value, struct arena *arena,
                             viv_status (*add)(struct search *, const char *, struct error *), struct error *err)
{
    while (*value) {
        size_t n = strcspn(value, ":");
        if (n > 0 && *value != '/')
            return error_set(err, VIV_EINVAL,
                             "%s: '%.*s' is relative, but plugins are never loaded relative to the current "
                             "directory: give an absolute path",
                             name, (int)(n < 1000 ? n : 1000), value);
        viv_status status = n > 0 ? add(s, arena_strndup(arena, value, n), err) : VIV_OK;
        if (status != VIV_OK)
            return status;
        value += n + (value[n] == ':');
    }
    return VIV_OK;
}

static viv_status add_path_entry(struct search *s, const char *directory, struct error *err)
{
    return add_place(s, directory, next_rank(s), err);
}

static viv_status add_required_entry(struct search *s, const char *directory, struct error *err)
{
    if (builtin_plugins->entry)
        return error_set(err, VIV_EUNSUPPORTED,
                         "--plugin-path: this viv has its plugins built in and loads no others: build one without "
                         "--enable-standalone");
    if (directory && !file_is_dir(directory))
        return error_set(err, VIV_ENOTFOUND, "--plugin-path: there is no directory %s", directory);
    return add_path_entry(s, directory, err);
}

/* --- the build tree ------------------------------------------------------------------------------------------ */

/* The directory of the program; false if unknown. Without /proc (as in a bare chroot), the path that it was started
 * by is used, unless this process has more rights than the user. */
static bool program_directory(const char *program, char directory[PATH_MAX])
{
    if (!program)
        program = access("/proc/self/exe", F_OK) == 0 || getauxval(AT_SECURE) ? "/proc/self/exe"
                                                                              : (const char *)getauxval(AT_EXECFN);
    if (!program || !realpath(program, directory))
        return false;
    *strrchr(directory, '/') = '\0';
    return true;
}

/* *source: the source directory named in the file beside the program; NULL if the program is not in a build tree.
 */
static viv_status source_of_build_tree(const char *build, struct arena *arena, const char **source,
                                       struct error *err)
{
    struct buf text = {0};
    *source = NULL;
    char *path = path_join(build, BUILD_TREE_MARK);
    viv_status status = path ? VIV_OK : error_nomem(err);
    if (path && file_exists(path))
        status = file_read(path, PATH_MAX, &text, err);
    const char *line = buf_text(&text);
    size_t n = strcspn(line, "\n");
    if (status == VIV_OK && n > 0 && *line == '/' && !(*source = arena_strndup(arena, line, n)))
        status = error_nomem(err);
    free(path);
    buf_release(&text);
    return status;
}

static viv_status add_build_tree(struct search *s, const char *build, struct arena *arena, struct error *err)
{
    const char **folders;
    size_t n;
    unsigned rank = next_rank(s);
    const char *plugins = arena_printf(arena, "%s/plugins", build);
    if (!plugins)
        return error_nomem(err);
    viv_status status = search_files(plugins, "", arena, &folders, &n, err);
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        status = add_place(s, arena_printf(arena, "%s/.libs", folders[i]), rank, err);
    return status;
}

/* --- all --------------------------------------------------------------------------------------------------- */

static const char *variable(const struct host_options *options, const char *name)
{
    const char *value = options->privileged ? NULL : secure_getenv(name);
    return value ? value : "";
}

/* $XDG_CONFIG_HOME/vivarium, or ~/.config/vivarium: the user's own specs, and defaults.yaml. */
static viv_status add_users_own(struct search *s, const struct host_options *options, struct arena *arena,
                                struct error *err)
{
    const char *config = variable(options, "XDG_CONFIG_HOME"), *home = variable(options, "HOME");
    const char *folder = *config == '/' ? arena_printf(arena, "%s/vivarium", config)
                         : *home == '/' ? arena_printf(arena, "%s/.config/vivarium", home)
                                        : "";
    if (folder && !*folder)
        return VIV_OK;
    s->defaults = folder ? arena_printf(arena, "%s/defaults.yaml", folder) : NULL;
    return s->defaults ? add_specs(s, arena_printf(arena, "%s/specs", folder), err) : error_nomem(err);
}

static viv_status add_built_in(struct search *s, const struct host_options *options, struct arena *arena,
                               struct error *err)
{
    char build[PATH_MAX];
    const char *source = NULL;
    viv_status status = VIV_OK;
    if (program_directory(options->program, build))
        status = source_of_build_tree(build, arena, &source, err);
    if (status == VIV_OK && !builtin_plugins->entry)
        status = source ? add_build_tree(s, build, arena, err) : add_path_entry(s, PLUGINSDIR, err);
    if (status == VIV_OK)
        status = add_specs(s, source ? arena_printf(arena, "%s/specs", source) : SPECSDIR, err);
    return status;
}

viv_status search_init(struct search *s, const struct host_options *options, struct arena *arena, struct error *err)
{
    *s = (struct search){0};
    viv_status status = VIV_OK;
    if (options->plugin_path)
        status = split_path(s, "--plugin-path", options->plugin_path, arena, add_required_entry, err);
    if (status == VIV_OK && !builtin_plugins->entry)
        status = split_path(s, "VIV_PLUGIN_PATH", variable(options, "VIV_PLUGIN_PATH"), arena, add_path_entry, err);
    if (status == VIV_OK)
        status = split_path(s, "VIV_SPEC_PATH", variable(options, "VIV_SPEC_PATH"), arena, add_specs, err);
    if (status == VIV_OK)
        status = add_users_own(s, options, arena, err);
    if (status == VIV_OK)
        status = add_built_in(s, options, arena, err);
    if (status == VIV_OK) {
        status = add_specs(s, "", err);
        if (status == VIV_OK)
            s->specs[s->n_specs - 1] = NULL;
    }
    if (status != VIV_OK)
        search_release(s);
    return status;
}

void search_release(struct search *s)
{
    free(s->places);
    free(s->specs);
    *s = (struct search){0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static viv_status read_names(DIR *dir, const char *directory, const char *suffix, struct arena *arena,
                             const char ***names, size_t *n, struct error *err)
{
    size_t capacity = 0, n_suffix = strlen(suffix);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || length <= n_suffix || strcmp(entry->d_name + length - n_suffix, suffix) != 0)
            continue;
        const char *path = arena_printf(arena, "%s/%s", directory, entry->d_name);
        if (!path || !VEC_RESERVE(*names, *n, capacity))
            return error_nomem(err);
        (*names)[(*n)++] = path;
    }
    return VIV_OK;
}

viv_status search_files(const char *directory, const char *suffix, struct arena *arena, const char ***out,
                        size_t *n, struct error *err)
{
    const char **names = NULL;
    size_t count = 0;
    viv_status status = VIV_OK;
    DIR *dir = opendir(directory);
    if (dir)
        status = read_names(dir, directory, suffix, arena, &names, &count, err);
    else if (errno == ENOMEM)
        status = error_nomem(err);
    const char **kept = status == VIV_OK ? arena_array(arena, count + 1, sizeof *kept) : NULL;
    if (status == VIV_OK && !kept)
        status = error_nomem(err);
    if (status == VIV_OK) {
        if (count > 0) {
            qsort(names, count, sizeof *names, by_text);
            memcpy(kept, names, count * sizeof *names);
        }
        *out = kept;
        *n = count;
    }
    if (dir)
        closedir(dir);
    free(names);
    return status;
}
