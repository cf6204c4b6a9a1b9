#!/usr/bin/env python3
"""Trains the small Llama that ships with Vivarium, on the plays of Shakespeare, on a CPU.

    python train.py ../../../shared/data/text/tinyshakespeare.txt -o shakespeare-hf

Byte-level BPE of 1024 tokens, then a decoder of 1.4 M parameters. The last twentieth of the text is held out; the
weights that predict it best are kept. Writes a Hugging Face directory; export.py makes a GGUF file of it.
"""
import argparse
import json
import math
import pathlib
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

CONFIG = dict(hidden_size=160, intermediate_size=448, num_hidden_layers=5, num_attention_heads=5, num_key_value_heads=5,
              head_dim=32, vocab_size=1024, max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0,
              tie_word_embeddings=True, bos_token_id=0, eos_token_id=0, attention_dropout=0.1)
END = "<|endoftext|>"


def train_tokenizer(text: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # GPT-2's pattern
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=CONFIG["vocab_size"], special_tokens=[END],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def batch(ids: torch.Tensor, size: int, length: int, generator: torch.Generator) -> torch.Tensor:
    starts = torch.randint(len(ids) - length, (size,), generator=generator)
    return torch.stack([ids[s:s + length] for s in starts])


@torch.no_grad()
def held_out_loss(model, ids: torch.Tensor, length: int) -> float:
    """Mean nats per token over consecutive windows."""
    model.eval()
    total = n = 0
    for start in range(0, len(ids) - 1, length):
        window = ids[start:start + length + 1]
        if len(window) < 2:
            break
        logits = model(window[None, :-1]).logits[0]
        total += torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum").item()
        n += len(window) - 1
    model.train()
    return total / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("shakespeare-hf"))
    parser.add_argument("--minutes", type=float, default=30, help="how long to train")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1616)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(args.seed)

    text = args.text.read_text(encoding="utf-8")
    cut = text.rfind("\n\n", 0, len(text) * 19 // 20) + 2
    tokenizer = train_tokenizer(text[:cut])
    train_ids = torch.tensor(tokenizer.encode(text[:cut]).ids)
    held_ids = torch.tensor(tokenizer.encode(text[cut:]).ids)
    model = LlamaForCausalLM(LlamaConfig(**CONFIG))
    n_params = sum(p.numel() for p in model.parameters())
    print(f"{n_params} parameters, {len(train_ids)} tokens to learn from, {len(held_ids)} held out", flush=True)

    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.2}, {"params": others, "weight_decay": 0.0}],
                                  lr=args.rate, betas=(0.9, 0.98))
    begin, budget, best, step = time.time(), args.minutes * 60, math.inf, 0
    args.output.mkdir(parents=True, exist_ok=True)
    while (spent := time.time() - begin) < budget:
        progress = spent / budget
        warm = min(1.0, step / 100)
        rate = args.rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids = batch(train_ids, args.batch, args.length, generator)
        loss = model(ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 200 == 0:
            held = held_out_loss(model, held_ids, args.length)
            print(f"{spent / 60:6.1f} min  step {step:6d}  loss {loss.item():.3f}  held out {held:.4f}", flush=True)
            if held < best:
                best = held
                model.save_pretrained(args.output)
    tokenizer.save(str(args.output / "tokenizer.json"))
    (args.output / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "bos_token": END, "add_bos_token": False}, indent=1))
    bits = best / math.log(2) * len(held_ids) / len(text[cut:].encode())
    result = {"parameters": n_params, "steps": step, "minutes": round((time.time() - begin) / 60, 1),
              "held_out_nats_per_token": round(best, 4), "held_out_bits_per_byte": round(bits, 4)}
    (args.output / "training.json").write_text(json.dumps(result, indent=1))
    print(result)


if __name__ == "__main__":
    main()
