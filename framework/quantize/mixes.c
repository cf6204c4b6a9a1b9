/* mixes.c - the mixes of llama-quantize (llama-quant.cpp of llama.cpp, 2026), as tables. */
#include "quantize/mixes.h"

#include "kernels/block_types.h"
#include "tensor/dtype.h"

#include <stddef.h>
#include <string.h>

/* Rules that come before those of any mix of quantized weights. */
static const struct mix_rule first_rules[] = {
    {ROLE_HEAD, WHEN_FALCON, VIV_Q8_0},
    {ROLE_ATTN_V, WHEN_EIGHT_EXPERTS, VIV_Q8_0}, /* small beside the experts */
    {ROLE_ATTN_K, WHEN_EIGHT_EXPERTS, VIV_Q8_0},
    {0},
};

#define HEAD_Q6_K                                                                                                  \
    {                                                                                                              \
        ROLE_HEAD, 0, TYPE_Q6_K                                                                                    \
    }
#define OUTPUT_OF_EIGHT                                                                                            \
    {                                                                                                              \
        ROLE_ATTN_OUTPUT, WHEN_EIGHT_EXPERTS | WHEN_NOT_FALCON, TYPE_Q5_K                                          \
    }

static const struct mix mixes[] = {
    {"f32", NULL, 0, VIV_F32, false, {{0}}},
    {"f16", NULL, 1, VIV_F16, false, {{0}}},
    {"bf16", NULL, 32, VIV_BF16, false, {{0}}},
    {"q8_0", NULL, 7, VIV_Q8_0, false, {{0}}},
    {"q4_0", NULL, 2, VIV_Q4_0, false, {HEAD_Q6_K, {ROLE_FFN_DOWN, WHEN_IMATRIX | WHEN_FIRST_EIGHTH, TYPE_Q4_1}}},
    {"q4_1", NULL, 3, TYPE_Q4_1, false, {HEAD_Q6_K}},
    {"q5_0", NULL, 8, TYPE_Q5_0, false, {HEAD_Q6_K, {ROLE_FFN_DOWN, WHEN_IMATRIX | WHEN_FIRST_EIGHTH, TYPE_Q5_1}}},
    {"q5_1", NULL, 9, TYPE_Q5_1, false, {HEAD_Q6_K}},
    {"q2_k",
     NULL,
     10,
     TYPE_Q2_K,
     false,
     {HEAD_Q6_K,
      OUTPUT_OF_EIGHT,
      {ROLE_ATTN_V, WHEN_70B, TYPE_Q5_K},
      {ROLE_ATTN_V, WHEN_GQA, TYPE_Q4_K},
      {ROLE_ATTN_V, 0, TYPE_Q3_K},
      {ROLE_FFN_DOWN, 0, TYPE_Q3_K},
      {ROLE_ATTN_OUTPUT, WHEN_OTHER_EXPERTS | WHEN_NOT_FALCON, TYPE_Q3_K}}},
    {"q2_k_s",
     NULL,
     21,
     TYPE_Q2_K,
     true,
     {HEAD_Q6_K,
      {ROLE_ATTN_V, WHEN_70B, TYPE_Q5_K},
      {ROLE_ATTN_V, WHEN_GQA, TYPE_Q4_K},
      {ROLE_FFN_DOWN, WHEN_FIRST_EIGHTH, TYPE_Q4_K}}},
    {"q3_k_s", NULL, 11, TYPE_Q3_K, false, {HEAD_Q6_K, OUTPUT_OF_EIGHT, {ROLE_ATTN_V, WHEN_70B, TYPE_Q5_K}}},
    {"q3_k_m",
     "q3_k",
     12,
     TYPE_Q3_K,
     false,
     {HEAD_Q6_K,
      OUTPUT_OF_EIGHT,
      {ROLE_ATTN_V, WHEN_70B, TYPE_Q5_K},
      {ROLE_ATTN_V, WHEN_FIRST_2, TYPE_Q5_K},
      {ROLE_ATTN_V, 0, TYPE_Q4_K},
      {ROLE_FFN_DOWN, WHEN_FIRST_SIXTEENTH, TYPE_Q5_K},
      {ROLE_FFN_DOWN, WHEN_NOT_FALCON, TYPE_Q4_K},
      {ROLE_FFN_DOWN, WHEN_SENSITIVE, TYPE_Q4_K},
      {ROLE_ATTN_OUTPUT, WHEN_OTHER_EXPERTS | WHEN_NOT_FALCON, TYPE_Q4_K}}},
    {"q3_k_l",
     NULL,
     13,
     TYPE_Q3_K,
     false,
     {HEAD_Q6_K,
      {ROLE_ATTN_V, 0, TYPE_Q5_K},
      {ROLE_FFN_DOWN, WHEN_NOT_FALCON, TYPE_Q5_K},
      {ROLE_FFN_DOWN, 0, TYPE_Q4_K},
      {ROLE_ATTN_OUTPUT, WHEN_OTHER_EXPERTS | WHEN_NOT_FALCON, TYPE_Q5_K},
      {ROLE_ATTN_OUTPUT, WHEN_FALCON, TYPE_Q4_K}}},
    {"q4_k_s",
     NULL,
     14,
     TYPE_Q4_K,
     false,
     {HEAD_Q6_K,
      OUTPUT_OF_EIGHT,
      {ROLE_ATTN_V, WHEN_FIRST_4, TYPE_Q5_K},
      {ROLE_ATTN_V, WHEN_70B, TYPE_Q5_K},
      {ROLE_FFN_DOWN, WHEN_FIRST_EIGHTH | WHEN_NOT_FALCON, TYPE_Q5_K}}},
    {"q4_k_m",
     "q4_k",
     15,
     TYPE_Q4_K,
     false,
     {HEAD_Q6_K,
      OUTPUT_OF_EIGHT,
      {ROLE_ATTN_V, WHEN_SENSITIVE, TYPE_Q6_K},
      {ROLE_ATTN_V, WHEN_70B, TYPE_Q5_K},
      {ROLE_FFN_DOWN, WHEN_FALCON | WHEN_FIRST_SIXTEENTH, TYPE_Q6_K},
      {ROLE_FFN_DOWN, WHEN_FALCON | WHEN_SENSITIVE, TYPE_Q5_K},
      {ROLE_FFN_DOWN, WHEN_NOT_FALCON | WHEN_SENSITIVE, TYPE_Q6_K}}},
    {"q5_k_s", NULL, 16, TYPE_Q5_K, false, {HEAD_Q6_K}},
    {"q5_k_m",
     "q5_k",
     17,
     TYPE_Q5_K,
     false,
     {HEAD_Q6_K, {ROLE_ATTN_V, WHEN_SENSITIVE, TYPE_Q6_K}, {ROLE_FFN_DOWN, WHEN_SENSITIVE, TYPE_Q6_K}}},
    {"q6_k", NULL, 18, TYPE_Q6_K, false, {HEAD_Q6_K}},
    {"iq4_nl",
     NULL,
     25,
     TYPE_IQ4_NL,
     false,
     {HEAD_Q6_K,
      OUTPUT_OF_EIGHT,
      {ROLE_ATTN_V, WHEN_GQA, TYPE_Q5_K},
      {ROLE_FFN_DOWN, WHEN_FIRST_EIGHTH | WHEN_NO_IMATRIX, TYPE_Q5_K}}},
    {"iq4_xs",
     NULL,
     30,
     TYPE_IQ4_XS,
     false,
     {HEAD_Q6_K,
      OUTPUT_OF_EIGHT,
      {ROLE_ATTN_V, WHEN_GQA, TYPE_Q5_K},
      {ROLE_FFN_DOWN, WHEN_FIRST_EIGHTH | WHEN_NO_IMATRIX, TYPE_Q5_K}}},
    /* experts alone are MXFP4, as in gpt-oss */
    {"mxfp4_moe",
     "mxfp4",
     38,
     VIV_Q8_0,
     false,
     {{ROLE_HEAD, 0, VIV_Q8_0},
      {ROLE_FFN_UP, WHEN_EXPERTS, VIV_MXFP4},
      {ROLE_FFN_GATE, WHEN_EXPERTS, VIV_MXFP4},
      {ROLE_FFN_DOWN, WHEN_EXPERTS, VIV_MXFP4}}},
    {0},
};

