"""en: Your outputs are what one gets by zeroing the masked weights after the softmax, so the rest no longer sums to 1.
zh: 你的输出与在 softmax 之后才把被屏蔽的权重清零时的结果一致，剩余权重之和不再是 1。
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
        return (scores.softmax(-1) @ v).to(dtype)
    weights = scores.softmax(-1)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
