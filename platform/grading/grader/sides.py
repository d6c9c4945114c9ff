"""The two that a speed test compares: timed calls, whose every result is checked afterwards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from grading import messages
from grading.checks import CheckFailed
from grading.grader.faults import Disturbed, GraderFault, OwnTimeExceeded
from grading.remote.meter import TotalTimeLimit
from grading.remote.peer import GraderPeer
from sandbox import cipher, commitment
from sandbox.wire import Blob, ProtocolError, Unsendable

_EXACT, _COARSE = 1e-4, 1e-2
"""Of each tensor's norm, for single precision and better, and for all else. Other tests check how
exact a result is; this one that it was computed, and not in half precision."""

_PRECISE = (torch.float32, torch.float64)

Inputs = tuple[Any, ...]


class Timed(NamedTuple):
    """The seconds of a call, and what it returned."""

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

    def resume(self) -> None:
        """Let it run on: nothing is measured any more."""
        with contextlib.suppress(Disturbed):
            self._turn()

    def timed(self, inputs: Inputs) -> Timed:
        """Make one call, while the other side stands still. Its inputs are there before the clock
        starts, and their key comes with it.

        Raises:
            CheckFailed: the result that is shown isn't the one that stopped the clock.
            TypeError: the inputs aren't data alone; that is the test's fault.
        """
        self._turn()
        key, sealed = cipher.new_key(), _sealed(inputs)
        enciphered = cipher.apply(key, sealed, cipher.buffers(sealed))
        parts = [np.frombuffer(part, np.uint8) for part in enciphered]
        self._peer.request("prepare", self._peer.number_of(self._function), parts)
        start = time.perf_counter()
        promised = self._peer.request("timed", key)
        end = time.perf_counter()
        return Timed(end - start, self._revealed(promised))

    def peak(self) -> int | None:
        """Make the last call once more; return the bytes that it needed, as its own process says.

        Only shown, never judged: that process may say what it likes.
        """
        self._turn()
        said = self._peer.request("peak")
        return said if type(said) is int and 0 <= said < 1 << 50 else None

    def _revealed(self, promised: Any) -> Any:
        answer = self._peer.request("reveal")
        if type(answer) is not list or not answer:
            raise ProtocolError("not a sealed result")
        body, *blobs = map(_bytes, answer)
        if commitment.digest(body, blobs) != promised:
            raise CheckFailed(messages.TIMED_RESULT_WRONG)
        return commitment.unseal(body, blobs)

    def echo(self) -> float:
        """Return the seconds that the last call spent on reading its inputs and on the digest."""
        self._turn()
        start = time.perf_counter()
        self._peer.request("echo")
        return time.perf_counter() - start


Sides = list[Side]
"""The submission, whom it is timed against, and last the reference: two of them, or three."""

Same = Callable[[Any, Any], bool]
"""Whether a timed result is as good as the reference's."""


class Forfeit(Exception):
    """One of two in a duel, number ``which``, did what nobody may whose speed is measured."""

    def __init__(self, which: int) -> None:
        super().__init__()
        self.which = which


@contextlib.contextmanager
def played_by(which: int, *, duel: bool) -> Iterator[None]:
    """Hold what fails in a duel against whose turn it is.

    Raises:
        Forfeit: that was one of the two, and not the reference.
    """
    try:
        yield
    except (GraderFault, Disturbed, TotalTimeLimit):  # the last is all of theirs together
        raise
    except (Exception, OwnTimeExceeded) as error:
        if duel and which < 2:
            raise Forfeit(which) from error
        raise


def _sealed(inputs: Inputs) -> list[Blob]:
    try:
        body, blobs = commitment.seal(tuple(inputs))
    except Unsendable as error:
        raise TypeError(f"the inputs of a timed call must be data: {error}") from error
    return [body, *blobs]


def _bytes(part: Any) -> memoryview:
    if type(part) is not np.ndarray or part.dtype != np.uint8 or part.ndim != 1:
        raise ProtocolError("not a sealed result")
    return part.data


def same_result(mine: Any, theirs: Any) -> bool:
    """Return whether ``mine`` holds nearly what ``theirs`` does, in the same order.

    Integers and the like must be the same; so must be where a number is infinite or none. Of the
    rest the norm of the difference counts.
    """
    left, right = list(_leaves(mine)), list(_leaves(theirs))
    return len(left) == len(right) and all(map(_alike, left, right))


def _alike(left: Any, right: Any) -> bool:
    if not isinstance(left, torch.Tensor) or not isinstance(right, torch.Tensor):
        return type(left) is type(right) and left == right
    if left.shape != right.shape or left.is_floating_point() != right.is_floating_point():
        return False
    if not right.is_floating_point():
        return bool((left == right).all())
    usual = right.isfinite()
    if not left[~usual].isclose(right[~usual].to(left.dtype), 0.0, 0.0, equal_nan=True).all():
        return False
    gap = _norm(left[usual].double() - right[usual].double())
    tolerance = _EXACT if right.dtype in _PRECISE else _COARSE
    return gap <= tolerance * max(_norm(right[usual]), 1e-12)


def _norm(tensor: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor, dtype=torch.float64))


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
        return sorted(value.items(), key=lambda pair: _place(pair[0]))
    return value if isinstance(value, list | tuple) else sorted(value, key=_place)


def _place(key: Any) -> tuple[int, str]:
    return hash(key), repr(key)  # -1 and -2 have one hash


def _are_floats(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is float for item in value)
