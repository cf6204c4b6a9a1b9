/* specs/families/llama.yaml against the ways in which checkpoints say the same thing. */
#include "world.h"

#define SIZES                                                                                                      \
    "'architectures': ['LlamaForCausalLM'], 'hidden_size': 24, 'intermediate_size': 40, 'num_hidden_layers': 2, "  \
    "'num_attention_heads': 6, 'vocab_size': 32, 'max_position_embeddings': 64, 'rms_norm_eps': 1e-5"
#define GGUF_SIZES                                                                                                 \
    "'general.architecture': 'llama', 'llama.embedding_length': 24, 'llama.feed_forward_length': 40, "             \
    "'llama.block_count': 2, "                                                                                     \
    "'llama.attention.head_count': 6, 'llama.context_length': 64"

TEST(llama__reads_the_spellings_of_transformers_4_and_5)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" SIZES "}", "",
         "num_key_value_heads: 6\nhead_dim: 4\nrope_theta: 10000.0\nrope_type: none\ninterleaved: false\n"
         "attn_k.1: {names: [model.layers.1.self_attn.k_proj.weight], shape: [24, 24]}\n"
         "head: {names: [lm_head.weight]\n!q_bias\n!rope_freqs\n!rope.freqs"},
        {&fake_hf, "{" SIZES ", 'num_key_value_heads': 2, 'head_dim': 8}", "",
         "attn_q.0: {names: [model.layers.0.self_attn.q_proj.weight], shape: [48, 24]}\n"
         "attn_v.0: {names: [model.layers.0.self_attn.v_proj.weight], shape: [16, 24]}\nn_kv_heads: 2"},
        {&fake_hf, "{" SIZES ", 'num_key_value_heads': 1}", "", "n_kv_heads: 1, head_dim: 4"},
        {&fake_hf, "{" SIZES ", 'tie_word_embeddings': true}", "",
         "layer: linear, in: [14], out: 15, weight: embed\n!head:"},
        {&fake_hf, "{" SIZES ", 'attention_bias': true, 'mlp_bias': true}", "",
         "attn_out_bias.1: {names: [model.layers.1.self_attn.o_proj.bias], shape: [24]}\n"
         "ffn_gate_bias.0: {names: [model.layers.0.mlp.gate_proj.bias], shape: [40]}\nq_bias: attn_q_bias.0"},
        {&fake_hf, "{" SIZES ", 'rope_theta': 500000, 'rope_scaling': null}", "",
         "rope.theta: 500000.0\n!rope.scaling"},
        {&fake_hf, "{" SIZES ", 'rope_scaling': {'type': 'linear', 'factor': 2}}", "",
         "rope.scaling: linear, rope.factor: 2.0\nrope.original_context: 64"},
        {&fake_hf, "{" SIZES ", 'rope_scaling': {'rope_type': 'dynamic', 'factor': 4.0}}", "",
         "rope.scaling: dynamic, rope.factor: 4.0\nrope.original_context: 64"},
        {&fake_hf,
         "{" SIZES
         ", 'rope_theta': 5e5, 'rope_scaling': {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,"
         " 'high_freq_factor': 4.0, 'original_max_position_embeddings': 16}}",
         "",
         "rope.theta: 500000.0\nrope.scaling: llama3, rope.factor: 8.0, rope.low_freq_factor: 1.0, "
         "rope.high_freq_factor: 4.0\nrope.original_context: 16"},
        {&fake_hf,
         "{" SIZES
         ", 'rope_parameters': {'rope_theta': 5e5, 'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,"
         " 'high_freq_factor': 4.0, 'original_max_position_embeddings': 16}}",
         "",
         "rope.theta: 500000.0\nrope.scaling: llama3, rope.factor: 8.0, rope.low_freq_factor: 1.0, "
         "rope.high_freq_factor: 4.0\nrope.original_context: 16"},
        {&fake_hf, "{" SIZES ", 'rope_parameters': {'rope_theta': 1e4, 'rope_type': 'default'}}", "",
         "rope_type: none\n!rope.scaling"},
        {&fake_hf, "{" SIZES ", 'hidden_act': 'gelu_pytorch_tanh', 'pretraining_tp': 4}", "",
         "activation: gelu_tanh"},
    };
    check_family("llama", cases, sizeof cases / sizeof *cases);
}

