"""A vision transformer (Dosovitskiy et al. 2021) in the layout of CLIP's, with Hugging Face's names.

    x = norm([class, patch_1, ..., patch_n] + positions)
    for each layer:  x += attention(norm(x));  x += fc2(gelu(fc1(norm(x))))

What a language model is given are the rows of the patches; the class row only takes part in the attention.
"""
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, size: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x):
        q, k, v = (p(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, size: int, inner: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(size, inner), nn.Linear(inner, size)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Layer(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        size = c["hidden_size"]
        self.layer_norm1, self.layer_norm2 = (nn.LayerNorm(size, c["layer_norm_eps"]) for _ in range(2))
        self.self_attn = Attention(size, c["num_attention_heads"])
        self.mlp = Mlp(size, c["intermediate_size"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Embeddings(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        size, patch = c["hidden_size"], c["patch_size"]
        self.class_embedding = nn.Parameter(0.02 * torch.randn(size))
        self.patch_embedding = nn.Conv2d(3, size, patch, patch, bias=False)
        self.position_embedding = nn.Embedding((c["image_size"] // patch) ** 2 + 1, size)
        nn.init.normal_(self.position_embedding.weight, std=0.02)

    def forward(self, pixels):
        patches = self.patch_embedding(pixels).flatten(2).mT
        rows = torch.cat([self.class_embedding.expand(len(pixels), 1, -1), patches], 1)
        return rows + self.position_embedding.weight


class Encoder(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))


class Tower(nn.Module):
    """`c`: the vision_config of config.json."""

    def __init__(self, c: dict):
        super().__init__()
        self.embeddings, self.encoder = Embeddings(c), Encoder(c)
        self.pre_layrnorm = nn.LayerNorm(c["hidden_size"], c["layer_norm_eps"])  # so spelled in CLIP

    def forward(self, pixels):
        """Of pixels [n, 3, side, side] from -1 to 1: rows [n, patches, hidden_size]."""
        x = self.pre_layrnorm(self.embeddings(pixels))
        for layer in self.encoder.layers:
            x = layer(x)
        return x[:, 1:]
