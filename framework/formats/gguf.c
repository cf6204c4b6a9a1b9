/* gguf.c - GGUF versions 2 and 3, single or split (docs/gguf.md of ggml).
 *
 *   "GGUF" u32 version  u64 n_tensors  u64 n_kv
 *   n_kv times:       string key, u32 type, value       string: u64 length, bytes; array: u32 type, u64 n, values
 *   n_tensors times:  string name, u32 n_dims, u64 dims[n_dims] (innermost first), u32 type, u64 offset
 *   padding to general.alignment (32), then the data, each tensor's offset a multiple of it
 *
 * Everything is little-endian. Metadata is read once, checked, and indexed in the mapping: a vocabulary of 256
 * thousand tokens is not copied. The parts of a split file are complete GGUF files, each with its own alignment.
 * split.no, split.count and split.tensors.count connect them, and the metadata of the first part is used
 * (gguf-split of llama.cpp).
 *
 * Limits over all parts: MAX_KEYS, MAX_TENSORS, MAX_STRINGS and MAX_ELEMENTS in lists, MAX_TEXT bytes of strings
 * outside lists. */
#include "formats/checkpoint.h"

#include "base/size.h"
#include "base/utf8.h"
#include "kernels/block_types.h"
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
enum { MAX_KEYS = 65536, MAX_TENSORS = 262144, MAX_STRINGS = 1 << 22, MAX_PARTS = 1024 };
enum { MAX_NAME = 4096, MAX_DIMS = 4, MAX_ELEMENTS = 1 << 24, MAX_TEXT = 64 << 20 };

/* One key of the metadata, in the mapping. */
struct kv {
    const char *key; /* terminated copy */
    uint32_t type, element_type;
    uint64_t n;                /* of an array: elements; of a string: bytes */
    const unsigned char *data; /* the value; of an array its first element; of a string a terminated copy */
    const uint64_t *offsets;   /* of an array of strings: of every element, from data */
};

struct keys {
    struct kv *kv;
    uint32_t n;
    struct strmap by_name;
};

/* A position in a file, checked against its end. */
struct cursor {
    const struct file_map *map;
    uint64_t at;
    struct error *err;
};

/* One file: read up to its tensors. */
struct part {
    struct keys keys;
    struct cursor c;
    uint64_t n_tensors, alignment;
};

/* The state while the files are read. */
struct reader {
    struct checkpoint *ck;
    struct part *parts;
    uint32_t n_parts;
    uint64_t n_keys, n_tensors, n_strings, n_elements, n_text; /* of all parts so far */
    struct error *err;
};

