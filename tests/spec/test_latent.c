/* The families whose attention is latent, against the ways in which checkpoints say what they are. */
#include "world.h"

#define SIZES                                                                                                      \
    "'hidden_size': 32, 'intermediate_size': 40, 'num_hidden_layers': 2, 'num_attention_heads': 4, "               \
    "'vocab_size': 32, 'kv_lora_rank': 16, 'qk_nope_head_dim': 6, 'qk_rope_head_dim': 4, 'v_head_dim': 5"
#define EXPERTS                                                                                                    \
    ", 'n_routed_experts': 8, 'num_experts_per_tok': 2, 'moe_intermediate_size': 12, 'first_k_dense_replace': 1"
#define YARN                                                                                                       \
    "'rope_scaling': {'type': 'yarn', 'factor': 40, 'mscale': 0.7, 'mscale_all_dim': 0.9, "                        \
    "'original_max_position_embeddings': 64}"

/* as llama.cpp's converter writes them, since April 2025 and before */
#define GGUF                                                                                                       \
    "'general.architecture': 'deepseek2', 'deepseek2.embedding_length': 32, 'deepseek2.feed_forward_length': 40, " \
    "'deepseek2.block_count': 2, 'deepseek2.attention.head_count': 4, 'deepseek2.attention.kv_lora_rank': 16, "    \
    "'deepseek2.rope.dimension_count': 4, 'deepseek2.expert_count': 8, 'deepseek2.expert_used_count': 2, "         \
    "'deepseek2.expert_feed_forward_length': 12, 'deepseek2.expert_shared_count': 1, "                             \
    "'deepseek2.leading_dense_block_count': 1, 'deepseek2.expert_weights_scale': 1.5"
#define GGUF_NEW                                                                                                   \
    GGUF ", 'deepseek2.attention.head_count_kv': 1, 'deepseek2.attention.key_length': 20, "                        \
         "'deepseek2.attention.value_length': 16, 'deepseek2.attention.key_length_mla': 10, "                      \
         "'deepseek2.attention.value_length_mla': 5"
#define GGUF_OLD                                                                                                   \
    GGUF ", 'deepseek2.attention.head_count_kv': 4, 'deepseek2.attention.key_length': 10, "                        \
         "'deepseek2.attention.value_length': 5"

TEST(youtu__honours_or_refuses_what_its_config_says)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" SIZES "}", "",
         "attn_q.1: {names: [model.layers.1.self_attn.q_proj.weight], shape: [40, 32]}\n"
         "attn_kv_a.0: {names: [model.layers.0.self_attn.kv_a_proj_with_mqa.weight], shape: [20, 32]}\n"
         "attn_k_of_kv_b.0: {names: [model.layers.0.self_attn.kv_b_proj.weight], shape: [4, 16, 6]\n"
         "attn_v_of_kv_b.0: {names: [model.layers.0.self_attn.kv_b_proj.weight], shape: [4, 5, 16]\n"
         "interleaved: true\nscore_mscale: 0.0\n!attn_q_a\n!attn_kv_a_bias"},
        {&fake_hf, "{" SIZES ", 'q_lora_rank': 14, 'attention_bias': true, 'rope_interleave': false, " YARN "}", "",
         "attn_q_a.0: {names: [model.layers.0.self_attn.q_a_proj.weight], shape: [14, 32]}\n"
         "attn_q_b.0: {names: [model.layers.0.self_attn.q_b_proj.weight], shape: [40, 14]}\n"
         "attn_q_a_bias.0: {\nattn_kv_a_bias.0: {\nattn_out_bias.0: {\ninterleaved: false\nscore_mscale: 0.9\n"
         "scaling: yarn\nfactor: 40.0\nmscale: 0.7"},
        {&fake_hf, "{" SIZES ", 'attention_bias': true}", "", "attn_kv_a_bias.0: {\n!attn_q_a_bias"},
        {&fake_hf, "{" SIZES ", 'num_key_value_heads': 2}", "",
         "fake: every head has keys and values of its own here (num_key_value_heads = 2, num_attention_heads = 4)"},
        {&fake_hf, "{" SIZES ", 'partial_rotary_factor': 0.5}", "", "fake: all of qk_rope_head_dim rotates here"},
        {&fake_hf, "{" SIZES ", 'quantization_config': {'quant_method': 'fp8', 'weight_block_size': [128, 128]}}",
         "", "packed in a way that cannot be read (quantization_config.quant_method = fp8)"},
        {&fake_hf, "{" SIZES ", 'rope_scaling': {'type': 'su'}}", "", "is 'su', expected one of default, none"},
    };
    check_family("youtu", cases, sizeof cases / sizeof *cases);
}

