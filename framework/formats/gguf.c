/* gguf.c - GGUF versions 2 and 3, single or split (docs/gguf.md of ggml).
 *
 *   "GGUF" u32 version  u64 n_tensors  u64 n_kv
 *   n_kv times:       string key, u32 type, value       string: u64 length, bytes; array: u32 type, u64 n, values
 *   n_tensors times:  string name, u32 n_dims, u64 dims[n_dims] (innermost first), u32 type, u64 offset
 *   padding to general.alignment (32), then the data, each tensor's offset a multiple of it
 *
 * Everything little-endian. Metadata is walked once, checked, and indexed where it lies in the mapping: a
 * vocabulary of 256 thousand words is not copied. */
#include "formats/checkpoint.h"

#include "base/size.h"
#include "base/utf8.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    N_GGUF_TYPES
};
enum { MAX_KV = 65536, MAX_TENSORS = 262144, MAX_NAME = 4096, MAX_DIMS = 4, MAX_SPLITS = 1024 };
static const uint64_t MAX_STRING = 64 << 20, MAX_ELEMENTS = 1 << 26;

/* One key of the metadata, where it lies. */
struct kv {
    const char *key; /* terminated copy */
    uint32_t type, element_type;
    uint64_t n;                /* of an array */
    const unsigned char *data; /* the value; of an array its first element */
    const uint64_t *offsets;   /* of an array of strings: of every element, from data */
};

struct gguf {
    struct kv *kv;
    uint32_t n_kv;
    struct strmap by_key;
};

