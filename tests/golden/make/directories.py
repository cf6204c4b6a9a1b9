#!/usr/bin/env python3
"""What transformers makes of folders whose tokens are declared in several small files.

    python directories.py        # needs transformers, sentencepiece and protobuf; writes tests/golden/directories.json

{"files": {name: base64}, "folders": [{"name", "files": {path: name of a file above, or an object}, "eos", "cases": [[text, ids, decoded]]}]}
"""
import base64
import json
import os
import pathlib
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

from sentencepiece import sentencepiece_model_pb2 as spm
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer

OUT = pathlib.Path(__file__).resolve().parent.parent / "directories.json"
TEXTS = ["<s>ab</s> ab", " ab", "ab  ba", "a\nb \u00e9</s>b", "<x>ab <y>ab", "ab<pad>b", "<x> a <z>", "<extra_id_1>a b"]


def sentencepiece(dummy=True, user=(), kind=2):
    m = spm.ModelProto()
    m.trainer_spec.model_type = kind
    m.trainer_spec.byte_fallback = kind == 2
    m.trainer_spec.bos_id, m.trainer_spec.eos_id, m.trainer_spec.unk_id = (1, 2, 0) if kind == 2 else (-1, 1, 2)
    m.normalizer_spec.add_dummy_prefix = dummy
    m.normalizer_spec.remove_extra_whitespaces = kind == 1
    m.normalizer_spec.escape_whitespaces = True

    def piece(text, score, type):
        p = m.pieces.add()
        p.piece, p.score, p.type = text, score, type

    for text, type in (("<unk>", 2), ("<s>", 3), ("</s>", 3)) if kind == 2 else (("<pad>", 3), ("</s>", 3), ("<unk>", 2)):
        piece(text, 0, type)
    for b in range(256) if kind == 2 else ():
        piece(f"<0x{b:02X}>", 0, 6)
    for text in user:
        piece(text, 0, 4)
    words = ["ab", "\u2581a", "\u2581ab", "\u2581\u2581", "ba", "\u2581b", "\u2581", "a", "b", "<", ">", "x", "/", "s"]
    for i, text in enumerate(words):
        piece(text, -float(i + 1), 1)
    return m.SerializeToString()


def byte_level():
    letters = sorted(ByteLevel.alphabet())
    vocab = {p: i for i, p in enumerate(letters + ["ab", "\u0120a", "\u0120ab"])}
    return vocab, [("a", "b"), ("\u0120", "a"), ("\u0120", "ab")]


VOCAB, MERGES = byte_level()


def whole(added=()):
    t = Tokenizer(models.BPE(VOCAB, MERGES))
    t.pre_tokenizer, t.decoder = ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    t.add_special_tokens(list(added))
    return t.to_str().encode()


