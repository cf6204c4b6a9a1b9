#!/usr/bin/env python3
"""Makes the tiny Llama checkpoints under tests/golden/llama-*, with the logits that transformers computes for them.

    pip install torch transformers safetensors numpy gguf
    python llama.py

Each directory holds a checkpoint as transformers would save it (model.safetensors or shards, config.json in the spelling of
version 4 or 5), tokens.json ({"tokens": [...], "greedy": [64 ids]}) and logits.npy (float32 [n_tokens, vocab_size], computed in
float32 from the same weights). Weights are random, norms and biases too, so that a forgotten one shows.
"""
import json
import pathlib

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent.parent
BASE = dict(hidden_size=48, intermediate_size=52, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=10,
            vocab_size=101, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False, hidden_act="silu",
            attention_bias=False, mlp_bias=False, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
ROPE = dict(rope_type="default", rope_theta=10000.0)
CASES = {  # changes of BASE, rope parameters, spelling, type, shards
    "llama-gqa": (dict(), ROPE, 4, "F32", 1),
    "llama-mqa-tied": (dict(hidden_size=52, num_attention_heads=4, num_key_value_heads=1, head_dim=14, tie_word_embeddings=True),
                       dict(rope_type="default", rope_theta=500000.0), 5, "F32", 1),
    "llama-rope-llama3": (dict(num_key_value_heads=3), LLAMA3, 4, "F32", 1),
    "llama-rope-llama3-v5": (dict(num_key_value_heads=3), LLAMA3, 5, "F32", 1),
    "llama-rope-linear": (dict(), dict(rope_type="linear", rope_theta=10000.0, factor=4.0), 4, "F32", 1),
    "llama-rope-dynamic": (dict(max_position_embeddings=48), dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0), 4, "F32", 1),
    "llama-rope-yarn": (dict(), dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64), 5, "F32", 1),
    "llama-bias": (dict(attention_bias=True, mlp_bias=True), ROPE, 4, "F32", 1),
    "llama-gelu": (dict(hidden_act="gelu", num_key_value_heads=6, head_dim=8), ROPE, 4, "F32", 1),
    "llama-bf16-sharded": (dict(hidden_size=64, head_dim=16, num_attention_heads=4), ROPE, 5, "BF16", 3),
    "llama-f16": (dict(hidden_size=64, head_dim=16, num_attention_heads=4), ROPE, 4, "F16", 1),
}
QUANTIZED = dict(hidden_size=64, intermediate_size=96, num_attention_heads=4, num_key_value_heads=2, head_dim=16, num_hidden_layers=2)
NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
         "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
OUTSIDE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
# a model of all block types: embedding, head, and the matrices of its two layers
BLOCKS = dict(hidden_size=256, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=16, num_hidden_layers=2)
BLOCK_TYPES = {"embed_tokens": "Q6_K", "lm_head": "Q4_K",
               "0.self_attn.q": "Q2_K", "0.self_attn.k": "Q3_K", "0.self_attn.v": "Q4_K", "0.self_attn.o": "Q4_1",
               "0.mlp.gate": "Q5_K", "0.mlp.up": "Q6_K", "0.mlp.down": "Q5_0",
               "1.self_attn.q": "IQ4_XS", "1.self_attn.k": "TQ2_0", "1.self_attn.v": "Q8_0", "1.self_attn.o": "Q5_1",
               "1.mlp.gate": "IQ4_NL", "1.mlp.up": "Q4_0", "1.mlp.down": "MXFP4"}
# where a block's scale stands, and its min; the min that makes the mean weight 0 where all bytes are as likely
SCALES = {"Q4_0": (0,), "Q4_1": (0, 2, -7.5), "Q5_0": (0,), "Q5_1": (0, 2, -15.5), "Q8_0": (0,), "Q2_K": (80, 82, 1.5), "Q3_K": (108,),
          "Q4_K": (0, 2, 7.5), "Q5_K": (0, 2, 15.5), "Q6_K": (208,), "IQ4_NL": (0,), "IQ4_XS": (0,), "TQ2_0": (64,)}
GGML = {"F32": gguf.GGMLQuantizationType.F32, "Q8_0": gguf.GGMLQuantizationType.Q8_0, "Q4_0": gguf.GGMLQuantizationType.Q4_0}


