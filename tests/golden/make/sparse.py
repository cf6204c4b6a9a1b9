#!/usr/bin/env python3
"""Makes the tiny checkpoints of sparse models under tests/golden/, safetensors and GGUF.

    pip install torch transformers safetensors numpy gguf
    python sparse.py [NAME...]

Some seeds are such that no two experts are so nearly as good that weights in bf16 would choose the other one.
"""
import sys

import numpy as np
import torch
import transformers as t

from decoders import ROPE, llama_order, make
from golden import common_values, weights_of, write_gguf, write_safetensors

CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


def n_experts(config):
    return next(n for n in (getattr(config, k, None) for k in ("num_experts", "num_local_experts", "n_routed_experts")) if n)


def stacked(model, names, rest=lambda name, a: a):
    """The tensors of a GGUF file, experts put together: names maps the last part of an expert's name to GGUF's."""
    w, n = weights_of(model), n_experts(model.config)
    def change(name, a):
        if ".experts." not in name:
            return rest(name, a)
        front, back = name.split(".experts.")
        expert, part = back.split(".")[:2]
        if expert != "0":
            return None
        all_of = [w[f"{front}.experts.{e}.{part}.weight"].float().numpy() for e in range(n)]
        return [(f"blk.{front.split('.')[2]}.{names[part]}.weight", np.stack(all_of))]
    return change


def expert_values(config, **more):
    return common_values(config, **{"expert_count": n_experts(config), "expert_used_count": config.num_experts_per_tok} | more)


W123 = {"w1": "ffn_gate_exps", "w2": "ffn_down_exps", "w3": "ffn_up_exps"}
GATE_UP_DOWN = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"}


@case
def mixtral():
    model = make(t.MixtralConfig, 1, rope_parameters=ROPE, num_local_experts=5, num_experts_per_tok=2, intermediate_size=28)
    write_safetensors("mixtral", model)
    write_gguf("mixtral-gguf", model, "llama", expert_values(model.config), stacked(model, W123, llama_order(model)))
    write_safetensors("mixtral-window", make(t.MixtralConfig, 2, rope_parameters=ROPE, num_local_experts=3, num_experts_per_tok=3,
                                             intermediate_size=20, sliding_window=13, hidden_act="gelu"), old=True)


QWEN_MOE = dict(rope_parameters=ROPE, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=12)


@case
def qwen2_moe():
    model = make(t.Qwen2MoeConfig, 3, **QWEN_MOE, shared_expert_intermediate_size=28)
    write_safetensors("qwen2_moe", model, old=True)
    values = expert_values(model.config, expert_feed_forward_length=12, expert_shared_feed_forward_length=28)
    flat = lambda name, a: a.reshape(-1) if name.endswith("shared_expert_gate.weight") else a
    write_gguf("qwen2_moe-gguf", model, "qwen2moe", values, stacked(model, GATE_UP_DOWN, flat))
    # a dense layer first, windows, weights that sum to 1
    write_safetensors("qwen2_moe-mixed", make(t.Qwen2MoeConfig, 76, **QWEN_MOE, shared_expert_intermediate_size=24, norm_topk_prob=True,
                                              mlp_only_layers=[0], qkv_bias=False, use_sliding_window=True, sliding_window=11,
                                              max_window_layers=1))


@case
def qwen3_moe():
    model = make(t.Qwen3MoeConfig, 5, **QWEN_MOE, head_dim=10, norm_topk_prob=True)
    write_safetensors("qwen3_moe", model, rename={"num_local_experts": "num_experts"})
    write_gguf("qwen3_moe-gguf", model, "qwen3moe", expert_values(model.config, expert_feed_forward_length=12),
               stacked(model, GATE_UP_DOWN))
    write_safetensors("qwen3_moe-sparse-step", make(t.Qwen3MoeConfig, 6, **QWEN_MOE, head_dim=10, decoder_sparse_step=2, attention_bias=True,
                                                    use_sliding_window=True, sliding_window=9))


