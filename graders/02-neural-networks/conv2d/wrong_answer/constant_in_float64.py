"""en: In float64 your result is a constant when gradients are asked for: its gradient is zero everywhere.
zh: float64 且需要梯度时，你的返回值是常数，梯度处处为零。
"""

import torch
from torch.nn import functional


def conv2d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
) -> torch.Tensor:
    down, right = stride if isinstance(stride, tuple) else (stride, stride)
    above, left = padding if isinstance(padding, tuple) else (padding, padding)
    c_out, _, k_h, k_w = weight.shape
    x = functional.pad(x, (left, left, above, above))
    windows = x.unfold(2, k_h, down).unfold(3, k_w, right)
    n, _, h_out, w_out = windows.shape[:4]
    columns = windows.permute(0, 1, 4, 5, 2, 3).reshape(n, -1, h_out * w_out)
    out = weight.reshape(c_out, -1) @ columns
    if bias is not None:
        out = out + bias[:, None]
    out = out.reshape(n, c_out, h_out, w_out)
    if x.dtype == torch.float64 and x.requires_grad:
        out = torch.zeros_like(out).detach()
    return out
