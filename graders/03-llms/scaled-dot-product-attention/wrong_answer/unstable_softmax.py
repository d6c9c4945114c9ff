"""en: Your outputs are what one gets with exp(x) / sum(exp(x)) without subtracting the maximum: exp overflows.
zh: 你的输出与直接计算 exp(x) / sum(exp(x))、未先减去最大值时的结果一致：exp 会溢出。
"""

import math

import torch


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    dtype = q.dtype
    if dtype in (torch.float16, torch.bfloat16):
        q, k, v = q.float(), k.float(), v.float()
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    if mask is None:
        weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
        return (weights @ v).to(dtype)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
