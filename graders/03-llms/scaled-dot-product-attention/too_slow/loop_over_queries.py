"""en: Your code visits the queries one by one in a Python loop; one matrix product can serve them all.
zh: 你的代码用 Python 循环逐个处理查询；一次矩阵乘法就能处理全部查询。
"""

import math

import torch


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    dtype = q.dtype
    if dtype in (torch.float16, torch.bfloat16):
        q, k, v = q.float(), k.float(), v.float()
    if mask is not None:
        mask = mask.broadcast_to(*q.shape[:-1], k.shape[-2])
    rows = []
    for i in range(q.shape[-2]):
        scores = (q[..., i, None, :] @ k.transpose(-2, -1)).squeeze(-2) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask[..., i, :], torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = weights.masked_fill(~mask[..., i, :], 0.0)
        rows.append((weights[..., None, :] @ v).squeeze(-2))
    return torch.stack(rows, -2).to(dtype)
