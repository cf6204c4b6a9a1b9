#!/usr/bin/env python3
"""Makes the tiny checkpoints of the decoders (but Llama's and PaLM's) under tests/golden/, safetensors and GGUF.

    pip install torch transformers safetensors numpy gguf
    python decoders.py [NAME...]
"""
import sys

import numpy as np
import torch
import transformers as t

from golden import common_values, neighbours, randomise, write_gguf, write_safetensors

SIZES = dict(vocab_size=73, hidden_size=36, intermediate_size=44, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
             max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=False)
ROPE = dict(rope_type="default", rope_theta=10000.0)
CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


def make(config_class, seed, norm_offset=0.0, **changes):
    config = config_class(**{**SIZES, **changes})
    config._attn_implementation = "eager"
    model = t.AutoModelForCausalLM.from_config(config).float()
    return randomise(model, seed, norm_offset)


def llama_order(model):
    c = model.config
    def change(name, a):
        if ".q_proj." in name:
            return neighbours(a, c.num_attention_heads)
        return neighbours(a, c.num_key_value_heads) if ".k_proj." in name else a
    return change


@case
def mistral():
    model = make(t.MistralConfig, 1, head_dim=10, rope_parameters=ROPE, sliding_window=17)
    write_safetensors("mistral", model, old=True)
    write_safetensors("mistral-full", make(t.MistralConfig, 2, rope_parameters=ROPE, sliding_window=None, tie_word_embeddings=True))


@case
def qwen2():
    model = make(t.Qwen2Config, 3, rope_parameters=ROPE)
    write_safetensors("qwen2", model, old=True)
    write_gguf("qwen2-gguf", model, "qwen2", common_values(model.config))
    window = make(t.Qwen2Config, 4, rope_parameters=ROPE, use_sliding_window=True, sliding_window=13, max_window_layers=1, tie_word_embeddings=True)
    write_safetensors("qwen2-window", window)
    write_safetensors("qwen2-window-old", window, old=True, drop=("layer_types",))
    write_safetensors("qwen2-bf16", make(t.Qwen2Config, 5, rope_parameters=ROPE), dtype=torch.bfloat16)


@case
def qwen3():
    model = make(t.Qwen3Config, 6, head_dim=10, rope_parameters=ROPE)
    write_safetensors("qwen3", model)
    write_gguf("qwen3-gguf", model, "qwen3", common_values(model.config))
    write_safetensors("qwen3-bias-yarn", make(t.Qwen3Config, 7, head_dim=10, attention_bias=True, tie_word_embeddings=True, rope_parameters=dict(
        rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32)), old=True)


def plus_one(name, a):
    return a + 1 if name.endswith("norm.weight") else a


@case
def gemma():
    model = make(t.GemmaConfig, 8, 1.0, head_dim=10, rope_parameters=ROPE, tie_word_embeddings=True)
    write_safetensors("gemma", model, old=True)
    values = {k: v for k, v in common_values(model.config).items() if not k.startswith("rope.")}
    write_gguf("gemma-gguf", model, "gemma", values, plus_one)


@case
def gemma2():
    shape = dict(head_dim=10, rope_parameters=ROPE, tie_word_embeddings=True, num_hidden_layers=3, sliding_window=17,
                 attn_logit_softcapping=5.0, final_logit_softcapping=8.0)
    write_safetensors("gemma2-scalar", make(t.Gemma2Config, 9, 1.0, **shape, query_pre_attn_scalar=8), old=True, drop=("layer_types",))
    model = make(t.Gemma2Config, 10, 1.0, **shape, query_pre_attn_scalar=10)
    write_safetensors("gemma2", model, old=True, drop=("layer_types",))
    values = {k: v for k, v in common_values(model.config).items() if not k.startswith("rope.")}
    write_gguf("gemma2-gguf", model, "gemma2", values | {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 8.0,
                                                         "attention.sliding_window": 17}, plus_one)


