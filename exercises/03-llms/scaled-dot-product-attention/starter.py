"""Scaled dot-product attention."""

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
    """
    raise NotImplementedError
