"""Calls whose time counts: the inputs of one call come first, then the clock starts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

_OFFSETS = 1 << 16


class Timing:
    """One prepared call at a time, and its result.

    The reply is a random projection of the whole result, so it must have been computed when the
    grader's clock stops. Only one result is kept: fresh memory for each would be page faults in the
    time that counts.
    """

    def __init__(self, exported: Callable[[Any], Any]) -> None:
        self._exported = exported
        self._call: tuple[Any, tuple[Any, ...]] = (None, ())
        self._result: Any = None

    def prepare(self, number: Any, arguments: tuple[Any, ...]) -> None:
        """Hold the arguments of the next call."""
        self._call = (self._exported(number), arguments)

    def timed(self, seed: int) -> list[float]:
        """Make the prepared call; return the projection of its result, and the result's norm."""
        function, arguments = self._call
        self._result = function(*arguments)
        return project(self._result, seed)

    def echo(self, seed: int) -> list[float]:
        """Do all that the last ``timed`` did but the call: what the boundary itself costs."""
        return project(self._result, seed)


def project(value: Any, seed: int) -> list[float]:
    """Return a random linear projection of all numbers in ``value``, and their norm.

    The weights are a window of a fixed random vector, the same on both sides; ``seed`` says where
    the window begins. So a projection costs two passes over the result, and no drawing.
    """
    total, squares = 0.0, 0.0
    for flat in _numbers(value):
        count, begin = flat.numel(), seed % _OFFSETS
        weights = _weights(-(-(count + _OFFSETS) // _OFFSETS) * _OFFSETS)[begin : begin + count]
        total += float(torch.dot(flat, weights.to(flat.dtype)))
        squares += float(torch.dot(flat, flat))
    return [total, squares**0.5]


@functools.lru_cache(maxsize=8)
def _weights(count: int) -> torch.Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(0)) - 0.5


def _numbers(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, np.ndarray | np.generic):
        value = torch.as_tensor(value)
    if isinstance(value, torch.Tensor):
        dense = value.detach().resolve_conj().reshape(-1)
        real = torch.view_as_real(dense).reshape(-1) if dense.is_complex() else dense
        wide = real if real.dtype == torch.float64 else real.to(torch.float32)
        yield wide if bool(torch.isfinite(wide.sum())) else torch.nan_to_num(wide, nan=1e9)
    elif isinstance(value, bool | int | float):
        yield torch.tensor([float(value)], dtype=torch.float64)
    elif isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        yield torch.frombuffer(bytearray(raw or b"-"), dtype=torch.uint8).double()
    elif isinstance(value, list | tuple) and value and all(type(item) is int for item in value):
        yield torch.tensor([float(item) for item in value], dtype=torch.float64)
    elif isinstance(value, Iterable):
        for item in value.items() if isinstance(value, dict) else value:
            yield from _numbers(item)
