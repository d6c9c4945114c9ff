"""Scaled dot-product attention from two matrix products and a softmax."""

import math

import torch


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Average the values by how well each query matches each key.

    Args:
        q: queries, shape (..., n, d_k).
        k: keys, shape (..., m, d_k).
        v: values, shape (..., m, d_v).
        mask: boolean, broadcastable to (..., n, m); True = may attend.

    Returns:
        Shape (..., n, d_v), dtype of ``q``; zeros for a query that may attend to no key.

    Source: Vaswani et al. 2017, section 3.2.1.
    """
    dtype = q.dtype
    if dtype in (torch.float16, torch.bfloat16):
        q, k, v = q.float(), k.float(), v.float()
    # Scaling q is cheaper than scaling the scores, and keeps them small from the start.
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    if mask is None:
        return (scores.softmax(-1) @ v).to(dtype)
    # The least finite number and not -inf, for the softmax of a row without any key to be finite;
    # such a row is uniform then, and zeroed with the other forbidden weights.
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights.masked_fill(~mask, 0.0) @ v).to(dtype)
