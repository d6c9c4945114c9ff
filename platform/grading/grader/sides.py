"""The two that a speed test compares: timed calls, whose every result is checked afterwards."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from grading import messages
from grading.checks import CheckFailed
from grading.remote.peer import GraderPeer
from sandbox import commitment
from sandbox.wire import ProtocolError

_EXACT, _COARSE = 1e-4, 1e-2
"""Of each tensor's norm, for single precision and better, and for all else. Other tests check how
exact a result is; this one that it was computed, and not in half precision."""

_PRECISE = (torch.float32, torch.float64)

Inputs = tuple[Any, ...]


class Timed(NamedTuple):
    """The seconds of sending a call's inputs and of the call, and what it returned."""

    sending: float
    seconds: float
    result: Any


class Side:
    """One of the two: a function in a sandbox of its own.

    ``current`` returns the peer of its process and the function there; ``restart`` replaces that
    process by a fresh one. ``turn`` freezes the other side, so that nothing computes there
    meanwhile, or holds this one up.
    """

    def __init__(
        self,
        current: Callable[[], tuple[GraderPeer, Any]],
        restart: Callable[[], None],
        turn: Callable[[], None],
    ) -> None:
        self._current, self._restart, self._turn = current, restart, turn
        self._peer, self._function = current()

    def begin(self) -> None:
        """Go on in a fresh process."""
        self._turn()
        self._restart()
        self._peer, self._function = self._current()

    def timed(self, inputs: Inputs) -> Timed:
        """Send the inputs of one call, then make it, while the other side stands still.

        Raises:
            CheckFailed: the result that is shown isn't the one that stopped the clock.
        """
        self._turn()
        start = time.perf_counter()
        self._peer.request("prepare", self._peer.number_of(self._function), inputs)
        sent = time.perf_counter()
        promised = self._peer.request("timed")
        end = time.perf_counter()
        return Timed(sent - start, end - sent, self._revealed(promised))

    def peak(self) -> int | None:
        """Make the last call once more; return the bytes that it needed, as its own process says.

        Only shown, never judged: that process may say what it likes.
        """
        self._turn()
        said = self._peer.request("peak")
        return said if type(said) is int and 0 <= said < 1 << 50 else None

    def _revealed(self, promised: Any) -> Any:
        answer = self._peer.request("reveal")
        if type(answer) is not list or type(answer[0]) is not bytes:
            raise ProtocolError("not a sealed result")
        body, blobs = answer[0], [_bytes(part) for part in answer[1:]]
        if commitment.digest(body, blobs) != promised:
            raise CheckFailed(messages.TIMED_RESULT_WRONG)
        return commitment.unseal(body, blobs)

    def echo(self) -> float:
        """Return the seconds that the last call spent on the boundary and the digest."""
        self._turn()
        start = time.perf_counter()
        self._peer.request("echo")
        return time.perf_counter() - start


Sides = list[Side]
"""The submission, whom it is timed against, and last the reference: two of them, or three."""


def _bytes(part: Any) -> memoryview:
    if type(part) is not np.ndarray or part.dtype != np.uint8 or part.ndim != 1:
        raise ProtocolError("not a sealed result")
    return part.data


def same_result(mine: Any, theirs: Any) -> bool:
    """Return whether ``mine`` holds nearly what ``theirs`` does, in the same order."""
    left, right = list(_leaves(mine)), list(_leaves(theirs))
    return len(left) == len(right) and all(map(_alike, left, right))


def _alike(left: Any, right: Any) -> bool:
    if not isinstance(left, torch.Tensor) or not isinstance(right, torch.Tensor):
        return type(left) is type(right) and left == right
    if left.shape != right.shape:
        return False
    precise = right.dtype in _PRECISE
    gap = _norm(left - right) if precise and left.dtype in _PRECISE else math.nan
    if not math.isfinite(gap):
        left, right = _finite(left), _finite(right)
        gap = _norm(left - right)
    return gap <= (_EXACT if precise else _COARSE) * max(_norm(right), 1e-12)


def _norm(tensor: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor, dtype=torch.float64))


def _finite(tensor: torch.Tensor) -> torch.Tensor:
    return torch.nan_to_num(tensor.double(), nan=1e9, posinf=2e9, neginf=-2e9)


def _leaves(value: Any) -> Iterator[Any]:
    """Yield what is in ``value``: flat real tensors for what has a tolerance, else the value."""
    if type(value) is float or _are_floats(value):
        value = torch.tensor(value, dtype=torch.float64)
    elif isinstance(value, np.ndarray | np.generic):
        value = torch.as_tensor(value)
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1)
        yield torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat
    elif isinstance(value, list | tuple | set | frozenset | dict):
        for item in _in_order(value):
            yield from _leaves(item)
    else:
        yield value


def _in_order(value: Any) -> Any:
    """Return the items of a container; equal dicts and sets give them in the same order."""
    if isinstance(value, dict):
        return sorted(value.items(), key=lambda pair: hash(pair[0]))
    return value if isinstance(value, list | tuple) else sorted(value, key=hash)


def _are_floats(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is float for item in value)
