/* bitsandbytes.c - weights as bitsandbytes writes them (Dettmers et al. 2022 and 2023):
 *
 *   4 bits   weight[e] = code[q[e]] * absmax[e / blocksize]        e counts all elements [out, in]
 *     weight            u8, two elements in a byte, the first in the high bits
 *     weight.absmax     f32; or u8, codes of which each stands for
 *                       nested_quant_map[absmax] * nested_absmax[block / nested_blocksize] + nested_offset
 *
 *     weight.quant_map  f32 [16], the code: that of nf4 or fp4
 *     weight.quant_state.bitsandbytes__nf4 (or __fp4)
 *                       JSON as bytes: shape, blocksize, and those of nesting
 *
 *   8 bits   weight[n][i] = q[n][i] * SCB[n] / 127
 *     weight  int8 [out, in]        SCB  f32 [out] */
#include "formats/packed/scheme.h"

#include "kernels/decode_floats.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- 4 bits -------------------------------------------------------------------------------------------------- */

enum { WEIGHT, ABSMAX, QUANT_MAP, NESTED_ABSMAX, NESTED_MAP, NF4_STATE, FP4_STATE };

static uint64_t elems_of(const struct packed *p, unsigned k, uint64_t element)
{
    return p->part[k].nbytes / element;
}

static int64_t state_int(const json_t *state, const char *key)
{
    return json_integer_value(json_object_get(state, key));
}

/* That the code is the one that our type has. */
static viv_status check_code(const struct packed *p, const float *code, struct error *err)
{
    const float *map = p->part[QUANT_MAP].dl.data;
    viv_status status = part_check(p, QUANT_MAP, PART_F32, 16, 1, "a number for each code", err);
    for (int i = 0; status == VIV_OK && i < 16; i++)
        if (!(fabsf(map[i] - code[i]) <= 1e-6f))
            status = error_set(err, VIV_EUNSUPPORTED, "'%s' says that code %d is %g, expected %g",
                               p->part[QUANT_MAP].name, i, (double)map[i], (double)code[i]);
    return status;
}

static viv_status check_absmax(struct packed *p, const json_t *state, uint64_t n_blocks, struct error *err)
{
    if (!has_part(p, NESTED_ABSMAX))
        return part_check(p, ABSMAX, PART_F32, n_blocks, 1, "a scale for each block", err);
    const int64_t size = state_int(state, "nested_blocksize");
    if (size <= 0 || !has_part(p, NESTED_MAP))
        return error_set(err, VIV_EFORMAT, "its absmax is quantized, but there is no nested_%s",
                         size <= 0 ? "blocksize" : "quant_map");
    p->nested = (uint64_t)size;
    p->offset = (float)json_number_value(json_object_get(state, "nested_offset"));
    viv_status status = part_check(p, ABSMAX, PART_BYTES, n_blocks, 1, "a scale for each block", err);
    if (status == VIV_OK)
        status = part_check(p, NESTED_MAP, PART_F32, 256, 1, "a number for each code", err);
    if (status == VIV_OK)
        status = part_check(p, NESTED_ABSMAX, PART_F32, n_blocks / p->nested + (n_blocks % p->nested != 0), 1,
                            "a scale for each block of scales", err);
    return status;
}

static viv_status describe_state(struct packed *p, const json_t *state, struct error *err)
{
    const json_t *shape = json_object_get(state, "shape");
    const json_int_t rows = json_integer_value(json_array_get(shape, 0)),
                     columns = json_integer_value(json_array_get(shape, 1));
    const int64_t size = state_int(state, "blocksize");
    uint64_t n;
    if (json_array_size(shape) != 2 || rows <= 0 || columns <= 0 || size <= 0 || size % BLOCK ||
        !size_mul((uint64_t)rows, (uint64_t)columns, &n))
        return error_set(err, VIV_EUNSUPPORTED,
                         "its quant_state says blocksize %" PRId64
                         " and a shape of %zu dimensions, expected a multiple "
                         "of %d, and 2",
                         size, json_array_size(shape), BLOCK);
    p->n_out = (uint64_t)rows;
    p->n_in = (uint64_t)columns;
    p->group = (uint64_t)size;
    const bool nf4 = has_part(p, NF4_STATE);
    p->dtype = nf4 ? TYPE_NF4 : TYPE_BNB_FP4;
    if (elems_of(p, WEIGHT, 1) != n / 2 || n % 2)
        return error_set(err, VIV_ESHAPE, "%" PRIu64 " bytes, expected %" PRIu64 " for %" PRIu64 " by %" PRIu64,
                         elems_of(p, WEIGHT, 1), n / 2, p->n_out, p->n_in);
    viv_status status = check_code(p, nf4 ? nf4_values : bnb_fp4_values, err);
    const uint64_t n_blocks = n / p->group + (n % p->group != 0);
    return status == VIV_OK ? check_absmax(p, state, n_blocks, err) : status;
}

