/* specs/families/qwen3_next.yaml against the ways in which checkpoints say the same thing. */
#include "world.h"

#define SIZES                                                                                                      \
    "'hidden_size': 16, 'intermediate_size': 40, 'num_attention_heads': 2, 'head_dim': 16, 'num_hidden_layers': "  \
    "4, "                                                                                                          \
    "'vocab_size': 32, 'num_experts': 3, 'num_experts_per_tok': 2, 'moe_intermediate_size': 6, "                   \
    "'linear_num_key_heads': 2, 'linear_num_value_heads': 4, 'linear_key_head_dim': 3, 'linear_value_head_dim': 5"
#define GGUF_SIZES                                                                                                 \
    "'general.architecture': 'qwen3next', 'qwen3next.embedding_length': 16, 'qwen3next.feed_forward_length': 40, " \
    "'qwen3next.block_count': 4, 'qwen3next.attention.head_count': 2, 'qwen3next.attention.key_length': 16, "      \
    "'qwen3next.rope.dimension_count': 4, 'qwen3next.expert_count': 3, 'qwen3next.expert_used_count': 2, "         \
    "'qwen3next.expert_feed_forward_length': 6, 'qwen3next.ssm.conv_kernel': 3, 'qwen3next.ssm.state_size': 4, "   \
    "'qwen3next.ssm.group_count': 2, 'qwen3next.ssm.time_step_rank': 6, 'qwen3next.ssm.inner_size': 24"
#define COUNT(cases) (sizeof(cases) / sizeof *(cases))

TEST(qwen3_next__reads_the_spellings_of_all_versions)
{
    static const struct family_case cases[] = {
        /* of four layers the last attends */
        {&fake_hf, "{" SIZES "}", "",
         "layers.0.delta_net\nlayers.2.conv\nlayers.3.attention\n!layers.3.conv\n!layers.2.attention\nrope.dim: 4\n"
         "n_heads: 4, n_key_heads: 2, key_dim: 3, value_dim: 5\nnormalize: true\n"
         "qkv.0: {names: [model.layers.0.linear_attn.in_proj_qkvz.weight], shape: [32, 16], transform: "
         "[{split: "
         "{axis: 0, begin: 0, end: 3, begin: 3, end: 6, begin: 6, end: 16, of: 26, times: 2}}]\n"
         "z.2: {names: [model.layers.2.linear_attn.in_proj_qkvz.weight], shape: [20, 16], transform: "
         "[{split: "
         "{axis: 0, begin: 16, end: 26, of: 26, times: 2}}]\n"
         "attn_gate.3: {names: [model.layers.3.self_attn.q_proj.weight], shape: [32, 16], transform: [{split: "
         "{axis: 0, "
         "begin: 16, end: 32, of: 32, times: 2}}]\n"
         "delta_A.0: {names: [model.layers.0.linear_attn.A_log], shape: [4], transform: [{neg_exp: []}]\n"
         "norm: {names: [model.norm.weight], shape: [16], transform: [{add: 1.0}]\n!attn_q_bias"},
        {&fake_hf, "{" SIZES ", 'full_attention_interval': 2, 'partial_rotary_factor': 0.5}", "",
         "layers.0.delta_net\nlayers.1.attention\nlayers.2.conv\nlayers.3.attention\nrope.dim: 8"},
        {&fake_hf,
         "{" SIZES
         ", 'layer_types': ['full_attention', 'linear_attention', 'linear_attention', 'linear_attention'], "
         "'rope_parameters': {'rope_theta': 5.0, 'partial_rotary_factor': 1.0}}",
         "",
         "layers.0.attention\nlayers.1.delta_net\nlayers.3.conv\n!layers.3.attention\nrope.dim: 16\nrope.theta: "
         "5.0"},
        {&fake_hf, "{" SIZES ", 'attention_bias': true, 'hidden_act': 'gelu', 'linear_conv_kernel_dim': 6}", "",
         "attn_gate_bias.3: {names: [model.layers.3.self_attn.q_proj.bias], shape: [32], transform: [{split: "
         "{axis: 0, "
         "begin: 16, end: 32, of: 32, times: 2}}]\nattn_out_bias.3\nattn_v_bias.3\nactivation: gelu\n"
         "conv.1: {names: [model.layers.1.linear_attn.conv1d.weight], shape: [32, 6]"},
        {&fake_hf, "{" SIZES ", 'mlp_only_layers': [0], 'decoder_sparse_step': 2, 'norm_topk_prob': false}", "",
         "layers.0.mlp\n!layers.0.experts\nlayers.1.experts\n!layers.2.experts\nnormalize: false"},
    };
    check_family("qwen3_next", cases, COUNT(cases));
}
END_TEST

TEST(qwen3_next__reads_gguf)
{
    static const struct family_case cases[] = {
        {&fake_gguf, "{" GGUF_SIZES ", 'qwen3next.full_attention_interval': 2}", "token_embd.weight:32",
         "layers.0.delta_net\nlayers.1.attention\nlayers.3.attention\nrope.dim: 4\nnormalize: true\n"
         "n_heads: 6, n_key_heads: 2, key_dim: 4, value_dim: 4\n"
         "qkv.0: {names: [blk.0.attn_qkv.weight], shape: [40, 16]\n"
         "z.2: {names: [blk.2.attn_gate.weight], shape: [24, 16]\n"
         "ba.2: {names: [blk.2.ssm_ba.weight], shape: [12, 16], transform: [{split: {axis: 0, begin: 0, end: "
         "3, "
         "begin: 3, end: 6, of: 6, times: 2}}]\ndelta_A.0: {names: [blk.0.ssm_a], shape: [6]}\n"
         "conv.0: {names: [blk.0.ssm_conv1d.weight], shape: [40, 3]}\n"
         "ffn_norm.1: {names: [blk.1.post_attention_norm.weight], shape: [16]}\n"
         "attn_q.1: {names: [blk.1.attn_q.weight], shape: [32, 16], transform: [{split: {axis: 0, begin: 0, end: "
         "16, "
         "of: 32, times: 2}}]"},
    };
    check_family("qwen3_next", cases, COUNT(cases));
}
END_TEST

TEST(qwen3_next__refuses_by_name_what_it_would_get_wrong)
{
    static const struct family_case cases[] = {
        {&fake_hf,
         "{" SIZES
         ", 'layer_types': ['full_attention', 'linear_attention', 'sliding_attention', 'linear_attention']}",
         "", "layer_types is 'sliding_attention', expected one of linear_attention, full_attention"},
        {&fake_hf, "{" SIZES ", 'layer_types': ['full_attention']}", "",
         "layer_types is a list of 1, expected one of 4"},
        {&fake_hf, "{" SIZES ", 'hidden_act': 'tanhh'}", "", "hidden_act is 'tanhh', expected one of"},
        {&fake_gguf, "{" GGUF_SIZES ", 'qwen3next.attention.recurrent_layers': [true, false, true, true]}",
         "token_embd.weight:32", "this file lists its recurrent layers"},
    };
    check_family("qwen3_next", cases, COUNT(cases));
}
END_TEST

TESTS(qwen3_next__reads_the_spellings_of_all_versions, qwen3_next__reads_gguf,
      qwen3_next__refuses_by_name_what_it_would_get_wrong)
