/* writer.c - see writer.h; gguf.c says how a GGUF file is made. Numbers are written as this processor has them,
 * which is little-endian. */
#include "formats/gguf/writer.h"

#include "base/size.h"
#include "formats/gguf/gguf.h"
#include "tensor/dtype.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GGUF_VERSION = 3 };

static void put_u32(struct buf *b, uint32_t v)
{
    buf_append(b, &v, sizeof v);
}

static void put_u64(struct buf *b, uint64_t v)
{
    buf_append(b, &v, sizeof v);
}

static void put_text(struct buf *b, const char *text, uint64_t n)
{
    put_u64(b, n);
    buf_append(b, text, n);
}

static void put_key(struct gguf_writer *w, const char *key, uint32_t type)
{
    put_text(&w->keys, key, strlen(key));
    put_u32(&w->keys, type);
    w->n_keys++;
}

void gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    put_key(w, key, GGUF_U32);
    put_u32(&w->keys, value);
}

void gguf_put_i32(struct gguf_writer *w, const char *key, int32_t value)
{
    put_key(w, key, GGUF_I32);
    buf_append(&w->keys, &value, sizeof value);
}

void gguf_put_f32(struct gguf_writer *w, const char *key, float value)
{
    put_key(w, key, GGUF_F32);
    buf_append(&w->keys, &value, sizeof value);
}

void gguf_put_bool(struct gguf_writer *w, const char *key, bool value)
{
    put_key(w, key, GGUF_BOOL);
    buf_putc(&w->keys, value);
}

static void put_list(struct gguf_writer *w, const char *key, uint32_t type, const void *values, uint64_t n)
{
    put_key(w, key, GGUF_ARRAY);
    put_u32(&w->keys, type);
    put_u64(&w->keys, n);
    buf_append(&w->keys, values, n * gguf_width(type));
}

void gguf_put_i32s(struct gguf_writer *w, const char *key, const int32_t *values, uint64_t n)
{
    put_list(w, key, GGUF_I32, values, n);
}

void gguf_put_f32s(struct gguf_writer *w, const char *key, const float *values, uint64_t n)
{
    put_list(w, key, GGUF_F32, values, n);
}

void gguf_put_bools(struct gguf_writer *w, const char *key, const bool *values, uint64_t n)
{
    put_list(w, key, GGUF_BOOL, values, n);
}

void gguf_put_string(struct gguf_writer *w, const char *key, const char *value)
{
    put_key(w, key, GGUF_STRING);
    put_text(&w->keys, value, strlen(value));
}

void gguf_put_strings(struct gguf_writer *w, const char *key, const char *const *values, uint64_t n)
{
    put_key(w, key, GGUF_ARRAY);
    put_u32(&w->keys, GGUF_STRING);
    put_u64(&w->keys, n);
    for (uint64_t i = 0; i < n; i++)
        put_text(&w->keys, values[i], strlen(values[i]));
}

/* Bytes of the elements of an array. */
static uint64_t array_bytes(const struct kv *kv)
{
    uint64_t length;
    if (kv->element_type != GGUF_STRING)
        return kv->n * gguf_width(kv->element_type);
    if (kv->n == 0)
        return 0;
    memcpy(&length, kv->data + kv->offsets[kv->n - 1], sizeof length);
    return kv->offsets[kv->n - 1] + sizeof length + length;
}

static void copy_key(struct gguf_writer *w, const struct kv *kv)
{
    put_key(w, kv->key, kv->type);
    if (kv->type == GGUF_STRING) {
        put_text(&w->keys, (const char *)kv->data, kv->n);
        return;
    }
    if (kv->type == GGUF_ARRAY) {
        put_u32(&w->keys, kv->element_type);
        put_u64(&w->keys, kv->n);
        buf_append(&w->keys, kv->data, array_bytes(kv));
        return;
    }
    buf_append(&w->keys, kv->data, gguf_width(kv->type));
}

void gguf_copy_metadata(struct gguf_writer *w, const struct checkpoint *from, bool (*leave_out)(const char *key))
{
    const struct keys *keys = from->private_data;
    const struct meta alignment = checkpoint_meta(from, "general.alignment");
    w->alignment = alignment.kind == META_UINT ? alignment.u : w->alignment;
    for (uint32_t i = 0; i < keys->n; i++)
        if (!leave_out(keys->kv[i].key))
            copy_key(w, &keys->kv[i]);
}

