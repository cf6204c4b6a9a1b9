/* scheme.c - what the schemes share: see scheme.h. */
#include "formats/packed/scheme.h"

#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- describing ----------------------------------------------------------------------------------------------- */

static bool is_kind(uint32_t dtype, enum part_kind kind)
{
    switch (kind) {
    case PART_INT32:
        return dtype == VIV_I32;
    case PART_BYTES:
        return dtype == VIV_U8 || dtype == VIV_I8;
    case PART_F8:
        return dtype == VIV_F8_E4M3;
    case PART_F32:
        return dtype == VIV_F32;
    default:
        return dtype == VIV_F32 || dtype == VIV_F16 || dtype == VIV_BF16;
    }
}

viv_status part_check(const struct packed *p, unsigned k, enum part_kind kind, uint64_t rows, uint64_t columns,
                      const char *what, struct error *err)
{
    static const char *const kinds[] = {[PART_INT32] = "i32",
                                        [PART_BYTES] = "bytes",
                                        [PART_F8] = "f8_e4m3",
                                        [PART_SCALES] = "f16, bf16 or f32",
                                        [PART_F32] = "f32"};
    const viv_tensor *t = &p->part[k];
    char shape[128];
    bool fits = is_kind(t->dtype, kind) && dim_of(p, k, 0) == rows && dim_of(p, k, 1) == columns;
    for (int32_t i = 2; i < t->dl.ndim; i++)
        fits = fits && t->dl.shape[i] == 1;
    if (fits)
        return VIV_OK;
    return error_set(err, VIV_ESHAPE, "'%s' is %s %s, expected %s [%" PRIu64 ", %" PRIu64 "], %s", t->name,
                     dtype_get(t->dtype)->name, tensor_shape_text(t->dl.shape, (uint32_t)t->dl.ndim, shape),
                     kinds[kind], rows, columns, what);
}

viv_status packed_check_sizes(const struct packed *p, struct error *err)
{
    if (p->n_in == 0 || p->n_out == 0 || p->n_in % BLOCK)
        return error_set(err, VIV_EUNSUPPORTED,
                         "it has %" PRIu64 " outputs of %" PRIu64 " inputs, expected a multiple of %d inputs",
                         p->n_out, p->n_in, BLOCK);
    if (p->group % BLOCK)
        return error_set(err, VIV_EUNSUPPORTED, "groups of %" PRIu64 " inputs, expected a multiple of %d", p->group,
                         BLOCK);
    return VIV_OK;
}

viv_status packed_find_group(struct packed *p, uint64_t groups, struct error *err)
{
    if (groups == 0 || p->n_in % groups)
        return error_set(err, VIV_ESHAPE, "%" PRIu64 " groups for %" PRIu64 " inputs: expected as many in each",
                         groups, p->n_in);
    p->group = p->n_in / groups;
    return VIV_OK;
}

/* Whether inputs are in the order of their groups, which are all as large. */
static bool in_order(const struct packed *p, const uint32_t *group_of)
{
    for (uint64_t i = 0; i < p->n_in; i++)
        if (group_of[i] != i / p->group)
            return false;
    return true;
}

viv_status packed_find_order(struct packed *p, unsigned k, uint64_t groups, struct arena *arena, struct error *err)
{
    viv_status status = part_check(p, k, PART_INT32, p->n_in, 1, "the group of each input", err);
    if (status != VIV_OK)
        return status;
    const int32_t *group_of = p->part[k].dl.data;
    for (uint64_t i = 0; i < p->n_in; i++)
        if (group_of[i] < 0 || (uint64_t)group_of[i] >= groups)
            return error_set(err, VIV_EFORMAT,
                             "'%s' puts input %" PRIu64 " into group %" PRId32 ", there are %" PRIu64,
                             p->part[k].name, i, group_of[i], groups);
    if (in_order(p, (const uint32_t *)group_of))
        return VIV_OK;
    uint64_t *at = arena_array(arena, groups + 1, sizeof *at);
    p->order = arena_array(arena, p->n_in, sizeof *p->order);
    p->group_of = (const uint32_t *)group_of;
    if (!at || !p->order)
        return error_nomem(err);
    for (uint64_t i = 0; i < p->n_in; i++)
        at[p->group_of[i] + 1]++;
    for (uint64_t g = 0; g < groups; g++) {
        if (at[g + 1] % BLOCK)
            return error_set(err, VIV_EUNSUPPORTED,
                             "'%s' puts %" PRIu64 " inputs into group %" PRIu64 ", expected a multiple of %d",
                             p->part[k].name, at[g + 1], g, BLOCK);
        at[g + 1] += at[g];
    }
    for (uint64_t i = 0; i < p->n_in; i++)
        p->order[at[p->group_of[i]]++] = (uint32_t)i;
    return VIV_OK;
}

int64_t config_int(const struct quantization *q, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(q->config, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool config_bool(const struct quantization *q, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(q->config, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

const char *config_text(const struct quantization *q, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(q->config, key));
    return text && *text ? text : otherwise;
}

/* --- blocks --------------------------------------------------------------------------------------------------- */

viv_status block_fail(uint64_t n, uint64_t b, struct error *err, const char *what, double value)
{
    return error_set(err, VIV_EFORMAT, "output %" PRIu64 ", inputs %" PRIu64 " to %" PRIu64 ": %s is %g", n,
                     b * BLOCK, b * BLOCK + BLOCK - 1, what, value);
}

uint32_t integer_type(const struct packed *p, const viv_tensor *scales, bool whole)
{
    if (p->bits <= 4 && scales->dtype != VIV_F32)
        return TYPE_INT4;
    return p->bits < 8 || whole ? TYPE_INT8 : TYPE_UINT8;
}

static void put_int4(const uint8_t q[BLOCK], int zero, float scale, struct block_int4 *out)
{
    const uint32_t bits = bits_of_float(scale) | (uint32_t)(16 - zero);
    memcpy(out, &bits, sizeof bits);
    for (int i = 0; i < BLOCK / 2; i++)
        out->q[i] = (uint8_t)(q[i] | q[BLOCK / 2 + i] << 4);
}

static viv_status put_int8(uint64_t n, uint64_t b, const uint8_t q[BLOCK], int zero, float scale, void *out,
                           struct error *err)
{
    struct block_int8 block = {.scale = scale};
    for (int i = 0; i < BLOCK; i++) {
        const int whole = q[i] - zero;
        if (whole < INT8_MIN || whole > INT8_MAX)
            return block_fail(n, b, err, "the file says that it is symmetric, but an integer less its zero point",
                              whole);
        block.q[i] = (int8_t)whole;
    }
    memcpy(out, &block, sizeof block);
    return VIV_OK;
}

viv_status put_integers(const struct packed *p, uint64_t n, uint64_t b, const uint8_t q[BLOCK], int zero,
                        float scale, void *out, struct error *err)
{
    if (!isfinite(scale))
        return block_fail(n, b, err, "the scale", (double)scale);
    if (p->dtype == TYPE_INT8)
        return put_int8(n, b, q, zero, scale, out, err);
    if (p->dtype == TYPE_INT4) {
        put_int4(q, zero, scale, out);
        return VIV_OK;
    }
    struct block_uint8 block = {.scale = scale, .min = scale * (float)(128 - zero)};
    memcpy(block.q, q, BLOCK);
    memcpy(out, &block, sizeof block);
    return VIV_OK;
}