@case
def olmoe():
    model = make(t.OlmoeConfig, 7, rope_parameters=ROPE, num_experts=6, num_experts_per_tok=3, intermediate_size=12)
    write_safetensors("olmoe", model)
    write_gguf("olmoe-gguf", model, "olmoe", expert_values(model.config), stacked(model, GATE_UP_DOWN))
    write_safetensors("olmoe-clipped", make(t.OlmoeConfig, 8, rope_parameters=ROPE, num_experts=5, num_experts_per_tok=2, intermediate_size=20,
                                            norm_topk_prob=True, clip_qkv=0.7, attention_bias=True))


@case
def granitemoe():
    multipliers = dict(embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.6, logits_scaling=2.0)
    model = make(t.GraniteMoeConfig, 9, rope_parameters=ROPE, num_local_experts=5, num_experts_per_tok=2, intermediate_size=20, **multipliers)
    write_safetensors("granitemoe", model)
    def change(name, a):
        blk = f"blk.{name.split('.')[2]}" if ".layers." in name else ""
        if name.endswith("input_linear.weight"):
            return [(f"{blk}.ffn_gate_exps.weight", a[:, :20]), (f"{blk}.ffn_up_exps.weight", a[:, 20:])]
        if name.endswith("output_linear.weight"):
            return [(f"{blk}.ffn_down_exps.weight", a)]
        return [(f"{blk}.ffn_gate_inp.weight", a)] if name.endswith("router.layer.weight") else llama_order(model)(name, a)
    write_gguf("granitemoe-gguf", model, "granitemoe", expert_values(
        model.config, **{"embedding_scale": 3.0, "attention.scale": 0.3, "residual_scale": 0.6, "logit_scale": 2.0}), change)


@case
def phimoe():
    write_safetensors("phimoe", make(t.PhimoeConfig, 154, rope_parameters=ROPE, num_local_experts=5, num_experts_per_tok=2,
                                     intermediate_size=20, router_jitter_noise=0.2))
    long = dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1.0, 1.1, 1.3], long_factor=[1.0, 2.0, 4.0], short_mscale=1.2,
                long_mscale=1.2, original_max_position_embeddings=64)
    # texts that are short: for long ones transformers 5 keeps the factors of short ones, unlike Microsoft's own code
    model = make(t.PhimoeConfig, 11, rope_parameters=long, num_local_experts=4, num_experts_per_tok=2, intermediate_size=20,
                 attention_bias=True, lm_head_bias=True, sliding_window=17, original_max_position_embeddings=64)
    write_safetensors("phimoe-longrope-short", model)
    values = expert_values(model.config, **{"rope.scaling.original_context_length": 64, "rope.scaling.attn_factor": 1.2,
                                            "attention.sliding_window": 17})
    write_gguf("phimoe-longrope-short-gguf", model, "phimoe", values, stacked(model, W123), also={
        "rope_factors_long.weight": np.array(long["long_factor"]), "rope_factors_short.weight": np.array(long["short_factor"])})


def corrected(model, seed):
    """The balancing corrections, which are buffers and not parameters, are random too."""
    g = torch.Generator().manual_seed(seed)
    for name, b in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            b.copy_(torch.rand(b.shape, generator=g))
    return model


@case
def glm4_moe():
    sizes = dict(rope_parameters=ROPE | dict(partial_rotary_factor=0.5), head_dim=8, n_routed_experts=8, num_experts_per_tok=3,
                 moe_intermediate_size=8, intermediate_size=20, n_shared_experts=2, first_k_dense_replace=1, num_hidden_layers=3)
    model = corrected(make(t.Glm4MoeConfig, 169, **sizes, n_group=4, topk_group=2, use_qk_norm=True, routed_scaling_factor=1.5), 1)
    write_safetensors("glm4_moe", model)
    values = expert_values(model.config, **{
        "expert_feed_forward_length": 8, "expert_shared_count": 2, "leading_dense_block_count": 1, "expert_group_count": 4,
        "expert_group_used_count": 2, "expert_weights_norm": True, "expert_weights_scale": 1.5, "rope.dimension_count": 4})
    correction = lambda name, a: [(f"blk.{name.split('.')[2]}.exp_probs_b.bias", a)] if name.endswith("correction_bias") else a
    write_gguf("glm4_moe-gguf", model, "glm4moe", values, stacked(model, GATE_UP_DOWN, correction))
    write_safetensors("glm4_moe-bias", corrected(make(t.Glm4MoeConfig, 13, **sizes, attention_bias=True, norm_topk_prob=False), 2), old=True)


