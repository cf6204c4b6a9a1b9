#include "formats/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENTRY(symbol) extern const struct format symbol;
#include "registry/formats.inc"
#undef ENTRY

static const struct format *const formats[] = {
#define ENTRY(symbol) &symbol,
#include "registry/formats.inc"
#undef ENTRY
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

static const struct format *format_of(const char *path)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (formats[i]->probe(path))
            return formats[i];
    return NULL;
}

bool checkpoint_probe(const char *path)
{
    return format_of(path) != NULL;
}

/* Files of other programs, by their first bytes, so that the error can say what they are. */
const char *checkpoint_stranger(const struct file_map *map)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } strangers[] = {
        {"PK\003\004", 4, "a zip archive, as PyTorch (.pt, .pth, .bin) and .npz files are"},
        {"\x80\002", 2, "a Python pickle, as old PyTorch files are"},
        {"\x89HDF\r\n\x1a\n", 8, "an HDF5 file, as Keras writes"},
        {"tjgg", 4, "a GGJT file, a predecessor of GGUF"},
        {"lmgg", 4, "a GGML file, a predecessor of GGUF"},
        {"fmgg", 4, "a GGMF file, a predecessor of GGUF"},
        {"\x7f"
         "ELF",
         4, "a program or a plugin"},
        {"\x93NUMPY", 6, "a .npy array"},
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (map->size >= strangers[i].n && memcmp(map->data, strangers[i].bytes, strangers[i].n) == 0)
            return strangers[i].what;
    return NULL;
}

static viv_status refuse(const char *path, struct error *err)
{
    static const char wanted[] = "expected a .gguf file, a .safetensors file, or a directory with config.json and "
                                 "model.safetensors or model.safetensors.index.json";
    struct file_map map;
    struct stat st;
    if (stat(path, &st) != 0)
        return error_set(err, errno == ENOENT ? VIV_ENOTFOUND : VIV_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(err, VIV_EFORMAT,
                         "%s: a directory without model.safetensors or model.safetensors.index.json; %s", path,
                         wanted);
    viv_status status = file_map_open(&map, path, err);
    if (status != VIV_OK)
        return status;
    const char *what = map.size ? checkpoint_stranger(&map) : "an empty file";
    error_set(err, VIV_EFORMAT, what ? "%s: this is %s; %s" : "%s: %snot a model file; %s", path, what ? what : "",
              wanted);
    file_map_close(&map);
    return VIV_EFORMAT;
}

viv_status checkpoint_open(struct checkpoint *c, const char *path, struct error *err)
{
    *c = (struct checkpoint){0};
    const struct format *f = format_of(path);
    if (!f)
        return refuse(path, err);
    c->format = f;
    c->path = strdup(path);
    viv_status status = c->path ? f->open(c, path, err) : error_nomem(err);
    if (status != VIV_OK)
        checkpoint_close(c);
    return status;
}

void checkpoint_close(struct checkpoint *c)
{
    if (c->format && c->format->close)
        c->format->close(c);
    for (uint32_t i = 0; i < c->n_maps; i++)
        file_map_close(&c->maps[i]);
    free(c->maps);
    free(c->path);
    json_decref(c->config);
    json_decref(c->generation);
    strmap_release(&c->by_name);
    arena_release(&c->arena);
    *c = (struct checkpoint){0};
}

const viv_tensor *checkpoint_tensor(const struct checkpoint *c, const char *name)
{
    uint32_t i;
    return strmap_get(&c->by_name, name, strlen(name), &i) ? &c->tensors[i] : NULL;
}

struct meta checkpoint_meta(const struct checkpoint *c, const char *key)
{
    return c->format ? c->format->meta(c, key) : (struct meta){0};
}

struct meta checkpoint_meta_element(const struct checkpoint *c, const struct meta *array, uint64_t index)
{
    if (array->kind != META_ARRAY || index >= array->n)
        return (struct meta){0};
    return c->format->meta_element(c, array, index);
}

bool meta_int(const struct meta *m, int64_t *out)
{
    if (m->kind == META_INT) {
        *out = m->i;
        return true;
    }
    if (m->kind == META_UINT && m->u <= INT64_MAX) {
        *out = (int64_t)m->u;
        return true;
    }
    return false;
}

bool meta_float(const struct meta *m, double *out)
{
    int64_t i;
    if (m->kind == META_FLOAT) {
        *out = m->f;
        return true;
    }
    if (!meta_int(m, &i))
        return false;
    *out = (double)i;
    return true;
}

const char *meta_kind_name(enum meta_kind kind)
{
    static const char *const names[] = {"nothing",   "an integer", "an integer", "a number",
                                        "a boolean", "a text",     "a list",     "an object"};
    return names[kind];
}

const char *checkpoint_architecture(const struct checkpoint *c)
{
    const bool gguf = strcmp(c->format->names, "gguf") == 0;
    struct meta m = checkpoint_meta(c, gguf ? "general.architecture" : "architectures");
    if (m.kind == META_ARRAY)
        m = checkpoint_meta_element(c, &m, 0);
    if (m.kind != META_STRING && !gguf)
        m = checkpoint_meta(c, "model_type");
    return m.kind == META_STRING ? m.s : NULL;
}
