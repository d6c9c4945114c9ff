"""Calls whose time counts: inputs come first, the clock of the grader runs around ``timed``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch


class Timing:
    """Prepared calls, and the results of those that were timed.

    A timed call replies with a random projection of its whole result, so it must have been
    computed when the grader's clock stops; the result itself stays here until it is fetched.
    """

    def __init__(self, exported: Callable[[Any], Any]) -> None:
        self._exported = exported
        self._calls: list[tuple[Any, tuple[Any, ...]]] = []
        self._results: dict[int, Any] = {}

    def prepare(self, number: Any, calls: list[tuple[Any, ...]]) -> None:
        """Hold the arguments of the next calls of one function; forget the previous ones."""
        function = self._exported(number)
        self._calls = [(function, arguments) for arguments in calls]
        self._results.clear()

    def timed(self, index: int, seed: int) -> list[float]:
        """Make one prepared call; return the projection of its result, and the result's norm."""
        function, arguments = self._calls[index]
        self._results[index] = result = function(*arguments)
        return project(result, seed)

    def fetch(self, index: int) -> Any:
        """Return the whole result of a timed call."""
        return self._results[index]

    def echo(self, index: int, seed: int) -> list[float]:
        """Do all that ``timed`` does but the call: what the boundary itself costs."""
        return project(self._results.get(index), seed)


def project(value: Any, seed: int) -> list[float]:
    """Return a random linear projection of all numbers in ``value``, and their norm.

    The weights are a sequence of multiples of an irrational step, so that they cost no memory
    and can't be known before ``seed`` is.
    """
    total, squares, offset = 0.0, 0.0, 0
    for flat in _numbers(value):
        steps = np.arange(offset + 1, offset + flat.size + 1, dtype=np.float64)
        weights = np.modf(steps * 0.6180339887498949 + seed * 4.656612873077393e-10)[0] - 0.5
        finite = np.nan_to_num(flat, nan=1e9, posinf=2e9, neginf=-2e9)
        total += float(np.dot(weights, finite))
        squares += float(np.dot(finite, finite))
        offset += flat.size
    return [total, squares**0.5]


def _numbers(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, torch.Tensor):
        dense = value.detach().resolve_conj().reshape(-1)
        real = torch.view_as_real(dense) if dense.is_complex() else dense
        yield real.to(torch.float64).reshape(-1).numpy()
    elif isinstance(value, np.ndarray | np.generic):
        yield np.asarray(value, dtype=np.float64).reshape(-1)
    elif isinstance(value, bool | int | float):
        yield np.array([float(value)])
    elif isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        yield np.frombuffer(raw, dtype=np.uint8).astype(np.float64)
    elif isinstance(value, Iterable):
        for item in value.items() if isinstance(value, dict) else value:
            yield from _numbers(item)
