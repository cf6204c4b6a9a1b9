#!/usr/bin/env python3
"""What the tokenizers library decodes, with decoders that hold text back: byte tokens that complete no character, patterns that
span pieces, affixes that depend on the neighbours.

    python decoding.py        # needs tokenizers; writes tests/golden/decoding.json

A list of {"name", "tokenizer": tokenizer.json, "cases": [[ids, text], ...]}. tests/tokenizer/test_decoding.c decodes them at once and as
streams, and streams many more.
"""
import json
import pathlib
import random

from tokenizers import Tokenizer

OUT = pathlib.Path(__file__).resolve().parent.parent / "decoding.json"
BYTES = [f"<0x{b:02X}>" for b in (0x0A, 0x20, 0x41, 0x80, 0x82, 0x98, 0x9F, 0xA9, 0xAC, 0xBF, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xFF)]
WORDS = ["a", "b", "ab", "ba", " ", "  ", "\u2581", "\u2581\u2581", "\u2581a", "b\u2581", "##a", "##", "a</w>", "</w>", ".", " .", "n't",
         "|", "\u00e9", "\ufffd", "\U0001F600", "<pad>", "<0xZZ>", "<0x0a>", "\n"]
LETTERS = ["\u00c3", "\u00a9", "\u00e2", "\u0124", "\u00ac", "\u00f0", "\u0141", "\u013a", "\u0122", "\u0120", "\u0120a", "\u010a",
           "a", "\u00c3\u00a9", "\u00a9\u00c3", "\u2581", "\u00ff", "\u00ed", "\u0142"]


def sequence(*steps):
    return {"type": "Sequence", "decoders": list(steps)}


def replace(text, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: text}, "content": content}


def strip(start, stop, content=" "):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


FUSE, FALLBACK = {"type": "Fuse"}, {"type": "ByteFallback"}
LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def metaspace(scheme):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": True}


def wordpiece(cleanup):
    return {"type": "WordPiece", "prefix": "##", "cleanup": cleanup}


DECODERS = {
    "llama": (BYTES + WORDS, sequence(replace("\u2581", " "), FALLBACK, FUSE, strip(1, 0))),
    "gemma": (BYTES + WORDS, sequence(replace("\u2581", " "), FALLBACK, FUSE)),
    "fallback alone": (BYTES + WORDS, FALLBACK),
    "byte level": (LETTERS, LEVEL),
    "byte level, then stripped": (LETTERS, sequence(LEVEL, strip(2, 0))),
    "metaspace": (WORDS, metaspace("always")),
    "metaspace, never": (WORDS, metaspace("never")),
    "metaspace over bytes": (BYTES + WORDS, sequence(FALLBACK, metaspace("first"))),
    "wordpiece": (WORDS, wordpiece(True)),
    "wordpiece, as it is": (WORDS, wordpiece(False)),
    "suffixes": (WORDS, {"type": "BPEDecoder", "suffix": "</w>"}),
    "ctc": (WORDS, {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}),
    "none": (BYTES + WORDS, None),
    "a text over pieces": (BYTES + WORDS, sequence(FALLBACK, FUSE, replace("ab", "[]"), replace("aa", "b"))),
    "a pattern over pieces": (WORDS, sequence(FUSE, replace("a+b", "X", "Regex"))),
    "stripped at both ends": (["a", "b", "ab", "aab", "bba"], sequence(FUSE, replace("b", " "), strip(2, 3, "a"))),
    "pieces of pieces": (BYTES + WORDS, sequence(FALLBACK, FUSE, wordpiece(True), FUSE)),
}


def main():
    rng, out = random.Random(12), []
    for name, (pieces, decoder) in DECODERS.items():
        t = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
             "post_processor": None, "decoder": decoder,
             "model": {"type": "BPE", "vocab": {p: i for i, p in enumerate(pieces)}, "merges": []}}
        reference, cases = Tokenizer.from_str(json.dumps(t)), []
        while len(cases) < 30:
            ids = [rng.randrange(len(pieces)) for _ in range(rng.randint(1, 9))]
            try:
                cases.append([ids, reference.decode(ids, skip_special_tokens=False)])
            except BaseException:  # the library panics where Strip meets an empty text
                continue
        out.append({"name": name, "tokenizer": t, "cases": cases})
    OUT.write_text("[\n" + ",\n".join(json.dumps(o) for o in out) + "\n]\n")


if __name__ == "__main__":
    main()