/* Bytes of one value; 0 for strings and arrays. */
static uint64_t width(uint32_t type)
{
    static const unsigned char widths[N_GGUF_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return widths[type];
}

/* --- a cursor over the file that never leaves it
 * -------------------------------------------------------------------- */

struct cursor {
    const struct file_map *map;
    uint64_t at;
    struct error *err;
};

static viv_status bad(const struct cursor *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static viv_status bad(const struct cursor *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_setv(c->err, VIV_EFORMAT, format, args);
    va_end(args);
    return error_prefix(c->err, "%s: at byte %" PRIu64, c->map->path, c->at);
}

static viv_status take(struct cursor *c, uint64_t n, const unsigned char **out, const char *what)
{
    if (n > c->map->size - c->at)
        return bad(c, "%s needs %" PRIu64 " bytes, the file has %" PRIu64 " left", what, n, c->map->size - c->at);
    *out = c->map->data + c->at;
    c->at += n;
    return VIV_OK;
}

static uint64_t number(const unsigned char *p, uint64_t n)
{
    uint64_t v = 0;
    for (uint64_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static viv_status take_number(struct cursor *c, uint64_t n, uint64_t *out, const char *what)
{
    const unsigned char *p = NULL;
    viv_status status = take(c, n, &p, what);
    if (status == VIV_OK)
        *out = number(p, n);
    return status;
}

static viv_status take_string(struct cursor *c, uint64_t limit, const unsigned char **out, uint64_t *n,
                              const char *what)
{
    viv_status status = take_number(c, 8, n, what);
    if (status == VIV_OK && *n > limit && *n <= c->map->size - c->at)
        status = bad(c, "%s is %" PRIu64 " bytes long, at most %" PRIu64 " are read", what, *n, limit);
    return status == VIV_OK ? take(c, *n, out, what) : status;
}

/* --- metadata
 * ------------------------------------------------------------------------------------------------------ */

/* Steps over an array of strings, noting where each begins. */
static viv_status index_strings(struct checkpoint *ck, struct cursor *c, struct kv *kv)
{
    uint64_t *offsets = arena_array(&ck->arena, kv->n, sizeof *offsets);
    if (!offsets)
        return error_nomem(c->err);
    uint64_t begin = c->at;
    for (uint64_t i = 0; i < kv->n; i++) {
        const unsigned char *s = NULL;
        uint64_t n = 0;
        offsets[i] = c->at - begin;
        viv_status status = take_string(c, MAX_STRING, &s, &n, "a text of a list");
        if (status != VIV_OK)
            return error_prefix(c->err, "key '%s'", kv->key);
    }
    kv->offsets = offsets;
    return VIV_OK;
}

static viv_status read_array(struct checkpoint *ck, struct cursor *c, struct kv *kv)
{
    uint64_t type = 0, bytes = 0;
    const unsigned char *p = NULL;
    viv_status status = take_number(c, 4, &type, "the type of a list");
    if (status == VIV_OK)
        status = take_number(c, 8, &kv->n, "the length of a list");
    if (status != VIV_OK)
        return status;
    if (type >= N_GGUF_TYPES || type == GGUF_ARRAY)
        return bad(
            c, type == GGUF_ARRAY ? "key '%s' is a list of lists" : "key '%s' is a list of unknown type %" PRIu64,
            kv->key, type);
    kv->element_type = (uint32_t)type;
    if (kv->n > MAX_ELEMENTS || !size_mul(kv->n, type == GGUF_STRING ? 8 : width((uint32_t)type), &bytes) ||
        bytes > c->map->size - c->at)
        return bad(c, "key '%s' is a list of %" PRIu64 " elements, more than the file holds", kv->key, kv->n);
    kv->data = c->map->data + c->at;
    if (type == GGUF_STRING)
        return index_strings(ck, c, kv);
    status = take(c, bytes, &p, "a list");
    for (uint64_t i = 0; status == VIV_OK && type == GGUF_BOOL && i < kv->n; i++)
        if (p[i] > 1)
            return bad(c, "key '%s': a boolean is %u, expected 0 or 1", kv->key, p[i]);
    return status;
}

static viv_status read_value(struct checkpoint *ck, struct cursor *c, struct kv *kv)
{
    const unsigned char *p = NULL;
    uint64_t n = 0;
    if (kv->type == GGUF_ARRAY)
        return read_array(ck, c, kv);
    kv->data = c->map->data + c->at;
    if (kv->type == GGUF_STRING)
        return take_string(c, MAX_STRING, &p, &n, kv->key);
    viv_status status = take(c, width(kv->type), &p, kv->key);
    if (status == VIV_OK && kv->type == GGUF_BOOL && *p > 1)
        return bad(c, "key '%s': a boolean is %u, expected 0 or 1", kv->key, *p);
    return status;
}

static viv_status read_kv(struct checkpoint *ck, struct gguf *g, struct cursor *c, bool first_part)
{
    const unsigned char *key = NULL;
    uint64_t n = 0, type = 0;
    struct kv kv = {0};
    viv_status status = take_string(c, MAX_NAME, &key, &n, "a key");
    if (status != VIV_OK)
        return status;
    if (n == 0 || memchr(key, '\0', n) || !utf8_valid((const char *)key, n))
        return bad(c, n == 0 ? "a key is empty" : "a key is not UTF-8 text");
    char *copy = arena_strndup(&ck->arena, (const char *)key, n);
    if (!copy)
        return error_nomem(c->err);
    kv.key = copy;
    status = take_number(c, 4, &type, "the type of a value");
    if (status == VIV_OK && type >= N_GGUF_TYPES)
        return bad(c, "key '%s' has the unknown type %" PRIu64, kv.key, type);
    kv.type = (uint32_t)type;
    if (status == VIV_OK)
        status = read_value(ck, c, &kv);
    if (status != VIV_OK || !first_part)
        return status;
    int added = strmap_add(&g->by_key, kv.key, n, g->n_kv);
    if (added == STRMAP_NOMEM)
        return error_nomem(c->err);
    if (added == STRMAP_EXISTS)
        return bad(c, "key '%s' stands there a second time", kv.key);
    g->kv[g->n_kv++] = kv;
    return VIV_OK;
}

static struct meta value_at(uint32_t type, const unsigned char *p)
{
    struct meta m = {0};
    uint64_t bits = type == GGUF_STRING ? 0 : number(p, width(type));
    uint32_t low = (uint32_t)bits;
    float f;
    switch (type) {
    case GGUF_I8:
        return (struct meta){.kind = META_INT, .i = (int8_t)bits};
    case GGUF_I16:
        return (struct meta){.kind = META_INT, .i = (int16_t)bits};
    case GGUF_I32:
        return (struct meta){.kind = META_INT, .i = (int32_t)bits};
    case GGUF_I64:
        return (struct meta){.kind = META_INT, .i = (int64_t)bits};
    case GGUF_F32:
        memcpy(&f, &low, sizeof f);
        return (struct meta){.kind = META_FLOAT, .f = (double)f};
    case GGUF_F64:
        m.kind = META_FLOAT;
        memcpy(&m.f, &bits, sizeof m.f);
        return m;
    case GGUF_BOOL:
        return (struct meta){.kind = META_BOOL, .u = bits};
    default:
        return (struct meta){.kind = META_UINT, .u = bits};
    }
}

/* Strings of the file are not terminated. A key's own text is copied; the elements of a list are handed out as they
 * lie, with their length. */
static struct meta string_at(const unsigned char *p)
{
    return (struct meta){.kind = META_STRING, .n = number(p, 8), .s = (const char *)p + 8};
}

static enum meta_kind kind_of(uint32_t type)
{
    if (type == GGUF_STRING)
        return META_STRING;
    static const unsigned char zeros[8];
    return value_at(type, zeros).kind;
}

static const struct kv *find(const struct checkpoint *ck, const char *key)
{
    const struct gguf *g = ck->private_data;
    uint32_t i;
    return strmap_get(&g->by_key, key, strlen(key), &i) ? &g->kv[i] : NULL;
}

static struct meta meta(const struct checkpoint *ck, const char *key)
{
    const struct kv *kv = find(ck, key);
    if (!kv)
        return (struct meta){0};
    if (kv->type == GGUF_ARRAY)
        return (struct meta){.kind = META_ARRAY, .element = kind_of(kv->element_type), .n = kv->n, .array = kv};
    if (kv->type != GGUF_STRING)
        return value_at(kv->type, kv->data);
    struct meta m = string_at(kv->data);
    m.s = (const char *)kv->offsets; /* the terminated copy made by copy_strings */
    return m;
}

static struct meta meta_element(const struct checkpoint *ck, const struct meta *array, uint64_t index)
{
    const struct kv *kv = array->array;
    (void)ck;
    if (kv->element_type == GGUF_STRING)
        return string_at(kv->data + kv->offsets[index]);
    return value_at(kv->element_type, kv->data + index * width(kv->element_type));
}

/* A terminated copy of every text that is a value by itself. */
static viv_status copy_strings(struct checkpoint *ck, struct gguf *g, struct error *err)
{
    for (uint32_t i = 0; i < g->n_kv; i++) {
        struct kv *kv = &g->kv[i];
        if (kv->type != GGUF_STRING)
            continue;
        const struct meta m = string_at(kv->data);
        char *copy = arena_strndup(&ck->arena, m.s, m.n);
        if (!copy)
            return error_nomem(err);
        kv->offsets = (const uint64_t *)copy;
    }
    return VIV_OK;
}

/* --- tensors
 * ------------------------------------------------------------------------------------------------------- */

/* A tensor's entry, before the begin of the data is known. */
struct entry {
    char *name;
    uint32_t type, n_dims;
    int64_t shape[MAX_DIMS];
    uint64_t offset;
};

static viv_status read_entry(struct checkpoint *ck, struct cursor *c, struct entry *e)
{
    const unsigned char *name = NULL;
    uint64_t n = 0, n_dims = 0, type = 0;
    viv_status status = take_string(c, MAX_NAME, &name, &n, "a tensor's name");
    if (status != VIV_OK)
        return status;
    if (n == 0 || memchr(name, '\0', n) || !utf8_valid((const char *)name, n))
        return bad(c, "a tensor's name is not UTF-8 text");
    e->name = arena_strndup(&ck->arena, (const char *)name, n);
    if (!e->name)
        return error_nomem(c->err);
    status = take_number(c, 4, &n_dims, e->name);
    if (status == VIV_OK && (n_dims == 0 || n_dims > MAX_DIMS))
        return bad(c, "tensor '%s' has %" PRIu64 " dimensions, expected 1 to %d", e->name, n_dims, MAX_DIMS);
    e->n_dims = (uint32_t)n_dims;
    for (uint64_t d = 0; status == VIV_OK && d < n_dims; d++) {
        uint64_t dim = 0;
        status = take_number(c, 8, &dim, e->name);
        if (status == VIV_OK && (dim == 0 || dim > INT64_MAX))
            return bad(c, "tensor '%s': dimension %" PRIu64 " is %" PRId64, e->name, d, (int64_t)dim);
        e->shape[n_dims - 1 - d] = (int64_t)dim;
    }
    if (status == VIV_OK)
        status = take_number(c, 4, &type, e->name);
    if (status != VIV_OK)
        return status;
    if (!dtype_get((uint32_t)type) || type >= VIV_BOOL)
        return bad(c, "tensor '%s' has the unknown type %" PRIu64, e->name, type);
    e->type = (uint32_t)type;
    return take_number(c, 8, &e->offset, e->name);
}

static viv_status add_tensor(struct checkpoint *ck, const struct file_map *map, const struct entry *e,
                             uint64_t data_at, uint64_t alignment, struct error *err)
{
    uint64_t end = 0, begin = 0;
    int64_t *shape = arena_array(&ck->arena, e->n_dims, sizeof *shape);
    int64_t *strides = arena_array(&ck->arena, e->n_dims, sizeof *strides);
    viv_tensor t;
    char text[128];
    if (!shape || !strides)
        return error_nomem(err);
    memcpy(shape, e->shape, e->n_dims * sizeof *shape);
    if (!tensor_init(&t, e->name, e->type, e->n_dims, shape, strides, NULL))
        return error_set(
            err, VIV_EFORMAT,
            "%s: tensor '%s' %s: too large, or its rows are no multiple of the %u elements of a %s block",
            map->path, e->name, shape_text(e->shape, e->n_dims, text), dtype_get(e->type)->block,
            dtype_get(e->type)->name);
    if (e->offset % alignment != 0)
        return error_set(err, VIV_EFORMAT, "%s: tensor '%s' lies at %" PRIu64 ", expected a multiple of %" PRIu64,
                         map->path, e->name, e->offset, alignment);
    if (!size_add(data_at, e->offset, &begin) || !size_add(begin, t.nbytes, &end) || end > map->size)
        return error_set(err, VIV_EFORMAT,
                         "%s: tensor '%s' ends %" PRIu64 " bytes after byte %" PRIu64 ", the file after %" PRIu64
                         ": is it cut short?",
                         map->path, e->name, t.nbytes, begin, map->size);
    t.dl.data = (void *)(map->data + begin);
    int added = strmap_add(&ck->by_name, e->name, strlen(e->name), ck->n_tensors);
    if (added == STRMAP_NOMEM)
        return error_nomem(err);
    if (added == STRMAP_EXISTS)
        return error_set(err, VIV_EFORMAT, "%s: tensor '%s' is there a second time", map->path, e->name);
    ck->tensors[ck->n_tensors++] = t;
    return VIV_OK;
}

static int by_begin(const void *a, const void *b)
{
    const viv_tensor *x = *(const viv_tensor *const *)a, *y = *(const viv_tensor *const *)b;
    return (x->dl.data > y->dl.data) - (x->dl.data < y->dl.data);
}

static viv_status check_overlap(const struct checkpoint *ck, struct error *err)
{
    const viv_tensor **order = calloc(ck->n_tensors ? ck->n_tensors : 1, sizeof *order);
    if (!order)
        return error_nomem(err);
    for (uint32_t i = 0; i < ck->n_tensors; i++)
        order[i] = &ck->tensors[i];
    qsort(order, ck->n_tensors, sizeof *order, by_begin);
    viv_status status = VIV_OK;
    for (uint32_t i = 1; status == VIV_OK && i < ck->n_tensors; i++)
        if ((const char *)order[i - 1]->dl.data + order[i - 1]->nbytes > (const char *)order[i]->dl.data)
            status = error_set(err, VIV_EFORMAT, "%s: tensors '%s' and '%s' overlap", ck->path, order[i - 1]->name,
                               order[i]->name);
    free(order);
    return status;
}

/* --- files
 * --------------------------------------------------------------------------------------------------------- */

static viv_status read_header(struct cursor *c, uint64_t *n_tensors, uint64_t *n_kv)
{
    const unsigned char *magic = NULL;
    uint64_t version = 0;
    viv_status status = take(c, 4, &magic, "the header");
    if (status == VIV_OK)
        status = take_number(c, 4, &version, "the header");
    if (status != VIV_OK)
        return status;
    if (version == 1)
        return bad(c,
                   "GGUF version 1, which no program writes any more; convert it anew (versions 2 and 3 are read)");
    if ((version & 0xFFFF) == 0 && version != 0)
        return bad(c, "a big-endian GGUF file; convert it to little-endian");
    if (version != 2 && version != 3)
        return bad(c, "GGUF version %" PRIu64 ", expected 2 or 3", version);
    status = take_number(c, 8, n_tensors, "the header");
    if (status == VIV_OK)
        status = take_number(c, 8, n_kv, "the header");
    /* the least that an entry takes: an empty name, its type, a byte */
    if (status == VIV_OK && (*n_tensors > MAX_TENSORS || *n_tensors > c->map->size / 24))
        return bad(c, "%" PRIu64 " tensors, more than the file holds or than %d", *n_tensors, MAX_TENSORS);
    if (status == VIV_OK && (*n_kv > MAX_KV || *n_kv > c->map->size / 13))
        return bad(c, "%" PRIu64 " keys, more than the file holds or than %d", *n_kv, MAX_KV);
    return status;
}

static viv_status read_alignment(const struct checkpoint *ck, const struct cursor *c, uint64_t *alignment)
{
    const struct kv *kv = find(ck, "general.alignment");
    *alignment = 32;
    if (!kv)
        return VIV_OK;
    if (kv->type != GGUF_U32)
        return bad(c, "general.alignment is not a 32-bit unsigned integer");
    *alignment = number(kv->data, 4);
    if (*alignment < 8 || *alignment > 1 << 20 || (*alignment & (*alignment - 1)) != 0)
        return bad(c, "general.alignment is %" PRIu64 ", expected a power of two from 8 to 2^20", *alignment);
    return VIV_OK;
}

/* One part: its keys count if it is the first, its tensors always. */
static viv_status read_part(struct checkpoint *ck, struct gguf *g, const struct file_map *map, bool first,
                            struct error *err)
{
    struct cursor c = {map, 0, err};
    uint64_t n_tensors = 0, n_kv = 0, alignment = 0;
    viv_status status = read_header(&c, &n_tensors, &n_kv);
    if (status != VIV_OK)
        return status;
    if (first) {
        g->kv = arena_array(&ck->arena, n_kv, sizeof *g->kv);
        if (!g->kv)
            return error_nomem(err);
    }
    for (uint64_t i = 0; status == VIV_OK && i < n_kv; i++)
        status = read_kv(ck, g, &c, first);
    if (status == VIV_OK)
        status = read_alignment(ck, &c, &alignment);
    struct entry *entries = status == VIV_OK ? calloc(n_tensors ? n_tensors : 1, sizeof *entries) : NULL;
    if (status == VIV_OK && !entries)
        status = error_nomem(err);
    for (uint64_t i = 0; status == VIV_OK && i < n_tensors; i++)
        status = read_entry(ck, &c, &entries[i]);
    uint64_t data_at = 0;
    if (status == VIV_OK)
        data_at = size_align(c.at, alignment);
    for (uint64_t i = 0; status == VIV_OK && i < n_tensors; i++)
        status = add_tensor(ck, map, &entries[i], data_at, alignment, err);
    free(entries);
    return status;
}

/* "x-00001-of-00003.gguf": the path of part n. */
static bool part_path(const char *path, unsigned n, unsigned count, char *out, size_t capacity)
{
    size_t length = strlen(path);
    unsigned no, of;
    char tail[32];
    if (length < 20 || sscanf(path + length - 20, "-%5u-of-%5u.gguf", &no, &of) != 2 || of != count || no != 1)
        return false;
    snprintf(tail, sizeof tail, "-%05u-of-%05u.gguf", n, count);
    if (length + 1 > capacity)
        return false;
    memcpy(out, path, length + 1);
    memcpy(out + length - 20, tail, 20);
    return true;
}

static uint64_t number_of_key(const struct checkpoint *ck, const char *key)
{
    const struct meta m = meta(ck, key);
    int64_t i;
    return meta_int(&m, &i) && i > 0 ? (uint64_t)i : 0;
}

static viv_status count_tensors(struct checkpoint *ck, const struct file_map *map, uint64_t *n, struct error *err)
{
    struct cursor c = {map, 0, err};
    uint64_t n_tensors = 0, n_kv = 0;
    viv_status status = read_header(&c, &n_tensors, &n_kv);
    *n += status == VIV_OK ? n_tensors : 0;
    (void)ck;
    return status;
}

static viv_status open_parts(struct checkpoint *ck, const char *path, uint64_t count, struct error *err)
{
    char name[4096];
    struct file_map *maps = realloc(ck->maps, count * sizeof *maps);
    if (!maps)
        return error_nomem(err);
    ck->maps = maps;
    for (uint64_t i = 1; i < count; i++) {
        if (!part_path(path, (unsigned)i + 1, (unsigned)count, name, sizeof name))
            return error_set(err, VIV_EFORMAT,
                             "%s: the first of %" PRIu64 " parts, but not called ...-00001-of-%05" PRIu64 ".gguf",
                             path, count, count);
        viv_status status = file_map_open(&ck->maps[ck->n_maps], name, err);
        if (status != VIV_OK)
            return error_prefix(err, "part %" PRIu64 " of %" PRIu64 " is missing", i + 1, count);
        ck->n_maps++;
    }
    return VIV_OK;
}

static bool probe(const char *path)
{
    struct error err;
    struct file_map map;
    if (file_is_dir(path) || file_map_open(&map, path, &err) != VIV_OK)
        return false;
    bool is = map.size >= 4 && (memcmp(map.data, "GGUF", 4) == 0);
    file_map_close(&map);
    return is;
}

static viv_status read_all(struct checkpoint *ck, struct gguf *g, const char *path, struct error *err)
{
    uint64_t n = 0, count;
    ck->maps = calloc(1, sizeof *ck->maps);
    if (!ck->maps)
        return error_nomem(err);
    viv_status status = file_map_open(&ck->maps[0], path, err);
    if (status != VIV_OK)
        return status;
    ck->n_maps = 1;
    status = count_tensors(ck, &ck->maps[0], &n, err);
    /* tensors of the first part are placed once their number in all parts is known */
    struct cursor c = {&ck->maps[0], 24, err};
    uint64_t n_kv = status == VIV_OK ? number(ck->maps[0].data + 16, 8) : 0;
    if (status == VIV_OK) {
        g->kv = arena_array(&ck->arena, n_kv, sizeof *g->kv);
        status = g->kv ? VIV_OK : error_nomem(err);
    }
    for (uint64_t i = 0; status == VIV_OK && i < n_kv; i++)
        status = read_kv(ck, g, &c, true);
    if (status != VIV_OK)
        return status;
    count = number_of_key(ck, "split.count");
    if (count > MAX_SPLITS)
        return error_set(err, VIV_ELIMIT, "%s: split into %" PRIu64 " parts, at most %d are read", path, count,
                         MAX_SPLITS);
    if (count > 1 && number_of_key(ck, "split.no") != 0)
        return error_set(err, VIV_EFORMAT, "%s: part %" PRIu64 " of %" PRIu64 "; name the first one", path,
                         number_of_key(ck, "split.no") + 1, count);
    if (count > 1)
        status = open_parts(ck, path, count, err);
    for (uint32_t i = 1; status == VIV_OK && i < ck->n_maps; i++)
        status = count_tensors(ck, &ck->maps[i], &n, err);
    if (status != VIV_OK)
        return status;
    if (n > MAX_TENSORS)
        return error_set(err, VIV_ELIMIT, "%s: %" PRIu64 " tensors, at most %d are read", path, n, MAX_TENSORS);
    if (count > 1 && number_of_key(ck, "split.tensors.count") != n)
        return error_set(err, VIV_EFORMAT,
                         "%s: its parts have %" PRIu64 " tensors, split.tensors.count says %" PRIu64, path, n,
                         number_of_key(ck, "split.tensors.count"));
    ck->tensors = arena_array(&ck->arena, n, sizeof *ck->tensors);
    if (!ck->tensors)
        return error_nomem(err);
    strmap_release(&g->by_key);
    g->n_kv = 0;
    for (uint32_t i = 0; status == VIV_OK && i < ck->n_maps; i++)
        status = read_part(ck, g, &ck->maps[i], i == 0, err);
    if (status == VIV_OK)
        status = check_overlap(ck, err);
    return status == VIV_OK ? copy_strings(ck, g, err) : status;
}

static viv_status open_gguf(struct checkpoint *ck, const char *path, struct error *err)
{
    struct gguf *g = arena_alloc(&ck->arena, sizeof *g);
    if (!g)
        return error_nomem(err);
    ck->private_data = g;
    return read_all(ck, g, path, err);
}

static void close_gguf(struct checkpoint *ck)
{
    struct gguf *g = ck->private_data;
    if (g)
        strmap_release(&g->by_key);
}

const struct format format_gguf = {
    .name = "gguf",
    .names = "gguf",
    .probe = probe,
    .open = open_gguf,
    .meta = meta,
    .meta_element = meta_element,
    .close = close_gguf,
};
