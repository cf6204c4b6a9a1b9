/* imatrix.c - see imatrix.h. The older format: i32 n; n times: i32 length, name, i32 calls, i32 n_values, f32
 * values, sums over calls; then perhaps i32 calls of the last chunk, i32 length, name of the text. */
#include "quantize/imatrix.h"

#include "base/near.h"
#include "base/text.h"
#include "base/utf8.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 65536, MAX_NAME = 4096 };

void imatrix_release(struct imatrix *m)
{
    strmap_release(&m->by_name);
    arena_release(&m->arena);
    free(m->entries);
    *m = (struct imatrix){0};
}

const struct imatrix_entry *imatrix_find(const struct imatrix *m, const char *name)
{
    uint32_t i;
    return m && strmap_get(&m->by_name, name, strlen(name), &i) ? &m->entries[i] : NULL;
}

/* Values are sums until they are divided by the counts: one for each of n_counts equal parts. */
static viv_status add_entry(struct imatrix *m, const char *name, size_t name_size, const unsigned char *sums,
                            uint64_t n, const float *counts, uint64_t n_counts, struct error *err)
{
    size_t capacity = m->capacity;
    if (m->n == MAX_ENTRIES)
        return error_set(err, VIV_ELIMIT, "%s: more than %d entries", m->path, MAX_ENTRIES);
    if (name_size == 0 || name_size > MAX_NAME || memchr(name, '\0', name_size) || !utf8_valid(name, name_size))
        return error_set(err, VIV_EFORMAT, "%s: the name of entry %u is not a tensor's", m->path, m->n);
    char *copy = arena_strndup(&m->arena, name, name_size);
    float *values = arena_array(&m->arena, n, sizeof *values);
    if (!copy || !values || (m->n == m->capacity && !vec_grow((void **)&m->entries, &capacity, sizeof *m->entries)))
        return error_nomem(err);
    m->capacity = (uint32_t)capacity;
    memcpy(values, sums, n * sizeof *values);
    for (uint64_t i = 0; i < n; i++) {
        const float count = counts[i / (n / n_counts)];
        if (!isfinite(values[i]) || values[i] < 0.0f || !isfinite(count) || count < 0.0f)
            return error_set(err, VIV_EFORMAT,
                             "%s: '%s': value %" PRIu64 " is %g over %g, expected a sum of squares and a count",
                             m->path, copy, i, (double)values[i], (double)count);
        values[i] = count > 0.0f ? values[i] / count : 1.0f;
    }
    switch (strmap_add(&m->by_name, copy, name_size, m->n)) {
    case STRMAP_NOMEM:
        return error_nomem(err);
    case STRMAP_EXISTS:
        return error_set(err, VIV_EFORMAT, "%s: '%s' is there a second time", m->path, copy);
    default:
        m->entries[m->n++] = (struct imatrix_entry){copy, n, values};
        return VIV_OK;
    }
}

/* --- GGUF ---------------------------------------------------------------------------------------------------- */

static viv_status read_gguf_entry(struct imatrix *m, const struct checkpoint *c, const viv_tensor *sums,
                                  struct error *err)
{
    const size_t size = strlen(sums->name) - strlen(".in_sum2");
    char *counts_name = arena_printf(&m->arena, "%.*s.counts", (int)size, sums->name), shape[2][128];
    if (!counts_name)
        return error_nomem(err);
    const viv_tensor *counts = checkpoint_tensor(c, counts_name);
    if (!counts)
        return error_set(err, VIV_EFORMAT, "%s: '%s' has no '%s'", m->path, sums->name, counts_name);
    const uint64_t n = sums->nbytes / sizeof(float), n_counts = counts->nbytes / sizeof(float);
    if (sums->dtype != VIV_F32 || counts->dtype != VIV_F32 || n_counts == 0 || n == 0 || n % n_counts != 0)
        return error_set(err, VIV_EFORMAT, "%s: '%s' is %s and '%s' is %s, expected f32, a count for each expert",
                         m->path, sums->name, tensor_shape_text(sums->dl.shape, (uint32_t)sums->dl.ndim, shape[0]),
                         counts_name, tensor_shape_text(counts->dl.shape, (uint32_t)counts->dl.ndim, shape[1]));
    return add_entry(m, sums->name, size, sums->dl.data, n, counts->dl.data, n_counts, err);
}

