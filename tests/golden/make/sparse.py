#!/usr/bin/env python3
"""Makes the tiny checkpoints of sparse models under tests/golden/, safetensors and GGUF.

    pip install torch transformers safetensors numpy gguf
    python sparse.py [NAME...]
"""
import sys

import numpy as np
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
    write_safetensors("qwen2_moe-mixed", make(t.Qwen2MoeConfig, 4, **QWEN_MOE, shared_expert_intermediate_size=24, norm_topk_prob=True,
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


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
