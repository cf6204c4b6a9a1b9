#!/usr/bin/env python3
"""Trains `vlm`, which answers questions about pictures: scenes.py draws them.

    vlm.py -o DIR                                   trains
    vlm.py -o DIR --score 200 --viv build/viv       asks viv about unseen pictures, and counts the answers that are right

A vision transformer, two linear layers, and a decoder whose first rows are those of the picture, all trained together from the
start. DIR/model becomes a checkpoint of the family llava.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import checkpoint
import scenes
import trainer
from decoder import Decoder, Shape
from tokenizer import END, train_tokenizer
from vit import Tower

IMAGE, SIDE, PATCH = "<image>", 64, 8
ROWS = (SIDE // PATCH) ** 2
VOCAB, BATCH, STEPS, SEED, RATE, TURNS = 384, 32, 2000, 64, 4e-3, 3
TEXT = Shape(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4, head_dim=32,
             intermediate_size=384, vocab_size=VOCAB, max_position_embeddings=512, head_norm=False)
VISION = {"model_type": "clip_vision_model", "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4,
          "num_attention_heads": 4, "image_size": SIDE, "patch_size": PATCH, "num_channels": 3, "hidden_act": "gelu",
          "layer_norm_eps": 1e-5, "projection_dim": 128}
PROCESSOR = {"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True, "resample": 3,
             "size": {"height": SIDE, "width": SIDE}, "do_center_crop": False, "do_rescale": True, "rescale_factor": 1 / 255,
             "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
TEMPLATE = (END + "{% for m in messages %}{% if m['role'] == 'user' %}{% if m['content'] is string %}{{ m['content'] }}{% else %}"
            "{% for part in m['content'] %}{% if part['type'] == 'image' %}" + IMAGE + "{% elif part['type'] == 'text' %}"
            "{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ '\\n' }}{% elif m['role'] == 'assistant' %}"
            "{{ m['content'] }}" + END + "{% endif %}{% endfor %}")
SPEC = pathlib.Path(__file__).resolve().parents[2] / "specs" / "embedded" / "vlm.yaml"


def pixels_of(image: Image.Image) -> torch.Tensor:
    """What PROCESSOR makes of a picture."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1) / 127.5 - 1


class Projector(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear_1 = nn.Linear(VISION["hidden_size"], TEXT.hidden_size)
        self.linear_2 = nn.Linear(TEXT.hidden_size, TEXT.hidden_size)

    def forward(self, x):
        return self.linear_2(F.gelu(self.linear_1(x)))


class Llava(nn.Module):
    """The first token of a text ends the one before; the picture's rows are behind it."""

    def __init__(self):
        super().__init__()
        self.vision_tower, self.multi_modal_projector, self.language_model = Tower(VISION), Projector(), Decoder(TEXT)

    def forward(self, pixels, ids):
        """Logits [n, length - 1, vocab] behind each token of ids but the first."""
        words = self.language_model.model.embed_tokens(ids)
        seen = self.multi_modal_projector(self.vision_tower(pixels))
        rows = self.language_model.model(torch.cat([words[:, :1], seen, words[:, 1:]], 1))
        return self.language_model.head(rows[:, ROWS + 1 :])


def config(image_token: int) -> dict:
    return {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "text_config": TEXT.config(0),
            "vision_config": VISION, "image_token_index": image_token, "image_seq_length": ROWS, "vision_feature_layer": -1,
            "vision_feature_select_strategy": "default", "projector_hidden_act": "gelu", "multimodal_projector_bias": True,
            "tie_word_embeddings": True, "torch_dtype": "float32"}


class Pictures:
    def __init__(self, tokenizer, device):
        self.tokenizer, self.end, self.device = tokenizer, tokenizer.token_to_id(END), device

    def batch(self, rng, size, unseen=False, turns=TURNS):
        """Pixels, ids, weights of the ids in the loss (answers alone count), and the kinds of pictures. A text is a
        conversation of some of a picture's questions."""
        pixels, rows, kinds = [], [], []
        for _ in range(size):
            kind, image, questions = scenes.make_scene(rng, unseen)
            pixels.append(pixels_of(image))
            kinds.append(kind)
            row = [(self.end, 0.0)]
            for question, answer in rng.sample(questions, min(turns, len(questions))):
                row += [(i, 0.0) for i in self.tokenizer.encode(question + "\n").ids]
                row += [(i, 1.0) for i in self.tokenizer.encode(answer + END).ids]
            rows.append(row)
        length = max(map(len, rows))
        rows = [row + [(self.end, 0.0)] * (length - len(row)) for row in rows]
        ids, weights = zip(*([list(part) for part in zip(*row)] for row in rows))
        return *(x.to(self.device) for x in (torch.stack(pixels), torch.tensor(ids), torch.tensor(weights))), kinds


@torch.no_grad()
def right_answers(model, pictures, n=192):
    """The share of questions about unseen pictures whose answer's tokens are all the most likely ones, by kind of picture."""
    rng, right, total = random.Random(5), {}, {}
    for _ in range(0, n, BATCH):
        pixels, ids, weights, kinds = pictures.batch(rng, BATCH, unseen=True, turns=1)
        same = model(pixels, ids)[:, :-1].argmax(-1) == ids[:, 2:]
        for kind, ok in zip(kinds, (same | (weights[:, 2:] == 0)).all(1).tolist()):
            total[kind] = total.get(kind, 0) + 1
            right[kind] = right.get(kind, 0) + ok
    return {kind: right[kind] / total[kind] for kind in sorted(total)}


def train(args):
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    texts = [q + "\n" + a for _ in range(1000) for q, a in scenes.make_scene(rng)[2]]
    tokenizer = train_tokenizer(texts, VOCAB, (IMAGE,), within="[a-z]+")
    pictures, model = Pictures(tokenizer, args.device), Llava().to(args.device)
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)

    def loss_of(step):
        pixels, ids, weights, _ = pictures.batch(random.Random(SEED * 1_000_003 + step), BATCH)
        nats = F.cross_entropy(model(pixels, ids)[:, :-1].flatten(0, 1), ids[:, 2:].flatten(), reduction="none")
        return (nats * weights[:, 2:].flatten()).sum() / weights[:, 2:].sum()

    print(trainer.train(model, loss_of, lambda: right_answers(model, pictures), args, RATE))
    save(args.output, model, tokenizer)