void gguf_add_tensor(struct gguf_writer *w, const char *name, uint32_t dtype, uint32_t ndim, const int64_t *shape)
{
    uint64_t n = 1, bytes, end;
    put_text(&w->tensors, name, strlen(name));
    put_u32(&w->tensors, ndim);
    for (uint32_t d = ndim; d-- > 0;) {
        put_u64(&w->tensors, (uint64_t)shape[d]);
        if (!size_mul(n, (uint64_t)shape[d], &n))
            w->failed = VIV_ELIMIT;
    }
    put_u32(&w->tensors, dtype);
    put_u64(&w->tensors, w->offset);
    if (!dtype_bytes(dtype, n, &bytes) || !size_add(w->offset, bytes, &end) || end > INT64_MAX - w->alignment) {
        w->failed = VIV_ELIMIT;
        return;
    }
    if (w->n_tensors == w->ends_capacity && !vec_grow((void **)&w->ends, &w->ends_capacity, sizeof *w->ends)) {
        w->failed = VIV_ENOMEM;
        return;
    }
    w->ends[w->n_tensors++] = end;
    w->offset = size_align(end, w->alignment);
}

viv_status gguf_writer_begin(struct gguf_writer *w, const char *path, struct error *err)
{
    *w = (struct gguf_writer){.alignment = 32};
    return file_draft_begin(&w->file, path, err);
}

void gguf_writer_drop(struct gguf_writer *w)
{
    file_draft_drop(&w->file);
    buf_release(&w->keys);
    buf_release(&w->tensors);
    free(w->ends);
    *w = (struct gguf_writer){0};
}

static viv_status put(struct gguf_writer *w, const void *bytes, uint64_t n, struct error *err)
{
    errno = EIO;
    if (n == 0 || fwrite(bytes, 1, n, w->file.stream) == n)
        return VIV_OK;
    return error_set(err, VIV_EIO, "%s: %s", w->file.path, strerror(errno));
}

/* Zeros up to the next multiple of the alignment after `at` bytes. */
static viv_status align(struct gguf_writer *w, uint64_t at, struct error *err)
{
    static const char zeros[64];
    viv_status status = VIV_OK;
    for (uint64_t n = size_align(at, w->alignment) - at, m; status == VIV_OK && n > 0; n -= m) {
        m = size_min(n, sizeof zeros);
        status = put(w, zeros, m, err);
    }
    return status;
}

/* What stands before the keys. */
static viv_status begin_header(const struct gguf_writer *w, const char *path, struct buf *begin, struct error *err)
{
    buf_puts(begin, "GGUF");
    put_u32(begin, GGUF_VERSION);
    put_u64(begin, w->n_tensors);
    put_u64(begin, w->n_keys);
    if (begin->failed || w->keys.failed || w->tensors.failed || w->failed == VIV_ENOMEM)
        return error_nomem(err);
    return w->failed == VIV_OK ? VIV_OK
                               : error_set(err, w->failed, "%s: the tensors are larger than a file can be", path);
}

viv_status gguf_write_header(struct gguf_writer *w, struct error *err)
{
    struct buf begin = {0};
    viv_status status = begin_header(w, w->file.path, &begin, err);
    const uint64_t size = begin.size + w->keys.size + w->tensors.size;
    if (status == VIV_OK)
        status = put(w, begin.data, begin.size, err);
    if (status == VIV_OK)
        status = put(w, w->keys.data, w->keys.size, err);
    if (status == VIV_OK)
        status = put(w, w->tensors.data, w->tensors.size, err);
    if (status == VIV_OK)
        status = align(w, size, err);
    buf_release(&begin);
    return status;
}

viv_status gguf_open_header(const struct gguf_writer *w, const char *name, struct checkpoint *out,
                            struct error *err)
{
    struct buf bytes = {0};
    viv_status status = begin_header(w, name, &bytes, err);
    buf_append(&bytes, w->keys.data, w->keys.size);
    buf_append(&bytes, w->tensors.data, w->tensors.size);
    if (status == VIV_OK && bytes.failed)
        status = error_nomem(err);
    if (status == VIV_OK)
        status = gguf_open_bytes(out, name, bytes.data, bytes.size, err);
    buf_release(&bytes);
    return status;
}

viv_status gguf_write_data(struct gguf_writer *w, const void *bytes, uint64_t n, struct error *err)
{
    const char *from = bytes;
    while (n > 0) {
        if (w->next == w->n_tensors)
            return error_set(err, VIV_EINTERNAL, "%s: more data than its tensors have", w->file.path);
        const uint64_t m = size_min(n, w->ends[w->next] - w->at);
        viv_status status = put(w, from, m, err);
        w->at += m;
        if (status == VIV_OK && w->at == w->ends[w->next]) {
            status = align(w, w->at, err);
            w->at = size_align(w->at, w->alignment);
            w->next++;
        }
        if (status != VIV_OK)
            return status;
        from += m;
        n -= m;
    }
    return VIV_OK;
}

viv_status gguf_writer_keep(struct gguf_writer *w, struct error *err)
{
    if (w->next != w->n_tensors)
        return error_set(err, VIV_EINTERNAL, "%s: the data of %" PRIu64 " tensors is missing", w->file.path,
                         w->n_tensors - w->next);
    return file_draft_keep(&w->file, err);
}