TEST(minicpm3__honours_or_refuses_what_its_config_says)
{
    static const struct family_case cases[] = {
        {&fake_hf,
         "{" SIZES ", 'q_lora_rank': 14, 'scale_emb': 3, 'scale_depth': 2.0, 'dim_model_base': 16, "
         "'max_position_embeddings': 256, 'rope_scaling': {'type': 'longrope', 'short_factor': [1.0, 1.5], "
         "'long_factor': [2.0, 3], 'original_max_position_embeddings': 64}}",
         "",
         "layer: scale, in: [1], out: 2, factor: 3.0\nfactor: 1.414213562373095\nfactor: 0.5\n"
         "rope_short: [1.0, 1.5]\nrope_long: [2.0, 3.0]\nscaling: longrope\n"
         "rope.factor: 4.0\nweight: embed\n!interleaved"},
        {&fake_hf, "{" SIZES ", 'tie_word_embeddings': false}", "",
         "factor: 12.0\nfactor: 8.0\nrope_factor: 1.0\n!rope.scaling\nhead: {names: [lm_head.weight], shape: [32, "
         "32]}"},
        {&fake_hf, "{" SIZES ", 'rope_scaling': {'type': 'ntk'}}", "", "is 'ntk', expected one of default, none"},
        {&fake_hf, "{" SIZES ", 'num_key_value_heads': 1}", "", "every head has keys and values of its own here"},
        {&fake_hf, "{" SIZES ", 'quantization_config': {'quant_method': 'gptq'}}", "",
         "(quantization_config.quant_method = gptq)"},
        {&fake_gguf,
         "{'general.architecture': 'minicpm3', 'minicpm3.embedding_length': 32, 'minicpm3.feed_forward_length': "
         "40, "
         "'minicpm3.block_count': 2, 'minicpm3.attention.head_count': 4, 'minicpm3.attention.head_count_kv': 4, "
         "'minicpm3.attention.kv_lora_rank': 16, 'minicpm3.attention.q_lora_rank': 14, "
         "'minicpm3.rope.dimension_count': 4, 'minicpm3.attention.key_length': 10}",
         "token_embd.weight:32 rope_factors_long.weight rope_factors_short.weight",
         "attn_k_of_kv_b.1: {names: [blk.1.attn_kv_b.weight], shape: [4, 16, 6]\nv_head_dim: 8\nscaling: longrope\n"
         "rope_long_divisors: {names: [rope_factors_long.weight], shape: [2]\nfactor: 12.0\n!interleaved"},
    };
    check_family("minicpm3", cases, sizeof cases / sizeof *cases);
}

TEST(deepseek_v2__honours_or_refuses_what_its_config_says)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" SIZES EXPERTS ", 'n_group': 4, 'topk_group': 2, 'topk_method': 'greedy'}", "",
         "score: softmax\ngroups.n: 1\ngroups.keep: 1\nnormalize: false\nscale: 1.0\n!correction"},
        {&fake_hf,
         "{" SIZES EXPERTS ", 'n_group': 4, 'topk_group': 2, 'topk_method': 'group_limited_greedy', "
         "'routed_scaling_factor': 16, 'scoring_func': 'softmax', 'moe_layer_freq': 1, 'n_shared_experts': 3}",
         "",
         "score: softmax\ngroups.n: 4\ngroups.keep: 2\ngroups.by: best\nscale: 16.0\n"
         "shared_gate.1: {names: [model.layers.1.mlp.shared_experts.gate_proj.weight], shape: [36, 32]}"},
        {&fake_hf, "{" SIZES EXPERTS ", 'n_group': null, 'topk_group': null, 'q_lora_rank': null}", "",
         "groups.n: 1\n!attn_q_a"},
        {&fake_hf, "{" SIZES EXPERTS ", 'norm_topk_prob': true}", "", "fake: references disagree: DeepSeek's code"},
        {&fake_hf, "{" SIZES EXPERTS ", 'moe_layer_freq': 2}", "", "(moe_layer_freq = 2)"},
        {&fake_hf, "{" SIZES EXPERTS ", 'topk_method': 'random'}", "",
         "topk_method is 'random', expected one of greedy, group_limited_greedy, noaux_tc"},
        {&fake_hf, "{" SIZES EXPERTS ", 'scoring_func': 'tanh'}", "", "scoring_func is 'tanh', expected one of"},
        {&fake_hf, "{" SIZES EXPERTS ", 'topk_method': 'noaux_tc'}", "", "noaux_tc goes with scores by sigmoid"},
        {&fake_hf, "{" SIZES EXPERTS ", 'hidden_act': 'mish'}", "", "hidden_act is 'mish'"},
        {&fake_hf, "{" SIZES "}", "", "how many experts work on a token is not said (num_experts_per_tok"},
    };
    check_family("deepseek_v2", cases, sizeof cases / sizeof *cases);
}

