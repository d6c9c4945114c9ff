"""The scale as a buffer that isn't saved, the path as F.linear."""

import torch
import torch.nn.functional as F
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, r, alpha, dropout=0.0):
        super().__init__()
        if r < 1:
            raise ValueError("r must be positive")
        self.base = base
        for parameter in base.parameters():
            parameter.requires_grad = False
        kind = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features, **kind) / r)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, **kind))
        self.register_buffer("scaling", torch.tensor(alpha / r, **kind), persistent=False)
        self.p = dropout
        self.is_merged = False

    def delta(self):
        return (self.lora_B @ self.lora_A) * self.scaling

    def forward(self, x):
        out = self.base(x)
        if not self.is_merged:
            low = F.dropout(x, self.p, self.training)
            out = out + F.linear(F.linear(low, self.lora_A), self.lora_B) * self.scaling
        return out

    @torch.no_grad()
    def merge(self):
        if not self.is_merged:
            self.base.weight.add_(self.delta())
        self.is_merged = True

    @torch.no_grad()
    def unmerge(self):
        if self.is_merged:
            self.base.weight.sub_(self.delta())
        self.is_merged = False
