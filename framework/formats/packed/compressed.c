/* compressed.c - integers as compressed-tensors (llm-compressor) writes them:
 *
 *   weight[n][i] = weight_scale[n][g] * (q[n][i] - z[n][g])          g = weight_g_idx[i], or i / group; z 0 if
 * absent
 *
 *   pack-quantized, q + 2^(bits - 1), low bits first:
 *     weight_packed:      int32 [out, in * bits / 32]       along the inputs, 2 to 8 bits
 *     weight_zero_point:  int32 [out * bits / 32, groups]   along the outputs, z + 2^(bits - 1)
 *     weight_shape:       [2], out and in
 *   int-quantized:
 *     weight:             int8 [out, in]
 *     weight_zero_point:  int8 [out, groups]
 *   weight_scale:         [out, groups]; groups is 1 where each output has one scale; [1]: the tensor has one */
#include "formats/packed/scheme.h"

#include "tensor/dtype.h"

#include <inttypes.h>
#include <string.h>

enum { WEIGHT, SCALE, ZERO_POINT, G_IDX, SHAPE };

/* Whether the configuration has a group of weights of so many bits and group_size. Checks nothing that it leaves
 * out. */
static viv_status check_groups(const struct packed *p, const struct quantization *q, struct error *err)
{
    const json_t *groups = json_object_get(q->config, "config_groups");
    const char *name;
    json_t *group;
    json_int_t bits = 0, size = 0;
    if (json_object_size(groups) == 0)
        return VIV_OK;
    json_object_foreach((json_t *)groups, name, group)
    {
        const json_t *weights = json_object_get(group, "weights");
        bits = json_integer_value(json_object_get(weights, "num_bits"));
        size = json_integer_value(json_object_get(weights, "group_size"));
        if ((bits == 0 || bits == p->bits) && (size <= 0 || (uint64_t)size == p->group))
            return VIV_OK;
    }
    return error_set(err, VIV_EFORMAT,
                     "its shapes are those of %" PRIu32 " bits and groups of %" PRIu64
                     " inputs; %s says num_bits %" PRId64 ", group_size %" PRId64,
                     p->bits, p->group, q->file, (int64_t)bits, (int64_t)size);
}

/* Groups that were never set are -1. */
static bool is_set(const viv_tensor *g_idx)
{
    int32_t first = 0;
    memcpy(&first, g_idx->dl.data, size_min(g_idx->nbytes, sizeof first));
    return first != -1;
}

static viv_status describe_rest(struct packed *p, const struct quantization *q, uint64_t zero_rows,
                                enum part_kind zero_kind, struct arena *arena, struct error *err)
{
    const bool one = p->part[SCALE].nbytes == dtype_get(p->part[SCALE].dtype)->block_bytes;
    const uint64_t groups = dim_of(p, SCALE, 1);
    p->group_out = one ? size_max(p->n_out, 1) : 1;
    viv_status status = packed_find_group(p, groups, err);
    if (status == VIV_OK)
        status = part_check(p, SCALE, PART_SCALES, one ? 1 : p->n_out, groups, "outputs by groups", err);
    if (status == VIV_OK && has_part(p, ZERO_POINT))
        status = part_check(p, ZERO_POINT, zero_kind, one ? 1 : zero_rows, groups, "outputs by groups", err);
    if (status == VIV_OK)
        status = check_groups(p, q, err);
    if (status == VIV_OK && has_part(p, G_IDX) && is_set(&p->part[G_IDX]))
        status = packed_find_order(p, G_IDX, groups, arena, err);
    p->dtype = integer_type(p, &p->part[SCALE], !has_part(p, ZERO_POINT));
    return status;
}

/* --- pack-quantized ------------------------------------------------------------------------------------------ */

/* Inputs by weight_shape. */
static uint64_t inputs_of(const struct packed *p)
{
    const viv_tensor *t = &p->part[SHAPE];
    if (t->dtype == VIV_I64 && t->nbytes == 2 * sizeof(int64_t))
        return (uint64_t)((const int64_t *)t->dl.data)[1];
    return t->dtype == VIV_I32 && t->nbytes == 2 * sizeof(int32_t) ? (uint64_t)((const int32_t *)t->dl.data)[1] : 0;
}

