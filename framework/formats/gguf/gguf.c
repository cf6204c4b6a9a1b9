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
#include "formats/gguf/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 65536, MAX_TENSORS = 262144, MAX_PARTS = 1024 };

extern const struct format format_gguf;

static viv_status read_version(struct cursor *c)
{
    const unsigned char *magic = NULL;
    uint64_t version = 0;
    viv_status status = gguf_take(c, 4, &magic, "the header");
    if (status == VIV_OK && memcmp(magic, "GGUF", 4) != 0)
        return gguf_bad(c, "not a GGUF file");
    if (status == VIV_OK)
        status = gguf_take_number(c, 4, &version, "the header");
    if (status != VIV_OK)
        return status;
    if (version == 1)
        return gguf_bad(
            c, "GGUF version 1, which no program writes any more: convert the model anew (versions 2 and 3 "
               "are read)");
    if (version != 0 && (version & 0xFFFF) == 0)
        return gguf_bad(c, "a big-endian GGUF file: convert it to little-endian");
    if (version != 2 && version != 3)
        return gguf_bad(c, "GGUF version %" PRIu64 ", expected 2 or 3", version);
    return VIV_OK;
}

static viv_status read_alignment(struct part *p)
{
    const struct meta m = gguf_meta_of(&p->keys, "general.alignment");
    uint32_t i = 0;
    p->alignment = 32;
    if (m.kind == META_NONE)
        return VIV_OK;
    strmap_get(&p->keys.by_name, "general.alignment", 17, &i);
    if (p->keys.kv[i].type != GGUF_U32)
        return gguf_bad(&p->c, "general.alignment is not a 32-bit unsigned integer");
    p->alignment = m.u;
    if (m.u < 8 || m.u > 1 << 20 || (m.u & (m.u - 1)) != 0)
        return gguf_bad(&p->c, "general.alignment is %" PRIu64 ", expected a power of two from 8 to 2^20", m.u);
    return VIV_OK;
}

/* Reads header and keys of a file. */
static viv_status read_part(struct reader *r, struct part *p, const struct file_map *map)
{
    uint64_t n_keys = 0;
    p->c = (struct cursor){map, 0, r->err};
    viv_status status = read_version(&p->c);
    if (status == VIV_OK)
        status = gguf_take_number(&p->c, 8, &p->n_tensors, "the header");
    if (status == VIV_OK)
        status = gguf_take_number(&p->c, 8, &n_keys, "the header");
    if (status != VIV_OK)
        return status;
    /* their smallest size: a name of one character, and an empty string, or one dimension */
    if (p->n_tensors > map->size / 33 || n_keys > map->size / 14)
        return gguf_bad(&p->c, "%" PRIu64 " tensors and %" PRIu64 " keys do not fit in %" PRIu64 " bytes",
                        p->n_tensors, n_keys, map->size);
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
        status = gguf_read_key(r, p);
    return status == VIV_OK ? read_alignment(p) : status;
}

static uint64_t split_key(const struct part *p, const char *key)
{
    const struct meta m = gguf_meta_of(&p->keys, key);
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
        status = gguf_read_tensors(r, &r->parts[i]);
    return status;
}

static struct meta meta(const struct checkpoint *ck, const char *key)
{
    return gguf_meta_of(ck->private_data, key);
}

static const char *key_at(const struct checkpoint *ck, uint64_t i)
{
    const struct keys *keys = ck->private_data;
    return keys && i < keys->n ? keys->kv[i].key : NULL;
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

/* Reads the only part, from memory. */
static viv_status read_bytes(struct reader *r, const struct file_map *map)
{
    struct checkpoint *ck = r->ck;
    struct part part = {0};
    struct keys *keys = arena_alloc(&ck->arena, sizeof *keys);
    if (!keys)
        return error_nomem(r->err);
    viv_status status = read_part(r, &part, map);
    *keys = part.keys;
    ck->private_data = keys;
    if (status != VIV_OK)
        return status;
    ck->tensors = arena_array(&ck->arena, r->n_tensors, sizeof *ck->tensors);
    if (!ck->tensors)
        return error_nomem(r->err);
    status = gguf_read_tensors(r, &part);
    if (status == VIV_OK && !ck->no_weights && asprintf(&ck->no_weights, "%s: only a header", map->path) < 0) {
        ck->no_weights = NULL;
        status = error_nomem(r->err);
    }
    return status;
}

viv_status gguf_open_bytes(struct checkpoint *ck, const char *name, const void *bytes, size_t n, struct error *err)
{
    *ck = (struct checkpoint){.format = &format_gguf};
    struct reader r = {.ck = ck, .err = err};
    struct file_map *map = arena_alloc(&ck->arena, sizeof *map);
    unsigned char *copy = arena_array(&ck->arena, n, 1);
    ck->path = strdup(name);
    viv_status status = VIV_OK;
    if (!map || !copy || !ck->path) {
        status = error_nomem(err);
    } else {
        memcpy(copy, bytes, n);
        *map = (struct file_map){.data = copy, .size = n, .path = ck->path, .fd = -1};
        status = read_bytes(&r, map);
    }
    if (status != VIV_OK)
        checkpoint_close(ck);
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
    .meta_element = gguf_meta_element,
    .key = key_at,
    .close = close_gguf,
};
