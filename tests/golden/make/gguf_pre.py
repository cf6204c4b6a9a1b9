#!/usr/bin/env python3
"""How llama.cpp cuts some strings into words, for each name of tokenizer.ggml.pre that it knows.

    python gguf_pre.py LLAMA_CPP      # its source; needs g++; writes tests/golden/gguf_pre.json

The names, their flags and patterns are read from src/llama-vocab.cpp; src/unicode.cpp, compiled, does the cutting.
"""
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

OUT = pathlib.Path(__file__).resolve().parent.parent / "gguf_pre.json"
STRINGS = [
    "Hello, World! it's 12345 fooBar\tx_y-z  end\n\n", "don't WE'LL I'Ve 'ſ x's", "née e\u0301 \u0301a ǅ ª ʰ ß", "漢字かなカナ 한국ㄱ ㄅ 〇 １２３４", "a1 1a  12 123 1234 12345 123456 1234567", "١٢٣٤ ½ Ⅷ",
    " a", "  a", "a ", "a  ", "\n", "a\n b\r\n\r\nc \n \n d", "\u00a0a\u3000b\u2003\u2003c\u0085d\u180ee", "!a ?b !!c ...\n\n", "$+<=>^~|` <|x|>", "if(a[0]==0xFF){return b*c^d;}// #1\n\t<tag/>", "“x” ‘y’ — …、。，：；！",
    "हिन्दी ไทย မြန် ខ្មែរ العربية", "\U0001f600\u200d\U00020000\U0002ceb0 \ufeff", "IMGIMGABZ <sentinel:12> ", "(a|b).c,d!e?f…g।h۔i،j", "fooBARbaz HTTPServer xY", "a" * 9 + " " * 9 + "b\t\t\tc", "a/b\n/c\n//\r\n", "x!\u0301y €5 £",
]
DRIVER = r"""
#include "unicode.h"
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>
static bool next(std::istream &f, std::string &s) {
    unsigned n;
    if (!f.read((char *)&n, 4)) return false;
    s.resize(n);
    return n == 0 || (bool)f.read(&s[0], n);
}
int main(int, char **v) {
    std::ifstream patterns(v[1], std::ios::binary), strings(v[2], std::ios::binary);
    std::vector<std::string> r;
    std::string s;
    while (next(patterns, s)) r.push_back(s);
    while (next(strings, s)) {
        std::string line;
        for (auto &word : unicode_regex_split(s, r, false))
            if (word.size()) line += (line.empty() ? "" : " ") + std::to_string(word.size());
        puts(line.c_str());
    }
}
"""


def literal(s):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), s)


def read_types(source):
    body = source[source.index("struct llm_tokenizer_bpe : llm_tokenizer"):source.index("std::vector<std::string> regex_exprs;")]
    types, waiting = {}, []
    for m in re.finditer(r"case LLAMA_VOCAB_PRE_TYPE_(\w+):|default:|regex_exprs = \{(.*?)\};", body, re.S):
        if m[2] is None:
            waiting.append(m[1] or "DEFAULT")
            continue
        block = re.sub(r"^\s*//.*$", "", m[2], flags=re.M)
        types.update({t: [literal(q) for q in re.findall(r'"((?:[^"\\]|\\.)*)"', block)] for t in waiting})
        waiting = []
    return types


def read_names(source):
    begin = source.index("if (tokenizer_pre.empty())")
    body, names, open_ = source[begin:source.index("unknown pre-tokenizer type", begin)], {}, []
    for m in re.finditer(r'tokenizer_pre == "([^"]+)"|pre_type = LLAMA_VOCAB_PRE_TYPE_(\w+);|(add_bos|ignore_merges) = true', body):
        if m[1]:
            open_ = [] if open_ and "type" in names[open_[-1]] else open_
            open_.append(m[1])
            names[m[1]] = {}
        else:
            for name in open_:
                names[name].update({"type": m[2]} if m[2] else {m[3]: True})
    return names


def pack(strings):
    return b"".join(struct.pack("<I", len(s.encode())) + s.encode() for s in strings)


def main(root):
    src = pathlib.Path(root) / "src"
    source = (src / "llama-vocab.cpp").read_text(encoding="utf-8")
    types, names = read_types(source), read_names(source)
    groups = {}
    for name, what in names.items():
        groups.setdefault(json.dumps(types[what["type"]]), []).append(name)
    made = []
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "cut.cpp").write_text(DRIVER)
        (d / "strings").write_bytes(pack(STRINGS))
        subprocess.run(["g++", "-std=c++17", "-O1", f"-I{src}", "-o", d / "cut", d / "cut.cpp", src / "unicode.cpp", src / "unicode-data.cpp"], check=True)
        for patterns, group in groups.items():
            (d / "patterns").write_bytes(pack(json.loads(patterns)))
            cuts = subprocess.run([d / "cut", d / "patterns", d / "strings"], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
            made.append({"names": group, "cuts": cuts})
    head = {"n_names": len(names), "whole": [n for n in names if names[n].get("ignore_merges")], "bos": [n for n in names if names[n].get("add_bos")], "strings": STRINGS}
    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in head.items()] + ['"groups": [\n' + ",\n".join(map(json.dumps, made)) + "\n]"]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(len(names), "names,", len(made), "ways")


main(sys.argv[1])