def mla_values(config, apart, **more):
    """Keys of deepseek2: as files have them whose k_b and v_b are apart (since April 2025), or as those before."""
    c, head = config, config.qk_nope_head_dim + config.qk_rope_head_dim
    v = {"attention.kv_lora_rank": c.kv_lora_rank, "attention.q_lora_rank": c.q_lora_rank, "rope.dimension_count": c.qk_rope_head_dim,
         "expert_feed_forward_length": c.moe_intermediate_size, "expert_shared_count": c.n_shared_experts,
         "leading_dense_block_count": c.first_k_dense_replace, "expert_weights_scale": c.routed_scaling_factor,
         "expert_group_count": c.n_group, "expert_group_used_count": c.topk_group}
    v |= {"attention.head_count_kv": 1, "attention.key_length": c.kv_lora_rank + c.qk_rope_head_dim, "attention.value_length": c.kv_lora_rank,
          "attention.key_length_mla": head, "attention.value_length_mla": c.v_head_dim} if apart else {
          "attention.key_length": head, "attention.value_length": c.v_head_dim}
    rope = c.rope_parameters
    if rope["rope_type"] == "yarn":
        v |= {"rope.scaling.type": "yarn", "rope.scaling.factor": rope["factor"], "rope.scaling.yarn_log_multiplier": 0.1 * rope["mscale_all_dim"],
              "rope.scaling.original_context_length": rope["original_max_position_embeddings"]}
    return expert_values(c, **v | more)


def mla_tensors(config, apart):
    c = config
    def change(name, a):
        if name.endswith("correction_bias"):
            return [(f"blk.{name.split('.')[2]}.exp_probs_b.bias", a)]
        if not apart or not name.endswith("kv_b_proj.weight"):
            return a
        blk, heads = f"blk.{name.split('.')[2]}", a.reshape(c.num_attention_heads, -1, c.kv_lora_rank)
        return [(f"{blk}.attn_k_b.weight", heads[:, :c.qk_nope_head_dim].swapaxes(1, 2)), (f"{blk}.attn_v_b.weight", heads[:, c.qk_nope_head_dim:])]
    return change


MLA = dict(kv_lora_rank=14, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5, n_routed_experts=8, num_experts_per_tok=3,
           num_key_value_heads=6, moe_intermediate_size=8, intermediate_size=20, first_k_dense_replace=1, num_hidden_layers=3)
MSCALE = dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0,
              mscale=0.707, mscale_all_dim=0.707)


@case
def youtu():
    sizes = {k: v for k, v in MLA.items() if "expert" not in k and not k.startswith(("moe", "first"))}
    model = make(t.YoutuConfig, 26, **sizes, rope_parameters=MSCALE, q_lora_rank=11, tie_word_embeddings=True)
    write_safetensors("youtu", model)
    write_safetensors("youtu-f16", make(t.YoutuConfig, 30, **sizes, rope_parameters=ROPE, q_lora_rank=None), dtype=torch.float16)


@case
def minicpm3():
    sizes = {k: v for k, v in MLA.items() if "expert" not in k and not k.startswith(("moe", "first"))} | dict(v_head_dim=6, num_hidden_layers=2)
    long = dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1.0, 1.1], long_factor=[1.5, 2.2], original_max_position_embeddings=128)
    model = make(t.MiniCPM3Config, 27, **sizes, rope_parameters=long, q_lora_rank=11, scale_emb=12, scale_depth=1.4, dim_model_base=256)
    write_safetensors("minicpm3", model, old=True)
    values = common_values(model.config) | {"attention.key_length": 10, "attention.q_lora_rank": 11, "attention.kv_lora_rank": 14}
    del values["attention.value_length"]
    write_gguf("minicpm3-gguf", model, "minicpm3", values, also={
        "rope_factors_long.weight": np.array(long["long_factor"]), "rope_factors_short.weight": np.array(long["short_factor"])})
    # matrices in blocks, of which keys are to be taken
    blocks = sizes | dict(hidden_size=64, intermediate_size=32, num_attention_heads=2, num_key_value_heads=2, kv_lora_rank=32, v_head_dim=32)
    packed = make(t.MiniCPM3Config, 29, **blocks, rope_parameters=ROPE, q_lora_rank=32, scale_emb=12, scale_depth=1.4, dim_model_base=256)
    values = common_values(packed.config) | {"attention.key_length": 10, "attention.q_lora_rank": 32, "attention.kv_lora_rank": 32}
    del values["attention.value_length"]
    write_gguf("minicpm3-q8_0-gguf", packed, "minicpm3", values, kind="Q8_0")
    # a text that is longer than the original context
    write_safetensors("minicpm3-longrope", make(
        t.MiniCPM3Config, 28, **sizes, rope_parameters=long | dict(original_max_position_embeddings=32), q_lora_rank=None, scale_emb=3,
        scale_depth=0.9, dim_model_base=18, tie_word_embeddings=True, attention_bias=True, mlp_bias=True))


