/* mixes.h - which type each tensor of a model gets, as data: the mixes of llama-quantize by their names.
 *
 * A mix has a type for all weights, and rules for those that need more bits (or fewer): what a tensor does (its
 * role), and where. The first rule that applies counts. Roles are recognised by the names that GGUF gives tensors.
 */
#ifndef QUANTIZE_MIXES_H
#define QUANTIZE_MIXES_H

#include <stdbool.h>
#include <stdint.h>

enum role {
    ROLE_OTHER,
    ROLE_EMBEDDING,
    ROLE_HEAD, /* output.weight, or the embedding if it is the head, too */
    ROLE_ATTN_Q,
    ROLE_ATTN_K,
    ROLE_ATTN_V, /* also what holds v among others: attn_qkv, attn_kv_b */
    ROLE_ATTN_OUTPUT,
    ROLE_FFN_UP,
    ROLE_FFN_GATE,
    ROLE_FFN_DOWN
};

/* When a rule applies: all that is set must hold. */
enum {
    WHEN_GQA = 1 << 0,           /* 4 query heads or more share a key/value head */
    WHEN_EIGHT_EXPERTS = 1 << 1, /* exactly 8 */
    WHEN_OTHER_EXPERTS = 1 << 2, /* not 8 */
    WHEN_IMATRIX = 1 << 3,
    WHEN_NO_IMATRIX = 1 << 4,
    WHEN_FALCON = 1 << 5,
    WHEN_NOT_FALCON = 1 << 6,
    WHEN_70B = 1 << 7, /* llama of 80 layers with grouped queries */
    /* of the tensors of this role, in the order of layers: */
    WHEN_FIRST_2 = 1 << 8,
    WHEN_FIRST_4 = 1 << 9,
    WHEN_FIRST_EIGHTH = 1 << 10,
    WHEN_FIRST_SIXTEENTH = 1 << 11,
    WHEN_SENSITIVE = 1 << 12, /* the first eighth, the last eighth, and every third between */
    WHEN_EXPERTS = 1 << 13    /* a tensor of three dimensions */
};

struct mix_rule {
    uint8_t role;
    uint16_t when;
    uint32_t dtype;
};

enum { MIX_RULES = 12 };

struct mix {
    const char *name, *alias; /* "q4_k_m", "q4_k"; or NULL */
    uint32_t file_type;       /* general.file_type of GGUF: llama_ftype */
    uint32_t dtype;
    bool needs_imatrix;               /* useless without */
    struct mix_rule rules[MIX_RULES]; /* ended by one of ROLE_OTHER and no condition */
};

/* What decides beside the tensor's name. */
struct mix_model {
    const char *architecture;
    uint64_t n_layers, n_heads, n_kv_heads, n_experts;
    bool has_imatrix, tied; /* tied: there is no output.weight */
};

/* Their names and aliases. */
#define MIX_NAMES                                                                                                  \
    "q4_k_m|q4_k_s|q4_k|q5_k_m|q5_k_s|q5_k|q6_k|q8_0|q3_k_l|q3_k_m|q3_k_s|q3_k|q2_k|q2_k_s|iq4_xs|iq4_nl|q4_0|q4_" \
    "1|"                                                                                                           \
    "q5_0|q5_1|mxfp4_moe|mxfp4|f16|bf16|f32"

/* By name or alias; NULL: there is none. */
const struct mix *mix_find(const char *name);
/* All, ended by one without a name. */
const struct mix *mixes_all(void);

enum role mix_role(const char *tensor, bool tied);
/* Whether weights of this name are quantized at all; vectors never are. */
bool mix_quantizes(const char *tensor);
/* The type of a tensor that is the index-th of `n` of its role. */
uint32_t mix_type(const struct mix *mix, const struct mix_model *m, enum role role, uint64_t index, uint64_t n,
                  uint32_t ndim);
/* The type that stands in for one whose blocks do not divide rows of n; itself if they do. */
uint32_t mix_fallback(uint32_t dtype, uint64_t n);

#endif
