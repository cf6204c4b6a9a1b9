/* scheme.h - a scheme is one way to lay down a quantized weight in parts: what these are called and how a block of
 * 32 weights is made of them. Each file beside this one has the schemes of one format, as `const struct scheme
 * scheme_x`, by which build-aux/lists registers it. No two have the same method, mark and type. */
#ifndef FORMATS_PACKED_SCHEME_H
#define FORMATS_PACKED_SCHEME_H

#include "formats/packed/packed.h"

#include "base/size.h"
#include "kernels/decode.h"

enum { MAX_PARTS = 6 };

/* What the checkpoint says of how it was quantized. */
struct quantization {
    const char *file;   /* that says it: "config.json" */
    const char *method; /* its quant_method, or what its file implies */
    json_t *config;
    const json_t *metadata; /* what the files say of tensors, by name, see struct checkpoint; or NULL */
};

/* One weight in parts. */
struct packed {
    const struct scheme *scheme;
    viv_tensor part[1 + MAX_PARTS]; /* the one with the mark, then the scheme's parts; without a name: not there */
    uint32_t dtype;                 /* a block type */
    uint64_t n_experts;             /* 0: it is a matrix [n_out, n_in], not as many of them */
    uint64_t n_out, n_in;
    uint64_t group, group_out; /* inputs, and outputs, that share a scale */
    uint32_t bits;
    bool v1;                  /* GPTQ: zero points are stored less one */
    bool divides;             /* NVFP4: scales are divided by the tensor's factor, not multiplied */
    uint64_t nested;          /* bitsandbytes: scales that share a scale of theirs; 0: they are f32 */
    float offset;             /* what is added to such scales */
    uint32_t *order;          /* [n_in] where each input of a row is in the file; NULL: in order */
    const uint32_t *group_of; /* [n_in] by place in the file; NULL: inputs / group */
    void *data;               /* once it was made */
};

struct scheme {
    const char *methods; /* "gptq": its quant_method; several divided by '|' */
    const char *mark;    /* how the name of its first part ends: ".qweight" */
    uint32_t mark_dtype; /* its type */
    const char *weight;  /* how the weight's name ends instead: ".weight" */
    bool by_inputs;      /* a row of the file is an input: outputs side by side are best read together */
    /* How the names of its other parts end; '?' at the end: it need not be there. */
    const char *parts[MAX_PARTS];
    /* Checks types and shapes, and fills in the rest. Never reads the weight. */
    viv_status (*describe)(struct packed *p, const struct quantization *q, struct arena *arena, struct error *err);
    /* Makes weights [32 b, 32 b + 32) of output n, counted over all experts. */
    viv_status (*block)(const struct packed *p, uint64_t n, uint64_t b, void *out, struct error *err);
    /* In place of it where eight outputs share words of the file: outputs [n, n + 8), `stride` bytes apart. */
    viv_status (*eight_blocks)(const struct packed *p, uint64_t n, uint64_t b, unsigned char *out, uint64_t stride,
                               struct error *err);
};

/* --- what describe needs -------------------------------------------------------------------------------------- */

static inline bool has_part(const struct packed *p, unsigned k)
{
    return p->part[k].name != NULL;
}

static inline uint64_t dim_of(const struct packed *p, unsigned k, int32_t i)
{
    return i < p->part[k].dl.ndim ? (uint64_t)p->part[k].dl.shape[i] : 1;
}

/* What a part may consist of. */
enum part_kind { PART_INT32, PART_BYTES, PART_F8, PART_SCALES, PART_F32 };
/* That part k is of this kind and shape; trailing dimensions of 1 do not matter. `what` explains the shape. */
viv_status part_check(const struct packed *p, unsigned k, enum part_kind kind, uint64_t rows, uint64_t columns,
                      const char *what, struct error *err);
/* That the weight has whole blocks, and each block one scale. */
viv_status packed_check_sizes(const struct packed *p, struct error *err);
/* Group and number of groups: from `groups` scales for n_in inputs. */
viv_status packed_find_group(struct packed *p, uint64_t groups, struct error *err);
/* Reads the group of each input, [n_in] int32 of part k, and sorts inputs by it. */
viv_status packed_find_order(struct packed *p, unsigned k, uint64_t groups, struct arena *arena, struct error *err);

