"""en: Your scales belong to the other dimension: axis is the one that keeps its scales, not the one to reduce over.
zh: 你的 scale 算到了另一个维度上：axis 是保留缩放系数的维度，而不是要归约掉的维度。
"""

import torch


def quantize(
    w: torch.Tensor, bits: int, axis: int | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Quantize ``w`` symmetrically, with one scale for each index along ``axis``."""
    if bits not in (8, 4):
        raise ValueError(f"bits must be 8 or 4, not {bits}")
    top = 2 ** (bits - 1) - 1
    kept = None if axis is None else axis % w.ndim
    shared = list(range(w.ndim)) if kept is None else [kept]
    largest = w.abs().amax(shared, keepdim=True) if shared else w.abs()
    scale = largest / top
    scale[scale == 0] = 1
    q = (w / scale).round_().clamp_(-top, top).to(torch.int8)
    return q, scale, torch.zeros_like(scale, dtype=torch.int8)


def dequantize(q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """Return ``(q - zero) * scale`` in the dtype of ``scale``."""
    return (q.to(scale.dtype) - zero) * scale
