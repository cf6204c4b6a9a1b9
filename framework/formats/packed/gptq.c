/* gptq.c - weights as AutoGPTQ, GPTQModel and transformers write them (Frantar et al. 2022):
 *
 *   weight[n][i] = scales[g][n] * (q[i][n] - z[g][n])          g = g_idx[i], or i / group
 *
 *   qweight: int32 [in * bits / 32, out]      q along the inputs, bit by bit
 *   qzeros:  int32 [groups, out * bits / 32]  z along the outputs; z - 1 unless checkpoint_format is gptq_v2
 *   scales:  [groups, out]
 *   g_idx:   int32 [in], in files with act-order (desc_act) any group for any input */
#include "formats/packed/scheme.h"

#include <inttypes.h>
#include <string.h>

enum { QWEIGHT, QZEROS, SCALES, G_IDX };

static viv_status check_format(const struct quantization *q, const char **format, struct error *err)
{
    *format = config_text(q, "checkpoint_format", config_bool(q, "is_marlin_format", false) ? "marlin" : "gptq");
    if (strcmp(*format, "gptq") == 0 || strcmp(*format, "gptq_v2") == 0)
        return VIV_OK;
    return error_set(err, VIV_EUNSUPPORTED,
                     "%s: checkpoint_format is '%s', expected gptq or gptq_v2: take the checkpoint in one of these",
                     q->file, *format);
}

static viv_status describe(struct packed *p, const struct quantization *q, struct arena *arena, struct error *err)
{
    const uint64_t groups = dim_of(p, SCALES, 0);
    const int64_t bits = config_int(q, "bits", 0);
    const char *format;
    uint64_t all;
    viv_status status = check_format(q, &format, err);
    if (status != VIV_OK)
        return status;
    p->v1 = strcmp(format, "gptq") == 0;
    p->n_out = dim_of(p, QWEIGHT, 1);
    /* GPTQModel's `dynamic` gives some weights other bits: the shapes say which */
    p->bits = (uint32_t)size_min(dim_of(p, QZEROS, 1) * 32 / size_max(p->n_out, 1), 99);
    if (p->bits != 2 && p->bits != 3 && p->bits != 4 && p->bits != 8)
        return error_set(err, VIV_EFORMAT,
                         "'%s' holds %" PRIu64 " words for %" PRIu64 " outputs: expected 2, 3, 4 or 8 bits of each",
                         p->part[QZEROS].name, dim_of(p, QZEROS, 1), p->n_out);
    if (bits && bits != p->bits && !json_object_get(q->config, "dynamic"))
        return error_set(err, VIV_EFORMAT, "its shapes are those of %" PRIu32 " bits, %s says bits %" PRId64,
                         p->bits, q->file, bits);
    if (!size_mul(dim_of(p, QWEIGHT, 0), 32, &all))
        return error_set(err, VIV_ELIMIT, "it is too large");
    p->n_in = all / p->bits;
    status = packed_find_group(p, groups, err);
    if (status == VIV_OK)
        status = part_check(p, QWEIGHT, PART_INT32, p->n_in * p->bits / 32, p->n_out, "words by outputs", err);
    if (status == VIV_OK)
        status = part_check(p, QZEROS, PART_INT32, groups, p->n_out * p->bits / 32, "groups by words", err);
    if (status == VIV_OK)
        status = part_check(p, SCALES, PART_SCALES, groups, p->n_out, "groups by outputs", err);
    const int64_t size = config_int(q, "group_size", -1);
    if (status == VIV_OK && size > 0 && (uint64_t)size != p->group && groups > 1 &&
        !json_object_get(q->config, "dynamic"))
        return error_set(err, VIV_EFORMAT,
                         "'%s' has %" PRIu64 " groups for %" PRIu64 " inputs, which makes %" PRIu64
                         " inputs each; %s says group_size %" PRId64,
                         p->part[SCALES].name, groups, p->n_in, p->group, q->file, size);
    if (status == VIV_OK && has_part(p, G_IDX))
        status = packed_find_order(p, G_IDX, groups, arena, err);
    p->dtype = integer_type(p, &p->part[SCALES], config_bool(q, "sym", false));
    return status;
}

static viv_status block(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err)
{
    const uint32_t *words = (const uint32_t *)p->part[QWEIGHT].dl.data + n;
    const uint64_t g = group_at(p, input_at(p, b * BLOCK)), zero_words = p->n_out * p->bits / 32;
    const uint32_t *zeros = (const uint32_t *)p->part[QZEROS].dl.data + g * zero_words;
    uint8_t q[BLOCK];
    if (!p->order)
        unpack_words(words + b * p->bits * p->n_out, p->n_out, p->bits, q);
    for (uint64_t i = 0; p->order && i < BLOCK; i++)
        q[i] = (uint8_t)packed_integer(words, p->n_out, p->order[b * BLOCK + i], p->bits);
    return put_integers(p, n, b, q, (int)packed_integer(zeros, 1, n, p->bits) + p->v1,
                        number_at(&p->part[SCALES], g * p->n_out + n), out, err);
}

const struct scheme scheme_gptq = {.methods = "gptq",
                                   .mark = ".qweight",
                                   .mark_dtype = VIV_I32,
                                   .weight = ".weight",
                                   .by_inputs = true,
                                   .parts = {".qzeros", ".scales", ".g_idx?"},
                                   .describe = describe,
                                   .block = block};