/* An integer of the config; `otherwise` where it says none. */
int64_t config_int(const struct quantization *q, const char *key, int64_t otherwise);
bool config_bool(const struct quantization *q, const char *key, bool otherwise);
const char *config_text(const struct quantization *q, const char *key, const char *otherwise);

/* --- what block needs ----------------------------------------------------------------------------------------- */

/* An element of a part of F32, F16 or BF16. */
static inline float number_at(const viv_tensor *t, uint64_t i)
{
    const uint16_t *halves = t->dl.data;
    switch (t->dtype) {
    case VIV_F16:
        return half_to_float(halves[i]);
    case VIV_BF16:
        return bfloat_to_float(halves[i]);
    default:
        return ((const float *)t->dl.data)[i];
    }
}

/* 2^(e - 127); not a number for 255, as the Open Compute Project has it */
static inline float power_of_two(uint8_t e)
{
    return float_of_bits(e == 255 ? 0x7fc00000 : e == 0 ? 0x00400000 : (uint32_t)e << 23);
}

/* Value i of integers of so many bits that lie in 32-bit words, low bits first, `stride` words apart. */
static inline uint32_t packed_integer(const void *words, uint64_t stride, uint64_t i, uint32_t bits)
{
    const uint32_t *w = words;
    const uint64_t bit = i * bits, at = bit / 32 * stride, shift = bit % 32;
    uint64_t two = w[at];
    if (shift + bits > 32)
        two |= (uint64_t)w[at + stride] << 32;
    return (uint32_t)(two >> shift) & ((1u << bits) - 1);
}

/* Bytes of x two apart. */
static inline uint64_t spread_bytes(uint64_t x)
{
    x = (x | x << 16) & 0x0000ffff0000ffffu;
    return (x | x << 8) & 0x00ff00ff00ff00ffu;
}

/* The 32 integers that lie in `bits` words, `stride` words apart. */
static inline void unpack_words(const void *words, uint64_t stride, uint32_t bits, uint8_t q[BLOCK])
{
    const uint32_t *w = words;
    if (bits == 4)
        for (uint64_t i = 0; i < 4; i++) {
            const uint32_t x = w[i * stride];
            const uint64_t eight = spread_bytes(x & 0x0f0f0f0f) | spread_bytes(x >> 4 & 0x0f0f0f0f) << 8;
            memcpy(q + 8 * i, &eight, sizeof eight);
        }
    else if (bits == 8)
        for (uint64_t i = 0; i < 8; i++)
            memcpy(q + 4 * i, w + i * stride, 4);
    else
        for (uint64_t i = 0; i < BLOCK; i++)
            q[i] = (uint8_t)packed_integer(words, stride, i, bits);
}

/* The place in the file of input k of a row, and its group. */
static inline uint64_t input_at(const struct packed *p, uint64_t k)
{
    return p->order ? p->order[k] : k;
}

static inline uint64_t group_at(const struct packed *p, uint64_t input)
{
    return p->group_of ? p->group_of[input] : input / p->group;
}

/* The type for integers of p->bits: the smallest that holds scale * (q - zero) exactly. whole: every q - zero lies
 * within -128 and 127. */
uint32_t integer_type(const struct packed *p, const viv_tensor *scales, bool whole);
/* Writes a block of such a type: scale * (q - zero). */
viv_status put_integers(const struct packed *p, uint64_t n, uint64_t b, const uint8_t q[BLOCK], int zero,
                        float scale, void *out, struct error *err);
/* Fails, naming block b of output n. */
viv_status block_fail(uint64_t n, uint64_t b, struct error *err, const char *what, double value);

/* Numbers in pairs, the first in the low nibble (or the high one), to the nibbles of our blocks. */
static inline void put_nibbles(uint8_t out[BLOCK / 2], const uint8_t *pairs, bool high_first)
{
    uint8_t q[BLOCK];
    for (int i = 0; i < BLOCK / 2; i++) {
        q[2 * i + high_first] = pairs[i] & 15;
        q[2 * i + !high_first] = pairs[i] >> 4;
    }
    for (int i = 0; i < BLOCK / 2; i++)
        out[i] = (uint8_t)(q[i] | q[BLOCK / 2 + i] << 4);
}

#endif
