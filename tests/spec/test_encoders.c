/* The encoders' families against the ways in which checkpoints say what they are. */
#include "world.h"

#define BERT                                                                                                       \
    "'hidden_size': 24, 'intermediate_size': 40, 'num_hidden_layers': 2, 'num_attention_heads': 6, "               \
    "'vocab_size': 32, 'max_position_embeddings': 64"
#define DISTILBERT                                                                                                 \
    "'dim': 24, 'hidden_dim': 40, 'n_layers': 2, 'n_heads': 6, 'vocab_size': 32, 'max_position_embeddings': 64"
/* as beside nomic-embed-text-v1.5 */
#define NOMIC                                                                                                      \
    "'activation_function': 'swiglu', 'causal': false, 'layer_norm_epsilon': 1e-12, 'mlp_fc1_bias': false, "       \
    "'mlp_fc2_bias': false, 'model_type': 'nomic_bert', 'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, "  \
    "'n_positions': 8192, 'pad_vocab_size_multiple': 64, 'parallel_block': false, 'prenorm': false, "              \
    "'qkv_proj_bias': false, 'rotary_emb_base': 1000, 'rotary_emb_fraction': 1.0, "                                \
    "'rotary_emb_interleaved': false, 'rotary_emb_scale_base': null, 'rotary_scaling_factor': null, "              \
    "'type_vocab_size': 2, 'use_rms_norm': false, 'vocab_size': 30"

TEST(bert__honours_or_refuses_what_its_config_says)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" BERT "}", "", "output: vectors\npooling: mean\nnormalize: true\n!classifier:\n!unread"},
        {&fake_hf, "{" BERT "}", "bert.pooler.dense.weight bert.pooler.dense.bias",
         "dense: {names: [bert.pooler.dense.weight], shape: [24, 24], unread: true}\n"
         "dense_bias: {names: [bert.pooler.dense.bias], shape: [24], unread: true}"},
        {&fake_hf, "{" BERT ", 'hidden_act': 'gelu_new', 'type_vocab_size': 0}", "classifier.weight:3",
         "output: scores\nactivation: gelu_tanh\nclassifier: {names: [classifier.weight], shape: [3, 24]}\n"
         "activation: tanh\n!token_types\n!unread"},
        {&fake_hf, "{" BERT ", 'sentence_transformers': {'pooling': 'cls', 'normalize': false}}", "",
         "pooling: cls\nnormalize: false"},
        {&fake_hf, "{" BERT ", 'sentence_transformers': {'pooling': 'pooling_mode_max_tokens'}}", "",
         "sentence_transformers.pooling is 'pooling_mode_max_tokens', expected one of mean, cls, last"},
        {&fake_hf, "{" BERT ", 'position_embedding_type': 'relative_key'}", "",
         "fake: positions must be learned ones (absolute) (position_embedding_type = relative_key)"},
        {&fake_hf, "{" BERT ", 'is_decoder': true}", "",
         "fake: this spec reads texts in both directions (is_decoder = true)"},
        {&fake_hf, "{" BERT ", 'hidden_act': 'mish'}", "",
         "hidden_act is 'mish', expected one of silu, swish, gelu"},
    };
    check_family("bert", cases, sizeof cases / sizeof *cases);
}

TEST(roberta__counts_positions_from_the_paddings_id)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" BERT "}", "lm_head.bias roberta.pooler.dense.weight",
         "max_position_embeddings: 62\noffset: 2\n"
         "positions: {names: [embeddings.position_embeddings.weight], shape: [64, 24]}\n"
         "lm_bias: {names: [lm_head.bias], shape: [32], unread: true}\n"
         "pooler: {names: [roberta.pooler.dense.weight], shape: [24, 24], unread: true}"},
        {&fake_hf, "{" BERT ", 'pad_token_id': 0}", "", "max_position_embeddings: 63\noffset: 1"},
        {&fake_hf, "{" BERT ", 'pad_token_id': 64}", "", "is -1, expected at least 1"},
        {&fake_hf, "{" BERT "}", "classifier.out_proj.weight:2",
         "output: scores\ndense: {names: [classifier.dense.weight], shape: [24, 24]}\n"
         "classifier: {names: [classifier.out_proj.weight], shape: [2, 24]}"},
    };
    check_family("roberta", cases, sizeof cases / sizeof *cases);
    check_family("xlm-roberta", cases, sizeof cases / sizeof *cases);
}

