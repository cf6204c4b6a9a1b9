#!/usr/bin/env python3
"""Makes tests/golden/chat-places.json: files of a checkpoint, messages, and what transformers' apply_chat_template makes of
them; null: it refuses.

    pip install transformers
    python places.py
"""
import json
import pathlib
import shutil
import tempfile

import transformers

HERE = pathlib.Path(__file__).resolve().parent.parent
HI = [{"role": "user", "content": "Hi"}]
TOKENS = "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ image_token }}|{{ boi_token }}|{{ video }}"
BASE = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<b>", "eos_token": "<e>"}
REASONING = "{% for m in messages %}{{ m.reasoning_content }}|{{ m.thinking }}|{{ m.reasoning }}|{{ m.keys() | list }};{% endfor %}"
CASES = [
    # (files beside tokenizer.json, messages, further arguments)
    ({"tokenizer_config.json": {**BASE, "chat_template": "T{{ messages[0].content }}"}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": {"default": "D{{ messages[0].content }}", "tool_use": "T"}}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": {"default": "D", "tool_use": "T{{ tools | length }}"}}}, HI, {"tools": [{"a": 1}]}),
    ({"tokenizer_config.json": {**BASE, "chat_template": {"default": "D", "tool_use": "T{{ tools | length }}"}}}, HI, {"tools": []}),
    ({"tokenizer_config.json": {**BASE, "chat_template": [{"name": "default", "template": "D"}, {"name": "rag", "template": "R"}]}}, HI, {"name": "rag"}),
    ({"tokenizer_config.json": {**BASE, "chat_template": [{"name": "a", "template": "A"}, {"name": "rag", "template": "R"}]}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": {"default": "D", "tool_use": "T"}}, "chat_template.jinja": "J"}, HI, {"tools": [{"a": 1}]}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "T"}, "chat_template.jinja": "J{{ bos_token }}\n"}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "T"}, "chat_template.jinja": "J", "additional_chat_templates/tool_use.jinja": "A{{ tools | length }}"}, HI, {"tools": [{"a": 1}]}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "T"}, "chat_template.jinja": "J", "additional_chat_templates/tool_use.jinja": "A"}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "T"}, "chat_template.jinja": "J", "additional_chat_templates/rag.jinja": "R{{ documents | length }}"}, HI, {"name": "rag", "documents": [{"title": "x"}]}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "T"}, "additional_chat_templates/rag.jinja": "R"}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "T"}, "additional_chat_templates/default.jinja": "R"}, HI, {}),
    ({"tokenizer_config.json": BASE}, HI, {}),
    # special tokens
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS}, "special_tokens_map.json": {"bos_token": "<m>", "pad_token": {"content": "<p>", "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS, "added_tokens_decoder": {}}, "special_tokens_map.json": {"bos_token": "<m>", "pad_token": "<p>"}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS, "image_token": "<i>", "extra_special_tokens": {"boi_token": "<boi>", "video": "<v>"}}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS, "image_token": "<i>", "extra_special_tokens": {"image_token": "<x>"}}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS}, "special_tokens_map.json": {"image_token": "<i>", "extra_special_tokens": {"boi_token": "<boi>"}}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS, "bos_token": None}, "special_tokens_map.json": {"eos_token": "<m>"}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS, "extra_special_tokens": ["<a>", "<c>"]}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS, "additional_special_tokens": ["<a>"], "image_token": {"__type": "AddedToken", "content": "<i>", "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}}}, HI, {}),
    ({"chat_template.jinja": TOKENS, "special_tokens_map.json": {"bos_token": "<m>"}}, HI, {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": TOKENS}}, HI, {"kwargs": {"bos_token": "mine", "image_token": "too"}}),
    # messages
    ({"tokenizer_config.json": {**BASE, "chat_template": "{{ messages }}{{ tools }}{{ documents }}{{ add_generation_prompt }}"}}, [{"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": None}}], "refusal": None}], {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": REASONING}}, [{"role": "assistant", "content": "x", "reasoning": "a"}, {"role": "assistant", "content": "x", "reasoning_content": "b"}, {"role": "assistant", "thinking": "c", "content": "x"}], {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": REASONING}}, [{"content": "x", "reasoning": "a", "thinking": "b"}, {"reasoning": "a", "reasoning_content": "b", "thinking": None}, {"reasoning": "", "content": ""}, {"reasoning_content": None, "role": "user"}], {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "{{ messages }}"}}, ["Hi"], {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "{{ messages }}"}}, [], {}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "{{ tools }}"}}, HI, {"tools": ["f"]}),
    ({"tokenizer_config.json": {**BASE, "chat_template": "{{ documents }}"}}, HI, {"documents": ["f"]}),
    # what a class has by itself
    *(({"tokenizer_config.json": {"tokenizer_class": c, "chat_template": "{{ bos_token }}|{{ eos_token }}|{{ unk_token }}|{{ pad_token }}"}}, HI, {})
      for c in ("PreTrainedTokenizerFast", "Qwen2Tokenizer", "GPT2TokenizerFast", "GemmaTokenizer")),
    ({"tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer", "unk_token": None, "eos_token": "<e>", "chat_template": TOKENS}}, HI, {}),
]


def expected(files, messages, more):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("config.json", "tokenizer.json"):
            shutil.copy(HERE / "chat" / name, folder)
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            return tokenizer.apply_chat_template(messages, tools=more.get("tools"), documents=more.get("documents"), chat_template=more.get("name"),
                                                 add_generation_prompt=True, tokenize=False, **more.get("kwargs", {}))
        except Exception as e:
            print(type(e).__name__, str(e)[:100])
            return None


cases = [{"files": f, "messages": m, **more, "expected": expected(f, m, more)} for f, m, more in CASES]
(HERE / "chat-places.json").write_text("[" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "]\n")