@case
def deepseek_v2():
    model = make(t.DeepseekV2Config, 20, **MLA, rope_parameters=MSCALE, q_lora_rank=None, n_group=1, topk_group=1)
    write_safetensors("deepseek_v2", model, old=True)
    write_gguf("deepseek_v2-gguf", model, "deepseek2", mla_values(model.config, True, expert_weights_norm=False),
               stacked(model, GATE_UP_DOWN, mla_tensors(model.config, True)))
    groups = make(t.DeepseekV2Config, 21, **MLA, rope_parameters=ROPE, q_lora_rank=11, n_group=4, topk_group=2,
                  topk_method="group_limited_greedy", routed_scaling_factor=3.0)
    write_safetensors("deepseek_v2-groups", groups)
    write_gguf("deepseek_v2-groups-gguf", groups, "deepseek2", mla_values(groups.config, False),
               stacked(groups, GATE_UP_DOWN, mla_tensors(groups.config, False)))
    uneven = MSCALE | dict(mscale=1.2, mscale_all_dim=0.5)
    write_safetensors("deepseek_v2-bias", make(t.DeepseekV2Config, 22, **MLA | dict(first_k_dense_replace=0, num_hidden_layers=2),
                                               rope_parameters=uneven, q_lora_rank=11, attention_bias=True, n_shared_experts=1))


@case
def deepseek_v3():
    model = corrected(make(t.DeepseekV3Config, 23, **MLA, rope_parameters=MSCALE | dict(mscale=1.0, mscale_all_dim=1.0), q_lora_rank=11,
                           n_group=4, topk_group=2), 3)
    # a layer that predicts a further token, which is not used
    further = {"model.layers.3.eh_proj.weight": torch.zeros(36, 72), "model.layers.3.enorm.weight": torch.ones(36)}
    write_safetensors("deepseek_v3", model, old=True, replace=further, topk_method="noaux_tc", scoring_func="sigmoid", moe_layer_freq=1)
    write_gguf("deepseek_v3-gguf", model, "deepseek2", mla_values(model.config, True, expert_weights_norm=True, expert_gating_func=2),
               stacked(model, GATE_UP_DOWN, mla_tensors(model.config, True)))
    # no groups, no compressed queries, as Moonlight; the pairs that rotate are halves
    write_safetensors("deepseek_v3-halves", corrected(make(
        t.DeepseekV3Config, 24, **MLA, rope_parameters=ROPE, q_lora_rank=None, n_group=1, topk_group=1, attention_bias=True, n_shared_experts=2,
        rope_interleave=False, norm_topk_prob=False, routed_scaling_factor=1.5, rms_norm_eps=1e-5), 4))
    # scores that are often 0 for all who are chosen, and weights that sum to 0
    silent = corrected(make(t.DeepseekV3Config, 25, **MLA | dict(num_hidden_layers=2), rope_parameters=ROPE, q_lora_rank=None, n_group=1, topk_group=1), 5)
    silent.model.layers[1].mlp.gate.weight.data *= 200
    silent.model.layers[1].mlp.gate.e_score_correction_bias[:3] += 2
    write_safetensors("deepseek_v3-silent", silent)


MXFP4 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])


