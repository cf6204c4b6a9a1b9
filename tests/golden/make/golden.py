"""What the scripts beside share: a model of transformers with random weights becomes a folder of tests/golden/.

A folder holds the checkpoint as people have it (config.json and model.safetensors, or model.gguf), tokens.json ({"tokens":
[...], "greedy_prompt": [8 ids], "greedy": [32 ids]}) and logits.npy (float32 [n_tokens, vocab_size], computed in float32 from the
same weights). Weights are random, norms and biases too, so that a forgotten one shows.
"""
import json
import pathlib
import tempfile

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent.parent
N_TOKENS, N_GREEDY = 60, 32


def randomise(model, seed, norm_offset=0.0):
    """Norms around 1 (around 1 - norm_offset where the model adds the offset itself), everything else around 0."""
    torch.manual_seed(seed)
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            p.data = 0.5 * torch.randn_like(p)
        elif p.dim() < 2 or "norm" in name:
            p.data = 1 - norm_offset + 0.3 * torch.randn_like(p)
        elif id(p) in embeddings:
            p.data = torch.randn_like(p)
        else:
            p.data = torch.randn_like(p) * 1.6 / p.shape[-1] ** 0.5
    return model.eval()


def weights_of(model):
    """What a checkpoint of the model holds, by the names that transformers writes."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(pathlib.Path(folder) / "model.safetensors")


@torch.no_grad()
def write_answers(directory, model, n_tokens=N_TOKENS):
    g = torch.Generator().manual_seed(7)
    tokens = torch.randint(3, model.config.vocab_size, (n_tokens,), generator=g)
    logits = model(tokens[None]).logits[0].float().numpy()
    prompt, greedy = tokens.tolist()[:8], []
    for _ in range(N_GREEDY):  # without a cache: the whole text anew for each token
        greedy.append(int(model(torch.tensor([prompt + greedy]), use_cache=False).logits[0, -1].argmax()))
    (directory / "tokens.json").write_text(json.dumps({"tokens": tokens.tolist(), "greedy_prompt": prompt, "greedy": greedy}) + "\n")
    np.save(directory / "logits.npy", logits)


def config_json(model, old):
    """As transformers 5 writes it; or, `old`, with the keys of version 4."""
    c = json.loads(model.config.to_json_string())
    c["architectures"] = [type(model).__name__]
    c.pop("transformers_version", None)
    c.pop("_name_or_path", None)
    if not old:
        return c
    rope = c.pop("rope_parameters", None)
    if rope:
        c["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            c["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
        c["rope_scaling"] = None if rope.get("rope_type", "default") == "default" else rope
    c["torch_dtype"] = c.pop("dtype", "float32")
    return c


def write_safetensors(name, model, dtype=torch.float32, old=False, drop=(), rename=None, strip="", replace=None, **instead):
    """The folder `name` with the checkpoint and its answers; `drop`, `rename`: keys that config.json shall not have, or have by
    another name; `instead`: values in place of the model's; `strip`: a prefix that tensors shall lack; `replace`: tensors in
    place of that of their name less its last part, as "x_blocks" and "x_scales" are of "x"."""
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    for p in model.parameters():
        p.data = p.data.to(dtype).float()
    replace = replace or {}
    replaced = {k.rsplit("_", 1)[0] for k in replace}
    tensors = {k.removeprefix(strip): v.to(dtype).contiguous().clone() for k, v in weights_of(model).items() if k not in replaced}
    save_file(tensors | replace, directory / "model.safetensors", metadata={"format": "pt"})
    config = {(rename or {}).get(k, k): v for k, v in config_json(model, old).items() if k not in drop} | instead
    if "architecture" in instead:
        config["architectures"] = [config.pop("architecture")]
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_answers(directory, model)


def neighbours(rows, n_heads):
    """Rows of q or k in the order of files whose rotating pairs are neighbours."""
    head = rows.shape[0] // n_heads
    return rows.reshape(n_heads, 2, head // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def write_gguf(name, model, architecture, values, change=None, also=None, strip="", kind="F32"):
    """The folder `name` with the same model as a GGUF file: `values` are keys of the architecture ("embedding_length": 48);
    change(name, array) gives the array, or a list of (GGUF name, array), that the converter would write; also: GGUF tensors besides; strip: a prefix of tensor names that the converter takes off; kind: the type of matrices, which the model gets, too."""
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    kind = gguf.GGMLQuantizationType[kind]
    for p in model.parameters():
        if p.dim() == 2 and kind != gguf.GGMLQuantizationType.F32:
            p.data = torch.from_numpy(gguf.dequantize(gguf.quantize(p.data.numpy(), kind), kind).astype(np.float32).reshape(p.shape))
    w = gguf.GGUFWriter(str(directory / "model.gguf"), architecture)
    arch = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture)
    names = gguf.get_tensor_name_map(arch, model.config.num_hidden_layers)
    for key, value in values.items():
        key = f"{architecture}.{key}"
        if isinstance(value, bool):
            w.add_bool(key, value)
        elif isinstance(value, int):
            w.add_uint32(key, value)
        elif isinstance(value, float):
            w.add_float32(key, value)
        elif isinstance(value, str):
            w.add_string(key, value)
        else:
            w.add_array(key, value)
    for hf, tensor in weights_of(model).items():
        array = tensor.float().numpy()
        array = change(hf, array) if change else array
        if array is None:
            continue
        parts = array if isinstance(array, list) else [(names.get_name(hf.removeprefix(strip), (".weight", ".bias")), array)]
        for gguf_name, part in parts:
            assert gguf_name, hf
            part = np.ascontiguousarray(part, dtype=np.float32)
            packed = kind if part.ndim > 1 else gguf.GGMLQuantizationType.F32
            w.add_tensor(gguf_name, gguf.quantize(part, packed), raw_dtype=packed)
    for gguf_name, array in (also or {}).items():
        w.add_tensor(gguf_name, np.ascontiguousarray(array, dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    write_answers(directory, model)


def common_values(config, **more):
    """The keys that the converter writes for nearly every architecture."""
    c = config
    head_dim = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    v = {"block_count": c.num_hidden_layers, "context_length": c.max_position_embeddings, "embedding_length": c.hidden_size,
         "feed_forward_length": c.intermediate_size, "attention.head_count": c.num_attention_heads,
         "attention.head_count_kv": getattr(c, "num_key_value_heads", None) or c.num_attention_heads,
         "attention.key_length": head_dim, "attention.value_length": head_dim, "rope.dimension_count": head_dim}
    rope = getattr(c, "rope_parameters", None) or {}
    if "rope_theta" in rope:
        v["rope.freq_base"] = float(rope["rope_theta"])
    if hasattr(c, "rms_norm_eps"):
        v["attention.layer_norm_rms_epsilon"] = float(c.rms_norm_eps)
    return {k: x for k, x in (v | more).items() if x is not None}
