/* kernels.h - the arithmetic of this machine, as a service: VIV_SERVICE_KERNELS.
 *
 * A layer asks for what it needs at [setup] and calls it from its tasks. Which implementation stands behind
 * a pointer was chosen once, at start, from framework/kernels/<isa>/. All vectors are f32 unless said
 * otherwise; rows are contiguous; strides are in the unit named. Nothing here allocates or fails.
 *
 * Order of summation. An output depends on its own row and weights alone: it is the same bits whether it is
 * computed among 1 row or 512, by whichever thread. Only products flagged VIV_PRODUCT_BATCH_VARIANT break
 * this, and they are chosen only where the user asked for `--kernels fastest`. */
#ifndef VIVARIUM_KERNELS_H
#define VIVARIUM_KERNELS_H

#include <vivarium/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_KERNELS "viv.kernels/0"

/* Bits of viv_plugin_ident.cpu_required and of a kernel's requirements. */
enum {
    VIV_CPU_AVX2 = 1 << 0,         /* with FMA and F16C */
    VIV_CPU_AVX512 = 1 << 1,       /* F, BW, DQ, VL */
    VIV_CPU_AVX512_VNNI = 1 << 2,  /* int8 dot products */
    VIV_CPU_AVX512_BF16 = 1 << 3,  /* bf16 dot products */
    VIV_CPU_AVX512_FP16 = 1 << 4,  /* half precision arithmetic */
    VIV_CPU_FAST_BF16_DOT = 1 << 5, /* bf16 dot is twice f32 here (AMD), not half of it (Intel without AMX) */
    VIV_CPU_NEON = 1 << 6,
    VIV_CPU_NEON_DOTPROD = 1 << 7,
    VIV_CPU_AVX_VNNI = 1 << 8, /* int8 dot products without AVX-512 */
    VIV_CPU_NEON_I8MM = 1 << 9 /* int8 products of matrices */
};

enum { VIV_PRODUCT_BATCH_VARIANT = 1 };

/* y[r][n] = sum over k of w[n][k] * x[r][k] */
typedef struct viv_matmul {
    uint32_t struct_size, flags;
    uint64_t n_rows;   /* rows of x and y */
    uint64_t k;        /* length of a row of x and of a row of w; a multiple of the weight type's block */
    const void *x;     /* rows made by viv_product.prepare */
    uint64_t x_stride; /* bytes */
    const void *w;     /* rows of the weight, as its file has them */
    uint64_t w_stride; /* bytes */
    float *y;
    uint64_t y_stride; /* floats */
    void *scratch;     /* scratch_bytes(k) of this worker's own, 64-byte aligned */
} viv_matmul;

/* How weights of one type are multiplied on this machine. */
typedef struct viv_product {
    uint32_t struct_size, flags;
    uint32_t weight_dtype;
    uint32_t tile;           /* outputs that one task should take at least; any range works */
    const char *name;        /* "avx512_vnni q8_0" */
    const char *row_format;  /* how prepare writes a row: equal names mean that a row may be shared */
    uint64_t (*row_bytes)(uint64_t k);                          /* of a prepared row, a multiple of 64. [worker: always] */
    void (*prepare)(void *row, const float *x, uint64_t k);     /* one row, from f32 (may quantize). [worker: always] */
    uint64_t (*scratch_bytes)(uint64_t k);                      /* [worker: always] */
    /* Computes the outputs [n_first, n_end). [worker: always] */
    void (*multiply)(const viv_matmul *m, uint64_t n_first, uint64_t n_end);
} viv_product;

/* Attention of the queries of one key/value head over the keys of one sequence.
 *
 *   score[r][g][t] = softcap(scale * q[r][g] . K[t])        t in [begin(r), end(r))
 *   out[r][g]      = sum over t of softmax(score[r][g])[t] * V[t]
 *
 * Keys and values lie in pages of `page_rows` tokens. Of each page this head's part is, of VIV_F32, VIV_F16 or VIV_BF16,
 *   K: [head_dim][page_rows]   (a lane is a token: no horizontal sums), or [page_rows][k_stride]
 *   V: [page_rows][v_stride]
 * so that keys by rows may be the values, too, or have them among their features. In blocks of 32 features of a token,
 * VIV_Q8_0 or VIV_Q4_0, it is
 *   K: [head_dim / 32] times the blocks of all tokens, taken apart: scales [page_rows], then [16 or 32 bytes][page_rows];
 *      or [page_rows][k_stride / 32] blocks
 *   V: [page_rows][v_stride / 32] blocks
 * Token t is in page t / page_rows. Query row r stands at token `position + r`; it sees
 *   causal:        begin = max(0, position + r + 1 - window), end = position + r + 1
 *   bidirectional: begin = 0, end = n_keys                    (window then counts to both sides)
 * and with chunks, of these only those from the begin of its own chunk on. */
enum { VIV_ATTEND_CAUSAL = 1 };

