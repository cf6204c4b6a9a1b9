/* locate.c - finds what MODEL names: a spec by name or path, or a checkpoint, whose family is found by the specs'
 * `matches`.
 */
#include "spec/document.h"

#include "base/file.h"
#include "base/near.h"
#include "base/text.h"
#include "formats/mmproj.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The last is the directory itself, for users' own specs. */
static const char *const folders[] = {"families", "zoo", "embedded", ""};
enum { N_FOLDERS = sizeof folders / sizeof *folders, MAX_SPECS = 65536 };

/* --- listing ------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static viv_status list_folder(const char *directory, const char *folder, struct spec_listing *l, size_t *capacity,
                              struct error *err)
{
    char *path = path_join(directory, folder);
    if (!path)
        return error_nomem(err);
    DIR *d = opendir(path);
    /* a missing folder has no specs; one that cannot be read is an error */
    viv_status status = d || errno == ENOENT || errno == ENOTDIR || errno == EACCES ? VIV_OK
                        : errno == ENOMEM                                           ? error_nomem(err)
                                          : error_set(err, VIV_EIO, "%s: %s", path, strerror(errno));
    for (struct dirent *e; d && status == VIV_OK && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n < 6 || strcmp(e->d_name + n - 5, ".yaml") != 0 || l->n == MAX_SPECS)
            continue;
        char *name = NULL;
        if (!VEC_RESERVE(l->names, l->n, *capacity) ||
            asprintf(&name, "%s%s%.*s", folder, *folder ? "/" : "", (int)(n - 5), e->d_name) < 0)
            status = error_nomem(err);
        else
            l->names[l->n++] = name;
    }
    if (d)
        closedir(d);
    free(path);
    return status;
}

viv_status spec_list(const struct spec_world *world, struct spec_listing *out, struct error *err)
{
    struct spec_listing l = {0};
    size_t capacity = 0;
    viv_status status = VIV_OK;
    for (const char *const *d = world->directories; *d && status == VIV_OK; d++)
        for (size_t f = 0; f < N_FOLDERS && status == VIV_OK; f++)
            status = list_folder(*d, folders[f], &l, &capacity, err);
    if (status != VIV_OK) {
        spec_listing_release(&l);
        return status;
    }
    if (l.n)
        qsort(l.names, l.n, sizeof *l.names, by_name);
    size_t kept = 0; /* a spec in an earlier directory hides one of the same name in a later one */
    for (size_t i = 0; i < l.n; i++) {
        if (kept && strcmp(l.names[kept - 1], l.names[i]) == 0)
            free(l.names[i]);
        else
            l.names[kept++] = l.names[i];
    }
    l.n = kept;
    *out = l;
    return VIV_OK;
}

void spec_listing_release(struct spec_listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    *l = (struct spec_listing){0};
}

/* --- by name ------------------------------------------------------------------------------------------------- */

static viv_status path_of(const char *directory, const char *folder, const char *name, char **out,
                          struct error *err)
{
    if (asprintf(out, "%s/%s%s%s.yaml", directory, folder, *folder ? "/" : "", name) < 0) {
        *out = NULL;
        return error_nomem(err);
    }
    return VIV_OK;
}

static viv_status not_found(const struct spec_world *world, const char *name, struct error *err)
{
    struct spec_listing l;
    viv_status status = spec_list(world, &l, err);
    if (status != VIV_OK)
        return status;
    const char **names = calloc(l.n ? l.n : 1, sizeof *names);
    if (!names) {
        spec_listing_release(&l);
        return error_nomem(err);
    }
    for (size_t i = 0; i < l.n; i++)
        names[i] = path_base(l.names[i]);
    const char *nearest = near_word(name, names, l.n);
    error_set(err, VIV_ENOTFOUND,
              nearest
                  ? "no spec, checkpoint directory or model file is called '%s', did you mean '%s'?"
                  : "no spec, checkpoint directory or model file is called '%s' (`viv spec list` shows the specs)",
              name, nearest);
    free(names);
    spec_listing_release(&l);
    return VIV_ENOTFOUND;
}

