/* specs/families/t5.yaml and its kin against the ways in which checkpoints say the same thing. */
#include "world.h"

#define SIZES "'d_model': 16, 'd_ff': 40, 'd_kv': 6, 'num_heads': 2, 'num_layers': 3, 'vocab_size': 32"
#define GGUF_SIZES                                                                                                 \
    "'general.architecture': 't5', 't5.embedding_length': 16, 't5.feed_forward_length': 40, 't5.block_count': 3, " \
    "'t5.attention.head_count': 2, 't5.attention.key_length': 6, 't5.context_length': 64"
#define COUNT(cases) (sizeof(cases) / sizeof *(cases))

TEST(t5__reads_the_spellings_of_all_versions)
{
    static const struct family_case cases[] = {
        /* of 1.0 */
        {&fake_hf, "{" SIZES ", 'n_positions': 512}", "shared.weight",
         "num_decoder_layers: 3\nactivation: relu\nmax_position_embeddings: 512\nq_dim: 12\n"
         "enc_plain.2: {names: [encoder.block.2.layer.1.DenseReluDense.wi.weight], shape: [40, 16]}\n"
         "dec_plain.0: {names: [decoder.block.0.layer.2.DenseReluDense.wi.weight], shape: [40, 16]}\n"
         "enc_q.1: {names: [encoder.block.1.layer.0.SelfAttention.q.weight], shape: [12, 16]}\n"
         "cross_out.2: {names: [decoder.block.2.layer.1.EncDecAttention.o.weight], shape: [16, 12]}\n"
         "layer: scale\nfactor: 0.25\nweight: embed}\n"
         "enc_bias: {names: [encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight], shape: [32, "
         "2]}\n"
         "decoder_start_token: 0\n!enc_gate\n!weight: head"},
        /* of 1.1, as its authors, transformers 4 and transformers 5 say it */
        {&fake_hf, "{" SIZES ", 'feed_forward_proj': 'gated-gelu', 'tie_word_embeddings': false}", "lm_head.weight",
         "activation: gelu_tanh\nenc_gate.0: {names: [encoder.block.0.layer.1.DenseReluDense.wi_0.weight]\n"
         "dec_up.2: {names: [decoder.block.2.layer.2.DenseReluDense.wi_1.weight]\nhead: {names: [lm_head.weight]\n"
         "!layer: scale"},
        {&fake_hf,
         "{" SIZES ", 'feed_forward_proj': 'gated-gelu', 'is_gated_act': true, 'dense_act_fn': 'gelu_new', "
         "'tie_word_embeddings': true, 'scale_decoder_outputs': false}",
         "lm_head.weight",
         "activation: gelu_tanh\nenc_gate.0\nhead: {names: [lm_head.weight]\nweight: head}\n!layer: "
         "scale"},
        {&fake_hf, "{" SIZES ", 'feed_forward_proj': 'gated-silu', 'num_decoder_layers': 1}", "",
         "activation: silu\nenc_gate.2\ndec_gate.0\n!dec_gate.1"},
        {&fake_hf, "{" SIZES ", 'feed_forward_proj': 'gated-gelu', 'dense_act_fn': 'gelu'}", "",
         "activation: gelu\n"},
        /* a head that is there is the head, and one that must be there is asked for */
        {&fake_hf, "{" SIZES "}", "lm_head.weight", "  head: {names: [lm_head.weight]\nlayer: scale"},
        {&fake_hf, "{" SIZES ", 'tie_word_embeddings': false}", "shared.weight", "head: {names: [lm_head.weight]"},
        /* the embedding by its three names */
        {&fake_hf, "{" SIZES "}", "decoder.embed_tokens.weight",
         "embed_of_decoder: {names: [decoder.embed_tokens.weight]\nweight: embed_of_decoder"},
        {&fake_hf, "{" SIZES "}", "encoder.embed_tokens.weight decoder.embed_tokens.weight",
         "weight: embed_of_encoder\n!weight: embed_of_decoder"},
        {&fake_hf,
         "{" SIZES ", 'relative_attention_num_buckets': 8, 'relative_attention_max_distance': 20, "
         "'layer_norm_epsilon': 1e-5, 'pad_token_id': 7}",
         "", "shape: [8, 2]\nbias.max_distance: 20\neps: 1e-05\ndecoder_start_token: 7"},
        {&fake_hf, "{" SIZES ", 'pad_token_id': 7, 'decoder_start_token_id': 9}", "", "decoder_start_token: 9"},
    };
    check_family("t5", cases, COUNT(cases));
}
END_TEST