@case
def gemma3():
    rope = {"full_attention": dict(rope_type="linear", rope_theta=30000.0, factor=8.0),
            "sliding_attention": dict(rope_type="default", rope_theta=10000.0)}
    shape = dict(rope_parameters=rope, head_dim=10, tie_word_embeddings=True, sliding_window=17)
    write_safetensors("gemma3-types", make(t.Gemma3TextConfig, 11, 1.0, **shape, num_hidden_layers=3, query_pre_attn_scalar=8,
                                           layer_types=["sliding_attention", "full_attention", "sliding_attention"]))
    model = make(t.Gemma3TextConfig, 12, 1.0, **shape, num_hidden_layers=6, query_pre_attn_scalar=10, intermediate_size=20, hidden_size=24,
                 num_attention_heads=3, num_key_value_heads=1)
    write_safetensors("gemma3", model)
    values = common_values(model.config) | {"rope.freq_base": 30000.0, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0,
                                            "attention.sliding_window": 17}
    values.pop("rope.dimension_count")
    write_gguf("gemma3-gguf", model, "gemma3", values, plus_one)


@case
def gemma4():
    """As E2B: inputs of each layer; the last two layers use the keys and values of layers 1 and 2, and have a wider mlp."""
    types = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    rope = {"full_attention": dict(rope_type="proportional", partial_rotary_factor=0.5, rope_theta=30000.0),
            "sliding_attention": dict(rope_type="default", rope_theta=10000.0)}
    shape = dict(hidden_size=24, intermediate_size=20, num_hidden_layers=5, num_attention_heads=3, num_key_value_heads=1, head_dim=8,
                 global_head_dim=16, layer_types=types, sliding_window=17, num_kv_shared_layers=2, tie_word_embeddings=True, rope_parameters=rope,
                 vocab_size_per_layer_input=73, final_logit_softcapping=8.0)
    model = make(t.Gemma4TextConfig, 59, **shape, hidden_size_per_layer_input=6, use_double_wide_mlp=True)
    for layer in model.model.layers:
        layer.layer_scalar.data.fill_(0.75)
    write_safetensors("gemma4", model, drop=("per_layer_config",), global_head_dim=16)
    model.config.allow_global_per_layer_attribute_access = True
    values = {k: v for k, v in common_values(model.config).items() if not k.startswith("rope.")} | {
        "feed_forward_length": [20, 20, 20, 40, 40], "attention.sliding_window": 17, "attention.shared_kv_layers": 2,
        "attention.sliding_window_pattern": [kind == "sliding_attention" for kind in types], "embedding_length_per_layer_input": 6,
        "attention.key_length": 16, "attention.value_length": 16, "attention.key_length_swa": 8, "attention.value_length_swa": 8,
        "rope.freq_base": 30000.0, "rope.freq_base_swa": 10000.0, "final_logit_softcapping": 8.0}

    def change(name, a):
        return [(f"blk.{name.split('.')[2]}.layer_output_scale.weight", a)] if name.endswith("layer_scalar") else a
    write_gguf("gemma4-gguf", model, "gemma4", values, change, also={"rope_freqs.weight": np.array([1.0] * 4 + [1e30] * 4)})


def divisors(n, start, step):
    return [round(start + step * i, 3) for i in range(n)]


@case
def phi3():
    model = make(t.Phi3Config, 13, rope_parameters=ROPE, sliding_window=19, num_key_value_heads=3)
    write_safetensors("phi3", model, old=True)
    # texts of the test are longer than the original context: 60 tokens, then 8 and more that are not
    long = dict(rope_type="longrope", rope_theta=10000.0, short_factor=divisors(4, 1.0, 0.1), long_factor=divisors(4, 1.5, 0.7),
                original_max_position_embeddings=32, partial_rotary_factor=0.8)
    shape = dict(num_attention_heads=4, hidden_size=40, num_key_value_heads=2, original_max_position_embeddings=32)
    other = make(t.Phi3Config, 14, rope_parameters=long, **shape)
    write_safetensors("phi3-longrope", other, old=True)
    fitting = make(t.Phi3Config, 15, rope_parameters={**long, "original_max_position_embeddings": 96}, **{**shape, "original_max_position_embeddings": 96})
    write_safetensors("phi3-longrope-short", fitting)
    values = common_values(other.config) | {"rope.dimension_count": 8, "rope.scaling.original_context_length": 32,
                                            "rope.scaling.attn_factor": float(np.sqrt(1 + np.log(4) / np.log(32)))}
    values = {k: v for k, v in values.items() if k not in ("attention.key_length", "attention.value_length")}
    write_gguf("phi3-longrope-gguf", other, "phi3", values, also={
        "rope_factors_long.weight": np.array(long["long_factor"]), "rope_factors_short.weight": np.array(long["short_factor"])})