const struct mix *mixes_all(void)
{
    return mixes;
}

const struct mix *mix_find(const char *name)
{
    for (const struct mix *m = mixes; m->name; m++)
        if (strcasecmp(m->name, name) == 0 || (m->alias && strcasecmp(m->alias, name) == 0))
            return m;
    return NULL;
}

/* --- names --------------------------------------------------------------------------------------------------- */

enum role mix_role(const char *tensor, bool tied)
{
    static const struct {
        const char *part;
        enum role role;
    } parts[] = {{"attn_qkv.weight", ROLE_ATTN_V}, {"attn_kv_b.weight", ROLE_ATTN_V},
                 {"attn_v.weight", ROLE_ATTN_V},   {"attn_k.weight", ROLE_ATTN_K},
                 {"attn_q.weight", ROLE_ATTN_Q},   {"attn_output.weight", ROLE_ATTN_OUTPUT},
                 {"ffn_up", ROLE_FFN_UP},          {"ffn_gate", ROLE_FFN_GATE},
                 {"ffn_down", ROLE_FFN_DOWN}};
    if (strcmp(tensor, "output.weight") == 0)
        return ROLE_HEAD;
    if (strcmp(tensor, "token_embd.weight") == 0 || strcmp(tensor, "per_layer_token_embd.weight") == 0)
        return tied ? ROLE_HEAD : ROLE_EMBEDDING;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(tensor, parts[i].part))
            return parts[i].role;
    return ROLE_OTHER;
}

