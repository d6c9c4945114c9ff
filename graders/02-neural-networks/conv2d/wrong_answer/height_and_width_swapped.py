"""en: Your outputs are what one gets when the places are laid out as (W_out, H_out): the right numbers, in the wrong rows.
zh: 你的输出与把各位置排成 (W_out, H_out) 时一致：数都对，行列却错了。
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
    return out.reshape(n, c_out, w_out, h_out)
