/* safetensors.c - safetensors files, alone or as the shards of a Hugging Face directory (the README of
 * huggingface/safetensors; model.safetensors.index.json as transformers writes it).
 *
 *   u64 N, little-endian   N bytes of JSON, padded with spaces   the tensors' bytes
 *   JSON: {"__metadata__": {"k": "v"}, "name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, ...}
 *   offsets count from the end of the JSON; together the tensors cover the rest of the file without a hole
 *
 * The header is scanned in place (base/scan.h): a tree of the largest header would need more than a gigabyte.
 * Metadata is config.json beside the weights, by dotted path; for a multimodal model, that of its text part.
 * generation_config.json is read too.
 *
 * Limits: 100 MB of header, as in the reference; MAX_TENSORS over all shards, MAX_SHARDS, MAX_DIMS dimensions. */
#include "formats/checkpoint.h"
#include "formats/packed/packed.h"
#include "formats/rope_settings.h"
#include "formats/sentence.h"
#include "formats/text_part.h"

#include "base/near.h"
#include "base/scan.h"
#include "base/size.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_TENSORS = 262144,
    MAX_SHARDS = 1024,
    MAX_DIMS = 8,
    MAX_NAME = 1024,
    MAX_METADATA = 65536,
    MAX_NOTE = 4096
};
static const uint64_t MAX_HEADER = 100000000, MAX_INDEX = 64 << 20, MAX_CONFIG = 4 << 20;
static const char weights_name[] = "model.safetensors", index_name[] = "model.safetensors.index.json";

/* The state while the files are read. */
struct reader {
    struct checkpoint *ck;
    viv_tensor *tensors; /* becomes ck->tensors */
    size_t n_tensors, capacity;
    struct arena names;     /* of the index */
    struct strmap promised; /* the tensors that the index names */
    const char **shards;    /* file names */
    size_t n_shards, shards_capacity;
    struct strmap shard_ids; /* file name -> index into shards */
    struct error *err;
};

/* --- one tensor's entry ------------------------------------------------------------------------------------- */

struct entry {
    uint32_t dtype, n_dims;
    int64_t shape[MAX_DIMS];
    uint64_t begin, end;
    bool has_dtype, has_shape, has_offsets;
};

static void read_dtype(struct scan *s, const char *name, struct entry *e)
{
    struct scan_string text = {0};
    char word[32];
    scan_text(s, &text);
    if (s->status != VIV_OK)
        return;
    snprintf(word, sizeof word, "%.*s", text.size - 2 < 31 ? (int)text.size - 2 : 31, text.text + 1);
    e->has_dtype = dtype_by_safetensors(word, &e->dtype);
    if (e->has_dtype)
        return;
    const char *known[256];
    size_t n = 0;
    for (uint32_t id = 0; id < 256; id++)
        if (dtype_get(id) && dtype_get(id)->safetensors)
            known[n++] = dtype_get(id)->safetensors;
    const char *nearest = near_word(word, known, n);
    scan_fail(s, "tensor '%s' has the unknown dtype '%s'%s%s%s", name, word, nearest ? "; did you mean '" : "",
              nearest ? nearest : "", nearest ? "'?" : "");
}

static void read_shape(struct scan *s, const char *name, struct entry *e)
{
    bool first = true;
    scan_enter(s, '[');
    for (e->n_dims = 0; scan_more(s, ']', &first); e->n_dims++) {
        uint64_t dim = 0;
        scan_uint(s, &dim);
        if (e->n_dims == MAX_DIMS)
            scan_fail(s, "tensor '%s' has more than %d dimensions", name, MAX_DIMS);
        else if (dim > INT64_MAX)
            scan_fail(s, "tensor '%s': dimension %u is %" PRIu64, name, e->n_dims, dim);
        if (s->status != VIV_OK)
            return;
        e->shape[e->n_dims] = (int64_t)dim;
    }
    e->has_shape = true;
}

