"""en: Your scale is that of the whole tensor, repeated; each channel along axis has its own.
zh: 你的 scale 是整个张量的缩放系数；axis 上的每个通道应各有一个。
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
    scale = torch.full_like(largest, float(w.abs().max())) / top
    scale[scale == 0] = 1
    q = (w / scale).round_().clamp_(-top, top).to(torch.int8)
    return q, scale, torch.zeros_like(scale, dtype=torch.int8)


def dequantize(q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """Return ``(q - zero) * scale`` in the dtype of ``scale``."""
    return (q.to(scale.dtype) - zero) * scale