/* The folder of a name as in listings: "zoo" of "zoo/llama-3.2-1b"; NULL if it does not begin with a known folder.
 */
static const char *folder_of(const char *name)
{
    for (size_t f = 0; f < N_FOLDERS; f++) {
        size_t n = strlen(folders[f]);
        if (n > 0 && strncmp(name, folders[f], n) == 0 && name[n] == '/')
            return folders[f];
    }
    return NULL;
}

bool spec_is_listed(const char *name)
{
    return folder_of(name) != NULL;
}

static bool same_file(const char *a, const char *b)
{
    struct stat at, bt;
    return stat(a, &at) == 0 && stat(b, &bt) == 0 && at.st_dev == bt.st_dev && at.st_ino == bt.st_ino;
}

viv_status spec_find(const struct spec_world *world, const char *name, const char *from, char **path,
                     struct error *err)
{
    const char *plain = folder_of(name) ? strchr(name, '/') + 1 : name;
    bool usable = plain[0] != '\0' && plain[0] != '.' && strlen(plain) < 256 && !strchr(plain, '/');
    for (const char *const *d = world->directories; usable && *d; d++)
        for (size_t f = 0; f < N_FOLDERS; f++) {
            char *candidate;
            if (plain != name && strcmp(folders[f], folder_of(name)) != 0)
                continue;
            viv_status status = path_of(*d, folders[f], plain, &candidate, err);
            if (status != VIV_OK)
                return status;
            if (file_exists(candidate) && !(from && same_file(candidate, from))) {
                *path = candidate;
                return VIV_OK;
            }
            free(candidate);
        }
    return not_found(world, name, err);
}

/* Whether the spec at path has `use: name`. False if it cannot be read, except when out of memory. */
static viv_status uses(const char *path, const char *name, bool *out, struct error *err)
{
    struct arena arena = {0};
    struct yaml *root = NULL;
    viv_status status = yaml_read(&arena, path, &root, err);
    const struct yaml *use = status == VIV_OK ? yaml_get(root, "use") : NULL;
    *out = use && use->kind == YAML_SCALAR && strcmp(use->text, name) == 0;
    arena_release(&arena);
    return status == VIV_ENOMEM ? status : VIV_OK;
}

viv_status spec_example(const struct spec *s, char **name, struct error *err)
{
    struct spec_listing l;
    viv_status status = spec_list(s->world, &l, err);
    if (status != VIV_OK)
        return status;
    *name = NULL;
    for (size_t i = l.n;
         i-- > 0 && status == VIV_OK && !*name;) { /* from the end, so that zoo/ comes before embedded/ */
        char *path;
        status = spec_find(s->world, l.names[i], NULL, &path, err);
        if (status != VIV_OK)
            break;
        bool found;
        status = uses(path, s->name, &found, err);
        if (status == VIV_OK && found) {
            *name = strdup(l.names[i]);
            status = *name ? VIV_OK : error_nomem(err);
        }
        free(path);
    }
    spec_listing_release(&l);
    return status;
}

/* --- by checkpoint ------------------------------------------------------------------------------------------- */

/* How well a family matches, the weakest first: a class within the matched one ("LlamaModel"), the model_type, an
 * entry of `matches`, or an entry whose required tensor exists. */
enum fit { FITS_NOT, FITS_CLASS, FITS_TYPE, FITS, FITS_BETTER };

static enum fit fits(const struct yaml *words, const char *word, const struct checkpoint *c)
{
    if (!words)
        return FITS_NOT;
    if (words->kind == YAML_SCALAR)
        return strcmp(words->text, word) == 0 ? FITS : FITS_NOT;
    for (uint32_t i = 0; i < words->n; i++) {
        if (words->kind == YAML_LIST && strcmp(words->items[i]->text, word) == 0)
            return FITS;
        if (words->kind == YAML_MAP && strcmp(words->keys[i], word) == 0 &&
            checkpoint_tensor(c, words->items[i]->text))
            return FITS_BETTER;
    }
    return FITS_NOT;
}

