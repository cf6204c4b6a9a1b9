/* torchao.c - weights as torchao and transformers save them: a tensor subclass lies in the file as its parts, and
 * `__metadata__` says which subclass it was, {"_type": ..., "_data": {...}}, by the name of the weight.
 *
 *   Int8Tensor, IntxUnpackedToInt8Tensor:
 *     _weight_qdata:      int8 [out, in]             weight = scale * (qdata - zero_point)
 *     _weight_scale:      [out, groups]
 *     _weight_zero_point: int8 [out, groups]         groups is 1 where each output has one scale; all may be [1]
 *   Int4Tensor:
 *     _weight_qdata:      int8 [out, in / 2]         pairs of 4 bits with a sign, the first in the low ones
 *     _weight_scale:      [groups, out]              weight = scale * q + zero_point
 *     _weight_zero_point: [groups, out]
 *   Int4TilePackedTo4dTensor, as the tensor cores of a GPU read it:
 *     _weight_qdata:          int32 [out / 8, in / (32 J), 32, J], both rounded up
 *     _weight_scale_and_zero: [groups, out, 2]       weight = scale * (q - 8) + zero
 *   Float8Tensor: see fp8.c
 *
 * Activations are not quantized here. */
#include "formats/packed/scheme.h"

#include "base/json.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { QDATA, SCALE, ZERO_POINT, ACT_PRE_SCALE };

/* --- what the metadata says ----------------------------------------------------------------------------------- */

/* The entry of the weight, to be released; NULL: there is none. */
static viv_status read_entry(const struct packed *p, const struct quantization *q, json_t **out, struct error *err)
{
    char name[1100];
    const char *part = p->part[QDATA].name;
    snprintf(name, sizeof name, "%.*s%s", (int)(strlen(part) - strlen(p->scheme->mark)), part, p->scheme->weight);
    const char *text = json_string_value(json_object_get(q->metadata, name));
    *out = NULL;
    return text ? json_parse("__metadata__", text, strlen(text), out, err) : VIV_OK;
}

/* The description of a weight that is of none of the types above. */
static viv_status refuse(const json_t *entry, struct error *err)
{
    const char *type = json_string_value(json_object_get(entry, "_type"));
    return error_set(
        err, VIV_EUNSUPPORTED,
        "it is a matrix of type %.64s: expected Int8Tensor, IntxUnpackedToInt8Tensor, Int4Tensor, "
        "Int4TilePackedTo4dTensor or Float8Tensor: quantize the model to one of these (for 4 bits with "
        "int4_packing_format plain or tile_packed_to_4d)",
        type ? type : "unknown");
}

static const json_t *attribute(const json_t *entry, const char *name)
{
    return json_object_get(json_object_get(entry, "_data"), name);
}

static viv_status check_pre_scale(const struct packed *p, struct error *err)
{
    if (!has_part(p, ACT_PRE_SCALE))
        return VIV_OK;
    return error_set(err, VIV_EUNSUPPORTED,
                     "'%s' scales what enters the layer, which is not done here: save the model without it",
                     p->part[ACT_PRE_SCALE].name);
}

/* --- integers of a byte --------------------------------------------------------------------------------------- */

/* Bits of {"_type": "torch.dtype", "_data": "int4"}; 8 where it is not said. */
static viv_status find_bits(struct packed *p, const json_t *entry, struct error *err)
{
    const char *word = json_string_value(json_object_get(attribute(entry, "target_dtype"), "_data"));
    p->bits = 8;
    if (!word)
        return VIV_OK;
    if (strncmp(word, "int", 3) != 0 || word[3] < '1' || word[3] > '8' || word[4])
        return error_set(err, VIV_EUNSUPPORTED, "its target_dtype is '%s', expected int1 to int8", word);
    p->bits = (uint32_t)(word[3] - '0');
    return VIV_OK;
}

