#!/usr/bin/env python3
"""Greedy text of the model that ships with Vivarium, by transformers, from the directory that train.py wrote.

    python shakespeare.py SHAKESPEARE_HF > ../shakespeare-greedy.json
"""
import json
import sys

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

tokenizer = PreTrainedTokenizerFast(tokenizer_file=sys.argv[1] + "/tokenizer.json")
model = LlamaForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
for p in model.parameters():  # the matrices as the GGUF file has them
    if p.dim() > 1:
        p.data = p.data.to(torch.float16).to(torch.float32)
prompt = "ROMEO:"
ids = tokenizer.encode(prompt)
out = model.generate(torch.tensor([ids]), max_new_tokens=64, do_sample=False, eos_token_id=None, pad_token_id=0)[0].tolist()
print(json.dumps({"prompt": prompt, "prompt_ids": ids, "ids": out[len(ids):], "text": tokenizer.decode(out[len(ids):])}, indent=1))
