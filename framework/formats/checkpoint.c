/* checkpoint.c - the table of weight formats, what they share, and errors for files of other formats. */
#include "formats/checkpoint.h"

#include "formats/packed/packed.h"

#include "base/near.h"
#include "base/text.h"
#include "base/utf8.h"
#include "tensor/dtype.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* The name of a kind, for errors. */
static const char *text_stranger(const struct file_map *map)
{
    enum { ENOUGH = 4096 };
    static const struct {
        const char *begin, *what;
    } kinds[] = {
        {"<!doctype",
         "a web page, not the file itself: download the file (on Hugging Face, from /resolve/ and not /blob/)"},
        {"<html",
         "a web page, not the file itself: download the file (on Hugging Face, from /resolve/ and not /blob/)"},
        {"<?xml", "an XML text, such as the answer of a server that refuses a download: download the file again"},
        {"{", "a JSON text: give the directory that it is in"},
    };
    const size_t n = map->size < ENOUGH ? map->size : ENOUGH;
    size_t at = n > 2 && memcmp(map->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < n; i++)
        if (map->data[i] < ' ' && !(map->data[i] && strchr("\t\n\r\f", map->data[i])))
            return NULL;
    if (n < ENOUGH && !utf8_valid((const char *)map->data, n))
        return NULL;
    while (at < n && map->data[at] && strchr(" \t\n\r\f", map->data[at]))
        at++;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t m = strlen(kinds[i].begin);
        if (n - at >= m && strncasecmp((const char *)map->data + at, kinds[i].begin, m) == 0)
            return kinds[i].what;
    }
    return "a text, not a model";
}

bool checkpoint_begins_safetensors(const struct file_map *map)
{
    return map->size > 8 && map->data[8] == '{' && !map->data[5] && !map->data[6] && !map->data[7];
}

#define PICKLE                                                                                                     \
    "a Python pickle, as old PyTorch files are: save the model as safetensors, which holds no code that would run"

/* Files of other programs, recognised for errors: by their first bytes, else by their names. */
const char *checkpoint_stranger(const struct file_map *map)
{
    static const struct {
        const char *bytes;
        size_t at, n;
        const char *what;
    } strangers[] = {
        {"PK\003\004", 0, 4,
         "a zip archive, as PyTorch (.pt, .pth, .bin) and .npz files are: save a PyTorch model as safetensors, "
         "unpack others"},
        {"\x80\002", 0, 2, PICKLE},
        {"\x80\003", 0, 2, PICKLE},
        {"\x80\004", 0, 2, PICKLE},
        {"\x80\005", 0, 2, PICKLE},
        {"\x89HDF\r\n\x1a\n", 0, 8, "an HDF5 file, as Keras writes"},
        {"TFL3", 4, 4, "a TensorFlow Lite file"},
        {"tjgg", 0, 4, "a GGJT file, a predecessor of GGUF"},
        {"lmgg", 0, 4, "a GGML file, a predecessor of GGUF"},
        {"fmgg", 0, 4, "a GGMF file, a predecessor of GGUF that rwkv.cpp writes"},
        {"algg", 0, 4, "a GGLA adapter, a predecessor of GGUF"},
        {"FUGG", 0, 4, "a GGUF file with its bytes reversed"},
        {"24ka", 0, 4, "a llama2.c checkpoint"},
        {"\x93NUMPY", 0, 6, "a .npy array"},
        {"\x7f"
         "ELF",
         0, 4, "a program or a plugin"},
        {"version https://git-lfs", 0, 23, "a pointer of Git LFS, not the file itself: say `git lfs pull` there"},
        {"\x1f\x8b", 0, 2, "a gzip archive: unpack it (gunzip, tar -xzf)"},
        {"\x28\xb5\x2f\xfd", 0, 4, "a zstd archive: unpack it (unzstd, tar --zstd -xf)"},
        {"\xfd"
         "7zXZ",
         0, 5, "an xz archive: unpack it (unxz, tar -xJf)"},
        {"BZh", 0, 3, "a bzip2 archive: unpack it (bunzip2, tar -xjf)"},
        {"7z\xbc\xaf\x27\x1c", 0, 6, "a 7z archive: unpack it (7z x)"},
        {"Rar!", 0, 4, "a rar archive: unpack it"},
        {"ustar", 257, 5, "a tar archive: unpack it (tar -xf)"},
        {"\x89PNG", 0, 4, "a picture (PNG), not a model"},
        {"\xff\xd8\xff", 0, 3, "a picture (JPEG), not a model"},
        {"GIF8", 0, 4, "a picture (GIF), not a model"},
        {"WEBP", 8, 4, "a picture (WebP), not a model"},
        {"II*\0", 0, 4, "a picture (TIFF), not a model"},
        {"MM\0*", 0, 4, "a picture (TIFF), not a model"},
        {"%PDF", 0, 4, "a PDF document, not a model"},
    };
    if (map->size == 0)
        return "an empty file: download it again";
    if (checkpoint_begins_safetensors(map)) /* the length of a header may begin like any of these */
        return NULL;
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (map->size >= strangers[i].at + strangers[i].n &&
            memcmp(map->data + strangers[i].at, strangers[i].bytes, strangers[i].n) == 0)
            return strangers[i].what;
    return text_stranger(map);
}

