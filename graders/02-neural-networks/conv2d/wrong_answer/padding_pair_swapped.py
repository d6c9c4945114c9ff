"""en: Your outputs are what one gets when a pair of paddings is read as (width, height); F.pad wants the last axis first.
zh: 你的输出与把填充数对读作（宽，高）时一致；注意 F.pad 的参数从最后一维写起。
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
    x = functional.pad(x, (above, above, left, left))
    windows = x.unfold(2, k_h, down).unfold(3, k_w, right)
    n, _, h_out, w_out = windows.shape[:4]
    columns = windows.permute(0, 1, 4, 5, 2, 3).reshape(n, -1, h_out * w_out)
    out = weight.reshape(c_out, -1) @ columns
    if bias is not None:
        out = out + bias[:, None]
    return out.reshape(n, c_out, h_out, w_out)
