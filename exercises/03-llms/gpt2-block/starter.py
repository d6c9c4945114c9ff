"""One Transformer block of GPT-2, compatible with its published weights."""

import torch
from torch import nn


class Block(nn.Module):
    """Pre-norm causal self-attention followed by an MLP, each with a residual connection.

    Args:
        d_model: width of the residual stream.
        n_head: number of attention heads; must divide ``d_model``.

    Raises:
        ValueError: if ``d_model`` is not a multiple of ``n_head``.
    """

    def __init__(self, d_model: int, n_head: int) -> None:
        super().__init__()
        raise NotImplementedError(
            "Create ln_1, attn.c_attn, attn.c_proj, ln_2, mlp.c_fc, mlp.c_proj"
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(batch, time, d_model)`` to the same shape."""
        raise NotImplementedError("Implement the block")