TEST(distilbert__has_names_of_its_own)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" DISTILBERT ", 'activation': 'relu', 'sinusoidal_pos_embds': true}", "vocab_projector.bias",
         "hidden_size: 24\nintermediate_size: 40\nactivation: relu\n!token_types\n"
         "attn_q.1: {names: [transformer.layer.1.attention.q_lin.weight], shape: [24, 24]}\n"
         "lm_bias: {names: [vocab_projector.bias], shape: [32], unread: true}"},
        {&fake_hf, "{" DISTILBERT "}", "distilbert.transformer.layer.0.ffn.lin1.bias classifier.weight:2",
         "ffn_up_bias.0: {names: [distilbert.transformer.layer.0.ffn.lin1.bias], shape: [40]\n"
         "dense: {names: [pre_classifier.weight], shape: [24, 24]}\ndown: classifier, up_bias: dense_bias"},
        {&fake_hf, "{" DISTILBERT ", 'activation': 'tanh'}", "", "activation: tanh"},
        {&fake_hf, "{" DISTILBERT ", 'activation': 'mish'}", "", "activation is 'mish', expected one of silu"},
        {&fake_hf, "{" BERT "}", "", "fake does not say: hidden_size (dim), intermediate_size (hidden_dim)"},
    };
    check_family("distilbert", cases, sizeof cases / sizeof *cases);
}

TEST(modernbert__honours_or_refuses_what_its_config_says)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" BERT ", 'global_rope_theta': 500.0, 'local_rope_theta': 50, 'local_attention': 9}", "",
         "rope.theta: 500.0\nrope.theta: 50.0\nwindow: 5\n!_bias.\nlayers.1.layer_norm_2,\n!layers.0.layer_norm_2"},
        {&fake_hf,
         "{" BERT ", 'layer_types': ['sliding_attention', 'sliding_attention'], 'rope_parameters': "
         "{'full_attention': {'rope_theta': 7.0, 'rope_type': 'default'}, 'sliding_attention': {'rope_theta': "
         "8.0}}}",
         "", "rope.theta: 8.0\nwindow: 65\n!rope.theta: 7.0"},
        {&fake_hf, "{" BERT ", 'attention_bias': true, 'mlp_bias': true, 'norm_bias': true}", "",
         "attn_qkv_bias.1: {names: [layers.1.attn.Wqkv.bias], shape: [72]\n"
         "ffn_up_bias.0: {names: [layers.0.mlp.Wi.bias], shape: [40], transform: [{split: {axis: 0, begin: 40\n"
         "ffn_down_bias.0: {names: [layers.0.mlp.Wo.bias], shape: [24]\n"
         "final_norm_bias: {names: [final_norm.bias], shape: [24]"},
        {&fake_hf,
         "{" BERT ", 'classifier_pooling': 'mean', 'classifier_bias': true, 'classifier_activation': 'relu'}",
         "classifier.weight:2",
         "by: mean\nweight: dense, bias: dense_bias, activation: relu\nweight: classifier, bias: classifier_bias"},
        {&fake_hf, "{" BERT ", 'classifier_pooling': 'max'}", "",
         "classifier_pooling is 'max', expected one of cls, mean"},
        {&fake_hf, "{" BERT ", 'layer_types': ['full_attention']}", "",
         "layer_types is a list of 1, expected one of 2"},
        {&fake_hf, "{" BERT ", 'layer_types': ['full_attention', 'chunked_attention']}", "",
         "layer_types is 'chunked_attention', expected one of full_attention, sliding_attention"},
        {&fake_hf, "{" BERT ", 'rope_parameters': {'sliding_attention': {'rope_type': 'yarn'}}}", "",
         "rope_parameters.sliding_attention.rope_type is 'yarn', expected one of default"},
        {&fake_hf, "{" BERT ", 'rope_scaling': {'rope_type': 'linear', 'factor': 2.0}}", "",
         "rope_scaling.rope_type is 'linear', expected one of default, none"},
        {&fake_hf, "{" BERT ", 'hidden_activation': 'relu6'}", "",
         "hidden_activation is 'relu6', expected one of silu"},
    };
    check_family("modernbert", cases, sizeof cases / sizeof *cases);
}

