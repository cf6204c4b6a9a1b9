/* awq.c - weights as AutoAWQ writes them for its gemm kernel (Lin et al. 2023):
 *
 *   weight[n][i] = scales[g][n] * (q[i][n] - z[g][n])          g = i / group
 *
 *   qweight: int32 [in, out / 8]      outputs 0, 2, 4, 6, 1, 3, 5, 7 of eight, low bits first
 *   qzeros:  int32 [groups, out / 8]  the same
 *   scales:  [groups, out] */
#include "formats/packed/scheme.h"

#include <inttypes.h>
#include <strings.h>

enum { QWEIGHT, QZEROS, SCALES };

static viv_status describe(struct packed *p, const struct quantization *q, struct arena *arena, struct error *err)
{
    const uint64_t groups = dim_of(p, SCALES, 0);
    const char *version = config_text(q, "version", "gemm");
    const int64_t bits = config_int(q, "bits", config_int(q, "w_bit", 4));
    const int64_t size = config_int(q, "group_size", config_int(q, "q_group_size", -1));
    (void)arena;
    if (strcasecmp(version, "gemm") != 0 && strcasecmp(version, "exllama") != 0)
        return error_set(err, VIV_EUNSUPPORTED,
                         "%s: version is '%s', expected gemm: take the checkpoint in this layout", q->file,
                         version);
    if (bits != 4)
        return error_set(err, VIV_EUNSUPPORTED, "%s says %" PRId64 " bits, expected 4 for AWQ", q->file, bits);
    p->bits = 4;
    p->n_in = dim_of(p, QWEIGHT, 0);
    if (!size_mul(dim_of(p, QWEIGHT, 1), 8, &p->n_out))
        return error_set(err, VIV_ELIMIT, "it is too large");
    viv_status status = packed_find_group(p, groups, err);
    if (status == VIV_OK)
        status = part_check(p, QWEIGHT, PART_INT32, p->n_in, p->n_out / 8, "inputs by words", err);
    if (status == VIV_OK)
        status = part_check(p, QZEROS, PART_INT32, groups, p->n_out / 8, "groups by words", err);
    if (status == VIV_OK)
        status = part_check(p, SCALES, PART_SCALES, groups, p->n_out, "groups by outputs", err);
    if (status == VIV_OK && size > 0 && (uint64_t)size != p->group)
        return error_set(err, VIV_EFORMAT,
                         "'%s' has %" PRIu64 " groups for %" PRIu64 " inputs, which makes %" PRIu64
                         " inputs each; %s says group_size %" PRId64,
                         p->part[SCALES].name, groups, p->n_in, p->group, q->file, size);
    p->dtype = integer_type(p, &p->part[SCALES], false);
    return status;
}

static viv_status eight_blocks(const struct packed *p, uint64_t n, uint64_t b, unsigned char *out, uint64_t stride,
                               struct error *err)
{
    const uint64_t g = b * BLOCK / p->group, n_words = p->n_out / 8;
    const uint32_t *word = (const uint32_t *)p->part[QWEIGHT].dl.data + b * BLOCK * n_words + n / 8;
    const uint32_t zeros = ((const uint32_t *)p->part[QZEROS].dl.data)[g * n_words + n / 8];
    uint32_t words[BLOCK];
    viv_status status = VIV_OK;
    for (uint64_t i = 0; i < BLOCK; i++)
        words[i] = word[i * n_words];
    for (uint64_t o = 0; status == VIV_OK && o < 8; o++) {
        const unsigned shift = (unsigned)(o % 2 * 16 + o / 2 * 4); /* where output o is in its word */
        uint8_t q[BLOCK];
        for (uint64_t i = 0; i < BLOCK; i++)
            q[i] = words[i] >> shift & 15;
        status = put_integers(p, n + o, b, q, (int)(zeros >> shift & 15),
                              number_at(&p->part[SCALES], g * p->n_out + n + o), out + o * stride, err);
    }
    return status;
}

const struct scheme scheme_awq = {.methods = "awq",
                                  .mark = ".qweight",
                                  .mark_dtype = VIV_I32,
                                  .weight = ".weight",
                                  .by_inputs = true,
                                  .parts = {".qzeros", ".scales"},
                                  .describe = describe,
                                  .eight_blocks = eight_blocks};