static bool all_zero(const viv_tensor *t)
{
    const unsigned char *bytes = t->dl.data;
    for (uint64_t i = 0; i < t->nbytes; i++)
        if (bytes[i])
            return false;
    return true;
}

static viv_status describe_int8(struct packed *p, const json_t *entry, struct error *err)
{
    const bool one = p->part[SCALE].nbytes == dtype_get(p->part[SCALE].dtype)->block_bytes;
    const uint64_t groups = dim_of(p, SCALE, 1);
    p->n_out = dim_of(p, QDATA, 0);
    p->n_in = dim_of(p, QDATA, 1);
    p->group_out = one ? size_max(p->n_out, 1) : 1;
    viv_status status = find_bits(p, entry, err);
    if (status == VIV_OK)
        status = part_check(p, QDATA, PART_BYTES, p->n_out, p->n_in, "outputs by inputs", err);
    if (status == VIV_OK)
        status = packed_find_group(p, groups, err);
    if (status == VIV_OK)
        status = part_check(p, SCALE, PART_SCALES, one ? 1 : p->n_out, groups, "outputs by groups", err);
    if (status == VIV_OK && has_part(p, ZERO_POINT))
        status = part_check(p, ZERO_POINT, PART_BYTES, one ? 1 : p->n_out, groups, "outputs by groups", err);
    if (status == VIV_OK)
        p->dtype = integer_type(p, &p->part[SCALE], !has_part(p, ZERO_POINT) || all_zero(&p->part[ZERO_POINT]));
    return status;
}

static viv_status int8_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const int8_t *from = (const int8_t *)p->part[QDATA].dl.data + n * p->n_in + b * BLOCK;
    const int8_t *zeros = has_part(p, ZERO_POINT) ? p->part[ZERO_POINT].dl.data : NULL;
    const uint64_t at = n / p->group_out * (p->n_in / p->group) + b * BLOCK / p->group;
    const int offset = p->dtype == TYPE_INT4 ? 8 : 128, most = p->dtype == TYPE_INT4 ? 15 : 255,
              zero = offset + (zeros ? zeros[at] : 0);
    uint8_t q[BLOCK];
    for (uint64_t i = 0; i < BLOCK; i++) {
        if (from[i] + offset < 0 || from[i] + offset > most)
            return block_fail(n, b, err, "an integer of 4 bits", from[i]);
        q[i] = (uint8_t)(from[i] + offset);
    }
    if (zero < 0 || zero > most + 1)
        return block_fail(n, b, err, "a zero point of 4 bits", zero - offset);
    return put_integers(p, n, b, q, zero, number_at(&p->part[SCALE], at), out, err);
}

/* --- integers of 4 bits --------------------------------------------------------------------------------------- */

/* scale * (q - 8) + min */
static viv_status put_uint4(uint64_t n, uint64_t b, const uint8_t q[BLOCK], float scale, float min, void *out,
                            struct error *err)
{
    struct block_uint4 made = {.scale = scale, .min = min};
    if (!isfinite(scale) || !isfinite(min))
        return block_fail(n, b, err, isfinite(scale) ? "the zero point" : "the scale",
                          (double)(isfinite(scale) ? min : scale));
    for (int i = 0; i < BLOCK / 2; i++)
        made.q[i] = (uint8_t)(q[i] | q[BLOCK / 2 + i] << 4);
    memcpy(out, &made, sizeof made);
    return VIV_OK;
}

static viv_status describe_int4(struct packed *p, struct error *err)
{
    const uint64_t groups = dim_of(p, SCALE, 0), bytes = dim_of(p, QDATA, 1);
    p->n_out = dim_of(p, QDATA, 0);
    if (!size_mul(bytes, 2, &p->n_in))
        return error_set(err, VIV_ELIMIT, "it is too large");
    p->dtype = TYPE_UINT4;
    viv_status status = part_check(p, QDATA, PART_BYTES, p->n_out, bytes, "outputs by pairs of inputs", err);
    if (status == VIV_OK)
        status = packed_find_group(p, groups, err);
    if (status == VIV_OK)
        status = part_check(p, SCALE, PART_SCALES, groups, p->n_out, "groups by outputs", err);
    if (status == VIV_OK)
        status = part_check(p, ZERO_POINT, PART_SCALES, groups, p->n_out, "groups by outputs", err);
    return status;
}