static void read_offsets(struct scan *s, const char *name, struct entry *e)
{
    uint64_t at[2] = {0, 0};
    size_t n = 0;
    bool first = true;
    scan_enter(s, '[');
    while (scan_more(s, ']', &first)) {
        uint64_t offset = 0;
        scan_uint(s, &offset);
        if (n == 2)
            scan_fail(s, "tensor '%s': data_offsets has more than 2 numbers", name);
        else
            at[n++] = offset;
    }
    if (s->status == VIV_OK && n != 2)
        scan_fail(s, "tensor '%s': data_offsets has %zu numbers, expected 2", name, n);
    e->begin = at[0];
    e->end = at[1];
    e->has_offsets = true;
}

static void read_entry(struct scan *s, const char *name, struct entry *e)
{
    static const struct {
        const char *key;
        void (*read)(struct scan *s, const char *name, struct entry *e);
        size_t has;
    } fields[] = {{"dtype", read_dtype, offsetof(struct entry, has_dtype)},
                  {"shape", read_shape, offsetof(struct entry, has_shape)},
                  {"data_offsets", read_offsets, offsetof(struct entry, has_offsets)}};
    enum { N = sizeof fields / sizeof *fields };
    bool first = true;
    scan_enter(s, '{');
    while (scan_more(s, '}', &first)) {
        struct scan_string key = {0};
        size_t i = 0;
        scan_key(s, &key);
        while (s->status == VIV_OK && i < N && !scan_is(&key, fields[i].key))
            i++;
        if (s->status != VIV_OK)
            return;
        if (i == N)
            scan_fail(s, "tensor '%s' has the key %.*s, expected dtype, shape and data_offsets", name,
                      key.size < 64 ? (int)key.size : 64, key.text);
        else if (*((bool *)e + fields[i].has))
            scan_fail(s, "tensor '%s' has %s twice", name, fields[i].key);
        else
            fields[i].read(s, name, e);
    }
    for (size_t i = 0; i < N; i++)
        if (!*((bool *)e + fields[i].has))
            scan_fail(s, "tensor '%s' has no %s", name, fields[i].key);
}

/* --- one file ----------------------------------------------------------------------------------------------- */

static void add_tensor(struct reader *r, struct scan *s, const struct file_map *map, const char *name,
                       const struct entry *e, uint64_t data_at)
{
    struct checkpoint *ck = r->ck;
    uint64_t size = map->size - data_at;
    int64_t *shape = arena_array(&ck->arena, e->n_dims, sizeof *shape);
    int64_t *strides = arena_array(&ck->arena, e->n_dims, sizeof *strides);
    char text[128];
    viv_tensor t;
    if (!shape || !strides || !VEC_RESERVE(r->tensors, r->n_tensors, r->capacity)) {
        s->status = error_nomem(s->err);
        return;
    }
    memcpy(shape, e->shape, e->n_dims * sizeof *shape);
    tensor_shape_text(shape, e->n_dims, text);
    const char *dtype = dtype_get(e->dtype)->safetensors;
    if (!tensor_init(&t, name, e->dtype, e->n_dims, shape, strides, NULL))
        scan_fail(s, "tensor '%s' %s %s: too large, or not whole bytes", name, dtype, text);
    else if (e->end < e->begin || e->end > size)
        scan_fail(s,
                  "tensor '%s': data_offsets [%" PRIu64 ", %" PRIu64 "] lie outside the %" PRIu64
                  " bytes of data: is the file cut short?",
                  name, e->begin, e->end, size);
    else if (e->end - e->begin != t.nbytes)
        scan_fail(s, "tensor '%s' %s %s takes %" PRIu64 " bytes, its data_offsets span %" PRIu64, name, dtype, text,
                  t.nbytes, e->end - e->begin);
    else if (r->n_tensors == MAX_TENSORS)
        scan_fail(s, "more than %d tensors", MAX_TENSORS);
    if (s->status != VIV_OK)
        return;
    t.dl.data = (void *)(map->data + data_at + e->begin);
    int added = strmap_add(&ck->by_name, name, strlen(name), (uint32_t)r->n_tensors);
    if (added == STRMAP_NOMEM)
        s->status = error_nomem(s->err);
    else if (added == STRMAP_EXISTS)
        scan_fail(s, "tensor '%s' is there a second time", name);
    else
        r->tensors[r->n_tensors++] = t;
}

