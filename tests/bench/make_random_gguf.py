#!/usr/bin/env python3
"""Writes a GGUF file of random weights in the shape of a real model, to measure speed with.

    make_random_gguf.py --shape llama-3.2-1b --type q8_0 -o /dev/shm/1b-q8_0.gguf

Needs numpy. Matrices are of the type asked for, the embedding (which is also the head) included, norms are F32: what
"pure" quantization makes. With --zipf, the routers of a sparse shape choose experts as unevenly as those of trained models do:
the k-th most popular in proportion to 1 / k^S. The vocabulary holds the 256 bytes and numbered words, with the merges that make them, so
that every engine that reads GGUF loads it.
"""
import argparse
import statistics
import struct

import numpy as np

SHAPES = {
    "llama-3.2-1b": dict(hidden=2048, layers=16, heads=32, kv_heads=8, head_dim=64, ffn=8192, vocab=128256, context=131072),
    # sparse: experts of a layer, how many work on a token
    "moe-64": dict(hidden=2048, layers=8, heads=16, kv_heads=4, head_dim=128, ffn=1024, vocab=32000, context=32768, experts=64, used=8),
    "mixtral-4-layers": dict(hidden=4096, layers=4, heads=32, kv_heads=8, head_dim=128, ffn=14336, vocab=32000, context=32768,
                             experts=8, used=2),
    # 100 to 300 MB, for tests/bench/fit
    "small-deep": dict(hidden=768, layers=24, heads=12, kv_heads=4, head_dim=64, ffn=1536, vocab=49152, context=8192),
    "small-wide": dict(hidden=1536, layers=8, heads=12, kv_heads=12, head_dim=128, ffn=4096, vocab=32000, context=8192),
    "small-vocab": dict(hidden=768, layers=12, heads=3, kv_heads=1, head_dim=256, ffn=2048, vocab=262144, context=8192),
    "small-moe": dict(hidden=1024, layers=6, heads=16, kv_heads=4, head_dim=64, ffn=512, vocab=32000, context=8192, experts=16, used=4),
    "tiny-moe": dict(hidden=256, layers=2, heads=4, kv_heads=2, head_dim=64, ffn=128, vocab=1024, context=2048, experts=8, used=2),
    "tiny": dict(hidden=256, layers=2, heads=4, kv_heads=2, head_dim=64, ffn=512, vocab=1024, context=2048),
    # for tests/bench/sees: few layers of texts for LLaVA and of that of Qwen2.5-VL 3B
    "llava-text": dict(hidden=2048, layers=4, heads=32, kv_heads=8, head_dim=64, ffn=8192, vocab=32064, context=8192, special=["<image>"]),
    "qwen2.5-vl-text": dict(hidden=2048, layers=4, heads=16, kv_heads=2, head_dim=128, ffn=11008, vocab=32000, context=32768,
                            architecture="qwen2vl", special=["<|image_pad|>", "<|vision_start|>", "<|vision_end|>"]),
}
# encoders of pictures, with the projector to a text of `text` features: the second file of a pair
TOWERS = {
    "clip-l-14-336": dict(hidden=1024, layers=23, heads=16, ffn=4096, image=336, projector="mlp", eps=1e-5, text=2048),
    "qwen2.5-vl-tower": dict(hidden=1280, layers=32, heads=16, ffn=3420, image=560, projector="qwen2.5vl_merger", eps=1e-6, text=2048),
}
# GGML's number, weights and bytes of a block, general.file_type as llama.cpp numbers them
TYPES = {"f32": (0, 1, 4, 0), "f16": (1, 1, 2, 1), "q4_0": (2, 32, 18, 2), "q4_1": (3, 32, 20, 3), "q5_0": (6, 32, 22, 8),
         "q5_1": (7, 32, 24, 9), "q8_0": (8, 32, 34, 7), "q2_k": (10, 256, 84, 10), "q3_k": (11, 256, 110, 12), "q4_k": (12, 256, 144, 15),
         "q5_k": (13, 256, 176, 17), "q6_k": (14, 256, 210, 18), "iq4_nl": (20, 32, 18, 25), "iq4_xs": (23, 256, 136, 30),
         "bf16": (30, 1, 2, 32)}
