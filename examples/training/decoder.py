"""A decoder, dense (the layout of Qwen 3, or of Llama) or with experts (Qwen 3 MoE). The modules have the names of Hugging
Face's, so that the state dict is a checkpoint which transformers and viv read as it is.

    x = embed(tokens)
    for each layer:  x += attention(norm(x));  x += feed_forward(norm(x))
    logits = norm(x) @ embed^T

    attention:     softmax(rope(norm(q)) . rope(norm(k)) / sqrt(head_dim), causal) v, k and v shared by groups of heads;
                   Llama has no norm there
    feed_forward:  down(silu(gate(x)) * up(x)), or with experts
                   sum of p_e / sum(p) * expert_e(x) over the top two of p = softmax(router(x))
"""
import dataclasses

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass
class Shape:
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    num_experts: int = 0  # 0: dense
    num_experts_per_tok: int = 2
    moe_intermediate_size: int = 0
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    head_norm: bool = True

    def config(self, end: int) -> dict:
        """config.json. `end`: the token that ends a text."""
        kind = ("Qwen3MoeForCausalLM", "qwen3_moe") if self.num_experts else (
            ("Qwen3ForCausalLM", "qwen3") if self.head_norm else ("LlamaForCausalLM", "llama"))
        config = {"architectures": [kind[0]], "model_type": kind[1], **dataclasses.asdict(self), "hidden_act": "silu",
                  "tie_word_embeddings": True, "bos_token_id": end, "eos_token_id": end, "torch_dtype": "float32"}
        del config["head_norm"]
        if self.num_experts:
            return config | {"norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": []}
        return {key: value for key, value in config.items() if "experts" not in key and not key.startswith("moe")}


def rotate(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Rotary positions: the pair (i, i + half) of x [..., length, head_dim] turned by angles [length, half]."""
    a, b = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def heads(y: torch.Tensor, head_dim: int) -> torch.Tensor:
    """[batch, length, heads * head_dim] as [batch, heads, length, head_dim]."""
    return y.unflatten(-1, (-1, head_dim)).transpose(1, 2)


def angles_of(theta: float, head_dim: int, length: int) -> torch.Tensor:
    """[length, head_dim / 2]."""
    return torch.arange(length)[:, None] * theta ** -(torch.arange(0, head_dim, 2) / head_dim)


def attend(q, k, v, angles):
    """Causal attention of heads [batch, heads, length, head_dim], k and v shared by groups; [batch, length, heads * head_dim]."""
    groups = q.shape[1] // k.shape[1]
    k, v = (y.repeat_interleave(groups, 1) for y in (rotate(k, angles), v))
    return F.scaled_dot_product_attention(rotate(q, angles), k, v, is_causal=True).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head_dim = s.num_attention_heads, s.num_key_value_heads, s.head_dim
        self.q_proj = nn.Linear(s.hidden_size, self.n_heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(s.hidden_size, self.n_kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(s.hidden_size, self.n_kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.n_heads * self.head_dim, s.hidden_size, bias=False)
        self.q_norm, self.k_norm = (nn.RMSNorm(self.head_dim, s.rms_norm_eps) if s.head_norm else nn.Identity()
                                    for _ in range(2))

    def forward(self, x, angles):
        q, k, v = (heads(p(x), self.head_dim) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.o_proj(attend(self.q_norm(q), self.k_norm(k), v, angles))


class FeedForward(nn.Module):
    def __init__(self, hidden_size: int, intermediate_size: int):
        super().__init__()
        self.gate_proj = nn.Linear(hidden_size, intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden_size, intermediate_size, bias=False)
        self.down_proj = nn.Linear(intermediate_size, hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Experts(nn.Module):
    """`balance` is the loss of Switch Transformers (Fedus et al. 2021): 1 if all experts get the same share of the tokens."""

    def __init__(self, s: Shape):
        super().__init__()
        self.top = s.num_experts_per_tok
        self.gate = nn.Linear(s.hidden_size, s.num_experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(s.hidden_size, s.moe_intermediate_size) for _ in range(s.num_experts))
        self.balance = 0.0

    def forward(self, x):
        rows = x.flatten(0, 1)
        p = self.gate(rows).softmax(-1)
        weights, chosen = p.topk(self.top, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        share = F.one_hot(chosen, len(self.experts)).float().mean((0, 1))
        self.balance = len(self.experts) * (share * p.mean(0)).sum()
        out = torch.zeros_like(rows)
        for e, expert in enumerate(self.experts):
            row, slot = (chosen == e).nonzero(as_tuple=True)
            out = out.index_add(0, row, expert(rows[row]) * weights[row, slot, None])
        return out.view_as(x)


class Layer(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.self_attn = Attention(s)
        self.post_attention_layernorm = nn.RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.mlp = Experts(s) if s.num_experts else FeedForward(s.hidden_size, s.intermediate_size)

    def forward(self, x, angles):
        x = x + self.self_attn(self.input_layernorm(x), angles)
        return x + self.mlp(self.post_attention_layernorm(x))


class Stack(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(s.vocab_size, s.hidden_size)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.num_hidden_layers))
        self.norm = nn.RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.register_buffer("angles", angles_of(s.rope_theta, s.head_dim, s.max_position_embeddings), persistent=False)

    def forward(self, x):
        """Of embedded rows [batch, length, hidden_size]."""
        for layer in self.layers:
            x = layer(x, self.angles[: x.shape[1]])
        return self.norm(x)


class Decoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.model = Stack(shape)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                output = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(p, std=0.02 / (2 * shape.num_hidden_layers) ** 0.5 if output else 0.02)

    def head(self, x):
        return x @ self.model.embed_tokens.weight.T

    def forward(self, ids):
        return self.head(self.model(self.model.embed_tokens(ids)))

    def balance(self):
        """The mean over layers with experts; 0 if there are none."""
        layers = [layer.mlp.balance for layer in self.model.layers if isinstance(layer.mlp, Experts)]
        return sum(layers) / max(len(layers), 1)

    def sizes(self) -> tuple[int, int]:
        """Parameters, and those that one token uses."""
        total = sum(p.numel() for p in self.parameters())
        s = self.shape
        idle = s.num_experts - s.num_experts_per_tok if s.num_experts else 0
        return total, total - idle * 3 * s.hidden_size * s.moe_intermediate_size * s.num_hidden_layers
