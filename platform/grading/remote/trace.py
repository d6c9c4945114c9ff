"""What passed between a test and a submission: for messages, and to recognise mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sandbox.errors import RemoteError

MAX_COPIED_VALUES = 1_000_000
"""Of one tensor; what is in a larger one isn't looked at."""
MAX_VALUES = 8_000_000
"""Of one test: a learner's loop may ask a callback as often as it likes."""


class _Opaque:
    """Stands for what isn't data."""


OPAQUE = _Opaque()


@dataclass(frozen=True)
class Call:
    """A call of a learner's function: what it was given and what came, perhaps an exception."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: Any

    def __str__(self) -> str:
        return f"{self.asked} → {self.result}"

    @property
    def asked(self) -> str:
        """The call without what came, its arguments in a few words each."""
        given = [summary(value) for value in self.args]
        given += [f"{name}={summary(value)}" for name, value in self.kwargs.items()]
        return f"{self.name}({', '.join(given)})"

    @property
    def result(self) -> str:
        """What came, in a few words."""
        if isinstance(self.answer, RemoteError):
            return f"{self.answer.type_name} raised"
        return summary(self.answer)


class Trace:
    """What a test got from a submission and what that asked of the test's callbacks, in order.

    An entry says in a word what happened, and has a copy of what was passed. ``whole`` is False
    when there was more than is kept.
    """

    def __init__(self) -> None:
        self.entries: list[tuple[str, Any]] = []
        self.whole = True
        self._room = MAX_VALUES

    def note(self, what: str, value: Any) -> None:
        """Add an entry."""
        self._room -= 1 + _size(value)
        self.whole = self.whole and self._room >= 0
        if self.whole:
            self.entries.append((what, snapshot(value)))


def _size(value: Any) -> int:
    """Return how many values ``snapshot`` copies."""
    if isinstance(value, torch.Tensor | np.ndarray):
        count = value.numel() if isinstance(value, torch.Tensor) else value.size
        return count if count <= MAX_COPIED_VALUES else 0
    if isinstance(value, list | tuple | dict):
        items = value.values() if isinstance(value, dict) else value
        return len(value) + sum(map(_size, items))
    return len(value) if isinstance(value, str | bytes) else 0


def summary(value: Any) -> str:
    """Describe a value in a few words: ``float32[2, 3]``, ``list of 4``, ``'abc'``."""
    if isinstance(value, torch.Tensor) or type(value).__module__ == "numpy":
        shape = list(getattr(value, "shape", ()))
        return f"{str(value.dtype).removeprefix('torch.')}{shape}"
    if isinstance(value, list | tuple | dict | set):
        return f"{type(value).__name__} of {len(value)}"
    return short(value, 60)


def short(value: Any, limit: int) -> str:
    """Return ``repr(value)`` in at most ``limit`` characters."""
    try:
        text = repr(value[:limit] if isinstance(value, str | bytes) else value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        text = f"{type(value).__name__} too large to print"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def snapshot(value: Any) -> Any:
    """Return a copy of ``value`` that a test can't change later; objects become a placeholder.

    A tensor that has a gradient function still requires gradients, without having that function.
    """
    if isinstance(value, torch.nn.Module):
        return OPAQUE
    if isinstance(value, torch.Tensor):
        if value.numel() > MAX_COPIED_VALUES:
            return OPAQUE
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy() if value.size <= MAX_COPIED_VALUES else OPAQUE
    if isinstance(value, list):
        return [snapshot(item) for item in value]
    if isinstance(value, tuple):  # a namedtuple is one: what counts is what is in it
        return tuple(snapshot(item) for item in value)
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    return value if value is None or isinstance(value, _PLAIN) else OPAQUE


_NUMBERS = (bool, int, float, complex, np.generic)
_PLAIN = (*_NUMBERS, str, bytes, set, frozenset, torch.dtype, RemoteError)
