/* viv list - the checkpoints that lie on this machine: in given folders, or in the caches of Hugging Face, ollama,
 * llama.cpp and LM Studio. Nothing is downloaded, and only headers are read. */
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/open.h"
#include "cli/shared.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_DEPTH = 10, MOST_ENTRIES = 1 << 20, LARGEST_MANIFEST = 1 << 20 };

struct list_options {
    struct common common;
    bool json;
};

static const struct option table[] = {JSON_OPTION(offsetof(struct list_options, json), "one object"), {0}};

struct found {
    char *name, *path; /* "meta-llama/Llama-3.2-1B"; what other verbs take */
    uint64_t bytes;    /* of all weight files */
};

struct search {
    struct found *found;
    size_t n, capacity, n_entries;
    struct error *err;
};

static viv_status add(struct search *s, const char *name, const char *path, uint64_t bytes)
{
    struct found f = {.bytes = bytes};
    if (!VEC_RESERVE(s->found, s->n, s->capacity) || !(f.name = strdup(name)) || !(f.path = strdup(path))) {
        free(f.name);
        return error_nomem(s->err);
    }
    s->found[s->n++] = f;
    return VIV_OK;
}

/* --- folders ------------------------------------------------------------------------------------------------- */

/* Where "-00002-of-00003.gguf" begins in a name; NULL: it is no part of a split file. */
static const char *part_of_name(const char *name)
{
    const size_t n = strlen(name);
    unsigned part, parts;
    int end = 0;
    if (n < 20 || sscanf(name + n - 20, "-%5u-of-%5u.gguf%n", &part, &parts, &end) != 2 || end != 20)
        return NULL;
    return name + n - 20;
}

/* "org/name" of ".../models--org--name/snapshots/...", as the cache of Hugging Face has it; else the path.
 * Malloc'ed. */
static char *name_of(const char *path)
{
    const char *at = strstr(path, "/models--");
    if (!at)
        return strdup(path);
    at += strlen("/models--");
    const size_t n = strcspn(at, "/");
    const char *file = text_ends_in(path, ".gguf") ? path_base(path) : "";
    char *name = malloc(n + strlen(file) + 2), *to = name;
    for (size_t i = 0; name && i < n; i++) {
        const bool divides = at[i] == '-' && i + 1 < n && at[i + 1] == '-';
        *to++ = divides ? '/' : at[i];
        i += divides;
    }
    if (name)
        sprintf(to, "%s%s", *file ? "/" : "", file);
    return name;
}

static viv_status add_path(struct search *s, const char *path, uint64_t bytes)
{
    char *name = name_of(path);
    viv_status status = name ? add(s, name, path, bytes) : error_nomem(s->err);
    free(name);
    return status;
}

/* The parts of one split file are one model, known by its first part. */
static uint64_t bytes_with_parts(struct dirent *const *entries, int n, const char *folder, const char *name)
{
    const char *part = part_of_name(name);
    uint64_t bytes = 0;
    for (int i = 0; i < n; i++) {
        struct stat st;
        const char *other = entries[i]->d_name, *its = part_of_name(other);
        const bool same =
            part ? its && its - other == part - name && strncmp(other, name, (size_t)(part - name)) == 0
                 : strcmp(other, name) == 0;
        char *path = same ? path_join(folder, other) : NULL;
        if (path && stat(path, &st) == 0)
            bytes += (uint64_t)st.st_size;
        free(path);
    }
    return bytes;
}

static uint64_t bytes_of_safetensors(struct dirent *const *entries, int n, const char *folder)
{
    uint64_t bytes = 0;
    for (int i = 0; i < n; i++)
        if (text_ends_in(entries[i]->d_name, ".safetensors"))
            bytes += bytes_with_parts(entries, n, folder, entries[i]->d_name);
    return bytes;
}

/* A link to a folder with a model counts; other links to folders are not followed, for they may lead in circles. */
static bool links_to_model(const char *path)
{
    char *config = path_join(path, "config.json");
    const bool yes = config && file_exists(config);
    free(config);
    return yes;
}

static viv_status search_folder(struct search *s, const char *folder, int depth);