static viv_status read_gguf(struct imatrix *m, struct error *err)
{
    struct checkpoint c = {0};
    viv_status status = checkpoint_open(&c, m->path, err);
    if (status == VIV_OK)
        status = checkpoint_need_weights(&c, err);
    const struct meta type = status == VIV_OK ? checkpoint_meta(&c, "general.type") : (struct meta){0};
    if (status == VIV_OK && (type.kind != META_STRING || strcmp(type.s, "imatrix") != 0))
        status = error_set(
            err, VIV_EFORMAT,
            "%s: this is a model, not an importance matrix: viv calibrate and llama-imatrix make one", m->path);
    for (uint32_t i = 0; status == VIV_OK && i < c.n_tensors; i++)
        if (text_ends_in(c.tensors[i].name, ".in_sum2"))
            status = read_gguf_entry(m, &c, &c.tensors[i], err);
    if (status == VIV_OK) {
        const struct meta chunks = checkpoint_meta(&c, "imatrix.chunk_count"),
                          names = checkpoint_meta(&c, "imatrix.datasets");
        int64_t n;
        m->n_chunks = checkpoint_meta_int(&chunks, &n) && n > 0 ? (uint64_t)n : 0;
        if (names.kind == META_ARRAY && names.element == META_STRING && names.n) {
            const struct meta name = checkpoint_meta_element(&c, &names, 0);
            m->dataset = arena_strndup(&m->arena, name.s, name.n);
        }
    }
    checkpoint_close(&c);
    return status;
}

/* --- .dat ---------------------------------------------------------------------------------------------------- */

struct dat {
    const struct file_map *map;
    uint64_t at;
};

static bool take(struct dat *d, uint64_t n, const unsigned char **out)
{
    if (n > d->map->size - d->at)
        return false;
    *out = d->map->data + d->at;
    d->at += n;
    return true;
}

static bool take_count(struct dat *d, int32_t *out)
{
    const unsigned char *p;
    if (!take(d, sizeof *out, &p))
        return false;
    memcpy(out, p, sizeof *out);
    return *out >= 0;
}

static viv_status read_dat_entry(struct imatrix *m, struct dat *d, struct error *err)
{
    int32_t size = 0, calls = 0, n = 0;
    const unsigned char *name = NULL, *values = NULL;
    if (!take_count(d, &size) || !take(d, (uint64_t)size, &name) || !take_count(d, &calls) || !take_count(d, &n) ||
        n == 0 || !take(d, (uint64_t)n * sizeof(float), &values))
        return error_set(err, VIV_EFORMAT, "%s: entry %u at byte %" PRIu64 " is cut short or damaged", m->path,
                         m->n, d->at);
    const float count = calls ? (float)calls : 1.0f;
    return add_entry(m, (const char *)name, (size_t)size, values, (uint64_t)n, &count, 1, err);
}

static viv_status read_dat(struct imatrix *m, const struct file_map *map, struct error *err)
{
    struct dat d = {map, 0};
    int32_t n = 0, chunks = 0, size = 0;
    const unsigned char *name = NULL;
    if (!take_count(&d, &n) || n == 0 || n > MAX_ENTRIES)
        return error_set(err, VIV_EFORMAT,
                         "%s: no importance matrix: expected a GGUF file of viv calibrate or llama-imatrix, or an "
                         "older .dat file",
                         m->path);
    viv_status status = VIV_OK;
    for (int32_t i = 0; status == VIV_OK && i < n; i++)
        status = read_dat_entry(m, &d, err);
    if (status == VIV_OK && take_count(&d, &chunks) && take_count(&d, &size) && size <= MAX_NAME &&
        take(&d, (uint64_t)size, &name) && utf8_valid((const char *)name, (size_t)size)) {
        m->n_chunks = (uint64_t)chunks;
        m->dataset = arena_strndup(&m->arena, (const char *)name, (size_t)size);
    }
    return status;
}

viv_status imatrix_read(struct imatrix *m, const char *path, struct error *err)
{
    struct file_map map = {0};
    *m = (struct imatrix){.path = path};
    viv_status status = file_map_open(&map, path, err);
    if (status != VIV_OK)
        return status;
    const bool is_gguf = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
    if (!is_gguf)
        status = read_dat(m, &map, err);
    file_map_close(&map);
    if (is_gguf)
        status = read_gguf(m, err);
    if (status == VIV_OK && m->n == 0)
        status = error_set(err, VIV_EFORMAT, "%s: the importance matrix has no entries", path);
    return status;
}

/* --- of which model ------------------------------------------------------------------------------------------ */

viv_status imatrix_check(const struct imatrix *m, const struct checkpoint *model, struct error *err)
{
    char shape[128];
    for (uint32_t i = 0; i < m->n; i++) {
        const struct imatrix_entry *e = &m->entries[i];
        const viv_tensor *t = checkpoint_tensor(model, e->name);
        if (!t)
            return error_set(err, VIV_EINVAL,
                             "%s: the importance matrix is of another model: it has '%s', which %s does not have",
                             m->path, e->name, model->path);
        const uint64_t n_in = (uint64_t)t->dl.shape[t->dl.ndim - 1];
        const uint64_t n_experts = t->dl.ndim > 2 ? (uint64_t)t->dl.shape[0] : 1;
        if (e->n_values != n_in * n_experts)
            return error_set(err, VIV_ESHAPE,
                             "%s: the importance matrix is of another model: '%s' has %" PRIu64
                             " values, but the tensor is %s: %" PRIu64 " are expected",
                             m->path, e->name, e->n_values,
                             tensor_shape_text(t->dl.shape, (uint32_t)t->dl.ndim, shape), n_in * n_experts);
    }
    return VIV_OK;
}