/* Bytes of one value; 0 for strings and arrays. */
static uint64_t width(uint32_t type)
{
    static const unsigned char widths[N_GGUF_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return widths[type];
}

/* --- bytes -------------------------------------------------------------------------------------------------- */

/* Reports invalid data at the cursor. Returns VIV_EFORMAT, so that a failure is one line. */
#define bad(...) (set_bad(__VA_ARGS__), VIV_EFORMAT)
static void set_bad(const struct cursor *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set_bad(const struct cursor *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_setv(c->err, VIV_EFORMAT, format, args);
    va_end(args);
    error_prefix(c->err, "%s: at byte %" PRIu64, c->map->path, c->at);
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

static viv_status take_string(struct cursor *c, const unsigned char **out, uint64_t *n, const char *what)
{
    viv_status status = take_number(c, 8, n, what);
    return status == VIV_OK ? take(c, *n, out, what) : status;
}

/* Reads the name of a key or tensor: not empty, copied and terminated. */
static viv_status take_name(struct reader *r, struct cursor *c, const char **out, const char *what)
{
    const unsigned char *text = NULL;
    uint64_t n = 0;
    viv_status status = take_string(c, &text, &n, what);
    if (status != VIV_OK)
        return status;
    if (n == 0)
        return bad(c, "%s is empty", what);
    if (n > MAX_NAME)
        return bad(c, "%s is %" PRIu64 " bytes long, at most %d are read", what, n, MAX_NAME);
    if (memchr(text, '\0', n) || !utf8_valid((const char *)text, n))
        return bad(c, "%s is not UTF-8 text", what);
    *out = arena_strndup(&r->ck->arena, (const char *)text, n);
    return *out ? VIV_OK : error_nomem(c->err);
}

/* --- metadata ----------------------------------------------------------------------------------------------- */

/* Skips an array of strings, and records where each begins. */
static viv_status index_strings(struct reader *r, struct cursor *c, struct kv *kv)
{
    r->n_strings += kv->n;
    if (r->n_strings > MAX_STRINGS)
        return bad(c, "key '%s': more than %d texts in lists", kv->key, MAX_STRINGS);
    uint64_t *offsets = arena_array(&r->ck->arena, kv->n, sizeof *offsets);
    if (!offsets)
        return error_nomem(c->err);
    uint64_t begin = c->at;
    for (uint64_t i = 0; i < kv->n; i++) {
        const unsigned char *text = NULL;
        uint64_t n = 0;
        offsets[i] = c->at - begin;
        viv_status status = take_string(c, &text, &n, "a text of a list");
        if (status != VIV_OK)
            return error_prefix(c->err, "key '%s', element %" PRIu64, kv->key, i);
    }
    kv->offsets = offsets;
    return VIV_OK;
}

static viv_status read_array(struct reader *r, struct cursor *c, struct kv *kv)
{
    uint64_t type = 0, bytes = 0;
    const unsigned char *p = NULL;
    viv_status status = take_number(c, 4, &type, kv->key);
    if (status == VIV_OK)
        status = take_number(c, 8, &kv->n, kv->key);
    if (status != VIV_OK)
        return status;
    if (type == GGUF_ARRAY)
        return bad(c, "key '%s' is a list of lists", kv->key);
    if (type >= N_GGUF_TYPES)
        return bad(c, "key '%s' is a list of the unknown type %" PRIu64, kv->key, type);
    kv->element_type = (uint32_t)type;
    /* a string has at least its length field */
    if (!size_mul(kv->n, type == GGUF_STRING ? 8 : width(kv->element_type), &bytes) || bytes > c->map->size - c->at)
        return bad(c, "key '%s' is a list of %" PRIu64 " elements, the file has %" PRIu64 " bytes left", kv->key,
                   kv->n, c->map->size - c->at);
    kv->data = c->map->data + c->at;
    if (type == GGUF_STRING)
        return index_strings(r, c, kv);
    r->n_elements += kv->n;
    if (r->n_elements > MAX_ELEMENTS)
        return bad(c, "key '%s': more than %d elements in lists", kv->key, MAX_ELEMENTS);
    status = take(c, bytes, &p, kv->key);
    for (uint64_t i = 0; status == VIV_OK && type == GGUF_BOOL && i < kv->n; i++)
        if (p[i] > 1)
            return bad(c, "key '%s', element %" PRIu64 ": a boolean is %u, expected 0 or 1", kv->key, i, p[i]);
    return status;
}

/* Copied, because strings in a file are not terminated. */
static viv_status read_text(struct reader *r, struct cursor *c, struct kv *kv)
{
    const unsigned char *text = NULL;
    viv_status status = take_string(c, &text, &kv->n, kv->key);
    if (status != VIV_OK)
        return status;
    if (kv->n > MAX_TEXT || (r->n_text += kv->n) > MAX_TEXT)
        return bad(c, "key '%s': more than %d bytes of text in all", kv->key, MAX_TEXT);
    kv->data = (const unsigned char *)arena_strndup(&r->ck->arena, (const char *)text, kv->n);
    return kv->data ? VIV_OK : error_nomem(c->err);
}

static viv_status read_value(struct reader *r, struct cursor *c, struct kv *kv)
{
    if (kv->type == GGUF_ARRAY)
        return read_array(r, c, kv);
    if (kv->type == GGUF_STRING)
        return read_text(r, c, kv);
    viv_status status = take(c, width(kv->type), &kv->data, kv->key);
    if (status == VIV_OK && kv->type == GGUF_BOOL && *kv->data > 1)
        return bad(c, "key '%s': a boolean is %u, expected 0 or 1", kv->key, *kv->data);
    return status;
}

/* Old converters wrote some keys twice, which is allowed if both values are equal. */
static bool same_value(const struct keys *keys, const struct kv *kv)
{
    uint32_t i = 0;
    strmap_get(&keys->by_name, kv->key, strlen(kv->key), &i);
    const struct kv *other = &keys->kv[i];
    if (kv->type != other->type || kv->type == GGUF_ARRAY || kv->n != other->n)
        return false;
    uint64_t n = kv->type == GGUF_STRING ? kv->n : width(kv->type);
    return memcmp(kv->data, other->data, n) == 0;
}

static viv_status read_key(struct reader *r, struct part *p)
{
    struct kv kv = {0};
    uint64_t type = 0;
    viv_status status = take_name(r, &p->c, &kv.key, "a key");
    if (status == VIV_OK)
        status = take_number(&p->c, 4, &type, kv.key);
    if (status != VIV_OK)
        return status;
    if (type >= N_GGUF_TYPES)
        return bad(&p->c, "key '%s' has the unknown type %" PRIu64, kv.key, type);
    kv.type = (uint32_t)type;
    status = read_value(r, &p->c, &kv);
    if (status != VIV_OK)
        return status;
    int added = strmap_add(&p->keys.by_name, kv.key, strlen(kv.key), p->keys.n);
    if (added == STRMAP_NOMEM)
        return error_nomem(r->err);
    if (added == STRMAP_EXISTS)
        return same_value(&p->keys, &kv) ? VIV_OK : bad(&p->c, "key '%s' has two values", kv.key);
    p->keys.kv[p->keys.n++] = kv;
    return VIV_OK;
}

static struct meta value_at(uint32_t type, const unsigned char *p)
{
    struct meta m = {0};
    uint64_t bits = number(p, width(type));
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

static enum meta_kind kind_of(uint32_t type)
{
    static const unsigned char zeros[8];
    return type == GGUF_STRING ? META_STRING : value_at(type, zeros).kind;
}

static struct meta meta_of(const struct keys *keys, const char *key)
{
    uint32_t i;
    if (!keys || !strmap_get(&keys->by_name, key, strlen(key), &i))
        return (struct meta){0};
    const struct kv *kv = &keys->kv[i];
    if (kv->type == GGUF_ARRAY)
        return (struct meta){.kind = META_ARRAY, .element = kind_of(kv->element_type), .n = kv->n, .array = kv};
    if (kv->type == GGUF_STRING)
        return (struct meta){.kind = META_STRING, .n = kv->n, .s = (const char *)kv->data};
    return value_at(kv->type, kv->data);
}

static struct meta meta(const struct checkpoint *ck, const char *key)
{
    return meta_of(ck->private_data, key);
}

static const char *key_at(const struct checkpoint *ck, uint64_t i)
{
    const struct keys *keys = ck->private_data;
    return keys && i < keys->n ? keys->kv[i].key : NULL;
}

static struct meta meta_element(const struct checkpoint *ck, const struct meta *array, uint64_t index)
{
    const struct kv *kv = array->array;
    (void)ck;
    if (kv->element_type != GGUF_STRING)
        return value_at(kv->element_type, kv->data + index * width(kv->element_type));
    const unsigned char *p = kv->data + kv->offsets[index];
    return (struct meta){.kind = META_STRING, .n = number(p, 8), .s = (const char *)p + 8};
}

/* --- tensors ------------------------------------------------------------------------------------------------ */

/* A tensor's entry, before the begin of the data is known. */
struct entry {
    const char *name;
    uint32_t type, n_dims;
    int64_t shape[MAX_DIMS];
    uint64_t offset;
};

static viv_status read_shape(struct cursor *c, struct entry *e)
{
    uint64_t n_dims = 0;
    viv_status status = take_number(c, 4, &n_dims, e->name);
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
    return status;
}

#define COMMA_NAME(name, number) ", " #name

static viv_status read_entry(struct reader *r, struct cursor *c, struct entry *e)
{
    uint64_t type = 0;
    viv_status status = take_name(r, c, &e->name, "a tensor's name");
    if (status == VIV_OK)
        status = read_shape(c, e);
    if (status == VIV_OK)
        status = take_number(c, 4, &type, e->name);
    if (status != VIV_OK)
        return status;
    if (type >= VIV_BOOL || !dtype_get((uint32_t)type)) {
        const bool removed = type == 4 || type == 5 || (type >= 31 && type <= 33) || (type >= 36 && type <= 38);
        const bool of_ik = (type >= 97 && type <= 99) || (type >= 133 && type <= 399);
        return bad(c,
                   "tensor '%s' has the type %" PRIu64
                   ", which GGML %s; this version computes with f32, f16, bf16" GGML_BLOCK_TYPES(COMMA_NAME),
                   e->name, type,
                   removed ? "has removed"
                   : of_ik ? "does not have: perhaps one of ik_llama.cpp's own"
                           : "does not have");
    }
    e->type = (uint32_t)type;
    return take_number(c, 8, &e->offset, e->name);
}

/* Records that the file ends before its tensors do. */
static viv_status note_cut(struct reader *r, const struct part *p, uint64_t data_end)
{
    const struct file_map *map = p->c.map;
    if (!r->ck->no_weights && asprintf(&r->ck->no_weights,
                                       "%s: the file is cut short: it has %" PRIu64
                                       " bytes, its weights end at %" PRIu64 ": download it again",
                                       map->path, map->size, data_end) < 0) {
        r->ck->no_weights = NULL;
        return error_nomem(r->err);
    }
    return VIV_OK;
}

/* Checks the place of a tensor, and fills it in. If all tensors are consecutive up to data_end, the file may end
 * before: it is truncated, but its header is still valid. */
static viv_status place_tensor(struct reader *r, const struct part *p, const struct entry *e, uint64_t data_at,
                               uint64_t data_end, viv_tensor *t)
{
    const struct file_map *map = p->c.map;
    const struct dtype *d = dtype_get(e->type);
    uint64_t begin = 0, end = 0;
    int64_t *shape = arena_array(&r->ck->arena, e->n_dims, sizeof *shape);
    int64_t *strides = arena_array(&r->ck->arena, e->n_dims, sizeof *strides);
    char text[128];
    if (!shape || !strides)
        return error_nomem(r->err);
    memcpy(shape, e->shape, e->n_dims * sizeof *shape);
    tensor_shape_text(shape, e->n_dims, text);
    if (shape[e->n_dims - 1] % d->block != 0)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: tensor '%s' %s of type %s: its rows have %" PRId64
                         " elements, expected a multiple of %u",
                         map->path, e->name, text, d->name, shape[e->n_dims - 1], d->block);
    if (!tensor_init(t, e->name, e->type, e->n_dims, shape, strides, NULL))
        return error_set(r->err, VIV_EFORMAT, "%s: tensor '%s' %s: more bytes than can be counted", map->path,
                         e->name, text);
    if (e->offset % p->alignment != 0)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: tensor '%s' lies at %" PRIu64 ", expected a multiple of %" PRIu64, map->path, e->name,
                         e->offset, p->alignment);
    if (size_add(data_at, e->offset, &begin) && size_add(begin, t->nbytes, &end) && end > map->size &&
        end <= data_end)
        return note_cut(r, p, data_end);
    if (!size_add(data_at, e->offset, &begin) || !size_add(begin, t->nbytes, &end) || end > map->size)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: tensor '%s' %s takes %" PRIu64 " bytes from offset %" PRIu64 ", the file has %" PRIu64
                         " of data: is it cut short?",
                         map->path, e->name, text, t->nbytes, e->offset,
                         data_at < map->size ? map->size - data_at : 0);
    t->dl.data = (void *)(map->data + begin);
    return VIV_OK;
}

static viv_status add_tensor(struct reader *r, const struct part *p, const struct entry *e, uint64_t data_at,
                             uint64_t data_end)
{
    struct checkpoint *ck = r->ck;
    viv_status status = place_tensor(r, p, e, data_at, data_end, &ck->tensors[ck->n_tensors]);
    if (status != VIV_OK)
        return status;
    int added = strmap_add(&ck->by_name, e->name, strlen(e->name), ck->n_tensors);
    if (added == STRMAP_NOMEM)
        return error_nomem(r->err);
    if (added == STRMAP_EXISTS)
        return error_set(r->err, VIV_EFORMAT, "%s: tensor '%s' is there a second time", p->c.map->path, e->name);
    ck->n_tensors++;
    return VIV_OK;
}

static int by_place(const void *a, const void *b)
{
    const viv_tensor *x = a, *y = b;
    return (x->dl.data > y->dl.data) - (x->dl.data < y->dl.data);
}

/* Checks that no two tensors from `first` on, which are those of one part, share bytes. */
static viv_status check_overlap(struct reader *r, const struct part *p, uint32_t first)
{
    const struct checkpoint *ck = r->ck;
    uint32_t n = ck->n_tensors - first;
    if (ck->no_weights) /* they will not be read */
        return VIV_OK;
    viv_tensor *order = calloc(n ? n : 1, sizeof *order);
    if (!order)
        return error_nomem(r->err);
    if (n)
        memcpy(order, ck->tensors + first, n * sizeof *order);
    qsort(order, n, sizeof *order, by_place);
    viv_status status = VIV_OK;
    for (uint32_t i = 1; status == VIV_OK && i < n; i++)
        if ((const char *)order[i - 1].dl.data + order[i - 1].nbytes > (const char *)order[i].dl.data)
            status = error_set(r->err, VIV_EFORMAT, "%s: tensors '%s' and '%s' overlap", p->c.map->path,
                               order[i - 1].name, order[i].name);
    free(order);
    return status;
}

/* Where the data ends if all tensors are consecutive; 0 if that cannot be computed. */
static uint64_t end_of_data(const struct part *p, const struct entry *entries, uint64_t data_at)
{
    uint64_t end = data_at;
    for (uint64_t i = 0; i < p->n_tensors; i++) {
        const struct entry *e = &entries[i];
        uint64_t elems = 1, bytes;
        for (uint32_t d = 0; d < e->n_dims; d++)
            if (!size_mul(elems, (uint64_t)e->shape[d], &elems))
                return 0;
        end = size_align(end, p->alignment);
        if (end > (uint64_t)1 << 62 || !dtype_bytes(e->type, elems, &bytes) || !size_add(end, bytes, &end))
            return 0;
    }
    return end;
}

static viv_status read_tensors(struct reader *r, struct part *p)
{
    const uint32_t first = r->ck->n_tensors;
    viv_status status = VIV_OK;
    struct entry *entries = calloc(p->n_tensors ? p->n_tensors : 1, sizeof *entries);
    if (!entries)
        return error_nomem(r->err);
    for (uint64_t i = 0; status == VIV_OK && i < p->n_tensors; i++)
        status = read_entry(r, &p->c, &entries[i]);
    const uint64_t data_at = size_align(p->c.at, p->alignment), data_end = end_of_data(p, entries, data_at);
    for (uint64_t i = 0; status == VIV_OK && i < p->n_tensors; i++)
        status = add_tensor(r, p, &entries[i], data_at, data_end);
    free(entries);
    return status == VIV_OK ? check_overlap(r, p, first) : status;
}

/* --- files -------------------------------------------------------------------------------------------------- */

static viv_status read_version(struct cursor *c)
{
    const unsigned char *magic = NULL;
    uint64_t version = 0;
    viv_status status = take(c, 4, &magic, "the header");
    if (status == VIV_OK && memcmp(magic, "GGUF", 4) != 0)
        return bad(c, "not a GGUF file");
    if (status == VIV_OK)
        status = take_number(c, 4, &version, "the header");
    if (status != VIV_OK)
        return status;
    if (version == 1)
        return bad(c, "GGUF version 1, which no program writes any more: convert the model anew (versions 2 and 3 "
                      "are read)");
    if (version != 0 && (version & 0xFFFF) == 0)
        return bad(c, "a big-endian GGUF file: convert it to little-endian");
    if (version != 2 && version != 3)
        return bad(c, "GGUF version %" PRIu64 ", expected 2 or 3", version);
    return VIV_OK;
}

static viv_status read_alignment(struct part *p)
{
    const struct meta m = meta_of(&p->keys, "general.alignment");
    uint32_t i = 0;
    p->alignment = 32;
    if (m.kind == META_NONE)
        return VIV_OK;
    strmap_get(&p->keys.by_name, "general.alignment", 17, &i);
    if (p->keys.kv[i].type != GGUF_U32)
        return bad(&p->c, "general.alignment is not a 32-bit unsigned integer");
    p->alignment = m.u;
    if (m.u < 8 || m.u > 1 << 20 || (m.u & (m.u - 1)) != 0)
        return bad(&p->c, "general.alignment is %" PRIu64 ", expected a power of two from 8 to 2^20", m.u);
    return VIV_OK;
}

/* Reads header and keys of a file. */
static viv_status read_part(struct reader *r, struct part *p, const struct file_map *map)
{
    uint64_t n_keys = 0;
    p->c = (struct cursor){map, 0, r->err};
    viv_status status = read_version(&p->c);
    if (status == VIV_OK)
        status = take_number(&p->c, 8, &p->n_tensors, "the header");
    if (status == VIV_OK)
        status = take_number(&p->c, 8, &n_keys, "the header");
    if (status != VIV_OK)
        return status;
    /* their smallest size: a name of one character, and an empty string, or one dimension */
    if (p->n_tensors > map->size / 33 || n_keys > map->size / 14)
        return bad(&p->c, "%" PRIu64 " tensors and %" PRIu64 " keys do not fit in %" PRIu64 " bytes", p->n_tensors,
                   n_keys, map->size);
    r->n_tensors += p->n_tensors;
    r->n_keys += n_keys;
    if (r->n_tensors > MAX_TENSORS || r->n_keys > MAX_KEYS)
        return error_set(r->err, VIV_ELIMIT,
                         "%s: %" PRIu64 " tensors and %" PRIu64 " keys, at most %d and %d are read", map->path,
                         r->n_tensors, r->n_keys, MAX_TENSORS, MAX_KEYS);
    p->keys.kv = arena_array(&r->ck->arena, n_keys, sizeof *p->keys.kv);
    if (!p->keys.kv)
        return error_nomem(r->err);
    for (uint64_t i = 0; status == VIV_OK && i < n_keys; i++)
        status = read_key(r, p);
    return status == VIV_OK ? read_alignment(p) : status;
}

static uint64_t split_key(const struct part *p, const char *key)
{
    const struct meta m = meta_of(&p->keys, key);
    int64_t i;
    return checkpoint_meta_int(&m, &i) && i > 0 ? (uint64_t)i : 0;
}

/* "x-00001-of-00003.gguf" -> "x-00002-of-00003.gguf"; malloc'ed. */
static viv_status part_path(const char *path, uint64_t no, uint64_t count, char **out, struct error *err)
{
    char first[32];
    size_t n = strlen(path), m = (size_t)snprintf(first, sizeof first, "-00001-of-%05" PRIu64 ".gguf", count);
    if (n < m || strcmp(path + n - m, first) != 0)
        return error_set(err, VIV_EFORMAT, "%s: the first of %" PRIu64 " parts, expected a name that ends in '%s'",
                         path, count, first);
    if (asprintf(out, "%.*s-%05" PRIu64 "-of-%05" PRIu64 ".gguf", (int)(n - m), path, no + 1, count) < 0)
        return error_nomem(err);
    return VIV_OK;
}

static viv_status open_part(struct reader *r, const char *path, uint32_t no, uint64_t count)
{
    struct checkpoint *ck = r->ck;
    char *name = NULL;
    viv_status status = part_path(path, no, count, &name, r->err);
    if (status != VIV_OK)
        return status;
    status = file_map_open(&ck->maps[no], name, r->err);
    free(name);
    if (status != VIV_OK)
        return error_prefix(r->err, "part %u of %" PRIu64 " cannot be read", no + 1, count);
    ck->n_maps++;
    r->n_parts++;
    status = read_part(r, &r->parts[no], &ck->maps[no]);
    if (status != VIV_OK)
        return status;
    if (split_key(&r->parts[no], "split.no") != no || split_key(&r->parts[no], "split.count") != count)
        return error_set(r->err, VIV_EFORMAT,
                         "%s: says that it is part %" PRIu64 " of %" PRIu64 ", expected %u of %" PRIu64,
                         ck->maps[no].path, split_key(&r->parts[no], "split.no") + 1,
                         split_key(&r->parts[no], "split.count"), no + 1, count);
    return VIV_OK;
}

/* Opens the other parts, after the first one is read. */
static viv_status open_parts(struct reader *r, const char *path)
{
    const uint64_t count = split_key(&r->parts[0], "split.count"), no = split_key(&r->parts[0], "split.no");
    if (count <= 1)
        return VIV_OK;
    if (count > MAX_PARTS)
        return error_set(r->err, VIV_ELIMIT, "%s: split.count is %" PRIu64 ", at most %d parts are read", path,
                         count, MAX_PARTS);
    if (no != 0)
        return error_set(r->err, VIV_EFORMAT, "%s: this is part %" PRIu64 " of %" PRIu64 ", expected the first",
                         path, no + 1, count);
    viv_status status = VIV_OK;
    for (uint32_t i = 1; status == VIV_OK && i < count; i++)
        status = open_part(r, path, i, count);
    if (status == VIV_OK && split_key(&r->parts[0], "split.tensors.count") != r->n_tensors)
        status = error_set(r->err, VIV_EFORMAT,
                           "%s: its parts have %" PRIu64 " tensors, split.tensors.count says %" PRIu64, path,
                           r->n_tensors, split_key(&r->parts[0], "split.tensors.count"));
    return status;
}

static viv_status read_all(struct reader *r, const char *path)
{
    struct checkpoint *ck = r->ck;
    /* allocated for all parts at once, because keys point to the maps */
    ck->maps = calloc(MAX_PARTS, sizeof *ck->maps);
    r->parts = calloc(MAX_PARTS, sizeof *r->parts);
    if (!ck->maps || !r->parts)
        return error_nomem(r->err);
    viv_status status = file_map_open(&ck->maps[0], path, r->err);
    if (status != VIV_OK)
        return status;
    ck->n_maps = r->n_parts = 1;
    status = read_part(r, &r->parts[0], &ck->maps[0]);
    if (status == VIV_OK)
        status = open_parts(r, path);
    if (status != VIV_OK)
        return status;
    ck->tensors = arena_array(&ck->arena, r->n_tensors, sizeof *ck->tensors);
    if (!ck->tensors)
        return error_nomem(r->err);
    for (uint32_t i = 0; status == VIV_OK && i < r->n_parts; i++)
        status = read_tensors(r, &r->parts[i]);
    return status;
}

static viv_status open_gguf(struct checkpoint *ck, const char *path, struct error *err)
{
    struct reader r = {.ck = ck, .err = err};
    struct keys *keys = arena_alloc(&ck->arena, sizeof *keys);
    if (!keys)
        return error_nomem(err);
    viv_status status = read_all(&r, path);
    if (r.n_parts)
        *keys = r.parts[0].keys;
    ck->private_data = keys;
    for (uint32_t i = 1; i < r.n_parts; i++)
        strmap_release(&r.parts[i].keys.by_name);
    free(r.parts);
    return status;
}

static void close_gguf(struct checkpoint *ck)
{
    struct keys *keys = ck->private_data;
    if (keys)
        strmap_release(&keys->by_name);
}

static bool probe(const char *path)
{
    struct error err;
    struct file_map map;
    if (file_is_dir(path) || file_map_open(&map, path, &err) != VIV_OK)
        return false;
    bool is = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
    file_map_close(&map);
    return is;
}

const struct format format_gguf = {
    .name = "gguf",
    .names = "gguf",
    .probe = probe,
    .open = open_gguf,
    .meta = meta,
    .meta_element = meta_element,
    .key = key_at,
    .close = close_gguf,
};
