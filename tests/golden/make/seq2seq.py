#!/usr/bin/env python3
"""Models of two stacks: T5 and its kin with random weights, and the logits of what they write after what they have read.

A folder is as golden.py has it, but that in tokens.json "encoder" is the text that is read and "tokens" the one that is written,
of which there are logits; the greedy text begins after its first token.

    pip install torch transformers safetensors numpy gguf
    python seq2seq.py [NAME...]
"""
import json
import sys

import numpy as np
import torch
import transformers as t

import golden

SHAPE = dict(vocab_size=61, d_model=28, d_kv=9, d_ff=36, num_layers=3, num_decoder_layers=2, num_heads=3, decoder_start_token_id=0,
             attn_implementation="eager")
LENGTHS = {}


def make(config_class, model_class, seed, untied=False, **changes):
    config = config_class(**{**SHAPE, **changes})
    model = model_class(config)
    if untied:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    golden.randomise(model, seed)
    for name, p in model.named_parameters():
        if name.endswith("Attention.q.weight"):  # these models do not scale their scores
            p.data *= config.d_kv ** -0.5
    return model


def t5(seed, **changes):
    return make(t.T5Config, t.T5ForConditionalGeneration, seed, **changes)


@torch.no_grad()
def write_answers(directory, model):
    n_read, n_written = LENGTHS.get(directory.name, (50, 40))
    g = torch.Generator().manual_seed(7)
    read = torch.randint(3, model.config.vocab_size, (1, n_read), generator=g)
    written = torch.randint(3, model.config.vocab_size, (1, n_written), generator=g)
    written[0, 0] = model.config.decoder_start_token_id
    memory = model.encoder(read)
    logits = lambda ids: model(encoder_outputs=memory, decoder_input_ids=ids, use_cache=False).logits[0].float()
    greedy = written[:, :1]
    for _ in range(golden.N_GREEDY):
        greedy = torch.cat([greedy, logits(greedy)[-1].argmax()[None, None]], 1)
    (directory / "tokens.json").write_text(json.dumps({
        "encoder": read[0].tolist(), "tokens": written[0].tolist(), "greedy_prompt": written[0, :1].tolist(),
        "greedy": greedy[0, 1:].tolist()}) + "\n")
    np.save(directory / "logits.npy", logits(written).numpy())


def gguf_values(c):
    return {"context_length": 512, "embedding_length": c.d_model, "feed_forward_length": c.d_ff, "block_count": c.num_layers,
            "decoder_block_count": c.num_decoder_layers, "attention.head_count": c.num_heads, "attention.key_length": c.d_kv,
            "attention.value_length": c.d_kv, "attention.layer_norm_epsilon": c.layer_norm_epsilon,
            "attention.relative_buckets_count": c.relative_attention_num_buckets,
            "attention.layer_norm_rms_epsilon": c.layer_norm_epsilon, "decoder_start_token_id": c.decoder_start_token_id}


def make_t5():
    # as its authors' config.json has it: what a T5 1.0 is, goes without saying
    unsaid = ("feed_forward_proj", "is_gated_act", "dense_act_fn", "scale_decoder_outputs", "tie_word_embeddings")
    plain = t5(1)
    LENGTHS["t5"] = LENGTHS["t5-gguf"] = (180, 90)
    golden.write_safetensors("t5", plain, old=True, drop=unsaid, n_positions=512)
    gated = t5(2, untied=True, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    golden.write_safetensors("t5-gated", gated)
    # as transformers 4 wrote it, with the embedding under another of its names
    golden.write_safetensors("t5-gated-old", t5(3, untied=True, feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_layers=1,
                                                num_decoder_layers=2, decoder_start_token_id=4), old=True,
                             drop=unsaid[1:4], tie_word_embeddings=False)
    rename("t5-gated-old", {"shared.weight": "decoder.embed_tokens.weight"})
    golden.write_safetensors("t5-gated-bf16", t5(4, untied=True, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
                                                 num_layers=1, num_decoder_layers=1), dtype=torch.bfloat16)
    LENGTHS["t5-long"] = (200, 100)
    golden.write_safetensors("t5-long", t5(5, feed_forward_proj="gated-silu", relative_attention_num_buckets=12,
                                           relative_attention_max_distance=20))
    golden.write_gguf("t5-gguf", plain, "t5", gguf_values(plain.config))
    golden.write_gguf("t5-gated-gguf", gated, "t5", gguf_values(gated.config))


def make_mt5():
    golden.write_safetensors("mt5", make(t.MT5Config, t.MT5ForConditionalGeneration, 7, untied=True), old=True, tie_word_embeddings=False)
    golden.write_safetensors("mt5-tied", make(t.MT5Config, t.MT5ForConditionalGeneration, 8))


def make_umt5():
    model = make(t.UMT5Config, t.UMT5ForConditionalGeneration, 9)
    golden.write_safetensors("umt5", model)
    golden.write_gguf("umt5-gguf", model, "t5", gguf_values(model.config))


def rename(name, names):
    path = golden.HERE / name / "model.safetensors"
    tensors = {names.get(k, k): v.clone() for k, v in golden.load_file(path).items()}
    golden.save_file(tensors, path, metadata={"format": "pt"})


golden.write_answers = write_answers
for family in sys.argv[1:] or ["t5", "mt5", "umt5"]:
    globals()["make_" + family]()
