"""en: Your outputs are what one gets by forming the scores in float16, where they overflow or lose precision.
zh: 你的输出与在 float16 中计算分数时的结果一致：分数会溢出或损失精度。
"""

import math

import torch


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    dtype = q.dtype
    if dtype in (torch.float16, torch.bfloat16):
        q, k = q / math.sqrt(q.shape[-1]), k
        scores = (q @ k.transpose(-2, -1)).float()
        v = v.float()
    else:
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    if mask is None:
        return (scores.softmax(-1) @ v).to(dtype)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
