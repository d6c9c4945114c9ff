"""en: Your outputs are the right ones with rows and columns swapped: the axes are (N, C_out, H_out, W_out).
zh: 你的输出数值正确，但行列互换了：各维依次是 (N, C_out, H_out, W_out)。
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
    return out.reshape(n, c_out, h_out, w_out).transpose(2, 3)
