/* Mixes choose the types that llama-quantize chooses, as its source says. */
#include "testing.h"

#include "kernels/block_types.h"
#include "quantize/mixes.h"
#include "tensor/dtype.h"

static const struct mix_model llama = {
    .architecture = "llama", .n_layers = 32, .n_heads = 32, .n_kv_heads = 32, .tied = false};

static void expect(const char *mix, const struct mix_model *m, enum role role, uint64_t index, const char *type)
{
    const uint32_t dtype = mix_type(mix_find(mix), m, role, index, m->n_layers, 2);
    ck_assert_msg(strcmp(dtype_get(dtype)->name, type) == 0, "%s, role %d, layer %d: %s, expected %s", mix,
                  (int)role, (int)index, dtype_get(dtype)->name, type);
}

TEST(mixes__give_more_bits_to_the_first_and_last_layers)
{
    /* the first and the last eighth, and every third between */
    static const char *const expected = "6666446446446446446446446446"
                                        "6666";
    for (uint64_t i = 0; i < 32; i++) {
        expect("q4_k_m", &llama, ROLE_ATTN_V, i, expected[i] == '6' ? "q6_k" : "q4_k");
        expect("q4_k_m", &llama, ROLE_FFN_DOWN, i, expected[i] == '6' ? "q6_k" : "q4_k");
        expect("q5_k_m", &llama, ROLE_FFN_DOWN, i, expected[i] == '6' ? "q6_k" : "q5_k");
        expect("q4_k_s", &llama, ROLE_ATTN_V, i, i < 4 ? "q5_k" : "q4_k");
        expect("q3_k_m", &llama, ROLE_ATTN_V, i, i < 2 ? "q5_k" : "q4_k");
        expect("q3_k_m", &llama, ROLE_FFN_DOWN, i, i < 2 ? "q5_k" : "q4_k");
    }
    expect("q4_k_m", &llama, ROLE_ATTN_Q, 0, "q4_k");
    expect("q4_k_m", &llama, ROLE_HEAD, 0, "q6_k");
    expect("q8_0", &llama, ROLE_HEAD, 0, "q8_0");
    expect("f16", &llama, ROLE_HEAD, 0, "f16");
    expect("q2_k", &llama, ROLE_EMBEDDING, 0, "q2_k");
}
END_TEST

TEST(mixes__know_grouped_queries_experts_and_importance)
{
    struct mix_model m = llama;
    m.n_kv_heads = 8;
    expect("q2_k", &m, ROLE_ATTN_V, 0, "q4_k");
    expect("q2_k", &llama, ROLE_ATTN_V, 0, "q3_k");
    expect("iq4_xs", &m, ROLE_ATTN_V, 9, "q5_k");
    expect("iq4_xs", &m, ROLE_FFN_DOWN, 3, "q5_k");
    m.has_imatrix = true;
    expect("iq4_xs", &m, ROLE_FFN_DOWN, 3, "iq4_xs");
    expect("q4_0", &m, ROLE_FFN_DOWN, 3, "q4_1");
    m.n_experts = 8;
    expect("q4_k_m", &m, ROLE_ATTN_V, 9, "q8_0");
    expect("q4_k_m", &m, ROLE_ATTN_K, 9, "q8_0");
    expect("q4_k_m", &m, ROLE_ATTN_OUTPUT, 9, "q5_k");
    m = (struct mix_model){.architecture = "llama", .n_layers = 80, .n_heads = 64, .n_kv_heads = 8};
    expect("q4_k_m", &m, ROLE_ATTN_V, 11, "q5_k");
    expect("q4_k_m", &m, ROLE_ATTN_V, 0, "q6_k");
    m.architecture = "falcon";
    expect("q4_k_m", &m, ROLE_HEAD, 0, "q8_0");
    expect("q4_k_m", &m, ROLE_FFN_DOWN, 0, "q6_k");
    expect("q4_k_m", &m, ROLE_FFN_DOWN, 6, "q5_k");
}
END_TEST

TEST(mixes__have_roles_by_name_and_leave_small_weights_alone)
{
    ck_assert_int_eq(mix_role("blk.3.attn_qkv.weight", false), ROLE_ATTN_V);
    ck_assert_int_eq(mix_role("blk.3.ffn_down_exps.weight", false), ROLE_FFN_DOWN);
    ck_assert_int_eq(mix_role("token_embd.weight", false), ROLE_EMBEDDING);
    ck_assert_int_eq(mix_role("token_embd.weight", true), ROLE_HEAD);
    ck_assert(mix_quantizes("blk.0.attn_q.weight") && !mix_quantizes("blk.0.attn_norm.weight"));
    ck_assert(!mix_quantizes("blk.0.ffn_gate_inp.weight") && !mix_quantizes("blk.0.attn_q.bias"));
}
END_TEST

TEST(mixes__fall_back_to_smaller_blocks)
{
    ck_assert_uint_eq(mix_fallback(TYPE_Q4_K, 512), TYPE_Q4_K);
    ck_assert_uint_eq(mix_fallback(TYPE_Q4_K, 576), TYPE_Q5_0);
    ck_assert_uint_eq(mix_fallback(TYPE_Q6_K, 96), VIV_Q8_0);
    ck_assert_uint_eq(mix_fallback(TYPE_IQ4_XS, 32), TYPE_IQ4_NL);
    ck_assert_uint_eq(mix_fallback(TYPE_Q4_K, 40), VIV_F16);
    ck_assert_uint_eq(mix_fallback(VIV_Q4_0, 40), VIV_F16);
}
END_TEST

TEST(mixes__have_the_names_that_the_program_takes)
{
    char names[] = MIX_NAMES;
    size_t n = 0, n_all = 0;
    for (char *at = names, *name; (name = strsep(&at, "|")); n++)
        ck_assert_msg(mix_find(name), "there is no %s", name);
    for (const struct mix *m = mixes_all(); m->name; m++)
        n_all += m->alias ? 2 : 1;
    ck_assert_uint_eq(n, n_all);
}
END_TEST

TESTS(mixes__give_more_bits_to_the_first_and_last_layers, mixes__know_grouped_queries_experts_and_importance,
      mixes__have_roles_by_name_and_leave_small_weights_alone, mixes__fall_back_to_smaller_blocks,
      mixes__have_the_names_that_the_program_takes)
