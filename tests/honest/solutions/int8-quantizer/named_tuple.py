"""A NamedTuple as result."""

from collections import namedtuple

import torch

Quantized = namedtuple("Quantized", "q scale zero")


def quantize(w, bits, axis):
    if bits not in {4, 8}:
        raise ValueError("bits")
    top = 2 ** (bits - 1) - 1
    if axis is None:
        peak = w.abs().max().reshape([1] * w.ndim)
    else:
        moved = w.movedim(axis, 0).reshape(w.shape[axis], -1)
        shape = [1] * w.ndim
        shape[axis] = -1
        peak = moved.abs().amax(1).reshape(shape)
    scale = peak / top
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    q = torch.clamp(torch.round(w / scale), -top, top).to(torch.int8)
    return Quantized(q, scale, torch.zeros(scale.shape, dtype=torch.int8))


def dequantize(q, scale, zero):
    return (q.to(scale.dtype) - zero.to(scale.dtype)) * scale