/* Small or delicate: routers, positions, convolutions, parts of state space models and of vision towers. */
bool mix_quantizes(const char *tensor)
{
    static const char *const kept[] = {"_norm.weight",
                                       "ffn_gate_inp.weight",
                                       "ffn_gate_tid2eid.weight",
                                       "altup",
                                       "laurel",
                                       "per_layer_model_proj",
                                       "position_embd.weight",
                                       "token_types.weight",
                                       "ssm_conv1d",
                                       "shortconv.conv.weight",
                                       "indexer.k_proj.weight",
                                       "indexer.q_proj.weight",
                                       "time_mix_first.weight",
                                       "time_mix_w0.weight",
                                       "time_mix_w1.weight",
                                       "time_mix_w2.weight",
                                       "time_mix_v0.weight",
                                       "time_mix_v1.weight",
                                       "time_mix_v2.weight",
                                       "time_mix_a0.weight",
                                       "time_mix_a1.weight",
                                       "time_mix_a2.weight",
                                       "time_mix_g1.weight",
                                       "time_mix_g2.weight",
                                       "time_mix_decay_w1.weight",
                                       "time_mix_decay_w2.weight",
                                       "time_mix_lerp_fused.weight",
                                       "attn_rel_b.weight",
                                       ".position_embd",
                                       "sam.pos_embd",
                                       "sam.neck.",
                                       "sam.net_",
                                       ".rel_pos",
                                       ".patch_embd",
                                       ".patch_merger",
                                       "a.rvq.codebook",
                                       "mm.a.code_embd"};
    const size_t n = strlen(tensor);
    if (n < 6 || strcmp(tensor + n - 6, "weight") != 0)
        return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strstr(tensor, kept[i]))
            return false;
    return true;
}

/* --- rules --------------------------------------------------------------------------------------------------- */

static uint32_t conditions(const struct mix_model *m, uint64_t i, uint64_t n, uint32_t ndim)
{
    const bool gqa = m->n_kv_heads && m->n_heads / m->n_kv_heads >= 4;
    const bool falcon = strcmp(m->architecture, "falcon") == 0;
    const bool is_70b = strcmp(m->architecture, "llama") == 0 && m->n_layers == 80 && m->n_heads != m->n_kv_heads;
    const bool sensitive = i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    return (gqa ? WHEN_GQA : 0) | (m->n_experts == 8 ? WHEN_EIGHT_EXPERTS : WHEN_OTHER_EXPERTS) |
           (m->has_imatrix ? WHEN_IMATRIX : WHEN_NO_IMATRIX) | (falcon ? WHEN_FALCON : WHEN_NOT_FALCON) |
           (is_70b ? WHEN_70B : 0) | (i < 2 ? WHEN_FIRST_2 : 0) | (i < 4 ? WHEN_FIRST_4 : 0) |
           (i < n / 8 ? WHEN_FIRST_EIGHTH : 0) | (i < n / 16 ? WHEN_FIRST_SIXTEENTH : 0) |
           (sensitive ? WHEN_SENSITIVE : 0) | (ndim > 2 ? WHEN_EXPERTS : 0);
}

static const struct mix_rule *first_that_applies(const struct mix_rule *rules, size_t most, enum role role,
                                                 uint32_t holds)
{
    for (size_t i = 0; i < most && rules[i].role != ROLE_OTHER; i++)
        if (rules[i].role == role && (rules[i].when & ~holds) == 0)
            return &rules[i];
    return NULL;
}

uint32_t mix_type(const struct mix *mix, const struct mix_model *m, enum role role, uint64_t index, uint64_t n,
                  uint32_t ndim)
{
    const uint32_t holds = conditions(m, index, n, ndim);
    if (dtype_get(mix->dtype)->block == 1)
        return mix->dtype;
    const struct mix_rule *rule = first_that_applies(first_rules, MIX_RULES, role, holds);
    if (!rule)
        rule = first_that_applies(mix->rules, MIX_RULES, role, holds);
    return rule ? rule->dtype : mix->dtype;
}

uint32_t mix_fallback(uint32_t dtype, uint64_t n)
{
    static const struct {
        uint32_t from, to;
    } fallbacks[] = {{TYPE_IQ4_XS, TYPE_IQ4_NL}, {TYPE_Q2_K, VIV_Q4_0},  {TYPE_Q3_K, VIV_Q4_0},
                     {TYPE_Q4_K, TYPE_Q5_0},     {TYPE_Q5_K, TYPE_Q5_1}, {TYPE_Q6_K, VIV_Q8_0}};
    if (n % dtype_get(dtype)->block == 0)
        return dtype;
    for (size_t i = 0; i < sizeof fallbacks / sizeof *fallbacks; i++)
        if (fallbacks[i].from == dtype && n % dtype_get(fallbacks[i].to)->block == 0)
            return fallbacks[i].to;
    return VIV_F16;
}