@case
def granite():
    model = make(t.GraniteConfig, 16, rope_parameters=ROPE, embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.7,
                 logits_scaling=4.0)
    write_safetensors("granite", model, old=True)
    write_gguf("granite-gguf", model, "granite", common_values(model.config) | {
        "embedding_scale": 3.0, "attention.scale": 0.3, "residual_scale": 0.7, "logit_scale": 4.0}, llama_order(model))
    write_safetensors("granite-bias", make(t.GraniteConfig, 17, rope_parameters=ROPE, attention_bias=True, mlp_bias=True,
                                           tie_word_embeddings=True, attention_multiplier=0.4))


@case
def minicpm():
    """Granite's arithmetic under the names of MiniCPM, whose code is not in transformers."""
    layers, hidden, heads = (SIZES[k] for k in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    model = make(t.GraniteConfig, 61, rope_parameters=ROPE, embedding_multiplier=12.0, residual_multiplier=1.4 / layers**0.5,
                 attention_multiplier=(hidden // heads) ** -0.5, logits_scaling=hidden / 9, tie_word_embeddings=True)
    multipliers = ("embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling")
    write_safetensors("minicpm", model, old=True, drop=multipliers, architecture="MiniCPMForCausalLM", model_type="minicpm", scale_emb=12,
                      scale_depth=1.4, dim_model_base=9)
    write_gguf("minicpm-gguf", model, "minicpm", common_values(model.config) | {
        "embedding_scale": 12.0, "residual_scale": 1.4 / layers**0.5, "logit_scale": hidden / 9}, llama_order(model))


@case
def smollm3():
    model = make(t.SmolLM3Config, 18, rope_parameters=ROPE, num_hidden_layers=4, intermediate_size=20, hidden_size=24, num_attention_heads=4)
    write_safetensors("smollm3", model, old=True, drop=("no_rope_layers", "layer_types"))
    write_gguf("smollm3-gguf", model, "smollm3", common_values(model.config), llama_order(model))
    write_safetensors("smollm3-window", make(t.SmolLM3Config, 19, rope_parameters=ROPE, attention_bias=True, mlp_bias=True, no_rope_layers=[0, 1],
                                             use_sliding_window=True, sliding_window=11, tie_word_embeddings=True))


@case
def olmo2():
    model = make(t.Olmo2Config, 20, rope_parameters=ROPE)
    write_safetensors("olmo2", model, old=True)
    write_gguf("olmo2-gguf", model, "olmo2", common_values(model.config))
    write_safetensors("olmo2-bias", make(t.Olmo2Config, 21, rope_parameters=ROPE, attention_bias=True, tie_word_embeddings=True))


@case
def olmo3():
    yarn = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32, beta_fast=32.0, beta_slow=1.0)
    rope = lambda **more: {"full_attention": yarn | more, "sliding_attention": ROPE}
    shape = dict(num_hidden_layers=4, intermediate_size=20, hidden_size=24, num_attention_heads=4, sliding_window=15)
    write_safetensors("olmo3-factor", make(t.Olmo3Config, 22, rope_parameters=rope(attention_factor=1.2), **shape))
    model = make(t.Olmo3Config, 23, rope_parameters=rope(), **shape)
    write_safetensors("olmo3", model)
    write_gguf("olmo3-gguf", model, "olmo2", common_values(model.config) | {
        "rope.freq_base": 10000.0, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 32,
        "rope.scaling.yarn_beta_fast": 32.0, "rope.scaling.yarn_beta_slow": 1.0, "attention.sliding_window": 15,
        "attention.sliding_window_pattern": [k == "sliding_attention" for k in model.config.layer_types]})


@case
def glm():
    rope = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)
    write_safetensors("glm-tied", make(t.GlmConfig, 25, head_dim=12, rope_parameters=rope, attention_bias=False, tie_word_embeddings=True))
    model = make(t.GlmConfig, 26, head_dim=12, hidden_size=48, num_attention_heads=4, intermediate_size=24, rope_parameters=rope)
    write_safetensors("glm", model, old=True)
    def fuse(name, a):
        stem = name.replace("q_proj", "*")
        if ".q_proj." in name:
            w = model.state_dict()
            rows = np.concatenate([w[stem.replace("*", p)].numpy() for p in ("q_proj", "k_proj", "v_proj")])
            i, kind = name.split(".")[2], name.rsplit(".", 1)[1]
            return [(f"blk.{i}.attn_qkv.{kind}", rows)]
        return None if ".k_proj." in name or ".v_proj." in name else a
    values = common_values(model.config) | {"rope.dimension_count": 6}
    write_gguf("glm-gguf", model, "chatglm", {k: v for k, v in values.items() if "length" not in k or "attention" not in k}, fuse)


@case
def glm4():
    rope = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)
    model = make(t.Glm4Config, 27, head_dim=12, rope_parameters=rope)
    write_safetensors("glm4", model)
    write_gguf("glm4-gguf", model, "glm4", common_values(model.config) | {"rope.dimension_count": 6})