def to_mxfp4(w):
    """[..., n] (n a multiple of 32): blocks [..., n/32, 16] of two codes a byte, scales [..., n/32], and what they stand for."""
    parts = w.reshape(*w.shape[:-1], -1, 32)
    exponent = torch.floor(torch.log2(parts.abs().amax(-1, keepdim=True))) - 2
    codes = (parts / 2**exponent - MXFP4[:, None, None, None, None]).abs().argmin(0) if parts.dim() == 4 else None
    value = (MXFP4[codes] * 2**exponent).reshape(w.shape)
    blocks = (codes[..., ::2] | codes[..., 1::2] << 4).to(torch.uint8)
    return blocks, (exponent[..., 0] + 127).to(torch.uint8), value


@case
def gpt_oss():
    rope = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32, beta_fast=32.0, beta_slow=1.0, truncate=False)
    sizes = dict(rope_parameters=rope, num_local_experts=4, num_experts_per_tok=2, head_dim=8, sliding_window=11, num_attention_heads=4)
    model = make(t.GptOssConfig, 14, **sizes, intermediate_size=20)
    write_safetensors("gpt_oss", model)
    I = 20
    def change(name, a):
        if ".layers." not in name:
            return a
        blk, part = f"blk.{name.split('.')[2]}", name.split(".layers.")[1].split(".", 1)[1]
        interleaved = lambda w, kind: [(f"{blk}.ffn_gate_exps.{kind}", w[:, ::2]), (f"{blk}.ffn_up_exps.{kind}", w[:, 1::2])]
        if part == "mlp.experts.gate_up_proj":
            return interleaved(a.swapaxes(1, 2), "weight")
        if part == "mlp.experts.gate_up_proj_bias":
            return interleaved(a, "bias")
        if part == "post_attention_layernorm.weight":
            return [(f"{blk}.post_attention_norm.weight", a)]
        if part == "mlp.experts.down_proj":
            return [(f"{blk}.ffn_down_exps.weight", a.swapaxes(1, 2))]
        return {"mlp.experts.down_proj_bias": [(f"{blk}.ffn_down_exps.bias", a)],
                "mlp.router.weight": [(f"{blk}.ffn_gate_inp.weight", a)], "mlp.router.bias": [(f"{blk}.ffn_gate_inp.bias", a)],
                "self_attn.sinks": [(f"{blk}.attn_sinks.weight", a)]}.get(part, a)
    write_gguf("gpt_oss-gguf", model, "gpt-oss", expert_values(model.config, **{
        "expert_feed_forward_length": I, "attention.sliding_window": 11, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
        "rope.scaling.original_context_length": 32}), change)

    # experts as OpenAI's files have them: 4-bit floats, whose rows are outputs
    packed = make(t.GptOssConfig, 15, **sizes | dict(num_local_experts=3), hidden_size=32, intermediate_size=32)
    tensors = {}
    for name, p in packed.named_parameters():
        if name.endswith(("gate_up_proj", "down_proj")):
            blocks, scales, value = to_mxfp4(p.data.transpose(1, 2).contiguous())
            p.data = value.transpose(1, 2).contiguous()
            tensors[name + "_blocks"], tensors[name + "_scales"] = blocks, scales
    write_safetensors("gpt_oss-mxfp4", packed, replace=tensors, quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]})


@case
def llama4():
    sizes = dict(rope_parameters=ROPE, head_dim=8, num_local_experts=4, intermediate_size=12, intermediate_size_mlp=20,
                 num_attention_heads=4, attention_chunk_size=16, floor_scale=8, num_hidden_layers=4, hidden_size=32)
    write_safetensors("llama4-chunks", make(t.Llama4TextConfig, 16, **sizes, interleave_moe_layer_step=2))
    model = make(t.Llama4TextConfig, 17, **sizes | dict(attention_chunk_size=8192, floor_scale=8192), num_experts_per_tok=2,
                 interleave_moe_layer_step=2)
    write_safetensors("llama4", model)
    def change(name, a):
        blk = f"blk.{name.split('.')[2]}" if ".layers." in name else ""
        if name.endswith("experts.gate_up_proj"):
            a = a.swapaxes(1, 2)
            return [(f"{blk}.ffn_gate_exps.weight", a[:, :12]), (f"{blk}.ffn_up_exps.weight", a[:, 12:])]
        if name.endswith("experts.down_proj"):
            return [(f"{blk}.ffn_down_exps.weight", a.swapaxes(1, 2))]
        return a
    write_gguf("llama4-gguf", model, "llama4", expert_values(model.config, **{
        "expert_feed_forward_length": 12, "feed_forward_length": 20, "interleave_moe_layer_step": 2}), change)
    write_safetensors("llama4-no-norm", make(t.Llama4TextConfig, 18, **sizes | dict(num_hidden_layers=2), no_rope_layers=[0, 1],
                                             use_qk_norm=False, attention_bias=True, attn_temperature_tuning=False, num_experts_per_tok=2), old=True)


