#!/usr/bin/env python3
"""Makes the LoRA adapters under tests/golden/lora-*, with the logits that peft computes for them.

    pip install torch transformers peft safetensors numpy gguf
    python lora.py [NAME...]

A folder holds an adapter as peft saves it, or several in folders of their own, and no model: tokens.json says beside the tokens
which golden folder is the base ("base") and which adapters with which scales are on it ("adapters"). All of an adapter's numbers
are random, so that one that is forgotten shows. Logits are those of peft's model, not merged, in float32.
"""
import json
import sys
import tempfile

import gguf
import numpy as np
import peft
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import llama
from golden import HERE, neighbours, write_answers

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {}


def case(f):
    CASES[f.__name__.replace("_", "-")] = f
    return f


def base_model(name):
    return AutoModelForCausalLM.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation="eager").eval()


@torch.no_grad()
def randomise(model, adapter, seed, size=0.3):
    """All that the adapter trains: its own matrices, and whole tensors that it replaces."""
    g = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        ours = f".{adapter}." in name or name.endswith("." + adapter)
        if "magnitude" in name and ours:
            p.mul_(1 + 0.3 * torch.randn(p.shape, generator=g))
        elif "lora_" in name and ours:
            p.copy_(size * torch.randn(p.shape, generator=g))
        elif ours or (name.endswith("bias") and p.requires_grad):
            p.add_(0.3 * torch.randn(p.shape, generator=g) * p.std())


