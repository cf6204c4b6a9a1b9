/* mmproj.c - see mmproj.h. The keys are those of gguf-py's `clip.*`. */
#include "formats/mmproj.h"

#include "base/text.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- beside a model ------------------------------------------------------------------------------------------ */

char *mmproj_beside(const char *path)
{
    const char *base = path_base(path);
    char *folder = base > path ? strndup(path, (size_t)(base - path)) : strdup("."), *found = NULL;
    DIR *d = folder ? opendir(folder) : NULL;
    bool several = false;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strstr(e->d_name, "mmproj") || !text_ends_in(e->d_name, ".gguf") || strcmp(e->d_name, base) == 0)
            continue;
        several = several || found;
        free(found);
        found = path_join(folder, e->d_name);
    }
    if (d)
        closedir(d);
    free(folder);
    if (several)
        free(found);
    return several ? NULL : found;
}

/* --- two files as one ---------------------------------------------------------------------------------------- */

/* The text at a key, or NULL. It is in the arena of c. */
static const char *word_at(struct checkpoint *c, const char *key)
{
    const struct meta m = checkpoint_meta(c, key);
    return m.kind == META_STRING && m.n > 0 && m.n < 256 ? arena_strndup(&c->arena, m.s, m.n) : NULL;
}

/* Features of a row of the text part. */
static int64_t text_width(struct checkpoint *text)
{
    char key[320];
    int64_t n = 0;
    snprintf(key, sizeof key, "%s.embedding_length", checkpoint_architecture(text));
    const struct meta m = checkpoint_meta(text, key);
    return checkpoint_meta_int(&m, &n) ? n : 0;
}

/* Whether some matrix of the projector has this many rows or columns. */
static bool projects_to(const struct checkpoint *c, int64_t width)
{
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        const viv_tensor *t = &c->tensors[i];
        if (strncmp(t->name, "mm.", 3) != 0 && strncmp(t->name, "resampler.", 10) != 0)
            continue;
        for (int32_t d = 0; t->dl.ndim > 1 && d < t->dl.ndim; d++)
            if (t->dl.shape[d] == width)
                return true;
    }
    return false;
}

static viv_status check(struct checkpoint *text, struct checkpoint *second, const char *path, struct error *err)
{
    const struct meta sees = checkpoint_meta(second, "clip.has_vision_encoder");
    const char *architecture = checkpoint_is_gguf(second) ? checkpoint_architecture(second) : NULL;
    if (!architecture || strcmp(architecture, "clip") != 0)
        return error_set(err, VIV_EINVAL, "%s is no mmproj file: expected the general.architecture clip, found %s",
                         path, architecture ? architecture : "no GGUF file");
    if (sees.kind == META_BOOL && !sees.u)
        return error_set(err, VIV_EUNSUPPORTED, "%s has no encoder of pictures (clip.has_vision_encoder)", path);
    const int64_t width = text_width(text);
    if (!projects_to(second, width))
        return error_set(err, VIV_EINVAL,
                         "%s is the mmproj of another model: no tensor of its projector (mm.*) has %" PRId64
                         " features, which %s takes (%s.embedding_length)",
                         path, width, text->path, checkpoint_architecture(text));
    return VIV_OK;
}

/* Tensors point into the second file, which stays open. */
static viv_status add_tensors(struct checkpoint *c, struct error *err)
{
    const struct checkpoint *second = c->second;
    const uint32_t n = c->n_tensors;
    viv_tensor *tensors = arena_array(&c->arena, (size_t)n + second->n_tensors, sizeof *tensors);
    struct file_map *maps = calloc((size_t)c->n_maps + second->n_maps, sizeof *maps);
    if (!tensors || !maps) {
        free(maps);
        return error_nomem(err);
    }
    if (n)
        memcpy(tensors, c->tensors, n * sizeof *tensors);
    if (second->n_tensors)
        memcpy(tensors + n, second->tensors, second->n_tensors * sizeof *tensors);
    memcpy(maps, c->maps, c->n_maps * sizeof *maps);
    memcpy(maps + c->n_maps, second->maps, second->n_maps * sizeof *maps);
    free(c->maps);
    c->maps = maps;
    c->n_maps += second->n_maps;
    c->second->n_maps = 0; /* they are of the first now */
    c->tensors = tensors;
    for (uint32_t i = 0; i < second->n_tensors; i++)
        switch (strmap_add(&c->by_name, second->tensors[i].name, strlen(second->tensors[i].name), n + i)) {
        case STRMAP_NOMEM:
            return error_nomem(err);
        case STRMAP_EXISTS:
            return error_set(err, VIV_EINVAL, "%s and %s both have a tensor '%s'", c->path, second->path,
                             second->tensors[i].name);
        }
    c->n_tensors += second->n_tensors;
    return VIV_OK;
}

viv_status mmproj_join(struct checkpoint *text, const char *path, struct error *err)
{
    if (!checkpoint_is_gguf(text))
        return error_set(err, VIV_EINVAL, "%s is no GGUF file: %s is of no use beside it", text->path, path);
    struct checkpoint *second = calloc(1, sizeof *second);
    if (!second)
        return error_nomem(err);
    viv_status status = checkpoint_open(second, path, err);
    if (status != VIV_OK) {
        free(second);
        return status;
    }
    status = check(text, second, path, err);
    if (status != VIV_OK) {
        checkpoint_close(second);
        free(second);
        return status;
    }
    text->second = second;
    if (second->no_weights && !text->no_weights && !(text->no_weights = strdup(second->no_weights)))
        return error_nomem(err);
    return add_tensors(text, err);
}

/* Letters and digits alone count: converters write "Qwen2.5-VL" and "Qwen2.5 Vl". */
static bool same_name(const char *a, const char *b)
{
    for (;;) {
        while (*a && !isalnum((unsigned char)*a))
            a++;
        while (*b && !isalnum((unsigned char)*b))
            b++;
        if (!*a || tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return !*a && !*b;
        a++;
        b++;
    }
}

bool mmproj_is_of_another(struct checkpoint *c, const char **text, const char **second)
{
    *text = c->second ? word_at(c, "general.basename") : NULL;
    *second = c->second ? word_at(c->second, "general.basename") : NULL;
    return *text && *second && !same_name(*text, *second);
}

const char *mmproj_projector(const struct checkpoint *c)
{
    if (!c->second)
        return NULL;
    const char *type = word_at(c->second, "clip.vision.projector_type");
    return type ? type : word_at(c->second, "clip.projector_type");
}
