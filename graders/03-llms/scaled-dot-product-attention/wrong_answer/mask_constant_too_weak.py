"""en: Your outputs are what one gets by filling masked scores with -1e9: lower scores than that exist.
zh: 你的输出与用 -1e9 填充被屏蔽的分数时的结果一致：真实分数可能比它更小。
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
    weights = scores.masked_fill(~mask, -1e9).softmax(-1)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
