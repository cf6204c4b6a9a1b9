#!/usr/bin/env python3
"""Tries every option of every family's configuration: does transformers compute something else with another value of it?

    pip install torch transformers safetensors numpy gguf
    python options.py [GOLDEN...]         # writes tests/golden/options.json, or what it has of those folders
    python options.py --viv build/viv [GOLDEN...]    # besides, whether viv computes the same, or refuses it by name

options.json is a list of [folder of tests/golden, options left out of its config.json, option, value]: each changes what
transformers computes with the configuration of that folder.
"""
import argparse
import copy
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import torch
import transformers as t

import golden

FOLDERS = """llama-gqa mistral ministral ministral3 qwen2-window qwen3 gemma gemma2-scalar gemma3-types phi-norms phi3 gpt2 gptj gpt_neox falcon
    falcon-groups mpt bloom opt olmo2 olmo3-factor stablelm-parallel starcoder2 granite smollm3 cohere-qk-norm cohere2 glm glm4 exaone4 nemotron bert
    roberta xlm-roberta distilbert modernbert nomic-bert t5 t5-gated mt5-tied umt5 mixtral qwen2_moe-mixed qwen3_moe granitemoe olmoe phimoe glm4_moe
    gpt_oss llama4-chunks deepseek_v2 deepseek_v3 youtu minicpm3 qwen3_next""".split()
ENCODERS = ["bert", "roberta", "xlm-roberta", "distilbert", "modernbert", "nomic-bert"]
ADDS_ONE = ("gemma", "nemotron", "qwen3_next")  # to the weights of norms
ACTIVATIONS = ["gelu", "gelu_new", "relu", "relu2", "silu", "mish"]
ROPES = [dict(rope_type="linear", factor=3.0), dict(rope_type="dynamic", factor=3.0),
         dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16),
         dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16),
         dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, attention_factor=1.3, beta_fast=20.0, beta_slow=2.0),
         dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, mscale=0.7, mscale_all_dim=0.9, truncate=False),
         dict(rope_type="longrope", factor=4.0, original_max_position_embeddings=16),
         dict(rope_type="default", rope_theta=777.0), dict(rope_type="default", partial_rotary_factor=0.5)]
# sizes and names, which the shapes of tensors speak of; what the text's tokens are
PLAIN = """architectures model_type dtype id2label label2id problem_type return_dict output_attentions output_hidden_states
    initializer_range use_cache pad_token_id bos_token_id eos_token_id chunk_size_feed_forward vocab_size hidden_size d_model n_embd dim intermediate_size hidden_dim d_ff ffn_dim
    n_inner ffn_hidden_size num_hidden_layers n_layer n_layers num_layers num_decoder_layers num_attention_heads n_head n_heads num_heads
    head_dim d_kv""".split()


def of_rope(rope, config, change):
    rope = {**rope, **change}
    if rope["rope_type"] == "longrope":
        heads = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        n = int(heads * (rope.get("partial_rotary_factor") or 1)) // 2
        rope |= dict(short_factor=[1 + 0.1 * i for i in range(n)], long_factor=[1 + 0.7 * i for i in range(n)])
    return rope


