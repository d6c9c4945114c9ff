"""en: Your q differs only at exact ties: floor(x + 0.5) sends them all upwards, they should go to the even neighbour.
zh: 你的 q 只在恰好正中间时不对：floor(x + 0.5) 把它们全部向上舍入，应舍入到相邻的偶数。
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
    q = (w / scale + 0.5).floor_().clamp_(-top, top).to(torch.int8)
    return q, scale, torch.zeros_like(scale, dtype=torch.int8)


def dequantize(q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """Return ``(q - zero) * scale`` in the dtype of ``scale``."""
    return (q.to(scale.dtype) - zero) * scale
