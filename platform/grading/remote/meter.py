"""What a learner's code may take of time: only its own counts, and a busy host costs nobody.

A clock runs while this side waits for the sandbox, not while it computes: a test, an import, a
callback. After a moment the seconds that the sandbox's processes computed count in place of the
wall's, until it has waited several times as long. Code that doesn't compute gets no such credit.

Of a whole run all seconds count, computed or idle, but those in which the host was busy with others
and kept the code waiting for a core.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sandbox.stream import DeadlineExceeded, Stream
from sandbox.wire import Blob

FIRST_LOOK_S = 0.25
"""After so long one looks what the sandbox has computed. Most tests end before; asking costs."""
IDLE = 0.05
"""Code that computes for less of its time than this sleeps, or waits for what never comes."""
BUSY = 4.0
"""How many times its limit a test may wait for code that computes whenever the host lets it."""
_LEAST_S = 0.05


class TimeLimit(DeadlineExceeded):
    """The learner's code took longer than ``seconds``; ``at_once`` is True if one call did."""

    def __init__(self, seconds: float, *, at_once: bool) -> None:
        super().__init__()
        self.seconds, self.at_once = seconds, at_once


class TotalTimeLimit(DeadlineExceeded):
    """The whole run took longer than it may."""


class RunTime:
    """The seconds of a run in which its code had been asked something, callbacks and all.

    Whoever sleeps, calls back for ever or keeps to each test's limit comes to an end by this: after
    ``limit_s``, on a busy host after ``most_s`` at most.
    """

    def __init__(self, limit_s: float, most_s: float) -> None:
        self.spent_s = self.delayed_s = 0.0
        self._limit_s, self._most_s = limit_s, most_s
        self.look: Callable[[], None] = lambda: None
        """Brings ``delayed_s`` up to date, the seconds in which the host had no core for it."""

    def left_s(self, since: float | None = None) -> float:
        """Return how many seconds are left; ``since`` is when something not yet counted began."""
        spent = self.spent_s + (time.monotonic() - since if since is not None else 0.0)
        if spent >= self._limit_s + self.delayed_s and spent < self._most_s:
            self.look()
        return min(self._limit_s + self.delayed_s, self._most_s) - spent

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.left_s() <= 0


class Meter:
    """The clock of the code in one sandbox; ``cpu_s`` says how many seconds that has computed,
    ``delayed_s`` for how many others kept it from a core."""

    def __init__(self, run: RunTime, seconds: float) -> None:
        self.cpu_s: Callable[[], float | None] = lambda: None
        self.delayed_s: Callable[[], float] = lambda: 0.0
        self._delayed_s = 0.0
        self._run = run
        self._asked: float | None = None
        self._waits: float | None = None
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Begin anew, with ``seconds``."""
        self._limit_s = seconds
        self._waited_s = self._before_call_s = 0.0
        self._first_look: tuple[float, float] | None = None

    def extend(self, seconds: float) -> None:
        """Allow ``seconds`` more."""
        self._limit_s += seconds

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Count as the run's: something has been asked of the sandbox."""
        self._asked, self._before_call_s = time.monotonic(), self._waited_s
        self._run.look = self._look
        try:
            yield
        finally:
            self._run.spent_s += time.monotonic() - self._asked
            self._asked = None

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count as the learner's: it is the sandbox's turn."""
        self._waits = time.monotonic()
        try:
            yield
        finally:
            self._waited_s += time.monotonic() - self._waits
            self._waits = None

    def patience(self) -> float:
        """Return for how many seconds to wait before the next look.

        Raises:
            TimeLimit, TotalTimeLimit: not at all any more.
        """
        now = time.monotonic()
        waited = self._waited_s + (now - self._waits if self._waits is not None else 0.0)
        total = self._run.left_s(self._asked)
        if total > 0:
            return min(max(total, _LEAST_S), self._until_look(waited))
        if waited >= self._limit_s:
            raise self._exceeded(waited)
        raise TotalTimeLimit

    def part(self) -> None:
        """The sandbox is about to end: nothing can be asked of it any more."""
        self.cpu_s, self.delayed_s = lambda: None, lambda: 0.0

    def _look(self) -> None:
        now = self.delayed_s()
        self._run.delayed_s += max(0.0, now - self._delayed_s)  # less: of another sandbox
        self._delayed_s = now

    def _until_look(self, waited: float) -> float:
        if self._first_look is None:
            if waited < (first := min(FIRST_LOOK_S, self._limit_s / 2)):
                return first - waited
            self._first_look = waited, self.cpu_s() or 0.0
        if waited < self._limit_s:
            return self._limit_s - waited
        before, at_first = self._first_look
        computed = (self.cpu_s() or 0.0) - at_first
        left = self._limit_s - before - computed
        idle = computed < IDLE * (waited - before)
        if left <= 0 or idle or waited >= BUSY * self._limit_s:
            raise self._exceeded(waited)
        return min(max(left, _LEAST_S), BUSY * self._limit_s - waited)

    def _exceeded(self, waited: float) -> TimeLimit:
        in_call = waited - self._before_call_s
        return TimeLimit(self._limit_s, at_once=in_call > self._limit_s / 2)


class MeteredStream(Stream):
    """A stream to a learner's code, whose waits are the learner's time."""

    def __init__(self, reader: int, writer: int, meter: Meter) -> None:
        super().__init__(reader, writer)
        self._meter = meter

    def patience(self) -> float:
        """Return for how many seconds to wait before asking again."""
        return self._meter.patience()

    def send(self, tree: Any, blobs: Sequence[Blob]) -> None:
        """Write one frame; a side that doesn't read it keeps us waiting."""
        with self._meter.waiting():
            super().send(tree, blobs)

    def receive(self) -> tuple[Any, list[Blob]]:
        """Read one frame."""
        with self._meter.waiting():
            return super().receive()