@case
def cohere():
    model = make(t.CohereConfig, 28, rope_parameters=ROPE, tie_word_embeddings=True, logit_scale=0.3)
    write_safetensors("cohere", model, old=True)
    write_safetensors("cohere-qk-norm", make(t.CohereConfig, 29, rope_parameters=ROPE, use_qk_norm=True, attention_bias=True, logit_scale=0.3))
    plus = make(t.CohereConfig, 30, rope_parameters=ROPE, tie_word_embeddings=True, use_qk_norm=True, logit_scale=0.3)
    write_safetensors("cohere-plus", plus)
    values = common_values(model.config) | {"logit_scale": 0.3, "attention.layer_norm_epsilon": 1e-5, "rope.scaling.type": "none"}
    write_gguf("cohere-gguf", model, "command-r", values)
    write_gguf("cohere-plus-gguf", plus, "command-r", values)


@case
def cohere2():
    model = make(t.Cohere2Config, 31, rope_parameters=ROPE, tie_word_embeddings=True, logit_scale=0.3, num_hidden_layers=4, sliding_window=13,
                 hidden_size=24, intermediate_size=20)
    write_safetensors("cohere2", model)
    write_safetensors("cohere2-old", model, old=True, drop=("layer_types",))
    write_gguf("cohere2-gguf", model, "cohere2", common_values(model.config) | {
        "logit_scale": 0.3, "attention.layer_norm_epsilon": 1e-5, "rope.scaling.type": "none", "attention.sliding_window": 13})


@case
def nemotron():
    rope = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)
    model = make(t.NemotronConfig, 32, 1.0, head_dim=12, rope_parameters=rope)
    write_safetensors("nemotron", model, old=True)
    write_gguf("nemotron-gguf", model, "nemotron", common_values(model.config) | {
        "rope.dimension_count": 6, "attention.layer_norm_epsilon": 1e-5, "rope.scaling.type": "none"}, plus_one)
    write_safetensors("nemotron-bias", make(t.NemotronConfig, 33, 1.0, head_dim=12, rope_parameters=rope, attention_bias=True, mlp_bias=True,
                                            tie_word_embeddings=True))


@case
def exaone4():
    shape = dict(num_hidden_layers=4, intermediate_size=20, hidden_size=24, num_attention_heads=4)
    model = make(t.Exaone4Config, 34, rope_parameters=ROPE, sliding_window=15, **shape)
    write_safetensors("exaone4", model)
    write_gguf("exaone4-gguf", model, "exaone4", common_values(model.config) | {
        "attention.sliding_window": 15, "attention.sliding_window_pattern": [k == "sliding_attention" for k in model.config.layer_types]})
    write_safetensors("exaone4-full", make(t.Exaone4Config, 35, rope_parameters=ROPE, sliding_window=None, tie_word_embeddings=True,
                                             layer_types=["full_attention"] * 2))