/* What metadata says of a tensor is an object of JSON, written as a string. All else is of no use here. */
static void note_tensor(struct reader *r, struct scan *s, const struct scan_string *key,
                        const struct scan_string *value)
{
    json_t **all = &r->ck->metadata;
    if (s->status != VIV_OK || value->text[1] != '{' || key->size - 2 > MAX_NAME || value->size - 2 > MAX_NOTE ||
        json_object_size(*all) >= MAX_METADATA)
        return;
    const char *name = scan_decode(s, key, MAX_NAME, &r->names);
    const char *note = scan_decode(s, value, MAX_NOTE, &r->names);
    if (!*all)
        *all = json_object();
    if (s->status == VIV_OK && json_object_set_new(*all, name, json_string(note)) != 0)
        s->status = error_nomem(s->err);
}

static void read_metadata(struct reader *r, struct scan *s)
{
    bool first = true;
    scan_enter(s, '{');
    for (size_t n = 0; scan_more(s, '}', &first); n++) {
        struct scan_string text, value = {0};
        scan_key(s, &text);
        if (s->status == VIV_OK && scan_peek(s) != '"')
            scan_fail(s, "__metadata__: the value of %.*s is not a string", text.size < 64 ? (int)text.size : 64,
                      text.text);
        scan_text(s, &value);
        note_tensor(r, s, &text, &value);
        if (n == MAX_METADATA)
            scan_fail(s, "__metadata__ has more than %d keys", MAX_METADATA);
    }
}

static void read_header(struct reader *r, struct scan *s, const struct file_map *map, uint64_t data_at)
{
    bool first = true, has_metadata = false;
    scan_enter(s, '{');
    while (scan_more(s, '}', &first)) {
        struct scan_string key = {0};
        struct entry e = {0};
        scan_key(s, &key);
        const char *name = scan_decode(s, &key, MAX_NAME, &r->ck->arena);
        if (!name)
            return;
        if (strcmp(name, "__metadata__") == 0) {
            if (has_metadata)
                scan_fail(s, "__metadata__ is there a second time");
            has_metadata = true;
            read_metadata(r, s);
            continue;
        }
        if (!*name)
            scan_fail(s, "a tensor has no name");
        read_entry(s, name, &e);
        if (s->status == VIV_OK)
            add_tensor(r, s, map, name, &e, data_at);
    }
    scan_end(s);
}

static int by_place(const void *a, const void *b)
{
    const viv_tensor *x = *(const viv_tensor *const *)a, *y = *(const viv_tensor *const *)b;
    if (x->dl.data != y->dl.data)
        return x->dl.data < y->dl.data ? -1 : 1;
    return (x->nbytes > y->nbytes) - (x->nbytes < y->nbytes);
}

/* Checks that the tensors from `first` on cover [data_at, end of the file) without hole or overlap. */
static viv_status check_cover(struct reader *r, const struct file_map *map, uint64_t data_at, size_t first)
{
    size_t n = r->n_tensors - first;
    const viv_tensor **order = calloc(n ? n : 1, sizeof *order);
    if (!order)
        return error_nomem(r->err);
    for (size_t i = 0; i < n; i++)
        order[i] = &r->tensors[first + i];
    qsort(order, n, sizeof *order, by_place);
    viv_status status = VIV_OK;
    uint64_t at = data_at;
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        uint64_t begin = (uint64_t)((const unsigned char *)order[i]->dl.data - map->data);
        if (begin != at)
            status = error_set(r->err, VIV_EFORMAT,
                               "%s: tensor '%s' begins at byte %" PRIu64 " of the data, expected %" PRIu64 ": a %s",
                               map->path, order[i]->name, begin - data_at, at - data_at,
                               begin < at ? "tensor before it overlaps it" : "hole lies before it");
        at = begin + order[i]->nbytes;
    }
    if (status == VIV_OK && at != map->size)
        status = error_set(r->err, VIV_EFORMAT, "%s: %" PRIu64 " bytes after the last tensor belong to none",
                           map->path, map->size - at);
    free(order);
    return status;
}

