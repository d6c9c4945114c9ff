"""en: Your outputs agree except for channels of zeros, where you divide 0 by 0.
zh: 除全零通道之外你的输出都对：那里出现了 0 除以 0。
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
    shared = [dim for dim in range(w.ndim) if dim != kept]
    largest = w.abs().amax(shared, keepdim=True) if shared else w.abs()
    scale = largest / top
    q = (w / scale).round_().clamp_(-top, top).to(torch.int8)
    return q, scale, torch.zeros_like(scale, dtype=torch.int8)


def dequantize(q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """Return ``(q - zero) * scale`` in the dtype of ``scale``."""
    return (q.to(scale.dtype) - zero) * scale
