"""A linear layer with a trainable low-rank update."""

import torch
from torch import nn


class LoRALinear(nn.Module):
    """``base(x)`` plus a trainable change of rank ``r``, scaled by ``alpha / r``.

    Args:
        base: the layer to adapt; it is frozen.
        r: rank of the change, at least 1.
        alpha: the change is scaled by ``alpha / r``.
        dropout: probability of dropping an input of the low-rank path in training.

    Raises:
        ValueError: if ``r < 1``.
    """

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        raise NotImplementedError("Freeze base; create lora_A and lora_B")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., in_features)`` to ``(..., out_features)``."""
        raise NotImplementedError("Implement the forward pass")

    def merge(self) -> None:
        """Add the low-rank change to ``base.weight``; do nothing if that is already done."""
        raise NotImplementedError("Implement merge")

    def unmerge(self) -> None:
        """Take the low-rank change out of ``base.weight``; do nothing if it isn't in."""
        raise NotImplementedError("Implement unmerge")
