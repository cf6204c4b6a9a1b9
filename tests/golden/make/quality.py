#!/usr/bin/env python3
"""A tiny checkpoint with a tokenizer, a neighbour of it, a text, and what transformers and numpy find of them.

    pip install torch transformers tokenizers safetensors numpy
    python quality.py

quality/ and quality-near/ hold checkpoints of one vocabulary; quality/ also text.txt and measured.json: of several windows and
strides the loss that transformers computes (as its guide to the perplexity of models of fixed length does, with the
beginning-of-text token before every window or with none), the divergence of the second from the first, by numpy, the likelihood
of choices after a question, and greedy answers.
"""
import json
import math

import numpy as np
import torch
from golden import HERE, config_json, randomise, weights_of
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

TEXT = """The terrarium stood by the window. In it lived two frogs, a newt and a snail; the snail was the eldest of them.
"Who ate the moss?" asked the newt. Nobody answered, for nobody knew: it had rained for 40 days.

Café, naïve, Größe, 生き物, 🐸 — these the snail could spell.
"""
CASES = [(64, 16, True), (64, 32, True), (64, 63, True), (512, 256, True), (48, 1, False), (48, 47, False), (512, 100, False)]
CHOICES = [("The snail was the", [" eldest", " newt of them", " frog"]), ("Who ate", ["the moss?", "it"]), ("\"Who ", ["ate", "answered"]),
           ("Café:\n", ["Größe", "生き物", "🐸 and a newt and a snail; the snail was the eldest of them. Nobody answered, for nobody knew"])]
PROMPTS = ["The snail", "Café", "\"Who ate the"]


def write(name, model, tokenizer):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in weights_of(model).items()}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config_json(model, False), indent=1) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}) + "\n")
    return folder


def windows(n, window, stride, start):
    """(begin, end, first that is predicted) of each window."""
    done = 0 if start else 1
    for begin in range(0, n, stride):
        end = min(begin + window - len(start), n)
        yield begin, end, done
        done = end
        if end == n:
            return


@torch.no_grad()
def loss(model, ids, window, stride, start):
    nats, n = 0.0, 0
    for begin, end, done in windows(len(ids), window, stride, start):
        tokens = torch.tensor([start + ids[begin:end]])
        labels = tokens.clone()
        labels[:, :len(start) + done - begin] = -100
        count = end - done
        nats += model(tokens, labels=labels).loss.double().item() * count
        n += count
    return nats, n


@torch.no_grad()
def log_probabilities(model, ids, window, stride, start):
    rows = []
    for begin, end, done in windows(len(ids), window, stride, start):
        logits = model(torch.tensor([start + ids[begin:end]])).logits[0].double().numpy()
        logits = logits[len(start) + done - begin - 1:-1]
        most = logits.max(-1, keepdims=True)
        rows.append(logits - most - np.log(np.exp(logits - most).sum(-1, keepdims=True)))
    return np.concatenate(rows)


def divergence(p, q, targets):
    kl = (np.exp(p) * (p - q)).sum(-1)
    at = np.arange(len(targets))
    dp = np.exp(q[at, targets]) - np.exp(p[at, targets])
    return {"kl": kl.mean(), "kl_error": kl.std(ddof=1) / math.sqrt(len(kl)), "quantiles": list(np.quantile(kl, [0.5, 0.9, 0.95, 0.99, 0.999, 1])),
            "same_top": (p.argmax(-1) == q.argmax(-1)).mean(), "mean_abs_dp": np.abs(dp).mean(), "rms_dp": math.sqrt((dp * dp).mean())}


@torch.no_grad()
def likelihood(model, tokenizer, question, choice):
    """Of the tokens that come after those which the question and it have in common."""
    kept = question.rstrip(" ")
    between = question[len(kept):] or ("" if kept[-1].isspace() or choice[0].isspace() else " ")
    a, b = tokenizer.encode(kept).ids, tokenizer.encode(kept + between + choice).ids
    assert b[:len(a)] == a
    logits = torch.log_softmax(model(torch.tensor([b])).logits[0].double(), -1)
    return sum(logits[i - 1, b[i]].item() for i in range(len(a), len(b)))


@torch.no_grad()
def answer(model, tokenizer, prompt, n):
    ids = tokenizer.encode(prompt).ids
    for _ in range(n):
        ids.append(int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return tokenizer.decode(ids[-n:], skip_special_tokens=False)


tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=311, special_tokens=["<s>", "</s>"], show_progress=False,
                                                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)])
config = LlamaConfig(hidden_size=36, intermediate_size=44, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=3,
                     head_dim=6, vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=512, rms_norm_eps=1e-5,
                     tie_word_embeddings=False, bos_token_id=0, eos_token_id=1)
model = randomise(LlamaForCausalLM(config), 61)
near = randomise(LlamaForCausalLM(config), 61)
torch.manual_seed(62)
for p in near.parameters():
    p.data += 0.05 * p.data.abs().mean() * torch.randn_like(p)
folder = write("quality", model, tokenizer)
write("quality-near", near, tokenizer)
(folder / "text.txt").write_text(TEXT)
ids = tokenizer.encode(TEXT, add_special_tokens=False).ids
measured = {"ids": ids, "bytes": len(TEXT.encode()), "perplexity": [], "divergence": []}
for window, stride, bos in CASES:
    start = [0] if bos else []
    nats, n = loss(model, ids, window, stride, start)
    p, q = (log_probabilities(m, ids, window, stride, start) for m in (model, near))
    case = {"window": window, "stride": stride, "start": bos}
    measured["perplexity"].append(case | {"nats": nats, "predicted": n})
    measured["divergence"].append(case | divergence(p, q, ids[0 if bos else 1:]))
measured["choices"] = [{"question": q, "choices": c, "nats": [likelihood(model, tokenizer, q, x) for x in c]} for q, c in CHOICES]
measured["answers"] = [{"prompt": p, "n": 12, "text": answer(model, tokenizer, p, 12)} for p in PROMPTS]
(folder / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
