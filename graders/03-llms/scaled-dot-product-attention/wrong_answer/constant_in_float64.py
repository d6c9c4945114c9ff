"""en: In float64 you return zeros when gradients are asked for: their gradient is zero everywhere.
zh: float64 且需要梯度时你返回全零，梯度处处为零。
"""

import torch


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    dtype = q.dtype
    if dtype == torch.float64 and q.requires_grad:
        return torch.zeros(*q.shape[:-1], v.shape[-1], dtype=dtype)
    if dtype in (torch.float16, torch.bfloat16):
        q, k, v = q.float(), k.float(), v.float()
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is None:
        return (scores.softmax(-1) @ v).to(dtype)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