static viv_status describe(struct packed *p, const struct quantization *q, struct arena *arena, struct error *err)
{
    const viv_tensor *text = &p->part[has_part(p, NF4_STATE) ? NF4_STATE : FP4_STATE];
    json_t *state = NULL;
    (void)q, (void)arena;
    if (!text->name)
        return error_set(err, VIV_ENOTFOUND, "there is no quant_state of nf4 or fp4 beside it");
    viv_status status = json_parse(text->name, text->dl.data, text->nbytes, &state, err);
    if (status == VIV_OK)
        status = describe_state(p, state, err);
    json_decref(state);
    return status;
}

static float absmax_at(const struct packed *p, uint64_t i)
{
    const float *absmax = p->part[ABSMAX].dl.data;
    if (!p->nested)
        return absmax[i];
    const uint8_t code = ((const uint8_t *)p->part[ABSMAX].dl.data)[i];
    const float *map = p->part[NESTED_MAP].dl.data, *scale = p->part[NESTED_ABSMAX].dl.data;
    return map[code] * scale[i / p->nested] + p->offset;
}

static viv_status block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint64_t e = n * p->n_in + b * BLOCK;
    struct block_code4 made = {.scale = absmax_at(p, e / p->group)};
    if (!isfinite(made.scale))
        return block_fail(n, b, err, "the scale", (double)made.scale);
    put_nibbles(made.q, (const uint8_t *)p->part[WEIGHT].dl.data + e / 2, true);
    memcpy(out, &made, sizeof made);
    return VIV_OK;
}

/* --- 8 bits -------------------------------------------------------------------------------------------------- */

enum { SCB = 1 };

static viv_status describe_int8(struct packed *p, const struct quantization *q, struct arena *arena,
                                struct error *err)
{
    (void)q, (void)arena;
    p->n_out = dim_of(p, WEIGHT, 0);
    p->n_in = p->group = dim_of(p, WEIGHT, 1);
    p->dtype = TYPE_INT8;
    viv_status status = part_check(p, WEIGHT, PART_BYTES, p->n_out, p->n_in, "outputs by inputs", err);
    return status == VIV_OK ? part_check(p, SCB, PART_F32, p->n_out, 1, "a scale for each output", err) : status;
}

static viv_status int8_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    struct block_int8 made = {.scale = number_at(&p->part[SCB], n) / 127.0f};
    if (!isfinite(made.scale))
        return block_fail(n, b, err, "the scale", (double)made.scale);
    memcpy(made.q, (const int8_t *)p->part[WEIGHT].dl.data + n * p->n_in + b * BLOCK, BLOCK);
    memcpy(out, &made, sizeof made);
    return VIV_OK;
}

const struct scheme scheme_bitsandbytes_4bit = {
    .methods = "bitsandbytes",
    .mark = ".weight",
    .mark_dtype = VIV_U8,
    .weight = ".weight",
    .parts = {".weight.absmax", ".weight.quant_map", ".weight.nested_absmax?", ".weight.nested_quant_map?",
              ".weight.quant_state.bitsandbytes__nf4?", ".weight.quant_state.bitsandbytes__fp4?"},
    .describe = describe,
    .block = block};
const struct scheme scheme_bitsandbytes_8bit = {.methods = "bitsandbytes",
                                                .mark = ".weight",
                                                .mark_dtype = VIV_I8,
                                                .weight = ".weight",
                                                .parts = {".SCB"},
                                                .describe = describe_int8,
                                                .block = int8_block};
