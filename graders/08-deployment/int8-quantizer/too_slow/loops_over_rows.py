"""en: Your q is right, but each channel is quantized in a Python loop of its own.
zh: 你的 q 是对的，但用 Python 循环逐个通道量化，太慢。
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
    scale[scale == 0] = 1
    if axis is None:
        rows = [w / scale]
    else:
        channels = range(w.shape[axis])
        rows = [w.narrow(axis, i, 1) / scale.narrow(axis, i, 1) for i in channels]
    rounded = [row.round().clamp(-top, top).to(torch.int8) for row in rows]
    q = torch.cat(rounded, dim=0 if axis is None else axis)
    return q, scale, torch.zeros_like(scale, dtype=torch.int8)


def dequantize(q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """Return ``(q - zero) * scale`` in the dtype of ``scale``."""
    return (q.to(scale.dtype) - zero) * scale
