#!/usr/bin/env python3
"""Writes a Hugging Face Llama directory as a GGUF file: matrices in F16, norms in F32, the tokenizer beside them.

    python export.py shakespeare-hf shakespeare.gguf --name "Shakespeare 1.8M" --licence Apache-2.0
"""
import argparse
import json
import pathlib

import gguf
import numpy as np
from safetensors.numpy import load_file

NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
         "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
OUTSIDE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
           "lm_head.weight": "output.weight"}


def gguf_name(name):
    if name in OUTSIDE:
        return OUTSIDE[name]
    _, _, layer, rest = name.split(".", 3)
    stem, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[stem]}.{kind}"


def neighbours(rows, n_heads):
    """Rotary pairs (p, p + half) of each head become neighbours (2p, 2p + 1), as GGUF has them."""
    head = rows.shape[0] // n_heads
    return rows.reshape(n_heads, 2, head // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("output")
    parser.add_argument("--name", default="llama")
    parser.add_argument("--licence", default="unknown")
    parser.add_argument("--type", choices=["f32", "f16"], default="f16")
    args = parser.parse_args()
    config = json.loads((args.directory / "config.json").read_text())
    tokenizer = json.loads((args.directory / "tokenizer.json").read_text())
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]

    w = gguf.GGUFWriter(args.output, "llama")
    w.add_name(args.name)
    w.add_license(args.licence)
    w.add_file_type(1 if args.type == "f16" else 0)
    w.add_block_count(config["num_hidden_layers"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_key_length(config["head_dim"])
    w.add_value_length(config["head_dim"])
    w.add_rope_dimension_count(config["head_dim"])
    w.add_rope_freq_base(theta)
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_vocab_size(config["vocab_size"])

    pieces = sorted(tokenizer["model"]["vocab"].items(), key=lambda piece: piece[1])
    special = {t["id"] for t in tokenizer["added_tokens"] if t["special"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list([piece for piece, _ in pieces])
    w.add_token_types([3 if i in special else 1 for _, i in pieces])
    w.add_token_merges(merges)
    w.add_bos_token_id(config["bos_token_id"])
    w.add_eos_token_id(config["eos_token_id"])
    w.add_add_bos_token(False)

    for name, tensor in load_file(args.directory / "model.safetensors").items():
        if name.endswith("q_proj.weight"):
            tensor = neighbours(tensor, config["num_attention_heads"])
        elif name.endswith("k_proj.weight"):
            tensor = neighbours(tensor, config["num_key_value_heads"])
        matrix = tensor.ndim > 1 and args.type == "f16"
        w.add_tensor(gguf_name(name), np.ascontiguousarray(tensor.astype(np.float16 if matrix else np.float32)))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
