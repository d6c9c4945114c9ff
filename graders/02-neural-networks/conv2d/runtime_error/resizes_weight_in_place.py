"""en: Your code changes the shape of the caller's weight in place (resize_), which PyTorch refuses for a tensor with gradients; reshape gives a view.
zh: 你的代码就地改变了调用者的 weight 的形状（resize_），需要梯度的张量不允许这样做；reshape 只返回一个视图。
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
    c_out, c_in, k_h, k_w = weight.shape
    x = functional.pad(x, (left, left, above, above))
    windows = x.unfold(2, k_h, down).unfold(3, k_w, right)
    n, _, h_out, w_out = windows.shape[:4]
    columns = windows.permute(0, 1, 4, 5, 2, 3).reshape(n, -1, h_out * w_out)
    out = weight.resize_(c_out, c_in * k_h * k_w) @ columns
    if bias is not None:
        out = out + bias[:, None]
    return out.reshape(n, c_out, h_out, w_out)
