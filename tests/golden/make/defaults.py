#!/usr/bin/env python3
"""Drops each key of every family's config.json, and sets each to null: does viv take what transformers takes then?

    pip install torch transformers safetensors numpy gguf
    python defaults.py --viv build/viv [GOLDEN...]    # reports where the two differ; writes nothing

A class of transformers 5 has its own defaults, and not all of them are "off": Gemma 2 bounds its scores without being told. Run by
hand, after a family or a version of transformers is new.
"""
import argparse
import json

import numpy as np
import torch
import transformers as t

import golden
import options

# sizes, of which the tensors speak; what no number depends on
SKIPPED = set(options.PLAIN) | {"transformers_version", "tokenizer_class", "torch_dtype"}


def variants(config):
    """[what was done, the configuration]: also of what lies one mapping deeper."""
    for key in config:
        if key in SKIPPED:
            continue
        yield f"without {key}", {k: v for k, v in config.items() if k != key}
        yield f"{key}: null", {**config, key: None}
        if key in ("rope_parameters", "rope_scaling") and isinstance(config[key], dict):
            for inner in config[key]:
                rest = {k: v for k, v in config[key].items() if k != inner}
                yield f"without {key}.{inner}", {**config, key: rest}
                yield f"{key}.{inner}: null", {**config, key: {**rest, inner: None}}


def try_folder(folder, viv):
    config, n, different = json.loads((golden.HERE / folder / "config.json").read_text()), 0, 0
    for what, changed in variants(config):
        try:
            theirs, ours = options.compute(folder, changed, viv)
        except Exception:  # transformers refuses it, too
            continue
        if not np.isfinite(theirs).all():
            continue
        n += 1
        if isinstance(ours, str):
            verdict = f"refused: {ours[-200:]}"
        elif ours.shape != theirs.shape:
            verdict = f"of another shape: {ours.shape}, not {theirs.shape}"
        elif not np.abs(ours - theirs).max() <= 2e-4 * np.abs(theirs).max():
            verdict = f"{np.abs(ours - theirs).max() / np.abs(theirs).max():.1e} of the largest number away"
        else:
            continue
        different += 1
        print(f"{folder} {what}: {verdict}", flush=True)
    print(f"{folder}: {n} tried, {different} differ", flush=True)
    return different


def main():
    torch.set_num_threads(1)
    t.logging.set_verbosity_error()
    p = argparse.ArgumentParser()
    p.add_argument("--viv", required=True)
    p.add_argument("folders", nargs="*", default=options.FOLDERS)
    a = p.parse_args()
    raise SystemExit(sum(try_folder(f, a.viv) for f in a.folders) > 0)


if __name__ == "__main__":
    main()
