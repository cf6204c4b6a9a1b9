#!/usr/bin/env python3
"""What the reference makes of the texts of ../shared/data/tokenizers with the tokenizers in `more`, whose ids lie nowhere.

    pip install tokenizers transformers
    python vocabularies.py ../shared/data/tokenizers      # writes tests/golden/tokenizers.tsv

A line each: folder, input, how many ids all its lines have, SHA-256 of those ids (int32, little-endian, -1 after each line), and
SHA-256 of the lines that decoding gives (each with a zero byte behind it).
"""
import hashlib
import pathlib
import struct
import sys

from tokenizers import Tokenizer
from transformers import AutoTokenizer

OUT = pathlib.Path(__file__).resolve().parent.parent / "tokenizers.tsv"
NAMES = ["falcon", "phi-2", "phi-3", "qwen2", "roberta-base", "t5-small"]


def unescape(line):
    return "".join({"\\n": "\n", "\\s": " "}.get(p, p) for p in split(line))


def split(line):
    i = 0
    while i < len(line):
        n = 2 if line[i:i + 2] in ("\\n", "\\s") else 1
        yield line[i:i + n]
        i += n


def main(root):
    rows = []
    for name in NAMES:
        folder = root / "more" / name
        file = folder / "tokenizer.json"
        t = Tokenizer.from_file(str(file)) if file.exists() else AutoTokenizer.from_pretrained(folder).backend_tokenizer
        t.no_padding()
        t.no_truncation()
        for kind in ("small", "mixed", "utf8"):
            text = (root / "expected" / f"{kind}_input.txt").read_bytes().decode()
            lines = [text] if kind == "utf8" else [unescape(line) for line in text.split("\n")]
            ids = [t.encode(line, add_special_tokens=False).ids for line in lines]
            back = [t.decode(i, skip_special_tokens=False) for i in ids]
            rows.append([name, kind, sum(map(len, ids)),
                         hashlib.sha256(b"".join(struct.pack(f"<{len(i) + 1}i", *i, -1) for i in ids)).hexdigest(),
                         hashlib.sha256(b"".join(b.encode() + b"\0" for b in back)).hexdigest()])
    OUT.write_text("".join("\t".join(map(str, r)) + "\n" for r in rows))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