TEST(llama__reads_gguf)
{
    static const struct family_case cases[] = {
        {&fake_gguf, "{" GGUF_SIZES "}", "token_embd.weight:32",
         "vocab_size: 32\ninterleaved: true\nattn_q.1: {names: [blk.1.attn_q.weight], shape: [24, 24]}\n"
         "tie_word_embeddings: true\nlayer: linear, in: [14], out: 15, weight: embed\n!rope_freqs\n!_bias."},
        {&fake_gguf, "{" GGUF_SIZES "}", "token_embd.weight:32 output.weight rope_freqs.weight",
         "head: {names: [output.weight], shape: [32, 24]}\nrope.freqs: rope_freqs\n"
         "rope_freqs: {names: [rope_freqs.weight], shape: [2], else: none}"},
        {&fake_gguf, "{" GGUF_SIZES "}", "token_embd.weight:32 blk.0.attn_q.bias",
         "q_bias: attn_q_bias.0\nattn_k_bias.1: {names: [blk.1.attn_k.bias], shape: [24]}\n!gate_bias"},
        {&fake_gguf,
         "{" GGUF_SIZES ", 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 4.0, "
         "'llama.rope.freq_base': 1e6, 'llama.rope.dimension_count': 2, 'llama.attention.head_count_kv': 3}",
         "token_embd.weight:32",
         "rope.theta: 1e+06, rope.dim: 2\nrope.scaling: linear, rope.factor: 4.0\nn_kv_heads: 3"},
        /* as llama.cpp takes them: a factor without a type, its name of 2023, and a type that says none */
        {&fake_gguf, "{" GGUF_SIZES ", 'llama.rope.scaling.factor': 4.0}", "token_embd.weight:32",
         "rope.scaling: linear, rope.factor: 4.0"},
        {&fake_gguf, "{" GGUF_SIZES ", 'llama.rope.scaling.type': 'none', 'llama.rope.scaling.factor': 4.0}",
         "token_embd.weight:32", "rope_kind: none\n!rope.scaling:"},
        {&fake_gguf, "{" GGUF_SIZES ", 'llama.rope.scale_linear': 4.0}", "token_embd.weight:32",
         "rope.scaling: linear, rope.factor: 4.0"},
        {&fake_gguf, "{" GGUF_SIZES ", 'llama.rope.scaling.attn_factor': 1.25}", "token_embd.weight:32",
         "rope.attn_factor: 1.25\n!rope.scaling"},
        {&fake_hf, "{" SIZES ", 'rope_parameters': {'rope_theta': 1e4, 'rope_type': 'default', 'factor': 4.0}}", "",
         "!rope.scaling"},
    };
    check_family("llama", cases, sizeof cases / sizeof *cases);
}

TEST(llama__refuses_by_name_what_it_would_get_wrong)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" SIZES ", 'hidden_act': 'mish'}", "",
         "fake: config.json: hidden_act is 'mish', expected one of silu, swish, gelu, gelu_python, gelu_new"},
        {&fake_hf, "{" SIZES ", 'rope_scaling': {'rope_type': 'longrope'}}", "",
         "fake: config.json: rope_scaling.rope_type is 'longrope', expected one of default, none, linear, dynamic, "
         "llama3, yarn"},
        {&fake_gguf, "{" GGUF_SIZES ", 'llama.rope.scaling.type': 'longrope'}", "token_embd.weight:32",
         "fake: llama.rope.scaling.type is 'longrope', expected one of default, none, linear, dynamic, llama3, "
         "yarn"},
        {&fake_gguf, "{" GGUF_SIZES ", 'llama.expert_count': 8}", "token_embd.weight:32",
         "fake: this is a mixture of experts (Mixtral) and not a Llama (expert_count = 8)"},
        {&fake_gguf, "{" GGUF_SIZES "}", "", "fake does not say: vocab_size (rows(token_embd.weight))"},
        {&fake_hf, "{}", "",
         "fake does not say: hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, vocab_size"},
        {&fake_hf, "{" SIZES ", 'head_dim': 0}", "", "fake: config.json: head_dim is 0, expected at least 1"},
        {&fake_hf, "{" SIZES ", 'rope_theta': NaN}", "",
         "fake: config.json: rope_theta is NaN, which is no number: expected a number"},
        {&fake_hf, "{" SIZES ", 'rope_theta': 'fast'}", "",
         "fake: config.json: rope_theta is a text ('fast'), expected a number"},
        {&fake_hf,
         "{'hidden_size': 25, 'intermediate_size': 40, 'num_hidden_layers': 2, 'num_attention_heads': 6, "
         "'vocab_size': 32}",
         "", "'hidden_size / num_attention_heads': 25 is not divisible by 6"},
        {&fake_hf,
         "{'hidden_size': 24, 'intermediate_size': 40, 'num_hidden_layers': 1000000000, 'num_attention_heads': 6, "
         "'vocab_size': 32}",
         "", "fake: config.json: num_hidden_layers is 1000000000, expected at most 1024"},
    };
    check_family("llama", cases, sizeof cases / sizeof *cases);
}

/* Defaults of transformers' classes that are not "off", and null, which is. */
TEST(llama__its_kin_tell_what_is_not_said_from_null)
{
    static const struct family_case caps[] = {
        {&fake_hf, "{" SIZES "}", "", "softcap: 50.0\ncap: 30.0"},
        {&fake_hf, "{" SIZES ", 'attn_logit_softcapping': null, 'final_logit_softcapping': null}", "",
         "softcap: 0.0\n!cap: 30.0\n!softcap: 50.0"},
        {&fake_hf, "{" SIZES ", 'attn_logit_softcapping': 20.0, 'final_logit_softcapping': 10.0}", "",
         "softcap: 20.0\ncap: 10.0"},
    };
    static const struct family_case none[] = {{&fake_hf, "{" SIZES "}", "", "softcap: 0.0\n!softcap: 50.0"}};
    check_family("gemma2", caps, sizeof caps / sizeof *caps);
    check_family("gemma3", none, 1);
}

TESTS(llama__reads_the_spellings_of_transformers_4_and_5, llama__reads_gguf,
      llama__refuses_by_name_what_it_would_get_wrong, llama__its_kin_tell_what_is_not_said_from_null)