@case
def ministral():
    write_safetensors("ministral", make(t.MinistralConfig, 36, head_dim=10, rope_parameters=ROPE, sliding_window=15,
                                        layer_types=["sliding_attention", "full_attention"]))


@case
def ministral3():
    rope = dict(rope_type="yarn", rope_theta=10000.0, factor=16.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0,
                mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.4)
    model = make(t.Ministral3Config, 37, head_dim=10, rope_parameters=rope)
    write_safetensors("ministral3", model)
    write_gguf("ministral3-gguf", model, "mistral3", common_values(model.config) | {
        "rope.scaling.type": "yarn", "rope.scaling.factor": 16.0, "rope.scaling.original_context_length": 16,
        "rope.scaling.yarn_beta_fast": 32.0, "rope.scaling.yarn_beta_slow": 1.0, "rope.scaling.yarn_log_multiplier": 1.0,
        "attention.temperature_scale": 0.4}, llama_order(model))


@case
def internlm3():
    model = make(t.LlamaConfig, 38, head_dim=10, rope_parameters=ROPE, attention_bias=True, mlp_bias=True)
    model.config.architectures = ["InternLM3ForCausalLM"]
    write_safetensors("internlm3", model, rename={"attention_bias": "qkv_bias", "mlp_bias": "bias"}, architecture="InternLM3ForCausalLM",
                      model_type="internlm3")


# --- with layer norms --------------------------------------------------------------------------------------------------------------

OLD = dict(vocab_size=73, n_embd=36, n_layer=2, n_head=6, n_positions=64, bos_token_id=1, eos_token_id=2)


def make_old(config_class, seed, attention="eager", **changes):
    """Configurations with names of their own for the sizes."""
    config = config_class(**changes)
    config._attn_implementation = attention
    return randomise(t.AutoModelForCausalLM.from_config(config).float(), seed)


def by_kind(n_heads, a):
    """Rows that stand by heads, q, k and v of one after the other, as all of q, all of k, all of v."""
    return a.reshape(n_heads, 3, -1, *a.shape[1:]).swapaxes(0, 1).reshape(a.shape)


@case
def gpt2():
    model = make_old(t.GPT2Config, 40, **OLD)
    write_safetensors("gpt2", model)
    write_safetensors("gpt2-bare", model, strip="transformer.")
    values = {"block_count": 2, "context_length": 64, "embedding_length": 36, "feed_forward_length": 144, "attention.head_count": 6,
              "attention.layer_norm_epsilon": 1e-5}
    write_gguf("gpt2-gguf", model, "gpt2", values, lambda n, a: a.T if n.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")) else a)
    write_safetensors("gpt2-inverse", make_old(t.GPT2Config, 41, **OLD, n_inner=44, scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True,
                                               activation_function="gelu", tie_word_embeddings=False))
    write_safetensors("gpt2-unscaled", make_old(t.GPT2Config, 42, **OLD, n_inner=44, scale_attn_weights=False, activation_function="relu"))


@case
def gptj():
    model = make_old(t.GPTJConfig, 43, **OLD, rotary_dim=4, n_inner=52)
    write_safetensors("gptj", model)
    write_gguf("gptj-gguf", model, "gptj", {"block_count": 2, "context_length": 64, "embedding_length": 36, "feed_forward_length": 52,
                                            "attention.head_count": 6, "attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": 4})
    write_safetensors("gptj-f16", make_old(t.GPTJConfig, 44, **OLD, rotary_dim=6, n_inner=52, activation_function="gelu"), dtype=torch.float16)


@case
def gpt_neox():
    shape = dict(vocab_size=73, hidden_size=48, intermediate_size=52, num_hidden_layers=2, num_attention_heads=6, max_position_embeddings=128)
    rope = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)
    model = make_old(t.GPTNeoXConfig, 45, **shape, rope_parameters=rope)
    write_safetensors("gpt_neox", model, old=True, rename={"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"})
    values = {"block_count": 2, "context_length": 128, "embedding_length": 48, "feed_forward_length": 52, "attention.head_count": 6,
              "attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": 2, "use_parallel_residual": True}
    write_gguf("gpt_neox-gguf", model, "gptneox", values, lambda n, a: by_kind(6, a) if "query_key_value" in n else a)
    half = dict(rope_type="linear", rope_theta=5000.0, partial_rotary_factor=0.5, factor=2.0)
    write_safetensors("gpt_neox-sequential", make_old(t.GPTNeoXConfig, 46, **shape, rope_parameters=half, use_parallel_residual=False,
                                                      attention_bias=False, hidden_act="gelu_fast"))