def values(key, value, config):
    """Other values that an option may have."""
    if key == "rope_parameters":
        kinds = [k for k in value or () if k.endswith("_attention")]
        part = (value or {}).get("partial_rotary_factor", 1) != 1  # others do not look at it
        ropes = ROPES if part else [r for r in ROPES if "partial_rotary_factor" not in r]
        return [of_rope(value or {}, config, r) for r in ropes] if not kinds else [
            {**value, k: of_rope(value[k], config, r)} for r in ropes for k in kinds]
    if key == "layer_types":
        other = next((k for k in value or () if k != "full_attention"), "sliding_attention")
        n, kinds = config.num_hidden_layers, ("full_attention", other)
        return [[kinds[0]] * n, [kinds[1]] * n, [kinds[i % 2] for i in range(n)], [kinds[(i + 1) % 2] for i in range(n)]]
    if key == "feed_forward_proj":
        return ["relu", "gelu", "gated-gelu", "gated-silu", "gated-relu"]
    if isinstance(value, str):
        return ACTIVATIONS if "act" in key else [value + "x"]
    if isinstance(value, bool):
        return [not value]
    if key == "num_experts_per_tok":
        return [value - 1]
    if key in ("n_routed_experts", "topk_group"):  # groups come out even, and hold enough
        return [2 * value]
    if isinstance(value, int):
        return [n for n in (value + 1, 2 * value, value - 1, value // 2) if n > 0 or value == 0]
    if isinstance(value, float):
        return [value * 1.7 + 0.1]
    if isinstance(value, list):
        return [[0] * len(value), [1] * len(value), [0], [1]]
    if isinstance(value, dict):
        return [{**value, k: v} for k in value if k not in PLAIN for v in values(k, value[k], config)]
    return [3, 0.3, True, [0], [1]]


@torch.no_grad()
def compute(folder, c, viv=None):
    """What transformers makes of a text with random weights; with `viv`, what that does, or its complaint."""
    kept = copy.deepcopy(c)
    model_class = getattr(t, c["architectures"][0])
    config = model_class.config_class.from_dict(copy.deepcopy(c))
    config._attn_implementation = "sdpa" if getattr(config, "alibi", False) else "eager"  # eager Falcon adds ALiBi twice
    model = golden.randomise(model_class(config).float(), 5, 1.0 if folder.startswith(ADDS_ONE) else 0.0)
    for name, b in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            b.copy_(torch.rand(b.shape, generator=torch.Generator().manual_seed(1)))
    tokens = torch.randint(3, config.vocab_size, (40,), generator=torch.Generator().manual_seed(7))
    ids = ",".join(map(str, tokens.tolist()))
    ask = ["logits", "--tokens", ids]
    if config.is_encoder_decoder:
        out = model(tokens[None], decoder_input_ids=torch.tensor([[0] + tokens[:20].tolist()])).logits
        ask += ["--decoder-tokens", ",".join(map(str, [0] + tokens[:20].tolist()))]
    else:
        out = model(tokens[None], **({} if folder in ENCODERS else {"use_cache": False}))
        if folder in ENCODERS:
            ask = ["embed", "--tokens", ids, "--pooling", "none"]
        out = out.last_hidden_state if folder in ENCODERS else out.logits
    out = out[0].float().numpy()
    if not viv:
        return out, None
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        (pathlib.Path(d) / "config.json").write_text(json.dumps(kept))
        ran = subprocess.run([viv, ask[0], d, *ask[1:], "-o", d + "/o.npy"], capture_output=True, text=True)
        return out, ran.stderr.strip() if ran.returncode else np.load(d + "/o.npy")


def verdict(folder, left_out, key, value, theirs, ours):
    what = f"{folder} {' '.join(left_out)} {key} = {json.dumps(value)[:150]}"
    if isinstance(ours, str):
        word = "rope" if key == "rope_parameters" else key
        return f"{'refused' if word in ours else 'REFUSED WITHOUT ITS NAME'}: {what}: {ours[-200:]}"
    worst = np.abs(ours - theirs).max() if ours.shape == theirs.shape else np.inf
    return f"{'honoured' if worst <= 2e-4 * np.abs(theirs).max() else 'IGNORED OR WRONG'}: {what}"


def try_folder(folder, left_out, viv):
    c = json.loads((golden.HERE / folder / "config.json").read_text())
    model_class = getattr(t, c["architectures"][0])
    full = model_class.config_class.from_dict(copy.deepcopy(c))
    for key in left_out:
        c.pop(key, None)
    base, found = compute(folder, c)[0], []
    for key, value in full.to_dict().items():
        if full.is_encoder_decoder and key == "tie_word_embeddings":  # the model ties them all the same
            continue
        if any(key == to and alias in c for alias, to in full.attribute_map.items()):
            continue
        of_layers = any(w in key for w in ("window", "pattern", "interval", "every", "chunk"))
        if key in PLAIN or key in left_out or key.startswith("_") or (left_out and not of_layers):
            continue
        for n, other in enumerate(values(key, value, full)):
            if other in values(key, value, full)[:n]:
                continue
            changed = {**c, key: other}
            if key == "rope_parameters":  # it stands for what version 4 said beside it
                changed = {k: v for k, v in changed.items() if k not in ("rope_theta", "rope_scaling", "partial_rotary_factor")}
            try:
                theirs, ours = compute(folder, changed, viv)
            except Exception:  # transformers refuses it, too
                continue
            if not np.isfinite(theirs).all() or (theirs.shape == base.shape and np.abs(theirs - base).max() <= 1e-6 * np.abs(base).max()):
                continue
            found.append([folder, left_out, key, other])
            if viv:
                print(verdict(folder, left_out, key, other, theirs, ours), flush=True)
    return found


def main():
    torch.set_num_threads(1)
    p = argparse.ArgumentParser()
    p.add_argument("--viv")
    p.add_argument("folders", nargs="*", default=FOLDERS)
    a = p.parse_args()
    path = golden.HERE / "options.json"
    found = [f for f in json.loads(path.read_text()) if f[0] not in a.folders]
    for folder in a.folders:
        found += try_folder(folder, [], a.viv)
        if "layer_types" in json.loads((golden.HERE / folder / "config.json").read_text()):
            found += try_folder(folder, ["layer_types"], a.viv)
    found.sort(key=lambda f: FOLDERS.index(f[0]))
    lines = ",\n".join(json.dumps(f, separators=(",", ":")) for f in found)
    path.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
