"""Two-dimensional convolution as one matrix product."""

import torch
from torch.nn import functional


def conv2d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
) -> torch.Tensor:
    """Slide every kernel over the image and take the inner product at each place.

    Args:
        x: images, shape (N, C_in, H, W).
        weight: kernels, shape (C_out, C_in, kH, kW).
        bias: one number for each output channel, shape (C_out,).
        stride: the step between places, an int or a pair (height, width).
        padding: zeros added on each of the four sides, an int or a pair (height, width).

    Returns:
        Shape (N, C_out, H_out, W_out), dtype of ``x``.

    Source: Chellapilla, Puri and Simard 2006 (convolution as a matrix product).
    """
    (down, right), (above, left) = _pair(stride), _pair(padding)
    height, width = x.shape[2:]
    k_height, k_width = weight.shape[2:]
    out_height = (height + 2 * above - k_height) // down + 1
    out_width = (width + 2 * left - k_width) // right + 1
    # One column for each place: the C_in * kH * kW numbers that the kernel covers there.
    columns = functional.unfold(x, (k_height, k_width), padding=(above, left), stride=(down, right))
    out = weight.flatten(1) @ columns
    if bias is not None:
        out = out + bias[:, None]
    return out.unflatten(-1, (out_height, out_width))


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
