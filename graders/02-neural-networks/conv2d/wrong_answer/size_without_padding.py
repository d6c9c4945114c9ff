"""en: Your outputs are what one gets when the output size is computed from the image without its padding.
zh: 你的输出与按未填充的图像计算输出尺寸时一致。
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
    h_out, w_out = (x.shape[2] - k_h) // down + 1, (x.shape[3] - k_w) // right + 1
    x = functional.pad(x, (left, left, above, above))
    windows = x.unfold(2, k_h, down).unfold(3, k_w, right)
    windows = windows[:, :, : max(h_out, 1), : max(w_out, 1)]
    n, _, h_out, w_out = windows.shape[:4]
    columns = windows.permute(0, 1, 4, 5, 2, 3).reshape(n, -1, h_out * w_out)
    out = weight.reshape(c_out, -1) @ columns
    if bias is not None:
        out = out + bias[:, None]
    return out.reshape(n, c_out, h_out, w_out)
