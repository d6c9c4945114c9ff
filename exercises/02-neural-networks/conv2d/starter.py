"""Two-dimensional convolution."""

import torch


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
    """
    raise NotImplementedError
