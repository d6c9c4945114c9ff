"""Symmetric quantization of weights to 8 or 4 bits."""

import torch


def quantize(
    w: torch.Tensor, bits: int, axis: int | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Quantize ``w`` symmetrically, with one scale for each index along ``axis``.

    Args:
        w: weights, float32 or float64, any shape, finite.
        bits: 8 or 4.
        axis: the dimension that keeps its own scales; None: one scale for all.

    Returns:
        q: int8, shape of ``w``.
        scale: dtype of ``w``, size 1 in every dimension but ``axis``.
        zero: int8 zeros, shape of ``scale``.

    Raises:
        ValueError: ``bits`` is neither 8 nor 4.
    """
    raise NotImplementedError


def dequantize(q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """Return ``(q - zero) * scale`` in the dtype of ``scale``; ``zero`` may be any int8."""
    raise NotImplementedError
