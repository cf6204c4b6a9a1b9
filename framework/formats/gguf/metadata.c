/* metadata.c - numbers, texts and keys of a GGUF file, each checked against its end. */
#include "formats/gguf/gguf.h"

#include "base/size.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_NAME = 4096, MAX_STRINGS = 1 << 22, MAX_ELEMENTS = 1 << 24, MAX_TEXT = 64 << 20 };

uint64_t gguf_width(uint32_t type)
{
    static const unsigned char widths[N_GGUF_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return widths[type];
}

void gguf_set_bad(const struct cursor *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_setv(c->err, VIV_EFORMAT, format, args);
    va_end(args);
    error_prefix(c->err, "%s: at byte %" PRIu64, c->map->path, c->at);
}

viv_status gguf_take(struct cursor *c, uint64_t n, const unsigned char **out, const char *what)
{
    if (n > c->map->size - c->at)
        return gguf_bad(c, "%s needs %" PRIu64 " bytes, the file has %" PRIu64 " left", what, n,
                        c->map->size - c->at);
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

viv_status gguf_take_number(struct cursor *c, uint64_t n, uint64_t *out, const char *what)
{
    const unsigned char *p = NULL;
    viv_status status = gguf_take(c, n, &p, what);
    if (status == VIV_OK)
        *out = number(p, n);
    return status;
}

static viv_status take_string(struct cursor *c, const unsigned char **out, uint64_t *n, const char *what)
{
    viv_status status = gguf_take_number(c, 8, n, what);
    return status == VIV_OK ? gguf_take(c, *n, out, what) : status;
}

viv_status gguf_take_name(struct reader *r, struct cursor *c, const char **out, const char *what)
{
    const unsigned char *text = NULL;
    uint64_t n = 0;
    viv_status status = take_string(c, &text, &n, what);
    if (status != VIV_OK)
        return status;
    if (n == 0)
        return gguf_bad(c, "%s is empty", what);
    if (n > MAX_NAME)
        return gguf_bad(c, "%s is %" PRIu64 " bytes long, at most %d are read", what, n, MAX_NAME);
    if (memchr(text, '\0', n) || !utf8_valid((const char *)text, n))
        return gguf_bad(c, "%s is not UTF-8 text", what);
    *out = arena_strndup(&r->ck->arena, (const char *)text, n);
    return *out ? VIV_OK : error_nomem(c->err);
}

/* Skips an array of strings, and records where each begins. */
static viv_status index_strings(struct reader *r, struct cursor *c, struct kv *kv)
{
    r->n_strings += kv->n;
    if (r->n_strings > MAX_STRINGS)
        return gguf_bad(c, "key '%s': more than %d texts in lists", kv->key, MAX_STRINGS);
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
    viv_status status = gguf_take_number(c, 4, &type, kv->key);
    if (status == VIV_OK)
        status = gguf_take_number(c, 8, &kv->n, kv->key);
    if (status != VIV_OK)
        return status;
    if (type == GGUF_ARRAY)
        return gguf_bad(c, "key '%s' is a list of lists", kv->key);
    if (type >= N_GGUF_TYPES)
        return gguf_bad(c, "key '%s' is a list of the unknown type %" PRIu64, kv->key, type);
    kv->element_type = (uint32_t)type;
    /* a string has at least its length field */
    if (!size_mul(kv->n, type == GGUF_STRING ? 8 : gguf_width(kv->element_type), &bytes) ||
        bytes > c->map->size - c->at)
        return gguf_bad(c, "key '%s' is a list of %" PRIu64 " elements, the file has %" PRIu64 " bytes left",
                        kv->key, kv->n, c->map->size - c->at);
    kv->data = c->map->data + c->at;
    if (type == GGUF_STRING)
        return index_strings(r, c, kv);
    r->n_elements += kv->n;
    if (r->n_elements > MAX_ELEMENTS)
        return gguf_bad(c, "key '%s': more than %d elements in lists", kv->key, MAX_ELEMENTS);
    status = gguf_take(c, bytes, &p, kv->key);
    for (uint64_t i = 0; status == VIV_OK && type == GGUF_BOOL && i < kv->n; i++)
        if (p[i] > 1)
            return gguf_bad(c, "key '%s', element %" PRIu64 ": a boolean is %u, expected 0 or 1", kv->key, i, p[i]);
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
        return gguf_bad(c, "key '%s': more than %d bytes of text in all", kv->key, MAX_TEXT);
    kv->data = (const unsigned char *)arena_strndup(&r->ck->arena, (const char *)text, kv->n);
    return kv->data ? VIV_OK : error_nomem(c->err);
}

static viv_status read_value(struct reader *r, struct cursor *c, struct kv *kv)
{
    if (kv->type == GGUF_ARRAY)
        return read_array(r, c, kv);
    if (kv->type == GGUF_STRING)
        return read_text(r, c, kv);
    viv_status status = gguf_take(c, gguf_width(kv->type), &kv->data, kv->key);
    if (status == VIV_OK && kv->type == GGUF_BOOL && *kv->data > 1)
        return gguf_bad(c, "key '%s': a boolean is %u, expected 0 or 1", kv->key, *kv->data);
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
    uint64_t n = kv->type == GGUF_STRING ? kv->n : gguf_width(kv->type);
    return memcmp(kv->data, other->data, n) == 0;
}

viv_status gguf_read_key(struct reader *r, struct part *p)
{
    struct kv kv = {0};
    uint64_t type = 0;
    viv_status status = gguf_take_name(r, &p->c, &kv.key, "a key");
    if (status == VIV_OK)
        status = gguf_take_number(&p->c, 4, &type, kv.key);
    if (status != VIV_OK)
        return status;
    if (type >= N_GGUF_TYPES)
        return gguf_bad(&p->c, "key '%s' has the unknown type %" PRIu64, kv.key, type);
    kv.type = (uint32_t)type;
    status = read_value(r, &p->c, &kv);
    if (status != VIV_OK)
        return status;
    int added = strmap_add(&p->keys.by_name, kv.key, strlen(kv.key), p->keys.n);
    if (added == STRMAP_NOMEM)
        return error_nomem(r->err);
    if (added == STRMAP_EXISTS)
        return same_value(&p->keys, &kv) ? VIV_OK : gguf_bad(&p->c, "key '%s' has two values", kv.key);
    p->keys.kv[p->keys.n++] = kv;
    return VIV_OK;
}

static struct meta value_at(uint32_t type, const unsigned char *p)
{
    struct meta m = {0};
    uint64_t bits = number(p, gguf_width(type));
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

struct meta gguf_meta_of(const struct keys *keys, const char *key)
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

struct meta gguf_meta_element(const struct checkpoint *ck, const struct meta *array, uint64_t index)
{
    const struct kv *kv = array->array;
    (void)ck;
    if (kv->element_type != GGUF_STRING)
        return value_at(kv->element_type, kv->data + index * gguf_width(kv->element_type));
    const unsigned char *p = kv->data + kv->offsets[index];
    return (struct meta){.kind = META_STRING, .n = number(p, 8), .s = (const char *)p + 8};
}
