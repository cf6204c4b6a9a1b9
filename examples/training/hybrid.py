"""A decoder whose layers mix tokens by short convolutions or by attention, in the layout of LFM2 (Liquid AI 2025). The modules have
the names of Hugging Face's, so that the state dict is a checkpoint which transformers and viv read as it is.

    x = embed(tokens)
    for each layer:  x += mix(norm(x));  x += w2(silu(w1(norm(x))) * w3(norm(x)))
    logits = norm(x) @ embed^T

    mix:  out(c * conv(b * y)) with b, c, y = in(x), conv over a channel's last L tokens; or attention, as in decoder.py

A convolution gives each token those before it, so that attention finds what followed the same few tokens before: names are
copied after half the training that a decoder of attention alone needs.
"""
import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

from decoder import angles_of, attend, heads


@dataclasses.dataclass
class HybridShape:
    hidden_size: int
    layer_types: tuple[str, ...]
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    conv_L_cache: int = 3
    norm_eps: float = 1e-6
    rope_theta: float = 10000.0

    def config(self, end: int) -> dict:
        """config.json. `end`: the token that ends a text."""
        return {"architectures": ["Lfm2ForCausalLM"], "model_type": "lfm2", **dataclasses.asdict(self),
                "num_hidden_layers": len(self.layer_types), "block_auto_adjust_ff_dim": False, "conv_bias": False,
                "tie_word_embeddings": True, "bos_token_id": end, "eos_token_id": end, "torch_dtype": "float32"}


class Attention(nn.Module):
    def __init__(self, s: HybridShape):
        super().__init__()
        self.head_dim = s.hidden_size // s.num_attention_heads
        self.q_proj = nn.Linear(s.hidden_size, s.hidden_size, bias=False)
        self.k_proj = nn.Linear(s.hidden_size, s.num_key_value_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(s.hidden_size, s.num_key_value_heads * self.head_dim, bias=False)
        self.out_proj = nn.Linear(s.hidden_size, s.hidden_size, bias=False)
        self.q_layernorm, self.k_layernorm = (nn.RMSNorm(self.head_dim, s.norm_eps) for _ in range(2))

    def forward(self, x, angles):
        q, k, v = (heads(p(x), self.head_dim) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(attend(self.q_layernorm(q), self.k_layernorm(k), v, angles))


class Convolution(nn.Module):
    def __init__(self, s: HybridShape):
        super().__init__()
        self.in_proj = nn.Linear(s.hidden_size, 3 * s.hidden_size, bias=False)
        self.conv = nn.Conv1d(s.hidden_size, s.hidden_size, s.conv_L_cache, groups=s.hidden_size, bias=False,
                              padding=s.conv_L_cache - 1)
        self.out_proj = nn.Linear(s.hidden_size, s.hidden_size, bias=False)

    def forward(self, x, _):
        b, c, y = self.in_proj(x).transpose(1, 2).chunk(3, 1)  # [batch, hidden_size, length]
        return self.out_proj((c * self.conv(b * y)[..., : x.shape[1]]).transpose(1, 2))


class FeedForward(nn.Module):
    def __init__(self, s: HybridShape):
        super().__init__()
        self.w1 = nn.Linear(s.hidden_size, s.intermediate_size, bias=False)
        self.w3 = nn.Linear(s.hidden_size, s.intermediate_size, bias=False)
        self.w2 = nn.Linear(s.intermediate_size, s.hidden_size, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Layer(nn.Module):
    def __init__(self, s: HybridShape, kind: str):
        super().__init__()
        self.operator_norm = nn.RMSNorm(s.hidden_size, s.norm_eps)
        self.mixer = "self_attn" if kind == "full_attention" else "conv"
        self.add_module(self.mixer, Attention(s) if kind == "full_attention" else Convolution(s))
        self.ffn_norm = nn.RMSNorm(s.hidden_size, s.norm_eps)
        self.feed_forward = FeedForward(s)

    def forward(self, x, angles):
        x = x + getattr(self, self.mixer)(self.operator_norm(x), angles)
        return x + self.feed_forward(self.ffn_norm(x))


class Stack(nn.Module):
    def __init__(self, s: HybridShape):
        super().__init__()
        self.embed_tokens = nn.Embedding(s.vocab_size, s.hidden_size)
        self.layers = nn.ModuleList(Layer(s, kind) for kind in s.layer_types)
        self.embedding_norm = nn.RMSNorm(s.hidden_size, s.norm_eps)
        head_dim = s.hidden_size // s.num_attention_heads
        self.register_buffer("angles", angles_of(s.rope_theta, head_dim, s.max_position_embeddings), persistent=False)

    def forward(self, ids):
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, self.angles[: x.shape[1]])
        return self.embedding_norm(x)


class Hybrid(nn.Module):
    def __init__(self, shape: HybridShape):
        super().__init__()
        self.shape, self.model = shape, Stack(shape)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                output = name.endswith(("out_proj.weight", "w2.weight"))
                nn.init.normal_(p, std=0.02 / (2 * len(shape.layer_types)) ** 0.5 if output else 0.02)

    def forward(self, ids):
        return self.model(ids) @ self.model.embed_tokens.weight.T

    def n_parameters(self) -> int:
        return sum(p.numel() for p in self.parameters())