static viv_status int4_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint8_t *from = (const uint8_t *)p->part[QDATA].dl.data + n * (p->n_in / 2) + b * (BLOCK / 2);
    const uint64_t at = b * BLOCK / p->group * p->n_out + n;
    uint8_t q[BLOCK];
    for (int i = 0; i < BLOCK / 2; i++) {
        q[2 * i] = (from[i] & 15) ^ 8; /* with a sign: -8 becomes 0 */
        q[2 * i + 1] = from[i] >> 4 ^ 8;
    }
    return put_uint4(n, b, q, number_at(&p->part[SCALE], at), number_at(&p->part[ZERO_POINT], at), out, err);
}

/* --- both, which share type and name -------------------------------------------------------------------------- */

/* A zero point that is a float is Int4Tensor's. */
static viv_status describe_bytes(struct packed *p, const struct quantization *q, struct arena *arena,
                                 struct error *err)
{
    json_t *entry = NULL;
    (void)arena;
    viv_status status = check_pre_scale(p, err);
    if (status == VIV_OK)
        status = read_entry(p, q, &entry, err);
    if (status == VIV_OK && has_part(p, ZERO_POINT) && p->part[ZERO_POINT].dtype != VIV_I8)
        status = describe_int4(p, err);
    else if (status == VIV_OK)
        status = describe_int8(p, entry, err);
    json_decref(entry);
    return status;
}

static viv_status byte_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    return p->dtype == TYPE_UINT4 ? int4_block(p, n, b, out, err) : int8_block(p, n, b, out, err);
}

/* --- tiles ---------------------------------------------------------------------------------------------------- */

/* Eight outputs and 32 J inputs make a tile of 32 J words. Those of output n, inputs 32 j to 32 j + 31 of the tile:
 * words (4 (n % 8) + c) J + j for c from 0 to 3; nibble k of one, from the low end, is input 2 c + k % 4 * 8 + k
 * / 4.
 */
enum { TILE_OUT = 8, TILE_LANES = 32 };

/* The true shape, which the tiles exceed, and inputs that share a scale. */
static viv_status find_shape(struct packed *p, const json_t *entry, struct error *err)
{
    const json_t *shape = attribute(entry, "shape"), *group = attribute(entry, "block_size");
    const json_int_t rows = json_integer_value(json_array_get(shape, 0)),
                     columns = json_integer_value(json_array_get(shape, 1)),
                     size = json_integer_value(json_array_get(group, 1));
    if (json_array_size(shape) != 2 || rows <= 0 || columns <= 0 || json_array_size(group) != 2 || size <= 0)
        return error_set(err, VIV_EFORMAT,
                         "__metadata__ of the file says nothing of its shape and block_size, expected two numbers "
                         "each: save the model with save_pretrained of a current transformers");
    p->n_out = (uint64_t)rows;
    p->n_in = (uint64_t)columns;
    p->group = (uint64_t)size;
    return VIV_OK;
}