/* Families that match are few and small, so each is read again; all that they match is stored for the error. */
struct search {
    const struct spec_world *world;
    const struct checkpoint *checkpoint;
    const char *wanted, *naming; /* "LlamaForCausalLM", "hf" */
    const char *type;            /* model_type, if it may decide; or NULL */
    char *path;                  /* of the best match */
    enum fit fit;
    struct arena arena;
    const char **words; /* all entries of `matches`, for suggestions */
    size_t n_words, capacity;
};

static viv_status remember(struct search *s, const struct yaml *words, struct error *err)
{
    uint32_t n = !words ? 0 : words->kind == YAML_SCALAR ? 1 : words->n;
    for (uint32_t i = 0; i < n; i++) {
        if (!VEC_RESERVE(s->words, s->n_words, s->capacity))
            return error_nomem(err);
        s->words[s->n_words++] = words->kind == YAML_LIST  ? words->items[i]->text
                                 : words->kind == YAML_MAP ? words->keys[i]
                                                           : words->text;
    }
    return VIV_OK;
}

/* Whether a family has this model_type: by `matches`, or by its own name, to which "_text" may be added. */
static bool is_of_type(const struct yaml *root, const struct yaml *words, const struct search *s)
{
    const struct yaml *family = yaml_get(root, "family");
    const size_t n = family && family->kind == YAML_SCALAR ? strlen(family->text) : 0;
    if (fits(words, s->type, s->checkpoint) != FITS_NOT)
        return true;
    return n && strncmp(s->type, family->text, n) == 0 && (!s->type[n] || strcmp(s->type + n, "_text") == 0);
}

/* Whether the class "XModel" is wanted, and a family matches "XForCausalLM" or another of X with a head. */
static bool has_class_within(const struct yaml *words, const char *wanted)
{
    const size_t n = strlen(wanted);
    for (uint32_t i = 0; text_ends_in(wanted, "Model") && words && words->kind == YAML_LIST && i < words->n; i++) {
        const char *word = words->items[i]->text;
        if (strncmp(word, wanted, n - 5) == 0 &&
            (strncmp(word + n - 5, "For", 3) == 0 || strcmp(word + n - 5, "LMHeadModel") == 0))
            return true;
    }
    return false;
}

static enum fit fit_of(const struct search *s, const struct yaml *root, const struct yaml *words)
{
    const enum fit fit = fits(words, s->wanted, s->checkpoint);
    if (fit != FITS_NOT || strcmp(s->naming, "hf") != 0)
        return fit;
    return s->type && is_of_type(root, words, s) ? FITS_TYPE
           : has_class_within(words, s->wanted)  ? FITS_CLASS
                                                 : FITS_NOT;
}

static viv_status try_family(struct search *s, const char *path, struct error *err)
{
    struct yaml *root;
    viv_status status = yaml_read(&s->arena, path, &root, err);
    if (status == VIV_OK)
        status = document_check_keys(root, IN_SPEC, err);
    const struct yaml *matches = status == VIV_OK ? yaml_get(root, "matches") : NULL;
    if (status != VIV_OK || !matches)
        return status;
    status = document_check_keys(matches, IN_MATCHES, err);
    const struct yaml *words = yaml_get(matches, s->naming);
    if (status == VIV_OK)
        status = remember(s, words, err);
    enum fit fit = status == VIV_OK ? fit_of(s, root, words) : FITS_NOT;
    if (fit == FITS_NOT || fit < s->fit)
        return status;
    if (fit == s->fit)
        return error_set(err, VIV_EINVAL, "both %s and %s say that they match '%s': which one is meant?", s->path,
                         path, s->wanted);
    free(s->path);
    s->fit = fit;
    s->path = strdup(path);
    return s->path ? VIV_OK : error_nomem(err);
}