def save(folder, model, tokenizer):
    """model/ is the whole; text/ and mmproj-vlm.gguf are its parts, of which `viv quantize` makes a pair of GGUF files."""
    weights = model.state_dict()
    checkpoint.save(folder / "model", weights, config(tokenizer.token_to_id(IMAGE)), tokenizer, TEMPLATE)
    (folder / "model" / "preprocessor_config.json").write_text(json.dumps(PROCESSOR, indent=1) + "\n")
    checkpoint.save(folder / "text", {name.removeprefix("language_model."): w for name, w in weights.items()
                                      if name.startswith("language_model.")}, TEXT.config(0), tokenizer, TEMPLATE)
    checkpoint.save_mmproj(folder / "mmproj-vlm.gguf", {name: w for name, w in weights.items()
                                                        if not name.startswith("language_model.")}, VISION, PROCESSOR)


def score(args):
    """One question about each picture, asked as a user does."""
    rng, right, total = random.Random(9), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.score):
            kind, image, questions = scenes.make_scene(rng, unseen=True)
            question, answer = rng.choice(questions)
            image.save(f"{folder}/{i}.png")
            said = subprocess.run([args.viv, "run", str(args.spec), "--image", f"{folder}/{i}.png", "--temp", "0", "-q",
                                   "--no-echo", question], capture_output=True, text=True, check=True).stdout.strip()
            total[kind] = total.get(kind, 0) + 1
            right[kind] = right.get(kind, 0) + (said == answer)
            if said != answer and args.show:
                print(f"{question}\n  expected {answer}\n  said     {said}")
    for kind in sorted(total):
        print(f"{kind:12} {right[kind]:4} of {total[kind]}")
    print(f"{100 * sum(right.values()) / args.score:.1f} % of {args.score} answers were right")


def main():
    parser = trainer.arguments(__doc__, STEPS)
    parser.add_argument("--score", type=int, metavar="N", help="asks about N unseen pictures")
    parser.add_argument("--viv", default="viv")
    parser.add_argument("--spec", type=pathlib.Path, default=SPEC, help="what is asked")
    parser.add_argument("--show", action="store_true", help="prints the answers that were not right")
    args = parser.parse_args()
    return score(args) if args.score else train(args)


if __name__ == "__main__":
    sys.exit(main())