typedef struct viv_attend {
    uint32_t struct_size, flags;
    uint64_t n_rows;             /* query rows r */
    uint64_t n_group;            /* query heads g that share this key/value head */
    uint64_t head_dim, v_dim;
    const float *q;              /* q + r * q_stride + g * head_dim */
    uint64_t q_stride;           /* floats */
    float *out;                  /* out + r * out_stride + g * v_dim */
    uint64_t out_stride;         /* floats */
    const void *const *k_pages;  /* page table; this head's part is k_offset bytes in */
    const void *const *v_pages;
    uint64_t k_offset, v_offset; /* bytes */
    uint64_t page_rows;          /* a multiple of 16 */
    uint64_t position;           /* of query row 0 */
    uint64_t n_keys;             /* tokens in the pages */
    uint64_t window;             /* 0: no window */
    uint64_t chunk;              /* tokens [i * chunk, (i + 1) * chunk) see none before them; 0: no chunks */
    uint32_t k_dtype;            /* of K */
    float scale, softcap;        /* softcap 0: none */
    uint32_t v_dtype;            /* of V */
    const float *sinks;          /* [n_group]: a score that takes part in the softmax without a value; or NULL */
    const float *slopes;         /* [n_group]: ALiBi, adds slope * (t - position(r)) to the score; or NULL */
    const float *bias;           /* [n_group][2 reach + 1]: adds bias[g][reach + d] to the score, where d is */
    uint64_t reach;              /* t - position(r), at least -reach and at most reach; or NULL */
    void *scratch;               /* attend_scratch_bytes() of this worker's own */
    uint64_t k_stride;           /* elements from a token's key to the next one's, in blocks head_dim; 0: keys are not by
                                    rows */
    uint64_t v_stride;           /* elements from a token's values to the next one's, in blocks v_dim or head_dim; 0: v_dim
                                  */
} viv_attend;

/* Activations, by the names transformers gives them. */
enum {
    VIV_ACT_NONE = 0,
    VIV_ACT_SILU = 1,
    VIV_ACT_GELU = 2,      /* with erf */
    VIV_ACT_GELU_TANH = 3, /* "gelu_new", "gelu_pytorch_tanh" */
    VIV_ACT_RELU = 4,
    VIV_ACT_RELU2 = 5, /* relu(x)^2 */
    VIV_ACT_QUICK_GELU = 6,
    VIV_ACT_SIGMOID = 7,
    VIV_ACT_TANH = 8
};
/* The same as choices of an attribute. */
#define VIV_ACT_CHOICES "none|silu|gelu|gelu_tanh|relu|relu2|quick_gelu|sigmoid|tanh"

typedef struct viv_kernels {
    uint32_t struct_size, flags;
    uint64_t cpu; /* features in use: VIV_CPU_... after masking by VIV_CPU */

    /* How to multiply weights of this type, or NULL if we cannot. Lives as long as the host. [any: always] */
    const viv_product *(*product)(const struct viv_kernels *kernels, uint32_t weight_dtype);

    /* weight may be NULL. [worker: always] */
    void (*rms_norm)(float *y, const float *x, const float *weight, uint64_t n, float eps);
    /* weight and bias may be NULL. [worker: always] */
    void (*layer_norm)(float *y, const float *x, const float *weight, const float *bias, uint64_t n, float eps);
    void (*add)(float *y, const float *a, const float *b, uint64_t n); /* y may be a or b. [worker: always] */
    void (*scale)(float *y, const float *x, float factor, uint64_t n); /* y may be x. [worker: always] */
    void (*softcap)(float *y, const float *x, float cap, uint64_t n);  /* cap * tanh(x / cap). [worker: always] */
    void (*softmax)(float *y, const float *x, uint64_t n);             /* [worker: always] */
    void (*activate)(uint32_t act, float *y, const float *x, uint64_t n); /* y may be x. [worker: always] */
    /* act(gate) * up. [worker: always] */
    void (*gate)(uint32_t act, float *y, const float *gate, const float *up, uint64_t n);

    /* Cosine and sine of position * frequency[p], the product rounded to f32 as the reference does. [worker: always] */
    void (*angles)(float *cos, float *sin, const float *frequency, int32_t position, uint64_t n_pairs);

    /* Rotates pairs of a head in place: (a, b) -> (a cos - b sin, a sin + b cos). cos, sin: [n_pairs].
     * Pair p is (p, p + n_pairs), or (2p, 2p + 1) when interleaved. [worker: always] */
    void (*rotate)(float *head, const float *cos, const float *sin, uint64_t n_pairs, int32_t interleaved);

    void (*attend)(const viv_attend *a); /* [worker: always] */
    /* [any: always] */
    uint64_t (*attend_scratch_bytes)(uint64_t head_dim, uint64_t v_dim, uint64_t page_rows, uint64_t n_group);

    /* One row between f32 and any computable type; n a multiple of the type's block. NULL result: unknown.
     * The conversions are [worker: always]. [any: always] */
    void (*(*to_f32)(uint32_t dtype))(float *y, const void *x, uint64_t n);
    /* [any: always] */
    void (*(*from_f32)(uint32_t dtype))(void *y, const float *x, uint64_t n);
} viv_kernels;

#ifdef __cplusplus
}
#endif
#endif