static viv_status search_families(struct search *s, struct error *err)
{
    struct spec_listing l = {0};
    viv_status status = spec_list(s->world, &l, err);
    for (size_t i = 0; status == VIV_OK && i < l.n; i++) {
        char *path = NULL;
        const char *folder = folder_of(l.names[i]);
        if (folder && strcmp(folder, "families") != 0)
            continue;
        status = spec_find(s->world, l.names[i], NULL, &path, err);
        if (status == VIV_OK && path)
            status = try_family(s, path, err);
        free(path);
    }
    spec_listing_release(&l);
    return status;
}

static viv_status no_family(const struct search *s, const char *checkpoint, struct error *err)
{
    const char *nearest[3], *whole = s->checkpoint->whole;
    size_t n = near_words(s->wanted, s->words, s->n_words, nearest, 3);
    return error_set(err, VIV_ENOTFOUND,
                     "%s is %s%s%sof architecture '%s', which no family matches%s%s%s%s%s%s%s; a new family is one "
                     "YAML file: see viv-spec(5)",
                     checkpoint, whole ? "a '" : "", whole ? whole : "", whole ? "', its text part " : "",
                     s->wanted, n ? " (the nearest: " : "", n ? nearest[0] : "", n > 1 ? ", " : "",
                     n > 1 ? nearest[1] : "", n > 2 ? ", " : "", n > 2 ? nearest[2] : "", n ? ")" : "");
}

/* The model_type decides if there is no class, if the class is within another one (BertModel), and for a text part,
 * whose class differs from that of the whole. A class with another head is another model. */
static const char *deciding_type(const struct checkpoint *c, const char *architecture)
{
    const char *type = checkpoint_model_type(c);
    const bool decides =
        type && (c->whole || strcmp(type, architecture) == 0 || text_ends_in(architecture, "Model"));
    return decides ? type : NULL;
}

static viv_status family_of(const struct spec_world *world, const struct checkpoint *c, char **path,
                            struct error *err)
{
    viv_status status = VIV_OK;
    const char *architecture = checkpoint_architecture(c);
    struct search s = {.world = world, .checkpoint = c, .wanted = architecture, .naming = c->format->names};
    if (!architecture)
        status = error_set(err, VIV_EFORMAT,
                           "%s does not say which architecture it is of: name a spec with "
                           "`use:` and `checkpoint:` for it",
                           c->path);
    if (status == VIV_OK && c->whole) { /* a family of the whole, else one of its text part */
        s.wanted = c->whole;
        status = search_families(&s, err);
        s.wanted = architecture;
    }
    s.type = status == VIV_OK ? deciding_type(c, architecture) : NULL;
    if (status == VIV_OK && !s.path)
        status = search_families(&s, err);
    if (status == VIV_OK && !s.path)
        status = no_family(&s, c->path, err);
    if (status == VIV_OK)
        *path = s.path;
    else
        free(s.path);
    free(s.words);
    arena_release(&s.arena);
    return status;
}

static viv_status family_of_path(const struct spec_world *world, const char *checkpoint, char **path,
                                 struct error *err)
{
    struct checkpoint c = {0};
    viv_status status = checkpoint_open(&c, checkpoint, err);
    if (status != VIV_OK)
        return status;
    status = family_of(world, &c, path, err);
    checkpoint_close(&c);
    return status;
}

viv_status spec_open_family(const struct spec_world *world, const struct checkpoint *c, struct spec **out,
                            struct error *err)
{
    char *path = NULL;
    viv_status status = family_of(world, c, &path, err);
    if (status == VIV_OK)
        status = document_load(world, path, NULL, out, err);
    free(path);
    return status;
}

/* --- pairs of GGUF files ------------------------------------------------------------------------------------- */

