#!/usr/bin/env python3
"""Writes dialects.json: what real chat templates write for two calls (or one), rendered by transformers.

    dialects.py TEMPLATES VIV > ../dialects.json

TEMPLATES is a folder of .jinja files, such as models/templates of llama.cpp's sources; VIV names the dialect of each
(`viv tools --template`). Only what a template writes behind the question is kept."""
import glob
import json
import os
import subprocess
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

QUESTION = "What is the weather in Oslo, Vivarium?"
CALLS = [("get_weather", "abcDEF123", {"city": "Oslo N", "days": 3}),
         ("set_lamp", "123defABC", {"room": "hall", "on": True, "levels": [1, 20]})]
TOOLS = [{"type": "function", "function": {"name": n, "description": "It does.", "parameters": {
    "type": "object", "properties": {k: {"type": t, "description": "what"} for k, t in p.items()}, "required": []}}}
    for n, p in (("get_weather", {"city": "string", "days": "integer"}),
                 ("set_lamp", {"room": "string", "on": "boolean", "levels": "array"}))]


def messages(n, text, strings):
    calls = [{"id": i, "type": "function",
              "function": {"name": name, "arguments": json.dumps(a) if strings else a}} for name, i, a in CALLS[:n]]
    return [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": text, "tool_calls": calls}] + [
        {"role": "tool", "name": name, "tool_call_id": i, "content": "fine"} for name, i, a in CALLS[:n]]


def render(template, n):
    for text in ("I look.", None, ""):
        for strings in (False, True):
            try:
                out = template.render(messages=messages(n, text, strings), tools=TOOLS, documents=None,
                                      add_generation_prompt=False, bos_token="<s>", eos_token="</s>")
            except Exception:
                continue
            at = out.rfind(QUESTION)
            if at >= 0 and (all(c[0] in out[at:] for c in CALLS[:n])):
                yield out[at + len(QUESTION):]


def main():
    folder, viv = sys.argv[1:]
    golden = []
    for path in sorted(glob.glob(os.path.join(folder, "*.jinja"))):
        said = subprocess.run([viv, "tools", "--template", path, "--json"], capture_output=True, text=True)
        if said.returncode:
            continue
        dialect = json.loads(said.stdout)
        n = 2 if dialect["parallel"] else 1
        template = _compile_jinja_template(open(path).read())
        for answer in render(template, n):
            if dialect["trigger"] == "the beginning of the answer":
                answer = answer[answer.index("{"):]
            golden.append({"template": os.path.basename(path)[:-6], "dialect": dialect["dialect"], "calls": n,
                           "answer": answer})
            break
    print(json.dumps(golden, ensure_ascii=False, indent=1))


main()
