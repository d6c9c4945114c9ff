"""An nn.Module's instance as entry point, with a buffer that isn't saved."""

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def forward(self, q, k, v, mask=None):
        dtype = q.dtype
        if dtype in (torch.float16, torch.bfloat16):
            q, k, v = q.float(), k.float(), v.float()
        scores = (q * q.shape[-1] ** -0.5) @ k.mT
        if mask is None:
            return (scores.softmax(-1) @ v).to(dtype)
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
        return (torch.where(mask, weights, self.zero.to(weights)) @ v).to(dtype)


attention = Attention()
