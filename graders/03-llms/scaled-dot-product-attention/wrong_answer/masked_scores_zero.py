"""en: Your outputs are what one gets by setting masked scores to 0 before the softmax; exp(0) is 1, not 0.
zh: 你的输出与在 softmax 之前把被屏蔽的分数设为 0 时的结果一致；但 exp(0) 是 1，不是 0。
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
    weights = scores.masked_fill(~mask, 0.0).softmax(-1)
    return (weights @ v).to(dtype)
