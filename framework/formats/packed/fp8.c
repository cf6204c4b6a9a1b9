/* fp8.c - weights of 8-bit floats (OFP8 e4m3) with scales for parts of the matrix, as DeepSeek V3, transformers'
 * fp8 and fbgemm_fp8, compressed-tensors (float-quantized, naive-quantized, mxfp8), ModelOpt and torchao
 * (Float8Tensor: _weight_qdata and _weight_scale) write them:
 *
 *   weight[n][i] = (float)q[n][i] * scale[n / rows][i / columns]
 *
 *   weight:            f8_e4m3 [out, in]
 *   weight_scale_inv:  (DeepSeek) or weight_scale, which is one of
 *     [1]              for the tensor
 *     [out]            for each output
 *     [out / rows, in / columns], rounded up: for blocks, whose size the configuration says, else 128 by 128
 *     u8 [out, in / 32]: powers of two, 2^(scale - 127) */
#include "formats/packed/scheme.h"

#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { WEIGHT, SCALE_INV, SCALE };

static unsigned scale_part(const struct packed *p)
{
    return has_part(p, SCALE_INV) ? SCALE_INV : SCALE;
}

/* The size of blocks: weight_block_size, or block_structure of a group of compressed-tensors. */
static void find_block_size(const struct quantization *q, uint64_t *rows, uint64_t *columns)
{
    const json_t *size = json_object_get(q->config, "weight_block_size");
    const char *name;
    json_t *group;
    json_object_foreach(json_object_get(q->config, "config_groups"), name, group)
    {
        const json_t *of_group = json_object_get(json_object_get(group, "weights"), "block_structure");
        size = json_is_array(of_group) ? of_group : size;
    }
    const json_int_t r = json_integer_value(json_array_get(size, 0)),
                     c = json_integer_value(json_array_get(size, 1));
    *rows = r > 0 ? (uint64_t)r : 128;
    *columns = c > 0 ? (uint64_t)c : 128;
}

static uint64_t parts_of(uint64_t n, uint64_t size)
{
    return n / size + (n % size != 0);
}

static viv_status describe(struct packed *p, const struct quantization *q, struct arena *arena, struct error *err)
{
    const unsigned k = scale_part(p);
    const viv_tensor *scale = &p->part[k];
    (void)arena;
    if (!has_part(p, k))
        return error_set(err, VIV_ENOTFOUND, "there is no weight_scale_inv or weight_scale beside it");
    p->n_out = dim_of(p, WEIGHT, 0);
    p->n_in = dim_of(p, WEIGHT, 1);
    p->dtype = TYPE_FP8;
    p->group = p->n_in;
    p->group_out = size_max(p->n_out, 1);
    viv_status status = part_check(p, WEIGHT, PART_F8, p->n_out, p->n_in, "outputs by inputs", err);
    if (status != VIV_OK || scale->nbytes == dtype_get(scale->dtype)->block_bytes)
        return status == VIV_OK ? part_check(p, k, PART_SCALES, 1, 1, "a scale for the tensor", err) : status;
    if (scale->dtype == VIV_U8) {
        p->group = BLOCK;
        p->group_out = 1;
        return part_check(p, k, PART_BYTES, p->n_out, p->n_in / BLOCK, "outputs by inputs / 32", err);
    }
    if (scale->dl.ndim == 1 || (dim_of(p, k, 0) == p->n_out && dim_of(p, k, 1) == 1)) {
        p->group_out = 1;
        return part_check(p, k, PART_SCALES, p->n_out, 1, "a scale for each output", err);
    }
    find_block_size(q, &p->group_out, &p->group);
    char what[96];
    snprintf(what, sizeof what, "a scale for each block of %" PRIu64 " by %" PRIu64, p->group_out, p->group);
    return part_check(p, k, PART_SCALES, parts_of(p->n_out, p->group_out), parts_of(p->n_in, p->group), what, err);
}

static viv_status block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const viv_tensor *scale = &p->part[scale_part(p)];
    const uint8_t *q = (const uint8_t *)p->part[WEIGHT].dl.data + n * p->n_in + b * BLOCK;
    const uint64_t at = n / p->group_out * parts_of(p->n_in, p->group) + b * BLOCK / p->group;
    struct block_fp8 made = {.scale = scale->dtype == VIV_U8 ? power_of_two(((const uint8_t *)scale->dl.data)[at])
                                                             : number_at(scale, at)};
    if (!isfinite(made.scale))
        return block_fail(n, b, err, "the scale", (double)made.scale);
    int none = 0;
    for (int i = 0; i < BLOCK; i++)
        none |= (q[i] & 0x7f) == 0x7f;
    if (none)
        return block_fail(n, b, err, "a weight", (double)NAN);
    memcpy(made.q, q, BLOCK);
    memcpy(out, &made, sizeof made);
    return VIV_OK;
}

const struct scheme scheme_fp8 = {.methods = "fp8|fbgemm_fp8|compressed-tensors|modelopt|modelopt_fp4",
                                  .mark = ".weight",
                                  .mark_dtype = VIV_F8_E4M3,
                                  .weight = ".weight",
                                  .parts = {".weight_scale_inv?", ".weight_scale?"},
                                  .describe = describe,
                                  .block = block};
const struct scheme scheme_torchao_fp8 = {.methods = "torchao",
                                          .mark = "._weight_qdata",
                                          .mark_dtype = VIV_F8_E4M3,
                                          .weight = ".weight",
                                          .parts = {"._weight_scale"},
                                          .describe = describe,
                                          .block = block};