/* Copies a tensor that is not aligned to its element type. Old writers (early 2023) did not pad the header. */
static viv_status align_tensors(struct reader *r, size_t first)
{
    for (size_t i = first; i < r->n_tensors; i++) {
        viv_tensor *t = &r->tensors[i];
        const struct dtype *d = dtype_get(t->dtype);
        uintptr_t unit = d->dlpack_bits >= 64 ? 8 : d->dlpack_bits >= 16 ? d->dlpack_bits / 8 : 1;
        if ((uintptr_t)t->dl.data % unit == 0)
            continue;
        void *copy = arena_alloc(&r->ck->arena, t->nbytes);
        if (!copy)
            return error_nomem(r->err);
        memcpy(copy, t->dl.data, t->nbytes);
        t->dl.data = copy;
    }
    return VIV_OK;
}

static viv_status read_file(struct reader *r, const char *path)
{
    struct checkpoint *ck = r->ck;
    struct file_map *map = &ck->maps[ck->n_maps];
    struct scan s;
    viv_status status = file_map_open(map, path, r->err);
    if (status != VIV_OK)
        return status;
    ck->n_maps++;
    uint64_t n = 0;
    const char *what = checkpoint_stranger(map);
    if (what)
        return error_set(r->err, VIV_EFORMAT, "%s: this is %s; expected a safetensors file", path, what);
    if (map->size < 8)
        return error_set(r->err, VIV_EFORMAT, "%s: %" PRIu64 " bytes, a safetensors file has at least 8", path,
                         map->size);
    for (unsigned i = 8; i-- > 0;)
        n = n << 8 | map->data[i];
    if (n > map->size - 8)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: the header takes %" PRIu64 " bytes, the file has %" PRIu64
                         " for it: is it cut short?",
                         path, n, map->size - 8);
    if (n > MAX_HEADER)
        return error_set(r->err, VIV_ELIMIT, "%s: the header takes %" PRIu64 " bytes, at most %" PRIu64 " are read",
                         path, n, MAX_HEADER);
    const size_t first = r->n_tensors;
    scan_begin(&s, path, (const char *)map->data + 8, n, 8, r->err);
    read_header(r, &s, map, 8 + n);
    if (s.status != VIV_OK)
        return s.status;
    status = check_cover(r, map, 8 + n, first);
    return status == VIV_OK ? align_tensors(r, first) : status;
}

/* --- the index of a sharded model --------------------------------------------------------------------------- */

/* Only the file names in the index are used. It may name tensors that are in no file, as older programs do, or in
 * another file. A tensor is used where it is found, and an error occurs only if a layer needs a missing one. */

static void add_shard(struct reader *r, struct scan *s, const char *name, uint32_t *id)
{
    if (strmap_get(&r->shard_ids, name, strlen(name), id))
        return;
    if (!*name || *name == '.' || strchr(name, '/')) {
        scan_fail(s, "weight_map names the file '%s', expected one beside the index", name);
    } else if (r->n_shards == MAX_SHARDS) {
        scan_fail(s, "weight_map names more than %d files", MAX_SHARDS);
    } else if (!VEC_RESERVE(r->shards, r->n_shards, r->shards_capacity) ||
               strmap_add(&r->shard_ids, name, strlen(name), (uint32_t)r->n_shards) != STRMAP_ADDED) {
        s->status = error_nomem(s->err);
    } else {
        *id = (uint32_t)r->n_shards;
        r->shards[r->n_shards++] = name;
    }
}

static void read_weight_map(struct reader *r, struct scan *s)
{
    bool first = true;
    scan_enter(s, '{');
    for (size_t n = 0; scan_more(s, '}', &first); n++) {
        struct scan_string text = {0};
        uint32_t shard = 0;
        scan_key(s, &text);
        const char *tensor = scan_decode(s, &text, MAX_NAME, &r->names);
        scan_text(s, &text);
        const char *file = scan_decode(s, &text, 255, &r->names);
        if (!tensor || !file)
            return;
        if (n == MAX_TENSORS)
            scan_fail(s, "weight_map has more than %d tensors", MAX_TENSORS);
        add_shard(r, s, file, &shard);
        if (s->status != VIV_OK)
            return;
        int added = strmap_add(&r->promised, tensor, strlen(tensor), shard);
        if (added == STRMAP_NOMEM)
            s->status = error_nomem(s->err);
        else if (added == STRMAP_EXISTS)
            scan_fail(s, "weight_map names tensor '%s' twice", tensor);
    }
}

