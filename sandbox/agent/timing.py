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

    def timed(self, index: int, seed: int) -> float:
        """Make one prepared call; return the projection of its result under ``seed``."""
        function, arguments = self._calls[index]
        self._results[index] = result = function(*arguments)
        return project(result, seed)

    def fetch(self, index: int) -> Any:
        """Return the whole result of a timed call."""
        return self._results[index]

    def echo(self, index: int, seed: int) -> float:
        """Do all that ``timed`` does but the call: what the boundary itself costs."""
        return project(self._results.get(index), seed)


def project(value: Any, seed: int) -> float:
    """Return a random linear projection of all numbers in ``value``, the same on both sides.

    The weights are a sequence of multiples of an irrational step, so that they cost no memory
    and can't be known before ``seed`` is.
    """
    total = 0.0
    for flat in _numbers(value):
        count = flat.size
        weights = np.modf(np.arange(1, count + 1) * 0.6180339887498949 + seed * 1e-9)[0] - 0.5
        total += float(np.dot(weights, np.nan_to_num(flat.astype(np.float64, copy=False))))
    return total


def _numbers(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, torch.Tensor):
        dense = value.detach().resolve_conj().reshape(-1)
        wide = torch.view_as_real(dense) if dense.is_complex() else dense
        yield wide.to(torch.float64).reshape(-1).numpy()
    elif isinstance(value, np.ndarray | np.generic):
        yield np.asarray(value, dtype=np.float64).reshape(-1)
    elif isinstance(value, bool | int | float):
        yield np.array([float(value)])
    elif isinstance(value, dict):
        yield from _numbers(list(value.values()))
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from _numbers(item)