static const char *stranger_by_name(const char *name)
{
    static const struct {
        const char *end, *what;
    } strangers[] = {
        {".onnx", "an ONNX graph"},
        {".bin", "a .bin file of another program, as PyTorch saves: save the model as safetensors"},
        {".pt", "a PyTorch file: save the model as safetensors"},
        {".pth", "a PyTorch file: save the model as safetensors"},
        {".ckpt", "a checkpoint of another program"},
        {".h5", "a Keras file"},
        {".msgpack", "a Flax file"},
        {".tflite", "a TensorFlow Lite file"},
        {".npz", "a NumPy archive"},
        {".pb", "a TensorFlow graph"},
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (text_ends_in(name, strangers[i].end))
            return strangers[i].what;
    return NULL;
}

#define WANTED                                                                                                     \
    "expected a .gguf file, a .safetensors file, or a directory with config.json and model.safetensors or "        \
    "model.safetensors.index.json"

/* The file in a directory that was probably meant, the first by name; one that can be read comes before others. */
static viv_status find_meant(const char *path, char found[NAME_MAX + 1], struct error *err)
{
    DIR *d = opendir(path);
    if (!d)
        return error_set(err, VIV_EIO, "%s: %s", path, strerror(errno));
    bool readable = false;
    found[0] = '\0';
    for (struct dirent *e; (e = readdir(d));) {
        const char *n = e->d_name;
        const bool reads = text_ends_in(n, ".gguf") || text_ends_in(n, ".safetensors");
        if (reads < readable || !(reads || stranger_by_name(n)))
            continue;
        if (!*found || reads > readable || strcmp(n, found) < 0)
            snprintf(found, NAME_MAX + 1, "%s", n);
        readable = reads;
    }
    closedir(d);
    return VIV_OK;
}

viv_status checkpoint_explain_no_weights(const char *path, char **why, struct error *err)
{
    char found[NAME_MAX + 1];
    int n;
    viv_status status = find_meant(path, found, err);
    if (status != VIV_OK)
        return status;
    if (text_ends_in(found, ".gguf") || text_ends_in(found, ".safetensors"))
        return error_set(err, VIV_EFORMAT,
                         "%s: no model.safetensors and no model.safetensors.index.json there; did you mean %s/%s?",
                         path, path, found);
    if (*found)
        n = asprintf(why, "%s: its weights are in %s, %s; " WANTED, path, found, stranger_by_name(found));
    else
        n = asprintf(why, "%s: a directory without weights; " WANTED, path);
    return n < 0 ? error_nomem(err) : VIV_OK;
}

static viv_status refuse_directory(const char *path, struct error *err)
{
    char *why = NULL;
    viv_status status = checkpoint_explain_no_weights(path, &why, err);
    if (status == VIV_OK)
        status = error_set(err, VIV_EFORMAT, "%s", why);
    free(why);
    return status;
}

static viv_status refuse(const char *path, struct error *err)
{
    struct file_map map;
    if (file_is_dir(path))
        return refuse_directory(path, err);
    viv_status status = file_map_open(&map, path, err);
    if (status != VIV_OK)
        return status;
    const char *what = checkpoint_stranger(&map);
    if (!what)
        what = stranger_by_name(path_base(path));
    file_map_close(&map);
    if (what)
        return error_set(err, VIV_EFORMAT, "%s: this is %s; " WANTED, path, what);
    return error_set(err, VIV_EFORMAT, "%s: not a model file; " WANTED, path);
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

bool checkpoint_is_mapped(const struct checkpoint *c, const void *bytes)
{
    const uintptr_t at = (uintptr_t)bytes;
    for (uint32_t i = 0; i <= c->n_maps; i++) {
        const struct file_map *map = i < c->n_maps ? &c->maps[i] : &c->repacked;
        if (at >= (uintptr_t)map->data && at - (uintptr_t)map->data < map->size)
            return true;
    }
    return false;
}

void checkpoint_close(struct checkpoint *c)
{
    if (c->second)
        checkpoint_close(c->second);
    free(c->second);
    if (c->format && c->format->close)
        c->format->close(c);
    packed_release(c);
    file_map_close(&c->repacked);
    for (uint32_t i = 0; i < c->n_maps; i++)
        file_map_close(&c->maps[i]);
    free(c->maps);
    free(c->path);
    free(c->no_weights);
    json_decref(c->config);
    json_decref(c->whole_config);
    json_decref(c->generation);
    json_decref(c->metadata);
    strmap_release(&c->by_name);
    arena_release(&c->arena);
    *c = (struct checkpoint){0};
}

const viv_tensor *checkpoint_tensor(const struct checkpoint *c, const char *name)
{
    uint32_t i;
    return strmap_get(&c->by_name, name, strlen(name), &i) ? &c->tensors[i] : NULL;
}

viv_status checkpoint_missing(const struct checkpoint *c, const char *name, struct error *err)
{
    const char **names = calloc(c->n_tensors ? c->n_tensors : 1, sizeof *names);
    if (!names)
        return error_nomem(err);
    for (uint32_t i = 0; i < c->n_tensors; i++)
        names[i] = c->tensors[i].name;
    const char *nearest = near_word(name, names, c->n_tensors);
    error_set(err, VIV_ENOTFOUND, "%s has no tensor '%s'%s%s%s", c->path, name,
              nearest ? "; the nearest of its names is '" : "", nearest ? nearest : "", nearest ? "'" : "");
    free(names);
    return VIV_ENOTFOUND;
}

viv_status checkpoint_add(struct checkpoint *c, const char *name, const viv_tensor *tensor, struct error *err)
{
    const uint32_t n_dims = (uint32_t)tensor->dl.ndim;
    viv_tensor *tensors = arena_array(&c->arena, (size_t)c->n_tensors + 1, sizeof *tensors);
    int64_t *shape = arena_array(&c->arena, n_dims, sizeof *shape);
    int64_t *strides = arena_array(&c->arena, n_dims, sizeof *strides);
    const char *kept = arena_strdup(&c->arena, name);
    if (!tensors || !shape || !strides || !kept)
        return error_nomem(err);
    memcpy(shape, tensor->dl.shape, n_dims * sizeof *shape);
    if (c->n_tensors)
        memcpy(tensors, c->tensors, c->n_tensors * sizeof *tensors);
    if (!tensor_init(&tensors[c->n_tensors], kept, tensor->dtype, n_dims, shape, strides, tensor->dl.data))
        return error_set(err, VIV_ESHAPE, "tensor '%s': more bytes than can be counted", name);
    switch (strmap_add(&c->by_name, kept, strlen(kept), c->n_tensors)) {
    case STRMAP_NOMEM:
        return error_nomem(err);
    case STRMAP_EXISTS:
        return error_set(err, VIV_EINVAL, "%s has a tensor '%s' already", c->path, name);
    }
    c->tensors = tensors;
    c->n_tensors++;
    return VIV_OK;
}

json_t *checkpoint_whole_config(const struct checkpoint *c)
{
    return c->whole_config ? c->whole_config : c->config;
}

struct meta checkpoint_meta(const struct checkpoint *c, const char *key)
{
    const struct meta m = c->format ? c->format->meta(c, key) : (struct meta){0};
    return m.kind == META_NONE && c->second ? checkpoint_meta(c->second, key) : m;
}

struct meta checkpoint_meta_element(const struct checkpoint *c, const struct meta *array, uint64_t index)
{
    if (array->kind != META_ARRAY || index >= array->n)
        return (struct meta){0};
    return c->format->meta_element(c, array, index);
}

bool checkpoint_meta_int(const struct meta *m, int64_t *out)
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

bool checkpoint_meta_float(const struct meta *m, double *out)
{
    int64_t i;
    if (m->kind == META_FLOAT) {
        *out = m->f;
        return true;
    }
    if (!checkpoint_meta_int(m, &i))
        return false;
    *out = (double)i;
    return true;
}

const char *checkpoint_meta_kind_name(enum meta_kind kind)
{
    static const char *const names[] = {"nothing",   "an integer", "an integer", "a number",
                                        "a boolean", "a text",     "a list",     "an object"};
    return names[kind];
}

bool checkpoint_is_gguf(const struct checkpoint *c)
{
    return strcmp(c->format->names, "gguf") == 0;
}

bool checkpoint_knows_tensors(const struct checkpoint *c)
{
    return !c->no_weights || c->n_tensors > 0;
}

viv_status checkpoint_need_weights(const struct checkpoint *c, struct error *err)
{
    return c->no_weights ? error_set(err, VIV_ENOTFOUND, "%s", c->no_weights) : VIV_OK;
}

/* A non-empty string, or NULL. */
static const char *word_of(const struct meta *m)
{
    bool is_word = m->kind == META_STRING && m->n > 0 && !memchr(m->s, '\0', m->n) && utf8_valid(m->s, m->n);
    return is_word ? m->s : NULL;
}

const char *checkpoint_model_type(const struct checkpoint *c)
{
    const struct meta m = checkpoint_meta(c, "model_type");
    return checkpoint_is_gguf(c) ? NULL : word_of(&m);
}

const char *checkpoint_architecture(const struct checkpoint *c)
{
    const bool gguf = checkpoint_is_gguf(c);
    struct meta m = checkpoint_meta(c, gguf ? "general.architecture" : "architectures");
    if (!gguf && m.kind == META_ARRAY)
        m = checkpoint_meta_element(c, &m, 0);
    const char *word = word_of(&m);
    return word ? word : checkpoint_model_type(c);
}
