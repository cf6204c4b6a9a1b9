#!/usr/bin/env python3
"""Greedy tokens of the models in specs/embedded/, by the PyTorch that trained them (examples/training), from the weights that
their GGUF files hold.

    embedded.py [NAME...]       writes ../embedded/NAME.json, and specs/embedded/vlm.png

NAME.json: {"prompt": TEXT, "ids": [...]}; of vlm, prompt is the question about vlm.png. All answers go on behind their end.
"""
import json
import pathlib
import random
import sys

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUT = HERE.parent / "embedded"
sys.path.insert(0, str(ROOT / "examples" / "training"))

import lam
import llm
import moe
import scenes
import slm
import tasks
import vlm
from decoder import Decoder
from hybrid import Hybrid
from tokenizer import END

N = 64


def read(path):
    reader = gguf.GGUFReader(path)
    tensors = {t.name: torch.from_numpy(gguf.dequantize(t.data, t.tensor_type).astype(np.float32).copy()) for t in reader.tensors}
    return reader, tensors


def tokenizer_of(reader):
    def strings(key):
        field = reader.fields[key]
        return [bytes(field.parts[i]).decode() for i in field.data]

    vocab = strings("tokenizer.ggml.tokens")
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(vocab)},
                                     [tuple(m.split(" ")) for m in strings("tokenizer.ggml.merges")]))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.add_special_tokens([word for word in (END, vlm.IMAGE) if word in vocab])
    return tokenizer


def apart(rows, n_heads):
    """Neighbours (2p, 2p + 1) of each head become rotary pairs (p, p + half), as PyTorch has them."""
    head = rows.shape[0] // n_heads
    return rows.view(n_heads, head // 2, 2, -1).transpose(1, 2).reshape(rows.shape)


def decoder(shape, tensors):
    """A Decoder or a Hybrid with the tensors of a GGUF file."""
    config = shape.config(0)
    architecture = config["model_type"].replace("_", "")
    model = Hybrid(shape) if architecture == "lfm2" else Decoder(shape)
    kind = next(k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names, weights = gguf.get_tensor_name_map(kind, config["num_hidden_layers"]), {}
    for name in model.state_dict():
        before, expert, after = name.partition(".experts.")
        if expert:
            number, _, after = after.partition(".")
            part = after.split("_")[0]  # gate, up or down
            weights[name] = tensors[f"blk.{before.split('.')[2]}.ffn_{part}_exps.weight"][int(number)]
        else:
            weights[name] = tensors[names.get_name(name, (".weight", ".bias"))].view_as(model.state_dict()[name])
        if architecture == "llama" and name.split(".")[-2] in ("q_proj", "k_proj"):
            heads = shape.num_attention_heads if "q_proj" in name else shape.num_key_value_heads
            weights[name] = apart(weights[name], heads)
    model.load_state_dict(weights)
    return model.eval()


def encoder(tensors):
    """The tower and the projector of vlm."""
    model = vlm.Llava()
    names, weights = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vlm.VISION["num_hidden_layers"]), {}
    for part, module in (("vision_tower", model.vision_tower), ("multi_modal_projector", model.multi_modal_projector)):
        for name in module.state_dict():
            there = (names.get_name(f"vision_tower.vision_model.{name}", (".weight", ".bias")) if part == "vision_tower"
                     else name.replace("linear_1", "mm.0").replace("linear_2", "mm.2"))
            weights[f"{part}.{name}"] = tensors[there].view_as(module.state_dict()[name])
    model.load_state_dict(weights, strict=False)
    return model.eval()


@torch.no_grad()
def greedy(logits_of, ids):
    said = []
    for _ in range(N):
        said.append(logits_of(torch.tensor([ids + said]))[0, -1].argmax().item())
    return said


def main():
    OUT.mkdir(exist_ok=True)
    for name in sys.argv[1:] or ["llm", "moe", "slm", "vlm", "lam"]:
        reader, tensors = read(ROOT / "specs" / "embedded" / f"{name}.gguf")
        tokenizer = tokenizer_of(reader)
        if name == "vlm":
            model = encoder(read(ROOT / "specs" / "embedded" / "mmproj-vlm.gguf")[1])
            model.language_model = decoder(vlm.TEXT, tensors)
            _, image, questions = scenes.make_scene(random.Random(14))
            image.save(ROOT / "specs" / "embedded" / "vlm.png")
            prompt, pixels = questions[0][0], vlm.pixels_of(image)[None]
            ids = tokenizer.encode(END + prompt + "\n").ids
            said = greedy(lambda ids: model(pixels, ids), ids)
        else:
            model = decoder({"llm": llm, "moe": moe, "slm": slm, "lam": lam}[name].SHAPE, tensors)
            steps = tasks.steps_of(tasks.sort_by_kind(tasks.Words([lam.SPEC.parent / "held-out.txt"], 3, unseen=True)))
            prompt = steps[1][0][0][0] if name == "lam" else "ROMEO:"  # what the stage `think` is shown
            said = greedy(model, tokenizer.encode(prompt).ids)
        (OUT / f"{name}.json").write_text(json.dumps({"prompt": prompt, "ids": said}) + "\n")
        print(name, repr(tokenizer.decode(said, skip_special_tokens=False)))


if __name__ == "__main__":
    main()
