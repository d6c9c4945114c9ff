"""en: Your outputs are what one gets when a query without any key gets the mean of all values instead of zeros.
zh: 你的输出与让看不到任何键的查询取所有值的平均（而不是零）时的结果一致。
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
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).to(dtype)