@case
def falcon():
    shape = dict(vocab_size=73, hidden_size=36, num_hidden_layers=2, num_attention_heads=6, bos_token_id=1, eos_token_id=2)
    seven = make_old(t.FalconConfig, 47, **shape, multi_query=True, parallel_attn=True, rope_parameters=ROPE)
    write_safetensors("falcon", seven, old=True)
    groups = {**shape, "num_attention_heads": 6, "num_kv_heads": 2, "new_decoder_architecture": True}
    forty = make_old(t.FalconConfig, 48, **groups, rope_parameters=ROPE)
    write_safetensors("falcon-groups", forty)
    write_safetensors("falcon-groups-one-norm", make_old(t.FalconConfig, 49, **groups, num_ln_in_parallel_attn=1, ffn_hidden_size=52,
                                                         activation="relu", tie_word_embeddings=False, rope_parameters=ROPE))
    # eager attention of transformers 5.23 adds ALiBi twice
    write_safetensors("falcon-alibi", make_old(t.FalconConfig, 50, "sdpa", **shape, multi_query=False, parallel_attn=False, alibi=True, bias=True,
                                               ffn_hidden_size=52))

    def reorder(kv):
        def change(name, a):
            if "query_key_value" not in name:
                return a
            b = a.reshape(kv, 6 // kv + 2, 6, 36)
            return np.concatenate([b[:, :-2].reshape(-1, 36), b[:, -2].reshape(-1, 36), b[:, -1].reshape(-1, 36)])
        return change
    for name, model, kv in (("falcon-gguf", seven, 1), ("falcon-groups-gguf", forty, 2)):
        values = {"block_count": 2, "context_length": 2048, "embedding_length": 36, "feed_forward_length": 144, "attention.head_count": 6,
                  "attention.head_count_kv": kv, "attention.layer_norm_epsilon": 1e-5}
        write_gguf(name, model, "falcon", values, reorder(kv))


@case
def bloom():
    shape = dict(vocab_size=73, hidden_size=36, n_layer=2, n_head=6, bos_token_id=1, eos_token_id=2)  # 6 is no power of two
    model = make_old(t.BloomConfig, 51, **shape)
    write_safetensors("bloom", model, strip="transformer.")
    values = {"block_count": 2, "context_length": 2048, "embedding_length": 36, "feed_forward_length": 144, "attention.head_count": 6,
              "attention.layer_norm_epsilon": 1e-5}
    write_gguf("bloom-gguf", model, "bloom", values, lambda n, a: by_kind(6, a) if "query_key_value" in n else a, strip="transformer.")
    write_safetensors("bloom-after", make_old(t.BloomConfig, 52, **{**shape, "n_head": 4}, apply_residual_connection_post_layernorm=True))


@case
def mpt():
    shape = dict(vocab_size=73, d_model=36, n_layers=2, n_heads=6, max_seq_len=128, bos_token_id=1, eos_token_id=2)
    model = make_old(t.MptConfig, 53, **shape, attn_config=dict(clip_qkv=0.8))
    write_safetensors("mpt", model)
    values = {"block_count": 2, "context_length": 128, "embedding_length": 36, "feed_forward_length": 144, "attention.head_count": 6,
              "attention.layer_norm_epsilon": 1e-5, "attention.clamp_kqv": 0.8, "attention.max_alibi_bias": 8.0}
    write_gguf("mpt-gguf", model, "mpt", values)
    write_safetensors("mpt-scaled", make_old(t.MptConfig, 54, **{**shape, "n_heads": 4}, attn_config=dict(softmax_scale=0.2)))


@case
def opt():
    shape = dict(vocab_size=73, hidden_size=36, num_hidden_layers=2, num_attention_heads=6, ffn_dim=52, max_position_embeddings=64,
                 word_embed_proj_dim=36, pad_token_id=1, bos_token_id=2, eos_token_id=2)
    write_safetensors("opt", make_old(t.OPTConfig, 55, **shape))
    write_safetensors("opt-after", make_old(t.OPTConfig, 56, **{**shape, "word_embed_proj_dim": 20}, do_layer_norm_before=False))
    write_safetensors("opt-bare", make_old(t.OPTConfig, 57, **shape, enable_bias=False, layer_norm_elementwise_affine=False,
                                           activation_function="gelu", _remove_final_layer_norm=True), strip="model.")


@case
def phi():
    rope = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)
    shape = dict(num_attention_heads=4, num_key_value_heads=4, hidden_size=32)
    model = make(t.PhiConfig, 58, rope_parameters=rope, **shape)
    write_safetensors("phi", model, old=True)
    values = {k: v for k, v in common_values(model.config).items() if not k.startswith("attention.")} | {
        "attention.head_count": 4, "attention.head_count_kv": 4, "attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": 4}
    write_gguf("phi-gguf", model, "phi2", values)
    w = model.state_dict()

    def fuse(name, a):
        if ".q_proj." in name:
            i, kind = name.split(".")[2], name.rsplit(".", 1)[1]
            return [(f"blk.{i}.attn_qkv.{kind}", np.concatenate([w[name.replace("q_proj", p)].numpy() for p in ("q_proj", "k_proj", "v_proj")]))]
        return None if ".k_proj." in name or ".v_proj." in name else a
    write_gguf("phi-fused-gguf", model, "phi2", values, fuse)
    write_safetensors("phi-norms", make(t.PhiConfig, 59, rope_parameters=rope, **{**shape, "num_key_value_heads": 2}, qk_layernorm=True,
                                        hidden_act="gelu"))