FILES = {
    "llama": sentencepiece(), "llama, without a space": sentencepiece(dummy=False), "user": sentencepiece(user=["ab<", "\u2581\u2581\u2581"]),
    "unigram": sentencepiece(kind=1),
    "vocab": json.dumps(VOCAB).encode(), "merges": ("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in MERGES)).encode(),
    "whole": whole(["<s>"]),
}
NAMED = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": False}
LLAMA, FAST = {"tokenizer_class": "LlamaTokenizer", **NAMED}, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>"}
GPT2 = {"vocab.json": "vocab", "merges.txt": "merges"}


def model(config, kind="llama", type="llama", **more):
    return {"tokenizer.model": kind, "config.json": {"model_type": type}, "tokenizer_config.json": config, **more}


def pieces(type, config=None, **more):
    return {**GPT2, "config.json": {"model_type": type}, **({"tokenizer_config.json": config} if config else {}), **more}


def json_file(config, **more):
    return {"tokenizer.json": "whole", "config.json": {"model_type": "llama"}, "tokenizer_config.json": {**FAST, **config}, **more}


ADDED = {"added_tokens.json": {"<y>": 274, "<x>": 273}}
FOLDERS = {
    "Llama": model(LLAMA),
    "Llama, legacy": model({**LLAMA, "legacy": True}),
    "Llama, not legacy": model({**LLAMA, "legacy": False}),
    "Llama, with bos": model({**LLAMA, "add_bos_token": True, "add_eos_token": True}),
    "Llama, without a space": model({**LLAMA, "add_prefix_space": False}),
    "Llama, without a space, legacy": model({**LLAMA, "add_prefix_space": False, "legacy": True}),
    "Llama, with added_tokens.json": model(LLAMA, **ADDED),
    "Llama, with special tokens of added_tokens.json": model({**LLAMA, "additional_special_tokens": ["<x>"]}, **ADDED),
    "Llama, with a pad token": model({**LLAMA, "pad_token": "<pad>"}),
    "Llama, with added_tokens_decoder": model({**LLAMA, "added_tokens_decoder": {
        "274": {"content": "<y>", "special": False}, "273": {"content": "<x>", "special": True, "rstrip": True}}}),
    "no class": model(NAMED),
    "no class, not legacy": model({**NAMED, "legacy": False}),
    "no class, without a space": model(NAMED, "llama, without a space"),
    "no class, user's pieces": model(NAMED, "user"),
    "T5": {"spiece.model": "unigram", "config.json": {"model_type": "t5"}, "tokenizer_config.json": {"extra_ids": 0}},
    "T5, with its class": {"spiece.model": "unigram", "config.json": {"model_type": "t5"},
                           "tokenizer_config.json": {"tokenizer_class": "T5Tokenizer"}},
    "GPT-2": pieces("gpt2"),
    "GPT-2, with its class": pieces("llama", {"tokenizer_class": "GPT2TokenizerFast"}),
    "GPT-2, with bos": pieces("gpt2", {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "bos_token": "<s>"}),
    "GPT-2, with a space": pieces("gpt2", {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}),
    "GPT-2, with added_tokens.json": pieces("gpt2", {"eos_token": "<x>"}, **{"added_tokens.json": {"<x>": 259, "<y>": 260}}),
    "GPT-2, with special_tokens_map.json": pieces("gpt2", None, **{"special_tokens_map.json": {
        "eos_token": {"content": "</s>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}}}),
    "Qwen2": pieces("qwen2"),
    "Qwen2, with its class": pieces("qwen2", {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "</s>"}),
    "GPT-NeoX": pieces("gpt_neox"),
    "RoBERTa": pieces("roberta"),
    "json, additional_special_tokens": json_file({"additional_special_tokens": ["<x>", {"__type": "AddedToken", "content": "<y>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False, "special": True}]}),
    "json, extra_special_tokens": json_file({"extra_special_tokens": ["<x>", "<y>"]}),
    "json, extra_special_tokens by name": json_file({"extra_special_tokens": {"image_token": "<x>", "video_token": "<y>"}}),
    "json, named tokens": json_file({"eos_token": "</s>", "pad_token": "<pad>", "image_token": "<x>"}),
    "json, added_tokens_decoder": json_file({"eos_token": "</s>", "added_tokens_decoder": {
        "259": {"content": "<s>", "special": True, "rstrip": True}, "261": {"content": "<y>", "special": False, "normalized": True},
        "260": {"content": "<x>", "special": True}}}),
    "json, added_tokens.json": json_file({}, **{"added_tokens.json": {"<x>": 260, "<y>": 261}}),
    "json, special_tokens_map.json": json_file({}, **{"special_tokens_map.json": {"eos_token": "</s>", "pad_token": {
        "content": "<pad>", "lstrip": False, "rstrip": True, "normalized": False, "single_word": False},
        "additional_special_tokens": ["<x>"]}}),
    "json, special_tokens_map.json beside a decoder": json_file(
        {"added_tokens_decoder": {"260": {"content": "<x>", "special": True}}}, **{"special_tokens_map.json": {"eos_token": "</s>"}}),
}


def ask(name, files):
    with tempfile.TemporaryDirectory() as d:
        for path, what in files.items():
            (pathlib.Path(d) / path).write_bytes(FILES[what] if isinstance(what, str) else json.dumps(what).encode())
        t = AutoTokenizer.from_pretrained(d)
        print(f"{name}: {type(t).__name__}, {len(t)} tokens", file=sys.stderr)
        texts = [x for x in TEXTS if "\n" not in x or "spiece.model" not in files]  # real ones make a space of it
        cases = [[text, ids, t.decode(ids)] for text in texts for ids in [t.encode(text)]]
        return {"name": name, "files": files, "eos": t.eos_token_id if t.eos_token_id is not None else -1, "cases": cases}


def main():
    folders = [ask(*f) for f in FOLDERS.items()]
    OUT.write_text('{"files": ' + json.dumps({k: base64.b64encode(v).decode() for k, v in FILES.items()}) + ',\n"folders": [\n' +
                   ",\n".join(json.dumps(f) for f in folders) + "\n]}\n")


if __name__ == "__main__":
    main()