def save(model, adapter, directory, base):
    """As peft does; without the card, and without the path of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, selected_adapters=[adapter])
        if adapter != "default":
            folder += "/" + adapter
        directory.mkdir(parents=True, exist_ok=True)
        config = json.load(open(folder + "/adapter_config.json"))
        config["base_model_name_or_path"] = base
        config = {k: sorted(v) if k == "target_modules" and isinstance(v, list) else v for k, v in config.items()}
        (directory / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
        (directory / "adapter_model.safetensors").write_bytes(open(folder + "/adapter_model.safetensors", "rb").read())


def answers(name, model, base, adapters):
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    write_answers(directory, model)
    tokens = json.loads((directory / "tokens.json").read_text())
    (directory / "tokens.json").write_text(json.dumps({"base": base, "adapters": adapters} | tokens) + "\n")


@torch.no_grad()
def merged(model, dtype):
    """The sums of weights and changes, rounded to the type that tensors of 16 bits and less end in."""
    changed = [k.removeprefix("base_model.model.") for k, m in model.named_modules() if isinstance(m, peft.tuners.lora.LoraLayer)]
    model = model.merge_and_unload()
    for name in changed:
        weight = model.get_submodule(name).weight
        weight.copy_(weight.to(dtype).float())
    return model


def one(name, base, seed, model=None, on=(), rounded_to=None, size=0.3, **config):
    """A case of one adapter; `on`: other cases that put it on another form of the same base."""
    config = {"r": 4, "lora_alpha": 6, "lora_dropout": 0.1, "task_type": "CAUSAL_LM", "init_lora_weights": False} | config
    torch.manual_seed(seed)
    model = peft.get_peft_model(model or base_model(base), peft.LoraConfig(**config)).eval()
    randomise(model, "default", seed, size)
    save(model, "default", HERE / name, base)
    model = merged(model, rounded_to) if rounded_to else model
    answers(name, model, base, ["."])
    for other, other_base in on:
        answers(other, model, other_base, ["../" + name])


def gguf_name(module):
    """As the converter to GGUF names the modules of a Llama."""
    module = module.removeprefix("base_model.model.")
    if module + ".weight" in llama.OUTSIDE:
        return llama.OUTSIDE[module + ".weight"]
    _, _, i, rest = module.split(".", 3)
    return f"blk.{i}.{llama.NAMES[rest]}.weight"


def write_gguf_adapter(path, tensors, config, alpha):
    """As convert_lora_to_gguf.py of llama.cpp does: rows of B for q and k in the order of GGUF files; of the embedding, A by tokens."""
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_type("adapter")
    w.add_string("adapter.type", "lora")
    w.add_float32("adapter.lora.alpha", float(alpha))
    for key, tensor in tensors.items():
        module, _, kind = key.partition(".lora_")
        embedding, a = kind.startswith("embedding"), kind.removeprefix("embedding_").startswith("A")
        array = tensor.float().numpy()
        if embedding and a:
            array = array.T
        elif not a and ".q_proj" in key:
            array = neighbours(array, config.num_attention_heads)
        elif not a and ".k_proj" in key:
            array = neighbours(array, config.num_key_value_heads)
        w.add_tensor(gguf_name(module) + (".lora_a" if a else ".lora_b"), np.ascontiguousarray(array))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


@case
def lora_plain():
    one("lora-plain", "llama-gqa", 1, target_modules=LINEAR, on=[("lora-plain-on-gguf", "llama-gqa-gguf")])


@case
def lora_patterns():
    one("lora-patterns", "llama-gqa", 2, target_modules=LINEAR, use_rslora=True,
        rank_pattern={r"^model\.layers\.1\..*down_proj": 7, "k_proj|v_proj": 3, r"self_attn\.v_proj": 2},
        alpha_pattern={"q_proj": 3, r"layers\.\d+\.mlp\.gate_proj": 11})


@case
def lora_dora():
    one("lora-dora", "llama-gqa", 3, target_modules=LINEAR, use_dora=True, on=[("lora-dora-on-gguf", "llama-gqa-gguf")])


@case
def lora_embedding():
    one("lora-embedding", "llama-gqa", 4, target_modules=["embed_tokens", "lm_head", "v_proj"], use_dora=True,
        on=[("lora-embedding-on-gguf", "llama-gqa-gguf")])


@case
def lora_saved():
    one("lora-saved", "llama-bias", 5, target_modules=["q_proj", "down_proj"], modules_to_save=["lm_head", "norm"], bias="all",
        on=[("lora-saved-on-gguf", "llama-bias-gguf")])


@case
def lora_bias():
    one("lora-bias", "llama-bias", 6, target_modules=["q_proj", "o_proj", "up_proj"], lora_bias=True, bias="lora_only",
        on=[("lora-bias-on-gguf", "llama-bias-gguf")])


@case
def lora_tied_head():
    one("lora-tied-head", "llama-mqa-tied", 7, target_modules=["lm_head", "q_proj"])


@case
def lora_tied_embedding():
    one("lora-tied-embedding", "llama-mqa-tied", 8, target_modules=["embed_tokens", "q_proj"])


@case
def lora_tied_saved():
    one("lora-tied-saved", "llama-mqa-tied", 9, target_modules=["q_proj"], modules_to_save=["embed_tokens"])


@case
def lora_gemma():
    """Embedding and head, one tensor in both files, each with a change of its own."""
    one("lora-gemma", "gemma", 19, target_modules=["embed_tokens", "lm_head", "q_proj", "up_proj"],
        on=[("lora-gemma-on-gguf", "gemma-gguf")])


@case
def lora_tokens():
    one("lora-tokens", "llama-mqa-tied", 10, target_modules=["q_proj"], trainable_token_indices=[3, 40, 77, 100])


@case
def lora_gpt2():
    one("lora-gpt2", "gpt2", 11, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True,
        on=[("lora-gpt2-on-gguf", "gpt2-gguf"), ("lora-gpt2-on-bare", "gpt2-bare")])


@case
def lora_gpt2_dora():
    one("lora-gpt2-dora", "gpt2", 12, target_modules=["c_attn", "c_proj", "wte"], fan_in_fan_out=True, use_dora=True)


@case
def lora_qwen2():
    one("lora-qwen2", "qwen2", 13, target_modules=["q_proj", "k_proj", "v_proj"], bias="lora_only",
        on=[("lora-qwen2-on-gguf", "qwen2-gguf")])
    one("lora-qwen2-bf16", "qwen2-bf16", 14, target_modules=LINEAR, rounded_to=torch.bfloat16, size=0.15)


@case
def lora_two():
    torch.manual_seed(15)
    model = peft.get_peft_model(base_model("llama-gqa"), peft.LoraConfig(
        r=3, lora_alpha=5, target_modules=["q_proj", "down_proj"], init_lora_weights=False), adapter_name="a")
    model.add_adapter("b", peft.LoraConfig(r=5, lora_alpha=4, target_modules=["q_proj", "v_proj"], use_dora=True, init_lora_weights=False))
    scales = {"a": 0.5, "b": -1.25}
    for i, adapter in enumerate(scales):
        randomise(model, adapter, 15 + i)
        save(model, adapter, HERE / "lora-two" / adapter, "llama-gqa")
    model.base_model.set_adapter(list(scales))
    for module in model.modules():
        for adapter, scale in scales.items():
            if isinstance(module, peft.tuners.lora.LoraLayer) and adapter in module.scaling:
                module.set_scale(adapter, scale)
    answers("lora-two", model.eval(), "llama-gqa", ["a:0.5", "b:-1.25"])


@case
def lora_gguf():
    with tempfile.TemporaryDirectory() as folder:
        config = peft.LoraConfig(r=4, lora_alpha=6, target_modules=LINEAR + ["embed_tokens", "lm_head"], init_lora_weights=False)
        model = peft.get_peft_model(base_model("llama-gqa"), config).eval()
        randomise(model, "default", 17)
        model.save_pretrained(folder, save_embedding_layers=False)
        directory = HERE / "lora-gguf"
        directory.mkdir(exist_ok=True)
        write_gguf_adapter(directory / "adapter.gguf", load_file(folder + "/adapter_model.safetensors"), model.config, 6)
        answers("lora-gguf", model, "llama-gqa-gguf", ["adapter.gguf"])


@case
def lora_f16_of_q8():
    """What quantized tensors become: the base is the one that the GGUF file means, in float."""
    model = llama.rounded(llama.make_model(llama.QUANTIZED, dict(llama.ROPE), 100), "Q8_0")
    one("lora-f16-of-q8", "llama-q8_0-gguf", 18, model=model, target_modules=LINEAR + ["lm_head"], rounded_to=torch.float16, size=0.15)


def main():
    for name in sys.argv[1:] or CASES:
        CASES[name]()


if __name__ == "__main__":
    main()
