#!/usr/bin/env python3
"""Makes tests/golden/palm: a tiny PaLM with random weights, and its logits by the equations of Chowdhery et al. 2022, in float64.

    pip install numpy safetensors
    python palm.py

    y = x + attention(norm(x)) + swiglu(norm(x))            one norm, both branches side by side
    attention: one key and value for all heads; rotary positions; softmax(q k / sqrt(head_dim)) v
    swiglu(x) = (silu(x gate) * (x up)) down
    logits = norm(y) embed^T
"""
import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent.parent / "palm"
DIM, HIDDEN, LAYERS, HEADS, HEAD_DIM, VOCAB, EPS, THETA = 36, 52, 2, 6, 10, 73, 1e-5, 10000.0


def norm(x, weight):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPS) * weight


def rotate(x):
    """x: [..., n, HEAD_DIM]; neighbours 2p, 2p + 1 turn by position * THETA^(-2p / HEAD_DIM)"""
    angle = np.arange(x.shape[-2])[:, None] * THETA ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    a, b, y = x[..., 0::2], x[..., 1::2], np.empty_like(x)
    y[..., 0::2], y[..., 1::2] = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    return y


def attention(x, w, i):
    n = len(x)
    q = rotate((x @ w[f"layers.{i}.q.weight"].T).reshape(n, HEADS, HEAD_DIM).swapaxes(0, 1))
    k, v = rotate(x @ w[f"layers.{i}.k.weight"].T), x @ w[f"layers.{i}.v.weight"].T
    scores = np.where(np.tri(n, dtype=bool), q @ k.T / np.sqrt(HEAD_DIM), -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    heads = p / p.sum(-1, keepdims=True) @ v
    return heads.swapaxes(0, 1).reshape(n, -1) @ w[f"layers.{i}.out.weight"].T


def swiglu(x, w, i):
    gate = x @ w[f"layers.{i}.gate.weight"].T
    return (gate / (1 + np.exp(-gate)) * (x @ w[f"layers.{i}.up.weight"].T)) @ w[f"layers.{i}.down.weight"].T


def logits(tokens, w):
    x = w["embed.weight"][tokens]
    for i in range(LAYERS):
        h = norm(x, w[f"layers.{i}.norm.weight"])
        x = x + attention(h, w, i) + swiglu(h, w, i)
    return norm(x, w["norm.weight"]) @ w["embed.weight"].T


def main():
    r = np.random.default_rng(70)
    shapes = {"embed.weight": (VOCAB, DIM), "norm.weight": (DIM,)}
    for i in range(LAYERS):
        shapes |= {f"layers.{i}.{name}.weight": shape for name, shape in dict(
            norm=(DIM,), q=(HEADS * HEAD_DIM, DIM), k=(HEAD_DIM, DIM), v=(HEAD_DIM, DIM), out=(DIM, HEADS * HEAD_DIM),
            gate=(HIDDEN, DIM), up=(HIDDEN, DIM), down=(DIM, HIDDEN)).items()}
    w = {k: (1 + 0.3 * r.standard_normal(s) if "norm" in k else r.standard_normal(s) * (1 if "embed" in k else 1.6 / s[-1] ** 0.5)).astype(np.float32)
         for k, s in shapes.items()}
    HERE.mkdir(exist_ok=True)
    save_file(w, HERE / "model.safetensors")
    (HERE / "config.json").write_text(json.dumps({
        "architectures": ["PaLMForCausalLM"], "model_type": "palm", "hidden_size": DIM, "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "head_dim": HEAD_DIM, "vocab_size": VOCAB, "max_position_embeddings": 128, "layer_norm_eps": EPS}, indent=1) + "\n")
    w = {k: v.astype(np.float64) for k, v in w.items()}
    tokens = r.integers(3, VOCAB, 60).tolist()
    prompt, greedy = tokens[:8], []
    for _ in range(32):
        greedy.append(int(logits(prompt + greedy, w)[-1].argmax()))
    (HERE / "tokens.json").write_text(json.dumps({"tokens": tokens, "greedy_prompt": prompt, "greedy": greedy}) + "\n")
    np.save(HERE / "logits.npy", logits(tokens, w).astype(np.float32))


if __name__ == "__main__":
    main()