static viv_status family_of_projector(const struct spec_world *world, const struct checkpoint *c, char **path,
                                      struct error *err)
{
    const char *type = mmproj_projector(c);
    struct search s = {.world = world, .checkpoint = c, .wanted = type, .naming = "mmproj"};
    viv_status status =
        type ? search_families(&s, err)
             : error_set(err, VIV_EFORMAT, "%s does not say of which type its projector is", c->second->path);
    if (status == VIV_OK && !s.path)
        status =
            error_set(err, VIV_ENOTFOUND,
                      "%s has a projector of type '%s', which no family matches; a new family is one YAML file: "
                      "see viv-spec(5)",
                      c->second->path, type);
    if (status == VIV_OK)
        *path = s.path;
    else
        free(s.path);
    free(s.words);
    arena_release(&s.arena);
    return status;
}

static viv_status check_pair(const struct spec *s, const struct checkpoint *c, struct error *err)
{
    const char *is = checkpoint_architecture(c);
    if (is && fits(s->gguf_names, is, c) != FITS_NOT)
        return VIV_OK;
    return error_set(
        err, VIV_EINVAL,
        "%s is the mmproj of another model: its projector '%s' goes with the architecture %s, and %s is "
        "of %s",
        c->second->path, mmproj_projector(c), s->gguf_name ? s->gguf_name : "of no GGUF file", c->path,
        is ? is : "none");
}

static viv_status open_pair(const struct spec_world *world, const char *model, const char *mmproj,
                            struct spec **out, struct error *err)
{
    struct checkpoint c = {0};
    char *path = NULL;
    struct spec *s = NULL;
    viv_status status = checkpoint_open(&c, model, err);
    if (status != VIV_OK)
        return status;
    status = mmproj_join(&c, mmproj, err);
    if (status == VIV_OK)
        status = family_of_projector(world, &c, &path, err);
    if (status == VIV_OK)
        status = document_load(world, path, model, &s, err);
    if (status == VIV_OK)
        status = check_pair(s, &c, err);
    if (status == VIV_OK && !(s->mmproj = arena_strdup(&s->arena, mmproj)))
        status = error_nomem(err);
    checkpoint_close(&c);
    free(path);
    if (status == VIV_OK)
        *out = s;
    else
        spec_close(s);
    return status;
}

/* A model that is a path. What lies beside it is another model's where it does not fit. */
static viv_status open_path(const struct spec_world *world, const char *model, struct spec **out, struct error *err)
{
    const bool asked = world->mmproj && strcmp(world->mmproj, "none") != 0;
    char *path = NULL, *mmproj = world->mmproj || !text_ends_in(model, ".gguf") ? NULL : mmproj_beside(model);
    viv_status status = VIV_ENOTFOUND;
    if (asked || mmproj)
        status = open_pair(world, model, asked ? world->mmproj : mmproj, out, err);
    free(mmproj);
    if (status == VIV_OK || status == VIV_ENOMEM || asked)
        return status;
    status = family_of_path(world, model, &path, err);
    if (status == VIV_OK)
        status = document_load(world, path, model, out, err);
    free(path);
    return status;
}

/* --- MODEL --------------------------------------------------------------------------------------------------- */

bool spec_is_path(const char *model)
{
    const bool listed = folder_of(model) && !file_exists(model) && !text_ends_in(model, ".yaml");
    return (strchr(model, '/') && !listed) || text_ends_in(model, ".yaml") || text_ends_in(model, ".gguf") ||
           text_ends_in(model, ".safetensors") || strcmp(model, ".") == 0 || strcmp(model, "..") == 0;
}

viv_status spec_open(const struct spec_world *world, const char *model, struct spec **out, struct error *err)
{
    char *path = NULL;
    if (text_ends_in(model, ".yaml"))
        return document_load(world, model, NULL, out, err);
    if (spec_is_path(model))
        return open_path(world, model, out, err);
    viv_status status = spec_find(world, model, NULL, &path, err);
    if (status == VIV_ENOTFOUND && file_exists(model))
        return error_set(err, VIV_ENOTFOUND, "no spec is called '%s'; for the one in this folder say './%s'", model,
                         model);
    if (status == VIV_OK)
        status = document_load(world, path, NULL, out, err);
    free(path);
    return status;
}