static viv_status read_index(struct reader *r, const char *path)
{
    struct file_map map;
    struct scan s;
    bool first = true, found = false;
    viv_status status = file_map_open(&map, path, r->err);
    if (status != VIV_OK)
        return status;
    if (map.size > MAX_INDEX) {
        status = error_set(r->err, VIV_ELIMIT, "%s: %" PRIu64 " bytes, at most %" PRIu64 " are read", path,
                           map.size, MAX_INDEX);
        file_map_close(&map);
        return status;
    }
    scan_begin(&s, path, (const char *)map.data, map.size, 0, r->err);
    scan_enter(&s, '{');
    while (scan_more(&s, '}', &first)) {
        struct scan_string key = {0};
        scan_key(&s, &key);
        if (s.status == VIV_OK && scan_is(&key, "weight_map")) {
            if (found)
                scan_fail(&s, "weight_map is there a second time");
            found = true;
            read_weight_map(r, &s);
        } else {
            scan_skip(&s);
        }
    }
    scan_end(&s);
    if (!r->n_shards)
        scan_fail(&s, "no weight_map that names a file");
    file_map_close(&map);
    return s.status;
}

static viv_status read_shards(struct reader *r, const char *dir, const char *index_path)
{
    viv_status status = read_index(r, index_path);
    if (status != VIV_OK)
        return status;
    r->ck->maps = calloc(r->n_shards, sizeof *r->ck->maps);
    if (!r->ck->maps)
        return error_nomem(r->err);
    for (size_t i = 0; status == VIV_OK && i < r->n_shards; i++) {
        char *path = path_join(dir, r->shards[i]);
        status = path ? read_file(r, path) : error_nomem(r->err);
        if (status == VIV_ENOTFOUND)
            error_prefix(r->err, "%s: a file of its weight_map is missing", index_path);
        free(path);
    }
    return status;
}

/* --- opening ------------------------------------------------------------------------------------------------ */

/* A dangling link exists too: opening it gives the error. */
static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* dir/name if it exists, malloc'ed. */
static viv_status member(const char *dir, const char *name, char **out, struct error *err)
{
    char *path = path_join(dir, name);
    if (!path)
        return error_nomem(err);
    if (!is_there(path)) {
        free(path);
        path = NULL;
    }
    *out = path;
    return VIV_OK;
}

static viv_status read_config(const char *dir, const char *name, json_t **out, struct error *err)
{
    char *path;
    viv_status status = member(dir, name, &path, err);
    if (status != VIV_OK || !path)
        return status;
    status = json_read(path, MAX_CONFIG, out, err);
    if (status == VIV_OK && !json_is_object(*out))
        status = error_set(err, VIV_EFORMAT, "%s: expected an object, found %s", path, json_kind(*out));
    free(path);
    return status;
}

static viv_status read_weights(struct reader *r, const char *path, const char *dir)
{
    char *weights = NULL, *index = NULL;
    viv_status status = VIV_OK;
    if (!file_is_dir(path))
        status = (weights = strdup(path)) ? VIV_OK : error_nomem(r->err);
    else if ((status = member(dir, weights_name, &weights, r->err)) == VIV_OK && !weights)
        status = member(dir, index_name, &index, r->err);
    if (status == VIV_OK && index)
        status = read_shards(r, dir, index);
    if (status == VIV_OK && !weights && !index)
        status = checkpoint_explain_no_weights(dir, &r->ck->no_weights, r->err);
    if (status == VIV_OK && weights) {
        r->ck->maps = calloc(1, sizeof *r->ck->maps);
        status = r->ck->maps ? read_file(r, weights) : error_nomem(r->err);
    }
    free(weights);
    free(index);
    return status;
}

