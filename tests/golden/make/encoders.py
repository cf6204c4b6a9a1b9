"""Encoders: bert and its kin with random weights, what they make of each token, of a text, and what their classifiers say.

A folder holds the checkpoint, tokens.json ({"tokens": [...], "types": [...]}: which text of a pair each is of) and
  vectors.npy   float32 [n_tokens, hidden_size], the last hidden states
  pooled.npy    float32 [1, hidden_size], the text's vector as the checkpoint's files want it
or, of a classifier, scores.npy, float32 [1, n_labels].
"""
import json
import sys

import numpy as np
import torch
import transformers as t
from safetensors.torch import save_file

import golden

N_TOKENS = 40


def pool(h, pooling, normalize):
    v = {"cls": h[:1], "mean": h.mean(0, keepdims=True), "last": h[-1:]}[pooling]
    return v / np.linalg.norm(v) if normalize else v


@torch.no_grad()
def write_answers(directory, model, pooling, normalize, types):
    g = torch.Generator().manual_seed(11)
    tokens = torch.randint(3, model.config.vocab_size, (N_TOKENS,), generator=g)
    kinds = torch.tensor([int(types and i >= 25) for i in range(N_TOKENS)])
    (directory / "tokens.json").write_text(json.dumps({"tokens": tokens.tolist(), "types": kinds.tolist()}) + "\n")
    out = model(tokens[None], **({"token_type_ids": kinds[None]} if types else {}))
    if "logits" in out:
        np.save(directory / "scores.npy", out.logits.float().numpy())
        return
    h = out.last_hidden_state[0].float().numpy()
    np.save(directory / "vectors.npy", h)
    np.save(directory / "pooled.npy", pool(h, pooling, normalize))


def write(name, model, pooling="mean", modules=None, types=False, rename=lambda k: k, **instead):
    """modules: whether there is a Normalize module; None: no modules.json at all"""
    directory = golden.HERE / name
    directory.mkdir(exist_ok=True)
    save_file({rename(k): v.detach().contiguous().clone() for k, v in golden.weights_of(model).items()},
              directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(golden.config_json(model, False) | instead, indent=1) + "\n")
    if modules is not None:
        kinds = ["Transformer", "Pooling"] + ["Normalize"] * modules
        (directory / "modules.json").write_text(json.dumps(
            [{"idx": i, "name": str(i), "path": "" if i == 0 else f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"}
             for i, kind in enumerate(kinds)], indent=1) + "\n")
        modes = {"cls": "cls_token", "mean": "mean_tokens", "last": "lasttoken"}
        (directory / "1_Pooling").mkdir(exist_ok=True)
        (directory / "1_Pooling" / "config.json").write_text(json.dumps(
            {"word_embedding_dimension": model.config.hidden_size}
            | {f"pooling_mode_{m}": m == modes[pooling] for m in [*modes.values(), "max_tokens"]}, indent=1) + "\n")
        (directory / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 48, "do_lower_case": False}) + "\n")
    write_answers(directory, model, pooling, modules is None or modules, types)


def write_gguf(name, model, architecture, values, pooling, types, **more):
    golden.write_answers, keep = lambda *a, **k: None, golden.write_answers
    golden.write_gguf(name, model, architecture, values, **more)
    golden.write_answers = keep
    write_answers(golden.HERE / name, model, pooling, True, types)


def bert_config(cls=t.BertConfig, **more):
    return cls(**dict(vocab_size=83, hidden_size=36, num_hidden_layers=3, num_attention_heads=3, intermediate_size=50,
                      max_position_embeddings=64, hidden_act="gelu", pad_token_id=0, attn_implementation="eager") | more)


def bert_values(c, **more):
    return {"block_count": c.num_hidden_layers, "context_length": c.max_position_embeddings, "embedding_length": c.hidden_size,
            "feed_forward_length": c.intermediate_size, "attention.head_count": c.num_attention_heads,
            "attention.layer_norm_epsilon": float(c.layer_norm_eps), "attention.causal": False} | more


def bert():
    model = golden.randomise(t.BertModel(bert_config()), 1)
    write("bert", model, types=True)
    # as the first checkpoints have it, and with files of sentence-transformers
    old = lambda k: "bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    write("bert-old", golden.randomise(t.BertModel(bert_config(hidden_act="gelu_new")), 2), pooling="cls", modules=False, rename=old)
    drop = lambda k, a: None if k.startswith("pooler.") else a
    write_gguf("bert-gguf", model, "bert", bert_values(model.config, pooling_type=2), "cls", True, change=drop)
    labels = {0: "bad", 1: "middling", 2: "good"}
    classifier = t.BertForSequenceClassification(bert_config(num_labels=3, id2label=labels, hidden_act="relu"))
    write("bert-classifier", golden.randomise(classifier, 3), types=True)


for family in sys.argv[1:] or ["bert"]:
    globals()[family]()
