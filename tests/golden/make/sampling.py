"""Makes tests/golden/sampling.json: what transformers' processors and warpers leave of some logits.

Usage: python3 sampling.py > ../sampling.json        (needs torch and transformers; made with transformers 5.23.0)
"""

import json
import random

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

VOCAB = 48
PROMPT = [3, 7, 7, 20, 41]

CASES = [
    {"temperature": 1.0},
    {"temperature": 0.5},
    {"temperature": 1.7, "top_k": 7},
    {"temperature": 1.0, "top_k": 1},
    {"temperature": 1.0, "top_k": 100},
    {"temperature": 1.0, "top_p": 0.3},
    {"temperature": 2.0, "top_p": 0.9},
    {"temperature": 1.0, "top_p": 0.0},
    {"temperature": 1.0, "min_p": 0.05},
    {"temperature": 1.3, "min_p": 0.4},
    {"temperature": 1.0, "typical_p": 0.2},
    {"temperature": 1.5, "typical_p": 0.8},
    {"temperature": 1.0, "typical_p": 0.97},
    {"temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.9},
    {"temperature": 1.4, "top_k": 30, "top_p": 0.95, "min_p": 0.1},
    {"temperature": 1.0, "top_k": 25, "typical_p": 0.6},
    {"temperature": 1.0, "repetition_penalty": 1.3},
    {"temperature": 1.0, "repetition_penalty": 0.7, "top_k": 12},
    {"temperature": 1.0, "bias": {"0": 2.5, "7": -1.5, "20": 4.0, "47": 0.25}},
    {"temperature": 0.9, "bias": {"7": 3.0, "5": 1.0}, "repetition_penalty": 1.5, "top_p": 0.85},
]


def left(model, case, logits):
    """Probabilities after the processors that generate() would apply, in its order."""
    names = {"temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty"}
    settings = {key: value for key, value in case.items() if key in names}
    settings.setdefault("top_k", 0)
    if "bias" in case:
        settings["sequence_bias"] = [[[int(token)], value] for token, value in case["bias"].items()]
    config = GenerationConfig(do_sample=True, **settings)
    processors = model._get_logits_processor(generation_config=config, input_ids_seq_length=len(PROMPT))
    scores = processors(torch.tensor([PROMPT]), torch.tensor([logits], dtype=torch.float32))
    probabilities = torch.softmax(scores.double(), dim=-1)[0].tolist()
    return {token: round(p, 9) for token, p in enumerate(probabilities) if p > 0}


def main():
    random.seed(20)
    shape = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB, **shape))
    cases = []
    for case in CASES:
        logits = [round(random.gauss(0, 2.5), 4) for _ in range(VOCAB)]
        cases.append(dict(case, logits=logits, left=left(model, case, logits)))
    lines = ",\n".join(json.dumps(case) for case in cases)
    print('{"prompt": %s, "cases": [\n%s\n]}' % (json.dumps(PROMPT), lines))


main()
