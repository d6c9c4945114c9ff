"""ModuleDict for the parts, einsum for the heads."""

import torch
from torch import nn
from torch.nn import functional as F


def conv1d(n_in, n_out):
    layer = nn.Module()
    layer.weight = nn.Parameter(torch.randn(n_in, n_out) / 50)
    layer.bias = nn.Parameter(torch.zeros(n_out))
    return layer


def apply(layer, x):
    return torch.einsum("bti,io->bto", x, layer.weight) + layer.bias


class Block(nn.Module):
    def __init__(self, d_model, n_head):
        super().__init__()
        if d_model % n_head:
            raise ValueError(f"{d_model=} {n_head=}")
        self.n_head = n_head
        self.ln_1, self.ln_2 = (nn.LayerNorm(d_model, eps=1e-5) for _ in range(2))
        self.attn = nn.ModuleDict(
            {"c_attn": conv1d(d_model, 3 * d_model), "c_proj": conv1d(d_model, d_model)}
        )
        self.mlp = nn.ModuleDict(
            {"c_fc": conv1d(d_model, 4 * d_model), "c_proj": conv1d(4 * d_model, d_model)}
        )

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = apply(self.attn["c_attn"], self.ln_1(x)).chunk(3, -1)
        q, k, v = (z.reshape(b, t, self.n_head, -1) for z in (q, k, v))
        scores = torch.einsum("bihd,bjhd->bhij", q, k) / q.shape[-1] ** 0.5
        future = torch.ones(t, t, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, -torch.inf).softmax(-1)
        mixed = torch.einsum("bhij,bjhd->bihd", weights, v).reshape(b, t, d)
        x = x + apply(self.attn["c_proj"], mixed)
        hidden = F.gelu(apply(self.mlp["c_fc"], self.ln_2(x)), approximate="tanh")
        return x + apply(self.mlp["c_proj"], hidden)
