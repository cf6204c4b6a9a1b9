#!/usr/bin/env python3
"""Makes the tiny checkpoints of the decoders with RMSNorm (and Cohere, Nemotron) under tests/golden/, safetensors and GGUF.

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
    model = make(t.Gemma2Config, 9, 1.0, head_dim=10, rope_parameters=ROPE, tie_word_embeddings=True, num_hidden_layers=3,
                 sliding_window=17, query_pre_attn_scalar=8, attn_logit_softcapping=5.0, final_logit_softcapping=8.0)
    write_safetensors("gemma2", model, old=True, drop=("layer_types",))
    other = make(t.Gemma2Config, 10, 1.0, head_dim=10, rope_parameters=ROPE, tie_word_embeddings=True, num_hidden_layers=3,
                 sliding_window=17, query_pre_attn_scalar=10, attn_logit_softcapping=5.0, final_logit_softcapping=8.0)
    values = {k: v for k, v in common_values(other.config).items() if not k.startswith("rope.")}
    write_gguf("gemma2-gguf", other, "gemma2", values | {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 8.0,
                                                         "attention.sliding_window": 17}, plus_one)


@case
def gemma3():
    rope = {"full_attention": dict(rope_type="linear", rope_theta=30000.0, factor=8.0),
            "sliding_attention": dict(rope_type="default", rope_theta=10000.0)}
    shape = dict(head_dim=10, tie_word_embeddings=True, num_hidden_layers=3, sliding_window=17)
    model = make(t.Gemma3TextConfig, 11, 1.0, rope_parameters=rope, query_pre_attn_scalar=8,
                 layer_types=["sliding_attention", "full_attention", "sliding_attention"], **shape)
    write_safetensors("gemma3", model)
    plain = {k: dict(rope_type="default", rope_theta=v["rope_theta"]) for k, v in rope.items()}
    other = make(t.Gemma3TextConfig, 12, 1.0, rope_parameters=plain, query_pre_attn_scalar=10, **{**shape, "num_hidden_layers": 6,
                 "intermediate_size": 20, "hidden_size": 24, "num_attention_heads": 3, "num_key_value_heads": 1})
    values = common_values(other.config) | {"rope.freq_base": 30000.0, "attention.sliding_window": 17}
    values.pop("rope.dimension_count")
    write_gguf("gemma3-gguf", other, "gemma3", values, plus_one)


def main():
    for name in sys.argv[1:] or CASES:
        CASES[name]()


if __name__ == "__main__":
    main()
