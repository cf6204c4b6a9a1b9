#!/usr/bin/env python3
"""Trains a small vision transformer to read handwritten digits, and counts how many of those kept apart viv reads.

    digits.py IMAGES.gz LABELS.gz -o DIR [--epochs 60] [--viv build/viv]

IMAGES and LABELS are the idx files of MNIST, such as t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. Each fifth digit is
kept apart; the others are trained on, turned, moved and scaled a little each time. DIR becomes a checkpoint of Hugging Face's
(family vit), with the PNG files of the digits kept apart beside it. Needs torch, transformers and pillow; 15 minutes on a core.
With --viv, the digits kept apart are read by `viv classify`, and the share that is right is printed; status 1 below 97 %.
"""
import argparse
import gzip
import json
import math
import pathlib
import subprocess
import sys
import time

import numpy as np
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

SIDE, BATCH = 28, 100


def read_idx(path):
    """The bytes of an idx file, in its shape (http://yann.lecun.com/exdb/mnist)."""
    data = gzip.open(path).read()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def moved(pixels):
    """Each picture [n, 1, SIDE, SIDE] turned, sheared, scaled and moved at random."""
    n = len(pixels)
    angle, shear = (torch.rand(2, n) - 0.5) * torch.tensor([[0.5], [0.4]])
    scale = 1 + (torch.rand(2, n) - 0.5) * 0.3
    to = (torch.rand(2, n) - 0.5) * 0.25
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = torch.stack([cos * scale[0], (shear * cos - sin) * scale[1], to[0], sin * scale[0], (shear * sin + cos) * scale[1], to[1]], 1)
    grid = torch.nn.functional.affine_grid(rows.view(n, 2, 3), pixels.shape, align_corners=False)
    return torch.nn.functional.grid_sample(pixels, grid, align_corners=False)


def make_model():
    return ViTForImageClassification(
        ViTConfig(hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=128, image_size=SIDE, patch_size=4,
                  num_channels=3, num_labels=10, hidden_dropout_prob=0.0, id2label={i: str(i) for i in range(10)},
                  label2id={str(i): i for i in range(10)}))


def train(model, pixels, labels, epochs):
    """As the model sees pixels: three equal channels, from -1 to 1."""
    steps = epochs * (len(pixels) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 200) * 0.5 * (1 + math.cos(math.pi * s / steps)))
    for epoch in range(epochs):
        begin, total = time.monotonic(), 0.0
        order = torch.randperm(len(pixels))
        for at in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            seen = (moved(pixels[chosen]) * 2 - 1).expand(-1, 3, -1, -1)
            loss = torch.nn.functional.cross_entropy(model(pixel_values=seen).logits, labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total * BATCH / len(order):.4f}, {time.monotonic() - begin:.0f} s", flush=True)


def read_by_viv(viv, folder, names, labels):
    """The share of pictures whose label is right."""
    right = 0
    for at in range(0, len(names), 50):
        images = [word for name in names[at : at + 50] for word in ("--image", str(name))]
        out = subprocess.run([viv, "classify", folder, "--json", *images], capture_output=True, text=True, check=True).stdout
        answers = [json.loads(line) for line in out.splitlines()]
        right += sum(answer["labels"][0]["label"] == str(label) for answer, label in zip(answers, labels[at : at + 50], strict=True))
    return right / len(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("labels")
    parser.add_argument("-o", "--output", required=True, metavar="DIR")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--viv", help="read the digits kept apart with this program")
    args = parser.parse_args()
    torch.manual_seed(1)
    folder = pathlib.Path(args.output)
    pixels, labels = read_idx(args.images), read_idx(args.labels)
    apart = np.arange(len(pixels)) % 5 == 0
    names = [folder / "digits" / f"{i:05}.png" for i in np.flatnonzero(apart)]
    if not (folder / "config.json").exists():
        (folder / "digits").mkdir(parents=True, exist_ok=True)
        for name, picture in zip(names, pixels[apart]):
            Image.fromarray(picture).save(name)
        model = make_model()
        train(model, torch.from_numpy(pixels[~apart].copy()).unsqueeze(1) / 255, torch.from_numpy(labels[~apart].astype(np.int64)), args.epochs)
        model.save_pretrained(folder)
        ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    if not args.viv:
        return 0
    share = read_by_viv(args.viv, str(folder), names, labels[apart])
    print(f"{100 * share:.2f} % of {len(names)} digits kept apart")
    return share < 0.97


if __name__ == "__main__":
    sys.exit(main())
