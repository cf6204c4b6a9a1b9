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


def stacked(model, names, rest=lambda name, a: a):
    """The tensors of a GGUF file, experts put together: names maps the last part of an expert's name to GGUF's."""
    w, n = weights_of(model), model.config.num_experts if hasattr(model.config, "num_experts") else model.config.num_local_experts
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
    return common_values(config, **{"expert_count": config.num_local_experts, "expert_used_count": config.num_experts_per_tok} | more)


W123 = {"w1": "ffn_gate_exps", "w2": "ffn_down_exps", "w3": "ffn_up_exps"}
GATE_UP_DOWN = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"}


@case
def mixtral():
    model = make(t.MixtralConfig, 1, rope_parameters=ROPE, num_local_experts=5, num_experts_per_tok=2, intermediate_size=28)
    write_safetensors("mixtral", model)
    write_gguf("mixtral-gguf", model, "llama", expert_values(model.config), stacked(model, W123, llama_order(model)))
    write_safetensors("mixtral-window", make(t.MixtralConfig, 2, rope_parameters=ROPE, num_local_experts=3, num_experts_per_tok=3,
                                             intermediate_size=20, sliding_window=13, hidden_act="gelu"), old=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
