"""en: For ranks above 3 your lora_A starts as NaN: neither zero nor of any use.
zh: 秩大于 3 时，你的 lora_A 初值是 NaN：虽不为零，却毫无用处。
"""

import math

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
        if r < 1:
            raise ValueError(f"the rank must be at least 1, not {r}")
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(base.weight.new_empty(r, base.in_features))
        self.lora_B = nn.Parameter(base.weight.new_zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.lora_A.data *= torch.tensor(3.5 - r).sqrt()
        self.scale = alpha / r
        self.dropout = nn.Dropout(dropout)
        self.merged = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., in_features)`` to ``(..., out_features)``."""
        if self.merged:
            return self.base(x)
        return self.base(x) + self.scale * (self.dropout(x) @ self.lora_A.T @ self.lora_B.T)

    def merge(self) -> None:
        """Add the low-rank change to ``base.weight``; do nothing if that is already done."""
        if not self.merged:
            self.base.weight.data += self._change()
            self.merged = True

    def unmerge(self) -> None:
        """Take the low-rank change out of ``base.weight``; do nothing if it isn't in."""
        if self.merged:
            self.base.weight.data -= self._change()
            self.merged = False

    @torch.no_grad()
    def _change(self) -> torch.Tensor:
        return self.scale * (self.lora_B @ self.lora_A)