# where a block's scale stands; the deviation of weights of any bytes, in scales; where its min stands, and that which makes their
# mean 0, in scales
SCALES = {"q4_0": (0, 4.6), "q4_1": (0, 4.6, 2, -7.5), "q5_0": (0, 9.2), "q5_1": (0, 9.2, 2, -15.5), "q8_0": (0, 74), "q2_k": (80, 13.9, 82, 1.5),
          "q3_k": (108, 43), "q4_k": (0, 258, 2, 7.5), "q5_k": (0, 527, 2, 15.5), "q6_k": (208, 1366), "iq4_nl": (0, 67), "iq4_xs": (0, 1250)}
ALIGNMENT = 32


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def kv(key, kind, value):
    """One metadata entry; a list of texts is packed as such."""
    codes = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?")}
    if kind == "text":
        return text(key) + struct.pack("<I", 8) + text(value)
    if kind == "texts":
        return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    if kind == "i32s":
        return text(key) + struct.pack("<IIQ", 9, 5, len(value)) + np.asarray(value, "<i4").tobytes()
    if kind == "f32s":
        return text(key) + struct.pack("<IIQ", 9, 6, len(value)) + np.asarray(value, "<f4").tobytes()
    code, form = codes[kind]
    return text(key) + struct.pack("<I", code) + struct.pack(form, value)