static viv_status read_all(struct reader *r, const char *path)
{
    struct checkpoint *ck = r->ck;
    size_t base = (size_t)(path_base(path) - path);
    char *dir = file_is_dir(path) ? strdup(path) : base ? strndup(path, base) : strdup(".");
    if (!dir)
        return error_nomem(r->err);
    viv_status status = read_config(dir, "config.json", &ck->config, r->err);
    if (status == VIV_OK)
        status = read_config(dir, "generation_config.json", &ck->generation, r->err);
    if (status == VIV_OK && ck->config)
        status = checkpoint_take_text_part(ck, r->err);
    if (status == VIV_OK)
        status = rope_settings_join(ck, r->err);
    if (status == VIV_OK && ck->config)
        status = checkpoint_read_sentence_transformers(dir, ck->config, r->err);
    if (status == VIV_OK)
        status = read_weights(r, path, dir);
    if (status == VIV_OK) {
        ck->tensors = arena_array(&ck->arena, r->n_tensors, sizeof *ck->tensors);
        status = ck->tensors ? VIV_OK : error_nomem(r->err);
    }
    if (status == VIV_OK && r->n_tensors) {
        memcpy(ck->tensors, r->tensors, r->n_tensors * sizeof *ck->tensors);
        ck->n_tensors = (uint32_t)r->n_tensors;
        status = packed_join(ck, dir, r->err);
    }
    free(dir);
    return status;
}

static viv_status open_safetensors(struct checkpoint *ck, const char *path, struct error *err)
{
    struct reader r = {.ck = ck, .err = err};
    viv_status status = read_all(&r, path);
    free(r.tensors);
    free(r.shards);
    strmap_release(&r.promised);
    strmap_release(&r.shard_ids);
    arena_release(&r.names);
    return status;
}

static bool has_member(const char *dir, const char *name)
{
    char *path = path_join(dir, name);
    bool has = path && is_there(path);
    free(path);
    return has;
}

/* Recognises a header length and an object, or the file's name, so that a damaged file gets a precise error. A
 * directory with only config.json is a model without weights. */
static bool probe(const char *path)
{
    struct file_map map;
    struct error err;
    size_t n = strlen(path);
    if (file_is_dir(path))
        return has_member(path, weights_name) || has_member(path, index_name) || has_member(path, "config.json");
    if (file_map_open(&map, path, &err) != VIV_OK)
        return false;
    bool is = checkpoint_begins_safetensors(&map);
    if (!is && n > 12 && strcmp(path + n - 12, ".safetensors") == 0)
        is = !checkpoint_stranger(&map);
    file_map_close(&map);
    return is;
}

/* --- metadata ----------------------------------------------------------------------------------------------- */

static enum meta_kind kind_of(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        return META_OBJECT;
    case JSON_ARRAY:
        return META_ARRAY;
    case JSON_STRING:
        return META_STRING;
    case JSON_INTEGER:
        return META_INT;
    case JSON_REAL:
        return META_FLOAT;
    case JSON_TRUE:
    case JSON_FALSE:
        return META_BOOL;
    default:
        return META_NONE;
    }
}

/* A list with integers and floats, such as [1, 1.5], is a list of META_FLOAT. */
static enum meta_kind kind_of_elements(const json_t *array)
{
    enum meta_kind kind = META_NONE;
    size_t i;
    json_t *element;
    json_array_foreach(array, i, element)
    {
        enum meta_kind k = kind_of(element);
        bool numbers = (k == META_INT || k == META_FLOAT) && (kind == META_INT || kind == META_FLOAT);
        if (i > 0 && k != kind && !numbers)
            return META_NONE;
        kind = i > 0 && k != kind ? META_FLOAT : k;
    }
    return kind;
}

static struct meta meta_of(const json_t *value)
{
    struct meta m = {.kind = kind_of(value)};
    switch (m.kind) {
    case META_ARRAY:
        m.n = json_array_size(value);
        m.element = kind_of_elements(value);
        m.array = value;
        break;
    case META_STRING:
        m.n = json_string_length(value);
        m.s = json_string_value(value);
        break;
    case META_INT:
        m.i = json_integer_value(value);
        break;
    case META_FLOAT:
        m.f = json_real_value(value);
        break;
    case META_BOOL:
        m.u = json_is_true(value);
        break;
    default:
        break;
    }
    return m;
}

static struct meta meta(const struct checkpoint *ck, const char *key)
{
    return meta_of(key[0] == '/' ? json_at(checkpoint_whole_config(ck), key + 1) : json_at(ck->config, key));
}

static struct meta meta_element(const struct checkpoint *ck, const struct meta *array, uint64_t index)
{
    (void)ck;
    return meta_of(json_array_get(array->array, index));
}

const struct format format_safetensors = {
    .name = "safetensors",
    .names = "hf",
    .probe = probe,
    .open = open_safetensors,
    .meta = meta,
    .meta_element = meta_element,
};
