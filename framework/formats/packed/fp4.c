/* fp4.c - weights of 4-bit floats (e2m1), two in a byte, the first in the low bits.
 *
 * MXFP4 (OCP Microscaling Formats 1.0): a power of two for 32 weights; its blocks become VIV_MXFP4 as they are.
 *   gpt-oss:             X_blocks u8 [experts, out, in / 32, 16], X_scales u8 [experts, out, in / 32]
 *   compressed-tensors:  weight_packed u8 [out, in / 2], weight_scale u8 [out, in / 32]
 *
 * NVFP4: an 8-bit float for 16 weights, and a factor for the tensor:
 *   compressed-tensors:  weight_packed u8 [out, in / 2], weight_scale f8_e4m3 [out, in / 16],
 *                        weight = q * (weight_scale / weight_global_scale)
 *   ModelOpt:            weight u8 [out, in / 2], weight_scale the same,
 *                        weight = q * (weight_scale * weight_scale_2) */
#include "formats/packed/scheme.h"

#include <math.h>
#include <string.h>

enum { WEIGHT, SCALE, GLOBAL };

static viv_status mxfp4_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint64_t at = n * (p->n_in / BLOCK) + b;
    struct block_mxfp4 made = {.e = ((const uint8_t *)p->part[SCALE].dl.data)[at]};
    if (made.e == 255)
        return block_fail(n, b, err, "the scale", (double)NAN);
    put_nibbles(made.q, (const uint8_t *)p->part[WEIGHT].dl.data + at * sizeof made.q, false);
    memcpy(out, &made, sizeof made);
    return VIV_OK;
}

static viv_status nvfp4_block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint64_t at = n * (p->n_in / BLOCK) + b;
    const float global = number_at(&p->part[GLOBAL], 0);
    struct block_nvfp4_f32 made;
    for (int i = 0; i < 2; i++) {
        const float scale = e4m3_to_float(((const uint8_t *)p->part[SCALE].dl.data)[2 * at + (uint64_t)i]);
        made.scale[i] = p->divides ? scale / global : scale * global;
        if (!(fabsf(made.scale[i]) < 0x1p100f)) /* decode.h takes no larger ones */
            return block_fail(n, b, err, "the scale", (double)made.scale[i]);
    }
    put_nibbles(made.q, (const uint8_t *)p->part[WEIGHT].dl.data + at * sizeof made.q, false);
    memcpy(out, &made, sizeof made);
    return VIV_OK;
}

static viv_status block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    return p->dtype == VIV_MXFP4 ? mxfp4_block(p, n, b, out, err) : nvfp4_block(p, n, b, out, err);
}

static viv_status describe_pairs(struct packed *p, uint32_t dtype, struct error *err)
{
    uint64_t n_in;
    if (!size_mul(dim_of(p, WEIGHT, 1), 2, &n_in))
        return error_set(err, VIV_ELIMIT, "it is too large");
    p->dtype = dtype;
    p->n_out = dim_of(p, WEIGHT, 0);
    p->n_in = n_in;
    p->group = BLOCK;
    viv_status status = part_check(p, WEIGHT, PART_BYTES, p->n_out, n_in / 2, "outputs by pairs of inputs", err);
    if (status == VIV_OK && dtype == VIV_MXFP4)
        return part_check(p, SCALE, PART_BYTES, p->n_out, n_in / BLOCK, "outputs by inputs / 32", err);
    if (status == VIV_OK)
        status = part_check(p, SCALE, PART_F8, p->n_out, n_in / 16, "outputs by inputs / 16", err);
    return status == VIV_OK ? part_check(p, GLOBAL, PART_SCALES, 1, 1, "a factor for the tensor", err) : status;
}

static viv_status describe_compressed(struct packed *p, const struct quantization *q, struct arena *arena,
                                      struct error *err)
{
    const bool mx = p->part[SCALE].dtype == VIV_U8;
    (void)q, (void)arena;
    p->divides = true;
    if (!mx && !has_part(p, GLOBAL))
        return error_set(err, VIV_ENOTFOUND, "there is no weight_global_scale beside it");
    return describe_pairs(p, mx ? VIV_MXFP4 : TYPE_NVFP4_F32, err);
}

static viv_status describe_modelopt(struct packed *p, const struct quantization *q, struct arena *arena,
                                    struct error *err)
{
    const char *algorithm = config_text(q, "quant_algo", "NVFP4");
    (void)arena;
    if (strcmp(algorithm, "NVFP4") != 0)
        return error_set(err, VIV_EUNSUPPORTED, "%s: quant_algo is '%s', expected FP8 or NVFP4", q->file,
                         algorithm);
    if (!has_part(p, SCALE) || !has_part(p, GLOBAL))
        return error_set(err, VIV_ENOTFOUND, "there is no %s beside it",
                         has_part(p, SCALE) ? "weight_scale_2" : "weight_scale");
    return describe_pairs(p, TYPE_NVFP4_F32, err);
}

/* [experts, out, groups, 16], of which [out, groups, 16] is a matrix. */
static viv_status describe_blocks(struct packed *p, const struct quantization *q, struct arena *arena,
                                  struct error *err)
{
    viv_tensor *blocks = &p->part[WEIGHT], *scales = &p->part[SCALE];
    bool fits =
        blocks->dl.ndim == 4 && scales->dl.ndim == 3 && blocks->dl.shape[3] == BLOCK / 2 && scales->dtype == VIV_U8;
    uint64_t n_in = 0;
    (void)q, (void)arena;
    for (int d = 0; fits && d < 3; d++)
        fits = blocks->dl.shape[d] == scales->dl.shape[d];
    if (!fits || !size_mul(dim_of(p, SCALE, 2), BLOCK, &n_in))
        return error_set(
            err, VIV_ESHAPE,
            "expected bytes [experts, outputs, blocks, 16] and as many scales [experts, outputs, blocks]");
    p->dtype = VIV_MXFP4;
    p->n_experts = dim_of(p, SCALE, 0);
    p->n_out = dim_of(p, SCALE, 1);
    p->n_in = n_in;
    p->group = BLOCK;
    return VIV_OK;
}

const struct scheme scheme_compressed_fp4 = {.methods = "compressed-tensors",
                                             .mark = ".weight_packed",
                                             .mark_dtype = VIV_U8,
                                             .weight = ".weight",
                                             .parts = {".weight_scale", ".weight_global_scale?"},
                                             .describe = describe_compressed,
                                             .block = block};
const struct scheme scheme_modelopt_fp4 = {.methods = "modelopt|modelopt_fp4",
                                           .mark = ".weight",
                                           .mark_dtype = VIV_U8,
                                           .weight = ".weight",
                                           .parts = {".weight_scale?", ".weight_scale_2?"},
                                           .describe = describe_modelopt,
                                           .block = block};
const struct scheme scheme_gpt_oss = {.methods = "mxfp4",
                                      .mark = "_blocks",
                                      .mark_dtype = VIV_U8,
                                      .weight = "_blocks",
                                      .parts = {"_scales"},
                                      .describe = describe_blocks,
                                      .block = block};