static viv_status check_tiles(const struct packed *p, struct error *err)
{
    const uint64_t words = dim_of(p, QDATA, 3), rows = dim_of(p, SCALE, 1);
    char tiles[128], scales[128];
    uint64_t wide, padded = 0, grouped = 0;
    if (size_mul(words, BLOCK, &wide) && size_mul(dim_of(p, QDATA, 1), wide, &padded) &&
        size_mul(dim_of(p, SCALE, 0), p->group, &grouped) && padded && padded == grouped && padded >= p->n_in &&
        dim_of(p, QDATA, 2) == TILE_LANES && dim_of(p, QDATA, 0) == rows / TILE_OUT && rows % TILE_OUT == 0 &&
        rows >= p->n_out && dim_of(p, SCALE, 2) == 2 && p->part[SCALE].dtype == VIV_BF16)
        return VIV_OK;
    return error_set(err, VIV_ESHAPE,
                     "its tiles %s and its scales and zeros %s %s are not those of %" PRIu64 " outputs, %" PRIu64
                     " inputs and groups of %" PRIu64,
                     tensor_shape_text(p->part[QDATA].dl.shape, (uint32_t)p->part[QDATA].dl.ndim, tiles),
                     dtype_get(p->part[SCALE].dtype)->name,
                     tensor_shape_text(p->part[SCALE].dl.shape, (uint32_t)p->part[SCALE].dl.ndim, scales), p->n_out,
                     p->n_in, p->group);
}

static viv_status describe_tiles(struct packed *p, const struct quantization *q, struct arena *arena,
                                 struct error *err)
{
    json_t *entry = NULL;
    (void)arena;
    viv_status status = check_pre_scale(p, err);
    if (status == VIV_OK)
        status = read_entry(p, q, &entry, err);
    if (status == VIV_OK && (!has_part(p, SCALE) || p->part[QDATA].dl.ndim != 4 || p->part[SCALE].dl.ndim != 3))
        status = refuse(entry, err);
    if (status == VIV_OK)
        status = find_shape(p, entry, err);
    if (status == VIV_OK)
        status = check_tiles(p, err);
    p->dtype = TYPE_UINT4;
    json_decref(entry);
    return status;
}

static viv_status tile_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint64_t words = dim_of(p, QDATA, 3), tiles = dim_of(p, QDATA, 1),
                   tile = n / TILE_OUT * tiles + b / words;
    const uint32_t *from = (const uint32_t *)p->part[QDATA].dl.data + tile * TILE_LANES * words + b % words;
    const uint64_t at = (b * BLOCK / p->group * dim_of(p, SCALE, 1) + n) * 2;
    uint8_t q[BLOCK];
    for (uint64_t c = 0; c < 4; c++) {
        const uint32_t word = from[(n % TILE_OUT * 4 + c) * words];
        for (uint64_t k = 0; k < 8; k++)
            q[2 * c + k % 4 * 8 + k / 4] = (uint8_t)(word >> 4 * k & 15);
    }
    return put_uint4(n, b, q, number_at(&p->part[SCALE], at), number_at(&p->part[SCALE], at + 1), out, err);
}

/* --- others --------------------------------------------------------------------------------------------------- */

/* MXTensor, NVFP4Tensor and what comes after them. */
static viv_status describe_others(struct packed *p, const struct quantization *q, struct arena *arena,
                                  struct error *err)
{
    json_t *entry = NULL;
    (void)arena;
    viv_status status = read_entry(p, q, &entry, err);
    if (status == VIV_OK)
        status = refuse(entry, err);
    json_decref(entry);
    return status;
}

const struct scheme scheme_torchao_bytes = {
    .methods = "torchao",
    .mark = "._weight_qdata",
    .mark_dtype = VIV_I8,
    .weight = ".weight",
    .parts = {"._weight_scale", "._weight_zero_point?", "._weight_act_pre_scale?"},
    .describe = describe_bytes,
    .block = byte_block};
const struct scheme scheme_torchao_tiles = {
    .methods = "torchao",
    .mark = "._weight_qdata",
    .mark_dtype = VIV_I32,
    .weight = ".weight",
    .parts = {"._weight_scale_and_zero?", "._weight_zero_point?", "._weight_act_pre_scale?"},
    .describe = describe_tiles,
    .block = tile_block};
const struct scheme scheme_torchao_others = {.methods = "torchao",
                                             .mark = "._weight_qdata",
                                             .mark_dtype = VIV_U8,
                                             .weight = ".weight",
                                             .describe = describe_others,
                                             .block = byte_block};