def byte_letters():
    """GPT-2's letters for the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, n = {}, 0
    for b in range(256):
        letters[b] = chr(b) if b in plain else chr(256 + n)
        n += b not in plain
    return [letters[b] for b in range(256)]


def vocabulary(size, special):
    """Words grow by one letter from words that are there, so that each has its merge; special tokens are the last."""
    letters = byte_letters()
    tokens, merges, seen = list(letters), [], set(letters)
    usable = [c for c in letters if c.isascii() and c.isalpha()] + ["\u0120"]
    parent = 0
    while len(tokens) < size - len(special):
        word = tokens[parent] if parent else "\u0120"
        for c in usable:
            if word + c not in seen and len(tokens) < size - len(special) and len(word) < 24:
                seen.add(word + c)
                tokens.append(word + c)
                merges.append(f"{word} {c}")
        parent += 1
        while parent < 256 and tokens[parent] not in usable:
            parent += 1
    return tokens + special, merges


def random_rows(rng, kind, rows, columns, deviation=0.02):
    """Bytes of `rows` rows whose weights have about this deviation."""
    if kind in ("f32", "f16"):
        x = rng.standard_normal((rows, columns), dtype=np.float32) * deviation
        return x.astype("<f4" if kind == "f32" else "<f2").tobytes()
    if kind == "bf16":
        x = rng.standard_normal((rows, columns), dtype=np.float32) * deviation
        return (x.view("<u4") >> 16).astype("<u2").tobytes()
    _, block, size, _ = TYPES[kind]
    at, deviations, *least = SCALES[kind]
    out = rng.integers(0, 256, (rows * columns // block, size), dtype=np.uint8)
    d = deviation / deviations * (1 + 0.2 * rng.random(len(out), dtype=np.float32))
    out[:, at:at + 2] = d.astype("<f2").view(np.uint8).reshape(-1, 2)
    if least:
        out[:, least[0]:least[0] + 2] = (d * least[1]).astype("<f2").view(np.uint8).reshape(-1, 2)
    return out.tobytes()


def zipf_router(rng, experts, hidden, used, exponent):
    """Scores of noise and a constant, which the first feature of every row carries, such that the k-th most popular expert is
    among the `used` highest in a share of the rows that is proportional to 1 / k^exponent."""
    rank = 1 + rng.permutation(experts)
    low, high = 0.0, float(experts)
    for _ in range(60):  # the factor that makes the shares sum to `used`
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(0.999, middle / rank**exponent).sum() < used else (low, middle)
    share = np.minimum(0.999, low / rank**exponent)
    # a row's first feature is 1, its others have a deviation of 0.02, before a norm makes their mean square 1
    scale = (hidden / (1 + 0.02**2 * hidden)) ** 0.5
    noise = 0.02 * scale * 0.04 * hidden**0.5
    w = rng.standard_normal((experts, hidden), dtype=np.float32) * 0.04
    w[:, 0] = [noise * statistics.NormalDist().inv_cdf(p) / scale for p in share]
    return w.astype("<f4").tobytes()


def text_model(s, kind, name, zipf):
    """The tensors of a language model, (name, type, shape) each, and the metadata."""
    q, k = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
    architecture = s.get("architecture", "llama")
    tensors = [("token_embd.weight", "f16" if zipf else kind, (s["vocab"], s["hidden"])), ("output_norm.weight", "f32", (s["hidden"],))]
    tensors += [("rope_freqs.weight", "f32", (s["head_dim"] // 2,))] if architecture == "llama" else []
    for i in range(s["layers"]):
        up, down = (s["ffn"], s["hidden"]), (s["hidden"], s["ffn"])
        matrices = dict(attn_q=(q, s["hidden"]), attn_k=(k, s["hidden"]), attn_v=(k, s["hidden"]), attn_output=(s["hidden"], q))
        if "experts" in s:
            n = (s["experts"],)
            matrices |= dict(ffn_gate_exps=n + up, ffn_up_exps=n + up, ffn_down_exps=n + down)
            tensors.append((f"blk.{i}.ffn_gate_inp.weight", "f32", (s["experts"], s["hidden"])))
        else:
            matrices |= dict(ffn_gate=up, ffn_up=up, ffn_down=down)
        tensors += [(f"blk.{i}.attn_norm.weight", "f32", (s["hidden"],)), (f"blk.{i}.ffn_norm.weight", "f32", (s["hidden"],))]
        tensors += [(f"blk.{i}.{name}.weight", kind, shape) for name, shape in matrices.items()]
        if architecture == "qwen2vl":
            tensors += [(f"blk.{i}.attn_{name}.bias", "f32", (n,)) for name, n in (("q", q), ("k", k), ("v", k))]

    special = s.get("special", []) + ["<|begin_of_text|>", "<|end_of_text|>"]
    tokens, merges = vocabulary(s["vocab"], special)
    u32 = {"block_count": s["layers"], "context_length": s["context"], "embedding_length": s["hidden"], "feed_forward_length": s["ffn"],
           "attention.head_count": s["heads"], "attention.head_count_kv": s["kv_heads"], "rope.dimension_count": s["head_dim"],
           "vocab_size": s["vocab"], **({"expert_count": s["experts"], "expert_used_count": s["used"]} if "experts" in s else {})}
    metadata = [
        kv("general.architecture", "text", architecture), kv("general.name", "text", name), kv("general.file_type", "u32", TYPES[kind][3]),
        *(kv(f"{architecture}.{key}", "u32", value) for key, value in u32.items()),
        kv(f"{architecture}.attention.layer_norm_rms_epsilon", "f32", 1e-5), kv(f"{architecture}.rope.freq_base", "f32", 500000.0),
        *([kv("qwen2vl.rope.dimension_sections", "i32s", [16, 24, 24, 0])] if architecture == "qwen2vl" else []),
        kv("tokenizer.ggml.model", "text", "gpt2"), kv("tokenizer.ggml.pre", "text", "llama-bpe"),
        kv("tokenizer.ggml.tokens", "texts", tokens),
        kv("tokenizer.ggml.token_type", "i32s", [1] * (len(tokens) - len(special)) + [3] * len(special)),
        kv("tokenizer.ggml.merges", "texts", merges),
        kv("tokenizer.ggml.bos_token_id", "u32", len(tokens) - 2), kv("tokenizer.ggml.eos_token_id", "u32", len(tokens) - 1),
    ]
    return tensors, metadata


def tower(s, kind, name, zipf):
    """The same of an encoder of pictures."""
    clip, hidden, ffn = s["projector"] == "mlp", s["hidden"], s["ffn"]
    norms = [".weight", ".bias"] if clip else [".weight"]
    patch = ("f32" if kind == "f32" else "f16", (hidden, 3, 14, 14))
    tensors = [("v.patch_embd.weight", *patch)] + ([] if clip else [("v.patch_embd.weight.1", *patch)])
    for i in range(s["layers"]):
        matrices = {**{f"attn_{x}": (hidden, hidden) for x in ("q", "k", "v", "out")}, **({} if clip else {"ffn_gate": (ffn, hidden)}),
                    "ffn_up": (ffn, hidden), "ffn_down": (hidden, ffn)}
        tensors += [(f"v.blk.{i}.ln{n}{part}", "f32", (hidden,)) for n in (1, 2) for part in norms]
        for matrix, shape in matrices.items():
            tensors += [(f"v.blk.{i}.{matrix}.weight", kind if shape[1] % TYPES[kind][1] == 0 else "f16", shape),
                        (f"v.blk.{i}.{matrix}.bias", "f32", shape[:1])]
    wide = hidden if clip else 4 * hidden
    for n, shape in ((0, (s["text"] if clip else wide, wide)), (2, (s["text"], s["text"] if clip else wide))):
        tensors += [(f"mm.{n}.weight", kind, shape), (f"mm.{n}.bias", "f32", shape[:1])]
    if clip:
        tensors += [("v.class_embd", "f32", (hidden,)), ("v.position_embd.weight", "f32", ((s["image"] // 14) ** 2 + 1, hidden))]
    tensors += [(f"v.{'pre' if clip else 'post'}_ln{part}", "f32", (hidden,)) for part in norms]
    u32 = {"embedding_length": hidden, "feed_forward_length": ffn, "block_count": s["layers"], "attention.head_count": s["heads"],
           "image_size": s["image"], "patch_size": 14, "projection_dim": s["text"]}
    metadata = [
        kv("general.architecture", "text", "clip"), kv("general.type", "text", "mmproj"), kv("general.name", "text", name),
        kv("general.file_type", "u32", TYPES[kind][3]), kv("clip.has_vision_encoder", "bool", True),
        kv("clip.projector_type", "text", s["projector"]), kv("clip.use_gelu" if clip else "clip.use_silu", "bool", not clip),
        *(kv(f"clip.vision.{key}", "u32", value) for key, value in u32.items()),
        kv("clip.vision.attention.layer_norm_epsilon", "f32", s["eps"]),
        kv("clip.vision.image_mean", "f32s", [0.48145466, 0.4578275, 0.40821073]),
        kv("clip.vision.image_std", "f32s", [0.26862954, 0.26130258, 0.27577711]),
        *([] if clip else [kv("clip.vision.n_wa_pattern", "u32", 8), kv("clip.vision.window_size", "u32", 112),
                           kv("clip.vision.image_min_pixels", "u32", 56 * 56), kv("clip.vision.image_max_pixels", "u32", 28 * 28 * 1280)]),
    ]
    return tensors, metadata


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES | TOWERS, default="llama-3.2-1b")
    parser.add_argument("--type", choices=TYPES, default="q8_0")
    parser.add_argument("--zipf", type=float, metavar="S", help="how uneven the choice of experts is; real models: about 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    s = (SHAPES | TOWERS)[args.shape]
    tensors, metadata = (tower if args.shape in TOWERS else text_model)(s, args.type, f"random {args.shape}", args.zipf)
    for name, kind, shape in tensors:
        if shape[-1] % TYPES[kind][1]:
            parser.error(f"rows of {name} have {shape[-1]} weights, blocks of {kind} {TYPES[kind][1]}")

    entries, offset = [], 0
    for name, kind, shape in tensors:
        code, block, size, _ = TYPES[kind]
        entries.append(text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", d) for d in reversed(shape)) +
                       struct.pack("<IQ", code, offset))
        offset += -(-int(np.prod(shape)) // block * size // ALIGNMENT) * ALIGNMENT
    rng = np.random.default_rng(args.seed)
    with open(args.output, "wb") as f:
        f.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata)) + b"".join(metadata) + b"".join(entries))
        f.write(b"\0" * (-f.tell() % ALIGNMENT))
        for name, kind, shape in tensors:
            if len(shape) == 1:
                f.write(np.ones(shape, "<f4").tobytes())
            elif args.zipf and name.endswith("ffn_gate_inp.weight"):
                f.write(zipf_router(rng, *shape, s["used"], args.zipf))
            else:
                # rows stay what the embedding has made them, so that the routers' scores do
                deviation = 0.0002 if args.zipf and ("attn_output" in name or "ffn_down" in name) else 0.02
                rows = int(np.prod(shape[:-1]))
                for first in range(0, rows, 4096):
                    part = random_rows(rng, kind, min(4096, rows - first), shape[-1], deviation)
                    if args.zipf and name == "token_embd.weight":
                        part = np.frombuffer(part, "<f2").reshape(-1, shape[-1]).copy()
                        part[:, 0] = 1
                        part = part.tobytes()
                    f.write(part)
            f.write(b"\0" * (-f.tell() % ALIGNMENT))


if __name__ == "__main__":
    main()