TEST(deepseek_v2__reads_what_gguf_calls_deepseek2)
{
    static const struct family_case cases[] = {
        {&fake_gguf,
         "{" GGUF_NEW ", 'deepseek2.expert_gating_func': 2, 'deepseek2.expert_weights_norm': true, "
         "'deepseek2.expert_group_count': 4, 'deepseek2.expert_group_used_count': 2}",
         "token_embd.weight:32 output.weight:32 blk.0.attn_k_b.weight blk.0.attn_kv_b.weight",
         "attn_k_b.1: {names: [blk.1.attn_k_b.weight], shape: [4, 16, 6]}\n"
         "attn_v_b.1: {names: [blk.1.attn_v_b.weight], shape: [4, 5, 16]}\n"
         "router_correction.1: {names: [blk.1.exp_probs_b.bias], shape: [8]}\nscore: sigmoid\n"
         "groups.by: best_two\ngroups.n: 4\nnormalize: true\nscale: 1.5\ninterleaved: true"},
        {&fake_gguf,
         "{" GGUF_OLD ", 'deepseek2.rope.scaling.type': 'yarn', 'deepseek2.rope.scaling.factor': 40, "
         "'deepseek2.rope.scaling.yarn_log_multiplier': 0.0707, 'deepseek2.expert_group_count': 4, "
         "'deepseek2.expert_group_used_count': 2}",
         "token_embd.weight:32 output.weight:32",
         "attn_k_of_kv_b.1: {names: [blk.1.attn_kv_b.weight], shape: [4, 16, 6]\n"
         "attn_v_of_kv_b.1: {names: [blk.1.attn_kv_b.weight], shape: [4, 5, 16]\n"
         "score: softmax\ngroups.n: 4\ngroups.by: best\nnormalize: false\nattention_factor: 1.0\n"
         "score_mscale: 0.707\n!correction"},
    };
    check_family("deepseek_v2", cases, sizeof cases / sizeof *cases);
}

TEST(deepseek_v3__honours_or_refuses_what_its_config_says)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" SIZES EXPERTS ", 'num_nextn_predict_layers': 1}", "",
         "score: sigmoid\ngroups.n: 8\ngroups.keep: 4\ngroups.by: best_two\nnormalize: true\nscale: 2.5\n"
         "router_correction.1: {names: [model.layers.1.mlp.gate.e_score_correction_bias], shape: [8]}\n"
         "model.layers.2.*"},
        {&fake_hf,
         "{" SIZES EXPERTS ", 'topk_method': 'noaux_tc', 'scoring_func': 'sigmoid', 'n_group': 1, "
         "'topk_group': 1, 'norm_topk_prob': false, 'rope_interleave': false}",
         "", "groups.n: 1\nnormalize: false\ninterleaved: false"},
        {&fake_hf, "{" SIZES EXPERTS ", 'topk_method': 'greedy'}", "", "noaux_tc goes with scores by sigmoid"},
        {&fake_hf, "{" SIZES EXPERTS ", 'scoring_func': 'softmax', 'topk_method': 'noaux_tc'}", "",
         "noaux_tc goes with scores by sigmoid"},
        {&fake_hf, "{" SIZES EXPERTS ", 'quantization_config': {'quant_method': 'fp8'}}", "",
         "packed in a way that cannot be read (quantization_config.quant_method = fp8)"},
    };
    check_family("deepseek_v3", cases, sizeof cases / sizeof *cases);
}

TESTS(youtu__honours_or_refuses_what_its_config_says, minicpm3__honours_or_refuses_what_its_config_says,
      deepseek_v2__honours_or_refuses_what_its_config_says, deepseek_v2__reads_what_gguf_calls_deepseek2,
      deepseek_v3__honours_or_refuses_what_its_config_says)