static viv_status search_entry(struct search *s, struct dirent *const *entries, int n, int i, const char *folder,
                               bool is_model, int depth)
{
    const char *name = entries[i]->d_name;
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return VIV_OK;
    char *path = path_join(folder, name);
    viv_status status = path ? VIV_OK : error_nomem(s->err);
    if (!path || lstat(path, &st) != 0) {
        free(path);
        return status;
    }
    const char *part = part_of_name(name);
    if (strcmp(name, "config.json") == 0)
        status = add_path(s, folder, bytes_of_safetensors(entries, n, folder));
    else if (text_ends_in(name, ".gguf") && (!part || strncmp(part, "-00001-", 7) == 0))
        status = add_path(s, path, bytes_with_parts(entries, n, folder, name));
    else if (!is_model &&
             (S_ISDIR(st.st_mode) || links_to_model(path))) /* folders within a model are parts of it */
        status = search_folder(s, path, depth + 1);
    free(path);
    return status;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Folders that cannot be read have nothing. */
static viv_status search_folder(struct search *s, const char *folder, int depth)
{
    struct dirent **entries = NULL;
    const int n = depth < MOST_DEPTH && s->n_entries < MOST_ENTRIES ? scandir(folder, &entries, NULL, by_name) : 0;
    viv_status status = VIV_OK;
    bool is_model = false;
    for (int i = 0; i < n; i++)
        is_model |= strcmp(entries[i]->d_name, "config.json") == 0;
    s->n_entries += n > 0 ? (size_t)n : 0;
    for (int i = 0; i < n && status == VIV_OK; i++)
        status = search_entry(s, entries, n, i, folder, is_model, depth);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return status;
}

/* --- ollama: manifests/HOST/NAMESPACE/NAME/TAG name files of blobs/ ------------------------------------------ */

static viv_status add_manifest(struct search *s, const char *models, const char *manifest, const char *name)
{
    json_t *root = NULL, *layer;
    size_t i;
    struct error ignored;
    viv_status status = VIV_OK;
    if (json_read(manifest, LARGEST_MANIFEST, &root, &ignored) != VIV_OK)
        return VIV_OK;
    json_array_foreach(json_object_get(root, "layers"), i, layer)
    {
        const char *type = json_string_value(json_object_get(layer, "mediaType")),
                   *digest = json_string_value(json_object_get(layer, "digest"));
        struct stat st;
        char *path = NULL;
        if (status != VIV_OK || !type || strcmp(type, "application/vnd.ollama.image.model") != 0 || !digest ||
            strncmp(digest, "sha256:", 7) != 0 || strchr(digest, '/'))
            continue;
        if (asprintf(&path, "%s/blobs/sha256-%s", models, digest + 7) < 0) {
            json_decref(root);
            return error_nomem(s->err);
        }
        status = add(s, name, path, stat(path, &st) == 0 ? (uint64_t)st.st_size : 0);
        free(path);
    }
    json_decref(root);
    return status;
}

/* `name`: what the folders say so far; the last one divides name and tag. */
static viv_status search_manifests(struct search *s, const char *models, const char *folder, const char *name,
                                   int depth)
{
    struct dirent **entries = NULL;
    const int n = scandir(folder, &entries, NULL, by_name);
    viv_status status = VIV_OK;
    for (int i = 0; i < n && status == VIV_OK; i++) {
        const char *entry = entries[i]->d_name;
        const bool usual = (depth == 0 && strcmp(entry, "registry.ollama.ai") == 0) ||
                           (depth == 1 && strcmp(entry, "library") == 0);
        char *path = NULL, *longer = NULL;
        /* neither links nor anything else */
        if (entry[0] == '.' || entries[i]->d_type != (depth == 3 ? DT_REG : DT_DIR) ||
            ++s->n_entries > MOST_ENTRIES)
            continue;
        if (asprintf(&path, "%s/%s", folder, entry) < 0 || asprintf(&longer, "%s%s%s", name,
                                                                    !*name || usual ? ""
                                                                    : depth == 3    ? ":"
                                                                                    : "/",
                                                                    usual ? "" : entry) < 0)
            status = error_nomem(s->err);
        else
            status = depth == 3 ? add_manifest(s, models, path, longer)
                                : search_manifests(s, models, path, longer, depth + 1);
        free(path);
        free(longer);
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return status;
}

/* --- caches -------------------------------------------------------------------------------------------------- */

/* The folder that a variable names, or else one of the user's home; malloc'ed. NULL: memory is out, or no home. */
static char *place(const char *variable, const char *below, const char *of_home)
{
    const char *value = variable ? getenv(variable) : NULL, *home = getenv("HOME");
    char *path = NULL;
    if (value && *value)
        return *below ? path_join(value, below) : strdup(value);
    return home && *home && of_home && asprintf(&path, "%s/%s", home, of_home) >= 0 ? path : NULL;
}

static viv_status search_caches(struct search *s)
{
    char *const folders[] = {getenv("HF_HUB_CACHE") ? place("HF_HUB_CACHE", "", NULL)
                                                    : place("HF_HOME", "hub", ".cache/huggingface/hub"),
                             place("LLAMA_CACHE", "", ".cache/llama.cpp"), place(NULL, "", ".lmstudio/models"),
                             place(NULL, "", ".cache/lm-studio/models")};
    char *ollama = place("OLLAMA_MODELS", "", ".ollama/models"), *manifests = NULL;
    viv_status status = VIV_OK;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (folders[i] && status == VIV_OK)
            status = search_folder(s, folders[i], 0);
        free(folders[i]);
    }
    if (ollama && status == VIV_OK)
        manifests = path_join(ollama, "manifests");
    if (manifests)
        status = search_manifests(s, ollama, manifests, "", 0);
    free(manifests);
    free(ollama);
    return status;
}

static viv_status search_given(struct search *s, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return error_set(s->err, VIV_ENOTFOUND, "there is no folder %s", path);
    return S_ISDIR(st.st_mode) ? search_folder(s, path, 0) : add_path(s, path, (uint64_t)st.st_size);
}

/* --- what is shown ------------------------------------------------------------------------------------------- */

static viv_status show(struct opened *o, const struct search *s, bool as_json, struct error *err)
{
    json_t *list = as_json ? json_array() : NULL;
    bool named = false; /* some name is not the path */
    for (size_t i = 0; i < s->n; i++)
        named |= strcmp(s->found[i].name, s->found[i].path) != 0;
    struct columns columns = {.align = named ? "lrll" : "lrl"};
    struct buf reasons = {0};
    viv_status status = VIV_OK;
    for (size_t i = 0; i < s->n && status == VIV_OK; i++) {
        const struct found *f = &s->found[i];
        struct spec *spec = NULL;
        struct error why;
        status = spec_open(o->world, f->path, &spec, &why);
        if (status == VIV_ENOMEM) {
            error_nomem(err);
            break;
        }
        if (as_json) {
            json_t *one = json_pack("{s:o, s:o, s:I, s:o, s:o, s:o}", "name", cli_json_word(f->name), "path",
                                    cli_json_word(f->path), "bytes", (json_int_t)f->bytes, "family",
                                    cli_json_word(spec ? spec_family(spec) : NULL), "architecture",
                                    cli_json_word(spec ? spec_architecture(spec) : NULL), "error",
                                    cli_json_word(spec ? NULL : why.text));
            status = json_array_append_new(list, one) == 0 ? VIV_OK : error_nomem(err);
        } else {
            columns_add(&columns, "%s", spec ? spec_family(spec) : "-");
            columns_add(&columns, "%s", f->bytes ? human_bytes(f->bytes).text : "-");
            columns_add(&columns, "%s", f->name);
            if (named)
                columns_add(&columns, "%s", f->path);
            if (!spec)
                buf_printf(&reasons, "%s\n", why.text);
            status = VIV_OK;
        }
        spec_close(spec);
    }
    if (status == VIV_OK && as_json) {
        buf_release(&reasons);
        return cli_print_json(json_pack("{s:o}", "models", list), false, err);
    }
    json_decref(list);
    const viv_status printed = columns_print(&columns, 0, status == VIV_OK ? err : &(struct error){0});
    if (reasons.size) {
        putchar('\n');
        cli_print_safe(stdout, reasons.data, reasons.size);
    }
    buf_release(&reasons);
    return status == VIV_OK ? printed : status;
}

static int list(const struct arguments *a)
{
    const struct list_options *options = a->options;
    struct opened o = {0};
    struct error err = {0};
    struct search s = {.err = &err};
    viv_status status = cli_open_world(&o, &options->common, &err);
    for (size_t i = 0; status == VIV_OK && i < a->n_words; i++)
        status = search_given(&s, a->words[i]);
    if (status == VIV_OK && a->n_words == 0)
        status = search_caches(&s);
    if (status == VIV_OK && s.n == 0 && !options->json)
        fprintf(stderr, "viv: no checkpoints %s\n",
                a->n_words ? "lie there"
                           : "lie in the caches of Hugging Face, ollama, llama.cpp and LM Studio; viv list FOLDER "
                             "looks elsewhere");
    if (status == VIV_OK)
        status = show(&o, &s, options->json, &err);
    for (size_t i = 0; i < s.n; i++) {
        free(s.found[i].name);
        free(s.found[i].path);
    }
    free(s.found);
    return cli_close_opened(&o, status, &err);
}

const struct command command_list = {
    .name = "list",
    .summary = "the checkpoints on this machine, with family and size",
    .words = "[FOLDER...]",
    .text = "Lists the checkpoints (folders with config.json, and .gguf files) in the given folders, or in the "
            "caches of Hugging Face ($HF_HUB_CACHE, $HF_HOME), ollama ($OLLAMA_MODELS), llama.cpp ($LLAMA_CACHE) "
            "and LM Studio: the family that runs each, the size of its weights, and the path that other verbs "
            "take. Why a checkpoint has no family stands below. Nothing is downloaded.",
    .options = table,
    .options_size = sizeof(struct list_options),
    .examples = "viv list\n"
                "viv list ~/models\n"
                "viv list --json",
    .group = GROUP_LOOK,
    .main = list,
};
