"""en: Your outputs are what one gets by computing in float32 even when the inputs are float64.
zh: 你的输出与输入为 float64 时仍用 float32 计算的结果一致。
"""

import math

import torch


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    dtype = q.dtype
    q, k, v = q.float(), k.float(), v.float()
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    if mask is None:
        return (scores.softmax(-1) @ v).to(dtype)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