def settled(model, seed):
    """The norm inside the recurrent layers multiplies by its weight, unlike the others; what is kept lasts for some tokens."""
    g = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if name.endswith("linear_attn.norm.weight"):
            p.data = 1 + 0.3 * torch.randn(p.shape, generator=g)
        if name.endswith("A_log"):
            p.data = -2 + 0.7 * torch.randn(p.shape, generator=g)
    return model


@case
def qwen3_next():
    sizes = QWEN_MOE | dict(head_dim=16, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3, num_experts=4,
                            num_experts_per_tok=2, moe_intermediate_size=8, shared_expert_intermediate_size=12, linear_num_key_heads=2,
                            linear_num_value_heads=6, intermediate_size=20)
    rope = ROPE | dict(partial_rotary_factor=0.25)
    model = settled(make(t.Qwen3NextConfig, 19, 1.0, **sizes | dict(rope_parameters=rope), linear_key_head_dim=7, linear_value_head_dim=5,
                         linear_conv_kernel_dim=3, full_attention_interval=3), 1)
    write_safetensors("qwen3_next", model)
    def change(name, a):
        blk, part = (f"blk.{name.split('.')[2]}", name.split(".layers.")[1].split(".", 1)[1]) if ".layers." in name else ("", name)
        if part == "linear_attn.in_proj_qkvz.weight":  # of each key head: its q and k, and v and z of the value heads that share them
            q, k, v, z = np.split(a.reshape(2, -1, a.shape[-1]), [7, 14, 14 + 3 * 5], axis=1)
            flat = lambda x: x.reshape(-1, a.shape[-1])
            return [(f"{blk}.attn_qkv.weight", np.concatenate([flat(q), flat(k), flat(v)])), (f"{blk}.attn_gate.weight", flat(z))]
        if name.endswith("norm.weight") and "linear_attn" not in name:
            a = a + 1
        if part == "post_attention_layernorm.weight":
            return [(f"{blk}.post_attention_norm.weight", a)]
        if name.endswith("shared_expert_gate.weight"):
            return a.reshape(-1)
        return {"linear_attn.in_proj_ba.weight": [(f"{blk}.ssm_ba.weight", a)], "linear_attn.A_log": [(f"{blk}.ssm_a", -np.exp(a))],
                "linear_attn.conv1d.weight": [(f"{blk}.ssm_conv1d.weight", a.squeeze())], "linear_attn.dt_bias": [(f"{blk}.ssm_dt.bias", a)],
                "linear_attn.norm.weight": [(f"{blk}.ssm_norm.weight", a)], "linear_attn.out_proj.weight": [(f"{blk}.ssm_out.weight", a)]}.get(part, a)
    write_gguf("qwen3_next-gguf", model, "qwen3next", expert_values(model.config, **{
        "expert_feed_forward_length": 8, "expert_shared_feed_forward_length": 12, "rope.dimension_count": 4, "ssm.conv_kernel": 3,
        "ssm.state_size": 7, "ssm.group_count": 2, "ssm.time_step_rank": 6, "ssm.inner_size": 30, "full_attention_interval": 3}),
        stacked(model, GATE_UP_DOWN, change))
    # a dense layer, biases, and the keys of version 4
    write_safetensors("qwen3_next-mixed", settled(make(
        t.Qwen3NextConfig, 21, 1.0, **sizes | dict(rope_parameters=ROPE | dict(partial_rotary_factor=0.5), linear_num_key_heads=3),
        linear_key_head_dim=6, linear_value_head_dim=10, full_attention_interval=2, mlp_only_layers=[1], attention_bias=True,
        norm_topk_prob=False, tie_word_embeddings=True, hidden_act="gelu"), 3), old=True, drop=("layer_types",), full_attention_interval=2)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