TEST(t5__reads_gguf)
{
    static const struct family_case cases[] = {
        {&fake_gguf, "{" GGUF_SIZES ", 't5.attention.layer_norm_rms_epsilon': 1e-5}", "token_embd.weight:32",
         "activation: relu\neps: 1e-05\nlayer: scale\n!enc_gate\n"
         "enc_plain.1: {names: [enc.blk.1.ffn_up.weight]\nenc_bias: {names: [enc.blk.0.attn_rel_b.weight]\n"
         "bias.max_distance: 128\nmax_position_embeddings: 64"},
        {&fake_gguf,
         "{" GGUF_SIZES ", 't5.decoder_block_count': 2, 't5.decoder_start_token_id': 5, "
         "'t5.attention.relative_buckets_count': 16}",
         "token_embd.weight:32 output.weight enc.blk.0.ffn_gate.weight",
         "activation: gelu_tanh\nnum_decoder_layers: 2\ndecoder_start_token: 5\nshape: [16, 2]\n"
         "dec_gate.1: {names: [dec.blk.1.ffn_gate.weight]\ncross_k.1: {names: [dec.blk.1.cross_attn_k.weight]\n"
         "head: {names: [output.weight]\n!layer: scale"},
    };
    check_family("t5", cases, COUNT(cases));
}
END_TEST

TEST(t5__refuses_by_name_what_it_would_get_wrong)
{
    static const struct family_case cases[] = {
        {&fake_hf, "{" SIZES ", 'feed_forward_proj': 'gated-swish'}", "",
         "fake: config.json: feed_forward_proj is 'gated-swish', expected one of plain, relu, gelu"},
        {&fake_hf, "{" SIZES ", 'dense_act_fn': 'mish'}", "",
         "fake: config.json: dense_act_fn is 'mish', expected one of silu, swish, gelu"},
        {&fake_hf, "{" SIZES ", 'is_decoder': true}", "",
         "fake: this spec is of an encoder and a decoder (is_decoder = true"},
        {&fake_hf, "{" SIZES ", 'is_encoder_decoder': false}", "", "is_encoder_decoder = false"},
        {&fake_hf, "{'d_model': 16}", "", "fake does not say: d_ff, num_heads, num_layers, vocab_size"},
        {&fake_hf, "{" SIZES ", 'num_decoder_layers': 0}", "", "num_decoder_layers is 0, expected at least 1"},
    };
    check_family("t5", cases, COUNT(cases));
}
END_TEST

TEST(t5__has_kin_that_differ_where_they_say)
{
    static const struct family_case mt5[] = {
        {&fake_hf, "{" SIZES ", 'feed_forward_proj': 'gated-gelu', 'tie_word_embeddings': true}", "",
         "activation: gelu_tanh\nweight: embed\n!layer: scale"}};
    static const struct family_case umt5[] = {
        {&fake_hf, "{" SIZES ", 'feed_forward_proj': 'gated-gelu'}", "",
         "enc_bias.2: {names: [encoder.block.2.layer.0.SelfAttention.relative_attention_bias.weight]\n"
         "dec_bias.1: {names: [decoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight]\n"
         "bias.weight: dec_bias.2\nlayer: scale"}};
    check_family("mt5", mt5, COUNT(mt5));
    check_family("umt5", umt5, COUNT(umt5));
}
END_TEST

TESTS(t5__reads_the_spellings_of_all_versions, t5__reads_gguf, t5__refuses_by_name_what_it_would_get_wrong,
      t5__has_kin_that_differ_where_they_say)
