#!/usr/bin/env python3
"""Makes tests/golden/packed-*: tiny Llamas whose matrices are quantized and packed as other programs do it, with what
transformers computes for the exactly decoded weights.

    pip install torch transformers safetensors numpy gguf
    tests/golden/make/packed.py [NAME...]

Each packer below follows the document of its format: it takes a matrix [out, in], and returns the tensors of a file and the
matrix that these stand for, in f32."""
import json
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

import golden

SIZES = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             vocab_size=61, max_position_embeddings=128, tie_word_embeddings=False)
f16, f32 = np.float16, np.float32


def bit_stream(values, bits, axis):
    """Integers bit by bit along an axis, low bits first, as int32."""
    values = np.moveaxis(np.asarray(values, np.uint64), axis, -1)
    n = values.shape[-1]
    bit = (values[..., None] >> np.arange(bits, dtype=np.uint64) & 1).reshape(*values.shape[:-1], n * bits // 32, 32)
    words = (bit << np.arange(32, dtype=np.uint64)).sum(-1).astype(np.uint32)
    return np.ascontiguousarray(np.moveaxis(words, -1, axis)).view(np.int32)


def grid(w, bits, group, symmetric, low_zero=0):
    """Integers [out, in], scales and zero points [out, groups], all of round-to-nearest quantization."""
    out, n = w.shape
    g = w.reshape(out, n // group, group)
    most = 2**bits - 1
    if symmetric:
        scale = (2 * np.abs(g).max(-1) / most).astype(f16)
        zero = np.full(scale.shape, 2**(bits - 1))
    else:
        scale = ((g.max(-1) - g.min(-1)) / most).astype(f16)
        zero = np.clip(np.rint(-g.min(-1) / scale.astype(f32)), low_zero, most).astype(int)
    q = np.clip(np.rint(g / scale.astype(f32)[..., None]) + zero[..., None], 0, most).astype(int)
    return q.reshape(out, n), scale, zero


def gptq(w, random, bits, group=-1, symmetric=False, v2=False, order=False):
    group = w.shape[1] if group < 0 else group
    permutation = random.permutation(w.shape[1]) if order else np.arange(w.shape[1])
    q, scale, zero = grid(w[:, permutation], bits, group, symmetric, low_zero=0 if v2 else 1)
    group_of = np.empty(w.shape[1], np.int32)
    group_of[permutation] = np.arange(w.shape[1]) // group
    original = np.empty_like(q)
    original[:, permutation] = q
    tensors = {".qweight": bit_stream(original.T, bits, 0), ".qzeros": bit_stream(zero.T - (not v2), bits, 1),
               ".scales": np.ascontiguousarray(scale.T), ".g_idx": group_of}
    return tensors, scale.astype(f32)[:, group_of] * (original - zero[:, group_of]).astype(f32)


def gptq_config(bits, group=-1, symmetric=False, v2=False, order=False):
    return dict(quant_method="gptq", bits=bits, group_size=group, sym=symmetric, desc_act=order, damp_percent=0.1,
                checkpoint_format="gptq_v2" if v2 else "gptq", true_sequential=True)


def awq(w, random, group):
    q, scale, zero = grid(w, 4, group, False)
    columns = np.array([0, 2, 4, 6, 1, 3, 5, 7])
    pack = lambda x: bit_stream(x.reshape(-1, 8)[:, columns].reshape(x.shape), 4, 1)
    tensors = {".qweight": pack(q.T), ".qzeros": pack(zero.T), ".scales": np.ascontiguousarray(scale.T)}
    return tensors, np.repeat(scale.astype(f32), group, 1) * (q - np.repeat(zero, group, 1)).astype(f32)


CASES = {}


def case(name, pack, config, file=None, **options):
    CASES[name] = (pack, config, file, options)


for name, options in {"gptq-4": dict(bits=4, group=32), "gptq-v2-8": dict(bits=8, v2=True), "gptq-8-sym": dict(bits=8, group=32, symmetric=True),
                      "gptq-2": dict(bits=2, group=32, v2=True), "gptq-3-order": dict(bits=3, group=32, order=True)}.items():
    case(name, gptq, gptq_config(**options), **options)
case("gptq-old", gptq, {k: v for k, v in gptq_config(4, 32, True).items() if k not in ("quant_method", "checkpoint_format")},
     file="quantize_config.json", bits=4, group=32, symmetric=True)
case("awq", awq, dict(quant_method="awq", bits=4, group_size=32, version="gemm", zero_point=True), group=32)


def make(name, seed):
    pack, quantization, file, options = CASES[name]
    random = np.random.default_rng(seed)
    model = golden.randomise(LlamaForCausalLM(LlamaConfig(**SIZES)), seed)
    directory = golden.HERE / f"packed-{name}"
    directory.mkdir(exist_ok=True)
    tensors = {}
    for key, p in model.named_parameters():
        p.data = p.data.half().float()
        if ".layers." in key and p.dim() == 2:
            parts, exact = pack(p.data.numpy(), random, **options)
            p.data = torch.from_numpy(np.ascontiguousarray(exact, dtype=f32))
            tensors |= {key.removesuffix(".weight") + part: x for part, x in parts.items()}
        else:
            tensors[key] = p.data.half().numpy()
    to_torch = {k: x if isinstance(x, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(x)) for k, x in tensors.items()}
    golden.save_file(to_torch, directory / "model.safetensors", metadata={"format": "pt"})
    config = golden.config_json(model, True) | {"torch_dtype": "float16"}
    if file:
        (directory / file).write_text(json.dumps(quantization) + "\n")
    else:
        config["quantization_config"] = quantization
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    golden.write_answers(directory, model, n_tokens=24)


for i, name in enumerate(CASES):
    if len(sys.argv) < 2 or name in sys.argv[1:]:
        make(name, 100 + i)
