"""en: Your code visits the places one by one in a Python loop; gather all windows at once and multiply once.
zh: 你的代码用 Python 循环逐个处理位置；应一次取出所有窗口，只做一次矩阵乘法。
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
    kernels = weight.reshape(c_out, -1).T
    rows = []
    for top in range(0, x.shape[2] - k_h + 1, down):
        row = []
        for start in range(0, x.shape[3] - k_w + 1, right):
            window = x[:, :, top : top + k_h, start : start + k_w]
            row.append(window.reshape(len(x), -1) @ kernels)
        rows.append(torch.stack(row, -1))
    out = torch.stack(rows, -2)
    return out if bias is None else out + bias[:, None, None]
