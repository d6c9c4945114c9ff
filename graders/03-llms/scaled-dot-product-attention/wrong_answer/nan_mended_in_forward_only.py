"""en: Your outputs are what one gets by mending the NaN of a forbidden row after the softmax: the output is right, its gradients are not.
zh: 你的输出与在 softmax 之后才修补 NaN 时的结果一致：输出对了，梯度却仍是 NaN。
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
    weights = (scores + torch.zeros(mask.shape).masked_fill(~mask, -math.inf)).softmax(-1)
    return (weights.nan_to_num(0.0) @ v).to(dtype)
