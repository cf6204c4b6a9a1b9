#!/usr/bin/env python3
"""GGUF files of our checkpoints as llama.cpp's own converter writes them, tokenizers left out.

    converted.py LLAMA_CPP               makes the folders of MADE anew, with the answers of the checkpoints that they are made of
    converted.py LLAMA_CPP --all FOLDER  converts whatever can be, to FOLDER/NAME.gguf, for `viv diff tests/golden/NAME FOLDER/NAME.gguf`

LLAMA_CPP is a checkout of llama.cpp; needs torch, transformers and sentencepiece.
"""
import argparse
import logging
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
# what make/*.py writes otherwise, or not at all
MADE = {"glm-apart-gguf": "glm", "modernbert-old-gguf": "modernbert-old", "olmo3-factor-gguf": "olmo3-factor", "youtu-gguf": "youtu"}
ANSWERS = ("tokens.json", "logits.npy", "vectors.npy", "pooled.npy")


def convert(source, target):
    import torch
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
    from gguf import LlamaFileType
    hparams = ModelBase.load_hparams(source, False)
    rope = hparams.get("rope_parameters") or {}
    # what older versions of transformers wrote
    hparams.setdefault("rotary_pct", rope.get("partial_rotary_factor", 1.0))
    hparams.setdefault("n_ctx", hparams.get("n_positions"))
    base = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
    model = type(base.__name__, (base,), {"set_vocab": lambda self: self.gguf_writer.add_tokenizer_model("none"), "model_arch": base.model_arch})
    with torch.inference_mode():
        model(source, LlamaFileType.ALL_F32, target, hparams=hparams).write()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("llama_cpp", type=pathlib.Path)
    parser.add_argument("--all", type=pathlib.Path, metavar="FOLDER")
    a = parser.parse_args()
    sys.path[1:1] = [str(a.llama_cpp), str(a.llama_cpp / "gguf-py")]
    logging.disable(logging.CRITICAL)
    if not a.all:
        for name, source in MADE.items():
            (HERE / name).mkdir(exist_ok=True)
            convert(HERE / source, HERE / name / "model.gguf")
            for answers in ANSWERS:
                if (HERE / source / answers).exists():
                    shutil.copy(HERE / source / answers, HERE / name / answers)
        return
    a.all.mkdir(exist_ok=True)
    for source in sorted(p.parent for p in HERE.glob("*/config.json") if (p.parent / "model.safetensors").exists()):
        target = a.all / f"{source.name}.gguf"
        try:
            convert(source, target)
            print(f"{source.name}: converted")
        except Exception as e:  # whatever it does not know or does not like
            target.unlink(missing_ok=True)
            print(f"{source.name}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}")


if __name__ == "__main__":
    main()