def make_model(changes, rope, seed):
    torch.manual_seed(seed)
    config = LlamaConfig(**{**BASE, **changes}, rope_parameters=rope)
    model = LlamaForCausalLM(config).eval()
    for name, p in model.named_parameters():
        if "norm" in name:
            p.data = 1 + 0.3 * torch.randn_like(p)
        elif name.endswith("bias"):
            p.data = 0.5 * torch.randn_like(p)
        elif "embed" in name:
            p.data = torch.randn_like(p)
        else:
            p.data = torch.randn_like(p) * 1.6 / p.shape[1] ** 0.5
    return model


def config_json(model, rope, spelling, kind):
    c = {k: v for k, v in model.config.to_dict().items() if k in BASE}
    c |= {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    dtype = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}[kind]
    if spelling == 5:
        return c | {"rope_parameters": rope, "dtype": dtype}
    scaling = {k: v for k, v in rope.items() if k != "rope_theta"}
    return c | {"rope_theta": rope["rope_theta"], "rope_scaling": None if rope["rope_type"] == "default" else scaling,
                "torch_dtype": dtype}


def weights_of(model):
    w = {k: v.detach() for k, v in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        w.pop("lm_head.weight", None)
    return w


@torch.no_grad()
def answers(model, n_tokens=70):
    g = torch.Generator().manual_seed(7)
    tokens = torch.randint(3, model.config.vocab_size, (n_tokens,), generator=g)
    tokens[0] = 1
    logits = model(tokens[None]).logits[0].float().numpy()
    ids = tokens.tolist()[:8]
    greedy = []
    for _ in range(64):  # without a cache: the whole text anew for each token
        greedy.append(int(model(torch.tensor([ids + greedy])).logits[0, -1].argmax()))
    return tokens.tolist(), greedy, logits


def write_answers(directory, model):
    tokens, greedy, logits = answers(model)
    (directory / "tokens.json").write_text(json.dumps({"tokens": tokens, "greedy_prompt": tokens[:8], "greedy": greedy}) + "\n")
    np.save(directory / "logits.npy", logits)


def save_shards(directory, arrays, n):
    names = sorted(arrays)
    if n == 1:
        save_file(arrays, directory / "model.safetensors", metadata={"format": "pt"})
        return
    where = {}
    for s in range(n):
        file = f"model-{s + 1:05d}-of-{n:05d}.safetensors"
        part = {k: arrays[k] for k in names[s::n]}
        save_file(part, directory / file, metadata={"format": "pt"})
        where |= {k: file for k in part}
    total = sum(a.nbytes for a in arrays.values())
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": where}, indent=1))


def save_bf16(directory, tensors, n):
    """numpy has no bf16: safetensors' torch writer has."""
    from safetensors.torch import save_file as save_torch
    names, where = sorted(tensors), {}
    for s in range(n):
        file = f"model-{s + 1:05d}-of-{n:05d}.safetensors"
        part = {k: tensors[k].contiguous() for k in names[s::n]}
        save_torch(part, directory / file, metadata={"format": "pt"})
        where |= {k: file for k in part}
    total = sum(t.numel() * 2 for t in tensors.values())
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": where}, indent=1))


def make_case(name, changes, rope, spelling, kind, shards, seed):
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    model = make_model(changes, dict(rope), seed)
    dtype = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}[kind]
    for p in model.parameters():
        p.data = p.data.to(dtype).float()
    tensors = {k: v.to(dtype) for k, v in weights_of(model).items()}
    if kind == "BF16":
        save_bf16(directory, tensors, shards)
    else:
        save_shards(directory, {k: v.numpy() for k, v in tensors.items()}, shards)
    (directory / "config.json").write_text(json.dumps(config_json(model, rope, spelling, kind), indent=1) + "\n")
    write_answers(directory, model)
    return model


def gguf_name(name):
    if name in OUTSIDE:
        return OUTSIDE[name]
    _, _, layer, rest = name.split(".", 3)
    stem, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[stem]}.{kind}"