static viv_status describe_packed(struct packed *p, const struct quantization *q, struct arena *arena,
                                  struct error *err)
{
    const char *format = config_text(q, "format", "pack-quantized");
    const uint64_t words = dim_of(p, WEIGHT, 1);
    uint64_t all;
    if (strcmp(format, "marlin-24") == 0)
        return error_set(err, VIV_EUNSUPPORTED,
                         "%s: format is '%s', expected pack-quantized: take the checkpoint in it", q->file, format);
    p->n_out = dim_of(p, WEIGHT, 0);
    p->n_in = inputs_of(p);
    if (!size_mul(words, 32, &all))
        return error_set(err, VIV_ELIMIT, "it is too large");
    p->bits = (uint32_t)(p->n_in ? size_min(all / p->n_in, 99) : 0);
    if (p->bits < 2 || p->bits > 8 || p->n_in * p->bits != all)
        return error_set(err, VIV_EFORMAT,
                         "%" PRIu64 " words for %" PRIu64 " inputs by 'weight_shape', expected 2 to 8 bits of each",
                         words, p->n_in);
    viv_status status = part_check(p, WEIGHT, PART_INT32, p->n_out, words, "outputs by words", err);
    return status == VIV_OK ? describe_rest(p, q, (p->n_out * p->bits + 31) / 32, PART_INT32, arena, err) : status;
}

static uint64_t scale_at(const struct packed *p, uint64_t n, uint64_t g)
{
    return n / p->group_out * (p->n_in / p->group) + g;
}

static viv_status packed_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint64_t groups = p->n_in / p->group, g = group_at(p, input_at(p, b * BLOCK));
    const uint32_t *words = (const uint32_t *)p->part[WEIGHT].dl.data + n * (p->n_in * p->bits / 32);
    const uint32_t *zeros = (const uint32_t *)p->part[ZERO_POINT].dl.data;
    uint8_t q[BLOCK];
    if (!p->order)
        unpack_words(words + b * p->bits, 1, p->bits, q);
    for (uint64_t i = 0; p->order && i < BLOCK; i++)
        q[i] = (uint8_t)packed_integer(words, 1, p->order[b * BLOCK + i], p->bits);
    const int zero = zeros ? (int)packed_integer(zeros + g, groups, n / p->group_out, p->bits) : 1 << (p->bits - 1);
    return put_integers(p, n, b, q, zero, number_at(&p->part[SCALE], scale_at(p, n, g)), out, err);
}

/* --- int-quantized ------------------------------------------------------------------------------------------- */

static viv_status describe_int8(struct packed *p, const struct quantization *q, struct arena *arena,
                                struct error *err)
{
    p->n_out = dim_of(p, WEIGHT, 0);
    p->n_in = dim_of(p, WEIGHT, 1);
    p->bits = 8;
    viv_status status = part_check(p, WEIGHT, PART_BYTES, p->n_out, p->n_in, "outputs by inputs", err);
    return status == VIV_OK ? describe_rest(p, q, p->n_out, PART_BYTES, arena, err) : status;
}

static viv_status int8_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint64_t g = group_at(p, input_at(p, b * BLOCK));
    const int8_t *from = (const int8_t *)p->part[WEIGHT].dl.data + n * p->n_in;
    const int8_t *zeros = (const int8_t *)p->part[ZERO_POINT].dl.data;
    uint8_t q[BLOCK];
    for (uint64_t i = 0; i < BLOCK; i++)
        q[i] = (uint8_t)(from[input_at(p, b * BLOCK + i)] + 128);
    return put_integers(p, n, b, q, 128 + (zeros ? zeros[scale_at(p, n, g)] : 0),
                        number_at(&p->part[SCALE], scale_at(p, n, g)), out, err);
}

const struct scheme scheme_compressed_packed = {
    .methods = "compressed-tensors",
    .mark = ".weight_packed",
    .mark_dtype = VIV_I32,
    .weight = ".weight",
    .parts = {".weight_scale", ".weight_zero_point?", ".weight_g_idx?", ".weight_shape"},
    .describe = describe_packed,
    .block = packed_block};
const struct scheme scheme_compressed_int8 = {.methods = "compressed-tensors",
                                              .mark = ".weight",
                                              .mark_dtype = VIV_I8,
                                              .weight = ".weight",
                                              .parts = {".weight_scale", ".weight_zero_point?", ".weight_g_idx?"},
                                              .describe = describe_int8,
                                              .block = int8_block};
