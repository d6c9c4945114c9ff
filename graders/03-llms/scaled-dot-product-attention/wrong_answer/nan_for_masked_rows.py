"""en: Your outputs are what one gets when a row that is masked throughout is filled with -inf: its softmax is NaN.
zh: 你的输出与把整行被屏蔽的分数都填成 -inf 时的结果一致：这一行的 softmax 是 NaN。
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
    weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
    return (weights @ v).to(dtype)