@case
def stablelm():
    rope = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)
    shape = dict(num_attention_heads=4, num_key_value_heads=4, hidden_size=32)
    model = make(t.StableLmConfig, 60, rope_parameters=rope, **shape, use_qkv_bias=True)
    write_safetensors("stablelm", model, old=True)
    values = {k: v for k, v in common_values(model.config).items() if not k.startswith("attention.")} | {
        "attention.head_count": 4, "attention.head_count_kv": 4, "attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": 2,
        "use_parallel_residual": False}
    write_gguf("stablelm-gguf", model, "stablelm", values)
    twelve = make(t.StableLmConfig, 61, rope_parameters=rope, **{**shape, "num_key_value_heads": 2}, qk_layernorm=True, use_parallel_residual=True)
    write_safetensors("stablelm-parallel", twelve)
    w = twelve.state_dict()

    def stack(name, a):
        if "layernorm.norms." not in name:
            return a
        if not name.endswith("norms.0.weight"):
            return None
        i, kind = name.split(".")[2], "q" if "q_layernorm" in name else "k"
        n = 4 if kind == "q" else 2
        return [(f"blk.{i}.attn_{kind}_norm.weight", np.stack([w[name.replace("norms.0", f"norms.{h}")].numpy() for h in range(n)]))]
    write_gguf("stablelm-parallel-gguf", twelve, "stablelm", values | {"attention.head_count_kv": 2, "use_parallel_residual": True}, stack)


@case
def starcoder2():
    model = make(t.Starcoder2Config, 63, rope_parameters=ROPE, tie_word_embeddings=True)
    write_safetensors("starcoder2", model, old=True)
    write_gguf("starcoder2-gguf", model, "starcoder2", common_values(model.config) | {"attention.layer_norm_epsilon": 1e-5})
    write_safetensors("starcoder2-no-bias", make(t.Starcoder2Config, 64, rope_parameters=ROPE, sliding_window=17, use_bias=False))


def main():
    for name in sys.argv[1:] or CASES:
        CASES[name]()


if __name__ == "__main__":
    main()