TEST(nomic_bert__honours_or_refuses_what_its_config_says)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" NOMIC "}", "",
         "max_position_embeddings: 8192\nembed: {names: [embeddings.word_embeddings.weight], shape: [64, 24]}\n"
         "rope.theta: 1000.0\nrope.dim: 4\nactivation: silu\n!attn_qkv_bias\n!ffn_up_bias"},
        {&fake_hf, "{'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, 'vocab_size': 32}", "",
         "fake: positions must be rotary ones (rotary_emb_fraction = 0.0)"},
        {&fake_hf,
         "{'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, 'vocab_size': 32, 'rotary_emb_fraction': 0.5, "
         "'rotary_emb_interleaved': true, 'activation_function': 'geglu', 'rotary_scaling_factor': 2, "
         "'max_trained_positions': 16}",
         "",
         "rope.theta: 10000.0\nrope.dim: 2\nrope.interleaved: true\nrope.scaling: dynamic, rope.factor: 2.0\n"
         "rope.original_context: 16\nactivation: gelu\nqkv_bias: attn_qkv_bias.1\nup_bias: ffn_up_bias.0\n"
         "down_bias: ffn_down_bias.1"},
        {&fake_hf, "{" BERT ", 'rope_parameters': {'rope_type': 'default', 'rope_theta': 500}}", "",
         "rope.theta: 500.0\nactivation: silu\n!attn_qkv_bias"},
        {&fake_hf, "{" NOMIC ", 'num_experts': 8, 'moe_every_n_layers': 2}", "",
         "fake: this is the mixture of experts (num_experts = 8)"},
        {&fake_hf, "{" NOMIC ", 'norm_mlp': true}", "", "norms must come after each of the two sums"},
        {&fake_hf, "{" NOMIC ", 'num_heads_kv': 2}", "", "each head must have keys and values of its own"},
        {&fake_hf, "{'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, 'vocab_size': 32, 'prenorm': true}",
         "", "norms must come after each of the two sums (prenorm = true)"},
        {&fake_hf,
         "{'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, 'vocab_size': 32, 'use_rms_norm': true}", "",
         "norms must be by mean and variance (use_rms_norm = true)"},
        {&fake_hf, "{'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, 'vocab_size': 32, 'causal': true}", "",
         "this spec reads texts in both directions (causal = true)"},
        {&fake_hf,
         "{'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, 'vocab_size': 32, 'rotary_emb_fraction': 1.0, "
         "'rotary_emb_scale_base': 512}",
         "", "rotary positions must not decay (rotary_emb_scale_base = 512.0)"},
        {&fake_hf,
         "{'n_embd': 24, 'n_head': 6, 'n_inner': 40, 'n_layer': 2, 'vocab_size': 32, 'activation_function': "
         "'gelu'}",
         "", "activation_function is 'gelu', expected one of swiglu, geglu, glu"},
        {&fake_hf, "{" BERT ", 'rope_parameters': {'rope_type': 'yarn'}}", "",
         "rope_parameters.rope_type is 'yarn', expected one of default, none, linear, dynamic"},
    };
    check_family("nomic-bert", cases, sizeof cases / sizeof *cases);
}

TEST(qwen3__gives_vectors_where_its_files_say_how)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" BERT "}", "model.embed_tokens.weight lm_head.weight", "output: logits\nlayer: linear"},
        {&fake_hf, "{" BERT ", 'sentence_transformers': {'pooling': 'last', 'normalize': true}}", "",
         "output: vectors\npooling: last\nnormalize: true\n!layer: linear"},
        {&fake_hf, "{" BERT "}", "embed_tokens.weight", "output: vectors\npooling: none\n!layer: linear"},
        {&fake_hf, "{" BERT ", 'tie_word_embeddings': true}", "embed_tokens.weight",
         "output: logits\nlayer: linear"},
        {&fake_hf, "{" BERT ", 'tie_word_embeddings': true, 'architectures': ['Qwen3Model']}",
         "embed_tokens.weight", "output: vectors\npooling: none\n!layer: linear"},
        {&fake_hf, "{" BERT ", 'sentence_transformers': {'pooling': 'pooling_mode_weightedmean_tokens'}}", "",
         "expected one of mean, cls, last"},
        {&fake_gguf,
         "{'general.architecture': 'qwen3', 'qwen3.embedding_length': 24, 'qwen3.feed_forward_length': 40, "
         "'qwen3.block_count': 2, 'qwen3.attention.head_count': 6, 'qwen3.pooling_type': 3}",
         "token_embd.weight:32", "output: vectors\npooling: last\n!layer: linear"},
        {&fake_gguf,
         "{'general.architecture': 'qwen3', 'qwen3.embedding_length': 24, 'qwen3.feed_forward_length': 40, "
         "'qwen3.block_count': 2, 'qwen3.attention.head_count': 6, 'qwen3.pooling_type': 4}",
         "token_embd.weight:32", "qwen3.pooling_type is '4', expected one of"},
    };
    check_family("qwen3", cases, sizeof cases / sizeof *cases);
}

TESTS(bert__honours_or_refuses_what_its_config_says, roberta__counts_positions_from_the_paddings_id,
      distilbert__has_names_of_its_own, modernbert__honours_or_refuses_what_its_config_says,
      nomic_bert__honours_or_refuses_what_its_config_says, qwen3__gives_vectors_where_its_files_say_how)