def neighbours(rows, n_heads):
    head = rows.shape[0] // n_heads
    return rows.reshape(n_heads, 2, head // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def llama3_divisors(rope, dim):
    """What llama.cpp's converter writes as rope_freqs.weight."""
    f = 1.0 / rope["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    wave = 2 * np.pi / f
    low = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    smooth = (rope["original_max_position_embeddings"] / wave - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
    middle = 1 / ((1 - smooth) / rope["factor"] + smooth)
    return np.where(wave < high, 1.0, np.where(wave > low, rope["factor"], middle)).astype(np.float32)


def write_gguf(directory, model, rope, kind, raw=None):
    """raw: rows of blocks and their type for some of the weights"""
    directory.mkdir(exist_ok=True)
    c = model.config
    w = gguf.GGUFWriter(str(directory / "model.gguf"), "llama")
    w.add_block_count(c.num_hidden_layers)
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    w.add_key_length(c.head_dim)
    w.add_value_length(c.head_dim)
    w.add_rope_dimension_count(c.head_dim)
    w.add_rope_freq_base(rope["rope_theta"])
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    if rope["rope_type"] == "llama3":
        w.add_tensor("rope_freqs.weight", llama3_divisors(rope, c.head_dim))
    for name, tensor in weights_of(model).items():
        a, packed = raw[name] if raw and name in raw else (tensor.float().numpy(), None)
        if ".q_proj." in name:
            a = neighbours(a, c.num_attention_heads)
        elif ".k_proj." in name:
            a = neighbours(a, c.num_key_value_heads)
        a = np.ascontiguousarray(a)
        if packed is not None:
            w.add_tensor(gguf_name(name), a, raw_dtype=packed)
        elif a.ndim > 1 and kind != "F32":
            q = gguf.quantize(a, GGML[kind])
            w.add_tensor(gguf_name(name), q, raw_dtype=GGML[kind])
        else:
            w.add_tensor(gguf_name(name), a)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def rounded(model, kind):
    """The model with its matrices as quantization leaves them; rotary pairs do not matter, rows are quantized one by one."""
    for p in model.parameters():
        if p.dim() > 1:
            q = gguf.quantize(p.data.float().numpy(), GGML[kind])
            p.data = torch.from_numpy(gguf.dequantize(q, GGML[kind]).astype(np.float32).reshape(p.shape))
    return model


def random_blocks(random, kind, rows, columns, deviation):
    """Rows of blocks of any bytes whose weights have about this deviation, and these weights. No package makes most of these types."""
    t = gguf.GGMLQuantizationType[kind]
    block, size = gguf.GGML_QUANT_SIZES[t]
    raw = random.integers(0, 256, (rows * columns // block, size), dtype=np.uint8)

    def scaled(by):
        if kind == "MXFP4":  # powers of two
            raw[:, 0] = 127 + round(np.log2(by))
        else:
            at, *more = SCALES[kind]
            d = (by * each).astype(np.float16)
            raw[:, at:at + 2] = d.view(np.uint8).reshape(-1, 2)
            if more:
                raw[:, more[0]:more[0] + 2] = (d * np.float16(more[1])).view(np.uint8).reshape(-1, 2)
        return gguf.dequantize(raw.reshape(rows, -1), t).astype(np.float32)

    each = random.uniform(0.7, 1.3, len(raw))
    weights = scaled(deviation / scaled(1.0 / 64).std() / 64)
    return raw.reshape(rows, -1), weights


def make_blocks(name):
    """A checkpoint of all block types that nothing has quantized: weights are what its random blocks mean."""
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    model = make_model(BLOCKS, dict(ROPE), 200)
    random = np.random.default_rng(200)
    raw = {}
    for key, p in model.named_parameters():
        kind = next((t for part, t in BLOCK_TYPES.items() if part in key), None)
        if kind:
            deviation = 1.0 if "embed" in key else p.shape[1] ** -0.5
            raw[key], weights = random_blocks(random, kind, *p.shape, deviation)
            raw[key] = raw[key], gguf.GGMLQuantizationType[kind]
            p.data = torch.from_numpy(weights.reshape(p.shape))
    write_gguf(directory, model, ROPE, "F32", raw)
    write_answers(directory, model)


def main():
    for seed, (name, case) in enumerate(CASES.items()):
        changes, rope, spelling, kind, shards = case
        model = make_case(name, changes, rope, spelling, kind, shards, seed)
        if name in ("llama-gqa", "llama-bias", "llama-rope-llama3"):
            directory = HERE / f"{name}-gguf"
            write_gguf(directory, model, rope, "F32")
            write_answers(directory, model)
    for kind in ("Q8_0", "Q4_0"):
        model = rounded(make_model(QUANTIZED, dict(ROPE), 100), kind)
        directory = HERE / f"llama-{kind.lower()}-gguf"
        write_gguf(directory, model, ROPE, kind)
        write_answers(directory, model)
    make_blocks("llama-blocks-gguf")


if __name__ == "__main__":
    main()
