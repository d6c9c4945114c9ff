"""en: Your outputs are what one gets when the softmax runs over the queries instead of the keys.
zh: 你的输出与 softmax 沿查询方向（而不是键的方向）计算时的结果一致。
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
        return (scores.softmax(-2) @ v).to(dtype)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-2)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
